"""The task board of a team: tasks, who does them, and what must be done before."""
