"""What the commands with a slash do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import anyio
from rich.text import Text

from mentra_actors.cli.chat.past_turns import (
    PastTurn,
    as_markdown,
    entry_named,
    history_lines,
    path_of,
    shown_turns,
    turns_in,
)
from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.chat.shown import Line, Rows, Shown, line
from mentra_actors.cli.chat.typed import COMMANDS, Slash, Unknown
from mentra_actors.cli.model_choice import require_usable
from mentra_actors.cli.render.render_board import board_lines
from mentra_actors.cli.render.render_context import context_lines
from mentra_actors.cli.render.render_run import spent_words
from mentra_actors.cli.render.render_usage import cost_text
from mentra_actors.domain.conversation_tree import Entry
from mentra_actors.domain.model_call import ReasoningOptions
from mentra_actors.errors import CommandRejected
from projections.views.sentence_words import clipped, counted
from projections.views.task_board import BoardView

__all__ = ["HELP_KEYS", "performed", "unknown_words"]

_TURNS_SHOWN = 3
_RECORDS_SHOWN = 20
_MOST_CHARS = 160
_EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max", "off")
"""A model may know some of these words only; its provider then says which."""
HELP_KEYS = (
    ("Enter", "send; while the agent works: steer it"),
    ("Alt-Enter, \\ Enter", "a new line"),
    ("Esc, Ctrl-C", "stop the turn; what is finished is kept"),
    ("Ctrl-D", "leave, as does a second Ctrl-C on an empty line"),
    ("//TEXT", "say /TEXT"),
)
_Found = Sequence[Shown]


async def performed(session: ChatSession, command: Slash) -> _Found:
    """Do a command; what it has found.

    Raises:
        MentraError, OSError, ValueError: it was refused.
    """
    told = COMMANDS[command.name]
    if told.needs_words and not command.rest:
        raise CommandRejected(f"/{command.name} {told.takes}: {told.does}")
    return await _COMMANDS[command.name](session, command.rest)


def unknown_words(command: Unknown) -> str:
    """What to say of a command that there is not."""
    there = command.near or tuple(COMMANDS)
    known = ", ".join(f"/{name}" for name in there)
    return f"there is no /{command.name}; there are {known}. // says a text that begins with /"


# --- the conversation -------------------------------------------------------------------------


async def _help(_session: ChatSession, _rest: str) -> _Found:
    named = [(f"/{name} {one.takes}".rstrip(), one.does) for name, one in COMMANDS.items()]
    width = max(len(name) for name, _ in (*named, *HELP_KEYS)) + 2
    return [
        Line(Text.assemble((f"{name:<{width}}", "cyan"), does))
        for name, does in (*named, *HELP_KEYS)
    ]


async def _later(session: ChatSession, rest: str) -> _Found:
    await session.say_later(rest)
    return ()


async def _resume(session: ChatSession, _rest: str) -> _Found:
    session.resume()
    return ()


async def _path(session: ChatSession) -> tuple[Sequence[Entry], Sequence[Entry]]:
    conversation = session.agent.conversation
    entries = await conversation.entries()
    return entries, path_of(entries, await conversation.leaf())


async def _turns(session: ChatSession) -> Sequence[PastTurn]:
    return turns_in((await _path(session))[1])


async def _history(session: ChatSession, _rest: str) -> _Found:
    turns = await _turns(session)
    return list(history_lines(turns)) or [line("Nothing was said yet.", "dim")]


async def _at(session: ChatSession, rest: str) -> _Found:
    entries, path = await _path(session)
    leaf = entry_named(rest, entries, path)
    head = line(f"── as it was at entry #{leaf} ──", "cyan")
    end = line("── as it is now: below ──", "cyan")
    return [head, *shown_turns(turns_in(path_of(entries, leaf))), end]


async def _fork(session: ChatSession, rest: str) -> _Found:
    entries, path = await _path(session)
    return await _moved(session, entry_named(rest, entries, path))


async def _back(session: ChatSession, _rest: str) -> _Found:
    left = await session.agent.conversation.moved_from()
    if left is None:
        raise CommandRejected("no /fork was made here; /history shows turns, /fork N goes to one")
    return await _moved(session, left)


async def _moved(session: ChatSession, entry: int) -> _Found:
    if entry == await session.agent.conversation.leaf():
        return [line("The conversation goes on from there already.", "dim")]
    left = await session.agent.conversation.move_to(entry)
    words = "nothing is deleted, /back goes back"
    head = line(f"⑂ {counted(left, 'entry')} left behind; {words}", "cyan")
    return [head, *shown_turns((await _turns(session))[-_TURNS_SHOWN:])]


async def _title(session: ChatSession, rest: str) -> _Found:
    if rest:
        await session.agent.configure(title=" ".join(rest.split()))
    title = await session.title()
    return [line(title or "It has no title: /title TEXT", "bold" if title else "dim")]


async def _save(session: ChatSession, rest: str) -> _Found:
    _, path = await _path(session)
    title = await session.title()
    text = as_markdown(title or f"A conversation with {session.agent.name}", path)
    place = await anyio.Path(rest).expanduser()
    try:
        async with await anyio.open_file(place, "x", encoding="utf-8", errors="replace") as file:
            await file.write(text)
    except FileExistsError as error:
        raise CommandRejected(f"{place} is there already; name another file") from error
    return [line(f"Written: {place}", "dim")]


async def _compact(session: ChatSession, _rest: str) -> _Found:
    await session.agent.conversation.compact()
    return [line("The older part is being summarised.", "dim")]


async def _uncompact(session: ChatSession, _rest: str) -> _Found:
    await session.agent.conversation.uncompact()
    return [line("The words of the newest summary are told again.", "dim")]


# --- the agent --------------------------------------------------------------------------------


async def _model(session: ChatSession, rest: str) -> _Found:
    if rest:
        require_usable(rest, with_login=True)
        await session.agent.configure(model=rest)
    return [line((await session.look()).model)]


async def _reasoning(session: ChatSession, rest: str) -> _Found:
    effort = rest.lower()
    if effort in ("show", "hide"):
        session.show_thoughts(is_shown=effort == "show")
        return [line(f"Thoughts are {'shown' if effort == 'show' else 'hidden'}.", "dim")]
    if effort and effort not in _EFFORTS:
        raise CommandRejected(
            f"/reasoning: one of {', '.join(_EFFORTS)}, show or hide, not {rest!r}"
        )
    if effort:
        options = None if effort == "off" else ReasoningOptions(effort=effort)
        await session.agent.configure(reasoning=options)
    profile = (await session.agent.state()).profile
    chosen = profile.reasoning if profile else None
    return [
        line(f"Reasoning: {chosen.effort if chosen and chosen.effort else 'as the model does'}")
    ]


async def _tools(session: ChatSession, _rest: str) -> _Found:
    profile = (await session.agent.state()).profile
    told = {
        name: clipped(one.description, _MOST_CHARS)
        for name, one in session.runtime.tools.items()
        if profile is not None
        and profile.offers(name)
        and (session.policy is None or not session.policy.hides(one.traits))
    }
    width = max(map(len, told), default=0) + 2
    return [
        Line(Text.assemble((f"{name:<{width}}", "bold"), does), is_cut=True)
        for name, does in told.items()
    ]


async def _context(session: ChatSession, _rest: str) -> _Found:
    report = await session.agent.context()
    return [
        Line(text, is_cut=is_cut) for text, is_cut in context_lines(report, session.screen.width)
    ]


async def _usage(session: ChatSession, _rest: str) -> _Found:
    used = await session.agent.usage()
    parts = [("all", used.total), *used.by_model.items()] if used.by_model else []
    return [
        line(f"{name}: {spent_words(one.tokens, None)}, cost {cost_text(one)}")
        for name, one in parts
    ] or [line("No model was called yet.", "dim")]


# --- the team ---------------------------------------------------------------------------------


async def _board(session: ChatSession, _rest: str) -> _Found:
    view = BoardView(state=await session.runtime.board())
    if not view.tasks:
        return [line("No task is on the board.", "dim")]
    return [Line(text) for text, _ in board_lines(view)]


async def _members(session: ChatSession, _rest: str) -> _Found:
    members = await session.runtime.members.list()
    rows = [
        [Text(one.name, "bold"), Text(one.role), Text(one.status), Text(one.model)]
        for one in members
    ]
    return [Rows("Members", ("name", "role", "status", "model"), rows)]


async def _memory(session: ChatSession, rest: str) -> _Found:
    memory = session.agent.memory
    if rest:
        records = [one.record for one in await memory.search(rest)]
    else:
        records = list(await memory.records())
    left_out = max(len(records) - _RECORDS_SHOWN, 0)
    words = f"{counted(left_out, 'older record')} not shown; `mentra memory` shows all"
    shown = [line(words, "dim")] if left_out else []
    for one in records[left_out:]:
        shown.append(line(f"{one.record_id}  {clipped(one.content, _MOST_CHARS)}"))
    return shown or [line("Nothing was found." if rest else "Nothing is remembered yet.", "dim")]


async def _remember(session: ChatSession, rest: str) -> _Found:
    record_id = await session.agent.memory.pin(rest)
    return [line(f"Remembered as {record_id}.", "dim")]


async def _forget(session: ChatSession, rest: str) -> _Found:
    await session.agent.memory.forget(rest)
    return [line("Forgotten: no search finds it any more.", "dim")]


async def _quit(_session: ChatSession, _rest: str) -> _Found:
    return ()


_COMMANDS: Mapping[str, Callable[[ChatSession, str], Awaitable[_Found]]] = {
    "help": _help,
    "later": _later,
    "resume": _resume,
    "history": _history,
    "at": _at,
    "fork": _fork,
    "back": _back,
    "title": _title,
    "model": _model,
    "reasoning": _reasoning,
    "tools": _tools,
    "board": _board,
    "members": _members,
    "memory": _memory,
    "remember": _remember,
    "forget": _forget,
    "compact": _compact,
    "uncompact": _uncompact,
    "context": _context,
    "usage": _usage,
    "save": _save,
    "quit": _quit,
}
