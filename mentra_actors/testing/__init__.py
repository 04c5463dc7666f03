"""The kit for testing agents, teams and own deciders: as pure functions, without a network."""
