"""Calls of a Chat Completions answer, which arrive in pieces.

The pieces of one call share an `index`. Some servers leave it out, or say 0 for every call; then
another id together with a name begins another call. Ids and names may come late or again.
"""

from collections.abc import Sequence

import msgspec

from mentra_actors.domain.content import CallKind, ToolCallBlock
from mentra_actors.providers.json_access import Json, decoded_json, object_of, text_of
from mentra_actors.providers.port import ToolCallDelta

__all__ = ["CallPieces", "StreamedCall"]


class StreamedCall:
    """One call; `pieces` is what came of its arguments, `shown` how much of that was shown."""

    def __init__(self) -> None:
        self.call_id = ""
        self.name = ""
        self.kind: CallKind = "function"
        self.pieces: list[str] = []
        self.is_shown = False
        self._shown_pieces = 0

    def add(self, piece: Json) -> None:
        """Take a piece."""
        self.call_id = self.call_id or text_of(piece, "id")
        if text_of(piece, "type") == "custom" or object_of(piece, "custom"):
            self.kind = "custom"
        said = object_of(piece, "custom") or object_of(piece, "function")
        self._add_name(text_of(said, "name"))
        arguments = said.get("input" if self.kind == "custom" else "arguments")
        if isinstance(arguments, str):
            self.pieces.append(arguments)
        elif isinstance(arguments, dict):
            self.pieces = [msgspec.json.encode(arguments).decode()]

    def unshown(self, block_index: int) -> list[ToolCallDelta]:
        """What is new to a viewer; nothing before the name and the id are known."""
        if not self.name or not self.call_id:
            return []
        new = "".join(self.pieces[self._shown_pieces :])
        if self.is_shown and not new:
            return []
        self._shown_pieces, self.is_shown = len(self.pieces), True
        return [ToolCallDelta(self.call_id, self.name, new, block_index=block_index)]

    @property
    def arguments(self) -> str:
        """The arguments as JSON text, as far as they came."""
        joined = "".join(self.pieces)
        if self.kind == "custom":
            return msgspec.json.encode({"input": joined}).decode()
        return joined if joined.strip() else "{}"

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a whole JSON object, so that nothing can be missing."""
        return self.kind == "function" and isinstance(decoded_json("".join(self.pieces)), dict)

    def block(self) -> ToolCallBlock:
        """The call."""
        return ToolCallBlock(
            call_id=self.call_id, name=self.name, arguments=self.arguments, kind=self.kind
        )

    def _add_name(self, name: str) -> None:
        if name.startswith(self.name):
            self.name = name or self.name
        elif not self.name.endswith(name):
            self.name += name


class CallPieces:
    """All calls of an answer, in the order in which they began."""

    def __init__(self) -> None:
        self.calls: list[StreamedCall] = []
        self._by_index: dict[int, StreamedCall] = {}
        self._by_id: dict[str, StreamedCall] = {}

    def add(self, piece: Json) -> StreamedCall:
        """Take a piece; the call that it belongs to."""
        call = self._call(piece)
        had_id = bool(call.call_id)
        call.add(piece)
        if not had_id:
            self._by_id[call.call_id] = call
        return call

    def give_ids(self) -> None:
        """Give an own id to each call that has none, or that of another."""
        taken: set[str] = set()
        for at, call in enumerate(self.calls):
            if not call.call_id or call.call_id in taken:
                call.call_id = _free(f"{call.call_id or 'call'}_{at}", taken)
            taken.add(call.call_id)

    def whole(self, *, is_cut: bool) -> Sequence[StreamedCall]:
        """The calls that have a name; of an answer that was cut, those that surely are whole."""
        return [call for call in self.calls if call.name and (call.is_whole or not is_cut)]

    def _call(self, piece: Json) -> StreamedCall:
        index = piece.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            return self._without_index(piece)
        known = self._by_index.get(index)
        if known is None or _is_another(piece, known):
            known = self._by_index[index] = self._begun()
        return known

    def _without_index(self, piece: Json) -> StreamedCall:
        call_id = text_of(piece, "id")
        if call_id and call_id in self._by_id:
            return self._by_id[call_id]
        begins = call_id or _name_of(piece)
        return self._begun() if begins or not self.calls else self.calls[-1]

    def _begun(self) -> StreamedCall:
        self.calls.append(StreamedCall())
        return self.calls[-1]


def _is_another(piece: Json, call: StreamedCall) -> bool:
    call_id = text_of(piece, "id")
    has_other_id = bool(call_id and call.call_id) and call_id != call.call_id
    return has_other_id and bool(_name_of(piece))


def _name_of(piece: Json) -> str:
    return text_of(object_of(piece, "function"), "name") or text_of(
        object_of(piece, "custom"), "name"
    )


def _free(call_id: str, taken: set[str]) -> str:
    while call_id in taken:
        call_id += "_"
    return call_id
