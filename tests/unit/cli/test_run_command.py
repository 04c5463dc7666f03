"""`mentra run`: an answer, or a message that says what to do; and nothing half recorded."""

import pytest

from mentra_actors import open_runtime_sync
from mentra_actors.demo.offline_model import OfflineModel

OFFLINE = ("--model", "offline:survey")


@pytest.fixture
def place(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.txt").write_text("x\n")
    return ["--store", tmp_path / "team.mentra", "--root", root]


def test_run_streams_the_answer_and_keeps_it(mentra, place):
    """The answer is on standard output, what happened beside it on standard error."""
    assert mentra("run", "What is here?", *place, *OFFLINE) == 0
    assert "The directory has 1 file and 0 directories." in mentra.out
    assert "→ files" in mentra.err
    assert "tokens in" in mentra.err
    assert mentra("transcript", "lead", *place[:2]) == 0
    assert "What is here?" in mentra.out


def test_run_prints_one_json_document(mentra, place):
    """Programs get the answer and its price."""
    document = mentra.json("run", "What is here?", *place, *OFFLINE)

    assert document["agent"] == "lead"
    assert "1 file" in document["text"]
    assert document["usage"]["output_tokens"] > 0


def test_a_prompt_goes_to_the_team_that_is_named_and_makes_it(mentra, place):
    """What its agent does is shown as it is for the first team."""
    for team in ("main", "docs"):
        assert mentra("run", "What is here?", "--team", team, *place, *OFFLINE) == 0
        assert "The directory has 1 file and 0 directories." in mentra.out
        (lead,) = mentra.json("agents", "--team", team, *place[:2])
        assert lead["stream"] == ("agent-lead" if team == "main" else "agent-docs.lead")


def test_an_agent_keeps_its_model_until_another_is_chosen(mentra, place, monkeypatch):
    """Who began with a model that does not answer is not bound to it for ever."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("MENTRA_OPENAI_BASE_URL", "http://127.0.0.1:9")  # nobody listens there
    limits = ("--deadline", "0")
    assert mentra("run", "What is here?", *place, "--model", "openai:gpt-5", *limits) == 1
    assert mentra("run", "And now?", *place, *OFFLINE) == 0
    assert "lead goes on with offline:survey, before it was openai:gpt-5." in mentra.err
    assert mentra("run", "And then?", *place) == 0
    [lead] = mentra.json("agents", *place[:2])

    assert lead["model"] == "offline:survey"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "offline:survey"),
        (("--model", "openai:gpt-5"), "OPENAI_API_KEY"),
        (("--model", "nobody:x"), "known providers"),
        (("--model", "openai:"), "the name of the model is empty in 'openai:'"),
        (("--model", "openai: "), "the name of the model is empty"),
        (("--model", "offline:poem"), "known: offline:survey"),
        (("--model", "gpt-5"), "provider:model"),
        ((*OFFLINE, "--root", "/none"), "not a directory"),
    ],
    ids=[
        "no model",
        "no key",
        "no provider",
        "empty",
        "blank",
        "no offline model",
        "no colon",
        "no root",
    ],
)
def test_what_must_be_changed_first_is_said_before_anything_is_recorded(
    mentra, place, tmp_path, arguments, words
):
    """A store with a half-made agent would be in the way afterwards."""
    assert mentra("run", "Hi", *place, *arguments) == 2
    assert words in mentra.err
    assert not (tmp_path / "team.mentra").exists()


def test_run_without_a_store_and_a_prompt_is_refused(mentra, place, tmp_path):
    """There is nothing to go on with."""
    assert mentra("run", *place) == 2
    assert not (tmp_path / "team.mentra").exists()


def test_an_empty_prompt_is_refused(mentra, place):
    """A model would be paid for nothing."""
    assert mentra("run", " ", *place, *OFFLINE) == 2
    assert "empty" in mentra.err


def test_run_goes_on_with_what_was_open(mentra, place):
    """A store that was closed in the middle is finished by the next run, which says so."""
    never = OfflineModel(delta_delay_s=3600.0)
    with open_runtime_sync(place[1], providers=[never], durability="volatile") as runtime:
        lead = runtime.spawn("lead", model="offline:survey")
        lead.mail("What is here?")

    assert mentra("run", *place) == 0
    assert "Going on with what was open: agent-lead" in mentra.err
    assert "not a language model" in mentra.out


def test_what_is_open_goes_on_though_nobody_is_named_lead(mentra, place):
    """No agent is asked, so none needs a model."""
    assert mentra("run", "What is here?", *place, *OFFLINE) == 0
    assert mentra("rename", "lead", "boss", *place[:2]) == 0
    assert mentra("stop", "boss", *place[:2]) == 0
    assert mentra("run", *place) == 0
    [boss] = mentra.json("members", *place[:2])

    assert boss["status"] == "stopped"


@pytest.mark.parametrize("words", [("run", "Hi"), ("chat",)])
def test_an_agent_that_has_stopped_is_not_prompted_and_what_to_do_is_said(mentra, place, words):
    """In a shell nobody can spawn the name again: it is made when it is free."""
    for team in ("main", "docs"):
        named = ("--team", team, *place[:2])
        assert mentra("run", "What is here?", *named, *OFFLINE) == 0
        assert mentra("stop", "lead", *named) == 0
        assert mentra("run", *named) == 0
        assert mentra(*words, *named) == 2
    assert "`mentra remove lead --team docs` frees its name" in mentra.err
    assert mentra("remove", "lead", *named) == 0
    assert mentra("run", "Hi", *named, *OFFLINE) == 0


def test_without_files_the_model_gets_no_file_tools(mentra, place):
    """A model that may not look around says so."""
    assert mentra("run", "Hi", "--no-files", *place, *OFFLINE) == 0
    assert "Without tools" in mentra.out


def test_a_run_has_limits_and_can_be_resumed(mentra, place):
    """A limit from the command line holds, and what was broken off goes on."""
    assert mentra("run", "What is here?", *place, *OFFLINE, "--token-budget", 0) == 0
    assert "ended early: token budget" in mentra.err
    assert mentra("run", "What is here?", *place, "--deadline", 0) == 1
    assert "mentra run --resume" in mentra.err
    assert mentra("run", "--resume", *place, "--deadline", 60) == 0
    assert "1 file" in mentra.out


def test_resume_takes_no_prompt_and_needs_a_run(mentra, place):
    """What it goes on with was sent already."""
    mentra("run", "What is here?", *place, *OFFLINE)

    assert mentra("run", "Hi", "--resume", *place) == 2
    assert "leave it out" in mentra.err
    assert mentra("run", "--resume", *place) == 2
    assert "no run was broken off" in mentra.err
