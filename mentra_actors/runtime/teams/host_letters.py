"""Letters from the program around a team, as futures; safe from any thread."""

from collections.abc import Callable
from concurrent.futures import Future

from mentra_actors.actors.append_request import Draft, recorded_events
from mentra_actors.domain.inbox import (
    HOST,
    INBOX,
    REMEMBERED_MAIL,
    DeliverMail,
    Mail,
    MailDelivered,
)
from mentra_actors.errors import VersionConflict
from mentra_actors.ids import AgentId, MailId, inbox_stream
from mentra_actors.runtime.agents.run_operations import new_id
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped, recovered
from mentra_actors.runtime.plain_arguments import require_text
from mentra_actors.store.ports import Appended, AppendRequest

__all__ = ["HostLetters"]


class HostLetters:
    """Puts letters into inboxes."""

    def __init__(self, core: RuntimeCore, reader: "Callable[[AgentId], Future[AgentId]]") -> None:
        """`reader` is the agent, if it reads what is written to it; else a failure."""
        self._core = core
        self._reader = reader

    def send(self, agent_id: AgentId, body: str, mail_id: str | None = None) -> "Future[None]":
        """Put a letter from the host into an agent's inbox; see `Agent.mail`.

        Raises:
            CommandRejected: the letter is empty or too long, or the agent has stopped.
            TypeError, ValueError: it is not text that can be stored.
        """
        require_text(body, "mail")
        require_text(mail_id or "", "a mail_id")
        mail = Mail(
            mail_id=MailId(mail_id or new_id()),
            sender=HOST,
            to=agent_id,
            body=body,
            sent_at=self._core.clock.now(),
        )
        INBOX.decide(DeliverMail(mail=mail), INBOX.initial)  # refuses what is no letter
        return chained(
            self._reader(agent_id),
            lambda _: self._put_once(mail) if mail_id else self._put(mail, None),
        )

    def _put_once(self, mail: Mail) -> "Future[None]":
        """Put it there unless it is among the last letters; begins again if another came first."""

        def put(version: int | None) -> "Future[None]":
            if version is None:
                return _done()
            return recovered(self._put(mail, version), again)

        def again(error: BaseException) -> "Future[None] | None":
            return self._put_once(mail) if isinstance(error, VersionConflict) else None

        return chained(mapped(_done(), lambda _: self._place(mail), on=self._core.readers), put)

    def _place(self, mail: Mail) -> int | None:
        """The version of the inbox; None if the letter lies there. Reads the log."""
        inbox = inbox_stream(mail.to)
        version = self._core.store.stream_version(inbox)
        after = max(version - REMEMBERED_MAIL, 0)
        recent = self._core.journal.read_stream(inbox, after=after, through=version)
        known = (one.event for one in recent if isinstance(one.event, MailDelivered))
        return None if any(one.mail.mail_id == mail.mail_id for one in known) else version

    def _put(self, mail: Mail, expected_version: int | None) -> "Future[None]":
        inbox, events = inbox_stream(mail.to), (MailDelivered(mail=mail),)
        done: Future[None] = Future()
        request = AppendRequest(
            streams=(self._core.journal.stream_append(inbox, events, expected_version),),
            fence=self._core.fence,
            recorded_at_ns=int(self._core.clock.now() * 1e9),
            causation=HOST,
            open_streams=(inbox,),
        )

        def on_appended(result: Appended | Exception) -> None:
            if isinstance(result, Exception):
                done.set_exception(result)
                return
            draft = Draft(request, ((inbox, events),))
            self._core.recorded.publish(tuple(recorded_events(draft, result)))
            self._core.directory.stream_was_written(inbox)
            done.set_result(None)

        self._core.store.submit(request, on_appended)
        return done


def _done() -> "Future[None]":
    done: Future[None] = Future()
    done.set_result(None)
    return done
