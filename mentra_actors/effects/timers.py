"""Performs wake-ups."""

from mentra_actors.domain.agent.commands import ExpirePermission, ExpireRun
from mentra_actors.domain.background.jobs import RequestJobStop
from mentra_actors.domain.board.commands import ExpireClaim
from mentra_actors.domain.lease import RenewLease
from mentra_actors.domain.team.commands import ExpireRequest
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order
from mentra_actors.ids import CommandId, RunId

__all__ = ["Timers"]


class Timers:
    """The performer of `WaitUntil`. A timer whose time is past fires at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, order: Order) -> object:
        """See `Performer`."""
        effect: WaitUntil = order.effect
        await self._clock.sleep_until(effect.at)
        now = self._clock.now()
        match effect.then.split(":", 2):
            case ["renew-lease", epoch]:
                return RenewLease(epoch=int(epoch), now=now)
            case ["expire-run", "deadline", run_id]:
                return ExpireRun(run_id=RunId(run_id), limit="deadline", now=now)
            case ["expire-run", "stop", run_id]:
                return ExpireRun(run_id=RunId(run_id), limit="stop", now=now)
            case ["expire-permission", request_id]:
                return ExpirePermission(request_id=CommandId(request_id), now=now)
            case ["expire-request", request_id]:
                return ExpireRequest(request_id=request_id, now=now)
            case ["limit-job", job_id]:
                return RequestJobStop(job_id=job_id, cause="time_limit", now=now)
            case ["expire-claim", task_id, _]:
                claim = CommandId(order.effect_id)
                return ExpireClaim(command_id=claim, task_id=int(task_id), now=now)
            case _:
                raise ValueError(f"no command for the timer {effect.then!r}")
