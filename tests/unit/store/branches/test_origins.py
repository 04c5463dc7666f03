"""What becomes of a branch when something becomes of the store that it goes on from."""

import errno
import os
import shutil
from contextlib import contextmanager

import pytest
from branch_making import new_branch
from said_logs import said, write

from mentra_actors.errors import (
    BranchOriginLost,
    CommandRejected,
    StoreFormatError,
    StoreLocked,
    StoreNotFound,
    WrongKey,
)
from mentra_actors.ids import StreamId
from mentra_actors.runtime.history.branches import Branch
from mentra_actors.store.branches import drafts
from mentra_actors.store.branches.branch_file import BranchRecord, find_branch, make_branch
from mentra_actors.store.branches.drafts import held
from mentra_actors.store.branches.forgetting import forget_with_branches
from mentra_actors.store.branches.forking import branches_directory, fork_store, placed_at
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import url_without_password

KEY = Sealing(key=b"k" * 32)


@pytest.fixture
def origin(tmp_path):
    path = tmp_path / "team"
    write(path, b"1", (b"2", b"3"), b"4")
    return path


def test_a_branch_that_was_moved_alone_says_so(origin, tmp_path):
    """In its origin's place is some directory then, and not an empty one."""
    moved = tmp_path / "a" / "b" / "c"
    shutil.copytree(new_branch(origin, at=2), moved)
    (tmp_path / "a" / "notes.txt").write_text("mine")

    with pytest.raises(BranchOriginLost, match=r"is not a store; is the branch where it was made"):
        open_journal_reader(moved)


def test_a_cut_is_at_the_end_of_the_append_that_holds_the_position(origin):
    branch = new_branch(origin, at=2)

    record = find_branch(branch)
    assert (record.asked, record.cut) == (2, 3)
    write(branch, b"other")
    assert said(branch) == [b"1", b"2", b"3", b"other"]
    assert said(origin) == [b"1", b"2", b"3", b"4"]


def test_a_fork_writes_one_small_file(origin):
    """Whatever the origin holds: a fork of a hundred thousand events costs as much."""
    branch = new_branch(origin)

    files = [one for one in branch.rglob("*") if one.is_file()]
    assert [one.name for one in files] == ["branch.json"]
    assert files[0].stat().st_size < 2_000
    assert said(branch) == said(origin)
    assert len(list(branch.iterdir())) == 1


def test_a_store_that_is_moved_takes_its_branches_along(origin, tmp_path):
    write(new_branch(origin, at=1), b"other")
    moved = tmp_path / "elsewhere" / "team"
    moved.parent.mkdir()
    shutil.move(origin, moved)

    assert said(moved / "branches" / "try") == [b"1", b"other"]


def test_an_origin_that_is_gone_is_named(origin, tmp_path):
    branch = fork_store(origin, _record(origin, 3), directory=tmp_path / "futures")
    write(branch, b"other")
    shutil.move(origin, tmp_path / "away")

    for opened in (open_journal_reader, open_event_store):
        with pytest.raises(BranchOriginLost, match="put it back") as lost:
            opened(branch)
        assert f"safe in {branch}" in str(lost.value)
    shutil.move(tmp_path / "away", origin)
    assert said(branch) == [b"1", b"2", b"3", b"other"]


def test_an_older_backup_of_the_origin_is_noticed(origin, tmp_path):
    """Its positions will be those of other events one day: of another past."""
    older = shutil.copytree(origin, tmp_path / "backup")
    write(origin, b"5")
    branch = fork_store(origin, _record(origin, 5), directory=tmp_path / "futures")
    shutil.rmtree(origin)
    shutil.copytree(older, origin)

    with pytest.raises(BranchOriginLost, match="ends at position 4: an older backup"):
        open_journal_reader(branch)
    write(origin, b"another 5", recorded_at_ns=2)
    with pytest.raises(BranchOriginLost, match="another history"):
        open_journal_reader(branch)


def test_another_store_in_the_place_of_the_origin_is_noticed(origin, tmp_path):
    branch = fork_store(origin, _record(origin, 3), directory=tmp_path / "futures")
    shutil.rmtree(origin)
    write(origin, b"1", (b"2", b"3"), b"4")

    with pytest.raises(BranchOriginLost, match="is another store now"):
        open_event_store(branch)


def test_a_branch_without_its_file_is_no_branch(origin):
    branch = new_branch(origin)
    (branch / "branch.json").write_bytes(b"{}")
    with pytest.raises(StoreFormatError, match=r"branch\.json"):
        open_journal_reader(branch)
    (branch / "branch.json").write_bytes(b'{"name":"try","created_at":1.0,"format":99}')
    with pytest.raises(StoreFormatError, match="newer release"):
        open_journal_reader(branch)
    (branch / "branch.json").unlink()
    with pytest.raises(StoreNotFound):
        open_journal_reader(branch)


def test_one_of_two_that_fork_one_name_is_refused(origin):
    """Whoever comes second between any two steps finds the place taken."""
    record = _record(origin, 3)

    def second(_draft):
        fork_store(origin, record)

    with pytest.raises(CommandRejected, match="there is a branch 'try' already"):
        fork_store(origin, record, prepare=second)
    assert [one.name for one in branches_directory(origin).iterdir()] == ["try"]


def test_a_fork_that_is_killed_leaves_nothing_that_anybody_sees(origin, tmp_path):
    """A draft has a hidden name; the next fork removes what nobody holds."""
    place = branches_directory(origin)

    def dies(_draft):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_branch(place, _record(origin, 3), dies)
    assert list(place.iterdir()) == []
    left = place / ".new-try-0000"
    left.mkdir()
    with held(left) as is_held:
        assert is_held
        new_branch(origin, "other")
        assert left.exists()
    new_branch(origin, "third")
    assert not left.exists()


def test_where_there_are_no_locks_a_draft_is_nobodys_after_a_day(tmp_path, monkeypatch):
    """Some network file systems refuse locks; then nobody can know who is alive."""

    def refuses(_descriptor, _kind):
        raise OSError(errno.ENOTSUP, "no locks")

    monkeypatch.setattr(drafts.fcntl, "flock", refuses)
    left = tmp_path / ".new-try-0000"
    left.mkdir()
    assert drafts.remove_dead_drafts(tmp_path) == 0
    os.utime(left, (0, 0))
    assert drafts.remove_dead_drafts(tmp_path) == 1
    with drafts.held_draft(tmp_path, "try") as draft:
        assert draft.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_draft_that_is_taken_for_a_dead_ones_is_made_again(tmp_path, monkeypatch):
    """Between making and locking a directory somebody may look."""
    seen = []

    @contextmanager
    def looked_at(path):
        if not seen:
            seen.append(path)
            assert drafts.remove_dead_drafts(tmp_path) == 1
        with held(path) as is_held:
            yield is_held

    monkeypatch.setattr(drafts, "held", looked_at)
    with drafts.held_draft(tmp_path, "try") as draft:
        assert draft.is_dir()
        assert draft != seen[0]


def test_a_branch_that_is_open_or_has_branches_is_not_deleted(origin):
    branch = new_branch(origin)
    second = new_branch(branch, "second")
    with pytest.raises(CommandRejected, match="has branches: second"):
        Branch(branch).delete()
    store = open_event_store(second)
    try:
        with pytest.raises(StoreLocked):
            Branch(second).delete()
    finally:
        store.close()
    Branch(second).delete()
    Branch(branch).delete()
    assert list(branches_directory(origin).iterdir()) == []
    assert said(origin) == [b"1", b"2", b"3", b"4"]


def test_the_own_log_of_a_branch_of_an_encrypted_store_is_encrypted(tmp_path):
    origin = tmp_path / "team"
    write(origin, b"a secret of the origin", sealing=KEY)
    branch = fork_store(origin, _record(origin, 1, KEY))

    with pytest.raises(WrongKey):
        open_event_store(branch)
    write(branch, b"a secret of the branch", sealing=KEY)
    assert said(branch, KEY) == [b"a secret of the origin", b"a secret of the branch"]
    with pytest.raises(WrongKey):
        open_journal_reader(branch)
    for file in branch.rglob("*"):
        assert not file.is_file() or b"secret" not in file.read_bytes(), file


def test_who_is_forgotten_in_a_store_is_forgotten_in_its_branches(tmp_path):
    origin = tmp_path / "team"
    write(origin, b"1", sealing=KEY)
    branch = fork_store(origin, _record(origin, 1, KEY))
    write(branch, b"2", sealing=KEY)
    write(branch, b"3", sealing=KEY, stream=StreamId("agent-b"))

    forgotten, branches = forget_with_branches(origin, "a", sealing=KEY)

    assert forgotten is not None
    assert branches == ("try",)
    left = said(branch, KEY)
    assert b"1" not in left
    assert b"2" not in left
    assert b"3" in left


def test_a_store_in_sqlite_has_its_branches_beside_it(tmp_path):
    url = f"sqlite:{tmp_path / 'team.sqlite'}"
    write(url, b"1", b"2")
    branch = fork_store(url, _record(url, 1))
    write(branch, b"other")

    assert branch == tmp_path / "team.sqlite.branches" / "try"
    assert said(branch) == [b"1", b"other"]
    assert said(url) == [b"1", b"2"]


def test_a_password_is_not_written_down():
    url = "postgresql://ann:secret@host:5432/db?schema=team&password=secret"
    assert url_without_password(url) == "postgresql://ann@host:5432/db?schema=team"


@pytest.mark.parametrize(
    "url",
    ["postgresql:///db?host=%2Ftmp%2Fserver&user=ann", "postgresql://host/db", "postgresql:///db"],
)
def test_an_address_without_a_password_stays_what_it_is(url):
    """A server on a socket has no host between the slashes."""
    assert url_without_password(url) == url


def _record(origin, position, sealing=None):
    reader = open_journal_reader(origin, sealing=sealing)
    try:
        return placed_at(BranchRecord(name="try", created_at=1.0), reader, position)
    finally:
        reader.close()
