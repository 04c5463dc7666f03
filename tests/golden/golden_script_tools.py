"""What may be done, who decides about it, and for how long: policy, rules, people, patience."""

from golden_team import call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import TokenUsage

__all__ = ["TOOL_STORIES"]

REVIEWED = plan(needs_review=True)
DIGEST = "5e1f" * 16


def verdicts(team):
    """The policy refuses a call, an authorizer, a rule and a fault others; nobody answers one."""
    team.add(profile("warden"))
    team.prompt("warden", "Do all that.")
    denied = plan(refusal="Shell command execution is disabled.", denied="shell_command")
    calls = [call("shell"), call("charge"), call("walk"), call("look"), call("paint"), call("dig")]
    calls.append(call("sing"))
    team.reply("warden", *calls, plans=[denied, *[REVIEWED] * 6])
    team.review(
        "warden", "charge", "refuse", text="denied", decided_by="authorizer", reason="too dear"
    )
    team.review("warden", "walk", "allow", decided_by="rule", rule="walk-1", digest=DIGEST)
    team.review("warden", "look", "refuse", text="out", denied="files_read", decided_by="check")
    team.review(
        "warden",
        "paint",
        "ask",
        decided_by="authorizer",
        reason="is red fine?",
        text="is red fine?",
        preview='{"colour": "red"}',
        digest=DIGEST,
        expires_at=team.now + 60.0,
    )
    team.review("warden", "dig", "ask", decided_by="authorizer", digest=DIGEST)
    team.review("warden", "sing", "refuse", text="it raised", decided_by="fault")
    team.finish("warden", "walk", "the policy forbids it", is_error=True, denied="writes")
    team.run_out("warden")
    team.resolve("warden", allow=True, remember="project", resolved_by="Ada")
    team.finish("warden", "dig", "dug")
    team.reply("warden", TextBlock(text="Dug, but not painted."))


def compactions(team):
    """A conversation is told shorter: for a person, by a tool, not at all, and not any more."""
    team.add(profile("scribe"))
    for words in ("One.", "Two."):
        team.prompt("scribe", words)
        team.reply("scribe", TextBlock(text=f"{words} Indeed."))
    team.tell("scribe", c.CompactConversation)
    team.summarize("scribe", problem="there was no older history to summarize")
    team.tell("scribe", c.CompactConversation)
    written = Compaction(
        through=3,
        summary="[Compaction summary]\nGoal: count",
        kept=(1, 3),
        replaced=1,
        asked_model="openai:gpt-x",
        usage=TokenUsage(input_tokens=40, output_tokens=9),
        cost_usd_micros=120,
    )
    team.summarize("scribe", compaction=written)
    team.tell("scribe", c.CompactConversation)
    team.summarize("scribe", problem="ProviderError: busy", is_error=True)
    team.prompt("scribe", "Three.")
    team.reply("scribe", call("compact"), plans=(plan("safe"),))
    shorter = Compaction(through=5, summary="[Compaction summary]\nGoal: count on")
    team.finish("scribe", "compact", "Context compacted.", compaction=shorter)
    team.reply("scribe", TextBlock(text="Three. Indeed."))
    team.tell("scribe", c.CompactConversation)
    team.tell("scribe", c.StopAgent)


TOOL_STORIES = (verdicts, compactions)
