"""A provider as data: where it is, how it knows us, what it can do, and its habits.

A difference between servers is a field here, never a branch on a name.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.content import Provenance

__all__ = [
    "AuthScheme",
    "Bearer",
    "Capabilities",
    "HeaderKey",
    "NoAuth",
    "Profile",
    "QueryKey",
    "ReasoningReplay",
    "WireName",
]

WireName: TypeAlias = Literal[
    "openai_responses", "anthropic_messages", "gemini_generate_content", "chat_completions"
]

ReasoningReplay: TypeAlias = Literal[
    "text", "omit", "think_tags", "reasoning", "reasoning_content", "reasoning_details"
]
"""How Chat Completions gets its own reasoning back: as words of the answer, not at all, in
`<think>` tags, or in the field of this name."""


class NoAuth(msgspec.Struct, frozen=True, tag="none"):
    """No key is ever sent."""


class Bearer(msgspec.Struct, frozen=True, tag="bearer"):
    """The key goes into `Authorization: Bearer`."""


class HeaderKey(msgspec.Struct, frozen=True, tag="header"):
    """The key goes into a header of its own."""

    name: str


class QueryKey(msgspec.Struct, frozen=True, tag="query"):
    """The key goes into the query of the URL, after the configured parameters."""

    name: str


AuthScheme: TypeAlias = NoAuth | Bearer | HeaderKey | QueryKey


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider offers; a request for what it does not is refused before it is sent.

    Two lead to something else instead: without `token_counting` tokens are estimated, and without
    `structured_tool_results` the Responses wire sends the images of a result after it.
    """

    model_listing: bool = True
    tool_calls: bool = True
    images: bool = True
    files: bool = False
    websockets: bool = False
    hosted_tool_search: bool = False
    hosted_tools: bool = False
    reasoning_effort: bool = True
    structured_tool_results: bool = False
    structured_output: bool = True
    token_counting: bool = False
    embeddings: bool = False
    history_compaction: bool = False


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A server, the wire that it speaks, and which habits of its own it has.

    `base_url` may be overridden by the first of `base_url_variables` that is set. `path` is that
    of the answering endpoint where it is not the usual one of the wire; `version_path` begins the
    paths of all endpoints, and is not repeated where the base URL ends with it. A key is sent
    when one is found in `key_variables` or given, and `needs_key` refuses to call without.
    `headers` and `query` go with every call.

    `asks_encrypted_reasoning` requests reasoning in a form that can be sent back, except for
    models whose name begins with one of `plain_models`: they do not reason and answer 400.
    `replays_reasoning`, `replays_opaque` and `replays_item_ids` say what the server takes back;
    `takes_phase`, `takes_tool_choice` and `takes_image_urls` which fields it knows;
    `takes_previous_response` whether it remembers answers by their id. `hint_404` explains the
    usual cause of that status. `is_local` marks a server on a machine of the user: the first
    answer may take minutes, while it loads a model. `embeddings_per_call` bounds the texts of one
    call for vectors, and `embedding_task_field` is the field that says what they are for.

    `has_openai_models` says that model names are OpenAI's own, of which a table knows what they
    refuse. `takes_unusual_sampling` lets `top_k`, `seed` and stop sequences through where the
    wire has no fields for them, `user_field` is the field for the person that is served, and
    `calls_last` moves the calls of an answer behind its texts.

    `reasoning_request` says whether effort is asked as a word or with all else in a `reasoning`
    object. The rest is of Chat Completions. `max_tokens_field` is the field that bounds an answer,
    `reasoning_replay` how reasoning goes back to the model that it is of: most servers want none.
    `splits_think_tags` takes a `<think>` at the beginning of a text for reasoning,
    `takes_stream_options` asks for the usage of a stream, and `takes_cache_marks` marks in the
    messages what may be cached.
    """

    name: str
    base_url: str
    wire: WireName = "openai_responses"
    display_name: str = ""
    path: str = ""
    version_path: str = "v1"
    base_url_variables: tuple[str, ...] = ()
    default_port: int | None = None
    auth: AuthScheme = Bearer()
    key_variables: tuple[str, ...] = ()
    needs_key: bool = False
    headers: dict[str, str] = {}
    query: dict[str, str] = {}
    capabilities: Capabilities = Capabilities()
    asks_encrypted_reasoning: bool = False
    plain_models: tuple[str, ...] = ()
    replays_reasoning: bool = True
    replays_opaque: bool = True
    replays_item_ids: bool = True
    takes_phase: bool = False
    takes_tool_choice: bool = True
    takes_image_urls: bool = True
    takes_previous_response: bool = False
    is_local: bool = False
    hint_404: str = ""
    has_openai_models: bool = False
    takes_unusual_sampling: bool = True
    user_field: Literal["user", "safety_identifier"] = "user"
    calls_last: bool = False
    embeddings_per_call: int = 2048
    embedding_task_field: str = ""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    reasoning_request: Literal["word", "object"] = "word"
    reasoning_replay: ReasoningReplay = "omit"
    splits_think_tags: bool = False
    takes_stream_options: bool = True
    takes_cache_marks: bool = False

    def provenance(self, model: str) -> Provenance:
        """The mark on blocks that only this server and model can read back."""
        return Provenance(provider=self.name, model=model, wire=self.wire)

    @property
    def title(self) -> str:
        """The name for people."""
        return self.display_name or self.name
