"""Where a process runs, as far as the machine says it."""

import pytest

from mentra_actors.tools.executors.environment import detect_environment


@pytest.fixture
def machine(tmp_path):
    """A root directory with these files."""

    def make(**files):
        for name, text in files.items():
            path = tmp_path / {"docker": ".dockerenv", "podman": "run/.containerenv"}.get(
                name, "proc/1/cgroup"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("variables", "files", "told"),
    [
        ({}, {}, "host"),
        ({}, {"cgroup": "0::/init.scope"}, "host"),
        ({}, {"cgroup": "0::/kubepods/x"}, "container"),
        ({}, {"podman": "", "cgroup": "0::/"}, "container"),
        ({}, {"docker": "", "podman": ""}, "docker"),
        ({"CI": "true"}, {"docker": ""}, "ci"),
        ({"CI": "", "TRAVIS": "1"}, {}, "ci"),
        ({"CI": ""}, {"docker": ""}, "docker"),
    ],
)
def test_builds_come_first_then_the_marks_of_containers(machine, variables, files, told):
    """EX5."""
    assert detect_environment(variables, root=machine(**files)) == told


def test_of_this_machine_it_says_one_of_four_words():
    assert detect_environment() in ("host", "docker", "container", "ci")
