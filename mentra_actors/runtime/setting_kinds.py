"""Checks of the settings that decide what tools may do: of the right kind, or refused.

What is of a wrong kind would fail at the first call, hours later, or open what was to be closed.
"""

from collections.abc import Mapping, Sequence
from typing import get_args

from mentra_actors.actors.restart_policy import RestartStrategy
from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import is_valid_name
from mentra_actors.providers.embedding_models import EmbeddingModel
from mentra_actors.tools.contract import Tool
from mentra_actors.tools.policy import RuntimePolicy
from mentra_actors.tools.review import ToolHook

__all__ = [
    "require_authorizer",
    "require_embeddings",
    "require_executors",
    "require_hooks",
    "require_policy",
    "require_strategies",
    "require_team",
    "require_tools",
]


def require_policy(policy: object) -> None:
    """Refuse what is no policy.

    Raises:
        TypeError: it is something else.
    """
    if policy is not None and not isinstance(policy, RuntimePolicy):
        raise TypeError(f"policy is a RuntimePolicy, not {policy!r}")


def require_tools(tools: object) -> None:
    """Refuse what is no sequence of tools, above all one tool alone.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(tools, Tool):
        raise TypeError(f"tools are a sequence of tools: write [{tools.name}] for one alone")
    if isinstance(tools, str) or not isinstance(tools, Sequence):
        raise TypeError(f"tools are a sequence of tools, not {type(tools).__name__}")
    for tool in tools:
        if not isinstance(tool, Tool):
            raise TypeError(f"each of tools is a Tool, as @tool makes one, not {tool!r}")


def require_providers(providers: object) -> None:
    """Refuse what is no sequence, above all one provider alone; each is looked at by the registry.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(providers, str) or not isinstance(providers, Sequence):
        raise TypeError(
            f"providers are a sequence: write [provider] for one alone, not {providers!r}"
        )


def require_hooks(hooks: object) -> None:
    """Refuse what holds anything but hooks.

    Raises:
        TypeError: it does.
    """
    if isinstance(hooks, str) or not isinstance(hooks, Sequence):
        raise TypeError(f"hooks are a sequence of ToolHook, not {hooks!r}")
    for hook in hooks:
        if not isinstance(hook, ToolHook):
            raise TypeError(f"each of hooks is an object of a subclass of ToolHook, not {hook!r}")


def require_authorizer(authorizer: object) -> None:
    """Refuse what cannot be asked about a call.

    Raises:
        TypeError: it cannot.
    """
    if authorizer is None or (callable(authorizer) and not isinstance(authorizer, type)):
        return
    raise TypeError(f"authorizer is a function of a call, not {authorizer!r}")


def require_embeddings(model: object) -> None:
    """Refuse what makes no vectors, above all a provider alone.

    Raises:
        TypeError: it is something else.
    """
    if model is not None and (isinstance(model, type) or not isinstance(model, EmbeddingModel)):
        raise TypeError(
            "embeddings is LocalEmbeddings(), ProviderEmbeddings(provider, model) or an "
            f"EmbeddingModel of yours, not {model!r}"
        )


def require_executors(executor: object, targets: object, policy: object) -> None:
    """Refuse what runs no commands, and what would run none because there is no policy.

    Raises:
        TypeError: something is no executor.
        ValueError: there is no policy, or a target has no name.
    """
    if executor is not None:
        _require_executor(executor, "executor")
    if not isinstance(targets, Mapping):
        raise TypeError(f"targets are executors by name, not {targets!r}")
    for name, one in targets.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of a target is a text, not {name!r}")
        _require_executor(one, f"targets[{name!r}]")
    if "" in targets:
        raise ValueError("a target has a name; what runs commands here is the executor")
    if policy is None and (executor is not None or targets):
        raise ValueError("executor and targets run commands for a policy only: say policy= too")


def require_team(team: object) -> None:
    """Refuse what is no name; ids of agents, streams and commands to copy are made of it.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(team, str) or not is_valid_name(team):
        raise ConfigurationError(
            f"{team!r} is not the name of a team: use 1 to 100 letters, digits and _ . : - "
            "that start with a letter, a digit or _"
        )


def require_strategies(supervision: object) -> None:
    """Refuse what says nothing of how teams are restarted.

    Raises:
        ValueError: there is no such strategy.
    """
    chosen = supervision.values() if isinstance(supervision, Mapping) else [supervision]
    known = get_args(RestartStrategy)
    for one in chosen:
        if one not in known:
            raise ValueError(f"supervision is one of {', '.join(known)}, not {one!r}")


def _require_executor(value: object, name: str) -> None:
    if isinstance(value, type):
        raise TypeError(f"{name} is an object: write {value.__name__}(…), not the class itself")
    if not callable(getattr(value, "run", None)):
        raise TypeError(f"{name} is an executor, such as SandboxExecutor(), not {value!r}")
