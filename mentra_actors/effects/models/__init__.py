"""Calls of models: asked, heard, paused, limited, paid."""
