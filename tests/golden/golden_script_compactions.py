"""Conversations that have become too long: summarised by themselves, and told long again."""

from golden_team import call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.effects import CallModel
from mentra_actors.domain.compacted import Compaction, UnwrittenSummary
from mentra_actors.domain.content import OpaqueBlock, Provenance, TextBlock
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.domain.request_view import RequestView

__all__ = ["COMPACTION_STORIES"]

SEALED = OpaqueBlock(
    item_type="compaction",
    raw='{"type":"compaction","encrypted_content":"c2VhbGVk"}',
    provenance=Provenance(provider="openai", model="gpt-x", wire="openai_responses"),
)


def _full(team, name):
    """The next request would be too long."""
    team.outcome(
        name,
        CallModel,
        lambda effect: c.RecordContextFull(
            effect_id=effect.effect_id, tokens=61_000, limit=50_000, now=team.now
        ),
    )


def _tale(**fields):
    return Compaction(through=3, summary="[Compaction summary]\nGoal: tell", **fields)


def too_long(team):
    """A request waits for a summary, which is tried again, fails, and comes in the end."""
    team.add(profile("teller"))
    team.prompt("teller", "One.")
    team.reply("teller", call("task"), plans=(plan("idempotent"),))
    team.finish("teller", "task", "A subagent has looked: 3 files.")
    _full(team, "teller")
    busy = {
        "problem": "ProviderError: busy",
        "is_error": True,
        "transient": True,
        "asked_model": "openai:gpt-x",
        "usage": TokenUsage(input_tokens=7),
        "cost_usd_micros": 21,
    }
    for attempt in (1, 2, 3):
        team.summarize("teller", attempt=attempt, **busy)
    team.reply("teller", TextBlock(text="One. Indeed."))
    team.prompt("teller", "Two.")
    _full(team, "teller")
    written = _tale(
        kept=(1,),
        kept_results=("tool-1.0",),
        replaced=2,
        files_touched=("a.py", "b.py"),
        resulting_tokens=41,
        remote=(SEALED,),
    )
    team.summarize("teller", compaction=written)
    view = RequestView(compacted_by="compact-2")
    team.reply("teller", TextBlock(text="Two. Indeed."), verdict={"view": view})
    team.tell("teller", c.UndoCompaction, compaction="compact-2")
    team.prompt("teller", "Three.")
    team.tell("teller", c.CompactConversation)
    _full(team, "teller")
    team.tell("teller", c.CancelCompaction, reason="not now")
    team.fail(
        "teller",
        kind="http",
        message="prompt is too long",
        transient=False,
        status=400,
        code="context_length_exceeded",
        view=view,
    )


def overflows(team):
    """A request was too long for its model; one more summary uses up what the run may spend."""
    team.add(profile("novelist"))
    team.prompt("novelist", "One.")
    team.reply("novelist", TextBlock(text="One. Indeed."))
    team.prompt("novelist", "Two.", token_budget=1_000)
    long = {"kind": "http", "message": "prompt is too long", "transient": False, "status": 400}
    team.fail("novelist", code="context_length_exceeded", **long)
    spent = TokenUsage(input_tokens=1_200)
    team.summarize("novelist", compaction=_tale(usage=spent))


def in_vain(team):
    """A model wants its conversation summarised, and nobody can do it."""
    team.add(profile("lyricist"))
    team.prompt("lyricist", "One.")
    team.reply("lyricist", call("compact"), plans=(plan("safe"),))
    busy = UnwrittenSummary(
        reason="busy",
        asked_model="openai:gpt-x",
        usage=TokenUsage(input_tokens=7),
        cost_usd_micros=21,
    )
    team.finish("lyricist", "compact", "Compaction failed: busy", is_error=True, unwritten=busy)
    team.reply("lyricist", TextBlock(text="One. Indeed."))


COMPACTION_STORIES = (too_long, overflows, in_vain)
