"""Arguments against a JSON schema that was written by hand."""

import math
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest

from mentra_actors.errors import InvalidTool
from mentra_actors.tools.functions.decorator import tool
from mentra_actors.tools.registry import ToolRegistry

sys.path.insert(0, str(Path(__file__).parent))
from asked_tools import by_hand, problems

pytestmark = pytest.mark.anyio


HAND = {
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 10},
        "path": {"type": "string", "minLength": 1},
        "filter": {
            "oneOf": [
                {"type": "string", "pattern": "^a"},
                {"type": "array", "items": {"type": "string"}},
            ]
        },
        "node": {"$ref": "#/$defs/node"},
        "when": {"const": "now"},
        "never": False,
    },
    "required": ["count", "path"],
    "additionalProperties": False,
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
                "value": {"type": ["integer", "null"]},
            },
            "required": ["value"],
        }
    },
}


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ({"count": 3, "path": "p"}, []),
        ({"count": "3", "path": "p"}, ["`count`: expected integer, at least 1, below 10; got"]),
        ({"count": 10, "path": "p"}, ["`count`: expected integer, at least 1, below 10; got 10"]),
        (
            {"count": 1, "path": ""},
            ['`path`: expected string, at least 1 character; got "" (0 ch'],
        ),
        ({"count": 1, "pth": "p"}, ["missing required field `path`", "unknown field `pth`, did"]),
        ({"count": 1, "path": "p", "filter": 5}, ["`filter`: expected string or array; got 5"]),
        ({"count": 1, "path": "p", "filter": ["a", 5]}, ["`filter[1]`: expected string; got 5"]),
        ({"count": 1, "path": "p", "filter": "b"}, ["`filter`: expected string, matching `^a`"]),
        ({"count": 1, "path": "p", "never": 1}, ["`never`: no value is allowed here"]),
        ({"count": 1, "path": "p", "when": 1}, ['`when`: expected "now"; got 1']),
        (
            {"count": 1, "path": "p", "node": {"children": [{}, {"value": "x"}], "value": None}},
            [
                "missing required field `node.children[0].value` (integer or null)",
                '`node.children[1].value`: expected integer or null; got "x"',
            ],
        ),
        ({"count": math.nan, "path": "p"}, ["`count`: expected a number that JSON has; got NaN"]),
        ({"count": 1, "path": b"p"}, ["`path`: expected a value that JSON has; got a bytes"]),
    ],
)
def test_a_schema_that_is_written_by_hand_is_applied(arguments, lines):
    """A tool without Python types is checked before it runs all the same."""
    told = problems(by_hand(HAND), arguments)

    assert len(told) == len(lines)
    assert all(line.startswith(begin) for line, begin in zip(told, lines, strict=True))


def test_a_value_that_fits_two_forms_of_which_one_is_allowed_is_refused():
    """`oneOf` means one, and the model hears that."""
    both = by_hand({"properties": {"x": {"oneOf": [{"type": "integer"}, {"minimum": 0}]}}})

    assert problems(both, {"x": 1}) == [
        "`x`: fits more than one of the allowed forms, and must fit exactly one"
    ]


def test_a_union_without_tags_takes_no_exponential_time():
    """Each form of each level is looked at once, or a model could stop the process for years."""
    form = {"type": "object", "properties": {"of": {"$ref": "#/$defs/any"}}, "required": ["of"]}
    forms = [{**form, "title": str(number)} for number in range(4)] + [{"type": "integer"}]
    schema = {"properties": {"x": {"$ref": "#/$defs/any"}}, "$defs": {"any": {"anyOf": forms}}}
    right, wrong = 1, "x"
    for _ in range(40):
        right, wrong = {"of": right}, {"of": wrong}

    assert by_hand(schema).faults({"x": right}) == ""
    assert problems(by_hand(schema), {"x": wrong})[0].startswith("`x`: expected object with `of`")


def test_a_long_list_of_a_recursive_schema_is_checked_to_its_end():
    """Only work that the size does not explain is given up."""
    tree = {"type": "object", "properties": {"of": {"items": {"$ref": "#"}}}, "required": ["of"]}
    leaves: list[Any] = [{"of": []} for _ in range(12_000)]

    assert by_hand(tree).faults({"of": leaves}) == ""
    assert problems(by_hand(tree), {"of": [*leaves, {}]}) == [
        "missing required field `of[12000].of` (any)"
    ]


def test_a_tag_that_may_be_left_out_is_not_asked_for():
    """What is wrong must not be explained by what is right."""
    forms = [{"type": "object", "properties": {"kind": {"const": name}}} for name in ("a", "b")]
    for form in forms:
        form["properties"]["x"] = {"type": "integer"}
    made = by_hand({"properties": {"part": {"anyOf": forms}}})

    assert problems(made, {"part": {"x": "y"}}) == [
        '`part`: expected object; got {"x": "y"}',
    ]
    assert problems(made, {"part": {"kind": "a", "x": "y"}}) == [
        '`part.x`: expected integer; got "y"',
    ]


def test_equal_items_are_found_in_a_long_list():
    """Comparing each with each would take hours."""
    made = by_hand({"properties": {"x": {"type": "array", "uniqueItems": True}}})
    items = [{"n": number, "of": [True, 1, "1", None]} for number in range(5_000)]

    assert made.faults({"x": [*items, 1, True, [1], [True], 0, False, "1"]}) == ""
    assert problems(made, {"x": [*items, {"of": [True, 1.0, "1", None], "n": 7.0}]}) != []
    assert problems(made, {"x": [1, 1.0]}) == [
        "`x`: expected array, all of them different; got [1, 1.0]"
    ]


def test_a_higher_recursion_limit_changes_nothing():
    """Python's limit is not that of the stack of C, whose end is the end of the process."""
    script = """
import sys
sys.setrecursionlimit(1_000_000)
from mentra_actors.tools.schemas.schema_faults import faults_by_schema
deep = {}
for _ in range(50_000):
    deep = {"of": deep}
tree = '{"type": "object", "properties": {"of": {"$ref": "#"}}}'
assert "nested too deeply" in faults_by_schema("deep", tree, deep)
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50)


def test_a_schema_that_explodes_is_given_up():
    """What is left of exponential schemas is stopped by counting, and refused in words."""
    definitions: dict[str, Any] = {"d0": {"type": "integer"}}
    for number in range(1, 40):
        part = {"$ref": f"#/$defs/d{number - 1}"}
        definitions[f"d{number}"] = {"allOf": [part, part]}
    bomb = by_hand({"properties": {"x": {"$ref": "#/$defs/d39"}}, "$defs": definitions})

    assert "too much to compare them with" in bomb.faults({"x": 1})


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": 5}, r"no valid JSON Schema: at \$\.type"),
        ({"properties": {"a": {"minimum": "x"}}}, r"at \$\.properties\.a\.minimum"),
        ({"properties": {"a": {"pattern": "("}}}, "'regex'"),
        ({"$ref": "#/$defs/none"}, "'#/\\$defs/none', which is not in it"),
        ({"$ref": "#/x-part", "x-part": {"not": {"$ref": "http://x.y/z"}}}, "nothing is fetched"),
        ({"$ref": "#/title/x", "title": "t"}, "cannot be applied: ValueError"),
        ({"$ref": "#/type/0", "type": ["object"]}, "cannot be applied: AttributeError"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"allOf": [{"$ref": "#"}]}, "without end"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "without end"),
        ({"$ref": "https://example.com/schema"}, "nothing is fetched"),
        ({"properties": {"a": {"items": {"$dynamicRef": "other#x"}}}}, "nothing is fetched"),
        ("not json", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"not":' * 200 + "{}" + "}" * 200, "nested too deeply"),
        ('{"not":' * 5_000 + "{}" + "}" * 5_000, "recursion"),
    ],
    ids=range(16),
)
def test_a_schema_that_cannot_be_applied_is_refused_at_registration(schema, words):
    """Its author learns it at the start, not from a model in production."""
    broken = by_hand(schema)

    with pytest.raises(InvalidTool, match=f"tool 'hand': input_schema .*{words}"):
        ToolRegistry([broken])
    assert "the tool itself is broken" in broken.faults({})


def test_a_schema_that_names_its_draft_is_read_like_any_other():
    """The library would go on with its own keywords where such a schema refers to itself."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    tree = {"properties": {"of": {"$ref": "#"}}, "additionalProperties": False}
    unknown = ["unknown field `of.off`, did you mean `of`?"]

    assert problems(by_hand(tree), {"of": {"off": 1}}) == unknown
    assert problems(by_hand({"$schema": draft, **tree}), {"of": {"off": 1}}) == unknown


@pytest.mark.parametrize(
    ("kind", "fitting", "others"),
    [
        ("integer", [0, -1, 1.0, 10**40, 1e300], [True, 1.5, "1", None, [], {}]),
        ("number", [0, 1.5], [False, "1"]),
        ("boolean", [True, False], [0, 1, "true"]),
        ("null", [None], [0, "", False]),
        ("string", ["", "1"], [1, ["x"]]),
        ("array", [[], [1]], ["", {}]),
        ("object", [{}, {"a": 1}], [[], None]),
    ],
)
def test_the_types_are_those_of_json(kind, fitting, others):
    """To Python true is 1, and 1.0 is no integer."""
    made = by_hand({"properties": {"x": {"type": kind}}})

    assert [value for value in fitting if made.faults({"x": value})] == []
    assert [value for value in others if not made.faults({"x": value})] == []


def test_a_schema_may_refer_to_what_it_holds():
    """Identifiers, anchors and the specification itself are known without a network."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://example.com/tool.json",
        "properties": {
            "a": {"$ref": "part.json"},
            "b": {"$ref": "#place"},
            "c": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
            "d": {"$ref": "https://example.com/tool.json"},
        },
        "$defs": {
            "part": {"$id": "part.json", "type": "integer"},
            "place": {"$anchor": "place", "type": "string"},
        },
    }
    made = ToolRegistry([by_hand(schema)])["hand"]

    assert made.faults({"a": 1, "b": "x", "c": {"type": "object"}, "d": {"a": 2}}) == ""
    assert len(problems(made, {"a": "x", "b": 1, "c": {"type": 5}, "d": {"a": "y"}})) == 4


def test_nothing_is_fetched_for_a_tool_that_was_not_registered():
    """A check must not become a request to wherever a schema points."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema"
        remote = by_hand({"properties": {"x": {"$ref": address}}})

        assert "nothing is fetched" in remote.faults({"x": 1})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_tool_may_check_by_itself():
    """What a schema cannot say is said before the call all the same."""
    odd = by_hand({}, check=lambda arguments: "" if arguments.get("n", 0) % 2 else "n must be odd")

    assert ToolRegistry([odd])["hand"].faults({"n": 1}) == ""
    assert odd.faults({"n": 2}) == "n must be odd"
    with pytest.raises(InvalidTool, match="not a JSON object"):
        ToolRegistry([by_hand("[]", check=odd.check)])


def test_an_annotation_that_brings_a_wrong_schema_still_refuses():
    """The words of the type are left when those of the schema cannot be had."""

    @tool
    def odd(n: Annotated[int, msgspec.Meta(extra_json_schema={"minimum": "x"})]) -> None:
        """Odd."""

    assert odd.faults({"n": 1}) == ""
    assert "`arguments`: Expected `int`, got `str`" in odd.faults({"n": "x"})


def test_checks_in_many_threads_do_not_meet():
    """Agents of one runtime share their tools."""
    answers: list[list[str]] = []

    def form(kind: int) -> dict[str, Any]:
        properties = {"kind": {"const": kind}, "value": {"type": "integer"}}
        return {"type": "object", "properties": properties, "required": ["kind"]}

    def ask(number: int) -> None:
        forms = {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}
        definitions = {"a": form(number), "b": form(number + 10)}
        made = by_hand({"properties": {"x": {"items": forms}}, "$defs": definitions})
        for _ in range(10):
            answers.append(problems(made, {"x": [{"kind": number, "value": "y"}] * 3}))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval_s)

    told = [f'`x[{index}].value`: expected integer; got "y"' for index in range(3)]
    assert answers == [told] * 40


def test_the_library_is_loaded_when_it_is_needed():
    """Importing the package is the start of every command; most need no schema."""
    script = """
import sys
import mentra_actors.tools.functions.decorator as decorator
import mentra_actors.tools.registry as registry
@decorator.tool
def echo(text: str) -> str:
    return text
registry.ToolRegistry([echo])
assert echo.faults({"text": "x"}) == ""
assert "jsonschema" not in sys.modules
assert echo.faults({}) != ""
assert "jsonschema" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=50)
