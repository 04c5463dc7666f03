"""What the headers of a response say. Names are those of `httpx.Headers`, in any case."""

from collections.abc import Mapping

__all__ = ["helpful_headers", "is_event_stream", "request_id_of"]

_REQUEST_IDS = ("request-id", "x-request-id", "x-goog-request-id", "cf-ray")
_HELPFUL = frozenset(
    {
        *_REQUEST_IDS,
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
        "openai-model",
        "openai-processing-ms",
        "openai-version",
        "x-codex-turn-state",
        "x-generation-id",
    }
)
_HELPFUL_BEGINNINGS = ("x-ratelimit-", "anthropic-ratelimit-", "ratelimit-")
_MOST_CHARS = 4096


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """The id by which the provider's support can find a call."""
    return next(filter(None, (headers.get(name, "").strip() for name in _REQUEST_IDS)), None)


def helpful_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that a caller may see: ids, limits on the rate, times. Never cookies or keys."""
    return {
        name: value[:_MOST_CHARS]
        for name, value in ((name.lower(), value) for name, value in headers.items())
        if name in _HELPFUL or name.startswith(_HELPFUL_BEGINNINGS)
    }


def is_event_stream(headers: Mapping[str, object]) -> bool:
    """Whether the body is server-sent events; a server that does not say is trusted."""
    content_type = str(headers.get("content-type", ""))
    return not content_type or content_type.strip().lower().startswith("text/event-stream")
