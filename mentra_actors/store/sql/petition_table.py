"""Petitions as rows of a table in the database of a log, for all processes that reach the server.

A row is one petition and then its answer: the answer takes its place in one statement, which
looks at the fence as well, so a process that was replaced answers nothing. Every statement is a
transaction, and bears to be repeated when its answer got lost. Rows are taken in the order in
which the database has got them, by its clock.

Who takes petitions shares an advisory lock, so that others see that somebody is there: nobody may
take the store over for a moment from a process that lives.
"""

import time
from collections.abc import Sequence
from typing import Any

from psycopg.sql import SQL, Identifier

from mentra_actors.errors import (
    CommitOutcomeUnknown,
    ConnectionLost,
    Fenced,
    StoreCorrupted,
    StoreForbidden,
)
from mentra_actors.store.ownership.petition_box import (
    ANSWER,
    DAY_S,
    MAX_PETITION_BYTES,
    PETITION,
    PETITION_NAME,
    closed_note,
    opened_note,
)
from mentra_actors.store.ports import Fence
from mentra_actors.store.sealing.part_seal import PartSeal
from mentra_actors.store.sql.database import CommitInterrupted
from mentra_actors.store.sql.petition_link import PetitionLink, PlainConnection
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_store import create_missing_tables, table_exists
from mentra_actors.store.sql.side_tables import FENCES, META, PETITIONS

__all__ = ["PetitionTable", "open_table"]

_PATIENCE_S = 10.0
_PAUSE_S = 0.25
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

_PUT = SQL(
    f"WITH put AS (INSERT INTO {{table}} (name, petition, answer, put_at, answered_at) "
    f"VALUES (%s, %s, '', {_NOW}, 0) ON CONFLICT (name) DO NOTHING RETURNING 1) "
    "SELECT pg_notify(%s, '') FROM put"
)
_WAITING = SQL("SELECT name FROM {table} WHERE answered_at = 0 ORDER BY put_at, name")
_PETITION = SQL(
    "SELECT CASE WHEN octet_length(petition) <= %s THEN petition END "
    "FROM {table} WHERE name = %s AND answered_at = 0"
)
_ANSWER = SQL(
    "WITH fence AS (SELECT epoch FROM {fences} WHERE resource = %s AND epoch = %s FOR SHARE), "
    f"done AS (UPDATE {{table}} SET petition = '', answer = %s, answered_at = {_NOW} "
    "WHERE name = %s AND answered_at = 0 AND EXISTS (SELECT FROM fence) RETURNING 1), "
    "rung AS (SELECT pg_notify(%s, '') FROM done) "
    "SELECT (SELECT count(*) FROM fence), (SELECT count(*) FROM rung), "
    "(SELECT epoch FROM {fences} WHERE resource = %s)"
)
"""The row of the fence is held to the end: nobody raises it in between."""
_ANSWER_TO = SQL(
    "SELECT CASE WHEN octet_length(answer) <= %s THEN answer END "
    "FROM {table} WHERE name = %s AND answered_at > 0"
)
_REMOVE = SQL("DELETE FROM {table} WHERE name = %s AND answered_at > 0")
_REMOVE_OLD = SQL(f"DELETE FROM {{table}} WHERE answered_at BETWEEN 1 AND {_NOW} - %s")
_ATTEND = "SELECT pg_advisory_lock_shared((%s::bigint << 32) | %s::bigint)"
_IS_ATTENDED = SQL(
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database "
    "WHERE datname = current_database() AND locktype = 'advisory' AND granted "
    "AND classid = %s AND objid = %s AND objsubid = 1)"
)
_IS_OURS = (
    "SELECT pg_has_role(tableowner, 'USAGE') FROM pg_tables "
    "WHERE schemaname = %s AND tablename = %s"
)


class PetitionTable:
    """See `PetitionBox`. It is connected to when it is used."""

    def __init__(self, address: PostgresAddress, seal: PartSeal | None) -> None:
        """Use `open_table`."""
        self._address = address
        self._seal = seal
        self._names = {
            "table": Identifier(address.schema, PETITIONS.name),
            "fences": Identifier(address.schema, FENCES.name),
        }
        self._attends = False
        self._link = PetitionLink(address, self._prepare)

    def put(self, name: str, content: bytes) -> None:
        """See `PetitionBox.put`; a server that goes away meanwhile is waited for."""
        note = closed_note(self._seal, name, PETITION, content)
        parameters = [name, note, self._address.petition_channel]
        deadline, was_sent = time.monotonic() + _PATIENCE_S, False
        while True:
            try:
                self._link.ask(_PUT.format(**self._names), parameters)
            except CommitInterrupted:
                was_sent = True
            except ConnectionLost:
                if not was_sent:
                    raise
            else:
                return
            if time.monotonic() > deadline:
                raise CommitOutcomeUnknown(
                    f"{self._address.name} went away while a petition was left there, and for "
                    f"{_PATIENCE_S:.0f} s nobody could be asked: it may have been left; look what "
                    "came of it before you ask again"
                )
            time.sleep(_PAUSE_S)

    def answer_to(self, name: str) -> bytes | None:
        """See `PetitionBox.answer_to`."""
        return self._read(_ANSWER_TO, name, ANSWER)

    def remove_answer(self, name: str) -> None:
        """See `PetitionBox.remove_answer`."""
        self._asked(_REMOVE, name)

    def is_attended(self) -> bool:
        """See `PetitionBox.is_attended`."""
        ((is_attended,),) = self._asked(_IS_ATTENDED, *self._address.presence)
        return bool(is_attended)

    def attend(self) -> None:
        """See `PetitionBox.attend`; called before anything is asked."""
        self._attends = True

    def waiting(self) -> Sequence[str]:
        """See `PetitionBox.waiting`."""
        return [name for (name,) in self._asked(_WAITING) if PETITION_NAME.fullmatch(name)]

    def petition(self, name: str) -> bytes | None:
        """See `PetitionBox.petition`."""
        return self._read(_PETITION, name, PETITION)

    def answer(self, name: str, content: bytes, fence: Fence) -> None:
        """See `PetitionBox.answer`."""
        note = closed_note(self._seal, name, ANSWER, content)
        resource, channel = fence.resource, self._address.petition_channel
        ((is_owner, _, current),) = self._asked(
            _ANSWER, resource, fence.epoch, note, name, channel, resource
        )
        if not is_owner:
            raise Fenced(resource, epoch=fence.epoch, current=current or 0)

    def remove_old(self) -> None:
        """See `PetitionBox.remove_old`. By the clock of the database."""
        self._asked(_REMOVE_OLD, int(DAY_S * 1e6))

    def number(self) -> int:
        """See `PetitionBox.number`."""
        return self._link.number()

    def sleep(self, number: int, timeout_s: float) -> None:
        """See `PetitionBox.sleep`."""
        self._link.sleep(number, timeout_s)

    def ring(self) -> None:
        """See `PetitionBox.ring`."""
        self._link.ring()

    def close(self) -> None:
        """See `PetitionBox.close`."""
        self._link.close()

    def _asked(self, statement: SQL, *parameters: object) -> Sequence[tuple[Any, ...]]:
        """The answer to a statement, which is repeated once if the connection has broken.

        Raises:
            ConnectionLost: there is none.
            StoreError: it was refused.
        """
        written = statement.format(**self._names)
        try:
            return self._link.ask(written, parameters)
        except CommitInterrupted:
            pass
        try:
            return self._link.ask(written, parameters)
        except CommitInterrupted as interrupted:
            raise ConnectionLost(str(interrupted)) from interrupted

    def _read(self, statement: SQL, name: str, suffix: str) -> bytes | None:
        rows = self._asked(statement, MAX_PETITION_BYTES, name)
        if not rows:
            return None
        ((note,),) = rows
        if note is None:
            raise StoreCorrupted(f"{name}{suffix} has more than {MAX_PETITION_BYTES} bytes")
        return opened_note(self._seal, name, suffix, bytes(note))

    def _prepare(self, connection: PlainConnection) -> None:
        if not table_exists(connection, self._names["table"]):
            self._make_table(connection)
        if self._attends:
            connection.execute(_ATTEND, self._address.presence)

    def _make_table(self, connection: PlainConnection) -> None:
        """Make the table that a log of an earlier release lacks, for the role that has the log."""
        schema = self._address.schema
        if connection.execute(_IS_OURS, [schema, META.name]).fetchone() != (True,):
            raise StoreForbidden(
                f"{self._address.name} has no table for petitions, and this role may not make it; "
                "open it for writing once, with this release"
            )
        create_missing_tables(connection, self._address)


def open_table(address: str, seal: PartSeal | None) -> PetitionTable:
    """The petitions of the log at an address.

    Raises:
        ConfigurationError: the driver cannot read it.
    """
    return PetitionTable(PostgresAddress.parse(address), seal)
