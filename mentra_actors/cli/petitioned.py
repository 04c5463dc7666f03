"""Has a wish recorded by whoever writes the store, and tells what became of it."""

from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.output import Output
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.writing.petitioning import petition
from mentra_actors.runtime.writing.petitions import PetitionAnswer, Wish

__all__ = ["have_recorded", "remark_handed_over", "state_word", "wished"]

_HANDED_OVER = (
    "Handed over: no process has taken it yet. It is kept with the store, and recorded by the "
    "process that writes it, or by the next one."
)


def wished(
    output: Output, wish: Wish, store: Path, *, by: str, wait_s: float
) -> PetitionAnswer | None:
    """The answer to a wish that is recorded, None if it waits. Blocks for `wait_s` s at most.

    Raises:
        CommandRejected: it was refused.
        ConfigurationError, StoreError: see `petition`.
    """
    with output.spinner("Waiting for the process that writes the store"):
        answer = petition(
            store, wish, SystemClock(), by=by, wait_s=wait_s, sealing=chosen_sealing()
        )
    if answer is not None and not answer.is_accepted:
        raise CommandRejected(answer.words)
    return answer


def have_recorded(
    output: Output,
    wish: Wish,
    store: Path,
    *,
    by: str,
    wait_s: float,
    words: str,
    document: Mapping[str, object],
) -> None:
    """Have a wish recorded, and tell what became of it; see `wished`.

    It is told by `words`, where `{}` is "to be " as long as the wish waits; or by the document.
    """
    is_recorded = wished(output, wish, store, by=by, wait_s=wait_s) is not None
    if output.as_json:
        output.document({**document, "state": state_word(is_recorded)})
        return
    output.show(Text(words.replace("{}", "" if is_recorded else "to be ")))
    if not is_recorded:
        remark_handed_over(output)


def remark_handed_over(output: Output) -> None:
    """Say where a wish is that nobody has taken."""
    output.remark(_HANDED_OVER, "yellow")


def state_word(is_recorded: bool) -> str:
    """What documents say of a wish."""
    return "recorded" if is_recorded else "handed_over"
