"""What must hold of an agent's input on its log: each piece once, in order, at a boundary."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.run_options import RunOptions

__all__ = ["AuditedRun", "InputAudit"]


@dataclass(slots=True)
class AuditedRun:
    """The open run as the log tells of it."""

    run_id: str
    options: RunOptions
    baseline: int
    has_deadline: bool
    boundary: str = "start"
    is_begun: bool = False
    tokens: int = 0
    cost_usd_micros: int = 0
    requests: int = 0
    rounds: int = 0
    fallback: int = 0
    has_stop: bool = False
    has_stop_timer: bool = False
    decision: str = ""
    unsent: bool = False
    budget: str = ""
    withheld: str = ""
    placed: dict[str, list[str]] = field(
        default_factory=lambda: {"mail": [], "steer": [], "follow_up": []}
    )

    def keep(self) -> None:
        """What it has done was done elsewhere: it is not taken back if it fails."""
        self.options = msgspec.structs.replace(self.options, on_failure="suspend")


@dataclass(slots=True)
class InputAudit:
    """Reader of the input on one agent's log, and of where its conversation stands."""

    require: Callable[[object, str], None]
    once: Callable[[str, str], None]
    waiting_prompts: list[str] = field(default_factory=list)
    waiting_mail: list[str] = field(default_factory=list)
    held_mail: int = 0
    notices: set[str] = field(default_factory=set)
    """Letters that tell of the end of a job."""
    queues: dict[str, list[str]] = field(default_factory=lambda: {"steer": [], "follow_up": []})
    taken_through: int = 0
    entries: int = 0
    leaf: int = 0
    owed: set[str] = field(default_factory=set)
    """What must still be said of a run that was taken back, before its append ends."""

    def take_back(self, run: AuditedRun) -> None:
        """The run is taken back: its input waits again, the conversation goes on before it."""
        if any(run.placed.values()):
            self.owed.add("its input waits again")
        if self.leaf != run.baseline:
            self.owed.add("the conversation goes on from before it")

    def grow(self, count: int) -> None:
        """The conversation has so many entries more, and goes on from the last of them."""
        self.entries += count
        self.leaf = self.entries if count else self.leaf

    def has_news(self, profile: e.AgentProfile) -> bool:
        """Whether a letter waits for which an agent with this profile wakes."""
        is_teammate = bool(profile.lead) and not profile.parent
        chosen = profile.wake_on_background
        wakes_for_jobs = is_teammate if chosen is None else chosen
        return not profile.is_person and any(
            wakes_for_jobs if mail_id in self.notices else profile.wake_on_mail
            for mail_id in self.waiting_mail[self.held_mail :]
        )

    def read(self, event: object, *, run: AuditedRun | None, ended: AuditedRun | None) -> None:
        """Judge one more event about input; `ended` is the run that ended last."""
        match event:
            case e.InputPlaced():
                self._read_placing(event, run)
            case e.InputReturned():
                self.require(run is None and ended is not None, "input returned by an open run")
                self.owed.discard("its input waits again")
                if ended is not None:
                    self._read_return(event, ended)
            case e.QueueCleared():
                self.require(self.queues[event.queue], "an empty queue is cleared")
                self.queues[event.queue] = []
            case e.MailTaken():
                self._read_mail(event)
            case e.MailHandedOver():
                self.once("mail handed over", event.command_id)
                self.waiting_mail = self._taken(self.waiting_mail, event.mail_ids, "mail")
                self.held_mail = 0
            case e.PromptAccepted():
                self.once("prompt accepted", event.prompt_id)
                self.waiting_prompts.append(event.prompt_id)
            case e.InputQueued():
                self.once("input queued", event.item_id)
                self.queues[event.queue].append(event.item_id)
            case e.LeafMoved() | e.ConversationEdited():
                self._read_leaf(event, run, ended)

    def _read_mail(self, event: e.MailTaken) -> None:
        rises = event.through_version > self.taken_through
        self.require(rises, f"mail through {event.through_version} taken twice")
        self.taken_through = max(self.taken_through, event.through_version)
        for mail in event.mail:
            self.once("mail taken", mail.mail_id)
            self.waiting_mail.append(mail.mail_id)
            if mail.kind == "background":
                self.notices.add(mail.mail_id)

    def _read_placing(self, event: e.InputPlaced, run: AuditedRun | None) -> None:
        self.waiting_prompts = self._taken(self.waiting_prompts, event.prompt_ids, "prompt")
        self.waiting_mail = self._taken(self.waiting_mail, event.mail_ids, "mail")
        self.held_mail = 0 if event.mail_ids else self.held_mail
        steers = self._taken(self.queues["steer"], event.steer_ids, "steer")
        follows = self._taken(self.queues["follow_up"], event.follow_up_ids, "follow-up")
        self.queues = {"steer": steers, "follow_up": follows}
        groups = (event.steer_ids, event.follow_up_ids, event.injected)
        self.grow(len(event.prompt_ids) + len(event.mail_ids) + sum(map(bool, groups)))
        if run is None:
            return
        self.require(event.run_id == run.run_id, "input placed outside of its run")
        self.require(not event.follow_up_ids or run.boundary == "answer", "a follow-up too early")
        run.unsent = run.is_begun
        run.placed["mail"] += event.mail_ids
        run.placed["steer"] += event.steer_ids
        run.placed["follow_up"] += event.follow_up_ids

    def _taken(self, waiting: list[str], ids: Sequence[str], what: str) -> list[str]:
        in_order = waiting[: len(ids)] == list(ids)
        self.require(in_order, f"{what} placed out of turn: {list(ids)} of {waiting}")
        return waiting[len(ids) :]

    def _read_return(self, event: e.InputReturned, run: AuditedRun) -> None:
        mail, steers = list[str](event.mail_ids), list[str](event.steer_ids)
        follows = list[str](event.follow_up_ids)
        returned = {"mail": mail, "steer": steers, "follow_up": follows}
        self.require(returned == run.placed, f"{run.run_id} returned {returned}")
        self.waiting_mail = mail + self.waiting_mail
        self.held_mail += len(mail)
        self.queues["steer"] = steers + self.queues["steer"]
        self.queues["follow_up"] = follows + self.queues["follow_up"]

    def _read_leaf(
        self,
        event: e.LeafMoved | e.ConversationEdited,
        run: AuditedRun | None,
        ended: AuditedRun | None,
    ) -> None:
        if isinstance(event, e.ConversationEdited):
            self.require(run is None, "the conversation is edited under an open run")
            self.grow(2 if event.kind == "result" else 1)
            return
        self.require(event.from_entry == self.leaf, "moved from where it was not")
        self.require(0 <= event.to_entry <= self.entries, "moved to what is not there")
        self.require((run is not None) == (event.reason == "resume"), f"moved: {event.reason}")
        if event.reason == "rollback" and ended is not None:
            self.owed.discard("the conversation goes on from before it")
            self.require(
                event.to_entry == ended.baseline, "rolled back too far, or not far enough"
            )
        self.leaf = event.to_entry
