"""`@tool`: a typed Python function becomes something that a model may call."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, ParamSpec, TypeAlias, TypeVar, overload

import msgspec
from anyio.lowlevel import RunVar

from mentra_actors.domain.tool_call import RetryMode
from mentra_actors.errors import InvalidTool
from mentra_actors.json_types import Json
from mentra_actors.tools.contract import Compensate, Preview, Probe, ProbeResult, Tool, ToolContext
from mentra_actors.tools.functions.docstring import parse_docstring
from mentra_actors.tools.functions.signature import Rename, Signature, signature_of
from mentra_actors.tools.registry import require_timeout, require_valid_name
from mentra_actors.tools.traits import (
    ApprovalCategory,
    Capability,
    Durability,
    SideEffects,
    ToolTraits,
)
from mentra_actors.tools.worker_threads import WorkerThreads, on_worker_thread

__all__ = ["FunctionTool", "Parallel", "ProbeRetry", "Retry", "probe", "tool"]

P = ParamSpec("P")
R = TypeVar("R")

SYNC_TOOL_THREADS = WorkerThreads(40, RunVar("sync_tool_limiter"))
"""Synchronous tools that run at the same time on one loop; more of them wait."""


@dataclass(frozen=True, slots=True)
class ProbeRetry:
    """`retry=` of a tool that can be asked what became of a call. Made by `probe`."""

    function: Probe


Retry: TypeAlias = Literal["never", "safe", "idempotent"] | ProbeRetry
Parallel: TypeAlias = bool | Callable[[Json], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTool(Tool, Generic[P, R]):
    """A tool made from a function. Calling it calls the plain function, for tests."""

    function: Callable[P, R]

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the plain function answers: nothing is validated, no thread is used."""
        return self.function(*args, **kwargs)


def probe(function: Callable[[str], Awaitable[ProbeResult] | ProbeResult]) -> ProbeRetry:
    """`retry=probe(fn)`: after a crash `fn(idempotency_key)` says what became of the call."""
    return ProbeRetry(function)


@overload
def tool(function: Callable[P, R], /) -> FunctionTool[P, R]: ...
@overload
def tool(
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    parallel: Parallel = False,
    compensate: Compensate | None = None,
    deferred: bool = False,
    strict: bool | None = None,
    capabilities: Sequence[Capability] = (),
    side_effects: SideEffects = "external",
    durability: Durability = "ephemeral",
    approval: ApprovalCategory = "default",
    terminal: bool = False,
    preview: Preview | None = None,
    rename: Rename | None = None,
) -> Callable[[Callable[P, R]], FunctionTool[P, R]]: ...
def tool(  # noqa: PLR0913 - each is a choice of its own
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    retry: Retry | None = None,
    timeout_s: float | None = None,
    parallel: Parallel = False,
    compensate: Compensate | None = None,
    deferred: bool = False,
    strict: bool | None = None,
    capabilities: Sequence[Capability] = (),
    side_effects: SideEffects = "external",
    durability: Durability = "ephemeral",
    approval: ApprovalCategory = "default",
    terminal: bool = False,
    preview: Preview | None = None,
    rename: Rename | None = None,
) -> Any:
    """Make a tool of a typed function, sync or async.

    The JSON Schema and the validation come from the signature, descriptions from the docstring
    and its `Args:` section. A parameter annotated `ToolContext` receives the context and is not
    shown to the model. A sync function runs in a worker thread, never on the loop; when its call
    is cancelled the thread is left to end by itself, and until then the process cannot exit.

    Args:
        function: the function, when the decorator is used without parentheses.
        name: what models call it; the function's name when left out.
        retry: what may be done with a call that was open when its process died; when left out
            `safe` for a tool without side effects, and `never` for all others.
        timeout_s: seconds that one attempt may take; None means no limit.
        parallel: whether its calls may run beside others of the same answer; a function says it
            of each call by its arguments.
        compensate: undoes a call when its run is taken back, or when somebody wants it.
        deferred: tell models of it only when the provider's own search for tools finds it; needs
            `ProviderOptions(tool_search="hosted")`.
        strict: have the provider hold the model to the schema, where it can; None leaves it to
            the provider.
        capabilities: what it can reach, in words of `mentra_actors.tools.traits`.
        side_effects: what a call may change: `none`, `local_state`, `process` or `external`. The
            context of one with `none` lets it change nothing; a read-only policy hides all others.
        durability: whether what it changes is still there after the process.
        approval: the kind of approval that an authorizer wants to see it under.
        terminal: a call that succeeds ends the run. Such a tool is never parallel.
        preview: what a call would do, for whoever decides about it; the arguments when left out.
            It is called with the names that models see.
        rename: the names of parameters that models see: `"camel"` shows `task_id` as `taskId`, a
            mapping of names to names renames single ones. `Args:` has the names of the function.

    Raises:
        InvalidTool: the function cannot be offered to models; the message says why.
    """
    if isinstance(capabilities, str):
        raise InvalidTool(f"capabilities are a list of words, not one string: {capabilities!r}")
    traits = ToolTraits(
        capabilities=tuple(capabilities),
        side_effects=side_effects,
        durability=durability,
        approval=approval,
    )
    options = _ToolOptions(
        name=name,
        retry=_default_retry(side_effects) if retry is None else retry,
        timeout_s=timeout_s,
        parallel=parallel,
        compensate=compensate,
        deferred=deferred,
        strict=strict,
        traits=traits,
        terminal=terminal,
        preview=preview,
        rename=rename,
    )
    if function is None:
        return partial(_function_tool, options=options)
    return _function_tool(function, options=options)


def _default_retry(side_effects: SideEffects) -> Retry:
    """What was only looked at may be looked at again."""
    return "safe" if side_effects == "none" else "never"


class _ToolOptions(NamedTuple):
    name: str | None
    retry: Retry
    timeout_s: float | None
    parallel: Parallel
    compensate: Compensate | None
    deferred: bool
    strict: bool | None
    traits: ToolTraits
    terminal: bool
    preview: Preview | None
    rename: Rename | None


def _function_tool(function: Callable[P, R], *, options: _ToolOptions) -> FunctionTool[P, R]:
    name, timeout_s, parallel = options.name, options.timeout_s, options.parallel
    tool_name = require_valid_name(_name_of(function) if name is None else name)
    require_timeout(tool_name, timeout_s)
    _require_functions(options, tool_name)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise InvalidTool(f"tool {tool_name!r}: a generator has no single result; return a value")
    retry_mode, probe_function = _retry_of(options.retry, tool_name)
    docstring = parse_docstring(inspect.getdoc(function))
    signature = signature_of(function, tool_name, docstring, options.rename)
    return FunctionTool(
        name=tool_name,
        description=docstring.description,
        input_schema=msgspec.json.encode(signature.schema).decode(),
        run=_runner(function, signature),
        retry=retry_mode,
        probe=probe_function,
        compensate=options.compensate,
        is_deferred=options.deferred,
        strict=options.strict,
        is_parallel=parallel if callable(parallel) else lambda _arguments: parallel,
        timeout_s=timeout_s,
        check=signature.faults,
        traits=options.traits,
        terminal=options.terminal,
        preview=options.preview,
        function=function,
    )


def _require_functions(options: _ToolOptions, tool_name: str) -> None:
    """What is asked about calls can be called.

    Raises:
        InvalidTool: it cannot.
    """
    if not (isinstance(options.parallel, bool) or callable(options.parallel)):
        raise InvalidTool(
            f"tool {tool_name!r}: parallel is True, False or a function, not {options.parallel!r}"
        )
    for name, value in (("preview", options.preview), ("compensate", options.compensate)):
        if value is not None and not callable(value):
            raise InvalidTool(f"tool {tool_name!r}: {name} is a function, not {value!r}")


def _name_of(function: Callable[..., object]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _retry_of(retry: Retry, tool_name: str) -> tuple[RetryMode, Probe | None]:
    if isinstance(retry, ProbeRetry):
        return "probe", retry.function
    if retry not in ("never", "safe", "idempotent"):
        raise InvalidTool(
            f"tool {tool_name!r}: retry must be 'never', 'safe', 'idempotent' or probe(fn), "
            f"not {retry!r}"
        )
    return retry, None


def _runner(
    function: Callable[..., Any], signature: Signature
) -> Callable[[Json, ToolContext], Awaitable[Any]]:
    is_async = inspect.iscoroutinefunction(function)

    async def run(arguments: Json, context: ToolContext) -> Any:
        call = partial(function, **signature.keywords(arguments, context))
        if is_async:
            return await call()
        answer = await on_worker_thread(call, threads=SYNC_TOOL_THREADS)
        return await answer if inspect.isawaitable(answer) else answer

    return run
