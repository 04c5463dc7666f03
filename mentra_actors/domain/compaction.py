"""Shortening a conversation for the model: which part goes, which words stay, how it is told.

The log and the tree of entries stay whole. A compaction says up to which entry of the path the
words are replaced, by which summary, and which entries of them stay word for word. Pure.
"""

from collections.abc import Sequence

import msgspec

from mentra_actors.domain.agent.profile import CompactionOptions
from mentra_actors.domain.content import (
    AssistantMessage,
    Message,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.conversation_tree import Entry, Transcript
from mentra_actors.ids import EntryId

__all__ = [
    "NOTHING_OLDER",
    "SUMMARY_SYSTEM",
    "CompactionPlan",
    "ConversationSummary",
    "compaction_plan",
    "rendered_summary",
    "summary_in",
]

SUMMARY_SYSTEM = (
    "You shorten the transcript of an agent at work, so that it can go on without the older part. "
    "Answer with one JSON object and nothing else. Its keys: goal, progress (texts); decisions, "
    "constraints, delegated_work, artifacts, open_questions, next_steps, files_touched (lists of "
    "texts). Keep names, numbers, paths and exact errors. Invent nothing."
)

NOTHING_OLDER = "there was no older history to summarize"
"""Why a conversation was not compacted."""

CHARS_PER_TOKEN = 4


class ConversationSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent must still know of the part of its conversation that is replaced."""

    goal: str = ""
    progress: str = ""
    decisions: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    delegated_work: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    open_questions: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    files_touched: tuple[str, ...] = ()


class CompactionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be summarised: `material` is the text of it, the newest of it if it is long."""

    through: EntryId
    kept: tuple[EntryId, ...]
    replaced: int
    material: str


def compaction_plan(transcript: Transcript, options: CompactionOptions) -> CompactionPlan | None:
    """How the conversation can be shortened now; None if there is nothing older to summarise.

    The newest words stay: the last entry, and an answer with all of its results.
    """
    path = [transcript.entries[number - 1] for number in transcript.path]
    tail = _tail_length(path)
    older = path[: len(path) - tail]
    if not older:
        return None
    kept = _kept(older, options.preserve_recent_user_tokens)
    before = transcript.compaction_on_path
    first = before.through if before else EntryId(0)
    fresh = [one for one in older if one.entry_id > first and one.entry_id not in kept]
    if not fresh:
        return None
    told = [_told(one.message) for one in fresh]
    if before is not None:
        told.insert(0, before.summary)
    return CompactionPlan(
        through=older[-1].entry_id,
        kept=kept,
        replaced=len(older) - len(kept),
        material="\n\n".join(told)[-options.summary_max_input_chars :],
    )


def _tail_length(path: Sequence[Entry]) -> int:
    """Entries at the end of the path that stay: no call is parted from its results."""
    if len(path) > 1 and path[-1].kind == "tool_exchange":
        return 2
    return min(len(path), 1)


def _kept(older: Sequence[Entry], budget_tokens: int) -> tuple[EntryId, ...]:
    """The newest words of people that fit into the budget; the last ones in any case."""
    kept: list[EntryId] = []
    left = budget_tokens
    for entry in reversed(older):
        if entry.kind != "user_turn" or not isinstance(entry.message, UserMessage):
            continue
        left -= _tokens(entry.message.text)
        if kept and left < 0:
            break
        kept.append(entry.entry_id)
    return tuple(reversed(kept))


def _tokens(text: str) -> int:
    return -(-len(text) // CHARS_PER_TOKEN)


def _told(message: Message) -> str:
    match message:
        case UserMessage(text=text, source=source):
            return f"{source}: {text}"
        case AssistantMessage(blocks=blocks):
            calls = [
                f"call {block.name} {block.arguments}"
                for block in blocks
                if isinstance(block, ToolCallBlock)
            ]
            return "\n".join([f"assistant: {text_of(blocks)}", *calls])
        case ToolResultsMessage(results=results):
            return "\n".join(f"result of {one.name}: {one.content}" for one in results)


def summary_in(answer: str) -> ConversationSummary:
    """The summary that a model has written; words that are no JSON are its `progress`."""
    text = answer.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        return msgspec.json.decode(text, type=ConversationSummary)
    except (msgspec.DecodeError, RecursionError):
        return ConversationSummary(
            progress=answer.strip(), next_steps=("Go on from the newest messages.",)
        )


def rendered_summary(summary: ConversationSummary) -> str:
    """The summary as the model sees it."""
    lines = [
        "[Compaction summary]",
        f"Goal: {summary.goal or '(none)'}",
        f"Progress: {summary.progress or '(none)'}",
    ]
    for title, points in (
        ("Decisions", summary.decisions),
        ("Constraints", summary.constraints),
        ("Delegated work", summary.delegated_work),
        ("Artifacts", summary.artifacts),
        ("Open questions", summary.open_questions),
        ("Next steps", summary.next_steps),
        ("Files touched", summary.files_touched),
    ):
        lines.append(f"{title}:" if points else f"{title}: (none)")
        lines.extend(f"- {point}" for point in points)
    return "\n".join(lines)
