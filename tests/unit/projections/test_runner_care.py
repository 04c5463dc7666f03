"""Views that are paused, mended, made anew and waited for, while they are kept."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from mentra_actors.domain.agent.commands import AcceptPrompt
from mentra_actors.domain.agent.events import AgentStopped, PromptAccepted
from projections import KeyedProjection, ProjectionFailed, projection
from projections.running.rebuild import own_view
from projections.running.rebuilding import draft_view
from projections.running.runner import ProjectionRunner
from projections.stores.lmdb_views import LmdbViews
from projections.stores.memory_views import MemoryViews
from projections.stores.view_store import ViewCommit

TIMEOUT_S = 20.0


def prompt(text):
    return PromptAccepted(prompt_id=text, text=text, accepted_at=1.0)


def texts_with(change, name="texts", version=1):
    @projection(name=name, version=version, initial=tuple, view_type=tuple[str, ...])
    def texts(view, recorded):
        """What a change makes of every prompt."""
        if not isinstance(recorded.event, PromptAccepted):
            return view
        return (*view, change(recorded.event.text))

    return texts


def unbearable(text):
    if text == "bad":
        raise ZeroDivisionError("cannot bear it")
    return text


@pytest.fixture(params=["memory", "lmdb"])
def views(request, tmp_path):
    opened = MemoryViews() if request.param == "memory" else LmdbViews.open(tmp_path / "views")
    yield opened
    opened.close()


@pytest.fixture
def runner(log, views):
    both = [texts_with(str), texts_with(unbearable, "fussy")]
    return ProjectionRunner(log.store, views, both, page_events=2, now=lambda: 1_700_000_042.0)


def append(log, *texts):
    for text in texts:
        log.append("agent-lead", prompt(text))


def status(runner, name="texts"):
    return {one.name: one for one in runner.status()}[name]


def test_a_paused_view_stays_as_it_is_and_the_others_go_on(log, runner):
    append(log, "a")
    runner.catch_up()
    runner.pause("texts")
    append(log, "b")
    runner.catch_up()

    assert (runner.view("texts"), runner.view("fussy")) == (("a",), ("a", "b"))
    assert (status(runner).is_paused, status(runner).lag) == (True, 1)
    runner.resume("texts")
    runner.catch_up()
    assert runner.view("texts") == ("a", "b")
    assert not status(runner).is_paused


def test_a_follower_of_paused_views_rests(log, runner):
    """A view that is behind and stays so must not be looked at again and again."""
    runner.pause("texts")
    append(log, "a")
    with runner.follow():
        assert not runner.wait_for(1, timeout_s=0.0)
        runner.resume("texts")
        assert runner.wait_for(1, timeout_s=TIMEOUT_S)


def answered_early(runner, position):
    """What a wait gives long before its time is up."""
    with ThreadPoolExecutor() as waiting:
        found = waiting.submit(runner.wait_for, position, timeout_s=3 * TIMEOUT_S)
        return found.result(TIMEOUT_S)


def test_nobody_waits_for_a_view_that_is_paused(log, runner):
    """It would take the whole time, and nothing could come of it."""
    with runner.follow():
        runner.pause("texts")
        append(log, "a")
        assert not answered_early(runner, 1)
        assert (runner.view("texts"), runner.view("fussy")) == (None, ("a",))
        runner.pause("fussy")
        assert not answered_early(runner, 2)


def test_nobody_pauses_what_is_not_there(runner):
    reads = (runner.view, runner.parts, runner.keys)
    for do in (runner.pause, runner.resume, runner.rebuild, *reads):
        with pytest.raises(KeyError, match="'text' is not kept here; kept are: texts, fussy"):
            do("text")


@pytest.mark.parametrize("limit", [-1, "1", 1.5, True])
def test_a_limit_is_a_number_of_parts(runner, limit):
    """Each place for views would make something else of it."""
    with pytest.raises((TypeError, ValueError), match="limit is a"):
        runner.parts("texts", limit=limit)


def test_a_lag_is_told_in_seconds_too(log, runner):
    append(log, "a", "b")
    runner.catch_up(through=1)

    assert status(runner).lag == 1
    assert status(runner).lag_s == 42
    runner.catch_up()
    assert status(runner).lag_s == 0


def test_a_failed_projection_goes_on_mended(log, runner):
    append(log, "a", "bad", "b")
    runner.catch_up()
    assert status(runner, "fussy").failed_position == 2
    runner.retry(texts_with(str, "fussy"))
    runner.catch_up()

    assert runner.view("fussy") == ("a", "bad", "b")
    assert status(runner, "fussy").failure == ""


def test_a_mended_projection_of_a_higher_version_is_folded_anew(log, runner):
    append(log, "a", "bad")
    runner.catch_up()
    runner.retry(texts_with(str.upper, "fussy", version=2))
    runner.catch_up()

    assert runner.view("fussy") == ("A", "BAD")
    with pytest.raises(ValueError, match="has version 2 by now"):
        runner.retry(texts_with(str, "fussy"))


def test_one_that_still_raises_stops_where_it_stopped(log, runner):
    append(log, "a", "bad", "b")
    runner.catch_up()
    runner.retry(texts_with(unbearable, "fussy"))
    runner.catch_up()

    assert (runner.view("fussy"), status(runner, "fussy").failed_position) == (("a",), 2)


def keys_of(keys):
    class Keyed(KeyedProjection[int], name="fussy"):
        def keys(self, _recorded):
            return keys()

        def apply(self, view, key, recorded):
            return view + 1

    return Keyed()


def test_keys_may_come_one_by_one(log, views):
    runner = ProjectionRunner(log.store, views, [keys_of(lambda: iter(["a", "b", "a"]))])
    append(log, "one")
    runner.catch_up()

    assert runner.parts("fussy") == {"a": 1, "b": 1}


def leaves():
    raise SystemExit(3)


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (keys_of(lambda: "lead"), r"whose letters are no keys: return \['lead'\]"),
        (keys_of(lambda: None), "TypeError"),
        (keys_of(lambda: (7,)), "AttributeError"),
        (keys_of(leaves), "SystemExit: 3"),
        (texts_with(lambda _text: leaves(), "fussy"), "SystemExit: 3"),
        (texts_with(lambda _text: 7, "fussy"), "`apply` returned .*: Expected `str`"),
        (texts_with(lambda _text: "\ud800", "fussy"), "cannot be stored"),
    ],
)
def test_whatever_a_projection_does_it_stops_alone(log, views, odd, said):
    """The thread that follows must not end with it: the other views would stay behind."""
    runner = ProjectionRunner(log.store, views, [odd, texts_with(str)])
    append(log, "one")

    with runner.follow():
        assert runner.wait_for(1, timeout_s=TIMEOUT_S)
        assert runner.view("texts") == ("one",)
    assert re.search(said, status(runner, "fussy").failure)
    assert runner.parts("fussy") == {}


def test_a_view_is_made_anew_and_put_in_place_at_once(log, runner, views):
    append(log, *"abcde")
    runner.catch_up()
    spoilt = ViewCommit(
        view=own_view(texts_with(str)),
        parts={"": b"\x90", "stray": b"\x90"},
        checkpoint=6,
        expected_checkpoint=5,
    )
    append(log, "f")
    views.commit([spoilt])
    seen = []
    runner.rebuild("texts", progress=lambda at, _target: seen.append((at, runner.view("texts"))))

    assert [at for at, _ in seen] == [2, 4, 6]
    assert {view for _, view in seen} == {()}
    assert runner.parts("texts") == {"": tuple("abcdef")}
    append(log, "g")
    runner.catch_up()
    assert runner.view("texts") == tuple("abcdefg")


def test_a_rebuilding_that_fails_leaves_the_view_alone(log, runner, views):
    append(log, "a", "b")
    runner.catch_up()
    runner._projections["texts"] = broken = texts_with(int)
    with pytest.raises(ProjectionFailed, match="ValueError"):
        runner.rebuild("texts")

    assert runner.view("texts") == ("a", "b")
    assert views.checkpoint(draft_view(broken)) == 0


def test_what_a_dying_rebuilding_has_left_is_begun_again(log, runner, views):
    append(log, "a", "b")
    runner.catch_up()
    left = ViewCommit(
        view=draft_view(texts_with(str)), parts={"": b"\x90"}, checkpoint=1, expected_checkpoint=0
    )
    views.commit([left])
    runner.rebuild("texts")

    assert runner.view("texts") == ("a", "b")
    assert views.versions("texts") == [1]


def test_events_that_nobody_handles_are_passed_over_at_once(log, views):
    """A view of rare events is neither decoded nor committed page by page."""

    @projection(name="ends", initial=int, view_type=int, handles=[AgentStopped])
    def ends(view, _recorded):
        return view + 1

    append(log, *"abcdefgh")
    log.append("agent-lead", AgentStopped(stopped_at=1.0))
    append(log, *"ij")
    told = []
    runner = ProjectionRunner(log.store, views, [ends], page_events=2)
    runner.catch_up(progress=lambda at, _target: told.append(at))

    assert (runner.view("ends"), runner.checkpoint()) == (1, 11)
    assert told == [9, 11]


def test_a_projection_of_commands_is_refused_when_it_is_kept(log, views):
    class Odd:
        name, version, handles, view_type = "odd", 1, frozenset({AcceptPrompt}), int
        keys = initial = apply = print

    with pytest.raises(TypeError, match="handles AcceptPrompt, which is no event"):
        ProjectionRunner(log.store, views, [Odd()])
