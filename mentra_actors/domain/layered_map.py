"""An immutable map that grows by one entry without being copied."""

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

__all__ = ["LayeredMap"]

K = TypeVar("K")
V = TypeVar("V")


class LayeredMap(msgspec.Struct, Generic[K, V], frozen=True):
    """Some mappings, of which a later one holds before an earlier one; never changed.

    Each is at least twice as large as the next, so a look-up asks few of them, and an entry is
    copied only as often as what stands behind it has doubled. Entries are replaced, not removed.
    """

    layers: tuple[dict[K, V], ...] = ()

    def with_entry(self, key: K, value: V) -> "LayeredMap[K, V]":
        """The map with this entry; this one stays as it is."""
        layers, newest = self.layers, {key: value}
        while layers and len(layers[-1]) < 2 * len(newest):
            newest = {**layers[-1], **newest}
            layers = layers[:-1]
        return LayeredMap((*layers, newest))

    def get(self, key: K) -> V | None:
        """What is entered for a key, None for nothing."""
        for layer in reversed(self.layers):
            if key in layer:
                return layer[key]
        return None

    def __contains__(self, key: K) -> bool:
        return any(key in layer for layer in self.layers)

    def entries(self) -> Mapping[K, V]:
        """A copy of all."""
        return {key: value for layer in self.layers for key, value in layer.items()}
