"""Episodes and summaries, read off an agent's stream: what is remembered without being written.

A run that ended with an answer is an episode: what people said, what the model answered, its calls
with their arguments, and the beginning of each result; but not its calls of the tools of memory.
What was said in a run that was broken off
belongs to the run that goes on with it; a run that was taken back is no episode. A compaction is
a summary.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.entries import entries_in
from mentra_actors.domain.content import ToolCallBlock, text_of
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.memory import MAX_TEXT_BYTES, MemoryRecord, episode_id, summary_id
from mentra_actors.ids import AgentId, RunId

__all__ = ["START", "EpisodeFold", "FoldPlace", "Remembered", "without_middle"]

RESULT_CHARS = 500
"""How much of a result an episode tells."""
ARGUMENTS_CHARS = 2_000
_LOOSE_BYTES = 4 * MAX_TEXT_BYTES
_MEMORY_TOOLS = "memory_"
_MARK = "\n[… {:,} bytes left out …]\n"


class FoldPlace(NamedTuple):
    """A place in a stream: its version, and how many entries of a conversation stood before."""

    version: int = 0
    entries: int = 0


START = FoldPlace()


class Remembered(NamedTuple):
    """A record, the version of its stream that made it, and where it stands in the conversation.

    `entry` is the last entry of an episode. Of a summary it is how many entries there were then;
    0 for a fact.
    """

    record: MemoryRecord
    revision: int
    entry: int = 0


class _Said(NamedTuple):
    """Input, and the place before the event that brought it."""

    text: str
    before: FoldPlace


class _Open:
    """A run, as far as it has come, and what of it would stay if it were taken back."""

    def __init__(self, run_id: RunId, begins: FoldPlace) -> None:
        self.run_id = run_id
        self.begins = begins
        self.lines = _Lines()
        self.last_entry = 0
        """Of its last answer; 0 if it has none."""
        self.placed: dict[str, list[_Said]] = {}
        self._prompts: list[str] = []

    def place(self, key: str, said: _Said) -> None:
        self.begins = min(self.begins, said.before)
        self.lines.add(said.text)
        self.placed.setdefault(key, []).append(said)
        if key.startswith("prompt:"):
            self._prompts.append(said.text)

    def take_back(self) -> None:
        """Leave only the prompts: what came otherwise waits again."""
        self.lines, self.last_entry = _Lines(), 0
        for prompt in self._prompts:
            self.lines.add(prompt)

    def go_on_as(self, run_id: RunId) -> None:
        self.run_id, self.placed = run_id, {}


class _Lines:
    """Text that grows at its end; what no record would tell of its middle is dropped."""

    def __init__(self) -> None:
        self._head = ""
        self._parts: list[str] = []
        self._bytes = 0
        self._dropped = 0

    def add(self, line: str) -> None:
        self._parts.append(line)
        self._bytes += len(line.encode()) + 1
        if self._bytes > _LOOSE_BYTES:
            self._drop_middle()

    def _drop_middle(self) -> None:
        content = "\n".join(self._parts).encode()
        if not self._head:
            self._head = content[:MAX_TEXT_BYTES].decode(errors="ignore")
        tail = content[-MAX_TEXT_BYTES:].decode(errors="ignore")
        self._dropped += len(content) - len(tail.encode())
        self._parts, self._bytes = [tail], len(tail.encode())

    def text(self) -> str:
        tail = "\n".join(self._parts)
        if not self._head:
            return without_middle(tail, MAX_TEXT_BYTES)
        hidden = self._dropped - len(self._head.encode())
        return without_middle(self._head + tail, MAX_TEXT_BYTES, hidden=hidden)


def without_middle(text: str, most_bytes: int, *, hidden: int = 0) -> str:
    """The text, at most so many bytes of UTF-8: its beginning, its end, and how much is missing.

    `hidden` bytes of its middle are missing already.
    """
    content = text.encode()
    if len(content) <= most_bytes and not hidden:
        return text
    half = (most_bytes - len(_MARK.format(len(content) + hidden).encode())) // 2
    head = content[:half].decode(errors="ignore")
    tail = content[-half:].decode(errors="ignore")
    missing = len(content) + hidden - len(head.encode()) - len(tail.encode())
    return f"{head}{_MARK.format(missing)}{tail}"


class EpisodeFold:
    """Reads one stream in its order, from its first event or from a `safe` place of before."""

    def __init__(self, agent_id: AgentId, start: FoldPlace = START) -> None:
        self._telling = _Telling(agent_id, start)

    @property
    def safe(self) -> FoldPlace:
        """From where an empty fold comes to the same records as this one."""
        return min([self._telling.at, *self._telling.needed()])

    def step(self, event: object, version: int) -> Remembered | None:
        """Take one event, or a part of a split one; what is remembered since, if anything is."""
        telling = self._telling
        if version > telling.at.version:
            telling.before = telling.at
        tell = _STEPS.get(type(event))
        remembered = None if tell is None else tell(telling, event)
        telling.at = FoldPlace(version, telling.at.entries + entries_in(event))
        if remembered is None:
            return None
        record, entry = remembered
        return Remembered(record, version, entry)


class _Telling:
    """What is known of a stream between two events."""

    def __init__(self, agent_id: AgentId, start: FoldPlace) -> None:
        self.before = self.at = start
        """The place before the stored event that is read, and the one after its part."""
        self._agent_id = agent_id
        self._waiting: dict[str, list[_Said]] = {}
        self._run: _Open | None = None
        self._broken: _Open | None = None

    def needed(self) -> list[FoldPlace]:
        """Before which events stands what is still to be told."""
        needed = [said.before for queue in self._waiting.values() for said in queue]
        return needed + [run.begins for run in (self._run, self._broken) if run is not None]

    # --- input ----------------------------------------------------------------------------

    def prompt(self, event: e.PromptAccepted) -> None:
        self._wait(f"prompt:{event.prompt_id}", f"user: {event.text}")

    def mail(self, event: e.MailTaken) -> None:
        for letter in event.mail:
            self._wait(f"mail:{letter.mail_id}", _told(letter))

    def handed_over(self, event: e.MailHandedOver) -> None:
        for mail_id in event.mail_ids:
            self._waiting.pop(f"mail:{mail_id}", None)

    def queued(self, event: e.InputQueued) -> None:
        self._wait(f"{event.queue}:{event.item_id}", f"user: {event.text}")

    def cleared(self, event: e.QueueCleared) -> None:
        for key in [one for one in self._waiting if one.startswith(f"{event.queue}:")]:
            del self._waiting[key]

    def placed(self, event: e.InputPlaced) -> None:
        run = self._run
        if run is None:
            return
        for key in [*(f"prompt:{one}" for one in event.prompt_ids), *_queued_keys(event)]:
            said = self._taken(key)
            if said is not None:
                run.place(key, said)
        if event.injected:
            run.lines.add(f"notice: {event.injected}")

    def returned(self, event: e.InputReturned) -> None:
        placed = self._broken.placed if self._broken is not None else {}
        for key in _queued_keys(event):
            both = [*placed.get(key, ()), *self._waiting.get(key, ())]
            if both:
                self._waiting[key] = both

    def _wait(self, key: str, text: str) -> None:
        self._waiting.setdefault(key, []).append(_Said(text, self.before))

    def _taken(self, key: str) -> _Said | None:
        waiting = self._waiting.pop(key, [])
        if waiting[1:]:
            self._waiting[key] = waiting[1:]
        return waiting[0] if waiting else None

    # --- runs -----------------------------------------------------------------------------

    def run_started(self, event: e.RunStarted) -> None:
        broken, self._broken = self._broken, None
        if broken is not None and event.resumes == broken.run_id:
            broken.go_on_as(event.run_id)
            self._run = broken
        else:
            self._run = _Open(event.run_id, self.before)

    def replied(self, event: e.ModelReplied) -> None:
        run = self._run
        if run is None or not event.blocks:
            return
        run.last_entry = self.at.entries + 1
        said = text_of(event.blocks)
        if said:
            run.lines.add(f"assistant: {said}")
        for block in event.blocks:
            if isinstance(block, ToolCallBlock) and not _is_of_memory(block.name):
                run.lines.add(f"tool use {block.name} {_cut(block.arguments, ARGUMENTS_CHARS)}")

    def called(self, event: e.ToolCallFinished) -> None:
        if self._run is not None and not _is_of_memory(event.tool):
            what = "error" if event.is_error else "result"
            told = _cut(event.content, RESULT_CHARS)
            self._run.lines.add(f"tool {what} {event.tool or event.key}: {told}")

    def run_finished(self, event: e.RunFinished) -> tuple[MemoryRecord, int] | None:
        run, self._run = self._run, None
        if run is None or run.run_id != event.run_id or not run.last_entry:
            return None
        record = MemoryRecord(
            record_id=episode_id(event.run_id),
            kind="episode",
            content=run.lines.text(),
            source="auto_ingest",
            recorded_at=event.finished_at,
            by=self._agent_id,
        )
        return record, run.last_entry

    def run_broken_off(self, event: e.RunFailed | e.RunCancelled) -> None:
        self._broken, self._run = self._run, None
        if self._broken is not None and event.is_rolled_back:
            self._broken.take_back()

    # --- compactions ----------------------------------------------------------------------

    def compacted(self, event: e.ConversationCompacted) -> tuple[MemoryRecord, int] | None:
        summary = event.compaction.summary.strip()
        if not summary:
            return None
        record = MemoryRecord(
            record_id=summary_id(event.effect_id),
            kind="summary",
            content=without_middle(summary, MAX_TEXT_BYTES),
            source="auto_compaction",
            recorded_at=event.compacted_at,
            by=self._agent_id,
        )
        return record, self.at.entries


def _queued_keys(event: e.InputPlaced | e.InputReturned) -> list[str]:
    return [
        *(f"steer:{one}" for one in event.steer_ids),
        *(f"follow_up:{one}" for one in event.follow_up_ids),
        *(f"mail:{one}" for one in event.mail_ids),
    ]


def _told(mail: Mail) -> str:
    if mail.kind in ("background", "task", "timer"):
        return f"{mail.kind}: {mail.body}"
    return f"mail from {mail.sender}: {mail.body}"


def _is_of_memory(tool: str) -> bool:
    """What such calls say is a record of its own, which may be forgotten."""
    return tool.startswith(_MEMORY_TOOLS)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


_STEPS: Mapping[type[object], Callable[[_Telling, Any], tuple[MemoryRecord, int] | None]] = {
    e.PromptAccepted: _Telling.prompt,
    e.MailTaken: _Telling.mail,
    e.MailHandedOver: _Telling.handed_over,
    e.InputQueued: _Telling.queued,
    e.QueueCleared: _Telling.cleared,
    e.InputPlaced: _Telling.placed,
    e.InputReturned: _Telling.returned,
    e.RunStarted: _Telling.run_started,
    e.ModelReplied: _Telling.replied,
    e.ToolCallFinished: _Telling.called,
    e.RunFinished: _Telling.run_finished,
    e.RunFailed: _Telling.run_broken_off,
    e.RunCancelled: _Telling.run_broken_off,
    e.ConversationCompacted: _Telling.compacted,
}
