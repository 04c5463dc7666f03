"""What every projection must do; authors of one run it under pytest. It needs `hypothesis`.

class TestOutputTokens(ProjectionContract):
def make_projection(self) -> AnyProjection:
return OutputTokens()
"""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.ids import StreamId, category_of, is_valid_name
from mentra_actors.testing.decider_strategies import STREAMS, journals
from mentra_actors.testing.patience import PatientContract
from mentra_actors.testing.strategies import instances
from projections.contract import AnyProjection, fold_parts, fold_view, sees

__all__ = ["ProjectionContract"]

_Journal: TypeAlias = Sequence[RecordedEvent[object]]
_SHORT, _LONG = 2, 12
"""Events in a log: a fault that a short one shows can be read."""


class ProjectionContract(PatientContract, abc.ABC):
    """Subclass it, say which projection, and pytest collects the tests."""

    settings: ClassVar[hypothesis.settings] = hypothesis.settings(
        max_examples=50,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    """On how many logs each law is tried, and how. Short logs come first: none is shrunk."""
    events: ClassVar[Sequence[Any]] = ()
    """Events that it counts, if it does not count all of a kind: calls of one tool, say."""

    @abc.abstractmethod
    def make_projection(self) -> AnyProjection:
        """The projection."""

    def test_it_has_a_name_and_a_version(self) -> None:
        """Its view is kept under both, beside those of others."""
        projection = self.make_projection()
        assert is_valid_name(projection.name)
        assert projection.version >= 1

    def test_it_has_something_to_count(self) -> None:
        """A law that is tried on logs which say nothing to a projection proves nothing."""
        touched: list[str] = []

        def check(projection: AnyProjection, journal: _Journal, _cut: int) -> None:
            touched.extend(key for one in journal for key in _keys_of(projection, one))

        self._forall(check)
        assert touched, "no event that was tried touches the view: name some in `events`"

    def test_no_history_stops_it(self) -> None:
        """Not a strange order, not the events of a later release; and its view can be kept."""

        def check(projection: AnyProjection, journal: _Journal, _cut: int) -> None:
            parts = fold_view(projection, journal)
            assert _kept(projection, parts) == parts

        self._forall(check)

    def test_what_it_cannot_understand_changes_nothing(self) -> None:
        """A view is the same as if an event that says nothing to this release were not there."""

        def check(projection: AnyProjection, journal: _Journal, _cut: int) -> None:
            known = [one for one in journal if not isinstance(one.event, SkippedEvent)]
            assert fold_view(projection, journal) == fold_view(projection, known)

        self._forall(check)

    def test_nothing_is_changed_in_place(self) -> None:
        """A view that was handed out stays what it was, whatever is folded after it."""

        def check(projection: AnyProjection, journal: _Journal, _cut: int) -> None:
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

        def check(projection: AnyProjection, journal: _Journal, cut: int) -> None:
            kept = _kept(projection, fold_view(projection, journal[:cut]))
            touched = fold_parts(projection, journal[cut:], kept.get)
            assert {**kept, **touched} == fold_view(projection, journal)

        self._forall(check)

    def _forall(self, check: Callable[[AnyProjection, _Journal, int], None]) -> None:
        projection = self.make_projection()
        for size in (_SHORT, _LONG):

            @self.settings
            @given(_journals_for(projection, self.events, size), st.integers(0, size))
            def law(journal: list[RecordedEvent[object]], cut: int) -> None:
                check(projection, journal, cut)

            law()


def _journals_for(
    projection: AnyProjection, events: Sequence[object], size: int
) -> SearchStrategy[list[RecordedEvent[object]]]:
    """Logs of all kinds; most of what is in them is for this projection."""
    handled = EVENT_TYPES if projection.handles is None else projection.handles
    kinds = [kind for kind in EVENT_TYPES if kind in handled]
    chosen = [st.sampled_from(kinds).flatmap(instances)] if kinds else []
    if events:
        chosen += [st.sampled_from(list(events))] * 2
    if not chosen:
        return journals(max_size=size)
    return journals(max_size=size, events=st.one_of(chosen), streams=_streams_of(projection))


def _streams_of(projection: AnyProjection) -> Sequence[StreamId]:
    """Those that it reads; of categories that no stream of the tests has, one each."""
    named: frozenset[str] = getattr(projection, "streams", frozenset())
    if named:
        return [StreamId(one) for one in sorted(named)]
    categories: frozenset[str] = getattr(projection, "categories", frozenset())
    if not categories:
        return STREAMS
    found = [one for one in STREAMS if category_of(one) in categories]
    missing = categories - {category_of(one) for one in found}
    return [*found, *(StreamId(f"{one}-lead") for one in sorted(missing))]


def _keys_of(projection: AnyProjection, one: RecordedEvent[object]) -> Iterable[str]:
    return dict.fromkeys(projection.keys(one)) if sees(projection)(one) else ()


def _kept(projection: AnyProjection, parts: Mapping[str, object]) -> dict[str, object]:
    """The parts as they come back from a view store."""
    decoder = msgspec.msgpack.Decoder(projection.view_type)
    return {key: decoder.decode(msgspec.msgpack.encode(part)) for key, part in parts.items()}
