"""Teams of LLM agents that lose nothing: a team is a log."""
