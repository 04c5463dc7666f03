"""Names of decoded JSON: what its values are, only the text says."""

from collections.abc import Mapping
from typing import Any, TypeAlias

__all__ = ["Json", "JsonObject"]

Json: TypeAlias = Mapping[str, Any]
"""An object of JSON that is only read, such as the arguments of a tool call."""

JsonObject: TypeAlias = dict[str, Any]
"""An object of JSON of one's own, such as the body of a request while it is written."""
