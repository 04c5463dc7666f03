"""What tools may do with this machine: which commands, which directories, how long, how much."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from mentra_actors.tools.plain_kinds import (
    require_flag,
    require_number,
    require_path,
    require_paths,
    require_words,
)
from mentra_actors.tools.tool_errors import PolicyDenied
from mentra_actors.tools.traits import ToolTraits

__all__ = ["BaseDirAccess", "RuntimePolicy", "ShellValidation"]

BaseDirAccess: TypeAlias = Literal["none", "read", "write"]
ShellValidation: TypeAlias = Literal["off", "warn", "enforce"]

_DAY_S = 86_400.0

_SHELL_OFF = "Shell command execution is disabled by the runtime policy."
_BACKGROUND_OFF = "Background command execution is disabled by the runtime policy."


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePolicy:
    """What the tools that touch this machine may do; it binds them, not what commands do.

    Only a sandbox binds commands: see `SandboxExecutor`. Each agent works in its base directory
    (`Workspace.base_dir`), which `base_dir_access` opens; the roots are directories beside it.
    `denied_write_roots` are looked at first. Commands need `allow_shell`, those in the background
    `allow_background` too. They see the variables `env` of our environment and no other.
    `shell_validation` says what the review of a command's text does: nothing, a note in the log,
    or a refusal of what is destructive, or writes where nothing may be written. A command may
    take `default_command_timeout_s` seconds unless the model asks for other ones, and never more
    than `max_command_timeout_s`; those in the background have `max_background_timeout_s` (None:
    no limit). Of each of its streams `max_output_bytes` are kept. An agent may have
    `max_background` commands running (None: any number). With `network` a sandbox lets commands
    reach the network. A policy that `is_read_only` offers no tool that could change anything.
    `base_dir` is where agents work that have no base directory of their own, or a relative one;
    empty means the directory of the process.
    """

    allow_shell: bool = False
    allow_background: bool = False
    base_dir_access: BaseDirAccess = "write"
    working_roots: tuple[str | os.PathLike[str], ...] = ()
    read_roots: tuple[str | os.PathLike[str], ...] = ()
    write_roots: tuple[str | os.PathLike[str], ...] = ()
    denied_write_roots: tuple[str | os.PathLike[str], ...] = ()
    env: tuple[str, ...] = ("PATH",)
    shell_validation: ShellValidation = "off"
    default_command_timeout_s: float = 30.0
    max_command_timeout_s: float = 30.0
    max_background_timeout_s: float | None = None
    max_output_bytes: int = 64 * 1024
    max_background: int | None = 8
    network: bool = False
    is_read_only: bool = False
    base_dir: str | os.PathLike[str] = ""

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, or with which nothing would ever happen."""
        _require_kinds(self)
        if self.base_dir_access not in get_args(BaseDirAccess):
            raise ValueError(f"base_dir_access is none, read or write: {self.base_dir_access!r}")
        if self.shell_validation not in get_args(ShellValidation):
            raise ValueError(
                f"shell_validation is off, warn or enforce: {self.shell_validation!r}"
            )
        limits = (self.default_command_timeout_s, self.max_command_timeout_s)
        if not all(0 < limit <= _DAY_S for limit in limits):
            raise ValueError("a time limit of commands is above 0, and a day at most")
        if self.max_background_timeout_s is not None and not self.max_background_timeout_s > 0:
            raise ValueError("max_background_timeout_s is above 0, or None")
        if not self.max_output_bytes >= 1:
            raise ValueError("max_output_bytes is at least 1")
        if self.max_background is not None and not self.max_background >= 0:
            raise ValueError("max_background is not negative, or None")
        if self.is_read_only and (self.write_roots or self.base_dir_access == "write"):
            raise ValueError(
                "a policy that is_read_only has no place to write: see RuntimePolicy.read_only"
            )

    @classmethod
    def permissive(cls) -> "RuntimePolicy":
        """Commands, also in the background; files everywhere."""
        return cls(
            allow_shell=True,
            allow_background=True,
            working_roots=("/",),
            read_roots=("/",),
            write_roots=("/",),
            network=True,
        )

    @classmethod
    def workspace_bounded(cls, workspace: str | os.PathLike[str]) -> "RuntimePolicy":
        """Files below `workspace` and nowhere else; no commands, until you allow them."""
        workspace = _absolute(workspace)
        return cls(
            base_dir=workspace,
            base_dir_access="none",
            working_roots=(workspace,),
            read_roots=(workspace,),
            write_roots=(workspace,),
            default_command_timeout_s=120.0,
            max_command_timeout_s=600.0,
        )

    @classmethod
    def read_only(cls, workspace: str | os.PathLike[str]) -> "RuntimePolicy":
        """Files below `workspace` may be read; nothing may be changed, by no tool."""
        workspace = _absolute(workspace)
        return cls(
            base_dir=workspace,
            base_dir_access="none",
            working_roots=(workspace,),
            read_roots=(workspace,),
            is_read_only=True,
        )

    def directory_of(self, own: str) -> Path:
        """Where an agent works: its own base directory. An absolute path; it may have links."""
        return (Path(self.base_dir).expanduser() / Path(own).expanduser()).absolute()

    def without_writes(self) -> "RuntimePolicy":
        """The same, but nothing may be changed: no command, and no place to write."""
        access: BaseDirAccess = "none" if self.base_dir_access == "none" else "read"
        return replace(
            self,
            allow_shell=False,
            allow_background=False,
            base_dir_access=access,
            read_roots=(*self.read_roots, *self.write_roots),
            write_roots=(),
            is_read_only=True,
        )

    def hides(self, traits: ToolTraits) -> bool:
        """Whether no agent is offered a tool with these traits."""
        if self.is_read_only and not traits.changes_nothing:
            return True
        if "background_exec" in traits.capabilities:
            return not (self.allow_shell and self.allow_background)
        return "process_exec" in traits.capabilities and not self.allow_shell

    def require_commands(self, *, background: bool = False) -> None:
        """Nothing, if commands may be run.

        Raises:
            PolicyDenied: they may not.
        """
        action = "background_command" if background else "shell_command"
        if not self.allow_shell or self.is_read_only:
            raise PolicyDenied(_SHELL_OFF, action=action)
        if background and not self.allow_background:
            raise PolicyDenied(_BACKGROUND_OFF, action=action)

    def timeout_s(self, asked: float | None) -> float:
        """Seconds that a command may take."""
        wanted = self.default_command_timeout_s if asked is None else asked
        return min(wanted, self.max_command_timeout_s)

    def environment(self, of: Mapping[str, str]) -> dict[str, str]:
        """The part of an environment that commands may see."""
        return {name: of[name] for name in self.env if name in of}

    def readable(self, base_dir: Path) -> tuple[Path, ...]:
        """Directories below which may be read, as they are named: those to write too."""
        own = () if self.base_dir_access == "none" else (base_dir,)
        return _named((*own, *self.read_roots, *self.write_roots), base_dir)

    def writable(self, base_dir: Path) -> tuple[Path, ...]:
        """Directories below which may be written, as they are named, but for the denied ones."""
        own = (base_dir,) if self.base_dir_access == "write" else ()
        return _named((*own, *self.write_roots), base_dir)

    def denied(self, base_dir: Path) -> tuple[Path, ...]:
        """Directories below which nothing may be written, as they are named."""
        return _named(self.denied_write_roots, base_dir)

    def working(self, base_dir: Path) -> tuple[Path, ...]:
        """Directories below which commands may start, as they are named."""
        own = () if self.base_dir_access == "none" else (base_dir,)
        return _named((*own, *self.working_roots), base_dir)


def _named(roots: tuple[str | os.PathLike[str], ...], base_dir: Path) -> tuple[Path, ...]:
    """Absolute paths, each once; one that is not absolute is below the base directory."""
    return tuple(dict.fromkeys(base_dir / Path(root).expanduser() for root in roots))


def _absolute(workspace: str | os.PathLike[str]) -> str:
    """A directory as it is named now, wherever the process goes later; links are kept."""
    require_path(workspace, "workspace")
    return str(Path(workspace).expanduser().absolute())


def _require_kinds(policy: RuntimePolicy) -> None:
    """Every field is of its kind: a text such as "no" would switch on what it stands for.

    Raises:
        TypeError: one is not; the message names it.
    """
    for name in ("allow_shell", "allow_background", "network", "is_read_only"):
        require_flag(getattr(policy, name), name)
    require_number(policy.default_command_timeout_s, "default_command_timeout_s")
    require_number(policy.max_command_timeout_s, "max_command_timeout_s")
    require_number(policy.max_output_bytes, "max_output_bytes", whole=True)
    if policy.max_background_timeout_s is not None:
        require_number(policy.max_background_timeout_s, "max_background_timeout_s")
    if policy.max_background is not None:
        require_number(policy.max_background, "max_background", whole=True)
    require_words(policy.env, "env")
    require_path(policy.base_dir, "base_dir")
    for name in ("working_roots", "read_roots", "write_roots", "denied_write_roots"):
        require_paths(getattr(policy, name), name)
