"""Headers about the conversation of a request; nothing is sent that was not set."""

from mentra_actors.domain.model_call import SessionOptions
from mentra_actors.providers.provider_faults import invalid_request

__all__ = ["session_headers"]

_PREFIX = "x-mentra-"


def session_headers(session: SessionOptions) -> dict[str, str]:
    """The headers of the session options, all under one prefix.

    Raises:
        ProviderError: `invalid_request`: a header cannot carry what was set.
    """
    values = {
        "session-affinity": session.session_affinity,
        "subagent": session.subagent,
        "turn-metadata": session.turn_metadata,
        "turn-state": session.sticky_turn_state,
        "connection-reuse": "" if session.prefer_connection_reuse else "prefer-fresh",
    }
    for name, value in values.items():
        if not (value.isascii() and value.isprintable()) and value:
            raise invalid_request(
                f"SessionOptions: {name} holds characters that a header cannot carry"
            )
    return {f"{_PREFIX}{name}": value for name, value in values.items() if value}
