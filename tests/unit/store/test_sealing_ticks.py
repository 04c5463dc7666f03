"""Ticks of sealed stores: nobody reads them without the key, nor any more who was forgotten."""

import shutil

import pytest

from mentra_actors.envelope import FORGOTTEN_PAYLOAD
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.care import verify_store
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ports import AppendRequest, Tick, TickPiece
from mentra_actors.store.sealing.offline import forget_subject
from mentra_actors.store.sealing.options import OWN_SUBJECT, TICK_TAG, Sealing
from mentra_actors.testing.append_contract import request_for, stream_append
from mentra_actors.testing.tick_contract import tick_of

KEY = bytes(range(32))
ANN, BOB = StreamId("agent-ann"), StreamId("agent-bob")


def save(store, *ticks, drop_below=0):
    """Save ticks, and wait until they are written."""
    for tick in ticks:
        store.save_tick(tick, drop_below=drop_below)
    store.append(AppendRequest())


def sealed(path, sealing):
    return open_event_store(path, durability="volatile", sealing=sealing)


def team_tick(number):
    pieces = [
        TickPiece(stream, EffectId("call-1"), b"SECRET of " + stream.encode() * 30)
        for stream in (ANN, BOB)
    ]
    return Tick(number=number, pieces=tuple(pieces))


def test_a_forgotten_agent_has_no_pieces(tmp_path):
    """What it was about to say is about its subject as well; what others say stays."""
    path, sealing = tmp_path / "store", Sealing(key=KEY)
    store = sealed(path, sealing)
    store.append(request_for(stream_append(ANN, b"ann"), stream_append(BOB, b"bob")))
    saved = [team_tick(1), Tick(number=2, pieces=team_tick(2).pieces[:1]), team_tick(3)]
    save(store, *saved)
    assert list(store.load_ticks()) == saved
    store.close()
    forget_subject(path, "ann", sealing=sealing)
    assert verify_store(path).ticks == 3

    store = sealed(path, sealing)
    assert [tick.number for tick in store.load_ticks()] == [1, 2, 3]
    assert [tick.pieces for tick in store.load_ticks()] == [
        team_tick(1).pieces[1:],
        (),
        team_tick(3).pieces[1:],
    ]
    save(store, team_tick(4), drop_below=4)
    assert list(store.load_ticks()) == [team_tick(4)]
    store.close()


def test_no_text_of_a_tick_is_on_disk(tmp_path):
    """Whoever gets the disk must not read what is not even said yet."""
    store = sealed(tmp_path / "store", Sealing(key=KEY))
    save(store, team_tick(1))
    store.close()

    files = [file for file in (tmp_path / "store").rglob("*") if file.is_file()]
    assert files
    assert [file.name for file in files if b"SECRET" in file.read_bytes()] == []


def test_a_piece_opens_in_its_own_place_only(tmp_path, caplog):
    """Who can write the disk must not be able to let an agent say what another one said."""
    path, sealing = tmp_path / "store", Sealing(key=KEY)
    store = sealed(path, sealing)
    save(store, team_tick(1), team_tick(2))
    behind = store.behind
    ann, bob = behind.load_ticks()[0].pieces
    forged = [
        Tick(number=3, pieces=(ann,)),
        Tick(number=1, pieces=(TickPiece(ANN, EffectId("call-2"), ann.payload),)),
        Tick(number=1, pieces=(TickPiece(ANN, ann.effect_id, bob.payload),)),
        Tick(number=1, pieces=(TickPiece(BOB, ann.effect_id, ann.payload), bob)),
        Tick(number=1, pieces=(ann, TickPiece(BOB, bob.effect_id, b"\x02\x00never sealed" * 9))),
    ]
    for tick in forged:
        save(behind, tick)
        assert [one.number for one in store.load_ticks()] == [1, 2][tick.number == 1 :]
        assert f"tick {tick.number} is ignored" in caplog.text
        caplog.clear()
    store.close()


def test_ticks_from_before_the_sealing_are_skipped(tmp_path):
    """No payload is guessed at: what was not sealed was not written by this store."""
    path = tmp_path / "store"
    plain = LmdbEventStore.open(path)
    save(plain, tick_of(1, b"text"), tick_of(2, b"more text"))
    plain.close()
    store = sealed(path, Sealing(compression="zstd"))
    assert list(store.load_ticks()) == []
    save(store, tick_of(4, b"text"))

    assert list(store.load_ticks()) == [tick_of(4, b"text")]
    store.close()


@pytest.mark.parametrize("sealing", [Sealing(compression="none"), Sealing(key=KEY)])
def test_any_bytes_are_no_forgotten_piece(tmp_path, sealing):
    """What stands for a forgotten payload may be said by somebody as well."""
    store = sealed(tmp_path / "store", sealing)
    save(store, tick_of(1, FORGOTTEN_PAYLOAD))

    assert list(store.load_ticks()) == [tick_of(1, FORGOTTEN_PAYLOAD)]
    store.close()


def test_the_owner_says_whom_a_piece_is_about(tmp_path):
    """Who names subjects in another way must be asked for what is being streamed, too."""
    asked = []

    def subject_of(stream_id, event_type):
        asked.append((stream_id, event_type))
        return OWN_SUBJECT if stream_id == BOB else "the family"

    path, sealing = tmp_path / "store", Sealing(key=KEY, subject_of=subject_of)
    store = sealed(path, sealing)
    save(store, team_tick(1))
    store.close()
    forget_subject(path, "the family", sealing=sealing)
    store = sealed(path, sealing)

    assert asked[:2] == [(ANN, TICK_TAG), (BOB, TICK_TAG)]
    assert store.load_ticks()[0].pieces == team_tick(1).pieces[1:]
    store.close()


def test_a_tick_whose_keys_cannot_be_kept_is_not_saved(tmp_path, caplog):
    """A full disk must not fail the thread that listens to models."""
    store = sealed(tmp_path / "store", Sealing(key=KEY))
    shutil.rmtree(tmp_path / "store" / "sealing" / "known")
    save(store, team_tick(1))

    assert list(store.load_ticks()) == []
    assert "tick 1 was not saved" in caplog.text
    store.close()
