"""Keys that answer a question decide nothing by accident."""

import asyncio
from types import SimpleNamespace

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from mentra_actors.cli.chat.asking import Question
from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.chat.terminal import TerminalChat
from mentra_actors.cli.output import Output
from projections.views.approvals import Approval


class Decided(ChatSession):
    """A session that only notes what is decided and said."""

    def __init__(self, screen):
        super().__init__(None, SimpleNamespace(name="lead"), screen, {})
        self.done = []
        self.then = lambda: None

    async def decide(self, *, allow, remember=None, reason=""):
        self.done.append((allow, remember, reason))
        self.questions = ()
        self.then()

    async def say(self, text):
        self.done.append(text)


APPROVAL = Approval(
    agent_id="lead",
    agent_name="lead",
    team_id="main",
    request_id="perm-tool-1.0",
    key="tool-1.0",
    tool="pay",
    description="",
    preview="{}",
    is_by_tool=False,
    requested_at=0.0,
)


@pytest.fixture
def pressed(monkeypatch, tmp_path):
    """What is decided and said by keys that come so many seconds after a question."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    async def talk(keys, after_s):
        clock = [0.0]
        with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
            chat = TerminalChat(Output(as_json=False, is_plain=True), lambda: clock[0])
            session = Decided(chat)
            chat.begin(session)
            session.questions = (Question.about(APPROVAL),)
            chat.changed()
            clock[0] = after_s
            if len(keys) == 1:  # it is an answer if no other key follows at once
                session.then = lambda: pipe.send_text("/quit\r")
                pipe.send_text(keys)
            else:
                pipe.send_text(keys + "/quit\r")
            await chat.read_keys()
        return session.done

    return lambda keys, after_s: asyncio.run(talk(keys, after_s))


@pytest.mark.parametrize(
    ("keys", "after_s", "done"),
    [
        ("y", 1.0, [(True, None, "")]),
        ("a", 1.0, [(True, "session", "")]),
        ("p", 1.0, [(True, "project", "")]),
        ("n\r", 1.0, [(False, None, "")]),
        ("please not\r", 1.0, ["please not"]),
        ("äy\r", 1.0, ["äy"]),
        ("a漢\r", 1.0, ["a漢"]),
        ("yes, all\r", 0.1, ["yes, all"]),
        ("so yes\r", 1.0, ["so yes"]),
        ("n\x03so\r", 1.0, ["so"]),
    ],
)
def test_a_key_answers_only_what_was_seen_on_an_empty_line(pressed, keys, after_s, done):
    assert pressed(keys, after_s) == done
