"""The extra `sealing`: a store is encrypted and compressed, and opens with its key alone."""

import mentra_actors as mentra

sealing = mentra.Sealing(key=b"k" * 32)
for _ in range(2):
    model = mentra.ScriptedModel(["Safe."], repeat=True)
    with mentra.open_runtime_sync("sealed.mentra", providers=[model], sealing=sealing) as team:
        lead = team.spawn("lead", model="scripted:x", reuse=True)
        assert lead.send("My secret is 42.", prompt_id="secret").text == "Safe."
try:
    mentra.open_runtime_sync("sealed.mentra").__enter__()
except mentra.StoreError as error:
    assert "encrypted" in str(error), error
