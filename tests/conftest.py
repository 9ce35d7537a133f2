"""What all tests share: import paths, warnings that are errors, and settings.

MINIMAE_TESTS=thorough runs a thousand examples of each property instead of 25.
MINIMAE_SEED=1, 2, ... gives every test other random numbers, see helpers.generator.
All tests must pass for each of them.
"""
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
DEMOS = ROOT / "demos"

# The root comes first, or the package of another clone would be tested if that one is
# installed.  pytest does not add tests/ itself with --import-mode=importlib.
for folder in [DEMOS / "lesson", DEMOS, TESTS, ROOT]:
    sys.path.insert(0, str(folder))

for profile, n_examples in [("quick", 25), ("thorough", 1000)]:
    settings.register_profile(profile, max_examples=n_examples, deadline=None,
                              suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("MINIMAE_TESTS", "quick"))


def pytest_configure(config):
    """Refuse to test another clone, and make errors of the project's own warnings."""
    import minimae
    imported = Path(minimae.__file__).resolve().parent
    if imported != ROOT / "minimae":
        raise pytest.UsageError(
            f"minimae was imported from {imported}, but these are the tests of {ROOT}")

    # The deprecations of other packages are theirs.
    names = ["minimae", "tests", "demos", "<run_path>"]  # runpy's name of a program
    for folder in [TESTS, DEMOS]:
        for path in folder.rglob("*.py"):
            names.append(path.stem)
    own_modules = "|".join(names)
    config.addinivalue_line("filterwarnings", rf"error:::({own_modules})(\.|\Z)")
    # Arithmetic that goes wrong is reported in the name of NumPy or autograd.
    config.addinivalue_line("filterwarnings", "error::RuntimeWarning:(numpy|autograd)")


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Demos run their jobs in this process, where a test can replace parts of them."""
    monkeypatch.setattr("jobs.usable_cores", lambda: 1)


@pytest.fixture(autouse=True)
def no_open_figures():
    """Each test closes its figures, so that the next one can count its own."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
