"""One turn, one tool round and one image with real providers: `pytest -m live`, never by default.

A provider is asked if its key is set; `MENTRA_LIVE_MODELS=ollama:llama3.2,openai:gpt-5.5` names
the models instead. It costs some cents.
"""

import os
import struct
import zlib

import pytest

import mentra_actors as mentra
from mentra_actors.domain.content import Attachment
from mentra_actors.providers.presets import PRESETS

pytestmark = [pytest.mark.live, pytest.mark.anyio, pytest.mark.timeout(300)]

USUAL = {
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
    "openai": "gpt-5.4-mini",
    "openrouter": "openai/gpt-5.4-mini",
}
WORD = "quokka"


def models() -> list[str]:
    """The models to ask."""
    if named := os.environ.get("MENTRA_LIVE_MODELS"):
        return named.split(",")
    with_key = [
        name
        for name in USUAL
        if any(os.environ.get(variable) for variable in PRESETS[name].key_variables)
    ]
    return [f"{name}:{USUAL[name]}" for name in with_key]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=models() or [pytest.param("", marks=pytest.mark.skip(reason="no key"))])
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@mentra.tool(retry="safe")
def secret_word() -> str:
    """Tell the secret word of today."""
    return WORD


async def asked(model: str, prompt: str, attachments: list[Attachment] | None = None) -> str:
    async with mentra.open_runtime(
        ":memory:", tools=[secret_word], team_tools=False, memory_tools=False
    ) as runtime:
        agent = await runtime.spawn("one", model=model, system="Answer in one short sentence.")
        reply = await agent.send(prompt, attachments=attachments or [], deadline_s=240)
    assert reply.usage.output_tokens > 0
    return reply.text.lower()


def red_square() -> bytes:
    """A PNG of 64 by 64 red pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    rows = b"".join(b"\x00" + b"\xff\x00\x00" * 64 for _ in range(64))
    head = struct.pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


async def test_a_turn(model: str) -> None:
    """The key, the address and the plainest request."""
    assert "paris" in await asked(model, "What is the capital of France?")


async def test_a_round_with_a_tool(model: str) -> None:
    """A call, its result, and the answer that depends on it."""
    assert WORD in await asked(model, "Call the tool for the secret word, and tell me the word.")


async def test_an_image(model: str) -> None:
    """What is sent is a picture that the provider can read."""
    picture = mentra.image(red_square())
    assert "red" in await asked(model, "Which colour is this square?", [picture])
