"""Server-sent events from bytes, however they are cut."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.errors import ProviderError
from mentra_actors.providers.sse import SseParser


def _parse(*chunks: bytes) -> list[str]:
    parser = SseParser()
    events = [event for chunk in chunks for event in parser.feed(chunk)]
    last = parser.close()
    return [*events, last] if last is not None else events


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_each_line_end_ends_a_line(end: bytes) -> None:
    """Servers differ, and a proxy may rewrite line ends."""
    assert _parse(b"data: a" + end + b"data: b" + end * 2 + b"data: c" + end * 2) == ["a\nb", "c"]


def test_line_ends_may_be_mixed_in_one_stream() -> None:
    """A proxy that adds its own frames must not glue frames together."""
    assert _parse(b"data: a\n\r\ndata: b\r\n\ndata: c\r\rdata: d\n\n") == ["a", "b", "c", "d"]


def test_a_crlf_cut_in_two_is_one_line_end() -> None:
    """Otherwise the LF of the next chunk would end a frame too early."""
    assert _parse(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == ["a\nb"]


def test_a_cr_at_the_end_of_a_chunk_may_stand_alone() -> None:
    """The parser must not wait for a LF that never comes."""
    parser = SseParser()

    assert parser.feed(b"data: a\r\r") == ["a"]
    assert parser.feed(b"data: b\r\r") == ["b"]


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
def test_unicode_separators_are_not_line_ends(separator: str) -> None:
    """JSON may hold them raw, and splitting there destroys it."""
    assert _parse(f"data: a{separator}b\n\n".encode()) == [f"a{separator}b"]


def test_fields_are_read_and_the_rest_is_ignored() -> None:
    """Comments, unknown fields and a BOM are allowed anywhere the standard allows them."""
    stream = b"\xef\xbb\xbf: hello\nevent: e\nid: 7\nretry: 20\nfuture: x\ndata:  two\ndata:x\n\n"

    assert _parse(stream) == [" two\nx"]


def test_a_bom_inside_the_stream_is_parse() -> None:
    """Only the first bytes of the stream may be a BOM."""
    assert _parse(b"data: a\n\n", b"\xef\xbb\xbfdata: b\n\n") == ["a"]


def test_a_frame_without_data_is_not_an_event() -> None:
    """`retry:` alone is common at the start of a stream; parsing it as JSON would fail."""
    assert _parse(b"retry: 3000\n\nid: 1\n\nevent: x\n\n\n\n: ping\n\n") == []
    assert _parse(b"event: x\n\ndata: a\n\n") == ["a"]


@pytest.mark.parametrize("value", [b"soon", b"", b"9" * 5000, b"\xff"])
@pytest.mark.parametrize("field", [b"event", b"id", b"retry"])
def test_a_field_that_nobody_needs_breaks_nothing(field: bytes, value: bytes) -> None:
    """What kind an event is stands in its data; odd values of the other fields do no harm."""
    assert _parse(field + b": " + value + b"\ndata: a\n\n") == ["a"]


def test_a_data_field_may_be_empty_or_have_no_colon() -> None:
    """Both are data lines by the standard."""
    assert _parse(b"data\n\ndata:\n\ndata: \n\n") == ["", "", ""]


@pytest.mark.parametrize(
    "stream", [b"data: a", b"data: a\n", b"data: a\r\n", b"event: x\ndata: a"]
)
def test_an_unterminated_last_frame_is_left_to_the_caller(stream: bytes) -> None:
    """Some servers end without the blank line; a broken connection looks the same."""
    parser = SseParser()

    assert parser.feed(stream) == []
    assert parser.close() == "a"
    assert parser.close() is None


def test_invalid_utf8_is_a_malformed_stream() -> None:
    """A replaced character would silently change what the model said."""
    with pytest.raises(ProviderError) as caught:
        _parse(b"data: \xff\n\n")

    assert caught.value.kind == "malformed_stream"


def test_a_character_may_be_cut_by_a_chunk() -> None:
    """Chunk borders know nothing of UTF-8."""
    assert _parse(b"data: \xe2\x82", b"\xac\n\n") == ["€"]


@pytest.mark.parametrize("chunks", [[b"data: " + b"x" * 200], [b"data: 12345678\n"] * 20])
def test_a_frame_has_a_size_limit(chunks: list[bytes]) -> None:
    """A server that never ends a frame must not fill the memory."""
    parser = SseParser(max_frame_bytes=100)

    with pytest.raises(ProviderError, match="longer than 100 bytes"):
        [parser.feed(chunk) for chunk in chunks]


def test_the_size_limit_is_of_one_frame() -> None:
    """A long stream of small frames is normal."""
    parser = SseParser(max_frame_bytes=100)

    assert sum(len(parser.feed(b"data: 12345678\n\n")) for _ in range(50)) == 50


def test_a_large_frame_in_small_chunks_takes_linear_time() -> None:
    """Searching the whole buffer for each chunk would take minutes for an inline image."""
    parser = SseParser()
    started = time.process_time()
    parser.feed(b"data: ")
    for _ in range(200_000):
        parser.feed(b"0123456789abcdef")
    (event,) = parser.feed(b"\n\n")

    assert len(event) == 3_200_000
    assert time.process_time() - started < 5


_STREAM_PIECES = st.lists(
    st.sampled_from(
        [b"data: ", b"data:", b"event: e", b": c", b"id: 1", b"\n", b"\r", b"\r\n", b"\n\n", b"x"]
        + ["\u2028é€😀".encode(), b"\xef\xbb\xbf", b"{}"]
    ),
    max_size=40,
)


@given(pieces=_STREAM_PIECES, cuts=st.lists(st.integers(0, 200), max_size=20))
def test_any_chunking_gives_the_same_events(pieces: list[bytes], cuts: list[int]) -> None:
    """The network decides where chunks end, so it must not matter."""
    stream = b"".join(pieces)
    borders = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    chunks = [stream[a:b] for a, b in itertools.pairwise(borders)]

    whole = _parse(stream)

    assert _parse(*chunks) == whole
    assert _parse(*(bytes([byte]) for byte in stream)) == whole


_ANY_PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [b"data: ", b"data", b"event:x", b"id: 1", b": c", b"\n", b"\r", b"\r\n", b"\n\n"]
        ),
        st.binary(max_size=12),
    ),
    max_size=40,
)


def _outcome(chunks: list[bytes], most_bytes: int) -> tuple[list[str], str | None, SseParser]:
    """The events, and what was wrong at the end."""
    parser = SseParser(max_frame_bytes=most_bytes)
    events: list[str] = []
    try:
        for chunk in chunks:
            events += parser.feed(chunk)
            assert len(parser._line) + len(parser._data or b"") <= most_bytes + 1
        last = parser.close()
    except ProviderError as error:
        return events, error.kind, parser
    return [*events, *([last] if last is not None else [])], None, parser


@given(
    pieces=_ANY_PIECES,
    cuts=st.lists(st.integers(0, 300), max_size=20),
    most_bytes=st.sampled_from([8, 30, 100_000]),
)
def test_any_bytes_give_events_or_one_error_however_they_are_cut(
    pieces: list[bytes], cuts: list[int], most_bytes: int
) -> None:
    """A broken proxy can send anything: what was whole before it counts, and nothing is kept."""
    stream = b"".join(pieces)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    chunks = [stream[start:end] for start, end in itertools.pairwise(places)]

    events, fault, parser = _outcome(chunks, most_bytes)

    assert (events, fault) == _outcome([stream], most_bytes)[:2]
    assert (events, fault) == _outcome([bytes([one]) for one in stream], most_bytes)[:2]
    if parser._fault is not None:
        with pytest.raises(ProviderError):
            parser.feed(b"data: more\n\n")


def test_what_was_whole_before_the_error_is_not_lost() -> None:
    """Bytes that came together with bad ones must not decide which events were heard."""
    parser = SseParser()

    assert parser.feed(b"data: a\n\ndata: \xff\n\n") == ["a"]
    with pytest.raises(ProviderError, match="UTF-8"):
        parser.close()


def test_unknown_fields_and_empty_data_are_not_kept() -> None:
    """Each of them is short; a stream of nothing else would fill the memory."""
    parser = SseParser(max_frame_bytes=1000)
    parser.feed(b"".join(b"f%d: x\n" % number for number in range(10_000)))

    assert not parser._line
    with pytest.raises(ProviderError, match="longer than 1000 bytes"):
        parser.feed(b"data\n" * 2000)
