"""What is printed of model calls that fail: one quiet line, and the reason if none works."""

import json

import pytest

from tests.local_server import running

OVERLOADED = json.dumps({"error": {"message": "overloaded", "type": "server_error"}}).encode()
PIECES = [
    {"index": 0, "delta": {"role": "assistant", "content": "Hello."}, "finish_reason": None},
    {"index": 0, "delta": {}, "finish_reason": "stop"},
]
ANSWER = "".join(f"data: {json.dumps({'id': 'c', 'choices': [one]})}\n\n" for one in PIECES)


@pytest.fixture
def failing(monkeypatch):
    """A server whose first two answers are failures with the status that is set."""
    with running() as server:
        server.status = 503

        def answer(_asked):
            if len(server.asked) <= 2:
                return server.status, "application/json", OVERLOADED
            return 200, "text/event-stream", f"{ANSWER}data: [DONE]\n\n".encode()

        server.answer = answer
        monkeypatch.setenv("MENTRA_CUSTOM_BASE_URL", server.url)
        yield server


def test_a_call_that_works_in_the_end_leaves_one_quiet_line(mentra, failing, tmp_path):
    """Errors that are over would be read as errors."""
    store = tmp_path / "team.mentra"

    assert mentra("run", "Hi", "--model", "custom:m", "--store", store) == 0

    assert mentra.out == "Hello.\n"
    assert len(failing.asked) == 3
    assert mentra.err.splitlines()[:-1] == ["↻ custom answered HTTP 503: overloaded; asking again"]


def test_a_call_that_is_not_tried_again_is_told_once(mentra, failing, tmp_path):
    """By the error of the command, which says what to do, too."""
    failing.status = 400

    assert mentra("run", "Hi", "--model", "custom:m", "--store", tmp_path / "t.mentra") == 1

    assert mentra.err.count("overloaded") == 1
    assert mentra.err.startswith("mentra: custom answered HTTP 400: overloaded\n")
