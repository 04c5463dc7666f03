"""Effects without an outcome are seen: what they are, since when, and whether that is long."""

import pytest
from left_open import left_waiting

from mentra_actors import ScriptedModel, call, open_history, open_runtime_sync, tool
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from projections.views.awaited import LONG_S, awaited_words
from projections.views.health import health_of

LEAD = StreamId("agent-lead")


@pytest.fixture
def left(tmp_path):
    """A store that was closed while a model had not answered."""
    return left_waiting(tmp_path / "team.mentra")


def health_after(path, seconds, **options):
    """The health of a store so long after its model was asked."""
    reader = open_journal_reader(path)
    try:
        journal = Journal(reader)
        [asked] = health_of(reader, journal, 0.0).open_effects
        return health_of(reader, journal, asked.oldest_since + seconds, **options)
    finally:
        reader.close()


def test_an_effect_is_a_problem_from_when_on_it_is_open_for_long(left):
    """In a store that nobody has open nothing will ever answer it."""
    young, old = health_after(left, LONG_S - 1), health_after(left, LONG_S)

    assert young.is_healthy
    assert [one.kind for one in young.open_effects] == ["CallModel"]
    [problem] = old.problems
    assert problem == (
        "agent-lead has waited for a model call for 15 min, and no process works on it: "
        "it goes on when the store is opened"
    )


@pytest.mark.parametrize(("long_s", "is_healthy"), [(60.0, False), (61.5, True), (None, True)])
def test_who_looks_says_what_is_long(left, long_s, is_healthy):
    assert health_after(left, 61.0, long_s=long_s).is_healthy is is_healthy


def test_the_process_that_works_is_asked_in_the_same_way():
    """A tool that never returns is seen while its process lives."""
    seen = []

    @tool(retry="safe")
    def look() -> str:
        """Look at the health of the team in which this runs."""
        seen.append(runtime.health(long_s=0.0))
        return "Seen."

    model = ScriptedModel([[call("look")], "Well."], name="scripted")
    with open_runtime_sync(":memory:", providers=[model], tools=[look]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("How is it?", timeout_s=20)
        rests = runtime.health(long_s=0.0)

    [effect] = seen[0].open_for_long
    assert (effect.stream_id, awaited_words(effect)) == (LEAD, "the tool look")
    assert seen[0].problems == ("agent-lead has waited for the tool look for 0 s",)
    assert rests.is_healthy
    with pytest.raises(TypeError, match="long_s is a number of seconds or None"):
        runtime.health(long_s="900")


def test_a_look_at_the_past_tells_what_was_open_then(left):
    """Its age is computed when somebody looks: the log has no event for it."""
    with open_history(left) as history:
        last = history.last_position
        opened = [bool(history.at(position).awaited()) for position in range(last + 1)]
        [effect] = history.at().awaited()
        asked = next(p for p in range(last + 1) if opened[p])
        since = history.at(asked).time.timestamp()

    assert opened == [position >= asked for position in range(last + 1)]
    assert effect.since == pytest.approx(since)
    assert 0 < asked <= last
