"""The past of a store: looked at, compared, asked for reasons, gone on from.

* `history`: `History`, the way in, from a running team or from any process.
* `moment`, `agent_moment`: one global position, and everything, or an agent, as it was there.
* `differences`, `bisection`: what has changed between two of them, and when it did.
* `versions`: versions of a stream as positions of the log.
* `conversations`: what an agent was told, from the nearest look before.
* `pages`: pages of the log that a walk reads once.
* `past`: reads the log for them, from the nearest view that is kept.
* `causes`: why something happened, and what came of it; `appends`: what was recorded together.
* `futures`, `branches`, `edits`, `open_work`, `listed_branch`, `common_past`: forks of a store.
* `again`, `replays`: what was recorded, decided and run again; see `runtime.replay`.
"""
