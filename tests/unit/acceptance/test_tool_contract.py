"""What a tool declares of itself binds it: its context, the policy and the digest of its calls."""

import os
import threading
from collections import deque

import anyio
import pytest

from mentra_actors import Allow, Ask, ToolContext, ToolError, ToolOutput, call, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.board.commands import CreateTask
from mentra_actors.domain.model_call import NamedTool, ProviderOptions
from mentra_actors.domain.tool_call import OutgoingMail
from mentra_actors.ids import AgentId, CommandId, MailId, board_stream
from mentra_actors.tools.executors.port import Captured, CommandOutput
from mentra_actors.tools.policy import RuntimePolicy

pytestmark = pytest.mark.anyio


class RecordingExecutor:
    """Runs nothing, and keeps what it was asked to run."""

    name = "recording"

    def __init__(self):
        self.asked = []

    async def run(self, request, _on_output):
        self.asked.append(request.command)
        return CommandOutput(stdout=Captured(head=b"ran"), stderr=Captured(), exit_code=0)


async def allow(_call):
    return Allow()


def offered(request):
    return [spec.name for spec in request.tools]


# --- side_effects="none" ----------------------------------------------------------------------


async def asks(context):
    command = CreateTask(
        command_id=CommandId("c"), subject="s", created_by="x", now=context.commands.now()
    )
    return await context.commands.ask(board_stream(context.team_id), command)


async def prompts(context):
    return await context.commands.prompt(context.agent_id, CommandId("p"), "Hello")


async def spawns_a_subagent(context):
    return await context.run_subagent("Do it")


async def runs_a_command(context):
    return await context.workplace.run_command("ls")


async def takes_an_executor(context):
    return context.workplace.executor("")


async def sends_mail(context):
    mail = OutgoingMail(mail_id=MailId("m"), to=AgentId(context.agent_id), body="hello")
    return ToolOutput(content="sent", mail=(mail,))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (asks, "declared without side effects"),
        (prompts, "declared without side effects"),
        (spawns_a_subagent, "declared without side effects"),
        (runs_a_command, "declared without side effects"),
        (takes_an_executor, "no executor serves"),
        (sends_mail, "declared without side effects"),
    ],
)
async def test_a_tool_that_only_looks_can_change_nothing(played, change, words):
    """A word in a declaration that nobody enforces is a trap for whoever relies on it."""

    @tool(side_effects="none")
    async def look(context: ToolContext) -> object:
        """Look, or so it says."""
        return await change(context)

    executor = RecordingExecutor()
    options = {"policy": RuntimePolicy.permissive(), "executor": executor}
    async with played([[call("look")], "I see."], look, **options) as team:
        agent = await team.spawn()
        await agent.send("Look")
        board = await team.runtime.board()

    ((text, is_error),) = team.results()
    assert is_error
    assert words in text
    assert (executor.asked, board.tasks, len(team.requests)) == ([], {}, 2)
    assert not team.events(e.MailSent)


async def test_a_tool_that_only_looks_may_look(played, tmp_path):
    """It is shown state and directories to read, and none to write."""
    seen = {}

    @tool(side_effects="none")
    async def look(context: ToolContext) -> str:
        """Look."""
        place = context.workplace
        seen["readable"] = place.policy.readable(place.base_dir)
        seen["writable"] = place.policy.writable(place.base_dir)
        context.progress("looking")
        board = await context.commands.look(board_stream(context.team_id))
        return f"{len(board.tasks)} tasks at {context.commands.now() > 0}"

    policy = RuntimePolicy.workspace_bounded(tmp_path)
    async with played([[call("look")], "I see."], look, policy=policy) as team:
        await (await team.spawn()).send("Look")

    assert team.results() == [("0 tasks at True", False)]
    assert seen == {"readable": (tmp_path.resolve(),), "writable": ()}


async def test_a_tool_that_may_change_something_is_given_the_means(played):
    @tool(side_effects="process")
    async def work(context: ToolContext) -> str:
        """Work."""
        output = await context.workplace.run_command("make")
        return output.stdout.text

    executor = RecordingExecutor()
    options = {"policy": RuntimePolicy.permissive(), "executor": executor}
    async with played([[call("work")], "Done."], work, **options) as team:
        await (await team.spawn()).send("Work")

    assert (team.results(), executor.asked) == ([("ran", False)], ["make"])


# --- the policy -------------------------------------------------------------------------------


@tool(side_effects="none")
def read() -> str:
    """Read."""
    return "read"


@tool(side_effects="local_state", capabilities=["filesystem_write"])
def write() -> str:
    """Write."""
    raise AssertionError("it must not run")


@tool(side_effects="process", capabilities=["process_exec"])
def execute() -> str:
    """Execute."""
    raise AssertionError("it must not run")


@tool(side_effects="process", capabilities=["background_exec"])
def execute_later() -> str:
    """Execute in the background."""
    raise AssertionError("it must not run")


@tool
def anything() -> str:
    """Do whatever."""
    raise AssertionError("it must not run")


async def test_a_read_only_policy_offers_only_what_changes_nothing(played, tmp_path):
    """A model that calls the others all the same is told why, and the log says what was denied."""
    calls = [call(one.name) for one in (read, write, execute, execute_later, anything)]
    options = {
        "policy": RuntimePolicy.read_only(tmp_path),
        "team_tools": False,
        "memory_tools": False,
    }
    tools = (read, write, execute, execute_later, anything)
    async with played([calls, "I see."], *tools, **options) as team:
        agent = await team.spawn(tool_choice=NamedTool(name="write"))
        await agent.send("Work")

    assert offered(team.requests[0]) == ["read"]
    assert team.requests[0].tool_choice == "auto"
    told = "Tool '{}' is not available: the runtime policy lets nothing change"
    names = ("write", "execute", "execute_later", "anything")
    assert team.results() == [("read", False), *((told.format(name), True) for name in names)]
    denied = [plan.denied for one in team.events(e.ToolCallsPlanned) for plan in one.calls]
    assert denied == ["", "writes", "writes", "writes", "writes"]


async def test_commands_are_offered_as_far_as_the_policy_lets_them_run(played):
    seen = []
    for allow_shell, allow_background in ((False, True), (True, False), (True, True)):
        policy = RuntimePolicy(allow_shell=allow_shell, allow_background=allow_background)
        own = (write, execute, execute_later)
        async with played(["Done."], *own, policy=policy) as team:
            await (await team.spawn()).send("Go")
        names = {one.name for one in own}
        seen.append([name for name in offered(team.requests[0]) if name in names])

    assert seen == [
        ["write"],
        ["write", "execute"],
        ["write", "execute", "execute_later"],
    ]


async def test_a_call_that_was_open_is_held_to_the_policy_of_the_process_that_runs_it(
    played, tmp_path
):
    """A store may be opened again with a narrower policy while a call waits for a person."""

    async def ask(_call):
        return Ask("May it?")

    turns = [[call("anything")], "I see."]
    async with played(turns, anything, path=tmp_path / "team", authorizer=ask) as team:
        agent = await team.spawn()
        await agent.mail("Go")
        await agent.wait_for_snapshot(lambda one: one.permissions)

    options = {"policy": RuntimePolicy.read_only(tmp_path), "authorizer": ask}
    async with played(turns, anything, path=tmp_path / "team", **options) as team:
        agent = await team.runtime.agent("lead")
        snapshot = await agent.snapshot()
        await agent.allow(snapshot.permissions[0].request_id)
        await team.runtime.until_idle()

    ((text, is_error),) = team.results()
    assert is_error
    assert "the runtime policy lets nothing change" in text
    assert [one.denied for one in team.events(e.ToolCallFinished)] == ["writes"]


# --- the digest -------------------------------------------------------------------------------


@pytest.fixture
def place(tmp_path):
    """A directory with a link that a call goes through."""
    (tmp_path / "harmless").write_text("")
    (tmp_path / "precious").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "harmless")
    return tmp_path


def swap(place):
    (place / "link").unlink()
    (place / "link").symlink_to(place / "precious")


async def test_a_call_that_would_do_something_else_by_now_is_blocked(played, place):
    """Between the verdict and the start a link may be made to lead somewhere else."""
    written, previews = [], []

    def preview(arguments, _workplace):
        previews.append(os.path.realpath(place / arguments["path"]))
        return {"path": previews[-1]}

    @tool(preview=preview)
    def clear(path: str) -> str:
        """Clear a file."""
        written.append(path)
        return "cleared"

    async def swapping(one):
        assert one.structured == {"path": str(place / "harmless")}
        swap(place)
        return Allow()

    turns = [[call("clear", path="link")], [call("clear", path="precious")], "I see."]
    verdicts = deque([swapping, allow])

    async def authorizer(one):
        return await verdicts.popleft()(one)

    async with played(turns, clear, authorizer=authorizer) as team:
        await (await team.spawn()).send("Clear it")
        first, second = team.events(e.ToolCallFinished)

    assert first.is_error
    assert "has changed since it was allowed; nothing was done" in first.content
    assert (second.content, written) == ("cleared", ["precious"])
    assert previews[:2] == [str(place / "harmless"), str(place / "precious")]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ToolError("'link' is gone"), "'link' is gone"),
        (OSError("no such disk"), "Tool execution blocked: OSError: no such disk"),
        (KeyboardInterrupt(), "Tool execution blocked: KeyboardInterrupt"),
    ],
)
async def test_a_preview_that_fails_at_the_start_blocks_the_call(played, error, told):
    """What it would do was known when it was allowed, and is not known any more."""
    previews = deque([{"path": "a"}, error])

    def preview(_arguments, _workplace):
        answer = previews.popleft()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @tool(preview=preview)
    def clear() -> str:
        """Clear."""
        raise AssertionError("it must not run")

    async with played([[call("clear")], "I see."], clear, authorizer=allow) as team:
        await (await team.spawn()).send("Clear it")

    ((text, is_error),) = team.results()
    assert is_error
    assert text.startswith(told)
    assert not previews


async def test_a_preview_that_hangs_at_the_start_is_no_doubt_about_the_call(played):
    """The time limit was over before the tool began: it has certainly not run."""
    previews, go_on = deque([{}]), threading.Event()

    def preview(_arguments, _workplace):
        return previews.popleft() if previews else go_on.wait(10)

    @tool(timeout_s=0.3, preview=preview)
    async def clear() -> str:
        """Clear."""
        raise AssertionError("it must not run")

    async with played([[call("clear")], "I see."], clear, authorizer=allow) as team:
        await (await team.spawn()).send("Clear it")
        go_on.set()

    assert team.results() == [("Tool 'clear' timed out after 0.3 s", True)]


# --- terminal, progress, app context ----------------------------------------------------------


async def test_a_terminal_tool_ends_the_run_when_it_succeeds(played):
    """By its declaration alone; while it fails the model may try again."""
    outcomes = deque([ToolError("not yet"), "delivered"])

    @tool(terminal=True, parallel=lambda arguments: "where" in arguments)
    def deliver(where: str) -> str:
        """Deliver."""
        outcome = outcomes.popleft()
        if isinstance(outcome, Exception):
            raise outcome
        return f"{outcome} {where}"

    calls = [call("deliver", where="home"), call("read")]
    turns = [calls, calls, "never asked"]
    async with played(turns, deliver, read) as team:
        reply = await (await team.spawn()).send("Deliver it")
        finished = [one.content for one in team.events(e.ToolCallFinished)]

    assert (reply.ending, len(team.requests)) == ("terminated", 2)
    assert finished == ["not yet", "read", "delivered home"]


class Orders:
    def __init__(self):
        self.placed = []


class AuditedOrders(Orders):
    pass


async def test_a_tool_finds_what_the_program_has_given(played):
    """By its type or by that of a base of it."""
    orders = AuditedOrders()

    @tool
    def order(context: ToolContext, what: str) -> str:
        """Order."""
        context.app(Orders).placed.append(what)
        return "ordered"

    @tool
    def look_up(context: ToolContext) -> str:
        """Look up."""
        return str(context.app(dict))

    turns = [[call("order", what="tea"), call("look_up")], "Done."]
    async with played(turns, order, look_up, context=[orders]) as team:
        await (await team.spawn()).send("Order tea")

    assert orders.placed == ["tea"]
    assert team.results() == [
        ("ordered", False),
        ("the program has given its tools no dict", True),
    ]


async def test_two_objects_of_one_type_are_refused_at_once(played):
    """Tools find them by type, so one of them could never be found."""
    with pytest.raises(ValueError, match="two objects of one type: Orders"):
        async with played(["Done."], context=[Orders(), Orders()]):
            pass


# --- tools that come and go -------------------------------------------------------------------


def saying(name, words, **options):
    @tool(name=name, **options)
    async def says() -> str:
        """Say."""
        return words

    return says


async def test_an_agent_is_offered_its_own_tool_before_one_for_all(played):
    """From its next model call on, and nobody else is."""
    turns = {"ann": [[call("greet")], "Done."], "bob": [[call("greet")], "Done."]}
    async with played(
        turns, saying("greet", "hello"), team_tools=False, memory_tools=False
    ) as team:
        ann, bob = await team.spawn("ann"), await team.spawn("bob")
        team.runtime.register_tool(saying("greet", "hello, Ann"), agent=ann)
        team.runtime.register_tool(saying("wave", "waves"))
        await ann.send("Greet")
        told_ann = team.results()
        await bob.send("Greet")

    assert (told_ann, team.results()) == ([("hello, Ann", False)], [("hello", False)])
    assert offered(team.asked("ann")[0]) == ["wave", "greet"]
    assert offered(team.asked("bob")[0]) == ["greet", "wave"]


async def test_a_hidden_tool_is_offered_to_nobody_and_a_deferred_one_can_be_forced(played):
    """A tool that waits for a search is still a tool: hiding it hides it, forcing it forces it."""
    later, hidden = saying("later", "x", deferred=True), saying("hidden", "x", deferred=True)
    async with played(
        ["Done."], read, later, hidden, team_tools=False, memory_tools=False
    ) as team:
        agent = await team.spawn(
            hidden_tools=["hidden"],
            tool_choice=NamedTool(name="later"),
            provider=ProviderOptions(tool_search="hosted"),
        )
        await agent.send("Go")

    (request,) = team.requests
    assert [(spec.name, spec.is_deferred) for spec in request.tools] == [
        ("read", False),
        ("later", True),
    ]
    assert request.tool_choice == NamedTool(name="later")


async def test_a_tool_that_is_removed_while_a_call_runs_ends_it_and_is_not_found_again(played):
    began, go_on = threading.Event(), threading.Event()

    @tool
    def slow() -> str:
        """Work."""
        began.set()
        go_on.wait(10)
        return "done"

    turns = [[call("slow")], [call("slow")], "I see."]
    async with played(turns) as team:
        agent = await team.spawn()
        registration = team.runtime.register_tool(slow)
        async with anyio.create_task_group() as group:
            group.start_soon(agent.send, "Go")
            assert await anyio.to_thread.run_sync(began.wait, 10)
            registration.remove()
            go_on.set()
        first, second = (one.content for one in team.events(e.ToolCallFinished))

    assert (first, second) == ("done", "Tool not found")
    assert "slow" in offered(team.requests[0])
    assert "slow" not in offered(team.requests[1])


async def test_an_open_call_of_a_tool_that_is_not_registered_again_is_told_so(played, tmp_path):
    """A registration is not on the log; the call is, and gets a result that says what happened."""

    @tool(retry="safe")
    async def slow() -> str:
        """Work."""
        await anyio.sleep_forever()
        return ""

    turns = [[call("slow")], "I see."]
    async with played(turns, path=tmp_path / "team", close_grace_s=0.0) as team:
        team.runtime.register_tool(slow)
        await (await team.spawn()).mail("Go")
        await team.until(e.ToolCallStarted)

    async with played(turns, path=tmp_path / "team") as team:
        await team.runtime.until_idle()

    assert team.results() == [("Tool not found (it was there when the call was made)", True)]
