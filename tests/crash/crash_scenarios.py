"""Scenarios that between them use all that an agent's turn can do; each can be begun again."""

import contextlib

import anyio
import msgspec

from mentra_actors import (
    CompactionOptions,
    ProbeResult,
    RunFailed,
    ToolError,
    ToolOutput,
    call,
    probe,
    say,
    tool,
)
from mentra_actors.domain.agent.run_options import RetrySchedule
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import UserMessage
from mentra_actors.effects.round_decisions import Continue, Inject
from mentra_actors.errors import CommandRejected, ProviderError
from mentra_actors.providers.scripted import BreaksAfter, position
from mentra_actors.tools.review import Allow, Ask, Deny, Modify, ToolHook

MODEL = "scripted:lead"
AT_ONCE = RetrySchedule(base_s=0.0)


@tool(retry="safe", parallel=True)
async def look(place: str) -> str:
    """Look at a place."""
    return f"{place} is fine"


@tool(retry="never")
async def charge(euros: int) -> str:
    """Charge a card; nobody can undo it or ask about it."""
    return f"charged {euros}"


@tool(retry="idempotent", compensate=lambda call: f"unregistered {call.arguments['name']}")
async def register(name: str) -> str:
    """Register a name; it can be undone."""
    return f"registered {name}"


@probe
async def pay_probe(idempotency_key: str) -> ProbeResult:
    """Nobody has paid."""
    return ProbeResult(verdict="not_done")


@tool(retry=pay_probe)
async def pay(euros: int) -> str:
    """Pay; the bank can be asked."""
    return f"paid {euros}"


@tool
async def fail() -> str:
    """Fail in words."""
    raise ToolError("no luck")


@tool(retry="safe")
async def finish(words: str) -> ToolOutput:
    """End the run."""
    return ToolOutput(content=words, terminate=True)


@tool(retry="safe")
async def long_text() -> str:
    """More than a model is told."""
    return "\n".join(f"line {n}" for n in range(4000))


TOOLS = [look, charge, register, pay, fail, finish, long_text]


def lead_of(runtime, **options):
    return runtime.spawn("lead", model=MODEL, reuse=True, **options)


def ask(runtime, text="Go.", prompt_id="p1", **run):
    """The answer of a prompt that may have been sent before."""
    return lead_of(runtime).send(text, prompt_id=prompt_id, timeout_s=30, **run)


def answer(runtime):
    """The words of the answer."""
    return ask(runtime).text


def every_kind_of_tool(runtime):
    """Parallel and exclusive calls of every `retry`, one that fails, one that does not exist."""
    return ask(runtime).text


EVERY_KIND = [
    [call("look", place="a"), call("look", place="b"), call("charge", euros=5)],
    [call("pay", euros=7), call("register", name="x"), call("nonsense"), call("look", place=3)],
    [call("fail"), call("long_text"), call("charge", euros=6)],
    say("All done."),
]


def a_tool_ends_the_run(runtime):
    """What stands behind the call that ends the run is not started."""
    reply = ask(runtime)
    return reply.ending, ask(runtime, "And now?", "p2").text


TOOL_ENDS = [
    [call("look", place="a"), call("finish", words="bye"), call("charge", euros=1)],
    "Hi.",
]


def retries(runtime):
    """Failures, one of them in the middle of an answer."""
    return ask(runtime, retry=AT_ONCE).text


def failures():
    busy = ProviderError("try later", kind="overloaded", transient=True, status=503)
    return [busy, BreaksAfter(2), busy]


def queues(runtime):
    """A steer is placed before the next call, a follow-up when the run would end."""
    lead = lead_of(runtime)
    lead.steer("Mind the gap.", item_id="s1")
    lead.follow_up("And then?", item_id="f1")
    return ask(runtime).text


async def approvals(runtime):
    """One call is allowed by a person, another one refused."""
    lead = await runtime.spawn("lead", model=MODEL, reuse=True)
    async with anyio.create_task_group() as group:
        group.start_soon(decide, lead)
        reply = await lead.send("Go.", prompt_id="p1")
        group.cancel_scope.cancel()
    return reply.text


async def decide(lead):
    """The person: charging is fine, paying is not."""
    while True:
        seen = await lead.wait_for_snapshot(lambda one: bool(one.permissions))
        request = seen.permissions[0]
        with contextlib.suppress(CommandRejected):  # decided in an earlier life
            if request.tool == "charge":
                await lead.allow(request.request_id, by="ann")
            else:
                await lead.deny(request.request_id, "too dear", by="ann")


async def authorizer(preview):
    """Money needs a person."""
    return Ask("money") if preview.tool in ("charge", "pay") else Allow()


class HouseRules(ToolHook):
    """Names are written small, and nobody looks at c."""

    async def before(self, call):
        if call.tool == "register":
            return Modify({"name": "small"}, "house style")
        return Deny("not there") if call.arguments.get("place") == "c" else Allow()


REVIEWED = [
    [call("look", place="a"), call("look", place="c"), call("charge", euros=5)],
    [call("register", name="BIG"), call("pay", euros=1)],
    "Reviewed.",
]


def once_more(context):
    """Asks once for more, then lets it go on."""
    if context.boundary == "answer" and context.rounds < 3:
        return Inject("Is that all?")
    return Continue()


def strategy(runtime):
    """A round strategy is asked at each boundary."""
    return ask(runtime, strategy="once_more").text


STRATEGIC = [[call("look", place="a")], "Done.", "Yes, all."]


class Found(msgspec.Struct):
    """What was found."""

    place: str
    count: int


def typed_script(request):
    """A look, a wrong value, the right one."""
    hand_over = request.tools[-1].name
    turns = [
        [call("look", place="a")],
        [call(hand_over, place="a", count="many")],
        [call(hand_over, place="a", count=2)],
    ]
    return turns[min(position(request), 2)]


def typed_output(runtime):
    """A value of a type, after a wrong one and some work."""
    return lead_of(runtime).run_to(
        Found, "Find it.", prompt_id="p1", output={"keeps_tools": True}, timeout_s=30
    )


def roll_back(runtime):
    """A run over its limit is taken back and undone, and another one goes on."""
    with contextlib.suppress(RunFailed):
        ask(runtime, on_failure="rollback", model_budget=2)
    runtime.until_idle(timeout_s=30)
    return ask(runtime, "Again.", "p2").text


ROLLED_BACK = [
    [call("register", name="x"), call("look", place="a")],
    [call("charge", euros=1)],
    "It went on.",
]


def suspended(runtime):
    """A run that was broken off goes on where it stood."""
    lead = lead_of(runtime)
    try:
        return ask(runtime, model_budget=2).text
    except RunFailed:
        pass
    if lead.snapshot().can_resume:
        return lead.resume(model_budget=10, timeout_s=30).text
    return lead.conversation.history()[-1].blocks[0].text


def branches(runtime):
    """The conversation goes on from an earlier entry."""
    lead = lead_of(runtime)
    ask(runtime)
    if len(lead.conversation.labels()) == 0:
        lead.conversation.move_to(1)
        lead.conversation.label(1, "here")
    return ask(runtime, "Else?", "p2").text, len(lead.conversation.entries())


def long_script(request):
    """A summary, or an answer to the newest words; keeps what it was sent."""
    if request.system == SUMMARY_SYSTEM:
        return '{"goal": "look"}'
    SENT.add(tuple(request.messages))
    if isinstance(request.messages[-1], UserMessage) and "Look" in request.messages[-1].text:
        return [call("look", place="a"), call("charge", euros=5)]
    return "A long report. " * 40


SENT = set()
"""What models were sent, in all lives."""


def long_conversation(runtime):
    """A conversation is summarised by itself; afterwards the log says what each call was sent."""
    options = CompactionOptions(auto_compact_threshold_tokens=350)
    lead = lead_of(runtime, tools=("look", "charge"), compaction=options)
    for number, text in enumerate(["First.", "Look.", "Third."]):
        lead.send(text, prompt_id=f"p{number}", timeout_s=30)
    told = [getattr(one, "text", "") for one in lead.conversation.history()]
    return len(lead.conversation.entries()), any("[Compaction" in one for one in told), exact(lead)


def exact(lead):
    """Whether each request of which the log tells is one that was sent."""
    for number in range(1, 100):
        try:
            seen = lead.conversation.seen(f"model-{number}")
        except CommandRejected as refusal:
            if "no model call" in str(refusal):
                return number > 3
            continue
        if tuple(seen) not in SENT:
            return False
    return False


def delegation(runtime):
    """Two subagents work at once, within one budget."""
    return ask(runtime, token_budget=1_000_000).text


def delegation_script(request):
    """A lead with two tasks, and whoever does them."""
    if "You are a subagent" in request.system:
        return [[call("look", place="x"), call("charge", euros=2)], "Done."][position(request)]
    tasks = [call("task", prompt="Do x."), call("task", prompt="Do y.")]
    return [tasks, "All done."][position(request)]


def team(runtime):
    """A lead spawns a teammate, who works and writes back; the board is used."""
    reply = ask(runtime)
    runtime.until_idle(timeout_s=30)
    board = runtime.board()
    return reply.ending, sorted(runtime.team().members), [t.status for t in board.tasks.values()]


def team_script(request):
    """The next turn, by what stands in the conversation."""
    if "teammate" in request.system:
        turns = [[call("look", place="c"), call("team_send", to="lead", content="Fine.")], "Sent."]
        return turns[min(position(request), 1)]
    turns = [
        [call("team_spawn", name="mate", role="scout", prompt="Look at c.")],
        [call("task_create", subject="Wait"), call("task_create", subject="Rest")],
        [call("task_update", taskId=1, owner="lead", status="completed")],
        "Waiting.",
    ]
    return turns[position(request)] if position(request) < len(turns) else "Noted."
