"""A chat in a terminal: what has happened scrolls by, what still changes stands at the prompt."""

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import anyio
from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.styles import Style

from mentra_actors.cli.chat.asking import question_keys
from mentra_actors.cli.chat.drawing import draw
from mentra_actors.cli.chat.input_history import history_file, typed_before
from mentra_actors.cli.chat.live_part import live_lines, status_line, wrapped
from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.chat.shown import Line, Shown, line
from mentra_actors.cli.chat.slash_commands import performed, unknown_words
from mentra_actors.cli.chat.terminal_keys import CommandCompleter, Keys, key_bindings
from mentra_actors.cli.chat.typed import Later, Say, Slash, Unknown, typed
from mentra_actors.cli.output import Output, harmless

__all__ = ["TerminalChat"]

_ARMED_AFTER_S = 0.5
"""A question takes no key before: it may have been meant for a message."""
_STAYS_OPEN = "The turn stays open: the next start goes on with it."
_TICK_S = 0.2
_STYLE = Style.from_dict(
    {
        "mark": "ansicyan bold",
        "thought": "ansibrightblack italic",
        "call": "ansibrightblack",
        "status": "ansiyellow",
        "question": "ansimagenta bold",
        "bottom-toolbar": "noreverse ansibrightblack",
    }
)


class TerminalChat:
    """The screen of a session in a terminal, and the loop that reads what is typed."""

    asks = True

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._after_prose = False
        self._asked: object = None
        self._armed_at = 0.0
        self._session: ChatSession | None = None
        self._sent: asyncio.Queue[str] = asyncio.Queue()
        self.keys = Keys(self)
        self._prompt: PromptSession[str] = PromptSession(
            self._message,
            multiline=True,
            erase_when_done=True,
            enable_suspend=True,
            history=_history(),
            completer=CommandCompleter(),
            complete_while_typing=Condition(lambda: get_app().current_buffer.text[:1] == "/"),
            reserve_space_for_menu=5,
            key_bindings=key_bindings(self.keys),
            prompt_continuation="  ",
            bottom_toolbar=self._toolbar,
            style=_STYLE,
        )
        self._prompt.app.timeoutlen = 0.3  # seconds in which Esc may begin another key
        self._prompt.app.ttimeoutlen = 0.05

    @property
    def width(self) -> int:
        """See `Screen.width`."""
        return self._output.console.width

    @property
    def session(self) -> ChatSession:
        """Who is talked with."""
        if self._session is None:
            raise RuntimeError("the chat has not begun")
        return self._session

    # --- a screen -------------------------------------------------------------------------

    async def show(self, shown: Sequence[Shown]) -> None:
        """See `Screen.show`.

        The terminal stays as it is for keys meanwhile: `run_in_terminal` of the library would let
        it echo what is typed, and keep it back.
        """
        app = self._prompt.app
        try:
            if app.is_running:
                app.renderer.erase()
            self._after_prose = draw(self._output, shown, after_prose=self._after_prose)
            self._output.console.file.flush()
        except OSError:  # the terminal has gone
            self.session.leave()
            return
        if app.is_running:
            app.renderer.request_absolute_cursor_position()
            app.invalidate()

    async def answer(self, shown: Sequence[Shown]) -> None:
        """See `Screen.answer`."""
        await self.show(shown)

    def changed(self) -> None:
        """See `Screen.changed`."""
        questions = self.session.questions
        asked = questions[0].approval.request_id if questions else None
        if asked != self._asked:
            self._asked, self._armed_at = asked, self._clock() + _ARMED_AFTER_S
            if self.keys.is_refusing:
                self.keys.not_refusing()
        self._prompt.app.invalidate()

    @property
    def takes_answers(self) -> bool:
        """True if a key answers a question."""
        return bool(self.session.questions) and self._clock() >= self._armed_at

    # --- the talk -------------------------------------------------------------------------

    async def talk(self) -> None:
        """See `Screen.talk`."""
        session = self.session
        with _signals(self, session), self._log_lines():
            await self.read_keys()
        if session.is_working:
            await self.show([line(_STAYS_OPEN, "yellow")])

    async def read_keys(self) -> None:
        """Keep the prompt, and do what is typed, until somebody leaves."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._tick)
            tasks.start_soon(self._do_all)
            with contextlib.suppress(EOFError, KeyboardInterrupt):
                await self._prompt.prompt_async()
            tasks.cancel_scope.cancel()

    def sent(self, text: str) -> None:
        """Something was typed; it is done in its turn, and the prompt stays."""
        self._sent.put_nowait(_Reason(text) if self.keys.is_refusing else text)
        self.keys.is_refusing = False

    def begin(self, session: ChatSession) -> None:
        """See `Screen.begin`."""
        self._session = session

    async def _do_all(self) -> None:
        while await self._done(await self._sent.get()):
            pass
        self._prompt.app.exit(exception=EOFError)

    async def _done(self, text: str) -> bool:
        """Do what was typed; False if it was to leave."""
        session = self.session
        if isinstance(text, _Reason):
            await session.decide(allow=False, reason=" ".join(text.split()))
            return True
        match typed(text):
            case Say(text=words):
                await session.say(words)
            case Later(text=words):
                await session.say_later(words)
            case Slash(name="quit"):
                return False
            case Slash() as command:
                await session.attempt(self._performed(command))
            case Unknown() as unknown:
                await self.answer([line(unknown_words(unknown), "yellow")])
            case _:
                pass
        return True

    async def _performed(self, command: Slash) -> None:
        await self.answer([line(""), line(f"/{command.name} {command.rest}".rstrip(), "dim")])
        await self.answer(await performed(self.session, command))

    async def _tick(self) -> None:
        """What shows how long something takes is drawn again."""
        while True:
            await anyio.sleep(_TICK_S)
            if self.session.is_stoppable or self.session.questions:
                self._prompt.app.invalidate()

    # --- the prompt -----------------------------------------------------------------------

    def _message(self) -> StyleAndTextTuples:
        size = self._prompt.app.output.get_size()
        now, session = self._clock(), self.session
        room = max(2, size.rows // 3)
        lines = list(live_lines(session.turn, now, width=size.columns - 1, most=room))
        if session.snapshot and (status := status_line(session.snapshot, session.turn, now)):
            lines.append(("class:status", status[: size.columns - 1]))
        mark = ("class:mark", "» ")
        if self.keys.is_refusing:
            mark = ("class:question", "why not? ")
        elif self.takes_answers:
            keys = question_keys(session.questions[0])
            lines += [
                ("class:question", one) for key in keys for one in wrapped(key, size.columns - 1)
            ]
        shown: StyleAndTextTuples = []
        for style, text in lines:
            shown += [(style, text), ("", "\n")]
        return [*shown, mark]

    def _toolbar(self) -> str:
        session = self.session
        if self.keys.is_leaving:
            return "Ctrl-C again leaves"
        if self.keys.is_refusing:
            return "a reason for the model, or Enter · Esc: not yet decided"
        model = session.snapshot.model if session.snapshot else ""
        words = harmless(f"{session.agent.name} · {model} · /help")
        return words[: self._prompt.app.output.get_size().columns - 1]

    @contextmanager
    def _log_lines(self) -> Iterator[None]:
        """Warnings of the library are lines of the chat: written elsewhere they would tear it."""
        handler = _LogLines(self, asyncio.get_running_loop())
        root = logging.getLogger()
        root.addHandler(handler)
        try:
            yield
        finally:
            root.removeHandler(handler)


class _Reason(str):
    """Why a call was refused, as it was typed."""

    __slots__ = ()


class _LogLines(logging.Handler):
    def __init__(self, chat: TerminalChat, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(logging.WARNING)
        self._chat = chat
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()

    def emit(self, record: logging.LogRecord) -> None:
        words: Line = line(f"! {record.getMessage()}", "yellow", is_cut=True)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._show, words)

    def _show(self, words: Line) -> None:
        task = self._loop.create_task(self._chat.show([words]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _history() -> History:
    """What was typed before, kept where the user's state is; for this start only if it cannot."""
    place = history_file(os.environ)
    return InMemoryHistory() if place is None else _KeptHistory(place)


class _KeptHistory(FileHistory):
    """Words are sent also when they cannot be kept: the disk is full, the file has gone."""

    def store_string(self, string: str) -> None:
        """See the base."""
        with contextlib.suppress(OSError):
            super().store_string(string)

    def load_history_strings(self) -> Iterable[str]:
        """See the base."""
        try:
            return typed_before(str(self.filename))
        except OSError:
            return ()


@contextmanager
def _signals(chat: TerminalChat, session: ChatSession) -> Iterator[None]:
    """A terminal that goes, and a wish to end, leave in order; Ctrl-C is a key."""
    loop = asyncio.get_running_loop()
    for one in (signal.SIGHUP, signal.SIGTERM):
        loop.add_signal_handler(one, session.leave)
    loop.add_signal_handler(signal.SIGINT, chat.keys.interrupted)
    try:
        yield
    finally:
        for one in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(one)
