"""Who takes part in the published table, and how it is run."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.environments import PeerMissing, PeerProcess
from benchmarks.recovery.cases import Row
from benchmarks.recovery.judgement import DoesNotPlay
from benchmarks.recovery.playing import played_row

__all__ = ["ENVIRONMENTS", "OURS", "entrants", "rows_of"]

OURS = ("retry=never", "retry=idempotent, tools dedupe")


@dataclass(frozen=True)
class Entrant:
    """A program of `contestants`, its environment (None: ours), and the variants it plays."""

    name: str
    program: str
    environment: str | None
    variants: Sequence[str]


EVERYONE = (
    Entrant("mentra-actors", "with_mentra", None, OURS),
    Entrant(
        "pydantic-ai and DBOS",
        "with_pydantic_ai",
        "pydantic-ai",
        ("plain tools", "tools are steps", "tools are steps and dedupe"),
    ),
    Entrant(
        "LangGraph, SqliteSaver",
        "with_langgraph",
        "langgraph",
        ("create_agent", "create_react_agent", "create_agent, tools dedupe"),
    ),
    Entrant("OpenAI Agents SDK", "with_openai_agents", "openai-agents", ("SQLiteSession",)),
    Entrant("pydantic-ai", "with_pydantic_ai", "pydantic-ai", ("history saved after each run",)),
    Entrant(
        "Google ADK, SqliteSessionService",
        "with_google_adk",
        "google-adk",
        ("resumable app", "resumable app, tools dedupe"),
    ),
    Entrant("AutoGen", "with_autogen", "autogen", ("save_state after each run",)),
)
ENVIRONMENTS = tuple(sorted({one.environment for one in EVERYONE if one.environment}))


def entrants(*, quick: bool) -> list[Entrant]:
    """Ours first. A quick run leaves out the peers' variants whose tools dedupe."""
    return [_shortened(one) if quick and one.environment else one for one in EVERYONE]


def _shortened(one: Entrant) -> Entrant:
    variants = [variant for variant in one.variants if not variant.endswith("dedupe")]
    return Entrant(one.name, one.program, one.environment, variants)


def rows_of(entrant: Entrant) -> list[Row]:
    """All variants of one; empty if it does not run or play, which is said on stderr."""
    program = f"benchmarks.recovery.contestants.{entrant.program}"
    with tempfile.TemporaryDirectory(prefix="kill-matrix-") as folder:
        stderr = Path(folder) / "stderr"
        try:
            with PeerProcess(program, entrant.environment, stderr) as process:
                return [
                    played_row(process, f"{entrant.name}, {one}", one, Path(folder) / one)
                    for one in entrant.variants
                ]
        except (PeerMissing, DoesNotPlay) as missing:
            if entrant.environment is None:
                raise
            print(f"left out: {entrant.name}: {missing}", file=sys.stderr)
            return []
