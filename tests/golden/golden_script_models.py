"""What models are shown and what they answer with beside words; other models that take over."""

from typing import get_args

from golden_team import MAKER, call, plan, profile

from mentra_actors.domain.agent.fallback import FailureName, Fallback
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    Citation,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.model_call import ProviderOptions, ReasoningOptions, StopReason

__all__ = ["MODEL_STORIES"]

PHOTO = ImageBlock(
    media_type="image/png", blob=BlobRef(digest="0123456789abcdef" * 2, size_bytes=9000)
)
AUTHENTIC = {"signature": "c2lnbmVk", "provenance": MAKER}
FAILURES = get_args(FailureName)


def pictures(team):
    """Images and documents come with a prompt, with words for later and from a tool."""
    team.add(profile("painter"))
    letter = FileBlock(
        media_type="application/pdf",
        name="letter.pdf",
        blob=BlobRef(digest="fedcba9876543210" * 2, size_bytes=70_000),
    )
    kept_there = FileBlock(file_id="file-1", provider="gemini")
    by_url = FileBlock(url="https://example.org/a.pdf")
    team.prompt("painter", "Paint this.", attachments=(PHOTO, letter, kept_there, by_url))
    team.reply("painter", call("look"), plans=(plan("safe"),), provenance=MAKER)
    remote = ImageBlock(url="https://example.org/a.png", detail="low")
    team.queue("painter", "steer", "Like that.", attachments=(remote,))
    team.finish("painter", "look", '{"size":[3,4]}', attachments=(PHOTO,), is_json=True)
    team.reply("painter", PHOTO, TextBlock(text="Painted."), request_id="req-1")


def sources(team):
    """A model has searched, cites what it found, and signs what only it can read back."""
    team.add(profile("scholar"))
    team.prompt("scholar", "Who wrote it?")
    team.reply(
        "scholar",
        ThinkingBlock(parts=("a book?",), is_raw=True, format="google-v1", **AUTHENTIC),
        HostedToolBlock(
            tool="web_search",
            raw='{"type":"web_search_call","id":"ws_1"}',
            provenance=MAKER,
            call_id="ws_1",
            status="completed",
            query="who wrote it",
            action='{"type":"search"}',
            images=(PHOTO,),
        ),
        TextBlock(
            text="She did.",
            citations=(
                Citation(
                    kind="url",
                    title="A page",
                    url="https://example.org",
                    quoted="she did",
                    start=0,
                    end=8,
                    raw='{"type":"url_citation"}',
                ),
            ),
            **AUTHENTIC,
        ),
        ToolCallBlock(call_id="s1", name="look", kind="tool_search", **AUTHENTIC),
        ToolCallBlock(
            call_id="s2", name="patch", arguments='{"input":"x"}', kind="custom", caller='{"a":1}'
        ),
        plans=(plan("safe"), plan("safe")),
        verdict={"queued_s": 1.5, "asked_model": "openai:gpt-x"},
        provenance=MAKER,
        request_id="req-2",
    )
    team.finish("scholar", "look", "[]")
    team.finish("scholar", "patch", "done")
    team.reply("scholar", TextBlock(text="Done."), stop=StopReason.COMPACTION)


def other_models(team):
    """One model is busy, the next has no key, the third answers; for each failure there is one."""
    team.add(profile("herald"))
    early = Fallback(
        model="ollama:small",
        on=FAILURES,
        after_attempts=1,
        temperature=0.1,
        max_output_tokens=500,
        reasoning=ReasoningOptions(enabled=False),
        provider=ProviderOptions(seed=1),
    )
    team.prompt("herald", "Read the news.", fallbacks=(early, Fallback(model="gemini:large")))
    busy = {"kind": "http", "message": "busy", "transient": True, "queued_s": 2.5}
    team.fail("herald", **busy, status=429, code="rate_limit_exceeded", request_id="req-3")
    team.fail("herald", kind="configuration", message="no key", transient=False)
    team.reply("herald", call("read"), plans=(plan("safe"),), provenance=MAKER)
    team.finish("herald", "read", "nothing new")
    team.reply("herald", TextBlock(text="No news."), stop=StopReason.MALFORMED_CALL)


MODEL_STORIES = (pictures, sources, other_models)
