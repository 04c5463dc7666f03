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

from typing import TYPE_CHECKING

from mentra_actors.late_module import late_names

if TYPE_CHECKING:  # each is imported when it is first asked for
    from mentra_actors.actors.restart_policy import RestartPolicy
    from mentra_actors.domain.agent.effects import RoundContext
    from mentra_actors.domain.agent.fallback import Fallback
    from mentra_actors.domain.agent.profile import (
        AgentProfile,
        Autonomy,
        CompactionOptions,
        MemoryOptions,
        ToolResultPaging,
        Workspace,
    )
    from mentra_actors.domain.agent.run_options import RetrySchedule, RunOptions
    from mentra_actors.domain.memory import FoundRecord, MemoryRecord
    from mentra_actors.domain.model_call import (
        CacheOptions,
        HostedTool,
        ModelReply,
        ModelRequest,
        NamedTool,
        ProviderOptions,
        ReasoningOptions,
        ResponsesOptions,
        SessionOptions,
        StopReason,
        TokenUsage,
    )
    from mentra_actors.domain.rule_match import (
        AnyCall,
        BelowFolder,
        CommandPrefix,
        ExactCall,
        InputPattern,
    )
    from mentra_actors.domain.schedules.schedule import Schedule
    from mentra_actors.domain.team import Request
    from mentra_actors.effects.context.context_report import ContextReport
    from mentra_actors.effects.round_decisions import Continue, Inject, RoundStrategy, Stop
    from mentra_actors.errors import (
        CommandRejected,
        ConfigurationError,
        MentraError,
        NoOutput,
        ProviderError,
        RunFailed,
        StoreError,
    )
    from mentra_actors.providers.catalogue import ListedModel, TokenCount
    from mentra_actors.providers.custom import provider
    from mentra_actors.providers.embedding_models import (
        EmbeddingModel,
        LocalEmbeddings,
        ProviderEmbeddings,
    )
    from mentra_actors.providers.embeddings import Embeddings
    from mentra_actors.providers.http_provider import HttpProvider
    from mentra_actors.providers.limits import ProviderLimits
    from mentra_actors.providers.prices import ModelPrice, PriceList
    from mentra_actors.providers.profile import (
        Bearer,
        Capabilities,
        HeaderKey,
        NoAuth,
        Profile,
        QueryKey,
    )
    from mentra_actors.providers.scripted import ScriptedModel, call, say
    from mentra_actors.runtime.agents.agent import Agent
    from mentra_actors.runtime.agents.agent_memory import AgentMemory, SyncAgentMemory
    from mentra_actors.runtime.agents.attachments import document, image
    from mentra_actors.runtime.agents.conversation import Conversation, SyncConversation
    from mentra_actors.runtime.agents.run_watch import Reply
    from mentra_actors.runtime.agents.sync_agent import SyncAgent
    from mentra_actors.runtime.agents.typed_output import output_of
    from mentra_actors.runtime.history.agent_moment import AgentMoment
    from mentra_actors.runtime.history.bisection import TurningPoint
    from mentra_actors.runtime.history.branches import Branch
    from mentra_actors.runtime.history.causes import CauseChain, Effects
    from mentra_actors.runtime.history.differences import TeamDifference
    from mentra_actors.runtime.history.edits import Edit
    from mentra_actors.runtime.history.history import History, open_history
    from mentra_actors.runtime.history.listed_branch import ListedBranch
    from mentra_actors.runtime.history.moment import Moment
    from mentra_actors.runtime.history.open_work import OpenEffect
    from mentra_actors.runtime.runtime import Runtime, open_runtime
    from mentra_actors.runtime.sessions.session import Session
    from mentra_actors.runtime.sessions.sessions import Sessions, SyncSessions
    from mentra_actors.runtime.sessions.sync_session import SyncSession
    from mentra_actors.runtime.sync_runtime import SyncRuntime, open_runtime_sync
    from mentra_actors.runtime.teams.member_views import TeamMember
    from mentra_actors.runtime.teams.schedules import (
        AgentSchedules,
        Schedules,
        SyncAgentSchedules,
        SyncSchedules,
    )
    from mentra_actors.runtime.views.agent_lists import list_agents
    from mentra_actors.runtime.views.feeds import Cursor, Feed, FeedItem, SyncFeed
    from mentra_actors.runtime.views.kept_views import KeptViews, open_views
    from mentra_actors.runtime.views.observer import Observer
    from mentra_actors.runtime.views.snapshots import AgentSnapshot
    from mentra_actors.runtime.views.store_watch import open_watch
    from mentra_actors.store.sealing.offline import change_key, forget_subject
    from mentra_actors.store.sealing.options import Sealing
    from mentra_actors.tools.builtin.files import file_tools
    from mentra_actors.tools.contract import (
        FinishedToolCall,
        PolicyDenied,
        ProbeResult,
        Tool,
        ToolContext,
        ToolError,
        ToolOutput,
    )
    from mentra_actors.tools.executors.local import LocalExecutor
    from mentra_actors.tools.executors.sandbox import SandboxExecutor
    from mentra_actors.tools.functions.decorator import probe, tool
    from mentra_actors.tools.policy import RuntimePolicy
    from mentra_actors.tools.ready_authorizer import ask_for
    from mentra_actors.tools.results.size import ResultLimits
    from mentra_actors.tools.review import Allow, Ask, CallPreview, Deny, Modify, ToolHook
    from mentra_actors.tools.schedule_moments import ListedSchedule
    from mentra_actors.tools.traits import ToolTraits

__all__ = [
    "Agent",
    "AgentMemory",
    "AgentMoment",
    "AgentProfile",
    "AgentSchedules",
    "AgentSnapshot",
    "Allow",
    "AnyCall",
    "Ask",
    "Autonomy",
    "Bearer",
    "BelowFolder",
    "Branch",
    "CacheOptions",
    "CallPreview",
    "Capabilities",
    "CauseChain",
    "CommandPrefix",
    "CommandRejected",
    "CompactionOptions",
    "ConfigurationError",
    "ContextReport",
    "Continue",
    "Conversation",
    "Cursor",
    "Deny",
    "Edit",
    "Effects",
    "EmbeddingModel",
    "Embeddings",
    "ExactCall",
    "Fallback",
    "Feed",
    "FeedItem",
    "FinishedToolCall",
    "FoundRecord",
    "HeaderKey",
    "History",
    "HostedTool",
    "HttpProvider",
    "Inject",
    "InputPattern",
    "KeptViews",
    "ListedBranch",
    "ListedModel",
    "ListedSchedule",
    "LocalEmbeddings",
    "LocalExecutor",
    "MemoryOptions",
    "MemoryRecord",
    "MentraError",
    "ModelPrice",
    "ModelReply",
    "ModelRequest",
    "Modify",
    "Moment",
    "NamedTool",
    "NoAuth",
    "NoOutput",
    "Observer",
    "OpenEffect",
    "PolicyDenied",
    "PriceList",
    "ProbeResult",
    "Profile",
    "ProviderEmbeddings",
    "ProviderError",
    "ProviderLimits",
    "ProviderOptions",
    "QueryKey",
    "ReasoningOptions",
    "Reply",
    "Request",
    "ResponsesOptions",
    "RestartPolicy",
    "ResultLimits",
    "RetrySchedule",
    "RoundContext",
    "RoundStrategy",
    "RunFailed",
    "RunOptions",
    "Runtime",
    "RuntimePolicy",
    "SandboxExecutor",
    "Schedule",
    "Schedules",
    "ScriptedModel",
    "Sealing",
    "Session",
    "SessionOptions",
    "Sessions",
    "Stop",
    "StopReason",
    "StoreError",
    "SyncAgent",
    "SyncAgentMemory",
    "SyncAgentSchedules",
    "SyncConversation",
    "SyncFeed",
    "SyncRuntime",
    "SyncSchedules",
    "SyncSession",
    "SyncSessions",
    "TeamDifference",
    "TeamMember",
    "TokenCount",
    "TokenUsage",
    "Tool",
    "ToolContext",
    "ToolError",
    "ToolHook",
    "ToolOutput",
    "ToolResultPaging",
    "ToolTraits",
    "TurningPoint",
    "Workspace",
    "ask_for",
    "call",
    "change_key",
    "document",
    "file_tools",
    "forget_subject",
    "image",
    "list_agents",
    "open_history",
    "open_runtime",
    "open_runtime_sync",
    "open_views",
    "open_watch",
    "output_of",
    "probe",
    "provider",
    "say",
    "tool",
]

_NAMES_OF = {
    "mentra_actors.actors.restart_policy": "RestartPolicy",
    "mentra_actors.domain.agent.effects": "RoundContext",
    "mentra_actors.domain.agent.fallback": "Fallback",
    "mentra_actors.domain.agent.profile": (
        "AgentProfile Autonomy CompactionOptions MemoryOptions ToolResultPaging Workspace"
    ),
    "mentra_actors.domain.agent.run_options": "RetrySchedule RunOptions",
    "mentra_actors.domain.memory": "FoundRecord MemoryRecord",
    "mentra_actors.domain.model_call": (
        "CacheOptions HostedTool ModelReply ModelRequest NamedTool ProviderOptions "
        "ReasoningOptions ResponsesOptions SessionOptions StopReason TokenUsage"
    ),
    "mentra_actors.domain.rule_match": "AnyCall BelowFolder CommandPrefix ExactCall InputPattern",
    "mentra_actors.domain.schedules.schedule": "Schedule",
    "mentra_actors.domain.team": "Request",
    "mentra_actors.effects.context.context_report": "ContextReport",
    "mentra_actors.effects.round_decisions": "Continue Inject RoundStrategy Stop",
    "mentra_actors.errors": (
        "CommandRejected ConfigurationError MentraError NoOutput ProviderError "
        "RunFailed StoreError"
    ),
    "mentra_actors.providers.catalogue": "ListedModel TokenCount",
    "mentra_actors.providers.custom": "provider",
    "mentra_actors.providers.embedding_models": (
        "EmbeddingModel LocalEmbeddings ProviderEmbeddings"
    ),
    "mentra_actors.providers.embeddings": "Embeddings",
    "mentra_actors.providers.http_provider": "HttpProvider",
    "mentra_actors.providers.limits": "ProviderLimits",
    "mentra_actors.providers.prices": "ModelPrice PriceList",
    "mentra_actors.providers.profile": "Bearer Capabilities HeaderKey NoAuth Profile QueryKey",
    "mentra_actors.providers.scripted": "ScriptedModel call say",
    "mentra_actors.runtime.agents.agent": "Agent",
    "mentra_actors.runtime.views.agent_lists": "list_agents",
    "mentra_actors.runtime.agents.agent_memory": "AgentMemory SyncAgentMemory",
    "mentra_actors.runtime.agents.attachments": "document image",
    "mentra_actors.runtime.agents.conversation": "Conversation SyncConversation",
    "mentra_actors.runtime.views.feeds": "Cursor Feed FeedItem SyncFeed",
    "mentra_actors.runtime.history.agent_moment": "AgentMoment",
    "mentra_actors.runtime.history.bisection": "TurningPoint",
    "mentra_actors.runtime.history.branches": "Branch",
    "mentra_actors.runtime.history.causes": "CauseChain Effects",
    "mentra_actors.runtime.history.differences": "TeamDifference",
    "mentra_actors.runtime.history.edits": "Edit",
    "mentra_actors.runtime.history.history": "History open_history",
    "mentra_actors.runtime.history.listed_branch": "ListedBranch",
    "mentra_actors.runtime.history.moment": "Moment",
    "mentra_actors.runtime.history.open_work": "OpenEffect",
    "mentra_actors.runtime.views.kept_views": "KeptViews open_views",
    "mentra_actors.runtime.teams.member_views": "TeamMember",
    "mentra_actors.runtime.views.observer": "Observer",
    "mentra_actors.runtime.agents.run_watch": "Reply",
    "mentra_actors.runtime.runtime": "Runtime open_runtime",
    "mentra_actors.runtime.teams.schedules": (
        "AgentSchedules Schedules SyncAgentSchedules SyncSchedules"
    ),
    "mentra_actors.runtime.sessions.session": "Session",
    "mentra_actors.runtime.sessions.sessions": "Sessions SyncSessions",
    "mentra_actors.runtime.views.snapshots": "AgentSnapshot",
    "mentra_actors.runtime.views.store_watch": "open_watch",
    "mentra_actors.runtime.agents.sync_agent": "SyncAgent",
    "mentra_actors.runtime.sync_runtime": "SyncRuntime open_runtime_sync",
    "mentra_actors.runtime.sessions.sync_session": "SyncSession",
    "mentra_actors.runtime.agents.typed_output": "output_of",
    "mentra_actors.store.sealing.offline": "change_key forget_subject",
    "mentra_actors.store.sealing.options": "Sealing",
    "mentra_actors.tools.builtin.files": "file_tools",
    "mentra_actors.tools.contract": (
        "FinishedToolCall PolicyDenied ProbeResult Tool ToolContext ToolError ToolOutput"
    ),
    "mentra_actors.tools.executors.local": "LocalExecutor",
    "mentra_actors.tools.executors.sandbox": "SandboxExecutor",
    "mentra_actors.tools.functions.decorator": "probe tool",
    "mentra_actors.tools.policy": "RuntimePolicy",
    "mentra_actors.tools.ready_authorizer": "ask_for",
    "mentra_actors.tools.results.size": "ResultLimits",
    "mentra_actors.tools.review": "Allow Ask CallPreview Deny Modify ToolHook",
    "mentra_actors.tools.schedule_moments": "ListedSchedule",
    "mentra_actors.tools.traits": "ToolTraits",
}
"""The public names by the module that has them, as they are imported above."""

if not TYPE_CHECKING:  # else any name would do
    __getattr__, __dir__ = late_names(__name__, _NAMES_OF)
