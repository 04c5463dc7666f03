"""The library that applies JSON Schemas: some 60 ms, so it is imported when it is first needed."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["jsonschema_library", "library_failures"]


def jsonschema_library(module: str) -> Any:
    """A module of `jsonschema` or `referencing`. Any thread; the first call reads files."""
    return importlib.import_module(module)


@contextmanager
def library_failures() -> Iterator[None]:
    """In this block a panic of the library's Rust parts is an ordinary error.

    They panic where the stack ends, and that is no `Exception` by itself.

    Raises:
        RuntimeError: there was a panic.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__module__ == "pyo3_runtime":
            raise RuntimeError(f"jsonschema failed: {error}") from error
        raise
