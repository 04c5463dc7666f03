"""Proof Key for Code Exchange: only who began a login can end it (RFC 7636)."""

import base64
import hashlib
import secrets
from typing import NamedTuple

__all__ = ["Pkce", "challenge_of", "new_pkce", "new_state"]

_BYTES = 32


class Pkce(NamedTuple):
    """A secret of one login, and what may be shown of it."""

    verifier: str
    challenge: str


def new_pkce() -> Pkce:
    """A new secret with its challenge, by the method `S256`."""
    verifier = secrets.token_urlsafe(_BYTES)
    return Pkce(verifier, challenge_of(verifier))


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier: base64 for URLs without padding."""
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def new_state() -> str:
    """What tells the callback of this login from any other request."""
    return secrets.token_urlsafe(_BYTES)
