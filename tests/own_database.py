"""A database for this process alone, on the server that MENTRA_TEST_POSTGRES names.

Tests end connections and listen to channels: either is a matter of a whole database, and would
hit or hear the tests of another process.
"""

import os
import uuid

import psycopg

VARIABLE = "MENTRA_TEST_POSTGRES"


def open_own_database():
    """Make one and have the variable name it; gives what drops it and restores the variable."""
    server = os.environ.get(VARIABLE, "")
    name = f"mentra_test_{uuid.uuid4().hex}"
    try:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
    except psycopg.Error:  # tests/conformance/test_sql_stores.py says so, once
        return lambda: None
    os.environ[VARIABLE] = f"{server}{'&' if '?' in server else '?'}dbname={name}"

    def close():
        os.environ[VARIABLE] = server
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    return close
