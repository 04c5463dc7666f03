"""Logs of every release, decided again: what today's code would have recorded otherwise.

A change of a decider shows here at the first append of each log that it touches. If it is meant,
it gets its words in `known_changes.py` and docs/replay.md, so that users are told of it; then
MENTRA_ACCEPT_GOLDEN=1 (`make golden`) writes `decided_again.txt` anew; read the diff.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_field

sys.path.insert(0, str(Path(__file__).parent))
from golden_journal import current_release, fill, releases, stored_in

from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.errors import CommandRejected
from mentra_actors.release import RELEASE, is_before
from mentra_actors.runtime.history.history import History
from mentra_actors.runtime.replay.known_changes import KNOWN_CHANGES
from mentra_actors.runtime.replay.rebuild.tables import with_deciders
from mentra_actors.runtime.replay.verification import verified
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore

FILE = Path(__file__).parent / "decided_again.txt"


def store_of(release):
    """A store with the log of a release."""
    store = MemoryEventStore()
    fill(store, stored_in(release))
    return store


def log_of(release):
    """The log without the events that were made up, each in a stream of its own."""
    recorded = Journal(store_of(release)).through()
    return [one for one in recorded if not one.stream_id.endswith("-made-up")]


def text_of(release):
    """What is decided otherwise, a line for each place of an event."""
    found = verified(log_of(release))
    others = sorted([*found.differences, *found.known], key=lambda one: one.position)
    lines = [f"# {release}: {found.appends} appends, {len(others)} differ"]
    for one in others:
        lines.append(f"{one.position} {one.stream_id} {one.command} {one.refusal}".rstrip())
        lines += [f"    {two.place}: {two.recorded} → {two.decided}" for two in one.fields]
        lines += [f"    since {two.since}: {two.words}" for two in one.changes]
    lines += [f"not decided: {count} of {what}" for what, count in sorted(found.untold.items())]
    return "\n".join(lines) + "\n"


if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
    FILE.write_text("\n".join(map(text_of, releases())), encoding="utf-8")


@pytest.mark.parametrize("release", releases())
def test_a_log_is_decided_as_it_was_when_this_was_last_looked_at(release):
    """What nobody meant to change is found in the logs of users otherwise."""
    accepted = {one.split(":")[0]: one for one in FILE.read_text("utf-8").split("# ") if one}

    assert text_of(release).strip() == f"# {accepted[release]}".strip()


@pytest.mark.parametrize("release", releases())
def test_what_is_decided_otherwise_than_in_an_older_release_is_known(release):
    """Who upgrades must be able to tell what is meant to be otherwise from what is news."""
    found = verified(log_of(release))

    assert found.differences == ()
    assert found.is_same
    assert bool(found.known) == (release != current_release())
    assert all(release < change.since for one in found.known for change in one.changes)


@pytest.mark.parametrize("release", releases())
def test_a_team_of_an_older_release_does_again_what_it_did(release):
    """Played by the runtime, in the recorded order; what is known is taken as it was recorded."""
    store = store_of(release)
    found = History(store).replay_team()

    assert found.differences == ()
    assert all(one.left == 0 for one in found.streams.values())
    assert found.appends > len(found.known)
    assert len(found.known) >= len(verified(log_of(release)).known)


def test_each_known_change_is_met_in_a_log_and_told_in_the_documentation():
    """A row that nothing needs would hide a fault of tomorrow."""
    logs = [verified(log_of(release)) for release in releases()]
    met = {change for found in logs for one in found.known for change in one.changes}
    page = (Path(__file__).parents[2] / "docs" / "replay.md").read_text("utf-8")
    told = [one for one in KNOWN_CHANGES if f"| {one.since} | {one.words} |" in page]

    assert met == set(KNOWN_CHANGES)
    assert told == list(KNOWN_CHANGES)


def test_what_is_new_in_the_log_of_an_older_release_is_no_known_change():
    def says_less(command, state):
        events = AGENT.decide(command, state)
        return [
            replace_field(one, text="") if type(one).__name__ == "PromptAccepted" else one
            for one in events
        ]

    changed = with_deciders({"agent": _replaced(AGENT, says_less)})
    found = verified(log_of("0.4.0"), changed)

    assert {one.recorded[0] for one in found.differences} == {"PromptAccepted"}
    assert found.known


def test_what_this_release_has_recorded_is_decided_as_it_was_or_that_is_news():
    """The log says which release has written it: a fault of today never looks like the past."""

    def says_no_reason(command, state):
        events = AGENT.decide(command, state)
        return [
            replace_field(one, reason="recorded") if type(one).__name__ == "AgentStopped" else one
            for one in events
        ]

    def older(log):
        """The same log, as one of which nobody knows who has written it."""
        return [
            replace_field(one, event=replace_field(one.event, release=""))
            if type(one.event).__name__ == "LeaseAcquired"
            else one
            for one in log
        ]

    log = [
        replace_field(one, event=replace_field(one.event, reason=""))
        if type(one.event).__name__ == "AgentStopped"
        else one
        for one in log_of(current_release())
    ]
    changed = with_deciders({"agent": _replaced(AGENT, says_no_reason)})

    assert verified(log, changed).known == ()
    assert verified(log, changed).differences
    assert verified(older(log), changed).known


def test_the_release_that_stands_in_logs_is_that_of_the_project():
    assert current_release() == RELEASE
    assert is_before("0.9.1", "0.10.0")
    assert is_before("", "0.1.0")
    assert not is_before("0.5.0.dev3", "0.5.0")


def test_the_log_of_this_release_is_decided_as_it_was():
    found = verified(log_of(current_release()))

    assert found.differences == ()
    assert found.appends > 700
    assert sum(found.untold.values()) <= 3, "an event type has got no builder of its command"


def test_a_change_of_a_decider_is_found_at_the_first_append_that_it_touches():
    """The point of it all: what a change does to real logs is known before it is released."""

    def one_more_answer_only(command, state):
        events = AGENT.decide(command, state)
        if any(type(one).__name__ == "ToolCallsPlanned" for one in events):
            return events[:-1]
        return events

    changed = with_deciders({"agent": _replaced(AGENT, one_more_answer_only)})
    log = log_of(current_release())
    planned = next(one for one in log if type(one.event).__name__ == "ToolCallsPlanned")
    found = verified(log, changed)

    first = found.differences[0]
    assert first.position < planned.global_position <= first.position + len(first.recorded)
    assert first.command == "RecordModelReply"
    assert first.decided == first.recorded[:-1]
    assert first.fields[-1].decided == "(nothing)"


def test_a_refusal_of_what_was_recorded_is_a_difference():
    def refuses(command, state):
        raise CommandRejected("not today")

    found = verified(
        log_of(current_release()), with_deciders({"agent": _replaced(AGENT, refuses)})
    )

    assert {one.refusal for one in found.differences} == {"not today"}


def test_other_streams_that_are_told_otherwise_are_a_difference():
    """A letter that is lost is a change of behaviour, though no own event differs."""
    silent = _replaced(AGENT, AGENT.decide, companions=lambda _event: ())
    found = verified(log_of(current_release()), with_deciders({"agent": silent}))

    assert found.differences
    assert all(any("→" in name for name in one.recorded) for one in found.differences)


def _replaced(decider, decide, **more):

    return replace(decider, decide=decide, **more)
