"""Tokens of a login, as an authorization server gives them out."""

import math

import msgspec

from mentra_actors.providers.json_access import Json, number_of, text_of

__all__ = ["Tokens", "tokens_of"]

_LIFETIMES = ("expires_in", "expires_in_seconds")


class Tokens(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens; their text does not show them. `expires_at` is Unix seconds, None if never said."""

    access_token: str = ""
    refresh_token: str = ""
    id_token: str = ""
    api_key: str = ""
    expires_at: float | None = None

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at})"

    def ends_within(self, seconds: float, now: float) -> bool:
        """Whether the tokens end in so many seconds from `now` (Unix seconds), or have ended."""
        return self.expires_at is not None and self.expires_at - now <= seconds


def tokens_of(result: Json, now: float, before: Tokens | None = None) -> Tokens:
    """The tokens in an answer; what is not renewed stays as it was `before`.

    `now` is the time in Unix seconds, from which a lifetime counts.
    """
    before = before or Tokens()
    lifetimes = (_lifetime(result, name) for name in _LIFETIMES)
    lifetime_s = next((found for found in lifetimes if found is not None), None)
    return Tokens(
        access_token=text_of(result, "access_token") or before.access_token,
        refresh_token=text_of(result, "refresh_token") or before.refresh_token,
        id_token=text_of(result, "id_token") or before.id_token,
        api_key=text_of(result, "api_key") or before.api_key,
        expires_at=None if lifetime_s is None else now + lifetime_s,
    )


def _lifetime(result: Json, name: str) -> float | None:
    """A lifetime in seconds; some servers write the number as a text. One without end is none."""
    text = text_of(result, name)
    found = float(text) if text.isdecimal() else number_of(result, name)
    return found if found is not None and math.isfinite(found) else None
