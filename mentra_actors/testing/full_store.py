"""A store on disk with some of everything in it, for tests of what takes care of stores."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent import events as agent
from mentra_actors.domain.blob import BlobRef
from mentra_actors.ids import CommandId, EffectId, RunId, StreamId
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StreamAppend,
    Tick,
    TickPiece,
)

if TYPE_CHECKING:
    import lmdb

__all__ = ["fill_store", "make_full_store"]

_WORDS = (
    "the",
    "agent",
    "reads",
    "a",
    "file",
    "and",
    "counts",
    "what",
    "it",
    "holds",
    "of",
    "lines",
)
_FENCE = "lease-writer"


class _SideRow:
    """One row of another library, beside an append."""

    def __init__(self, number: int) -> None:
        self._number = number

    def check(self, txn: "lmdb.Transaction", side: "lmdb._Database") -> None:
        """Refuse nothing."""

    def write(self, txn: "lmdb.Transaction", side: "lmdb._Database", appended: Appended) -> None:
        """Put a row under a prefix of its own."""
        txn.put(b"test-%d" % self._number, b"%d" % appended.last_position, db=side)


def make_full_store(path: Path, *, appends: int = 200, seed: int = 1, streams: int = 12) -> Path:
    """A closed store at `path`, the same for the same arguments but for its id."""
    store = LmdbEventStore.open(path, durability="volatile")
    try:
        fill_store(store, appends=appends, seed=seed, streams=streams)
    finally:
        store.close()
    return path


def fill_store(store: LmdbEventStore, *, appends: int, seed: int = 1, streams: int = 12) -> None:
    """Append, and put snapshots, blobs, marks, fences, answers, rows and ticks beside the log."""
    chance = random.Random(seed)
    first, epoch = store.last_position(), store.fence_epoch(_FENCE) + 1
    agents = [StreamId(f"agent-{number}") for number in range(streams)]
    for number in range(appends):
        stream_id = chance.choice(agents)
        request = msgspec.structs.replace(
            _request(store, stream_id, agents, chance, number),
            request_id=f"request-{first}-{number}" if _is_one_in(5, chance) else "",
            fence=Fence(_FENCE, epoch + number // 50),
            raise_fence=number % 50 == 0,
        )
        if _is_one_in(20, chance):
            appended = store.append_with(request, _SideRow(number))
        else:
            appended = store.append(request)
        if _is_one_in(10, chance):
            store.save_snapshot(_snapshot(stream_id, appended.versions[0], chance))
    _save_ticks(store, agents, random.Random(f"ticks {seed}"))
    store.put_blob(b"a blob that no event names")
    store.append(AppendRequest(open_streams=(agents[0],)))


def _request(
    store: LmdbEventStore,
    stream_id: StreamId,
    agents: Sequence[StreamId],
    chance: random.Random,
    number: int,
) -> AppendRequest:
    parts = [_part(store, stream_id, chance, number)]
    if _is_one_in(5, chance):
        inbox = StreamId("inbox" + chance.choice(agents).removeprefix("agent"))
        parts.append(_part(store, inbox, chance, number))
    if _is_one_in(10, chance):
        parts.append(_part(store, stream_id, chance, number))
    return AppendRequest(
        streams=tuple(parts),
        recorded_at_ns=10**18 + number * 10**9,
        causation=f"command-{number}" if number % 3 else "",
        correlation=f"run-{number % 7}",
        open_streams=(stream_id,) if _is_one_in(3, chance) else (),
        settled=((stream_id, 1 << 40),) if _is_one_in(3, chance) else (),
    )


def _part(
    store: LmdbEventStore, stream_id: StreamId, chance: random.Random, number: int
) -> StreamAppend:
    events = [_event(store, chance, number) for _ in range(chance.choice([1, 1, 2, 4]))]
    data = tuple(EncodedEvent(*CODEC.encode(event)) for event in events)
    return StreamAppend(stream_id=stream_id, events=data)


def _event(store: LmdbEventStore, chance: random.Random, number: int) -> object:
    if _is_one_in(4, chance):
        prompt_id = CommandId(f"prompt-{number}")
        text = _text(chance, 30)
        return agent.PromptAccepted(prompt_id=prompt_id, text=text, accepted_at=float(number))
    if _is_one_in(3, chance):
        return agent.RunStarted(run_id=RunId(f"run-{number}"), started_at=float(number))
    key = EffectId(f"call-{number}")
    if _is_one_in(2, chance):
        return agent.ToolCallSkipped(key=key, reason=_text(chance, 8))
    spilled = None
    if _is_one_in(10, chance):
        content = _text(chance, chance.choice([5, 900, 3000])).encode()
        spilled = BlobRef(digest=store.put_blob(content), size_bytes=len(content))
    return agent.ToolCallFinished(key=key, content=_text(chance, 40), spilled=spilled)


def _snapshot(stream_id: StreamId, version: int, chance: random.Random) -> StateSnapshot:
    payload = _text(chance, chance.choice([20, 600])).encode()
    return StateSnapshot(
        stream_id=stream_id, stream_version=version, fold_version=1, payload=payload
    )


def _is_one_in(number: int, chance: random.Random) -> bool:
    return chance.randrange(number) == 0


def _save_ticks(store: LmdbEventStore, agents: Sequence[StreamId], chance: random.Random) -> None:
    """Some that are kept, short ones and long ones, and some that went again."""
    kept = store.load_ticks()
    first = kept[-1].number + 1 if kept else 1
    for number in range(first, first + 8):
        pieces = tuple(
            TickPiece(stream_id, EffectId("call-1"), _text(chance, 20).encode())
            for stream_id in chance.sample(agents, chance.choice([1, len(agents)]))
        )
        store.save_tick(Tick(number=number, pieces=pieces), drop_below=max(number - 5, 0))


def _text(chance: random.Random, words: int) -> str:
    return " ".join(chance.choice(_WORDS) for _ in range(words))
