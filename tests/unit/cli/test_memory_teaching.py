"""`mentra remember` and `mentra memory --forget`: what a person teaches, and takes back."""

import pytest

from mentra_actors import ScriptedModel, open_runtime_sync


def test_an_agent_is_taught_a_fact_once(mentra, tmp_path):
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        runtime.spawn("ann", model="ollama:x")
    for _ in range(2):
        line = ("remember", "ann", "Deploys happen on Fridays.", "--by", "sue", "--store", path)
        assert mentra.json(*line) == {
            "agent": "ann",
            "scope": "agent",
            "state": "recorded",
        }

    (known,) = mentra.json("memory", "ann", "--store", path)
    assert (known["by"], known["content"]) == ("sue", "Deploys happen on Fridays.")
    assert mentra("remember", "ann", " ", "--store", path) == 2
    assert mentra("remember", "eve", "x", "--store", path) == 2


@pytest.mark.parametrize("scope", ["agent", "team", "project"])
def test_a_fact_is_taught_to_an_agent_its_team_or_all(mentra, tmp_path, scope):
    """What holds for a team need not be said to each of its members."""
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        for name in ("ann", "bob"):
            runtime.spawn(name, model="ollama:x")

    assert mentra("remember", "ann", "Closed on Mondays.", "--scope", scope, "--store", path) == 0
    known = {
        name: [one["scope"] for one in mentra.json("memory", name, "--store", path)]
        for name in ("ann", "bob")
    }
    assert known == {"ann": [scope], "bob": [] if scope == "agent" else [scope]}


def index_holds(path, word):
    """True if a word is in a byte of the index or of what SQLite writes beside it."""
    files = path.glob("views-memory.sqlite*")
    return any(word in file.read_bytes().lower() for file in files)


def test_a_record_that_is_forgotten_is_in_no_byte_of_the_index(mentra, tmp_path):
    """A fact, and a run: whoever lets it be forgotten does not want it found in a file."""
    path = tmp_path / "team.mentra"
    model = ScriptedModel(["Narwhals sing."])
    with open_runtime_sync(path, durability="volatile", providers=[model]) as runtime:
        ann = runtime.spawn("ann", model="scripted:x")
        ann.send("What do they do?")
        fact = ann.memory.pin("Quokkas smile.")
        (episode, _) = [one.record_id for one in ann.memory.records()]
    assert index_holds(path, b"quokka")
    assert index_holds(path, b"narwhal")

    forget = ("memory", "ann", "--by", "sue", "--store", path, "--forget")
    for record_id in (fact, episode, fact):
        assert mentra.json(*forget, record_id) == {
            "agent": "ann",
            "record": record_id,
            "scope": "agent",
            "state": "recorded",
        }
    assert mentra.json("memory", "ann", "--store", path) == []
    assert not index_holds(path, b"quokka")
    assert not index_holds(path, b"narwhal")
    assert "sue forgets" in _log(mentra, path)


def _log(mentra, path):
    assert mentra("log", "memory-ann", "--store", path) == 0
    return mentra.out


def test_a_running_process_finds_no_more_what_was_forgotten_beside_it(mentra, tmp_path):
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        memory = runtime.spawn("ann", model="ollama:x").memory
        fact = memory.pin("Quokkas smile.")
        assert len(memory.search("quokkas")) == 1
        assert mentra("memory", "ann", "--forget", fact, "--store", path) == 0
        assert "is forgotten: no search of ann finds it any more" in mentra.out

        assert not index_holds(path, b"quokka")
        assert memory.search("quokkas") == []


def test_a_record_of_another_scope_or_agent_is_not_forgotten(mentra, tmp_path):
    path = tmp_path / "team.mentra"
    with open_runtime_sync(path, durability="volatile") as runtime:
        ann, bob = (runtime.spawn(name, model="ollama:x").memory for name in ("ann", "bob"))
        of_team, of_bob = ann.pin("Closed.", scope="team"), bob.pin("Tea.")
    forget = ("memory", "ann", "--store", path, "--forget")

    for line in ((of_bob,), (of_team, "--scope", "agent"), ("nothing",)):
        assert mentra(*forget, *line) == 2
        assert f"ann has no record '{line[0]}'" in mentra.err
    assert mentra(*forget, of_team) == 0
    assert [one["id"] for one in mentra.json("memory", "bob", "--store", path)] == [of_bob]
