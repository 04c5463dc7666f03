"""Texts of options, as they are or in a file."""

import pytest

from mentra_actors.cli.given_text import given_text
from mentra_actors.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("Be brief.", "Be brief."),
        ("", ""),
        ("ask @ann", "ask @ann"),
        ("@@ann leads", "@ann leads"),
    ],
)
def test_a_text_is_what_it_says(given, meant):
    assert given_text(given) == meant


def test_a_text_in_a_file_is_read(tmp_path):
    (tmp_path / "prompt.md").write_text("Be brief, Jürgen.\n", "utf-8")

    assert given_text(f"@{tmp_path / 'prompt.md'}") == "Be brief, Jürgen.\n"


def test_a_file_that_cannot_be_read_is_named_with_the_way_out(tmp_path):
    (tmp_path / "picture").write_bytes(b"\xff\xfe\x00")
    for name in ("", str(tmp_path), str(tmp_path / "none"), str(tmp_path / "picture")):
        with pytest.raises(ConfigurationError, match="with @@") as refused:
            given_text(f"@{name}")
        assert (name or "without a name") in str(refused.value)
