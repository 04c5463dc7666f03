"""Typed values: from a Python type to what a model is asked for, and back to a value."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict, TypeVar, get_args

import msgspec

from mentra_actors.domain.agent.run_options import TerminalOutput
from mentra_actors.domain.storable import as_stored
from mentra_actors.errors import ConfigurationError, NoOutput
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.tools.results.rendering import error_words
from mentra_actors.tools.schemas.json_schema import flat_schema
from mentra_actors.tools.schemas.schema_check import schema_check

__all__ = ["OutputArguments", "OutputMode", "output_check", "output_of", "terminal_output"]

T = TypeVar("T")

OutputMode = Literal["tool", "native"]
"""`tool`: the model hands the value over by calling a tool that is made for it. `native`: the
provider makes it write an answer of this shape."""


class OutputArguments(TypedDict, total=False):
    """How a typed value is asked for; see `terminal_output`."""

    description: str
    keeps_tools: bool
    mode: OutputMode
    retries: int


NAME_CHARS = 30
_WRAPPED = "value"


def terminal_output(
    kind: object,
    *,
    description: str = "",
    keeps_tools: bool = False,
    mode: OutputMode = "tool",
    retries: int = 2,
) -> TerminalOutput:
    """What a run must end with, for any type that msgspec can describe.

    Types whose JSON is no object (`int`, `list[str]`, unions) are asked for as the one field
    `value` of an object: providers take nothing else. The name of the tool is made of the type
    and its schema, at most 64 letters, digits and `_`: the same type has the same name, so that
    the requests of many runs begin alike.

    Raises:
        ConfigurationError: the type cannot be described as JSON.
        TypeError, ValueError: there is no such mode, `retries` is negative, or one of them could
            not be stored.
    """
    if mode not in get_args(OutputMode):
        raise ValueError(f"an output comes by tool or native, not {mode!r}")
    description = as_stored(description, str, "the description of an output")
    keeps_tools = as_stored(keeps_tools, bool, "keeps_tools of an output")
    retries = as_stored(retries, int, "retries of an output")
    if retries < 0:
        raise ValueError(f"retries must not be negative, found {retries}")
    try:
        schema = msgspec.json.encode(_schema_of(kind), order="deterministic").decode()
        schema_check(schema)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"{_name_of(kind)} cannot be a typed output: {error}") from error
    digest = hashlib.blake2b(schema.encode(), digest_size=8).hexdigest()
    readable = re.sub(r"[^A-Za-z0-9]+", "_", _name_of(kind)).strip("_")[:NAME_CHARS]
    return TerminalOutput(
        tool_name=f"final_{readable}_{digest}",
        schema=schema,
        description=description or _description_of(kind),
        keeps_tools=keeps_tools,
        mode=mode,
        retries=retries,
    )


def output_of(reply: Reply, kind: type[T]) -> T:
    """The typed value with which a run has ended.

    Raises:
        NoOutput: it ended without one, or with one that is of another type.
    """
    if not reply.output:
        raise _no_output(reply, f"the run ended without its {_name_of(kind)}: {_why(reply)}")
    try:
        value: T = _value_of(msgspec.json.decode(reply.output), kind)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        message = f"what the run has handed over is no {_name_of(kind)}: {error}"
        raise _no_output(reply, message) from error
    return value


def _why(reply: Reply) -> str:
    if reply.early_end:
        return f"it ended early ({reply.early_end.replace('_', ' ')})"
    if reply.ending != "answered":
        return f"what ended it was {reply.ending!r}"
    if reply.text:
        return "the model answered in words, see `text`"
    return "nothing came that fits; the transcript says why"


def output_check(kind: object) -> Callable[[Mapping[str, Any]], str]:
    """A check of what a model hands over, by the type itself; its text is for the model.

    It finds what no schema can say, as `__post_init__` does.
    """

    def check(value: Mapping[str, object]) -> str:
        try:
            _value_of(value, kind)
        except BaseException as error:  # noqa: BLE001 - a type's own code may raise anything
            return f"The value does not fit: {error_words(error)}"
        return ""

    return check


def _value_of(decoded: object, kind: object) -> Any:
    """Strict, but for a whole number where a float is due."""
    if not _is_object(kind) and isinstance(decoded, Mapping):
        decoded = decoded.get(_WRAPPED)
    return msgspec.convert(decoded, kind)


def _schema_of(kind: Any) -> dict[str, object]:
    if _is_object(kind):
        return flat_schema(kind)
    return flat_schema(msgspec.defstruct("Output", [(_WRAPPED, kind)]))


def _is_object(kind: object) -> bool:
    """True for types with named fields, which are objects in JSON whatever they hold."""
    info = msgspec.inspect.type_info(kind)
    named = (
        msgspec.inspect.StructType,
        msgspec.inspect.DataclassType,
        msgspec.inspect.TypedDictType,
    )
    if isinstance(info, msgspec.inspect.StructType) and info.array_like:
        return False
    return isinstance(info, named)


def _name_of(kind: object) -> str:
    return getattr(kind, "__name__", None) or str(kind)


def _description_of(kind: object) -> str:
    own = getattr(kind, "__doc__", None) if isinstance(kind, type) else None
    first = (own or "").strip().partition("\n\n")[0]
    # msgspec and dataclasses write a signature where there is no docstring
    is_written = bool(first) and not first.startswith(f"{_name_of(kind)}(")
    return " ".join(first.split()) if is_written and _is_object(kind) else ""


def _no_output(reply: Reply, message: str) -> NoOutput:
    return NoOutput(message, run_id=reply.run_id, text=reply.text, ending=reply.ending)
