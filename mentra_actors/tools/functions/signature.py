"""The arguments of a function as a type: JSON Schema for a model, validation of what it sends."""

import copy
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, get_type_hints

import msgspec

from mentra_actors.errors import InvalidTool
from mentra_actors.json_types import Json
from mentra_actors.tools.contract import ToolContext, ToolError
from mentra_actors.tools.functions.argument_faults import (
    MAX_FAULTS,
    Fault,
    other_fault,
    refusal,
    unexpected_value,
)
from mentra_actors.tools.functions.docstring import Docstring
from mentra_actors.tools.functions.signature_faults import convert, faults_of_fields
from mentra_actors.tools.results.rendering import error_words
from mentra_actors.tools.schemas.json_schema import described, flat_schema, json_types
from mentra_actors.tools.schemas.schema_check import schema_check
from mentra_actors.tools.schemas.schema_words import parameters

__all__ = ["Rename", "Signature", "signature_of"]

Rename: TypeAlias = Literal["camel"] | Mapping[str, str]
"""The names of parameters that models see: `camel` for all, or those of single ones."""

_SHOWN = re.compile(r"[a-zA-Z0-9_.-]{1,64}", re.ASCII)
_PLAIN_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_KIND_NAMES = {
    inspect.Parameter.POSITIONAL_ONLY: "is positional-only; models name every argument",
    inspect.Parameter.VAR_POSITIONAL: "takes any number of values; use one list parameter",
    inspect.Parameter.VAR_KEYWORD: "takes any names; use one dict parameter",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a function takes: from decoded JSON to keyword arguments."""

    tool_name: str
    arguments_type: type[msgspec.Struct]
    schema: Json
    context_parameter: str | None

    def faults(self, arguments: Mapping[str, object]) -> str:
        """All that is wrong with the arguments of a call, as a text for the model; "" if nothing.

        What `keywords` takes leniently is not wrong. Never raises. Pure computation, on any
        thread; no field is changed.
        """
        try:
            self._converted(arguments)
        except Exception as error:  # noqa: BLE001 - a type's own code may raise anything
            return self._refusal(arguments, error)
        return ""

    def keywords(self, arguments: Mapping[str, object], context: ToolContext) -> dict[str, object]:
        """Validated keyword arguments of one call.

        Models write numbers and booleans as strings now and then, and whole arrays or objects as
        JSON text. Both are taken where the meaning is plain: `"5"` for an integer, `"[1, 2]"` for
        an array that cannot be a string. Everything else is refused.

        Raises:
            ToolError: the arguments have faults; its text is that of `faults`.
        """
        try:
            valid = self._converted(arguments)
        except Exception as error:
            raise ToolError(self._refusal(arguments, error)) from error
        keywords = {name: getattr(valid, name) for name in valid.__struct_fields__}
        if self.context_parameter is not None:
            keywords[self.context_parameter] = context
        return keywords

    def _converted(self, arguments: object) -> msgspec.Struct:
        valid: msgspec.Struct = convert(self._with_embedded_json(arguments), self.arguments_type)
        return valid

    def _with_embedded_json(self, arguments: object) -> Any:
        if not isinstance(arguments, Mapping):
            return arguments
        properties = self.schema["properties"]
        plain = dict(arguments)
        for name, value in arguments.items():
            if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
                types = json_types(properties.get(name, {}))
                if types and "string" not in types:
                    plain[name] = _decoded(value)
        return plain

    def _refusal(self, arguments: object, error: Exception) -> str:
        told = other_fault("arguments", error_words(error))
        faults = self._faults(arguments) or [told]
        takes, has_more = parameters(self.schema), len(faults) > MAX_FAULTS
        return refusal(self.tool_name, faults[:MAX_FAULTS], takes, has_more=has_more)

    def _faults(self, arguments: Any) -> list[Fault]:
        if not isinstance(arguments, Mapping):
            return [unexpected_value("arguments", "object", arguments)]
        try:
            check = schema_check(msgspec.json.encode(self.schema).decode())
        except ValueError:  # an annotation brought its own words, and they are no schema
            return []
        plain = self._with_embedded_json(arguments)
        return faults_of_fields(plain, self.arguments_type, check)


def signature_of(
    function: Callable[..., object], name: str, docstring: Docstring, rename: Rename | None = None
) -> Signature:
    """Read the parameters of `function`.

    Raises:
        InvalidTool: it is no function, or a parameter has no annotation, one that JSON cannot
            carry, or a kind that cannot be named; the message says which parameter. Or `rename`
            names a parameter that is not there, or gives two of them one name.
    """
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        raise InvalidTool(f"tool {name!r}: {function!r} is not a function; write one around it")
    hints = _hints(function, name)
    fields: list[tuple[str, object, object]] = []
    context_parameter = None
    for parameter in _parameters_of(function, name):
        annotation = hints.get(parameter.name, parameter.annotation)
        if annotation is ToolContext:
            if context_parameter is not None:
                raise InvalidTool(f"tool {name!r}: only one parameter may be a ToolContext")
            context_parameter = parameter.name
        else:
            fields.append(_field(parameter, annotation))
    arguments_type, schema = _described_type(name, fields, rename)
    shown = {field.name: field.encode_name for field in msgspec.structs.fields(arguments_type)}
    descriptions = {
        shown[parameter]: text
        for parameter, text in docstring.parameters.items()
        if parameter in shown
    }
    return Signature(
        tool_name=name,
        arguments_type=arguments_type,
        schema=described(schema, descriptions),
        context_parameter=context_parameter,
    )


def _described_type(
    tool: str, fields: list[tuple[str, object, object]], rename: Rename | None
) -> tuple[type[msgspec.Struct], dict[str, object]]:
    """The type of all arguments and its schema.

    Raises:
        InvalidTool: see `signature_of`; it names the first parameter that cannot be.
    """
    try:
        arguments_type = _arguments_type(tool, fields, rename)
        msgspec.json.Decoder(arguments_type)
        return arguments_type, flat_schema(arguments_type)
    except (TypeError, ValueError, RecursionError, InvalidTool):
        for field in fields:
            _require_json_type(field, tool)
        raise


def _arguments_type(
    tool: str, fields: list[tuple[str, object, object]], rename: Rename | None
) -> type[msgspec.Struct]:
    if isinstance(rename, Mapping):
        unknown = sorted({*rename} - {name for name, _, _ in fields})
        if unknown:
            raise InvalidTool(f"tool {tool!r}: rename has no parameter {', '.join(unknown)}")
        shown: list[object] = list(rename.values())
        if not all(isinstance(name, str) and _SHOWN.fullmatch(name) for name in shown):
            raise InvalidTool(f"tool {tool!r}: no provider takes all names of {shown}")
    elif rename not in ("camel", None):
        raise InvalidTool(f"tool {tool!r}: rename is 'camel' or a mapping, not {rename!r}")
    try:
        return msgspec.defstruct(
            f"{tool}_arguments", fields, kw_only=True, forbid_unknown_fields=True, rename=rename
        )
    except (TypeError, ValueError) as error:
        raise InvalidTool(f"tool {tool!r}: rename cannot be used: {error}") from error


def _hints(function: Callable[..., object], name: str) -> dict[str, object]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, SyntaxError) as error:
        raise InvalidTool(
            f"tool {name!r}: an annotation cannot be resolved ({error}); "
            "annotate with names that the module defines"
        ) from error


def _parameters_of(function: Callable[..., object], name: str) -> list[inspect.Parameter]:
    parameters = list(inspect.signature(function).parameters.values())
    for parameter in parameters:
        if parameter.kind not in _PLAIN_KINDS:
            raise InvalidTool(
                f"tool {name!r}: parameter {parameter.name!r} {_KIND_NAMES[parameter.kind]}"
            )
        if parameter.annotation is inspect.Parameter.empty:
            raise InvalidTool(f"tool {name!r}: parameter {parameter.name!r} has no annotation")
    return parameters


def _field(parameter: inspect.Parameter, annotation: Any) -> tuple[str, object, object]:
    default = parameter.default
    if default is None:
        annotation = annotation | None
    if default is inspect.Parameter.empty:
        default = msgspec.NODEFAULT
    elif isinstance(default, list | dict | set | bytearray):
        default = msgspec.field(default_factory=partial(copy.deepcopy, default))
    return parameter.name, annotation, default


def _require_json_type(field: tuple[str, object, object], tool: str) -> None:
    try:
        probe = msgspec.defstruct("probe", [field])
        msgspec.json.Decoder(probe)
        flat_schema(probe)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[-1] if str(error) else type(error).__name__
        raise InvalidTool(
            f"tool {tool!r}: parameter {field[0]!r} cannot be described as JSON ({reason}); "
            "use JSON types, msgspec structs, dataclasses, TypedDicts, enums or Literal"
        ) from error


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
