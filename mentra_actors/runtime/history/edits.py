"""What is changed on the way into a branch, as data; each becomes an ordinary event of its log."""

from typing import Unpack

import msgspec

from mentra_actors.domain.agent.commands import Configure, EditConversation
from mentra_actors.domain.agent.events.branching import EditKind
from mentra_actors.domain.agent.profile import AgentProfile, ProfileChanges
from mentra_actors.domain.content import AssistantMessage, ToolResultsMessage, UserMessage
from mentra_actors.domain.conversation_tree import Entry, Transcript
from mentra_actors.domain.storable import as_stored
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import CommandId, EffectId, EntryId
from mentra_actors.runtime.agents.profiles import ProfileOptions, profile_changes

__all__ = ["Edit", "command_for", "edit_words", "moved_workspace"]

_KINDS: dict[EditKind, type[object]] = {
    "message": UserMessage,
    "answer": AssistantMessage,
    "result": ToolResultsMessage,
}
_UNCHANGED = ProfileChanges()


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one agent. Made by `Edit.profile`, `message`, `answer` and `result`."""

    agent: str
    changes: ProfileChanges | None = None
    kind: EditKind | None = None
    entry: int = 0
    call: str = ""
    text: str = ""

    @classmethod
    def profile(
        cls, agent: str, *, model: str | None = None, **options: Unpack[ProfileOptions]
    ) -> "Edit":
        """Another model, another system prompt, any option of `AgentProfile`.

        Raises:
            TypeError, ValueError: an option is not known, has the wrong type, or cannot be stored;
                or there is none.
        """
        changes = profile_changes(model, options)
        if changes == _UNCHANGED:
            raise ValueError(f"an edit of {agent} changes nothing: name an option, as system=")
        return _checked(cls(agent=agent, changes=changes))

    @classmethod
    def message(cls, agent: str, text: str, *, entry: int = 0) -> "Edit":
        """Other words for what the agent was told in an entry; 0: words behind the last one."""
        return _checked(cls(agent=agent, kind="message", entry=entry, text=text))

    @classmethod
    def answer(cls, agent: str, text: str, *, entry: int) -> "Edit":
        """Other words for what its model has answered in an entry; calls in it are not made."""
        return _checked(cls(agent=agent, kind="answer", entry=entry, text=text))

    @classmethod
    def result(cls, agent: str, call: str, text: str) -> "Edit":
        """Other words for what its model was told of a call, by the key or the id of that call."""
        return _checked(cls(agent=agent, kind="result", call=call, text=text))


def _checked(edit: Edit) -> Edit:
    return as_stored(edit, Edit, "an edit is wrong")


def edit_words(edit: Edit) -> str:
    """What is edited, in a few words, and nothing of what was said."""
    if edit.changes is not None:
        changes = edit.changes
        names = [
            name
            for name in changes.__struct_fields__
            if getattr(changes, name) is not msgspec.UNSET
        ]
        return f"{edit.agent}: {', '.join(names)}"
    where = edit.call or (f"entry {edit.entry}" if edit.entry else "at the end")
    return f"{edit.agent}: {edit.kind} {where}"


def moved_workspace(agent: str, profile: AgentProfile, base_dir: str) -> Edit:
    """Let an agent work in another directory."""
    workspace = msgspec.structs.replace(profile.workspace, base_dir=base_dir)
    return Edit(agent=agent, changes=ProfileChanges(workspace=workspace))


def command_for(
    edit: Edit, transcript: Transcript, *, command_id: str, by: str, now: float
) -> Configure | EditConversation:
    """The command that an edit asks for; `transcript` is that of the agent.

    Raises:
        CommandRejected: there is no such entry or call.
    """
    if edit.changes == _UNCHANGED:
        raise CommandRejected(f"an edit of {edit.agent} changes nothing")
    if edit.changes is not None:
        return Configure(changes=edit.changes, now=now, reason=f"edited by {by}")
    kind = edit.kind or "message"
    key, entry = EffectId(""), edit.entry
    if kind == "result":
        key, entry = _place_of(edit, transcript)
    elif entry:
        _require_kind(edit, kind, transcript)
    return EditConversation(
        command_id=CommandId(command_id),
        kind=kind,
        text=edit.text,
        entry=EntryId(entry),
        key=key,
        by=by,
        now=now,
    )


def _place_of(edit: Edit, transcript: Transcript) -> tuple[EffectId, int]:
    for entry in reversed(transcript.entries):
        for key, call_id in _calls_of(entry):
            if edit.call in (key, call_id):
                return key, entry.entry_id
    raise CommandRejected(f"{edit.agent} has no result of a call {edit.call!r}")


def _calls_of(entry: Entry) -> list[tuple[EffectId, str]]:
    if not isinstance(entry.message, ToolResultsMessage):
        return []
    results = (one.call_id for one in entry.message.results)
    return list(zip(entry.keys, results, strict=False))


def _require_kind(edit: Edit, kind: EditKind, transcript: Transcript) -> None:
    entries = transcript.entries
    if not 1 <= edit.entry <= len(entries):
        raise CommandRejected(
            f"{edit.agent} has no entry {edit.entry}; its conversation has {len(entries)}"
        )
    found = entries[edit.entry - 1]
    if not isinstance(found.message, _KINDS[kind]):
        is_called = found.kind.replace("_", " ")
        raise CommandRejected(
            f"entry {edit.entry} of {edit.agent} is no {kind}: it is a {is_called}; "
            f"`mentra entries {edit.agent}` shows them all"
        )
