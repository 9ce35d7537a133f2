"""The examples in docstrings are right."""
import doctest
import importlib
import pkgutil

import pytest

import minimae

MODULES = [module.name for module in pkgutil.iter_modules(minimae.__path__)]
WITH_EXAMPLES = ["normal", "quadrature", "bounds", "adam", "table"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    module = importlib.import_module(f"minimae.{name}")
    result = doctest.testmod(module)  # prints what differs
    assert result.failed == 0
    if name in WITH_EXAMPLES:
        assert result.attempted > 0
