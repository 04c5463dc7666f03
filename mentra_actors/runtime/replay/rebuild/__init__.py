"""From the events of an append back to the command that caused them; pure.

* `contract`: what is known of an append, and what a table of builders is.
* `agents`, `agent_outcomes`, `agent_endings`: the commands of agents.
* `teams`, `boards`, `others`: those of all other kinds of streams.
"""
