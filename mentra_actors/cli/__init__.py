"""The `mentra` command: one file per command, rendering apart from commands."""
