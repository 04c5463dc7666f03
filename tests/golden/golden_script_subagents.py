"""Calls make agents of their own: these answer, fail, are ended, and spend from one budget."""

from golden_team import call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import TokenUsage

__all__ = ["SUBAGENT_STORIES"]


BROKEN = {
    "kind": "overloaded",
    "message": "busy",
    "transient": True,
    "usage": TokenUsage(input_tokens=120, output_tokens=100),
    "cost_usd_micros": 450,
    "asked_model": "openai:gpt-x",
    "partial": c.PartialAnswer(text="4 kg are"),
}

GONE = {"tokens": 556, "cost_usd_micros": 2_250}


def delegation(team):
    """A call has two agents made: one answers, the other has no key for its model."""
    team.add(profile("chief", system="You delegate."))
    team.prompt("chief", "Survey the forest.", deadline_s=600.0, retry_budget=1)
    team.reply("chief", call("task"), plans=(plan("idempotent", parallel=True),))
    oaks = team.subagent("chief", "task", "oaks")
    firs = team.subagent("chief", "task", "firs")
    team.prompt(oaks, "Count the oaks.")
    team.prompt(firs, "Count the firs.")
    team.reply(oaks, TextBlock(text="Nine oaks."))
    team.fail(firs, kind="auth", message="the key is wrong", transient=False)
    team.dismiss("chief", oaks, "finished")
    team.dismiss("chief", firs, "failed")
    team.finish("chief", "task", "Nine oaks, and nobody knows of the firs.")
    team.reply("chief", TextBlock(text="Nine oaks."))


def ended_with_their_calls(team):
    """What is still at work is stopped with the run, cancelled with its call."""
    team.prompt("chief", "Survey the desert.")
    team.reply("chief", call("task"), call("task"), plans=(plan(parallel=True),) * 2)
    dunes = team.subagent("chief", "task", "dunes")
    cacti = team.subagent("chief", "task", "cacti", nth=1)
    team.prompt(dunes, "Count the dunes.")
    team.prompt(cacti, "Count the cacti.")
    team.finish("chief", "task", "I did not wait.")  # the dunes are cancelled
    team.tell("chief", c.StopRun, reason="the sun sets")  # the cacti end in order
    team.reply(cacti, TextBlock(text="Two cacti."))
    team.finish("chief", "task", "Two cacti.")


def one_budget(team):
    """A run and its subagents spend from one budget, of tokens and of money, until it is gone."""
    team.add(profile("purse"))
    spent = {"verdict": {"cost_usd_micros": 900}}
    for budget in ({"token_budget": 400}, {"cost_budget_usd_micros": 2_000}):
        team.prompt("purse", "Price the harvest.", **budget)
        team.reply("purse", call("task"), plans=(plan("idempotent", parallel=True),), **spent)
        helper = team.subagent("purse", "task", "apples")
        team.prompt(helper, "Price the apples.")
        team.reply(helper, call("weigh"), plans=(plan("safe"),), **spent)
        team.finish(helper, "weigh", "4 kg")
        team.fail(helper, **BROKEN)  # what a broken answer has used counts too
        team.withhold(helper, **GONE)
        team.dismiss("purse", helper, "failed")
        team.finish("purse", "task", "The budget is used up.")
        team.withhold("purse", **GONE)


SUBAGENT_STORIES = (delegation, ended_with_their_calls, one_budget)
