"""Tests that spend money run only when they are asked for: `pytest -m live`."""

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "live" in (config.option.markexpr or ""):
        return
    skipped = pytest.mark.skip(reason="asks real providers: pytest -m live")
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(skipped)
