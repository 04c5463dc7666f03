"""What holds of every tool result that a model is told, however long it is."""

import re

from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.domain.agent.profile import ToolResultPaging
from mentra_actors.domain.blob import BlobRef
from mentra_actors.domain.tool_call import ToolOutcome
from mentra_actors.tools.results.pages import END, first_page, next_page, text_page
from mentra_actors.tools.results.size import ResultLimits, limit_outcome

UNITS = st.sampled_from(["", "x", "€", "😀", "a\r", "line", "\u2028"]) | st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\n"), max_size=5
)
LINES = st.tuples(UNITS, st.integers(0, 400)).map(lambda line: line[0] * line[1])
TEXTS = st.tuples(
    st.lists(LINES | st.sampled_from([*"abc", ""]), max_size=12), st.integers(1, 3), st.booleans()
).map(lambda t: "\n".join(t[0] * t[1]) + "\n" * t[2])
LIMITS = st.builds(ResultLimits, max_bytes=st.integers(800, 2_000), max_lines=st.integers(2, 20))
NOTICE = re.compile(r"\n?\[truncated: showing (\d+) of (\d+) lines?(.*); (.*)\](?:\n|$)")


def limited(text, limits, paging=None, keep=None):
    """The content that a model is told, and what was kept of the whole."""
    kept = []

    def keep_all(content):
        kept.append(content)
        return "1" * 64

    outcome = limit_outcome(
        ToolOutcome(content=text), keep=keep or keep_all, limits=limits, paging=paging, call="c"
    )
    return outcome, kept


def lines_of(text):
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")


# --- head and tail ----------------------------------------------------------------------------


@forall(TEXTS, LIMITS)
def test_a_limited_result_is_within_its_limits_and_the_whole_is_kept(text, limits):
    """The size of a prompt is bounded whatever a tool says, and nothing is lost by it."""
    outcome, kept = limited(text, limits)
    size = len(text.encode())

    assert len(outcome.content.encode()) <= limits.max_bytes
    assert len(lines_of(outcome.content)) <= limits.max_lines
    is_changed = size > limits.max_bytes or len(lines_of(text)) > limits.max_lines
    assert (outcome.content != text) == is_changed
    assert kept == ([text.encode()] if is_changed else [])
    assert outcome.spilled == (BlobRef(digest="1" * 64, size_bytes=size) if is_changed else None)


@forall(TEXTS, LIMITS)
def test_the_notice_says_what_is_shown_and_both_parts_are_of_the_text(text, limits):
    """A model that is told wrong line numbers edits the wrong lines."""
    outcome, kept = limited(text, limits)
    if not kept:
        return
    notice = NOTICE.search(outcome.content)
    head, tail = outcome.content[: notice.start()], outcome.content[notice.end() :]
    shown, total, rest = int(notice[1]), int(notice[2]), notice[3]

    assert total == len(lines_of(text))
    assert text.startswith(head)
    assert text.endswith(f"\n{tail}" if tail else "")
    head_lines = len(head.split("\n"))
    tail_lines = len(lines_of(tail)) if notice.end() < len(outcome.content) else 0
    assert shown == head_lines + tail_lines
    if tail_lines:
        assert f"{total - tail_lines + 1}-{total}" in rest
    if "characters" in rest:
        assert f"the first {len(head)} characters" in rest
    else:
        assert text.startswith(f"{head}\n")


WORDS = st.tuples(UNITS, st.integers(0, 3_000)).map(lambda words: words[0] * words[1])


@forall(TEXTS, LIMITS, WORDS)
def test_a_store_that_keeps_nothing_cannot_make_a_result_too_long(text, limits, words):
    """What a disk complains of is as long as it likes."""

    def full(_content):
        raise OSError(words)

    outcome, _ = limited(text, limits, keep=full)

    assert outcome.spilled is None
    assert len(outcome.content.encode()) <= limits.max_bytes


# --- windows ----------------------------------------------------------------------------------


PAGES = st.integers(4, 200)


@forall(TEXTS, PAGES)
def test_windows_tile_the_text(text, page_bytes):
    """Who reads on to the end has read every line once, in order."""
    pages, start = [], 1
    while (page := text_page(text, start, page_bytes)) is not None:
        assert (page.first, page.lines, page.size_bytes) == (
            start,
            len(lines_of(text)) if text else 0,
            len(text.encode()),
        )
        assert len(page.text.encode()) <= page_bytes
        pages.append(page)
        start = page.last + 1
    told = [line for page in pages for line in lines_of(page.text)]
    whole = lines_of(text) if text else []

    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True] * bool(pages)
    assert len(told) == len(whole)
    cuts = {page.first: page.cut for page in pages if page.cut}
    for number, (part, line) in enumerate(zip(told, whole, strict=True), start=1):
        if number in cuts:
            assert line.startswith(part)
            assert cuts[number] == (len(part.encode()), len(line.encode()))
        else:
            assert part == line


@forall(TEXTS, PAGES)
def test_a_window_is_as_full_as_it_can_be(text, page_bytes):
    """Each window is a call of the model: half-empty ones cost twice the money."""
    lines = text.split("\n")
    page = text_page(text, 1, page_bytes)
    if page is None or page.is_last:
        return
    if page.cut is not None:
        assert len(page.text.encode()) > page_bytes - 4, "not even one character more would fit"
        return

    following = lines[page.last] + ("\n" if page.last + 1 < len(lines) else "")
    assert len((page.text + following).encode()) > page_bytes


@forall(TEXTS, PAGES)
def test_reading_as_a_model_does_comes_to_the_end(text, page_bytes):
    """It only knows what each window says of the next one."""
    seen, window = 0, first_page(text, page_bytes, "c")
    while not window.endswith(END):
        (line,) = re.findall(r"start_line=(\d+)\) for the next window\.\]$", window)
        assert int(line) > seen
        seen = int(line)
        window = next_page(text, seen, page_bytes, "c")

    assert seen <= len(lines_of(text))


@forall(TEXTS, st.integers(10, 900), PAGES, LIMITS)
def test_paging_shows_the_first_window_of_what_is_above_the_threshold(
    text, threshold, page_bytes, limits
):
    """Below it the text is as it was; above it the model is told how to have the rest."""
    paging = ToolResultPaging(threshold_bytes=threshold, page_bytes=page_bytes)
    outcome, kept = limited(text, limits, paging)

    is_paged = len(text.encode()) > min(threshold, limits.max_bytes)
    assert outcome.content == (first_page(text, page_bytes, "c") if is_paged else text)
    assert kept == ([text.encode()] if is_paged else [])
