"""A way to the database server that tests can cut."""

import contextlib
import socket
import threading

import psycopg
from postgres_logs import server
from psycopg.conninfo import conninfo_to_dict

__all__ = ["Link", "shut"]


class Link:
    """A way to the server that can be cut, at a statement or for good."""

    def __init__(self, statement=b"COMMIT\0"):
        self.statement = statement
        self.cut = ""
        """`before`: the next such statement does not arrive. `after`: its answer does not."""
        self.is_down = False
        self.after_cut = lambda: None
        """Called when the server has ended what was cut, before we hear of it."""
        self.cuts = 0
        self._open = []
        self._muted = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def address(self):
        said = conninfo_to_dict(server())
        said |= {"host": "127.0.0.1", "port": self.port, "sslmode": "disable"}
        said |= {"gssencmode": "disable"}
        return psycopg.conninfo.make_conninfo(**said)

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for one in self._open:
            one.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            there = _connect_to_server()
            self._open += [client, there]
            threading.Thread(target=self._up, args=(client, there), daemon=True).start()
            threading.Thread(target=self._down, args=(there, client), daemon=True).start()

    def _up(self, client, there):
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if self.cut and self.statement in data:
                    self._cut_commit(client, there, data)
                    return
                there.sendall(data)
        shut(there)

    def _down(self, there, client):
        with contextlib.suppress(OSError):
            while data := there.recv(1 << 16):
                if there not in self._muted:
                    client.sendall(data)
        if there not in self._muted:
            shut(client)

    def _cut_commit(self, client, there, data):
        cut, self.cut = self.cut, ""
        self.cuts += 1
        self._muted.append(there)
        if cut == "after":
            there.sendall(data)
        shut(there, socket.SHUT_WR)
        self.after_cut()
        for one in self._open:  # the answer finds nobody
            if one is client or (self.is_down and one is not there):
                shut(one)


def _connect_to_server():
    said = conninfo_to_dict(server())
    host, port = said.get("host", "localhost"), said.get("port", 5432)
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    connected = socket.socket(socket.AF_UNIX)
    connected.connect(f"{host}/.s.PGSQL.{port}")
    return connected


def shut(one, how=socket.SHUT_RDWR):
    with contextlib.suppress(OSError):
        one.shutdown(how)
