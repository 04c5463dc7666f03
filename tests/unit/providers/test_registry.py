"""Model names find their provider."""

import pytest

from mentra_actors.errors import ConfigurationError, UnknownModel
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.providers.scripted import ScriptedModel

pytestmark = pytest.mark.anyio


class _Closable(ScriptedModel):
    def __init__(self, name: str) -> None:
        super().__init__([], name=name)
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1


def test_a_name_is_split_at_its_first_colon() -> None:
    """Ollama's own model names hold colons, and must arrive whole."""
    registry = ProviderRegistry()
    provider = ScriptedModel([], name="local")
    registry.register(provider)

    assert registry.resolve("local:llama3.2:1b") == (provider, "llama3.2:1b")


@pytest.mark.parametrize("name", ["gpt-5", "nowhere:gpt-5", "", ":", "local:", ":x"])
def test_an_unknown_name_says_what_is_known(name: str) -> None:
    """A typing mistake is repaired from the message alone."""
    registry = ProviderRegistry({})
    registry.register(ScriptedModel([], name="local"))

    with pytest.raises(UnknownModel) as caught:
        registry.resolve(name)

    assert repr(name) in str(caught.value)
    assert ("is empty" if name == "local:" else "known providers: local") in str(caught.value)
    assert "openai:" in str(caught.value)


def test_a_builtin_provider_is_made_once_and_at_its_first_use() -> None:
    """Naming a provider must not open connections or ask for keys."""
    made: list[str] = []

    def make() -> ScriptedModel:
        made.append("late")
        return ScriptedModel([], name="late")

    registry = ProviderRegistry({"late": make})
    assert registry.names == ("late",)
    assert not made

    first, _ = registry.resolve("late:a")
    second, _ = registry.resolve("late:b")

    assert first is second
    assert made == ["late"]


def test_a_registered_provider_takes_the_place_of_a_builtin_one() -> None:
    """A test or a host may put its own provider under a known name."""
    registry = ProviderRegistry({"openai": lambda: ScriptedModel([], name="openai")})
    own = ScriptedModel([], name="openai")
    registry.register(own)

    assert registry.resolve("openai:x")[0] is own


@pytest.mark.parametrize("name", ["", "a:b"])
def test_a_name_that_no_model_name_could_reach_is_refused(name: str) -> None:
    """A provider that can never be asked for is a mistake of the developer."""
    with pytest.raises(ConfigurationError, match="provider name"):
        ProviderRegistry({}).register(ScriptedModel([], name=name))


def test_a_name_is_registered_once() -> None:
    """Two providers of one name would leak the connections of the first."""
    registry = ProviderRegistry({})
    registry.register(ScriptedModel([], name="a"))

    with pytest.raises(ConfigurationError, match="already"):
        registry.register(ScriptedModel([], name="a"))


async def test_closing_closes_what_was_made_and_registered() -> None:
    """Connections do not outlive the runtime, and closing does not create providers."""
    made, registered = _Closable("made"), _Closable("registered")
    registry = ProviderRegistry({"made": lambda: made, "never": lambda: pytest.fail("was made")})
    registry.register(registered)
    registry.resolve("made:x")

    await registry.aclose()

    assert (made.closed, registered.closed) == (1, 1)
