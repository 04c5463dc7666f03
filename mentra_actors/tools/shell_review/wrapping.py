"""Programs that run other ones: what they run is looked at as if it stood alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mentra_actors.tools.shell_review.reach import Scene
from mentra_actors.tools.shell_review.rules import Call, Destroys, Judged, operands_of
from mentra_actors.tools.shell_review.variables import assignment_opinion
from mentra_actors.tools.shell_review.verdict import (
    Intent,
    Opinion,
    ReviewVerdict,
    strongest_intent,
    strongest_verdict,
)
from mentra_actors.tools.shell_review.words import Word

__all__ = [
    "Alias",
    "Code",
    "Evaluates",
    "Interprets",
    "Mirrors",
    "Shell",
    "Sources",
    "Wraps",
    "Xargs",
]

_ASSIGNMENT = re.compile(r"(\w+)\+?=(.*)", re.DOTALL | re.ASCII)
_NOT_KNOWN = "runs what the text does not tell"
_MOST_SUFFIXES = 20
_VALUE = re.compile(r"^(?:-\w|--[\w-]+=)")


@dataclass(frozen=True, slots=True)
class Wraps:
    """It runs the command after its options, and after so many operands.

    Of its short options `flags` take no value, `valued` take one; those of `named_flags` and
    `named_values` are long. Any other option may do anything.
    """

    flags: str = ""
    valued: str = ""
    named_flags: tuple[str, ...] = ()
    named_values: tuple[str, ...] = ()
    operands: int = 0
    may_lack: bool = False
    """Whether its operands may be left out; then both readings are looked at."""
    assigns: bool = False
    intent: Intent = "read_only"
    verdict: ReviewVerdict = "allow"
    reason: str = ""
    alone: Intent = "unknown"
    enters: tuple[str, ...] = ()

    def judge(self, call: Call, scene: Scene) -> Judged:
        """What it does itself, and the call inside."""
        own = Opinion(self.intent, self.verdict, self.reason)
        words = call.arguments
        rest = self.rest_of(words)
        for word, following in pairwise(words):
            if word.shown.partition("=")[0] in self.enters:
                value = word.shown.partition("=")[2]
                scene.enter(Word(value) if value else following)
        if rest is None:
            return _lost(call, self.verdict)
        if self.assigns:
            own, rest = _assigned(own, rest)
        before, inside = rest[: self.operands], rest[self.operands :]
        is_odd = any(not one.is_exact for one in before)
        if is_odd or (before and inside and inside[0].may_be_option):
            return _lost(call, self.verdict)
        readings = [one for one in (inside, rest if self.may_lack else ()) if one]
        if not readings:
            return Judged(Opinion(strongest_intent(own.intent, self.alone), own.verdict))
        return Judged(own, tuple(call.of(one) for one in readings))

    def rest_of(self, words: Sequence[Word]) -> Sequence[Word] | None:
        """The words after its options; None if these are not known.

        A value that is not exact may be several words, the last of which is the command.
        """
        number = 0
        while number < len(words):
            word = words[number]
            if not word.may_be_option or (word.shown == "-" and "-" not in self.flags):
                return words[number:]
            if word.shown == "--" and word.is_exact:
                return words[number + 1 :]
            taken = self._taken(word.shown) if word.is_exact else None
            if taken is None or any(not one.is_exact for one in words[number : number + taken]):
                return None
            number += taken
        return ()

    def _taken(self, option: str) -> int | None:
        """How many words an option takes, itself among them."""
        name, equals, _value = option.partition("=")
        if option.startswith("--"):
            if name[2:] in self.named_values:
                return 1 if equals else 2
            return 1 if name[2:] in self.named_flags else None
        for place, letter in enumerate(option[1:], start=2):
            if letter in self.valued:
                return 1 if option[place:] else 2
            if letter not in self.flags:
                return None
        return 1


def _lost(call: Call, verdict: ReviewVerdict) -> Judged:
    """Whatever could be the command inside, or a text with it."""
    words = call.arguments[:_MOST_SUFFIXES]
    return Judged(
        Opinion("unknown", verdict, "has options that are not reviewed"),
        tuple(
            call.of(call.arguments[n:]) for n in range(len(words)) if not words[n].may_be_option
        ),
        tuple(_VALUE.sub("", word.shown) for word in words if " " in word.shown),
    )


def _assigned(own: Opinion, words: Sequence[Word]) -> tuple[Opinion, Sequence[Word]]:
    """The opinion with what is assigned before the command, and the command."""
    number = 0
    for word in words:
        match = _ASSIGNMENT.fullmatch(word.shown)
        if not match:
            break
        number += 1
        name, value = match.groups()
        set_to = Word(value, is_exact=word.is_exact)
        more = assignment_opinion(name, set_to, is_exported=True)
        own = Opinion(
            strongest_intent(own.intent, more.intent),
            strongest_verdict(own.verdict, more.verdict),
            own.reason or more.reason,
        )
    return own, words[number:]


@dataclass(frozen=True, slots=True)
class Xargs:
    """It runs the command after its options with words that it reads."""

    options: Wraps
    replacing: str = "I"

    def judge(self, call: Call, scene: Scene) -> Judged:
        """The call inside, with one more word that nobody knows."""
        rest = self.options.rest_of(call.arguments)
        if not rest:
            return self.options.judge(call, scene)
        options = call.arguments[: len(call.arguments) - len(rest)]
        marks = {"{}"}
        for word, following in zip(options, (*options[1:], None), strict=False):
            letters, is_there, mark = word.shown.partition(self.replacing)
            if is_there and letters.startswith("-"):
                marks.add(mark or (following.shown if following else "{}"))
        known = [_replaced(word, marks) for word in rest]
        return Judged(calls=(call.of([*known, Word("$…", is_exact=False)]),))


def _replaced(word: Word, marks: set[str]) -> Word:
    if not any(mark in word.shown for mark in marks):
        return word
    shown = word.shown
    for mark in sorted(marks, key=len, reverse=True):
        shown = shown.replace(mark, "$…")
    return Word(shown, is_exact=False)


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell: of `-c` the text, without a file what it reads, with one nobody knows."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """The text that it would run, if that stands in the command."""
        del scene
        options, rest = _shell_options(call.arguments)
        if any(not word.is_exact for word in options):
            return Judged(Opinion("unknown", "warn", _NOT_KNOWN), texts=call.given)
        letters = "".join(one.shown for one in options if not one.shown.startswith("--"))
        if "c" in letters:
            judged = _text(rest[0] if rest else None)
            starts_up = "i" in letters or "l" in letters or not _plain_names(options)
            return replace(judged, opinion=_STARTS_UP) if starts_up else judged
        if rest and "s" not in letters and rest[0].is_exact and rest[0].shown not in _STREAMS:
            return Judged(Opinion("unknown"), texts=call.given)
        return Judged(Opinion("unknown", "warn", _NOT_KNOWN), texts=call.given)


_STARTS_UP = Opinion("unknown", reason="the shell runs its start-up files")
_PLAIN_NAMES = frozenset({"--norc", "--noprofile", "--posix"})


def _plain_names(options: Sequence[Word]) -> bool:
    return all(one.shown in _PLAIN_NAMES for one in options if one.shown.startswith("--"))


_STREAMS = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
_SHELL_VALUES = frozenset({"--rcfile", "--init-file"})


def _shell_options(words: Sequence[Word]) -> tuple[list[Word], Sequence[Word]]:
    """The options of a shell, with those of their values that are not exact; and the rest."""
    options: list[Word] = []
    number = 0
    while number < len(words):
        word = words[number]
        if not word.may_be_option and not word.shown.startswith("+"):
            break
        number += 1
        if word.shown in {"-", "--"}:
            break
        is_long = word.shown.startswith("--")
        taken = word.shown in _SHELL_VALUES if is_long else word.shown.lower().count("o")
        options += [word] if word.shown not in {"-o", "+o", "-O", "+O"} else []
        options += [one for one in words[number : number + taken] if not one.is_exact]
        number += taken
    return options, words[number:]


def _text(word: Word | None) -> Judged:
    if word is None:
        return Judged(Opinion("unknown"))
    if word.is_exact:
        return Judged(texts=(word.shown,))
    return Judged(Opinion("unknown", "warn", _NOT_KNOWN), texts=(word.shown,))


@dataclass(frozen=True, slots=True)
class Evaluates:
    """It runs its words, after its options, as a shell text."""

    intent: Intent = "read_only"
    options: Wraps = Wraps()

    def judge(self, call: Call, scene: Scene) -> Judged:
        """The text."""
        words = self.options.rest_of(call.arguments)
        if words is None:
            judged = self.options.judge(call, scene)
            return replace(judged, opinion=Opinion("unknown", "warn", _NOT_KNOWN))
        text = " ".join(word.shown for word in words)
        if all(word.is_exact for word in words):
            return Judged(Opinion(self.intent), texts=(text,) if text else ())
        return Judged(Opinion("unknown", "warn", _NOT_KNOWN), texts=(text,))


@dataclass(frozen=True, slots=True)
class Alias:
    """Some word means another text from here on."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Not known; and the texts."""
        del scene
        values = (word.shown.partition("=")[2] for word in call.arguments)
        return Judged(Opinion("unknown"), texts=tuple(one for one in values if one))


@dataclass(frozen=True, slots=True)
class Sources:
    """It runs a file as a shell text."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Not known; worse where the text comes from elsewhere."""
        del scene
        files = call.arguments
        if files and files[0].is_exact and files[0].shown not in _STREAMS:
            return Judged(Opinion("unknown"))
        return Judged(Opinion("unknown", "warn", _NOT_KNOWN), texts=call.given)


@dataclass(frozen=True, slots=True)
class Code:
    """It runs, in a shell, the value of an option, or what follows its options."""

    letter: str = "c"
    name: str = "command"
    intent: Intent = "unknown"
    runs_words: bool = True

    def judge(self, call: Call, scene: Scene) -> Judged:
        """What it does itself, and the texts and calls."""
        del scene
        words = call.arguments
        texts = [
            text
            for word, following in zip(words, (*words[1:], Word("")), strict=False)
            if (text := self._value(word.shown, following.shown))
        ]
        calls = tuple(
            call.of(words[n:])
            for n in range(min(len(words) - 1, _MOST_SUFFIXES))
            if not words[n].may_be_option
        )
        return Judged(Opinion(self.intent), calls if self.runs_words else (), tuple(texts))

    def _value(self, option: str, following: str) -> str:
        """The text that an option gives: joined to it, or the next word."""
        name, equals, value = option.partition("=")
        if len(name) > len("--") and f"--{self.name}".startswith(name):
            return value if equals else following
        match = re.match(rf"-[A-Za-z]*?{self.letter}", option)
        return (option[match.end() :] or following) if match else ""


@dataclass(frozen=True, slots=True)
class Interprets:
    """An interpreter of another language: nobody knows what its programs do.

    `tells` are options that, alone, print its version and read nothing.
    """

    tells: tuple[str, ...] = ("--version",)

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Not known; worse where its program comes from elsewhere."""
        del scene
        shown = [word.shown for word in call.arguments]
        if len(shown) == 1 and shown[0] in self.tells and call.arguments[0].is_exact:
            return Judged()
        if [one for one in shown if one != "-"] or call.given:
            return Judged(Opinion("unknown"))
        return Judged(Opinion("unknown", "warn", _NOT_KNOWN))


@dataclass(frozen=True, slots=True)
class Mirrors:
    """It copies over the network or here; with some options it deletes what is there."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Network, or as what destroys all below its last operand; and the text of `-e`."""
        texts = Code("e", "rsh", "network", runs_words=False).judge(call, scene).texts
        shown = [one.shown for one in call.arguments]
        moves = any(one.startswith("--remove-s") for one in shown)
        if not moves and not any(one.startswith("--del") for one in shown):
            return Judged(Opinion("network"), texts=texts)
        operands = operands_of(call.arguments)
        words = [call.words[0], *(operands if moves else operands[-1:])]
        return Judged(Destroys(always_all=True).judge(call.of(words), scene).opinion, (), texts)
