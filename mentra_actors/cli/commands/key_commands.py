"""`mentra new-key`, `forget`, `rotate-key` and `train-dictionary`: what an owner of keys does."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mentra_actors.cli.key_options import chosen_sealing
from mentra_actors.cli.options import DEFAULT_STORE, AsJson, StorePath
from mentra_actors.cli.output import Output
from mentra_actors.errors import CommandRejected, ConfigurationError
from mentra_actors.store.branches.forgetting import forget_with_branches
from mentra_actors.store.sealing import offline
from mentra_actors.store.sealing.master_key import make_key_file
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.upkeep import Forgotten
from projections.views.sentence_words import counted

__all__ = ["forget", "new_key", "rotate_key", "train_dictionary"]


def new_key(file: Annotated[Path, typer.Argument(help="Where the key goes; a new file.")]) -> None:
    """Make a key for an encrypted store.

    Who loses it loses the store: keep a copy elsewhere.
    """
    make_key_file(file)
    Output(as_json=False).remark(f"{file} holds a new key, which only you can read.")


def forget(
    subject: Annotated[str, typer.Argument(help="Whose events; an agent's id, as in agent-ID.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StorePath = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Destroy a subject's key: nobody can read its events again."""
    output = Output(as_json=as_json)
    if not yes:
        _confirm(subject, as_json=as_json)
    forgotten, branches = forget_with_branches(
        store, subject, sealing=chosen_sealing() or Sealing()
    )
    if forgotten is None and not branches:
        raise CommandRejected(
            f"{store} has no key for {subject!r}: nothing is known of it, or it was forgotten"
        )
    if as_json:
        told = {"subject": subject, "store": str(store), "forgotten": forgotten}
        output.document({**told, "branches": branches})
    else:
        _tell_forgotten(output, subject, forgotten, branches)


def _tell_forgotten(
    output: Output, subject: str, forgotten: Forgotten | None, branches: Sequence[str]
) -> None:
    if forgotten is not None:
        output.show(
            f"{subject} is forgotten: {counted(forgotten.events, 'event')} and "
            f"{counted(forgotten.blobs, 'blob')} cannot be read by anyone any more."
        )
    if branches:
        output.show(
            f"What branches had recorded of {subject} is forgotten: {', '.join(branches)}."
        )
    if forgotten is not None and forgotten.blobs_kept:
        output.remark(f"Named by others too, and kept: {counted(forgotten.blobs_kept, 'blob')}.")
    output.remark(
        "Backups made before still have them, and so may the events of others in which it is "
        "spoken of."
    )


def rotate_key(
    new_key_file: Annotated[Path, typer.Option(help="File with the key from now on.")],
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Change the key of an encrypted store; its log stays."""
    new = Sealing(key_file=new_key_file)
    offline.change_key(store, new, sealing=chosen_sealing() or Sealing())
    Output(as_json=False).remark(
        f"{store} opens with {new_key_file} from now on. Keep the old key as long as you keep "
        "backups from before."
    )


def train_dictionary(store: StorePath = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Let the next events of a compressed store take less room.

    It is trained on the youngest events.
    """
    output = Output(as_json=as_json)
    number = offline.train_dictionary(store, sealing=chosen_sealing())
    if as_json:
        output.document({"store": str(store), "dictionary": number})
    else:
        output.remark(f"Dictionary {number} is in use from now on.")


def _confirm(subject: str, *, as_json: bool) -> None:
    if as_json or not sys.stdin.isatty():
        raise ConfigurationError(
            f"to forget {subject!r} cannot be undone: say --yes, or ask in a terminal"
        )
    sys.stderr.write(
        f"All that was said, done and kept for {subject!r} becomes unreadable for ever, also for "
        "you.\nType the subject again to go on: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != subject:
        raise CommandRejected("it was not typed again, so nothing was forgotten")
