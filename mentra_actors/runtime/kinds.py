"""The kinds of streams, each with its decider."""

from collections.abc import Mapping

from mentra_actors.actors.inline_view import InlineFold
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.actors.stream_services import AnyStreamKind, StreamKind
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import (
    CallModel,
    CompensateCall,
    RunTool,
    SummarizeConversation,
)
from mentra_actors.domain.agent.profile import COMPACT, READ_TOOL_RESULT
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.lease import LEASE
from mentra_actors.domain.memory import MEMORY
from mentra_actors.domain.permission_rules import RULES
from mentra_actors.domain.schedules.schedules import SCHEDULES
from mentra_actors.domain.supervision.decide import SUPERVISION
from mentra_actors.domain.team import TEAM
from mentra_actors.domain.transcript import Transcript, apply
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore

__all__ = ["stream_kinds"]


def _reads_transcript(effect: object) -> bool:
    """What was said is for models, for undoing, and for the tool that reads on in results."""
    if isinstance(effect, RunTool):
        return effect.tool in (READ_TOOL_RESULT, COMPACT)
    return isinstance(effect, CallModel | CompensateCall | SummarizeConversation)


_TRANSCRIPT = InlineFold(initial=Transcript(), apply=apply, is_needed_by=_reads_transcript)


def stream_kinds(store: EventStore, journal: Journal | None = None) -> Mapping[str, AnyStreamKind]:
    """Kinds by category. An inbox has no owner: every writer appends to it directly."""
    journal = journal or Journal(store)
    return {
        "agent": StreamKind(AGENT, StateLoader(AGENT, store, journal), _TRANSCRIPT),
        "team": StreamKind(TEAM, StateLoader(TEAM, store, journal)),
        "board": StreamKind(BOARD, StateLoader(BOARD, store, journal)),
        "lease": StreamKind(LEASE, StateLoader(LEASE, store, journal)),
        "background": StreamKind(BACKGROUND, StateLoader(BACKGROUND, store, journal)),
        "rules": StreamKind(RULES, StateLoader(RULES, store, journal)),
        "memory": StreamKind(MEMORY, StateLoader(MEMORY, store, journal)),
        "supervision": StreamKind(SUPERVISION, StateLoader(SUPERVISION, store, journal)),
        "schedule": StreamKind(SCHEDULES, StateLoader(SCHEDULES, store, journal)),
    }
