"""Effects that wait while a run is played, and are performed when it goes on live.

While the commands of the log are given to the actors nothing is performed: no model is asked and
no tool is run, since what came of it is on the log. Then those of the agent are let go. A call of
a tool that was recorded with the same input gets the recorded result; the next one of the same
input the next result.
"""

import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterable
from typing import Literal, TypeAlias

import anyio

from mentra_actors.domain.agent.commands import RecordToolOutcome
from mentra_actors.domain.agent.effects import RunTool
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order, Performer
from mentra_actors.ids import StreamId, category_of
from mentra_actors.runtime.replay.scripts import RecordedCall

__all__ = ["HeldEffects", "Unrecorded"]

Unrecorded: TypeAlias = Literal["refuse", "live"]
"""What becomes of a call that the log has no result for: the model is told so, or it is made."""

_JOBS = "background"
_HELD = ("agent", _JOBS)
_REFUSED = (
    "This run is played again, and this call was never made when it was recorded; it was not run. "
    "Go on without its result."
)


class HeldEffects:
    """Holds what agents ask for until `let_go`. On the effects loop."""

    def __init__(
        self,
        stream_id: StreamId,
        clock: Clock,
        *,
        calls: Iterable[RecordedCall],
        unrecorded: Unrecorded,
        tools: Collection[str],
    ) -> None:
        """`calls` are the recorded ones that are to come; `tools` are those of the program.

        All others touch only the store, which is one of this run alone: they are run.
        """
        self._stream_id = stream_id
        self._clock = clock
        self._unrecorded = unrecorded
        self._tools = tools
        self._outcomes: dict[str, deque[ToolOutcome]] = defaultdict(deque)
        for call in calls:
            self._outcomes[_named(call.tool, call.arguments)].append(call.outcome)
        self._released = anyio.Event()
        self._before: set[StreamId] = set()
        """Streams with effects while nothing was performed: all but the agent's wait on."""
        self.unmade: list[str] = []
        """Tools whose calls were not made because they are on no log, in order."""

    def wrap(self, performer: Performer) -> Performer:
        """The performer that waits; see `RuntimeSettings.wrap_effects`."""

        async def perform(order: Order) -> object:
            if category_of(order.stream_id) in _HELD:
                await self._turn(order)
                if isinstance(order.effect, RunTool) and (known := self._recorded(order.effect)):
                    return known
            return await performer(order)

        return perform

    async def let_go(self) -> None:
        """Perform what waits, and all that comes."""
        self._released.set()

    async def _turn(self, order: Order) -> None:
        if not self._released.is_set():
            self._before.add(order.stream_id)
            await self._released.wait()
        is_other = order.stream_id != self._stream_id and order.stream_id in self._before
        is_job = category_of(order.stream_id) == _JOBS and self._unrecorded != "live"
        if is_other or is_job:
            await anyio.sleep_forever()

    def _recorded(self, effect: RunTool) -> RecordToolOutcome | None:
        """What came of such a call, or its refusal; None if it is to be made."""
        if effect.tool not in self._tools:
            return None
        waiting = self._outcomes[_named(effect.tool, effect.arguments)]
        if waiting:
            outcome = waiting.popleft()
        elif self._unrecorded == "live":
            return None
        else:
            self.unmade.append(effect.tool)
            outcome = ToolOutcome(content=_REFUSED, is_error=True)
        return RecordToolOutcome(key=effect.key, outcome=outcome, now=self._clock.now())


def _named(tool: str, arguments: str) -> str:
    """A call by what it is: the order of its arguments and the spaces between them are nothing."""
    try:
        told = json.dumps(json.loads(arguments), sort_keys=True)
    except ValueError:
        told = arguments
    return f"{tool} {told}"
