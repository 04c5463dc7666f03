"""Programs whose words are a language of their own: sed, awk, find, tar, dd, cd and others."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mentra_actors.tools.shell_review.reach import Scene
from mentra_actors.tools.shell_review.rules import (
    Call,
    Changes,
    Destroys,
    Judged,
    has_option,
    operands_of,
)
from mentra_actors.tools.shell_review.variables import is_own_name
from mentra_actors.tools.shell_review.verdict import Opinion
from mentra_actors.tools.shell_review.words import Word

__all__ = ["Awk", "Cd", "Dd", "Find", "Kill", "NamesVariables", "Sed", "Tar", "Trap"]

_SED_SET = r"\[\^?(?:[^\]\[/|#,@:!\\\n]|\[:\w+:\])+\]"
_SED_ADDRESS = rf"(?:\d+|\$|/(?:[^/\\\n\[]|\\[^\n]|{_SED_SET})*/[IM]*)"
_SED_COMMAND = (
    rf"\s*(?:{_SED_ADDRESS}(?:\s*,\s*[+~]?{_SED_ADDRESS}|~\d+)?)?\s*!?\s*"
    rf"(?:s(?P<d>[/|#,@:!])(?:(?!(?P=d))[^\\\n\[]|\\[^\n]|{_SED_SET})*(?P=d)"
    r"(?:(?!(?P=d))[^\\\n]|\\[^\n])*(?P=d)"
    r"[gpiI0-9]*|[pPdDqQ=nNhHgGxlt]?)\s*"
)
_SED_PART = re.compile(_SED_COMMAND, re.ASCII)
_MOST_STARTS = 50
_FIND_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_SED_FLAGS = "nErsuz"
_AWK_DANGERS = re.compile(r"system|\||@|\\\n|close|getline\s*<\s*\"/dev/|/inet")


@dataclass(frozen=True, slots=True)
class Sed:
    """It prints, unless it edits in place, or its script writes or runs something."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Read-only if its options are known, and its script has no `w`, `e` or `r`."""
        scripts, files = _sed_parts(call.arguments)
        if scripts is not None and scripts and all(_is_printing(one) for one in scripts):
            return Judged()
        if has_option(call.arguments, "i", ("in-place",)):
            return Changes().judge(call.of([call.words[0], *files]), scene)
        return Judged(Opinion("write", reason="sed may write or run something"))


def _sed_parts(words: Sequence[Word]) -> tuple[list[Word] | None, list[Word]]:
    """Its scripts, None if there are options that are not known; and its files."""
    scripts: list[Word] = []
    operands: list[Word] = []
    is_known, number = True, 0
    while number < len(words):
        word = words[number]
        number += 1
        option = word.shown
        if not word.may_be_option:
            operands.append(word)
        elif not word.is_exact:
            is_known = False
        elif re.fullmatch(rf"-[{_SED_FLAGS}]*e", option) or option == "--expression":
            scripts += words[number : number + 1]
            number += 1
        elif option.startswith("--expression="):
            scripts.append(Word(option.partition("=")[2]))
        elif not re.fullmatch(
            rf"-[{_SED_FLAGS}]+|--(?:quiet|silent|posix|regexp-extended)", option
        ):
            is_known = False
    if not scripts and operands:
        scripts.append(operands.pop(0))
    return (scripts if is_known else None), operands


def _is_printing(script: Word) -> bool:
    if not script.is_exact:
        return False
    text, place = script.shown, 0
    while place < len(text):
        match = _SED_PART.match(text, place)
        place = match.end() if match else place
        if place < len(text) and text[place] not in ";\n{}":
            return False
        place += 1
    return True


@dataclass(frozen=True, slots=True)
class Awk:
    """It prints, unless its program writes, runs something, or is in a file."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Read-only if the program is known, and cannot do more than print."""
        del scene
        program, rest = _awk_program(call.arguments)
        later = any(one.shown.startswith("-") and one.shown != "-" for one in rest)
        if program is None or not program.is_exact or later:
            return Judged(Opinion("unknown", reason="nobody knows what this awk program does"))
        text = program.shown.replace("||", "")
        writes = "print" in text and ">" in text
        if writes or _AWK_DANGERS.search(text):
            return Judged(Opinion("unknown", reason="awk may write or run something"))
        return Judged()


def _awk_program(words: Sequence[Word]) -> tuple[Word | None, Sequence[Word]]:
    """Its program, if that is known, and the words after it: some find options there too."""
    number = 0
    while number < len(words):
        word = words[number]
        if not word.may_be_option:
            return word, words[number + 1 :]
        taken = 2 if len(word.shown) == len("-F") else 1
        is_exact = all(one.is_exact for one in words[number : number + taken])
        if not is_exact or word.shown[:2] not in {"-F", "-v"}:
            return None, ()
        number += taken
    return None, ()


@dataclass(frozen=True, slots=True)
class Find:
    """It lists, deletes, writes lists, or runs commands on what it finds."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """What it does itself, and the calls inside."""
        words = call.arguments
        starts = _find_starts(words)
        actions = {word.shown for word in words}
        runs = [n for n, word in enumerate(words) if word.shown in _FIND_RUNS]
        if len(runs) > _MOST_STARTS or len(starts) > _MOST_STARTS:
            return Judged(Opinion("unknown", "warn", "this find does too much to be reviewed"))
        calls = tuple(
            call.of(inside)
            for n in runs
            for inside in _executed(words[n].shown, words[n + 1 :], starts)
        )
        if "-delete" in actions:
            return Judged(_deleted(call, starts, scene), calls)
        if any(action.startswith(("-fprint", "-fls")) for action in actions):
            return Judged(Changes().judge(call, scene).opinion, calls)
        if any(word.may_be_option and not word.is_exact for word in words):
            return Judged(Opinion("unknown", reason="nobody knows what this find does"), calls)
        return Judged(Opinion(), calls)


def _deleted(call: Call, starts: Sequence[Word], scene: Scene) -> Opinion:
    return Destroys(always_all=True).judge(call.of([call.words[0], *starts]), scene).opinion


def _find_starts(words: Sequence[Word]) -> list[Word]:
    starts: list[Word] = []
    for before, word in pairwise((Word(""), *words)):
        if word.shown[:2] in {"-H", "-L", "-P", "-O", "-D"} or before.shown == "-D":
            continue
        if word.shown[:1] in {"-", "(", "!"}:
            break
        starts.append(word)
    return starts or [Word(".")]


def _executed(action: str, words: Sequence[Word], starts: Sequence[Word]) -> list[list[Word]]:
    """The command up to its end, once for each place where the search begins.

    A `+` ends it only directly after `{}`, and never where each command is asked for.
    """
    ends = ["{}", "+"] if action.startswith("-exec") else []
    inside = words
    for number, (before, word) in enumerate(pairwise((Word(""), *words))):
        if word.shown == ";" or [before.shown, word.shown] == ends:
            inside = words[:number]
            break
    return [[_found(word, start) for word in inside] for start in starts] if inside else []


def _found(word: Word, start: Word) -> Word:
    if "{}" not in word.shown:
        return word
    shown = word.shown.replace("{}", start.shown)
    is_safe = word.shown == "{}" and not start.may_be_option
    return Word(shown, is_exact=False, prefix=start.shown if is_safe else "")


@dataclass(frozen=True, slots=True)
class Tar:
    """It lists with a few plain options; else it packs or unpacks."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Read-only for plain lists of files of this machine."""
        words = call.arguments
        mode = words[0].shown if words and words[0].is_exact else ""
        is_list = bool(re.fullmatch(r"-?[vzjJf]*t[vzjJf]*", mode)) or mode == "--list"
        if is_list and all(_is_plain_tar(word) for word in words[1:]):
            return Judged()
        if any("-action" in one.shown or "command" in one.shown for one in words):
            return Judged(Opinion("unknown", "warn", "tar runs a command"))
        return Changes().judge(call, scene)


def _is_plain_tar(word: Word) -> bool:
    if not word.is_exact or ":" in word.shown:
        return False
    plain = r"-[vzjJf]+|--(?:list|verbose|gzip|file=.*)|-C|[^-].*"
    return bool(re.fullmatch(plain, word.shown, re.DOTALL))


@dataclass(frozen=True, slots=True)
class Dd:
    """It writes where `of=` says."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """By the place of what it writes."""
        targets = [word.shown[3:] for word in call.arguments if word.shown.startswith("of=")]
        words = [call.words[0], *(Word(one) for one in targets)]
        judged = Changes(what="overwrites").judge(call.of(words), scene)
        if judged.opinion.verdict == "block":
            return Judged(Opinion("destructive", "block", judged.opinion.reason))
        is_known = all(word.is_exact for word in call.arguments)
        return judged if is_known else Judged(Opinion("unknown", "warn", "dd writes somewhere"))


@dataclass(frozen=True, slots=True)
class Cd:
    """From here on relative paths mean something else."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Nothing is changed but the directory."""
        where = operands_of(call.arguments)
        is_back = any(one.shown == "-" for one in call.arguments)
        scene.enter(Word("-") if is_back else where[0] if where else None)
        return Judged()


@dataclass(frozen=True, slots=True)
class Kill:
    """It ends processes; all of them, or the first one, is the end of the machine."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Listing signals does nothing."""
        del scene
        shown = [word.shown for word in call.arguments]
        if shown[:1] in (["-l"], ["-L"]) and all(word.is_exact for word in call.arguments):
            return Judged()
        if "1" in shown or "-1" in shown[1:]:
            return Judged(Opinion("process", "block", "ends all processes of the machine"))
        return Judged(Opinion("process"))


@dataclass(frozen=True, slots=True)
class Trap:
    """Its first operand is a shell text that runs later."""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """The text."""
        del scene
        words = [one for one in call.arguments if one.shown not in {"--", "-p", "-l"}]
        if len(words) < 2 or words[0].shown in {"-", ""}:  # noqa: PLR2004
            return Judged()
        if words[0].is_exact:
            return Judged(texts=(words[0].shown,))
        return Judged(Opinion("unknown", "warn", "a trap runs what the text does not tell"))


@dataclass(frozen=True, slots=True)
class NamesVariables:
    """It sets the variables that are its operands, and only with these options."""

    letters: str = ""
    valued: str = ""

    def judge(self, call: Call, scene: Scene) -> Judged:
        """Read-only if they are variables of the text itself."""
        del scene
        skips = False
        for word in call.arguments:
            if not word.is_exact:
                return Judged(Opinion("unknown", reason="sets a variable that is not known"))
            if skips:
                skips = False
            elif word.shown.startswith("-"):
                if word.shown[1:] in set(self.valued):
                    skips = True
                elif not set(word.shown[1:]) <= set(self.letters):
                    return Judged(Opinion("unknown", reason="has options that are not reviewed"))
            elif not is_own_name(word.shown):
                reason = f"the variable {word.shown} may change what programs do"
                return Judged(Opinion("unknown", reason=reason))
        return Judged()
