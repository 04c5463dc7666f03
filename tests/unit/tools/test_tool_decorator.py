"""A typed function becomes a tool: schema, validation, refusals, threads."""

import enum
import threading
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import anyio
import anyio.lowlevel
import anyio.to_thread
import msgspec
import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.tools.contract import ProbeResult, Tool, ToolContext, ToolError
from mentra_actors.tools.functions.decorator import probe, tool

pytestmark = pytest.mark.anyio


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct, tag="leaf", forbid_unknown_fields=True):
    size: int


class Branch(msgspec.Struct, tag="branch"):
    left: "Leaf | Branch"
    discriminator: str = ""


@dataclass
class Point:
    x: int
    y: int = 0


class Options(TypedDict):
    loud: bool


class Opaque:
    pass


def schema_of(made: Tool) -> dict[str, Any]:
    return msgspec.json.decode(made.input_schema)


@tool
async def echo(
    text: str,
    times: int = 1,
    ratio: float | None = None,
    tags: Annotated[list[str], msgspec.Meta(max_length=3)] = [],  # noqa: B006
    colour: Colour = Colour.RED,
    mode: Literal["fast", "slow"] = "fast",
    point: Point | None = None,
    options: Options | None = None,
    *,
    by_number: dict[int, str] | None = None,
) -> dict[str, Any]:
    """Repeat everything.

    Args:
        text: what to repeat,
            over two lines: yes.
        times (int): how often.

    Returns:
        All of it.
    """
    return {"text": text * times, "ratio": ratio, "tags": tags, "point": point, "mode": mode}


def test_the_schema_comes_from_the_signature_and_the_docstring():
    """What the model is told and what the function takes must never drift apart."""
    schema = schema_of(echo)

    assert echo.name == "echo"
    assert echo.description == "Repeat everything.\n\nReturns:\n    All of it."
    assert (schema["type"], schema["required"]) == ("object", ["text"])
    assert schema["additionalProperties"] is False
    assert schema["properties"]["text"] == {
        "description": "what to repeat, over two lines: yes.",
        "type": "string",
    }
    assert schema["properties"]["times"]["description"] == "how often."
    assert schema["properties"]["times"]["default"] == 1
    assert schema["properties"]["mode"]["enum"] == ["fast", "slow"]
    assert schema["properties"]["colour"]["enum"] == ["blue", "red"]


def test_nested_types_are_inlined():
    """Some providers refuse `$ref`; only a type that contains itself needs one."""
    assert "$ref" not in echo.input_schema
    assert schema_of(echo)["properties"]["point"]["anyOf"][0]["required"] == ["x"]


def test_a_recursive_type_keeps_a_definition_that_resolves():
    """A dangling `$ref` makes a provider refuse every request that offers the tool."""

    @tool
    def plant(tree: Leaf | Branch, second: Leaf) -> None:
        """Plant it."""

    schema = schema_of(plant)
    branch = schema["$defs"]["Branch"]

    assert list(schema["$defs"]) == ["Branch"]
    assert {"$ref": "#/$defs/Branch"} in schema["properties"]["tree"]["anyOf"]
    assert schema["properties"]["second"]["properties"]["size"] == {"type": "integer"}
    assert "discriminator" in branch["properties"]
    assert "discriminator" not in branch["properties"]["left"]


async def test_the_context_is_injected_and_hidden_from_the_model(context):
    """A model must not be asked for, nor be able to forge, the idempotency key."""

    @tool
    async def pay(amount: int, context: ToolContext) -> str:
        """Pay."""
        return f"{amount} under {context.idempotency_key}"

    assert list(schema_of(pay)["properties"]) == ["amount"]
    assert await pay.run({"amount": 3}, context) == "3 under lead/call-1"
    with pytest.raises(ToolError, match="unknown field `context`"):
        await pay.run({"amount": 3, "context": {"idempotency_key": "mine"}}, context)


def test_a_tool_is_still_the_plain_function(context):
    """Users test their functions without a runtime."""

    @tool(retry="safe", timeout_s=5, parallel=True, name="add-up")
    def add(first: int, second: int = 2) -> int:
        """Add."""
        return first + second

    assert add(1, second=4) == 5
    assert isinstance(add, Tool)
    assert (add.name, add.retry, add.timeout_s, add.is_parallel({})) == (
        "add-up",
        "safe",
        5,
        True,
    )


def test_a_bare_decorator_takes_the_careful_defaults():
    """Unless its author says so, a tool is neither repeated nor run beside others."""
    assert (echo.retry, echo.probe, echo.timeout_s) == ("never", None, None)
    assert not echo.is_parallel({"text": "x"})


async def test_a_probe_is_kept_with_the_tool():
    """Without its function the retry mode `probe` could not be honoured after a crash."""

    def look(key: str) -> ProbeResult:
        return ProbeResult(verdict="done", content=key)

    @tool(retry=probe(look))
    async def order() -> None:
        """Order."""

    assert (order.retry, order.probe) == ("probe", look)


async def test_what_models_get_slightly_wrong_is_taken(context):
    """Numbers as strings and lists as JSON text are common, and their meaning is plain."""
    answer = await echo.run(
        {
            "text": "[1]",
            "times": "2",
            "ratio": "0.5",
            "tags": '["a"]',
            "point": '{"x": "7"}',
            "by_number": {"1": "one"},
        },
        context,
    )

    assert answer == {
        "text": "[1][1]",
        "ratio": 0.5,
        "tags": ["a"],
        "point": Point(7),
        "mode": "fast",
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, ["missing required field `text`", "`text` (string, required)"]),
        ({"text": "x", "tiems": 2}, ["unknown field `tiems`, did you mean `times`?"]),
        ({"text": "x", "tiems": 2}, ["`times` (integer, optional)"]),
        ({"text": 5}, ["`text`: expected string; got 5"]),
        ({"text": "x", "times": "many"}, ['`times`: expected integer; got "many"']),
        ({"text": "x", "times": 1.5}, ["`times`: expected integer; got 1.5"]),
        ({"text": "x", "times": True}, ["`times`: expected integer; got true"]),
        ({"text": "x", "tags": ["a", 1]}, ["`tags[1]`: expected string; got 1"]),
        ({"text": "x", "tags": list("abcd")}, ["at most 3 items", "`tags`", "(4 items)"]),
        ({"text": "x", "tags": "[1"}, ['`tags`: expected array, at most 3 items; got "[1"']),
        ({"text": "x", "point": {"y": 1}}, ["missing required field `point.x` (integer)"]),
        ({"text": "x", "mode": "warp"}, ['`mode`: expected one of "fast", "slow"; got "warp"']),
        ({"text": "x", "by_number": {"a": "b"}}, ["`by_number`", "the name of a field"]),
        (["x"], ['`arguments`: expected object; got ["x"]']),
    ],
)
async def test_wrong_arguments_are_told_with_place_and_expectation(arguments, words, context):
    """A model repairs its call only when it hears which argument is wrong and why."""
    with pytest.raises(ToolError) as refused:
        await echo.run(arguments, context)

    for word in ["Invalid arguments for tool 'echo'", "Nothing was run.", *words]:
        assert word in str(refused.value)
    assert echo.faults(arguments) == str(refused.value)


async def test_a_mutable_default_is_never_shared_between_calls(context):
    """One call's list must not turn up in the next one's."""

    @tool
    def collect(into: list[int] = [0]) -> list[int]:  # noqa: B006
        """Collect."""
        into.append(len(into))
        return into

    assert await collect.run({}, context) == [0, 1]
    assert await collect.run({}, context) == [0, 1]


async def test_none_as_default_makes_null_acceptable(context):
    """The schema shows the default null, so a model that sends it must be understood."""

    @tool
    def greet(name: str = None) -> str:  # type: ignore[assignment]  # noqa: RUF013
        """Greet."""
        return f"hello {name}"

    assert await greet.run({"name": None}, context) == "hello None"


async def test_a_sync_tool_runs_beside_the_loop(context):
    """A blocking function on the loop would stop every agent of the runtime."""
    let_go = threading.Event()

    @tool
    def wait() -> int:
        """Wait until the loop lets go."""
        assert let_go.wait(10)
        return threading.get_ident()

    answers = []

    async def call() -> None:
        answers.append(await wait.run({}, context))

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        group.start_soon(call)
        await anyio.lowlevel.checkpoint()
        let_go.set()

    assert threading.get_ident() not in answers
    assert len(answers) == 2


async def test_a_cancelled_sync_tool_is_not_waited_for(context):
    """Cancelling a run must answer at once, whatever a user's function is stuck in."""
    started, let_go, ended = threading.Event(), threading.Event(), threading.Event()

    @tool
    def stuck() -> None:
        """Wait for the end of the test."""
        started.set()
        let_go.wait(10)
        ended.set()

    async with anyio.create_task_group() as group:
        group.start_soon(stuck.run, {}, context)
        await anyio.to_thread.run_sync(started.wait)
        group.cancel_scope.cancel()
    was_waited_for = ended.is_set()
    let_go.set()

    assert not was_waited_for
    assert await anyio.to_thread.run_sync(ended.wait, 10)


async def test_an_awaitable_from_a_sync_function_is_awaited(context):
    """A wrapper that returns a coroutine is a common way to write an async tool."""

    async def later() -> str:
        return "done"

    @tool
    def wrapped() -> Any:
        """Return a coroutine."""
        return later()

    assert await wrapped.run({}, context) == "done"


async def test_a_bound_method_is_a_tool(context):
    """Tools that share a client are methods of one object."""

    class Shop:
        def price(self, item: str) -> int:
            """Price of an item."""
            return len(item)

    assert await tool(Shop().price).run({"item": "tea"}, context) == 3


def positional_only(text: str, /) -> None: ...
def many(*texts: str) -> None: ...
def any_names(**texts: str) -> None: ...
def untyped(text) -> None: ...
def opaque(thing: Opaque) -> None: ...
def optional_context(context: ToolContext | None = None) -> None: ...
def two_contexts(one: ToolContext, two: ToolContext) -> None: ...
def unresolved(thing: "Nowhere") -> None: ...  # noqa: F821
def bad_default(text: str = object()) -> None: ...  # type: ignore[assignment]
def generator() -> Any:
    yield 1


async def async_generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (positional_only, "'text' is positional-only"),
        (many, "'texts' takes any number"),
        (any_names, "'texts' takes any names"),
        (untyped, "'text' has no annotation"),
        (opaque, "'thing' cannot be described as JSON .*Opaque"),
        (optional_context, "'context' cannot be described"),
        (two_contexts, "only one parameter"),
        (unresolved, "Nowhere"),
        (bad_default, "'text' cannot be described"),
        (generator, "generator"),
        (async_generator, "generator"),
        (lambda: None, "name '<lambda>'"),
        (len, "is not a function"),
        (echo, "name"),
    ],
)
def test_what_models_cannot_call_is_refused_at_decoration(function, words):
    """The author learns it from the import, not from the first request in production."""
    with pytest.raises(InvalidTool, match=words):
        tool(function)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "two words"}, "two words"),
        ({"name": ""}, "64"),
        ({"retry": "probe"}, r"probe\(fn\)"),
        ({"retry": "always"}, "always"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"timeout_s": float("nan")}, "timeout_s"),
    ],
)
def test_wrong_options_are_refused_at_decoration(options, words):
    """A misspelt retry mode would be found out after the first crash."""
    with pytest.raises(InvalidTool, match=words):
        tool(**options)(_fine)


def _fine(text: str) -> str:
    """Fine."""
    return text


def test_a_tool_says_how_models_are_told_of_it():
    """Hundreds of tools do not fit into every prompt."""

    @tool(deferred=True, strict=True)
    def look_up(word: str) -> str:
        """Look a word up."""
        return word

    assert (look_up.spec.is_deferred, look_up.spec.strict) == (True, True)


@pytest.mark.parametrize("strict", [None, True, False])
def test_strictness_is_kept_as_it_is_said(strict):
    """A no that became silence would leave it to the provider, and they differ."""

    @tool(strict=strict)
    def look_up(word: str) -> str:
        """Look a word up."""
        return word

    assert look_up.spec.strict is strict
