"""Headers about a conversation: they go to every server, and only when they are set."""

import httpx
import msgspec
import pytest

from mentra_actors.domain.model_call import ProviderOptions, SessionOptions
from mentra_actors.errors import ProviderError
from mentra_actors.providers.http.session_headers import session_headers
from mentra_actors.providers.presets import ANTHROPIC, GEMINI, GENERIC_CHAT, OPENAI
from mentra_actors.providers.profile import Profile
from mentra_actors.testing.scripted_http import REQUEST, answering

_PREFIX = "x-mentra-"


async def _sent(profile: Profile, session: SessionOptions) -> dict[str, str]:
    """The headers of a call that say something of its conversation."""
    requests: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(400)

    provider = answering(refuse, profile)
    options = ProviderOptions(session=session)
    with pytest.raises(ProviderError, match="HTTP 400"):
        await anext(provider.stream(msgspec.structs.replace(REQUEST, options=options)))
    names = ("x-own", *(name for name in requests[0].headers if name.startswith(_PREFIX)))
    return {name: requests[0].headers[name] for name in names if name in requests[0].headers}


@pytest.mark.anyio
@pytest.mark.parametrize("profile", [OPENAI, ANTHROPIC, GEMINI, GENERIC_CHAT])
async def test_session_headers_are_sent_only_when_they_are_set(profile: Profile) -> None:
    """Headers that nobody asked for would tell strangers about the conversation."""
    session = SessionOptions(
        session_affinity="a",
        subagent="s",
        turn_metadata="m",
        sticky_turn_state="t",
        prefer_connection_reuse=False,
        extra_headers={"x-own": "o", "x-mentra-subagent": "own"},
    )

    assert await _sent(profile, SessionOptions()) == {}
    assert await _sent(profile, session) == {
        "x-mentra-session-affinity": "a",
        "x-mentra-subagent": "own",
        "x-mentra-turn-metadata": "m",
        "x-mentra-turn-state": "t",
        "x-mentra-connection-reuse": "prefer-fresh",
        "x-own": "o",
    }


def test_what_no_header_can_carry_is_refused() -> None:
    """The HTTP library would refuse it too, in words that help nobody."""
    with pytest.raises(ProviderError, match="subagent holds characters") as caught:
        session_headers(SessionOptions(subagent="a\nb"))

    assert caught.value.kind == "invalid_request"
