"""HTTP and websockets below every provider: calls, limits, errors in neutral words."""
