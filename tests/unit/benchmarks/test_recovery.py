import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.recovery import lives
from benchmarks.recovery.cases import CASES, Case
from benchmarks.recovery.judgement import Faults, Request, faults_of
from benchmarks.recovery.lives import NotOffered, serve
from benchmarks.recovery.playing import DoesNotPlay, OneProcessEach, played_row
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
