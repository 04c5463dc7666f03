"""The extra `google-adk`: a session is kept, and found in a later life of the store."""

import asyncio

from mentra_actors.adapters.google_adk import MentraSessionService


async def main() -> None:
    """Write, open again, read."""
    async with MentraSessionService("talks.mentra") as sessions:
        made = await sessions.create_session(app_name="guide", user_id="ann")
    async with MentraSessionService("talks.mentra") as sessions:
        found = await sessions.get_session(app_name="guide", user_id="ann", session_id=made.id)
        assert found is not None


asyncio.run(main())
