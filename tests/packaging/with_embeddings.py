"""The extra `embeddings`: memory is searched by what words mean."""

import mentra_actors as mentra

with mentra.open_runtime_sync(":memory:", embeddings=mentra.LocalEmbeddings()) as runtime:
    ann = runtime.spawn("ann", model="ollama:any")
    ann.memory.pin("Our attorney is Ms. Kern.")
    ann.memory.pin("The office has a blue door.")
    assert "attorney" in ann.memory.search("legal counsel")[0].record.content
