"""What the subcommands of git do."""

import re
from dataclasses import dataclass

from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.reach import WRITE, Scene
from mentra_actors.tools.shell_review.rules import (
    Call,
    Is,
    Judged,
    Lists,
    Reads,
    Rule,
    Subcommands,
    has_option,
    operands_of,
)
from mentra_actors.tools.shell_review.verdict import Intent, Opinion, strongest_verdict
from mentra_actors.tools.shell_review.words import Word

__all__ = ["Git"]

_HARMLESS_SETTINGS = re.compile(
    r"color\.[\w.]+=[\w]+|core\.quote[pP]ath=\w+|core\.pager=(?:cat)?", re.ASCII
)
_FLAGS = frozenset(
    {
        "--no-pager",
        "-P",
        "--no-optional-locks",
        "--literal-pathspecs",
        "--bare",
        "--no-replace-objects",
    }
)
_WRITE, _NETWORK, _UNKNOWN = Is("write"), Is("network"), Is("unknown")
_RISK = "this git command throws away what cannot be got back"

_DIFF = Reads("O", ("output", "ext-diff", "textconv", "open-files-in-pager"))


@dataclass(frozen=True, slots=True)
class _Throws:
    """It writes, and with some options, or a word among its operands, it throws work away."""

    letters: str = ""
    names: tuple[str, ...] = ()
    operands: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    always: bool = False
    intent: Intent = "write"

    def judge(self, call: Call, scene: Scene) -> Judged:
        del scene
        words = call.arguments
        throws = self.always or has_option(words, self.letters, self.names)
        throws = throws or any(word.shown in self.operands for word in words)
        throws = throws or any(word.shown.startswith(self.marks or ("\0",)) for word in words)
        if throws:
            return Judged(Opinion("destructive", "warn", _RISK))
        return Judged(Opinion(self.intent))


@dataclass(frozen=True, slots=True)
class _Or:
    """Read-only in the way of `reads`; else as the other rule says."""

    reads: Rule
    other: Rule

    def judge(self, call: Call, scene: Scene) -> Judged:
        judged = self.reads.judge(call, scene)
        is_reading = judged.opinion.intent == "read_only"
        return judged if is_reading else self.other.judge(call, scene)


@dataclass(frozen=True, slots=True)
class _Branch:
    """Branches or tags are listed, or else made, moved and deleted."""

    letters: str
    selecting_letters: str
    deletes: _Throws

    def judge(self, call: Call, scene: Scene) -> Judged:
        words = call.arguments
        names = {word.shown.partition("=")[0][2:] for word in words if word.shown[:2] == "--"}
        letters = {c for one in words if re.fullmatch("-[a-z]+", one.shown) for c in one.shown[1:]}
        is_list = bool(names & set(_SELECTING)) or bool(letters & set(self.selecting_letters))
        known = Lists(self.letters, (*_SELECTING, *_LISTING), None if is_list else 0)
        return _Or(known, self.deletes).judge(call, scene)


_LISTING = (
    "all",
    "color",
    "column",
    "no-column",
    "format",
    "sort",
    "remotes",
    "verbose",
    "show-current",
    "ignore-case",
    "no-color",
)
_SELECTING = ("list", "contains", "no-contains", "merged", "no-merged", "points-at")


@dataclass(frozen=True, slots=True)
class _Config:
    """It reads settings if it says so, or has one operand and no option."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        del scene
        words = call.arguments
        exact = all(word.is_exact for word in words)
        shown = [word.shown for word in words]
        options = {word.partition("=")[0] for word in shown if word.startswith("-")}
        operands = operands_of(words)
        reads = bool(options & _CONFIG_READS) or shown[:1] in (["get"], ["list"])
        if exact and options <= _CONFIG_OPTIONS and (reads or len(operands) == 1):
            return Judged()
        return Judged(Opinion("write"))


_CONFIG_READS = frozenset({"--get", "--get-all", "--get-regexp", "--list", "-l", "--get-urlmatch"})
_CONFIG_OPTIONS = _CONFIG_READS | names_of(
    """
    --global --local --system --worktree --show-origin --show-scope --name-only --null -z --bool
    --int --path --type --includes --all
    """
)


def _each(names: str, rule: Rule) -> dict[str, Rule]:
    return dict.fromkeys(names.split(), rule)


_TABLE: dict[str, Rule] = {
    **_each(
        """
        status rev-parse name-rev merge-base for-each-ref show-ref count-objects
        check-ignore check-attr check-ref-format cherry version var ls-files ls-tree
        show-branch describe verify-pack get-tar-commit-id stripspace column patch-id
        """,
        Reads(),
    ),
    **_each(
        """
        log diff show shortlog blame annotate whatchanged range-diff diff-tree diff-index
        diff-files grep cat-file rev-list
        """,
        Reads("O", (*_DIFF.names, "filters", "contents")),
    ),
    "symbolic-ref": Lists("q", ("short", "quiet"), 1),
    "fsck": Reads("", ("lost-found",)),
    "help": Lists("a", ("all",), 1, "unknown"),
    "branch": _Branch("arv", "", _Throws("dDfMC", ("delete", "force"))),
    "tag": _Branch("ln0123456789", "ln", _Throws("df", ("delete", "force"))),
    "config": _Config(),
    "stash": Subcommands(
        {
            "list": _DIFF,
            "show": _DIFF,
            "drop": _Throws(always=True),
            "clear": _Throws(always=True),
        },
        _WRITE,
    ),
    "remote": Subcommands(
        {
            "": Lists("v", ("verbose",)),
            "-v": Lists("v", ("verbose",)),
            "get-url": Reads(),
            "show": _NETWORK,
            "update": _NETWORK,
            "prune": _NETWORK,
        },
        _WRITE,
    ),
    "worktree": Subcommands({"list": Reads(), "remove": _Throws("f", ("force",))}, _WRITE),
    "submodule": Subcommands({"update": _NETWORK, "add": _NETWORK, "foreach": _UNKNOWN}, _WRITE),
    "notes": Subcommands({"list": Reads(), "show": _DIFF}, _WRITE),
    "reflog": Subcommands(
        {
            "": Reads(),
            "show": _DIFF,
            "exists": Reads(),
            "expire": _Throws(always=True),
            "delete": _Throws(always=True),
        },
        _WRITE,
    ),
    "bisect": Subcommands({"log": Reads(), "terms": Reads(), "run": _UNKNOWN}, _WRITE),
    "push": _Throws(
        "fd",
        ("force", "force-with-lease", "delete", "mirror", "prune"),
        marks=("+", ":"),
        intent="network",
    ),
    **_each("fetch pull clone ls-remote send-email request-pull svn", _NETWORK),
    "reset": _Throws("", ("hard", "merge", "keep")),
    "checkout": _Throws("f", ("force",), ("--", ".")),
    "switch": _Throws("fC", ("force", "discard-changes", "force-create")),
    "restore": _Throws(always=True),
    "clean": Subcommands(
        _each("-n -nd -nx -ndx -dn --dry-run", Lists("ndxX", ("dry-run",), None)),
        _Throws(always=True),
    ),
    "rm": _Throws("f", ("force",)),
    "gc": _Throws("", ("prune", "aggressive")),
    "prune": _Throws(always=True),
    "update-ref": _Throws("d", ("stdin",)),
    "filter-branch": _Throws(always=True),
    "filter-repo": _Throws(always=True),
    **_each(
        """
        add apply am archive bundle cherry-pick commit commit-tree fast-import format-patch
        hash-object init maintenance merge merge-file mktree mv notes pack-refs read-tree
        rebase repack replace
        revert rerere sparse-checkout stage unpack-objects update-index write-tree citool gui
        """,
        _WRITE,
    ),
}


@dataclass(frozen=True, slots=True)
class Git:
    """It does what its first operand says; aliases and settings may run anything."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """By the subcommand, with the directory of `-C` in mind."""
        words = list(call.arguments)
        is_known, directories = True, []
        while words and words[0].may_be_option:
            option = words.pop(0).shown
            if option in {"-C", "-c"} and words:
                value = words.pop(0)
                is_plain = bool(_HARMLESS_SETTINGS.fullmatch(value.shown))
                is_known &= value.is_exact and (option == "-C" or is_plain)
                directories += [value] if option == "-C" else []
            elif option in {"--version", "-v"} and not words:
                return Judged()
            elif option in {"--help", "-h"}:
                words.insert(0, Word("help"))
            else:
                is_known &= option in _FLAGS
        return self._judged(call.of(words), scene, directories, is_known=is_known)

    def _judged(
        self, call: Call, scene: Scene, directories: list[Word], *, is_known: bool
    ) -> Judged:
        words = call.words
        if not words:
            return Judged(Opinion("read_only" if is_known else "unknown"))
        rule = _TABLE.get(words[0].shown) if words[0].is_exact else None
        if rule is None:
            return Judged(Opinion("unknown", reason="git has no subcommand of this name itself"))
        opinion = rule.judge(call, scene).opinion
        if opinion.intent == "read_only":
            return Judged(opinion if is_known else Opinion("unknown", reason=_SETTINGS))
        away = WRITE.get(scene.where(directories).place, "allow")
        verdict = strongest_verdict(opinion.verdict, away)
        return Judged(Opinion(opinion.intent, verdict, opinion.reason))


_SETTINGS = "git runs what its settings say"
