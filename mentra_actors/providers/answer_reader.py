"""Wires at work: whatever they meet, a call ends with a `ProviderError` or with an answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from mentra_actors.errors import MentraError, ProviderError
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.port import AnswerStarted, ModelEvent
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import (
    foreign_events,
    unreadable_answer,
    unwritable_request,
)
from mentra_actors.providers.wires.contract import Decoder

__all__ = ["AnswerReader", "reading", "writing"]


class AnswerReader:
    """Feeds one answer to its decoder, and says in neutral words why it cannot be read."""

    def __init__(self, decoder: Decoder, profile: Profile) -> None:
        self._decoder = decoder
        self._profile = profile
        self._has_fed = False
        self._has_understood = False

    def feed(self, value: Json) -> list[ModelEvent]:
        """The neutral events that an event of the server gives.

        Raises:
            ProviderError: the server reported an error, or nobody can read the answer.
        """
        self._has_fed = True
        with reading(self._profile.name):
            events = self._decoder.feed(value)
        if not self._has_understood:
            self._has_understood = any(map(_is_of_the_wire, events))
        return events

    def finish(self) -> list[ModelEvent]:
        """Say that no event follows.

        Raises:
            ProviderError: the answer has not ended, or was not of this wire.
        """
        if self._decoder.is_finished:
            return []
        try:
            with reading(self._profile.name):
                return self._decoder.finish()
        except ProviderError:
            if not self._has_fed or self._has_understood:
                raise
        raise foreign_events(self._profile.name, self._profile.wire)


def _is_of_the_wire(event: ModelEvent) -> bool:
    """Some wires begin an answer at any event; only one with an id was understood."""
    return not isinstance(event, AnswerStarted) or bool(event.response_id)


@contextmanager
def reading(provider: str) -> Iterator[None]:
    """Turns what an answer breaks in its decoder into a `ProviderError`."""
    try:
        yield
    except MentraError:
        raise
    except Exception as error:  # noqa: BLE001 - an answer may hold anything
        raise unreadable_answer(provider, error) from None


@contextmanager
def writing(provider: str) -> Iterator[None]:
    """Turns what a request breaks on while it is put into bytes into a `ProviderError`."""
    try:
        yield
    except MentraError:
        raise
    except Exception as error:  # noqa: BLE001 - options of users may hold any object
        raise unwritable_request(provider, error) from None
