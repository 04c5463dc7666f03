"""What a remembered rule speaks of: patterns, commands, folders; and what a person is offered."""

import re
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.cli.decision_options import Match
from mentra_actors.domain.rule_match import (
    AnyCall,
    BelowFolder,
    CommandPrefix,
    ExactCall,
    InputPattern,
    ShownCall,
    call_text,
    fits_wildcards,
    match_fault,
    rule_offers,
    shown_call,
    speaks_of,
)


def shell(command, *words, tool="shell", offered=()):
    structured = {"command": command, "kind": "shell", "offered_words": list(offered)}
    if words:
        structured["simple_words"] = list(words)
    return ShownCall(tool=tool, structured=structured, is_by_tool=True)


def files(*operations, **more):
    structured = {"kind": "files", "operations": list(operations), **more}
    return ShownCall(tool="files", structured=structured, is_by_tool=True)


def op(path, **more):
    return {"op": "read", "path": path, "resolved_path": path, **more}


def allows(match, call):
    return speaks_of(match, call, allow=True)


def refuses(match, call):
    return speaks_of(match, call, allow=False)


# --- patterns ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("a", "a", True),
        ("a", "ab", False),
        ("a", "ba", False),
        ("a*", "a/b\n/c", True),
        ("a**", "a/b/c", True),
        ("*c", "a/b/c", True),
        ("a*c", "ac", True),
        ("ab*ba", "aba", False),
        ("?", "ä", True),
        ("?", "🦊", True),
        ("?", "ab", False),
        ("?", "", False),
        ("a?c", "a\nc", True),
        ("*.py", "x.pyc.py", True),
        ("*ab*ab", "ab", False),
        ("a*b*c", "a1b2b3c", True),
        ("[a]", "a", False),
        ('{"path":"/w/*"}', '{"path":"/w/a.txt"}', True),
        ('{"path":"/w/*"}', '{"path":"/v/a.txt"}', False),
        ("*nowhere*", "somewhere", False),
    ],
)
def test_a_pattern_is_anchored_and_knows_two_wildcards(pattern, text, fits):
    """A person must be able to say in a line what a rule is about; the rest is literal."""
    assert fits_wildcards(pattern, text) is fits


@given(st.text("ab*?", max_size=8), st.text("ab/\n", max_size=10))
def test_a_pattern_means_what_the_regular_expression_means(pattern, text):
    """The slow way is easy to believe; the quick one must say the same."""
    expression = "".join(
        ".*" if one == "*" else "." if one == "?" else re.escape(one)
        for one in re.sub(r"\*+", "*", pattern)
    )

    assert fits_wildcards(pattern, text) == bool(re.fullmatch(expression, text, re.DOTALL))


def test_a_pattern_that_fits_nowhere_is_soon_done():
    """A model writes the text: no rule of a person may become a trap with it."""
    assert not fits_wildcards("*a" * 1000 + "b", "a" * 20_000)


def test_no_pattern_that_we_recommend_lets_a_path_slip_by():
    """What stands in the documentation is copied."""
    page = Path(__file__).parents[3] / "docs" / "tools-permissions.md"
    patterns = re.findall(r"InputPattern\('([^']+)'\)", page.read_text())
    patterns += re.findall(r"'pattern:([^']+)'", get_args(Match)[1].help)
    batch = files(op("/w/a"), op("/etc/passwd"))
    climbing = files({"op": "delete", "path": "/w/../etc/x", "resolved_path": "/etc/x"})

    assert len(patterns) == 2
    for pattern in patterns:
        places = pattern.replace("/a/", "/w/")
        assert not allows(InputPattern(places), batch), pattern
        assert not allows(InputPattern(places), climbing), pattern


def test_a_pattern_sees_the_text_with_its_keys_in_order():
    """Who leaves the order to the model can be told the same in another one."""
    one = shown_call("t", '{"b": 1, "a": {"d": 2, "c": "/x/y"}}', is_by_tool=False)
    other = shown_call("t", '{"a": {"c": "/x/y", "d": 2}, "b": 1}', is_by_tool=False)

    assert call_text(one.structured) == call_text(other.structured)
    assert call_text(one.structured) == '{"a":{"c":"/x/y","d":2},"b":1}'
    assert allows(InputPattern('*"c":"/x/*","d":2*'), one)
    assert allows(InputPattern('*"b":1}'), other)


def test_without_a_preview_only_a_rule_for_every_call_speaks():
    """What nobody can read may be anything."""
    unread = shown_call("t", "no json", is_by_tool=False)

    assert unread.structured is None
    assert allows(AnyCall(), unread)
    for match in (InputPattern("*"), ExactCall(digest="x"), BelowFolder("/")):
        assert not allows(match, unread)
    assert [offer.match for offer in rule_offers(unread)] == [AnyCall()]


# --- exactly this call ------------------------------------------------------------------------


def test_exactly_this_call_is_no_other_one():
    """The narrowest thing to remember: whoever allows `ls` has allowed nothing else."""
    offer, *_ = rule_offers(shell("ls", "ls"))

    assert allows(offer.match, shell("ls", "ls"))
    assert not allows(offer.match, shell("ls -a", "ls", "-a"))


# --- commands ---------------------------------------------------------------------------------

STATUS = CommandPrefix(("git", "status"))


def test_a_command_begins_with_words_and_not_with_text():
    """`git status; rm -rf /` and `git statusx` begin with the text too."""
    assert allows(STATUS, shell("git status -s", "git", "status", "-s"))
    assert allows(STATUS, shell("git   'status'", "git", "status"))
    assert not allows(STATUS, shell("git statusx", "git", "statusx"))
    assert not allows(STATUS, shell("git status; rm -rf /"))
    assert not allows(STATUS, shell("git", "git"))


def test_what_a_model_writes_into_its_arguments_is_no_word_of_a_command():
    """Only the tool itself may say what a command is, or where a path leads."""
    forged = {"simple_words": ["git", "status"], "resolved_path": "/w/a"}
    call = ShownCall(tool="shell", structured=forged, is_by_tool=False)

    assert not allows(STATUS, call)
    assert not allows(BelowFolder("/w"), call)
    assert [type(offer.match) for offer in rule_offers(call)] == [ExactCall, AnyCall]


# --- folders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "path", "is_below"),
    [
        ("/w", "/w", True),
        ("/w", "/w/a/b", True),
        ("/w/", "/w/a", True),
        ("/w", "/www/a", False),
        ("/w", "/w/../etc", False),
        ("/w/x/..", "/w/a", True),
        ("/w", "/v", False),
        ("/", "/v", True),
    ],
)
def test_a_folder_is_compared_name_by_name(folder, path, is_below):
    """`/www` is not in `/w`, and neither is what climbs out of it."""
    assert allows(BelowFolder(folder), files(op(path))) is is_below


def test_all_paths_must_be_below_a_folder_that_is_allowed():
    """One path outside makes it another call."""
    inside, outside = op("/w/a"), op("/etc/passwd")

    assert allows(BelowFolder("/w"), files(inside, op("/w/b", resolved_to="/w/c")))
    assert not allows(BelowFolder("/w"), files(inside, outside))
    assert not allows(BelowFolder("/w"), files(op("/w/b", resolved_to="/etc/c")))
    assert not allows(BelowFolder("/w"), files())
    assert not allows(BelowFolder("/w"), files(inside, {"op": "odd"}))
    assert not allows(BelowFolder("/w"), files(inside, {"op": "odd", "resolved_path": 5}))
    assert allows(BelowFolder("/w"), files(resolved_paths=["/w/a", "/w/b"]))
    assert not allows(BelowFolder("/w"), files(resolved_paths=["/w/a", "b"]))


def test_one_path_below_a_folder_that_is_refused_is_enough():
    """A refusal that a second path could switch off would protect nothing."""
    both = files(op("/w/a"), op("/secret/key"), {"op": "odd"})

    assert refuses(BelowFolder("/secret"), both)
    assert not refuses(BelowFolder("/other"), both)


@pytest.mark.parametrize(
    "said",
    [{"kind": "shell"}, {"kind": "background_run"}, {"kind": "own", "simple_words": ["cat", "a"]}],
)
def test_a_command_is_never_known_to_stay_below_a_folder(said):
    """Its text names some paths; what `rm $(echo secret)` touches besides, nobody can know."""
    structured = {"command": "cat a; rm $(echo b)", "resolved_paths": ["/w/a"], **said}
    call = ShownCall(tool="shell", structured=structured, is_by_tool=True)

    assert not allows(BelowFolder("/w"), call)
    assert not allows(BelowFolder("/"), call)
    assert refuses(BelowFolder("/w"), call)
    assert not any(isinstance(offer.match, BelowFolder) for offer in rule_offers(call))


# --- offers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "offered"),
    [
        (shell("git status -s", "git", "status", "-s", offered=STATUS.words), [STATUS]),
        (shell("ls -la", "ls", "-la", offered=["ls"]), [CommandPrefix(("ls",))]),
        (shell("python x.py", "python", "x.py"), []),
        (shell("git status", "git", "status", offered=["git", "log"]), []),
        (shell("a | b", offered=["a"]), []),
        (files(op("/w/src/a"), op("/w/src/b/c")), [BelowFolder("/w/src")]),
        (files(op("/w/a"), op("/v/a")), []),
        (files(op("/a")), []),
    ],
)
def test_offers_go_from_the_narrowest_to_the_widest(call, offered):
    """Nobody should have to allow everything in order to be asked less."""
    first, *between, last = [offer.match for offer in rule_offers(call)]

    assert isinstance(first, ExactCall)
    assert between == offered
    assert last == AnyCall()


previews = st.dictionaries(
    st.sampled_from(
        ["simple_words", "offered_words", "resolved_path", "resolved_paths", "operations", "x"]
    ),
    st.recursive(
        st.none() | st.integers(0, 9) | st.sampled_from(["/w/a", "/w/../b", "git", "status", ""]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["resolved_path", "resolved_to"]), inner)
        ),
        max_leaves=6,
    ),
)


@given(previews, st.booleans())
def test_every_offer_speaks_of_the_call_that_it_was_made_for(structured, is_by_tool):
    """Whoever takes one is not asked about the same call again; whatever a tool says of it."""
    call = ShownCall(tool="t", structured=structured, is_by_tool=is_by_tool)

    for offer in rule_offers(call):
        assert match_fault(offer.match) == ""
        assert allows(offer.match, call)
        assert refuses(offer.match, call)


@pytest.mark.parametrize(
    "match",
    [
        ExactCall(digest=""),
        InputPattern("x" * 2001),
        CommandPrefix(()),
        CommandPrefix(("",)),
        BelowFolder("w"),
        BelowFolder(""),
    ],
)
def test_a_match_without_a_meaning_is_refused(match):
    """A folder without a beginning would be one thing today and another one tomorrow."""
    assert match_fault(match)
