"""The beginning of a command that is offered says what is done, and never just by whom."""

import pytest

from mentra_actors.tools.shell_review.offered_words import offered_words
from mentra_actors.tools.shell_review.review import review_command

RUN_ANYTHING = """
    git -c x=y status; git --exec-path=/x status; git bisect run; git submodule foreach ls
    python x.py; python3.11 x.py; /usr/bin/python3 x; pypy3 x; node20 x; lua x; lua5.4 x; perl x
    tclsh8.6 x; java x; osascript x; sh x; bash5 x; ksh93 x; rbash x; busybox sh; toybox sh
    setsid ls; nice ls; env ls; /usr/bin/env x; time ls; command ls; builtin ls; exec ls; nohup ls
    source x; . x; eval ls; coproc ls; trap x; xargs ls; find x; stdbuf ls; setarch ls; linux32 ls
    script x; flock x ls; chroot x; unshare ls; ionice ls; sudo ls; doas ls; su x; awk x; gawk x
    sed x; tar x; gdb x; strace ls; perf stat; expect x; parallel ls; entr ls; watch ls; ssh x
    rsync x; systemd-run ls; ssh-agent ls; make test; docker run; podman exec; vim x; ed x; sort a
    cargo run; cargo +nightly run; go run x; go1.21 run x; npm run x; npm exec x; uv run x
    pipx run x; npx x; rg x; fd x; man x; less x; ./git status; ./run.sh; tool check; pip3 --x
    rm -rf x
"""


@pytest.mark.parametrize("command", [one.strip() for one in RUN_ANYTHING.split(";")])
def test_what_could_be_anything_is_not_offered(command):
    """To allow `git -c`, `python3.11` or `setarch` for ever is to allow everything."""
    assert offered_words(tuple(command.split())) == ()


@pytest.mark.parametrize(
    ("command", "offered"),
    [
        ("git status -s", "git status"),
        ("/usr/bin/git log -1", "/usr/bin/git log"),
        ("ls -la", "ls"),
        ("ls", "ls"),
        ("cat /etc/hosts", "cat"),
        ("pytest tests", "pytest tests"),
        ("cargo test", "cargo test"),
        ("pip3 list", "pip3 list"),
        ("mkdir a/b", "mkdir"),
        ("curl http://x.test", ""),
        ("a | b", ""),
    ],
)
def test_what_a_command_does_is_offered(command, offered):
    """Then nobody has to allow everything in order to be asked less."""
    words = review_command(command, writable=True, workspace="/w").simple_words

    assert offered_words(words) == tuple(offered.split())
