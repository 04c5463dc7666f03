"""Google ADK in the recovery benchmark: a resumable app with SqliteSessionService.

* https://google.github.io/adk-docs/runtime/resume/: `ResumabilityConfig(is_resumable=True)`; a
  stopped run is resumed by `run_async` with its `invocation_id`. The page says that tools run at
  least once, and may run again on resume.
* https://google.github.io/adk-docs/sessions/session/: the session service keeps the events.
* https://google.github.io/adk-docs/tools-custom/: `ToolContext.function_call_id`.
"""

import asyncio
import warnings
from collections.abc import AsyncGenerator
from functools import partial
from typing import Any

warnings.simplefilter("ignore")

from google.adk.agents import LlmAgent  # noqa: E402 - the import warns
from google.adk.apps.app import App, ResumabilityConfig  # noqa: E402
from google.adk.models.base_llm import BaseLlm  # noqa: E402
from google.adk.models.llm_request import LlmRequest  # noqa: E402
from google.adk.models.llm_response import LlmResponse  # noqa: E402
from google.adk.runners import Runner  # noqa: E402
from google.adk.sessions.sqlite_session_service import SqliteSessionService  # noqa: E402
from google.adk.tools.tool_context import ToolContext  # noqa: E402
from google.genai import types  # noqa: E402

from benchmarks.recovery.lives import serve  # noqa: E402
from benchmarks.recovery.world import PROMPT, QUESTION, Life, call_ids  # noqa: E402

APP = "kill_matrix"
USER = "person"
SESSION = "conversation"


class ScriptedLlm(BaseLlm):
    """The scenario's model behind ADK's interface."""

    life: Any

    async def generate_content_async(
        self,
        llm_request: LlmRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002
    ) -> AsyncGenerator[LlmResponse, None]:
        """One answer."""
        answer = self.life.answer(_neutral(llm_request.contents))
        if isinstance(answer, str):
            parts = [types.Part(text=answer)]
        else:
            ids = call_ids()
            parts = [
                types.Part(function_call=types.FunctionCall(id=ids[name], name=name, args={}))
                for name in answer
            ]
        yield LlmResponse(content=types.Content(role="model", parts=parts))


def _neutral(contents: list[types.Content]) -> list[dict[str, Any]]:
    """Gemini's wire: one content of the model, one content with all results."""
    messages: list[dict[str, Any]] = []
    for content in contents:
        parts = content.parts or []
        text = "".join(part.text or "" for part in parts)
        asked = [part.function_call for part in parts if part.function_call]
        results = [part.function_response for part in parts if part.function_response]
        if content.role == "model":
            calls = [{"id": call.id or call.name, "name": call.name} for call in asked]
            messages.append({"role": "assistant", "text": text, "calls": calls})
        elif results:
            messages += [_result(one) for one in results]
        else:
            messages.append({"role": "user", "text": text})
    return messages


def _result(response: types.FunctionResponse) -> dict[str, Any]:
    name = response.name or ""
    return {
        "role": "tool",
        "id": response.id or name,
        "name": name,
        "text": str((response.response or {}).get("result", response.response)),
    }


def _runner(life: Life) -> Runner:
    async def charge(tool_context: ToolContext) -> str:
        """Charge the card."""
        return await life.run_tool("charge", tool_context.function_call_id or "")

    async def mail(tool_context: ToolContext) -> str:
        """Mail the receipt."""
        return await life.run_tool("mail", tool_context.function_call_id or "")

    agent = LlmAgent(
        name="agent", model=ScriptedLlm(model="scripted", life=life), tools=[charge, mail]
    )
    resumable = ResumabilityConfig(is_resumable=True)
    app = App(name=APP, root_agent=agent, resumability_config=resumable)
    sessions = SqliteSessionService(str(life.folder / "sessions.sqlite"))
    return Runner(app=app, session_service=sessions)


async def _run(life: Life, action: str) -> None:
    runner = _runner(life)
    sessions = runner.session_service
    given: dict[str, Any] = {}
    if action == "start":
        await sessions.create_session(app_name=APP, user_id=USER, session_id=SESSION)
    if action == "resume":
        session = await sessions.get_session(app_name=APP, user_id=USER, session_id=SESSION)
        given["invocation_id"] = session.events[-1].invocation_id if session else ""
    else:
        said = {"start": PROMPT, "message": QUESTION}[action]
        given["new_message"] = types.Content(role="user", parts=[types.Part(text=said)])
    async for event in runner.run_async(user_id=USER, session_id=SESSION, **given):
        if event.error_code:
            raise RuntimeError(f"{event.error_code}: {event.error_message}")


def _act(life: Life, action: str) -> None:
    asyncio.run(_run(life, action))


if __name__ == "__main__":
    serve({"resumable app": _act, "resumable app, tools dedupe": partial(_act)})
