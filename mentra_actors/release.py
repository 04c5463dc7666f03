"""Which release this is; it stands in the log beside what it has written."""

__all__ = ["RELEASE", "is_before"]

RELEASE = "0.5.0"
"""That of `pyproject.toml`. Reading it from there, as installed, would cost every opening."""


def is_before(release: str, other: str) -> bool:
    """Whether a release is older than another one; an empty one is older than all."""
    return _numbers(release) < _numbers(other)


def _numbers(release: str) -> tuple[int, ...]:
    """`0.5.0.dev1` is taken as 0.5.0."""
    numbers = []
    for part in release.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)
