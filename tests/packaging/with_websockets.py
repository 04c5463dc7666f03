"""The extra `websockets`: a model answers over one."""

import json
from threading import Thread
from typing import Any

from websockets.sync.server import serve

import mentra_actors as mentra
from mentra_actors.domain.model_call import ProviderOptions, ResponsesOptions
from mentra_actors.providers.presets import OPENAI

EVENTS: list[dict[str, Any]] = [
    {"type": "response.output_text.delta", "delta": "Hello."},
    {"type": "response.completed", "response": {"status": "completed", "output": None}},
]


def answer(connection: Any) -> None:
    """The same to every request."""
    for _ in connection:
        for event in EVENTS:
            connection.send(json.dumps(event))


with serve(answer, "127.0.0.1", 0) as server:
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    vendor = mentra.HttpProvider(OPENAI, api_key="sk-none", base_url=url, environ={})
    options = ProviderOptions(responses=ResponsesOptions(transport="websocket"))
    with mentra.open_runtime_sync(":memory:", providers=[vendor]) as runtime:
        lead = runtime.spawn("lead", model="openai:any", provider=options)
        assert lead.send("Hello?").text == "Hello."
    server.shutdown()
