"""Strategies that are found by decider, and the projection contract on what ships."""

from typing import Any

import pytest
from hypothesis import Phase, given, settings

from mentra_actors.decider import Decider
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.events import PromptAccepted, ToolCallStarted
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.inbox import INBOX
from mentra_actors.domain.lease import LEASE
from mentra_actors.domain.memory import MEMORY
from mentra_actors.domain.permission_rules import RULES
from mentra_actors.domain.schedules.schedules import SCHEDULES
from mentra_actors.domain.supervision.decide import SUPERVISION
from mentra_actors.domain.team import TEAM
from mentra_actors.testing.decider_strategies import commands_of, events_of
from mentra_actors.testing.given_when_then import given as given_events
from mentra_actors.testing.given_when_then import play, stored
from mentra_actors.testing.projection_contract import ProjectionContract
from projections import TASK_BOARD, KeyedProjection, projection
from projections.contract import ProjectionFailed

DECIDERS: tuple[Decider[Any, Any, Any, Any], ...] = (
    AGENT,
    BACKGROUND,
    BOARD,
    INBOX,
    LEASE,
    MEMORY,
    RULES,
    SCHEDULES,
    SUPERVISION,
    TEAM,
)
few = settings(max_examples=5, deadline=None)


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda one: one.category)
def test_each_decider_has_commands(decider):
    """Who writes a law of a decider finds them by its name. The laws of agents draw theirs."""
    found = commands_of(decider, max_size=4)
    if decider is AGENT:
        return

    @few
    @given(found)
    def check(commands):
        assert len(play(given_events(decider), commands)) == len(commands)

    check()


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda one: one.category)
def test_each_decider_has_events(decider):
    @few
    @given(events_of(decider))
    def check(event):
        assert type(stored(event)) in decider.event_types

    check()


def test_a_decider_of_somebody_else_has_no_commands_here():
    own = Decider("own", 0, frozenset(), lambda _c, _s: [], lambda state, _e: state)
    with pytest.raises(LookupError, match="'own'"):
        commands_of(own)


class TestTaskBoard(ProjectionContract):
    """A view of many parts."""

    settings = few

    def make_projection(self):
        return TASK_BOARD


@projection(name="tallies", initial=dict, view_type=dict[str, int])
def tallies(view, recorded):
    """Counts in place, which no projection may."""
    view[recorded.stream_id] = view.get(recorded.stream_id, 0) + 1
    return view


@projection(name="answers", initial=int, view_type=int)
def answers(view, recorded):
    """Fails at its third event."""
    if view == 2:
        raise ValueError("never seen that")
    return view + 1


class Wrong(ProjectionContract):
    """Its tests are called by hand."""

    __test__ = False
    settings = settings(max_examples=50, phases=[Phase.generate], report_multiple_bugs=False)

    def __init__(self, wrong):
        self._wrong = wrong

    def make_projection(self):
        return self._wrong


def test_a_projection_that_changes_its_view_is_found():
    with pytest.raises(AssertionError, match="changed in place"):
        Wrong(tallies).test_nothing_is_changed_in_place()


class PromptCounts(KeyedProjection[dict[str, int]], handles=[PromptAccepted], by="agent"):
    """Counts one kind of many, in place."""

    def apply(self, view, key, recorded):
        view["prompts"] = view.get("prompts", 0) + 1
        return view


class Deploys(KeyedProjection[int], handles=[ToolCallStarted], by="agent"):
    """Counts the calls of one tool."""

    def keys(self, recorded):
        return [recorded.event.tool] if recorded.event.tool == "deploy" else []

    def apply(self, view, key, recorded):
        return view + 1


class Stored(KeyedProjection[int], categories=["memory", "board"], streams=["memory-attic"]):
    """Counts what is in one stream."""

    def apply(self, view, key, recorded):
        return view + 1


def test_a_fault_of_a_projection_of_one_kind_is_found():
    """In a log of all kinds there is hardly an event that it sees."""
    with pytest.raises(AssertionError, match="changed in place"):
        Wrong(PromptCounts()).test_nothing_is_changed_in_place()


def test_a_projection_that_sees_nothing_is_not_tried():
    """Whoever counts the calls of one tool says what such a call is."""
    contract = Wrong(Deploys())
    with pytest.raises(AssertionError, match="`events`"):
        contract.test_it_has_something_to_count()
    contract.events = [
        ToolCallStarted(
            key="tool-1.0", tool="deploy", idempotency_key="k", retry="never", started_at=1.0
        )
    ]
    contract.test_it_has_something_to_count()


def test_streams_that_no_test_has_are_tried():
    Wrong(Stored()).test_it_has_something_to_count()


def test_a_projection_that_fails_is_found():
    with pytest.raises(ProjectionFailed, match="never seen that"):
        Wrong(answers).test_no_history_stops_it()
