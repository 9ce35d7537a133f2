"""Warnings are errors; Hypothesis runs few examples unless MINIMAE_TESTS=thorough asks for a thousand of each."""
import os

from hypothesis import HealthCheck, settings

settings.register_profile("quick", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("MINIMAE_TESTS", "quick"))


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "error")
