"""The skills of a running runtime: directories that may come and go, and be read again."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from mentra_actors.errors import ConfigurationError, UnknownSkill
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.tools.builtin.skill_files import Skill, SkillFault, SkillRoot, scanned_root
from mentra_actors.tools.builtin.skills import load_skill_tool, skill_body, skills_of
from mentra_actors.tools.contract import ToolError
from mentra_actors.tools.registry import RegisteredTools, ToolRegistration

__all__ = ["Skills", "SkillsRegistration"]


class Skills:
    """All skills of a runtime. Safe from any thread; what reads a directory blocks.

    While there is a directory models have the tool `load_skill`. A change of the skills is a new
    tool in its place, so a request has the skills of one moment.
    """

    def __init__(
        self, tools: RegisteredTools, paths: Iterable[str | os.PathLike[str]] = ()
    ) -> None:
        """Read the directories at `paths`, of which the first ones win.

        Raises:
            ConfigurationError: one is no directory, or is there twice.
            TypeError: `paths` is one path.
        """
        if isinstance(paths, str | os.PathLike):
            raise TypeError("skills_dirs are a sequence of directories, not one path")
        self._tools = tools
        self._lock = threading.Lock()
        self._roots: tuple[SkillRoot, ...] = ()
        self._skills: dict[str, Skill] = {}
        self._tool: ToolRegistration | None = None
        for path in paths:
            self.add(path)

    def add(self, path: str | os.PathLike[str]) -> "SkillsRegistration":
        """See `Runtime.register_skills_dir`."""
        if not isinstance(path, str | os.PathLike):
            raise TypeError(f"a directory of skills is a path, not {path!r}")
        root = scanned_root(path)
        with self._lock:
            if any(root.path == one.path for one in self._roots):
                raise ConfigurationError(f"the skills of {root.path} are registered already")
            self._take((*self._roots, root))
        return SkillsRegistration(self, root.path)

    def remove(self, path: Path) -> None:
        """Forget a directory; nothing, if it is not there any more."""
        with self._lock:
            self._take(tuple(one for one in self._roots if one.path != path))

    def reload(self) -> None:
        """Read all directories again; one that is gone has no skills, and a fault."""
        with self._lock:
            self._take(tuple(_scanned_again(one) for one in self._roots))

    def all(self) -> tuple[Skill, ...]:
        """See `Runtime.skills`."""
        return tuple(self._skills.values())

    def faults(self) -> tuple[SkillFault, ...]:
        """See `Runtime.skill_faults`."""
        return tuple(fault for root in self._roots for fault in root.faults)

    def body(self, name: str) -> str:
        """See `Runtime.skill_body`."""
        require_text(name, "the name of a skill")
        skill = self._skills.get(name)
        if skill is None:
            raise UnknownSkill(f"no skill is named {name!r}; there are {_named(self._skills)}")
        try:
            return skill_body(skill)
        except ToolError as error:
            raise UnknownSkill(f"{error} ({skill.path})") from error

    def _take(self, roots: tuple[SkillRoot, ...]) -> None:
        skills = skills_of(roots)
        tool = load_skill_tool(skills) if roots else None
        if tool is None:
            if self._tool is not None:
                self._tool.remove()
            self._tool = None
        elif self._tool is None:
            self._tool = self._tools.register(tool)
        else:
            self._tools.exchange(self._tool, tool)
        self._roots, self._skills = roots, skills


class SkillsRegistration:
    """A directory of skills that was registered while the runtime runs. Also a context manager."""

    def __init__(self, skills: Skills, path: Path) -> None:
        """Made by `Runtime.register_skills_dir`."""
        self._skills = skills
        self.path = path

    def remove(self) -> None:
        """Forget the directory: models hear of its skills no more, and cannot load them."""
        self._skills.remove(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.remove()


def _scanned_again(root: SkillRoot) -> SkillRoot:
    try:
        return scanned_root(root.path)
    except ConfigurationError as error:
        gone = SkillFault(path=root.path, root=root.path, reason=str(error))
        return SkillRoot(path=root.path, faults=(gone,))


def _named(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
