"""Where the endpoints of a provider are: base URL, version, path and query, put together."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from mentra_actors.providers.profile import Profile

__all__ = ["base_url_of", "endpoint"]

_PORT = re.compile(r":[0-9]+$")
_UNREACHABLE_HOSTS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}
_WITHOUT_VERSION = "/backend-api/codex"
_ANSWER_PATHS = ("/chat/completions", "/responses", "/messages")
_VERSION = re.compile(r"/v[0-9]+(?:(?:alpha|beta)[0-9]*)?$")


def base_url_of(profile: Profile, given: str | None, environ: Mapping[str, str]) -> str:
    """The base URL: the given one, that of the first variable that is set, or the usual one."""
    variables = (environ.get(name, "") for name in profile.base_url_variables)
    return given or next(filter(None, variables), profile.base_url)


def endpoint(
    profile: Profile, base_url: str, path: str, query: Mapping[str, str] | None = None
) -> str:
    """The URL of a path below the version of an API.

    The base may be a bare `host`, `host:port` or `:port` (then it means http and the default
    port), may end in a version of its own or in the whole path of answers, may hold a query, and
    may be an address that a server listens on but no client can call. Parameters of the query are
    encoded; those of the profile come first.
    """
    base, _, base_query = _absolute(profile, base_url.strip()).partition("?")
    base = _versioned(base.rstrip("/"), profile.version_path.strip("/"))
    path, _, path_query = path.strip("/").partition("?")
    pairs = urlencode({**profile.query, **(query or {})}, quote_via=quote)
    whole_query = "&".join(filter(None, (base_query, path_query, pairs)))
    return f"{base}/{path}{'?' if whole_query else ''}{whole_query}"


def _versioned(base: str, version: str) -> str:
    """The address with its own version, or with that of the profile where it has none."""
    for answer_path in _ANSWER_PATHS:
        if base.endswith(answer_path):
            return base.removesuffix(answer_path)  # whoever gave it all left nothing out
    has_version = base.endswith((f"/{version}", _WITHOUT_VERSION)) or _VERSION.search(base)
    return base if has_version or not version else f"{base}/{version}"


def _absolute(profile: Profile, base: str) -> str:
    if "://" not in base:
        authority, slash, path_of_base = base.partition("/")
        port = "" if _PORT.search(authority) else f":{profile.default_port or 80}"
        host = f"127.0.0.1{authority}" if authority.startswith(":") else authority
        base = f"http://{host}{port}{slash}{path_of_base}"
    for listening, reachable in _UNREACHABLE_HOSTS.items():
        base = base.replace(f"://{listening}", f"://{reachable}")
    return base
