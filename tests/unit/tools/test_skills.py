"""Skills as files: what is read, what is left out, and that one bad file hides no other."""

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from mentra_actors.errors import ConfigurationError
from mentra_actors.tools.builtin.skill_files import MAX_SKILL_BYTES, read_skill, scanned_root
from mentra_actors.tools.builtin.skills import load_skill_tool, skills_guide, skills_of
from mentra_actors.tools.contract import ToolError

GOOD = "---\nname: good\ndescription: Does good.\n---\nBe good.\n"


@pytest.fixture
def skill(tmp_path):
    """Write a skill; `skill("a/b", text)` is `a/b/SKILL.md`."""

    def write(folder, text, root=tmp_path):
        path = root / folder / "SKILL.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def read(path):
    found, body = read_skill(path.parent.parent, path)
    return found.name, found.description, found.model_invocable, body


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, ("good", "Does good.", True, "Be good.")),
        (GOOD.replace("\n", "\r\n"), ("good", "Does good.", True, "Be good.")),
        ("\ufeff" + GOOD, ("good", "Does good.", True, "Be good.")),
        ("Just words.\n---\nmore\n", ("folder", "", True, "Just words.\n---\nmore")),
        ("---\n---\nWords.", ("folder", "", True, "Words.")),
        ("---\ndescription: Only this.\n---", ("folder", "Only this.", True, "")),
        (
            "---\nname: x\ndescription: |\n  Two\n  lines.\nother: [1, 2]\n---\na\r\nb",
            ("x", "Two lines.", True, "a\nb"),
        ),
        (
            "---\nname: secret\ndisable-model-invocation: true\n---\nFor people.",
            ("secret", "", False, "For people."),
        ),
        ("---\nname: x\n---\nOne\n---\nTwo", ("x", "", True, "One\n---\nTwo")),
    ],
)
def test_a_skill_is_what_stands_at_its_top_and_the_text_below(skill, text, expected):
    """Whatever system wrote the file; its directory names one that has no name."""
    assert read(skill("folder", text)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("---\nname: x\n", "no line of --- ends it"),
        ("---\nname: a\nx: [\n---\n", "malformed front matter: line 4: expected the node"),
        ("---\n- a\n- b\n---\n", "fields with names, not a list"),
        ("---\nname: 3\n---\n", "name is a text, not int; put it in quotes"),
        ("---\nname: '<b>'\n---\n", "a name is 1 to 100 characters"),
        ("---\nname: ''\n---\n", "a name is 1 to 100 characters"),
        ("---\nname: a\ndescription: {}\n---\n", "description is a text, not dict"),
        ("---\ndisable-model-invocation: never\n---\n", "true or false, not str"),
        ("---\na: &a [1]\nb: *a\n---\n", "has an alias"),
        ("---\nname: !!python/name:os.system x\n---\n", "name is a text, not os.system"),
        ("---\ndisable-model-invocation: !!bool x\n---\n", "true or false, not bool"),
        ("---\nz: 1" + ":1" * 120_000 + "\n---\n", "it is longer than 16 KiB"),
        ("---\nz: [" + "a," * 120_000 + "]\n---\n", "it is longer than 16 KiB"),
        ("---\nz: " + "ä" * 8_200 + "\n---\n", "it is longer than 16 KiB"),
        (b"\xff\xfe", "is not UTF-8"),
        ("x" * (MAX_SKILL_BYTES + 1), "longer than 256 KiB"),
        ("---\na: " + "[" * 5_000 + "\n---\n", "nested more than 20 deep"),
    ],
)
def test_one_bad_file_hides_no_other(skill, tmp_path, text, words, caplog):
    """Somebody who mistypes a line loses one skill, and is told which."""
    bad = skill("bad", text)
    skill("good", GOOD)
    root = scanned_root(tmp_path)

    assert [one.name for one in root.skills] == ["good"]
    (fault,) = root.faults
    assert (fault.path, words in fault.reason) == (bad, True), fault.reason
    assert str(bad) in caplog.text


@pytest.mark.parametrize(
    "line",
    [
        "when: 2001-99-99",
        "run: !!python/object/apply:os.system [exit]",
        "z: " + "9" * 16_000,
        "z: 1" + ":59" * 5_000,
        "z: !!binary xyz",
        "[a]: 1",
        "? {a: b}\n: 1",
    ],
)
def test_what_we_do_not_use_is_not_read(skill, line):
    """Other systems have fields of their own; what they mean is no concern of ours."""
    text = GOOD.replace("name:", f"{line}\nname:")

    assert read(skill("folder", text)) == ("good", "Does good.", True, "Be good.")


@pytest.mark.parametrize(("word", "is_on"), [("yes", True), ("False", False), ("ON", True)])
def test_a_flag_is_a_word_of_yaml(skill, word, is_on):
    """As people write it."""
    text = f"---\nname:\ndisable-model-invocation: {word}\n---\nx"

    assert read(skill("folder", text)) == ("folder", "", not is_on, "x")


@forall(content=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda t: f"---\n{t}")))
def test_whatever_is_in_a_file_the_others_are_read(tmp_path_factory, content):
    """There is no content that ends the reading."""
    root = tmp_path_factory.mktemp("skills")
    if isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    for folder, data in (("a", content), ("b", GOOD.encode())):
        (root / folder).mkdir()
        (root / folder / "SKILL.md").write_bytes(data)
    found = scanned_root(root)

    assert "good" in [one.name for one in found.skills]
    assert len(found.skills) + len(found.faults) == 2


def test_of_two_with_one_name_in_a_directory_the_second_is_left_out(skill, tmp_path):
    """In the order of their paths, so that it is the same one each time."""
    skill("b", GOOD.replace("Be", "Second"))
    first = skill("a/deep/down", GOOD)
    root = scanned_root(tmp_path)

    assert [one.path for one in root.skills] == [first]
    assert f"another skill is named 'good': {first}" in root.faults[0].reason


def test_a_weaker_directory_fills_only_gaps(skill, tmp_path):
    """Whose skill it is can be seen in its path and root."""
    strong, weak = tmp_path / "strong", tmp_path / "weak"
    skill("good", GOOD, strong)
    skill("good", GOOD.replace("Does", "Did"), weak)
    skill("also", GOOD.replace("good", "also"), weak)
    found = skills_of([scanned_root(strong), scanned_root(weak)])

    assert list(found) == ["also", "good"]
    assert (found["good"].root, found["also"].root) == (strong, weak)
    assert found["good"].description == "Does good."


def test_links_are_not_followed(skill, tmp_path):
    """A link could make any file of the machine a skill; the rest is read."""
    outside = skill("x", GOOD, tmp_path / "outside")
    root = tmp_path / "root"
    skill("here", GOOD.replace("good", "here"), root)
    (root / "folder").symlink_to(outside.parent)
    (root / "linked").mkdir()
    (root / "linked" / "SKILL.md").symlink_to(outside)
    found = scanned_root(root)

    assert [one.name for one in found.skills] == ["here"]
    assert [one.path.parent.name for one in found.faults] == ["linked"]


def test_what_is_no_directory_is_refused(tmp_path):
    """A mistyped path is not a runtime without skills."""
    with pytest.raises(ConfigurationError, match="not a directory"):
        scanned_root(tmp_path / "nowhere")


# --- what a model gets ------------------------------------------------------------------------


def test_a_model_is_told_of_the_skills_that_it_may_load(skill, tmp_path):
    """Sorted by name, so that the prompt is the same each time."""
    skill("z", GOOD)
    skill("bare", "Words.")
    skill("own", "---\nname: own\ndisable-model-invocation: true\n---\nx")
    skills = skills_of([scanned_root(tmp_path)])

    assert skills_guide(skills) == (
        "Skills available:\n  - bare\n  - good: Does good.\n"
        "Use the load_skill tool only when one of these skills is relevant to the task."
    )
    assert load_skill_tool(skills).guide == skills_guide(skills)
    assert skills_guide({}) == ""


def test_a_body_is_read_when_it_is_loaded(skill, tmp_path):
    """An edit counts at once, and a file that is gone is no empty skill."""
    path = skill("good", GOOD)
    load = load_skill_tool(skills_of([scanned_root(tmp_path)]))
    assert load("good") == '<skill name="good">\nBe good.\n</skill>'

    path.write_text(GOOD.replace("Be good", "Be better"))
    assert load("good") == '<skill name="good">\nBe better.\n</skill>'

    path.write_text(GOOD.replace("name: good", "name: bad"))
    with pytest.raises(ToolError, match="now named 'bad'"):
        load("good")
    path.write_text("---\nname: good\ndisable-model-invocation: true\n---\nx")
    with pytest.raises(ToolError, match="cannot be loaded by a model"):
        load("good")
    path.unlink()
    with pytest.raises(ToolError, match=r"Skill 'good' cannot be read: 'good/SKILL.md' does not"):
        load("good")


def test_a_file_that_became_a_link_is_not_read(skill, tmp_path):
    """What was looked at is what is loaded."""
    path = skill("good", GOOD, tmp_path / "root")
    outside = skill("x", GOOD, tmp_path / "outside")
    load = load_skill_tool(skills_of([scanned_root(tmp_path / "root")]))
    path.unlink()
    path.symlink_to(outside)

    with pytest.raises(ToolError, match="cannot be read"):
        load("good")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad", "Unknown skill 'bad'. There are: good."),
        ("own", "Skill 'own' cannot be loaded by a model. There are: good."),
    ],
)
def test_a_model_that_asks_for_another_skill_is_told_which_there_are(skill, tmp_path, name, words):
    """Then it can ask again."""
    skill("good", GOOD)
    skill("own", "---\nname: own\ndisable-model-invocation: true\n---\nx")
    load = load_skill_tool(skills_of([scanned_root(tmp_path)]))

    with pytest.raises(ToolError, match=words):
        load(name)


def test_loading_changes_nothing_and_may_run_beside_others(skill, tmp_path):
    """So also an agent that may only look can load skills."""
    skill("good", GOOD)
    load = load_skill_tool(skills_of([scanned_root(tmp_path)]))

    assert load.traits.changes_nothing
    assert set(load.traits.capabilities) == {"skill_load", "read_only"}
    assert (load.retry, load.is_parallel({})) == ("safe", True)
