"""What may be chosen when a runtime is opened."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, get_args

from mentra_actors.actors.restart_policy import RestartPolicy, RestartStrategy
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.round_decisions import RoundStrategy
from mentra_actors.effects.runner import Performer
from mentra_actors.ids import TeamId
from mentra_actors.providers.embedding_models import EmbeddingModel
from mentra_actors.providers.limits import ProviderLimits
from mentra_actors.providers.port import ModelProvider
from mentra_actors.providers.prices import PriceList
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.observer import Observer, OnHookEvent
from mentra_actors.runtime.plain_arguments import require_known
from mentra_actors.runtime.resumption import Resume, require_resume
from mentra_actors.runtime.setting_kinds import (
    require_authorizer,
    require_embeddings,
    require_executors,
    require_hooks,
    require_policy,
    require_providers,
    require_strategies,
    require_team,
    require_tools,
)
from mentra_actors.runtime.take_over import TakeOver
from mentra_actors.store.lmdb_store import Durability
from mentra_actors.store.ports import EventStore
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.executors.port import CommandExecutor
from mentra_actors.tools.file_tools.profile import FileProfile
from mentra_actors.tools.plain_kinds import require_flag
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.results.size import ResultLimits
from mentra_actors.tools.review import Authorizer, ToolHook

__all__ = ["Durability", "RuntimeOptions", "RuntimeSettings", "settings_of"]

_YEAR_S = 366 * 86_400.0
_INSTANT_S = 1e-6
_BOUNDS_S = {
    "passivate_after_s": (0.0, math.inf),
    "close_grace_s": (0.0, _YEAR_S),
    "lease_term_s": (0.1, _YEAR_S),
    "model_deadline_s": (_INSTANT_S, math.inf),
    "authorizer_timeout_s": (0.0, math.inf),
    "permission_timeout_s": (0.0, math.inf),
    "tick_s": (_INSTANT_S, _YEAR_S),
}
_MAY_BE_NONE = ("authorizer_timeout_s", "permission_timeout_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSettings:
    """Everything about a runtime that is not on the log.

    Closing gives running tools `close_grace_s` seconds to end; what still runs then stays open.
    `path` is the store's directory, `:memory:` for one that ends with the process, `sqlite:FILE`
    or `postgresql://…`. `sealing`
    says how a new store is compressed and encrypted, and has the key of one that is encrypted.
    `durability` says what an acknowledged event survives: `sync` a power loss, `relaxed` one
    without the last commit, `volatile` the death of the process only. `threads` is the number of
    dispatcher threads. An actor without commands for `passivate_after_s` seconds is stopped; its
    stream stays. The lease of the writer is renewed every third of `lease_term_s`; `take_over`
    says if a living process that has not done so may be replaced (`expired`, which is after four
    thirds of its term) or not (`never`). `resume` says whose open work goes on when the store is
    opened: that of `all` its teams, of this `team`, or of nobody (`none`); what is left asleep
    wakes when it is written to, or asked to (`Runtime.resume_agent`, `resume_all`). `hooks` and
    `authorizer` look at each call before it runs (`mentra_actors.tools.review`); an authorizer
    that takes longer than
    `authorizer_timeout_s` has refused, and so has a person after `permission_timeout_s` (None: a
    call waits for ever). With a `policy` agents get the tools that touch this machine, as far as
    it opens it: files (`file_profile`: `batched` is one tool `files`; `split` are `read`, `ls`,
    `grep`, `glob`, `write` and `edit`), commands, background jobs. `executor` runs commands here
    (None: as processes of this machine), `targets` are the executors for other machines, by name.
    `context` are objects of the program that tools find by their type (`ToolContext.app`).
    `observers` are told what is done and refused, from the opening on (`Runtime.observe`).
    `skills_dirs` are directories of skills that models can load; the first ones win
    (`Runtime.skills`). A model may take `model_deadline_s` for one answer, and
    `max_model_calls` and `max_tool_runs` are performed at the same time. `team_tools=False` leaves
    out the tools `team_*`, `task_*`, `task` and `compact`, `memory_tools=False` the tools
    `memory_*`. With `embeddings` (`LocalEmbeddings()`, `ProviderEmbeddings(provider, model)`, or
    an `EmbeddingModel` of yours) memories are found by what words mean, too.
    `create=False` refuses to make a store that is not there. `strategies` are round strategies by
    the names under which runs ask for them, also after a restart. `prices` say what an answer
    costs. `limits` are how much may be asked of a provider, by its name; without them calls begin
    at once. `result_limits` bound what a model is told of one result. Every `tick_s`
    seconds what has streamed so far is kept beside the log. `supervision` says, for all teams or
    by team, who is restarted with an agent whose actor died: nobody (`one_for_one`), its whole
    team (`all_for_one`) or those who joined after it (`rest_for_one`). `wrap_store` may put
    something between the runtime and its store, `wrap_effects` around each performer of effects
    (tests do).
    """

    path: str | Path
    tools: Sequence[Tool] = ()
    providers: Sequence[ModelProvider] = ()
    team: TeamId = DEFAULT_TEAM
    durability: Durability = "sync"
    create: bool = True
    sealing: Sealing | None = None
    team_tools: bool = True
    memory_tools: bool = True
    embeddings: EmbeddingModel | None = None
    threads: int = 2
    passivate_after_s: float = 300.0
    close_grace_s: float = 3.0
    lease_term_s: float = 60.0
    take_over: TakeOver = "expired"
    resume: Resume = "all"
    model_deadline_s: float = 1800.0
    hooks: Sequence[ToolHook] = ()
    authorizer: Authorizer | None = None
    authorizer_timeout_s: float | None = 60.0
    permission_timeout_s: float | None = None
    policy: RuntimePolicy | None = None
    file_profile: Literal["none"] | FileProfile = "batched"
    executor: CommandExecutor | None = None
    targets: Mapping[str, CommandExecutor] = field(default_factory=dict)
    context: Sequence[object] = ()
    observers: Sequence[OnHookEvent | Observer] = ()
    skills_dirs: Sequence[str | os.PathLike[str]] = ()
    strategies: Mapping[str, RoundStrategy] = field(default_factory=dict)
    prices: PriceList = field(default_factory=PriceList)
    limits: Mapping[str, ProviderLimits] = field(default_factory=dict)
    result_limits: ResultLimits = field(default_factory=ResultLimits)
    tick_s: float = 0.1
    max_model_calls: int = 4096
    max_tool_runs: int = 256
    mailbox_bound: int = 10_000
    restart_policy: RestartPolicy = field(default_factory=RestartPolicy)
    supervision: RestartStrategy | Mapping[TeamId, RestartStrategy] = "one_for_one"
    clock: Clock = field(default_factory=SystemClock)
    wrap_store: Callable[[EventStore], EventStore] | None = None
    wrap_effects: Callable[[Performer], Performer] | None = None
    lent_providers: Sequence[ModelProvider] = ()
    """Those of the `providers` that another runtime closes; no option."""

    def __post_init__(self) -> None:
        """Refuse what is of a wrong kind, and numbers with which nothing happens, or ends."""
        for name in ("create", "team_tools", "memory_tools"):
            require_flag(getattr(self, name), name)
        require_providers(self.providers)
        require_tools(self.tools)
        require_policy(self.policy)
        require_hooks(self.hooks)
        require_authorizer(self.authorizer)
        require_embeddings(self.embeddings)
        require_executors(self.executor, self.targets, self.policy)
        self._require_times()
        for name, limits in self.limits.items():
            if not isinstance(limits, ProviderLimits):
                raise TypeError(f"the limits of {name!r} are ProviderLimits, not {limits!r}")
        _require_different_kinds(self.context)
        require_strategies(self.supervision)
        require_team(self.team)
        if self.take_over not in get_args(TakeOver):
            raise ValueError(f"take_over is expired or never, not {self.take_over!r}")
        require_resume(self.resume)

    def _require_times(self) -> None:
        for name in ("max_model_calls", "max_tool_runs", "mailbox_bound"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least one, not {getattr(self, name)}")
        for name, (least, most) in _BOUNDS_S.items():
            seconds = getattr(self, name)
            if seconds is None and name in _MAY_BE_NONE:
                continue
            if seconds is None or not least <= seconds <= most:
                bounds = f"from {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
                raise ValueError(f"{name} is {bounds} seconds, not {seconds}")


def _require_different_kinds(context: Sequence[object]) -> None:
    kinds = [type(one) for one in context]
    if twice := sorted({kind.__name__ for kind in kinds if kinds.count(kind) > 1}):
        raise ValueError(f"context has two objects of one type: {', '.join(twice)}")


def settings_of(path: str | Path, options: "RuntimeOptions") -> RuntimeSettings:
    """The settings with these options.

    Raises:
        TypeError: there is no such option; the message lists them.
        ValueError: one has a value with which nothing would ever happen.
    """
    require_known(options, RuntimeOptions.__annotations__, "a runtime has no option")
    return RuntimeSettings(path=path, **options)


class RuntimeOptions(TypedDict, total=False):
    """The fields of `RuntimeSettings` without the path, as keyword arguments."""

    tools: Sequence[Tool]
    providers: Sequence[ModelProvider]
    team: TeamId
    durability: Durability
    create: bool
    sealing: Sealing | None
    team_tools: bool
    memory_tools: bool
    embeddings: EmbeddingModel | None
    threads: int
    passivate_after_s: float
    close_grace_s: float
    lease_term_s: float
    take_over: TakeOver
    resume: Resume
    model_deadline_s: float
    hooks: Sequence[ToolHook]
    authorizer: Authorizer | None
    authorizer_timeout_s: float | None
    permission_timeout_s: float | None
    policy: RuntimePolicy | None
    file_profile: Literal["none"] | FileProfile
    executor: CommandExecutor | None
    targets: Mapping[str, CommandExecutor]
    context: Sequence[object]
    observers: Sequence[OnHookEvent | Observer]
    skills_dirs: Sequence[str | os.PathLike[str]]
    strategies: Mapping[str, RoundStrategy]
    prices: PriceList
    limits: Mapping[str, ProviderLimits]
    result_limits: ResultLimits
    tick_s: float
    max_model_calls: int
    max_tool_runs: int
    mailbox_bound: int
    restart_policy: RestartPolicy
    supervision: RestartStrategy | Mapping[TeamId, RestartStrategy]
    clock: Clock
    wrap_store: Callable[[EventStore], EventStore] | None
    wrap_effects: Callable[[Performer], Performer] | None
