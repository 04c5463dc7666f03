"""Texts as vectors: what is asked of a server, in batches that it takes, and what it answers.

embeddings = await provider.embed(["a text", "another"], model="text-embedding-3-small")
"""

import base64
import binascii
import math
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args
from urllib.parse import quote

import msgspec

from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.errors import ProviderError
from mentra_actors.providers.json_access import Json, list_of, object_of, text_of, whole_of
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request
from mentra_actors.providers.wires.gemini.model_traits import bare_name, resource_name

if TYPE_CHECKING:  # it brings a client for HTTP
    from mentra_actors.providers.http.questions import Post

__all__ = ["EmbeddingRequest", "Embeddings", "embedded"]

_MOST_CHARS = 400_000
"""Of one batch: servers bound the tokens of a request, too."""
_FLOAT_BYTES = 4

_GEMINI_TASKS = {"query": "RETRIEVAL_QUERY", "document": "RETRIEVAL_DOCUMENT"}

_Encoding: TypeAlias = Literal["float", "base64"]
_ENCODINGS: tuple[str, ...] = get_args(_Encoding)
_Vector: TypeAlias = tuple[float, ...]


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """One vector for each text, in the order of the texts. `model` is the one that answered."""

    vectors: tuple[_Vector, ...]
    model: str
    usage: TokenUsage = TokenUsage()


class EmbeddingRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `dimensions` shortens vectors, for models that can.

    `task` says what they are for: `query`, `document` or another word of the provider; a server
    that knows no tasks is not told. `base64` asks for vectors in less than half of the bytes,
    where the server knows that.
    """

    model: str
    dimensions: int | None = None
    task: str = ""
    encoding: _Encoding = "float"


async def embedded(
    profile: Profile, texts: Sequence[str], request: EmbeddingRequest, post: "Post"
) -> Embeddings:
    """The vectors of all texts, in as many calls as the server needs; none for no texts.

    Raises:
        ProviderError: `invalid_request`: the server has no embeddings, or there is no such
            encoding; `invalid_response`: it gave another number of vectors than there are texts,
            or something else.
    """
    ask = _ASKED_BY_WIRE.get(profile.wire)
    if not profile.capabilities.embeddings or ask is None:
        raise invalid_request(f"{profile.title} has no embeddings: ask another provider")
    if isinstance(texts, str):
        raise invalid_request("embeddings are of a list of texts: put the text into one")
    if request.encoding not in _ENCODINGS:
        known = " or ".join(_ENCODINGS)
        raise invalid_request(f"no encoding {request.encoding!r} of vectors: say {known}")
    vectors: list[_Vector] = []
    usage, model = TokenUsage(), request.model
    for batch in _batches(texts, profile.embeddings_per_call):
        found = await ask(profile, batch, request, post)
        _require_fit(profile, batch, found.vectors)
        vectors += found.vectors
        usage, model = usage + found.usage, found.model or model
    return Embeddings(vectors=tuple(vectors), model=model, usage=usage)


def _batches(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    batch: list[str] = []
    chars = 0
    for text in texts:
        if batch and (len(batch) >= most or chars + len(text) > _MOST_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += len(text)
    if batch:
        yield batch


def _require_fit(profile: Profile, batch: list[str], vectors: Sequence[_Vector]) -> None:
    if len(vectors) != len(batch):
        raise _invalid(f"{profile.title} gave {len(vectors)} vectors for {len(batch)} texts")
    sizes = {len(vector) for vector in vectors}
    if len(sizes) > 1 or 0 in sizes:
        raise _invalid(f"{profile.title} gave vectors of different or no size: {sorted(sizes)}")


async def _ask_openai(
    profile: Profile, batch: list[str], request: EmbeddingRequest, post: "Post"
) -> Embeddings:
    """The form of OpenAI's servers; a single text is sent as it is."""
    body: dict[str, object] = {
        "model": request.model,
        "input": batch[0] if len(batch) == 1 else batch,
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.encoding != "float":
        body["encoding_format"] = request.encoding
    if request.task and profile.embedding_task_field:
        body[profile.embedding_task_field] = request.task
    result = await post("embeddings", body)
    usage = object_of(result, "usage")
    tokens = whole_of(usage, "prompt_tokens") or whole_of(usage, "total_tokens")
    return Embeddings(
        vectors=tuple(_vector(entry.get("embedding")) for entry in _in_order(result)),
        model=text_of(result, "model"),
        usage=TokenUsage(input_tokens=max(tokens, 0)),
    )


def _in_order(result: Json) -> list[Json]:
    """The entries by their index; those of a server that does not count come in order."""
    entries = list_of(result, "data")
    if all(entry.get("index") is None for entry in entries):
        return entries
    if sorted(whole_of(entry, "index") for entry in entries) != list(range(len(entries))):
        raise _invalid("the indexes of the vectors are not those of the texts")
    return sorted(entries, key=lambda entry: whole_of(entry, "index"))


async def _ask_gemini(
    _profile: Profile, batch: list[str], request: EmbeddingRequest, post: "Post"
) -> Embeddings:
    name = resource_name(request.model)
    task = _GEMINI_TASKS.get(request.task, request.task)
    more = {"taskType": task, "outputDimensionality": request.dimensions}
    asked = {key: value for key, value in more.items() if value}
    requests = [{"model": name, "content": {"parts": [{"text": text}]}, **asked} for text in batch]
    path = f"{quote(name, safe='/')}:batchEmbedContents"
    result = await post(path, {"requests": requests})
    tokens = whole_of(object_of(result, "usageMetadata"), "promptTokenCount")
    return Embeddings(
        vectors=tuple(_vector(entry.get("values")) for entry in list_of(result, "embeddings")),
        model=bare_name(name),
        usage=TokenUsage(input_tokens=max(tokens, 0)),
    )


_ASKED_BY_WIRE: Mapping[
    str, Callable[[Profile, list[str], EmbeddingRequest, "Post"], Awaitable[Embeddings]]
] = {
    "openai_responses": _ask_openai,
    "chat_completions": _ask_openai,
    "gemini_generate_content": _ask_gemini,
}


def _vector(value: object) -> _Vector:
    """A vector, sent as numbers or as little-endian floats of four bytes in base64."""
    numbers = _unpacked(value) if isinstance(value, str) else value
    if not isinstance(numbers, list | tuple) or not all(map(_is_number, numbers)):
        raise _invalid("a vector is no list of numbers")
    return tuple(float(number) for number in numbers)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value)


def _unpacked(encoded: str) -> _Vector:
    try:
        packed = base64.b64decode(encoded, validate=True)
        return struct.unpack(f"<{len(packed) // _FLOAT_BYTES}f", packed)
    except (binascii.Error, ValueError, struct.error):
        raise _invalid("a vector is no base64 of floats") from None


def _invalid(message: str) -> ProviderError:
    return ProviderError(message, kind="invalid_response", transient=False)
