"""What the policy lets through of the commands of agents, and what the review says of them."""

import sys

import pytest
from commands_of_agents import DESTRUCTIVE, Elsewhere, denied, details, shell, with_review

from mentra_actors import (
    Allow,
    ConfigurationError,
    RuntimePolicy,
    ToolError,
    open_runtime,
)

pytestmark = pytest.mark.anyio

# --- the policy -------------------------------------------------------------------------------


async def test_without_a_policy_there_is_no_shell(played):
    async with played([shell("true"), "Done."]) as team:
        await (await team.spawn()).send("Go")
        offered = [spec.name for spec in team.requests[0].tools]

    assert "shell" not in offered
    assert team.results() == [("Tool not found", True)]


CLOSED = {
    "default": lambda place: RuntimePolicy(),
    "bounded": RuntimePolicy.workspace_bounded,
    "background only": lambda place: RuntimePolicy(allow_background=True),
}


@pytest.mark.parametrize("policy", CLOSED.values(), ids=CLOSED)
async def test_commands_are_off_until_they_are_allowed(ran, tmp_path, policy):
    """PO2, PO7: a model that calls it all the same is told so, and the log has it."""
    team = await ran(shell("touch canary"), policy=policy(tmp_path))

    assert "shell" not in [spec.name for spec in team.requests[0].tools]
    [(text, is_error)] = team.results()
    assert text == "Shell command execution is disabled by the runtime policy."
    assert is_error
    assert denied(team) == [("shell_command", text)]
    assert not (tmp_path / "canary").exists()


async def test_a_read_only_policy_runs_no_commands(ran, tmp_path):
    team = await ran(shell("touch canary"), policy=RuntimePolicy.read_only(tmp_path))

    assert [action for action, _ in denied(team)] == ["writes"]
    assert not (tmp_path / "canary").exists()


async def test_a_bounded_policy_that_is_opened_runs_them(ran, tmp_path):
    policy = RuntimePolicy(
        allow_shell=True, base_dir_access="none", working_roots=(tmp_path,), read_roots=(tmp_path,)
    )
    team = await ran(shell("pwd"), policy=policy)

    assert team.results() == [(f"{tmp_path}\n", False)]


def test_the_switches_are_asked_in_their_order(tmp_path):
    """PO1: shell first, then background, then the directory."""
    background_only = RuntimePolicy(allow_background=True)
    shell_only = RuntimePolicy(allow_shell=True)

    with pytest.raises(ToolError, match=r"^Shell command execution is disabled"):
        background_only.require_commands(background=True)
    with pytest.raises(ToolError, match=r"^Background command execution is disabled"):
        shell_only.require_commands(background=True)
    RuntimePolicy.permissive().require_commands(background=True)


async def test_a_command_starts_below_the_roots_of_the_policy_only(ran, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "out").symlink_to("/")
    team = await ran(
        shell("pwd", workingDirectory="sub"),
        shell("pwd", workingDirectory="/"),
        shell("pwd", workingDirectory="out"),
        shell("pwd", workingDirectory="sub/../../.."),
        shell("pwd", workingDirectory="none"),
        shell("pwd", workingDirectory="~nobody-has-this-name"),
        shell("pwd", workingDirectory="x" * 5000),
    )

    outside = "Working directory '{}' is outside the runtime policy roots"
    assert all(
        text.endswith(("name", "long")) or "is no" in text for text, _ in team.results()[5:]
    )
    assert team.results()[:5] == [
        (f"{tmp_path / 'sub'}\n", False),
        (outside.format("/"), True),
        (outside.format("/"), True),
        (outside.format(tmp_path.parent.parent), True),
        (f"Working directory '{tmp_path / 'none'}' does not exist", True),
    ]
    assert [action for action, _ in denied(team)] == ["shell_command"] * 3


# --- the review of commands -------------------------------------------------------------------


async def test_an_enforced_review_blocks_what_destroys(ran, tmp_path):
    """PO8: it is not run, the model is told why, and the log has the action."""
    other = Elsewhere()
    team = await ran(
        shell(DESTRUCTIVE), shell("echo fine"), policy=with_review("enforce"), executor=other
    )

    [(text, is_error), fine] = team.results()
    assert text.startswith("Command blocked by the runtime policy: ")
    assert is_error
    assert fine == ("there", False)
    assert denied(team) == [("shell_validation", text)]
    assert [request.command for request in other.asked] == ["echo fine"]


async def test_where_nothing_may_be_written_only_reading_is_let_through(ran, tmp_path):
    """Whether a policy has a place to write decides, and not which helper made it."""
    policy = with_review("enforce", base_dir_access="read")
    team = await ran(shell("ls"), shell("touch new"), policy=policy)

    assert [is_error for _, is_error in team.results()] == [False, True]
    assert [action for action, _ in denied(team)] == ["shell_validation"]


async def test_a_warning_runs_the_command_and_stands_in_the_log(ran):
    other = Elsewhere()
    team = await ran(
        shell(DESTRUCTIVE), shell("echo fine"), policy=with_review("warn"), executor=other
    )

    assert [request.command for request in other.asked] == [DESTRUCTIVE, "echo fine"]
    warned, fine = details(team)
    assert (warned["validation"]["mode"], warned["validation"]["outcome"]) == ("warn", "block")
    assert warned["validation"]["intent"] == "destructive"
    assert "validation" not in fine


async def test_without_a_review_the_command_runs_and_only_previews_have_an_opinion(ran):
    """PO3: off is the default."""
    other, seen = Elsewhere(), []

    async def authorizer(preview):
        seen.append(preview.structured)
        return Allow()

    team = await ran(shell(DESTRUCTIVE), executor=other, authorizer=authorizer)

    assert RuntimePolicy().shell_validation == "off"
    assert team.results() == [("there", False)]
    assert "validation" not in details(team)[0]
    assert seen[0]["validation"]["mode"] == "off"
    assert (seen[0]["validation"]["intent"], seen[0]["validation"]["outcome"]) == (
        "destructive",
        "block",
    )


async def test_who_decides_sees_what_would_be_done(ran, tmp_path):
    """Resolved, in data, and with the words of a command that hides nothing."""
    (tmp_path / "sub").mkdir()
    seen = []

    async def authorizer(preview):
        seen.append(preview.structured)
        return Allow()

    await ran(
        shell("cat ../a.txt", workingDirectory="sub", justification="to see it", timeoutMs=1500),
        authorizer=authorizer,
    )

    [one] = seen
    validation = one.pop("validation")
    assert one == {
        "kind": "shell",
        "command": "cat ../a.txt",
        "working_directory": str(tmp_path / "sub"),
        "timeout_ms": 1500,
        "justification": "to see it",
        "background": False,
        "target": "",
        "simple_words": ["cat", "../a.txt"],
        "offered_words": ["cat"],
        "resolved_paths": [str(tmp_path / "a.txt")],
    }
    assert (validation["intent"], validation["outcome"]) == ("read_only", "allow")


async def test_what_the_policy_forbids_is_put_before_nobody(ran):
    asked = []

    async def authorizer(preview):
        asked.append(preview)
        return Allow()

    team = await ran(
        shell(DESTRUCTIVE),
        shell("ls", workingDirectory="/"),
        shell(" "),
        policy=with_review("enforce"),
        authorizer=authorizer,
    )

    assert asked == []
    assert [is_error for _, is_error in team.results()] == [True] * 3
    assert {action for action, _ in denied(team)} == {"shell_validation", "shell_command"}


async def test_a_review_without_its_library_is_refused_at_opening(monkeypatch):
    """Not when the first command comes."""
    monkeypatch.setitem(sys.modules, "tree_sitter_bash", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'mentra-actors\[shell\]'"):
        await open_runtime(":memory:", policy=with_review("warn")).__aenter__()
