"""Every fact about one agent, by subject: itself and its input, its runs, its tool calls."""

from typing import TypeAlias

from mentra_actors.domain.agent.events.branching import (
    AgentBranched,
    ConversationEdited,
)
from mentra_actors.domain.agent.events.calls import (
    CallPlan,
    PermissionExpired,
    PermissionRequested,
    PermissionResolved,
    ToolAuthorizationEvaluated,
    ToolCallCompensated,
    ToolCallCompensationStarted,
    ToolCallFinished,
    ToolCallOutcomeUnknown,
    ToolCallProbeRequested,
    ToolCallRestarted,
    ToolCallReviewed,
    ToolCallSkipped,
    ToolCallsPlanned,
    ToolCallStarted,
)
from mentra_actors.domain.agent.events.compactions import (
    CompactionAwaited,
    CompactionRequested,
    CompactionRetried,
    CompactionSkipped,
    CompactionTrigger,
    CompactionUndone,
    ConversationCompacted,
)
from mentra_actors.domain.agent.events.inputs import (
    AgentReconfigured,
    AgentRecovered,
    AgentRenamed,
    AgentSpawned,
    AgentStopped,
    AgentStopPlanned,
    EntryLabelled,
    InputPlaced,
    InputQueued,
    InputReturned,
    LateLetter,
    LeafMoved,
    MailCameLate,
    MailHandedOver,
    MailSent,
    MailTaken,
    PromptAccepted,
    QueueCleared,
    QueueModeChanged,
    StopReported,
)
from mentra_actors.domain.agent.events.runs import (
    AnswerAbandoned,
    BoardCompensated,
    CompensationRequested,
    ModelCallFailed,
    ModelCallRequested,
    ModelReplied,
    RoundDecided,
    RoundDecisionRequested,
    RunCancelled,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopRequested,
)
from mentra_actors.domain.agent.events.subagents import (
    ModelCallWithheld,
    SharedSpending,
    SubagentEndOrdered,
    SubagentFinished,
    SubagentSpawned,
)
from mentra_actors.domain.agent.profile import AgentProfile, ProfileChanges

__all__ = [
    "AgentBranched",
    "AgentEvent",
    "AgentProfile",
    "AgentReconfigured",
    "AgentRecovered",
    "AgentRenamed",
    "AgentSpawned",
    "AgentStopPlanned",
    "AgentStopped",
    "AnswerAbandoned",
    "BoardCompensated",
    "CallPlan",
    "CompactionAwaited",
    "CompactionRequested",
    "CompactionRetried",
    "CompactionSkipped",
    "CompactionTrigger",
    "CompactionUndone",
    "CompensationRequested",
    "ConversationCompacted",
    "ConversationEdited",
    "EntryLabelled",
    "InputPlaced",
    "InputQueued",
    "InputReturned",
    "LateLetter",
    "LeafMoved",
    "MailCameLate",
    "MailHandedOver",
    "MailSent",
    "MailTaken",
    "ModelCallFailed",
    "ModelCallRequested",
    "ModelCallWithheld",
    "ModelReplied",
    "PermissionExpired",
    "PermissionRequested",
    "PermissionResolved",
    "ProfileChanges",
    "PromptAccepted",
    "QueueCleared",
    "QueueModeChanged",
    "RoundDecided",
    "RoundDecisionRequested",
    "RunCancelled",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "RunStopRequested",
    "SharedSpending",
    "StopReported",
    "SubagentEndOrdered",
    "SubagentFinished",
    "SubagentSpawned",
    "ToolAuthorizationEvaluated",
    "ToolCallCompensated",
    "ToolCallCompensationStarted",
    "ToolCallFinished",
    "ToolCallOutcomeUnknown",
    "ToolCallProbeRequested",
    "ToolCallRestarted",
    "ToolCallReviewed",
    "ToolCallSkipped",
    "ToolCallStarted",
    "ToolCallsPlanned",
]

AgentEvent: TypeAlias = (
    AgentSpawned
    | AgentReconfigured
    | AgentRenamed
    | AgentStopPlanned
    | AgentStopped
    | MailCameLate
    | StopReported
    | AgentRecovered
    | AgentBranched
    | ConversationEdited
    | SubagentSpawned
    | SubagentFinished
    | SubagentEndOrdered
    | SharedSpending
    | ModelCallWithheld
    | PromptAccepted
    | MailTaken
    | MailHandedOver
    | MailSent
    | InputQueued
    | QueueCleared
    | QueueModeChanged
    | InputPlaced
    | InputReturned
    | LeafMoved
    | EntryLabelled
    | RunStarted
    | RunStopRequested
    | RunFinished
    | RunFailed
    | RunCancelled
    | RoundDecisionRequested
    | RoundDecided
    | CompensationRequested
    | ModelCallRequested
    | ModelReplied
    | ModelCallFailed
    | AnswerAbandoned
    | ToolCallsPlanned
    | ToolCallReviewed
    | ToolAuthorizationEvaluated
    | CompactionRequested
    | CompactionAwaited
    | CompactionRetried
    | ConversationCompacted
    | CompactionSkipped
    | CompactionUndone
    | PermissionExpired
    | PermissionRequested
    | PermissionResolved
    | ToolCallStarted
    | ToolCallRestarted
    | ToolCallProbeRequested
    | ToolCallFinished
    | ToolCallOutcomeUnknown
    | ToolCallSkipped
    | ToolCallCompensationStarted
    | ToolCallCompensated
    | BoardCompensated
)
