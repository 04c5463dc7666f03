"""The folders of background jobs: ours, or not touched."""

import os

import pytest

from mentra_actors.domain.own_directories import OWN_MARK
from mentra_actors.effects.team.job_folders import JobFolders
from mentra_actors.runtime.sync_runtime import open_runtime_sync
from mentra_actors.tools.tool_errors import ToolError

JOB, OTHER = "bg-abcdefghij", "bg-klmnopqrst"


@pytest.fixture
def place(tmp_path):
    return tmp_path / "team.mentra.jobs"


def opened_and_closed(tmp_path):
    with open_runtime_sync(tmp_path / "team.mentra", durability="volatile"):
        pass


def kept_files(directory):
    return sorted(str(one.relative_to(directory)) for one in directory.rglob("*"))


def test_folders_of_jobs_are_for_nobody_else_and_go_when_asked(place):
    folders = JobFolders(place)
    folders.make(JOB)
    folders.make(OTHER)
    (place / JOB / "head").write_text("printed")

    assert sorted(folders.names()) == [JOB, OTHER]
    assert {one.stat().st_mode & 0o777 for one in (place, place / JOB)} == {0o700}
    folders.remove(JOB)
    folders.remove_directory()
    assert folders.names() == [OTHER]
    folders.remove(OTHER)
    folders.remove_directory()
    assert not place.exists()


def test_an_opening_removes_nothing_where_a_link_leads(tmp_path, place):
    """A command of an agent may put a link where the jobs would be."""
    victim = tmp_path / "victim"
    JobFolders(victim).make(JOB)
    (victim / "photos").mkdir()
    before = kept_files(victim)
    place.symlink_to(victim)
    opened_and_closed(tmp_path)

    assert kept_files(victim) == before
    assert place.is_symlink()
    with pytest.raises(ToolError, match="cannot keep output"):
        JobFolders(place).make(OTHER)


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_an_opening_leaves_what_is_somebodys_own(tmp_path, place, mode):
    """Who has called a directory like this has not asked us to clear it."""
    for name in ("photos", JOB):
        (place / name).mkdir(parents=True)
        (place / name / "a").write_text("x")
    place.chmod(mode)
    before = kept_files(place)
    opened_and_closed(tmp_path)

    assert kept_files(place) == before
    with pytest.raises(ToolError, match="so no output can be kept there"):
        JobFolders(place).make(OTHER)


def test_an_opening_leaves_an_empty_directory_that_is_not_ours(tmp_path, place):
    place.mkdir(mode=0o700)
    opened_and_closed(tmp_path)

    assert place.is_dir()


def test_an_opening_removes_what_a_crash_has_left(tmp_path, place):
    JobFolders(place).make(JOB)
    opened_and_closed(tmp_path)

    assert not place.exists()


def test_a_folder_that_is_a_link_or_has_another_name_is_not_removed(tmp_path, place):
    """The name of a job can be computed before it is made."""
    folders = JobFolders(place)
    folders.make(JOB)
    folders.make("photos")
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / OWN_MARK).touch()
    (place / OTHER).symlink_to(tmp_path / "victim")
    for name in (OTHER, "photos", "..", f"{JOB}/../photos"):
        folders.remove(name)

    assert sorted(os.listdir(place)) == sorted([OWN_MARK, JOB, OTHER, "photos"])
    assert (tmp_path / "victim" / OWN_MARK).exists()
