"""Facts of other agent frameworks that keep their sessions in our store.

No decider owns these streams, and what a value means only its framework knows: its bytes are kept
as they came. Streams of these categories take appends from `mentra_actors.adapters` alone.
"""
