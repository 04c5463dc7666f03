"""Stores that were closed in the middle of something, for tests that look at what is open."""

from mentra_actors import open_runtime_sync
from mentra_actors.demo.offline_model import OfflineModel


def left_waiting(path):
    """Make a store whose lead waits for a model that has not answered."""
    never = OfflineModel(delta_delay_s=3600.0)
    with open_runtime_sync(path, providers=[never], durability="volatile") as runtime:
        runtime.spawn("lead", model="offline:survey").mail("What is here?")
    return path
