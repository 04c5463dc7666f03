"""One writer at a time: the lock, who holds it, how it passes on, and letters to who has it."""
