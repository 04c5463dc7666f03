"""A checkpointer for LangGraph; needs the extra `langgraph`."""

from mentra_actors.adapters.langgraph.saver import MentraSaver

__all__ = ["MentraSaver"]
