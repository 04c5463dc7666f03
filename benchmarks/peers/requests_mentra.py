"""Our requests: the view and the assembly, then the bytes for one wire, named on the line."""

import asyncio
import sys
import time
from collections.abc import Mapping
from functools import partial

import msgspec

from benchmarks.peers.conversation import TOOL, Turn
from benchmarks.peers.request_rounds import AddTurn, Request, served
from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import (
    AssistantMessage,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import Transcript, with_entry, with_stubs
from mentra_actors.domain.request_view import standing_view
from mentra_actors.effects.models.model_requests import request_of
from mentra_actors.ids import AgentId, TeamId
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, OPENAI
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.known import WIRES
from mentra_actors.runtime.builtin_tools import all_tools
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.tools.registry import ToolRegistry

MODEL = "model"
PROFILES = {
    "openai_responses": OPENAI,
    "chat_completions": OPENAI,
    "anthropic_messages": ANTHROPIC,
    "gemini_generate_content": GEMINI,
}
AGENT = AgentProfile(
    agent_id=AgentId("a"), name="a", team_id=TeamId("t"), role="lead", model=f"scripted:{MODEL}"
)


def with_turn(transcript: Transcript, turn: Turn) -> Transcript:
    """Four entries more."""
    call = ToolCallBlock(call_id=turn.call_id, name=TOOL, arguments=turn.arguments)
    result = ToolResultBlock(call_id=turn.call_id, name=TOOL, content=turn.result)
    answer = TextBlock(text=turn.answer)
    transcript = with_entry(transcript, UserMessage(text=turn.user), "user_turn")
    transcript = with_entry(transcript, AssistantMessage(blocks=(call,)), "assistant_turn")
    transcript = with_entry(transcript, ToolResultsMessage(results=(result,)), "tool_exchange")
    return with_entry(transcript, AssistantMessage(blocks=(answer,)), "assistant_turn")


def begin(wire: str) -> tuple[AddTurn, Request]:
    """A conversation whose every request ends with a reminder, as the worst of them do."""
    tools = ToolRegistry(all_tools(RuntimeSettings(path=":memory:")))
    encoder = RequestEncoder(WIRES[wire], PROFILES[wire])
    transcript = Transcript()

    def add(turn: Turn) -> None:
        nonlocal transcript
        transcript = with_turn(transcript, turn)

    async def request() -> tuple[Mapping[str, float], int]:
        nonlocal transcript
        start = time.perf_counter()
        view = standing_view(AGENT.compaction, transcript)
        view = msgspec.structs.replace(view, reminder=f"{len(transcript.entries)} so far")
        made = request_of(AGENT, RunOptions(), transcript, MODEL, tools, view)
        built = time.perf_counter()
        body = encoder.parts(made)
        encoded = time.perf_counter()
        transcript = with_stubs(transcript, view.stubbed_through)
        return {"build": built - start, "encode": encoded - built}, sum(map(len, body))

    return add, request


if __name__ == "__main__":
    asyncio.run(served(partial(begin, sys.argv[1])))
