"""How views are kept up to date, and what happens when one of them is broken."""

import logging
import threading

import msgspec
import pytest

from mentra_actors.domain.agent.events import AgentStopped, PromptAccepted
from mentra_actors.errors import StoreClosed, StoreFull
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend
from projections import BUILT_IN, ProjectionFailed, fold_view, projection
from projections.running.rebuild import own_view
from projections.running.runner import ProjectionRunner
from projections.stores.memory_views import MemoryViews
from projections.stores.view_store import ViewCommit, ViewDamaged, ViewId

TIMEOUT_S = 20.0


def prompt(text):
    """A prompt with a text."""
    return PromptAccepted(prompt_id=text, text=text, accepted_at=1.0)


@projection(name="texts", initial=list, view_type=list[str], handles=[PromptAccepted])
def texts(view, recorded):
    """Every prompt, in order."""
    return [*view, recorded.event.text]


@projection(name="texts", version=2, initial=list, view_type=list[str])
def loud_texts(view, recorded):
    """Every prompt, in capitals."""
    return [*view, recorded.event.text.upper()]


@projection(name="texts", version=2, initial=int, view_type=int)
def text_count(view, _recorded):
    """How many prompts, in a view of another type."""
    return view + 1


@projection(name="fussy", initial=int, view_type=int)
def fussy(view, recorded):
    """Breaks at one of the prompts."""
    if recorded.event.text == "bad":
        raise ZeroDivisionError("cannot bear it")
    return view + 1


@projection(name="unstorable", initial=int, view_type=int)
def unstorable(_view, _recorded):
    """Makes a view that has no stored form."""
    return object()


@pytest.fixture
def views():
    """An empty view store."""
    return MemoryViews()


@pytest.fixture
def runner(log, views):
    """A runner of one projection, in pages of two events."""
    return ProjectionRunner(log.store, views, [texts], page_events=2)


def statuses(runner):
    """Status by name."""
    return {status.name: status for status in runner.status()}


def test_catching_up(log, runner):
    """What was recorded is in the view, and progress is told page by page."""
    for text in "abcde":
        log.append("agent-lead", prompt(text))
    told = []
    runner.catch_up(progress=lambda checkpoint, target: told.append((checkpoint, target)))

    assert runner.view("texts") == list("abcde")
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert (runner.keys("texts"), runner.parts("texts")) == ([""], {"": list("abcde")})


def test_catching_up_to_a_moment(log, runner):
    """A view can be carried on to any position and no further."""
    for text in "abcde":
        log.append("agent-lead", prompt(text))
    runner.catch_up(through=3)

    assert runner.view("texts") == list("abc")
    assert statuses(runner)["texts"].lag == 2


def test_events_that_are_not_handled_move_the_checkpoint(log, runner):
    """A view is up to date when it has seen that nothing was for it."""
    log.append("agent-lead", AgentStopped(stopped_at=1.0))
    unknown = StreamAppend(stream_id="agent-lead", events=(EncodedEvent("agent.dreamt.v1", b"?"),))
    log.store.append(AppendRequest(streams=(unknown,)))
    runner.catch_up()

    assert (runner.checkpoint(), runner.view("texts")) == (2, None)
    assert (statuses(runner)["texts"].checkpoint, statuses(runner)["texts"].failure) == (2, "")


def test_an_unknown_view_is_a_key_error(runner):
    """A misspelt name is not an empty view."""
    for read in (runner.view, runner.parts, runner.keys):
        with pytest.raises(KeyError):
            read("text")


def test_names_are_unique(log, views):
    """Two projections of one name would write over each other."""
    with pytest.raises(ValueError, match="same name"):
        ProjectionRunner(log.store, views, [texts, loud_texts])


def test_following(log, runner):
    """Who has appended waits for a position and then reads what they wrote."""
    with runner.follow() as follower:
        for text in "abc":
            position = log.append("agent-lead", prompt(text))
            assert runner.wait_for(position, timeout_s=TIMEOUT_S)
            assert runner.view("texts")[-1] == text
        assert follower.is_running

    assert not follower.is_running
    assert not [t for t in threading.enumerate() if t.name == "projections"]
    follower.stop()


def test_one_follower_at_a_time(runner):
    """A second follower of one runner would only wait for the first."""
    with runner.follow(), pytest.raises(RuntimeError, match="already"):
        runner.follow()
    with runner.follow() as again:
        assert again.is_running


def test_waiting_without_a_follower(log, runner):
    """A script needs no thread to read its own writes."""
    position = log.append("agent-lead", prompt("a"))

    assert runner.wait_for(position, timeout_s=TIMEOUT_S)
    assert not runner.wait_for(position + 1, timeout_s=0.0)
    assert runner.view("texts") == ["a"]


def test_waiting_for_what_does_not_come(runner):
    """Waiting has an end."""
    with runner.follow():
        assert not runner.wait_for(1, timeout_s=0.01)


def test_waiting_for_another_process(log, views, runner):
    """Somebody else may do the work: who waits hears of it."""
    position = log.append("agent-lead", prompt("a"))
    ProjectionRunner(log.store, views, [texts]).catch_up()
    with runner.follow():
        assert runner.wait_for(position, timeout_s=TIMEOUT_S)

    assert runner.view("texts") == ["a"]


def test_the_end_of_a_follower_is_told(log, runner, caplog):
    """A follower that cannot go on says why, to those who wait and to its owner."""
    follower = runner.follow()
    log.append("agent-lead", prompt("a"))
    assert runner.wait_for(1, timeout_s=TIMEOUT_S)
    log.store.close()
    runner_saw = None
    try:
        runner.wait_for(2, timeout_s=TIMEOUT_S)
    except StoreClosed as error:
        runner_saw = error

    with pytest.raises(StoreClosed):
        follower.stop()
    assert isinstance(runner_saw, StoreClosed)
    assert "ended" in caplog.text


class RacedViews(MemoryViews):
    """Views that somebody else drops and folds again around one load."""

    def __init__(self):
        super().__init__()
        self.before_load = self.after_load = None

    def load(self, view, key, *, expected_checkpoint=None):
        """See `ViewStore.load`."""
        before, self.before_load = self.before_load, None
        after, self.after_load = self.after_load, None
        if before:
            before()
        try:
            return super().load(view, key, expected_checkpoint=expected_checkpoint)
        finally:
            if after:
                after()


def test_a_view_that_is_rebuilt_under_a_fold_is_not_mixed(log):
    """A part and its checkpoint belong together, even if the same checkpoint comes again."""
    views = RacedViews()
    for text in "abcd":
        log.append("agent-lead", prompt(text))
    other, slow = (ProjectionRunner(log.store, views, [texts]) for _ in range(2))
    other.catch_up(through=3)

    def start_again():
        views.drop(own_view(texts))
        other.catch_up(through=1)

    views.before_load, views.after_load = start_again, lambda: other.catch_up(through=3)
    slow.catch_up()

    assert slow.view("texts") == list("abcd")


class FullViews(MemoryViews):
    """Views on a disk that is full until it is told otherwise."""

    def __init__(self):
        super().__init__()
        self.refused = threading.Event()
        self.has_space = False

    def commit(self, commits):
        """See `ViewStore.commit`."""
        if not self.has_space:
            self.refused.set()
            raise StoreFull("no space left")
        super().commit(commits)


def test_a_full_disk_is_waited_for(log, caplog):
    """Following goes on by itself when there is space again."""
    views = FullViews()
    runner = ProjectionRunner(log.store, views, [texts])
    log.append("agent-lead", prompt("a"))
    with runner.follow():
        assert views.refused.wait(TIMEOUT_S)
        views.has_space = True
        assert runner.wait_for(1, timeout_s=TIMEOUT_S)

    assert "trying again" in caplog.text


def test_a_broken_projection_stops_alone(log, views, caplog):
    """One projection's bug costs its own view from there on, and nothing of the others."""
    runner = ProjectionRunner(log.store, views, [fussy, texts, *BUILT_IN], page_events=2)
    for text in ("a", "b", "c", "bad", "d"):
        log.append("agent-lead", prompt(text))
    runner.catch_up()

    assert runner.view("texts") == ["a", "b", "c", "bad", "d"]
    assert runner.view("fussy") == 3
    assert runner.checkpoint() == 5
    status = statuses(runner)["fussy"]
    assert (status.checkpoint, status.failed_position, status.lag) == (3, 4, 2)
    assert status.failure == "ZeroDivisionError: cannot bear it"
    assert statuses(runner)["texts"].failure == ""
    assert "fussy" in caplog.text


def test_a_mended_projection_goes_on(log, views):
    """After the bug is mended the view goes on where it stopped."""
    for text in ("a", "bad", "c"):
        log.append("agent-lead", prompt(text))
    ProjectionRunner(log.store, views, [fussy]).catch_up()
    mended = projection(name="fussy", initial=int, view_type=int)(lambda view, _: view + 10)
    runner = ProjectionRunner(log.store, views, [mended])
    runner.catch_up()

    assert runner.view("fussy") == 21


def test_a_view_that_cannot_be_stored_fails_alone(log, views):
    """Also a view without a stored form costs only itself."""
    runner = ProjectionRunner(log.store, views, [unstorable, texts])
    log.append("agent-lead", prompt("a"))
    runner.catch_up()

    assert runner.view("texts") == ["a"]
    assert statuses(runner)["unstorable"].failed_position == 1


class EndlessKeys:
    """Names its parts by the whole text of a prompt."""

    name, version, handles, view_type = "endless", 1, None, int

    def keys(self, recorded):
        """See `Projection.keys`."""
        return [recorded.event.text]

    def initial(self, key):
        """See `Projection.initial`."""
        return 0

    def apply(self, view, key, recorded):
        """See `Projection.apply`."""
        return view + 1


def test_a_key_that_is_too_long_fails_alone(log, views):
    """A key that no store can keep is the projection's bug, found before the store is asked."""
    runner = ProjectionRunner(log.store, views, [EndlessKeys(), texts])
    log.append("agent-lead", prompt("a"))
    log.append("agent-lead", prompt("x" * 400))
    runner.catch_up()

    assert runner.parts("endless") == {"a": 1}
    assert statuses(runner)["endless"].failed_position == 2
    assert len(runner.view("texts")) == 2


def test_a_fold_says_where_it_failed(log):
    """Folding by hand shows the bug, with its place and its cause."""
    log.append("agent-lead", prompt("bad"))
    with pytest.raises(ProjectionFailed) as failed:
        fold_view(fussy, log.journal.read_journal())

    assert (failed.value.name, failed.value.position) == ("fussy", 1)
    assert isinstance(failed.value.__cause__, ZeroDivisionError)


def test_a_raised_version_is_rebuilt_beside_the_old_one(log, views, runner):
    """While a view is made anew people read the old one; then the old one is gone."""
    for text in "abcd":
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    raised = ProjectionRunner(log.store, views, [loud_texts], page_events=1)
    raised.catch_up(through=3)

    assert raised.view("texts") == raised.parts("texts")[""] == list("abcd")
    assert raised.keys("texts") == [""]
    assert statuses(raised)["texts"].is_rebuilding
    assert views.versions("texts") == [1, 2]
    raised.catch_up()
    assert raised.view("texts") == list("ABCD")
    assert not statuses(raised)["texts"].is_rebuilding
    assert views.versions("texts") == [2]


def test_a_swap_that_a_crash_left_out_is_made_up_for(log, views, runner):
    """A process that dies between the last page and the swap leaves no old view for ever."""
    log.append("agent-lead", prompt("a"))
    runner.catch_up()
    part = msgspec.msgpack.encode(["A"])
    views.commit(
        [ViewCommit(view=ViewId("texts", 2), parts={"": part}, checkpoint=1,
                    expected_checkpoint=0)]
    )  # fmt: skip
    raised = ProjectionRunner(log.store, views, [loud_texts])
    raised.catch_up()

    assert (raised.view("texts"), views.versions("texts")) == (["A"], [2])


def test_an_old_view_of_another_type_is_not_read(log, views, runner):
    """Where the type has changed with the version, people see the new view grow."""
    for text in "abc":
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    raised = ProjectionRunner(log.store, views, [text_count])
    raised.catch_up(through=2)

    assert raised.view("texts") == 2
    assert raised.parts("texts") == {"": 2}


def test_an_older_release_keeps_its_own_view(log, views, runner):
    """A process of an older release beside a newer one folds for itself and spoils nothing."""
    log.append("agent-lead", prompt("a"))
    raised = ProjectionRunner(log.store, views, [loud_texts])
    raised.catch_up()
    runner.catch_up()

    assert (runner.view("texts"), raised.view("texts")) == (["a"], ["A"])
    log.append("agent-lead", prompt("b"))
    runner.catch_up()
    raised.catch_up()
    assert (runner.view("texts"), raised.view("texts")) == (["a", "b"], ["A", "B"])


def test_a_log_that_lost_its_tail(log, views, runner, caplog):
    """After an older backup was put back no view knows what did not happen."""
    for text in "abc":
        log.append("agent-lead", prompt(text))
    runner.catch_up()
    shorter = type(log)()
    shorter.append("agent-lead", prompt("z"))
    restored = ProjectionRunner(shorter.store, views, [texts])
    restored.catch_up()

    assert restored.view("texts") == ["z"]
    assert "lost its tail" in caplog.text


def test_an_emptied_log_empties_its_views(log, views, runner):
    """Without events there is nothing to see, in an older view either."""
    log.append("agent-lead", prompt("a"))
    runner.catch_up()
    emptied = ProjectionRunner(MemoryEventStore(), views, [loud_texts])
    emptied.catch_up()

    assert (emptied.view("texts"), views.versions("texts")) == (None, [])


def spoil(views, view, data):
    """Put bytes into a stored view without moving its checkpoint, as a bad disk would."""
    views._parts[view][""] = data


def test_a_damaged_part_is_rebuilt_when_it_is_read(log, views, runner, caplog):
    """Damage to a view is repaired from the log, and said."""
    caplog.set_level(logging.WARNING)
    log.append("agent-lead", prompt("a"))
    runner.catch_up()
    spoil(views, own_view(texts), b"\xc1")

    assert runner.view("texts") == ["a"]
    assert "rebuilt from the log" in caplog.text


def test_a_damaged_part_is_rebuilt_when_it_is_folded(log, views, runner):
    """Nothing is folded on a part that cannot be read."""
    log.append("agent-lead", prompt("a"))
    runner.catch_up()
    spoil(views, own_view(texts), b"\xc1")
    log.append("agent-lead", prompt("b"))
    again = ProjectionRunner(log.store, views, [texts])
    again.catch_up()

    assert again.view("texts") == ["a", "b"]


@projection(name="liar", initial=list, view_type=list[str])
def liar(_view, recorded):
    """Makes views that are not of its type, which the first one does not show."""
    return [] if recorded.global_position == 1 else [1]


def test_a_view_that_never_reads_back_fails(log, views):
    """A view of the wrong type is rebuilt once and then given up, instead of for ever."""
    log.append("agent-lead", prompt("a"))
    log.append("agent-lead", prompt("b"))
    runner = ProjectionRunner(log.store, views, [liar, texts], page_events=1)
    runner.catch_up()
    for _ in range(2):
        with pytest.raises(ViewDamaged):
            runner.view("liar")

    assert "cannot be read" in statuses(runner)["liar"].failure
    assert runner.view("texts") == ["a", "b"]
