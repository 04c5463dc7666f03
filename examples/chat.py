"""A chat loop of one's own over sessions: answers stream, calls are asked about, Ctrl-C stops.

What to look at:

- `Conversation.turn`: the turn runs on a thread of its own, and this one takes what
  `session.events` tells, in order, until the turn is over. So a person can be asked meanwhile;
- a call that needs a person waits on the log, also while no process runs. Kill the program at
  the question and start it again: the question is still there;
- Ctrl-C during a turn is `agent.cancel`; what was finished is kept, and `/resume` goes on;
- a turn that was open when the program died goes on by itself, and is shown to its end.

Without a terminal a script plays you. A finished chat is `mentra chat`; this is how to make one.

    python examples/chat.py [--model openai:gpt-5.4-mini] [--store PATH]
"""

import contextlib
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any

from patterns.stage import Choice, Scene, chosen, stage

import mentra_actors as mentra
from projections.feeds import session_event as told

SYSTEM = "You keep the pantry of a house. Look with pantry, buy with order. Be brief."
SAID = ("What is left in the pantry?", "Order two bags of flour.")
_END = told.TurnEnded | told.TurnFailed
_LOOK = object()
"""In place of an event: a person may have been asked by an earlier process."""
_MOST_OF_CALL = 2000
HELP = "/list, /open NUMBER, /new, /model NAME, /resume, /quit; Ctrl-C stops a turn."


@mentra.tool(side_effects="none")
def pantry() -> dict[str, int]:
    """What is there, in bags."""
    return {"flour": 0, "rice": 3}


@mentra.tool(retry="safe", side_effects="external")
def order(what: str, bags: int) -> str:
    """Order something."""
    return f"ordered: {what}, {bags}"


def play(scene: Scene) -> Any:
    """The script of the agent."""
    is_order = scene.prompts[-1].startswith("Order")
    tool = "order" if is_order else "pantry"
    if scene.has_news:
        return mentra.call(tool, **({"what": "flour", "bags": 2} if is_order else {}))
    if scene.steps[-1].is_error:
        return "Then I leave it."
    return "Two bags come tomorrow." if is_order else "Three bags of rice, and no flour."


class Conversation:
    """One session on the screen. `ask` puts a question to the person."""

    def __init__(self, session: mentra.SyncSession, ask: Callable[[str], str]) -> None:
        self.session = session
        self._ask = ask
        self._heard: SimpleQueue[Any] = SimpleQueue()
        self._streamed = ("", 0)
        self._is_in_line = False
        past, self._is_open = self._past()
        words = [item.event for item in past if isinstance(item.event, told.UserMessage)]
        self.asked = [one.text for one in words if one.source == "prompt"]
        """What was said so far."""
        after = past[-1].cursor if past else 0
        threading.Thread(target=self._listen, args=[after], daemon=True).start()

    def _past(self) -> tuple[Sequence[Any], bool]:
        """What has happened so far, and whether a turn was open then."""
        while True:
            past, now = self.session.replay(), self.session.agent.snapshot()
            if now.run_id or now.waiting_prompts or now.waiting_mail:
                return past, True  # its end comes after these
            if len(self.session.replay()) == len(past):
                return past, False

    def _listen(self, after: Any) -> None:
        with contextlib.suppress(mentra.MentraError), self.session.events(after=after) as feed:
            for item in feed:
                self._heard.put(item.event)

    def go_on(self) -> bool:
        """Show the turn that is open, if one is; False if it failed."""
        if not self._is_open:
            return True
        print("(It goes on with what was open.)")
        self._heard.put(_LOOK)
        return self._watch()

    def turn(self, begin: Callable[[], Any]) -> bool:
        """Begin a turn and show it to its end; False if it failed."""

        def run() -> None:
            try:
                begin()
            except mentra.RunFailed:
                pass  # the session tells it
            except (mentra.MentraError, ValueError) as refused:
                self._heard.put(refused)

        threading.Thread(target=run, daemon=True).start()
        return self._watch()

    def _watch(self) -> bool:
        is_stopping = False
        while True:
            event: Any = None
            try:
                event = self._heard.get()
                self._show(event)
                if event is _LOOK or isinstance(event, told.PermissionRequested):
                    self._decide_all()
            except KeyboardInterrupt:
                if is_stopping:
                    raise
                is_stopping = True
                print()
                self._is_in_line = False
                self.session.agent.cancel("Ctrl-C")
            if isinstance(event, _END | Exception):
                return isinstance(event, told.TurnEnded)

    def _decide_all(self) -> None:
        for waiting in self.session.permissions.pending():
            shown = textwrap.shorten(plain(waiting.preview), _MOST_OF_CALL, placeholder=" …")
            print(textwrap.indent(textwrap.fill(f"? {waiting.tool} {shown}", 78), "  "))
            question = f"  y: yes, a: all calls of {waiting.tool} in this session, or why not: "
            answer = self._ask(question).strip()
            is_allowed = answer in ("y", "yes", "a")
            more: Any = {"remember": "session", "match": mentra.AnyCall()} if answer == "a" else {}
            with contextlib.suppress(mentra.CommandRejected):  # it was decided elsewhere
                self.session.permissions.resolve(
                    waiting.request_id,
                    allow=is_allowed,
                    reason="" if is_allowed else answer,
                    **more,
                )

    def _show(self, event: Any) -> None:
        match event:
            case told.AssistantTokenDelta(effect_id=effect_id, delta=delta, offset=offset):
                self._streamed = (effect_id, offset + len(delta))
                print(plain(delta), end="", flush=True)
                self._is_in_line = True
            case told.AssistantMessageCompleted(effect_id=effect_id, text=text) if text:
                effect, length = self._streamed
                print(plain(text[length if effect == effect_id else 0 :]), flush=True)
                self._is_in_line = False
            case _ if line := _beside(event):
                if self._is_in_line:  # the answer was broken off
                    print()
                self._is_in_line = False
                say(line)
            case _:
                pass


def _beside(event: Any) -> str:
    """What is said of an event beside the answers; nothing of most."""
    match event:
        case told.ToolQueued():
            return f"· {event.tool_name} {event.input_json}"
        case told.ToolProgress():
            return f"… {event.progress}"
        case told.ToolCompleted():
            return f"{'!' if event.is_error else '→'} {event.summary}"
        case told.RetryAttempt():
            return f"! {event.error}; again in {event.next_delay_s:g} s"
        case told.TurnFailed():
            return f"! {event.message} (resume it to go on)"
        case Exception():
            return f"! {event}"
        case _:
            return ""


def plain(text: str) -> str:
    """Without characters that command a terminal: a model may write any."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t")


def say(line: str) -> None:
    """Print a line beside the conversation."""
    print("  " + textwrap.shorten(plain(line), 76, placeholder=" …"), flush=True)


def ask_person(question: str) -> str:
    """What the person says: on the terminal, or out of a script."""
    if sys.stdin.isatty():
        return input(question)
    print(f"{question}y")
    return "y"


class Chat:
    """A person at the keyboard, and the session that is open."""

    def __init__(self, runtime: mentra.SyncRuntime, choice: Choice) -> None:
        self._runtime = runtime
        self._model = choice.model
        sessions = runtime.sessions.list(limit=1)
        self.talk = self._opened(sessions[0].session_id if sessions else "")
        if choice.is_model_named:
            self.talk.session.set_model(choice.model)
        self.talk.go_on()

    def _opened(self, session_id: str) -> Conversation:
        sessions = self._runtime.sessions
        if session_id:
            session = sessions.resume(session_id)
            print(f"This is {session.metadata().title or 'a new session'}.")
        else:
            session = sessions.start(model=self._model, system=SYSTEM)
        return Conversation(session, ask_person)

    def lines(self) -> Iterator[str]:
        """What the person types, until the end of it."""
        if sys.stdin.isatty():
            print(HELP)
            with contextlib.suppress(EOFError):
                while True:
                    yield input("» ").strip()
            return
        if self.talk.session.agent.snapshot().can_resume:
            yield "/resume"
        for text in SAID[len(self.talk.asked) :]:
            print(f"» {text}")
            yield text

    def perform(self, line: str) -> bool:
        """Do what a line says; False if that failed."""
        session = self.talk.session
        match line.split():
            case ["/list"]:
                for number, one in enumerate(self._runtime.sessions.list(limit=9), 1):
                    say(f"{number} {one.title or '(nothing said yet)'} ({one.status})")
            case ["/open", number] if number.isdecimal():
                listed = self._runtime.sessions.list(limit=9)[int(number) - 1 : int(number)]
                for one in listed:
                    self.talk = self._opened(one.session_id)
                    self.talk.go_on()
            case ["/new"]:
                self.talk = self._opened("")
            case ["/model", name]:
                session.set_model(name)
                self._model = name
            case ["/resume"]:
                return self.talk.turn(session.resume_turn)
            case [word, *_] if word.startswith("/"):
                print(HELP)
            case [_, *_]:
                return self.talk.turn(lambda: session.append_turn(line))
            case _:
                pass
        return True


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Talk, or go on talking; the last answer."""
    choice = chosen(__doc__, arguments)
    with stage(
        choice,
        play,
        is_told=False,
        tools=[pantry, order],
        team_tools=False,
        authorizer=mentra.ask_for(),
        **options,
    ) as runtime:
        chat = Chat(runtime, choice)
        for line in chat.lines():
            if line == "/quit":
                break
            try:
                is_done = chat.perform(line)
            except mentra.MentraError as refused:
                say(f"! {refused}")
                is_done = False
            if not is_done and not sys.stdin.isatty():
                break
        print(f"To go on: --store {choice.store}")
        return chat.talk.session.agent.last_answer()


if __name__ == "__main__":
    main()
