"""A checkpointer for LangGraph; needs the extra `langgraph`.

It is imported when it is first asked for: what is below it does without the framework.
"""

from typing import TYPE_CHECKING

from mentra_actors.late_module import late_names

if TYPE_CHECKING:
    from mentra_actors.adapters.langgraph.saver import MentraSaver

__all__ = ["MentraSaver"]

if not TYPE_CHECKING:
    _NAMES_OF = {"mentra_actors.adapters.langgraph.saver": "MentraSaver"}
    __getattr__, __dir__ = late_names(__name__, _NAMES_OF)
