"""Demos can be imported, the project's own warnings are errors, and Hypothesis runs few
examples unless MINIMAE_TESTS=thorough asks for a thousand of each.  MINIMAE_SEED=1, 2,
... gives every test other random numbers (helpers.generator): all must pass as well."""
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parent
DEMOS = TESTS.parent / "demos"
sys.path.insert(0, str(DEMOS))

for name, examples in [("quick", 25), ("thorough", 1000)]:
    settings.register_profile(name, max_examples=examples, deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("MINIMAE_TESTS", "quick"))


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Demos run their jobs here, where what a test replaces is replaced."""
    monkeypatch.setattr("shared.cores", lambda: 1)


def pytest_configure(config):
    """What others deprecate is theirs.  But arithmetic that is called from here warns
    in the name of NumPy or autograd, so what goes wrong there is an error as well."""
    own = [path.stem for folder in (TESTS, DEMOS) for path in folder.glob("*.py")]
    own = "|".join(["minimae", "<run_path>", *own])  # run_path: how runpy names a demo
    config.addinivalue_line("filterwarnings", rf"error:::({own})(\.|\Z)")
    config.addinivalue_line("filterwarnings", r"error::RuntimeWarning:(numpy|autograd)")
