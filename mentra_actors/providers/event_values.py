"""From the data of a server-sent event to JSON."""

from collections.abc import Callable

from mentra_actors.providers.json_access import Json, decoded_json
from mentra_actors.providers.provider_faults import malformed_stream

__all__ = ["event_value"]


def event_value(provider: str, data: str, redacted: Callable[[str], str] = str) -> Json | None:
    """The event as JSON; None for an empty one and for `[DONE]`, which is no sign of success.

    `redacted` takes out of a text what no message may show.

    Raises:
        ProviderError: `malformed_stream`: it is no JSON object.
    """
    if data.strip() in {"", "[DONE]"}:
        return None
    value = decoded_json(data)
    if not isinstance(value, dict):
        raise malformed_stream(
            f"{provider} sent an event that is not a JSON object: {redacted(data[:2000])[:200]}",
            transient=False,
        )
    return value
