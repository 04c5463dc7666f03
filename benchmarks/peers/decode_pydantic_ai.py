"""pydantic-ai, decoding recorded streams: `Model.request_stream` of its models for each vendor.

They stand on the vendors' SDKs, whose transports hand out the bytes.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import httpx
import httpx2
import openai
from google import genai
from google.genai import types
from pydantic_ai.messages import ModelRequest, TextPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from benchmarks.peers.decode_streams import serve, transport_of, with_bare


def model_of(wire: str, body: bytes) -> Any:
    """The model of a vendor, on a transport that answers with this body."""
    if wire == "gemini_generate_content":
        options = types.HttpOptions(async_client_args={"transport": transport_of(httpx, body)})
        client = genai.Client(api_key="k", http_options=options)
        return GoogleModel("gemini-2.5-flash", provider=GoogleProvider(client=client))
    http = httpx2.AsyncClient(transport=transport_of(httpx2, body))
    if wire == "anthropic_messages":
        claude = anthropic.AsyncAnthropic(api_key="k", http_client=http)
        provider = AnthropicProvider(anthropic_client=claude)
        return AnthropicModel("claude-sonnet-4-5", provider=provider)
    gpt = openai.AsyncOpenAI(api_key="k", http_client=http)
    return OpenAIResponsesModel("gpt-5.4", provider=OpenAIProvider(openai_client=gpt))


def reader_of(wire: str, body: bytes) -> Callable[[], Awaitable[int]]:
    """Reads one stream to its end; gives the characters of its text."""
    model = model_of(wire, body)
    messages = [ModelRequest.user_text_prompt("hi")]

    async def read() -> int:
        async with model.request_stream(messages, None, ModelRequestParameters()) as stream:
            async for _ in stream:
                pass
            parts = stream.get().parts
        return sum(len(part.content) for part in parts if isinstance(part, TextPart))

    return read


async def answer(wire: str, bodies: list[bytes], rounds: int) -> dict[str, float]:
    """Warm up once, then measure."""
    readers = [reader_of(wire, body) for body in bodies]
    http = httpx if wire == "gemini_generate_content" else httpx2
    return await with_bare(http, bodies, readers, rounds)


if __name__ == "__main__":
    serve(answer)
