"""A command line of one's own over the runtime, with modes that say what an order may do.

    python examples/cli_runtime.py plan "What would you tidy up?"    # looks, changes nothing
    python examples/cli_runtime.py ask "Tidy up notes.txt"           # asks about each change
    python examples/cli_runtime.py auto "Tidy up notes.txt"          # changes files, below --root
    python examples/cli_runtime.py resume [SESSION]                  # goes on with one
    python examples/cli_runtime.py list

Each takes --model openai:gpt-5.4-mini, --store PATH, and --root DIR, the directory to work in
(say it again to resume). What to look at:

- a mode is a policy, an authorizer and a system prompt, nothing else. The policy decides what
  an agent is offered and what a call may touch, whatever the model wants;
- the mode is part of the name of a session, and `resume` takes it from there: what was begun
  as a plan never goes on with the rights of `auto`. For the same reason a store is opened with
  `resume="none"`, and only the session that was asked for is woken;
- the turn on the screen is `Conversation` of chat.py, Ctrl-C and questions included.
"""

import argparse
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chat import Conversation, ask_person, say
from patterns.stage import Choice, Scene, choice_of, chooser, stage

import mentra_actors as mentra

DEMO = "Tidy up notes.txt"
NOTES = "The lamp is lit at dusk and and put out at dawn.\n"


def look(root: Path) -> mentra.RuntimePolicy:
    """Files below `root` may be read."""
    return mentra.RuntimePolicy.read_only(root)


def change(root: Path) -> mentra.RuntimePolicy:
    """Files below `root` may be changed, but not its history; no commands."""
    bounded = mentra.RuntimePolicy.workspace_bounded(root)
    return dataclasses.replace(bounded, denied_write_roots=(root / ".git",))


def work(root: Path) -> mentra.RuntimePolicy:
    """Commands as well, which are bound to no directory: so each is asked about."""
    return dataclasses.replace(change(root), allow_shell=True)


class Mode(NamedTuple):
    """What an order may do."""

    policy: Callable[[Path], mentra.RuntimePolicy]
    system: str
    authorizer: Any = None


MODES = {
    "plan": Mode(look, "Look, and say in short steps what you would do. You cannot change files."),
    "ask": Mode(work, "Do what you are told. A person decides on changes.", mentra.ask_for()),
    "auto": Mode(change, "Do what you are told. Nobody can be asked."),
}


def play(scene: Scene) -> Any:
    """The script of the agent."""
    notes = scene.of("read")
    if not notes:
        return mentra.call("read", path="notes.txt")
    if "edit" not in scene.tools:
        return "1. Take the second `and` out of line 1 of notes.txt."
    if scene.steps[-1].tool == "read":
        edits = [{"old_string": "and and", "new_string": "and"}]
        return mentra.call("edit", path="notes.txt", edits=edits)
    return "Then it stays." if scene.steps[-1].is_error else "One `and` is enough. Done."


def listed(choice: Choice) -> Sequence[Any]:
    """The sessions of the store, the newest first; none of them is woken."""
    with stage(choice, play, is_told=False, resume="none") as runtime:
        return runtime.sessions.list()


def mode_of(name: str) -> str:
    """The mode of a session, which its name begins with."""
    return name.split("-", maxsplit=1)[0]


def chosen_session(said: argparse.Namespace, known: Sequence[Any]) -> str:
    """The name of the session to open: the mode, and a word that makes it different."""
    if said.command == "resume":
        names: list[str] = [one.agent for one in known if mode_of(one.agent) in MODES]
        if said.words in names:
            return str(said.words)
        if said.words or not names:
            raise SystemExit(f"There is no session {said.words!r}; there are: {names}")
        return names[0]
    return f"{said.command}-{len(known) + 1}" if said.words else f"{said.command}-demo"


def worked(
    runtime: mentra.SyncRuntime, name: str, choice: Choice, said: argparse.Namespace
) -> str:
    """Open the session, begin in it or go on, and say what was done; its last answer."""
    known = [one.agent for one in runtime.sessions.list()]
    if name in known:
        session = runtime.sessions.resume(name)
        if choice.is_model_named:
            session.set_model(choice.model)
    else:
        system = MODES[mode_of(name)].system
        session = runtime.sessions.start(model=choice.model, name=name, system=system)
    talk = Conversation(session, ask_person)
    is_done = talk.go_on() and begun(talk, said)
    usage = session.agent.usage().total
    say(f"[{name}] {usage.calls} calls of the model, {usage.tokens.total_tokens} tokens")
    if not is_done:
        raise SystemExit(f"To go on: resume {name} --store {choice.store}")
    return session.agent.last_answer()


def begun(talk: Conversation, said: argparse.Namespace) -> bool:
    """Give the order, or resume what was broken off; False if that failed."""
    session = talk.session
    order = "" if said.command == "resume" else said.words or DEMO
    if session.agent.snapshot().can_resume and order in ("", *talk.asked):
        return talk.turn(session.resume_turn)
    if order and (said.words or order not in talk.asked):
        return talk.turn(lambda: session.append_turn(order))
    return True


def show_list(known: Sequence[Any]) -> str:
    """Print the sessions, the newest first."""
    for one in known:
        say(f"{one.agent}: {one.title} ({one.status})")
    return f"{len(known)} sessions"


def main(arguments: Sequence[str] | None = None, **options: Any) -> str:
    """Do what the command line says; the last answer."""
    parser = chooser(__doc__)
    parser.add_argument("command", nargs="?", default="auto", choices=[*MODES, "resume", "list"])
    parser.add_argument("words", nargs="?", default="", help="the order, or the session")
    parser.add_argument("--root", type=Path, help="the directory to work in")
    said = parser.parse_args(arguments)
    choice = choice_of(said)
    known = listed(choice) if choice.store.exists() else ()
    if said.command == "list":
        return show_list(known)
    name = chosen_session(said, known)
    mode = MODES[mode_of(name)]
    root = (said.root or demo_project(choice.folder)).absolute()

    with stage(
        choice,
        play,
        is_told=False,
        resume="none",
        team_tools=False,
        policy=mode.policy(root),
        authorizer=mode.authorizer,
        file_profile="split",
        **options,
    ) as runtime:
        return worked(runtime, name, choice, said)


def demo_project(folder: Path) -> Path:
    """A directory with something to tidy up; what has been changed stays."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "notes.txt").exists():
        (folder / "notes.txt").write_text(NOTES)
    return folder


if __name__ == "__main__":
    main()
