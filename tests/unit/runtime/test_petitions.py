"""Petitions: how what other processes ask reaches the one that writes, in every kind of store."""

import os
import threading

import pytest
from paying_team import opened
from petition_places import place_for

from mentra_actors import ConfigurationError, Sealing
from mentra_actors.domain.rule_match import AnyCall
from mentra_actors.errors import StoreFull, StoreNotFound
from mentra_actors.ids import StreamId
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.wishes.members import ReadMailWish
from mentra_actors.runtime.wishes.permissions import RememberWish, ResolveWish
from mentra_actors.runtime.wishes.teams import ForgetRecordWish, ImportWish, TeachWish
from mentra_actors.runtime.writing import petition_taker
from mentra_actors.runtime.writing.petitioning import petition
from mentra_actors.runtime.writing.petitions import Petition, encode_petition
from mentra_actors.store.care.backup import backup_store
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ownership import petition_files
from mentra_actors.store.ownership.petition_box import new_petition_name
from mentra_actors.store.ownership.petition_opening import PETITIONS, open_box

ALLOW = ResolveWish(agent_id="lead", request_id="perm-tool-1.0", allow=True, reason="geheim")
PROJECT = StreamId("rules-project.main")
RULE = RememberWish(rules=PROJECT, tool="pay", match=AnyCall(), allow=False, reason="geheim")
DENY_ELSEWHERE = RememberWish(rules=PROJECT, tool="sell", match=AnyCall(), allow=False)


def until_asked(runtime):
    lead = runtime.spawn("lead", model="scripted:x", prompt="Pay.")
    lead.wait_for_snapshot(lambda snapshot: snapshot.permissions, timeout_s=20)


def asked(path, wish, **options):
    return petition(path, wish, SystemClock(), by="ann", wait_s=20, **options)


@pytest.fixture(
    params=["directory", "sqlite", "postgres", "encrypted directory", "encrypted postgres"]
)
def place(request, tmp_path):
    """A path and the options with which it is opened."""
    *encrypted, kind = request.param.split()
    sealing = Sealing(key=b"k" * 32, directory=tmp_path / "keys")
    with place_for(kind, tmp_path) as path:
        yield path, {"sealing": sealing} if encrypted else {}


def test_a_writer_takes_petitions_in_every_store(place):
    """Where the log is kept is nobody's business who wants to say yes."""
    path, options = place
    with opened(path, **options) as runtime:
        until_asked(runtime)
        assert asked(path, ALLOW, **options).is_accepted
        assert asked(path, RULE, **options).is_accepted
        runtime.until_idle(timeout_s=20)
        assert [one.rule.tool for one in runtime.rules()] == ["pay"]
        assert "no pending" in asked(path, ALLOW, **options).words


def test_no_petition_takes_the_mail_of_an_agent(tmp_path):
    """The command line asks for persons only; a petition that is written by hand asks for all."""
    path, reading = tmp_path / "team.mentra", ReadMailWish(agent_id="lead")
    with opened(path) as runtime:
        runtime.spawn("lead", model="scripted:x")
        runtime.members.take_seat("sue", role="reviewer")
        assert "'lead' is no person" in asked(path, reading).words
        assert asked(path, ReadMailWish(agent_id="sue")).is_accepted
    assert "'lead' is no person" in asked(path, reading).words


@pytest.mark.parametrize(
    "wish",
    [
        TeachWish(agent_id="lead", content="x", memory="agent-lead"),
        ImportWish(memory="agent-lead", facts=()),
        ForgetRecordWish(memory="inbox-lead", record_id="x"),
    ],
    ids=["teach", "import", "forget"],
)
def test_a_wish_for_a_memory_reaches_no_other_stream(tmp_path, wish):
    """An agent does not know such a command, and would die of it."""
    with opened(tmp_path / "team.mentra") as runtime:
        until_asked(runtime)
        answer = asked(tmp_path / "team.mentra", wish)

        assert not answer.is_accepted
        assert "is not a stream for this" in answer.words


def test_whoever_asks_takes_petitions_where_nobody_writes(place):
    """The store is opened for a moment, and nothing is performed."""
    path, options = place
    with opened(path, **options) as runtime:
        until_asked(runtime)
    assert asked(path, ALLOW, **options).is_accepted
    assert asked(path, RULE, **options).is_accepted

    with opened(path, **options) as runtime:
        runtime.until_idle(timeout_s=20)
        assert [one.rule.reason for one in runtime.rules()] == ["geheim"]


def test_petitions_of_an_encrypted_store_are_sealed(tmp_path):
    """A reason may be as private as what it is about."""
    path, key = tmp_path / "team.mentra", Sealing(key=b"k" * 32)
    with opened(path, sealing=key):
        pass
    store = open_event_store(path, sealing=key)  # a writer that takes no petitions
    try:
        assert petition(path, RULE, SystemClock(), by="ann", wait_s=0, sealing=key) is None
        (left,) = (path / PETITIONS).glob("*.petition")
        assert b"geheim" not in left.read_bytes()
    finally:
        store.close()

    with opened(path, sealing=key) as runtime:
        assert asked(path, RULE, sealing=key).is_accepted
        assert [one.rule.reason for one in runtime.rules()] == ["geheim"]


def test_where_there_is_no_place_for_petitions_an_error_says_so(tmp_path):
    """A person must know that nothing was asked, and how it can be."""
    with pytest.raises(ConfigurationError, match="of one process"):
        open_box(":memory:", None)
    with pytest.raises(StoreNotFound):
        asked(tmp_path / "nothing", RULE)
    assert not (tmp_path / "nothing").exists()


def test_a_full_disk_takes_no_petition(tmp_path, monkeypatch):
    """What was not left is not asked; the error is that of every append."""

    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "team.mentra"
    with opened(path):
        monkeypatch.setattr("os.link", full)
        with pytest.raises(StoreFull):
            asked(path, RULE)
        monkeypatch.undo()
        assert open_box(path, None).waiting() == []


def test_an_answer_that_cannot_be_written_is_written_later(tmp_path, monkeypatch):
    """The petition stays until it can be answered, and is recorded once."""
    path = tmp_path / "team.mentra"
    monkeypatch.setattr(petition_taker, "_RETRY_S", 0.01)
    replace, failures = os.replace, []

    def fails_once(draft, file):
        if str(file).endswith(".answer") and not failures:
            failures.append(file)
            raise OSError(28, "No space left on device")
        replace(draft, file)

    monkeypatch.setattr("os.replace", fails_once)
    with opened(path) as runtime:
        assert asked(path, RULE).is_accepted
        assert len(runtime.rules()) == 1
    assert len(failures) == 1


def test_a_petition_that_cannot_be_answered_holds_up_no_other(tmp_path):
    """Whoever may write there could stop all decisions by a directory with the right name."""
    path = tmp_path / "team.mentra"
    with opened(path):
        pass
    box, first = open_box(path, None), new_petition_name()
    box.put(first, encode_petition(Petition(wish=RULE, by="ann", asked_at=1.0)))
    (box.directory / f"{first}.answer").mkdir()
    with opened(path) as runtime:
        assert asked(path, DENY_ELSEWHERE).is_accepted
        assert sorted(one.rule.tool for one in runtime.rules()) == ["pay", "sell"]
        assert box.waiting() == []


def test_only_what_a_box_has_left_is_removed_when_it_is_old(tmp_path):
    path = tmp_path / "team.mentra"
    with opened(path):
        pass
    box, name = open_box(path, None), new_petition_name()
    old = [f"{name}.answer", f"{name}.petition.0123abcd.new", f"{name}.answer.0123abcd.new"]
    others = ["thesis.new", "the.answer", f"{name}.petition", f"x{name}.answer"]
    (box.directory / f"{new_petition_name()}.answer").mkdir()
    for one in (*old, *others):
        (box.directory / one).touch()
    for one in box.directory.iterdir():
        os.utime(one, (0, 0))
    box.remove_old()

    left = {one.name for one in box.directory.iterdir()}
    assert left.isdisjoint(old)
    assert left.issuperset(others)


def test_an_owner_that_leaves_is_not_held_up(tmp_path):
    """Its thread ends with the runtime, whoever asks meanwhile."""
    path = tmp_path / "team.mentra"
    with opened(path):
        assert "mentra-petitions" in [one.name for one in threading.enumerate()]
    assert "mentra-petitions" not in [one.name for one in threading.enumerate()]


def test_a_backup_takes_no_petitions_along(tmp_path):
    """What is asked of one store is not asked of its copy."""
    path = tmp_path / "team.mentra"
    with opened(path):
        pass
    open_box(path, None).put(new_petition_name(), b"{}")
    backup_store(path, tmp_path / "copy")

    assert not (tmp_path / "copy" / PETITIONS).exists()


def test_without_a_bell_both_sides_look_from_time_to_time(tmp_path, monkeypatch):
    """Other systems have no futex."""
    monkeypatch.setattr(petition_files, "open_bell", lambda *_, **__: None)
    path = tmp_path / "team.mentra"
    with opened(path) as runtime:
        assert asked(path, RULE).is_accepted
        assert len(runtime.rules()) == 1
