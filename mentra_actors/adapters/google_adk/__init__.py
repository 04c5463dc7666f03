"""The sessions of the Google ADK; needs the extra `google-adk`.

It is imported when it is first asked for: what is below it does without the framework.
"""

from typing import TYPE_CHECKING

from mentra_actors.late_module import late_names

if TYPE_CHECKING:
    from mentra_actors.adapters.google_adk.session_service import MentraSessionService

__all__ = ["MentraSessionService"]

if not TYPE_CHECKING:
    _NAMES_OF = {"mentra_actors.adapters.google_adk.session_service": "MentraSessionService"}
    __getattr__, __dir__ = late_names(__name__, _NAMES_OF)
