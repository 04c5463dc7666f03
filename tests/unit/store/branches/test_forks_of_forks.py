"""Branches of branches, and of stores in which somebody was forgotten."""

import pytest
from branch_making import new_branch
from said_logs import said, write

from mentra_actors.errors import BranchOriginLost, CommandRejected
from mentra_actors.ids import StreamId
from mentra_actors.runtime.history.branches import Branch
from mentra_actors.runtime.history.history import open_history
from mentra_actors.store.branches.forgetting import forget_with_branches
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.store.sealing.options import Sealing

TEAM = StreamId("team-main")
KEY = Sealing(key=b"k" * 32)


def forked(path, name, sealing=None, **options):
    with open_history(path, sealing=sealing) as history:
        return history.fork(name, **options).path


def bytes_of(path):
    return (path / "data.mdb").read_bytes()


def test_each_of_a_chain_of_branches_writes_only_its_own_log(tmp_path):
    paths = [tmp_path / "team"]
    for number in range(4):
        write(paths[-1], b"%d" % number)
        paths.append(forked(paths[-1], f"fork-{number}"))
    before = [bytes_of(one) for one in paths[:-1]]
    write(paths[-1], b"last")

    assert said(paths[-1]) == [b"0", b"1", b"2", b"3", b"last"]
    assert [bytes_of(one) for one in paths[:-1]] == before
    assert said(paths[2]) == [b"0", b"1", b"2"]


def test_a_branch_that_others_go_on_from_is_deleted_by_nobody_who_knows_of_them(tmp_path):
    write(tmp_path / "team", b"1")
    first = new_branch(tmp_path / "team", "first")
    write(first, b"2")
    new_branch(first, "second")

    with pytest.raises(CommandRejected, match="'first' has branches: second"):
        Branch(first).delete()


def test_forks_of_a_branch_that_was_deleted_say_what_is_gone_and_what_is_safe(tmp_path):
    """A fork in a directory that was named is not known where its origin is deleted."""
    write(tmp_path / "team", b"1")
    first = new_branch(tmp_path / "team", "first")
    write(first, b"2")
    second = forked(first, "second", directory=tmp_path / "elsewhere")
    write(second, b"3")
    third = forked(second, "third")
    write(third, b"4")
    Branch(first).delete()

    for path in (second, third):
        with pytest.raises(BranchOriginLost, match=f"there is no store at {first}; put it back"):
            open_event_store(path)
    write(new_branch(tmp_path / "team", "first"), b"another 2")
    for path in (second, third):
        with pytest.raises(BranchOriginLost, match=f"{first} is another store now"):
            open_journal_reader(path)
    assert said(tmp_path / "team") == [b"1"]


def test_a_fork_of_a_store_that_has_forgotten_never_knew(tmp_path):
    """Also a fork at a position from before; both go on, also about whoever was forgotten."""
    team = tmp_path / "team"
    write(team, b"a secret of a", b"another secret", sealing=KEY)
    write(team, b"of the team", stream=TEAM, sealing=KEY)
    forget_with_branches(team, "a", sealing=KEY)
    forgotten = said(team, KEY)
    for name, at, count in (("now", None, 3), ("then", 2, 2)):
        branch = forked(team, name, KEY, at=at)
        assert said(branch, KEY) == forgotten[:count]
        write(branch, b"new words of a", sealing=KEY)
        assert said(branch, KEY) == [*forgotten[:count], b"new words of a"]
        files = [one.read_bytes() for one in branch.rglob("*") if one.is_file()]
        assert not any(b"secret" in one or b"new words" in one for one in files)
    assert said(team, KEY) == forgotten
    assert b"a secret of a" not in forgotten


def test_a_branch_that_has_recorded_nothing_has_nobody_to_forget(tmp_path):
    """What it shares is forgotten where it was recorded."""
    write(tmp_path / "team", b"1", sealing=KEY)
    branch = forked(tmp_path / "team", "try", KEY)

    assert forget_with_branches(branch, "a", sealing=KEY) == (None, ())
    assert said(branch, KEY) == [b"1"]


def test_a_state_that_a_branch_has_kept_is_worthless_when_the_origin_forgets(tmp_path):
    """It was folded from what both share, whether or not the branch has said anything of it."""
    team = tmp_path / "team"
    write(team, b"a secret of a", sealing=KEY)
    branch = forked(team, "try", KEY)
    below = forked(branch, "below", KEY)
    for path in (branch, below):
        write(path, b"x", stream=TEAM, sealing=KEY)
        store = open_event_store(path, sealing=KEY)
        for is_milestone in (False, True):
            store.save_snapshot(
                StateSnapshot(
                    stream_id=TEAM,
                    stream_version=store.stream_version(TEAM),
                    fold_version=1,
                    payload=b"a secret of a, folded",
                    is_milestone=is_milestone,
                )
            )
        store.append(AppendRequest())
        assert store.load_snapshot(TEAM) is not None
        store.close()
    forget_with_branches(team, "a", sealing=KEY)

    for path in (branch, below):
        store = open_event_store(path, sealing=KEY)
        assert store.load_snapshot(TEAM) is None
        assert store.snapshot_through(TEAM, 9) is None
        store.close()
