"""A chat through a pipe: each line is a turn, answers are plain text on standard output."""

import asyncio
import io
import sys
import threading
from collections.abc import Iterator, Sequence

from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.chat.shown import Line, Prose, Rows, Shown, line
from mentra_actors.cli.chat.slash_commands import performed, unknown_words
from mentra_actors.cli.chat.typed import Later, Say, Slash, Unknown, typed
from mentra_actors.cli.output import Output, discard_output, harmless, print_text
from mentra_actors.runtime.awaiting import thread_safe_call

__all__ = ["PlainScreen"]


class PlainScreen:
    """Answers on standard output, everything beside them on standard error."""

    asks = False
    width = 80

    def __init__(self, output: Output) -> None:
        self._output = output
        self._is_in_line = False
        self._session: ChatSession | None = None

    async def show(self, shown: Sequence[Shown]) -> None:
        """See `Screen.show`."""
        self._show(shown, beside=True)

    async def answer(self, shown: Sequence[Shown]) -> None:
        """See `Screen.answer`."""
        self._show(shown, beside=False)

    def changed(self) -> None:
        """Nothing is drawn twice."""

    def begin(self, session: ChatSession) -> None:
        """See `Screen.begin`."""
        self._session = session

    async def talk(self) -> None:
        """Take turns until standard input ends, then wait until the team rests."""
        session = self._session
        if session is None:
            raise RuntimeError("the chat has not begun")
        messages = _read_messages()
        while (text := await messages.get()) is not None:
            match typed(text):
                case Say(text=words) | Later(text=words):
                    await session.say_and_wait(words)
                    self._end_line()
                case Slash(name="quit"):
                    return
                case Slash() as command:
                    await session.attempt(self._performed(session, command))
                case Unknown() as unknown:
                    await self.answer([line(unknown_words(unknown))])
                case _:
                    pass
        await session.runtime.until_idle()

    async def _performed(self, session: ChatSession, command: Slash) -> None:
        await self.answer(await performed(session, command))

    def _end_line(self) -> None:
        """An answer ends with a new line, whatever the model wrote."""
        if self._is_in_line:
            self._write("\n")

    def _show(self, shown: Sequence[Shown], *, beside: bool) -> None:
        for one in shown:
            match one:
                case Prose(text=text):
                    self._write(text)
                case Rows(title=title, columns=columns, rows=rows):
                    self._end_line()
                    self._output.table(title, columns, rows)
                case Line(text=text):
                    self._end_line()
                    if beside:
                        self._output.remark(text.plain)
                    else:
                        self._output.show(text.plain)

    def _write(self, text: str) -> None:
        try:
            print_text(harmless(text))
        except BrokenPipeError:  # the work goes on when whoever read the answer has gone
            discard_output()
        self._is_in_line = not text.endswith("\n")


def _read_messages() -> "asyncio.Queue[str | None]":
    """Messages as they come, then None. A thread reads: nothing ends it but the end of input."""
    messages: asyncio.Queue[str | None] = asyncio.Queue()
    on_loop = thread_safe_call()

    def put(text: str | None) -> None:
        on_loop(lambda: messages.put_nowait(text))

    def read() -> None:
        try:
            for text in _messages(iter(sys.stdin.readline, "")):
                put(text)
        finally:
            put(None)

    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    threading.Thread(target=read, name="mentra-chat-input", daemon=True).start()
    return messages


def _messages(lines: Iterator[str]) -> Iterator[str]:
    """Lines as messages: one that ends with a backslash goes on in the next one."""
    for first in lines:
        text = first.rstrip("\n")
        while text.endswith("\\"):
            text = f"{text[:-1]}\n{next(lines, '').rstrip(chr(10))}"
        yield text
