"""demos/explore.py: the numbers on the page by other routes, what is marked on it, and
that it is one file that can be read aloud, and moved by keys."""
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import cli
import explore
from minimae import bounds, exact, quadrature, train

TARGETS = [0.0, 0.4, 0.8]
COMMITTED = Path(explore.__file__).parent / "figures" / "explore.html"


@pytest.fixture(scope="module")
def results():
    """Both examples after so few steps that most targets are not reached."""
    found = []
    for example in (explore.SplitNormal(), explore.Categories()):
        models = train.train(example.problem, TARGETS, steps=9)
        found.append((example, models, exact.evaluate(models)))
    return found


@pytest.fixture(scope="module")
def page(results):
    return explore.make_page(results, TARGETS)


def contents_of(page):
    """The numbers and words that the script reads."""
    before, after = explore.TEMPLATE.read_text("utf-8").split(explore.PLACE_OF_CONTENTS)
    assert page.startswith(before) and page.endswith(after)
    return json.loads(page[len(before):-len(after)])


# Numbers

@pytest.mark.parametrize("k", [0, 1])
def test_posteriors_are_densities(results, k):
    example, models, _ = results[k]
    z, dz = np.linspace(-6, 6, 1201, retstep=True)
    heights = explore.posteriors(*models[2], example.x_rows[3], z)
    # p(z|x) has tails like those of N(0, 1), q and r are normals or mixtures of them.
    np.testing.assert_allclose(np.sum(heights, axis=1) * dz, 1, atol=1e-6)


@pytest.mark.parametrize("k", [0, 1])
def test_the_gap_of_q_is_that_of_the_elbo(results, k):
    example, models, _ = results[k]
    p, q, r = models[2]
    x = example.x_rows[[3]]
    one = np.ones(1)
    nodes = quadrature.tensor_product((x, one), quadrature.grid(400))
    log_px = bounds.log_marginal(p, x, *quadrature.grid(1000))
    missed = log_px[0] - bounds.elbo(p, q, *nodes)
    gap_of_q, _ = explore.gaps(p, q, r, x[0])
    # Both are sums over grids; an error of 1e-5 is below what is printed.
    assert gap_of_q == pytest.approx(missed, abs=1e-5) and missed > 1e-4


def test_the_mean_gap_of_r_is_that_of_infomax(results):
    example, models, rows = results[1]
    p, q, r = models[2]
    log_px = bounds.log_marginal(p, example.x_rows, *quadrature.grid(1000))
    gaps = [explore.gaps(p, q, r, x)[1] for x in example.x_rows]
    missed = rows[2]["information"] - rows[2]["infomax"]
    assert np.sum(np.exp(log_px) * gaps) == pytest.approx(missed, abs=1e-5)
    assert missed > 1e-4


def test_the_page_has_these_numbers(results, page):
    contents = contents_of(page)
    assert [target["text"] for target in contents["targets"]] == ["0.0", "0.4", "0.8"]
    assert contents["targets"][2]["exp"] == "2.2"
    for part, (example, models, rows) in zip(contents["examples"], results):
        assert len(part["models"]) == len(TARGETS)
        assert len(part["colours"]) == len(part["models"][0]["curves"])
        for k, entry in enumerate(part["models"]):
            texts = [bar["text"] for bar in entry["bars"]]
            values = [rows[k][key] for key in ("infomax", "information", "upper")]
            printed = [float(text) for text in texts]
            np.testing.assert_allclose(printed, values, atol=5e-5)
            # The bars end at 1.2 times the largest target.
            percents = [bar["percent"] for bar in entry["bars"]]
            expected = np.clip(100 * np.array(values) / 0.96, 0, 100)
            np.testing.assert_allclose(percents, expected, atol=0.01)
            assert entry["target"] == pytest.approx(100 * TARGETS[k] / 0.96, abs=0.01)
            assert len(entry["at_x"]) == len(part["x_texts"]) == len(example.x_rows)
            check_x(entry["at_x"][4], example, models[k], example.x_rows[4])


def check_x(at_x, example, densities, x):
    """The heights at one x are those of the posteriors, up to one scale."""
    heights = explore.posteriors(*densities, x, example.axis)
    drawn = np.array([at_x["p"], at_x["q"], at_x["r"]])
    scale = np.max(drawn) / np.max(heights)
    # Heights are rounded to integers.
    np.testing.assert_allclose(drawn, scale * heights, atol=2)
    assert at_x["gaps"] == explore.gap_text(*densities, x)


def test_heights_have_one_scale_for_all_targets(results, page):
    for part, (example, models, _) in zip(contents_of(page)["examples"], results):
        ratios = []
        for k, entry in enumerate(part["models"]):
            p, _, _ = models[k]
            ratios.append(np.max(entry["curves"]) / np.max(example.curves(p)))
        # Heights are rounded: of 60, the least, by less than 1 %.
        np.testing.assert_allclose(ratios, ratios[0], rtol=0.01)


# Words

def test_what_is_not_reached_is_marked(results, page):
    contents = contents_of(page)
    n_missed = 0
    for part, (example, _, rows) in zip(contents["examples"], results):
        for entry, row in zip(part["models"], rows):
            assert entry["missed"] == (row["note"] != "")
            name = f"M = {row['target']} of {example.title}"
            assert (name in contents["missed"]) == entry["missed"]
            assert ("not reached" in entry["result"]) == entry["missed"]
            n_missed += entry["missed"]
    assert 2 <= n_missed < 6
    assert contents["finding"].startswith(f"{6 - n_missed} of 6 models have the nats")


def test_if_all_is_reached_the_page_says_so(results):
    reached = []
    for example, models, rows in results:
        good_rows = []
        for row in rows:
            good_rows.append({**row, "information": row["target"], "note": ""})
        reached.append((example, models, good_rows))
    contents = contents_of(explore.make_page(reached, TARGETS))
    assert contents["finding"] == "Ask for nats, get nats"
    assert contents["missed"] == "All models have their target to 0.02 nats."
    assert contents["examples"][0]["models"][1]["result"] == (
        "Asked for 0.4 nats, got 0.400")


def test_an_infinite_or_unknown_bound_has_a_bar_that_fits(results):
    _, _, rows = results[0]
    row = {**rows[0], "upper": np.inf, "information": np.nan, "note": "not resolved"}
    entry = explore.page_of_row(row, longest=1.0)
    assert [bar["percent"] for bar in entry["bars"][1:]] == [0, 100]
    assert "not resolved" in entry["result"]
    json.dumps(entry, allow_nan=False)


# The page as a page

class Elements(HTMLParser):
    """All elements as pairs of a tag and a dict of attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def test_the_page_is_one_file_with_names_for_everything():
    template = explore.TEMPLATE.read_text("utf-8")
    elements = Elements(template).found
    tags = [tag for tag, _ in elements]
    assert ("html", {"lang": "en"}) in elements and tags.count("title") == 1
    assert tags.count("input") == tags.count("label") == 2
    assert not {"link", "img", "iframe", "audio", "video"} & set(tags)
    assert all("src" not in attributes for _, attributes in elements)
    assert not re.search(r"https?:|//\w+\.|@import|url\(|fetch|XMLHttp", template)
    assert 'role="img"' in template and "aria-label=" in template


def test_the_script_finds_what_it_looks_for(page):
    """A misspelt name would leave a part of the page empty."""
    template = explore.TEMPLATE.read_text("utf-8")
    markup, script = template.split("<script>")
    names = set(re.findall(r'id="([\w-]+)"', markup))
    assert set(re.findall(r'byId\("([\w-]+)"\)', script)) <= names
    classes = set(" ".join(re.findall(r'class="([\w -]+)"', markup)).split())
    for selector in re.findall(r'find\("([^"]+)"\)', script):
        assert set(re.findall(r"\.([\w-]+)", selector)) <= classes, selector
    contents = contents_of(page)
    example = contents["examples"][0]
    model = example["models"][0]
    for name, entry in [("PAGE", contents), ("target", contents["targets"][0]),
                        ("example", example), ("model", model),
                        ("at_x", model["at_x"][0]), ("bound", model["bars"][0]),
                        ("other", model["lines"][0]), ("data", model["lines"][0])]:
        used = set(re.findall(rf"\b{name}\.(\w+)", script))
        assert used and used <= set(entry), name


def test_the_committed_page_is_of_this_template():
    page = COMMITTED.read_text("utf-8")
    assert len(page.encode()) < 4e6
    contents = contents_of(page)
    assert [float(target["text"]) for target in contents["targets"]] == explore.TARGETS
    assert contents["finding"] == "Ask for nats, get nats"


# The demo

def test_files(tmp_path, monkeypatch):
    from PIL import Image
    monkeypatch.chdir(tmp_path)
    cli.main(explore.run, explore.PARSER,
             "--targets .5 0 .5 --steps 5 --gif a.gif --csv t.csv --seeds 2".split())
    with Image.open("a.gif") as film:
        assert film.n_frames == 2
    contents = contents_of(Path("explore.html").read_text("utf-8"))
    assert [target["text"] for target in contents["targets"]] == ["0.0", "0.5"]
    assert "of 4 models" in contents["finding"]  # the first seed of both examples
    with open("t.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["seed"] for row in rows] == ["0", "0", "1", "1"] * 2
    assert len({row["problem"] for row in rows}) == 2


def test_a_target_that_one_example_cannot_hold_is_refused_at_once(
        tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "train", None)
    with pytest.raises(SystemExit, match="2"):
        cli.main(explore.run, explore.PARSER, ["--targets", "1", "2.5"])
    assert "2.302" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
