"""What holds of a sequence that many values share."""

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.append_only import AppendOnly, AppendOnlySet

appends = st.lists(st.tuples(st.integers(0, 20), st.integers()), max_size=30)


@forall(st.lists(st.integers(), max_size=3), appends)
def test_every_value_keeps_its_items(first, steps):
    """A branch of a transcript must not see, or change, what another branch appends."""
    values = [(AppendOnly(first), tuple(first))]
    for which, item in steps:
        value, items = values[which % len(values)]
        values.append((value.append(item), (*items, item)))

    for value, items in values:
        assert tuple(value) == items
        assert len(value) == len(items)
        assert value == AppendOnly(items)
        assert hash(value) == hash(AppendOnly(items))


@forall(st.lists(st.integers(), max_size=8), st.integers(-10, 10), st.slices(8))
def test_it_is_indexed_like_a_tuple(items, index, part):
    """Readers treat it as any sequence; a wrong edge would show them another's message."""
    longer = AppendOnly(items)
    longer.append(99)
    expected = tuple(items)

    assert longer[part] == expected[part]
    assert list(reversed(longer)) == items[::-1]
    try:
        value = longer[index]
    except IndexError:
        assert not -len(items) <= index < len(items)
    else:
        assert value == expected[index]


@forall(st.lists(st.integers(), min_size=1, max_size=8))
def test_appending_shares_the_items(items):
    """A transcript of thousands of messages must not be copied for each new one."""
    value = AppendOnly().append(0)
    for item in items:
        longer = value.append(item)
        assert longer._items is value._items
        value = longer


def test_what_grows_out_of_nothing_is_its_own():
    """Conversations begin with one empty default: none may see, or wait for, another's words."""
    empty, nobody = AppendOnly[int](), AppendOnlySet[int]()
    one, two = empty.append(1), empty.append(2)
    she, he = nobody.add(1), nobody.add(2)

    assert (list(one.append(3)), list(two), list(empty)) == ([1, 3], [2], [])
    assert (one._items is empty._items, she._numbers is nobody._numbers) == (False, False)
    assert (list(she), list(he), list(nobody)) == ([1], [2], [])
