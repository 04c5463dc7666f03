"""What holds of a conversation that is told shorter: by stubs, by summaries, and long again."""

from functools import reduce

import msgspec
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.profile import CompactionOptions
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.compaction import compaction_plan, needs_compaction, told_summary
from mentra_actors.domain.content import (
    AssistantMessage,
    OpaqueBlock,
    Provenance,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import (
    OpenCall,
    Transcript,
    as_compacted_by,
    closed,
    compacted,
    moved_to,
    uncompacted,
    with_entry,
    with_stubs,
)
from mentra_actors.domain.request_view import RequestView, shown, shown_tokens, stub_point
from mentra_actors.domain.token_estimate import message_tokens
from mentra_actors.domain.transcript import apply, prompt_messages
from mentra_actors.testing.agent_strategies import SPAWNED, agent_histories
from mentra_actors.testing.given_when_then import given, play
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.pairing import pairing_faults

GO_ON = UserMessage(text="Go on.")
OPTIONS = CompactionOptions(preserve_recent_user_tokens=30, preserve_recent_delegation_results=2)
REMOTE = OpaqueBlock(
    item_type="compaction", raw="{}", provenance=Provenance("openai", "m", "openai_responses")
)


# --- conversations ----------------------------------------------------------------------------


def with_round(tree, number, sizes, tool="look"):
    """One more answer with calls, and their results of so many characters."""
    ids = [f"c{number}-{index}" for index, _ in enumerate(sizes)]
    keys = tuple(f"tool-{number}.{index}" for index, _ in enumerate(sizes))
    calls = tuple(ToolCallBlock(call_id=one, name=tool) for one in ids)
    results = tuple(
        ToolResultBlock(call_id=one, name=tool, content="x" * size)
        for one, size in zip(ids, sizes, strict=True)
    )
    answered = with_entry(tree, AssistantMessage(blocks=calls), "assistant_turn", keys=keys)
    details = {keys[0]: '{"seen": 1}'}
    message = ToolResultsMessage(results=results)
    return with_entry(answered, message, "tool_exchange", keys=keys, details=details)


def conversation(rounds):
    tree = with_entry(Transcript(), UserMessage(text="Look."), "user_turn")
    for number, sizes in enumerate(rounds, start=1):
        tree = with_round(tree, number, sizes)
    return tree


ROUNDS = st.lists(
    st.lists(st.sampled_from([5, 90, 400, 3000]), min_size=1, max_size=3), min_size=1, max_size=8
)
KEEPS = st.integers(0, 4)
SAVINGS = st.sampled_from([0, 100, 1000])


def is_stub(result):
    return result.content.startswith("[Previous: used ")


def results_in(messages):
    return [
        one for said in messages if isinstance(said, ToolResultsMessage) for one in said.results
    ]


def tokens_of(messages):
    return sum(map(message_tokens, messages))


# --- stubs ------------------------------------------------------------------------------------


@forall(ROUNDS, KEEPS, SAVINGS)
def test_only_results_up_to_the_recorded_point_are_stubs(rounds, keep, least):
    """What a call was sent is known afterwards: it hangs on one number on the log."""
    tree = conversation(rounds)
    point = stub_point(tree, keep, least)

    for entry, message in zip(tree.entries, with_stubs(tree, point).messages, strict=True):
        if isinstance(message, ToolResultsMessage):
            for long, told in zip(entry.message.results, message.results, strict=True):
                assert is_stub(told) == (entry.entry_id <= point and len(long.content) > 100)
        else:
            assert message is entry.message


@forall(ROUNDS, KEEPS, SAVINGS)
def test_the_newest_results_stay_whole(rounds, keep, least):
    """The model is at work with them."""
    tree = conversation(rounds)
    told = results_in(with_stubs(tree, stub_point(tree, keep, least)).messages)

    assert not any(is_stub(one) for one in told[len(told) - keep :] if keep)


@forall(ROUNDS, KEEPS)
def test_without_a_least_saving_all_older_results_are_stubs(rounds, keep):
    """That is what the option says when a cache of prompts is not worth anything."""
    tree = conversation(rounds)
    point = stub_point(tree, keep, 0)
    newer = [one for one in tree.exchanges if one.entry_id > point]
    saved = sum(one.tokens - one.stub_tokens for one in newer[:1])

    assert sum(one.results for one in newer[1:]) < keep or not newer or saved == 0 or keep == 0


@forall(ROUNDS, KEEPS, SAVINGS)
def test_the_beginning_of_a_prompt_stays_until_enough_is_saved(rounds, keep, least):
    """A provider's cache of a prompt is lost with each move; one that saves little costs more."""
    tree = conversation([])
    for number, sizes in enumerate(rounds, start=1):
        before, tree = tree, with_round(tree, number, sizes)
        point = stub_point(tree, keep, least)
        moved = with_stubs(tree, point)
        if point == tree.stubbed_through:
            assert list(moved.messages)[: len(before.messages)] == list(before.messages)
        else:
            assert tree.tokens - moved.tokens >= max(least, 1)
        tree = moved


@forall(ROUNDS, KEEPS, st.integers(0, 20))
def test_a_branch_from_before_sees_its_results_again(rounds, keep, where):
    """On a shorter branch the same results are the newest ones."""
    tree = conversation(rounds)
    stubbed = with_stubs(tree, stub_point(tree, keep, 0))
    branch = moved_to(stubbed, where % (len(tree.entries) + 1))
    told = results_in(shown(branch, RequestView(stubbed_through=stub_point(branch, keep, 0))))

    assert not any(is_stub(one) for one in told[len(told) - keep :] if keep)


@forall(ROUNDS, st.integers(0, 30))
def test_stubs_leave_entries_and_details_as_they_are(rounds, point):
    """People and later branches see what there was."""
    tree = conversation(rounds)

    assert with_stubs(tree, point).entries == tree.entries
    assert with_stubs(with_stubs(tree, point), 0).messages == tree.messages


class CountedExchanges(tuple):
    """Exchanges that count how many of them are looked at."""

    looked_at = 0

    def __reversed__(self):
        for one in self[::-1]:
            CountedExchanges.looked_at += 1
            yield one


def test_a_long_conversation_costs_a_round_no_more_than_a_short_one():
    """The prompt of each round would cost the whole history; a day's work would take a week."""
    looked_at = []
    for rounds in (100, 5_000):
        tree = conversation([[200]] * rounds)
        tree = with_stubs(tree, stub_point(tree, 3, 0))
        tree = with_round(tree, rounds + 1, [200])
        tree = msgspec.structs.replace(tree, exchanges=CountedExchanges(tree.exchanges))
        CountedExchanges.looked_at = 0
        stub_point(tree, 3, 4_000)
        looked_at.append(CountedExchanges.looked_at)

    assert looked_at[0] == looked_at[1] < 10


# --- summaries --------------------------------------------------------------------------------


def events_of(commands):
    return [event for answer in play(given(AGENT, SPAWNED), commands) for event in answer.events]


@forall(agent_histories())
def test_the_tokens_are_always_those_of_the_messages(commands):
    """Whether a request is too long is read off one number; it must not drift."""
    tree = Transcript()
    for event in events_of(commands):
        tree = apply(tree, event)

        assert tree.tokens == tokens_of(tree.messages)
        assert shown_tokens(tree, RequestView()) == tokens_of(shown(tree, RequestView()))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 60)),
        st.tuples(st.just("round"), st.lists(st.sampled_from([5, 400]), min_size=1, max_size=2)),
        st.tuples(st.just("task"), st.lists(st.just(40), min_size=1, max_size=2)),
        st.tuples(st.just("compact"), st.sampled_from([0, 100, 1000])),
        st.tuples(st.just("remote"), st.just(0)),
        st.tuples(st.just("uncompact"), st.integers(0, 3)),
        st.tuples(st.just("move"), st.integers(0, 40)),
        st.tuples(st.just("stub"), st.integers(0, 40)),
        st.tuples(st.just("die"), st.lists(st.booleans(), min_size=1, max_size=3)),
    ),
    max_size=14,
)


def result_of(call_id):
    return ToolResultBlock(call_id=call_id, name="look", content="x" * 150)


def with_open_calls(tree, number, answered):
    """An answer in whose calls its process dies: some have a result by then, the others none."""
    open_calls = tuple(
        OpenCall(
            key=f"tool-{number}.{index}",
            call_id=f"c{number}-{index}",
            name="look",
            result=result_of(f"c{number}-{index}") if has_result else None,
        )
        for index, has_result in enumerate(answered)
    )
    calls = tuple(ToolCallBlock(call_id=one.call_id, name=one.name) for one in open_calls)
    keys = tuple(one.key for one in open_calls)
    after = with_entry(tree, AssistantMessage(blocks=calls), "assistant_turn", keys=keys)
    return msgspec.structs.replace(after, open_calls=open_calls)


def step(tree, number, what, how):
    """One step; only a summary may come while calls are open."""
    if what not in ("compact", "remote"):
        tree = closed(tree)
    match what:
        case "say":
            tree = with_entry(tree, UserMessage(text=f"<{number}>" + "w" * how), "user_turn")
            answer = AssistantMessage(blocks=(TextBlock(text="yes"),), response_id="r")
            return with_entry(tree, answer, "assistant_turn")
        case "round" | "task":
            return with_round(tree, number, how, "look" if what == "round" else "task")
        case "compact" | "remote":
            plan = compaction_plan(tree, OPTIONS, how)
            if plan is None:
                return tree
            made = told_summary(plan, '{"goal": "go"}', "scripted:x")
            blocks = (REMOTE,) if what == "remote" else ()
            made = msgspec.structs.replace(made, remote=blocks)
            return compacted(tree, made, f"compact-{number}")
        case "uncompact" if tree.compactions:
            one = tree.compactions[how % len(tree.compactions)]
            return uncompacted(tree, one.effect_id)
        case "move":
            return moved_to(tree, 1 + how % len(tree.entries))
        case "stub":
            return with_stubs(tree, how)
        case "die":
            return with_open_calls(tree, number, how)
        case _:
            return tree


@forall(STEPS)
def test_any_order_of_compactions_and_branches_is_legal_and_loses_nothing(steps):
    """No way of telling a conversation may brick it, and all of it can be told again."""
    tree, entries = conversation([]), []
    for number, (what, how) in enumerate(steps, start=1):
        tree = step(tree, number, what, how)

        assert prompt_faults(prompt_messages(tree)) == []
        assert pairing_faults([*prompt_messages(tree), GO_ON]) == []
        assert tree.tokens == tokens_of(tree.messages)
        assert list(tree.entries)[: len(entries)] == entries
        entries = list(tree.entries)
    for one in reversed(tree.compactions):
        tree = uncompacted(tree, one.effect_id)
    said = [tree.entries[number - 1].message for number in tree.path]

    assert list(with_stubs(tree, 0).messages) == said


@forall(STEPS, st.integers(0, 40), st.booleans())
def test_no_compaction_parts_a_call_from_its_results(steps, where, dies):
    """Also one that no plan would make, while calls are open: a log may have been written so."""
    tree = reduce(lambda one, at: step(one, at[0], *at[1]), enumerate(steps, 1), conversation([]))
    if dies:
        tree = with_open_calls(closed(tree), 98, [True, False])
    through = tree.path[where % len(tree.path)]
    tree = compacted(tree, Compaction(through=through, summary="so far"), "compact-99")

    assert prompt_faults(prompt_messages(tree)) == []
    for later in (closed(tree), with_round(closed(tree), 99, [5])):
        assert prompt_faults(prompt_messages(later)) == []
        assert pairing_faults([*prompt_messages(later), GO_ON]) == []
        again = with_stubs(moved_to(later, later.leaf), later.stubbed_through)
        assert again.messages == later.messages, "told anew it would be told otherwise"


TALK = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(1, 60)),
        st.tuples(st.just("say"), st.integers(1, 60)),
        st.tuples(st.just("compact"), st.sampled_from([0, 100, 1000])),
    ),
    max_size=12,
)


@forall(TALK, st.sampled_from([0, 60, 1000]))
def test_what_a_model_was_told_it_is_told_on_or_a_summary_is_made_of_it(steps, limit):
    """A word that is neither kept nor summarised is lost to the model, and nobody notices."""
    tree = reduce(lambda one, at: step(one, at[0], *at[1]), enumerate(steps, 1), conversation([]))
    tree = with_stubs(tree, 0)
    plan = compaction_plan(tree, OPTIONS, limit)
    if plan is None:
        return
    after = compacted(tree, told_summary(plan, "short", "scripted:x"), "compact-99")
    told_on = {id(message) for message in after.messages}
    said = [entry.message for entry in tree.entries if isinstance(entry.message, UserMessage)]
    told = {id(message) for message in tree.messages}
    left_out = [one.text for one in said if id(one) in told and id(one) not in told_on]

    assert all(text in plan.material for text in left_out)


@forall(STEPS)
def test_a_compaction_taken_back_leaves_what_was_told_before(steps):
    """Who is not content with a summary gets exactly the long conversation."""
    tree = reduce(lambda one, at: step(one, at[0], *at[1]), enumerate(steps, 1), conversation([]))
    plan = compaction_plan(tree, OPTIONS)
    if plan is None:
        return
    after = compacted(tree, told_summary(plan, "short", "scripted:x"), "compact-99")

    assert uncompacted(after, "compact-99").messages == tree.messages
    assert as_compacted_by(after, _newest(tree)).messages == tree.messages


def _newest(tree):
    return tree.placed_compaction.effect_id if tree.placed_compaction else ""


@forall(STEPS)
def test_the_newest_words_of_people_and_the_tail_stay(steps):
    """The model must know what it was last asked, and what it has just seen."""
    tree = reduce(lambda one, at: step(one, at[0], *at[1]), enumerate(steps, 1), conversation([]))
    tree = with_stubs(tree, 0)
    plan = compaction_plan(tree, OPTIONS)
    if plan is None:
        return
    said = [tree.entries[number - 1] for number in tree.path]
    after = compacted(tree, told_summary(plan, "short", "scripted:x"), "compact-99")
    words = [one.message for one in said if one.kind == "user_turn"]

    assert not words or words[-1] in list(after.messages)
    if plan.through != said[-1].entry_id:
        last, last_before = after.messages[-1], tree.messages[-1]
        if isinstance(last, AssistantMessage):
            last, last_before = last.blocks, last_before.blocks
        assert last == last_before


@forall(STEPS, st.sampled_from([1, 50, 200, 1000]))
def test_a_compacted_conversation_is_not_compacted_again_before_it_grows(steps, limit):
    """What must stay may be longer than the limit; each request would pay for a summary."""
    tree = reduce(lambda one, at: step(one, at[0], *at[1]), enumerate(steps, 1), conversation([]))
    plan = compaction_plan(tree, OPTIONS, limit)
    if plan is None:
        return
    tree = compacted(tree, told_summary(plan, "short", "scripted:x"), "compact-99")
    assert not needs_compaction(tree, tree.tokens, tree.tokens + 10, limit)

    grown = with_entry(tree, UserMessage(text="w" * (limit + 8)), "user_turn")
    is_long = grown.tokens > limit
    assert needs_compaction(grown, grown.tokens, grown.tokens, limit) == is_long


@forall(agent_histories())
def test_what_a_call_was_sent_is_on_the_log(commands):
    """`seen` is asked for when something has gone wrong; a guess would mislead."""
    tree, at_request = Transcript(), None
    for event in events_of(commands):
        before = closed(tree)
        tree = apply(tree, event)
        if isinstance(event, e.ModelCallRequested):
            at_request = tree
        if isinstance(event, e.ModelReplied) and at_request is not None:
            told = as_compacted_by(before, _newest(at_request))
            assert shown(told, event.view) == shown(at_request, event.view)


def test_an_old_compaction_without_a_name_is_told_as_ever():
    """Logs of earlier releases have no ids in them."""
    tree = conversation([[400], [400]])
    after = compacted(tree, Compaction(through=3, summary="so far"))

    assert as_compacted_by(after, "").messages == after.messages
