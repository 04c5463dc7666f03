"""Read models in tables of one's own: each event counts once."""

import contextlib
import os
import sqlite3

import pytest

from mentra_actors.domain.agent.events import AgentStopped, PromptAccepted
from mentra_actors.errors import ConfigurationError, StoreFormatError
from projections import SqlProjection
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews
from projections.stores.sql_opening import open_sql_views


def prompt(text):
    return PromptAccepted(prompt_id=text, text=text, accepted_at=1.0)


class Texts(SqlProjection, handles=[PromptAccepted]):
    """Every prompt, a row for each; some cannot be borne."""

    unbearable = "bad"

    def create(self, cursor):
        cursor.execute("CREATE TABLE texts (position INTEGER, text TEXT)")

    def drop(self, cursor):
        cursor.execute("DROP TABLE IF EXISTS texts")

    def write(self, cursor, recorded):
        cursor.execute("INSERT INTO texts VALUES (?, ?)", (recorded.global_position, ""))
        if recorded.event.text == self.unbearable:
            raise ZeroDivisionError("cannot bear it")
        row = (recorded.event.text, recorded.global_position)
        cursor.execute("UPDATE texts SET text = ? WHERE position = ?", row)


class LoudTexts(Texts, name="texts", version=2):
    """The same in capitals."""

    def write(self, cursor, recorded):
        row = (recorded.global_position, recorded.event.text.upper())
        cursor.execute("INSERT INTO texts VALUES (?, ?)", row)


@pytest.fixture
def database(tmp_path):
    return tmp_path / "views.db"


@pytest.fixture
def views(database):
    opened = open_sql_views(f"sqlite:{database}")
    yield opened
    opened.close()


@pytest.fixture
def runner(log, views):
    return ProjectionRunner(log.store, views, [Texts()], page_events=2)


def rows(database):
    with contextlib.closing(sqlite3.connect(database)) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM texts ORDER BY rowid")]


def test_rows_and_checkpoint_go_together(log, runner, database):
    for text in "abc":
        log.append("agent-lead", prompt(text))
    log.append("agent-lead", AgentStopped(stopped_at=1.0))
    runner.catch_up()
    runner.catch_up()

    assert rows(database) == ["a", "b", "c"]
    assert runner.checkpoint() == 4


def test_another_runner_goes_on_where_one_has_ended(log, runner, views, database):
    log.append("agent-lead", prompt("a"))
    runner.catch_up()
    log.append("agent-lead", prompt("b"))
    ProjectionRunner(log.store, views, [Texts()]).catch_up()
    runner.catch_up()

    assert rows(database) == ["a", "b"]


def test_what_it_writes_before_it_raises_is_not_kept(log, runner, database):
    for text in ("a", "bad", "b"):
        log.append("agent-lead", prompt(text))
    runner.catch_up()

    assert rows(database) == ["a"]
    (status,) = runner.status()
    assert (status.checkpoint, status.failed_position) == (1, 2)
    assert "ZeroDivisionError: cannot bear it" in status.failure


def test_a_mended_one_goes_on_without_being_opened_again(log, runner, database):
    for text in ("a", "bad", "b"):
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    mended = Texts()
    mended.unbearable = ""
    runner.retry(mended)
    runner.catch_up()

    assert rows(database) == ["a", "bad", "b"]
    assert runner.status()[0].failure == ""


def test_a_wrong_statement_is_the_fault_of_the_projection(log, views):
    class Wrong(Texts, name="wrong"):
        def write(self, cursor, _recorded):
            cursor.execute("INSERT INTO nowhere VALUES (1)")

    log.append("agent-lead", prompt("a"))
    runner = ProjectionRunner(log.store, views, [Wrong()])
    runner.catch_up()

    assert "no such table: nowhere" in runner.status()[0].failure


def test_one_that_ends_the_transaction_is_stopped(log, views):
    class Ends(Texts, name="ends"):
        def write(self, cursor, _recorded):
            cursor.connection.commit()

    log.append("agent-lead", prompt("a"))
    runner = ProjectionRunner(log.store, views, [Ends()])
    runner.catch_up()

    assert "has ended the transaction" in runner.status()[0].failure
    assert runner.status()[0].checkpoint == 0


def test_a_raised_version_makes_its_tables_anew(log, runner, views, database):
    for text in "ab":
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    raised = ProjectionRunner(log.store, views, [LoudTexts()])
    raised.catch_up()

    assert rows(database) == ["A", "B"]
    assert views.versions("texts") == [2]


@pytest.mark.parametrize("seen", [2, 5])
def test_a_process_of_an_older_version_writes_no_rows_between_those_of_a_newer_one(
    log, runner, views, database, seen
):
    """Tables have no version beside them: both would write each event, or one drop the other's."""
    for text in "ab":
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    for text in "cde":
        log.append("agent-lead", prompt(text))
    raised = ProjectionRunner(log.store, views, [LoudTexts()], page_events=2)
    raised.catch_up(through=seen)
    for older in (runner, ProjectionRunner(log.store, views, [Texts()])):
        older.catch_up()
        (status,) = older.status()

        assert "its tables are those of version 2 by now" in status.failure
        assert rows(database) == list("ABCDE")[:seen]
    raised.catch_up()
    assert rows(database) == list("ABCDE")
    assert views.versions("texts") == [2]


def test_an_older_text_gets_its_tables_back_under_a_higher_version(log, views, database):
    class QuietAgain(Texts, name="texts", version=3):
        """As it was at first."""

    log.append("agent-lead", prompt("a"))
    for kept in (Texts(), LoudTexts(), QuietAgain()):
        ProjectionRunner(log.store, views, [kept]).catch_up()

    assert rows(database) == ["a"]


def test_tables_are_made_anew_on_demand(log, runner, database):
    for text in "ab":
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM texts")
    connection.close()
    runner.rebuild("texts")

    assert rows(database) == ["a", "b"]


def test_it_is_kept_in_a_database_only(log):
    with pytest.raises(ConfigurationError, match=r"into='sqlite:FILE'"):
        ProjectionRunner(log.store, MemoryViews(), [Texts()])


@pytest.mark.parametrize("address", ["views.db", "sqlite:", "mysql://here"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ConfigurationError, match="sqlite:FILE"):
        open_sql_views(address)


def test_a_file_that_is_no_database_is_refused_and_let_go(database):
    """The error may be kept for long; the open file must not be kept with it."""
    database.write_text("a long text that is not a database at all\n" * 100)
    before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(StoreFormatError, match=r"views\.db"):
        open_sql_views(f"sqlite:{database}")
    assert len(os.listdir("/proc/self/fd")) == before
