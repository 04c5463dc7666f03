"""Commands that agents run, and what the log says of them, for tests of a whole runtime."""

import json

from mentra_actors import RuntimePolicy, call
from mentra_actors.domain.agent import events as e
from mentra_actors.tools.executors.port import Captured, CommandOutput

__all__ = ["DESTRUCTIVE", "OPEN", "Elsewhere", "denied", "details", "shell", "with_review"]

OPEN = RuntimePolicy(allow_shell=True)
DESTRUCTIVE = "rm -rf /"


def shell(command, **arguments):
    return call("shell", command=command, **arguments)


class Elsewhere:
    """An executor for another machine: it keeps what it was asked, and answers a word."""

    name = "elsewhere"

    def __init__(self, word="there"):
        self.asked = []
        self._word = word

    async def run(self, request, on_output):
        self.asked.append(request)
        return CommandOutput(
            stdout=Captured(head=self._word.encode()), stderr=Captured(), exit_code=0
        )


def details(team):
    """What people can read of the calls, in their order."""
    finished = team.events(e.ToolCallFinished)
    return [json.loads(one.details) if one.details else None for one in finished]


def denied(team):
    """Which actions the log says the policy has denied, with the text for the model."""
    finished = team.events(e.ToolCallFinished)
    return [(one.denied, one.content) for one in finished if one.denied]


def with_review(mode, **options):
    return RuntimePolicy(allow_shell=True, shell_validation=mode, **options)
