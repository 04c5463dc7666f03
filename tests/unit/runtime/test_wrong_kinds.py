"""What a runtime is opened with is of the right kind: text such as "no" must switch nothing on."""

import logging
import re
import sys

import pytest

from mentra_actors import (
    Allow,
    ConfigurationError,
    LocalExecutor,
    RuntimePolicy,
    SandboxExecutor,
    ScriptedModel,
    ToolHook,
    call,
    file_tools,
    open_runtime_sync,
)
from mentra_actors.runtime.settings import RuntimeSettings


def opened(**options):
    model = ScriptedModel(turns=options.pop("turns", []))
    return open_runtime_sync(":memory:", providers=[model], durability="volatile", **options)


def shown_name(value):
    """What is tried, without the addresses of objects: all processes must give it one name."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


@pytest.mark.parametrize(
    "fields",
    [
        {"allow_shell": "no"},
        {"allow_shell": 1},
        {"allow_background": None},
        {"network": "off"},
        {"is_read_only": "no"},
        {"default_command_timeout_s": "30"},
        {"max_command_timeout_s": True},
        {"max_background_timeout_s": "1"},
        {"max_output_bytes": 1.5},
        {"max_background": "8"},
        {"env": "PATH"},
        {"env": (1,)},
        {"base_dir": None},
        {"working_roots": "/tmp"},
        {"read_roots": (None,)},
        {"write_roots": None},
        {"denied_write_roots": (3,)},
    ],
    ids=shown_name,
)
def test_a_policy_refuses_what_is_of_a_wrong_kind(fields):
    [name] = fields
    with pytest.raises(TypeError, match=name):
        RuntimePolicy(**fields)


@pytest.mark.parametrize("made", [RuntimePolicy.workspace_bounded, RuntimePolicy.read_only])
def test_a_workspace_is_a_path(made):
    with pytest.raises(TypeError, match="workspace is a path, not None"):
        made(None)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"policy": "read_only"}, "policy is a RuntimePolicy, not 'read_only'"),
        ({"executor": "sandbox"}, "executor is an executor, such as"),
        ({"executor": SandboxExecutor}, r"executor is an object: write SandboxExecutor\("),
        ({"targets": {"there": "ssh"}}, r"targets\['there'\] is an executor"),
        ({"targets": ["there"]}, "targets are executors by name"),
        ({"authorizer": "x"}, "authorizer is a function of a call, not 'x'"),
        ({"authorizer": Allow()}, "authorizer is a function of a call"),
        ({"authorizer": Allow}, "authorizer is a function of a call"),
        ({"hooks": ["x"]}, "each of hooks is an object of a subclass of ToolHook, not 'x'"),
        ({"hooks": [ToolHook]}, "each of hooks is an object"),
        ({"hooks": ToolHook()}, "hooks are a sequence of ToolHook"),
        ({"memory_tools": "no"}, "memory_tools is True or False, not 'no'"),
        ({"team_tools": 0}, "team_tools is True or False"),
        ({"create": "no"}, "create is True or False"),
        ({"tools": "files"}, "tools are a sequence of tools, not str"),
    ],
    ids=shown_name,
)
def test_a_runtime_is_not_opened_with_what_is_of_a_wrong_kind(options, named):
    with pytest.raises(TypeError, match=named):
        RuntimeSettings(path=":memory:", **options)


def test_one_tool_alone_is_told_to_be_put_into_a_list(tmp_path):
    [files] = file_tools(tmp_path)
    with pytest.raises(TypeError, match=r"write \[files\] for one alone"):
        RuntimeSettings(path=":memory:", tools=files)


@pytest.mark.parametrize(
    "options", [{"executor": LocalExecutor()}, {"targets": {"there": LocalExecutor()}}]
)
def test_what_runs_commands_needs_a_policy(options):
    """Without one there is no tool that runs any: the program thinks it has a sandbox."""
    with pytest.raises(ValueError, match="say policy= too"):
        RuntimeSettings(path=":memory:", **options)


def test_background_without_commands_is_told_of(caplog):
    with caplog.at_level(logging.WARNING), opened(policy=RuntimePolicy(allow_background=True)):
        pass
    assert "allow_background does nothing without allow_shell" in caplog.text


@pytest.mark.parametrize("made", [RuntimePolicy.workspace_bounded, RuntimePolicy.read_only])
def test_a_workspace_that_is_no_directory_opens_nothing(made, tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("missing", "file"):
        with (
            pytest.raises(ConfigurationError, match=f"is not a directory: .*{place}"),
            opened(policy=made(tmp_path / place)),
        ):
            pass


def test_a_workspace_may_be_named_from_where_the_process_is(tmp_path, monkeypatch):
    """It stays where it was when the policy was made, wherever the process goes then."""
    (tmp_path / "a" / "project").mkdir(parents=True)
    (tmp_path / "a" / "project" / "notes.txt").write_text("kept")
    monkeypatch.chdir(tmp_path)
    policy = RuntimePolicy.workspace_bounded("a/project")
    monkeypatch.chdir("/")
    turns = [[call("read", path="notes.txt"), call("write", path="new.txt", content="x")], "Done."]
    with opened(turns=turns, policy=policy, file_profile="split") as runtime:
        assert runtime.spawn("lead", model="scripted:m").send("Go").text == "Done."

    assert (tmp_path / "a" / "project" / "new.txt").read_text() == "x"
    assert policy.base_dir == RuntimePolicy.read_only(tmp_path / "a" / "project").base_dir


class NoGrammar:
    """An import of the grammar fails, as where the extra is not installed and is guarded."""

    def find_spec(self, name, *_more):
        if name.startswith("tree_sitter"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_an_import_that_is_blocked_is_told_as_a_missing_extra(monkeypatch):
    for name in [one for one in sys.modules if one.startswith("tree_sitter")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoGrammar(), *sys.meta_path])
    policy = RuntimePolicy(allow_shell=True, shell_validation="warn")
    with (
        pytest.raises(ConfigurationError, match=r"pip install 'mentra-actors\[shell\]'"),
        opened(policy=policy),
    ):
        pass


@pytest.mark.parametrize("team", ["", " ", "a b", "a\nb", "a\x00", "\x1b[2J", "x" * 101, None])
def test_a_team_has_a_name_as_agents_have(team):
    """Ids and streams are made of it, and a terminal shows it."""
    with pytest.raises(ConfigurationError, match="is not the name of a team"):
        RuntimeSettings(path=":memory:", team=team)
