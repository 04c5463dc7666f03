"""The extra `embeddings`: memory is searched by what words mean."""

import time

import mentra_actors as mentra

with mentra.open_runtime_sync(":memory:", embeddings=mentra.LocalEmbeddings()) as runtime:
    ann = runtime.spawn("ann", model="ollama:any")
    ann.memory.pin("Our attorney is Ms. Kern.")
    ann.memory.pin("The office has a blue door.")
    until = time.monotonic() + 60
    found = ann.memory.search("legal counsel")
    while not found and time.monotonic() < until:  # vectors are made in the background
        time.sleep(0.1)
        found = ann.memory.search("legal counsel")
    assert "attorney" in found[0].record.content
