"""What holds of every feed, whatever is on the log and however slowly somebody reads."""

import sys
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import example
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background.events import BackgroundEvent, JobRequested
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.memory import MemoryEvent
from mentra_actors.domain.model_call import StopReason
from mentra_actors.domain.team import MemberJoined, MemberRemoved
from mentra_actors.effects.models.live import LiveFeed, ModelDelta
from mentra_actors.effects.models.live_answers import LiveAnswers
from mentra_actors.errors import StoreClosed
from mentra_actors.ids import AgentId, EffectId, StreamId
from mentra_actors.providers.port import TextDelta, ThinkingDelta
from mentra_actors.runtime.agents.agent_feed import agent_source, session_source
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.views import feeds
from mentra_actors.runtime.views.feeds import Cursor
from mentra_actors.runtime.writing.tick_journal import TickJournal
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.testing.strategies import instances
from mentra_actors.tools.registry import RegisteredTools
from projections.feeds import agent_event as told

sys.path.insert(0, str(Path(__file__).parent))
import event_strategies as events
from old_release import CODEC, Bundle, append

LEAD, MATE = StreamId("agent-lead"), StreamId("agent-mate")
AGENT_EVENTS = st.one_of([instances(event_type) for event_type in get_args(e.AgentEvent)])
STORED = st.one_of(
    AGENT_EVENTS, st.lists(AGENT_EVENTS, max_size=3).map(Bundle), events.UNKNOWN, AGENT_EVENTS
)
APPENDS = st.lists(st.tuples(st.sampled_from([LEAD, LEAD, MATE]), STORED), min_size=1, max_size=3)
LOGS = st.lists(APPENDS, max_size=8)
SOURCES = pytest.mark.parametrize("source", [agent_source, session_source])


class OpenLog:
    """What a feed needs of a running system, without actors: a store and what is live."""

    ended = None
    settings = RuntimeSettings(path=":memory:", providers=())
    tools = RegisteredTools(())

    def __init__(self, appends=()):
        self.store = MemoryEventStore()
        self.journal = Journal(self.store, CODEC)
        self.recorded = LiveFeed(lambda recorded: (one.stream_id for one in recorded))
        self.live = LiveFeed(lambda notice: (notice.stream_id,))
        self.trouble = LiveFeed()
        self.answers = LiveAnswers(TickJournal(self.store), lambda _seconds, _call: None)
        for pairs in appends:
            self.append(*pairs)

    def append(self, *pairs):
        """Record, and tell whoever listens."""
        self.recorded.publish(self.write(*pairs))

    def write(self, *pairs):
        """Record only; the append as it is told."""
        before = self.store.last_position()
        append(self.store, *pairs)
        return tuple(self.journal.read_journal(after=before, limit=100))

    def say(self, answer, event):
        """A piece of an answer comes."""
        answer.take(event)
        self.live.publish(
            ModelDelta(
                stream_id=answer.stream_id,
                effect_id=answer.effect_id,
                event=event,
                offset=answer.offset_of(event),
            )
        )


class Reader:
    """Somebody who reads the feed of `lead` now and then, and notes what the log says."""

    def __init__(self, log, source=agent_source, after=0, over=()):
        self._over = set(over)
        """Answers that were over before this reader came."""
        self._source = source(log, AgentId("lead"), after)
        self._source.open(lambda: None)
        self.items = []
        self.texts = {}

    def fetch(self):
        for item in self._source.fetch():
            if item.cursor is not None:
                self.items.append(item)
            elif isinstance(item.event, told.TextDelta | told.ReasoningDelta):
                self._hear(item.event)

    def _hear(self, piece):
        assert piece.effect_id not in self._over
        key = piece.effect_id, type(piece)
        text = self.texts.get(key, "")
        assert piece.offset == len(text), "a hole, or twice the same words"
        self.texts[key] = text + piece.delta


def all_of(log, source, after=0):
    reader = Reader(log, source, after)
    reader.fetch()
    return reader.items


@pytest.fixture(autouse=True, scope="module")
def small_buffer():
    """A reader is behind as soon as it has missed a few."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "MOST_BUFFERED", 3)
        yield


# --- the log ----------------------------------------------------------------------------------


@SOURCES
@forall(LOGS)
def test_what_was_read_and_what_is_read_after_is_everything(source, appends):
    """A reader that keeps its last cursor may end at any event and go on in another process."""
    log = OpenLog(appends)
    whole = all_of(log, source)
    cursors = [item.cursor for item in whole]

    assert cursors == sorted(set(cursors))
    for place, cursor in enumerate(cursors, start=1):
        assert all_of(log, source, after=cursor) == whole[place:]
    for position in range(log.store.last_position() + 1):
        rest = [item for item in whole if item.cursor.position > position]
        assert all_of(log, source, after=position) == rest
    assert all_of(log, source, after=None) == []


@SOURCES
@forall(LOGS, st.data())
def test_whoever_reads_now_and_then_reads_the_same(source, appends, data):
    """Nothing that is recorded is lost, doubled or out of order, however slow the reader is."""
    log = OpenLog()
    readers = [Reader(log, source)]
    for pairs in appends:
        log.append(*pairs)
        if data.draw(st.booleans(), "reads"):
            readers[0].fetch()
        if data.draw(st.booleans(), "another comes"):
            readers.append(Reader(log, source, Cursor(0)))
    for reader in readers:
        reader.fetch()

    whole = all_of(log, source)
    assert all(reader.items == whole for reader in readers)


# --- streams beside the agent's own -----------------------------------------------------------

JOBS, MEMORY, TEAM = (StreamId(name) for name in ("background-lead", "memory-lead", "team-main"))
PROFILE = e.AgentProfile(agent_id="lead", name="lead", team_id="main", role="r", model="x:y")


def prompt(prompt_id):
    return e.PromptAccepted(prompt_id=prompt_id, text="Go", accepted_at=2.0)


def closed_store(*_arguments, **_options):
    raise StoreClosed("the store is closed")


BESIDE = st.one_of(
    st.tuples(st.just(LEAD), STORED),
    st.tuples(st.just(JOBS), st.one_of(map(instances, get_args(BackgroundEvent)))),
    st.tuples(st.just(MEMORY), st.one_of(map(instances, get_args(MemoryEvent)))),
    st.tuples(st.just(TEAM), instances(MemberJoined) | instances(MemberRemoved)),
)


@forall(st.lists(st.lists(BESIDE, min_size=1, max_size=2), max_size=8), st.data())
def test_several_actors_make_one_story(appends, data):
    """Their appends are heard in any order, and yet a cursor names all that came before it."""
    log = OpenLog()
    reader = Reader(log, session_source)
    unheard = []
    for pairs in appends:
        unheard.append(log.write(*pairs))
        while unheard and data.draw(st.booleans(), "one is heard"):
            log.recorded.publish(unheard.pop(data.draw(st.integers(0, len(unheard) - 1))))
            if data.draw(st.booleans(), "reads"):
                reader.fetch()
    for heard in data.draw(st.permutations(unheard)):
        log.recorded.publish(heard)
    reader.fetch()
    whole = all_of(OpenLog(appends), session_source)

    assert reader.items == whole
    cursors = [item.cursor for item in whole]
    assert cursors == sorted(set(cursors))


def test_the_later_of_two_appends_may_be_heard_first():
    """The first one is told before it, and not again when it is heard."""
    log = OpenLog()
    reader = Reader(log, session_source)
    reader.fetch()
    first, second = log.write((LEAD, prompt("p1"))), log.write((LEAD, prompt("p2")))
    for heard in (second, first):
        log.recorded.publish(heard)
        reader.fetch()

    assert [item.event.input_id for item in reader.items] == ["p1", "p2"]


def test_what_was_heard_before_the_close_is_told_in_order():
    """A store that is closed cannot be read, and its last events were heard already."""
    log = OpenLog()
    reader = Reader(log, session_source)
    log.append((LEAD, e.AgentSpawned(profile=PROFILE, spawned_at=1.0)))
    reader.fetch()
    job = JobRequested(
        job_id="j", command_id="c", command="make", cwd="/", digest="d", requested_at=1.0
    )
    first, second = log.write((JOBS, job)), log.write((LEAD, prompt("p1")))
    for heard in (second, first):
        log.recorded.publish(heard)
    whole = all_of(log, session_source)
    log.journal.read_stream = closed_store
    reader.fetch()

    assert len(whole) == 3
    assert reader.items == whole


# --- answers ----------------------------------------------------------------------------------

PIECES = st.builds(TextDelta, st.text(max_size=3)) | st.builds(ThinkingDelta, st.text(max_size=3))
DELTAS = (told.TextDelta, told.ReasoningDelta)
STEPS = st.lists(
    PIECES | st.sampled_from(["fetch", "fetch", "end", "cancel", "late reader", "straggler"])
)


@forall(STEPS)
@example([TextDelta("so"), "cancel", "late reader", "fetch"])
def test_a_reader_has_every_word_of_the_open_answer(steps):
    """Pieces may be dropped on the way to a slow reader; what it shows has no hole in the end."""
    talk = Talk()
    for step in [*steps, "fetch", "end", "straggler", "fetch"]:
        talk.go_on(step)

    for effect_id, text in talk.said.items():
        for reader in talk.readers:
            assert text.startswith(reader.texts.get((effect_id, told.TextDelta), ""))


class Talk:
    """One answer after the other, and readers that come and look when they like."""

    def __init__(self):
        self.log = OpenLog()
        self.readers = [Reader(self.log)]
        self.said = {}
        self._last = self._open = None

    def go_on(self, step):
        match step:
            case "fetch":
                for reader in self.readers:
                    reader.fetch()
                    self._check(reader)
            case "late reader":
                self.readers.append(Reader(self.log, after=None, over=self.said))
            case "straggler":
                if self._last is not None and self._open is None:
                    self.log.say(self._last, TextDelta("!"))
            case "end" | "cancel":
                self._end(is_cancelled=step == "cancel")
            case piece:
                self.log.say(self._answer(), piece)

    def _answer(self):
        """The one that is being given; it begins if there is none."""
        if self._open is None:
            effect_id = EffectId(f"model-{len(self.said) + 1}")
            asked = e.ModelCallRequested(effect_id=effect_id, run_id="lead/run-1", round=1)
            self.log.append((LEAD, asked))
            self._open = self.log.answers.begin(LEAD, effect_id)
        return self._open

    def _end(self, *, is_cancelled):
        answer = self._answer()
        self.said[answer.effect_id] = text = answer.partial.text
        if is_cancelled:  # whoever gives the answer hears of it later
            end = e.RunCancelled(run_id="lead/run-1", reason="enough", cancelled_at=1.0)
        else:
            self.log.answers.end(answer)
            blocks = (TextBlock(text=text),)
            end = e.ModelReplied(
                effect_id=answer.effect_id, blocks=blocks, stop_reason=StopReason.END_TURN
            )
        self.log.append((LEAD, end))
        self._last, self._open = answer, None

    def _check(self, reader):
        if self._open is not None:
            partial, effect_id = self._open.partial, self._open.effect_id
            heard = [reader.texts.get((effect_id, kind), "") for kind in DELTAS]
            assert heard == [partial.text, partial.thinking]
