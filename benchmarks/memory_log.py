"""Logs for the benchmarks of memory: texts in which words are as frequent as in natural text."""

import itertools
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.memory import MemoryRecord, MemoryRecorded
from mentra_actors.domain.model_call import StopReason
from mentra_actors.ids import AgentId, CommandId, EffectId, RunId, agent_stream, memory_stream
from mentra_actors.store.journal import Journal
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import AppendRequest

AGENT = AgentId("ann")
WORDS_PER_RECORD = 40
VOCABULARY = 20_000
APPEND = 200


def texts(words: int, seed: int) -> Iterator[str]:
    """Texts of so many words; the n-th most frequent word has the weight 1/n."""
    chance = random.Random(seed)
    named = random.Random(1)
    vocabulary = [
        "".join(named.choices("abcdefghijklmnopqrstuvwxyz", k=named.randrange(3, 11)))
        for _ in range(VOCABULARY)
    ]
    cumulative = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    while True:
        yield " ".join(chance.choices(vocabulary, cum_weights=cumulative, k=words))


def run_of(number: int, said: str, answer: str, *, agent: str = "ann") -> list[Any]:
    """The events of a run of one round."""
    prompt, run = CommandId(f"p{number}"), RunId(f"{agent}/run-{number}")
    effect = EffectId(f"model-{number}")
    return [
        e.PromptAccepted(prompt_id=prompt, text=said, accepted_at=float(number)),
        e.RunStarted(run_id=run, started_at=float(number)),
        e.InputPlaced(run_id=run, prompt_ids=(prompt,)),
        e.ModelCallRequested(effect_id=effect, run_id=run, round=1),
        e.ModelReplied(
            effect_id=effect, blocks=(TextBlock(text=answer),), stop_reason=StopReason.END_TURN
        ),
        e.RunFinished(run_id=run, finished_at=float(number), answer=effect),
    ]


def facts_of(numbers: Iterable[int], contents: Iterator[str]) -> list[Any]:
    """Pinned facts."""
    return [
        MemoryRecorded(
            record=MemoryRecord(
                record_id=f"r{number}",
                kind="fact",
                content=next(contents),
                source="manual_pin",
                recorded_at=float(number),
                by="ann",
                pinned=True,
            )
        )
        for number in numbers
    ]


def fill(path: Path, count: int) -> list[str]:
    """A log with so many records, half of them runs and half of them facts; their texts."""
    contents, kept = texts(WORDS_PER_RECORD, 2), []
    store = LmdbEventStore.open(path, durability="volatile")
    journal = Journal(store)
    for start in range(0, count // 2, APPEND):
        numbers = range(start, min(start + APPEND, count // 2))
        said: list[Any] = []
        for number in numbers:
            words = next(contents)
            kept.append(words)
            half = len(words) // 2
            said += run_of(number, words[:half], words[half:])
        facts = facts_of(numbers, contents)
        kept += [one.record.content for one in facts]
        parts = (
            journal.stream_append(agent_stream(AGENT), said, None),
            journal.stream_append(memory_stream(AGENT), facts, None),
        )
        store.append(AppendRequest(streams=parts))
    store.close()
    return kept
