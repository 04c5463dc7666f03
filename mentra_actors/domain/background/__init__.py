"""Commands that go on in the background: the jobs of one agent."""
