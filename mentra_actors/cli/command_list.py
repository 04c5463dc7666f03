"""The commands of `mentra`, in the order of its help: where each is, and what it does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = ["COMMANDS", "ListedCommand"]


class ListedCommand(NamedTuple):
    """A command that is imported when it is called.

    `name` in `module` (of this package) is the function of the command; if it is a group, one
    that makes its app. `summary` is the first paragraph of its docstring. It `records` events, or
    it `changes` other things (files, keys, logins, what stands on the screen), or it only `reads`.
    """

    module: str
    name: str
    summary: str
    is_group: bool = False
    does: Literal["records", "changes", "reads"] = "reads"


COMMANDS: Mapping[str, ListedCommand] = MappingProxyType(
    {
        "demo": ListedCommand(
            "demo_command",
            "demo",
            "Show the main thing: a team that survives `kill -9` and finishes its work.",
            does="records",
        ),
        "run": ListedCommand(
            "run_command",
            "run",
            "Send a prompt to an agent; its team's work is kept in the store whatever happens.",
            does="records",
        ),
        "chat": ListedCommand(
            "chat_command",
            "chat",
            "Talk with an agent: in a terminal, or line by line through a pipe.",
            does="records",
        ),
        "agents": ListedCommand(
            "team_commands", "agents", "Who is in the team, and what each member is doing."
        ),
        "sessions": ListedCommand(
            "sessions_command",
            "sessions",
            "The conversations with leads, the newest first; also while no process has "
            "the store open.",
        ),
        "log": ListedCommand(
            "log_command", "log", "The events of one agent, of any stream, or of the whole team."
        ),
        "why": ListedCommand(
            "why_command",
            "why",
            "Walk from an event back to the person or timer that began it, across agents.",
        ),
        "timeline": ListedCommand(
            "timeline_command",
            "timeline",
            "What a whole team did, one lane per agent, with the letters between them.",
        ),
        "plot": ListedCommand(
            "plot_command",
            "plot",
            "Draw a team over time: lanes, tokens and money, or its board (extra `plots`).",
        ),
        "audit": ListedCommand(
            "audit_command",
            "audit",
            "Who has done what and when: permissions, refusals, tools, model calls, runs.",
        ),
        "transcript": ListedCommand(
            "transcript_command", "transcript", "What an agent was told, said and did."
        ),
        "at": ListedCommand(
            "at_command", "at", "A team, or one of its agents, as it was at any moment."
        ),
        "diff": ListedCommand(
            "diff_command",
            "diff",
            "What has become of a team between two moments: members, tasks, words, "
            "options, money.",
        ),
        "bisect": ListedCommand(
            "bisect_command",
            "bisect",
            "Find the event that made something true, in few looks at the past.",
        ),
        "entries": ListedCommand(
            "entries_command",
            "entries",
            "The conversation of an agent as a tree: every branch, and where it goes on.",
        ),
        "context": ListedCommand(
            "context_command",
            "context",
            "What the next request of an agent will contain, by part, in tokens. "
            "No model is asked.",
        ),
        "fork": ListedCommand(
            "fork_command",
            "fork",
            "Make a branch: go on from a moment in another way. The store itself stays as it is.",
            does="changes",
        ),
        "branches": ListedCommand(
            "branches_command",
            "branches",
            "The branches of a store as a tree: from where each goes on, and how far it has come.",
        ),
        "memory": ListedCommand(
            "memory_command",
            "memory",
            "What an agent remembers beyond its conversation; with a query: what it finds by it.",
        ),
        "remember": ListedCommand(
            "memory_command",
            "remember",
            "Let an agent remember a fact; one that it knows in the same words is not kept twice.",
            does="records",
        ),
        "board": ListedCommand(
            "board_command",
            "board",
            "The task board of the team, or one task with all that was said of it.",
        ),
        "jobs": ListedCommand(
            "jobs_command",
            "jobs",
            "Commands in the background: what runs, and how the others have ended.",
        ),
        "project": ListedCommand(
            "project_command",
            "project",
            "Any view of the store, also one that you wrote: now, as it was, and as it changes.",
        ),
        "usage": ListedCommand(
            "usage_command",
            "usage",
            "What model calls have used: tokens and money, failed calls among them.",
        ),
        "schedules": ListedCommand(
            "schedule_commands",
            "schedules",
            "When agents are woken: what is due next, and what has fired.",
        ),
        "approvals": ListedCommand(
            "approval_commands",
            "approvals",
            "Calls that wait for a person, oldest first, and what may be remembered of each.",
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
            "rule_commands",
            "rule",
            "Decide about calls before they are made, where a person would be asked otherwise.",
            does="records",
        ),
        "revoke": ListedCommand(
            "rule_commands",
            "revoke",
            "Forget a rule; calls that it has let run are not touched.",
            does="records",
        ),
        "members": ListedCommand(
            "member_commands",
            "members",
            "Who belongs to the team, persons too, and how each is; nobody is woken for that.",
        ),
        "requests": ListedCommand(
            "member_commands",
            "requests",
            "What members have asked each other and wait for, oldest first.",
        ),
        "inbox": ListedCommand(
            "mail_commands",
            "inbox",
            "Letters that a member has not read, and requests that it has not answered.",
        ),
        "mail": ListedCommand(
            "mail_commands",
            "mail",
            "Write to a member of the team as a person who has a seat in it.",
            does="records",
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
            "Let a member stop. It stays in the team, and its name can be given to a new agent.",
            does="records",
        ),
        "rename": ListedCommand(
            "member_commands",
            "rename",
            "Give a member another name; its id, its mail and its tasks stay its own.",
            does="records",
        ),
        "remove": ListedCommand(
            "member_commands",
            "remove",
            "Take a member out of the team: it stops at once, its tasks and its name are free.",
            does="records",
        ),
        "new-key": ListedCommand(
            "key_commands",
            "new_key",
            "Make a key for an encrypted store. Who loses it loses the store: keep "
            "a copy elsewhere.",
            does="changes",
        ),
        "forget": ListedCommand(
            "key_commands",
            "forget",
            "Destroy the key of a subject of an encrypted store: nobody can read "
            "its events again.",
            does="changes",
        ),
        "rotate-key": ListedCommand(
            "key_commands",
            "rotate_key",
            "Change the key of an encrypted store; its log is left as it is.",
            does="changes",
        ),
        "train-dictionary": ListedCommand(
            "key_commands",
            "train_dictionary",
            "Train a compressed store on its youngest events, so that the next "
            "ones take less room.",
            does="changes",
        ),
        "health": ListedCommand(
            "health_command",
            "health",
            "What works, waits and is set aside; exit code 1 if something needs a person.",
        ),
        "doctor": ListedCommand(
            "doctor_command",
            "doctor",
            "Look at every byte of a store, also while it is written; exit code 1 "
            "if it is damaged.",
        ),
        "completion": ListedCommand(
            "completion_command",
            "completion",
            "Print what your shell needs to complete commands and options; source it there.",
            does="changes",
        ),
        "backup": ListedCommand(
            "backup_command",
            "backup",
            "Copy a store while it is in use, and verify the copy. To restore: put it in place.",
            does="changes",
        ),
        "export": ListedCommand(
            "export_command",
            "export",
            "Write a store as JSON lines, one for each append, also while it is in use.",
            does="changes",
        ),
        "replay": ListedCommand(
            "replay_command",
            "replay",
            "Decide a log again with the code of today, or run a recorded run again; "
            "nothing is written.",
        ),
        "record": ListedCommand(
            "record_command", "record", "Write a run to a file, and a test that decides it again."
        ),
        "compact": ListedCommand(
            "compact_command",
            "compact",
            "Make the data file smaller. Nobody may be writing the store; readers go on.",
            does="changes",
        ),
        "login": ListedCommand(
            "login_commands",
            "login",
            "Sign in with a browser; from then on `mentra run` needs no key of this provider.",
            does="changes",
        ),
        "logout": ListedCommand(
            "login_commands",
            "logout",
            "Forget a login. It ends on this machine; the provider may know it for a while.",
            does="changes",
        ),
        "models": ListedCommand(
            "models_command",
            "models",
            "Which models there are, the newest first; providers are asked over the network.",
            does="changes",
        ),
        "import": ListedCommand(
            "export_command",
            "import_",
            "Make a store of an export: same positions, same links, same id.",
            does="changes",
        ),
        "dead-letters": ListedCommand(
            "dead_letter_commands",
            "dead_letters_app",
            "Streams that are set aside and commands that nobody could handle, the oldest first.",
            is_group=True,
            does="records",
        ),
        "schedule": ListedCommand(
            "schedule_commands",
            "schedule_app",
            "Have agents woken, or no more.",
            is_group=True,
            does="records",
        ),
        "seat": ListedCommand(
            "member_commands",
            "seat_app",
            "Give a person a seat in a team, or take it away.",
            is_group=True,
            does="records",
        ),
        "branch": ListedCommand(
            "branches_command",
            "branch_app",
            "Label a branch, or delete it.",
            is_group=True,
            does="changes",
        ),
        "job": ListedCommand(
            "job_commands",
            "job_app",
            "What a background job has printed; end one.",
            is_group=True,
            does="records",
        ),
    }
)
