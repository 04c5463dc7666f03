"""What a directory of actors is told of the log, and what the log's letters need of it."""

import logging
from collections.abc import Mapping
from concurrent.futures import Future

from mentra_actors.actors.directory import Directory
from mentra_actors.actors.messages import Answer, Envelope, error_in
from mentra_actors.actors.restart_policy import RestartStrategy, Teammates
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.domain.supervision.decide import SUPERVISION, SUPERVISION_STREAM
from mentra_actors.domain.supervision.events import LetterKept, letter_number
from mentra_actors.domain.supervision.state import SupervisionState
from mentra_actors.domain.team import TEAM, MemberJoined
from mentra_actors.errors import StoreError
from mentra_actors.ids import StreamId, TeamId, agent_stream, category_of, name_of
from mentra_actors.runtime.awaiting import wait_for
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore, JournalReader

__all__ = ["Redelivery", "Teams", "loaded_supervision"]

_log = logging.getLogger(__name__)

_PAGE = 256


def loaded_supervision(store: EventStore, journal: Journal) -> SupervisionState:
    """What earlier processes have left for a person."""
    try:
        return StateLoader(SUPERVISION, store, journal).load(SUPERVISION_STREAM).state
    except StoreError as error:
        _log.error("what is set aside cannot be read, so nothing is: %s", error)
        return SUPERVISION.initial


class Teams:
    """Who shares the fate of an agent, by the strategy that was chosen for its team."""

    def __init__(
        self,
        reader: JournalReader,
        journal: Journal,
        chosen: RestartStrategy | Mapping[TeamId, RestartStrategy],
    ) -> None:
        self._reader = reader
        self._journal = journal
        self._chosen: RestartStrategy | Mapping[TeamId, RestartStrategy] = chosen

    def of(self, stream_id: StreamId) -> Teammates | None:
        """The team of an agent, if its strategy says anything of others. Reads the store.

        Raises:
            StoreError: it cannot be read.
        """
        if category_of(stream_id) != "agent" or self._chosen == "one_for_one":
            return None
        for group in self._reader.stream_ids(TEAM.category):
            strategy = self._strategy_of(TeamId(name_of(group)))
            if strategy == "one_for_one":
                continue
            members = tuple(
                agent_stream(one.event.profile.agent_id)
                for one in self._journal.read_stream(group)
                if isinstance(one.event, MemberJoined)
            )
            if stream_id in members:
                return Teammates(strategy, group, members)
        return None

    def _strategy_of(self, team_id: TeamId) -> RestartStrategy:
        if isinstance(self._chosen, Mapping):
            return self._chosen.get(team_id, "one_for_one")
        return self._chosen


class Redelivery:
    """See `mentra_actors.effects.team.letter_deliveries.Redelivery`."""

    def __init__(self, directory: Directory, journal: Journal) -> None:
        self._directory = directory
        self._journal = journal

    def letter_of(self, letter_id: str) -> LetterKept | None:
        """See the protocol. A letter stands no earlier than at its own number."""
        after = letter_number(letter_id) - 1
        while after >= 0:
            page = self._journal.read_stream(
                SUPERVISION_STREAM, after=after, through=after + _PAGE
            )
            for one in page:
                if isinstance(one.event, LetterKept) and one.event.letter_id == letter_id:
                    return one.event
            after = page[-1].stream_version if page else -1
        return None

    async def send(self, letter: LetterKept, command: object) -> None:
        """See the protocol. On the effects loop."""
        future: Future[None] = Future()

        def on_answer(answer: Answer) -> None:
            error = error_in(answer)
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        envelope = Envelope(
            command,
            on_answer,
            causation=f"redrive/{letter.letter_id}",
            is_outcome=letter.is_outcome,
            letter_id=letter.letter_id,
        )
        self._directory.send(letter.stream_id, envelope)
        await wait_for(future)
