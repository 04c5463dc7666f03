"""Recalls what an agent remembers for a request, within a time that no request has to wait longer.

Nothing is looked for where nothing can be found: as long as there are no facts, and the model
sees all that was said, a request costs nothing. What was said on another branch is not recalled:
whoever left it did not want it told.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

import anyio

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.board.state import BoardState
from mentra_actors.domain.conversation_tree import Transcript, closed
from mentra_actors.domain.memory import FoundRecord
from mentra_actors.domain.memory_views import SeenWords
from mentra_actors.domain.recalled import has_unseen, recall_question, recalled_text, seen_words
from mentra_actors.domain.storable import encodable
from mentra_actors.effects.ports import Looks
from mentra_actors.errors import MentraError
from mentra_actors.ids import AgentId, board_stream
from mentra_actors.tools.results.rendering import error_words

__all__ = ["Recall", "RecallPort"]

_log = logging.getLogger(__name__)

_MOST_WARNED = 10_000


class RecallPort(Protocol):
    """The memories of agents, as far as requests recall them. On the effects loop."""

    def has_facts(self, profile: AgentProfile) -> bool:
        """True if a fact was ever pinned that the agent may see. Does not block."""
        ...

    async def recall(
        self, profile: AgentProfile, question: str, seen: SeenWords
    ) -> Sequence[FoundRecord]:
        """The records that answer best, best first, but for those that the model sees anyway.

        What is cancelled goes on elsewhere, and its answer is dropped.

        Raises:
            TimeoutError: it would take longer than the agent's options allow.
            StoreError: the log or the index cannot be read.
        """
        ...


class Recall:
    """Says what a request tells of the memory. On the effects loop."""

    def __init__(self, memories: RecallPort, boards: Looks) -> None:
        self._memories = memories
        self._boards = boards
        self._warned: set[AgentId] = set()

    async def of(self, profile: AgentProfile, transcript: Transcript) -> tuple[str, str]:
        """What is recalled, empty for nothing; and why it was not looked for to the end, if so."""
        options = profile.memory
        is_wanted = options.auto_recall_enabled and options.auto_recall_limit > 0
        if not is_wanted or not (has_unseen(transcript) or self._memories.has_facts(profile)):
            return "", ""
        problem = f"not found within {options.auto_recall_timeout_s:g} s"
        try:
            with anyio.move_on_after(options.auto_recall_timeout_s):
                found = await self._found(profile, closed(transcript))
                return recalled_text(found, options.auto_recall_char_budget), ""
        except TimeoutError as error:
            problem = str(error) or problem
        except Exception as error:  # noqa: BLE001 - no memory is worth an answer
            problem = encodable(error_words(error))
        self._warn(profile, problem)
        return "", problem

    async def _found(self, profile: AgentProfile, transcript: Transcript) -> Sequence[FoundRecord]:
        question = recall_question(transcript.messages, await self._tasks(profile))
        return await self._memories.recall(profile, question, seen_words(transcript))

    async def _tasks(self, profile: AgentProfile) -> str:
        """The unfinished tasks of the agent."""
        try:
            board: BoardState = await self._boards.look(board_stream(profile.team_id))
        except MentraError:
            return ""
        own = [
            f"{task.subject}: {task.description}"
            for task in board.tasks.values()
            if task.owner == profile.name and task.status != "completed"
        ]
        return "\n".join(["Tasks:", *own]) if own else ""

    def _warn(self, profile: AgentProfile, problem: str) -> None:
        """Once for each agent: it may happen in every round."""
        if profile.agent_id in self._warned or len(self._warned) >= _MOST_WARNED:
            return
        self._warned.add(profile.agent_id)
        _log.warning("nothing is recalled for %s: %s", profile.agent_id, problem)
