"""What becomes of calls: reviews, permissions, results that end a run, typed output, undoing."""

from golden_team import call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.run_options import TerminalOutput
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.permission_rules import ClearScope, RememberRule, RevokeRule, new_rule
from mentra_actors.domain.rule_match import (
    AnyCall,
    BelowFolder,
    CommandPrefix,
    InputPattern,
)
from mentra_actors.ids import rules_stream

__all__ = ["CALL_STORIES"]

REVIEWED = plan("safe", needs_review=True)
FOR_GOOD = {"kind": "auth", "message": "the key is wrong", "transient": False}


def reviews(team):
    """Hooks let a call pass, change one, block one; of two for a person one is allowed."""
    team.add(profile("guard"))
    team.prompt("guard", "Do all that.")
    calls = [call("look", '{"place": "safe"}'), *[call("charge", '{"euros": 90}')] * 3]
    team.reply("guard", *calls, call("walk"), plans=[REVIEWED] * 5)
    team.review(
        "guard", "look", "allow", arguments='{"place": "hall"}', parallel=True, note="not there"
    )
    team.review(
        "guard",
        "charge",
        "refuse",
        text="Blocked by pre-execution hook: a test",
        decided_by="hook",
    )
    team.review(
        "guard",
        "charge",
        "ask",
        text="90 euros are much",
        preview='{"euros": 9}',
        arguments='{"euros": 9}',
        parallel=True,
    )
    team.review("guard", "charge", "ask", preview='{"euros": 90}')
    team.review("guard", "walk", "allow")
    team.finish("guard", "look", "nobody")
    team.resolve("guard", allow=True, reason="it is little", resolved_by="Ada")
    team.finish("guard", "charge", "9 euros charged")
    team.resolve("guard", allow=False, reason="too dear", resolved_by="Ada")
    team.finish("guard", "walk", "walked")
    team.reply("guard", TextBlock(text="One thing was too dear."))


def permissions_without_people(team):
    """Where nobody is to be asked a call is refused; one that a person forbids says no reason."""
    team.prompt("guard", "Charge it.", approvals="refuse")
    team.reply("guard", call("charge"), plans=(REVIEWED,))
    team.review("guard", "charge", "ask", text="money")
    team.reply("guard", call("charge"), plans=(REVIEWED,))
    team.review("guard", "charge", "allow", note="asked before")
    team.finish("guard", "charge", "charged")
    team.reply("guard", TextBlock(text="Charged."))
    team.prompt("guard", "Again.")
    team.reply("guard", call("charge"), plans=(REVIEWED,))
    team.review("guard", "charge", "ask")
    team.resolve("guard", allow=False)
    team.reply("guard", TextBlock(text="I may not."))


def remembered_permissions(team):
    """Decisions that last: of a call, of commands, of a folder; rules answer, and are revoked."""
    team.add(profile("cashier"))
    team.prompt("cashier", "Charge it all.")
    team.reply("cashier", *[call("charge")] * 5, plans=[REVIEWED] * 5)
    matches = [None, AnyCall(), InputPattern("*eur?s*"), CommandPrefix(("git",)), BelowFolder("/")]
    preview = '{"euros":1,"resolved_path":"/w/a","simple_words":["git","add"]}'
    scopes = ["session", "project", "global", "session", "session"]
    for match, scope in zip(matches, scopes, strict=True):
        team.review("cashier", "charge", "ask", preview=preview, is_by_tool=True, expires_at=9e9)
        rule = {"remember": scope, "match": match, "command_id": team.new_id()}
        team.resolve("cashier", allow=False, reason="no", resolved_by="Ada", **rule)
    team.reply("cashier", *[call("charge")] * 6, plans=[REVIEWED] * 6)
    ruled = {"decided_by": "rule", "rule": "abcd2345", "digest": "0f", "reason": "too dear"}
    team.review("cashier", "charge", "refuse", text="Tool execution denied: no", **ruled)
    for by in ("hook", "check", "fault"):
        team.review("cashier", "charge", "refuse", text="no", decided_by=by)
    team.review("cashier", "charge", "allow", decided_by="authorizer", digest="0f")
    team.finish("cashier", "charge", "charged")
    team.review("cashier", "charge", "ask", expires_at=team.now + 0.1, decided_by="authorizer")
    team.run_out("cashier")
    team.reply("cashier", TextBlock(text="Nothing goes."))
    rules_are_made_and_forgotten(team)


def rules_are_made_and_forgotten(team):
    """Rules without a call: made, revoked, cleared, by people with names."""
    project = rules_stream("project.main")
    rule = new_rule(project, tool="pay", match=AnyCall(), allow=True, now=team.now, by="Ada")
    team.send(project, RememberRule(rule=rule, command_id=team.new_id()))
    revoke = RevokeRule(rule_id=rule.rule_id, command_id=team.new_id(), now=team.now, by="Bo")
    team.send(project, revoke)
    team.send(project, ClearScope(command_id=team.new_id(), now=team.now, by="Bo"))


def decided_elsewhere(team):
    """A process that performs nothing records a decision; the next owner goes on with it."""
    team.prompt("cashier", "Once more.")
    team.reply("cashier", call("charge"), plans=[REVIEWED])
    team.review("cashier", "charge", "ask")
    request_id = team.state("cashier").requests[0].request_id
    allowed = c.ResolvePermission(request_id=request_id, allow=True, now=team.now)
    team.tell("cashier", c.LeaveResolution, resolution=allowed)
    team.die_and_begin_again("host-elsewhere")
    team.finish("cashier", "charge", "charged at last")
    team.reply("cashier", TextBlock(text="Charged."))


def calls_that_end_a_run(team):
    """A tool ends its run at once, or after the round; one that runs beside others may not."""
    team.add(profile("scout", tool_choice="any"))
    team.prompt("scout", "Look around.")
    team.reply("scout", call("report"), call("look"), plans=(plan(), plan("safe")))
    team.finish("scout", "report", "all is well", terminate=True)
    team.prompt("scout", "Look again.")
    team.reply("scout", call("rest"), call("look"), plans=(plan(), plan("safe")))
    team.finish("scout", "rest", "resting", rest=True)
    team.finish("scout", "look", "dark")
    team.prompt("scout", "Look twice.")
    team.reply("scout", call("report"), call("look"), plans=[plan("safe", parallel=True)] * 2)
    team.finish("scout", "report", "all is well", terminate=True)
    team.finish("scout", "look", "darker")
    team.reply("scout", TextBlock(text="Dark."))


def typed_output(team):
    """The value of a run is handed over by a call, or is the text of an answer that fits."""
    team.add(profile("clerk"))
    by_tool = TerminalOutput(
        tool_name="total", schema='{"type": "object"}', description="The sum.", keeps_tools=True
    )
    team.prompt("clerk", "Add it up.", output=by_tool)
    calls = (call("count"), call("total", '{"sum": 12}'), call("count"))
    plans = (plan("safe"), plan(is_output=True), plan("safe"))
    team.reply("clerk", TextBlock(text="That makes 12."), *calls, plans=plans)
    team.finish("clerk", "count", "5 and 7")
    by_text = TerminalOutput(tool_name="total", schema='{"type": "object"}', mode="native")
    team.prompt("clerk", "Once more.", output=by_text)
    team.reply("clerk", TextBlock(text="12"), verdict={"output_fault": "12 is no object"})
    team.reply("clerk", TextBlock(text='{"sum": 12}'), verdict={"is_output": True})


def undone_when_asked(team):
    """Calls of runs that were broken off are undone, also one of which nobody knows."""
    team.add(profile("buyer"))
    buy = plan(can_compensate=True)
    team.prompt("buyer", "Buy two lamps.")
    team.reply("buyer", call("buy", '{"lamp": 1}'), call("buy", '{"lamp": 2}'), plans=(buy, buy))
    team.finish("buyer", "buy", "bought")
    team.finish("buyer", "buy", "sold out", is_error=True)
    team.fail("buyer", **FOR_GOOD)
    team.tell("buyer", c.CompensateRun)
    team.undone("buyer", "brought back")
    team.prompt("buyer", "Buy a chair.")
    team.reply("buyer", call("buy", '{"chair": 1}'), call("look"), plans=(buy, plan("safe")))
    team.tell("buyer", c.CancelRun, reason="no chair")
    team.tell("buyer", c.CompensateRun)
    team.undone("buyer", "the shop is closed", is_error=True)


CALL_STORIES = (
    reviews,
    permissions_without_people,
    remembered_permissions,
    decided_elsewhere,
    calls_that_end_a_run,
    typed_output,
    undone_when_asked,
)
