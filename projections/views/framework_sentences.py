"""What happened in sessions of other agent frameworks, in the words of people."""

from mentra_actors.decider import ByEvent
from mentra_actors.domain.frameworks import google_adk, langgraph, naming, openai_agents
from projections.views.sentence_words import counted

__all__ = ["FRAMEWORK_SENTENCES"]

_ID_CHARS = 8


def _checkpoint_saved(event: langgraph.CheckpointSaved) -> str:
    step = "" if event.step is None else f", step {event.step}"
    where = f" in {event.namespace}" if event.namespace else ""
    changed = f"changed: {', '.join(event.values)}" if event.values else "nothing changed"
    return f"checkpoint of {event.source or 'a graph'}{step}{where}; {changed}"


def _writes_saved(event: langgraph.WritesSaved) -> str:
    channels = ", ".join(dict.fromkeys(one.channel for one in event.writes))
    return f"task {event.task_id[:_ID_CHARS]} wrote {channels or 'nothing'}"


def _branched(event: openai_agents.HistoryBranched) -> str:
    return f"begins with {counted(event.count, 'item')} of {event.source}"


FRAMEWORK_SENTENCES: ByEvent[str] = {
    naming.StreamNamed: lambda e: f"this is {' / '.join(e.names)}",
    langgraph.CheckpointSaved: _checkpoint_saved,
    langgraph.WritesSaved: _writes_saved,
    langgraph.CheckpointsDropped: lambda e: (
        f"{counted(len(e.checkpoints), 'checkpoint')} not shown any more ({e.reason})"
    ),
    langgraph.ThreadCopied: lambda e: f"has all of {e.source} up to version {e.through}",
    langgraph.ThreadDeleted: lambda _: "the thread was deleted",
    openai_agents.ItemsAdded: lambda e: f"{counted(len(e.items), 'item')} added",
    openai_agents.ItemPopped: lambda _: "the last item was taken away",
    openai_agents.HistoryCleared: lambda _: "all items were taken away",
    openai_agents.HistoryBranched: _branched,
    google_adk.SessionCreated: lambda _: "the session was created",
    google_adk.SessionGrew: lambda e: (
        f"event of {e.author or 'nobody'}{', state changed' if e.changed else ''}"
    ),
    google_adk.SessionDeleted: lambda _: "the session was deleted",
    google_adk.StateChanged: lambda e: f"shared state changed by session {e.session}",
}
