"""Read models of a running team: both faces, read your own writes, a database, the health."""

import sqlite3
from typing import Any

import pytest

import mentra_actors as mentra
from mentra_actors import events
from mentra_actors.errors import RuntimeClosed
from projections import KeyedProjection, SqlProjection


class Answers(KeyedProjection[int], handles=[events.ModelReplied], by="agent"):
    """How many answers of each agent."""

    def apply(self, view: int, key: str, recorded: events.RecordedEvent[Any]) -> int:
        return view + 1


class Rows(SqlProjection, handles=[events.ModelReplied]):
    """The same as rows."""

    def create(self, cursor):
        cursor.execute("CREATE TABLE answers (stream TEXT)")

    def drop(self, cursor):
        cursor.execute("DROP TABLE IF EXISTS answers")

    def write(self, cursor, recorded):
        cursor.execute("INSERT INTO answers VALUES (?)", (recorded.stream_id,))


def model():
    return mentra.ScriptedModel(turns=["ready"], repeat=True)


def test_what_a_reply_says_is_in_the_views_that_are_waited_for():
    answers = Answers()
    with mentra.open_runtime_sync(":memory:", providers=[model()]) as runtime:
        kept = runtime.project(answers)
        lead = runtime.spawn("lead", model="scripted:x")
        counts = []
        for _ in range(3):
            reply = lead.send("hello")
            assert kept.wait_for(reply.position)
            counts.append(kept.view(answers, "lead"))
        last = runtime.history.at(reply.position).parts(answers)

    assert counts == [1, 2, 3]
    assert last == {"lead": 3}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_other_face_keeps_rows_in_a_database(tmp_path):
    async with mentra.open_runtime(":memory:", providers=[model()]) as runtime:
        kept = await runtime.project(Rows(), into=f"sqlite:{tmp_path / 'a.db'}")
        lead = await runtime.spawn("lead", model="scripted:x")
        reply = await lead.send("hello")
        assert kept.wait_for(reply.position)
        (status,) = kept.status()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        rows = connection.execute("SELECT stream FROM answers").fetchall()
    connection.close()

    assert rows == [("agent-lead",)]
    assert status.checkpoint >= reply.position


def test_the_health_says_how_views_are():
    answers = Answers()
    with mentra.open_runtime_sync(":memory:", providers=[model()]) as runtime:
        kept = runtime.project(answers)
        kept.wait()
        kept.pause(answers)
        runtime.spawn("lead", model="scripted:x").send("hello")
        (paused,) = runtime.health().views
        kept.resume(answers)
        kept.wait()
        (resumed,) = runtime.health().views

    assert (paused.name, paused.is_paused, paused.behind > 0) == ("answers", True, True)
    assert not resumed.is_paused


def test_rows_need_a_database():
    with (
        mentra.open_runtime_sync(":memory:", providers=[model()]) as runtime,
        pytest.raises(mentra.ConfigurationError, match="into='sqlite:FILE'"),
    ):
        runtime.project(Rows())


def test_views_of_an_encrypted_store_are_sealed_in_a_database_too(tmp_path):
    key_file = tmp_path / "key"
    key_file.write_text("ab" * 32)
    sealing = mentra.Sealing(key_file=key_file)
    into = f"sqlite:{tmp_path / 'views.db'}"
    answers = Answers()
    path = tmp_path / "team"
    with mentra.open_runtime_sync(path, providers=[model()], sealing=sealing) as runtime:
        kept = runtime.project(answers, into=into)
        kept.wait_for(runtime.spawn("lead", model="scripted:x").send("hello").position)
        kept.rebuild(answers)
        assert kept.view(answers, "lead") == 1
    with sqlite3.connect(tmp_path / "views.db") as connection:
        ((part,),) = connection.execute("SELECT part FROM mentra_view_parts").fetchall()
    connection.close()

    assert len(part) > 8


def test_a_runtime_that_is_closed_keeps_no_views(tmp_path):
    with mentra.open_runtime_sync(tmp_path / "team", providers=[model()]) as runtime:
        pass
    with pytest.raises(RuntimeClosed):
        runtime.project(Answers())


@pytest.mark.parametrize("into", [3, "sqlite:a\0b"])
def test_an_address_that_is_none_is_refused_in_words(into):
    with (
        mentra.open_runtime_sync(":memory:", providers=[model()]) as runtime,
        pytest.raises((TypeError, mentra.ConfigurationError), match=r"address|are kept in sqlite"),
    ):
        runtime.project(Answers(), into=into)


@pytest.mark.parametrize("position", ["3", 1.5, True])
def test_a_moment_that_is_none_is_refused_in_words(position):
    with (
        mentra.open_runtime_sync(":memory:", providers=[model()]) as runtime,
        pytest.raises(TypeError, match="at_position is a whole number"),
    ):
        runtime.view(Answers(), at_position=position)
