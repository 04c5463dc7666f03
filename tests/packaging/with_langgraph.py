"""The extra `langgraph`: a checkpoint is saved, and found in a later life of the store."""

from langgraph.checkpoint.base import empty_checkpoint

from mentra_actors.adapters.langgraph import MentraSaver

HERE = {"configurable": {"thread_id": "trip", "checkpoint_ns": ""}}
checkpoint = empty_checkpoint()
with MentraSaver("talks.mentra") as saver:
    saver.put(HERE, checkpoint, {"source": "input", "step": -1}, {})
with MentraSaver("talks.mentra") as saver:
    found = saver.get_tuple(HERE)
    assert found is not None
    assert found.checkpoint["id"] == checkpoint["id"]
