"""The extra `prices`: models of the vendors have a price."""

import mentra_actors as mentra

assert mentra.PriceList().knows("openai:gpt-5")
assert mentra.PriceList().knows("anthropic:claude-sonnet-4-5")
