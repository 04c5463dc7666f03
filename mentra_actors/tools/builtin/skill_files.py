"""Skills as files: `SKILL.md`, with a name and a description between two lines of `---`."""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import yaml

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.results.rendering import words_of
from mentra_actors.tools.tool_errors import ToolError

__all__ = [
    "MAX_FRONT_BYTES",
    "MAX_SKILL_BYTES",
    "Skill",
    "SkillFault",
    "SkillRoot",
    "read_skill",
    "scanned_root",
]

MAX_SKILL_BYTES = 256 * 1024
MAX_FRONT_BYTES = 16 * 1024
_FILE = "SKILL.md"
_FRONT = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*\r?(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_OPENED = re.compile(r"---[ \t]*\r?(?:\n|\Z)")
_MOST_NAME_CHARS = 100
_MOST_DEPTH = 20
_NEVER_IN_A_NAME = frozenset('"<>&')
_TRUTHS = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}
_Fields: TypeAlias = Mapping[str, yaml.Node]
_log = logging.getLogger(__name__)


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """One skill: the file `path` below the directory `root`; its body is read when it is wanted.

    One that is not `model_invocable` is for the program: no model is told of it or gets it.
    """

    name: str
    description: str
    path: Path
    root: Path
    model_invocable: bool = True


class SkillFault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a file or a directory below `root` gives no skill."""

    path: Path
    root: Path
    reason: str


class SkillRoot(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory has: its skills by name, sorted, and what is wrong in it."""

    path: Path
    skills: tuple[Skill, ...] = ()
    faults: tuple[SkillFault, ...] = ()


class _Malformed(Exception):
    """The text is no skill; the message says why."""


class _PlainLoader(yaml.SafeLoader):
    """Without aliases, with which a short text can mean more than fits in memory, and not deep."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise _Malformed("it has an alias (*), which is not read")
        if self.depth == _MOST_DEPTH:
            raise _Malformed(f"it is nested more than {_MOST_DEPTH} deep")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def scanned_root(path: str | os.PathLike[str]) -> SkillRoot:
    """All skills below a directory, as deep as they lie; links are not followed.

    A file that is no skill, or has the name of one before it (in the order of paths), is a fault,
    and the others are there all the same.

    Raises:
        ConfigurationError: it is no directory.
    """
    root = Path(os.path.abspath(Path(path).expanduser()))
    if not root.is_dir():
        raise ConfigurationError(f"a directory of skills is not a directory: {root}")
    faults: list[SkillFault] = []
    by_name: dict[str, Skill] = {}
    for file in _skill_files(root, faults):
        try:
            skill, _body = read_skill(root, file)
            if skill.name in by_name:
                first = by_name[skill.name].path
                raise ToolError(f"another skill is named {skill.name!r}: {first}")
            by_name[skill.name] = skill
        except ToolError as error:
            faults.append(SkillFault(path=file, root=root, reason=words_of(error)))
    for fault in faults:
        _log.warning("left out of the skills: %s: %s", fault.path, fault.reason)
    skills = tuple(by_name[name] for name in sorted(by_name))
    return SkillRoot(path=root, skills=skills, faults=tuple(faults))


def read_skill(root: Path, file: Path) -> tuple[Skill, str]:
    """The skill in a file below a root, as it is now, and its body.

    Raises:
        ToolError: it cannot be read, is too long, or is malformed; the text says which.
    """
    place = FilePlace.of_root(root)
    with place.open_file(place.for_reading(file.relative_to(root).as_posix())) as stream:
        raw = stream.read(MAX_SKILL_BYTES + 1)
    if len(raw) > MAX_SKILL_BYTES:
        raise ToolError(f"it is longer than {MAX_SKILL_BYTES // 1024} KiB")
    try:
        front, body = _parted(raw.decode("utf-8-sig"))
        skill = Skill(
            name=_name(front, file.parent.name),
            description=_description(front),
            path=file,
            root=root,
            model_invocable=not _flag(front, "disable-model-invocation"),
        )
    except UnicodeDecodeError as error:
        raise ToolError(f"it is not UTF-8 ({error.reason} at byte {error.start})") from error
    except _Malformed as error:
        raise ToolError(f"malformed front matter: {_words(error)}") from error
    return skill, body


def _words(malformed: _Malformed) -> str:
    """What is wrong, and what helps.

    YAML counts lines from behind the first one of the file, which is `---`.
    """
    cause = malformed.__cause__
    if isinstance(cause, yaml.MarkedYAMLError) and cause.problem_mark and cause.problem:
        return f"line {cause.problem_mark.line + 2}: {cause.problem}"
    said = str(malformed).replace('in "<unicode string>", ', "")
    return f"{said}; put it in quotes" if " is a text, not " in said else said


def _skill_files(root: Path, faults: list[SkillFault]) -> Iterator[Path]:
    """The files in the order of their paths; directories that cannot be read become faults."""

    def unreadable(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename or root))
        faults.append(SkillFault(path=path, root=root, reason=str(error.strerror)))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders.sort()
        if _FILE in files:
            yield Path(folder, _FILE)


def _parted(text: str) -> tuple[_Fields, str]:
    """The fields at the top, and the text below them; without fields all of it."""
    found = _FRONT.match(text)
    if found is None:
        if _OPENED.match(text):
            raise _Malformed("no line of --- ends it")
        return {}, _body(text)
    if len(found[1].encode()) > MAX_FRONT_BYTES:
        raise _Malformed(f"it is longer than {MAX_FRONT_BYTES // 1024} KiB")
    return _fields(found[1]), _body(text[found.end() :])


def _fields(front: str) -> _Fields:
    """Fields by name, not yet read: what numbers and times would mean can take long to say."""
    try:
        top = yaml.compose(front, Loader=_PlainLoader)
    except Exception as error:
        raise _Malformed(" ".join(words_of(error).split())) from error
    if top is None or _kind(top) == "null":
        return {}
    if not isinstance(top, yaml.MappingNode):
        raise _Malformed(f"it has fields with names, not a {_kind(top)}")
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
        raise _Malformed(f'a name is 1 to {_MOST_NAME_CHARS} characters without " < > &: {name!r}')
    return name


def _description(front: _Fields) -> str:
    """In one line: it is one in the prompt."""
    return " ".join((_text(front, "description") or "").split())


def _text(front: _Fields, name: str) -> str | None:
    """The text of a field; None if it is not there, or empty."""
    node = front.get(name)
    if node is None or _kind(node) == "null":
        return None
    if _kind(node) != "str" or not isinstance(node, yaml.ScalarNode):
        raise _Malformed(f"{name} is a text, not {_kind(node)}")
    return str(node.value)


def _flag(front: _Fields, name: str) -> bool:
    node = front.get(name)
    if node is None:
        return False
    if _kind(node) != "bool" or node.value.lower() not in _TRUTHS:
        raise _Malformed(f"{name} is true or false, not {_kind(node)}")
    return _TRUTHS[node.value.lower()]
