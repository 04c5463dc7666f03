"""Sealed payloads: what goes in comes out, and nothing else ever does."""

import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.errors import ConfigurationError, StoreCorrupted, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import EncodedEvent, StateSnapshot, StoredEvent
from mentra_actors.store.sealing import compression, dictionaries, key_ring
from mentra_actors.store.sealing.data_key import new_secret
from mentra_actors.store.sealing.dictionaries import trained_dictionary
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.seal import key_id_of
from mentra_actors.store.sealing.store_seal import draft_sealing, open_seal

KEY = bytes(range(32))
AGENT = StreamId("agent-ann")
TAG = "agent.prompt_accepted.v1"
CHANCE = random.Random(7)
WORDS = ["".join(CHANCE.choices("abcdefghiklmnoprstuw", k=3 + n % 6)) for n in range(300)]
TEXTS = [" ".join(CHANCE.choices(WORDS, k=40)).encode() for _ in range(600)]
SEALINGS = [
    pytest.param(Sealing(compression="zstd"), id="compressed"),
    pytest.param(Sealing(compression="none", key=KEY), id="encrypted"),
    pytest.param(Sealing(compression="zstd", key=KEY), id="both"),
]


def new_seal(directory, sealing, **options):
    draft_sealing(directory, sealing, sealing.key, plain_through=0)
    return open_seal(directory, sealing, sealing.key, is_writer=True, **options)


@pytest.fixture(params=SEALINGS)
def seal(request, tmp_path):
    """A seal of each kind, with a dictionary."""
    sealing = request.param
    made = new_seal(tmp_path, sealing)
    made.dictionaries.publish(trained_dictionary(TEXTS))
    return made


def stored(event, *, stream_id=AGENT, position=1):
    return StoredEvent(
        global_position=position,
        stream_id=stream_id,
        stream_version=1,
        event_type=event.event_type,
        payload=event.payload,
        recorded_at_ns=0,
        epoch=0,
        causation="",
        correlation="",
    )


def sealed(seal, payload, *, stream_id=AGENT, tag=TAG):
    return seal.event_closed(stream_id, EncodedEvent(tag, payload))


def opened(seal, event, **place):
    return seal.event_opened(stored(event, **place)).payload


def with_payload(event, payload):
    return EncodedEvent(event.event_type, payload)


PAYLOADS = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda text, times: text * times, st.binary(max_size=40), st.integers(0, 500)),
    st.sampled_from(TEXTS),
)


@pytest.fixture(scope="module")
def seals(tmp_path_factory):
    """The same three seals for all examples of a law."""
    made = [new_seal(tmp_path_factory.mktemp("sealing"), one.values[0]) for one in SEALINGS]
    for one in made:
        one.dictionaries.publish(trained_dictionary(TEXTS))
    return made


@given(payload=PAYLOADS)
def test_what_goes_in_comes_out(seals, payload):
    """An event that came back otherwise would change the past of an agent."""
    for seal in seals:
        assert opened(seal, sealed(seal, payload)) == payload


@given(payload=PAYLOADS, data=st.data())
def test_a_flipped_bit_is_damage(seals, payload, data):
    """A fold over text that a disk has changed would be a lie nobody notices."""
    for seal in seals:
        event = sealed(seal, payload)
        place = data.draw(st.integers(0, 8 * len(event.payload) - 1))
        changed = bytearray(event.payload)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(StoreCorrupted):
            opened(seal, with_payload(event, bytes(changed)))


@given(payload=PAYLOADS, data=st.data())
def test_a_cut_payload_is_damage(seals, payload, data):
    """A torn write must not look like a short text."""
    for seal in seals:
        event = sealed(seal, payload)
        length = data.draw(st.integers(0, len(event.payload) - 1))
        with pytest.raises(StoreCorrupted):
            opened(seal, with_payload(event, event.payload[:length]))


def test_a_payload_opens_in_its_own_place_only(seal):
    """Whoever can write the disk could else put one agent's words into another's mouth."""
    event = sealed(seal, b"pay the bill of ann")
    with pytest.raises(StoreCorrupted):
        opened(seal, event, stream_id=StreamId("agent-bob"))
    with pytest.raises(StoreCorrupted):
        opened(seal, EncodedEvent("agent.run_started.v1", event.payload))
    # Where one name ends and the other begins is part of the place.
    event = sealed(seal, b"x", stream_id=StreamId("agent-a:b"), tag="c")
    with pytest.raises(StoreCorrupted):
        opened(seal, EncodedEvent("b:c", event.payload), stream_id=StreamId("agent-a"))


def test_a_snapshot_is_no_event_and_of_one_version(seal):
    """An old state under a new version would skip the events between them."""
    snapshot = StateSnapshot(stream_id=AGENT, stream_version=7, fold_version=2, payload=TEXTS[0])
    closed = seal.snapshot_closed(snapshot)
    moved = StateSnapshot(
        stream_id=AGENT, stream_version=8, fold_version=2, payload=closed.payload
    )
    event = sealed(seal, TEXTS[0])
    not_one = StateSnapshot(
        stream_id=AGENT, stream_version=7, fold_version=2, payload=event.payload
    )

    assert seal.snapshot_opened(closed) == snapshot
    assert seal.snapshot_opened(moved) is None
    assert seal.snapshot_opened(not_one) is None
    assert seal.snapshot_opened(snapshot) is None


def test_text_of_an_encrypted_store_is_taken_from_key_holders_only(tmp_path):
    """A payload that is checksummed, but not encrypted, can be made by anybody."""
    plain = new_seal(tmp_path / "plain", Sealing())
    secret = new_seal(tmp_path / "secret", Sealing(key=KEY))

    with pytest.raises(StoreCorrupted):
        opened(secret, sealed(plain, b"made up"))
    with pytest.raises(StoreCorrupted):
        opened(plain, sealed(secret, b"out of place"))


def test_equal_payloads_look_different(tmp_path):
    """Equal ciphertexts would tell who says the same; a nonce used twice tells the text."""
    seal = new_seal(tmp_path, Sealing(key=KEY))
    payloads = {sealed(seal, b"yes").payload for _ in range(1000)}
    nonces = {payload[10:22] for payload in payloads}

    assert (len(payloads), len(nonces)) == (1000, 1000)


def test_each_subject_has_a_key_of_its_own(tmp_path):
    """One key for two subjects could not be forgotten for one."""
    seal = new_seal(tmp_path, Sealing(key=KEY))
    names = ("agent-ann", "inbox-ann", "memory-ann", "agent-bob", "team-x", "board-y", "agent-")
    payloads = {name: sealed(seal, b"x", stream_id=StreamId(name)).payload for name in names}
    keys = {name: key_id_of(payload) for name, payload in payloads.items()}

    assert keys["agent-ann"] == keys["inbox-ann"] == keys["memory-ann"] != keys["agent-bob"]
    assert keys["team-x"] == keys["board-y"] == keys["agent-"] != keys["agent-ann"]


def test_subjects_may_be_named_by_the_owner(tmp_path):
    """Who serves customers wants to forget a customer, not an agent."""
    sealing = Sealing(key=KEY, subject_of=lambda stream_id, tag: tag)
    seal = new_seal(tmp_path, sealing)

    one, other = (key_id_of(sealed(seal, b"x", tag=tag).payload) for tag in ("a.v1", "b.v1"))
    assert one != other


def test_a_dictionary_makes_short_texts_shorter(tmp_path):
    """Text of 300 bytes has too little in it to be compressed alone."""
    seal = new_seal(tmp_path, Sealing())
    before = sum(len(sealed(seal, text).payload) for text in TEXTS)
    seal.dictionaries.publish(trained_dictionary(TEXTS[::2]))
    after = sum(len(sealed(seal, text).payload) for text in TEXTS)

    assert after < 0.7 * before


def test_what_does_not_shrink_stays_as_it_is(seal):
    """Noise must not grow by being compressed."""
    noise = os.urandom(1000)

    assert len(sealed(seal, noise).payload) <= 1000 + 38


def test_all_dictionaries_stay_readable(seal):
    """A log outlives each of its dictionaries; a reader that began before one finds it."""
    reader = open_seal(
        seal.directory,
        Sealing(),
        KEY if seal.record.is_encrypted else None,
        is_writer=False,
    )
    events = []
    for number in range(4):
        events.append(sealed(seal, TEXTS[number]))
        seal.dictionaries.publish(trained_dictionary(TEXTS[number:]))

    assert seal.dictionaries.newest == 5
    assert [opened(reader, event) for event in events] == TEXTS[:4]


def test_a_lost_dictionary_has_a_name(tmp_path):
    """The owner has to know which file to look for in his backups."""
    seal = new_seal(tmp_path, Sealing(samples=TEXTS))
    event = sealed(seal, TEXTS[0])
    (tmp_path / "dictionary-1").unlink()
    reader = open_seal(tmp_path, Sealing(), None, is_writer=False)

    with pytest.raises(StoreCorrupted, match="dictionary-1 is missing"):
        opened(reader, event)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_wrong_dictionary_is_not_used(tmp_path, key):
    """Text unpacked with another dictionary is other text."""
    seal = new_seal(tmp_path / "one", Sealing(samples=TEXTS, key=key))
    other = new_seal(tmp_path / "other", Sealing(samples=TEXTS[50:], key=key))
    event = sealed(seal, TEXTS[0])
    file = tmp_path / "one" / "dictionary-1"
    for content in (
        (tmp_path / "other" / "dictionary-1").read_bytes(),
        file.read_bytes()[:-1],
        b"",
    ):
        file.write_bytes(content)
        reader = open_seal(tmp_path / "one", Sealing(), key, is_writer=False)
        with pytest.raises(StoreCorrupted):
            opened(reader, event)
    assert opened(other, sealed(other, TEXTS[0])) == TEXTS[0]


def test_another_dictionary_gives_no_other_text(tmp_path):
    """Some dictionaries unpack what another has packed, to something else and without an error."""
    for name, content in (("one", b"pay ann a hundred"), ("two", b"pay bob a million")):
        seal = new_seal(tmp_path / name, Sealing())
        seal.dictionaries.publish(content * 20)
    mine = open_seal(tmp_path / "one", Sealing(), None, is_writer=True)
    event = sealed(mine, b"pay ann a hundred" * 2)
    assert len(event.payload) < 30
    (tmp_path / "two" / "dictionary-1").rename(tmp_path / "one" / "dictionary-1")
    reader = open_seal(tmp_path / "one", Sealing(), None, is_writer=False)

    with pytest.raises(StoreCorrupted):
        opened(reader, event)


def test_a_dictionary_is_on_disk_before_its_first_payload(tmp_path, monkeypatch):
    """A crash in between must not leave a log that nobody can unpack."""
    steps = []
    real = dictionaries.create_durably

    def noted(file, content, **options):
        steps.append(("written", file.name, seal.dictionaries.newest))
        return real(file, content, **options)

    seal = new_seal(tmp_path, Sealing())
    monkeypatch.setattr(dictionaries, "create_durably", noted)
    seal.dictionaries.publish(trained_dictionary(TEXTS))

    assert steps == [("written", "dictionary-1", 0)]
    assert seal.dictionaries.newest == 1


def test_dictionaries_do_not_run_over(tmp_path):
    """The number of a dictionary has one byte; the next one would be taken for another."""
    seal = new_seal(tmp_path, Sealing())
    (tmp_path / "dictionary-254").write_bytes(b"")
    again = open_seal(tmp_path, Sealing(), None, is_writer=True)

    with pytest.raises(StoreError, match="254"):
        again.dictionaries.publish(b"x")
    assert seal.dictionaries.newest == 0


def test_a_dictionary_of_another_process_is_not_replaced(tmp_path):
    """A process that hung and was replaced may wake up and publish what it had trained."""
    late, other = (
        new_seal(tmp_path, Sealing()),
        open_seal(tmp_path, Sealing(), None, is_writer=True),
    )
    assert other.dictionaries.publish(trained_dictionary(TEXTS)) == 1
    event = sealed(other, TEXTS[0])
    assert late.dictionaries.publish(trained_dictionary(TEXTS[9:])) == 2
    reader = open_seal(tmp_path, Sealing(), None, is_writer=False)

    assert opened(reader, event) == TEXTS[0]
    assert opened(reader, sealed(late, TEXTS[1])) == TEXTS[1]


def test_a_key_of_another_process_is_not_replaced(tmp_path, monkeypatch):
    """The one that woke up too late would make the first events of a subject unreadable."""
    late = new_seal(tmp_path, Sealing(key=KEY))
    other = open_seal(tmp_path, Sealing(), KEY, is_writer=True)
    written = []

    def secret_too_late():
        if not written:
            written.append(None)
            written[0] = sealed(other, b"first")
        return new_secret()

    monkeypatch.setattr(key_ring, "new_secret", secret_too_late)
    by_late = sealed(late, b"second")
    monkeypatch.undo()
    reader = open_seal(tmp_path, Sealing(), KEY, is_writer=False)

    assert opened(reader, written[0]) == b"first"
    assert opened(reader, by_late) == b"second"


def test_what_crashes_leave_is_removed(tmp_path):
    """Drafts of keys must not outlive the keys."""
    seal = new_seal(tmp_path, Sealing(key=KEY))
    sealed(seal, b"x")
    for place in (tmp_path, tmp_path / "known", tmp_path / "keys-1"):
        (place / "left.0011aabb.new").write_bytes(b"x")
    again = open_seal(tmp_path, Sealing(), KEY, is_writer=True)

    assert list(tmp_path.rglob("*.new")) == []
    assert opened(again, sealed(seal, b"x")) == b"x"


def test_too_few_samples_are_refused():
    """A dictionary of three texts would fit nothing else."""
    with pytest.raises(ConfigurationError, match="too few"):
        trained_dictionary([b"one", b"two", b""])


def test_a_bomb_does_not_eat_the_memory(tmp_path, monkeypatch):
    """A few bytes on a damaged disk must not ask for gigabytes."""
    seal = new_seal(tmp_path, Sealing())
    monkeypatch.setattr(compression, "MAX_CONTENT_BYTES", 1 << 30)
    bomb = sealed(seal, bytes(100 << 20))
    assert len(bomb.payload) < 100_000
    monkeypatch.undo()

    with pytest.raises(StoreCorrupted):
        opened(seal, bomb)


def test_large_payloads_are_kept_as_they_are(tmp_path, monkeypatch):
    """What could not be unpacked again must not be packed."""
    monkeypatch.setattr(compression, "MAX_CONTENT_BYTES", 1000)
    seal = new_seal(tmp_path, Sealing())
    large = b"a" * 1001

    assert large in sealed(seal, large).payload
    assert opened(seal, sealed(seal, large)) == large


def test_what_was_plain_stays_readable(tmp_path):
    """Who begins to compress a store has a past that was not."""
    draft_sealing(tmp_path, Sealing(), None, plain_through=5)
    seal = open_seal(tmp_path, Sealing(), None, is_writer=True)
    looks_sealed = sealed(seal, b"x" * 100)

    assert opened(seal, looks_sealed, position=5) == looks_sealed.payload
    assert opened(seal, looks_sealed, position=6) == b"x" * 100


def test_a_forgotten_payload_is_no_event(tmp_path):
    """Whatever decodes it must see at once that there is nothing."""
    seal = new_seal(tmp_path, Sealing(key=KEY))
    event = sealed(seal, TEXTS[0])
    seal.ring.forget(key_id_of(event.payload))

    assert opened(seal, event) == FORGOTTEN_PAYLOAD
