"""Skills as files: `SKILL.md`, with a name and a description between two lines of `---`."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mentra_actors.errors import ConfigurationError
from mentra_actors.late_module import LateModule
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.results.rendering import error_words
from mentra_actors.tools.tool_errors import ToolError

if TYPE_CHECKING:
    from mentra_actors.tools.builtin import skill_front
else:
    skill_front = LateModule("mentra_actors.tools.builtin.skill_front")

__all__ = [
    "MAX_SKILL_BYTES",
    "Skill",
    "SkillFault",
    "SkillRoot",
    "read_skill",
    "scanned_root",
]

MAX_SKILL_BYTES = 256 * 1024
_FILE = "SKILL.md"
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
            faults.append(SkillFault(path=file, root=root, reason=error_words(error)))
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
        front, body = skill_front.read_front(raw.decode("utf-8-sig"), file.parent.name)
    except UnicodeDecodeError as error:
        raise ToolError(f"it is not UTF-8 ({error.reason} at byte {error.start})") from error
    except skill_front.Malformed as error:
        raise ToolError(f"malformed front matter: {skill_front.told(error)}") from error
    skill = Skill(
        name=front.name,
        description=front.description,
        path=file,
        root=root,
        model_invocable=front.model_invocable,
    )
    return skill, body


def _skill_files(root: Path, faults: list[SkillFault]) -> Iterator[Path]:
    """The files in the order of their paths; directories that cannot be read become faults."""

    def unreadable(error: OSError) -> None:
        path = Path(os.fsdecode(error.filename or root))
        faults.append(SkillFault(path=path, root=root, reason=str(error.strerror)))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders.sort()
        if _FILE in files:
            yield Path(folder, _FILE)
