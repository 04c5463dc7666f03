"""What waits for a person, and its word: from any process, with and without one that writes."""

import json
from dataclasses import replace

import pytest
from paying_team import events_in, opened

from mentra_actors import Ask, RuntimePolicy, ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.permission_rules import RuleRemembered

TURNS = [call("pay", euros=5), call("pay", euros=5), "Done."]


def until_asked(agent):
    return agent.wait_for_snapshot(lambda snapshot: snapshot.permissions, timeout_s=20)


@pytest.fixture
def store(tmp_path):
    """A store in which a call waits, and that nobody has open."""
    path = tmp_path / "team.mentra"
    with opened(path, TURNS) as runtime:
        until_asked(runtime.spawn("lead", model="scripted:x", prompt="Pay."))
    return path


def test_approvals_shows_what_waits_and_what_may_be_remembered(mentra, store):
    """A person decides by what is shown, and must not have to remember more than that."""
    (waiting,) = mentra.json("approvals", "--store", store)

    assert (waiting["name"], waiting["tool"], waiting["agent"]) == ("lead/1.0", "pay", "lead")
    assert (waiting["preview"], waiting["description"]) == ('{"euros":5}', "It costs.")
    assert waiting["expires_at"] is None
    assert [offer["match"]["type"] for offer in waiting["offers"]] == ["exact", "any"]
    assert mentra("approvals", "--store", store) == 0
    assert "lead/1.0  pay  asked" in mentra.out
    assert "2  every call of `pay`" in mentra.out


def test_a_decision_without_a_writer_is_recorded_and_runs_nothing(mentra, store):
    """The command line has no tools and no models: what follows is left to the team."""
    told = mentra.json("approve", "lead/1.0", "--by", "ann", "--store", store)

    assert (told["state"], told["allow"], told["by"]) == ("recorded", True, "ann")
    (resolved,) = events_in(store, e.PermissionResolved)
    assert (resolved.allow, resolved.resolved_by) == (True, "ann")
    assert events_in(store, e.ToolCallStarted) == []
    assert mentra.json("approvals", "--store", store) == []
    assert list((store / "petitions").glob("*.petition")) == []
    with opened(store, TURNS) as runtime:
        until_asked(runtime.agent("lead"))
        (done,) = events_in(store, e.ToolCallFinished)
    assert (done.content, done.is_error) == ("paid 5", False)


def test_what_is_refused_without_a_writer_reaches_the_model_later(mentra, store):
    """The reason waits on the log as long as it takes."""
    assert mentra("deny", "1.0", "--reason", "too dear", "--store", store) == 0
    assert "lead/1.0 (pay) is refused." in mentra.out

    with opened(store, TURNS) as runtime:
        until_asked(runtime.agent("lead"))
    (done,) = events_in(store, e.ToolCallFinished)
    assert (done.content, done.is_error) == ("Tool execution denied: too dear", True)


def test_what_is_remembered_answers_from_then_on(mentra, store):
    """Who has said yes for the project is not asked again, and can take it back."""
    told = mentra.json(
        *("approve", "lead/1.0", "--remember", "project", "--match", "any", "--store", store)
    )
    (rule,) = mentra.json("rules", "--store", store)
    assert (rule["rule_id"], rule["scope"], rule["owner"]) == (told["rule_id"], "project", "main")
    assert rule["words"] == "every call of `pay`"

    with opened(store, TURNS) as runtime:
        runtime.until_idle(timeout_s=20)
    verdicts = events_in(store, e.ToolAuthorizationEvaluated)
    assert [(one.outcome, one.decided_by, one.rule) for one in verdicts] == [
        ("ask", "authorizer", ""),
        ("allow", "rule", rule["rule_id"]),
    ]
    assert mentra("rules", "--store", store) == 0
    assert rule["rule_id"] in mentra.out
    assert mentra("revoke", rule["rule_id"][:5], "--store", store) == 0
    assert mentra.json("rules", "--store", store) == []
    assert mentra("revoke", rule["rule_id"], "--store", store) == 2
    assert "there is no rule" in mentra.err


def test_a_writer_takes_what_is_decided_elsewhere(mentra, tmp_path):
    """The team goes on at once, in the process that has its tools."""
    path = tmp_path / "team.mentra"
    with opened(path, TURNS) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", prompt="Pay.")
        until_asked(lead)
        told = mentra.json("approve", "lead/1.0", "--remember", "session", "--store", path)
        runtime.until_idle(timeout_s=20)

    assert told["state"] == "recorded"
    assert [one.content for one in events_in(path, e.ToolCallFinished)] == ["paid 5"] * 2
    (remembered,) = events_in(path, RuleRemembered)
    assert remembered.rule.allow


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("approve", "lead/9.9"), "no call waits under 'lead/9.9'; waiting: lead/1.0"),
        (("approve", "bob/1.0"), "no call waits under 'bob/1.0'"),
        (("deny", "1.0", "--match", "any"), "say --remember as well"),
        (("approve", "1.0", "--remember", "session", "--match", "odd"), "--match does not know"),
        (
            ("approve", "1.0", "--remember", "session", "--match", "pattern:*bob*"),
            "would not speak of this call",
        ),
        (("approve", "1.0", "--remember", "session", "--match", "below:x"), "a whole path"),
        (("revoke", "abc"), "there is no rule 'abc'; rules: none"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_could_be(mentra, store, arguments, words):
    """A person at a prompt has only this line to go on."""
    assert mentra(*arguments, "--store", store) == 2
    assert words in mentra.err.replace("\n", " ")
    assert "Nothing was recorded." in mentra.err or "Usage" in mentra.err or "--help" in mentra.err
    assert events_in(store, e.PermissionResolved | RuleRemembered) == []


def test_a_decision_counts_once(mentra, store):
    """Two people may look at the same list."""
    assert mentra("approve", "1.0", "--store", store) == 0
    assert mentra("deny", "1.0", "--store", store, "--json") == 2
    assert "no call waits" in json.loads(mentra.err)["message"]


def test_without_anything_that_waits_there_is_a_sentence(mentra, team_store):
    """An empty answer leaves a person to wonder."""
    assert mentra("approvals", "--store", team_store) == 0
    assert mentra.out == "Nothing waits for a person.\n"
    assert mentra("rules", "--store", team_store) == 0
    assert mentra.out.startswith("Nothing is remembered")


def waiting_for(tmp_path, tool_name, **arguments):
    """A store in which a call of a built-in tool waits."""
    work = tmp_path / "work"
    work.mkdir()
    path = tmp_path / "team.mentra"
    policy = replace(RuntimePolicy.workspace_bounded(work), allow_shell=True)
    with open_runtime_sync(
        path,
        providers=[ScriptedModel([call(tool_name, **arguments), "Done."])],
        durability="volatile",
        authorizer=lambda _call: Ask(),
        policy=policy,
    ) as runtime:
        until_asked(runtime.spawn("lead", model="scripted:x", prompt="Go."))
    return path, work


def test_a_command_is_shown_as_a_command_and_its_directory(mentra, tmp_path):
    """What belongs to it is indented: no line that a model writes can pass for one of ours."""
    path, work = waiting_for(tmp_path, "shell", command="git status\n  1  exactly this call")
    assert mentra("approvals", "--store", path) == 0

    _, *lines = mentra.out.splitlines()
    assert lines[:3] == ["  $ git status", "        1  exactly this call", f"  in {work}"]
    assert "    1  exactly this call" in lines
    assert "Approval required" not in mentra.out
    assert "simple_words" not in mentra.out


def test_files_are_shown_each_with_what_is_done_to_it(mentra, tmp_path):
    """The JSON of a batch is nothing that a person reads."""
    moved = {"op": "move", "from": "a.txt", "to": "b.txt"}
    operations = [{"op": "create", "path": "a.txt", "content": "x"}, moved]
    path, work = waiting_for(tmp_path, "files", operations=operations)
    assert mentra("approvals", "--store", path) == 0

    assert f"\n  create a.txt ({work}/a.txt)\n" in mentra.out
    assert f"\n  move a.txt ({work}/a.txt) to b.txt ({work}/b.txt)\n" in mentra.out
    assert "operations" not in mentra.out


def test_what_a_tool_of_a_program_says_of_its_call_is_shown_as_it_is(mentra, store):
    """Only what the tools of this project write is known to be what it looks like."""
    assert mentra("approvals", "--store", store) == 0
    assert '\n  {"euros":5}\n' in mentra.out


def test_calls_are_decided_before_they_are_made(mentra, tmp_path):
    """A person need not wait until somebody asks."""
    path = tmp_path / "team.mentra"
    with opened(path) as runtime:
        runtime.spawn("lead", model="scripted:x")
    where = ("--by", "sue", "--store", path)
    git = ("rule", "shell", "--allow", "--match", "command:git status")
    assert mentra.json(*git, *where) == {"tool": "shell", "allow": True, "state": "recorded"}
    assert mentra("rule", "pay", "--deny", "--agent", "lead", "--reason", "No.", *where) == 0
    assert mentra.out == "The rule is remembered: deny pay.\n"
    assert mentra("rule", "pay", "--allow", "--global", *where) == 0

    found = mentra.json("rules", "--store", path)
    assert sorted((one["scope"], one["owner"], one["tool"], one["allow"]) for one in found) == [
        ("global", "", "pay", True),
        ("project", "main", "shell", True),
        ("session", "lead", "pay", False),
    ]
    assert {one["remembered_by"] for one in found} == {"sue"}
    assert mentra("rule", "pay", "--allow", "--match", "odd", *where) == 2
    assert "any, command:WORDS" in mentra.err.replace("\n", " ")
    assert mentra("rule", "pay", "--allow", "--global", "--agent", "lead", *where) == 2
