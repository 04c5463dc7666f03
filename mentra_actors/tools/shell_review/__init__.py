"""What a command would do, judged from its text alone: a review, and not a boundary."""
