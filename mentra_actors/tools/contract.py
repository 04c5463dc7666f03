"""What a tool is, and what it gets to see while it runs."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast

import msgspec

from mentra_actors.domain.background.job import Job
from mentra_actors.domain.compacted import Compaction, UnwrittenSummary
from mentra_actors.domain.content import Attachment
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ToolSpec
from mentra_actors.domain.storable import as_stored
from mentra_actors.domain.tool_call import OutgoingMail, ProbeVerdict, RetryMode
from mentra_actors.ids import AgentId, CommandId, StreamId, TeamId
from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.memory_port import MemoryPort, NoMemory
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.schemas.schema_faults import faults_by_schema
from mentra_actors.tools.tool_errors import PolicyDenied, ToolError
from mentra_actors.tools.tool_names import tool_names
from mentra_actors.tools.traits import ToolTraits
from mentra_actors.tools.workplace import Workplace

__all__ = [
    "AgentAnswer",
    "Commands",
    "Compensate",
    "FinishedToolCall",
    "MemberStatus",
    "PolicyDenied",
    "Preview",
    "Probe",
    "ProbeResult",
    "SubagentFailed",
    "SubagentRequest",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolOutput",
    "subagent_request",
]

T = TypeVar("T")

MemberStatus: TypeAlias = Literal["idle", "working", "failed", "stopped"]
"""`failed`: its last run has; the next letter or prompt wakes it all the same."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)
"""No dot, which parts the id of a subagent from that of its parent."""


class ToolOutput(msgspec.Struct, frozen=True, kw_only=True):
    """Returned by a tool that wants to say more than a text.

    `content` is told to the model: a string as it is, anything else as JSON. `attachments` are
    images and documents for it to look at (`mentra_actors.image`, `mentra_actors.document`).
    `details` (JSON serialisable) is kept for people and programs and never sent to a model.
    `mail` leaves in the same append as the call's result. `terminate` ends the run: calls after
    this one are not run, and the model is not asked again. A call that runs beside others cannot
    do that. `compaction`, or `unwritten`, is what `ToolContext.compact` has given.
    """

    content: Any
    details: Any = None
    mail: tuple[OutgoingMail, ...] = ()
    is_error: bool = False
    terminate: bool = False
    attachments: tuple[Attachment, ...] = ()
    compaction: Compaction | None = None
    unwritten: UnwrittenSummary | None = None


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """A probe's word on a call whose process died: `content` counts only with `done`."""

    verdict: ProbeVerdict
    content: Any = ""


class AgentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How the run of an agent has ended; see `Reply` for `ending` and `early_end`."""

    agent_id: AgentId
    text: str
    ending: str = "answered"
    early_end: str = ""


class Commands(Protocol):
    """The way from a tool to the actors of this runtime. Awaited on the effects loop."""

    async def ask(self, stream_id: StreamId, command: object) -> Any:
        """Send a command and return the state after it is durable.

        Raises:
            CommandRejected: the decider said no.
            ActorError, StoreError: it was not decided, or not written.
        """
        ...

    async def look(self, stream_id: StreamId) -> Any:
        """The state of a stream, with everything that was sent to it before decided.

        Raises:
            ActorError, StoreError: the stream cannot be read.
        """
        ...

    async def prompt(self, agent_id: AgentId, prompt_id: CommandId, text: str) -> AgentAnswer:
        """Prompt an agent and wait for the end of its run; the same id again gives the same.

        Raises:
            RunFailed: the run was broken off.
            CommandRejected, ActorError, StoreError: the prompt was not recorded.
        """
        ...

    async def hand_over_mail(self, agent_id: AgentId, command_id: CommandId) -> Sequence[Mail]:
        """Letters that wait for an agent, which it is then not shown; the same id, the same ones.

        Raises:
            CommandRejected, ActorError, StoreError: nothing was handed over.
        """
        ...

    async def member_status(self, agent_id: AgentId) -> MemberStatus:
        """How an agent is, as the log has it; it is not woken for that.

        Raises:
            StoreError: the log cannot be read.
        """
        ...

    def now(self) -> float:
        """Unix time in seconds, for commands that carry it."""
        ...


class SubagentFailed(ToolError):
    """A subagent ended without an answer; the text is for the model that wanted one."""


class SubagentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a subagent; see `ToolContext.run_subagent`."""

    prompt: str
    name: str = ""
    system: str = ""
    model: str = ""
    tools: tuple[str, ...] | None = None
    hidden_tools: tuple[str, ...] = ()
    max_rounds: int = 30


class FinishedToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is to be undone, as its `compensate` sees it.

    `content` is what the model was told. If `is_known` is false nobody knows whether the call
    happened. Undoing may be asked for more than once, with the same `idempotency_key`.
    """

    tool: str
    arguments: JsonObject
    content: str
    idempotency_key: str
    is_known: bool = True


async def _no_result(_call: str) -> str | None:
    return None


async def _no_output(_job: Job, _most: int) -> bytes:
    return b""


def _nowhere() -> Workplace:
    return Workplace(policy=RuntimePolicy(), base_dir=Path.cwd())


async def _no_compaction() -> Compaction | UnwrittenSummary | None:
    raise ToolError("this call cannot compact the conversation")


async def _no_subagents(_request: SubagentRequest) -> AgentAnswer:
    raise ToolError("this call cannot have subagents")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a running tool may know. A parameter annotated with this class receives it.

    `idempotency_key` is the same for every attempt of this call, also after a restart, and no
    other call in the world has it: not one of another store either, nor of a backup that goes on.
    It is text of ASCII letters, digits and `_ . : - /`. `attempt` counts from 1.
    """

    agent_id: AgentId
    agent_name: str
    team_id: TeamId
    run_id: str
    call_id: str
    tool_name: str
    idempotency_key: str
    attempt: int
    commands: Commands
    progress: Callable[[str], None] = field(default=lambda _text: None)
    """Shows a line to whoever watches; nothing is stored. Thread-safe."""
    request_idle: Callable[[], None] = field(default=lambda: None)
    """Ends the run after this round, when the other calls of the answer have run. Thread-safe."""
    read_result: Callable[[str], Awaitable[str | None]] = field(default=_no_result)
    """The whole text of an earlier long result, by the id of its call; None if there is none."""
    read_job: Callable[[Job, int], Awaitable[bytes]] = field(default=_no_output)
    """The last bytes that a background job has printed, so many at most; also while it runs."""
    page_bytes: int = 0
    """How much of a long result is shown at once; 0 if results are not paged."""
    subagents: Callable[[SubagentRequest], Awaitable[AgentAnswer]] = field(default=_no_subagents)
    """Runs subagents; see `run_subagent`."""
    compact: Callable[[], Awaitable[Compaction | UnwrittenSummary | None]] = field(
        default=_no_compaction
    )
    """Has the older part of the conversation summarised; None if there is none. What it gives
    counts when it is returned as `ToolOutput.compaction`, or as `ToolOutput.unwritten` if that
    failed. Only the tool `compact` has it."""
    workplace: Workplace = field(default_factory=_nowhere)
    """Where this call works on this machine: its directory, the policy, commands."""
    application: Mapping[type[object], object] = field(default_factory=dict)
    """What the program has given to its tools, by type; see `app`."""
    memory: MemoryPort = field(default_factory=NoMemory)
    """What the agent remembers for long."""

    def app(self, kind: type[T]) -> T:
        """The object of this type given to `open_runtime(context=[…])`, or the one of a subclass.

        Raises:
            ToolError: there is none, or none of this very type and several of subclasses.
        """
        if kind in self.application:
            return cast("T", self.application[kind])
        found = [one for one in self.application.values() if isinstance(one, kind)]
        if len(found) == 1:
            return found[0]
        several = ", ".join(sorted(type(one).__name__ for one in found))
        told = f"several kinds of {kind.__name__}: {several}" if found else f"no {kind.__name__}"
        raise ToolError(f"the program has given its tools {told}")

    async def run_subagent(  # noqa: PLR0913 - each is a choice of its own
        self,
        prompt: str,
        *,
        name: str = "",
        system: str = "",
        model: str = "",
        tools: Sequence[str] | None = None,
        hidden_tools: Sequence[str] = (),
        max_rounds: int = 30,
    ) -> AgentAnswer:
        """Hand `prompt` to an agent that is made for it, and wait for its answer.

        It starts with an empty conversation and the options of this agent, less its tool choice
        and the limits of its runs: it shares the deadline and what is left of tokens and money,
        ends when this call ends, and stops when this run is to stop. `system` is added to the
        system prompt, `tools` and `hidden_tools` narrow its tools. It survives a crash if this
        tool is declared `retry="idempotent"`: the next attempt finds it again, by `name` (letters,
        digits, `_` and `-`; unique in this call), or by its number if it has none. On the effects
        loop.

        Raises:
            SubagentFailed: its run failed, or ended without an answer.
            ToolError: it could not be made: no agent could work like this.
            TypeError, ValueError: an argument is of a wrong type, `name` is none, or the name of
                a subagent of this call that was asked for something else.
        """
        request = subagent_request(
            prompt,
            name=name,
            system=system,
            model=model,
            tools=tools,
            hidden_tools=hidden_tools,
            max_rounds=max_rounds,
        )
        return await self.subagents(request)


_ITS_OWN_TOOLS = "a subagent has tools of the agent that asks for it, so name some of those"


def subagent_request(prompt: str, **options: Any) -> SubagentRequest:
    """What is asked of a subagent, if all of it can be stored and its name is one.

    Raises:
        TypeError, ValueError: see `ToolContext.run_subagent`.
    """
    for what in ("tools", "hidden_tools"):
        if options.get(what) is not None:
            options[what] = tool_names(what, options[what], advice=_ITS_OWN_TOOLS)
    request = SubagentRequest(prompt=prompt, **options)
    checked = as_stored(request, SubagentRequest, "run_subagent")
    if checked.name and _NAME.fullmatch(checked.name) is None:
        raise ValueError(
            f"{checked.name!r} is no name of a subagent: use 1 to 100 letters, digits, _ and -"
        )
    return checked


Preview = Callable[[Json, Workplace], Json]
"""What a call would do, as JSON data for whoever decides about it: with resolved paths
(`resolved_…`), and with all that makes a difference, since a decision about exactly this call
speaks of all calls with the same preview. Runs on a worker thread, before the call may start and
once more when it starts, and changes nothing. A `ToolError` refuses the call."""

Probe = Callable[[str], Awaitable[ProbeResult] | ProbeResult]
"""Asked with the idempotency key of a call whose process died."""

Compensate = Callable[[FinishedToolCall], Awaitable[Any] | Any]
"""Undoes a call; what it returns is kept for people. Raising means that it could not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as the runtime sees it.

    `run(arguments, context)` gets decoded JSON (a mapping) and does the work; it raises
    `ToolError` for everything that the model should hear about. `check(arguments)` is what
    `faults` answers; without one they are checked against `input_schema`, which must then be a
    JSON Schema of Draft 2020-12 that refers to nothing outside itself. `is_parallel(arguments)`
    says whether this call may run beside others of the same answer. `compensate(call)` undoes a
    call of a run that is taken back. `timeout_s` None means no limit, and for undoing 300 s.
    `is_deferred` and `strict` are those of `ToolSpec`. `guide` is said in the system prompt of
    agents that are offered the tool, after their own. `traits` say what it can do; `preview` says
    what one call would do. A call of a `terminal` tool that succeeds ends the run.
    """

    name: str
    description: str
    input_schema: str
    run: Callable[[Json, ToolContext], Awaitable[object]]
    retry: RetryMode = "never"
    probe: Probe | None = None
    compensate: Compensate | None = None
    is_parallel: Callable[[Json], bool] = field(default=lambda _arguments: False)
    timeout_s: float | None = None
    check: Callable[[Json], str] | None = None
    is_deferred: bool = False
    strict: bool | None = None
    traits: ToolTraits = field(default_factory=ToolTraits)
    preview: Preview | None = None
    terminal: bool = False
    guide: str = ""

    def faults(self, arguments: Mapping[str, object]) -> str:
        """All that is wrong with the arguments of a call, as a text for the model; "" if nothing.

        To be asked before a call is reviewed or started. Raises nothing, unless the tool's own
        `check` does, and changes nothing. Pure computation, on any thread: microseconds as a rule,
        up to some seconds for a megabyte of arguments.
        """
        if self.check is not None:
            return self.check(arguments)
        return faults_by_schema(self.name, self.input_schema, arguments)

    @property
    def spec(self) -> ToolSpec:
        """What a model is told of this tool."""
        return ToolSpec(
            name=self.name,
            description=self.description,
            input_schema=self.input_schema,
            strict=self.strict,
            is_deferred=self.is_deferred,
        )
