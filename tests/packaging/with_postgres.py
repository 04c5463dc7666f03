"""The extra `postgres`: the driver is there, and it is the server that is missing."""

from mentra_actors.errors import MentraError
from mentra_actors.store.sql.opening import open_sql_store

try:
    open_sql_store("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
except MentraError as error:
    assert "pip install" not in str(error), error
else:
    raise AssertionError("there is a server on port 1")
