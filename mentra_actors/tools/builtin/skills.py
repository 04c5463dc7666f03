"""Skills: instructions that a model loads when it needs them, with the tool `load_skill`.

What is on the log of them: the result of each `load_skill`, so the words that a model was given.
What is not: which skills it was offered. Like the descriptions of tools they belong to a request,
and are made anew for each from the directories as they were last read.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from mentra_actors.tools.builtin.skill_files import Skill, SkillRoot, read_skill
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import ToolError

__all__ = ["LOAD_SKILL", "load_skill_tool", "skill_body", "skills_guide", "skills_of"]

LOAD_SKILL = "load_skill"
_HEAD = "Skills available:"
_TAIL = "Use the load_skill tool only when one of these skills is relevant to the task."


def skills_of(roots: Sequence[SkillRoot]) -> dict[str, Skill]:
    """The skills of several directories by name, sorted; of one name the first root's counts."""
    found: dict[str, Skill] = {}
    for root in roots:
        for skill in root.skills:
            found.setdefault(skill.name, skill)
    return {name: found[name] for name in sorted(found)}


def skills_guide(skills: Mapping[str, Skill]) -> str:
    """What a model is told of the skills that it may load; empty if there are none."""
    lines = [
        f"  - {skill.name}: {skill.description}" if skill.description else f"  - {skill.name}"
        for skill in skills.values()
        if skill.model_invocable
    ]
    return "\n".join([_HEAD, *lines, _TAIL]) if lines else ""


def skill_body(skill: Skill) -> str:
    """The text of a skill below its front matter, as its file is now.

    Raises:
        ToolError: the file is gone, too long or malformed, or says that it is another skill.
    """
    return _now(skill)[1]


def load_skill_tool(skills: Mapping[str, Skill]) -> Tool:
    """The tool with which models load these skills; its guide lists them."""

    @tool(
        name=LOAD_SKILL,
        retry="safe",
        parallel=True,
        side_effects="none",
        capabilities=("skill_load", "read_only"),
        approval="read_only",
    )
    def load_skill(name: str) -> str:
        """Load the instructions of a skill, by its name.

        Args:
            name: The name of the skill, as it is listed.
        """
        skill = skills.get(name)
        if skill is None:
            raise ToolError(f"Unknown skill '{name}'. {_listed(skills)}")
        now, body = _now(skill) if skill.model_invocable else (skill, "")
        if not now.model_invocable:
            raise ToolError(f"Skill '{name}' cannot be loaded by a model. {_listed(skills)}")
        return f'<skill name="{name}">\n{body}\n</skill>'

    return dataclasses.replace(load_skill, guide=skills_guide(skills))


def _now(skill: Skill) -> tuple[Skill, str]:
    """The skill of this name and its body, as they are now.

    Raises:
        ToolError: see `skill_body`.
    """
    try:
        now, body = read_skill(skill.root, skill.path)
    except ToolError as error:
        raise ToolError(f"Skill '{skill.name}' cannot be read: {error}") from error
    if now.name != skill.name:
        raise ToolError(f"Skill '{skill.name}' is now named '{now.name}'")
    return now, body


def _listed(skills: Mapping[str, Skill]) -> str:
    names = [skill.name for skill in skills.values() if skill.model_invocable]
    return f"There are: {', '.join(names)}." if names else "There are none."
