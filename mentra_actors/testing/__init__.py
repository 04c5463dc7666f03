"""The kit for testing agents, teams, own deciders and adapters, without a network.

Each name is imported when it is first asked for. Strategies and `ProjectionContract` need
`hypothesis`, contract suites `pytest`; see docs/testing.md.
"""

from typing import TYPE_CHECKING

from mentra_actors.late_module import late_names

if TYPE_CHECKING:  # each is imported when it is first asked for
    from mentra_actors.providers.script import NEVER_ENDS, BreaksAfter, NeverEnds, Staged
    from mentra_actors.providers.scripted import ScriptedModel, call, position, say, think
    from mentra_actors.store.memory_store import MemoryEventStore
    from mentra_actors.testing.agent_strategies import SPAWNED
    from mentra_actors.testing.crashes import CrashReport, assert_survives_crashes
    from mentra_actors.testing.decider_laws import (
        check_pure,
        check_restart,
        check_snapshots,
        check_total,
    )
    from mentra_actors.testing.decider_strategies import (
        commands_of,
        events_of,
        journals,
        stored_events,
    )
    from mentra_actors.testing.failing_store import FailingStore
    from mentra_actors.testing.given_when_then import Given, When, given, play
    from mentra_actors.testing.guarantees import broken_guarantees
    from mentra_actors.testing.leaks import LeakCheck
    from mentra_actors.testing.manual_clock import ManualClock
    from mentra_actors.testing.mock_faces import AsyncMockRuntime, MockRuntime, mock_runtime
    from mentra_actors.testing.projection_contract import ProjectionContract
    from mentra_actors.testing.provider_contract import ProviderContract
    from mentra_actors.testing.store_contract import DurableStoreContract, EventStoreContract
    from mentra_actors.testing.strategies import any_history, instances
    from mentra_actors.testing.tool_contract import ToolContract
    from mentra_actors.testing.upcaster_laws import check_upcasters
    from mentra_actors.testing.view_store_contract import (
        DurableViewStoreContract,
        ViewStoreContract,
    )

__all__ = [
    "NEVER_ENDS",
    "SPAWNED",
    "AsyncMockRuntime",
    "BreaksAfter",
    "CrashReport",
    "DurableStoreContract",
    "DurableViewStoreContract",
    "EventStoreContract",
    "FailingStore",
    "Given",
    "LeakCheck",
    "ManualClock",
    "MemoryEventStore",
    "MockRuntime",
    "NeverEnds",
    "ProjectionContract",
    "ProviderContract",
    "ScriptedModel",
    "Staged",
    "ToolContract",
    "ViewStoreContract",
    "When",
    "any_history",
    "assert_survives_crashes",
    "broken_guarantees",
    "call",
    "check_pure",
    "check_restart",
    "check_snapshots",
    "check_total",
    "check_upcasters",
    "commands_of",
    "events_of",
    "given",
    "instances",
    "journals",
    "mock_runtime",
    "play",
    "position",
    "say",
    "stored_events",
    "think",
]

_NAMES_OF = {
    "mentra_actors.providers.script": "NEVER_ENDS BreaksAfter NeverEnds Staged",
    "mentra_actors.providers.scripted": "ScriptedModel call position say think",
    "mentra_actors.store.memory_store": "MemoryEventStore",
    "mentra_actors.testing.agent_strategies": "SPAWNED",
    "mentra_actors.testing.crashes": "CrashReport assert_survives_crashes",
    "mentra_actors.testing.decider_laws": "check_pure check_restart check_snapshots check_total",
    "mentra_actors.testing.decider_strategies": "commands_of events_of journals stored_events",
    "mentra_actors.testing.failing_store": "FailingStore",
    "mentra_actors.testing.given_when_then": "Given When given play",
    "mentra_actors.testing.guarantees": "broken_guarantees",
    "mentra_actors.testing.leaks": "LeakCheck",
    "mentra_actors.testing.manual_clock": "ManualClock",
    "mentra_actors.testing.mock_faces": "AsyncMockRuntime MockRuntime mock_runtime",
    "mentra_actors.testing.projection_contract": "ProjectionContract",
    "mentra_actors.testing.provider_contract": "ProviderContract",
    "mentra_actors.testing.store_contract": "DurableStoreContract EventStoreContract",
    "mentra_actors.testing.strategies": "any_history instances",
    "mentra_actors.testing.tool_contract": "ToolContract",
    "mentra_actors.testing.upcaster_laws": "check_upcasters",
    "mentra_actors.testing.view_store_contract": "DurableViewStoreContract ViewStoreContract",
}
"""The public names by the module that has them, as they are imported above."""

if not TYPE_CHECKING:  # else any name would do
    __getattr__, __dir__ = late_names(__name__, _NAMES_OF)
