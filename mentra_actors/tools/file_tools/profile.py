"""Which of the file tools are offered."""

from typing import Literal, TypeAlias

__all__ = ["FileProfile"]

FileProfile: TypeAlias = Literal["batched", "split", "both"]
"""`files`; or `read`, `ls`, `grep`, `glob`, `write` and `edit`; or all seven."""
