"""What a team has done for it: board, letters, subagents, schedules, jobs."""
