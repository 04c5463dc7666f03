"""A moment of the past, for people: where it is, how an agent was, what it was about to do."""

from collections.abc import Iterator

import msgspec
from rich.text import Text

from mentra_actors.cli.output import local_moment
from mentra_actors.cli.render.render_usage import cost_text
from mentra_actors.domain.agent import effects as f
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.runtime.history.agent_moment import AgentMoment
from mentra_actors.runtime.history.moment import Moment
from projections.views.timeline import sentence_of
from projections.views.usage import Usage

__all__ = [
    "agent_lines",
    "agent_moment_document",
    "message_lines",
    "moment_document",
    "moment_line",
    "profile_lines",
    "usage_line",
]

_INDENT = 12
_STATUS_STYLES = {"idle": "green", "stopped": "dim"}
_DOING = {
    f.CallModel: "ask the model",
    f.SummarizeConversation: "have the conversation summarised",
    f.DecideRound: "decide whether to go on",
    f.ReviewCall: "review a call",
    f.RunTool: "run a tool",
    f.ProbeTool: "find out what a tool call has done",
    f.CompensateCall: "take a call back",
    f.CompensateBoard: "take back what it did on the board",
    f.ClaimReadyTask: "look for a task",
    f.ReportStop: "report that it has stopped",
}


def moment_line(moment: Moment, last: int) -> Text:
    """Position, time, and what had just happened."""
    line = Text.assemble(
        ("position ", "dim"), (f"{moment.position}", "bold"), (f" of {last}", "dim")
    )
    event = moment.event
    if event is None:
        return line.append("  before the first event", style="dim")
    line.append(f"  {local_moment(event.recorded_at_ns / 1e9)}", style="dim")
    line.append(f"  {event.stream_id} v{event.stream_version}", style="cyan")
    return line.append(f"  {sentence_of(event)}")


def moment_document(moment: Moment, last: int) -> dict[str, object]:
    """The same for programs."""
    event = moment.event
    return {
        "position": moment.position,
        "last_position": last,
        "time": None if event is None else event.recorded_at_ns / 1e9,
        "stream": None if event is None else event.stream_id,
        "sentence": "" if event is None else sentence_of(event),
    }


def agent_lines(agent: AgentMoment) -> Iterator[tuple[Text, int]]:
    """How an agent was and what it was about to do; each line with the column of its text."""
    shown, profile = agent.snapshot, agent.profile
    status = shown.status.replace("_", " ")
    yield (
        Text.assemble(
            (f"{profile.name:<{_INDENT}}", "bold"),
            (status, _STATUS_STYLES.get(shown.status, "bold yellow")),
            (f"  {profile.role}, {profile.model}, v{agent.version}", "dim"),
        ),
        _INDENT,
    )
    for name, words in _facts(agent):
        yield Text.assemble((f"{name:<{_INDENT}}", "dim"), words), _INDENT


def _facts(agent: AgentMoment) -> Iterator[tuple[str, str]]:
    shown = agent.snapshot
    if shown.run_id:
        spent = f"{shown.tokens:,} tokens, ${shown.cost_usd_micros / 1e6:,.4f}"
        yield "run", f"{shown.run_id}, round {shown.rounds}, {spent}"
    for number, effect in enumerate(agent.pending.values()):
        yield ("" if number else "about to"), _doing(effect)
    for call in shown.open_calls:
        yield "call", f"{call.tool}, {call.status}"
    waiting = (
        (shown.waiting_prompts, "prompts"),
        (shown.queued_steers, "steers"),
        (shown.queued_follow_ups, "follow-ups"),
        (shown.waiting_mail, "letters"),
    )
    if any(count for count, _ in waiting):
        yield "waiting", ", ".join(f"{count} {word}" for count, word in waiting if count)
    running = [job for job in shown.background_jobs if job.is_open]
    if running:
        yield "jobs", ", ".join(job.job_id for job in running)


def _doing(effect: f.AgentEffect) -> str:
    words = _DOING.get(type(effect), "wait")
    match effect:
        case f.CallModel(attempt=attempt, profile=profile):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"{words} {profile.model}{again}"
        case f.RunTool(tool=tool) | f.ReviewCall(tool=tool):
            return f"{words}: {tool}"
        case _:
            return words


def message_lines(agent: AgentMoment) -> Iterator[tuple[Text, int]]:
    """What a model would have been sent, message by message."""
    for message in agent.messages():
        for who, words in _spoken(message):
            yield Text.assemble((f"{who:<{_INDENT}}", "bold"), words), _INDENT


def _spoken(message: Message) -> Iterator[tuple[str, str]]:
    match message:
        case UserMessage(text=text, source=source):
            yield source, text
        case AssistantMessage(blocks=blocks):
            if text := text_of(blocks):
                yield "model", text
            for block in blocks:
                if isinstance(block, ToolCallBlock):
                    yield "calls", f"{block.name} {block.arguments}"
        case ToolResultsMessage(results=results):
            for result in results:
                yield "result", result.content


def profile_lines(agent: AgentMoment) -> Iterator[tuple[Text, int]]:
    """How an agent was configured: what differs from an agent of which nothing was said."""
    for field in msgspec.structs.fields(agent.profile):
        value = getattr(agent.profile, field.name)
        if not field.required and value == field.default:
            continue
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield Text.assemble((f"{field.name:<18}", "bold"), text), 18


def agent_moment_document(agent: AgentMoment) -> dict[str, object]:
    """How an agent was, for programs."""
    return {
        "version": agent.version,
        "time": agent.time.timestamp(),
        "snapshot": agent.snapshot,
        "profile": agent.profile,
        "limits": agent.limits,
        "pending": [
            {"effect_id": effect_id, "kind": type(effect).__name__, **_plain(effect)}
            for effect_id, effect in agent.pending.items()
        ],
    }


def usage_line(usage: Usage) -> Text:
    """Calls, tokens and money."""
    calls = f"{usage.calls:,} model call{'' if usage.calls == 1 else 's'}"
    return Text.assemble(
        (calls, ""), (f", {usage.tokens.total_tokens:,} tokens, {cost_text(usage)}", "dim")
    )


def _plain(effect: f.AgentEffect) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(effect, str_keys=True)
    return {name: value for name, value in plain.items() if name not in ("profile", "effect_id")}
