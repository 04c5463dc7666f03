"""What a journal means, as text: every stream folded by its decider, every part of every view.

Of an agent also what it asked of the world on its way, and its whole conversation: the state at
the end says little of events in the middle. A field that has its default is left out, so that a
later release may add one. A section of an older release must stay as it is; new ones may come.
"""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from functools import reduce

import msgspec
from golden_journal import fill

from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.budget import spent
from mentra_actors.domain.content import AssistantMessage, UserMessage, text_of
from mentra_actors.domain.inbox import INBOX
from mentra_actors.domain.lease import LEASE
from mentra_actors.domain.memory import MEMORY, MemoryState
from mentra_actors.domain.permission_rules import RULES
from mentra_actors.domain.schedules.schedules import SCHEDULES
from mentra_actors.domain.supervision.decide import SUPERVISION
from mentra_actors.domain.team import TEAM
from mentra_actors.domain.transcript import Transcript, apply, prompt_messages
from mentra_actors.ids import category_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from projections import BUILT_IN
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews

__all__ = ["changed_sections", "meaning_of"]

DECIDERS = (AGENT, BACKGROUND, BOARD, INBOX, LEASE, MEMORY, RULES, SCHEDULES, SUPERVISION, TEAM)
BUDGET = "budget"  # a stream without an owner, so without a decider
LINE_CHARS = 180


def meaning_of(stored_events):
    """All sections, each with its head."""
    store = MemoryEventStore()
    fill(store, stored_events)
    sections = [*_states(store), *_agents(store), *_views(store)]
    return "\n".join(f"# {head}\n{_text(value)}\n" for head, value in sections)


def changed_sections(expected, found):
    """Heads of the expected sections that are another now, or not there."""
    now = _by_head(found)
    return [head for head, body in _by_head(expected).items() if now.get(head) != body]


def _by_head(text):
    sections = ("\n" + text).split("\n# ")[1:]
    return {head: body.strip("\n") for head, _, body in (one.partition("\n") for one in sections)}


def _states(store):
    categories = {category_of(one.stream_id) for one in store.read_journal(limit=100_000)}
    unfolded = categories - {decider.category for decider in DECIDERS} - {BUDGET}
    assert not unfolded, f"no decider folds the streams of {unfolded}: add it to DECIDERS"
    for stream_id in store.stream_ids(BUDGET):
        yield (
            f"sum of {stream_id}",
            spent(one.event for one in Journal(store).read_stream(stream_id)),
        )
    for decider in DECIDERS:
        for stream_id in store.stream_ids(decider.category):
            loaded = StateLoader(decider, store).load(stream_id)
            yield f"state of {stream_id}, version {loaded.version}", _meant(loaded.state)
            yield f"pending in {stream_id}", decider.pending(loaded.state)


def _meant(state):
    """The state as it is; of a memory what its maps say, and not in how many layers."""
    if not isinstance(state, MemoryState):
        return state
    digests = state.digests.entries()
    parts = {
        "pins": {digest: name for digest, name in state.pins.entries().items() if name},
        "live": {name: digest for name, digest in digests.items() if digest is not None},
        "forgotten": {name for name, digest in digests.items() if digest is None},
    }
    return {name: part for name, part in parts.items() if part}


def _agents(store):
    for stream_id in store.stream_ids("agent"):
        recorded = Journal(store).read_stream(stream_id)
        transcript = reduce(apply, [one.event for one in recorded], Transcript())
        yield f"prompt of {stream_id}", prompt_messages(transcript)
        tree = [_entry(one, transcript.labels) for one in transcript.entries]
        yield f"conversation of {stream_id}", tree
        yield f"effects of {stream_id}", _effects(recorded)


def _entry(entry, labels):
    """A line of the tree: what was said, after what, and what the entry is called."""
    message = entry.message
    match message:
        case UserMessage():
            said = message.text
        case AssistantMessage():
            said = text_of(message.blocks)
        case _:
            said = [result.content for result in message.results]
    line = {"entry": entry.entry_id, "after": entry.parent, "kind": entry.kind, "says": said}
    label = labels.get(entry.entry_id)
    return {**line, "label": label} if label else line


def _effects(recorded):
    """What was asked of the world, and after which event; who the agent is stands elsewhere."""
    asked, before, state = [], {}, AGENT.initial
    for one in recorded:
        state = AGENT.fold([one.event], state)
        now = AGENT.pending(state)
        for effect_id, effect in now.items():
            if before.get(effect_id) != effect:
                said = {k: v for k, v in _plain(effect).items() if k != "profile"}
                asked.append({"version": one.stream_version, "id": effect_id, **said})
        before = now
    return asked


def _views(store):
    runner = ProjectionRunner(store, MemoryViews(), BUILT_IN)
    runner.catch_up()
    assert [one.failure for one in runner.status() if one.failure] == []
    for found in BUILT_IN:
        for key, part in runner.parts(found.name).items():
            yield f"view {found.name}, part {key}", part


def _text(value):
    return "\n".join(_lines(_plain(value), ""))


def _lines(value, indent):
    """JSON in which what fits stands on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= LINE_CHARS or not isinstance(value, dict | list):
        return [indent + line]
    inner = f"{indent}  "
    if isinstance(value, list):
        items = [_lines(one, inner) for one in value]
        return [f"{indent}[", *_joined(items), f"{indent}]"]
    items = []
    for key, one in value.items():
        first, *others = _lines(one, inner)
        items.append([f"{inner}{json.dumps(key)}: {first.strip()}", *others])
    return [f"{indent}{{", *_joined(items), f"{indent}}}"]


def _joined(items):
    return [
        f"{line}," if line is lines[-1] and lines is not items[-1] else line
        for lines in items
        for line in lines
    ]


def _plain(value):
    match value:
        case msgspec.Struct():
            tag = value.__struct_config__.tag
            said = {
                field.encode_name: _plain(getattr(value, field.name))
                for field in msgspec.structs.fields(value)
                if not _is_default(field, getattr(value, field.name))
            }
            return {"type": tag, **said} if tag else said
        case Enum():
            return value.value
        case str() | bytes():
            return str(value)
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case AbstractSet():
            return sorted(_plain(one) for one in value)
        case Sequence():
            return [_plain(one) for one in value]
        case _:
            return value


def _is_default(field, value):
    if field.default_factory is not msgspec.NODEFAULT:
        return value == field.default_factory()
    return field.default is not msgspec.NODEFAULT and value == field.default
