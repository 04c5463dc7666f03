"""A store that is sealed takes nothing from those who would write plain text into it."""

import pytest
from eventsourcing.persistence import OperationalError

from mentra_actors.store.lmdb import LMDBApplicationRecorder, LMDBDatastore
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.sealing.options import Sealing


def test_a_recorder_refuses_a_sealed_store(tmp_path):
    """Secrets of an application would lie in plain text where everybody trusts a key."""
    path = tmp_path / "store"
    open_event_store(path, sealing=Sealing(key=bytes(32))).close()

    with pytest.raises(OperationalError, match="CIPHER_TOPIC"):
        LMDBApplicationRecorder(LMDBDatastore(path))
