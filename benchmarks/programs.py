"""The programs of the book, in its order, with the question that each one answers."""

from collections.abc import Mapping

__all__ = ["PROGRAMS"]

PROGRAMS: Mapping[str, str] = {
    "store": "How near is the event store to a bare LMDB loop, how far ahead of other stores?",
    "store_follow": "How soon do readers in other processes see an append?",
    "turn": "What does a turn cost beside a plain asyncio loop that keeps nothing?",
    "deltas": "What does a piece of a streamed answer cost beside a bare httpx loop?",
    "kill_matrix": "`kill -9` in a turn: what runs twice, what is lost, can it go on?",
    "growth": "Does a turn cost more the longer the conversation is?",
    "providers": "How fast are streams of the vendors decoded?",
    "tools": "What does a tool call cost?",
    "tools_grep": "How fast is `grep` over many files, and how much memory does it take?",
    "memory": "What do records, searches and recalls of a long-term memory cost?",
    "requests": "What does it cost to make the request of a long conversation?",
    "team": "How many turns a second do 1,000 agents make in one process?",
    "import_time": "How long until a process can begin?",
    "adapters": "What does a session of another framework cost in our store?",
    "time_travel": "What does it cost to look at the past?",
}
"""By the name of the module in `benchmarks`."""
