"""What answers cost: each token is billed once, to the millionth of a dollar, or not known."""

import importlib.metadata
import logging
import os
import sys
import threading
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from forked_python import run_forked
from hypothesis import given
from hypothesis import strategies as st

from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.providers.prices import ModelPrice, PriceList

ROOT = Path(__file__).parents[3]
TABLE = importlib.metadata.version("genai-prices")
as_in_table = pytest.mark.skipif(TABLE != "0.2.3", reason="worked out from the table of 0.2.3")

PRICE = ModelPrice(
    input=Decimal("3"),
    output=Decimal("15"),
    cached_input=Decimal("0.3"),
    cache_write=Decimal("3.75"),
)


def used(whole=0, output=0, cached=0, written=0, reasoning=0):
    return TokenUsage(
        input_tokens=whole,
        output_tokens=output,
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
    )


def test_each_kind_of_token_has_its_price():
    """Cached tokens are part of the input, so billing both would double the largest part."""
    prices = PriceList({"openai:mine": PRICE}, library=False)

    # 500 at $3, 400 at $0.30, 100 at $3.75, 50 at $15 for a million: 1500 + 120 + 375 + 750
    assert prices.cost_usd_micros("openai:mine", used(1000, 50, 400, 100, 20)) == 2745
    assert prices.cost_usd_micros("openai:mine", used(1_000_000)) == 3_000_000
    assert prices.cost_usd_micros("openai:mine", used()) == 0


def test_a_kind_without_a_price_of_its_own_is_input():
    """Most providers bill the writing of a cache as plain input."""
    plain = PriceList({"x:y": ModelPrice(input=2, output=8)}, library=False)

    assert plain.cost_usd_micros("x:y", used(1000, 0, 400, 100)) == 2000


@pytest.mark.parametrize(
    ("price", "tokens", "micros"),
    [(0.5, 1, 1), (0.49, 1, 0), (0.1, 5, 1), (0.1, 4, 0), (2.5, 1, 3), (0.15, 10, 2), (0.7, 5, 4)],
)
def test_a_half_is_rounded_up(price, tokens, micros):
    """A float means what it shows: 0.15 for ten tokens is 1.5, not a little less."""
    prices = PriceList({"x:y": ModelPrice(input=price, output=0)})

    assert prices.cost_usd_micros("x:y", used(tokens)) == micros


def test_an_own_price_goes_before_all_others():
    """A contract with a provider is known to its customer only."""
    prices = PriceList(
        {
            "openai:gpt-4.1": ModelPrice(input=1, output=1),
            "openai:*": ModelPrice(input=7, output=7),
            "ollama:large:70b": ModelPrice(input=5, output=5),
        }
    )
    names = ["openai:gpt-4.1", "openai:other", "ollama:large:70b", "ollama:small", "other:gpt-4.1"]

    assert [prices.cost_usd_micros(name, used(10)) for name in names] == [10, 70, 50, 0, None]
    assert [prices.source(name) for name in names] == ["own", "own", "own", "local", ""]
    assert [prices.knows(name) for name in names] == [True, True, True, True, False]


@pytest.mark.parametrize("model", ["ollama:qwen3:8b", "lmstudio:x", "scripted:lead"])
def test_a_local_model_costs_nothing(model):
    """An unknown price would stop a budget of money; here zero is known."""
    for prices in (PriceList(), PriceList(library=False)):
        assert prices.cost_usd_micros(model, used(10_000, 10_000)) == 0
        assert prices.source(model) == "local"


@as_in_table
@pytest.mark.parametrize(
    ("model", "usage", "micros"),
    [
        # $0.75 and $4.50, cached $0.075: 600 * 0.75 + 400 * 0.075 + 50 * 4.5
        ("openai:gpt-5.4-mini", used(1000, 50, 400, 0, 20), 705),
        # $2 and $8, cached $0.50
        ("openai:gpt-4.1", used(1_000_000, 1_000_000), 10_000_000),
        ("openai:gpt-4.1-2025-04-14", used(3, 1, 1), 13),  # 2 * 2 + 0.5 + 8 = 12.5
        # $2.50 and $15, cached $0.25; above 272,000 of input all of it at $5, $22.50 and $0.50
        ("openai:gpt-5.4", used(272_000, 1000, 72_000), 533_000),
        ("openai:gpt-5.4", used(272_001, 1000, 72_000), 1_058_505),
        # $3 and $15, cached $0.30, written $3.75; above 200,000: $6, $22.50, $0.60 and $7.50
        ("anthropic:claude-sonnet-4-5", used(1000, 50, 400, 100), 2745),
        ("anthropic:claude-sonnet-4-5-20250929", used(200_000, 100, 150_000, 50_000), 234_000),
        ("anthropic:claude-sonnet-4-5", used(200_001, 100, 150_000, 50_000), 467_256),
        # $1 and $5, cached $0.10, written $1.25
        ("anthropic:claude-haiku-4-5", used(1000, 100, 900, 50), 703),  # 50 + 90 + 62.5 + 500
        ("openrouter:anthropic/claude-sonnet-4.5", used(1000, 50, 400, 100), 2745),
        ("gemini:gemini-2.5-flash", used(1000, 100), 550),  # $0.30 and $2.50
        ("gemini:gemma-3", used(1000, 100), 0),  # free
        ("openai:text-embedding-3-small", used(1000), 20),  # $0.02, no output
    ],
)
def test_the_library_has_the_prices_of_providers(model, usage, micros):
    """The figures are worked out by hand from the table that comes with the library."""
    prices = PriceList()

    assert prices.cost_usd_micros(model, usage) == micros
    assert prices.source(model) == "genai-prices 0.2.3"
    assert PriceList(library=False).cost_usd_micros(model, usage) is None


@pytest.mark.parametrize(
    "model",
    ["openai:no-such-model", "openai:", "openai", "", ":", "azure:gpt-4.1", "my-openai:gpt-4.1"],
)
def test_what_nobody_knows_is_none(model):
    """Zero would be a lie that a budget believes; a similar name is another provider."""
    prices = PriceList()

    assert prices.cost_usd_micros(model, used(10, 10)) is None
    assert (prices.knows(model), prices.source(model)) == (False, "")


@as_in_table
def test_a_model_that_is_not_billed_by_tokens_is_not_known():
    """Its tokens say nothing of its seconds, so 0 would be wrong."""
    assert PriceList().cost_usd_micros("openai:whisper-1", used(10, 10)) is None


def test_an_unknown_model_is_logged_once(caplog):
    """One line is found; one line for each answer buries all others."""
    prices = PriceList()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            prices.cost_usd_micros("openai:no-such-model", used(1))
            prices.knows("openai:nor-this-one")

    told = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[2].split(":")[0] for text in told] == [
        "no-such-model",
        "nor-this-one",
    ]
    assert not any("Error" in text for text in told), "a class is no reason"


def test_a_list_of_models_is_not_a_list_of_warnings(caplog, monkeypatch):
    """Who looks at prices sees which there are; a fault of the library is told all the same."""
    prices = PriceList()
    with caplog.at_level(logging.WARNING):
        assert prices.usd_per_million("openai:no-such-model") is None
        assert caplog.records == []
        library = pytest.importorskip("genai_prices")
        monkeypatch.setattr(library, "calc_price", lambda *_, **__: {}["gone"])
        assert prices.usd_per_million("openai:no-such-model") is None

    [told] = caplog.records
    assert told.getMessage() == "no price is known for openai:no-such-model: KeyError: 'gone'"


@pytest.mark.parametrize("model", ["x:y", "openai:gpt-4.1"])
@pytest.mark.parametrize(
    "usage",
    [used(10, 1, 20, 0), used(10, 1, 8, 8), used(-5, -5, -5, -5), used(0, 0, 3), used(10**30)],
)
def test_counts_that_contradict_each_other_cost_no_less_than_nothing(model, usage):
    """Some servers count wrongly; what they say must not become a credit or an error."""
    cost = PriceList({"x:y": PRICE}).cost_usd_micros(model, usage)

    assert cost is not None
    assert 0 <= cost <= 15 * max(usage.input_tokens + usage.output_tokens, 0)


def test_more_parts_than_the_whole_are_cut_to_it():
    """8 cached and 2 of the 8 written are all of 10: 2.4 + 7.5 millionths."""
    prices = PriceList({"x:y": PRICE})

    assert prices.cost_usd_micros("x:y", used(10, 0, 8, 8)) == 10
    assert prices.cost_usd_micros("x:y", used(10, 0, 20, 5)) == 3


COUNTS = st.integers(0, 2_000_000)
KINDS = st.tuples(COUNTS, COUNTS, COUNTS, COUNTS)
MODELS = [
    "own:model",
    "openai:gpt-5.4-mini",
    "anthropic:claude-sonnet-4-5",
    "anthropic:claude-haiku-4-5",
]
FLAT = ["own:model", "openai:gpt-5.4-mini", "anthropic:claude-haiku-4-5"]
PRICES = PriceList({"own:model": PRICE})


def of_kinds(kinds):
    plain, cached, written, output = kinds
    return used(plain + cached + written, output, cached, written)


@given(st.sampled_from(MODELS), KINDS, KINDS)
def test_more_tokens_never_cost_less(model, kinds, more):
    """A cheaper answer for more tokens would be a wrong sign somewhere."""
    for index in range(4):
        grown = [n + (more[place] if place == index else 0) for place, n in enumerate(kinds)]

        assert cost(model, grown) >= cost(model, kinds)


@given(st.sampled_from(FLAT), st.lists(KINDS, min_size=1, max_size=5))
def test_the_parts_cost_what_the_whole_costs(model, calls):
    """Without tiers a bill is the sum of its calls, but for the rounding of each."""
    whole = cost(model, [sum(counts) for counts in zip(*calls, strict=True)])

    assert abs(whole - sum(cost(model, kinds) for kinds in calls)) <= len(calls)


@given(KINDS, st.integers(0, 10**6))
def test_reasoning_is_part_of_the_output(kinds, reasoning):
    """It is counted in the output already."""
    usage = of_kinds(kinds)
    thoughtful = msgspec.structs.replace(usage, reasoning_tokens=reasoning)

    for model in MODELS:
        assert PRICES.cost_usd_micros(model, usage) == PRICES.cost_usd_micros(model, thoughtful)


def cost(model, kinds):
    micros = PRICES.cost_usd_micros(model, of_kinds(kinds))
    assert micros is not None
    return micros


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (-1, ValueError),
        (float("nan"), ValueError),
        (Decimal("Infinity"), ValueError),
        ("3", TypeError),
        (True, TypeError),
    ],
)
def test_a_price_is_a_number_from_zero_on(wrong, error):
    """A wrong price is found where it is written, not in a bill."""
    for name in ("input", "output", "cached_input", "cache_write"):
        with pytest.raises(error, match=name):
            ModelPrice(**{"input": 0, "output": 0, name: wrong})


def test_prices_can_be_read_from_a_file():
    """A price list is configuration."""
    read = msgspec.json.decode(b'{"input": 0.1, "output": 3}', type=ModelPrice)

    assert PriceList({"x:y": read}).cost_usd_micros("x:y", used(5, 1)) == 4


def test_a_list_is_not_changed_by_what_it_was_made_of():
    """Threads that ask must not see a mapping that is being changed."""
    own = {"x:y": PRICE}
    prices = PriceList(own)
    own.clear()

    assert prices.knows("x:y")


def test_many_threads_ask_one_list():
    """All agents of a runtime share it, and the first question of each may come at once."""
    prices = PriceList()
    start = threading.Barrier(8)
    answers = []

    def ask():
        start.wait(10)
        for number in range(50):
            answers.append(prices.cost_usd_micros("openai:gpt-4.1", used(1_000_000)))
            prices.cost_usd_micros(f"openai:no-such-{number % 5}", used(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 400
    assert len(set(answers)) == 1


def run(script: str, path: Path | str = "") -> str:
    """What a script prints in a process of its own, with `path` before all installed packages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(path), str(ROOT)])}
    done = run_forked(
        [sys.executable, "-c", script],
        check=True,
        timeout=50,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stdout + done.stderr


ASK = """
import sys
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.providers.prices import ModelPrice, PriceList
prices = PriceList({"openai:mine": ModelPrice(input=1, output=1)})
def ask(model):
    return prices.cost_usd_micros(model, TokenUsage(input_tokens=7))
"""


def test_without_the_extra_a_price_is_not_known():
    """Who has not installed it has not asked for it: no error and no warning."""
    script = (
        ASK
        + """
sys.modules["genai_prices"] = None
print(ask("openai:gpt-4.1"), prices.knows("openai:gpt-4.1"), [prices.source("openai:gpt-4.1")])
print(ask("openai:mine"), ask("ollama:x"))
"""
    )

    assert run(script).split() == ["None", "False", "['']", "7", "0"]


def test_the_library_is_imported_at_the_first_look_up():
    """0.3 s are much for a program that asks for no price."""
    script = (
        ASK
        + """
assert ask("openai:mine") == 7 and ask("ollama:x") == 0 and ask("nobody:x") is None
print("genai_prices" in sys.modules)
ask("openai:gpt-4.1")
print("genai_prices" in sys.modules)
"""
    )

    assert run(script).split() == ["False", "True"]


@pytest.mark.parametrize("body", ["raise RuntimeError('broken')", "import no_such_module"])
def test_a_broken_library_is_logged_once_for_each_model(tmp_path, body):
    """A price is never worth an agent, and silence would hide why there is none."""
    (tmp_path / "genai_prices.py").write_text(body)
    script = (
        ASK
        + """
print([ask("openai:a"), ask("openai:a"), ask("openai:b"), prices.source("openai:a")])
"""
    )
    printed = run(script, tmp_path)

    assert "[None, None, None, '']" in printed
    assert printed.count("no price is known for openai:a: ") == 1
    assert printed.count("no price is known for openai:b: ") == 1


def test_nothing_is_fetched():
    """A look-up is not the place for a request, and many machines may not send one."""
    script = (
        """
import sys
def audit(event, _arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        print("asked the network:", event)
sys.addaudithook(audit)
"""
        + ASK
        + """
assert ask("openai:gpt-4.1") is not None and ask("openai:no-such-model") is None
import threading
print([thread.name for thread in threading.enumerate()])
"""
    )
    printed = run(script)

    assert "asked the network" not in printed
    assert "['MainThread']" in printed


@pytest.mark.parametrize(
    ("model", "own", "library", "is_at_hand"),
    [
        ("openai:gpt-x", {}, True, False),
        ("openai:gpt-x", {"openai:*": PRICE}, True, True),
        ("openai:gpt-x", {}, False, True),
        ("ollama:qwen", {}, True, True),
        ("mine:x", {}, True, True),
    ],
    ids=["the library's", "own", "no library", "local", "nobody's"],
)
def test_who_must_not_wait_can_know_before_it_looks(model, own, library, is_at_hand):
    """The first look-up of all imports a library for a third of a second: not on a loop."""
    code = f"""from mentra_actors.providers.prices import ModelPrice, PriceList
prices = PriceList({{n: ModelPrice(input=1, output=1) for n in {list(own)}}}, library={library})
print(prices.is_at_hand({model!r}), prices.knows({model!r}), prices.is_at_hand({model!r}))"""
    found = run_forked(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert found.stdout.split()[::2] == [str(is_at_hand), "True"]
