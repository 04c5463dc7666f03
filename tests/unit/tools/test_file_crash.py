"""A batch whose process is killed: each file is the old or the new one, whole."""

import os
import random
import signal
import subprocess
import sys

import pytest
from forked_python import ForkedPython

from mentra_actors.tools.builtin.files import file_tools
from tests.unit.tools.file_worlds import by_name, directory, plant, tree_of

FILES = 5
SIZE = 20_000
WRITER = """
import itertools, sys
from mentra_actors.tools.file_tools.batch import run_batch
from mentra_actors.tools.file_tools.operations import SetFile
from mentra_actors.tools.file_tools.place import FilePlace
from mentra_actors.tools.file_tools.text_lines import WorkBudget

place = FilePlace.of_root(sys.argv[1])
print("ready", flush=True)
for letter in itertools.cycle("ab"):
    sets = [SetFile(path="file-%s" % n, content=letter * {size}) for n in range({files})]
    run_batch(place, sets, WorkBudget(60), lambda _told: None)
    print(letter, flush=True)
"""


@pytest.mark.crash
def test_a_killed_batch_leaves_no_half_file_and_the_next_write_cleans_up(make_context):
    """A power cut while an agent refactors must not cost the file that it was writing."""
    chance = random.Random(4)
    with directory() as place:
        plant(place, {f"file-{n}": "a" * SIZE for n in range(FILES)})
        for _ in range(4):
            kill_a_writer(place, chance)
            contents = {(place / f"file-{n}").read_bytes() for n in range(FILES)}
            assert contents <= {b"a" * SIZE, b"b" * SIZE}

        write = by_name(file_tools(place, profile="split"))["write"]
        for n in range(FILES):
            write(make_context(), path=f"file-{n}", content="new")
        assert tree_of(place) == {f"file-{n}": b"new" for n in range(FILES)}


def kill_a_writer(place, chance):
    """At any moment after its first batches."""
    process = ForkedPython(
        [sys.executable, "-c", WRITER.format(size=SIZE, files=FILES), str(place)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    for _ in range(chance.randint(2, 5)):
        assert process.stdout.readline()
    for _ in range(chance.randrange(20_000)):
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
