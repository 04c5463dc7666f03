"""`mentra project`: any view, by its name or by where it is; now, as it was, and as it changes."""

import json
import shutil
import sqlite3

import pytest

MINE = '''
from typing import Any

from mentra_actors import events
from projections import KeyedProjection, SqlProjection, projection


class OutputTokens(KeyedProjection[int], handles=[events.ModelReplied], by="agent"):
    """Output tokens by agent."""

    def apply(self, view: int, key: str, recorded: events.RecordedEvent[Any]) -> int:
        return view + recorded.event.usage.output_tokens


class Calls(SqlProjection, handles=[events.ModelReplied]):
    def create(self, cursor):
        cursor.execute("CREATE TABLE calls (tokens INTEGER)")

    def drop(self, cursor):
        cursor.execute("DROP TABLE IF EXISTS calls")

    def write(self, cursor, recorded):
        cursor.execute("INSERT INTO calls VALUES (?)", (recorded.event.usage.output_tokens,))


@projection(name="broken", initial=int, view_type=int)
def broken(view, recorded):
    return view // 0


class Needy(KeyedProjection[int]):
    def __init__(self, city):
        self.city = city

    def apply(self, view, key, recorded):
        return view


@projection(name="loud", initial=int, view_type=int)
def loud(view, recorded):
    raise ValueError("\\x1b[31mred\\x07")


number = 3
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module with read models in the working directory; its name."""
    name = f"mine_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MINE)
    (tmp_path / "leaving_at_once.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    return name


@pytest.fixture
def own_store(team_store, tmp_path):
    """A copy, beside which views may be kept."""
    return shutil.copytree(team_store, tmp_path / "own.mentra")


def test_without_a_name_it_says_which_views_there_are(mentra, team_store):
    assert mentra("project", "--store", team_store) == 0
    assert "Who is in the teams" in mentra.out
    assert "roster" in [one["name"] for one in mentra.json("project", "--store", team_store)]


def test_a_read_model_of_ones_own_is_there_over_all_of_history(mentra, team_store, mine):
    found = mentra.json("project", f"{mine}:OutputTokens", "--store", team_store)

    assert found["views"]["output_tokens"]["lead"] > 0
    assert mentra("project", f"{mine}:OutputTokens", "--store", team_store) == 0
    assert mentra.out.splitlines()[0].split() == ["key", "output_tokens"]
    assert not (team_store / "views").exists()


def test_a_view_is_shown_as_it_was_and_in_part(mentra, team_store):
    then = mentra.json("project", "roster", "--at", 3, "--store", team_store)
    part = mentra.json("project", "roster", "--key", "agent-bob", "--store", team_store)

    assert then["position"] == 3
    assert list(part["views"]["roster"]) == ["agent-bob"]
    assert mentra("project", "roster", "--key", "agent-bob", "--store", team_store) == 0
    assert "  role" in mentra.out


def test_a_view_is_kept_and_made_anew(mentra, own_store, mine):
    name = f"{mine}:OutputTokens"
    kept = mentra.json("project", name, "--keep", "--store", own_store)

    assert kept == mentra.json("project", name, "--rebuild", "--store", own_store)
    (status,) = mentra.json("project", name, "--status", "--store", own_store)
    assert (status["checkpoint"], status["lag"]) == (kept["position"], 0)
    assert mentra("project", name, "--status", "--store", own_store) == 0
    assert "up to date" in mentra.out


def test_rows_are_written_into_a_database(mentra, team_store, mine, tmp_path):
    name = f"{mine}:Calls"
    into = f"sqlite:{tmp_path / 'calls.db'}"
    for _ in range(2):
        assert mentra("project", name, "--into", into, "--store", team_store) == 0
    with sqlite3.connect(tmp_path / "calls.db") as connection:
        (count,) = connection.execute("SELECT count(*) FROM calls").fetchone()
    connection.close()

    usage = mentra.json("usage", "--store", team_store)
    assert count == usage["total"]["calls"]
    assert mentra("project", name, "--store", team_store) == 2
    assert "--into sqlite:FILE" in mentra.err


def test_whoever_was_away_is_told_what_has_changed(mentra, team_store, monkeypatch):
    def interrupted(*_arguments, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "mentra_actors.store.embedded.reader.LmdbJournalReader.wait_for_position", interrupted
    )
    assert mentra("project", "roster", "-f", "--json", "--store", team_store) == 0
    (snapshot,) = map(json.loads, mentra.out.splitlines())
    last = snapshot["position"]
    more = ("--after", last - 1, "--json", "--store", team_store)
    assert mentra("project", "roster", "usage", "-f", *more) == 0
    *changes, reached = map(json.loads, mentra.out.splitlines())
    assert reached == {"kind": "views_reached", "position": last}
    assert {one["kind"] for one in changes} <= {"view_change"}
    assert mentra("project", "roster", "-f", "--store", team_store) == 0
    assert "roster agent-lead" in mentra.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "no view is named 'nothing'; there are transcript"),
        (["nowhere_at_all:view"], "no module 'nowhere_at_all'"),
        (["{mine}:Other"], "it has OutputTokens, Calls, broken"),
        (["{mine}:Needy"], "cannot be made: TypeError"),
        (["{mine}:loud"], "ValueError: \N{REPLACEMENT CHARACTER}[31mred"),
        (["leaving_at_once:x"], "cannot be imported: SystemExit"),
        (["roster", "-f", "--after", "99999"], "--after 99999 is to come"),
        (["{mine}:number"], "is no projection: it has no name"),
        (["{mine}:broken"], "failed at position 1: ZeroDivisionError"),
        (["roster", "--at", "99999"], "99999 is not there"),
        (["roster", "--at", "1", "-f"], "--at is a moment of the past"),
        (["roster", "--after", "1"], "--after says where --follow begins"),
        (["roster", "-f", "--keep"], "--follow keeps nothing"),
        (["roster", "--into", "mysql://x"], "sqlite:FILE or postgresql://"),
    ],
)
def test_what_cannot_be_shown_is_said_in_words(mentra, team_store, mine, arguments, said):
    asked = [one.format(mine=mine) for one in arguments]

    assert mentra("project", *asked, "--store", team_store) in {1, 2}
    assert said in mentra.err
