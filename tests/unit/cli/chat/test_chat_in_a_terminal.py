"""`mentra chat` in real terminals: the process has one, and its screen is read."""

import os
import re
import subprocess
import sys
import threading

import pytest
from played_model import asks, playing

from mentra_actors import open_runtime_sync
from mentra_actors.domain.content import UserMessage

COLOURS = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:[34][0-8]|9[0-7])[;m]")
pytestmark = pytest.mark.timeout(180)


def last_words(messages):
    """The last message, as words."""
    return str(messages[-1].get("content") or "")


def test_a_conversation_with_steering_and_questions(place_of, tmp_path):
    """What comes is seen before it is whole; a call is shown and asked about; words steer."""
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    goes_on = threading.Event()

    def turns(messages):
        words = last_words(messages)
        if messages[-1]["role"] == "tool":
            return [f"I was told: {words}"]
        if "change" in words:
            edits = [{"old_string": "one", "new_string": words.split()[-1]}]
            return ["I change it.", asks("edit", path="notes.txt", edits=edits)]
        if "story" in words:
            return ["Once upon", " a time", goes_on, " it ended.\n\n**Fine.**"]
        return [f"You said: {words}"]

    with playing(turns) as played, place_of(played).chat() as terminal:
        _steer(terminal, goes_on)
        _allow(terminal, tmp_path / "notes.txt")
        _refuse(terminal, tmp_path / "notes.txt")
        assert "ask Ann" in last_words(played.requests[-1]["messages"])

        terminal.say("/nope")
        terminal.until("there is no /nope; there are /help")
        terminal.keys("\x03")
        terminal.until("Ctrl-C again leaves")
        terminal.keys("\x03")
        assert terminal.ended() == 0


def _steer(terminal, goes_on):
    terminal.say("tell a story")
    terminal.until("Once upon a time")  # before the answer is whole
    terminal.keys("and shorter\r")
    terminal.until("queued: said at the next step")
    terminal.until("1 queued")
    goes_on.set()
    terminal.until("You said: and shorter")
    assert "it ended." in terminal.text
    assert "\nFine." in terminal.text, "Markdown is drawn"
    assert COLOURS.search(terminal.raw)


def _allow(terminal, notes):
    terminal.say("change it to uno")
    terminal.until("y once")
    assert "  - one\n  + uno" in terminal.shown
    terminal.keys("y")
    terminal.until("I was told: Replaced 1 block(s) in notes.txt")
    assert "    -1 one\n    +1 uno\n     2 two" in terminal.text
    assert notes.read_text() == "uno\ntwo\n"


def _refuse(terminal, notes):
    terminal.say("change it to due")
    terminal.until(lambda: "y once" in terminal.shown)
    terminal.keys("n")
    terminal.until("why not?")
    terminal.keys("ask Ann\r")
    terminal.until(lambda: terminal.text.count("tokens in") == 3)
    assert notes.read_text() == "uno\ntwo\n"


def test_a_killed_conversation_goes_on_where_it_was(place_of, tmp_path):
    """A terminal may die at any moment: the next start has all, and ends the open turn."""
    for_ever = threading.Event()
    asked = []

    def turns(messages):
        asked.append(last_words(messages))
        if "count" in asked[-1] and asked.count(asked[-1]) == 1:
            return ["It is ", for_ever]
        return [f"Answer to {asked[-1]}"]

    with playing(turns) as played:
        place = place_of(played)
        with place.chat() as terminal:
            terminal.say("first")
            terminal.until("Answer to first")
            terminal.say("count")
            terminal.until("It is")
            terminal.kill()
        with place.chat() as terminal:
            terminal.until("going on with the turn that was open")
            assert "» first\n\nAnswer to first" in terminal.text
            terminal.until("Answer to count")

            terminal.say("/fork 1")
            terminal.until("2 entries left behind")
            terminal.say("other way")
            terminal.until("Answer to other way")
            terminal.say("/history")
            terminal.until("2  other way")
            terminal.say("/back")
            terminal.until(lambda: terminal.text.count("left behind") == 2)
            terminal.say("/at 2")
            terminal.until("as it is now")
            terminal.keys("\x12cou")  # looks for what was typed before the kill
            terminal.until("I-search backward: cou")
            terminal.keys("\r")
            terminal.until(lambda: "I-search" not in terminal.shown)
            assert terminal.typed == "count", "it is found, and not sent"
            terminal.keys("\x05\x15\x04")  # to the end, nothing left of the line, leave
            assert terminal.ended() == 0
    said = [one["content"] for one in played.requests[-1]["messages"] if one["role"] == "user"]

    assert said == ["first", "other way"], "a branch does not know what was said on another"


def test_a_small_terminal_pastes_stops_and_hangs_up(place_of, tmp_path):
    """40 columns, wide characters and hostile ones; a resize; and the terminal goes."""
    for_ever = threading.Event()

    def turns(messages):
        words = last_words(messages)
        if "wait" in words:
            return ["Waiting ", for_ever]
        return [
            "\x1b[2J\x1b]0;owned\x07漢字かな交じり文" * 4,
            f"\n\n{len(words.splitlines())} lines",
        ]

    small = {"rows": 15, "columns": 40, "NO_COLOR": "1"}
    with playing(turns) as played, place_of(played).chat("--tools", "none", **small) as terminal:
        terminal.until(lambda: "»" in terminal.shown)
        terminal.paste("one\ntwo\nthree")
        terminal.keys("\\\rfour\r")
        terminal.until("4 lines")
        assert b"\x1b]0;owned" not in terminal.raw
        assert "owned" in terminal.text
        assert not COLOURS.search(terminal.raw), "NO_COLOR is heeded"
        assert all(len(line) <= 40 for line in terminal.shown.splitlines())

        terminal.say("wait for me")
        terminal.until("Waiting")
        terminal.resize(20, 60)
        terminal.keys("\x1b")
        terminal.until("■ stopped")
        terminal.say("wait again")
        terminal.until(lambda: terminal.text.count("Waiting") > 1)
        terminal.hang_up()
        assert terminal.ended() == 0
    with open_runtime_sync(tmp_path / "team.mentra", resume="none") as runtime:
        lead = runtime.agent("lead")
        said = [m.text for m in lead.conversation.history() if isinstance(m, UserMessage)]
        is_open = bool(lead.snapshot().run_id)

    assert said == ["one\ntwo\nthree\nfour", "wait for me", "wait again"]
    assert is_open, "the turn goes on at the next start"


def test_a_pipe_takes_turns_in_plain_text(place_of, tmp_path):
    """Nobody can be asked there, so a call that would change something is refused."""

    def turns(messages):
        words = last_words(messages)
        if messages[-1]["role"] == "tool":
            return [f"Told: {words}"]
        if "write" in words:
            return [asks("write", path="new.txt", content="x")]
        return [f"**You** said: {words}\x1b[2J"]

    with playing(turns) as played:
        command = [sys.executable, "-m", "mentra_actors.cli.main", "chat", "--model"]
        done = subprocess.run(
            [*command, "custom:played"],
            input=b"hi\\\nthere\xff\n\nwrite it\n/history\n//x\n",
            capture_output=True,
            cwd=tmp_path,
            env={**os.environ, **place_of(played).environment},
            check=False,
        )
    out = done.stdout.decode()

    assert done.returncode == 0, done.stderr
    assert out.startswith("**You** said: hi\nthere\N{REPLACEMENT CHARACTER}")
    assert "Told: " in out
    assert "nobody could be asked" in out
    assert "2  write it" in out
    assert "said: /x" in out
    assert b"\x1b" not in done.stdout + done.stderr
    assert not (tmp_path / "new.txt").exists()
