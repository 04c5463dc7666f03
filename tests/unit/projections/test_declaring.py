"""How people write a projection, and what they are told where it is wrong."""

from typing import Any

import msgspec
import pytest

from mentra_actors import events
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.domain.agent.commands import AcceptPrompt
from mentra_actors.domain.agent.events import PromptAccepted
from mentra_actors.ids import StreamId
from mentra_actors.runtime.kept_views import KeptViews
from mentra_actors.runtime.view_reading import ViewReading
from mentra_actors.store.memory_store import MemoryEventStore
from projections import KeyedProjection, fold_view, only, projection
from projections.memory_views import MemoryViews
from projections.runner import ProjectionRunner


class Prompts(KeyedProjection[int], handles=[events.PromptAccepted], by="agent"):
    """Prompts by agent."""

    def apply(self, view: int, key: str, recorded: events.RecordedEvent[Any]) -> int:
        return view + 1


class Word(msgspec.Struct, frozen=True):
    """A view that is a struct."""

    text: str = "none"


class Strange:
    """A class that msgspec does not know."""


def recorded(position, stream_id="agent-lead", event=None, correlation=""):
    return events.RecordedEvent(
        global_position=position,
        stream_id=StreamId(stream_id),
        stream_version=position,
        event_type="agent.prompt_accepted.v1",
        event=event or PromptAccepted(prompt_id="p", text="hi", accepted_at=1.0),
        recorded_at_ns=0,
        correlation=correlation,
    )


def test_a_class_of_three_lines_is_a_projection():
    log = [recorded(1), recorded(2, "agent-rex"), recorded(3)]

    assert fold_view(Prompts(), log) == {"lead": 2, "rex": 1}
    assert (Prompts.name, Prompts.version, Prompts.view_type) == ("prompts", 1, int)


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("stream", ["agent-lead", "board-main"]),
        ("agent", ["lead"]),
        ("category", ["agent", "board"]),
        ("run", ["r1"]),
        ("one", [""]),
    ],
)
def test_a_part_stands_for_what_the_class_says(by, keys):
    class Counted(Prompts, by=by):
        pass

    log = [recorded(1, correlation="r1"), recorded(2, "board-main")]

    assert list(fold_view(Counted(), log)) == keys


def test_a_run_whose_id_no_key_can_hold_has_a_part_all_the_same():
    class Counted(Prompts, by="run"):
        pass

    assert list(fold_view(Counted(), [recorded(1, correlation="r" * 999)]).values()) == [1]


def test_a_class_may_choose_its_keys_and_its_beginning():
    class Texts(KeyedProjection[Word], name="texts", version=3):
        """The last prompt, by its first letter."""

        def key(self, recorded):
            return recorded.event.text[:1]

        def initial(self, key):
            return Word(f"nothing with {key}")

        def apply(self, view, key, recorded):
            return view

    assert fold_view(Texts(), [recorded(1)]) == {"h": Word("nothing with h")}
    assert (Texts.name, Texts.version) == ("texts", 3)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        ({"categories": ["agent"]}, 2),
        ({"categories": ["board", "agent"]}, 3),
        ({"streams": ["agent-rex"]}, 1),
        ({"streams": ["agent-rex"], "categories": ["board"]}, 0),
        ({}, 3),
    ],
)
def test_a_projection_may_see_some_streams_only(wanted, seen):
    class Here(Prompts, by="one", **wanted):
        pass

    @projection(name="here", initial=int, view_type=int, **wanted)
    def here(view, _recorded):
        return view + 1

    log = [recorded(1), recorded(2, "agent-rex"), recorded(3, "board-main")]

    assert fold_view(Here(), log).get("", 0) == seen
    assert fold_view(here, log).get("", 0) == seen


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": "two words"}, "cannot name a projection"),
        ({"version": 0}, "versions count from 1"),
        ({"handles": []}, "handles nothing"),
        ({"handles": [AcceptPrompt]}, "AcceptPrompt is no class of events"),
        ({"handles": ["agent.prompt"]}, "no class of events"),
        ({"view_type": object}, "cannot be stored"),
        ({"view_type": dict[str, tuple[Strange, ...]]}, "cannot be stored"),
        ({"view_type": str}, "its first view 0 is no str"),
        ({"categories": "agent"}, r"say \['agent'\]"),
        ({"initial": {}}, "initial=dict"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_declared(wrong, said):
    arguments = {"name": "count", "initial": int, "view_type": int, **wrong}

    with pytest.raises((TypeError, ValueError), match=said):
        projection(**arguments)(lambda view, _recorded: view)


def test_a_class_is_refused_where_it_is_made():
    with pytest.raises(TypeError, match="of what type the parts"):
        type("Untyped", (KeyedProjection,), {})
    with pytest.raises(ValueError, match="parts are by one of stream, agent"):

        class _Odd(Prompts, by="colour"):
            pass

    with pytest.raises(TypeError, match="override `initial`"):

        class _Either(KeyedProjection[int | str]):
            pass


def test_a_class_in_the_place_of_an_instance_is_told_so():
    with pytest.raises(TypeError, match=r"pass Prompts\(\)"):
        fold_view(Prompts, [recorded(1)])


@pytest.mark.parametrize("given", [None, "roster", 7, [Prompts()], events.ModelReplied])
def test_what_is_no_projection_is_refused_wherever_it_is_given(given):
    runner = ProjectionRunner(MemoryEventStore(), MemoryViews(), [Prompts()])
    for do in (
        lambda: fold_view(given, []),
        lambda: ProjectionRunner(MemoryEventStore(), MemoryViews(), [given]),
        lambda: KeptViews(MemoryEventStore(), runner).view(given),
        lambda: ViewReading(MemoryEventStore(), ":memory:", [given]),
        lambda: only(given, "agent-"),
    ):
        with pytest.raises(TypeError, match=r"is no projection: it has no|is a name: pass"):
            do()


def test_parts_are_chosen_by_text():
    with pytest.raises(TypeError, match="the beginning of a key is a text, not 3"):
        only(Prompts(), "a", 3)


def test_users_find_every_event_by_its_name():
    """A class that was added to the log and not here could not be handled."""
    assert {getattr(events, name) for name in events.__all__} == {
        *EVENT_TYPES,
        events.RecordedEvent,
    }
