"""Memories as an index that can be searched: followed, ranked, with words and vectors."""
