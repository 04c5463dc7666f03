"""The fields at the top of a skill: YAML between two lines of `---`."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
import yaml

from mentra_actors.tools.results.rendering import error_words

__all__ = ["MAX_FRONT_BYTES", "Malformed", "SkillFront", "read_front", "told"]

MAX_FRONT_BYTES = 16 * 1024
_FRONT = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_OPENED = re.compile(r"---[ \t]*\r?(?:\n|\Z)")
_MOST_NAME_CHARS = 100
_MOST_DEPTH = 20
_NEVER_IN_A_NAME = frozenset('"<>&')
_TRUTHS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}
_Fields: TypeAlias = Mapping[str, yaml.Node]


class SkillFront(msgspec.Struct, frozen=True, kw_only=True):
    """What the fields say, the description in one line: it is one in the prompt."""

    name: str
    description: str
    model_invocable: bool


class Malformed(Exception):
    """The text is no skill; the message says why."""


class _PlainLoader(yaml.SafeLoader):
    """Without aliases, with which a short text can mean more than fits in memory, and not deep."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise Malformed("it has an alias (*), which is not read")
        if self.depth == _MOST_DEPTH:
            raise Malformed(f"it is nested more than {_MOST_DEPTH} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def told(malformed: Malformed) -> str:
    """What is wrong, and what helps.

    YAML counts lines from behind the first one of the file, which is `---`.
    """
    cause = malformed.__cause__
    if isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark and cause.problem:
        return f"line {cause.problem_mark.line + 2}: {cause.problem}"
    said = str(malformed).replace('in "<unicode string>", ', "")
    return f"{said}; put it in quotes" if " is a text, not " in said else said


def read_front(text: str, folder: str) -> tuple[SkillFront, str]:
    """What the fields at the top say, and the text below them.

    A skill without a name has that of its `folder`.

    Raises:
        Malformed: see `told`.
    """
    fields, body = _parted(text)
    front = SkillFront(
        name=_name(fields, folder),
        description=" ".join((_text(fields, "description") or "").split()),
        model_invocable=not _flag(fields, "disable-model-invocation"),
    )
    return front, body


def _parted(text: str) -> tuple[_Fields, str]:
    """The fields at the top, and the text below them; without fields all of it."""
    found = _FRONT.match(text)
    if found is None:
        if _OPENED.match(text):
            raise Malformed("no line of --- ends it")
        return {}, _body(text)
    if len(found[1].encode()) > MAX_FRONT_BYTES:
        raise Malformed(f"it is longer than {MAX_FRONT_BYTES // 1024} KiB")
    return _fields(found[1]), _body(text[found.end() :])


def _fields(front: str) -> _Fields:
    """Fields by name, not yet read: what numbers and times would mean can take long to say."""
    try:
        top = yaml.compose(front, Loader=_PlainLoader)
    except Exception as error:
        raise Malformed(" ".join(error_words(error).split())) from error
    if top is None or _kind(top) == "null":
        return {}
    if not isinstance(top, yaml.MappingNode):
        raise Malformed(f"it has fields with names, not a {_kind(top)}")
    return {name.value: value for name, value in top.value if isinstance(name, yaml.ScalarNode)}


def _kind(node: yaml.Node) -> str:
    kind = node.tag.rpartition(":")[2]
    return {"seq": "list", "map": "dict"}.get(kind, kind)


def _body(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _name(front: _Fields, folder: str) -> str:
    name = _text(front, "name")
    name = (folder if name is None else name).strip()
    is_plain = name.isprintable() and not _NEVER_IN_A_NAME & {*name}
    if not name or len(name) > _MOST_NAME_CHARS or not is_plain:
        raise Malformed(f'a name is 1 to {_MOST_NAME_CHARS} characters without " < > &: {name!r}')
    return name


def _text(front: _Fields, name: str) -> str | None:
    """The text of a field; None if it is not there, or empty."""
    node = front.get(name)
    if node is None or _kind(node) == "null":
        return None
    if _kind(node) != "str" or not isinstance(node, yaml.ScalarNode):
        raise Malformed(f"{name} is a text, not {_kind(node)}")
    return str(node.value)


def _flag(front: _Fields, name: str) -> bool:
    node = front.get(name)
    if node is None:
        return False
    if _kind(node) != "bool" or node.value.lower() not in _TRUTHS:
        raise Malformed(f"{name} is true or false, not {_kind(node)}")
    return _TRUTHS[node.value.lower()]
