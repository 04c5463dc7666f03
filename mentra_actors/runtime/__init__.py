"""The composition root: where stores, actors, effects, providers and tools are put together."""
