"""What a team shares: members, mail, board, schedules, supervision."""
