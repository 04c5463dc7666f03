"""Options: those of an agent and those of a run, each with another value than the usual one."""

from golden_team import profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.profile import (
    Autonomy,
    CompactionOptions,
    MemoryOptions,
    ProfileChanges,
    ToolResultPaging,
    Workspace,
)
from mentra_actors.domain.agent.run_options import RetrySchedule, RunOptions, TerminalOutput
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.model_call import (
    CacheOptions,
    HostedTool,
    NamedTool,
    ProviderOptions,
    ReasoningOptions,
    ResponsesOptions,
    SessionOptions,
    TokenUsage,
)

__all__ = ["OPTION_STORIES"]

PROVIDER = ProviderOptions(
    tool_search="hosted",
    parallel_tool_calls=False,
    thoughts=True,
    responses=ResponsesOptions(
        previous_response_id="resp-0",
        state_mode="hybrid",
        transport="websocket",
        store=False,
        include=("reasoning.encrypted_content",),
        service_tier="flex",
        prompt_cache_key="house",
        text_verbosity="low",
    ),
    session=SessionOptions(
        sticky_turn_state="turn-1",
        turn_metadata='{"site": "north"}',
        subagent="mason",
        prefer_connection_reuse=False,
        session_affinity="north",
        extra_headers={"x-site": "north"},
    ),
    top_p=0.9,
    top_k=40,
    seed=7,
    stop_sequences=("END",),
    service_tier="flex",
    user_id="site-north",
    cache=CacheOptions(mode="off", ttl="1h"),
    hosted_tools=(HostedTool(kind="web_search", options={"max_uses": 2}),),
    extra_body={"provider": {"sort": ["price"]}},
)
EVERY_OPTION = {
    "system": "You lay stones.",
    "tools": ("lay",),
    "hidden_tools": ("shell",),
    "max_rounds": 12,
    "wake_on_mail": False,
    "temperature": 0.5,
    "max_output_tokens": 2048,
    "tool_choice": NamedTool("lay"),
    "reasoning": ReasoningOptions(effort="high", summary="auto", enabled=True, budget_tokens=2048),
    "metadata": {"site": "north"},
    "provider": PROVIDER,
    "run": RunOptions(retry_budget=2, on_failure="rollback"),
    "paging": ToolResultPaging(threshold_bytes=1000, page_bytes=500),
    "task_reminder_rounds": 5,
    "autonomy": Autonomy(enabled=True, poll_interval_s=1.0, idle_timeout_s=9.0),
    "workspace": Workspace(base_dir="/site", auto_route_shell=False),
    "memory": MemoryOptions(
        auto_recall_enabled=False,
        auto_recall_limit=1,
        auto_recall_char_budget=200,
        auto_recall_timeout_s=0.5,
        tool_search_limit=2,
        write_tools_enabled=False,
    ),
    "compaction": CompactionOptions(
        keep_recent_tool_results=1,
        stub_at_least_tokens=0,
        auto_compact_share=0.5,
        compact_on_overflow=False,
        auto_compact_threshold_tokens=None,
        summary_max_input_chars=8000,
        summary_max_output_tokens=200,
        mode="prefer_remote",
        preserve_recent_user_tokens=2000,
        preserve_recent_delegation_results=4,
    ),
}
OTHER_OPTIONS = {
    "model": "openai:gpt-y",
    "system": "You lay bricks.",
    "tools": ("lay", "saw"),
    "hidden_tools": (),
    "max_rounds": 0,
    "wake_on_mail": True,
    "temperature": 1.0,
    "max_output_tokens": 4096,
    "tool_choice": "any",
    "reasoning": ReasoningOptions(effort="minimal", summary="detailed", enabled=False),
    "metadata": {"site": "south"},
    "provider": ProviderOptions(
        parallel_tool_calls=True,
        thoughts=False,
        responses=ResponsesOptions(state_mode="stateful", store=True),
    ),
    "run": RunOptions(deadline_s=60.0),
    "paging": ToolResultPaging(page_bytes=100),
    "task_reminder_rounds": 1,
    "autonomy": Autonomy(idle_timeout_s=3.0),
    "workspace": Workspace(base_dir="/yard"),
    "memory": MemoryOptions(auto_recall_limit=9),
    "compaction": CompactionOptions(mode="remote_only"),
}
NO_OPTIONS = {
    "tools": None,
    "wake_on_mail": False,
    "temperature": None,
    "max_output_tokens": None,
    "reasoning": None,
    "paging": None,
}
EVERY_RUN_OPTION = {
    "deadline_s": 900.0,
    "retry_budget": 1,
    "retry": RetrySchedule(base_s=1.0, max_s=8.0, retry_after_cap_s=10.0),
    "tool_budget": 20,
    "model_budget": 10,
    "token_budget": 100_000,
    "cost_budget_usd_micros": 2_000_000,
    "strategy": "careful",
    "output": TerminalOutput(
        tool_name="measure",
        schema='{"type": "object"}',
        description="How long the wall is.",
        keeps_tools=True,
        mode="native",
        retries=3,
    ),
    "on_failure": "rollback",
    "approvals": "refuse",
    "budget": "budget-house",
}


def every_option(team):
    """An agent with no option as usual makes a run with none as usual."""
    team.add(profile("mason", role="mason", lead="lead", parent="lead", **EVERY_OPTION))
    team.prompt("mason", "Measure it.", deadline_at=team.now + 3600.0, **EVERY_RUN_OPTION)
    team.reply(
        "mason",
        TextBlock(text="4 m"),
        usage=TokenUsage(input_tokens=90, output_tokens=3, cache_write_tokens=80),
        verdict={
            "cost_usd_micros": 1250,
            "asked_model": "openai:gpt-x",
            "output_fault": "it is no JSON",
        },
    )
    team.reply("mason", TextBlock(text='{"metres": 4}'), verdict={"is_output": True})
    team.decide("mason")


def changed_options(team):
    """All options are changed at once, then some are taken away, and one is as it is already."""
    team.tell("mason", c.Configure, changes=ProfileChanges(**OTHER_OPTIONS))
    team.tell("mason", c.Configure, changes=ProfileChanges(**NO_OPTIONS, max_rounds=0))
    for choice in ("none", "auto", NamedTool("saw")):
        team.tell("mason", c.Configure, changes=ProfileChanges(tool_choice=choice))


OPTION_STORIES = (every_option, changed_options)
