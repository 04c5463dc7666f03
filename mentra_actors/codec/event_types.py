"""Every stored event type: the only list.

A type that is not here cannot be written. A tag is for ever: a change that old readers would
misunderstand gets a new tag, and an upcaster in `mentra_actors.codec.upcasters` for the old one.
"""

from typing import Any

from mentra_actors.domain import budget, inbox, lease, memory, task_board, team
from mentra_actors.domain.agent import events as agent

__all__ = ["EVENT_TYPES"]

EVENT_TYPES: tuple[type[Any], ...] = (
    agent.AgentSpawned,
    agent.AgentReconfigured,
    agent.PromptAccepted,
    agent.MailTaken,
    agent.MailHandedOver,
    agent.InputQueued,
    agent.QueueCleared,
    agent.QueueModeChanged,
    agent.RunStarted,
    agent.RunStopRequested,
    agent.InputPlaced,
    agent.InputReturned,
    agent.LeafMoved,
    agent.EntryLabelled,
    agent.ModelCallRequested,
    agent.ModelReplied,
    agent.ModelCallFailed,
    agent.AnswerAbandoned,
    agent.RoundDecisionRequested,
    agent.RoundDecided,
    agent.ToolCallsPlanned,
    agent.ToolCallReviewed,
    agent.ToolAuthorizationEvaluated,
    agent.PermissionExpired,
    agent.CompactionRequested,
    agent.ConversationCompacted,
    agent.CompactionSkipped,
    agent.PermissionRequested,
    agent.PermissionResolved,
    agent.ToolCallStarted,
    agent.ToolCallRestarted,
    agent.ToolCallProbeRequested,
    agent.ToolCallFinished,
    agent.ToolCallOutcomeUnknown,
    agent.ToolCallSkipped,
    agent.CompensationRequested,
    agent.ToolCallCompensationStarted,
    agent.ToolCallCompensated,
    agent.MailSent,
    agent.RunFinished,
    agent.RunFailed,
    agent.RunCancelled,
    agent.AgentRecovered,
    agent.SubagentSpawned,
    agent.SubagentFinished,
    agent.SubagentEndOrdered,
    agent.SharedSpending,
    agent.ModelCallWithheld,
    agent.AgentStopped,
    inbox.MailDelivered,
    inbox.RunEndOrdered,
    budget.BudgetSpent,
    team.MemberJoined,
    task_board.TaskCreated,
    task_board.TaskClaimed,
    task_board.TaskStatusChanged,
    task_board.DependencyAdded,
    task_board.TaskDirectoryChanged,
    lease.LeaseAcquired,
    lease.LeaseRenewed,
    lease.LeaseReleased,
    memory.MemoryRecorded,
    memory.MemoryForgotten,
)
