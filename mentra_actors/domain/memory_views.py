"""Which streams a search looks through: whose memory it is, and what else that one may see. Pure.

An agent sees its own facts, what is read off its own stream, and the facts of its team and of the
project. A team sees its own facts and those of the project.
"""

import msgspec

from mentra_actors.domain.memory import SCOPES, MemoryKind, MemoryScope
from mentra_actors.ids import (
    AgentId,
    EntryId,
    StreamId,
    TeamId,
    agent_stream,
    memory_stream,
    project_memory_stream,
    team_memory_stream,
)

__all__ = [
    "MemoryQuestion",
    "MemoryView",
    "SeenWords",
    "ViewedStream",
    "agent_view",
    "project_view",
    "stream_of",
    "team_view",
]


class ViewedStream(msgspec.Struct, frozen=True):
    """A stream, and whose the records are that come from it."""

    stream_id: StreamId
    scope: MemoryScope


class MemoryView(msgspec.Struct, frozen=True, kw_only=True):
    """A memory as one agent, a team or the project sees it. The `name` is unique in a store.

    Streams of facts stand before the agent's own, so that what was forgotten is known first.
    """

    name: str
    streams: tuple[ViewedStream, ...]


def agent_view(agent_id: AgentId, team_id: TeamId) -> MemoryView:
    """All that an agent may see."""
    own = ViewedStream(memory_stream(agent_id), "agent")
    said = ViewedStream(agent_stream(agent_id), "agent")
    return MemoryView(
        name=f"{agent_id}@{team_id}", streams=(own, *team_view(team_id).streams, said)
    )


def team_view(team_id: TeamId) -> MemoryView:
    """What belongs to no single agent of a team."""
    shared = ViewedStream(team_memory_stream(team_id), "team")
    return MemoryView(name=f"@team.{team_id}", streams=(shared, *project_view().streams))


def project_view() -> MemoryView:
    """What belongs to no team."""
    shared = ViewedStream(project_memory_stream(), "project")
    return MemoryView(name="@project", streams=(shared,))


def stream_of(view: MemoryView, scope: MemoryScope) -> StreamId | None:
    """The stream to which the facts of a scope are written; None if the view has no such scope."""
    found = (one.stream_id for one in view.streams if one.scope == scope)
    return next(found, None)


class SeenWords(msgspec.Struct, frozen=True, kw_only=True):
    """What a request does not recall: what its model sees anyway, and what was left for a branch.

    Recalled are runs on the `path` up to `through`. Summaries are not: the model sees the newest
    one, which tells what those before it have told.
    """

    path: frozenset[EntryId] = frozenset()
    through: EntryId = EntryId(0)

    def has(self, kind: MemoryKind, entry: int) -> bool:
        """True for a record that is not to be recalled, by its kind and place in a conversation.

        The place is that of `Remembered.entry`; a fact has none, and is always recalled.
        """
        match kind:
            case "episode":
                return bool(entry) and (entry > self.through or entry not in self.path)
            case "summary":
                return True
            case "fact":
                return False


class MemoryQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for, in words, any of which may match; at Unix time `now`.

    At most `limit` records of these scopes are given, and none of those in `seen`. `vector`
    is that of the words, where texts have vectors; it has as many numbers as those of the records.
    """

    words: str
    limit: int
    now: float
    scopes: tuple[MemoryScope, ...] = SCOPES
    seen: SeenWords | None = None
    vector: tuple[float, ...] = ()
