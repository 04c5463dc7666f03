"""The past of a store: looked at, compared, asked for reasons, gone on from.

* `history`: `History`, the way in, from a running team or from any process.
* `moment`: one global position, and everything as it was there.
* `causes`: why something happened, and what came of it; `appends`: what was recorded together.
"""
