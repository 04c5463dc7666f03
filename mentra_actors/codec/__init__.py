"""Events and states to bytes and back."""
