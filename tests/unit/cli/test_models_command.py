"""`mentra models`, against a server on this machine."""

import json

import pytest
from local_server import running

LISTED = {
    "data": [
        {"id": "old", "created": 1_600_000_000},
        {"id": "gpt-5.4-mini", "created": 1_773_705_600},
        {"id": "unheard-of"},
    ]
}


def answering(result, status=200):
    return running((status, "application/json", json.dumps(result).encode()))


@pytest.fixture
def openai(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-key")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return lambda url: monkeypatch.setenv("MENTRA_OPENAI_BASE_URL", url)


def test_models_are_shown_with_size_and_price(mentra, openai):
    """What one needs to choose: the newest first, how much fits in, and what it costs."""
    pytest.importorskip("genai_prices")
    with answering(LISTED) as server:
        openai(server.url)
        found = mentra.json("models", "openai")
        assert mentra("models", "openai") == 0

    assert [one["model"] for one in found] == [
        "openai:gpt-5.4-mini",
        "openai:old",
        "openai:unheard-of",
    ]
    assert found[0]["context_window"] > 100_000
    assert 0 < found[0]["input_usd_per_million"] < found[0]["output_usd_per_million"]
    assert (found[2]["context_window"], found[2]["input_usd_per_million"]) == (None, None)
    assert mentra.out.splitlines()[1].startswith("openai:gpt-5.4-mini  2026-")


def test_a_provider_that_refuses_is_a_failure(mentra, openai):
    """And its key is not part of the message."""
    refusal = {"error": {"message": "wrong key sk-secret-key"}}
    with answering(refusal, 401) as server:
        openai(server.url)
        assert mentra("models", "openai", "--json") != 0

    assert "401" in mentra.err
    assert "sk-secret-key" not in mentra.err + mentra.out


def test_without_a_provider_all_that_answer_are_listed(mentra, openai, monkeypatch):
    """Those that have no key, or do not run, are named on standard error."""
    for name in ("ANTHROPIC", "GEMINI", "GOOGLE", "OPENROUTER"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    for name in ("OLLAMA", "LMSTUDIO"):
        monkeypatch.setenv(f"MENTRA_{name}_BASE_URL", "http://127.0.0.1:9")
    with answering(LISTED) as server:
        openai(server.url)
        assert mentra("models") == 0

    assert "openai:old" in mentra.out
    assert "ANTHROPIC_API_KEY" in mentra.err
    assert "is it running" in mentra.err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_providers_that_all_refuse_are_a_failure(mentra, openai, monkeypatch, form):
    """A script must not take a missing key for a world without models."""
    for name in ("OPENAI", "ANTHROPIC", "GEMINI", "GOOGLE", "OPENROUTER"):
        monkeypatch.delenv(f"{name}_API_KEY", raising=False)
    monkeypatch.delenv("MENTRA_CUSTOM_BASE_URL", raising=False)
    for name in ("OLLAMA", "LMSTUDIO"):
        monkeypatch.setenv(f"MENTRA_{name}_BASE_URL", "http://127.0.0.1:9")

    assert mentra("models", *form) == 1
    assert "ANTHROPIC_API_KEY" in mentra.err


def test_a_provider_without_models_is_no_failure(mentra, openai):
    """It has answered."""
    with answering({"data": []}) as server:
        openai(server.url)
        assert mentra("models", "openai") == 0
    assert "No models" in mentra.out


def test_an_unknown_provider_is_named(mentra):
    """With those that there are."""
    assert mentra("models", "nobody") != 0
    assert "known providers" in mentra.err
