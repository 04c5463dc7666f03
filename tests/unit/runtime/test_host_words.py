"""What a program says to its agents once, hears from them last, and waits for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mentra_actors import CommandRejected, ScriptedModel, call, open_runtime_sync
from mentra_actors.domain.inbox import MailDelivered
from mentra_actors.errors import VersionConflict
from mentra_actors.ids import AgentId, inbox_stream
from mentra_actors.tools.policy import RuntimePolicy

HER_INBOX = inbox_stream(AgentId("lead"))


def opened(path, *turns, **options):
    providers = [ScriptedModel(list(turns), name="scripted")]
    return open_runtime_sync(path, providers=providers, durability="volatile", **options)


def letters_to(runtime, agent):
    stream = runtime._operations.core.journal.read_stream(inbox_stream(agent.agent_id))
    return [one.event.mail.body for one in stream if isinstance(one.event, MailDelivered)]


def test_a_letter_with_an_id_is_recorded_once_also_by_a_later_process(tmp_path):
    """A program that is started again may write all its letters again."""
    for _ in range(2):
        with opened(tmp_path / "team", "Good.", "Never said.") as runtime:
            lead = runtime.spawn("lead", model="scripted:x", reuse=True)
            lead.mail("It is noon.", mail_id="noon")
            runtime.until_idle(timeout_s=20)
            lead.mail("It is noon, really.", mail_id="noon")
            runtime.until_idle(timeout_s=20)

            assert letters_to(runtime, lead) == ["It is noon."]
            assert lead.snapshot().run_generation == 1


def test_letters_with_one_id_that_are_written_at_once_are_one():
    """Another letter may come between the look and the append: then it is looked at again."""
    with opened(":memory:") as runtime:
        lead = runtime.spawn("lead", model="scripted:x", wake_on_mail=False)
        start = threading.Barrier(8)

        def write(number):
            start.wait()
            for round_ in range(5):
                lead.mail("Hello.", mail_id=f"id-{round_}")
                lead.mail(f"Other {number}")

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, range(8)))
        found = letters_to(runtime, lead)

    assert found.count("Hello.") == 5
    assert len(found) == 45


class RefusesOnce:
    """A store in which somebody else appends to an inbox first, once."""

    def __init__(self, inner):
        self._inner = inner
        self.refused = 0

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def submit(self, request, on_done):
        stream = request.streams[0]
        if self.refused or stream.expected_version is None or stream.stream_id != HER_INBOX:
            self._inner.submit(request, on_done)
            return
        self.refused += 1
        on_done(VersionConflict(HER_INBOX, expected=0, actual=1))


def test_an_append_in_between_is_no_error_of_whoever_writes_once():
    """The store refuses the first attempt; the letter is there all the same, once."""
    stores = []

    def wrap(store):
        stores.append(RefusesOnce(store))
        return stores[-1]

    with opened(":memory:", wrap_store=wrap) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", wake_on_mail=False)
        lead.mail("Hello.", mail_id="hello")
        assert letters_to(runtime, lead) == ["Hello."]
    assert stores[0].refused == 1


def test_what_is_no_letter_is_refused_with_an_id_too():
    with opened(":memory:") as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        with pytest.raises(CommandRejected, match="must not be empty"):
            lead.mail(" ", mail_id="empty")
        with pytest.raises(TypeError, match="a mail_id is a plain string"):
            lead.mail("Hello.", mail_id=7)


def test_the_last_answer_is_what_the_agent_has_said_last(tmp_path):
    """In whichever run, and not what it has only called."""
    with opened(":memory:", "First.", [call("task_list")], "Second.", [call("idle")]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")
        assert lead.last_answer() == ""
        lead.send("Go.", timeout_s=20)
        assert lead.last_answer() == "First."
        lead.send("Go on.", timeout_s=20)
        assert lead.last_answer() == "Second."


def test_a_program_waits_for_jobs_and_for_what_comes_of_them(tmp_path):
    """Without it a team rests while its job runs, since nobody has anything to do."""
    policy = RuntimePolicy(allow_shell=True, allow_background=True, base_dir=tmp_path)
    turns = [call("background_run", command="sleep 0.5")], "It runs.", "It has ended."
    with opened(tmp_path / "team", *turns, policy=policy) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", wake_on_background=True)
        lead.send("Go.", timeout_s=20)
        runtime.until_idle(with_jobs=True, timeout_s=20)

        assert lead.last_answer() == "It has ended."
        assert [one.job.is_open for one in runtime.background_jobs()] == [False]
