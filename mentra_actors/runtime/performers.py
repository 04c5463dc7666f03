"""Who performs which effect: models, tools, hooks, strategies and timers, put together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mentra_actors.domain.agent.effects import (
    CallModel,
    ClaimReadyTask,
    CompensateBoard,
    CompensateCall,
    DecideRound,
    ProbeTool,
    ReportStop,
    ReviewCall,
    RunTool,
    SummarizeConversation,
)
from mentra_actors.domain.background.jobs import StartJob, StopJob, WatchJob
from mentra_actors.domain.budget import spent
from mentra_actors.domain.schedules.schedules import AwaitMoment
from mentra_actors.domain.supervision.state import DeliverLetter
from mentra_actors.domain.team.state import ReleaseTasks, RenameOnBoard
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.calls.call_plans import CallPlanner, OutputCheck
from mentra_actors.effects.calls.call_reviews import CallReviews, ReviewPorts
from mentra_actors.effects.calls.compensations import Compensations
from mentra_actors.effects.calls.remembered_rules import RuleLookups
from mentra_actors.effects.calls.tool_attempts import StartSoon
from mentra_actors.effects.calls.tool_contexts import ToolContexts
from mentra_actors.effects.calls.tool_runs import ToolProbes, ToolRuns, ToolServices
from mentra_actors.effects.calls.workplaces import Workplaces
from mentra_actors.effects.context.recall import Recall
from mentra_actors.effects.context.summaries import ConversationSummaries, Summaries
from mentra_actors.effects.last_words import with_last_words
from mentra_actors.effects.models.live import LiveFeed, LiveNotice
from mentra_actors.effects.models.live_answers import LiveAnswers
from mentra_actors.effects.models.model_calls import ModelCalls, ModelServices
from mentra_actors.effects.models.provider_gates import ProviderGates
from mentra_actors.effects.ports import SendOutcome
from mentra_actors.effects.round_decisions import RoundDecisions, RoundStrategy
from mentra_actors.effects.runner import Performer
from mentra_actors.effects.team.background_jobs import BackgroundJobs, JobServices
from mentra_actors.effects.team.board_compensations import BoardCompensations
from mentra_actors.effects.team.board_news import BoardNews
from mentra_actors.effects.team.board_reminders import BoardReminders
from mentra_actors.effects.team.letter_deliveries import LetterDeliveries, Redelivery
from mentra_actors.effects.team.schedule_moments import ScheduleMoments
from mentra_actors.effects.team.stop_reports import StopReports
from mentra_actors.effects.team.task_claims import TaskClaims
from mentra_actors.effects.timers import Timers
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import ConfigurationError
from mentra_actors.providers.registry import ProviderRegistry
from mentra_actors.runtime.memory.memories import Memories
from mentra_actors.runtime.settings import RuntimeSettings
from mentra_actors.runtime.working_places import workplaces_of
from mentra_actors.runtime.writing.lease_term import LeaseTerm
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ports import EventStore
from mentra_actors.tools.contract import Commands
from mentra_actors.tools.registry import ToolSource

__all__ = ["World", "performers"]


@dataclass(frozen=True, slots=True)
class World:
    """What effects are performed with."""

    settings: RuntimeSettings
    store: EventStore
    journal: Journal
    providers: ProviderRegistry
    tools: ToolSource
    commands: Commands
    application: Mapping[type[object], object]
    strategies: Mapping[str, RoundStrategy]
    output_checks: Mapping[str, OutputCheck]
    live: LiveFeed[LiveNotice]
    answers: LiveAnswers
    send: SendOutcome
    memories: Memories
    start_soon: StartSoon
    job_directory: Path
    redelivery: Redelivery
    recorded: LiveFeed[tuple[RecordedEvent[object], ...]]
    post: Callable[[Callable[[], None]], None]


def performers(world: World, lease: LeaseTerm) -> Mapping[type[object], Performer]:
    """The performer of each class of effects. Those that touch the world wait for the lease."""
    settings, clock = world.settings, world.settings.clock
    models, places = _model_services(world), workplaces_of(settings, world.commands)
    summaries = Summaries(models.providers, models.gates, models.prices)
    jobs = _jobs(world, places)
    by_kind: dict[type[object], Performer] = {
        CallModel: ModelCalls(models, deadline_s=settings.model_deadline_s),
        ReviewCall: _reviews(world, places),
        RunTool: ToolRuns(_tool_services(world, places, summaries)),
        ProbeTool: ToolProbes(world.tools, world.store.put_blob, clock),
        SummarizeConversation: ConversationSummaries(summaries, clock),
        DecideRound: RoundDecisions(world.strategies, clock),
        CompensateCall: Compensations(world.tools, clock),
        CompensateBoard: BoardCompensations(world.commands, clock),
        ReportStop: StopReports(world.commands, clock),
        StartJob: jobs.start,
        WatchJob: jobs.watch,
        StopJob: jobs.stop,
        **dict.fromkeys((ReleaseTasks, RenameOnBoard), BoardNews(world.commands, clock)),
        DeliverLetter: LetterDeliveries(world.redelivery, clock),
        AwaitMoment: ScheduleMoments(clock, world.commands),
    }
    by_kind = {kind: with_last_words(lease.guarded(one), clock) for kind, one in by_kind.items()}
    by_kind[WaitUntil] = Timers(clock)
    by_kind[ClaimReadyTask] = TaskClaims(world.commands, clock, world.recorded, world.post)
    if settings.wrap_effects is not None:
        by_kind = {kind: settings.wrap_effects(one) for kind, one in by_kind.items()}
    return by_kind


def _jobs(world: World, places: Workplaces) -> BackgroundJobs:
    services = JobServices(
        places,
        world.store,
        world.settings.clock,
        directory=world.job_directory,
        outlives=world.settings.path != MEMORY,
    )
    return BackgroundJobs(services)


def _reviews(world: World, places: Workplaces) -> CallReviews:
    settings = world.settings
    ports = ReviewPorts(
        hooks=tuple(settings.hooks),
        authorizer=settings.authorizer,
        rules=RuleLookups(world.commands),
        authorizer_timeout_s=settings.authorizer_timeout_s,
        permission_timeout_s=settings.permission_timeout_s,
    )
    return CallReviews(world.tools, ports, places, settings.clock)


def _tool_services(world: World, places: Workplaces, summaries: Summaries) -> ToolServices:
    settings = world.settings
    contexts = ToolContexts(
        commands=world.commands,
        blobs=world.store,
        live=world.live,
        workplaces=places,
        application=world.application,
        memory_of=world.memories.of_call,
        summaries=summaries,
    )
    return ToolServices(
        tools=world.tools,
        contexts=contexts,
        blobs=world.store,
        clock=settings.clock,
        start_soon=world.start_soon,
        hooks=tuple(settings.hooks),
        limits=settings.result_limits,
    )


def _model_services(world: World) -> ModelServices:
    settings = world.settings
    reviews = bool(settings.hooks) or settings.authorizer is not None
    return ModelServices(
        providers=world.providers,
        tools=world.tools,
        planner=CallPlanner(world.tools, reviews=reviews, output_checks=world.output_checks),
        prices=settings.prices,
        blobs=world.store,
        gates=_gates(world),
        clock=settings.clock,
        live=world.live,
        answers=world.answers,
        send=world.send,
        reminders=BoardReminders(world.commands),
        recall=Recall(world.memories, world.commands),
        spent_of=lambda budget: spent(one.event for one in world.journal.read_stream(budget)),
    )


def _gates(world: World) -> ProviderGates:
    settings = world.settings
    unknown = sorted(set(settings.limits) - set(world.providers.names))
    if unknown:
        known = ", ".join(world.providers.names)
        raise ConfigurationError(
            f"no provider is named {', '.join(unknown)}, so it can have no limits; known: {known}"
        )
    return ProviderGates(settings.limits, settings.clock)
