"""What holds of a map that many values share."""

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.layered_map import LayeredMap


@forall(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 15), st.integers()), max_size=60))
def test_every_value_keeps_its_entries(steps):
    """A state that was given to a reader must not change under it."""
    values = [(LayeredMap(), {})]
    for which, key, entry in steps:
        value, entries = values[which % len(values)]
        values.append((value.with_entry(key, entry), {**entries, key: entry}))

    for value, entries in values:
        assert value.entries() == entries
        assert [value.get(key) for key in range(16)] == [entries.get(key) for key in range(16)]
        assert [key in value for key in range(16)] == [key in entries for key in range(16)]


def test_a_map_of_many_entries_has_few_layers():
    """A look-up asks each of them."""
    value = LayeredMap()
    for key in range(1000):
        value = value.with_entry(key, key)

    assert len(value.layers) <= 10
