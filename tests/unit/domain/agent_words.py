"""Commands and events of agents in short words, for examples that read like sentences."""

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.content import TextBlock, ToolCallBlock
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.model_call import ModelReply, StopReason, TokenUsage
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.testing.given_when_then import given

PROFILE = e.AgentProfile(
    agent_id="lead", name="lead", team_id="main", role="lead", model="scripted:model"
)
DONE = ToolOutcome(content="done")


def agent(**changes):
    """A new agent; `changes` are of its profile."""
    profile = msgspec.structs.replace(PROFILE, **changes)
    return given(AGENT, e.AgentSpawned(profile=profile, spawned_at=0.0))


def go(prompt_id="p1", text="go", now=1.0, **options):
    """A prompt, with run options if any are named."""
    chosen = RunOptions(**options) if options else None
    return c.AcceptPrompt(prompt_id=prompt_id, text=text, now=now, options=chosen)


def asked(*plans, reply_to="model-1", now=2.0, tokens=0, cost=None):
    """An answer with one call per plan.

    A plan is a retry mode, with `+` for parallel, `!` refused, `?` to be reviewed, `=` the output
    of the run, `~` for one that can be undone.
    """
    number = reply_to.removeprefix("model-")
    return c.RecordModelReply(
        effect_id=reply_to,
        reply=ModelReply(
            blocks=tuple(
                ToolCallBlock(call_id=f"c{index}", name="tool", arguments=f'{{"n": {index}}}')
                for index, _ in enumerate(plans)
            ),
            stop_reason=StopReason.TOOL_USE,
            usage=TokenUsage(input_tokens=tokens),
        ),
        plans=tuple(
            e.CallPlan(
                key=f"tool-{number}.{index}",
                retry=plan.rstrip("+!?=~"),
                parallel="+" in plan,
                refusal="Invalid arguments" if "!" in plan else "",
                needs_review="?" in plan,
                is_output="=" in plan,
                can_compensate="~" in plan,
            )
            for index, plan in enumerate(plans)
        ),
        now=now,
        cost_usd_micros=cost,
    )


def said(text="done", reply_to="model-1", now=3.0, tokens=0, cost=None, **verdict):
    """An answer without calls."""
    reply = ModelReply(
        blocks=(TextBlock(text=text),) if text else (),
        stop_reason=StopReason.END_TURN,
        usage=TokenUsage(input_tokens=tokens),
    )
    return c.RecordModelReply(
        effect_id=reply_to, reply=reply, plans=(), now=now, cost_usd_micros=cost, **verdict
    )


def failed(effect_id="model-1", *, transient=True, retry_after_s=None, now=100.0, **more):
    return c.RecordModelFailure(
        effect_id=effect_id,
        kind="overloaded",
        message="try later",
        transient=transient,
        now=now,
        retry_after_s=retry_after_s,
        **more,
    )


def finished(key="tool-1.0", outcome=DONE, now=4.0):
    return c.RecordToolOutcome(key=key, outcome=outcome, now=now)


def mail(*ids, after=0, through):
    letters = tuple(
        Mail(mail_id=mail_id, sender="worker", to="lead", body="hi", sent_at=0.0)
        for mail_id in ids
    )
    return c.TakeMail(mail=letters, after_version=after, through_version=through, now=5.0)


def recovered(*running, now=9.0, **partials):
    return c.RecoverEffects(
        running=frozenset(running),
        now=now,
        partials={key.replace("_", "-"): c.PartialAnswer(text=t) for key, t in partials.items()},
    )


def steer(text="left", item_id="s1", queue="steer"):
    return c.QueueInput(queue=queue, item_id=item_id, text=text, now=2.5)


def follow_up(text="and then", item_id="f1"):
    return steer(text, item_id, "follow_up")


def told(when):
    """The events of an answer, in short: class and the id that it is about."""
    names = ("key", "effect_id", "run_id", "prompt_id", "through_version", "item_id", "to_entry")
    return [
        " ".join(
            [type(event).__name__, *[str(getattr(event, n)) for n in names if n in dir(event)][:1]]
        )
        for event in when.events
    ]


def only(when, kind):
    """The one event of this class among those of an answer."""
    (event,) = [event for event in when.events if isinstance(event, kind)]
    return event
