"""The tests as others run them: they test the package that lies beside them."""
import os
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.fixture
def other_clone(tmp_path):
    """A folder with another package of the same name, which cannot be used."""
    package = tmp_path / "minimae"
    package.mkdir()
    (package / "__init__.py").write_text("")
    return tmp_path


def run_pytest(folder, *arguments):
    """Run pytest as if the package in this folder were installed; status and output."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *arguments], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, "PYTHONPATH": str(folder)})
    return done.returncode, done.stdout


def test_another_clone_that_is_installed_is_not_tested(other_clone):
    """Also with the other import mode, and with examples from docstrings."""
    status, output = run_pytest(
        other_clone, "--import-mode=importlib", "--doctest-modules",
        ROOT / "tests" / "test_adam.py", ROOT / "minimae" / "bounds.py")
    assert status == 0, output


def test_another_clone_that_is_already_imported_is_refused(other_clone):
    """In one line, and with the status of a wrong usage."""
    status, output = run_pytest(other_clone, "-p", "minimae",
                                ROOT / "tests" / "test_adam.py")
    assert status == 4
    line, = output.strip().splitlines()
    assert "minimae was imported from" in line
