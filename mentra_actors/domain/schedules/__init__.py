"""Moments at which agents are woken: once, again and again, or by a calendar."""
