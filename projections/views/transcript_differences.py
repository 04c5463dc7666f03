"""What differs between two transcripts. Pure."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

import msgspec
from msgspec.structs import replace

from projections.views.transcript_item import TranscriptItem

__all__ = ["Passage", "TranscriptDifference", "transcript_difference"]

_IDS = ("key", "mail_id", "run_id")
_ENCODER = msgspec.json.Encoder(order="deterministic")


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbouring items that only one transcript has, or that stand in each other's place."""

    removed: tuple[TranscriptItem, ...] = ()
    added: tuple[TranscriptItem, ...] = ()


class TranscriptDifference(msgspec.Struct, frozen=True, kw_only=True):
    """Passages that differ, in order."""

    passages: tuple[Passage, ...] = ()

    @property
    def removed(self) -> Sequence[TranscriptItem]:
        """All items that only the transcript before has."""
        return [item for passage in self.passages for item in passage.removed]

    @property
    def added(self) -> Sequence[TranscriptItem]:
        """All items that only the transcript after has."""
        return [item for passage in self.passages for item in passage.added]


def transcript_difference(
    before: Sequence[TranscriptItem], after: Sequence[TranscriptItem]
) -> TranscriptDifference:
    """What was said in one and not in the other; when and where it was recorded does not count."""
    words = [[_said(item) for item in side] for side in (before, after)]
    same = _common_start(*words)
    matcher = SequenceMatcher(None, words[0][same:], words[1][same:], autojunk=False)
    passages = [
        Passage(
            removed=tuple(before[same + old : same + old_end]),
            added=tuple(after[same + new : same + new_end]),
        )
        for how, old, old_end, new, new_end in matcher.get_opcodes()
        if how != "equal"
    ]
    return TranscriptDifference(passages=tuple(passages))


def _said(item: TranscriptItem) -> bytes:
    """The words of an item without the ids of its call, letter or run: those only count."""
    content: Any = item.content
    named = [name for name in _IDS if hasattr(content, name)]
    return _ENCODER.encode(replace(content, **dict.fromkeys(named, "")) if named else content)


def _common_start(before: Sequence[bytes], after: Sequence[bytes]) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((at for at, (old, new) in pairs if old != new), min(len(before), len(after)))
