"""Recorded runs that are decided again, run again, and kept as files."""

from dataclasses import replace

import msgspec
import pytest

from mentra_actors import ScriptedModel, call, open_runtime_sync, tool
from mentra_actors.domain.agent.decide import AGENT, rounds
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.errors import CommandRejected, ConfigurationError, StoreFormatError
from mentra_actors.providers.scripted import position
from mentra_actors.runtime.replay import request_digests
from mentra_actors.testing.recordings import replay_recording


class World:
    """A team whose lead has asked a tool twice, and what really happened."""

    def __init__(self):
        self.ran = []
        self.model = ScriptedModel(self.turn)
        self.tool = self._tool()

    def _tool(self):
        @tool
        def weather(city: str) -> str:
            """The weather of a city."""
            self.ran.append(city)
            return f"rain in {city}"

        return weather

    def turn(self, request):
        turns = [[call("weather", city="Bern")], [call("weather", city="Rome")], "It rains."]
        return turns[position(request) % 3]


@pytest.fixture
def world():
    return World()


@pytest.fixture
def runtime(world):
    with open_runtime_sync(":memory:", providers=[world.model], tools=[world.tool]) as opened:
        lead = opened.spawn("lead", model="scripted:a", system="You lead.")
        lead.send("How is it?", timeout_s=20)
        yield opened


def turns_of(*turns):
    """A model of another name that plays these; None for what another one has answered."""
    return ScriptedModel(lambda request: turns[position(request)], name="other")


def test_a_log_is_decided_again_as_it_was(runtime):
    found = runtime.history.verify()

    assert found.is_same
    assert found.untold == {}
    assert (found.position, found.events) == (runtime.history.last_position,) * 2


def test_the_log_of_one_agent_is_decided_alone(runtime):
    found = runtime.history.verify("lead")

    assert found.is_same
    assert 0 < found.appends < runtime.history.verify().appends


def test_a_log_is_decided_again_up_to_any_event_and_no_append_is_halved(runtime):
    """Half of an append would be told as a difference that is none."""
    last = runtime.history.last_position

    found = [runtime.history.verify(at=position) for position in range(last + 1)]

    assert all(one.is_same for one in found)
    assert [one.position >= at for at, one in enumerate(found)] == [True] * (last + 1)


def test_a_changed_decider_is_tried_on_a_real_log(runtime):
    """What a change does to the runs of users is known before it is released."""

    def forgets_plans(command, state):
        return [one for one in AGENT.decide(command, state) if "Planned" not in type(one).__name__]

    found = runtime.history.verify(deciders={"agent": replace(AGENT, decide=forgets_plans)})

    assert not found.is_same
    assert {one.command for one in found.differences} == {"RecordModelReply"}
    assert found.differences[0].position == 8


def test_a_run_is_played_again_without_a_model_and_without_a_tool(runtime, world):
    """The ordinary runtime makes the same events of it, with their ids and times."""
    asked, last = len(world.model.asked), runtime.history.last_position
    found = runtime.history.replay("lead")

    assert found.is_same
    assert found.first_other is None
    assert found.answer == "It rains."
    assert (len(world.model.asked), world.ran) == (asked, ["Bern", "Rome"])
    assert runtime.history.last_position == last, "the past was written"


def test_a_second_run_is_played_on_what_came_before_it(runtime):
    runtime.agent("lead").send("And now?", timeout_s=20)

    for run in ("run-1", "lead/run-2"):
        assert runtime.history.replay("lead", run).is_same


def test_from_a_step_on_another_model_answers_and_recorded_calls_get_recorded_results(
    runtime, world
):
    other = ScriptedModel(
        lambda request: ["", [call("weather", city="Rome")], f"Sun. {request.system}"][
            position(request)
        ],
        name="other",
    )
    found = runtime.history.replay(
        "lead", live_from=2, model="other:b", system="Be brief.", providers=[other]
    )

    assert found.answer == "Sun. Be brief."
    assert found.now.steps[:2] == found.before.steps[:2], "the beginning is played as it was"
    assert found.first_other == 5
    assert found.now.steps[3].told == "rain in Rome"
    assert (world.ran, found.unmade) == (["Bern", "Rome"], ())
    assert len(other.asked) == 2


def test_a_call_that_was_never_recorded_is_not_made(runtime, world):
    other = turns_of(None, [call("weather", city="Oslo")], "Who knows.")
    found = runtime.history.replay("lead", live_from=2, model="other:b", providers=[other])

    assert found.unmade == ("weather",)
    assert "was not run" in found.now.steps[3].told
    assert "Oslo" not in world.ran
    assert found.answer == "Who knows."


def test_a_call_that_was_never_recorded_is_made_if_that_is_wanted(runtime, world):
    other = turns_of(None, [call("weather", city="Oslo")], "Rain.")
    found = runtime.history.replay(
        "lead",
        live_from=2,
        changes=ProfileChanges(model="other:b"),
        providers=[other],
        tools=[world.tool],
        unrecorded="live",
    )

    assert world.ran == ["Bern", "Rome", "Oslo"]
    assert (found.unmade, found.now.steps[3].told) == ((), "rain in Oslo")


def test_a_letter_that_came_in_the_middle_is_taken_where_it_was(runtime):
    """Its moment is on the log, so it is told to the model at the same place again."""
    lead = runtime.agent("lead")
    lead.mail("By the way.")
    runtime.until_idle(timeout_s=20)

    assert runtime.history.replay("lead").is_same


def test_what_makes_no_sense_is_refused(runtime):
    history = runtime.history
    with pytest.raises(CommandRejected, match="there are lead"):
        history.replay("nobody")
    with pytest.raises(CommandRejected, match="no run 'run-7'"):
        history.replay("lead", "run-7")
    with pytest.raises(CommandRejected, match="from which model call"):
        history.replay("lead", model="other:b")
    with pytest.raises(CommandRejected, match="no model call 4"):
        history.replay("lead", live_from=4)


def test_many_runs_are_compared_in_a_table(runtime):
    runtime.agent("lead").send("And now?", timeout_s=20)
    rows = runtime.history.replay_all(
        live_from=3,
        model="other:b",
        providers=[ScriptedModel(["Sun."] * 9, name="other")],
    )

    assert [one.run_id for one in rows] == ["lead/run-1", "lead/run-2"]
    assert [one.first_other for one in rows] == [5, 5]
    assert [(one.decisions, one.is_same_answer, one.answer) for one in rows] == [
        (0, False, "Sun.")
    ] * 2


# --- files ------------------------------------------------------------------------------------


def test_a_run_is_a_file_that_is_decided_again(runtime, tmp_path):
    recording = runtime.history.record("lead", tmp_path / "run.jsonl.gz", run="run-1")
    found = replay_recording(tmp_path / "run.jsonl.gz")

    assert found.appends == runtime.history.verify("lead").appends
    assert sorted(recording.header.requests) == [f"agent-lead/model-{n}" for n in (1, 2, 3)]


def test_a_change_of_what_models_are_sent_is_found_in_a_recording(runtime, tmp_path, monkeypatch):
    """A prompt that is put together otherwise decides nothing, and changes every answer."""
    runtime.history.record("lead", tmp_path / "run.jsonl")

    request_of = request_digests.request_of

    def politely(profile, *rest):
        return request_of(msgspec.structs.replace(profile, system="Please."), *rest)

    monkeypatch.setattr(request_digests, "request_of", politely)

    with pytest.raises(AssertionError, match="another request would be sent for agent-lead/model"):
        replay_recording(tmp_path / "run.jsonl")


def test_a_changed_decision_is_told_with_its_place(runtime, tmp_path, monkeypatch):
    runtime.history.record("lead", tmp_path / "run.jsonl")
    requested = rounds.model_call_requested
    monkeypatch.setattr(
        rounds,
        "model_call_requested",
        lambda state, run, number: requested(state, run, number + 1),
    )

    with pytest.raises(AssertionError) as raised:
        replay_recording(tmp_path / "run.jsonl")
    words = str(raised.value)
    assert "ModelCallRequested.round" in words
    assert "recorded  1" in words
    assert "now       2" in words


def test_masked_texts_are_not_in_the_file_and_it_is_decided_all_the_same(runtime, tmp_path):
    runtime.history.record(
        "lead", tmp_path / "run.jsonl", mask=lambda text: text.replace("Bern", "a town")
    )
    content = (tmp_path / "run.jsonl").read_bytes()
    found = replay_recording(tmp_path / "run.jsonl")

    assert found.is_same
    assert b"QmVybg" not in content, "in base64 it says Bern"


def test_a_file_that_was_cut_or_edited_is_refused(runtime, tmp_path):
    file = tmp_path / "run.jsonl"
    runtime.history.record("lead", file)
    lines = file.read_bytes().splitlines(keepends=True)

    for content in (b"".join(lines[:-1]), b"".join([*lines[:2], *lines[3:]]), b"", b"{}\n"):
        file.write_bytes(content)
        with pytest.raises(StoreFormatError):
            replay_recording(file)


def test_a_file_that_is_there_is_left_alone(runtime, tmp_path):
    (tmp_path / "run.jsonl").write_text("mine")
    with pytest.raises(ConfigurationError, match="exists"):
        runtime.history.record("lead", tmp_path / "run.jsonl")

    assert (tmp_path / "run.jsonl").read_text() == "mine"
