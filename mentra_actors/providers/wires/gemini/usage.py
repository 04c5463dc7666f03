"""Tokens of a Gemini answer, from the counts that come with its chunks."""

from mentra_actors.domain.model_call import MOST_TOKENS, TokenUsage
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.wires.counts import count_of

__all__ = ["CountedTokens"]

_OF_THE_PROMPT = ("promptTokenCount", "cachedContentTokenCount")
_OF_THE_STEPS = ("candidatesTokenCount", "thoughtsTokenCount", "toolUsePromptTokenCount")


class CountedTokens:
    """What was counted so far.

    Counts of the prompt are estimates until the last chunk that has them, and may go down: the
    last one counts. The others are counts of one step where the server's own tools run, so they
    may go down or vanish at the end although the tokens were spent: the highest one counts.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, metadata: Json) -> None:
        """Take note of the counts of one chunk; a count that it has not stays as it was."""
        for name in _OF_THE_PROMPT:
            self._counts[name] = count_of(metadata, name) or self._counts.get(name, 0)
        for name in _OF_THE_STEPS:
            self._counts[name] = max(count_of(metadata, name), self._counts.get(name, 0))

    @property
    def usage(self) -> TokenUsage:
        """Results of the server's own tools are input, too; thoughts are output of their own."""
        return TokenUsage(
            input_tokens=self._sum("promptTokenCount", "toolUsePromptTokenCount"),
            output_tokens=self._sum("candidatesTokenCount", "thoughtsTokenCount"),
            cached_input_tokens=self._sum("cachedContentTokenCount"),
            reasoning_tokens=self._sum("thoughtsTokenCount"),
        )

    def _sum(self, *names: str) -> int:
        """The sum of some counts; one that is impossible would make all usage count as none."""
        return min(sum(self._counts.get(name, 0) for name in names), MOST_TOKENS)
