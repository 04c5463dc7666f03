"""Makes a tool of a typed function: its signature, its docstring, what is wrong with a call."""
