"""The tools that come with the runtime: files, commands, the team, the board, memory, skills."""
