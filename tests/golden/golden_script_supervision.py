"""What died for good, and what a person has made of it."""

from mentra_actors.domain.supervision.commands import (
    DiscardLetter,
    Letter,
    LiftQuarantine,
    RecordRedriveEnd,
    RedriveLetter,
    RedriveStream,
    ReportDeath,
)
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM

__all__ = ["SUPERVISION_STORIES"]


def a_death(team, *, streams=(), letters=()):
    """An actor dies for good; what it could not do becomes letters."""
    report = ReportDeath(
        command_id=team.new_id(),
        cause="ValueError('no cellar — 地下室')",
        now=team.now,
        streams=streams,
        letters=letters,
    )
    team.send(SUPERVISION_STREAM, report)


def letter(**fields):
    """A prompt that nobody could take."""
    known = {
        "stream_id": "agent-gardener",
        "command": "AcceptPrompt",
        "content": b"\x81\xa4text\xa6Water!",
        "deliveries": 3,
    }
    return Letter(**{**known, **fields})


def decided(team, kind, **fields):
    """A person decides."""
    command = kind(command_id=team.new_id(), now=team.now, by="ann", **fields)
    team.send(SUPERVISION_STREAM, command)


def delivered(team, letter_id, attempt, how, words=""):
    """What came of a delivery."""
    effect_id = f"redrive-{letter_id}.{attempt}"
    team.system.effects.running.pop((SUPERVISION_STREAM, effect_id), None)
    end = RecordRedriveEnd(
        effect_id=effect_id, letter_id=letter_id, how=how, now=team.now, words=words
    )
    team.send(SUPERVISION_STREAM, end)


def letters_and_quarantines(team):
    """Two streams are set aside and lifted; letters are delivered, come back and are discarded."""
    outcome = letter(command="RecordToolOutcome", is_outcome=True, causation="agent-gardener/t-1")
    a_death(
        team,
        streams=("agent-gardener", "agent-neighbour"),
        letters=(letter(), outcome, letter(stream_id="agent-neighbour")),
    )
    decided(team, RedriveStream, stream_id="agent-gardener")
    a_death(team, letters=(letter(earlier="L1"),))
    delivered(team, "L2", 1, "failed", "the mailbox is full")
    decided(team, RedriveLetter, letter_id="L2")
    delivered(team, "L2", 2, "refused", "the call is over")
    decided(team, RedriveLetter, letter_id="L4")
    delivered(team, "L4", 1, "accepted")
    decided(team, LiftQuarantine, stream_id="agent-neighbour")
    decided(team, DiscardLetter, letter_id="L3", reason="it has rained")


SUPERVISION_STORIES = (letters_and_quarantines,)
