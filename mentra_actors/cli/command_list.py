"""The commands of `mentra`, in the groups and the order of its help: what each is and does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = ["COMMANDS", "COMMAND_GROUPS", "ListedCommand"]


class ListedCommand(NamedTuple):
    """A command that is imported when it is called.

    `name` in `module` (of this package) is the function of the command; if it is a group, one
    that makes its app. `summary` is the first paragraph of its docstring, short enough for one
    line of the help. It `records` events, or it `changes` other things (files, keys, logins, what
    stands on the screen), or it only `reads`.
    """

    module: str
    name: str
    summary: str
    is_group: bool = False
    does: Literal["records", "changes", "reads"] = "reads"


COMMAND_GROUPS: Mapping[str, Mapping[str, ListedCommand]] = MappingProxyType(
    {
        "Begin": {
            "demo": ListedCommand(
                "demo_command",
                "demo",
                "See a team survive `kill -9` and finish its work.",
                does="records",
            ),
            "chat": ListedCommand(
                "chat_command",
                "chat",
                "Talk with an agent, in a terminal or through a pipe.",
                does="records",
            ),
            "run": ListedCommand(
                "run_command",
                "run",
                "Send a prompt to an agent, and print its answer.",
                does="records",
            ),
            "models": ListedCommand(
                "models_command",
                "models",
                "The models that there are, the newest first.",
                does="changes",
            ),
            "login": ListedCommand(
                "login_commands",
                "login",
                "Sign in to a provider with a browser, in place of a key.",
                does="changes",
            ),
            "logout": ListedCommand(
                "login_commands", "logout", "Forget a login on this machine.", does="changes"
            ),
            "completion": ListedCommand(
                "completion_command",
                "completion",
                "Print what lets your shell complete commands and options.",
                does="changes",
            ),
            "help": ListedCommand(
                "help_command", "help_", "Tell what a command does, and its options."
            ),
        },
        "See what a team does": {
            "agents": ListedCommand(
                "team_commands", "agents", "Who is in the team, and what each member is doing."
            ),
            "sessions": ListedCommand(
                "sessions_command", "sessions", "The conversations with leads, the newest first."
            ),
            "transcript": ListedCommand(
                "transcript_command", "transcript", "What an agent was told, said and did."
            ),
            "timeline": ListedCommand(
                "timeline_command",
                "timeline",
                "What the team did: a lane per agent, letters between them.",
            ),
            "log": ListedCommand(
                "log_command", "log", "The events of one agent, of any stream, or of the team."
            ),
            "board": ListedCommand(
                "board_command",
                "board",
                "The task board, or one task with all that was said of it.",
            ),
            "jobs": ListedCommand(
                "jobs_command", "jobs", "Commands in the background: which run, how others ended."
            ),
            "job": ListedCommand(
                "job_commands",
                "job_app",
                "What a background job has printed; end one.",
                is_group=True,
                does="records",
            ),
            "usage": ListedCommand(
                "usage_command", "usage", "What model calls have used, in tokens and money."
            ),
            "context": ListedCommand(
                "context_command",
                "context",
                "What the next request of an agent will contain, in tokens.",
            ),
            "health": ListedCommand(
                "health_command", "health", "What works, what waits, and what needs a person."
            ),
            "audit": ListedCommand(
                "audit_command", "audit", "Who did what and when: permissions, tools, model calls."
            ),
            "project": ListedCommand(
                "project_command",
                "project",
                "Any view, also your own: now, as it was, as it changes.",
            ),
            "plot": ListedCommand(
                "plot_command",
                "plot",
                "Draw a team over time: lanes, tokens and money, its board.",
            ),
        },
        "Decide what agents may do": {
            "approvals": ListedCommand(
                "approval_commands", "approvals", "Calls that wait for a person, the oldest first."
            ),
            "approve": ListedCommand(
                "approval_commands",
                "approve",
                "Let a call run that waits for a person.",
                does="records",
            ),
            "deny": ListedCommand(
                "approval_commands",
                "deny",
                "Refuse a call that waits for a person.",
                does="records",
            ),
            "rules": ListedCommand(
                "rule_commands", "rules", "Rules that answer in the place of a person."
            ),
            "rule": ListedCommand(
                "rule_commands", "rule", "Decide about calls before they are made.", does="records"
            ),
            "revoke": ListedCommand(
                "rule_commands",
                "revoke",
                "Forget a rule; calls that it has let run are not touched.",
                does="records",
            ),
        },
        "Work with the team": {
            "members": ListedCommand(
                "member_commands",
                "members",
                "Who belongs to the team, persons too, and how each is.",
            ),
            "seat": ListedCommand(
                "member_commands",
                "seat_app",
                "Give a person a seat in a team, or take it away.",
                is_group=True,
                does="records",
            ),
            "inbox": ListedCommand(
                "mail_commands", "inbox", "Letters and requests that a member has yet to answer."
            ),
            "mail": ListedCommand(
                "mail_commands",
                "mail",
                "Write to a member, as a person who has a seat in the team.",
                does="records",
            ),
            "requests": ListedCommand(
                "member_commands", "requests", "What members have asked each other and wait for."
            ),
            "respond": ListedCommand(
                "mail_commands",
                "respond",
                "Answer a request that was made to a person.",
                does="records",
            ),
            "stop": ListedCommand(
                "member_commands",
                "stop",
                "Let a member stop. It stays in the team.",
                does="records",
            ),
            "rename": ListedCommand(
                "member_commands",
                "rename",
                "Give a member another name; all else stays its own.",
                does="records",
            ),
            "remove": ListedCommand(
                "member_commands",
                "remove",
                "Take a member out of the team; its tasks are free again.",
                does="records",
            ),
            "schedules": ListedCommand(
                "schedule_commands",
                "schedules",
                "When agents are woken: what is due, and what has fired.",
            ),
            "schedule": ListedCommand(
                "schedule_commands",
                "schedule_app",
                "Have agents woken, or no more.",
                is_group=True,
                does="records",
            ),
        },
        "Remember": {
            "memory": ListedCommand(
                "memory_command", "memory", "What an agent remembers beyond its conversation."
            ),
            "remember": ListedCommand(
                "memory_command", "remember", "Let an agent remember a fact.", does="records"
            ),
        },
        "Travel in time": {
            "at": ListedCommand(
                "at_command", "at", "A team, or one of its agents, as it was at any moment."
            ),
            "why": ListedCommand(
                "why_command", "why", "From an event back to the person or timer that began it."
            ),
            "diff": ListedCommand(
                "diff_command", "diff", "What has become of a team between two moments."
            ),
            "bisect": ListedCommand(
                "bisect_command", "bisect", "Find the event that made something true."
            ),
            "entries": ListedCommand(
                "entries_command", "entries", "The conversation of an agent as a tree of branches."
            ),
            "fork": ListedCommand(
                "fork_command",
                "fork",
                "Make a branch: go on from a moment in another way.",
                does="changes",
            ),
            "branches": ListedCommand(
                "branches_command", "branches", "The branches of a store as a tree."
            ),
            "branch": ListedCommand(
                "branches_command",
                "branch_app",
                "Label a branch, or delete it.",
                is_group=True,
                does="changes",
            ),
            "replay": ListedCommand(
                "replay_command", "replay", "Decide a log again with the code of today."
            ),
            "record": ListedCommand(
                "record_command",
                "record",
                "Write a run to a file, and a test that decides it again.",
            ),
        },
        "Keep and care": {
            "doctor": ListedCommand(
                "doctor_command", "doctor", "Look at every byte of a store for damage."
            ),
            "backup": ListedCommand(
                "backup_command",
                "backup",
                "Copy a store while it is in use, and verify the copy.",
                does="changes",
            ),
            "export": ListedCommand(
                "export_command",
                "export",
                "Write a store as JSON lines, also while it is in use.",
                does="changes",
            ),
            "import": ListedCommand(
                "export_command",
                "import_",
                "Make a store of an export: same positions, links and id.",
                does="changes",
            ),
            "compact": ListedCommand(
                "compact_command",
                "compact",
                "Make the data file of a store smaller.",
                does="changes",
            ),
            "dead-letters": ListedCommand(
                "dead_letter_commands",
                "dead_letters_app",
                "Streams set aside, and commands that nobody could handle.",
                is_group=True,
                does="records",
            ),
        },
        "Keep secrets": {
            "new-key": ListedCommand(
                "key_commands", "new_key", "Make a key for an encrypted store.", does="changes"
            ),
            "rotate-key": ListedCommand(
                "key_commands",
                "rotate_key",
                "Change the key of an encrypted store; its log stays.",
                does="changes",
            ),
            "forget": ListedCommand(
                "key_commands",
                "forget",
                "Destroy a subject's key: nobody can read its events again.",
                does="changes",
            ),
            "train-dictionary": ListedCommand(
                "key_commands",
                "train_dictionary",
                "Let the next events of a compressed store take less room.",
                does="changes",
            ),
        },
    }
)
"""By what people want to do, in the order in which a newcomer meets it; docs/commands.md too."""

COMMANDS: Mapping[str, ListedCommand] = MappingProxyType(
    {name: one for group in COMMAND_GROUPS.values() for name, one in group.items()}
)
"""All of them by name, in the order of the groups."""
