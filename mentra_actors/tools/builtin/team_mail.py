"""Tools with which an agent writes to its team, reads what has come, and rests."""

from mentra_actors.domain.inbox import MAX_BODY_CHARS, letter_fields
from mentra_actors.domain.tool_call import OutgoingMail
from mentra_actors.ids import CommandId, MailId
from mentra_actors.tools.builtin.team_looks import recipient_id, team_state
from mentra_actors.tools.builtin.told_json import told_json
from mentra_actors.tools.contract import ToolContext, ToolError, ToolOutput
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.tool_errors import refusals_told

__all__ = ["idle", "team_broadcast", "team_read_inbox", "team_send"]


@tool(
    retry="safe",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_send(context: ToolContext, to: str, content: str) -> ToolOutput:
    """Send mail to another member of the team.

    Args:
        to: The member's name.
        content: The message.
    """
    _require_words(content)
    letter = OutgoingMail(
        mail_id=MailId(f"{context.idempotency_key}/{to}"),
        to=await recipient_id(context, to),
        body=content,
    )
    return ToolOutput(content=f"Sent message to '{to}'", mail=(letter,))


@tool(
    retry="safe",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_broadcast(context: ToolContext, content: str) -> ToolOutput:
    """Send the same mail to every other member of the team.

    Args:
        content: The message.
    """
    _require_words(content)
    team = await team_state(context)
    others = {
        name: one
        for name, one in sorted(team.members.items())
        if one.agent_id != context.agent_id and not one.has_stopped
    }
    letters = tuple(
        OutgoingMail(
            mail_id=MailId(f"{context.idempotency_key}/{name}"),
            to=member.agent_id,
            body=content,
            kind="broadcast",
        )
        for name, member in others.items()
    )
    said = f"Broadcast message sent to {len(others)} recipient(s): {', '.join(others)}"
    return ToolOutput(content=said, mail=letters)


@tool(
    retry="idempotent",
    capabilities=["team_coordination"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def team_read_inbox(context: ToolContext) -> str:
    """Read the mail that has come since your last turn; it is not shown to you again."""
    command_id = CommandId(context.idempotency_key)
    with refusals_told("read the team inbox"):
        letters = await context.commands.hand_over_mail(context.agent_id, command_id)
    return told_json([letter_fields(letter) for letter in letters], indent=2)


@tool(
    retry="safe",
    capabilities=["delegation"],
    side_effects="local_state",
    durability="persistent",
    approval="delegation",
)
async def idle(context: ToolContext) -> str:
    """Stop working until there is mail for you. Use it when nothing is left to do."""
    context.request_idle()
    return "Yielding to the teammate idle loop."


def _require_words(content: str) -> None:
    if not content.strip():
        raise ToolError("Mail must not be empty")
    if len(content) > MAX_BODY_CHARS:
        raise ToolError(
            f"Mail of {len(content):,} characters is over the limit of {MAX_BODY_CHARS:,}; "
            "write the text to a file and mail its path"
        )
