"""Benchmarks: each runs alone, beside named peers, interleaved, and prints ratios."""
