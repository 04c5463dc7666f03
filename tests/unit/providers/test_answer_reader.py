"""Whatever a wire meets, a call ends with a neutral error that says what to do."""

from typing import Any

import httpx
import msgspec
import pytest

from mentra_actors.domain.model_call import ProviderOptions
from mentra_actors.errors import ProviderError
from mentra_actors.providers.json_access import decoded_json
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, GENERIC_CHAT, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.recorded_streams import decoded_stream
from mentra_actors.testing.scripted_http import (
    COMPLETED,
    CREATED,
    DELTA,
    REQUEST,
    answering,
    error_from,
    frame,
    streamed,
)

pytestmark = pytest.mark.anyio

_CHUNK = {"index": 0, "delta": {"content": "hello"}, "finish_reason": "stop"}
_EVENTS = {
    "openai_responses": [CREATED, DELTA, COMPLETED],
    "chat_completions": [frame(id="x", model="m", choices=[_CHUNK])],
    "anthropic_messages": [
        frame(type="message_start", message={"id": "x", "model": "m"}),
        frame(type="message_stop"),
    ],
    "gemini_generate_content": [
        frame(candidates=[{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}])
    ],
}
_PROFILES = (OPENAI, GENERIC_CHAT, ANTHROPIC, GEMINI)


@pytest.mark.parametrize("profile", _PROFILES, ids=lambda profile: profile.wire)
@pytest.mark.parametrize("spoken", _EVENTS)
async def test_a_wrong_wire_is_final_and_says_so(profile: Profile, spoken: str) -> None:
    """Asking again costs money and changes nothing; the user chose the wrong word."""
    if profile.wire == spoken:
        return
    error = await error_from(answering(streamed(*_EVENTS[spoken]), profile))
    with pytest.raises(ProviderError) as recorded:
        list(decoded_stream(profile, _EVENTS[spoken]))

    assert (error.kind, error.transient) == ("malformed_stream", False)
    assert f"no event of the wire {profile.wire}" in str(error)
    assert "`wire=`" in str(error)
    assert str(recorded.value) == str(error)


@pytest.mark.parametrize("events", [[], [CREATED]])
async def test_an_answer_that_is_cut_may_be_asked_for_again(events: list[bytes]) -> None:
    """One event that was understood shows that the wire is right."""
    error = await error_from(answering(streamed(*events)))

    assert (error.kind, error.transient) == ("malformed_stream", True)


async def test_a_decoder_that_breaks_ends_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server sends is no bug of the one who asked."""

    class Broken:
        is_finished = False

        def feed(self, event: Any) -> Any:
            raise RecursionError("too deep")

    provider = answering(streamed(CREATED))
    monkeypatch.setattr(type(provider._wire), "decoder", lambda *_: Broken())
    error = await error_from(provider)

    assert (error.kind, error.transient) == ("malformed_stream", False)
    assert "RecursionError: too deep" in str(error)


@pytest.mark.parametrize("extra_body", [{"a": object()}, {"a": "\ud800"}])
async def test_a_request_that_cannot_be_written_is_refused(extra_body: dict[str, Any]) -> None:
    """Options of users hold what they like; the call fails, and nothing else."""
    provider = answering(httpx.Response(200))
    options = ProviderOptions(extra_body=extra_body)
    request = msgspec.structs.replace(REQUEST, options=options)

    with pytest.raises(ProviderError, match="cannot be written") as caught:
        await anext(provider.stream(request))

    assert (caught.value.kind, caught.value.transient) == ("invalid_request", False)


def test_json_of_too_many_levels_is_none() -> None:
    """It is stored and written again from a deeper stack, where it would fail for ever."""
    for opened, closed in (("[", "]"), ('{"a":', "}")):
        deepest = opened * 199 + "[]" + closed * 199
        assert decoded_json(deepest) is not None
        assert decoded_json(deepest.encode()) is not None
        assert decoded_json(opened + deepest + closed) is None
        assert decoded_json((opened + deepest + closed).encode()) is None
    assert decoded_json("[" + "[]," * 5000 + "[]]") is not None
