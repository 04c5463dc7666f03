"""What every tool must do; authors of one run it under pytest.

    class TestShip(ToolContract):
        def make_tool(self) -> Tool:
            return ship

        arguments = [{"city": "Rome"}]
        wrong_arguments = [{}, {"city": 7}]

Each test makes the tool anew: what it touches must be a test's own.
"""

import abc
import inspect
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import anyio
import msgspec
import pytest

from mentra_actors.json_types import Json
from mentra_actors.providers.scripted import ScriptedModel, call
from mentra_actors.runtime.settings import RuntimeOptions
from mentra_actors.runtime.sync_runtime import SyncRuntime
from mentra_actors.testing.crashes import assert_survives_crashes
from mentra_actors.testing.mock_faces import mock_runtime
from mentra_actors.testing.patience import PatientContract
from mentra_actors.tools.contract import ProbeResult, Tool

__all__ = ["ToolContract"]

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
"""What all providers accept as the name of a tool."""


class ToolContract(PatientContract, abc.ABC):
    """Subclass it, say which tool and which arguments, and pytest collects the tests."""

    arguments: ClassVar[Sequence[Json]] = ()
    """Calls that succeed: one at least."""
    wrong_arguments: ClassVar[Sequence[Json]] = ()
    """Calls that must be refused before they run."""
    options: ClassVar[RuntimeOptions] = {}
    """More for the runtime in which it is called: `context`, `policy`."""
    answer_may_differ = False
    """True if a call that is repeated may say something else (a clock)."""

    @abc.abstractmethod
    def make_tool(self) -> Tool:
        """The tool."""

    @pytest.fixture
    def tool(self) -> Tool:
        """A new one for each test."""
        return self.make_tool()

    def test_a_model_can_be_told_of_it(self, tool: Tool) -> None:
        """A name that one provider refuses would break every run of that provider."""
        assert NAME.fullmatch(tool.name)
        assert tool.description.strip()
        schema = msgspec.json.decode(tool.input_schema, type=dict)
        assert schema.get("type") == "object"

    def test_right_arguments_have_no_faults(self, tool: Tool) -> None:
        """What the tool can do must not be refused."""
        assert self.arguments, "name the arguments of one call at least"
        assert [tool.faults(one) for one in self.arguments] == [""] * len(self.arguments)

    def test_wrong_arguments_are_refused_in_words(self, tool: Tool) -> None:
        """The model hears what to mend, and nothing has run."""
        assert all(tool.faults(one) for one in self.wrong_arguments)

    def test_looking_at_arguments_changes_nothing(self, tool: Tool) -> None:
        """They are looked at again after a restart, and must be judged alike."""
        for one in (*self.arguments, *self.wrong_arguments):
            before = deepcopy(dict(one))
            answers = [(tool.faults(one), tool.is_parallel(one)) for _ in range(2)]
            assert answers[0] == answers[1]
            assert one == before

    def test_it_answers_an_agent(self, tool: Tool) -> None:
        """Its results can be stored and told, through all that stands around a call."""
        for one in self.arguments:
            options: RuntimeOptions = {**self.options, "tools": [tool]}
            with mock_runtime(_script(tool, one), **options) as mock:
                mock.spawn().send("Go")
                [result] = mock.results()
                assert not result.is_error, result.content
                mock.assert_complete()

    def test_a_call_that_died_is_settled(self, tool: Tool) -> None:
        """The process dies when the tool has done its work, before anybody knows.

        A tool that may be repeated (`safe`, `idempotent`) is run again and says the same.
        """

        def scenario(runtime: SyncRuntime) -> str:
            lead = runtime.spawn("lead", model="scripted:lead", reuse=True)
            return lead.send("Go", prompt_id="go").text

        model = ScriptedModel(_script(tool, self.arguments[0]))
        options: RuntimeOptions = {**self.options, "tools": [tool], "providers": [model]}
        assert_survives_crashes(
            scenario,
            only="effect:2:after",  # the first effect asks the model
            answers_may_differ=[tool.name] if self.answer_may_differ else [],
            **options,
        )

    def test_a_probe_knows_no_call_that_never_was(self, tool: Tool) -> None:
        """It is asked about calls that may never have begun, and "done" would lose them."""
        if tool.probe is None:
            pytest.skip("it has no probe")
        found = _awaited(tool.probe("a-key-that-no-call-has-had"))
        assert isinstance(found, ProbeResult)
        assert found.verdict != "done"


def _script(tool: Tool, arguments: Mapping[str, object]) -> list[Any]:
    return [[call(tool.name, **arguments)], "Done."]


def _awaited(answer: object) -> object:
    if not inspect.isawaitable(answer):
        return answer

    async def result() -> Any:
        return await answer

    return anyio.run(result)
