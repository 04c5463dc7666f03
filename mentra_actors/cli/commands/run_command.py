"""`mentra run`: send a prompt to an agent and watch it work."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import anyio
import typer
from anyio.streams.memory import MemoryObjectSendStream

from mentra_actors.cli.given_text import given_text
from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.model_choice import MODEL_VARIABLE, require_model, require_usable
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath, SystemPrompt, TeamName
from mentra_actors.cli.output import Output
from mentra_actors.cli.reading import opened
from mentra_actors.cli.render.render_run import RunScreen, reply_text
from mentra_actors.cli.seated import with_team
from mentra_actors.cli.signed_in import signed_in_providers
from mentra_actors.demo.offline_model import OfflineModel
from mentra_actors.domain.team import DEFAULT_TEAM, agent_id_of
from mentra_actors.errors import CommandRejected, MentraError, RunFailed, StoreNotFound
from mentra_actors.ids import AgentId, StreamId, TeamId, agent_stream, category_of
from mentra_actors.json_types import JsonObject
from mentra_actors.providers.port import ModelProvider
from mentra_actors.runtime.agents.run_options import RunArguments
from mentra_actors.runtime.agents.run_watch import Reply
from mentra_actors.runtime.awaiting import thread_safe_call
from mentra_actors.runtime.runtime import Runtime, open_runtime
from mentra_actors.tools.builtin.files import file_tools
from projections.views.roster import MemberView

__all__ = ["model_of", "require_not_stopped", "run", "run_limits", "stored_members"]

_ALWAYS_OPEN = frozenset({"lease", "schedule"})
"""Categories of streams that are open while a team rests."""


def run(
    prompt: Annotated[
        str | None,
        typer.Argument(help="What to do. Without it: go on with whatever is open."),
    ] = None,
    agent: Annotated[str, typer.Option(help="Its name; it is made if it is not there.")] = "lead",
    model: Annotated[
        str | None, typer.Option(envvar=MODEL_VARIABLE, help="provider:name, for a new agent.")
    ] = None,
    system: SystemPrompt = "",
    root: Annotated[Path, typer.Option(help="Where the file tools work.")] = Path(),
    files: Annotated[bool, typer.Option(help="Offer `files` to read and change files.")] = True,
    wait: Annotated[bool, typer.Option(help="Wait until the whole team rests.")] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the agent's run that was broken off.")
    ] = False,
    deadline: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which the run fails.")
    ] = None,
    token_budget: Annotated[
        int | None, typer.Option(min=0, help="Tokens after which the run ends in order.")
    ] = None,
    cost_budget: Annotated[
        float | None, typer.Option(min=0, help="US dollars after which the run ends in order.")
    ] = None,
    team_name: TeamName = DEFAULT_TEAM,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Send a prompt to an agent, and print its answer.

    The work of its team is kept in the store whatever happens.
    """
    output = Output(as_json=as_json)
    members = stored_members(store, team_name)
    if prompt is None and members is None:
        raise StoreNotFound(f"there is no store at {store}, so there is nothing to go on with")
    if resume and prompt is not None:
        raise typer.BadParameter("--resume goes on with a prompt that was sent; leave it out")
    is_asked = resume or prompt is not None or agent in {one.name for one in members or ()}
    chosen = model_of(agent, members or [], model, output) if is_asked else ""
    if prompt is not None:
        require_not_stopped(agent, members or [], team_name)
    job = _Job(output, store, agent, chosen, given_text(system), wait=wait)
    job.team = TeamId(team_name)
    job.agent_id = {one.name: one.agent_id for one in members or ()}.get(
        agent, agent_id_of(job.team, agent)
    )
    job.tools = file_tools(root) if files else []
    job.limits = run_limits(deadline, token_budget, cost_budget)
    job.resumes = resume
    anyio.run(job.run, prompt)


def run_limits(
    deadline_s: float | None, token_budget: int | None, cost_budget_usd: float | None
) -> RunArguments:
    """Those that were named: without any, the limits of the agent count."""
    limits: RunArguments = {}
    if deadline_s is not None:
        limits["deadline_s"] = deadline_s
    if token_budget is not None:
        limits["token_budget"] = token_budget
    if cost_budget_usd is not None:
        limits["cost_budget_usd"] = cost_budget_usd
    return limits


def stored_members(store: Path, team_name: str) -> list[MemberView] | None:
    """Who is in the team, which may be new; None without a store."""
    try:
        with opened(store) as team:
            return team.of(team_name).members()
    except StoreNotFound:
        return None


def model_of(agent: str, members: list[MemberView], model: str | None, output: Output) -> str:
    """The model that the agent has, or is to get."""
    known = {member.name: member.model for member in members}
    chosen = require_model(model or known.get(agent))
    require_usable(chosen, with_login=True)
    if known.get(agent, chosen) != chosen:
        output.remark(f"{agent} goes on with {chosen}, before it was {known[agent]}.")
    return chosen


def require_not_stopped(agent: str, members: Sequence[MemberView], team_name: str) -> None:
    """Refuse a prompt for an agent that takes none any more.

    Raises:
        CommandRejected: it has stopped; says how its name gets a new one.
    """
    if any(one.name == agent and one.status == "stopped" for one in members):
        advice = _stopped_advice(agent, team_name)
        raise CommandRejected(f"{agent!r} has stopped and takes nothing any more: {advice}")


def _stopped_advice(agent: str, team_name: str) -> str:
    removal = with_team(f"mentra remove {agent}", team_name)
    return f"`{removal}` frees its name, and the next prompt makes a new agent of it"


class _Job:
    """One use of a runtime by the command."""

    def __init__(
        self, output: Output, store: Path, agent: str, model: str, system: str, *, wait: bool
    ) -> None:
        self.tools: list[Any] = []
        self.limits: RunArguments = {}
        self.resumes = False
        self.team = DEFAULT_TEAM
        self.agent_id = AgentId(agent)
        self._output = output
        self._store = store
        self._agent = agent
        self._model = model
        self._system = system
        self._wait = wait

    async def run(self, prompt: str | None) -> None:
        """Go on with what is open, send the prompt, wait, and say what came of it."""
        providers: list[ModelProvider] = [OfflineModel(), *signed_in_providers()]
        async with open_runtime(
            self._store,
            team=self.team,
            tools=self.tools,
            providers=providers,
            sealing=chosen_sealing(),
        ) as runtime:
            resumed = [one for one in runtime.resumed if category_of(one) not in _ALWAYS_OPEN]
            if resumed:
                self._output.remark(f"Going on with what was open: {', '.join(resumed)}", "yellow")
            screen = RunScreen(
                self._output,
                agent_stream(self.agent_id),
                tells_end=prompt is None and not self.resumes,
            )
            reply = await self._watched(runtime, screen, prompt)
        if self._output.as_json:
            self._output.document(self._document(reply, resumed))
        elif reply is not None:
            self._output.remark(reply_text(reply, self._store))
        elif not resumed:
            self._output.remark("Nothing was open: the team rests.")

    async def _watched(
        self, runtime: Runtime, screen: RunScreen, prompt: str | None
    ) -> Reply | None:
        send, receive = anyio.create_memory_object_stream[Any](float("inf"))
        ends = _subscribed(runtime, send)
        reply: Reply | None = None
        failure: MentraError | OSError | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(screen.show_all, receive)
                try:
                    reply = await self._answered(runtime, prompt)
                except RunFailed as error:
                    failure = await self._explained(runtime, error)
                except MentraError as error:
                    failure = error  # raised outside of the group, which would wrap it
                finally:
                    send.close()
        finally:
            for end in ends:
                end()
        failure = failure or screen.output_failure
        if failure is not None:
            raise failure
        return reply

    async def _explained(self, runtime: Runtime, failed: RunFailed) -> RunFailed:
        """Who has ended a run that somebody ended, and how to go on; others say it themselves."""
        if failed.kind not in ("cancelled", "stopped"):
            return failed
        state = await (await runtime.agent(self._agent)).state()
        what = f"{self._agent} was stopped" if state.stopped else "the run was cancelled"
        why = f" ({failed})" if failed.kind == "cancelled" else ""
        told = RunFailed(f"{what} while it worked{why}", run_id=failed.run_id, kind=failed.kind)
        if state.stopped:
            told.add_note(_stopped_advice(self._agent, self.team))
        return told

    async def _answered(self, runtime: Runtime, prompt: str | None) -> Reply | None:
        reply: Reply | None = None
        if prompt is not None:
            if not prompt.strip():
                raise CommandRejected("a prompt must not be empty")
            agent = await runtime.spawn(
                self._agent, model=self._model, system=self._system, reuse=True
            )
            await agent.configure(model=self._model)
            reply = await agent.send(prompt, **self.limits)
        elif self.resumes:
            agent = await runtime.agent(self._agent)
            await agent.configure(model=self._model)
            reply = await agent.resume(**self.limits)
        if self._wait or prompt is None:
            await runtime.until_idle()
        return reply

    def _document(self, reply: Reply | None, resumed: list[StreamId]) -> JsonObject:
        return {
            "agent": self._agent,
            "store": str(self._store),
            "resumed": resumed,
            "text": reply.text if reply else None,
            "run_id": reply.run_id if reply else None,
            "usage": reply.usage if reply else None,
            "cost_usd_micros": reply.cost_usd_micros if reply else None,
            "early_end": reply.early_end if reply else None,
            "stream_version": reply.stream_version if reply else None,
        }


def _subscribed(runtime: Runtime, send: MemoryObjectSendStream[Any]) -> list[Callable[[], None]]:
    """Everything that happens in the runtime goes to the stream, until these are called."""
    on_loop = thread_safe_call()

    def pass_on(notice: object) -> None:
        def put() -> None:
            try:
                send.send_nowait(notice)
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return  # nobody looks any more

        on_loop(put)

    def pass_all_on(recorded: tuple[object, ...]) -> None:
        for one in recorded:
            pass_on(one)

    return [runtime.on_live(pass_on), runtime.on_recorded(pass_all_on)]
