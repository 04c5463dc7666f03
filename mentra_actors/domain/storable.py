"""Values as a log gives them back: what it could not store is refused before it goes anywhere."""

from typing import TypeVar

import msgspec

from mentra_actors.domain.refusals import refusal

__all__ = ["as_stored", "encodable"]

T = TypeVar("T")


def as_stored(value: object, kind: type[T], named: str) -> T:
    """The value as the log will give it back; `named` says in errors what it is.

    Raises:
        TypeError: it has the wrong type, or something in it has.
        ValueError: a text is not Unicode, or a whole number has more than 64 bits.
    """
    try:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=kind)
    except UnicodeError as error:
        raise ValueError(f"{named}: what is no Unicode text cannot be stored: {error}") from error
    except OverflowError as error:
        raise ValueError(f"{named}: a number of more than 64 bits cannot be stored") from error
    except msgspec.ValidationError as error:
        raise TypeError(f"{named}: {refusal(error, kind)}") from error
    except TypeError as error:
        raise TypeError(f"{named}: what a log cannot keep is in it: {error}") from error


def encodable(text: str) -> str:
    """The text, with a question mark for each half of a character that no log can keep."""
    return text.encode("utf-8", "replace").decode()
