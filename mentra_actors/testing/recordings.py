"""Recorded runs as tests: what was decided then must be decided now.

`mentra record AGENT FILE` writes a file of a run and a test that calls this:

    def test_the_order_of_monday_is_decided_as_it_was():
        replay_recording(Path(__file__).with_name("monday.jsonl"))
"""

from pathlib import Path

from mentra_actors.runtime.replay.recordings import read_recording, recording_faults
from mentra_actors.runtime.replay.told import difference_words, request_words, untold_words
from mentra_actors.runtime.replay.verification import Verification

__all__ = ["replay_recording"]

_MOST_SHOWN = 5


def replay_recording(file: str | Path) -> Verification:
    """Decide a recorded run again, and look at what each model call would be sent.

    No model is asked and no tool is run. The result says what was covered.

    Raises:
        AssertionError: today's code decides an append otherwise, or would send a model something
            else; the message shows where first.
        StoreError: the file cannot be read, or is no recording.
    """
    recording = read_recording(file)
    found, changed = recording_faults(recording)
    words = [difference_words(one) for one in found.differences[:_MOST_SHOWN]]
    left = len(found.differences) - len(words)
    if left > 0:
        words.append(f"... and {left} more appends")
    words += request_words(changed)
    if words:
        head = f"{Path(file).name} (of {recording.header.release}) is decided otherwise now:"
        raise AssertionError("\n".join([head, *words, *untold_words(found.untold)]))
    return found
