"""The core alone: a team works, no extra is there, and what needs one says which."""

import importlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import mentra_actors as mentra
from mentra_actors.errors import ConfigurationError
from mentra_actors.store.sql.opening import open_sql_store

assert "site-packages" in mentra.__file__, f"not the installed package: {mentra.__file__}"
EXTRAS = ["wordllama", "keyring", "matplotlib", "psycopg", "genai_prices", "tree_sitter"]
FRAMEWORKS = ["langgraph", "agents", "google.adk"]
found = [one for one in [*EXTRAS, *FRAMEWORKS, "cryptography", "websockets"] if "." not in one]
assert [one for one in found if find_spec(one)] == [], "an extra came along"


@mentra.tool(retry="safe")
def count_words(text: str) -> int:
    """Count the words of a text."""
    return len(text.split())


TURNS = [[mentra.call("count_words", text="a team is a log")], "Five words."]
for _ in range(2):  # the second time it is there already
    model = mentra.ScriptedModel(turns=TURNS, repeat=True)
    with mentra.open_runtime_sync("team.mentra", tools=[count_words], providers=[model]) as team:
        lead = team.spawn("lead", model="scripted:words", reuse=True)
        assert lead.send("How many words?", prompt_id="words").text == "Five words."

for extra, attempt in {
    "embeddings": mentra.LocalEmbeddings,
    "postgres": lambda: open_sql_store("postgresql://localhost/none"),
    "sealing": lambda: mentra.open_runtime_sync(
        "sealed.mentra", sealing=mentra.Sealing(key=b"k" * 32)
    ).__enter__(),
    "langgraph": lambda: importlib.import_module("mentra_actors.adapters.langgraph").MentraSaver,
}.items():
    try:
        attempt()
    except (ConfigurationError, ImportError) as error:
        assert f"mentra-actors[{extra}]" in str(error), f"{extra}: {error}"
    else:
        raise AssertionError(f"{extra} works without its extra")

command = Path(sys.executable).with_name("mentra")
for line in ["--version", "--help", "demo .", "agents", "log lead", "usage", "board"]:
    subprocess.run([command, *line.split()], check=True, stdout=subprocess.DEVNULL)
print("the core works without any extra")
