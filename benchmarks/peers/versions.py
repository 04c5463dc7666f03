"""Which versions of the peers are measured: the newest on the package index in November 2026."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["REQUIREMENTS", "pins"]

_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

REQUIREMENTS: Mapping[str, Sequence[str]] = {
    "langgraph": ("langgraph==1.2.24", "langgraph-checkpoint-sqlite==3.1.2", "langchain==1.5.2"),
    "openai-agents": ("openai-agents==0.24.0",),
    "pydantic-ai": ("pydantic-ai-slim==2.68.0", "dbos==3.4.0"),
    "google-adk": ("google-adk==2.13.0", "aiosqlite==0.22.1", "sqlalchemy==2.1.9"),
    "vendor-sdks": ("anthropic==2.14.0", "openai==3.57.0", "google-genai==3.6.1"),
    "pydantic-ai-models": ("pydantic-ai-slim[anthropic,openai,google]==2.68.0",),
    "autogen": ("autogen-agentchat==0.7.5",),
    "autogen-core": ("autogen-core==0.7.5",),
    "adapters": (
        *("langgraph-checkpoint==4.3.2", "langgraph-checkpoint-sqlite==3.1.2"),
        *("openai-agents==0.24.0", "google-adk==2.13.0", "aiosqlite==0.22.1"),
        "sqlalchemy[asyncio]==2.1.9",
        *_PROJECT["dependencies"],  # ours runs beside them
    ),
}
"""By the name of the environment: what pip is asked for. The first one names the peer."""


def pins(*environments: str) -> dict[str, str]:
    """The packages that are pinned for some environments, with their versions."""
    wanted = [pin for one in environments for pin in REQUIREMENTS[one] if "==" in pin]
    return dict(pin.split("==", 1) for pin in wanted)
