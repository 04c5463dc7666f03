"""A team that a script plays, with all that it was asked and all that was recorded."""

from contextlib import asynccontextmanager

import anyio
import pytest
from commands_of_agents import OPEN

from mentra_actors import ScriptedModel, open_runtime
from mentra_actors.domain.agent.profile import Workspace
from mentra_actors.domain.content import ToolResultsMessage
from mentra_actors.providers.scripted import position
from mentra_actors.runtime.awaiting import thread_safe_call


class ListeningModel(ScriptedModel):
    """A scripted model that keeps the requests that reach it."""

    def __init__(self, turns, **options):
        super().__init__(turns, **options)
        self.requests = []

    def stream(self, request):
        self.requests.append(request)
        return super().stream(request)


class WatchedStore:
    """Stands in front of a store, as `wrap_store`: its blobs are counted, or none is kept."""

    def __init__(self, *, keeps_blobs=True):
        self.kept = []
        self._keeps_blobs = keeps_blobs

    def __call__(self, store):
        self._store = store
        return self

    def __getattr__(self, name):
        return getattr(self._store, name)

    def put_blob(self, content):
        if not self._keeps_blobs:
            raise OSError("no space left on device")
        self.kept.append(content)
        return self._store.put_blob(content)


class PlayedTeam:
    """A runtime, its model, and the events that were recorded after it was opened.

    What a store resumes may be recorded before anybody can listen: ask its transcript.
    """

    def __init__(self, runtime, model):
        self.runtime = runtime
        self.requests = model.requests
        self.recorded = []
        runtime.on_recorded(self.recorded.extend)

    async def spawn(self, name="lead", **options):
        return await self.runtime.spawn(name, model=f"scripted:{name}", **options)

    def events(self, *kinds, stream_id=None):
        """Events of these classes, oldest first."""
        return [
            one.event
            for one in self._in_order()
            if isinstance(one.event, kinds) and stream_id in (None, one.stream_id)
        ]

    async def until(self, kind, stream_id=None, *, count=1, within_s=10):
        """Wait until so many events of this class, or of these, are recorded."""
        seen, call = anyio.Event(), thread_safe_call()

        def look(_recorded=()):
            if len(self.events(kind, stream_id=stream_id)) >= count:
                call(seen.set)

        end = self.runtime.on_recorded(look)
        look()
        with anyio.fail_after(within_s):
            await seen.wait()
        end()

    def steps(self, stream_id="agent-lead"):
        """Names of the events of one stream."""
        return [type(o.event).__name__ for o in self._in_order() if o.stream_id == stream_id]

    def _in_order(self):
        """Appends of different actors may be told in another order than they were written."""
        return sorted(self.recorded, key=lambda one: one.global_position)

    def asked(self, name):
        """Requests of the agent with this name."""
        return [request for request in self.requests if request.model == name]

    def results(self):
        """What the model was told of the calls of its last round, in its order."""
        newest_first = reversed(self.requests[-1].messages)  # letters may have come after them
        told = next(one for one in newest_first if isinstance(one, ToolResultsMessage))
        return [(result.content, result.is_error) for result in told.results]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def played():
    """`async with played(turns, *tools) as team`; turns are a list, or lists by agent name."""

    @asynccontextmanager
    async def play(turns, *tools, path=":memory:", model_options=None, providers=(), **options):
        script = turns
        if isinstance(turns, dict):

            def script(request):
                return turns[request.model][position(request)]

        model = ListeningModel(script, **(model_options or {}))
        async with open_runtime(
            path, tools=tools, providers=[model, *providers], durability="volatile", **options
        ) as runtime:
            yield PlayedTeam(runtime, model)

    return play


@pytest.fixture
def watched_store():
    """`watched_store(keeps_blobs=True)` makes one for `wrap_store`."""
    return WatchedStore


@pytest.fixture
def ran(played, tmp_path):
    """Runs calls of an agent in `tmp_path`, all in one answer; its team, when it is done."""

    async def run(*calls, policy=OPEN, tools=(), **options):
        async with played([list(calls), "Done."], *tools, policy=policy, **options) as team:
            agent = await team.spawn(workspace=Workspace(base_dir=str(tmp_path)))
            await agent.send("Go")
        return team

    return run
