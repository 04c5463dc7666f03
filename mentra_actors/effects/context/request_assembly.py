"""Puts a request together: the conversation as it is to be shown, and what is said behind it."""

import msgspec

from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.agent.profile import offered_tools
from mentra_actors.domain.conversation_tree import Transcript, closed
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.domain.request_view import RequestView, standing_view
from mentra_actors.effects.context.recall import Recall
from mentra_actors.effects.models.attached_blobs import AttachedBlobs, BlobReader
from mentra_actors.effects.models.model_requests import model_request
from mentra_actors.effects.team.board_reminders import BoardReminders
from mentra_actors.tools.registry import ToolSource

__all__ = ["RequestAssembly"]


class RequestAssembly:
    """Makes requests from a conversation. On the effects loop."""

    def __init__(
        self, tools: ToolSource, blobs: BlobReader, reminders: BoardReminders, recall: Recall
    ) -> None:
        self._tools = tools
        self._attached = AttachedBlobs(blobs)
        self._reminders = reminders
        self._recall = recall

    async def view(self, effect: CallModel, transcript: Transcript) -> RequestView:
        """How the next request shows the conversation. To be recorded with the outcome."""
        view = standing_view(effect.profile.compaction, transcript)
        recalled, problem = await self._recall.of(effect.profile, transcript)
        return msgspec.structs.replace(
            view,
            reminder=await self._reminder(effect),
            recalled=recalled,
            recall_problem=problem,
        )

    async def request(
        self, effect: CallModel, transcript: Transcript, view: RequestView, model: str
    ) -> ModelRequest:
        """The request with this view; `model` is the provider's own name for it."""
        tools = self._tools.of(effect.profile.agent_id)
        request = model_request(effect, transcript, model, tools, view)
        if not closed(transcript).has_attachments:
            return request
        messages = await self._attached.loaded(request.messages)
        return msgspec.structs.replace(request, messages=messages)

    async def _reminder(self, effect: CallModel) -> str:
        if not effect.remind:
            return ""
        tools = self._tools.of(effect.profile.agent_id)
        names = offered_tools(effect.profile, effect.options, tools.offered)
        return await self._reminders.text_for(effect.profile, names)
