"""Reasoning in plain words, for those who cannot read back the form in which it came."""

from mentra_actors.domain.content import ThinkingBlock

__all__ = ["plain_reasoning"]


def plain_reasoning(block: ThinkingBlock) -> str:
    """The words of the reasoning, or a note that there are none; never empty."""
    words = "\n\n".join(part for part in block.parts if part.strip())
    if words:
        return words
    return "[redacted reasoning]" if block.is_redacted else "[reasoning unavailable]"
