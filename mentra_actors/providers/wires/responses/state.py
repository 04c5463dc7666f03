"""What the server remembers: going on from one of its answers instead of sending it all again."""

import msgspec

from mentra_actors.domain.content import AssistantMessage
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.errors import ProviderError
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.contract import StatelessRequest

__all__ = ["is_stateful", "state_fields", "stateless_request"]

_FIELD = "previous_response_id"
_PREVIOUS = "previous response"
_REFUSING_STATUSES = (400, 404)
_UNSUPPORTED = (
    "unsupported",
    "not supported",
    "unrecognized",
    "unknown parameter",
    "unknown field",
)
_LOST = ("not found", "expired", "does not exist")


def is_stateful(request: ModelRequest) -> bool:
    """Whether the server is to remember this answer."""
    return request.options.responses.state_mode != "replay_only"


def state_fields(request: ModelRequest, profile: Profile) -> tuple[dict[str, object], int]:
    """The field that names the answer to go on from, and the first message after it.

    An id that is given in the options goes with the whole history, as its owner wants it.

    Raises:
        ProviderError: `invalid_request`: the server remembers nothing.
    """
    options = request.options.responses
    is_asked = options.previous_response_id or options.state_mode == "stateful"
    if is_asked and not profile.takes_previous_response:
        raise invalid_request(
            f"{profile.title} remembers no answers: leave out previous_response_id, and set "
            "state_mode to 'replay_only'"
        )
    if is_stateful(request) and options.store is False:
        raise invalid_request(
            f"state_mode {options.state_mode!r} needs answers that are stored: leave out store"
        )
    if options.previous_response_id:
        return {_FIELD: options.previous_response_id}, 0
    if not is_stateful(request) or not profile.takes_previous_response:
        return {}, 0
    return _after_last_answer(request, profile)


def _after_last_answer(request: ModelRequest, profile: Profile) -> tuple[dict[str, object], int]:
    """The last answer of this very model whose id is known, if anything came after it."""
    own = profile.provenance(request.model)
    messages = request.messages
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if not isinstance(message, AssistantMessage):
            continue
        if message.provenance == own and message.response_id and index + 1 < len(messages):
            return {_FIELD: message.response_id}, index + 1
    return {}, 0


def stateless_request(
    request: ModelRequest, error: ProviderError | None
) -> StatelessRequest | None:
    """The request with its whole history, in place of one that went on from an answer.

    Without an error: only of a request that may be sent in either way. With one: only if it
    says that the answer is not there, or that the server remembers none.
    """
    options = request.options.responses
    if error is None:
        is_lasting = True
        applies = options.state_mode == "hybrid"
    else:
        is_lasting = _is_unsupported(error)
        applies = options.state_mode == "hybrid" and _blames_state(error)
    if not applies or options.previous_response_id:
        return None
    store = options.store if is_lasting else True  # else the next answer could not be gone on from
    replayed = msgspec.structs.replace(options, state_mode="replay_only", store=store)
    return StatelessRequest(
        request=msgspec.structs.replace(
            request, options=msgspec.structs.replace(request.options, responses=replayed)
        ),
        is_lasting=is_lasting,
    )


def _blames_state(error: ProviderError) -> bool:
    words = _words(error)
    if error.status not in _REFUSING_STATUSES or error.output_seen:
        return False
    is_about_response = "response" in words and any(word in words for word in _LOST)
    return _PREVIOUS in words or is_about_response


def _is_unsupported(error: ProviderError) -> bool:
    words = _words(error)
    return _PREVIOUS in words and any(word in words for word in _UNSUPPORTED)


def _words(error: ProviderError) -> str:
    """All that is said, where names of fields and codes are words like others."""
    return f"{error.code or ''} {error} {error.body}".lower().replace("_", " ")
