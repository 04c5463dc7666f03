"""Holds a commit of LMDB in a process of its own; see `held_commit`. It imports nothing of ours.

It holds the present commit of the store that the command line names until standard input ends,
and answers with one line of JSON.
"""

import json
import sys

import lmdb

_META_BYTES = 4096
_TXN_ID_AT = slice(144, 152)
_MAP_BYTES = 1 << 20
"""The least that LMDB maps; it takes more if the file has more."""


def _meta_pages(path: str, page_bytes: int) -> list[bytes]:
    with open(f"{path}/data.mdb", "rb") as file:
        first = file.read(_META_BYTES)
        file.seek(page_bytes)
        return [first, file.read(_META_BYTES)]


def _hold(path: str) -> None:
    env = lmdb.open(path, readonly=True, create=False, max_readers=512, map_size=_MAP_BYTES)
    page_bytes = int(env.stat()["psize"])
    while True:
        try:
            txn = env.begin()
        except lmdb.MapResizedError:
            env.set_mapsize(0)
            continue
        pages = _meta_pages(path, page_bytes)
        if txn.id() in [int.from_bytes(page[_TXN_ID_AT], sys.byteorder) for page in pages]:
            break
        txn.abort()  # a writer was faster, and its commits have taken the place of this one
    _answer({"txn_id": txn.id(), "meta_pages": [page.hex() for page in pages]})
    sys.stdin.buffer.read()
    txn.abort()


def _answer(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the command line says."""
    try:
        _hold(sys.argv[1])
    except (lmdb.Error, OSError) as error:
        _answer({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
