"""The options that open sealed stores, and branches; every command with a `store` gets them."""

import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from mentra_actors.store.branches.forking import branch_path
from mentra_actors.store.sealing.options import Sealing

__all__ = ["KEY_VARIABLE", "KeysDirectory", "chosen_sealing", "sealing_with", "with_key_options"]

KEY_VARIABLE = "MENTRA_KEY"
_KEY_FILE = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        envvar="MENTRA_KEY_FILE",
        help=f"File with the key of an encrypted store (or the key itself in {KEY_VARIABLE}).",
    ),
]
KeysDirectory: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="MENTRA_KEYS",
        help="Directory of wrapped keys and dictionaries.",
        show_default="sealing/ in the store",
    ),
]
_BRANCH = Annotated[
    str | None,
    typer.Option(
        "--branch", envvar="MENTRA_BRANCH", help="A branch of the store, one of a branch as a/b."
    ),
]
_OPTIONS = {"key_file": _KEY_FILE, "keys": KeysDirectory, "branch": _BRANCH}
_CHOSEN: ContextVar[Sealing | None] = ContextVar("chosen_sealing", default=None)


def chosen_sealing() -> Sealing | None:
    """What the options of the running command say; None if they say nothing."""
    return _CHOSEN.get()


def sealing_with(key_file: Path | None, keys: Path | None) -> Sealing | None:
    """What such options say; the variable with the key counts where no file is named."""
    if key_file is not None:
        return Sealing(key_file=key_file, directory=keys)
    if os.environ.get(KEY_VARIABLE, "").strip():
        return Sealing(key_variable=KEY_VARIABLE, directory=keys)
    return None if keys is None else Sealing(directory=keys)


def with_key_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options, if it opens a store; it reads them by `chosen_sealing`."""
    signature = inspect.signature(command)
    if "store" not in signature.parameters:
        return command

    @wraps(command)
    def with_options(
        *args: object, key_file: Path | None, keys: Path | None, branch: str | None, **kwargs: Any
    ) -> None:
        if branch:
            kwargs["store"] = branch_path(kwargs["store"], branch)
        with _chosen(sealing_with(key_file, keys)):
            command(*args, **kwargs)

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option)
        for name, option in _OPTIONS.items()
    ]
    parameters = [*signature.parameters.values(), *added]
    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {**command.__annotations__, **_OPTIONS}
    return with_options


@contextmanager
def _chosen(sealing: Sealing | None) -> Iterator[None]:
    token = _CHOSEN.set(sealing)
    try:
        yield
    finally:
        _CHOSEN.reset(token)
