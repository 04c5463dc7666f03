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
    one, about, command, two, other, _ = mentra.out.splitlines()
    assert (one, two) == (first["id"], second["id"])
    assert about.startswith("    lead, failed, wanted ")
    assert about.endswith(" s, exit code 2, 4 bytes")
    assert command == "    $ echo one; exit 2"
    assert time.strftime(" %Y-%m-%d %H:%M:%S.", time.localtime(first["requested_at"])) in about
    assert other.startswith("    lead, interrupted, ")
    assert mentra("log", "background-lead", "--store", store) == 0
    assert f"{first['id']} ended with exit code 2" in mentra.out


def test_a_team_without_jobs_says_so(mentra, team_store):
    assert mentra("jobs", "--store", team_store) == 0
    assert mentra.out == "Nothing was run in the background yet.\n"
    assert mentra.json("jobs", "--store", team_store) == []


def test_the_end_of_what_a_job_has_printed_is_shown(mentra, store):
    first, second = mentra.json("jobs", "--store", store)

    assert mentra("job", "output", first["id"], "--store", store) == 0
    assert mentra.out == "one\n"
    assert mentra.json("job", "output", second["id"], "--store", store)["output"] == ""
    assert mentra("job", "output", "bg-none", "--store", store) == 2
    assert "no job has the id" in mentra.err


def test_a_job_is_cancelled_from_another_process_and_its_agent_is_told(mentra, tmp_path):
    path = tmp_path / "store"
    policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=tmp_path)
    model = ScriptedModel([[call("background_run", command="sleep 600")], "Started.", "I see."])
    with open_runtime_sync(path, providers=[model], policy=policy) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", wake_on_background=True)
        lead.send("Go", timeout_s=20)
        (listed,) = mentra.json("jobs", "--store", path)
        told = mentra.json(
            "job", "cancel", listed["id"], "--by", "ann", "--reason", "too slow", "--store", path
        )
        while runtime.background_jobs(lead)[0].job.is_open:
            runtime.until_idle(timeout_s=20)
        (job,) = [one.job for one in runtime.background_jobs(lead)]
        runtime.until_idle(timeout_s=20)
        said = [item for item in lead.transcript() if "status=cancelled" in str(item)]

        assert (told["state"], job.status, job.stop_reason) == (
            "recorded",
            "cancelled",
            "ann: too slow",
        )
        assert len(said) == 1
        assert mentra("job", "cancel", listed["id"], "--store", path) == 2
        assert "has ended already" in mentra.err
