"""The SDKs of vendors: each costs seconds, so a test imports it when it runs."""

import warnings
from importlib import import_module
from typing import Any

import pytest

__all__ = ["vendor"]


def vendor(name: str) -> Any:
    """A module of an SDK, or of what it is made with; without it the test is skipped."""
    with warnings.catch_warnings(action="ignore"):
        try:
            return import_module(name)
        except ImportError as missing:
            pytest.skip(f"no SDK to compare with: {missing}")
