"""Errors as values: they reach whoever waits for them in another process."""

import copy
import inspect
import pickle

import pytest

from mentra_actors import errors

VALUES = {"epoch": 1, "current": 2, "expected": 1, "actual": 2, "transient": True}


def made(kind):
    """An error with a value for each argument that it needs."""
    needed = [
        one
        for one in inspect.signature(kind.__init__).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ][1:]
    given = {one.name: VALUES.get(one.name, f"the {one.name}") for one in needed}
    return kind(**given) if given else kind("what happened")


@pytest.mark.parametrize("kind", [getattr(errors, name) for name in errors.__all__])
@pytest.mark.parametrize("again", [copy.copy, lambda one: pickle.loads(pickle.dumps(one))])
def test_an_error_is_the_same_after_it_was_copied_or_pickled(kind, again):
    """A pool of processes breaks for good if what its function raised cannot be read."""
    error = made(kind)
    found = again(error)

    assert type(found) is kind
    assert str(found) == str(error)
    assert found.__dict__ == error.__dict__
