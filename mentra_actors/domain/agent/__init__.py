"""One agent: prompts, runs, model calls, and the ledger of its tool calls."""
