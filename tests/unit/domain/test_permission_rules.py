"""Rules that people have made: one per scope, tool and match, and which one answers."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.known_ids import REMEMBERED_IDS
from mentra_actors.domain.permission_rules import (
    RULES,
    SCOPES,
    ClearScope,
    RememberRule,
    RevokeRule,
    RuleRemembered,
    ScopedRule,
    new_rule,
    rule_for,
    rules_in,
    scope_of,
    scope_stream,
)
from mentra_actors.domain.rule_match import (
    AnyCall,
    BelowFolder,
    CommandPrefix,
    ExactCall,
    InputPattern,
    ShownCall,
    speaks_of,
)
from mentra_actors.ids import MAX_AGENT_ID_BYTES, StreamId, name_of
from mentra_actors.testing.given_when_then import given as having

PROJECT = StreamId("rules-project.main")
EXACT = ExactCall(digest="d", shown="ls")


def rule(tool="shell", match=EXACT, *, allow=True, reason="", stream_id=PROJECT):
    return new_rule(stream_id, tool=tool, match=match, allow=allow, reason=reason, now=1.0)


def remember(command_id="c1", **said):
    return RememberRule(rule=rule(**said), command_id=command_id)


def revoke(rule_id, command_id="c2"):
    return RevokeRule(rule_id=rule_id, command_id=command_id, now=2.0, by="ann")


def having_rules(*commands):
    state = having(RULES)
    for command in commands:
        state = state.when(command)
    return state


def rules_of(when):
    return [(one.rule, one.revision) for one in rules_in(when.state, "project", "main")]


def test_no_rule_is_remembered_until_somebody_makes_one():
    """An empty scope says nothing about any call."""
    assert having(RULES).when(ClearScope(command_id="c", now=1.0)) == []
    assert rule_for([], ShownCall(tool="shell", structured={})) is None


@pytest.mark.parametrize("allow", [True, False])
def test_a_rule_is_remembered(allow):
    """It keeps its reason if it refuses; one that allows has nothing to explain."""
    made = having_rules(remember(allow=allow, reason="why"))

    ((kept, revision),) = rules_of(made)
    assert (kept.allow, kept.reason, revision) == (allow, "" if allow else "why", 1)


def test_a_rule_for_the_same_calls_replaces_the_older_one():
    """Nobody should have to find out which of two answers counts."""
    made = having_rules(remember(allow=True), remember("c2", allow=False, reason="no"))

    ((kept, revision),) = rules_of(made)
    assert (kept.allow, kept.reason, revision) == (False, "no", 2)


def test_the_same_rule_again_is_no_news():
    """A person who says the same twice makes no second entry."""
    once = having_rules(remember())

    assert once.when(remember()) == []
    assert once.when(remember("another")) == []


def test_the_id_of_a_rule_is_short_and_tells_scope_tool_and_match():
    """A person types it; a text that is only shown makes no other rule."""
    ids = {
        rule().rule_id,
        rule(match=AnyCall()).rule_id,
        rule(tool="files").rule_id,
        rule(stream_id=StreamId("rules-global")).rule_id,
    }

    assert len(ids) == 4
    assert all(len(one) == 8 and one.isalnum() and one.islower() for one in ids)
    assert rule(match=ExactCall(digest="d", shown="other")).rule_id == rule().rule_id
    assert rule(allow=False).rule_id == rule().rule_id


def test_a_rule_is_revoked_and_can_be_made_again():
    """What was allowed by mistake must end at once."""
    made = having_rules(remember())
    gone = made.when(revoke(rule().rule_id))

    assert rules_of(gone) == []
    assert gone.when(revoke(rule().rule_id, "c3")).rejects("there is no rule")
    assert gone.when(revoke(rule().rule_id)) == []  # delivered twice
    assert gone.when(remember()) == []  # and so was this
    assert len(rules_of(gone.when(remember("c4")))) == 1


def test_a_scope_is_cleared_as_a_whole():
    """Other scopes are other streams, so nothing of theirs can go with it."""
    made = having_rules(remember(), remember("c2", match=AnyCall()))

    assert rules_of(made.when(ClearScope(command_id="c3", now=3.0))) == []


@pytest.mark.parametrize(
    ("said", "words"),
    [({"tool": ""}, "names a tool"), ({"match": BelowFolder("x")}, "whole path")],
)
def test_a_rule_that_means_nothing_is_refused(said, words):
    """It would never answer, and its author would wonder."""
    assert having(RULES).when(remember(**said)).rejects(words)


def test_ids_of_commands_are_known_for_a_while():
    """The state of a scope does not grow with its history."""
    made = having_rules(*(remember(f"c{n}", allow=n % 2 == 0) for n in range(300)))

    assert len(made.state.known_commands) == REMEMBERED_IDS
    assert len(rules_of(made)) == 1


def test_each_scope_has_a_stream_that_fits_into_every_store():
    """Session rules are private: no other agent reads that stream."""
    agent = "x" * MAX_AGENT_ID_BYTES
    streams = [scope_stream(scope, agent_id=agent, team_id="main") for scope in SCOPES]

    assert [scope_of(name_of(one)) for one in streams] == [
        ("session", agent),
        ("project", "main"),
        ("global", ""),
    ]
    assert all(len(one.encode()) <= 255 for one in streams)
    assert scope_of("odd") is None


def test_rules_survive_the_codec():
    """What was remembered is the same after every restart."""
    matches = [AnyCall(), EXACT, InputPattern("*"), CommandPrefix(("git",)), BelowFolder("/w")]
    for match in matches:
        event = RuleRemembered(rule=rule(match=match, allow=False, reason="why"), command_id="c")
        (back,) = CODEC.decode(*CODEC.encode(event))
        assert back == event


# --- which rule answers -----------------------------------------------------------------------

CALL = ShownCall(
    tool="shell",
    structured={"command": "git status", "simple_words": ["git", "status"], "resolved_p": "/w/a"},
    is_by_tool=True,
)
NARROW = CommandPrefix(("git",))


def scoped(scope="project", match=NARROW, *, allow=True, revision=1, reason=""):
    made = rule(match=match, allow=allow, reason=reason)
    return ScopedRule(scope=scope, owner="", rule=made, revision=revision)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (scoped(allow=False), scoped("session", allow=True)),
        (scoped("global", AnyCall(), allow=False), scoped("session", allow=True, revision=9)),
        (scoped("global"), scoped("session", AnyCall())),
        (scoped("session"), scoped("project", revision=5)),
        (scoped("project"), scoped("global", revision=5)),
        (scoped(revision=2), scoped(match=InputPattern("*git*"), revision=1)),
        (scoped(allow=False, reason="a", revision=3), scoped(match=AnyCall(), allow=False)),
    ],
)
def test_one_rule_answers(winner, loser):
    """Refusal, then the narrow, then the near, then the new: and always the same one."""
    assert rule_for([winner, loser], CALL) == winner
    assert rule_for([loser, winner], CALL) == winner


def test_a_rule_of_another_tool_is_none():
    """Names of tools are compared whole."""
    other = ShownCall(tool="shell2", structured=CALL.structured, is_by_tool=True)

    assert rule_for([scoped(match=AnyCall())], other) is None


def test_a_rule_that_does_not_speak_of_the_call_leaves_it_to_others():
    """A pattern for another target falls through to the rule for every call."""
    other = scoped(match=InputPattern("*bob*"), allow=False)
    everything = scoped(match=AnyCall())

    assert rule_for([other], CALL) is None
    assert rule_for([other, everything], CALL) == everything


scoped_rules = st.builds(
    scoped,
    st.sampled_from(SCOPES),
    st.sampled_from(
        [
            AnyCall(),
            NARROW,
            CommandPrefix(("rm",)),
            InputPattern("*status*"),
            InputPattern("x"),
            BelowFolder("/w"),
        ]
    ),
    allow=st.booleans(),
    revision=st.integers(1, 4),
)


@given(st.lists(scoped_rules, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_rules_is_nothing(rules, rng):
    """Two processes that read the same rules give the same answer."""
    shuffled = list(rules)
    random.Random(rng.random()).shuffle(shuffled)

    assert rule_for(rules, CALL) == rule_for(shuffled, CALL)


@given(st.lists(scoped_rules, max_size=8))
def test_whatever_is_refused_by_a_rule_is_refused(rules):
    """No permission, however narrow, near or new, lets a refused call run."""
    answer = rule_for(rules, CALL)
    refusing = [
        one for one in rules if not one.rule.allow and speaks_of(one.rule.match, CALL, allow=False)
    ]

    assert bool(refusing) == (answer is not None and not answer.rule.allow)
