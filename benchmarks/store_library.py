"""The same conversation in eventsourcing: an aggregate, an application, a projection."""

import threading
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import ApplicationRecorder, Tracking
from eventsourcing.popo import POPOApplicationRecorder, POPOTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteConnection, SQLiteConnectionPool, SQLiteTrackingRecorder

from benchmarks.store_workload import ModelAnswered, some_events

_SAVED_TOGETHER = 500


class Conversation(Aggregate):
    """Folds what `store_workload.evolve` folds; explicit event classes replay fastest."""

    def __init__(self) -> None:
        self.answers = self.tools = self.input_tokens = self.output_tokens = 0
        self.last_call = ""

    class ModelAnswered(Aggregate.Event):
        event_id: str
        call_id: str
        model: str
        text: str
        input_tokens: int
        output_tokens: int
        stop_reason: str
        latency_s: float

        def apply(self, aggregate: "Conversation") -> None:
            aggregate.answers += 1
            aggregate.input_tokens += self.input_tokens
            aggregate.output_tokens += self.output_tokens
            aggregate.last_call = self.call_id

    class ToolEnded(Aggregate.Event):
        event_id: str
        call_id: str
        name: str
        output: str
        seconds: float
        is_error: bool

        def apply(self, aggregate: "Conversation") -> None:
            aggregate.tools += 1
            aggregate.last_call = self.call_id


class Log(Application[UUID]):
    """An application; its recorder is SQLite by its environment, or the one given."""

    given_recorder: ClassVar[ApplicationRecorder | None] = None

    def construct_recorder(self) -> ApplicationRecorder:
        return self.given_recorder or super().construct_recorder()


def sqlite_log(path: Path) -> Log:
    """JSON transcoder, WAL, all defaults."""
    module = {"PERSISTENCE_MODULE": "eventsourcing.sqlite"}
    return Log(env={**module, "SQLITE_DBNAME": str(path / "library.db")})


def write_conversation(log: Log, events: int) -> UUID:
    """One aggregate with so many events after its first one."""
    conversation = Conversation()
    for number, one in enumerate(some_events(events), start=1):
        is_answer = isinstance(one, ModelAnswered)
        kind = Conversation.ModelAnswered if is_answer else Conversation.ToolEnded
        conversation.trigger_event(kind, **msgspec.structs.asdict(one))
        if number % _SAVED_TOGETHER == 0:
            log.save(conversation)
    log.save(conversation)
    return conversation.id


# --- a projection -------------------------------------------------------------------------


class SqliteTokens(SQLiteTrackingRecorder):
    """Output tokens by stream; the row and the tracking are one transaction, flushed."""

    def construct_create_table_statements(self) -> list[str]:
        table = "CREATE TABLE IF NOT EXISTS tokens (stream TEXT PRIMARY KEY, tokens INTEGER)"
        return [*super().construct_create_table_statements(), table]

    def add(self, stream: str, tokens: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO tokens VALUES (?, ?) "
                "ON CONFLICT (stream) DO UPDATE SET tokens = tokens + excluded.tokens",
                (stream, tokens),
            )


class _RelaxedPool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().execute("PRAGMA synchronous=NORMAL")
        return connection


class RelaxedSqliteTokens(SqliteTokens):
    """The same with `synchronous=NORMAL`: a power loss may take the last commits."""

    def __init__(self, datastore: Any, **options: Any) -> None:
        datastore.pool = _RelaxedPool(db_name=datastore.pool.db_name)
        super().__init__(datastore, **options)


class MemoryTokens(POPOTrackingRecorder):
    """The same in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, int] = {}

    def add(self, stream: str, tokens: int, tracking: Tracking) -> None:
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.tokens[stream] = self.tokens.get(stream, 0) + tokens


class Tokens(Projection[Any]):
    """What `store_views.OutputTokens` is in ours."""

    until: ClassVar[int] = 0
    done: ClassVar[threading.Event] = threading.Event()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        tokens = getattr(domain_event, "output_tokens", 0)
        self.view.add(str(domain_event.originator_id), tokens, tracking)
        if tracking.notification_id == Tokens.until:
            Tokens.done.set()


def filled_log(events: int, streams: int) -> ApplicationRecorder:
    """A log in memory for a projection to catch up with."""
    Log.given_recorder = POPOApplicationRecorder()
    log = Log()
    for _ in range(streams):
        write_conversation(log, events // streams)
    return Log.given_recorder


def project(recorder: ApplicationRecorder, view: type[Any], path: Path) -> None:
    """The library's runner from the first event to the last, into a new view."""
    Log.given_recorder = recorder
    Tokens.until = recorder.max_notification_id() or 0
    Tokens.done.clear()
    env = {}
    if issubclass(view, SQLiteTrackingRecorder):
        env["TOKENS_PERSISTENCE_MODULE"] = "eventsourcing.sqlite"
        env["TOKENS_SQLITE_DBNAME"] = str(path / "view.db")
    with ProjectionRunner(
        application_class=Log, projection_class=Tokens, view_class=view, env=env
    ):
        Tokens.done.wait()
