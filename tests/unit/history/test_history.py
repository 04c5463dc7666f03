"""Looking back at a team that has worked: agents, boards, differences, turning points."""

from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

import mentra_actors as mentra
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.content import UserMessage
from mentra_actors.errors import CommandRejected
from projections import ROSTER, TASK_BOARD, TRANSCRIPT, projection
from projections.views.transcript_differences import transcript_difference
from projections.views.transcript_item import AssistantText, MailIn, ToolResult, TranscriptItem


@projection(name="events", initial=lambda: 0, view_type=int)
def counted(view, recorded):
    return view + 1


@contextmanager
def team(*answers, path=":memory:"):
    model = mentra.ScriptedModel(turns=list(answers) or ["ready"], repeat=True)
    with mentra.open_runtime_sync(path, providers=[model]) as runtime:
        yield runtime


def work(runtime):
    """A lead answers twice, is configured between, and has two tasks; where the middle is."""
    lead = runtime.spawn("lead", model="scripted:words", system="You lead.\nBe short.")
    lead.send("Begin.")
    task = lead.board.create("Read the book")
    between = runtime.history.last_position
    lead.configure(system="You lead.\nBe long.", max_rounds=7)
    lead.board.update(task.task_id, status="in_progress")
    lead.board.create("Write a book")
    lead.send("Go on.")
    return between


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """The past of a team that has ended, and the position in its middle."""
    path = tmp_path_factory.mktemp("history") / "store"
    with team("first answer", "second answer", path=path) as runtime:
        between = work(runtime)
    with mentra.open_history(path) as history:
        yield history, between


def test_an_agent_at_its_end_is_what_it_is_now():
    with team("first answer", "second answer") as runtime:
        work(runtime)
        lead, now = runtime.agent("lead"), runtime.history.at().agent("lead")

        assert now.snapshot == lead.snapshot()
        assert now.state == lead.state()
        assert now.messages() == lead.conversation.history()
        assert list(now.transcript()) == list(lead.transcript())
        assert now.usage() == lead.usage()
        assert lead.at(now.version).snapshot == now.snapshot
        first, last = lead.context.at(8), lead.context.at(now.version)
        assert first.tokens < last.tokens == lead.context().tokens
        with pytest.raises(CommandRejected, match="; 999 is not there"):
            lead.context.at(999)
        with pytest.raises(CommandRejected, match="; 999 is not there"):
            lead.at(999)
        with pytest.raises(CommandRejected, match="; 0 is not there"):
            lead.at(0)


def test_an_agent_in_the_middle_of_a_call_was_about_to_ask_its_model(worked):
    history, between = worked
    asked = history.bisect(lambda one: one.agent("lead").state.model_calls == 2, good=between)
    then = asked.after.agent("lead")

    assert [type(effect) for effect in then.pending.values()] == [CallModel]
    assert then.snapshot.status == "awaiting_model"
    assert then.limits is not None
    assert [one.text for one in then.messages() if isinstance(one, UserMessage)] == [
        "Begin.",
        "Go on.",
    ]
    assert history.at().agent("lead").pending == {}


def test_a_moment_shows_the_whole_team(worked):
    history, between = worked
    then = history.at(between)

    assert [one.name for one in then.roster()] == ["lead"]
    assert [task.subject for task in then.board().tasks] == ["Read the book"]
    assert then.usage().total.calls == then.usage("lead").total.calls == 1
    assert then.agent("lead").profile.system.endswith("Be short.")
    assert then.transcript("lead", last=1) == then.transcript("lead")[-1:]
    assert history.at(time=then.time).position >= between
    assert history.at(0).time is None


def test_who_was_not_there_yet_is_named_with_those_who_were(worked):
    history, _ = worked

    with pytest.raises(CommandRejected, match="name 'lead' at position 0; there was nobody yet"):
        history.at(0).agent("lead")
    with pytest.raises(CommandRejected, match="there was lead"):
        history.at().agent("mate")


def test_a_difference_tells_what_a_person_asks_for(worked):
    history, between = worked
    found = history.diff(between)
    (lead,) = found.agents

    assert [task.subject for task in found.board.created] == ["Write a book"]
    assert [(one.task.task_id, one.was, one.is_now) for one in found.board.changed] == [
        (1, "ready", "in_progress")
    ]
    assert {one.name: (one.before, one.after) for one in lead.configuration} == {
        "system": ("You lead.\nBe short.", "You lead.\nBe long."),
        "max_rounds": (50, 7),
    }
    said = [one.content for one in lead.transcript.added]
    assert AssistantText(text="second answer") in said
    assert lead.transcript.removed == []
    assert lead.usage_after.calls - lead.usage_before.calls == 1


def test_a_difference_backwards_removes_what_the_other_adds(worked):
    history, between = worked
    forward = history.diff(between).agents[0].transcript
    back = history.diff(history.at(), between)

    assert back.agents[0].transcript.removed == forward.added
    assert [task.subject for task in back.board.deleted] == ["Write a book"]


def test_a_moment_differs_from_itself_nowhere(worked):
    history, between = worked
    found = history.diff(between, between)

    assert found.agents == ()
    assert found.board.changed == ()
    assert history.diff(between, between, view=ROSTER) == ()


def test_the_difference_of_any_view_names_its_places(worked):
    history, between = worked
    found = history.diff(between, view=TASK_BOARD, key="board-main")
    status = next(one for one in found if one.path[-1] == "status")

    assert status.place == "state.tasks.1.status"
    assert (status.how, status.before, status.after) == ("changed", "pending", "in_progress")


def test_entries_that_were_taken_back_are_told():
    with team("one", "two") as runtime:
        lead = runtime.spawn("lead", model="scripted:words")
        lead.send("First.")
        lead.send("Second.")
        before = runtime.history.last_position
        lead.conversation.move_to(2)
        (found,) = runtime.history.diff(before).agents

    assert [entry.entry_id for entry in found.taken_back] == [3, 4]


def test_two_stores_are_compared_by_what_was_said():
    with team("yes") as one, team("no") as other:
        for runtime in (one, other):
            runtime.spawn("lead", model="scripted:words").send("Shall we?")
        found = one.history.diff(one.history.at(), other.history.at())
        (lead,) = found.agents

    told = [
        (item.content.text, other.content.text)
        for passage in lead.transcript.passages
        for item, other in zip(passage.removed, passage.added, strict=True)
        if isinstance(item.content, AssistantText)
    ]
    assert told == [("yes", "no")]


def test_two_stores_that_have_said_the_same_do_not_differ_by_ids():
    """In a branch calls and letters count from elsewhere; what they said is what is compared."""

    def said(key, mail_id):
        contents = (
            MailIn(mail_id=mail_id, sender="ann", body="40"),
            ToolResult(key=key, content="Sent."),
        )
        return [
            TranscriptItem(stream_version=1, global_position=1, recorded_at=0.0, content=one)
            for one in contents
        ]

    same = transcript_difference(said("tool-1.0", "a"), said("tool-2.0", "b"))
    assert same.passages == ()


def test_bisect_names_the_event_and_both_sides(worked):
    history, between = worked
    found = history.bisect(
        lambda board: any(task.status == "in_progress" for task in board.tasks),
        view=TASK_BOARD,
        key="board-main",
    )

    assert found.position > between
    assert "board" in found.event.event_type
    assert found.before.state.tasks[1].status == "pending"
    assert found.after.state.tasks[1].status == "in_progress"


def test_bisect_over_moments_asks_about_anything(worked):
    history, _ = worked
    found = history.bisect(lambda moment: moment.usage().total.calls == 2)

    assert found.event.event_type.startswith("agent.model_replied")
    assert found.before.usage().total.calls == 1


def test_bisect_refuses_where_nothing_turns(worked):
    history, between = worked
    bisect = history.bisect

    with pytest.raises(CommandRejected, match="true at position 0 already"):
        bisect(lambda parts: not parts, view=TRANSCRIPT)
    with pytest.raises(CommandRejected, match="nothing has made it so by then"):
        bisect(lambda parts: False, view=TRANSCRIPT)
    with pytest.raises(CommandRejected, match="forward in time"):
        bisect(lambda parts: True, view=TRANSCRIPT, good=between, bad=1)


def test_few_looks_are_enough_for_a_long_log():
    """Three passes: each folds a hundredth of what the one before has folded."""
    with team() as runtime:
        lead = runtime.spawn("lead", model="scripted:words")
        for number in range(40):
            lead.board.create(f"task {number}")
        last = runtime.history.last_position
        found = runtime.history.bisect(lambda count: count >= last - 5, view=counted, key="")

    assert found.position == last - 5
    assert found.looks <= 2 + last.bit_length()


def test_a_time_says_which_moment_is_meant(worked):
    history, _ = worked

    assert history.at(time=datetime(2000, 1, 1, tzinfo=UTC)).position == 0
