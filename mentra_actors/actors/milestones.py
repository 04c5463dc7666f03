"""Milestones: states at older versions, so that a look into the past begins near to it.

There is one about every hundred events. Most keep only what has changed since the one before, and
each five hundred events a whole one begins anew: so they cost little more than whole ones that
are a thousand events apart.
"""

import threading
from collections import OrderedDict

import msgspec

from mentra_actors.codec.milestone_codec import (
    LONGEST_BASE,
    distance_to_base,
    packed_changes,
    packed_state,
    unpacked_state,
)
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import SnapshotReader, StateSnapshot

__all__ = [
    "EVENTS_PER_MILESTONE",
    "EVENTS_PER_WHOLE",
    "MilestoneMaker",
    "milestone_spacing",
    "state_through",
]

EVENTS_PER_MILESTONE = 100
"""As many as come between two snapshots: so a look back folds no more than one at the end does."""
EVENTS_PER_WHOLE = 500
"""How long a chain of changes gets: five reads, each of which costs what some events do."""
_FARTHEST_APART = 1000
_BYTES_AT_THIS_PACE = 16_384
_STREAMS_KNOWN = 256


def milestone_spacing(state_bytes: int) -> int:
    """Events between two milestones: those of large states are farther apart."""
    spacing = EVENTS_PER_MILESTONE * (1 + state_bytes // _BYTES_AT_THIS_PACE)
    return min(spacing, _FARTHEST_APART)


class MilestoneMaker:
    """Makes milestones of states, of each stream one after another. Safe from any thread.

    It knows the last one of the streams that it has served last, to keep only the changes.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[StreamId, tuple[int, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, stream_id: StreamId, version: int, state: bytes) -> None:
        """There is a milestone of this state."""
        with self._lock:
            self._last.pop(stream_id, None)
            if len(state) <= LONGEST_BASE:
                self._last[stream_id] = version, state
            if len(self._last) > _STREAMS_KNOWN:
                self._last.popitem(last=False)

    def due(self, snapshot: StateSnapshot, *, since: int) -> StateSnapshot | None:
        """The milestone of a snapshot, the last of which was at `since`; None if it is too near.

        It must be saved: the next one may need it.
        """
        version, state = snapshot.stream_version, snapshot.payload
        spacing = milestone_spacing(len(state))
        if version // spacing == since // spacing:
            return None
        with self._lock:
            last, base = self._last.get(snapshot.stream_id, (0, b""))
        is_near = 0 < last < version and last // EVENTS_PER_WHOLE == version // EVENTS_PER_WHOLE
        packed = packed_changes(state, base, version - last) if is_near else packed_state(state)
        self.begin(snapshot.stream_id, version, state)
        return msgspec.structs.replace(snapshot, payload=packed, is_milestone=True)


def state_through(
    reader: SnapshotReader, stream_id: StreamId, version: int
) -> StateSnapshot | None:
    """The youngest saved state that is not above a version, with its payload unpacked; or None.

    One whose base is gone or damaged is as good as none.

    Raises:
        StreamArchived: the stream must not be folded without its archive.
    """
    found = one = reader.snapshot_through(stream_id, version)
    if found is None or one is None:
        return None
    changes: list[bytes] = []
    while distance := distance_to_base(one.payload):
        changes.append(one.payload)
        one = reader.snapshot_through(stream_id, one.stream_version - distance)
        if one is None:
            return None
    state = unpacked_state(one.payload)
    while changes and state is not None:
        state = unpacked_state(changes.pop(), state)
    return None if state is None else msgspec.structs.replace(found, payload=state)
