"""What a model is told of its memory behind a conversation, in so many characters. Pure."""

import re
from collections.abc import Sequence

from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.memory import FoundRecord
from mentra_actors.domain.memory_views import SeenWords
from mentra_actors.ids import EntryId

__all__ = ["has_unseen", "recall_question", "recalled_text", "seen_words"]

QUESTION_MESSAGES = 6
QUESTION_CHARS = 4_000
"""Of one message; the rest of a longer one is not looked for."""

_BEGIN = "<recalled-memory>\n"
_END = "</recalled-memory>"
_CUT = " […]"
_TAG = re.compile(r"<(?=\s*/?\s*recalled-memory)", re.IGNORECASE)


def recalled_text(found: Sequence[FoundRecord], most_chars: int) -> str:
    """The message, at most so many characters with all that frames it; empty if none fits.

    A record that does not fit is cut, and the ones after it are left out.
    """
    left = most_chars - len(_BEGIN) - len(_END)
    lines: list[str] = []
    for one in found:
        head = f"[{one.record.kind} rev={one.revision} source={one.record.source} why={one.why}] "
        content = _TAG.sub("&lt;", one.record.content)
        line = f"{head}{content}\n"
        if len(line) > left:
            room = left - len(head) - len(_CUT) - 1
            if room > 0:
                lines.append(f"{head}{content[:room]}{_CUT}\n")
            break
        lines.append(line)
        left -= len(line)
    return f"{_BEGIN}{''.join(lines)}{_END}" if lines else ""


def has_unseen(transcript: Transcript) -> bool:
    """True if an agent has said something that its model does not see any more."""
    return bool(transcript.compactions)


def seen_words(transcript: Transcript) -> SeenWords:
    """What the model sees of the conversation, and what stands on other branches of it."""
    path = frozenset(transcript.path)
    newest = transcript.placed_compaction
    return SeenWords(path=path, through=newest.compaction.through if newest else EntryId(0))


def recall_question(messages: Sequence[Message], tasks: str) -> str:
    """What is looked for: what was said last, the newest first, and the tasks of the agent."""
    newest_first = reversed(messages[-QUESTION_MESSAGES:])
    said = [_text(one)[:QUESTION_CHARS] for one in newest_first]
    return "\n".join(text for text in [*said, tasks] if text)


def _text(message: Message) -> str:
    match message:
        case UserMessage(text=text):
            return text
        case AssistantMessage(blocks=blocks):
            return text_of(blocks)
        case ToolResultsMessage():
            return ""
