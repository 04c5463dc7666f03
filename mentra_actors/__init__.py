"""Teams of LLM agents that lose nothing: a team is a log.

           ┌────────────── mentra_actors/domain (pure) ──────────────┐
Command ──▶│ decide(command, state) ─▶ [Event]   evolve(state, event)│
   ▲       └──────────────┬───────────────────────────────▲──────────┘
   │                      ▼ append(expected_version, fence)│ replay
   │                   store/ (LMDB journal) ──────────────┤
   │                      │                                │
   │  outcome,            │ pending(state)                 ├──▶ projections/ ─▶ view
   │  as a command        ▼                                └──▶ state snapshot
   └──────────── effects/ ─▶ providers/ (models), tools/ (world)
"""

from mentra_actors.domain.model_call import ModelReply, ModelRequest, TokenUsage
from mentra_actors.errors import (
    CommandRejected,
    ConfigurationError,
    MentraError,
    ProviderError,
    RunFailed,
    StoreError,
)
from mentra_actors.providers.scripted import ScriptedModel, call, say
from mentra_actors.runtime.agent import Agent
from mentra_actors.runtime.run_watch import Reply
from mentra_actors.runtime.runtime import Runtime, open_runtime
from mentra_actors.runtime.sync_agent import SyncAgent
from mentra_actors.runtime.sync_runtime import SyncRuntime, open_runtime_sync
from mentra_actors.store.sealing.offline import change_key, forget_subject
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.tools.contract import ProbeResult, Tool, ToolContext, ToolError, ToolOutput
from mentra_actors.tools.decorator import probe, tool
from mentra_actors.tools.files import file_tools

__all__ = [
    "Agent",
    "CommandRejected",
    "ConfigurationError",
    "MentraError",
    "ModelReply",
    "ModelRequest",
    "ProbeResult",
    "ProviderError",
    "Reply",
    "RunFailed",
    "Runtime",
    "ScriptedModel",
    "Sealing",
    "StoreError",
    "SyncAgent",
    "SyncRuntime",
    "TokenUsage",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolOutput",
    "call",
    "change_key",
    "file_tools",
    "forget_subject",
    "open_runtime",
    "open_runtime_sync",
    "probe",
    "say",
    "tool",
]
