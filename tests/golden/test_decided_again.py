"""Logs of every release, decided again: what today's code would have recorded otherwise.

A change of a decider shows here at the first append of each log that it touches. If it is meant,
MENTRA_ACCEPT_GOLDEN=1 (`make golden`) writes `decided_again.txt` anew; read the diff.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from golden_journal import current_release, fill, releases, stored_in

from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.replay.rebuild.tables import with_deciders
from mentra_actors.runtime.replay.verification import verified
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore

FILE = Path(__file__).parent / "decided_again.txt"


def log_of(release):
    """The log without the events that were made up, each in a stream of its own."""
    store = MemoryEventStore()
    fill(store, stored_in(release))
    return [one for one in Journal(store).through() if not one.stream_id.endswith("-made-up")]


def text_of(release):
    """What is decided otherwise, a line for each place of an event."""
    found = verified(log_of(release))
    lines = [f"# {release}: {found.appends} appends, {len(found.differences)} differ"]
    for one in found.differences:
        lines.append(f"{one.position} {one.stream_id} {one.command} {one.refusal}".rstrip())
        lines += [f"    {two.place}: {two.recorded} → {two.decided}" for two in one.fields]
    lines += [f"not decided: {count} of {what}" for what, count in sorted(found.untold.items())]
    return "\n".join(lines) + "\n"


if os.environ.get("MENTRA_ACCEPT_GOLDEN") == "1":
    FILE.write_text("\n".join(map(text_of, releases())), encoding="utf-8")


@pytest.mark.parametrize("release", releases())
def test_a_log_is_decided_as_it_was_when_this_was_last_looked_at(release):
    """What nobody meant to change is found in the logs of users otherwise."""
    accepted = {one.split(":")[0]: one for one in FILE.read_text("utf-8").split("# ") if one}

    assert text_of(release).strip() == f"# {accepted[release]}".strip()


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
