"""Every feature of a turn, cut at every place where a process may die.

In this process: the world is a store in memory, and death is that nothing reaches it any more. The
real kills are in `test_team_kills`.
"""

import os
import sys
from pathlib import Path

import pytest

from mentra_actors import ScriptedModel
from mentra_actors.testing.crashes import assert_survives_crashes

sys.path.insert(0, str(Path(__file__).parent))
import crash_scenarios as s

FULL = os.environ.get("MENTRA_CRASH_CAMPAIGN") == "full"
pytestmark = pytest.mark.timeout(600)


def played(script, **options):
    return {"tools": s.TOOLS, "providers": lambda: [ScriptedModel(script)], **options}


SCENARIOS = {
    s.every_kind_of_tool: played(s.EVERY_KIND),
    s.a_tool_ends_the_run: played(s.TOOL_ENDS),
    s.queues: played(["Hm.", [s.call("look", place="a")], "Done.", "Then this."]),
    s.approvals: played(s.REVIEWED, authorizer=s.authorizer, hooks=[s.HouseRules()]),
    s.strategy: played(s.STRATEGIC, strategies={"once_more": s.once_more}),
    s.typed_output: played(s.typed_script),
    s.roll_back: played(s.ROLLED_BACK),
    s.suspended: played(s.ROLLED_BACK),
    s.branches: played(["First.", "Second.", "Third."]),
    s.long_conversation: played(s.long_script),
    s.delegation: played(s.delegation_script),
    s.team: played(s.team_script),
}


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
def test_every_crash_is_survived(scenario, twice):
    """Whatever a process is doing when it dies, the next one brings the work to its end."""
    options = dict(SCENARIOS[scenario])
    options["providers"] = options["providers"]()

    every = 1 if FULL else 5 if twice else 3
    report = assert_survives_crashes(scenario, twice=twice, every=every, **options)
    print(scenario.__name__, report)

    assert report.crashes >= (report.appends + report.effects) // every
