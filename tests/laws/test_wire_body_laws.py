"""What each wire makes of any conversation is a body that its server would take."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.content import (
    AssistantBlock,
    AssistantMessage,
    Attachment,
    Citation,
    FileBlock,
    HostedToolBlock,
    ImageBlock,
    Message,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.model_call import ModelRequest, ToolSpec
from mentra_actors.providers import presets
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.request_encoder import RequestEncoder
from mentra_actors.providers.wires.contract import whole_body
from mentra_actors.providers.wires.known import WIRES

PNG = b"\x89PNG\r\n\x1a\n"
MODELS = {
    "anthropic": "claude-sonnet-4-6",
    "openai": "gpt-5.4",
    "openrouter": "x/y",
    "gemini": "gemini-3-pro-preview",
    "ollama": "qwen3",
    "lmstudio": "local",
    "generic_chat": "m",
}
PROFILES = [
    profile
    for name, profile in vars(presets).items()
    if isinstance(profile, Profile) and profile.wire in WIRES and profile.name in MODELS
]
ODD_IDS = ("", ".", ":", "|", "é", "_" * 70, "." * 70, ":" * 70)
"""What other servers may have put at the end of the id of a call."""
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
TOOL = ToolSpec(name="read", description="Read.", input_schema='{"type":"object"}')
Json = Mapping[str, Any]


def foreign(profile: Profile) -> list[AssistantBlock]:
    """Blocks that only this profile can read back."""
    mark = profile.provenance(MODELS[profile.name])
    return [
        ThinkingBlock(parts=("so",), signature="c2ln", provenance=mark),
        ThinkingBlock(parts=("a", "b"), item_id="rs_1", encrypted="ZW5j", provenance=mark),
        ThinkingBlock(is_redacted=True, encrypted="cmVk", signature="cmVk", provenance=mark),
        ThinkingBlock(parts=("half",), provenance=mark),
        TextBlock(text="", signature="c2ln", provenance=mark),
        TextBlock(text="signed", signature="c2ln", provenance=mark),
        TextBlock(
            text="cited",
            citations=(Citation(kind="url", url="https://x.test", raw='{"type":"x"}'),),
            provenance=mark,
        ),
        OpaqueBlock(
            item_type="container_upload", raw='{"type":"container_upload"}', provenance=mark
        ),
        HostedToolBlock(
            tool="image_generation",
            raw='{"type":"image_generation_call","id":"ig_1"}',
            provenance=mark,
            images=(ImageBlock(media_type="image/png", data=PNG),),
        ),
    ]


BLOCKS: list[AssistantBlock] = [
    TextBlock(text="yes"),
    TextBlock(text=""),
    TextBlock(text="  "),
    TextBlock(text="ünï\u2028☃", item_id="msg_1", phase="commentary"),
    RefusalBlock(text="no"),
    ImageBlock(media_type="image/png", data=PNG),
    *(block for profile in PROFILES for block in foreign(profile)),
]
CALLS = [
    ToolCallBlock(call_id="", name="read"),
    *(
        ToolCallBlock(call_id="", name=name, kind=kind)
        for name in ("functions.f", "bad name!", "bad_name_", "n" * 300, "")
        for kind in ("function", "custom")
    ),
    ToolCallBlock(call_id="", name="read", arguments='{"path": "a'),
    ToolCallBlock(call_id="", name="read", arguments='{"n": 1}', item_id="fc_1"),
    *(
        ToolCallBlock(
            call_id="", name="read", signature="c2ln", provenance=one.provenance(MODELS[one.name])
        )
        for one in PROFILES
    ),
]
ATTACHMENTS: list[Attachment] = [
    ImageBlock(media_type="image/png", data=PNG),
    *(
        kind(media_type=media_type, data=content)
        for kind in (ImageBlock, FileBlock)
        for media_type in ("", "image/tiff", "application/zip", "text/plain", "audio/midi", "?")
        for content in (b"\xff", b"%PDF-1", b"words", b"")
    ),
    *(
        kind(url=url)
        for kind in (ImageBlock, FileBlock)
        for url in (
            "https://a.test/a",
            "ftp://a.test/a",
            "gs://a/b",
            "data:,x",
            "data:image/png;base64,iVBORw0KGgo=",
        )
    ),
    ImageBlock(blob=BlobRef(digest="sha256:00", size_bytes=1)),
    *(FileBlock(file_id="file-1", provider=one) for one in ("openai", "anthropic", "gemini")),
]
RESULTS = [
    {"content": "found"},
    {"content": ""},
    {"content": "gone", "is_error": True},
    {"content": '{"rows": [1]}'},
    *({"content": "see", "attachments": (one,)} for one in ATTACHMENTS),
    {"content": "", "attachments": tuple(ATTACHMENTS)},
]
USERS = [
    UserMessage(text="go on"),
    *(UserMessage(text="look", attachments=(one,)) for one in ATTACHMENTS),
    *(UserMessage(text="", attachments=(one,)) for one in ATTACHMENTS),
]


@st.composite
def conversations(draw: st.DrawFn, own: Profile) -> list[Message]:
    """Rounds of a conversation in which any provider may have answered; the user is last.

    Every other answer is one of `own` alone: only such an answer goes back whole.
    """
    pools = [[one, *more] for one in foreign(own) for more in ([], [TextBlock(text="yes")])]
    messages: list[Message] = [draw(st.sampled_from(USERS))]
    for number in range(draw(st.integers(0, 5))):
        odd = draw(st.sampled_from(ODD_IDS))
        pool = draw(st.sampled_from(pools)) if draw(st.booleans()) else BLOCKS
        blocks = draw(st.lists(st.sampled_from(pool), max_size=4))
        calls = draw(st.lists(st.sampled_from(CALLS), max_size=draw(st.sampled_from([0, 3]))))
        named = [
            ToolCallBlock(
                **{name: getattr(call, name) for name in call.__struct_fields__}
                | {"call_id": f"call_{number}_{place}{odd}"}
            )
            for place, call in enumerate(calls)
        ]
        messages.append(AssistantMessage(blocks=(*blocks, *named)))
        if named:
            results = [
                ToolResultBlock(
                    call_id=call.call_id,
                    name=call.name,
                    kind=call.kind,
                    **draw(st.sampled_from(RESULTS)),
                )
                for call in named
            ]
            messages.append(ToolResultsMessage(results=tuple(results)))
        if not named or draw(st.booleans()):
            messages.append(draw(st.sampled_from(USERS)))
    return messages


def word_faults(value: Any) -> list[str]:
    """Names of calls that servers refuse, and ids that are too long."""
    if isinstance(value, list):
        return [fault for one in value for fault in word_faults(one)]
    if not isinstance(value, dict):
        return []
    kind = value.get("type")
    named = [value.get("functionCall"), value.get("functionResponse"), value.get("function")]
    called = kind in ("tool_use", "function_call", "custom_tool_call")
    names = [one["name"] for one in [*named, value if called else None] if one]
    ids = [
        value.get("call_id"),
        value.get("tool_use_id"),
        value.get("id") if kind == "tool_use" else None,
    ]
    return [
        *(f"name {name!r}" for name in names if not NAME.fullmatch(name)),
        *(f"id {one!r}" for one in ids if one is not None and not 0 < len(one) <= 64),
        *(fault for part in value.values() for fault in word_faults(part)),
    ]


def anthropic_faults(body: Json) -> list[str]:
    """Roles, pairs, and texts that the API refuses."""
    faults = []
    open_calls: list[str] = []
    for message in body["messages"]:
        content = message["content"]
        if not content:
            faults.append("a message without content")
        results = [one["tool_use_id"] for one in content if one["type"] == "tool_result"]
        if sorted(results) != sorted(open_calls):
            faults.append(f"calls {open_calls} are answered by {results}")
        faults += [f"id {one}" for one in results if not NAME.fullmatch(one)]
        types = [one["type"] for one in content]
        if results and types[: len(results)] != ["tool_result"] * len(results):
            faults.append("words before results")
        open_calls = [one["id"] for one in content if one["type"] == "tool_use"]
        faults += [
            "an empty text" for one in content if one["type"] == "text" and not one["text"].strip()
        ]
    marks = json.dumps(body).count('"cache_control"')
    return faults + ([f"{marks} cache marks"] if marks > 4 else [])


def responses_faults(body: Json) -> list[str]:
    """Pairs, and reasoning that nothing follows."""
    items = body["input"]
    types = [item.get("type") or item["role"] for item in items]
    asked = [item["call_id"] for item in items if item.get("type") == "function_call"]
    told = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    faults = [] if asked == told else [f"calls {asked} are answered by {told}"]
    for here, after in zip(types, [*types[1:], ""], strict=True):
        if here == "reasoning" and after in ("", "user", "function_call_output"):
            faults.append("reasoning without its item")
    return faults + [
        "a message without content"
        for item in items
        if item.get("role") and not item.get("content")
    ]


def gemini_faults(body: Json) -> list[str]:
    """Roles, parts and pairs by name."""
    faults = []
    asked: list[str] = []
    for content in body["contents"]:
        if content["role"] not in ("user", "model"):
            faults.append(f"role {content['role']}")
        if not content["parts"]:
            faults.append("no parts")
        told = [
            part["functionResponse"]["name"]
            for part in content["parts"]
            if "functionResponse" in part
        ]
        if content["role"] == "user" and told != asked:
            faults.append(f"calls of {asked} are answered by {told}")
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and "thoughtSignature" not in calls[0]:
            faults.append("the first call has no signature")
        asked = [part["functionCall"]["name"] for part in calls]
    return faults


def chat_faults(body: Json) -> list[str]:
    """Calls are followed by their results, at once."""
    faults = []
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                faults.append("a result of no call")
            else:
                waiting.remove(message["tool_call_id"])
        elif waiting:
            faults.append(f"{waiting} have no result")
        if message["role"] == "assistant":
            waiting = [call["id"] for call in message.get("tool_calls", [])]
            if not waiting and not message.get("content"):
                faults.append("an assistant message without content")
    return faults + ([f"{waiting} have no result"] if waiting else [])


FAULTS: Mapping[str, Callable[[Json], list[str]]] = {
    "anthropic_messages": anthropic_faults,
    "openai_responses": responses_faults,
    "gemini_generate_content": gemini_faults,
    "chat_completions": chat_faults,
}


def request_of(profile: Profile, messages: list[Message]) -> ModelRequest:
    return ModelRequest(
        model=MODELS[profile.name], messages=messages, system="You help.", tools=(TOOL,)
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@forall(data=st.data())
def test_any_conversation_gives_a_body_that_the_server_takes(profile, data):
    """An agent may change its model in the middle: what others have said must not brick it."""
    messages = data.draw(conversations(profile))
    request = request_of(profile, messages)
    body = whole_body(WIRES[profile.wire], request, profile)

    assert FAULTS[profile.wire](body) == []
    assert word_faults(body[WIRES[profile.wire].messages_field]) == []


@pytest.mark.parametrize("wire", WIRES.values(), ids=lambda wire: wire.name)
def test_calls_whose_odd_names_and_ids_are_alike_stay_apart(wire):
    """Two ids that become one would give a call the result of the other."""
    profile = next(one for one in PROFILES if one.wire == wire.name)
    asked = [
        ToolCallBlock(call_id=f"a{mark}b{'c' * 60}", name=f"f{mark}g") for mark in ("_", ".", ":")
    ]
    items = wire.items(AssistantMessage(blocks=tuple(asked)), MODELS[profile.name], profile)
    text = json.dumps(items)

    assert len(set(re.findall(r'"name": "(f_g\w*)"', text))) == len(asked)
    if wire.name != "gemini_generate_content":
        assert len(set(re.findall(r'id": "(a[^"]+)"', text))) == len(asked)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_any_attachment_says_something(profile):
    """It is in the history for good: what is refused, or left out, is so in every later call."""
    for one in ATTACHMENTS:
        result = ToolResultBlock(call_id="c", name="read", content="see", attachments=(one,))
        for message in (
            UserMessage(text="", attachments=(one,)),
            ToolResultsMessage(results=(result,)),
        ):
            items = WIRES[profile.wire].items(message, MODELS[profile.name], profile)
            sent = json.dumps(items)

            assert any(
                word in sent for word in ("[attached: ", "image", "file", "document", "inline")
            )
            assert not any(
                word in sent for word in ('"ftp:', "data:,x", '"image/tiff"', "data:image/tiff")
            )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@forall(data=st.data())
def test_the_encoder_says_the_same_as_the_builder(profile, data):
    """The cache of encoded messages must never send what was said of another request."""
    messages = data.draw(conversations(profile))
    encoder = RequestEncoder(WIRES[profile.wire], profile)
    for end in range(1, len(messages) + 1, 2):
        request = request_of(profile, messages[:end])
        body = whole_body(WIRES[profile.wire], request, profile)

        assert json.loads(encoder.encode(request)) == json.loads(json.dumps(body))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@forall(data=st.data())
def test_nothing_of_another_producer_is_sent(profile, data):
    """A signature of one provider is refused by the next, and may be a secret of the first."""
    messages = data.draw(conversations(profile))
    sent = json.dumps(whole_body(WIRES[profile.wire], request_of(profile, messages), profile))
    own = profile.provenance(MODELS[profile.name])
    blocks = [
        block
        for message in messages
        if isinstance(message, AssistantMessage)
        for block in message.blocks
    ]
    marks = ("c2ln", "ZW5j", "cmVk", "ig_1", "container_upload")
    own_marks = {
        mark
        for block in blocks
        if getattr(block, "provenance", None) == own
        for mark in marks
        if mark in str(block)
    }

    assert [mark for mark in marks if mark in sent and mark not in own_marks] == []
