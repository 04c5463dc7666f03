"""Logs in SQLite and PostgreSQL, in tables of the library `eventsourcing`.

Begin with `opening`, which imports the library only when such a log is opened.

* `event_state`: an event in the library's four columns; `side_tables`: what the library has no
  table for; `database`: what SQLite and PostgreSQL each do in their way.
* `sql_reader`, `sql_commit`, `sql_store`: the port, once for both.
* `sqlite_…` and `postgres_…`: the library's recorders, extended, and how a log is opened.
"""
