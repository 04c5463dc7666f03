"""Programs that play the scenario with a framework, each in the framework's environment."""
