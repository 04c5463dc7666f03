"""What type checkers see of typed values. Checked, never run."""

from dataclasses import dataclass
from typing import assert_type

from mentra_actors import Agent, Reply, SyncAgent, SyncSession, output_of


@dataclass
class Verdict:
    """What a reviewer says."""

    is_good: bool
    reasons: list[str]


async def a_value_has_the_type_that_was_asked_for(agent: Agent) -> None:
    assert_type(await agent.run_to(Verdict, "Is it good?"), Verdict)
    assert_type(await agent.run_to(int, "How many?", output={"retries": 5}), int)
    assert_type(await agent.run_to(list[str], "Which?", deadline_s=60), list[str])


def so_it_has_without_an_event_loop(agent: SyncAgent, session: SyncSession) -> None:
    assert_type(agent.run_to(Verdict, "Is it good?").reasons, list[str])
    assert_type(session.append_turn_to(Verdict, "Is it good?"), Verdict)


def so_it_has_when_it_is_read_from_a_reply(reply: Reply) -> None:
    assert_type(output_of(reply, Verdict), Verdict)


async def wrong_ways_are_seen(agent: Agent) -> None:
    await agent.run_to(int, "Which?", output={"mode": "words"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    verdict: int = await agent.run_to(str, "Good?")  # type: ignore[arg-type]  # pyright: ignore[reportAssignmentType]
    print(verdict)
