"""How runs go on and how they end: strategies, stops, limits, ways back, broken answers."""

from golden_team import MAKER, call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.agent.run_options import RetrySchedule, RunOptions
from mentra_actors.domain.content import RefusalBlock, TextBlock, ThinkingBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage

__all__ = ["RUN_STORIES", "the_last_evening"]

FOR_GOOD = {"kind": "auth", "message": "the key is wrong", "transient": False}
BUSY = {"kind": "overloaded", "message": "busy", "transient": True}
HALF = TokenUsage(input_tokens=100, output_tokens=7)


def strategies(team):
    """A strategy changes options, says something, ends a run, and fails at an answer."""
    team.add(profile("cook"))
    team.prompt("cook", "Make a soup.", strategy="taste")
    team.reply("cook", call("stir"), plans=(plan("safe"),))
    team.finish("cook", "stir", "stirred")
    team.decide("cook", changes=ProfileChanges(temperature=0.75, system="You cook with salt."))
    team.reply("cook", TextBlock(text="Soup."))
    team.decide("cook", "inject", text="It needs salt.")
    team.reply("cook", TextBlock(text="Salted soup."))
    team.decide("cook", "stop")
    team.prompt("cook", "Another one.", strategy="taste")
    team.reply("cook", call("stir"), plans=(plan("safe"),))
    team.finish("cook", "stir", "burnt")
    team.decide("cook", "stop")
    team.prompt("cook", "A salad, then.", strategy="taste")
    team.reply("cook", TextBlock(text="Salad."))
    team.decide("cook", fault="round strategy 'taste' raised ValueError: no tongue")
    team.tell("cook", c.ResumeRun, command_id=team.new_id())  # goes on from the answer
    team.decide("cook")


def stops(team):
    """Runs end in order: after the round, when patience ends, where they only wait."""
    team.add(profile("runner"))
    team.prompt("runner", "Run a mile.")
    team.reply("runner", call("run"), plans=(plan("safe"),))
    team.tell("runner", c.StopRun, reason="it is late", grace_s=60.0)
    team.finish("runner", "run", "ran")
    team.prompt("runner", "Run two miles.")
    team.reply("runner", call("run"), call("run"), plans=(plan("safe"), plan("safe")))
    team.tell("runner", c.StopRun, grace_s=1.0)
    team.expire("runner", "stop")
    team.prompt("runner", "Run three miles.")
    team.fail("runner", **BUSY, retry_after_s=30.0)
    team.tell("runner", c.StopRun, reason="the model is busy")
    team.prompt("runner", "Run four miles.")
    team.reply("runner", call("run"), plans=(plan(needs_review=True),))
    team.review("runner", "run", "ask", text="so far?")
    team.tell("runner", c.StopRun, reason="nobody answers")


def soft_limits(team):
    """What a run has spent ends it in order, after the round."""
    for budget in ({"token_budget": 100}, {"cost_budget_usd_micros": 500}):
        team.prompt("runner", "Run for ever.", **budget)
        team.reply("runner", call("run"), plans=(plan("safe"),), verdict={"cost_usd_micros": 900})
        team.finish("runner", "run", "ran")


def hard_limits(team):
    """The call that would go beyond a limit, and a deadline, fail the run."""
    team.add(profile("miser"))
    look = plan("safe", parallel=True)
    team.prompt("miser", "Count the coins.", tool_budget=1)
    team.reply("miser", call("count"), call("count"), plans=(look, look))
    team.prompt("miser", "Count one coin.", model_budget=1)
    team.reply("miser", call("count"), plans=(look,))
    team.finish("miser", "count", "1")
    team.prompt("miser", "Count quickly.", deadline_s=5.0)
    team.reply("miser", call("count"), call("count"), plans=(look, plan()))
    team.expire("miser", "deadline")


def rolled_back(team):
    """A run fails and is taken back whole: what it was told waits again, what it did is undone."""
    team.add(profile("mender", run=RunOptions(on_failure="rollback")))
    team.prompt("mender", "How is the wall?")
    team.reply("mender", TextBlock(text="It leans."))
    team.prompt("mender", "Mend it.")
    team.queue("mender", "steer", "With clay.")
    team.queue("mender", "follow_up", "Then paint it.")
    team.mail("mender", "The clay is here.")
    undoable = plan(can_compensate=True)
    calls = (call("lay", '{"row": 1}'), call("lay", '{"row": 2}'), call("saw"))
    team.reply("mender", *calls, plans=(undoable, undoable, plan()))
    team.finish("mender", "lay", "row 1 lies")
    team.finish("mender", "lay", "row 2 lies")
    team.finish("mender", "saw", "its result is lost", is_error=True, has_run=True)
    team.reply("mender", TextBlock(text="Mended."))
    team.fail("mender", **FOR_GOOD, partial=c.PartialAnswer(text="I pai"))
    team.undone("mender", "row 2 is off")
    team.die_and_begin_again("host-8")  # row 1 was being taken off
    team.undone("mender", "row 1 holds", is_error=True)


def resumed(team):
    """Runs go on: from before a rollback with all its input, from results, with other options."""
    team.tell("mender", c.ResumeRun, command_id=team.new_id())
    for answer in ("Mended.", "With clay.", "Painted."):
        team.reply("mender", TextBlock(text=answer))
    team.prompt("mender", "Paint it red.")
    team.tell("mender", c.CancelRun, reason="blue is nicer")
    options = RunOptions(on_failure="suspend", retry_budget=0)
    team.tell("loner", c.ResumeRun, command_id=team.new_id(), options=options)
    team.reply("loner", TextBlock(text="I have looked."))


def broken_answers(team):
    """What had come of an answer is kept: it failed midway, its process died, nobody wanted it."""
    retry = RetrySchedule(base_s=1.0, max_s=8.0, retry_after_cap_s=10.0)
    team.add(profile("reader", run=RunOptions(retry=retry, retry_budget=1)))
    spent = {"usage": HALF, "cost_usd_micros": 310, "asked_model": "openai:gpt-x"}
    team.prompt("reader", "Read me a story.")
    half = c.PartialAnswer(text="Once upon", thinking="A fairy tale?")
    team.fail("reader", **BUSY, **spent, retry_after_s=99.0, partial=half)
    team.fail("reader", **BUSY)
    team.tell("reader", c.ResumeRun, command_id=team.new_id())
    team.die_and_begin_again("host-9", reader={"text": "Once", "thinking": "Again."})
    team.reply("reader", TextBlock(text="Once upon a time."), verdict={"cost_usd_micros": 400})
    team.prompt("reader", "Another one.")
    asked = team.state("reader")
    team.tell("reader", c.CancelRun, reason="bedtime")
    team.tell(
        "reader",
        c.RecordAbandonedAnswer,
        effect_id=asked.model_call.effect_id,
        run_id=asked.run.run_id,
        partial=c.PartialAnswer(text="There was", thinking="Shorter."),
        **spent,
    )


def stop_reasons(team):
    """An answer may end for many reasons, and reasoning may be signed or hidden."""
    team.add(profile("speaker", tool_choice="none"))
    for reason in StopReason:
        if reason in (StopReason.END_TURN, StopReason.TOOL_USE):
            continue
        team.prompt("speaker", f"Speak until {reason.value}.")
        team.reply("speaker", TextBlock(text="…"), stop=reason, raw_stop_reason=reason.upper())
    team.prompt("speaker", "Think aloud.")
    team.reply(
        "speaker",
        ThinkingBlock(parts=("Hm.",), signature="c2lnbmVk", provenance=MAKER),
        ThinkingBlock(encrypted="aGlkZGVu", is_redacted=True, provenance=MAKER),
        RefusalBlock(text="I would rather not."),
    )


def the_last_evening(team):
    """The process ends with work of every kind open: the next owner must find it."""
    team.queue("singer", "steer", "Good night.")
    team.queue("singer", "follow_up", "And sleep well.")
    team.prompt("buyer", "Buy a bed.")
    team.reply("buyer", call("buy"), call("look"), plans=[plan(can_compensate=True)] * 2)
    team.finish("buyer", "buy", "bought")
    team.finish("buyer", "look", "too short")
    team.fail("buyer", **FOR_GOOD)
    team.tell("buyer", c.CompensateRun)  # being undone
    team.prompt("cook", "A late supper.", strategy="taste")
    team.reply("cook", TextBlock(text="Bread."))  # the strategy is asked
    team.prompt("guard", "Lock the doors.", token_budget=50_000)
    team.reply("guard", call("lock"), call("look"), plans=[plan("safe", needs_review=True)] * 2)
    team.review("guard", "lock", "ask", text="all of them?", preview='{"doors": 3}')
    team.prompt("scout", "Look once more.", deadline_s=1e9)
    team.reply("scout", call("look"), plans=(plan("safe"),))  # the tool runs
    team.prompt("lead", "Say goodbye.")
    team.queue("lead", "steer", "To all.")
    team.mail("lead", "Good night.")
    team.mail("loner", "Wake up.")
    team.end()


RUN_STORIES = (
    strategies,
    stops,
    soft_limits,
    hard_limits,
    rolled_back,
    resumed,
    broken_answers,
    stop_reasons,
)
