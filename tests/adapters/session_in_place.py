"""A pytest plugin: session tests of the OpenAI Agents SDK, with our session in place of theirs.

Their tests make sessions of a file for SQLite, or in memory; ours lie in a directory beside it.
"""

from pathlib import Path

import agents
import agents.memory
import pytest

from mentra_actors.adapters.openai_agents import MentraSession

_open: list[MentraSession] = []


class SessionInPlace(MentraSession):
    """Made like `SQLiteSession`."""

    def __init__(self, session_id, db_path=":memory:", session_settings=None):
        store = db_path if str(db_path) == ":memory:" else Path(f"{db_path}.store")
        super().__init__(session_id, store, session_settings=session_settings)
        _open.append(self)


agents.SQLiteSession = agents.memory.SQLiteSession = SessionInPlace


@pytest.fixture(autouse=True)
def _closed_at_the_end():
    yield
    while _open:
        _open.pop().close()
