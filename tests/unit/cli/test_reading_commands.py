"""Commands that look at a store: they say what is there, and never change it."""

import json

import pytest
from rich.text import Text

from mentra_actors import ScriptedModel, call, open_runtime_sync
from mentra_actors.cli.failures import failure_of
from mentra_actors.cli.output import Output
from mentra_actors.cli.render.render_board import board_lines
from mentra_actors.cli.render.render_transcript import item_lines
from mentra_actors.domain.board.commands import ClaimTask, CreateTask
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.errors import StoreLocked
from mentra_actors.providers.scripted import position
from projections.views import transcript_item as t
from projections.views.task_board import BoardView


def test_agents_shows_the_roster(mentra, team_store):
    """The first question about a team is who is in it."""
    lead, bob = mentra.json("agents", "--store", team_store)

    assert (lead["name"], lead["status"], lead["stream"]) == ("lead", "idle", "agent-lead")
    assert (bob["role"], bob["model"], bob["mail_waiting"]) == ("helper", "scripted:x", 0)
    assert lead["usage"]["input_tokens"] > 0
    assert mentra("agents", "--store", team_store) == 0
    assert "helper" in mentra.out


def test_board_shows_states_and_owners(mentra, team_store):
    """A board says who does what, and what waits for what."""
    count, total = mentra.json("board", "--store", team_store)

    assert (count["status"], count["owner"]) == ("completed", "bob")
    assert (total["state"], total["blocked_by"], total["waits_for"]) == ("ready", [1], [])
    assert mentra("board", "--store", team_store) == 0
    assert mentra.out.splitlines() == [
        "Ready (1)",
        "  [ ] 2: Sum",
        "",
        "Completed (1)",
        "  [x] 1: Count @bob",
    ]


def test_a_board_is_shown_as_it_was(mentra, team_store):
    """Who asks why somebody did something looks at what there was to do then."""
    assert mentra("board", "--at", 3, "--store", team_store) == 0
    assert "  [ ] 1: Count @bob\n" in mentra.out
    assert "  [-] 2: Sum (blocked by 1)\n" in mentra.out
    assert mentra("board", "--at", 99, "--store", team_store) == 2
    assert "--at 99 is to come" in mentra.err


def test_one_task_is_shown_with_all_that_is_known(mentra, team_store):
    assert mentra("board", 1, "--store", team_store) == 0
    assert mentra.out.startswith("[x] 1: Count @bob\n")
    assert "by lead" in mentra.out
    assert mentra.json("board", 1, "--store", team_store)["owner"] == "bob"
    assert mentra("board", 7, "--store", team_store) == 2
    assert "Task 7 does not exist" in mentra.err


def test_log_prints_one_json_line_per_event(mentra, team_store):
    """Programs read a log line by line."""
    assert mentra("log", "--store", team_store, "--json") == 0
    events = [json.loads(line) for line in mentra.out.splitlines()]

    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    assert {"stream", "version", "tag", "sentence", "event", "recorded_at"} <= set(events[0])


@pytest.mark.parametrize("name", ["bob", "agent-bob"])
def test_log_of_one_agent(mentra, team_store, name):
    """An agent goes by its name or by its stream."""
    assert mentra("log", name, "--after", 2, "--store", team_store, "--json") == 0
    events = [json.loads(line) for line in mentra.out.splitlines()]

    assert {event["stream"] for event in events} == {"agent-bob"}
    assert events[0]["version"] == 3


def test_a_log_begins_at_any_moment(mentra, team_store):
    """By a place from the end, or by a time, as all looks at the past."""

    def shown(*arguments):
        assert mentra("log", *arguments, "--store", team_store, "--json") == 0
        return [json.loads(line) for line in mentra.out.splitlines()]

    whole, bob = shown(), shown("bob")
    assert shown("--after", "-3") == shown("--after", len(whole) - 3) == whole[-3:]
    assert shown("bob", "--after", "-3") == shown("bob", "--after", "end-3") == bob[-3:]
    assert shown("--after", "1d ago") == whole
    assert shown("bob", "--after", "1d ago") == shown("bob", "--after", "-9999") == bob
    assert shown("--after", "now") == shown("bob", "--after", "now") == []


def test_log_of_any_stream(mentra, team_store):
    """A board is a stream like any other."""
    assert mentra("log", "board-main", "--store", team_store) == 0
    assert "task 1 claimed by bob" in mentra.out


def test_log_of_one_kind_of_stream_and_one_tag(mentra, team_store):
    """Who looks for the mail of a large team must not read everything else."""
    assert mentra("log", "--category", "inbox", "--store", team_store, "--json") == 0
    mail = [json.loads(line) for line in mentra.out.splitlines()]
    assert mail
    assert {event["stream"].partition("-")[0] for event in mail} == {"inbox"}

    tag = mail[0]["tag"]
    for arguments in (["--tag", tag], ["--tag", tag, "--tag", "no.such.v1"]):
        assert mentra("log", *arguments, "--store", team_store, "--json") == 0
        found = [json.loads(line) for line in mentra.out.splitlines()]
        assert found == [event for event in mail if event["tag"] == tag]
    assert mentra("log", "lead", "--category", "inbox", "--store", team_store, "--json") == 0
    assert mentra.out == ""


def test_log_after_the_end_says_so(mentra, team_store):
    """Silence would leave a person to wonder."""
    assert mentra("log", "bob", "--after", 999, "--store", team_store) == 0
    assert mentra.out == ""
    assert "nothing after 999" in mentra.err


def test_log_of_a_tag_that_no_event_has_names_those_there_are(mentra, team_store):
    """Nobody knows tags by heart; without a list the next guess is as bad."""
    assert mentra("log", "--tag", "task.made", "--store", team_store) == 0
    tags = mentra.err.partition("there are ")[2].split(" and ")[0].split(", ")

    assert mentra.out == ""
    assert "No event has the tag task.made; there are " in mentra.err
    assert len(tags) == 10
    assert mentra("log", "--tag", tags[0], "--store", team_store, "--json") == 0
    assert mentra.out


def test_what_failed_is_told_with_what_helps(mentra, tmp_path):
    """Advice that does not fit the command sends people the wrong way."""
    none = tmp_path / "none"
    for command in ("doctor", "compact"):
        assert mentra(command, none) == 2
        assert f"`mentra {command} STORE`" in mentra.err
        assert "--store" not in mentra.err
    assert mentra("log", "--store", none) == 2
    assert "--store PATH" in mentra.err
    locked = failure_of(StoreLocked("locked"))
    assert all(one in locked.advice for one in ("log", "doctor", "backup", "export"))


def test_who_only_reads_is_not_told_that_nothing_was_recorded(mentra, team_store):
    """It makes people wonder what a look at the log was about to record."""
    assert mentra("log", "nobody", "--store", team_store) == 2
    assert "Nothing was recorded." not in mentra.err
    assert "agents: lead, bob" in mentra.err


def test_a_part_of_a_store_that_is_not_there_is_told(mentra, team_store, tmp_path):
    """An empty file of a stream that was mistyped looks like a team that has done nothing."""
    arguments = ("export", team_store, tmp_path / "lines", "--stream", "agent-zz")
    assert mentra(*arguments, "--category", "nope") == 0
    assert "Nothing in the store is of stream agent-zz, category nope" in mentra.err
    assert "1 lines" not in mentra.err


def test_transcript_as_of_a_version(mentra, team_store):
    """Any moment can be looked at."""
    whole = mentra.json("transcript", "lead", "--store", team_store)
    early = mentra.json("transcript", "lead", "--at", 5, "--store", team_store)

    assert early["at"] == 5
    assert early["last_version"] == whole["at"]
    assert early["items"] == whole["items"][: len(early["items"])]
    assert max(item["version"] for item in early["items"]) <= 5


def test_transcript_reads_like_a_conversation(mentra, team_store):
    """People see who says what, and which call gave which result."""
    assert mentra("transcript", "lead", "--store", team_store) == 0
    labels = [line.split()[1] for line in mentra.out.splitlines() if line.split()[0][0] == "v"]

    assert {"prompt", "calls", "result", "says"} <= set(labels)
    assert "mail in    from bob: It is 3." in mentra.out


def test_a_transcript_says_what_was_open_when_a_process_died_also_if_nothing_was():
    """A colon with nothing behind it looks like a fault of the transcript."""

    def told(*opened):
        recovered = t.Recovered(open_effects=opened)
        one = t.TranscriptItem(
            stream_version=1, global_position=1, recorded_at=1.0, content=recovered
        )
        ((_, line),) = item_lines([one])
        return line.plain

    assert "the process had died; open: tool-1.0" in told("tool-1.0")
    assert "the process had died; nothing was open" in told()


@pytest.mark.parametrize(
    "command", [["agents"], ["board"], ["log"], ["log", "x"], ["transcript", "x"]]
)
def test_a_store_that_is_not_there_is_not_made(mentra, tmp_path, command):
    """A wrong path must not leave an empty store behind."""
    path = tmp_path / "none"

    assert mentra(*command, "--store", path) == 2
    assert "Nothing was made." in mentra.err
    assert not path.exists()


def test_errors_are_json_too(mentra, tmp_path):
    """A program reads failures as it reads answers."""
    assert mentra("agents", "--json", "--store", tmp_path / "none") == 2
    failure = json.loads(mentra.err)

    assert mentra.out == ""
    assert failure["error"] == "StoreNotFound"
    assert {"message", "safe", "advice", "exit_code"} <= set(failure)


def test_an_unknown_agent_lists_the_known_ones(mentra, team_store):
    """The next attempt should be the right one."""
    assert mentra("transcript", "eve", "--store", team_store) == 2
    assert "lead, bob" in mentra.err
    assert mentra("log", "eve", "--store", team_store) == 2
    assert "board-main" in mentra.err


@pytest.mark.parametrize("command", ["log", "transcript", "usage", "entries"])
def test_nobody_has_no_name(mentra, team_store, command):
    """A variable of a script that is empty is no trouble of the store."""
    assert mentra(command, "", "--store", team_store) == 2
    assert "is named ''" in mentra.err
    assert "agents: lead" in mentra.err


def test_a_stream_that_is_no_agent_has_no_transcript(mentra, team_store):
    """A board says nothing."""
    assert mentra("transcript", "board-main", "--store", team_store) == 2
    assert "mentra log board-main" in mentra.err


def test_a_version_that_is_to_come_is_refused(mentra, team_store):
    """An empty answer would look like an early one."""
    assert mentra("transcript", "lead", "--at", 9999, "--store", team_store) == 2
    assert "9999" in mentra.err


def test_a_directory_that_is_no_store_is_named(mentra, tmp_path):
    """Somebody may point at a project instead of its store."""
    (tmp_path / "file.txt").write_text("x")

    assert mentra("board", "--store", tmp_path) in (1, 2)
    assert str(tmp_path) in mentra.err


def test_reading_works_beside_a_writer(mentra, tmp_path):
    """A running team can be watched."""
    path = tmp_path / "team.mentra"
    model = ScriptedModel(["Hello."], name="scripted")
    with open_runtime_sync(path, providers=[model], durability="volatile") as runtime:
        runtime.spawn("lead", model="scripted:x").send("Hi", timeout_s=20)

        assert mentra.json("agents", "--store", path)[0]["name"] == "lead"
        assert mentra("run", "Hi", "--store", path, "--model", "offline:survey") != 0
    assert "Traceback" not in mentra.err


def test_the_store_may_come_from_the_environment(mentra, team_store, monkeypatch):
    """Typing a path each time is a nuisance."""
    monkeypatch.setenv("MENTRA_STORE", str(team_store))

    assert [one["id"] for one in mentra.json("board")] == [1, 2]


def test_version_and_misuse(mentra):
    """The small things that each command line has."""
    assert mentra("--version") == 0
    assert mentra.out.startswith("mentra 0.")
    assert mentra("frobnicate") == 2
    assert mentra("timeline", "--last", "soon") == 2
    assert "--help" in mentra.err


@pytest.mark.parametrize("line", ["sessions", "export x", "run hello --model offline:survey"])
def test_a_directory_that_is_gone_is_named(mentra, monkeypatch, tmp_path, line):
    """The number of an error does not say that somebody has deleted it in another terminal."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()

    assert mentra(*line.split()) == 1
    assert mentra.err.startswith("mentra: the directory in which this command was started is not")
    assert "Errno" not in mentra.err


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("memory lead x --limit 0", "--limit must be at least 1"),
        ("approve 1.0 --remember sessions", "--remember: 'sessions' is not one of 'session'"),
        ("approve", "CALL is missing. Its name in `mentra approvals`."),
        ("timeline --last soon", "--last must be a whole number\n"),
        ("audit --after -1", "--after must be at least 0\n"),
        ("health --long x", "--long must be a number\n"),
    ],
)
def test_what_cannot_be_meant_is_named(mentra, line, words):
    """A command has many options; the words of a check do not say of which they speak."""
    assert mentra(*line.split()) == 2
    assert mentra.err.startswith(f"mentra: {words}")


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        (["timeline", "--last", "9" * 40], 0, ""),
        (["record", "lead", ""], 2, "names no file for the recording"),
        (["replay", "--recording", "/"], 1, "mentra: / cannot be read: Is a directory"),
        (["replay", "--recording", __file__], 2, "its first line is no header of one"),
    ],
)
def test_odd_values_are_told_or_meant(mentra, team_store, line, code, words):
    """Nobody sees what the program is made of."""
    assert mentra(*line, "--store", team_store) == code
    assert words in mentra.err


def test_usage_by_agent_model_and_run(mentra, team_store):
    """Whoever pays wants to know for what."""
    by_agent = mentra.json("usage", "--store", team_store)
    by_model = mentra.json("usage", "--by", "model", "--store", team_store)
    by_run = mentra.json("usage", "--by", "run", "--store", team_store)
    of_bob = mentra.json("usage", "bob", "--by", "run", "--store", team_store)

    assert set(by_agent["rows"]) == {"lead", "bob"}
    assert by_agent["total"] == by_model["rows"]["scripted:x"] == by_run["total"]
    assert by_agent["total"]["calls"] == sum(row["calls"] for row in by_run["rows"].values())
    assert set(of_bob["rows"]) <= {name for name in by_run["rows"] if name.startswith("bob/")}
    assert mentra("usage", "--store", team_store) == 0
    assert "$0.0000" in mentra.out


def test_usage_of_an_agent_has_its_subagents(mentra, tmp_path):
    """Who hands work on still pays for it."""
    script = {"Find it.": "Here."}
    turns = [[call("task", prompt="Find it.")], "Found."]

    def said(request):
        return script.get(request.messages[0].text) or turns[position(request)]

    with open_runtime_sync(tmp_path / "t", providers=[ScriptedModel(said)]) as runtime:
        for name in ("lead", "other"):
            runtime.spawn(name, model="scripted:x").send("Go")
    of_lead = mentra.json("usage", "lead", "--store", tmp_path / "t")

    assert {name: row["calls"] for name, row in of_lead["rows"].items()} == {
        "lead": 2,
        "lead.tool-1.0": 1,
    }


def test_usage_of_a_team_that_asked_nobody(mentra, tmp_path):
    """A line, not an empty table."""
    with open_runtime_sync(tmp_path / "t") as runtime:
        assert runtime.team().members == {}
    assert mentra("usage", "--store", tmp_path / "t") == 0
    assert "No model was called yet." in mentra.out


def test_entries_shows_every_branch(mentra, tmp_path):
    """What was said on another branch is kept, and one sees where the conversation goes on."""
    model = ScriptedModel(["First.", "Second."])
    with open_runtime_sync(tmp_path / "t", providers=[model]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("One.")
        lead.send("Two.")
        lead.conversation.move_to(2)
        lead.conversation.label(2, "here")
    tree = mentra.json("entries", "lead", "--store", tmp_path / "t")

    assert (tree["leaf"], tree["path"]) == (2, [1, 2])
    assert [one["parent"] for one in tree["entries"]] == [0, 1, 2, 3]
    assert tree["entries"][1]["label"] == "here"
    assert mentra("entries", "lead", "--store", tmp_path / "t") == 0
    assert "▶    2 assistant turn: First.  [here]" in mentra.out
    assert "Second." in mentra.out


def test_memory_shows_records_and_what_a_search_finds(mentra, tmp_path):
    """Also while another process writes the store: the log is read, and nothing is written."""
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        runtime.spawn("bob", model="ollama:x")
        memory.pin("Deploys happen on Fridays.", record_id="f1")
        memory.pin("Ann likes tea.", record_id="f2")
        memory.pin("Nothing of it stays.", record_id="f3")
        memory.forget("f3")

        records = mentra.json("memory", "ann", "--store", path)
        assert [(one["id"], one["by"], one["pinned"]) for one in records] == [
            ("f1", "host", True),
            ("f2", "host", True),
        ]
        [found] = mentra.json("memory", "ann", "when is the deploy?", "--store", path)
    assert (found["id"], found["why"]) == ("f1", "matched deploys; fact; manual")
    assert mentra("memory", "ann", "tea", "--store", path) == 0
    assert "Ann likes tea." in mentra.out
    assert "matched tea" in mentra.out
    assert mentra("memory", "ann", "--store", path) == 0
    first, words, *_ = mentra.out.splitlines()
    assert (first.split()[:3], words) == (["f1", "fact", "agent"], "  Deploys happen on Fridays.")
    assert mentra("memory", "ann", "--scope", "team", "--store", path) == 0
    assert "remembers nothing" in mentra.out
    exported = tmp_path / "ann.jsonl"
    assert mentra("memory", "ann", "--export", exported, "--store", path) == 0
    assert [json.loads(line)["id"] for line in exported.read_text().splitlines()] == ["f1", "f2"]
    assert mentra("memory", "ann", "coffee", "--store", path) == 0
    assert "No record" in mentra.out
    assert mentra("memory", "bob", "--store", path) == 0
    assert "remembers nothing" in mentra.out
    assert mentra("memory", "cy", "--store", path) == 2


def test_piped_sentences_are_wrapped_where_columns_says_so(mentra, tmp_path, monkeypatch):
    """Without it they stay whole, for whoever searches in them; either way nothing is cut off."""
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x").memory.pin("word " * 30)
    assert mentra("memory", "ann", "--store", path) == 0
    whole = mentra.out
    monkeypatch.setenv("COLUMNS", "40")
    assert mentra("memory", "ann", "--store", path) == 0

    assert max(map(len, whole.splitlines())) > 100
    assert max(map(len, mentra.out.splitlines())) <= 40
    assert mentra.out.split() == whole.split()


def test_brackets_in_words_are_shown_as_they_are(capsys):
    """A line of a listing is no markup: `[file]` would vanish, and a stray one end the command."""
    Output(as_json=False).show("[file] a.txt", "[/none]", Text("[bold]"))

    assert capsys.readouterr().out == "[file] a.txt\n[/none]\n[bold]\n"


def test_a_claimed_task_is_claimed_wherever_it_is_shown():
    """It is not ready: nobody else can take it."""
    by = {"command_id": "c", "now": 1.0}
    created = BOARD.decide(CreateTask(subject="Count", created_by="lead", **by), BOARD.initial)
    state = BOARD.fold(created)
    claimed = BOARD.decide(ClaimTask(command_id="d", claimant="bob", now=2.0), state)
    state = BOARD.fold(claimed, state)

    lines = [text.plain for text, _ in board_lines(BoardView(state=state))]
    assert lines == ["Claimed (1)", "  [ ] 1: Count @bob"]


def test_of_a_long_board_a_part_says_how_much_it_leaves_out():
    """A look at a team is a page; the board has its own."""
    state = BOARD.initial
    for number in range(5):
        command = CreateTask(subject="Count", created_by="lead", command_id=str(number), now=1.0)
        state = BOARD.fold(BOARD.decide(command, state), state)

    def lines(most):
        return [text.plain for text, _ in board_lines(BoardView(state=state), most=most)]

    assert lines(2) == ["Ready (5)", "  [ ] 1: Count", "  [ ] 2: Count", "  … and 3 more"]
    assert lines(5) == lines(None)
    assert len(lines(None)) == 6
