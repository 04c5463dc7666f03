"""What of a request a server does not offer: that is refused before anything is sent."""

from collections.abc import Mapping

from mentra_actors.domain.model_call import ModelRequest, NamedTool, ReasoningOptions
from mentra_actors.providers.profile import Profile
from mentra_actors.providers.provider_faults import invalid_request

__all__ = ["deferred_names", "require_none_deferred", "require_offered", "unusual_sampling"]


def require_offered(request: ModelRequest, profile: Profile) -> None:
    """Refuse what the server does not offer to any model.

    Raises:
        ProviderError: `invalid_request`: the message says what to leave out.
    """
    offers, title = profile.capabilities, profile.title
    if request.tools and not offers.tool_calls:
        raise invalid_request(f"{title} takes no tools: offer none")
    if request.options.hosted_tools and not offers.hosted_tools:
        raise invalid_request(f"{title} runs no tools: leave out ProviderOptions(hosted_tools=…)")
    if request.output is not None and not offers.structured_output:
        raise invalid_request(f"{title} cannot promise a shape of the answer: leave out output")
    is_told_how = request.reasoning not in (None, ReasoningOptions())
    if is_told_how and not offers.reasoning_effort:
        raise invalid_request(f"{title} cannot be told how to reason: leave out reasoning")


def unusual_sampling(asked: Mapping[str, object], profile: Profile) -> dict[str, object]:
    """The fields that only servers of others have, as far as they are asked for.

    Raises:
        ProviderError: `invalid_request`: this server is known not to have them.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    if given and not profile.takes_unusual_sampling:
        words = ", ".join("stop_sequences" if name == "stop" else name for name in given)
        raise invalid_request(f"{profile.title} has no field for {words}: leave it out")
    return given


def deferred_names(request: ModelRequest, profile: Profile, *, has_search: bool) -> frozenset[str]:
    """The tools that the server's search is to find: one that must be called is told at once.

    `has_search` says that the search itself is among the hosted tools.

    Raises:
        ProviderError: `invalid_request`: tools are deferred, and nothing searches for them.
    """
    if not any(tool.is_deferred for tool in request.tools):
        return frozenset()
    is_searched = has_search or request.options.tool_search == "hosted"
    if not is_searched or not profile.capabilities.hosted_tool_search:
        raise invalid_request(
            f"{profile.title} deferred tools require hosted tool search: set "
            "ProviderOptions(tool_search='hosted'), or defer no tool"
        )
    return frozenset(_deferred(request))


def require_none_deferred(request: ModelRequest, profile: Profile) -> None:
    """Refuse a deferred tool where the wire has no search, unless it is to be called.

    Raises:
        ProviderError: `invalid_request`: it would never be found.
    """
    for name in _deferred(request):
        raise invalid_request(
            f"{profile.title} has no search for tools, so {name!r} would never be found: do not "
            "defer it"
        )


def _deferred(request: ModelRequest) -> list[str]:
    choice = request.tool_choice
    forced = choice.name if isinstance(choice, NamedTool) else ""
    return [tool.name for tool in request.tools if tool.is_deferred and tool.name != forced]
