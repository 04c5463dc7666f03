"""Tools: the contract, the `@tool` decorator, and the builtin ones."""
