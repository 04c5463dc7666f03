"""The contract suites on what is known to be right, and that they find what is wrong."""

import pytest

from mentra_actors import ScriptedModel, Tool, ToolContext, call, probe, say, tool
from mentra_actors.domain.model_call import ModelReply, StopReason
from mentra_actors.errors import ProviderError
from mentra_actors.providers.port import ModelProvider, ReplyFinished, TextDelta
from mentra_actors.testing.provider_contract import ProviderContract
from mentra_actors.testing.scripted_http import COMPLETED, CREATED, DELTA, answering, streamed
from mentra_actors.testing.tool_contract import ToolContract
from mentra_actors.tools.contract import ProbeResult


class TestScriptedModel(ProviderContract):
    """The model that all tests stand on."""

    def make_provider(self) -> ModelProvider:
        answer = [say("The sky is blue."), call("look_up", word="blue")]
        return ScriptedModel([answer], repeat=True, delta_chars=3)

    def make_failing_provider(self) -> ModelProvider:
        return ScriptedModel([ProviderError("no", kind="http", transient=False)], repeat=True)


class TestHttpProvider(ProviderContract):
    """A provider over HTTP, whose server is a script."""

    def make_provider(self) -> ModelProvider:
        return answering(lambda _request: streamed(CREATED, DELTA, COMPLETED))

    def make_failing_provider(self) -> ModelProvider:
        return answering(lambda _request: streamed(status=401))


SHIPPED: dict[str, str] = {}


@tool(retry="idempotent")
def ship(context: ToolContext, city: str) -> str:
    """Ship a parcel."""
    return SHIPPED.setdefault(context.idempotency_key, f"parcel {len(SHIPPED)} to {city}")


class TestShip(ToolContract):
    """A tool that may be run again."""

    arguments = ({"city": "Rome"},)
    wrong_arguments = ({}, {"city": 7})

    def make_tool(self) -> Tool:
        return ship


def forget_all(_key: str) -> ProbeResult:
    return ProbeResult(verdict="done", content="surely")


@tool(retry=probe(forget_all))
def pay(number: str) -> str:
    """Pay a bill."""
    return f"paid {number}"


@tool(retry="never")
def dial(number: str) -> str:
    """Make a call that is made once."""
    return f"called {number}"


class Forgetful(ProviderContract):
    """One that is wrong in many ways."""

    __test__ = False

    def make_provider(self) -> ModelProvider:
        return _Forgetful()


class _Forgetful:
    name = "forget:ful"

    async def stream(self, request):
        yield TextDelta("one")
        yield ReplyFinished(ModelReply(blocks=(), stop_reason=StopReason.END_TURN))
        yield TextDelta("late")

    async def aclose(self):
        pass


@pytest.mark.parametrize(
    "test",
    [
        "test_an_answer_ends_with_the_whole_of_it",
        "test_what_streams_is_what_the_answer_says",
        "test_calls_run_beside_each_other",
    ],
)
def test_a_provider_that_says_something_after_its_end_is_found(test):
    contract = Forgetful()
    request = ProviderContract.request_for_model.__wrapped__(contract)
    with pytest.raises((AssertionError, ExceptionGroup)):
        getattr(contract, test)(request)


def test_a_name_with_a_colon_is_found():
    with pytest.raises(AssertionError):
        Forgetful().test_its_name_can_stand_before_a_colon()


class Wrong(ToolContract):
    """A tool contract whose tests are called by hand."""

    __test__ = False
    arguments = ({"number": "1"},)
    wrong_arguments = ({"number": "1"},)

    def make_tool(self) -> Tool:
        return dial


def test_a_tool_that_takes_wrong_arguments_is_found():
    with pytest.raises(AssertionError):
        Wrong().test_wrong_arguments_are_refused_in_words(dial)


def test_a_tool_that_answers_otherwise_when_it_is_repeated_is_found():
    answers = iter("abcdefghijkl")

    @tool(retry="idempotent")
    def count(number: str) -> str:
        """Give the next letter."""
        return next(answers)

    with pytest.raises(AssertionError, match="count"):
        Wrong().test_a_call_that_died_is_settled(count)


def test_a_call_that_may_be_made_once_is_settled_without_another():
    Wrong().test_a_call_that_died_is_settled(dial)


def test_a_probe_that_knows_what_never_was_is_found():
    with pytest.raises(AssertionError):
        Wrong().test_a_probe_knows_no_call_that_never_was(pay)
