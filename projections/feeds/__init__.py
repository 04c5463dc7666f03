"""The log as events of feeds: of an agent, of a session."""
