"""The contract of a box for petitions, kept by files and by the table of a database."""

import threading
from contextlib import closing

import pytest
from petition_places import KINDS, place_for

from mentra_actors import Sealing
from mentra_actors.errors import StoreCorrupted
from mentra_actors.store.opening import open_event_store, part_seal_of
from mentra_actors.store.ownership.petition_box import MAX_PETITION_BYTES, new_petition_name
from mentra_actors.store.ownership.petition_opening import open_box
from mentra_actors.store.ports import AppendRequest, Fence

FENCE = Fence("writer", 3)
SHORT_S, LONG_S = 0.05, 20.0


def make_store(path, **options):
    """A store that has had three writers; the seal of its views."""
    with closing(open_event_store(path, **options)) as store:
        store.append(AppendRequest(fence=FENCE, raise_fence=True))
        return part_seal_of(store, path)


@pytest.fixture(params=KINDS)
def place(request, tmp_path):
    with place_for(request.param, tmp_path) as place:
        yield place


@pytest.fixture
def path(place):
    make_store(place)
    return place


@pytest.fixture
def asker(path):
    """The box as one process has it."""
    with closing(open_box(path, None)) as box:
        yield box


@pytest.fixture
def owner(path):
    """The same box as another one has it."""
    with closing(open_box(path, None)) as box:
        yield box


def left(box, content=b"please"):
    name = new_petition_name()
    box.put(name, content)
    return name


def test_what_is_left_is_answered_and_fetched(asker, owner):
    """The way of every decision that another process is to record."""
    name = left(asker)
    assert asker.answer_to(name) is None
    assert owner.waiting() == [name]
    assert owner.petition(name) == b"please"
    owner.answer(name, b"yes", FENCE)
    assert owner.waiting() == []
    assert owner.petition(name) is None
    assert asker.answer_to(name) == b"yes"
    asker.remove_answer(name)

    assert asker.answer_to(name) is None
    asker.remove_answer(name)  # whoever does it twice does no harm


def test_petitions_wait_in_the_order_in_which_they_were_left(asker, owner):
    """Who comes first decides."""
    names = [left(asker) for _ in range(5)]

    assert owner.waiting() == names


def test_what_is_of_nobody_is_left_alone(asker, owner):
    """No name that we give, so nobody waits for an answer to it."""
    asker.put("no-name", b"{}")

    assert owner.waiting() == []
    assert owner.petition("nothing") is None


def test_a_petition_of_more_than_a_mebibyte_is_never_read(asker, owner):
    """Whoever may write there must not fill the memory of the owner."""
    large, largest = left(asker, b"x" * (MAX_PETITION_BYTES + 1)), left(asker, b"x" * (1 << 20))
    with pytest.raises(StoreCorrupted, match="more than 1048576 bytes"):
        owner.petition(large)
    assert len(owner.petition(largest)) == MAX_PETITION_BYTES
    owner.answer(large, b"no", FENCE)

    assert owner.waiting() == [largest]


def slept(box, act):
    """Sleep beside a box until what `act` does, in another thread, has woken it."""
    number = box.number()
    thread = threading.Thread(target=act)
    thread.start()
    while box.number() == number:
        box.sleep(number, LONG_S)
    thread.join()


def test_whoever_sleeps_is_woken_by_a_petition_by_an_answer_and_by_a_ring(asker, owner):
    """A person waits at a prompt, and nobody looks all the time."""
    assert owner.waiting() == []  # so that it listens
    slept(owner, lambda: left(asker))
    (name,) = owner.waiting()
    slept(asker, lambda: owner.answer(name, b"yes", FENCE))
    slept(owner, owner.ring)


def test_a_ring_before_the_sleep_is_not_slept_through(asker, owner):
    """What comes between the look and the sleep would wait for the next petition."""
    owner.waiting()
    number = owner.number()
    owner.ring()
    owner.sleep(number, LONG_S)
    number = owner.number()
    left(asker)
    owner.sleep(number, LONG_S)

    assert owner.number() != number


def test_a_closed_box_can_be_closed_and_rung(path):
    """The end of a runtime rings once more than it must."""
    box = open_box(path, None)
    box.waiting()
    box.close()
    box.ring()
    box.close()


def test_petitions_of_an_encrypted_store_are_sealed_for_their_names(place, tmp_path):
    """A reason may be as private as what it is about, and must not be moved to another wish."""
    seal = make_store(place, sealing=Sealing(key=b"k" * 32, directory=tmp_path / "keys"))
    with closing(open_box(place, seal)) as box, closing(open_box(place, None)) as plain:
        name, other = left(box, b"geheim"), new_petition_name()
        assert box.petition(name) == b"geheim"
        note = plain.petition(name)
        assert b"geheim" not in note
        plain.put(other, note)
        with pytest.raises(StoreCorrupted):
            box.petition(other)
        box.answer(name, b"heimlich", FENCE)
        assert box.answer_to(name) == b"heimlich"
        assert b"heimlich" not in plain.answer_to(name)
