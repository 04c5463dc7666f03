"""What does the past cost: looks, forks, bisection, reasons, replay, views of all of history?

A conversation of 1,000 turns as it was in its middle, beside LangGraph's `get_state` and
`get_state_history`; forks, bisection, `why` and `verify` in a team of 100,000 events; an agent of
100,000 events as it was at any version; views that catch up with a million events, beside the
runner of eventsourcing, and the lag of one that is followed. `--quick` takes smaller ones: each
figure names its size.
"""

from benchmarks.harness import Goal, parsed_arguments, report
from benchmarks.past_conversation import conversation_goals
from benchmarks.past_team import agent_goals, team_goals
from benchmarks.past_views import lag_goals, view_goals

TITLE = "Time travel and read models"
ENVIRONMENTS = ("langgraph",)


def goals(*, quick: bool) -> list[Goal]:
    """All figures."""
    if quick:
        return [
            *conversation_goals(turns=60, most_s=15, listed=100),
            *team_goals(events=5_000, letters=40, rounds=3, verified=3_000),
            *agent_goals(events=10_000, rounds=5),
            *view_goals(events=50_000, library_events=1_500, rounds=2),
            *lag_goals(seconds=2),
        ]
    return [
        *conversation_goals(turns=1_000, most_s=400, listed=100),
        *team_goals(events=100_000, letters=250, rounds=5, verified=100_000),
        *agent_goals(events=100_000, rounds=7),
        *view_goals(events=1_000_000, library_events=10_000, rounds=3),
        *lag_goals(seconds=20),
    ]


def main() -> None:
    """Run and print."""
    arguments = parsed_arguments(__doc__ or "")
    found = goals(quick=arguments.quick)
    report(TITLE, found, as_json=arguments.json, environments=ENVIRONMENTS)


if __name__ == "__main__":
    main()
