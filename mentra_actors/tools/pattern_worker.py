"""Matches a regular expression in a process of its own, which can be killed.

`re` holds the interpreter's lock while it matches, so a pattern such as `(a+)+$` in a thread would
stop every thread of the program and no time limit could fire. Run as a script with the standard
library only. Frames, both ways: a length of four bytes, then so many bytes.

in: the pattern; then, again and again, four bytes (most hits wanted) and lines of text.
out: for the pattern what is wrong with it, or nothing; for each text the numbers of the lines that
match, from 0, four bytes each.
"""

import re
import resource
import struct
import sys
import warnings

__all__ = ["main"]

_CPU_SECONDS = 60
"""An orphan that is stuck in a match ends by itself."""
_NUMBER = struct.Struct(">I")


def main() -> None:
    """Serve one pattern until the input ends."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    warnings.simplefilter("ignore")
    try:
        pattern = re.compile((_read() or b"").decode())
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        _write(str(error).encode() or b"it cannot be compiled")
        return
    _write(b"")
    while (frame := _read()) is not None:
        wanted = _NUMBER.unpack(frame[:4])[0]
        _write(_hits(pattern, frame[4:].decode(), wanted))


def _hits(pattern: re.Pattern[str], text: str, wanted: int) -> bytes:
    found = bytearray()
    for number, line in enumerate(text.split("\n")):
        if pattern.search(line):
            found += _NUMBER.pack(number)
            if len(found) >= wanted * _NUMBER.size:
                break
    return bytes(found)


def _read() -> bytes | None:
    header = sys.stdin.buffer.read(_NUMBER.size)
    return sys.stdin.buffer.read(_NUMBER.unpack(header)[0]) if header else None


def _write(frame: bytes) -> None:
    sys.stdout.buffer.write(_NUMBER.pack(len(frame)) + frame)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
