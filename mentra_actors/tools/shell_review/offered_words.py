"""How much of a command may be offered as the beginning of those that are to be allowed."""

import re
from collections.abc import Sequence

from mentra_actors.tools.shell_review.git_rules import Git
from mentra_actors.tools.shell_review.known_programs import program_name, rule_of
from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.programs import Cd, Dd, Kill
from mentra_actors.tools.shell_review.rules import (
    Changes,
    Destroys,
    Is,
    Lists,
    Reads,
    Rule,
    Subcommands,
)

__all__ = ["offered_words"]

_SUBCOMMAND = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_VERSION = re.compile(r"[-.\d]+\Z", re.ASCII)
_RUNS_ANYTHING = names_of(
    """
    make gmake cmake ninja meson just task rake ant bazel gradle mvn sbt gdb lldb valgrind strace
    ltrace perf screen tmux expect systemd-run ssh-agent ssh-add parallel entr watchexec docker
    podman buildah nerdctl kubectl lxc nsenter npx bunx uvx bun uv pipx nix-env ssh scp sftp rsync
    socat nc ncat netcat ftp lftp telnet psql mysql redis-cli mongosh vi vim nvim view nano emacs
    pico ed ex sort split zip cpio rename install m4 dc pandoc latex pdflatex crontab at batch
    skill enable mapfile readarray complete compgen bind fc history hash getopts let swift asdf
    mise
    """
)
"""Programs that run what they are told to, beside those whose rule says so."""

_RUNS_WHAT_FOLLOWS = names_of(
    """
    run run-script exec execute x dlx eval shell script start create init
    bisect config difftool filter-branch foreach grep mergetool rebase submodule
    """
)
"""Subcommands with which a program does so."""

_HAS_ONE_PURPOSE = (Cd, Changes, Dd, Destroys, Kill, Lists, Reads)


def offered_words(words: Sequence[str]) -> tuple[str, ...]:
    """The first words of a simple command, if they say what all commands do that begin so.

    None where it could be anything: of programs that run other ones, that are not known, or lie
    at a path where a model may write; and where an option stands before what is done.
    """
    if not words:
        return ()
    name, is_sure = program_name(words[0])
    rule = rule_of(name)
    if rule is None or not is_sure or _runs_anything(name, rule):
        return ()
    second = words[1] if len(words) > 1 else ""
    if second.startswith("-"):
        return (words[0],) if rule == Reads() else ()
    if _SUBCOMMAND.fullmatch(second):
        return () if second in _RUNS_WHAT_FOLLOWS else (words[0], second)
    return (words[0],) if isinstance(rule, _HAS_ONE_PURPOSE) else ()


def _runs_anything(name: str, rule: Rule) -> bool:
    if {name, _VERSION.sub("", name)} & _RUNS_ANYTHING:
        return True
    match rule:
        case Reads(otherwise="unknown") | Lists(otherwise="unknown"):
            return True
        case Subcommands(otherwise=otherwise):
            return not isinstance(otherwise, Is)
        case _:
            return not isinstance(rule, (*_HAS_ONE_PURPOSE, Is, Git))
