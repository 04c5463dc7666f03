"""`mentra jobs`: what runs and ran in the background."""

import time

import pytest

from mentra_actors import ScriptedModel, call, open_runtime_sync
from mentra_actors.tools.policy import RuntimePolicy


@pytest.fixture
def store(tmp_path):
    """A store in which one job has ended, and one was ended by the close."""
    path = tmp_path / "store"
    policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=tmp_path)
    model = ScriptedModel(
        [
            [call("background_run", command="echo one;\nexit 2")],
            "Started.",
            [call("background_run", command="sleep 600")],
            "Started.",
        ]
    )
    with open_runtime_sync(path, providers=[model], policy=policy) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        lead.send("One", timeout_s=20)
        (job,) = runtime.background_jobs()
        lead.send("Two", timeout_s=20)
        while runtime.background_jobs(lead)[0].job.is_open:
            runtime.until_idle(timeout_s=20)
        assert job.job.job_id == runtime.background_jobs()[0].job.job_id
        stopped = runtime.cancel_background(job.job.job_id)
        assert stopped.status == "failed"
    return path


def test_jobs_are_listed_with_how_they_ended(mentra, store):
    first, second = mentra.json("jobs", "--store", store)

    assert (first["agent"], first["status"], first["exit_code"]) == ("lead", "failed", 2)
    assert (first["preview"], first["output_bytes"]) == ("one", 4)
    assert (second["status"], second["problem"]) == ("interrupted", "the runtime was closed")
    assert mentra("jobs", "--store", store) == 0
    head, one, two = mentra.out.splitlines()
    assert head.split() == [
        "id",
        "agent",
        "status",
        "exit",
        "wanted",
        "seconds",
        "bytes",
        "command",
    ]
    assert one.split()[:4] == [first["id"], "lead", "failed", "2"]
    assert one.endswith("echo one; exit 2")
    assert time.strftime("  %Y-%m-%d %H:%M:%S.", time.localtime(first["requested_at"])) in one
    assert two.split()[2] == "interrupted"
    assert mentra("log", "background-lead", "--store", store) == 0
    assert f"{first['id']} ended with exit code 2" in mentra.out


def test_a_team_without_jobs_says_so(mentra, team_store):
    assert mentra("jobs", "--store", team_store) == 0
    assert mentra.out == "Nothing was run in the background yet.\n"
    assert mentra.json("jobs", "--store", team_store) == []
