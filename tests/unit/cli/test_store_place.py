"""Where a store is, as a command line says it."""

from pathlib import Path

import pytest

from mentra_actors.cli.store_place import store_place


@pytest.mark.parametrize(
    "address", ["postgresql:///db?host=/tmp/x&schema=a", "postgres://ann@host:5432/db"]
)
def test_the_address_of_a_server_keeps_its_slashes(address):
    """A path makes one slash of two, and nobody knows of what then."""
    assert str(store_place(address)) == address
    assert isinstance(store_place(address), Path)


@pytest.mark.parametrize("given", ["a/b", "sqlite:team.db", ".", Path("team.mentra")])
def test_anything_else_is_a_path(given):
    assert store_place(given) == Path(given)
    assert type(store_place(given)) is type(Path())


def test_a_command_tells_of_a_server_in_the_words_of_its_address(mentra):
    address = "postgresql://127.0.0.1:1/db?connect_timeout=1"
    assert mentra("log", "--store", address) != 0
    assert "say postgresql://HOST" not in mentra.err
    assert "127.0.0.1:1" in mentra.err
