"""Models see other names of parameters than the function has: `taskId` for `task_id`."""

from typing import Annotated, Any

import msgspec
import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.tools.contract import ToolContext, ToolError
from mentra_actors.tools.functions.decorator import tool

pytestmark = pytest.mark.anyio


def renamed(rename):
    @tool(rename=rename)
    async def assign(
        context: ToolContext,
        task_id: int,
        blocked_by: Annotated[list[int], msgspec.Meta(max_length=2)] = [],  # noqa: B006
        owner: str | None = None,
    ) -> Any:
        """Assign a task.

        Args:
            task_id: which one.
            blocked_by: what it waits for.
        """
        return [task_id, blocked_by, owner, context.agent_name]

    return assign


def properties(made):
    return msgspec.json.decode(made.input_schema)["properties"]


async def test_camel_case_names_are_offered_described_and_taken(context):
    assign = renamed("camel")

    assert list(properties(assign)) == ["taskId", "blockedBy", "owner"]
    assert properties(assign)["taskId"]["description"] == "which one."
    assert msgspec.json.decode(assign.input_schema)["required"] == ["taskId"]
    assert await assign.run({"taskId": "7", "blockedBy": "[1]"}, context) == [7, [1], None, "lead"]


async def test_single_names_are_given_by_a_mapping(context):
    assign = renamed({"task_id": "task-id"})

    assert list(properties(assign)) == ["task-id", "blocked_by", "owner"]
    assert await assign.run({"task-id": 7, "blocked_by": []}, context) == [7, [], None, "lead"]


async def test_faults_speak_of_the_names_that_the_model_has_seen(context):
    """A model that is told of `task_id` would send it, and be refused again."""
    assign = renamed("camel")

    missing = assign.faults({})
    unknown = assign.faults({"taskId": 1, "blocked_by": []})
    nested = assign.faults({"taskId": 1, "blockedBy": [1, "x"]})

    assert "taskId" in missing
    assert "task_id" not in missing
    assert "unknown field `blocked_by`, did you mean `blockedBy`?" in unknown
    assert "blockedBy[1]" in nested
    with pytest.raises(ToolError, match="taskId"):
        await assign.run({"taskId": "x"}, context)


@pytest.mark.parametrize(
    ("rename", "words"),
    [
        ({"nobody": "x"}, "no parameter nobody"),
        ({"context": "x"}, "no parameter context"),
        ({"task_id": "owner"}, "same name"),
        ({"task_id": ""}, "no provider takes all"),
        ({"task_id": "tâche"}, "no provider takes all"),
        ({"task_id": 3}, "no provider takes all"),
        ("kebab", "'camel' or a mapping"),
    ],
)
def test_names_that_cannot_be_given_are_refused(rename, words):
    with pytest.raises(InvalidTool, match=words):
        renamed(rename)
