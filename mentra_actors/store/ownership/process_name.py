"""What this process is called in locks and leases, so that others can say who holds them."""

import os
import secrets
import socket

__all__ = ["described", "process_name"]

_TOKEN = secrets.token_hex(4)
_HOST_BYTES = 64


def process_name() -> str:
    """Host, process id, and a token, because a process id is used again."""
    return f"{_host()}/{os.getpid()}/{_TOKEN}"


def described(name: str) -> str:
    """A process name in words."""
    host, _, rest = name.partition("/")
    pid, _, _ = rest.partition("/")
    if name == process_name():
        return f"this process ({pid})"
    if not host.isascii() or not pid.isdecimal():
        return f"process {name}" if name.isdecimal() else "another process"
    return f"process {pid}" if host == _host() else f"process {pid} on {host}"


def _host() -> str:
    """The name of this machine, without what would break a process name apart."""
    return socket.gethostname().replace("/", "-").encode("ascii", "replace").decode()[:_HOST_BYTES]
