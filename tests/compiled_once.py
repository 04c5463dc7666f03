"""What each worker would do alike before its first test, done once before they start.

pytest rewrites the assertions of a module, and hypothesis reads the constants of the product, when
they meet it first; both keep what came of it in files. Workers that start together in a fresh
clone find no such file, so each of them would do all of it: half a minute of a processor each.

Neither has a public call for it. Where one of them has moved what is imported here, the import
fails, and the workers do it as ever; so they do for a file that cannot be done here.
"""

import importlib.util
import multiprocessing
import types
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path

from _pytest.assertion.rewrite import (
    PYC_TAIL,
    _rewrite_test,
    _write_pyc,
    assertstate_key,
    get_cache_dir,
)
from hypothesis.internal.constants_ast import constants_from_module

ROOT = Path(__file__).parents[1]
HASH = slice(8, 16)  # of the source, in a file that pytest keeps
_config = None


def compile_once(config):
    """Rewrite the tests and the product and read its constants, on all processors."""
    tests = [path for path in (ROOT / "tests").rglob("*.py") if _is_rewritten(path)]
    product = list((ROOT / "mentra_actors").rglob("*.py"))  # it has a plugin of pytest
    projections = list((ROOT / "projections").rglob("*.py"))
    forking = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(
        mp_context=forking, initializer=_remember, initargs=(config,)
    ) as pool:
        done = [
            pool.map(_compile, tests + product, chunksize=20),
            pool.map(_read_constants, product + projections, chunksize=50),
        ]
        for each in done:
            list(each)


def _is_rewritten(path):
    return path.name == "conftest.py" or path.name.startswith("test_")


def _remember(config):
    global _config  # noqa: PLW0603 - it cannot be sent to a process, only be there at its fork
    _config = config


def _compile(path):
    """Write the file in which pytest looks first when it imports the module."""
    with suppress(Exception):
        _write_compiled(path)


def _write_compiled(path):
    kept = get_cache_dir(path) / f"{path.stem}{PYC_TAIL}"
    if _is_of(kept, importlib.util.source_hash(path.read_bytes())):
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    source, code = _rewrite_test(path, _config)
    _write_pyc(_config.stash[assertstate_key], code, source, kept)


def _is_of(kept, source_hash):
    try:
        with kept.open("rb") as file:
            return file.read(16)[HASH] == source_hash[:8]
    except OSError:
        return False


def _read_constants(path):
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    with suppress(Exception), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it is slow, and early: it is meant to be
        constants_from_module(module)
