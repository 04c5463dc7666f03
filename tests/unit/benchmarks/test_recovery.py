import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import environments
from benchmarks.recovery import lives
from benchmarks.recovery.__main__ import rows_of
from benchmarks.recovery.cases import CASES, Case
from benchmarks.recovery.judgement import DoesNotPlay, Faults, Request, faults_of, requests_in
from benchmarks.recovery.lives import NotOffered, serve
from benchmarks.recovery.playing import OneProcessEach, played_row
from benchmarks.recovery.world import CHARGED, MAILED, PROMPT, TOOLS, Life, ModelRefuses

PLAIN = Path(lives.__file__).with_name("contestants") / "plain.py"
CALLS = [{"id": f"call_{name}", "name": name} for name in TOOLS]
ASKED = [
    {"role": "user", "text": PROMPT},
    {"role": "assistant", "text": "", "calls": CALLS},
]
ONCE = Counter(charge=1, mail=1)


def result(tool: str, text: str) -> dict[str, str]:
    return {"role": "tool", "id": f"call_{tool}", "name": tool, "text": text}


def judged(*results: dict[str, str], seen: Counter[str] = ONCE) -> Faults:
    """After a kill in `mail`."""
    request = Request(2, [*ASKED, *results])
    return faults_of(request, seen, finished=["charge"], interrupted=["mail"])


def played(variant: str, case: Case, folder: Path) -> str:
    player = OneProcessEach([sys.executable, "-ISB", str(PLAIN)])
    row = played_row(player, variant, variant, folder, grace_s=0, cases=[case])
    return str(row.faults[case.name])


@pytest.mark.crash
def test_a_loop_that_keeps_its_messages_does_things_twice_and_is_bricked(tmp_path: Path) -> None:
    assert played("saved after each message", CASES[1], tmp_path) == "1 twice, bricked"


@pytest.mark.crash
def test_a_loop_with_a_journal_has_no_faults(tmp_path: Path) -> None:
    assert played("journal", CASES[0], tmp_path) == "ok"


def test_a_contestant_whose_first_life_does_not_die_does_not_play(tmp_path: Path) -> None:
    player = OneProcessEach([sys.executable, "-ISBc", "pass"])
    with pytest.raises(DoesNotPlay, match=r"the first life of A, .* returned"):
        played_row(player, "none", "none", tmp_path, grace_s=0)


class Scripted:
    """A player whose first life dies and whose others return; each does one thing before it."""

    def __init__(self, *works: Callable[[Path], object]) -> None:
        self._works = iter(works)

    def ask(self, request: Mapping[str, object], /) -> dict[str, Any]:
        next(self._works)(Path(str(request["folder"])))
        return {"ended": "killed" if request["number"] == 1 else "returned", "error": ""}


def witness(folder: Path) -> None:
    (folder / "witness.jsonl").write_text('["charge", "1"]\n["mail", "2"]\n')


def test_a_first_life_that_dies_before_the_effect_does_not_play(tmp_path: Path) -> None:
    with pytest.raises(DoesNotPlay, match="died before the effect of charge and mail"):
        played_row(Scripted(lambda _: None), "x", "x", tmp_path, cases=CASES[2:3])


def test_a_run_that_ends_without_a_request_says_so(tmp_path: Path) -> None:
    row = played_row(Scripted(witness, lambda _: None), "x", "x", tmp_path, cases=CASES[2:3])
    assert row.remarks == ["C: the run ended and the model was asked nothing"]


@pytest.mark.parametrize(
    "line", ['{"life": 1', '{"life": 1}', '{"life": 1, "messages": [{"role": "user"}]}', "[]"]
)
def test_a_wrong_line_is_named_with_its_file_and_number(tmp_path: Path, line: str) -> None:
    good = '{"life": 1, "messages": []}'
    (tmp_path / "requests.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(DoesNotPlay, match=r"line 2 of requests\.jsonl is wrong"):
        requests_in(tmp_path)


def test_last_words_need_not_be_utf_8(tmp_path: Path) -> None:
    player = OneProcessEach(["sh", "-c", r"printf '\377 no' >&2; exit 1"])
    assert player.ask({}) == {"ended": "raised", "error": "\ufffd no"}


def test_a_life_that_hangs_is_killed_with_all_that_its_shell_started(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    held = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script = f"(exec 8>{pipe}; sleep 60 & wait) ; :"
    assert OneProcessEach(["sh", "-c", script], life_s=0.1).ask({})["ended"] == "hung"
    os.set_blocking(held, True)
    assert os.read(held, 1) == b""  # nobody has it open any more
    os.close(held)


@pytest.mark.parametrize(("command", "told"), [("", "CMD is empty"), ("sh 'x", "No closing")])
def test_a_command_that_is_none_is_refused(command: str, told: str) -> None:
    with pytest.raises(DoesNotPlay, match=told):
        rows_of(command, ["default"], grace_s=0)


def test_two_that_want_the_same_peer_install_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = []

    def install(peer: str, folder: Path) -> None:
        installed.append(peer)
        folder.mkdir()

    monkeypatch.setattr(environments, "CACHE", tmp_path)
    monkeypatch.setattr(environments, "_install", install)
    with ThreadPoolExecutor(4) as pool:
        places = set(pool.map(environments.python_of, ["langgraph"] * 4))
    assert len(places) == 1
    assert installed == ["langgraph"]


def test_each_further_time_of_an_effect_counts_as_twice() -> None:
    told = (result("charge", CHARGED), result("mail", MAILED))
    assert judged(*told, seen=Counter(charge=3, mail=1)) == Faults(twice=2)


def test_a_finished_call_without_its_result_is_lost() -> None:
    assert judged(result("charge", "error"), result("mail", "interrupted")) == Faults(lost=1)


def test_a_call_is_told_of_by_its_result_or_by_an_unknown_outcome() -> None:
    charged = result("charge", CHARGED)
    assert judged(charged, result("mail", MAILED)) == Faults()
    assert judged(charged, result("mail", "Its outcome is UNKNOWN.")) == Faults()
    assert judged(charged, result("mail", "cancelled")) == Faults(untold=1)
    assert judged(charged) == Faults(untold=1)


def test_a_result_of_an_effect_that_has_not_happened_is_not_true() -> None:
    told = (result("charge", CHARGED), result("mail", MAILED))
    assert judged(*told, seen=Counter(charge=1, mail=0)) == Faults(untold=1)


def test_of_a_bricked_conversation_only_effects_are_counted_beside_it() -> None:
    seen = Counter(charge=2, mail=1)
    found = faults_of(None, seen, finished=["charge"], interrupted=["mail"])
    assert found == Faults(twice=1, bricked=1)


def test_the_model_refuses_calls_without_results(tmp_path: Path) -> None:
    with pytest.raises(ModelRefuses, match="tool calls without a result: call_charge, call_mail"):
        Life(tmp_path, 1).answer([*ASKED, {"role": "user", "text": "And?"}])
    (line,) = (tmp_path / "requests.jsonl").read_text().splitlines()
    assert json.loads(line)["refused"] == "tool calls without a result: call_charge, call_mail"


def test_programs_of_frameworks_live_the_life_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = {"variant": "x, dedupe", "action": "resume", "folder": str(tmp_path), "number": 2}
    monkeypatch.setattr(sys, "argv", ["program", json.dumps({**life, "dies": "", "grace_s": 0})])
    lived = []
    serve({"x, dedupe": lambda *told: lived.append(told)})
    assert lived == [(Life(tmp_path, 2, dedupes=True, grace_s=0), "resume")]


def test_a_program_without_a_way_to_go_on_ends_with_status_three(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def act(_life: Life, _action: str) -> None:
        raise NotOffered("a run is not kept")

    life = {"variant": "x", "action": "resume", "folder": str(tmp_path), "number": 2, "dies": ""}
    monkeypatch.setattr(sys, "argv", ["program", json.dumps(life)])
    with pytest.raises(SystemExit, match="3"):
        serve({"x": act})
    assert capsys.readouterr().err == "a run is not kept\n"
