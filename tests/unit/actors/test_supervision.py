"""What deaths leave on the log, what a person makes of it, and who is restarted with whom."""

from dataclasses import replace

import pytest

from mentra_actors.actors.dead_letters import UNRECORDED
from mentra_actors.actors.messages import Accepted, Envelope, Failed, error_in
from mentra_actors.actors.restart_policy import RestartPolicy, Teammates
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.actors.stream_services import StreamKind
from mentra_actors.codec.command_codec import decode_command
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.supervision import commands as s
from mentra_actors.domain.supervision.decide import SUPERVISION, SUPERVISION_STREAM
from mentra_actors.domain.supervision.state import DeliverLetter
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.errors import ActorQuarantined, StoreFull
from mentra_actors.ids import agent_stream
from mentra_actors.runtime.teams.supervised import Redelivery

MATES = tuple(map(agent_stream, ("lead", "mate", "third")))


class Sick:
    """Agents that die of some prompts and outcomes, until they are well."""

    def __init__(self, bench, **options):
        self.is_well = False
        self.deaths = 0
        decider = replace(AGENT, decide=self.decide)
        loader = StateLoader(AGENT, bench.store, bench.journal)
        self.kinds = {"agent": StreamKind(decider, loader)}
        self.options = options
        self.bench = bench
        self.boot()

    def boot(self):
        self.bench.boot(kinds=self.kinds, **self.options)

    def decide(self, command, state):
        text = getattr(command, "text", "")
        is_poison = text == "poison" or isinstance(command, c.RecordModelReply)
        if is_poison and not self.is_well:
            self.deaths += 1
            raise RuntimeError(f"it is bad: {text}")
        return AGENT.decide(command, state)


def supervise(bench, kind, **fields):
    command = kind(command_id=f"{kind.__name__} {fields}", now=1.0, **fields)
    answers = bench.system.send(SUPERVISION_STREAM, command)
    bench.system.settle(timers=True)
    return answers


def deliver_letters(bench):
    """Perform the deliveries that are due, one after the other, as the real performer does."""
    system = bench.system
    letters = Redelivery(system.directory, bench.journal)
    while due := [o for o in system.effects.running.values() if type(o.effect) is DeliverLetter]:
        letter = letters.letter_of(due[0].effect.letter_id)
        answers = []
        command = decode_command(letter.command, letter.content)
        again = Envelope(
            command, answers.append, is_outcome=letter.is_outcome, letter_id=letter.letter_id
        )
        system.directory.send(letter.stream_id, again)
        system.settle(timers=True)
        how = "accepted" if error_in(answers[0]) is None else "failed"
        end = s.RecordRedriveEnd(
            effect_id=due[0].effect_id, letter_id=letter.letter_id, how=how, now=2.0
        )
        system.effects.running.pop((SUPERVISION_STREAM, due[0].effect_id), None)
        system.send(SUPERVISION_STREAM, end, is_outcome=True)
        system.settle(timers=True)


def noted(bench):
    """What the log says of supervision."""
    return [type(one.event).__name__ for one in bench.journal.read_stream(SUPERVISION_STREAM)]


# --- on the log -------------------------------------------------------------------------------


def test_a_sender_hears_of_its_letter_when_the_letter_is_durable(bench):
    """Who is told that a command is kept must find it after a power loss."""
    Sick(bench)
    answers = bench.prompt("p1", "poison")
    bench.store.hold()
    bench.system.settle(timers=True)
    assert answers == []
    bench.store.let_go()
    bench.system.settle(timers=True)

    assert answers[0].error.letter_id == "L1"
    assert "kept as dead letter L1" in str(answers[0].error)
    assert [(one.letter_id, one.deliveries) for one in bench.letters()] == [("L1", 3)]


def test_a_quarantined_stream_stays_set_aside_in_the_next_process(bench):
    """It would die of the same, and take the time of everybody with it."""
    sick = Sick(bench, policy=RestartPolicy(max_restarts=1))
    bench.prompt("p1", "poison")
    waiting = bench.prompt("p2")
    bench.system.settle(timers=True)
    assert waiting[0].error.letter_id == "L2"
    sick.boot()
    later = bench.prompt("p3")

    assert isinstance(later[0].error, ActorQuarantined)
    assert bench.system.directory.quarantined().keys() == {bench.lead}
    assert sick.deaths == 2


def test_lifted_and_redriven_everything_goes_on_in_its_order(bench):
    """When the cause is mended nobody should have to type the commands anew."""
    sick = Sick(bench, policy=RestartPolicy(max_restarts=1))
    for prompt_id, text in (("p1", "poison"), ("p2", "b"), ("p3", "c")):
        bench.prompt(prompt_id, text)
    bench.system.settle(timers=True)
    sick.is_well = True
    sick.boot()
    supervise(bench, s.RedriveStream, stream_id=bench.lead)
    deliver_letters(bench)

    assert bench.state().known_ids == ("p1", "p2", "p3")
    assert bench.letters() == []
    assert bench.system.directory.quarantined() == {}


def test_what_kills_again_comes_back_as_a_new_letter_with_a_higher_count(bench):
    """A person must see that it was tried, and that it did not help."""
    sick = Sick(bench, policy=RestartPolicy(max_restarts=99))
    bench.prompt("p1", "poison")
    bench.system.settle(timers=True)
    supervise(bench, s.RedriveLetter, letter_id="L1")
    deliver_letters(bench)

    (letter,) = bench.letters()
    assert (letter.letter_id, letter.deliveries, letter.redrives) == ("L2", 6, 1)
    assert sick.deaths == 6
    sick.is_well = True
    supervise(bench, s.RedriveLetter, letter_id="L2")
    deliver_letters(bench)
    assert bench.letters() == []
    assert bench.state().known_ids == ("p1",)


def test_a_crash_between_an_order_and_its_delivery_loses_nothing(bench):
    """The order is a pending effect, so the next process delivers the letter."""
    sick = Sick(bench)
    bench.prompt("p1", "poison")
    bench.system.settle(timers=True)
    sick.is_well = True
    supervise(bench, s.RedriveLetter, letter_id="L1")
    sick.boot()
    bench.system.directory.wake(SUPERVISION_STREAM)
    bench.system.settle()
    deliver_letters(bench)

    assert bench.state().known_ids == ("p1",)


def test_an_outcome_that_is_a_letter_is_awaited_and_not_made_anew(bench):
    """A model call that was paid for, and whose answer is at hand, is not made a second time."""
    sick = Sick(bench)
    bench.prompt("p1")
    bench.system.settle()
    (order,) = bench.system.effects.running.values()
    outcome = bench.reply(order.effect_id)
    envelope = Envelope(outcome, causation=f"{bench.lead}/{order.effect_id}", is_outcome=True)
    bench.system.directory.send(bench.lead, envelope)
    bench.system.settle(timers=True)
    assert bench.letters()[0].is_outcome
    sick.is_well = True
    sick.boot()
    supervise(bench, s.RedriveStream, stream_id=bench.lead)
    assert bench.started() == ["redrive-L1.1"]
    deliver_letters(bench)

    assert bench.events()[-1] == "RunFinished"
    assert "ModelCallFailed" not in bench.events()
    assert "AgentRecovered" not in bench.events()


def test_what_was_in_flight_at_a_lift_is_settled_as_after_a_crash(bench):
    """Its outcome was refused while the stream was set aside: it may have been done."""
    sick = Sick(bench, policy=RestartPolicy(max_restarts=0))
    sick.is_well = True
    bench.prompt("p1")
    bench.system.settle()
    bench.system.effects.running.clear()
    bench.send(bench.reply("model-1", "pay"), is_outcome=True)
    bench.system.settle()
    sick.is_well = False
    bench.prompt("p2", "poison")
    bench.system.settle(timers=True)
    bench.system.effects.running.clear()  # it was performed, and nobody took the outcome
    started = bench.started()
    supervise(bench, s.LiftQuarantine, stream_id=bench.lead)

    assert "ToolCallOutcomeUnknown" in bench.events()
    assert bench.started().count("tool-1.0@1") == started.count("tool-1.0@1") == 1
    late = c.RecordToolOutcome(key="tool-1.0", outcome=ToolOutcome(content="late"), now=3.0)
    bench.send(late, is_outcome=True)
    bench.system.settle()
    assert "ToolCallFinished" not in bench.events()


# --- a store that fails -----------------------------------------------------------------------


def test_a_letter_that_the_store_refuses_is_kept_and_recorded_later(bench):
    """A full disk is no reason to lose a command, or to keep its sender waiting."""
    Sick(bench)
    answers = bench.prompt("p1", "poison")
    bench.store.fail_while(
        lambda request: (
            StoreFull("no space left")
            if request.streams[0].stream_id == SUPERVISION_STREAM
            else None
        )
    )
    for _ in range(5):
        bench.system.settle()
        bench.system.fire_timer()
    assert answers[0].error.letter_id == UNRECORDED
    kept = bench.system.directory.dead_letters.unrecorded()
    assert [one.command for one in kept[0].letters] == ["AcceptPrompt"]
    bench.store.recover()
    bench.system.settle(timers=True)

    assert bench.system.directory.dead_letters.unrecorded() == []
    assert [one.letter_id for one in bench.letters()] == ["L1"]


def test_supervision_that_dies_itself_is_not_supervised(bench):
    """A report about the reporter would be reported for ever."""
    bench.boot(
        kinds={
            "supervision": StreamKind(
                replace(SUPERVISION, decide=lambda _command, _state: 1 // 0),
                StateLoader(SUPERVISION, bench.store, bench.journal),
            )
        }
    )
    answers = bench.prompt("p1", None)
    bench.system.settle(timers=True)

    assert answers[0].error.letter_id == UNRECORDED
    assert bench.system.directory.quarantined().keys() == {SUPERVISION_STREAM}
    (report,) = bench.system.directory.dead_letters.unrecorded()
    assert [one.stream_id for one in report.letters] == [bench.lead]
    assert noted(bench) == []


# --- strategies -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "beside"),
    [("one_for_one", ()), ("all_for_one", ("lead", "third")), ("rest_for_one", ("third",))],
)
def test_who_is_restarted_with_whom(strategy, beside):
    """The order is the one in which they joined; one who is no member is on its own."""
    team = Teammates(strategy, "team-main", MATES)

    assert team.restarted_with(agent_stream("mate")) == tuple(map(agent_stream, beside))
    assert team.restarted_with(agent_stream("stranger")) == ()


def team_bench(bench, strategy, **options):
    for name in ("mate", "third"):
        profile = e.AgentProfile(agent_id=name, name=name, team_id="main", role="r", model="m")
        bench.write(agent_stream(name), [e.AgentSpawned(profile=profile, spawned_at=0.0)], 0)
    team = Teammates(strategy, "team-main", MATES)
    sick = Sick(bench, team_of=lambda stream_id: team if stream_id in MATES else None, **options)
    for stream_id in MATES:
        ask(bench, stream_id, "p0")
    bench.system.settle()
    return sick


def ask(bench, stream_id, prompt_id, text="Go on."):
    return bench.system.send(stream_id, c.AcceptPrompt(prompt_id=prompt_id, text=text, now=0.0))


def live_actors(bench):
    return {name: id(ref._actor_weakref()) for name, ref in bench.system.directory._actors.items()}


@pytest.mark.parametrize(
    ("strategy", "same"),
    [("one_for_one", {"lead", "third"}), ("all_for_one", set()), ("rest_for_one", {"lead"})],
)
def test_teammates_are_restarted_and_go_on_with_what_they_had(bench, strategy, same):
    """They load what the log says; what this process performs for them is not begun again."""
    team_bench(bench, strategy)
    before, started = live_actors(bench), len(bench.system.effects.started)
    kept = [ref._actor_weakref() for ref in bench.system.directory._actors.values()]
    ask(bench, MATES[1], "p1", "poison")
    answers = [ask(bench, stream_id, "p2") for stream_id in MATES]
    bench.system.settle(timers=True)
    after = live_actors(bench)

    assert {name for name in MATES if after[name] == before[name]} == set(map(agent_stream, same))
    assert [type(one[0]) for one in answers] == [Accepted] * 3
    assert len(bench.system.effects.started) == started
    assert len(kept) == 3


def test_a_whole_team_is_set_aside_when_it_dies_too_often(bench):
    """All or none: that is what the strategy says, also at the end."""
    team_bench(bench, "all_for_one", policy=RestartPolicy(max_restarts=2, max_deliveries=9))
    answers = ask(bench, MATES[1], "p1", "poison")
    bench.system.settle(timers=True)
    refused = [ask(bench, stream_id, "p2") for stream_id in MATES]

    assert bench.system.directory.quarantined().keys() == set(MATES)
    assert isinstance(answers[0], Failed)
    assert all(isinstance(one[0].error, ActorQuarantined) for one in refused)
    assert noted(bench) == [*["StreamQuarantined"] * 3, "LetterKept"]
    for stream_id in MATES:
        supervise(bench, s.LiftQuarantine, stream_id=stream_id)
    assert [type(ask(bench, one, "p3")) for one in MATES] == [list] * 3
    bench.system.settle()
    assert bench.system.directory.quarantined() == {}


def test_deaths_of_a_team_count_together_only_under_all_for_one(bench):
    """Three agents that die once each are no reason to give one of them up."""
    for strategy, is_set_aside in (("rest_for_one", False), ("all_for_one", True)):
        policy = RestartPolicy(max_restarts=2, max_deliveries=1)
        team = Teammates(strategy, "team-main", MATES)
        sick = Sick(bench, policy=policy, team_of=lambda _stream_id, team=team: team)
        for stream_id in MATES:
            ask(bench, stream_id, f"{strategy}-{stream_id}", "poison")
        bench.system.settle(timers=True)

        assert sick.deaths == 3
        assert bool(bench.system.directory.quarantined()) == is_set_aside
