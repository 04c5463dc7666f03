"""Where a log in PostgreSQL is: the server, the database, and the schema with its tables."""

import re
import zlib
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from mentra_actors.errors import ConfigurationError

__all__ = ["PostgresAddress"]

_CONNECT_TIMEOUT_S = 5
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
"""Names that need no quotes: the library asks for its types without them."""
_LOCK_CLASS = 0x6D656E74
"""`ment`: the upper half of the number of our advisory locks."""
_PRESENCE_CLASS = 0x6D656E70
"""`menp`: the same of the locks that say who takes petitions."""
_PATIENCE: dict[str, str | int] = {
    "connect_timeout": _CONNECT_TIMEOUT_S,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "mentra",
}
"""A server that fell silent must not hold an append for hours; the address may say otherwise."""


class PostgresAddress(msgspec.Struct, frozen=True):
    """Connection parameters for the driver, and the schema."""

    conninfo: str
    schema: str
    name: str
    """For messages: no user and no password."""

    @classmethod
    def parse(cls, address: str, schema: str | None = None) -> "PostgresAddress":
        """From a URL, which may say `?schema=…`, or from `key=value` pairs.

        Raises:
            ConfigurationError: the driver cannot read it.
        """
        schema, address = _without_schema(address, schema)
        if not _SCHEMA.fullmatch(schema):
            raise ConfigurationError(
                f"a schema is named by 1 to 63 of a-z, 0-9 and _, not by {schema!r}"
            )
        try:
            said = conninfo_to_dict(address)
            unsaid = {name: value for name, value in _PATIENCE.items() if name not in said}
            conninfo = make_conninfo(address, **unsaid)
        except psycopg.Error as error:
            raise ConfigurationError(f"not an address of PostgreSQL: {error}") from error
        place = f"{said.get('host', 'localhost')}:{said.get('port', 5432)}"
        name = f"postgresql://{place}/{said.get('dbname', '')} (schema {schema})"
        return cls(conninfo, schema, name)

    @property
    def lock_number(self) -> int:
        """The advisory lock that whoever writes this log holds; locks belong to a database."""
        return (_LOCK_CLASS << 32) | self._schema_number

    @property
    def presence(self) -> tuple[int, int]:
        """Both halves of the advisory lock that all share who take petitions for this log."""
        return _PRESENCE_CLASS, self._schema_number

    @property
    def petition_channel(self) -> str:
        """On which petitions and answers are notified; a schema's name would be too long."""
        return f"mentra_petitions_{self._schema_number:08x}"

    @property
    def _schema_number(self) -> int:
        return zlib.crc32(self.schema.encode())


def _without_schema(address: str, schema: str | None) -> tuple[str, str]:
    if "://" not in address:
        return "public" if schema is None else schema, address
    place, _, parameters = address.partition("?")
    query = parse_qsl(parameters, keep_blank_values=True)
    found = [value for key, value in query if key == "schema"]
    rest = urlencode([one for one in query if one[0] != "schema"], quote_via=quote)
    chosen = found[-1] if found else "public"
    return chosen if schema is None else schema, f"{place}?{rest}" if rest else place
