"""Branches of a running team: what is shared, what was open, what is edited on the way."""

import threading

import anyio
import msgspec
import pytest

from mentra_actors import ScriptedModel, ToolContext, call, open_runtime_sync, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.background.events import JobInterrupted
from mentra_actors.domain.background.jobs import BACKGROUND, RecordJobStart, RequestJob
from mentra_actors.errors import CommandRejected, ConfigurationError
from mentra_actors.ids import CommandId, StreamId, agent_stream
from mentra_actors.providers.http_provider import HttpProvider
from mentra_actors.providers.presets import OPENAI
from mentra_actors.runtime.history.edits import Edit
from mentra_actors.store.ports import AppendRequest

OPTIONS = {"durability": "volatile", "close_grace_s": 0.0}


class Till:
    """A tool that pays, in the world of whoever runs it; and takes back what it has paid."""

    def __init__(self):
        self.keys = []
        self.undone = []

    def tool(self, **options):
        @tool(**options)
        def pay(amount: int, context: ToolContext) -> str:
            """Pay an amount."""
            self.keys.append(context.idempotency_key)
            return f"paid {amount}"

        return pay


def saying(words):
    """A model that always says the same, or what a function of the request says."""
    return ScriptedModel(words if callable(words) else lambda _request: words)


def positions(runtime, kind):
    journal = runtime._operations.core.journal
    return [one.global_position for one in journal.through() if isinstance(one.event, kind)]


def events(runtime, name, kind=object):
    journal = runtime._operations.core.journal
    recorded = journal.read_stream(agent_stream(name))
    return [one.event for one in recorded if isinstance(one.event, kind)]


def history_texts(agent):
    return [
        getattr(one, "text", None)
        or "".join(getattr(block, "text", "") for block in getattr(one, "blocks", ()))
        or [result.content for result in getattr(one, "results", ())]
        for one in agent.conversation.history()
    ]


PAYING = [[call("pay", amount=3)], "All is paid."]


@pytest.fixture
def paid(tmp_path):
    """A lead that has paid in one run; the runtime, the till and the path of its store."""
    till = Till()
    with open_runtime_sync(
        tmp_path / "team",
        providers=[ScriptedModel(PAYING)],
        tools=[till.tool(retry="idempotent")],
        **OPTIONS,
    ) as runtime:
        runtime.spawn("lead", model="scripted:x").send("Pay.", timeout_s=20)
        yield runtime, till


def test_a_branch_goes_on_and_its_origin_does_not_know(paid):
    runtime, _ = paid
    data = (runtime._operations.core.settings.path / "data.mdb").read_bytes()
    last = runtime.history.last_position
    runtime.history.fork("try")

    with runtime.open_branch("try", providers=[saying("No more.")]) as branch:
        assert branch.agent("lead").send("Pay again.", timeout_s=20).text == "No more."
        assert branch.history.last_position > last

    assert runtime.history.last_position == last
    assert (runtime._operations.core.settings.path / "data.mdb").read_bytes() == data
    assert history_texts(runtime.agent("lead"))[-1] == "All is paid."


def test_what_was_open_is_answered_as_interrupted_and_nothing_is_done(paid):
    runtime, till = paid
    (cut,) = positions(runtime, e.ToolCallStarted)
    branch = runtime.history.fork("try", at=cut)

    assert [(one.kind, one.what) for one in branch.open_effects] == [("tool call", "pay")]
    with runtime.open_branch("try", providers=[saying("Then it may be paid.")]) as opened:
        opened.until_idle(timeout_s=20)
        lead = opened.agent("lead")
        assert len(till.keys) == 1
        assert [one.key for one in events(opened, "lead", e.ToolCallOutcomeUnknown)]
        assert "the branch try was made" in events(opened, "lead", e.RunCancelled)[0].reason
        assert lead.resume(timeout_s=20).text == "Then it may be paid."
    with runtime.open_branch("try", providers=[saying("?")]) as again:
        assert len(events(again, "lead", e.RunCancelled)) == 1
    assert len(till.keys) == 1


def test_what_goes_on_has_keys_that_the_origin_has_not(paid):
    """A service that dedupes would else answer the branch with the receipt of the origin."""
    runtime, till = paid
    (cut,) = positions(runtime, e.ToolCallStarted)
    for name in ("one", "two"):
        runtime.history.fork(name, at=cut, open_effects="resume")
        with runtime.open_branch(name, providers=[saying("Paid.")]) as branch:
            branch.until_idle(timeout_s=20)
            assert branch.agent("lead").last_answer() == "Paid."

    assert len(till.keys) == 3
    assert len(set(till.keys)) == 3


def test_only_those_who_are_meant_go_on(tmp_path):
    """The others are there as they were, and sleep."""
    gate = threading.Event()

    async def turns(_request):
        await anyio.to_thread.run_sync(gate.wait, 20)
        return "Done."

    model = saying(turns)
    with open_runtime_sync(tmp_path / "team", providers=[model], **OPTIONS) as runtime:
        for name in ("ann", "bob"):
            runtime.spawn(name, model="scripted:x", prompt="Work.")
            agent = runtime.agent(name)
            agent.wait_for_snapshot(lambda now: now.status == "awaiting_model", timeout_s=20)
        branch = runtime.agent("ann").fork("try", open_effects="resume")
        assert {one.stream_id for one in branch.open_effects} == {"agent-ann", "agent-bob"}
        gate.set()
        with runtime.open_branch("try", providers=[saying("In the branch.")]) as opened:
            opened.until_idle(timeout_s=20)
            assert opened.agent("ann").last_answer() == "In the branch."
            assert opened.agent("bob").last_answer() == ""
            assert events(opened, "bob", e.RunCancelled)


def test_what_was_done_in_the_world_of_the_origin_is_not_undone_in_a_branch(tmp_path):
    """A branch that takes a run back would cancel what the origin has booked."""
    undone = []

    @tool(compensate=undone.append)
    def book() -> str:
        """Book a table."""
        return "booked"

    script = [[call("book")], [call("book")], "Both."]
    with open_runtime_sync(
        tmp_path / "team", providers=[ScriptedModel(script)], tools=[book], **OPTIONS
    ) as runtime:
        runtime.spawn("lead", model="scripted:x").send(
            "Book.", on_failure="rollback", timeout_s=20
        )
        cut = positions(runtime, e.ToolCallStarted)[1]
        runtime.history.fork("try", at=cut)
        with runtime.open_branch("try", providers=[saying("?")]) as branch:
            branch.until_idle(timeout_s=20)
            assert events(branch, "lead", e.AgentBranched)[0].branch == "try"
            assert len(history_texts(branch.agent("lead"))) == 5

    assert undone == []


def test_edits_stand_on_the_log_and_the_run_goes_on_from_them(paid):
    """The question of every fork: what if the tool had said something else?"""
    runtime, _ = paid
    (cut,) = positions(runtime, e.ToolCallFinished)
    asked = []

    def turns(request):
        asked.append(request)
        return "It was refused."

    runtime.history.fork(
        "refused",
        at=cut,
        by="ann",
        edits=[
            Edit.result("lead", "tool-1.0", "refused: no money"),
            Edit.profile("lead", system="Be brief.", max_rounds=7),
        ],
    )
    with runtime.open_branch("refused", providers=[saying(turns)]) as branch:
        lead = branch.agent("lead")
        assert history_texts(lead)[-1] == ["refused: no money"]
        assert lead.resume(timeout_s=20).text == "It was refused."
        assert asked[0].messages[-1].results[0].content == "refused: no money"
        assert asked[0].system.startswith("Be brief.")
        (edited,) = events(branch, "lead", e.ConversationEdited)
        assert (edited.by, edited.kind) == ("ann", "result")
    assert history_texts(runtime.agent("lead"))[-1] == "All is paid."


def test_words_of_a_run_that_is_to_go_on_are_not_edited(paid):
    """Who asks for both is told what to leave out, and no branch is made."""
    runtime, _ = paid
    (cut,) = positions(runtime, e.ToolCallFinished)
    edits = [Edit.result("lead", "tool-1.0", "refused: no money")]

    with pytest.raises(CommandRejected, match=r"leave out `resume`, and let lead resume"):
        runtime.history.fork("both", at=cut, edits=edits, open_effects="resume")
    assert list(runtime.history.branches()) == []


def test_words_of_people_and_of_models_are_edited(paid):
    runtime, _ = paid
    edits = [Edit.answer("lead", "I would rather not.", entry=2), Edit.message("lead", "Why not?")]
    runtime.history.fork("edited", edits=edits)

    with runtime.open_branch("edited", providers=[saying("?")]) as branch:
        told = history_texts(branch.agent("lead"))
        assert told == ["Pay.", "I would rather not.", "Why not?"]
        assert len(branch.agent("lead").conversation.entries()) == 6


def test_an_edit_of_what_is_not_there_makes_no_branch(paid):
    runtime, _ = paid
    for edit in (
        Edit.message("lead", "Hm?", entry=9),
        Edit.message("lead", "Hm?", entry=2),
        Edit.answer("lead", "Hm.", entry=1),
        Edit.result("lead", "tool-7.0", "no"),
        Edit.profile("nobody", system="?"),
        Edit.message("lead", " ", entry=1),
    ):
        with pytest.raises(CommandRejected):
            runtime.history.fork("bad", edits=[edit])
    assert list(runtime.history.branches()) == []
    place = runtime._operations.core.settings.path / "branches"
    assert not place.exists() or list(place.iterdir()) == []


def test_a_job_of_the_origin_is_neither_taken_over_nor_ended(paid, tmp_path):
    """Its process belongs to the other world, and may be in the middle of its work."""

    runtime, _ = paid
    core = runtime._operations.core
    stream = StreamId("background-lead")
    journal, store = core.journal, core.store

    state, written = BACKGROUND.initial, []
    for command in (
        RequestJob(
            command_id=CommandId("c"),
            job_id="job",
            command="sleep 1000",
            cwd="",
            digest="d",
            now=1.0,
            limit=None,
            agent_id="lead",
        ),
        RecordJobStart(job_id="job", directory=str(tmp_path), now=1.0, pid=1),
    ):
        made = BACKGROUND.decide(command, state)
        written += made
        state = BACKGROUND.fold(made, state)
    branch_origin = journal.stream_append(stream, written, 0)
    store.append(AppendRequest(streams=(branch_origin,), fence=core.fence))
    branch = runtime.history.fork("try", open_effects="resume")

    assert ("background job", "sleep 1000") in [(o.kind, o.what) for o in branch.open_effects]
    with runtime.open_branch("try", providers=[saying("?")]) as opened:
        ends = [
            one.event
            for one in opened._operations.core.journal.read_stream(stream)
            if isinstance(one.event, JobInterrupted)
        ]
        assert "the branch try was made" in ends[0].reason
    assert store.stream_version(stream) == 2


def test_a_schedule_fires_in_the_branch_only_if_that_is_asked_for(paid):
    runtime, _ = paid
    runtime.agent("lead").schedules.add("Wake up.", in_s=10_000)
    for how, status in (("interrupted", "paused"), ("resume", "active")):
        runtime.history.fork(how, open_effects=how)
        with runtime.open_branch(how, providers=[saying("?")]) as branch:
            (one,) = branch.schedules.list()
            assert one.schedule.status == status


def test_a_branch_in_memory_lasts_as_long_as_its_runtime(tmp_path):
    model = ScriptedModel(["one", "two", "three"], repeat=True)
    with open_runtime_sync(":memory:", providers=[model]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("1", timeout_s=20)
        runtime.history.fork("try", label="in memory")
        for number in (2, 3):
            with runtime.open_branch("try") as branch:
                branch.agent("lead").send(str(number), timeout_s=20)
                assert len(history_texts(branch.agent("lead"))) == 2 * number
        assert len(history_texts(runtime.agent("lead"))) == 2
        (info,) = runtime.history.branches()
        assert (info.label, info.own_events > 10) == ("in memory", True)
        with pytest.raises(CommandRejected, match="already"):
            runtime.history.fork("try")


def test_branches_share_what_they_have_in_common(paid):
    runtime, _ = paid
    history = runtime.history
    history.fork("early", at=4)
    history.fork("late")
    with runtime.open_branch("late", providers=[saying(".")]) as late:
        late.agent("lead").send("More.", timeout_s=20)
        cut = late.history.fork("second").cut

    assert history.common("early", "late") == history.branch("early").cut
    assert history.common("late") == history.last_position
    assert history.common("late/second", "late") == cut
    with pytest.raises(CommandRejected, match="no branch is named"):
        history.common("late/third")


def test_what_is_wrong_is_refused(paid):
    runtime, _ = paid
    with pytest.raises(CommandRejected, match="positions 0 to"):
        runtime.history.fork("x", at=10_000)
    with pytest.raises(TypeError, match="no option"):
        runtime.history.fork("x", color="red")
    with pytest.raises((ValueError, TypeError)):
        runtime.history.fork("x", open_effects="perhaps")
    with pytest.raises(CommandRejected, match="is no name"):
        runtime.history.fork("../x")
    with pytest.raises(CommandRejected, match="no agent was named"):
        runtime.history.fork("x", agents=["nobody"])
    with pytest.raises(CommandRejected, match="has versions 1 to"):
        runtime.agent("lead").fork("x", at=1000)
    with pytest.raises(CommandRejected, match="no branch is named"):
        runtime.history.branch("x")
    assert msgspec.to_builtins(list(runtime.history.branches())) == []
    with pytest.raises(CommandRejected), runtime.open_branch("x"):
        pass


def test_a_provider_with_connections_of_its_own_is_not_lent(tmp_path):
    """Its connections belong to the event loop of the runtime that has made them."""
    provider = HttpProvider(OPENAI, environ={})
    with open_runtime_sync(tmp_path / "team", providers=[provider], **OPTIONS) as runtime:
        runtime.history.fork("try")
        with (
            pytest.raises(ConfigurationError, match="one of its own"),
            runtime.open_branch("try"),
        ):
            pass
