"""JSON that the neutral model keeps as text, as the objects that some wires send."""

import msgspec

from mentra_actors.providers.json_access import decoded_json
from mentra_actors.providers.provider_faults import invalid_request

__all__ = ["arguments_object", "schema_object"]


def arguments_object(arguments: str) -> dict[str, object]:
    """The arguments of a call, or `{}` where they are no JSON object, or too deep to be read.

    The model learns what was wrong from the result of the call.
    """
    decoded = decoded_json(arguments)
    return decoded if isinstance(decoded, dict) else {}


def schema_object(schema: str, named: str) -> dict[str, object]:
    """A JSON Schema as an object; `named` says in an error whose it is.

    Raises:
        ProviderError: `invalid_request`: it is no JSON object, or too deep to be read.
    """
    try:
        decoded = msgspec.json.decode(schema)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid_request(f"the schema of {named} is not JSON: {error}") from error
    if not isinstance(decoded, dict):
        raise invalid_request(f"the schema of {named} must be a JSON object")
    return decoded
