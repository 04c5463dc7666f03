"""`mentra audit`: everything that was done and refused, and a file in which no edit hides."""

import io
import json
import signal
import stat
import subprocess
import sys
import time

import pytest
from forked_python import ForkedPython
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors import Allow, Ask, Deny, ScriptedModel, call, open_runtime_sync, tool
from mentra_actors.cli.audit_chain import FORMAT, Chain, look_at_chain
from projections import hook_event as h

SECRET = "sk-live-abcdefghijklmnopqrst"


@tool
def sign_in(api_key: str, url: str) -> str:
    """Sign in."""
    return f"signed in with Authorization: Bearer {api_key} at {url}?token=hush&x=1"


@tool
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def authorizer(one):
    if one.tool == "sign_in":
        return Allow()
    return Deny("too dear") if one.arguments["euros"] > 9 else Ask("sure?")


def live(path, prompt="Pay!", name="lead"):
    """A run with a call that is allowed, one that is denied, and one that a person refuses."""
    turns = [
        [call("sign_in", api_key=SECRET, url="https://x.test")],
        [call("pay", euros=10)],
        [call("pay", euros=5)],
        "Done.",
    ]
    with open_runtime_sync(
        path,
        tools=[sign_in, pay],
        providers=[ScriptedModel(turns)],
        authorizer=authorizer,
        durability="volatile",
    ) as runtime:
        agent = runtime.spawn(name, model="scripted:x")

        def person(event):
            if isinstance(event, h.PermissionRequested):
                agent.deny(event.request_id, "no money", by="ann")

        runtime.observe(person)
        agent.send(prompt, timeout_s=20)


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    path = tmp_path_factory.mktemp("audit") / "team.mentra"
    live(path)
    return path


def shown(mentra, *arguments):
    assert mentra("audit", *arguments, "--json") == 0, mentra.err
    return [json.loads(line) for line in mentra.out.splitlines()]


# --- shown ------------------------------------------------------------------------------------


def test_an_audit_says_who_did_what_and_who_allowed_it(mentra, audited):
    """The question after an accident."""
    events = shown(mentra, "--store", audited)
    resolved = next(one for one in events if one["kind"] == "permission_resolved")

    assert events[0]["kind"] == "recovery_prepared"
    assert (resolved["agent_id"], resolved["tool_name"]) == ("lead", "pay")
    assert (resolved["resolved_by"], resolved["reason"]) == ("ann", "no money")
    assert mentra("audit", "--store", audited) == 0
    assert "lead         permission resolved  pay  " in mentra.out
    assert "allow=false  reason=no money  resolved_by=ann" in mentra.out


def test_what_was_refused_is_found_by_itself(mentra, audited):
    """Refusals are few, and what somebody looks for."""
    events = shown(mentra, "--store", audited, "--denied")

    assert [(one["kind"], one.get("reason")) for one in events] == [
        ("tool_authorization_blocked", "too dear"),
        ("tool_execution_blocked", "Tool execution denied: too dear"),
        ("permission_resolved", "no money"),
        ("tool_execution_blocked", "Tool execution denied: no money"),
    ]


def test_events_are_chosen_by_agent_kind_and_time(mentra, audited):
    """A long log has answers to more than one question."""
    of_lead = shown(mentra, "--store", audited, "--agent", "lead")
    kinds = shown(mentra, "--store", audited, "--kind", "run_started", "--kind", "run_finished")
    everything = shown(mentra, "--store", audited)
    place = everything[3]["position"]

    assert {one["agent_id"] for one in of_lead} == {"lead"}
    assert [one["kind"] for one in kinds] == ["run_started", "run_finished"]
    assert shown(mentra, "--store", audited, "--since", "1h") == everything
    assert shown(mentra, "--store", audited, "--until", "2001-01-01") == []
    assert shown(mentra, "--store", audited, "--after", place, "--through", place + 2) == [
        one for one in everything if place < one["position"] <= place + 2
    ]


def failing(path):
    """A store in which a call waits for a person for an hour, and then a model fails."""
    turns = [call("pay", euros=5), ValueError("the provider has exploded")]
    with open_runtime_sync(
        path,
        tools=[pay],
        providers=[ScriptedModel(turns)],
        authorizer=lambda _call: Ask(),
        permission_timeout_s=3600,
        durability="volatile",
    ) as runtime:
        agent = runtime.spawn("lead", model="scripted:x", prompt="Pay.")
        (asked,) = agent.wait_for_snapshot(
            lambda snapshot: snapshot.permissions, timeout_s=20
        ).permissions
        agent.allow(asked.request_id)
        runtime.until_idle(timeout_s=20)


def test_what_was_just_said_is_not_said_again(mentra, tmp_path):
    """A failure of a model stands on three lines, and is one."""
    failing(tmp_path / "store")
    assert mentra("audit", "--store", tmp_path / "store") == 0

    assert mentra.out.count("the provider has exploded") == 1
    assert "model response finished  scripted:x  attempt=1  success=false  error=(as" in mentra.out
    assert "run aborted  reason=(as before)  failure=" in mentra.out


def test_until_when_a_person_may_decide_is_a_time_of_day(mentra, tmp_path):
    """Nobody reads 1795937357.87."""
    failing(tmp_path / "store")
    (asked,) = shown(mentra, "--store", tmp_path / "store", "--kind", "permission_requested")
    assert mentra("audit", "--store", tmp_path / "store") == 0

    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(asked["expires_at"]))
    assert f"expires_at={moment}." in mentra.out


def test_no_key_is_in_an_audit(mentra, audited, tmp_path):
    """An audit is sent to people who may see everything but this."""
    events = shown(mentra, "--store", audited, "--kind", "tool_authorization_started")
    assert json.loads(events[0]["preview"]) == {"api_key": "[redacted]", "url": "https://x.test"}
    (ran,) = shown(mentra, "--store", audited, "--kind", "tool_execution_finished")
    assert ran["output_preview"] == (
        "signed in with Authorization: [redacted] at https://x.test?token=[redacted]&x=1"
    )

    assert mentra("audit", "--store", audited, "--export", tmp_path / "a") == 0
    assert SECRET not in (tmp_path / "a").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "mischief"], "no kind is 'mischief'"),
        (["--since", "soon"], "--since is a date and time"),
        (["--export", "a", "--verify", "a"], "either --export or --verify"),
        (["--export", "a", "--denied"], "no filters"),
        (["--export", "a", "--append", "--after", "3"], "no --after"),
        (["--append"], "--append needs --export"),
        (["--root", "ab"], "--root needs --verify"),
        (["--agent", "nobody"], "no agent is named 'nobody'"),
        (["--verify", "nothing-here"], "cannot read nothing-here"),
    ],
)
def test_what_makes_no_sense_is_refused(mentra, audited, arguments, words):
    """With words that say what would."""
    assert mentra("audit", "--store", audited, *arguments) == 2
    assert words in mentra.err


# --- as a file --------------------------------------------------------------------------------


@pytest.fixture
def exported(mentra, audited, tmp_path):
    """A fresh export, as its path."""
    path = tmp_path / "audit.jsonl"
    assert mentra("audit", "--store", audited, "--export", path) == 0, mentra.err
    return path


def fault(mentra, path, *arguments):
    assert mentra("audit", "--verify", path, *arguments, "--json") == 1
    told = json.loads(mentra.out)
    assert not told["is_sound"]
    return told["line"], told["fault"]


def test_an_export_is_all_that_is_told_in_a_chain(mentra, audited, exported):
    """Each line names the one before; the last one says how many there are."""
    lines = [json.loads(line) for line in exported.read_text().splitlines()]
    events = shown(mentra, "--store", audited)

    assert [one["event"] for one in lines[1:-1]] == events
    assert [one["sequence"] for one in lines] == list(range(len(lines)))
    assert [one["previous"] for one in lines[1:]] == [one["sha256"] for one in lines[:-1]]
    end = lines[-1]["end"]
    assert (end["count"], end["root"]) == (len(events), lines[-2]["sha256"])
    assert stat.S_IMODE(exported.stat().st_mode) == 0o600
    assert mentra("audit", "--verify", exported, "--root", end["root"]) == 0
    assert f"root {end['root']}" in mentra.out


def test_a_file_is_never_written_over(mentra, audited, exported):
    """Whoever mistypes a name keeps the old audit."""
    before = exported.read_bytes()

    assert mentra("audit", "--store", audited, "--export", exported) == 2
    assert "--append goes on with it" in mentra.err
    assert exported.read_bytes() == before


def edited(lines):
    lines[4] = lines[4].replace(b'"lead"', b'"bob"')
    return 5, "was edited"


def deleted(lines):
    del lines[4]
    return 5, "1 before it were deleted"


def inserted(lines):
    lines.insert(4, lines[2])
    return 5, "it was inserted, or moved"


def reordered(lines):
    lines[4], lines[5] = lines[5], lines[4]
    return 5, "deleted, or moved"


def forged(lines):
    """With a checksum that is right for the new text."""
    told = json.loads(lines[4])
    chain = Chain(told["sequence"], told["previous"])
    lines[4] = chain.line("event", {**told["event"], "agent_id": "bob"})
    return 6, "does not follow from the line before"


def cut_between(lines):
    del lines[6:]
    return 7, "the file was truncated, and has no end"


def cut_inside(lines):
    lines[5] = lines[5][:30]
    del lines[6:]
    return 6, "was cut off"


def filled(lines):
    lines.insert(4, b"\n")
    return 5, "is no line of an audit"


def headless(lines):
    del lines[0]
    return 1, "1 before it were deleted"


CRIMES = [
    edited, deleted, inserted, reordered, forged, cut_between, cut_inside, filled, headless
]  # fmt: skip


@pytest.mark.parametrize("crime", CRIMES)
def test_where_a_file_was_tampered_with_is_said(mentra, exported, crime):
    """That it breaks is not enough: somebody wants to know where to look."""
    lines = exported.read_bytes().splitlines(keepends=True)
    line, words = crime(lines)
    exported.write_bytes(b"".join(lines))

    found, said = fault(mentra, exported)
    assert (found, words in said) == (line, True), said
    assert mentra("audit", "--verify", exported) == 1
    assert f"is broken: line {line} " in mentra.out


def test_a_chain_that_was_made_anew_has_another_root(mentra, exported):
    """Who can write the file can make it all anew; the root was kept elsewhere."""
    root = json.loads(exported.read_bytes().splitlines()[-1])["end"]["root"]
    chain, lines = Chain(), exported.read_bytes().splitlines()
    forged = [json.loads(line) for line in lines]
    forged[3]["event"]["agent_id"] = "bob"
    made = [chain.line("header", forged[0]["header"])]
    made += [chain.line("event", one["event"]) for one in forged[1:-1]]
    made.append(chain.line("end", {**forged[-1]["end"], "root": chain.head}))
    exported.write_bytes(b"".join(made))

    assert mentra("audit", "--verify", exported) == 0
    assert "not the one that was named" in fault(mentra, exported, "--root", root)[1]


def test_an_export_goes_on_where_it_ended(mentra, tmp_path):
    """One file for the life of a team, each part of it once."""
    store, path = tmp_path / "team", tmp_path / "audit.jsonl"
    live(store)
    assert mentra("audit", "--store", store, "--export", path, "--through", 12) == 0
    live(store, name="bob")
    before = path.read_bytes()
    told = mentra.json("audit", "--store", store, "--export", path, "--append")
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]

    assert path.read_bytes().startswith(before)
    assert [one["event"] for one in lines if "event" in one] == shown(mentra, "--store", store)
    assert mentra("audit", "--verify", path) == 0
    again = mentra.json("audit", "--store", store, "--export", path, "--append")
    assert (again["new_events"], again["root"]) == (0, told["root"])


def test_an_export_that_was_broken_off_is_finished(mentra, audited, exported):
    """Wherever the process died, each event is in the file once."""
    whole = exported.read_bytes()
    step = len(whole) // 23
    for size in range(len(whole.splitlines(keepends=True)[0]), len(whole), step):
        exported.write_bytes(whole[:size])
        assert mentra("audit", "--store", audited, "--export", exported, "--append") == 0

        assert exported.read_bytes() == whole


def test_nothing_is_added_to_a_broken_file(mentra, audited, exported, team_store):
    """A chain over a forged part would make it look sound."""
    assert mentra("audit", "--store", team_store, "--export", exported, "--append") == 2
    assert "an audit of another log" in mentra.err
    broken = exported.read_bytes().replace(b'"lead"', b'"bob"', 1)
    exported.write_bytes(broken)

    assert mentra("audit", "--store", audited, "--export", exported, "--append") == 2
    assert "was edited" in mentra.err
    assert exported.read_bytes() == broken


def test_a_line_too_long_to_be_read_is_no_end_of_the_file(mentra, audited, exported):
    """What comes after it is evidence: to go on there would be to throw it away."""
    lines = exported.read_bytes().splitlines(keepends=True)
    inserted_at = sum(map(len, lines[:3]))
    with exported.open("r+b") as file:
        file.truncate(inserted_at)
        file.seek(inserted_at + 64 * 1024 * 1024 + 10)
        file.write(b"\n" + b"".join(lines[3:]))
    size = exported.stat().st_size

    line, words = fault(mentra, exported)
    assert (line, "it is too long" in words) == (4, True), words
    assert mentra("audit", "--store", audited, "--export", exported, "--append") == 2
    assert exported.stat().st_size == size


@forall(st.data())
def test_no_single_byte_can_be_changed(data):
    """Whatever somebody does to one byte, the check says no."""
    chain = Chain()
    lines = [chain.line("header", {"format": FORMAT, "log": "1", "after": 0})]
    lines += [chain.line("event", {"position": place, "kind": "x"}) for place in (1, 1, 4)]
    lines.append(chain.line("end", {"count": 3, "root": chain.head, "through": 4}))
    whole = b"".join(lines)
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda one: one != whole[place]))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]

    assert look_at_chain(io.BytesIO(whole)).fault == ""
    assert look_at_chain(io.BytesIO(changed)).fault != ""


def test_follow_goes_on_as_events_come(mentra, tmp_path):
    """Another process sees a run while it happens; Ctrl-C ends the watching in order."""
    store = tmp_path / "team"
    live(store)
    command = [sys.executable, "-m", "mentra_actors.cli.main", "audit", "-f", "--json"]
    filters = ["--store", str(store), "--kind", "run_started"]
    with ForkedPython([*command, *filters], stdout=subprocess.PIPE, text=True) as watching:
        before = json.loads(watching.stdout.readline())
        live(store, name="bob")
        after = json.loads(watching.stdout.readline())
        watching.send_signal(signal.SIGINT)

    assert (before["agent_id"], after["agent_id"]) == ("lead", "bob")
    assert watching.returncode == 0
