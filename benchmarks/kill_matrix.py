"""`kill -9` in the middle of a turn: what our agent and its peers make of it.

The user says "Charge 5 euros and mail the receipt.", and the model asks for both tools in one
answer. `charge` finishes; `mail` has its effect, and the process is killed before it returns (A,
B), or both finish and it is killed in the next model call (C, D). Then a new process goes on: by
the peer's own way to resume (A, C), or with a new message of the user (B, D). Faults are counted
by what the world has seen and by what the model is shown: see `kill_judgement`.

Each peer is used as its documentation says for durable use; the program in `peers/kill_*.py`
names the pages. A variant "tools dedupe" is the help that a tool can give which is handed a stable
id. Ours runs with its default, `retry="never"`, and with `retry="idempotent"`; and once more with
a kill at every append and around every effect.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import Goal, parsed_arguments, report
from benchmarks.kill_every_point import Campaign, killed_everywhere
from benchmarks.kill_judgement import Faults, Request, faults_of, requests_in, witnessed_in
from benchmarks.peers.environments import PeerMissing, PeerProcess

OURS = ("retry=never", "retry=idempotent, tools dedupe")
TITLE = "`kill -9` in the middle of a turn"
FAULTS = {
    "twice": "effects that ran twice",
    "lost": "finished calls whose result the model is not shown",
    "untold": "interrupted calls of which it is told nothing true",
    "bricked": "conversations that cannot go on",
}


@dataclass(frozen=True)
class Case:
    """Where the first process dies, and how the second one goes on."""

    name: str
    dies: str
    action: str
    finished: Sequence[str]
    interrupted: Sequence[str] = ()


CASES = (
    Case("A, killed in a tool, resumed", "tool", "resume", ("charge",), ("mail",)),
    Case("B, killed in a tool, new message", "tool", "message", ("charge",), ("mail",)),
    Case("C, killed after the tools, resumed", "model", "resume", ("charge", "mail")),
    Case("D, killed after the tools, new message", "model", "message", ("charge", "mail")),
)


@dataclass(frozen=True)
class Contestant:
    """A program of `peers`, its environment (None: ours), and the variants that it plays."""

    name: str
    module: str
    environment: str | None
    variants: Sequence[str]


EVERYONE = (
    Contestant("mentra-actors", "kill_mentra", None, OURS),
    Contestant(
        "pydantic-ai and DBOS",
        "kill_pydantic_ai",
        "pydantic-ai",
        ("plain tools", "tools are steps", "tools are steps and dedupe"),
    ),
    Contestant(
        "LangGraph, SqliteSaver",
        "kill_langgraph",
        "langgraph",
        ("create_agent", "create_react_agent", "create_agent, tools dedupe"),
    ),
    Contestant("OpenAI Agents SDK", "kill_openai_agents", "openai-agents", ("SQLiteSession",)),
    Contestant(
        "pydantic-ai", "kill_pydantic_ai", "pydantic-ai", ("history saved after each run",)
    ),
    Contestant(
        "Google ADK, SqliteSessionService",
        "kill_google_adk",
        "google-adk",
        ("resumable app", "resumable app, tools dedupe"),
    ),
    Contestant("AutoGen", "kill_autogen", "autogen", ("save_state after each run",)),
)


def contestants(*, quick: bool) -> list[Contestant]:
    """Ours first. A quick run leaves out the peers' variants whose tools dedupe."""
    return [_shortened(one) if quick and one.environment else one for one in EVERYONE]


def _shortened(one: Contestant) -> Contestant:
    variants = [variant for variant in one.variants if not variant.endswith("dedupe")]
    return Contestant(one.name, one.module, one.environment, variants)


@dataclass(frozen=True)
class Row:
    """All cases of one variant; None where the peer has no way to resume."""

    name: str
    faults: Mapping[str, Faults | None]
    remarks: Sequence[str] = ()

    def of(self, fault: str, cases: Sequence[Case] = CASES) -> int | None:
        """How often a fault happened in some cases; None if none of them is offered."""
        known = [self.faults[case.name] for case in cases]
        counts = [int(getattr(one, fault)) for one in known if one is not None]
        return sum(counts) if counts else None


# --- playing ----------------------------------------------------------------------------------


def rows_of(contestant: Contestant) -> list[Row]:
    """All variants of one peer; empty if it does not run, which is said on stderr."""
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder:
        stderr = Path(folder) / "stderr"
        try:
            with PeerProcess(contestant.module, contestant.environment, stderr) as process:
                return [
                    _row(process, contestant, variant, Path(folder) / variant)
                    for variant in contestant.variants
                ]
        except PeerMissing as missing:
            if contestant.environment is None:
                raise
            print(f"skipped: {missing}", file=sys.stderr)
            return []


def _row(process: PeerProcess, contestant: Contestant, variant: str, folder: Path) -> Row:
    name = f"{contestant.name}, {variant}"
    faults: dict[str, Faults | None] = {}
    remarks: list[str] = []
    for case in CASES:
        print(f"  {name}: {case.name}", file=sys.stderr)
        here = folder / case.dies / case.action
        here.mkdir(parents=True)
        faults[case.name], remark = _played(process, variant, case, here)
        if remark:
            remarks.append(f"{case.name[0]}: {remark}")
    return Row(name, faults, remarks)


def _played(
    process: PeerProcess, variant: str, case: Case, folder: Path
) -> tuple[Faults | None, str]:
    """The faults of one case, and what else there is to say of it."""
    life = {"variant": variant, "folder": str(folder)}
    first = process.ask({**life, "number": 1, "action": "start", "dies": case.dies})
    if first["ended"] != "killed":
        raise PeerMissing(f"{variant}: the first life {first['ended']}: {first['error']}")
    request, remark = None, ""
    for number, action in enumerate(_attempts(case), start=2):
        end = process.ask({**life, "number": number, "action": action, "dies": ""})
        if end["ended"] == "not offered" and action == case.action:
            return None, str(end["error"])
        if end["ended"] == "returned":
            request = _first_request(folder, number)
            break
        remark = remark or str(end["error"] or end["ended"])
    finished, interrupted = case.finished, case.interrupted
    seen = witnessed_in(folder)
    return faults_of(request, seen, finished=finished, interrupted=interrupted), remark


def _attempts(case: Case) -> Iterator[str]:
    """What is tried before a conversation counts as bricked, each in a process of its own."""
    yield case.action
    yield case.action
    yield "resume"
    yield case.action


def _first_request(folder: Path, life: int) -> Request | None:
    return next(iter(requests_in(folder, life=life)), None)


# --- reporting --------------------------------------------------------------------------------


def matrix_goals(rows: Sequence[Row]) -> list[Goal]:
    """Each fault over all cases, then by case where anyone has it.

    The value is that of our default; who has no way to resume is not among the peers of a case.
    """
    goals = [_goal(f"all cases: {text}", fault, CASES, rows) for fault, text in FAULTS.items()]
    for case in CASES:
        for fault, text in FAULTS.items():
            if any(row.of(fault, (case,)) for row in rows):
                goals.append(_goal(f"{case.name}: {text}", fault, (case,), rows))
    return goals


def _goal(name: str, fault: str, cases: Sequence[Case], rows: Sequence[Row]) -> Goal:
    counts = {row.name: row.of(fault, cases) for row in rows}
    known = {name: float(count) for name, count in counts.items() if count is not None}
    ours = [count for name, count in known.items() if name.startswith("mentra-actors")]
    first = rows[0].name
    peers = {name: count for name, count in known.items() if name != first}
    return Goal(name, known[first], "", "0", not any(ours), peers)


def campaign_goals(campaigns: Mapping[str, Campaign]) -> list[Goal]:
    """Our agent, killed everywhere."""
    kills = {name: float(one.kills) for name, one in campaigns.items()}
    goals = [Goal("ours, killed everywhere: kills", sum(kills.values()), "", peers=kills)]
    for fault, text in FAULTS.items():
        counts = {name: float(getattr(one.faults, fault)) for name, one in campaigns.items()}
        total = sum(counts.values())
        goals.append(Goal(f"ours, killed everywhere: {text}", total, "", "0", not total, counts))
    return goals


def printed_matrix(rows: Sequence[Row]) -> str:
    """One line a variant, one column a case."""
    width = max(len(row.name) for row in rows)
    heads = "".join(f"  {case.name[0]:<22}" for case in CASES)
    lines = [*(case.name for case in CASES), "", f"{'':<{width}}{heads}"]
    for row in rows:
        cells = ("no resume" if one is None else str(one) for one in row.faults.values())
        lines.append(f"{row.name:<{width}}" + "".join(f"  {cell:<22}" for cell in cells))
    lines += ["", *(f"{row.name}, {remark}" for row in rows for remark in row.remarks)]
    lines += ["", *(f"{fault}: {text}" for fault, text in FAULTS.items()), ""]
    return "\n".join(lines)


def main() -> None:
    """Run and print. Three peers play at a time: they mostly wait."""
    arguments = parsed_arguments(__doc__ or "")
    with ThreadPoolExecutor(3) as pool:
        played = pool.map(rows_of, contestants(quick=arguments.quick))
        rows = [row for some in played for row in some]
    print("  ours, killed everywhere", file=sys.stderr)
    campaigns = {variant: killed_everywhere(variant) for variant in OURS}
    print(printed_matrix(rows), file=sys.stderr if arguments.json else sys.stdout)
    goals = [*matrix_goals(rows), *campaign_goals(campaigns)]
    environments = sorted({one.environment for one in EVERYONE if one.environment})
    report(TITLE, goals, as_json=arguments.json, environments=environments)


if __name__ == "__main__":
    main()
