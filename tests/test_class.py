"""demos/class.ipynb: its code runs as plain Python, and its saved outputs come from a
run of the whole notebook."""
import json
from pathlib import Path

import pytest

from minimae import certified, train

DEMOS = Path(__file__).resolve().parent.parent / "demos"
NOTEBOOK = json.loads((DEMOS / "class.ipynb").read_text(encoding="utf-8"))
MAX_SIZE = 1_000_000  # bytes: a larger notebook is slow to show on the web


def code_cells():
    return [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


def source(cell):
    return "".join(cell["source"])


@pytest.mark.filterwarnings("ignore:.*cannot show the figure")
def test_every_code_cell_runs_in_order(monkeypatch, capsys):
    """With ten steps in place of hundreds."""
    whole_train = train.train

    def few_steps(*args, **settings):
        settings["steps"] = 10
        return whole_train(*args, **settings)

    monkeypatch.setattr(train, "train", few_steps)
    # Models that are hardly trained would use the most codes.
    monkeypatch.setattr(certified, "N_LAST", 64)
    monkeypatch.chdir(DEMOS)  # a notebook runs in its own folder
    namespace = {}
    for cell in code_cells():
        exec(compile(source(cell), "class.ipynb", "exec"), namespace)
    printed = capsys.readouterr().out
    assert printed.count("all in nats") == 5
    assert "by hand: 0.5108 nats" in printed and "wrong mean, too  0.275" in printed


def test_outputs_are_saved_from_a_run_in_order():
    counts = [cell["execution_count"] for cell in code_cells()]
    assert counts == list(range(1, len(counts) + 1))
    for cell in code_cells():
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
    assert len(json.dumps(NOTEBOOK)) < MAX_SIZE


def test_pictures_and_pages_exist():
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "markdown":
            for part in source(cell).split("](")[1:]:
                target = part.split(")")[0]
                assert (DEMOS / target).exists(), target
