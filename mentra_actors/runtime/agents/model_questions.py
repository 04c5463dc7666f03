"""What providers are asked besides answers: their models, and the tokens of a request."""

from concurrent.futures import Future

from mentra_actors.actors.messages import Accepted
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.domain.conversation_tree import Transcript
from mentra_actors.domain.model_call import ModelRequest
from mentra_actors.domain.transcript import apply
from mentra_actors.effects.models.model_requests import request_of
from mentra_actors.errors import CommandRejected, ConfigurationError, UnknownModel
from mentra_actors.ids import AgentId, agent_stream
from mentra_actors.providers.catalogue import (
    NEWEST,
    CountsTokens,
    ListedModel,
    ListsModels,
    TokenCount,
    newest_first,
)
from mentra_actors.providers.port import ModelProvider
from mentra_actors.providers.token_estimate import estimated_tokens
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.futures import chained, mapped

__all__ = ["ModelQuestions"]


class ModelQuestions:
    """Questions to the providers of a runtime, as futures. Nothing of them is recorded."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core

    def models(self, provider: str) -> "Future[tuple[ListedModel, ...]]":
        """See `Runtime.models`."""
        return self._core.perform(_listed, self._core.providers.named(provider))

    def resolved(self, provider: str, selector: str) -> "Future[ListedModel]":
        """See `Runtime.resolve_model`."""
        self._core.providers.named(provider)
        if not selector:
            raise ConfigurationError(f"name a model of {provider!r}, or say {NEWEST!r}")
        if selector != NEWEST:
            named: Future[ListedModel] = Future()
            named.set_result(ListedModel(provider=provider, model_id=selector))
            return named
        return mapped(self.models(provider), lambda models: _newest(provider, models))

    def count(self, agent_id: AgentId) -> "Future[TokenCount]":
        """See `Agent.count_tokens`."""
        core, stream_id = self._core, agent_stream(agent_id)

        def asked(accepted: Accepted) -> tuple[ModelProvider, ModelRequest]:
            transcript = Transcript()
            for one in core.journal.read_stream(stream_id, through=accepted.stream_version):
                transcript = apply(transcript, one.event)
            return self._next_request(accepted.state, transcript)

        request = mapped(core.look(stream_id), asked, on=core.readers)
        return chained(request, lambda found: core.perform(_counted, *found))

    def _next_request(
        self, state: AgentState, transcript: Transcript
    ) -> tuple[ModelProvider, ModelRequest]:
        profile = state.profile
        if profile is None:
            raise CommandRejected("there is no such agent; spawn it first")
        provider, model = self._core.providers.resolve(profile.model)
        options = state.run.options if state.run else profile.run
        return provider, request_of(
            profile, options, transcript, model, self._core.tools.of(profile.agent_id)
        )


async def _listed(provider: ModelProvider) -> tuple[ListedModel, ...]:
    if not isinstance(provider, ListsModels):
        raise ConfigurationError(f"{provider.name!r} has no list of models: name one yourself")
    return tuple(newest_first(await provider.models()))


async def _counted(provider: ModelProvider, request: ModelRequest) -> TokenCount:
    if isinstance(provider, CountsTokens):
        return await provider.count_tokens(request)
    return TokenCount(tokens=estimated_tokens(request), is_estimate=True)


def _newest(provider: str, models: tuple[ListedModel, ...]) -> ListedModel:
    if not models:
        raise UnknownModel(f"{provider!r} has no models")
    return models[0]
