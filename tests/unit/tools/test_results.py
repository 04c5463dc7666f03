"""What a model is told of a result: legal text, whole or honestly cut."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.tool_call import OutgoingMail, ToolOutcome
from mentra_actors.ids import AgentId, MailId
from mentra_actors.tools.contract import ToolError, ToolOutput
from mentra_actors.tools.results.rendering import (
    MAX_RESULT_SIZE,
    outcome_text,
    render_failure,
    rough_size,
)
from mentra_actors.tools.results.rendering import render_result as rendered
from mentra_actors.tools.results.size import (
    MAX_CONTENT_BYTES,
    MAX_CONTENT_LINES,
    ResultLimits,
    limit_outcome,
)


def render_result(value, *, tool_name):
    return rendered(value, tool_name=tool_name).outcome


class Blobs:
    """Keeps texts under the digests 1, 2, …"""

    def __init__(self):
        self.contents = {}

    def keep(self, content):
        digest = str(len(self.contents) + 1)
        self.contents[digest] = content
        return digest


@dataclass
class Point:
    x: int


class Opaque:
    pass


class Kept(msgspec.Struct):
    value: object


def limited(text):
    blobs = Blobs()
    return limit_outcome(ToolOutcome(content=text), keep=blobs.keep), blobs


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        ("", ""),
        (None, "(no output)"),
        (7, "7"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        (Point(x=1), '{"x":1}'),
        ("\ud800 lone", "? lone"),
    ],
)
def test_a_value_becomes_text(value, text):
    """A tool returns what is natural in Python, and the model reads text or JSON."""
    assert outcome_text(value) == text
    assert render_result(value, tool_name="t").content == text


def cyclic():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (Opaque(), "Opaque"),
        ({"a": Opaque()}, "dict"),
        (cyclic(), "list"),
        ({"text": "\ud800"}, "dict"),
        ((n for n in ()), "generator"),
    ],
)
def test_an_unserialisable_result_is_an_error_for_the_model(value, type_name):
    """A bad return type must not crash the run; the text names who is to be repaired."""
    outcome = render_result(value, tool_name="measure")

    assert outcome.is_error
    assert "'measure'" in outcome.content
    assert f"'{type_name}'" in outcome.content
    with pytest.raises(TypeError, match=type_name):
        outcome_text(value)


def test_an_output_keeps_details_mail_and_its_error_flag():
    """Details are for people, mail leaves with the outcome: neither may be lost on the way."""
    mail = OutgoingMail(mail_id=MailId("m"), to=AgentId("worker"), body="hi")
    output = ToolOutput(content={"n": 1}, details={"d": 2}, mail=(mail,), is_error=True)

    assert render_result(output, tool_name="t") == ToolOutcome(
        content='{"n":1}', details='{"d":2}', mail=(mail,), is_error=True
    )


def test_lost_details_do_not_spoil_the_content():
    """The model's answer counts for more than a note for people."""
    outcome = render_result(ToolOutput(content="fine", details=Opaque()), tool_name="t")

    assert (outcome.content, outcome.is_error) == ("fine", False)
    assert "Opaque" in msgspec.json.decode(outcome.details)["details_lost"]


def test_a_failure_says_what_was_raised():
    """A ToolError is written for the model; any other exception at least names itself."""
    told = render_failure(ToolError("no such city"), tool_name="weather")
    silent = render_failure(ToolError(), tool_name="weather")
    crashed = render_failure(KeyError("temp"), tool_name="weather")

    assert told == ToolOutcome(content="no such city", is_error=True)
    assert silent.content == "Tool 'weather' failed."
    assert crashed.content == "Tool 'weather' failed: KeyError: 'temp'"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * MAX_CONTENT_BYTES,
        "é\r\n" * (MAX_CONTENT_LINES - 1) + "last",
        "a\n" * MAX_CONTENT_LINES,
    ],
)
def test_a_text_within_the_limits_stays_byte_identical(text):
    """A limiter that touches small results would change what the model was told."""
    outcome, blobs = limited(text)

    assert outcome == ToolOutcome(content=text)
    assert blobs.contents == {}


def test_too_many_lines_keep_head_and_tail_and_the_whole_is_kept():
    """Errors and totals stand at the end; the model sees how much is missing, and where it is."""
    text = "".join(f"line {n}\r\n" for n in range(1, 2_502))
    outcome, blobs = limited(text)
    head, notice, tail = (
        outcome.content.split("\n")[:1499],
        outcome.content.split("\n")[1499],
        outcome.content.split("\n")[1500:],
    )

    assert notice == (
        "[truncated: showing 1999 of 2501 lines: 1-1499 and 2002-2501; full output kept as blob 1]"
    )
    assert head == text.split("\n")[:1499]
    assert tail == text.split("\n")[2001:]
    assert blobs.contents == {"1": text.encode()}
    assert outcome.spilled == BlobRef(digest="1", size_bytes=len(text.encode()))


def test_too_many_bytes_keep_whole_lines_only():
    """Half a line of JSON or code misleads; a missing one is announced."""
    text = "ü" * 15_000 + "\n" + "ö" * 20_000 + "\nthe end"
    outcome, _ = limited(text)

    assert outcome.content == (
        "ü" * 15_000
        + "\n[truncated: showing 2 of 3 lines: 1-1 and 3-3; full output kept as blob 1]\nthe end"
    )


def test_a_first_line_that_is_too_long_is_cut_at_a_character_and_says_so():
    """Minified files are one line: showing nothing of them helps nobody."""
    outcome, _ = limited("€" * 40_000)
    head, notice = outcome.content.split("\n")

    assert set(head) == {"€"}
    assert f"the first {len(head)} characters" in notice
    assert notice.startswith("[truncated: showing 1 of 1 lines")


def test_a_first_line_that_is_cut_does_not_hide_that_the_end_is_shown():
    """The end is there to be read: a notice that leaves it out makes the model doubt it."""
    outcome, _ = limited("€" * 40_000 + "\nthe total: 7")
    head, notice, tail = outcome.content.split("\n")

    assert (set(head), tail) == ({"€"}, "the total: 7")
    assert notice == (
        f"[truncated: showing 2 of 2 lines: the first {len(head)} characters of line 1 and 2-2; "
        "full output kept as blob 1]"
    )


def test_two_lines_are_the_first_one_and_the_notice():
    """The smallest limit is a limit too, and the notice does not call four lines one."""
    outcome = limit_outcome(
        ToolOutcome(content="a\nb\nc\nd"), keep=Blobs().keep, limits=ResultLimits(max_lines=2)
    )

    assert outcome.content == "a\n[truncated: showing 1 of 4 lines; full output kept as blob 1]"


def test_a_long_reason_why_nothing_was_kept_is_cut():
    """It stands in the prompt of every later request."""

    def full(_content):
        raise OSError("x" * 90_000)

    outcome = limit_outcome(ToolOutcome(content="y" * 90_000), keep=full)

    assert len(outcome.content.encode()) <= MAX_CONTENT_BYTES


def test_data_is_never_cut():
    """Half a JSON document tells a lie: it is kept whole, and the model is told where."""
    blobs = Blobs()
    outcome, is_text, _ = rendered([{"n": n} for n in range(9_000)], tool_name="t")
    limited_ = limit_outcome(outcome, keep=blobs.keep, is_text=is_text)
    size = len(outcome.content)

    assert not is_text
    assert limited_.content == f"[structured output of {size} bytes; full output kept as blob 1]"
    assert blobs.contents["1"] == outcome.content.encode()


def test_a_failure_to_keep_the_whole_is_said():
    """The call has happened: its result must be told, whatever the disk does."""

    def full(_content):
        raise OSError("no space left on device")

    output = ToolOutput(content="x\n" * 9_000, details={"d": 1}, terminate=True)
    outcome = limit_outcome(render_result(output, tool_name="t"), keep=full)

    assert "the whole could not be kept (OSError: no space left on device)" in outcome.content
    assert outcome.spilled is None
    assert (outcome.details, outcome.terminate) == ('{"d":1}', True)


def test_limits_may_be_chosen():
    """A model with a small window wants less."""
    text = "".join(f"{n}\n" for n in range(100))
    blobs = Blobs()
    limits = ResultLimits(max_bytes=1000, max_lines=9)
    outcome = limit_outcome(ToolOutcome(content=text), keep=blobs.keep, limits=limits)

    assert outcome.content.count("\n") == 9
    with pytest.raises(ValueError, match="at least 800 bytes"):
        ResultLimits(max_bytes=10)


def test_an_error_is_limited_like_a_result():
    """A traceback of a megabyte fills a context window as well as any output."""
    blobs = Blobs()
    failure = render_failure(ToolError("x\n" * 9_000), tool_name="t")
    outcome = limit_outcome(failure, keep=blobs.keep)

    assert outcome.is_error
    assert outcome.content.count("\n") == MAX_CONTENT_LINES


def text_around_the_limits():
    unit = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
    repeats = st.integers(min_value=1, max_value=4_000)
    part = st.tuples(unit, st.sampled_from(["", "\n", "\r\n"]), repeats)
    return st.lists(part, min_size=1, max_size=3).map(
        lambda parts: "".join((text + end) * count for text, end, count in parts)
    )


@given(text_around_the_limits())
def test_no_content_is_above_the_limits_and_nothing_is_lost(text):
    """The size of a prompt is bounded for every output, and the whole text can be had."""
    outcome, blobs = limited(text)
    again, _ = limited(outcome.content)

    assert len(outcome.content.encode()) <= MAX_CONTENT_BYTES
    assert outcome.content.count("\n") <= MAX_CONTENT_LINES
    assert again.content == outcome.content
    assert text in (outcome.content, *(kept.decode() for kept in blobs.contents.values()))


# --- more than anybody can keep ---------------------------------------------------------------


def shared(depth):
    """A list that is small in memory and has 2 ** depth parts as JSON."""
    value = ["x"]
    for _ in range(depth):
        value = [value, value]
    return value


def test_a_text_that_is_too_large_to_be_kept_loses_its_middle():
    """Its start and its end are what tells most, and the result is told all the same."""
    half = MAX_RESULT_SIZE // 2
    outcome = render_result("a" * half + "b" * MAX_RESULT_SIZE + "c" * half, tool_name="t")

    assert not outcome.is_error
    assert len(outcome.content) < MAX_RESULT_SIZE + 100
    assert outcome.content.startswith("a" * half)
    assert outcome.content.endswith("c" * 100)
    assert f"\n[{MAX_RESULT_SIZE:,} characters of {2 * MAX_RESULT_SIZE:,} are" in outcome.content


@pytest.mark.parametrize(
    "value",
    [shared(60), {"rows": shared(60)}, ToolOutput(content=shared(60)), [Kept(shared(60))]],
    ids=["a list", "a dict", "an output", "a struct"],
)
def test_data_without_an_end_is_an_error_before_it_is_written(value):
    """Written as JSON it would take all memory, and the team with it."""
    outcome = render_result(value, tool_name="t")

    assert outcome.is_error
    assert "its result is lost" in outcome.content
    assert f"more than {MAX_RESULT_SIZE:,} characters" in outcome.content


def test_an_iterator_and_a_circle_are_errors():
    circle = []
    circle.append(circle)

    for value in (iter(int, 1), circle):
        outcome = render_result(value, tool_name="t")
        assert outcome.is_error
        assert "its result is lost" in outcome.content


def test_details_without_an_end_are_lost_and_the_content_is_not():
    outcome = render_result(ToolOutput(content="x", details=shared(60)), tool_name="t")

    assert (outcome.content, outcome.is_error) == ("x", False)
    assert "details_lost" in outcome.details


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
)


@given(_JSON, st.integers(0, 200))
def test_the_rough_size_of_a_value_is_about_that_of_its_json(value, most):
    """Within a factor, so that what it lets pass is bounded; and it is above `most` or exact."""
    size = rough_size(value, most=10**9)

    written = len(msgspec.json.encode(value).decode())
    assert written <= 6 * size
    some = rough_size(value, most=most)
    assert some == size if size <= most else most < some <= size


@given(st.integers(0, 12), st.integers(1, 5))
def test_what_occurs_often_counts_as_often(depth, wide):
    def copied(value):
        return [copied(one) for one in value] if isinstance(value, list) else value

    value = [shared(depth)] * wide

    assert rough_size(value, most=10**9) == rough_size(copied(value), most=10**9)
