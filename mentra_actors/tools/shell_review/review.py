"""The review of a command, from its text and nothing else. Pure; any thread."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from mentra_actors.tools.shell_review.found import FoundCommand, Redirect, found_in
from mentra_actors.tools.shell_review.grammar import ParsedText, parse_text
from mentra_actors.tools.shell_review.known_programs import (
    SAYS_ITS_VERSION,
    program_name,
    rule_of,
)
from mentra_actors.tools.shell_review.name_lists import names_of
from mentra_actors.tools.shell_review.reach import WRITE, Scene
from mentra_actors.tools.shell_review.rules import Call, Judged
from mentra_actors.tools.shell_review.tree_faults import tree_fault
from mentra_actors.tools.shell_review.variables import assignment_opinion
from mentra_actors.tools.shell_review.verdict import (
    INTENTS,
    Intent,
    Opinion,
    ReviewedCommand,
    ReviewVerdict,
    ShellReview,
    strongest_intent,
    strongest_verdict,
)
from mentra_actors.tools.shell_review.words import Word, plain_words

__all__ = ["review_command"]

_MOST_WORDS = 10_000
_MOST_ARGUMENTS = 1_000
_MOST_PIECES = 50
_MOST_PIECES_CHARS = 4_000
_FILES_ONLY = names_of(
    """
    cat ls head tail wc nl tac rm cp mv mkdir rmdir touch ln stat file tee truncate shred
    less more sort uniq diff cmp source . cd find tree du
    """
)
_TALKS = frozenset({"echo", "printf", "true", "false", ":"})
_LOOKS_LIKE_FILE = re.compile(r"\.[^\s:/]+|[\w-]+(?:\.[A-Za-z]\w*)+")
_NO_FILE = re.compile(r"[\s:]")
_DUPLICATES = re.compile(r"[0-9]+-?|-")
_OF_THE_MACHINE = frozenset({"a system path", "a device", "the root of a tree"})
_NO_PATH = re.compile(r"[\s|;()\\]|(?<!\$)\{")
_TOO_LONG = Judged(Opinion("unknown", "warn", "has too many words to be reviewed"))
_COPIES = frozenset({">&", "<&", ">&-", "<&-"})
_LOCAL = ("declare", "local", "typeset", "readonly")
_DOES: dict[Intent, str] = {
    "read_only": "reads",
    "write": "may write",
    "process": "starts, ends or changes processes",
    "package": "may install something",
    "network": "may reach the network",
    "unknown": "might do anything",
    "system": "may change this machine",
    "destructive": "destroys",
}


def review_command(
    command: str, *, writable: bool, workspace: str, base_dir: str = ""
) -> ShellReview:
    """What `command` would do in a shell, and whether it may run. It never raises.

    Without a place that is `writable` all that is not surely reading is blocked. `workspace` is an
    absolute path; `base_dir`, where the command starts, may be relative to it.
    """
    tree = parse_text(command)
    work = _Work(Scene.of(workspace, base_dir))
    is_parsed = work.read(tree)
    if not is_parsed:
        work.jobs.extend(_pieces(command))
    work.finish()
    strongest = max(work.opinions, key=lambda one: INTENTS.index(one.intent), default=Opinion())
    verdicts: list[ReviewVerdict] = [one.verdict for one in work.opinions]
    worst = strongest_verdict(*verdicts)
    reason = next((one.reason for one in work.opinions if one.verdict == worst and one.reason), "")
    if not writable and strongest.intent != "read_only":
        worst = "block"
        told = strongest.reason or _DOES[strongest.intent]
        reason = f"nothing may be written here, and this is not surely read-only: it {told}"
    elif worst == "allow":
        reason = ""
    return ShellReview(
        intent=strongest.intent,
        verdict=worst,
        reason=reason,
        commands=tuple(work.commands),
        is_parsed=is_parsed,
        simple_words=_simple_words(command, tree) if is_parsed else (),
        paths=tuple(dict.fromkeys(work.paths)),
    )


def _pieces(command: str) -> list[str]:
    """Parts of a text that was not understood: what destroys is often still seen in them."""
    short = command[:_MOST_PIECES_CHARS].replace("\\\n", "")
    pieces = re.split(r"[;\n&|()`{}]+", short)
    return [short, *(piece for piece in pieces if piece.strip())][:_MOST_PIECES]


@dataclass(slots=True)
class _Work:
    """What is to be looked at, and what was found."""

    scene: Scene
    opinions: list[Opinion] = field(default_factory=list)
    commands: list[ReviewedCommand] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    jobs: deque[Call | str | FoundCommand] = field(default_factory=deque)

    def read(self, tree: ParsedText) -> bool:
        """Put all of a text on the list, before the rest. Whether it was understood."""
        fault = tree.fault or tree_fault(tree)
        if fault:
            self.opinions.append(Opinion("unknown", "warn", f"cannot be reviewed: {fault}"))
        if tree.root is None:
            return False
        found = found_in(tree)
        self.opinions += [Opinion("unknown", reason=doubt) for doubt in found.doubts]
        if found.bombs:
            self.opinions.append(
                Opinion("destructive", "block", "starts itself again and again, without an end")
            )
        self.jobs.extendleft(reversed(found.commands))
        return not fault

    def finish(self) -> None:
        """Look at all, and at what is inside of it."""
        left = _MOST_WORDS
        while self.jobs and left > 0:
            job = self.jobs.popleft()
            left -= len(job) if isinstance(job, str) else 10 + len(job.words)
            if isinstance(job, str):
                self.read(parse_text(job))
            elif isinstance(job, Call):
                self._call(job, ())
            else:
                self._found(job)
        if self.jobs:
            self.opinions.append(Opinion("unknown", "warn", "holds too much to be reviewed"))

    def _found(self, command: FoundCommand) -> None:
        is_exported = bool(command.words) and command.words[0].shown not in _LOCAL
        is_read = is_exported and command.words[0].shown == "read"
        for one in command.assignments:
            if is_read and one.name == "IFS":
                continue
            self.opinions.append(assignment_opinion(one.name, one.value, is_exported=is_exported))
        self.opinions += [self._redirect(one) for one in command.redirects]
        if command.words:
            self._call(Call(command.words, tuple(command.given)), command.redirects)
        elif command.redirects:
            self._keep((), "read_only", command.redirects)

    def _call(self, call: Call, redirects: Sequence[Redirect]) -> None:
        judged = self._judged(call) if len(call.words) <= _MOST_ARGUMENTS else _TOO_LONG
        own = judged.opinion
        self.opinions += [own] if judged is _TOO_LONG else [own, self._reach(call, own.intent)]
        self._keep(call.words, own.intent, redirects)
        self.jobs.extendleft(reversed((*judged.calls, *judged.texts)))

    def _judged(self, call: Call) -> Judged:
        first, *arguments = call.words
        if not first.is_exact:
            unknown = Opinion("unknown", "warn", "which program runs is not known before")
            return Judged(unknown, (call.of(arguments),) if arguments else ())
        name, is_sure = program_name(first.shown)
        rule = rule_of(name)
        if rule is None:
            name, is_sure = name.lower(), False
            rule = rule_of(name)
        if rule is None:
            return Judged(Opinion("unknown", reason=f"runs {first.shown!r}, which is not known"))
        is_version = [one.shown for one in arguments] in (["--version"], ["--help"])
        if is_sure and is_version and name in SAYS_ITS_VERSION:
            return Judged()
        judged = rule.judge(call, self.scene)
        if is_sure:
            return judged
        own = judged.opinion
        doubt = own.reason or f"runs {first.shown!r}, which may be anything"
        unsure = Opinion(strongest_intent(own.intent, "unknown"), own.verdict, doubt)
        return Judged(unsure, judged.calls, judged.texts)

    def _reach(self, call: Call, intent: Intent) -> Opinion:
        """A warning for files that are far away, whatever the program does with them."""
        if call.words[0].shown in _TALKS:
            return Opinion()
        for word in call.words[1:]:
            for shown in (word.shown, word.shown.partition("=")[2]):
                if shown and (reason := self._far(shown, intent)):
                    return Opinion(verdict="warn", reason=reason)
        return Opinion()

    def _far(self, shown: str, intent: Intent) -> str:
        if self.scene.leaves(shown):
            return f"leaves the workspace: {shown}"
        if not shown.startswith(("/", "~", "$HOME", "${HOME")) or _NO_PATH.search(shown):
            return ""
        place = self.scene.place(shown)
        if shown[0] != "/":
            return f"reaches {place}: {shown}"
        is_system = place in _OF_THE_MACHINE
        return f"reaches {place}: {shown}" if is_system and intent != "read_only" else ""

    def _redirect(self, redirect: Redirect) -> Opinion:
        target = redirect.target
        place = self.scene.place(target.shown)
        if target.shown.startswith(("/dev/tcp/", "/dev/udp/")):
            return Opinion("network")
        if redirect.operator == "<":
            return Opinion()
        is_copy = redirect.operator in _COPIES and bool(_DUPLICATES.fullmatch(target.shown))
        if target.is_exact and (is_copy or place == "nowhere"):
            return Opinion()
        verdict: ReviewVerdict = WRITE.get(place, "allow")
        intent: Intent = "destructive" if verdict == "block" else "write"
        reason = f"writes {target.shown} ({place})" if verdict != "allow" else ""
        return Opinion(intent, verdict, reason)

    def _keep(self, words: Sequence[Word], intent: Intent, redirects: Sequence[Redirect]) -> None:
        shown = tuple(one.shown for one in words)
        written = tuple(f"{one.operator} {one.target.shown}" for one in redirects)
        self.commands.append(ReviewedCommand(words=shown, intent=intent, redirects=written))
        takes_files = bool(shown) and shown[0].rpartition("/")[2] in _FILES_ONLY
        self.paths += [
            one.shown
            for one in words[1:]
            if one.is_exact
            and one.shown
            and not re.match(r"-|%|\d+$", one.shown)
            and (takes_files or _looks_like_file(one.shown))
        ]
        self.paths += [
            one.target.shown
            for one in redirects
            if one.target.is_exact
            and not _DUPLICATES.fullmatch(one.target.shown)
            and self.scene.place(one.target.shown) != "nowhere"
        ]


def _looks_like_file(shown: str) -> bool:
    if "/" in shown:
        return not _NO_FILE.search(shown)
    return bool(_LOOKS_LIKE_FILE.fullmatch(shown))


def _simple_words(command: str, tree: ParsedText) -> tuple[str, ...]:
    """The words that two readers agree on: the grammar, and a stricter one of our own."""
    if tree.root is None or [node.type for node in tree.root.children] != ["command"]:
        return ()
    found = found_in(tree).commands
    words = plain_words(command)
    is_same = len(found) == 1 and words == tuple(word.shown for word in found[0].words)
    is_plain = is_same and all(word.is_exact for word in found[0].words)
    return words if is_plain and not found[0].assignments else ()
