"""The built-in views, and the sentences that they are told in."""
