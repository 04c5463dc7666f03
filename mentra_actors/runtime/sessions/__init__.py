"""Sessions: conversations of persons and programs with leads."""
