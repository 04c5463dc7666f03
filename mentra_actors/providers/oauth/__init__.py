"""Signing in with a browser instead of a key: OAuth 2 with PKCE and a callback on this machine."""
