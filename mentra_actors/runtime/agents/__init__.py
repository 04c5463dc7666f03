"""One agent as programs see it: its faces, its runs, its feeds, its past."""
