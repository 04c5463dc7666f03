"""What may be known of a program: it reads, it changes, it runs other commands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mentra_actors.tools.shell_review.reach import DESTROY, DESTROY_ALL, WRITE, Place, Scene
from mentra_actors.tools.shell_review.verdict import READS, Intent, Opinion, ReviewVerdict
from mentra_actors.tools.shell_review.words import Word

__all__ = [
    "Call",
    "Changes",
    "Destroys",
    "Is",
    "Judged",
    "Lists",
    "Reads",
    "Rule",
    "Subcommands",
    "has_option",
    "operands_of",
]


@dataclass(frozen=True, slots=True)
class Call:
    """One program with its words, the first of which names it, and texts that it reads."""

    words: tuple[Word, ...]
    given: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[Word, ...]:
        """Its words without the first one."""
        return self.words[1:]

    def of(self, words: Sequence[Word]) -> "Call":
        """Another program that reads the same."""
        return replace(self, words=tuple(words))


@dataclass(frozen=True, slots=True)
class Judged:
    """An opinion of a call, and what it would run besides: other calls, and shell texts."""

    opinion: Opinion = READS
    calls: tuple[Call, ...] = ()
    texts: tuple[str, ...] = ()


class Rule(Protocol):
    """What is known of one program."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """What this call of it would do."""
        ...


def has_option(words: Sequence[Word], letters: str, names: Sequence[str]) -> bool:
    """Whether an option could be there: among joined letters, shortened, or in a variable.

    A `--` ends nothing unless it is the first word: it may be the value of an option before it.
    """
    if words and words[0].shown == "--" and words[0].is_exact:
        return False
    for word in words:
        if not word.may_be_option or word.shown == "--":
            continue
        if not word.is_exact:
            return True
        option = word.shown.partition("=")[0]
        if option.startswith("--"):
            if any(f"--{name}".startswith(option) for name in names):
                return True
        elif set(word.shown[1:]) & set(letters) or option[1:] in names:
            return True
    return False


def operands_of(words: Sequence[Word]) -> tuple[Word, ...]:
    """The words that are no options; a value of one counts too if it is a word of its own."""
    for number, word in enumerate(words):
        if word.shown == "--":
            before = (one for one in words[:number] if not one.shown.startswith("-"))
            return (*before, *words[number + 1 :])
    return tuple(one for one in words if not one.shown.startswith("-") or one.shown == "-")


@dataclass(frozen=True, slots=True)
class Is:
    """Whatever its words are, the answer is the same."""

    intent: Intent
    verdict: ReviewVerdict = "allow"
    reason: str = ""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """The same for all."""
        del call, scene
        return Judged(Opinion(self.intent, self.verdict, self.reason))


@dataclass(frozen=True, slots=True)
class Reads:
    """It reads, but for some options, and but for more than so many operands."""

    letters: str = ""
    names: tuple[str, ...] = ()
    most_operands: int | None = None
    otherwise: Intent = "write"

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Read-only unless it may be otherwise."""
        del scene
        words = call.arguments
        is_other = bool(self.letters or self.names) and has_option(words, self.letters, self.names)
        if self.most_operands is not None:
            several = any(not (word.is_exact or word.prefix) for word in words)
            is_other |= several or len(operands_of(words)) > self.most_operands
        return Judged(Opinion(self.otherwise if is_other else "read_only"))


@dataclass(frozen=True, slots=True)
class Lists:
    """It reads if it has only these options, and at most so many operands, of this pattern."""

    letters: str = ""
    names: tuple[str, ...] = ()
    most_operands: int | None = 0
    otherwise: Intent = "write"
    operand: str = ".*"

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Read-only if all of it is known."""
        del scene
        is_known = all(self._knows(word) for word in call.arguments)
        few = self.most_operands is None or len(operands_of(call.arguments)) <= self.most_operands
        return Judged(Opinion("read_only" if is_known and few else self.otherwise))

    def _knows(self, word: Word) -> bool:
        if not word.may_be_option:
            known = word.shown if word.is_exact else word.prefix
            return bool(re.fullmatch(self.operand, known, re.DOTALL))
        if not word.is_exact:
            return False
        if word.shown.startswith("--"):
            return word.shown[2:].partition("=")[0] in self.names
        return set(word.shown[1:]) <= set(self.letters) or word.shown[1:] in self.names


@dataclass(frozen=True, slots=True)
class Changes:
    """It changes the files that it names; with some options all below them."""

    intent: Intent = "write"
    letters: str = ""
    names: tuple[str, ...] = ()
    one: Mapping[Place, ReviewVerdict] | None = None
    all_below: Mapping[Place, ReviewVerdict] | None = None
    what: str = "changes"

    def judge(self, call: Call, scene: Scene) -> Judged:
        """By the farthest of its files."""
        words = call.arguments
        is_deep = self.all_below is not None and has_option(words, self.letters, self.names)
        table = (self.all_below if is_deep else self.one) or WRITE
        values = [Word(one.shown.partition("=")[2]) for one in words if "=" in one.shown]
        there = scene.where([*operands_of(words), *(one for one in values if one.shown)])
        verdict = table.get(there.place, "allow")
        reason = f"{self.what} {there.shown} ({there.place})" if verdict != "allow" else ""
        return Judged(Opinion(self.intent, verdict, reason))


@dataclass(frozen=True, slots=True)
class Destroys:
    """It destroys the files that it names, with some options all below them."""

    letters: str = "rR"
    names: tuple[str, ...] = ("recursive",)
    always_all: bool = False

    def judge(self, call: Call, scene: Scene) -> Judged:
        """By the farthest of its files."""
        rule = Changes(
            "destructive",
            self.letters,
            self.names,
            one=DESTROY_ALL if self.always_all else DESTROY,
            all_below=DESTROY_ALL,
            what="destroys",
        )
        return rule.judge(call, scene)


@dataclass(frozen=True, slots=True)
class Subcommands:
    """Its first operand says what it does; before that it has only options that are known."""

    table: Mapping[str, Rule]
    otherwise: Rule
    flags: tuple[str, ...] = ()

    def judge(self, call: Call, scene: Scene) -> Judged:
        """As its subcommand does."""
        words = list(call.arguments)
        while words and words[0].is_exact and words[0].shown in self.flags:
            del words[0]
        is_known = not words or words[0].is_exact
        rule = self.table.get(words[0].shown if words else "") if is_known else None
        if rule is None:
            return self.otherwise.judge(call, scene)
        return rule.judge(call.of(words or call.words), scene)
