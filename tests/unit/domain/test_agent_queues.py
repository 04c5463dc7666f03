"""Words that reach a run at its boundaries: steering, follow-up, and when each is said."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_words import (
    agent,
    asked,
    failed,
    finished,
    follow_up,
    go,
    mail,
    only,
    said,
    steer,
    told,
)

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RunOptions


def placed(when):
    return only(when, e.InputPlaced)


def test_a_steer_is_said_with_the_next_request_after_tools():
    """A person sees where the work goes and says so, without breaking it off."""
    busy = agent().when(go()).when(asked("safe")).when(steer())
    answer = busy.when(finished())

    assert told(busy) == ["InputQueued s1"]
    assert placed(answer) == e.InputPlaced(run_id="lead/run-1", steer_ids=("s1",))
    assert told(answer)[-1] == "ModelCallRequested model-2"
    assert answer.state.steer.items == ()


def test_a_steer_after_an_answer_goes_on_with_the_run():
    """An answer that misses the point is not the end while somebody has said more."""
    answer = agent().when(go()).when(steer()).when(said())

    assert told(answer)[1:] == ["InputPlaced lead/run-1", "ModelCallRequested model-2"]


def test_a_follow_up_waits_until_the_run_would_end():
    """Not between a tool and the next step: only when the agent is done with the first wish."""
    busy = agent().when(go()).when(asked("safe")).when(follow_up())
    after_tool = busy.when(finished())
    after_answer = after_tool.when(said(reply_to="model-2"))

    assert told(after_tool) == ["ToolCallFinished tool-1.0", "ModelCallRequested model-2"]
    assert placed(after_answer).follow_up_ids == ("f1",)
    assert told(after_answer)[-1] == "ModelCallRequested model-3"


def test_a_steer_comes_before_a_follow_up():
    """Precedence is one ordered list."""
    busy = agent().when(go()).when(follow_up()).when(steer())
    answer = busy.when(said())

    assert placed(answer).steer_ids == ("s1",)
    assert answer.state.follow_up.items == ("f1",)


@pytest.mark.parametrize("queue", ["steer", "follow_up"])
def test_one_at_a_time_or_all_at_once(queue):
    """One per boundary lets the model answer each; all at once makes one message of them."""
    two = agent().when(go()).when(steer("a", "x1", queue)).when(steer("b", "x2", queue))
    one = two.when(said())
    mode = c.SetQueueMode(queue=queue, mode="all", now=3.0)
    both = two.when(mode).when(said())

    names = {"steer": "steer_ids", "follow_up": "follow_up_ids"}
    assert getattr(placed(one), names[queue]) == ("x1",)
    assert getattr(placed(both), names[queue]) == ("x1", "x2")
    assert one.state.entries == both.state.entries == 3  # prompt, answer, one message
    assert two.when(mode).when(mode) == []


def test_clearing_touches_its_own_queue_only():
    """Taking back a steer does not take back what was to follow."""
    waiting = agent().when(steer()).when(follow_up())
    cleared = waiting.when(c.ClearQueue(queue="steer", now=3.0))

    assert cleared.state.steer.items == ()
    assert cleared.state.follow_up.items == ("f1",)
    assert cleared.when(c.ClearQueue(queue="steer", now=4.0)) == []


def test_queueing_starts_no_run():
    """Only a prompt, mail, or a wish to run what is queued does."""
    assert told(agent().when(steer())) == ["InputQueued s1"]
    assert agent().when(steer()).pending == {}


def test_the_same_item_counts_once():
    """A client that lost the answer sends again with the same id."""
    waiting = agent().when(steer())

    assert waiting.when(steer()) == []
    assert told(waiting.when(go())).count("InputQueued s1") == 0


def test_empty_words_are_refused():
    """No model can use them."""
    assert agent().when(steer("  ")).rejects("must not be empty")


def test_what_is_queued_may_begin_a_run():
    """`run_queued` uses the steer as the prompt."""
    run = c.RunQueued(command_id="r1", now=3.0)
    answer = agent().when(steer()).when(run)

    assert told(answer) == [
        "RunStarted lead/run-1",
        "InputPlaced lead/run-1",
        "ModelCallRequested model-1",
    ]
    assert answer.when(run) == []
    assert agent().when(run).rejects("no queued steering input is available")
    assert agent().when(steer()).when(go()).when(run).rejects("is open")


def test_a_queued_run_leaves_a_waiting_prompt_to_its_own_run():
    """Two wishes are two runs."""
    queued = agent().when(steer()).when(c.RunQueued(command_id="r1", now=3.0)).when(go())
    answer = queued.when(said())

    assert told(answer)[1:4] == [
        "RunFinished lead/run-1",
        "RunStarted lead/run-2",
        "InputPlaced lead/run-2",
    ]


def test_the_order_of_a_request_is_steering_then_mail():
    """What the person of this agent says comes before what others write."""
    busy = agent().when(go()).when(asked("safe")).when(mail("m1", through=1)).when(steer())
    answer = busy.when(finished())

    assert placed(answer).steer_ids == ("s1",)
    assert placed(answer).mail_ids == ("m1",)


def test_a_failed_run_keeps_what_it_has_said():
    """With `suspend` nothing is taken back: a resumed run still knows it."""
    busy = agent().when(go()).when(steer()).when(asked("safe")).when(finished())
    broken = busy.when(failed("model-2", transient=False))

    assert broken.state.steer.items == ()
    assert not [x for x in broken.events if isinstance(x, e.InputReturned)]


def test_a_run_that_is_taken_back_gives_back_what_it_has_said():
    """One copy, in order, before what came later."""
    busy = agent().when(go(on_failure="rollback")).when(steer()).when(follow_up())
    busy = busy.when(asked("safe")).when(finished()).when(steer("later", "s2"))
    broken = busy.when(failed("model-2", transient=False))

    assert only(broken, e.InputReturned).steer_ids == ("s1",)
    assert broken.state.steer.items == ("s1", "s2")
    assert broken.state.follow_up.items == ("f1",)


def test_a_queued_run_that_was_taken_back_begins_again_with_its_words():
    """They wait in the queue again; a model that is asked without them answers nothing."""
    run = c.RunQueued(command_id="r1", now=3.0, options=RunOptions(on_failure="rollback"))
    broken = agent().when(steer()).when(run).when(failed(transient=False))
    resume = c.ResumeRun(command_id="r2", now=9.0)
    answer = broken.when(resume)

    assert told(broken)[-2:] == ["InputReturned lead/run-1", "LeafMoved 0"]
    assert placed(answer).steer_ids == ("s1",)
    assert answer.state.entries == 2  # the same words once on each branch
    cleared = broken.when(c.ClearQueue(queue="steer", now=8.0))
    assert cleared.when(resume).rejects("nothing is left of what began the run")


def test_queues_of_a_stopped_agent_take_nothing():
    """Whoever dismissed an agent must be able to rely on it."""
    assert agent().when(c.StopAgent(now=1.0)).when(steer()).rejects("stopped")


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (c.QueueInput(queue="steers", item_id="s1", text="left", now=1.0), "there is no 'steers'"),
        (c.ClearQueue(queue="steers", now=1.0), "there is no 'steers'"),
        (c.SetQueueMode(queue="steers", mode="all", now=1.0), "there is no 'steers'"),
        (c.SetQueueMode(queue="steer", mode="both", now=1.0), "one_at_a_time or all"),
    ],
    ids=["input", "clear", "queue", "mode"],
)
def test_a_queue_that_there_is_not_is_refused(command, reason):
    """A slip in a name must not end the agent."""
    assert agent().when(command).rejects(reason)


def test_ids_of_different_kinds_do_not_meet():
    """Whoever numbers prompts and words apart must not lose one that is taken for the other."""
    words = c.QueueInput(queue="steer", item_id="7", text="stop", now=1.0)
    prompt = c.AcceptPrompt(prompt_id="queue:7", text="go", now=1.0)

    assert told(agent().when(prompt).when(words)) == ["InputQueued 7"]
    assert "PromptAccepted queue:7" in told(agent().when(words).when(prompt))


def test_a_prompt_is_remembered_however_much_else_is_said():
    """A payment that is sent again after a day of steering must not be made again."""
    prompt = c.AcceptPrompt(prompt_id="pay", text="go", now=1.0)
    busy = agent().when(prompt)
    for number in range(300):
        busy = busy.when(c.QueueInput(queue="steer", item_id=f"s{number}", text="x", now=1.0))

    assert busy.when(prompt) == []


@pytest.mark.parametrize("is_person", [True, False])
def test_from_outside_only_the_mail_of_a_person_is_read(is_person):
    """A letter that somebody else has taken is never seen by the agent that it was for."""
    seat = agent(wake_on_mail=False, is_person=is_person).when(mail("m1", through=1))
    reading = c.HandOverMail(command_id="read", now=2.0, by_person=True)

    if is_person:
        assert only(seat.when(reading), e.MailHandedOver).mail_ids == ("m1",)
    else:
        assert seat.when(reading).rejects("is no person: nobody else reads its mail")
    own = c.HandOverMail(command_id="own", now=2.0)
    assert only(seat.when(own), e.MailHandedOver).mail_ids == ("m1",)
