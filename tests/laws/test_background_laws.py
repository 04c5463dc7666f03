"""What holds of the background jobs of an agent, whatever happens to them in whatever order."""

from collections import Counter
from typing import get_args

from hypothesis import given as forall

from mentra_actors.domain.background.events import (
    BackgroundEvent,
    JobCancelled,
    JobEnd,
    JobRequested,
)
from mentra_actors.domain.background.jobs import BACKGROUND, RequestJob, job_of
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.testing.decider_laws import (
    check_pure,
    check_restart,
    check_snapshots,
    check_total,
)
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.strategies import any_history, background_histories


@forall(background_histories())
def test_background_jobs_keep_the_laws_of_deciders(commands):
    """A job that a restarted process sees in another state is started or ended twice."""
    check_pure(BACKGROUND, [], commands)
    check_restart(BACKGROUND, [], commands)
    check_snapshots(BACKGROUND, [], commands)


@forall(any_history(get_args(BackgroundEvent)))
def test_no_history_makes_background_jobs_raise(events):
    """Jobs that cannot be loaded run on with nobody who watches them."""
    check_total(BACKGROUND, events)


@forall(background_histories())
def test_a_job_has_one_event_that_ends_it_or_is_open(commands):
    """Two ends are two answers to one question; none is a job that nobody can wait for."""
    answers = play(given(BACKGROUND), commands)
    events = [event for answer in answers for event in answer.events]
    asked = {event.job_id for event in events if isinstance(event, JobRequested)}
    ends = Counter(event.job_id for event in events if isinstance(event, get_args(JobEnd)))

    assert set(ends.values()) <= {1}
    for job_id in asked:
        assert answers[-1].state.jobs[job_id].is_open == (job_id not in ends)


@forall(background_histories())
def test_no_wish_is_granted_above_its_limit(commands):
    """The limit is what keeps an agent from filling the machine, also with late ends between."""
    before = BACKGROUND.initial
    for command, answer in zip(commands, play(given(BACKGROUND), commands), strict=True):
        granted = [event for event in answer.events if isinstance(event, JobRequested)]
        if granted and isinstance(command, RequestJob) and command.limit is not None:
            assert sum(job.is_open for job in before.jobs.values()) < command.limit
        before = answer.state


@forall(background_histories())
def test_what_is_open_is_being_done_and_nothing_else(commands):
    """After a restart the pending effects are all that is known of what is to be done."""
    for answer in play(given(BACKGROUND), commands):
        about = {effect_id.partition("-")[2] for effect_id in answer.pending}

        assert about == {job.job_id for job in answer.state.jobs.values() if job.is_open}


@forall(background_histories())
def test_a_repeated_command_records_nothing(commands):
    """Outcomes come twice after a crash, and so do the calls of an idempotent tool."""
    for command, answer in zip(commands, play(given(BACKGROUND), commands), strict=True):
        if answer.rejection is None:
            assert answer.when(command) == []
        if isinstance(command, RequestJob) and answer.rejection is None and answer.events:
            job = job_of(answer.state, command.command_id)
            assert (job is None) == (not isinstance(answer.events[0], JobRequested))


@forall(background_histories())
def test_an_end_and_its_letter_are_one_append(commands):
    """Each end is told to the agent whose job it was, but one that the agent has brought about."""
    answers = play(given(BACKGROUND), commands)
    for event in (event for answer in answers for event in answer.events):
        beside = list(BACKGROUND.companions(event))
        if not isinstance(event, get_args(JobEnd)):
            assert beside == []
            continue
        job = answers[-1].state.jobs[event.job_id]
        is_own_wish = isinstance(event, JobCancelled) and job.stopped_by not in ("", "host")
        assert (event.notice is not None) == bool(job.agent_id and not is_own_wish)
        letters = [MailDelivered(mail=event.notice)] if event.notice else []
        assert [one for delivery in beside for one in delivery.events] == letters
        assert {delivery.stream_id for delivery in beside} <= {f"inbox-{job.agent_id}"}
