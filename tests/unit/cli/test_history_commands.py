"""`mentra at`, `diff` and `bisect`: a stored team, looked back at."""

import shutil
import time
from datetime import UTC, datetime

import pytest

from mentra_actors.cli.times import moment_named, unix_time
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.history import History
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend

pytest.importorskip("jmespath")


def event_of(mentra, store, tag):
    """Where the first event with a tag is."""
    assert mentra("log", "--tag", tag, "--store", store) == 0
    return int(mentra.out.split()[0])


@pytest.fixture
def spawned(mentra, team_store):
    """The position at which bob was added to the team."""
    assert mentra("bisect", "--view", "roster", "--where", "[?name=='bob']", "--json",
                  "--store", team_store) == 0  # fmt: skip
    return int(mentra.out.split('"position": ')[1].split(",")[0])


def test_a_moment_shows_who_was_there_and_what_was_to_do(mentra, team_store, spawned):
    assert mentra("at", spawned - 1, "--store", team_store) == 0
    before = mentra.out
    assert mentra("at", spawned, "--store", team_store) == 0

    assert f"position {spawned - 1} of" in before
    assert "bob" not in before.partition("\n")[2]
    assert "bob" in mentra.out.partition("\n")[2]
    assert "1: Count" in mentra.out


def test_a_moment_before_the_first_event_is_empty(mentra, team_store):
    assert mentra("at", 0, "--store", team_store) == 0

    assert "before the first event" in mentra.out
    assert "Nobody was in the team yet." in mentra.out


def test_an_agent_says_what_it_was_about_to_do(mentra, team_store):
    asked = event_of(mentra, team_store, "agent.model_call_requested.v1")
    assert mentra("at", asked, "lead", "--store", team_store) == 0

    assert "awaiting model" in mentra.out
    assert "about to    ask the model scripted:x" in mentra.out
    assert "How many?" in mentra.out


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("transcript", "says       On it."),
        ("config", "scripted:x"),
        ("messages", "How many?"),
        ("usage", "model calls"),
    ],
)
def test_an_agent_has_views(mentra, team_store, view, words):
    assert mentra("at", "now", "lead", "--view", view, "--store", team_store) == 0
    assert words in mentra.out

    shown = mentra.json("at", "now", "lead", "--view", view, "--store", team_store)
    assert shown["agent"] == "lead"


@pytest.mark.parametrize("view", ["board", "roster", "usage", "schedules"])
def test_a_team_has_views(mentra, team_store, view):
    assert mentra("at", "now", "--view", view, "--store", team_store) == 0

    assert mentra.json("at", "now", "--view", view, "--store", team_store)["view"] == view


def test_so_many_events_before_the_end(mentra, team_store):
    last = mentra.json("at", "--store", team_store)["position"]

    assert mentra.json("at", "-5", "--store", team_store)["position"] == last - 5
    assert mentra.json("at", "end-5", "--store", team_store)["position"] == last - 5
    assert mentra.json("at", "-999999", "--store", team_store)["position"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["at", "999999"], "999999 is not there"),
        (["at", "soon"], "'soon' is no moment"),
        (["at", "0", "lead"], "there was nobody yet"),
        (["at", "now", "nobody"], "there was lead, bob"),
        (["at", "now", "lead", "--view", "board"], "an agent has no view 'board'"),
        (["at", "now", "--view", "nothing"], "no view is named 'nothing'"),
        (["at", "now", "--view", "json:loads"], "json:loads is no projection"),
        (["at", "now", "--view", "json:nothing"], "json has no 'nothing'"),
        (["at", "now", "--view", "transcript"], "Name an agent"),
        (["diff", "0", "--agent", "nobody"], "there was lead, bob"),
        (["bisect", "--view", "board"], "either --where or --python"),
        (["bisect", "--where", "a"], "say which, --view NAME"),
        (["bisect", "--view", "board", "--where", "[?"], "no JMESPath expression"),
        (["bisect", "--view", "board", "--where", "abs('x')"], "cannot be asked about"),
        (["bisect", "--view", "board", "--where", "length(@) > `9`"], "nothing has made it so"),
        (["bisect", "--python", "builtins:len"], "builtins:len raised TypeError"),
        (["bisect", "--python", "sys:path"], "sys:path is no function"),
        (["bisect", "--view", "board", "--where", "@", "--good", "now"], "true at position"),
    ],
)
def test_what_cannot_be_meant_is_refused(mentra, team_store, arguments, words):
    assert mentra(*arguments, "--store", team_store) != 0
    assert words in mentra.err


def test_a_store_that_is_not_there_is_said(mentra, tmp_path):
    assert mentra("at", "--store", tmp_path / "nothing") != 0
    assert "there is no store" in mentra.err


def test_a_difference_is_told_in_sections(mentra, team_store, spawned):
    assert mentra("diff", spawned - 1, "--store", team_store) == 0

    assert "+ bob has joined" in mentra.out
    assert "~ 1: Count @bob  ready → completed" in mentra.out
    assert "~ 2: Sum  blocked → ready" in mentra.out
    assert "says       Thank you, bob." in mentra.out
    assert "not there → idle" in mentra.out


def test_a_difference_of_one_agent_or_of_one_view(mentra, team_store, spawned):
    assert mentra("diff", spawned - 1, "--agent", "bob", "--store", team_store) == 0
    assert "Board" not in mentra.out
    assert "lead  v" not in mentra.out
    assert mentra("diff", spawned - 1, "--view", "board", "--store", team_store) == 0
    assert "~ [0].owner" in mentra.out


def test_what_differs_nowhere_is_said(mentra, team_store):
    assert mentra("diff", "now", "--store", team_store) == 0
    assert "Nothing differs." in mentra.out

    assert mentra("diff", "now", "--with", team_store, "--store", team_store) == 0
    assert "Nothing differs." in mentra.out


def test_of_two_stores_it_is_said_which_is_which(mentra, team_store, tmp_path, spawned):
    other = shutil.copytree(team_store, tmp_path / "other.mentra")
    sides = (spawned - 1, "now", "--with", other, "--store", team_store)
    assert mentra("diff", *sides) == 0
    old, new, *_ = mentra.out.splitlines()
    assert old.startswith(f"- {team_store}  position {spawned - 1} of ")
    assert new.startswith(f"+ {other}  position ")

    shown = mentra.json("diff", *sides)
    assert [shown[one]["store"] for one in ("before", "after")] == [str(team_store), str(other)]


def test_a_difference_is_a_document(mentra, team_store, spawned):
    shown = mentra.json("diff", spawned - 1, "--store", team_store)

    assert shown["difference"]["joined"] == ["bob"]
    assert shown["before"]["position"] == spawned - 1


def test_bisect_names_the_event_and_what_it_changed(mentra, team_store):
    done = "[?status=='completed']"
    assert mentra("bisect", "--view", "board", "--where", done, "--store", team_store) == 0

    assert "made it true" in mentra.out
    assert "task 1 went from pending to completed" in mentra.out
    assert "because of" in mentra.out
    assert "~ [0].status" in mentra.out


def test_bisect_takes_a_projection_by_its_class(mentra, team_store, tmp_path, monkeypatch):
    """As `mentra project` does: the class is what people write."""
    (tmp_path / "my_views.py").write_text(
        "from mentra_actors import events\n"
        "from projections import KeyedProjection\n"
        "class Answers(KeyedProjection[int], handles=[events.ModelReplied], by='one'):\n"
        "    def apply(self, view, key, recorded):\n"
        "        return view + 1\n"
    )
    monkeypatch.chdir(tmp_path)
    where = "values(@)[0] >= `2`"
    found = mentra.json(
        "bisect", "--view", "my_views:Answers", "--where", where, "--store", team_store
    )

    assert found["event"]["sentence"].startswith("model ")
    assert [(one["before"], one["after"]) for one in found["changes"]] == [(1, 2)]


def test_bisect_asks_a_function_about_moments(mentra, team_store, tmp_path, monkeypatch):
    (tmp_path / "my_questions.py").write_text(
        "def is_two(moment):\n    return len(moment.roster()) == 2\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    shown = mentra.json("bisect", "--python", "my_questions:is_two", "--store", team_store)

    assert "bob" in shown["event"]["sentence"]


# --- times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m ago", 600),
        ("2h 30m", 9000),
        ("2h30m ago", 9000),
        ("10 minutes ago", 600),
        ("1 day", 86_400),
        ("2 weeks ago", 1_209_600),
    ],
)
def test_a_span_is_counted_back_from_now(text, seconds):
    assert abs(time.time() - seconds - unix_time(text)) < 5


def test_a_date_is_read_as_it_says():
    assert (
        unix_time("2026-05-01T12:00:00+00:00") == datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp()
    )
    assert unix_time("16:30") - unix_time("9:30") == 7 * 3600


@pytest.mark.parametrize("text", ["", "soon", "10", "10x ago", "ago", "2026-13-01", "5m!"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(CommandRejected, match="is no time"):
        unix_time(text)


def test_a_time_means_the_last_event_before_it():
    store = MemoryEventStore()
    for number in range(3):
        event = EncodedEvent("a.b.v1", b"\x80")
        part = StreamAppend(stream_id="agent-a", events=(event,))
        at_ns = int((time.time() - 600 + 60 * number) * 1e9)
        store.append(AppendRequest(streams=(part,), recorded_at_ns=at_ns))
    history = History(store)

    found = [moment_named(history, text).position for text in ("1h ago", "570s", "5m", "now")]
    assert found == [0, 1, 3, 3]
