import json

import pytest

from mentra_actors import ScriptedModel, call, open_runtime_sync
from mentra_actors.cli.main import exit_code_of

SCRIPT = [
    [call("task_create", subject="Count"), call("task_create", subject="Sum", blockedBy=[1])],
    [call("team_spawn", name="bob", role="helper", prompt="Count, please.")],
    "On it.",
    "Thank you, bob.",
]
BOB = [
    [call("task_claim"), call("task_update", taskId=1, status="completed")],
    [call("team_send", to="lead", content="It is 3.")],
    "Done.",
]


def turns(request):
    script = BOB if "teammate 'bob'" in request.system else SCRIPT
    answers = sum(type(message).__name__ == "AssistantMessage" for message in request.messages)
    return script[min(answers, len(script) - 1)]


@pytest.fixture(scope="session")
def team_store(tmp_path_factory):
    """A store that a scripted team of two has left behind."""
    path = tmp_path_factory.mktemp("store") / "team.mentra"
    model = ScriptedModel(turns, name="scripted")
    with open_runtime_sync(path, providers=[model], durability="volatile") as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("How many?", timeout_s=20)
        runtime.until_idle(timeout_s=20)
    return path


class Shell:
    """Runs one command line; standard output and error of the last one."""

    def __init__(self, capsys):
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *arguments):
        self._capsys.readouterr()
        code = exit_code_of([str(one) for one in arguments])
        self.out, self.err = self._capsys.readouterr()
        assert "Traceback" not in self.out + self.err
        return code

    def json(self, *arguments):
        assert self(*arguments, "--json") == 0, self.err
        assert self.err == ""
        return json.loads(self.out)


@pytest.fixture
def mentra(capsys, monkeypatch, tmp_path):
    for name in (
        "MENTRA_STORE",
        "MENTRA_MODEL",
        "OPENAI_API_KEY",
        "MENTRA_LOGIN_STORE",
        "COLUMNS",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))  # nobody has signed in there
    return Shell(capsys)
