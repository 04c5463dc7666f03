"""A review is never weaker for what is put around a command, and what a shell runs was found."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mentra_actors.tools.shell_review.review import review_command
from mentra_actors.tools.shell_review.verdict import INTENTS, ShellReview

CORPUS = tomllib.loads(
    (Path(__file__).parents[1] / "unit" / "tools" / "shell_corpus.toml").read_text()
)
COMMANDS = [row[0] for rows in CORPUS.values() for row in rows]
KEYWORDS = frozenset(
    [
        *("case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if"),
        *("in", "select", "then", "time", "until", "while", "declare", "typeset", "export"),
        *("readonly", "local", "unset", "unsetenv"),
    ]
)
VERDICTS = ("allow", "warn", "block")

commands = st.sampled_from(COMMANDS)
plain_commands = st.deferred(  # to find them takes seconds, which collecting must not
    lambda: st.sampled_from([one for one in COMMANDS if reviews(one)[0].simple_words])
)


def reviews(command: str) -> tuple[ShellReview, ShellReview]:
    return (
        review_command(command, writable=True, workspace="/project/ws"),
        review_command(command, writable=False, workspace="/project/ws"),
    )


def assert_not_weaker(command: str, wrapped: str) -> None:
    for one, other in zip(reviews(command), reviews(wrapped), strict=True):
        if not other.is_parsed:
            assert (other.verdict, other.intent) != ("allow", "read_only")
            continue
        assert VERDICTS.index(other.verdict) >= VERDICTS.index(one.verdict), wrapped
        assert INTENTS.index(other.intent) >= INTENTS.index(one.intent), wrapped


@given(
    commands,
    st.sampled_from(
        [
            "({}\n)",
            "{{ {}\n}}",
            "ls\n{}",
            "{}\nls",
            "echo $(\n{}\n)",
            'echo "$(\n{}\n)"',
            "cat <(\n{}\n)",
            "if ls; then {}\nfi",
            "while ls; do {}\ndone",
            "f() {{ {}\n}}; f",
            "case x in x) {}\n;; esac",
            "for x in a b; do {}\ndone",
        ]
    ),
)
def test_what_stands_around_a_text_makes_it_no_better(command: str, around: str):
    assert_not_weaker(command, around.format(command))


BEFORE = ("", "ls && ", "ls | ", "ls; ", "! ", "time ", "> out ", "2>/dev/null ", "X=1 ")
WRAPPERS = (
    *("sudo ", "sudo -u root -- ", "env X=1 ", "env -i -u A ", "command ", "exec ", "nohup "),
    *("timeout 5 ", "timeout -k 1 --signal KILL 5 ", "nice -n 5 ", "stdbuf -oL ", "busybox "),
    *("xargs ", "find . -exec ", "sudo -Z what "),
)


@given(
    plain_commands,
    st.sampled_from(BEFORE),
    st.lists(st.sampled_from(WRAPPERS), max_size=3).map("".join),
)
def test_what_stands_before_a_command_makes_it_no_better(command: str, before: str, wrapper: str):
    assert_not_weaker(command, before + wrapper + command)


@given(plain_commands, st.sampled_from(["sh -c", "bash -euo pipefail -c", "eval", "su -c"]))
def test_a_command_in_the_text_of_another_shell_is_no_better(command: str, shell: str):
    assert_not_weaker(command, f"{shell} {shlex.quote(command)}")


@given(plain_commands, st.data())
def test_quotes_change_nothing(command: str, data: st.DataObject):
    words = shlex.split(command)
    assume(all(word.isascii() and "\n" not in word for word in words))

    def quoted(word: str) -> str:
        forms = [lambda c: f"\\{c}", shlex.quote, lambda c: f"'{c}'" if c != "'" else "\\'"]
        forms.append(lambda c: f"$'\\x{ord(c):02x}'")
        return "".join(data.draw(st.sampled_from(forms))(c) for c in word) or "''"

    plain, hidden = reviews(command)[0], reviews(" ".join(quoted(word) for word in words))[0]

    if hidden.is_parsed:
        assert (hidden.intent, hidden.verdict) == (plain.intent, plain.verdict)
    else:
        assert hidden.verdict != "allow"


@given(st.text() | st.text(alphabet="ls x\n;|&()'\"`$\\#<>{}[]=*!~-/\0\ud800", max_size=30))
@example("[ -f")
@example("for")
@example("f()")
def test_any_text_has_a_review(text: str):
    here, nowhere = reviews(text)

    assert here.intent == nowhere.intent
    assert nowhere.verdict == "block" or nowhere.intent == "read_only"
    assert here.is_parsed or here.intent != "read_only"


@given(
    st.lists(st.text(alphabet=st.characters(codec="ascii", exclude_categories=["Cc"])), min_size=1)
)
def test_plain_words_come_back(words: list[str]):
    """What `shlex` makes one command of is one command, with these words."""
    command = shlex.join(words)
    found = review_command(command, writable=True, workspace="/project/ws")

    assert found.simple_words in {tuple(words), ()}
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9./-]*", words[0]) and words[0] not in KEYWORDS:
        assert found.simple_words or not found.is_parsed


PIECES = (
    *("ls", "w", "x", "l", "s", " ", " ", " ", "\n", ";", "|", "&&", "||", "(", ")", "{ ", "; }"),
    *("'", '"', "`", "$(", ")", "$((", "))", "${x", "}", "$x", "$", "\\", "\\\n", "#", " #", "<"),
    *(">", "<<", "<<<", "<(", ">(", "<<w\n", "\nw\n", "<<'w'\n", "=", "x=", "x=ls ", "[[ ", " ]]"),
    *("[ ", " ]", "*", "?", "if ", "; then ", "; fi", "for x in ls", "; do ", "; done", "$'"),
    *("case ls in ", "ls) ", ";; ", "esac", "\\'", "&>", ">&", "|&", "2>", "1", "{ls,w}", "=="),
    *("\t", "${x:-", "${x#", "\u00a0", '"$(', ')"', "''", "\\\\", "ls\\\nls", "&>>", ">|", "a["),
)
READERS = frozenset({"ls", "w", "ss", "time", "[["})
NOTE = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" >> "$NOTES"\n'


@pytest.fixture(scope="module")
def programs() -> Path:
    """A directory of programs that note their own names; nothing else can be found."""
    with tempfile.TemporaryDirectory() as folder:
        note = Path(folder) / ".note"
        note.write_text(NOTE)
        note.chmod(0o755)
        letters = ("", *"lswx")
        names = {a + b + c for a in letters for b in letters for c in letters} - {""}
        for name in {*names, *READERS, "1", "2", "="}:
            os.symlink(note, Path(folder) / name)
        yield Path(folder)


@pytest.mark.parametrize("shell", ["bash", "dash", "sh"])
@given(st.lists(st.sampled_from(PIECES), max_size=8).map(lambda pieces: "ls " + "".join(pieces)))
@example("ls &>x w")
@example("ls $(>x)")
@example("ls ==>&==; }*esac")
@example("ls > /dev/null x")
def test_what_reads_runs_only_readers_and_writes_nothing(programs: Path, shell: str, text: str):
    """Shells are the judges: commands of a text that is read-only are all among the readers."""
    found = shutil.which(shell)
    if found is None or "()" in text.replace(" ", "").replace("\t", ""):
        return
    if review_command(text, writable=True, workspace="/w").intent != "read_only":
        return

    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as notes:
        run_in_shell(found, text, folder, {"PATH": str(programs), "NOTES": notes.name})
        ran = set(Path(notes.name).read_text().split())

        assert ran <= READERS
        assert os.listdir(folder) == []


def run_in_shell(shell: str, text: str, folder: str, env: dict[str, str]) -> None:
    subprocess.run(
        [shell, "-c", text],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=10,
        check=False,
    )
