"""Who an agent is and how it works: every option, stored as facts, changeable while it lives.

A field that is missing in an older log means its default. `ProfileChanges` has the same fields
as far as they may change; what it leaves unset stays as it is.
"""

from collections.abc import Iterable
from math import inf
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.fallback import Fallback
from mentra_actors.domain.agent.run_options import RunOptions, option_fault
from mentra_actors.domain.inbox import MailKind
from mentra_actors.domain.model_call import (
    NamedTool,
    ProviderOptions,
    ReasoningOptions,
    ToolChoice,
)
from mentra_actors.domain.one_line import line_fault
from mentra_actors.ids import AgentId, TeamId

__all__ = [
    "BOARD_READERS",
    "BOARD_TOOLS",
    "COMPACT",
    "DELEGATION",
    "IDLE",
    "READ_TOOL_RESULT",
    "AgentProfile",
    "Autonomy",
    "CompactionOptions",
    "MemoryOptions",
    "ProfileChanges",
    "ToolResultPaging",
    "Workspace",
    "asked_profile",
    "changed_profile",
    "offered_tools",
    "profile_fault",
    "tool_choice_for",
]

DELEGATION = "task"
"""The tool that hands a task to a subagent."""

COMPACT = "compact"
"""The tool that shortens the conversation for the model; it needs all of it."""

BOARD_TOOLS = "task_"
"""The names of the tools for the task board begin like this."""

BOARD_READERS = ("task_list", "task_get")
"""Those of them that change nothing."""

IDLE = "idle"
"""The tool with which a teammate ends its run; nobody else is offered it."""

READ_TOOL_RESULT = "read_tool_result"
"""The tool that shows the rest of a paged result; offered only where results are paged."""

MOST_TITLE_CHARS = 200
MOST_MODEL_CHARS = 500

CompactionMode: TypeAlias = Literal["local_only", "prefer_remote", "remote_only"]


class Autonomy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether a teammate claims ready tasks by itself, and when it stops if there are none.

    It hears of changes of the board at once: `poll_interval_s` is kept, and nothing polls. With
    an `idle_timeout_s` of 0 it waits for ever.
    """

    enabled: bool = False
    poll_interval_s: float = 5.0
    idle_timeout_s: float = 60.0


class Workspace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where tools work. `base_dir` empty means the directory of the process."""

    base_dir: str = ""
    auto_route_shell: bool = True


class MemoryOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is recalled for an agent by itself, and what its tools for memory may do.

    Before each model call at most `auto_recall_limit` records are looked for and told behind the
    conversation, all together in `auto_recall_char_budget` characters. What is not found within
    `auto_recall_timeout_s` seconds is not told.
    """

    auto_recall_enabled: bool = True
    auto_recall_limit: int = 3
    auto_recall_char_budget: int = 2000
    auto_recall_timeout_s: float = 0.25
    tool_search_limit: int = 10
    write_tools_enabled: bool = True


class CompactionOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a long conversation is shortened for the model. Never changes the log.

    Of the results of tools `keep_recent_tool_results` stay whole; older ones are told as stubs
    (`[Previous: used shell]`) as soon as that saves `stub_at_least_tokens`: what comes before them
    stays the same until then, so that a provider's cache of it can be used.

    A summary is made of `summary_max_input_chars` of it at most and may have
    `summary_max_output_tokens`. Of the words of people the newest stay as they are, up to
    `preserve_recent_user_tokens`, and of the results of delegated work (of `task`, and letters of
    teammates) the newest `preserve_recent_delegation_results`, up to as many tokens.

    A request that would have more than `auto_compact_threshold_tokens`, or more than
    `auto_compact_share` of the context window of its model where that is known, waits until the
    conversation is summarised (None: that limit does not count; the smaller one does). So does one
    that was too long for its model, with `compact_on_overflow`.

    With the mode `prefer_remote` a provider that can do it shortens the conversation in a way of
    its own, with `remote_only` nobody else does.
    """

    keep_recent_tool_results: int = 3
    stub_at_least_tokens: int = 4_000
    auto_compact_threshold_tokens: int | None = 50_000
    auto_compact_share: float | None = 0.8
    compact_on_overflow: bool = True
    summary_max_input_chars: int = 80_000
    summary_max_output_tokens: int = 2000
    mode: CompactionMode = "local_only"
    preserve_recent_user_tokens: int = 20_000
    preserve_recent_delegation_results: int = 8


class ToolResultPaging(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Text results above `threshold_bytes` are shown window by window of `page_bytes`.

    So are those below it that are longer than a model is told at once; see `ResultLimits`.
    """

    threshold_bytes: int = 65_536
    page_bytes: int = 32_768


class AgentProfile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who an agent is and how it runs.

    `model` is `provider:name`. `tools` None offers every registered tool, else the named ones;
    a tool in `hidden_tools` is never offered. `lead` is empty for a lead, `parent` for an agent
    that is nobody's subagent; `depth` counts its parents. `max_rounds` limits the model calls of
    one run (0: no limit). `wake_on_mail` starts a run when mail arrives while the agent is idle.
    `wake_on_background` does so when a job of the agent has ended (None: if it is a teammate).
    `is_person` marks the seat of a person: it has no model, takes mail and starts no runs.
    `run` are the options of runs that bring none of their own. After `task_reminder_rounds` rounds
    without a tool for the board the model is reminded of unfinished tasks; 0: never. `title` is
    what people call the conversation, one line of at most 200 characters; no model sees it.
    """

    agent_id: AgentId
    name: str
    team_id: TeamId
    role: str
    model: str
    system: str = ""
    lead: str = ""
    tools: tuple[str, ...] | None = None
    hidden_tools: tuple[str, ...] = ()
    max_rounds: int = 50
    wake_on_mail: bool = True
    temperature: float | None = None
    max_output_tokens: int | None = 8192
    tool_choice: ToolChoice = "auto"
    reasoning: ReasoningOptions | None = None
    metadata: dict[str, str] = {}
    provider: ProviderOptions = ProviderOptions()
    run: RunOptions = RunOptions()
    paging: ToolResultPaging | None = None
    task_reminder_rounds: int = 3
    autonomy: Autonomy = Autonomy()
    workspace: Workspace = Workspace()
    memory: MemoryOptions = MemoryOptions()
    compaction: CompactionOptions = CompactionOptions()
    parent: AgentId = AgentId("")
    depth: int = 0
    wake_on_background: bool | None = None
    is_person: bool = False
    title: str = ""

    @property
    def is_autonomous(self) -> bool:
        """True for a teammate that claims tasks by itself; one that wakes for no mail cannot."""
        is_teammate = bool(self.lead) and not self.parent and not self.is_person
        return self.autonomy.enabled and is_teammate and self.wake_on_mail

    def wakes_for(self, kind: MailKind) -> bool:
        """True if a letter of this kind starts a run while the agent is idle."""
        if self.is_person:
            return False
        if kind != "background":
            return self.wake_on_mail
        chosen = self.wake_on_background
        return bool(self.lead) and not self.parent if chosen is None else chosen

    def offers(self, tool: str) -> bool:
        """True if the agent may use the tool of this name."""
        if tool == READ_TOOL_RESULT:
            return self.paging is not None and tool not in self.hidden_tools
        if tool == IDLE and (not self.lead or self.parent):
            return False
        return tool not in self.hidden_tools and (self.tools is None or tool in self.tools)


class ProfileChanges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """New values of some fields of a profile; those that are UNSET stay as they are."""

    model: str | msgspec.UnsetType = msgspec.UNSET
    system: str | msgspec.UnsetType = msgspec.UNSET
    tools: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    hidden_tools: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    max_rounds: int | msgspec.UnsetType = msgspec.UNSET
    wake_on_mail: bool | msgspec.UnsetType = msgspec.UNSET
    wake_on_background: bool | msgspec.UnsetType | None = msgspec.UNSET
    temperature: float | msgspec.UnsetType | None = msgspec.UNSET
    max_output_tokens: int | msgspec.UnsetType | None = msgspec.UNSET
    tool_choice: ToolChoice | msgspec.UnsetType = msgspec.UNSET
    reasoning: ReasoningOptions | msgspec.UnsetType | None = msgspec.UNSET
    metadata: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    provider: ProviderOptions | msgspec.UnsetType = msgspec.UNSET
    run: RunOptions | msgspec.UnsetType = msgspec.UNSET
    paging: ToolResultPaging | msgspec.UnsetType | None = msgspec.UNSET
    task_reminder_rounds: int | msgspec.UnsetType = msgspec.UNSET
    autonomy: Autonomy | msgspec.UnsetType = msgspec.UNSET
    workspace: Workspace | msgspec.UnsetType = msgspec.UNSET
    memory: MemoryOptions | msgspec.UnsetType = msgspec.UNSET
    compaction: CompactionOptions | msgspec.UnsetType = msgspec.UNSET
    title: str | msgspec.UnsetType = msgspec.UNSET


def changed_profile(profile: AgentProfile, changes: ProfileChanges) -> AgentProfile:
    """The profile with the changes in it; the same object if they change nothing."""
    values = {
        name: value
        for name in changes.__struct_fields__
        if (value := getattr(changes, name)) is not msgspec.UNSET
        and value != getattr(profile, name)
    }
    return msgspec.structs.replace(profile, **values) if values else profile


def asked_profile(profile: AgentProfile, fallback: Fallback | None) -> AgentProfile:
    """The profile for the model that is asked: the agent's own, or the one that has taken over."""
    if fallback is None:
        return profile
    changes = ProfileChanges(
        model=fallback.model,
        temperature=fallback.temperature,
        max_output_tokens=fallback.max_output_tokens,
        reasoning=fallback.reasoning,
        provider=fallback.provider,
    )
    return changed_profile(profile, changes)


def profile_fault(profile: AgentProfile) -> str:
    """Why no agent could work like this; empty if one can."""
    if ":" not in profile.model and not profile.is_person:
        return f"a model is provider:name, found {profile.model!r}"
    if fault := line_fault(profile.model, "the name of a model", MOST_MODEL_CHARS):
        return fault
    if profile.max_rounds < 0:
        return f"max_rounds must not be negative, found {profile.max_rounds}"
    if profile.task_reminder_rounds < 0:
        found = profile.task_reminder_rounds
        return f"task_reminder_rounds must not be negative, found {found}"
    if not 0 <= profile.autonomy.idle_timeout_s < inf:
        found_s = profile.autonomy.idle_timeout_s
        return f"idle_timeout_s is a number of seconds, or 0 for no end, found {found_s}"
    if fault := _compaction_fault(profile.compaction) or _memory_fault(profile.memory):
        return fault
    paging = profile.paging
    if paging is not None and (paging.page_bytes < 1 or paging.threshold_bytes < 0):
        return "a page has at least one byte, and a threshold is not negative"
    return line_fault(profile.title, "a title", MOST_TITLE_CHARS) or option_fault(profile.run)


def _compaction_fault(options: CompactionOptions) -> str:
    share = options.auto_compact_share
    if share is not None and not 0 < share <= 1:
        return f"auto_compact_share is a part of a context window, above 0 and up to 1: {share}"
    limit = options.auto_compact_threshold_tokens
    if limit is not None and limit < 1:
        return f"auto_compact_threshold_tokens is at least 1, or None for no limit, found {limit}"
    return _number_fault(options, ("summary_max_input_chars", "summary_max_output_tokens"))


def _memory_fault(options: MemoryOptions) -> str:
    seconds = options.auto_recall_timeout_s
    if not seconds >= 0:
        return f"auto_recall_timeout_s is a number of seconds, found {seconds}"
    return _number_fault(options)


def _number_fault(
    options: CompactionOptions | MemoryOptions, positive: tuple[str, ...] = ()
) -> str:
    """Of whole numbers those that are `positive` are at least 1, all others at least 0."""
    for name in options.__struct_fields__:
        found, least = getattr(options, name), int(name in positive)
        if isinstance(found, int) and found < least:
            return f"{name} is at least {least}, found {found}"
    return ""


def offered_tools(
    profile: AgentProfile, options: RunOptions, names: Iterable[str]
) -> tuple[str, ...]:
    """Which of the registered tools a request of a run offers, in their order.

    A run to a typed output that does not keep its tools offers none of them: the request then
    has only the tool that ends the run, or none.
    """
    output = options.output
    if output is not None and not output.keeps_tools:
        return ()
    return tuple(name for name in names if profile.offers(name))


def tool_choice_for(
    profile: AgentProfile, options: RunOptions, offered: Iterable[str]
) -> ToolChoice:
    """The tool choice of a request: a configured tool that is not offered means `auto`."""
    output = options.output
    if output is not None and output.mode == "tool" and not output.keeps_tools:
        return NamedTool(name=output.tool_name)
    if output is not None and (output.mode == "tool" or not output.keeps_tools):
        return "auto"
    choice = profile.tool_choice
    if isinstance(choice, NamedTool) and choice.name not in set(offered):
        return "auto"
    return choice
