"""Effects: performs what the log asks for, and answers with commands."""
