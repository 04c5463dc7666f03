"""Where this process runs: on a machine of its own, in a container, in a build."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

__all__ = ["ExecutionEnvironment", "detect_environment"]

ExecutionEnvironment: TypeAlias = Literal["host", "docker", "container", "ci"]

_OF_BUILDS = (
    "CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_HOME", "CIRCLECI", "BUILDKITE", "TRAVIS",
)  # fmt: skip
_OF_CONTAINERS = ("docker", "lxc", "containerd", "kubepods")


def detect_environment(
    variables: Mapping[str, str] | None = None, *, root: Path = Path("/")
) -> ExecutionEnvironment:
    """A guess for people: the variables of a build first, then the marks of containers.

    Nothing depends on it: whether commands can be sandboxed is found out by trying.
    """
    if any((os.environ if variables is None else variables).get(name) for name in _OF_BUILDS):
        return "ci"
    if (root / ".dockerenv").exists():
        return "docker"
    if (root / "run/.containerenv").exists():
        return "container"
    try:
        groups = (root / "proc/1/cgroup").read_text()
    except (OSError, UnicodeDecodeError):
        return "host"
    return "container" if any(name in groups for name in _OF_CONTAINERS) else "host"
