"""The vendors' own SDKs, decoding recorded streams: what their documentation shows for streaming.

* anthropic: `client.messages.stream(...)` (helper that accumulates the message).
* openai: `client.responses.create(stream=True)`, each event as its typed object.
* google-genai: `client.aio.models.generate_content_stream(...)`.

A transport of the HTTP library hands out the bytes, so there is no socket.
"""

from collections.abc import Awaitable, Callable

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from benchmarks.peers.decode_streams import serve, transport_of, with_bare


async def anthropic_reader(body: bytes) -> Callable[[], Awaitable[int]]:
    """Reads a stream of Messages; gives the characters of its text."""
    client = anthropic.AsyncAnthropic(
        api_key="k", http_client=httpx2.AsyncClient(transport=transport_of(httpx2, body))
    )
    prompt = [{"role": "user", "content": "hi"}]

    async def read() -> int:
        async with client.beta.messages.stream(
            model="claude-sonnet-4-5", max_tokens=1000, messages=prompt
        ) as stream:
            async for _ in stream:
                pass
            message = await stream.get_final_message()
        return sum(len(block.text) for block in message.content if block.type == "text")

    return read


async def responses_reader(body: bytes) -> Callable[[], Awaitable[int]]:
    """Reads a stream of Responses."""
    client = openai.AsyncOpenAI(
        api_key="k", http_client=httpx2.AsyncClient(transport=transport_of(httpx2, body))
    )

    async def read() -> int:
        chars = 0
        stream = await client.responses.create(model="gpt-5.4", input="hi", stream=True)
        async for event in stream:
            if event.type == "response.output_text.delta":
                chars += len(event.delta)
        return chars

    return read


async def gemini_reader(body: bytes) -> Callable[[], Awaitable[int]]:
    """Reads a stream of generateContent."""
    options = types.HttpOptions(async_client_args={"transport": transport_of(httpx2, body)})
    client = genai.Client(api_key="k", http_options=options)

    async def read() -> int:
        chars = 0
        stream = await client.aio.models.generate_content_stream(
            model="gemini-2.5-flash", contents="hi"
        )
        async for chunk in stream:
            for candidate in chunk.candidates or ():
                for part in (candidate.content and candidate.content.parts) or ():
                    chars += len(part.text or "") * (not part.thought)
        return chars

    return read


READERS = {
    "anthropic_messages": anthropic_reader,
    "openai_responses": responses_reader,
    "gemini_generate_content": gemini_reader,
}


async def answer(wire: str, bodies: list[bytes], rounds: int) -> dict[str, float]:
    """Warm up once, then measure."""
    readers = [await READERS[wire](body) for body in bodies]
    return await with_bare(httpx2, bodies, readers, rounds)


if __name__ == "__main__":
    serve(answer)
