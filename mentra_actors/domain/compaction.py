"""Shortening a conversation for the model: which part goes, which words stay, how it is told.

The log and the tree of entries stay whole. A compaction says up to which entry of the path the
words are replaced, by which summary, and which entries of them stay word for word. Pure.
"""

from collections.abc import Iterator, Sequence

import msgspec

from mentra_actors.domain.agent.profile import DELEGATION, CompactionOptions
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.compaction_facts import (
    extracted_facts,
    joined_paths,
    rendered_facts,
    touched_files,
)
from mentra_actors.domain.content import (
    AssistantMessage,
    Attachment,
    ImageBlock,
    Message,
    OpaqueBlock,
    ToolCallBlock,
    ToolResultsMessage,
    UserMessage,
    text_of,
)
from mentra_actors.domain.conversation_tree import Entry, Transcript
from mentra_actors.domain.token_estimate import message_tokens, text_tokens
from mentra_actors.domain.told_entries import told_messages
from mentra_actors.domain.transcript import LETTER
from mentra_actors.ids import EffectId, EntryId

__all__ = [
    "NOTHING_OLDER",
    "SUMMARY_SYSTEM",
    "CompactionPlan",
    "ConversationSummary",
    "compaction_limit",
    "compaction_plan",
    "needs_compaction",
    "older_messages",
    "rendered_summary",
    "summary_in",
    "told_remotely",
    "told_summary",
]

SUMMARY_SYSTEM = (
    "You shorten the transcript of an agent at work, so that it can go on without the older part. "
    "Answer with one JSON object and nothing else. Its keys: goal, progress (texts); decisions, "
    "constraints, delegated_work, artifacts, open_questions, next_steps, files_touched (lists of "
    "texts). Keep names, numbers, paths and exact errors. Invent nothing."
)

NOTHING_OLDER = "there was no older history to summarize"
"""Why a conversation was not compacted."""

_GO_ON = "Go on from the newest messages."
_FALLBACK_CHARS = 4_000
"""Of what was said, for models that cannot read what a provider has made of it."""

_MOST_FILES = 200
"""A summary names the newest."""

_PAIR = 2
"""An answer and its results."""


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
    """What is to be summarised: `material` is the text of it, the newest of it if it is long.

    `kept` are entries that stay word for word, `kept_results` the keys of calls whose results are
    told as words, `files_touched` the paths that are known without a model.
    """

    through: EntryId
    kept: tuple[EntryId, ...]
    kept_results: tuple[EffectId, ...]
    replaced: int
    material: str
    files_touched: tuple[str, ...]


def compaction_limit(options: CompactionOptions, window: int | None) -> int | None:
    """Tokens above which a request waits for a compaction; None if it never does.

    The smaller of the limits that are known; `window` is that of the model, in tokens.
    """
    share, limits = options.auto_compact_share, [options.auto_compact_threshold_tokens]
    if share is not None and window:
        limits.append(int(window * share))
    known = [one for one in limits if one is not None]
    return max(min(known), 1) if known else None


def needs_compaction(transcript: Transcript, shown: int, tokens: int, limit: int) -> bool:
    """Whether a request of `tokens`, `shown` of them of the conversation, has to be made shorter.

    It has when it is longer than the limit, unless the conversation was compacted (or could not
    be, or was told long again) and has not grown by a quarter of the limit since: what must stay
    may be too long by itself, and would be compacted again before each request.
    """
    if tokens <= limit:
        return False
    grown = shown - transcript.settled_tokens
    return not transcript.settled_tokens or grown >= max(limit // 4, 1)


def compaction_plan(
    transcript: Transcript, options: CompactionOptions, limit: int = 0
) -> CompactionPlan | None:
    """How the conversation can be shortened now; None if there is nothing older to summarise.

    The newest words stay: the last entry, and an answer with all of its results. If that is all
    there is the answer and its results are summarised, too. What stays of the older words is
    bounded by the `limit` of a request (0: not known), so that there is room to go on.
    """
    path = [transcript.entries[number - 1] for number in transcript.path]
    tail = _tail_length(path)
    plan = _plan(transcript, path[: len(path) - tail], options, limit)
    if plan is None and tail == _PAIR:
        return _plan(transcript, path, options, limit)
    return plan


def _plan(
    transcript: Transcript, older: Sequence[Entry], options: CompactionOptions, limit: int
) -> CompactionPlan | None:
    most = options.preserve_recent_user_tokens
    kept = _kept_words(older, min(most, limit // 2) if limit else most)
    letters, results = _kept_work(
        older,
        options.preserve_recent_delegation_results,
        min(most, limit // 4) if limit else most,
    )
    kept = tuple(sorted((*kept, *letters)))
    is_kept = frozenset(kept)
    before = transcript.placed_compaction
    earlier = before.compaction if before else None
    said = [one.message for one in _told_whole(older, earlier) if one.entry_id not in is_kept]
    if not said:
        return None
    return CompactionPlan(
        through=older[-1].entry_id,
        kept=kept,
        kept_results=results,
        replaced=len(older) - len(kept),
        material=_material(said, earlier, options.summary_max_input_chars),
        files_touched=joined_paths(earlier.files_touched if earlier else (), touched_files(said)),
    )


def _told_whole(older: Sequence[Entry], earlier: Compaction | None) -> Iterator[Entry]:
    """Entries that stand in no summary yet: those after the last one, and those that it kept."""
    first = earlier.through if earlier else EntryId(0)
    was_kept = frozenset(earlier.kept if earlier else ())
    return (one for one in older if one.entry_id > first or one.entry_id in was_kept)


def _material(said: Sequence[Message], earlier: Compaction | None, most_chars: int) -> str:
    """Facts, the summary before, and what was said since: of that the newest, if it is long."""
    head = [rendered_facts(extracted_facts(said)), earlier.summary if earlier else ""]
    head = [part[: most_chars // 4] for part in head if part]
    left = most_chars - sum(map(len, head))
    told: list[str] = []
    for message in reversed(said):
        text = _told(message)
        told.append(text[-left:] if left > 0 else "")
        left -= len(text)
        if left <= 0:
            break
    return "\n\n".join([*head, *filter(None, reversed(told))])


def _tail_length(path: Sequence[Entry]) -> int:
    """Entries at the end of the path that stay: no call is parted from its results."""
    if len(path) > 1 and path[-1].kind == "tool_exchange":
        return _PAIR
    return min(len(path), 1)


def _kept_words(older: Sequence[Entry], budget_tokens: int) -> tuple[EntryId, ...]:
    """The newest words of people that fit into the budget; the last ones in any case."""
    kept: list[EntryId] = []
    left = budget_tokens
    for entry in reversed(older):
        if entry.kind != "user_turn" or not isinstance(entry.message, UserMessage):
            continue
        left -= message_tokens(entry.message)
        if kept and left < 0:
            break
        kept.append(entry.entry_id)
    return tuple(reversed(kept))


def _kept_work(
    older: Sequence[Entry], most: int, budget_tokens: int
) -> tuple[tuple[EntryId, ...], tuple[EffectId, ...]]:
    """Entries with the newest letters of teammates, and keys of the newest results of `task`.

    Together no more than `most`, and no more than fit into the budget.
    """
    letters: list[EntryId] = []
    results: list[EffectId] = []
    left = budget_tokens
    for entry, key, text in _delegated(older):
        left -= text_tokens(text)
        if len(letters) + len(results) >= most or left < 0:
            break
        if key:
            results.append(key)
        else:
            letters.append(entry.entry_id)
    return tuple(reversed(letters)), tuple(reversed(results))


def _delegated(older: Sequence[Entry]) -> Iterator[tuple[Entry, EffectId, str]]:
    """What others have done, the newest first: letters, and results with the key of their call."""
    for entry in reversed(older):
        message = entry.message
        if isinstance(message, UserMessage) and _is_letter(entry, message):
            yield entry, EffectId(""), message.text
        if isinstance(message, ToolResultsMessage):
            pairs = list(zip(entry.keys, message.results, strict=False))
            for key, result in reversed(pairs):
                if result.name == DELEGATION and not result.is_error:
                    yield entry, key, result.content


def _is_letter(entry: Entry, message: UserMessage) -> bool:
    return entry.kind == "mail" and message.text.startswith(LETTER)


def _told(message: Message) -> str:
    match message:
        case UserMessage(text=text, source=source, attachments=attachments):
            return "\n".join([f"{source}: {text}", *map(_named, attachments)])
        case AssistantMessage(blocks=blocks):
            calls = [
                f"call {block.name} {block.arguments}"
                for block in blocks
                if isinstance(block, ToolCallBlock)
            ]
            images = [_named(block) for block in blocks if isinstance(block, ImageBlock)]
            return "\n".join([f"assistant: {text_of(blocks)}", *images, *calls])
        case ToolResultsMessage(results=results):
            lines = [
                line
                for one in results
                for line in (f"result of {one.name}: {one.content}", *map(_named, one.attachments))
            ]
            return "\n".join(lines)


def _named(one: Attachment) -> str:
    """What stands for an attachment where only words are read."""
    if isinstance(one, ImageBlock):
        return f"[an image was here{_of_type(one.media_type)}]"
    name = f": {one.name}" if one.name else ""
    return f"[a file was here{name}{_of_type(one.media_type)}]"


def _of_type(media_type: str) -> str:
    return f" ({media_type})" if media_type else ""


def older_messages(transcript: Transcript, plan: CompactionPlan) -> tuple[Message, ...]:
    """The older part of a conversation as models are told it until now."""
    path = [transcript.entries[number - 1] for number in transcript.path]
    older = [entry for entry in path if entry.entry_id <= plan.through]
    return tuple(
        told_messages(
            older,
            transcript.placed_compaction,
            transcript.stubbed_through,
            has_open_calls=False,
        )
    )


def told_summary(plan: CompactionPlan, answer: str, model: str) -> Compaction:
    """The compaction that a model has written, with the files that are known without it."""
    summary = summary_in(answer)
    files = joined_paths(plan.files_touched, summary.files_touched)
    return _compaction(plan, msgspec.structs.replace(summary, files_touched=files), model)


def told_remotely(
    plan: CompactionPlan, blocks: tuple[OpaqueBlock, ...], text: str, model: str
) -> Compaction:
    """The compaction that a provider has made; in words, too, for models that cannot read it."""
    facts = plan.material[-_FALLBACK_CHARS:]
    summary = ConversationSummary(
        progress=text or f"The last of what was said before:\n{facts}",
        next_steps=(_GO_ON,),
        files_touched=plan.files_touched,
    )
    return msgspec.structs.replace(_compaction(plan, summary, model), remote=blocks)


def _compaction(plan: CompactionPlan, summary: ConversationSummary, model: str) -> Compaction:
    return Compaction(
        through=plan.through,
        summary=rendered_summary(summary),
        kept=plan.kept,
        kept_results=plan.kept_results,
        replaced=plan.replaced,
        files_touched=summary.files_touched,
        asked_model=model,
    )


def summary_in(answer: str) -> ConversationSummary:
    """The summary that a model has written; empty if it says nothing.

    Words that are no JSON, or JSON with other keys, are its `progress`.
    """
    text = answer.strip().removeprefix("```json").removeprefix("```").removesuffix("```").strip()
    try:
        found = msgspec.json.decode(text, type=ConversationSummary)
        if found != ConversationSummary() or not msgspec.json.decode(text):
            return found
    except (msgspec.DecodeError, RecursionError):
        pass
    return ConversationSummary(progress=answer.strip(), next_steps=(_GO_ON,))


def _newest_files(paths: Sequence[str]) -> Sequence[str]:
    """They add up over compactions; a summary has to stay short."""
    left = len(paths) - _MOST_FILES
    return paths if left <= 0 else [f"({left} more before these)", *paths[left:]]


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
        ("Files touched", _newest_files(summary.files_touched)),
    ):
        lines.append(f"{title}:" if points else f"{title}: (none)")
        lines.extend(f"- {point}" for point in points)
    return "\n".join(lines)
