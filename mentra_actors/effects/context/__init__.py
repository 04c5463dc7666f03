"""What a request consists of, what is recalled for it, what is summarised if it is too long."""
