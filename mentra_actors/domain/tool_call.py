"""A tool call as data: how it may be retried, and what came of it."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.compacted import Compaction, UnwrittenSummary
from mentra_actors.domain.content import Attachment
from mentra_actors.ids import AgentId, MailId

__all__ = [
    "AuthorizationOutcome",
    "DecidedBy",
    "OutgoingMail",
    "ProbeVerdict",
    "RetryMode",
    "ToolOutcome",
    "unexplained_request",
]

RetryMode: TypeAlias = Literal["safe", "idempotent", "probe", "never"]
"""What may be done with a call that was open when its process died.

`safe`: run it again. `idempotent`: run it again, the tool dedupes on the key. `probe`: ask the
tool's probe. `never`: say truthfully that the outcome is unknown.
"""

AuthorizationOutcome: TypeAlias = Literal["allow", "ask", "deny"]

DecidedBy: TypeAlias = Literal["nobody", "hook", "check", "authorizer", "rule", "fault"]
"""Who has decided about a call: a hook, the check of its arguments, the authorizer, a remembered
rule; `nobody` if there was nobody to ask, `fault` if one of them broke, which refuses it."""

ProbeVerdict: TypeAlias = Literal["done", "not_done", "unknown"]


def unexplained_request(tool: str) -> str:
    """What a person is told where nobody has said why a call needs one."""
    return f"Approval required for {tool}"


class OutgoingMail(msgspec.Struct, frozen=True, kw_only=True):
    """Mail that leaves in the same append as the outcome of the call that wrote it."""

    mail_id: MailId
    to: AgentId
    body: str
    kind: Literal["message", "broadcast"] = "message"


class ToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one tool call.

    `content` is what the model is told, at most 50 KiB or 2,000 lines; the whole of a longer
    text is kept under `spilled`. `details` is JSON for people and programs, never sent to a model.
    `terminate` ends the run at once, `rest` after this round. `has_run` marks an error that came
    after the tool had done its work: its result was lost, or a hook refused it. `attachments` are
    images and documents that the model is shown. `is_json`: see `ToolResultBlock`.
    `denied` names what the policy of the runtime has refused, such as `shell_command`.
    `compaction` shortens the conversation for the model; `unwritten` is one that failed.
    """

    content: str
    is_error: bool = False
    details: str = ""
    spilled: BlobRef | None = None
    mail: tuple[OutgoingMail, ...] = ()
    terminate: bool = False
    rest: bool = False
    has_run: bool = False
    attachments: tuple[Attachment, ...] = ()
    is_json: bool = False
    denied: str = ""
    compaction: Compaction | None = None
    unwritten: UnwrittenSummary | None = None
