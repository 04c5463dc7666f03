"""The providers that are known by name."""

from collections.abc import Mapping
from types import MappingProxyType

from mentra_actors.providers.profile import Capabilities, HeaderKey, Profile

__all__ = [
    "ANTHROPIC",
    "CUSTOM_PROVIDER",
    "GEMINI",
    "GENERIC",
    "GENERIC_CHAT",
    "LMSTUDIO",
    "OLLAMA",
    "OPENAI",
    "OPENROUTER",
    "PRESETS",
]

CUSTOM_PROVIDER = "custom"
"""The provider that is described by variables of the environment."""

ANTHROPIC = Profile(
    name="anthropic",
    display_name="Anthropic",
    wire="anthropic_messages",
    base_url="https://api.anthropic.com",
    base_url_variables=("MENTRA_ANTHROPIC_BASE_URL", "ANTHROPIC_BASE_URL"),
    auth=HeaderKey("x-api-key"),
    key_variables=("ANTHROPIC_API_KEY",),
    needs_key=True,
    headers={"anthropic-version": "2023-06-01"},
    capabilities=Capabilities(
        files=True,
        hosted_tool_search=True,
        hosted_tools=True,
        structured_tool_results=True,
        token_counting=True,
    ),
)

OPENAI = Profile(
    name="openai",
    display_name="OpenAI",
    base_url="https://api.openai.com",
    base_url_variables=("MENTRA_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
    key_variables=("OPENAI_API_KEY",),
    needs_key=True,
    asks_encrypted_reasoning=True,
    plain_models=("gpt-3", "gpt-4", "gpt-5-chat", "chatgpt-", "ft:gpt-3", "ft:gpt-4"),
    takes_phase=True,
    takes_previous_response=True,
    has_openai_models=True,
    takes_unusual_sampling=False,
    user_field="safety_identifier",
    max_tokens_field="max_completion_tokens",
    capabilities=Capabilities(
        files=True,
        websockets=True,
        hosted_tool_search=True,
        hosted_tools=True,
        structured_tool_results=True,
        history_compaction=True,
        token_counting=True,
        embeddings=True,
    ),
)

OPENROUTER = Profile(
    name="openrouter",
    display_name="OpenRouter",
    base_url="https://openrouter.ai/api",
    base_url_variables=("MENTRA_OPENROUTER_BASE_URL",),
    key_variables=("OPENROUTER_API_KEY",),
    needs_key=True,
    asks_encrypted_reasoning=True,
    replays_item_ids=False,
    reasoning_request="object",
    reasoning_replay="reasoning_details",
    takes_cache_marks=True,
    embedding_task_field="input_type",
    capabilities=Capabilities(
        files=True, hosted_tools=True, structured_tool_results=True, embeddings=True
    ),
)

GEMINI = Profile(
    name="gemini",
    display_name="Gemini",
    wire="gemini_generate_content",
    base_url="https://generativelanguage.googleapis.com",
    version_path="v1beta",
    base_url_variables=("MENTRA_GEMINI_BASE_URL",),
    auth=HeaderKey("x-goog-api-key"),
    key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    needs_key=True,
    takes_image_urls=False,
    embeddings_per_call=100,
    capabilities=Capabilities(
        files=True,
        hosted_tools=True,
        token_counting=True,
        embeddings=True,
        structured_tool_results=True,
    ),
)

OLLAMA = Profile(
    name="ollama",
    display_name="Ollama",
    base_url="http://127.0.0.1:11434",
    base_url_variables=("MENTRA_OLLAMA_BASE_URL", "OLLAMA_HOST"),
    default_port=11434,
    key_variables=("OLLAMA_API_KEY",),
    replays_opaque=False,
    replays_item_ids=False,
    takes_tool_choice=False,
    takes_image_urls=False,
    takes_unusual_sampling=False,
    is_local=True,
    hint_404="the model may not be pulled, or the server is older than 0.13 and has no Responses",
    capabilities=Capabilities(embeddings=True),
)

LMSTUDIO = Profile(
    name="lmstudio",
    display_name="LM Studio",
    base_url="http://127.0.0.1:1234",
    base_url_variables=("MENTRA_LMSTUDIO_BASE_URL",),
    default_port=1234,
    key_variables=("LMSTUDIO_API_KEY",),
    replays_opaque=False,
    replays_item_ids=False,
    takes_previous_response=True,
    takes_unusual_sampling=False,
    is_local=True,
    hint_404="the server may be older than 0.3.29 and have no Responses",
    capabilities=Capabilities(embeddings=True),
)

GENERIC = Profile(name="generic", base_url="http://127.0.0.1:8000")
"""A server of the Responses wire of which nothing is known; describe it with `replace`."""

GENERIC_CHAT = Profile(
    name="generic_chat", base_url="http://127.0.0.1:8000", wire="chat_completions"
)
"""A server that has only Chat Completions, of which nothing else is known."""

PRESETS: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (ANTHROPIC, GEMINI, LMSTUDIO, OLLAMA, OPENAI, OPENROUTER)
    }
)
"""The profiles of the built-in providers, by name."""
