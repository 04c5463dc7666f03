"""Stored event types of other frameworks' sessions; no decider decides or evolves them."""

from mentra_actors.domain.frameworks import google_adk, langgraph, naming, openai_agents

__all__ = ["FRAMEWORK_EVENT_TYPES"]

FRAMEWORK_EVENT_TYPES: tuple[type[object], ...] = (
    naming.StreamNamed,
    langgraph.CheckpointSaved,
    langgraph.WritesSaved,
    langgraph.CheckpointsDropped,
    langgraph.ThreadCopied,
    langgraph.ThreadDeleted,
    openai_agents.ItemsAdded,
    openai_agents.ItemPopped,
    openai_agents.HistoryCleared,
    openai_agents.HistoryBranched,
    google_adk.SessionCreated,
    google_adk.SessionGrew,
    google_adk.SessionDeleted,
    google_adk.StateChanged,
)
