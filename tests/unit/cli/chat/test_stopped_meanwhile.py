"""A run that somebody ends from another terminal."""

import threading

from played_model import playing

from mentra_actors.cli.main import exit_code_of


def test_who_has_stopped_an_agent_at_work_is_said_and_how_to_go_on(mentra, tmp_path, monkeypatch):
    """Its run cannot be resumed: who has stopped takes nothing any more."""
    store = ("--store", str(tmp_path / "team.mentra"))
    stopping = threading.Thread(
        target=exit_code_of, args=(["stop", "lead", "--now", "--by", "ann", *store],)
    )

    def turns(_messages):
        stopping.start()
        return ["Well, ", threading.Event()]

    with playing(turns) as played:
        for name, value in played.environment.items():
            monkeypatch.setenv(name, value)
        code = mentra("run", "Think.", "--model", "custom:played", *store)
        played.over.set()
    stopping.join()

    assert code == 1
    assert "mentra: lead was stopped while it worked (by ann)\n" in mentra.err
    assert "`mentra remove lead` frees its name" in mentra.err
    assert "--resume" not in mentra.err
