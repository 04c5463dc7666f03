"""What may be asked of an agent. Every command carries the time, in Unix seconds.

Commands with an id count once: the same id again is accepted and records nothing.
"""

from typing import TypeAlias

from mentra_actors.domain.agent.commands.branching import BranchAgent, EditConversation
from mentra_actors.domain.agent.commands.outcomes import (
    ExpireRun,
    PartialAnswer,
    RecordAbandonedAnswer,
    RecordBoardCompensation,
    RecordBudgetUsedUp,
    RecordCallReview,
    RecordCompaction,
    RecordCompensation,
    RecordContextFull,
    RecordIdleTimeout,
    RecordModelFailure,
    RecordModelReply,
    RecordProbeVerdict,
    RecordRoundDecision,
    RecordStopReported,
    RecordSubagentEnd,
    RecordToolOutcome,
    RecoverEffects,
    SpawnSubagent,
    TakeLateLetter,
    TakeMail,
)
from mentra_actors.domain.agent.commands.wishes import (
    AcceptPrompt,
    CancelCompaction,
    CancelRun,
    ClearQueue,
    CompactConversation,
    CompensateRun,
    Configure,
    ExpirePermission,
    GiveUpUndoing,
    HandOverMail,
    LabelEntry,
    LeaveResolution,
    MoveLeaf,
    QueueInput,
    ResolvePermission,
    ResumeRun,
    RunQueued,
    SetQueueMode,
    StopAgent,
    StopRun,
    UndoCompaction,
)

__all__ = [
    "AcceptPrompt",
    "AgentCommand",
    "BranchAgent",
    "CancelCompaction",
    "CancelRun",
    "ClearQueue",
    "CompactConversation",
    "CompensateRun",
    "Configure",
    "EditConversation",
    "ExpirePermission",
    "ExpireRun",
    "GiveUpUndoing",
    "HandOverMail",
    "LabelEntry",
    "LeaveResolution",
    "MoveLeaf",
    "PartialAnswer",
    "QueueInput",
    "RecordAbandonedAnswer",
    "RecordBoardCompensation",
    "RecordBudgetUsedUp",
    "RecordCallReview",
    "RecordCompaction",
    "RecordCompensation",
    "RecordContextFull",
    "RecordIdleTimeout",
    "RecordModelFailure",
    "RecordModelReply",
    "RecordProbeVerdict",
    "RecordRoundDecision",
    "RecordStopReported",
    "RecordSubagentEnd",
    "RecordToolOutcome",
    "RecoverEffects",
    "ResolvePermission",
    "ResumeRun",
    "RunQueued",
    "SetQueueMode",
    "SpawnSubagent",
    "StopAgent",
    "StopRun",
    "TakeLateLetter",
    "TakeMail",
    "UndoCompaction",
]

AgentCommand: TypeAlias = (
    AcceptPrompt
    | HandOverMail
    | QueueInput
    | ClearQueue
    | SetQueueMode
    | RunQueued
    | ResumeRun
    | CancelRun
    | StopRun
    | CompactConversation
    | CancelCompaction
    | UndoCompaction
    | CompensateRun
    | GiveUpUndoing
    | StopAgent
    | Configure
    | MoveLeaf
    | LabelEntry
    | BranchAgent
    | EditConversation
    | ResolvePermission
    | LeaveResolution
    | TakeMail
    | TakeLateLetter
    | RecordModelReply
    | RecordModelFailure
    | RecordContextFull
    | RecordBoardCompensation
    | RecordBudgetUsedUp
    | SpawnSubagent
    | RecordSubagentEnd
    | RecordAbandonedAnswer
    | RecordCallReview
    | RecordRoundDecision
    | RecordToolOutcome
    | RecordProbeVerdict
    | RecordCompaction
    | RecordCompensation
    | RecordIdleTimeout
    | RecordStopReported
    | ExpirePermission
    | ExpireRun
    | RecoverEffects
)
