"""The keys of a chat in a terminal, and the completion of its commands."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_searching
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys as AllKeys

from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.chat.typed import completions
from mentra_actors.domain.permission_rules import RuleScope

__all__ = ["CommandCompleter", "Keys", "key_bindings"]

_SCOPES: dict[str, RuleScope] = {"a": "session", "p": "project"}


class CommandCompleter(Completer):
    """Completes commands with a slash, with what they do beside them."""

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002 - of the base
    ) -> Iterable[Completion]:
        """See the base."""
        for words, does in completions(document.text):
            yield Completion(words, start_position=-len(document.text), display_meta=does)


class KeyedChat(Protocol):
    """What keys act on."""

    @property
    def session(self) -> ChatSession:
        """Who is talked with."""
        ...

    @property
    def takes_answers(self) -> bool:
        """True if a key answers a question."""
        ...

    def sent(self, text: str) -> None:
        """Something was typed."""
        ...


class Keys:
    """What keys have begun: a refusal whose reason is typed, a wish to leave."""

    def __init__(self, chat: KeyedChat) -> None:
        self.chat = chat
        self.is_refusing = False
        self.is_leaving = False
        self._tasks: set[asyncio.Task[None]] = set()

    def interrupted(self) -> None:
        """Ctrl-C: stop what goes on; else empty the line; else, the second time, leave."""
        buffer = get_app().current_buffer
        was_leaving, self.is_leaving = self.is_leaving, False
        if self.is_refusing:
            self.not_refusing()
        elif self.chat.session.is_stoppable:
            self.stop_turn()
        elif buffer.text:
            buffer.reset()
        elif was_leaving:
            get_app().exit(exception=EOFError)
        else:
            self.is_leaving = True
        get_app().invalidate()

    def stop_turn(self) -> None:
        """End the open turn, or the summary that is being written."""
        self._begin(allow=None)

    def decide(self, key: str) -> None:
        """Answer the question that is asked."""
        if key == "n":
            self.is_refusing = True
        else:
            self._begin(allow=True, remember=_SCOPES.get(key))

    def not_refusing(self) -> None:
        """The question is open again."""
        self.is_refusing = False
        get_app().current_buffer.reset()

    def _begin(self, *, allow: bool | None, remember: RuleScope | None = None) -> None:
        session = self.chat.session

        async def work() -> None:
            if allow is None:
                await session.interrupt()
            else:
                await session.decide(allow=allow, remember=remember)

        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def key_bindings(keys: Keys) -> KeyBindings:
    """Ctrl-C, Esc, Enter, and the keys that answer a question."""
    bindings = KeyBindings()
    _add_answers(bindings, keys)
    writes = ~is_searching
    stops = writes & Condition(lambda: keys.is_refusing or keys.chat.session.is_stoppable)

    @bindings.add("c-c", filter=writes)
    def _(_event: KeyPressEvent) -> None:
        keys.interrupted()

    @bindings.add("escape", filter=stops)
    def _(_event: KeyPressEvent) -> None:
        if keys.is_refusing:
            keys.not_refusing()
        else:
            keys.stop_turn()

    @bindings.add("enter", filter=writes)
    def _(event: KeyPressEvent) -> None:
        keys.is_leaving = False
        buffer = event.current_buffer
        if buffer.document.text_before_cursor.endswith("\\"):
            buffer.delete_before_cursor()
            buffer.insert_text("\n")
        else:
            text = buffer.text
            buffer.append_to_history()
            buffer.reset()
            keys.chat.sent(text)

    @bindings.add("escape", "enter", filter=writes)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings


def _add_answers(bindings: KeyBindings, keys: Keys) -> None:
    """The keys that answer a question, while one is asked and nothing is typed."""
    is_empty = ~is_searching & Condition(lambda: not get_app().current_buffer.text)
    answers = is_empty & Condition(lambda: not keys.is_refusing and keys.chat.takes_answers)

    def decide(event: KeyPressEvent) -> None:
        keys.decide(event.key_sequence[0].key)

    def choose(event: KeyPressEvent) -> None:
        keys.chat.session.choose(int(event.key_sequence[0].key))

    def begin_words(event: KeyPressEvent) -> None:
        first, second = event.key_sequence
        if second.data.isprintable() and second.key == second.data:
            event.current_buffer.insert_text(first.data + second.data)
        else:
            keys.decide(first.key)
            event.app.key_processor.feed(second, first=True)

    for one in "yapn":
        bindings.add(one, filter=answers)(decide)
        bindings.add(one, AllKeys.Any, filter=answers)(begin_words)
    for one in "123456789":
        bindings.add(one, filter=answers)(choose)
