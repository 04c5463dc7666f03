"""A team whose agent wants to pay, which a person must allow; and what its log says afterwards."""

from mentra_actors import Ask, ScriptedModel, call, open_runtime_sync, tool
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader

__all__ = ["events_in", "opened", "pay"]

ONCE = (call("pay", euros=5), "Done.")


@tool(retry="safe")
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def opened(path, turns=ONCE, durability="volatile", **options):
    """A runtime in which each payment waits for a person."""
    return open_runtime_sync(
        path,
        providers=[ScriptedModel(turns, name="scripted")],
        tools=[pay],
        authorizer=lambda _call: Ask("It costs."),
        durability=durability,
        **options,
    )


def events_in(path, kind):
    """All events of a kind in a store that somebody may be writing."""
    reader = open_journal_reader(path)
    try:
        return [one.event for one in Journal(reader).through() if isinstance(one.event, kind)]
    finally:
        reader.close()
