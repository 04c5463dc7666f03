"""The tools of a runtime by name: those that all agents have, and those of single ones."""

import re
import reprlib
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, Protocol, Self, get_args

from mentra_actors.domain.model_call import ToolSpec
from mentra_actors.domain.tool_call import RetryMode
from mentra_actors.errors import InvalidTool
from mentra_actors.ids import AgentId
from mentra_actors.tools.contract import PolicyDenied, Tool, ToolError
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.schemas.schema_check import decoded_schema, schema_check
from mentra_actors.tools.traits import require_sound_traits

__all__ = [
    "TOOL_IS_GONE",
    "DescribedTools",
    "RegisteredTools",
    "ToolRegistration",
    "ToolRegistry",
    "ToolSource",
    "require_timeout",
    "require_tool",
    "require_valid_name",
]

TOOL_IS_GONE = "Tool not found (it was there when the call was made)"
"""What a model is told of a call whose tool was taken away before it could run."""

_MOST_DESCRIBED = 64
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)


def require_valid_name(name: str) -> str:
    """`name`, when every provider accepts it as the name of a tool.

    Raises:
        InvalidTool: it is not 1 to 64 ASCII letters, digits, `_` and `-`.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidTool(
            f"tool name {name!r} is not 1 to 64 ASCII letters, digits, '_' or '-'; pass name="
        )
    return name


def require_tool(tool: Tool) -> Tool:
    """`tool`, when it can be offered to models, and what it declares of itself fits together.

    Raises:
        InvalidTool: it does not; the message says why.
    """
    if not isinstance(tool, Tool):
        raise InvalidTool(_no_tool(tool))
    require_valid_name(tool.name)
    if tool.retry not in get_args(RetryMode):
        modes = ", ".join(get_args(RetryMode))
        raise InvalidTool(f"tool {tool.name!r}: retry is one of {modes}, not {tool.retry!r}")
    if tool.retry == "probe" and tool.probe is None:
        raise InvalidTool(f"tool {tool.name!r}: retry='probe' needs a probe")
    require_sound_traits(tool.name, tool.traits)
    if tool.traits.changes_nothing and tool.compensate is not None:
        raise InvalidTool(
            f"tool {tool.name!r} is declared without side effects, so it has nothing to undo"
        )
    if tool.terminal and _is_always_parallel(tool):
        raise InvalidTool(f"tool {tool.name!r} ends the run, so it cannot run beside other calls")
    require_timeout(tool.name, tool.timeout_s)
    for name in ("run", "is_parallel", "preview", "compensate", "probe", "check"):
        _require_function(tool, name)
    try:
        _require_schema(tool)
    except ValueError as error:
        raise InvalidTool(f"tool {tool.name!r}: input_schema {error}") from error
    return tool


def _no_tool(value: object) -> str:
    """What to say of what is no tool, without its whole content."""
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} is not a tool; put the tools in it one by one: [*tools]"
    return f"{reprlib.repr(value)} is not a tool; decorate the function with @tool"


def require_timeout(name: str, timeout_s: object) -> None:
    """Refuse what is no time that a call may take.

    Raises:
        InvalidTool: it is neither a number above 0 nor None.
    """
    if timeout_s is None:
        return
    is_number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if not (is_number and timeout_s > 0):  # type: ignore[operator]
        raise InvalidTool(
            f"tool {name!r}: timeout_s is a number of seconds above 0 or None, not {timeout_s!r}"
        )


def _require_function(tool: Tool, name: str) -> None:
    value = getattr(tool, name)
    if callable(value) or (value is None and name not in ("run", "is_parallel")):
        return
    raise InvalidTool(f"tool {tool.name!r}: {name} is a function, not {value!r}")


def _is_always_parallel(tool: Tool) -> bool:
    """Whether a call without arguments may run beside others."""
    try:
        return bool(tool.is_parallel({}))
    except Exception:  # noqa: BLE001 - one that needs arguments to say decides by call
        return False


def _require_schema(tool: Tool) -> None:
    """The schema is one that can be applied; where the tool checks by itself, any JSON object.

    Raises:
        ValueError: it is not; the words go on after "input_schema".
    """
    if tool.check is None:
        schema_check(tool.input_schema)
    else:
        decoded_schema(tool.input_schema)


class DescribedTools(NamedTuple):
    """Some tools as a model is told of them, and what they say in the system prompt, if any."""

    specs: tuple[ToolSpec, ...]
    guides: tuple[str, ...]


class ToolRegistry(Mapping[str, Tool]):
    """An immutable mapping of names to tools, in the order in which they were given.

    Under a `policy` those that it hides are still found, and not offered.

    Raises:
        InvalidTool: two tools have one name, or a name is not valid.
    """

    __slots__ = ("_described", "_tools", "offered", "policy")

    def __init__(self, tools: Iterable[Tool] = (), *, policy: RuntimePolicy | None = None) -> None:
        by_name: dict[str, Tool] = {}
        for tool in tools:
            if require_tool(tool).name in by_name:
                raise InvalidTool(f"two tools are named {tool.name!r}; give one another name=")
            by_name[tool.name] = tool
        self._set(by_name, policy)

    def _set(self, by_name: Mapping[str, Tool], policy: RuntimePolicy | None) -> None:
        self._tools = by_name
        self.policy = policy
        self._described: dict[tuple[str, ...], DescribedTools] = {}
        self.offered: tuple[str, ...] = tuple(
            name
            for name, tool in by_name.items()
            if policy is None or not policy.hides(tool.traits)
        )
        """Names of the tools that an agent can be offered, in their order."""

    def of(self, agent_id: AgentId) -> "ToolRegistry":
        """The tools of one agent; here all have the same."""
        del agent_id
        return self

    def require_allowed(self, tool: Tool) -> None:
        """Nothing, if the policy lets the tool be called.

        Raises:
            PolicyDenied: it does not; the text is for the model.
        """
        policy = self.policy
        if policy is None or not policy.hides(tool.traits):
            return
        if policy.is_read_only:
            told = f"Tool '{tool.name}' is not available: the runtime policy lets nothing change"
            raise PolicyDenied(told, action="writes")
        policy.require_commands(background="background_exec" in tool.traits.capabilities)

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __repr__(self) -> str:
        return f"ToolRegistry({list(self._tools)!r})"

    def find(self, name: str) -> Tool:
        """The tool that a model asked for.

        Raises:
            ToolError: there is none; the text is for the model.
        """
        try:
            return self._tools[name]
        except KeyError:
            raise ToolError("Tool not found") from None

    def specs(self) -> tuple[ToolSpec, ...]:
        """What a model is told of the tools that can be offered."""
        return self.described(self.offered).specs

    def described(self, names: tuple[str, ...]) -> DescribedTools:
        """What a model is told of these; the same object for the same names, which are few."""
        known = self._described.get(names)
        if known is None:
            tools = [self._tools[name] for name in names]
            known = DescribedTools(
                tuple(one.spec for one in tools), tuple(one.guide for one in tools if one.guide)
            )
            if len(self._described) >= _MOST_DESCRIBED:
                self._described.clear()
            self._described[names] = known
        return known

    def including(self, tool: Tool) -> "ToolRegistry":
        """A registry with one more tool, after the present ones.

        Raises:
            InvalidTool: it has the name of another one, or it is no tool.
        """
        if require_tool(tool).name in self._tools:
            raise InvalidTool(f"two tools are named {tool.name!r}; give one another name=")
        return self._with({**self._tools, tool.name: tool})

    def overlaid(self, own: "ToolRegistry") -> "ToolRegistry":
        """A registry with those of `own` after the present ones, and instead of namesakes."""
        kept = {name: tool for name, tool in self._tools.items() if name not in own}
        return self._with({**kept, **own})

    def without(self, name: str) -> "ToolRegistry":
        """A registry that has no tool of this name."""
        return self._with({other: tool for other, tool in self._tools.items() if other != name})

    def _with(self, by_name: Mapping[str, Tool]) -> "ToolRegistry":
        """Of tools that were checked before."""
        made = ToolRegistry()
        made._set(by_name, self.policy)
        return made


class ToolSource(Protocol):
    """Where the tools of an agent are looked up, at each call."""

    def of(self, agent_id: AgentId) -> ToolRegistry:
        """The tools of one agent, as they are now."""
        ...


class RegisteredTools:
    """The tools of a running runtime. Safe from any thread.

    A tool may be for all agents or for one of them; the one agent's own comes first. Every look
    takes the registry as it is then, so a call that runs is not touched by a change.
    """

    def __init__(self, tools: Iterable[Tool], *, policy: RuntimePolicy | None = None) -> None:
        """See `ToolRegistry`."""
        self._all = ToolRegistry(tools, policy=policy)
        self._own: dict[AgentId, ToolRegistry] = {}
        self._views: dict[AgentId, ToolRegistry] = {}
        """Of those agents that have tools of their own, as far as somebody has looked."""
        self._lock = threading.Lock()

    @property
    def for_all(self) -> ToolRegistry:
        """Those that every agent has."""
        return self._all

    def of(self, agent_id: AgentId) -> ToolRegistry:
        """Those of one agent, its own ones among them."""
        if agent_id not in self._own:
            return self._all
        with self._lock:
            own = self._own.get(agent_id)
            if own is None:
                return self._all
            if agent_id not in self._views:
                self._views[agent_id] = self._all.overlaid(own)
            return self._views[agent_id]

    def register(self, tool: Tool, *, audience: AgentId | None = None) -> "ToolRegistration":
        """Add a tool for all agents, or for one.

        Raises:
            InvalidTool: there is one of this name for the same audience, or it is no tool.
        """
        require_tool(tool)
        with self._lock:
            if audience is None:
                self._all = self._all.including(tool)
                self._views.clear()
            else:
                own = self._own.get(audience, ToolRegistry())
                self._own[audience] = own.including(tool)
                self._views.pop(audience, None)
        return ToolRegistration(self, tool, audience)

    def exchange(self, registration: "ToolRegistration", new: Tool) -> None:
        """Put a tool in the place of one for all agents; nothing, if that was taken away.

        Raises:
            InvalidTool: it is no tool, or has another name.
        """
        require_tool(new)
        old = registration.tool
        if new.name != old.name:
            raise InvalidTool(f"tool {new.name!r} cannot take the place of {old.name!r}")
        with self._lock:
            if registration.is_active:
                tools = [new if one is old else one for one in self._all.values()]
                self._all = ToolRegistry(tools, policy=self._all.policy)
                self._views.clear()
                registration.tool = new

    def remove(self, registration: "ToolRegistration") -> None:
        """Take a tool away again; nothing, if that has been done."""
        name, audience = registration.tool.name, registration.audience
        with self._lock:
            if not registration.is_active:
                return
            registration.is_active = False
            if audience is None:
                self._all = self._all.without(name)
                self._views.clear()
                return
            self._views.pop(audience, None)
            own = self._own[audience].without(name)
            if own:
                self._own[audience] = own
            else:
                del self._own[audience]


class ToolRegistration:
    """A tool that was registered while the runtime was running. Also a context manager."""

    def __init__(self, tools: RegisteredTools, tool: Tool, audience: AgentId | None) -> None:
        """Made by `RegisteredTools.register`."""
        self._tools = tools
        self.tool = tool
        self.audience = audience
        self.is_active = True
        """False after `remove`."""

    def remove(self) -> None:
        """Take the tool away: models are not told of it any more, and calls do not find it.

        A call that runs goes on. Another tool that was given the name later stays.
        """
        self._tools.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()
