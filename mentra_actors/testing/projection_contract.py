"""What every projection must do; authors of one run it under pytest. It needs `hypothesis`.

class TestOutputTokens(ProjectionContract):
def make_projection(self) -> Projection[Any]:
return output_tokens
"""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import hypothesis
import msgspec
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.ids import is_valid_name
from mentra_actors.testing.decider_strategies import journals
from projections.contract import Projection, fold_parts, fold_view, sees

__all__ = ["ProjectionContract"]

_Journal: TypeAlias = Sequence[RecordedEvent[Any]]


class ProjectionContract(abc.ABC):
    """Subclass it, say which projection, and pytest collects the tests."""

    settings: ClassVar[hypothesis.settings] = hypothesis.settings(
        max_examples=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    """On how many logs each law is tried, and how."""

    @abc.abstractmethod
    def make_projection(self) -> Projection[Any]:
        """The projection."""

    def test_it_has_a_name_and_a_version(self) -> None:
        """Its view is kept under both, beside those of others."""
        projection = self.make_projection()
        assert is_valid_name(projection.name)
        assert projection.version >= 1

    def test_no_history_stops_it(self) -> None:
        """Not a strange order, not the events of a later release; and its view can be kept."""

        def check(projection: Projection[Any], journal: _Journal, _cut: int) -> None:
            parts = fold_view(projection, journal)
            assert _kept(projection, parts) == parts

        self._forall(check)

    def test_what_it_cannot_understand_changes_nothing(self) -> None:
        """A view is the same as if an event that says nothing to this release were not there."""

        def check(projection: Projection[Any], journal: _Journal, _cut: int) -> None:
            known = [one for one in journal if not isinstance(one.event, SkippedEvent)]
            assert fold_view(projection, journal) == fold_view(projection, known)

        self._forall(check)

    def test_nothing_is_changed_in_place(self) -> None:
        """A view that was handed out stays what it was, whatever is folded after it."""

        def check(projection: Projection[Any], journal: _Journal, _cut: int) -> None:
            parts: dict[str, Any] = {}
            for one in journal:
                for key in _keys_of(projection, one):
                    before = parts[key] if key in parts else projection.initial(key)
                    stored = msgspec.msgpack.encode(before)
                    parts[key] = projection.apply(before, key, one)
                    changed = msgspec.msgpack.encode(before) != stored
                    assert not changed, f"a view was changed in place by {one.event!r}"

        self._forall(check)

    def test_a_restart_leaves_no_trace(self) -> None:
        """A view that was kept at any place and folded on is that of one fold."""

        def check(projection: Projection[Any], journal: _Journal, cut: int) -> None:
            kept = _kept(projection, fold_view(projection, journal[:cut]))
            touched = fold_parts(projection, journal[cut:], kept.get)
            assert {**kept, **touched} == fold_view(projection, journal)

        self._forall(check)

    def _forall(self, check: Callable[[Projection[Any], _Journal, int], None]) -> None:
        projection = self.make_projection()

        @self.settings
        @given(journals(max_size=12), st.integers(0, 12))
        def law(journal: list[RecordedEvent[Any]], cut: int) -> None:
            check(projection, journal, cut)

        law()


def _keys_of(projection: Projection[Any], one: RecordedEvent[Any]) -> Iterable[str]:
    return dict.fromkeys(projection.keys(one)) if sees(projection)(one) else ()


def _kept(projection: Projection[Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    """The parts as they come back from a view store."""
    decoder = msgspec.msgpack.Decoder(projection.view_type)
    return {key: decoder.decode(msgspec.msgpack.encode(part)) for key, part in parts.items()}
