"""What model calls are made with, for tests: no store, no actor, no real price list."""

from mentra_actors.domain.board.state import BoardState
from mentra_actors.effects.calls.call_plans import CallPlanner
from mentra_actors.effects.context.recall import Recall
from mentra_actors.effects.models.live import LiveFeed
from mentra_actors.effects.models.live_answers import LiveAnswers
from mentra_actors.effects.models.model_calls import ModelServices
from mentra_actors.effects.models.provider_gates import ProviderGates
from mentra_actors.effects.team.board_reminders import BoardReminders
from mentra_actors.providers.prices import PriceList
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.testing.manual_clock import ManualClock
from mentra_actors.tools.registry import ToolRegistry


class NoTicks:
    """A tick journal that keeps nothing; `saved` has what it was given."""

    def __init__(self, kept=()):
        self.kept = list(kept)
        self.saved = []

    def save(self, number, pieces, drop_below):
        self.saved.append((number, list(pieces), drop_below))

    def load(self):
        return self.kept


class NoBlobs:
    """A store of blobs in which nothing is."""

    def put_blob(self, content):
        raise AssertionError("nothing here brings a picture")

    def read_blob(self, digest):
        return None


class ScriptedBoard:
    """The way to a board that is empty, or as a test has filled it; or that cannot be read."""

    def __init__(self, board=None, error=None):
        self.board = board or BoardState()
        self.error = error

    async def look(self, stream_id):
        if self.error:
            raise self.error
        return self.board


class NothingRemembered:
    """Memories in which nothing was ever pinned."""

    def has_facts(self, profile):
        return False


def model_services(
    provider,
    tools=(),
    *,
    clock=None,
    live=None,
    answers=None,
    prices=None,
    sent=None,
    spent=(0, 0),
    limits=None,
):
    """`sent` gets commands that nobody waits for, `spent` is what a shared budget has lost."""
    registry = ProviderRegistry()
    registry.register(provider)
    tools = ToolRegistry(tools)

    def send(stream_id, command, causation, on_delivered):
        sent.append((stream_id, command, causation))
        on_delivered(None)

    return ModelServices(
        providers=registry,
        tools=tools,
        planner=CallPlanner(tools, reviews=False),
        blobs=NoBlobs(),
        prices=prices or PriceList(library=False),
        gates=ProviderGates(limits or {}, clock or ManualClock()),
        clock=clock or ManualClock(),
        live=live or LiveFeed(),
        answers=answers or LiveAnswers(NoTicks(), lambda _delay_s, _call: None),
        send=send,
        reminders=BoardReminders(ScriptedBoard()),
        recall=Recall(NothingRemembered(), ScriptedBoard()),
        spent_of=lambda _budget: spent,
    )
