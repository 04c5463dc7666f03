"""What runs make of faults of HTTP: they ask again, or they end with their reason."""

import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from fault_server import Script, serving

from mentra_actors import RetrySchedule, RunFailed, open_runtime
from mentra_actors.domain.agent import events as e

sys.path.insert(0, str(Path(__file__).parent))
from http_faults import ANSWER, CASES, provider_at

pytestmark = pytest.mark.anyio
_QUICK = RetrySchedule(base_s=0.001, max_s=0.001, retry_after_cap_s=0.001)


async def _played(*scripts: Script, **run: Any) -> tuple[Any, list[Any], list[bytes]]:
    """How a run of one prompt ended, what was recorded, and what the server was asked."""
    async with serving(*scripts) as server:
        provider = provider_at(server.url)
        async with open_runtime(":memory:", providers=[provider]) as runtime:
            recorded: list[Any] = []
            runtime.on_recorded(recorded.extend)
            agent = await runtime.spawn("lead", model="generic:m")
            with anyio.fail_after(20):
                try:
                    end: Any = await agent.send("hi", retry=_QUICK, **run)
                except RunFailed as failed:
                    end = failed
    return end, [one.event for one in recorded], server.requests


def _failures(events: list[Any]) -> list[e.ModelCallFailed]:
    return [event for event in events if isinstance(event, e.ModelCallFailed)]


@pytest.mark.parametrize(
    "name",
    [
        "429 seconds",
        "529",
        "502 page",
        "closed without a word",
        "reset inside the head",
        "silence after the head",
        "an error first",
    ],
)
async def test_what_passes_is_asked_again(name: str) -> None:
    """Overloads and broken connections are the weather of this trade."""
    end, events, requests = await _played(CASES[name].script, ANSWER)

    assert end.text == "hello"
    assert len(requests) == 2
    assert [failure.kind for failure in _failures(events)] == [CASES[name].kind]
    assert requests[0].partition(b"\r\n\r\n")[2] == requests[1].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("name", ["400", "redirect", "429 quota", "200 with a page", "503 never"])
async def test_what_stays_ends_the_run_at_once(name: str) -> None:
    """Asking again would only burn time, or money."""
    end, events, requests = await _played(CASES[name].script, ANSWER)

    assert isinstance(end, RunFailed)
    assert len(requests) == 1
    assert [failure.transient for failure in _failures(events)] == [False]


async def test_a_stream_that_breaks_is_asked_again_and_its_words_are_kept() -> None:
    """What had come is for people; the answer that counts is the whole one."""
    broken = CASES["reset after output"].script
    end, events, requests = await _played(broken, broken, ANSWER)

    assert end.text == "hello"
    assert len(requests) == 3
    assert [one.partial_text for one in _failures(events)] == ["hello", "hello"]
    assert [type(one) for one in events].count(e.ModelReplied) == 1


async def test_a_server_that_never_gets_well_ends_the_run_after_its_retries() -> None:
    """Everything that was acknowledged is still there, and the run can be resumed."""
    end, events, requests = await _played(CASES["529"].script, retry_budget=2)

    assert isinstance(end, RunFailed)
    assert len(requests) == 3
    assert len(_failures(events)) == 3
    assert [type(one) for one in events].count(e.RunStarted) == 1
