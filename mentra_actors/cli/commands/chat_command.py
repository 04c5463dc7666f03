"""`mentra chat`: talk with an agent."""

import dataclasses
import importlib
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer

from mentra_actors.cli.chat.plain import PlainScreen
from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.commands.run_command import (
    model_of,
    require_not_stopped,
    run_limits,
    stored_members,
)
from mentra_actors.cli.failures import FAILED
from mentra_actors.cli.given_text import given_text
from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.model_choice import MODEL_VARIABLE
from mentra_actors.cli.options import DEFAULT_STORE, StorePath, SystemPrompt, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.signed_in import signed_in_providers
from mentra_actors.demo.offline_model import OfflineModel
from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import TeamId
from mentra_actors.runtime.agents.agent import Agent
from mentra_actors.runtime.agents.run_options import RunArguments
from mentra_actors.runtime.runtime import Runtime, open_runtime
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.ready_authorizer import ask_for
from projections.views.roster import MemberView

__all__ = ["ToolChoice", "chat"]


class ToolChoice(StrEnum):
    """Which tools for this machine an agent is offered."""

    NONE = "none"
    READ_ONLY = "read-only"
    FILES = "files"
    WORKSPACE = "workspace"


def chat(
    agent: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name; it is made if it is not there.")
    ] = "lead",
    model: Annotated[
        str | None,
        typer.Option(help=f"provider:name; for a new agent also from {MODEL_VARIABLE}."),
    ] = None,
    system: SystemPrompt = "",
    root: Annotated[Path, typer.Option(help="Where its tools work.")] = Path(),
    tools: Annotated[
        ToolChoice,
        typer.Option(help="Look at files; change them too; or run commands as well (workspace)."),
    ] = ToolChoice.WORKSPACE,
    ask: Annotated[bool, typer.Option(help="Ask before calls that may change something.")] = True,
    deadline: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which a turn fails.")
    ] = None,
    token_budget: Annotated[
        int | None, typer.Option(min=0, help="Tokens after which a turn ends in order.")
    ] = None,
    cost_budget: Annotated[
        float | None, typer.Option(min=0, help="US dollars after which a turn ends in order.")
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Talk with an agent, in a terminal or through a pipe.

    Line by line through a pipe.
    """
    is_talk = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    output = Output(as_json=False, is_plain=not is_talk)
    if not root.is_dir():
        raise ConfigurationError(f"{root} is not a directory in which tools could work")
    members = stored_members(store, team_name) or []
    was = next((member for member in members if member.name == agent), None)
    wanted = model or (None if was else os.environ.get(MODEL_VARIABLE))
    require_not_stopped(agent, members, team_name)
    chosen = model_of(agent, members, wanted, output)
    options = _options(tools, root, asks=ask)
    options["team"] = TeamId(team_name)
    talk = _Talk(output, store, agent, chosen, given_text(system))
    talk.was = was
    talk.limits = run_limits(deadline, token_budget, cost_budget)
    anyio.run(talk.run, options, is_talk)
    if talk.has_failed and not is_talk:
        raise typer.Exit(FAILED)


def _options(tools: ToolChoice, root: Path, *, asks: bool) -> RuntimeOptions:
    options: RuntimeOptions = {
        "providers": [OfflineModel(), *signed_in_providers()],
        "sealing": chosen_sealing(),
        "resume": "none",
        "file_profile": "split",
    }
    if tools == ToolChoice.READ_ONLY:
        options["policy"] = RuntimePolicy.read_only(root)
    elif tools != ToolChoice.NONE:
        options["policy"] = _policy(root, allows_commands=tools == ToolChoice.WORKSPACE)
    if asks:
        options["authorizer"] = ask_for()
    return options


def _policy(root: Path, *, allows_commands: bool) -> RuntimePolicy:
    bounded = RuntimePolicy.workspace_bounded(root)
    if not allows_commands:
        return bounded
    return dataclasses.replace(bounded, allow_shell=True, allow_background=True)


class _Talk:
    """One use of a runtime by the command."""

    def __init__(self, output: Output, store: Path, agent: str, model: str, system: str) -> None:
        self.was: MemberView | None = None
        """The agent as it was; None if it is to be made."""
        self.limits: RunArguments = {}
        self.has_failed = False
        self._output = output
        self._store = store
        self._agent = agent
        self._model = model
        self._system = system

    async def run(self, options: RuntimeOptions, is_talk: bool) -> None:
        """Open the store, find or make the agent, and talk."""
        screen = self._terminal() if is_talk else PlainScreen(self._output)
        async with open_runtime(self._store, **options) as runtime:
            agent, policy = await self._found(runtime), options.get("policy")
            session = ChatSession(runtime, agent, screen, self.limits, policy)
            screen.begin(session)
            if is_talk:
                how = "goes on" if self.was else "begins"
                words = f"{self._agent} {how}, kept in {self._store}. /help lists commands."
                self._output.remark(words)
            await session.run(screen.talk)
            self.has_failed = session.last_turn_failed

    async def _found(self, runtime: Runtime) -> Agent:
        if not self.was:
            return await runtime.spawn(self._agent, model=self._model, system=self._system)
        agent = await runtime.agent(self._agent)
        if self.was.model != self._model:
            await agent.configure(model=self._model)
        return agent

    def _terminal(self) -> Any:
        """Imported here only: a pipe and all other commands start without its library."""
        terminal: Any = importlib.import_module("mentra_actors.cli.chat.terminal")
        return terminal.TerminalChat(self._output)
