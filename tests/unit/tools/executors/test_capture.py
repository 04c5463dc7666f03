"""Of a stream its beginning and its end are kept."""

from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.tools.executors.capture import StreamCapture

pieces = st.lists(st.binary(max_size=40), max_size=30)


@given(pieces, st.integers(1, 100))
def test_what_is_kept_is_the_beginning_and_the_end_of_what_came(pieces, max_bytes):
    """However it was cut into pieces: a build says at its end why it failed."""
    capture, whole = StreamCapture(max_bytes), b"".join(pieces)
    for piece in pieces:
        capture.add(piece)
    kept = capture.captured

    assert whole.startswith(kept.head)
    assert whole.endswith(kept.tail)
    assert len(kept.head) + len(kept.tail) == min(max_bytes, len(whole))
    assert kept.total_bytes == len(whole)
    assert kept.is_truncated == (len(whole) > max_bytes)


@given(pieces, st.integers(1, 100))
def test_no_more_is_held_than_is_kept_and_a_piece(pieces, max_bytes):
    """A command may print for a day."""
    capture, largest = StreamCapture(max_bytes), max(map(len, pieces), default=0)
    for piece in pieces:
        capture.add(piece)

        assert len(capture._head) + sum(map(len, capture._tail)) <= max_bytes + largest


def test_the_text_says_how_much_is_left_out():
    capture = StreamCapture(8)
    for _ in range(1000):
        capture.add(b"abcd")

    assert capture.captured.text == "abcd\n[… 3,992 bytes left out …]\nabcd"
