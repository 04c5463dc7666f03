"""A session against a running team: what is asked, told and done, whatever shows it."""

import anyio
import anyio.lowlevel
import pytest

from mentra_actors import ReasoningOptions, ScriptedModel, ask_for, call, open_runtime, tool
from mentra_actors.cli.chat.session import ChatSession
from mentra_actors.cli.chat.shown import Line, Prose
from mentra_actors.cli.chat.slash_commands import performed
from mentra_actors.cli.chat.typed import COMMANDS, Slash
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import TeamId


class Listener:
    """A screen that keeps what it is shown, and wakes whoever waits for a part of it."""

    asks = True
    width = 80

    def __init__(self):
        self.words = []
        self._more = anyio.Event()

    async def show(self, shown):
        for one in shown:
            if isinstance(one, Line):
                self.words.append(one.text.plain)
            elif isinstance(one, Prose):
                self.words.append(one.text)
            else:
                self.words += ["|".join(cell.plain for cell in row) for row in one.rows]
        self.changed()

    answer = show

    def changed(self):
        self._more.set()
        self._more = anyio.Event()

    async def until(self, is_there):
        with anyio.fail_after(20):
            while not is_there():
                await self._more.wait()

    async def says(self, part):
        await self.until(lambda: any(part in one for one in self.words))


def talk(script, told, *, tools=(), **options):
    """Run `told(session, screen)` with an agent whose model plays a script."""

    async def main():
        model = ScriptedModel(script, name="scripted")
        async with open_runtime(
            ":memory:", providers=[model], tools=tools, resume="none", **options
        ) as runtime:
            agent = await runtime.spawn("lead", model="scripted:x")
            screen = Listener()
            session = ChatSession(runtime, agent, screen, {})
            with anyio.fail_after(30):
                await session.run(lambda: told(session, screen))
            return screen.words

    return anyio.run(main)


async def done(session, line):
    name, _, rest = line.partition(" ")
    await session.screen.answer(await performed(session, Slash(name, rest)))


@tool(retry="safe")
def pay(euros: int) -> str:
    """Pay."""
    return f"paid {euros}"


def test_a_teammate_is_asked_about_as_well():
    """Who talks with the lead is the one whom the team asks: nobody else would answer."""

    def script(request):
        answered = sum(type(one).__name__ == "AssistantMessage" for one in request.messages)
        if "teammate 'bob'" in request.system:
            return [call("pay", euros=5), "Paid.", "Fine."][min(answered, 2)]
        spawn = call("team_spawn", name="bob", role="payer", prompt="Pay.")
        return [spawn, "Bob pays.", "Good."][min(answered, 2)]

    async def told(session, screen):
        await session.say("Let bob pay.")
        await screen.until(lambda: len(session.questions) == 1)
        await session.decide(allow=True)
        await screen.says("? bob: pay")
        await session.decide(allow=True, remember="session")
        await session.runtime.until_idle()
        await screen.says("bob has joined")

    words = talk(script, told, tools=[pay], authorizer=ask_for())

    assert words.index("? team_spawn") < words.index("? bob: pay")


def test_a_decision_is_remembered_as_it_was_chosen():
    async def told(session, screen):
        await session.say("Pay twice.")
        await screen.until(lambda: bool(session.questions))
        session.choose(2)
        await session.decide(allow=True, remember="session")
        await screen.says("Paid twice.")
        [rule] = await session.runtime.rules()
        assert rule.rule.allow
        assert rule.scope == "session"

    script = [call("pay", euros=5), call("pay", euros=6), "Paid twice."]
    words = talk(script, told, tools=[pay], authorizer=ask_for())

    assert words.count("? pay") == 1, "the second call is let run by the rule"


def test_what_was_decided_is_not_asked_again_by_whoever_has_looked_before():
    """Calls that wait are read beside the talk: a decision may come in between."""

    async def told(session, screen):
        await session.say("Pay.")
        await screen.until(lambda: bool(session.questions))
        waiting = await session.runtime.approvals()
        await session.decide(allow=True)
        await session._wait_for(waiting)
        await screen.says("Paid.")

    words = talk([call("pay", euros=5), "Paid."], told, tools=[pay], authorizer=ask_for())

    assert words.count("? pay") == 1


@pytest.mark.parametrize("team", ["main", "night"])
def test_where_nobody_can_be_asked_a_call_is_refused(team):
    async def told(session, screen):
        screen.asks = False
        await session.say_and_wait("Pay.")

    options = {"tools": [pay], "authorizer": ask_for(), "team": TeamId(team)}
    words = talk([call("pay", euros=5), "No."], told, **options)

    assert any("nobody could be asked" in one for one in words)


def test_words_for_a_turn_that_was_stopped_begin_another():
    """Steering that the open turn took no more is said next, and not left in its queue."""

    async def told(session, screen):
        await session.say("Pay.")
        await screen.until(lambda: bool(session.questions))
        await session.say("Rather not.")
        assert await session.interrupt()
        await screen.says("Then not.")
        assert not session.questions

    words = talk([call("pay", euros=5), "Then not."], told, tools=[pay], authorizer=ask_for())

    assert words.index("  queued: said at the next step") < words.index("Then not.")


def test_a_broken_turn_is_offered_again_and_goes_on():
    async def told(session, screen):
        await session.say("go")
        await screen.says("/resume goes on with it")
        await done(session, "resume")
        await screen.says("There.")

    def script(request):
        if broken:
            raise broken.pop()
        return "There."

    broken = [ValueError("the script has a fault")]
    words = talk(script, told)

    assert any("going on with the turn that was broken off" in one for one in words)


def test_the_conversation_is_a_tree(tmp_path):
    """A fork goes on from an older turn, back returns, and a saved file is never replaced."""

    async def told(session, screen):
        for words in ("one", "two", "three"):
            await session.say_and_wait(words)
        await done(session, "title My talk")
        await done(session, "fork 1")
        await session.say_and_wait("else")
        other = ChatSession(session.runtime, session.agent, screen, {})  # as of another start
        await done(other, "back")
        path = await session.agent.conversation.path()
        assert list(path) == [1, 2, 3, 4, 5, 6]
        await done(session, "at 2")
        await done(session, "fork #2")
        await done(session, f"save {tmp_path}/talk.md")
        with pytest.raises(CommandRejected, match="is there already"):
            await done(session, f"save {tmp_path}/talk.md")

    talk(lambda request: f"Answer to {request.messages[-1].text}", told)

    assert (tmp_path / "talk.md").read_text() == "# My talk\n\n## You\n\none\n\nAnswer to one\n"


def test_every_command_answers():
    """None of them needs a second try, or ends the talk."""
    rest = {"at": "1", "fork": "1", "remember": "Ann likes tea", "memory": "tea", "title": "T"}
    left_out = {"save", "resume", "back", "later", "forget", "uncompact", "quit"}

    async def told(session, screen):
        await session.say_and_wait("hello")
        await done(session, "remember Ann likes tea")
        for name in COMMANDS:
            if name not in left_out:
                await done(session, f"{name} {rest.get(name, '')}".rstrip())
        await done(session, "reasoning high")
        await done(session, "reasoning hide")
        profile = (await session.agent.state()).profile
        assert profile.reasoning == ReasoningOptions(effort="high")
        assert session.turn.hides_thoughts
        with pytest.raises(CommandRejected, match="/at N"):
            await done(session, "at")
        with pytest.raises(CommandRejected, match=r"minimal, .*, off, show or hide, not 'Bog"):
            await done(session, "reasoning Bogus")
        assert (await session.agent.state()).profile.reasoning == ReasoningOptions(effort="high")

    words = "\n".join(talk(["Hello!"] * 9, told))

    assert "Ann likes tea" in words
    assert "lead|lead|idle|scripted:x" in words
    assert "No task is on the board." in words
    assert "lead, the next request of scripted:x" in words
    assert "\nThe largest messages\n" in words


def test_a_fact_that_is_wrong_is_forgotten():
    """Whoever sees it in /memory wants it gone, and not to write a program for that."""

    async def told(session, screen):
        await done(session, "remember Ann likes tea")
        record_id = (await session.agent.memory.records())[0].record_id
        await done(session, f"forget {record_id}")
        assert await session.agent.memory.records() == []
        for words, said in (("forget", "/forget ID"), ("forget nothing", "no record 'nothing'")):
            with pytest.raises(CommandRejected, match=said):
                await done(session, words)

    assert "Forgotten: no search finds it any more." in talk([], told)


def test_a_long_memory_does_not_flood_the_screen():
    """A year of work is thousands of runs."""

    async def told(session, screen):
        for number in range(23):
            await session.agent.memory.pin(f"fact {number}")
        del screen.words[:]
        await done(session, "memory")
        assert screen.words[0].startswith("3 older records not shown")
        assert [one.split("  ")[1] for one in screen.words[1:]] == [
            f"fact {number}" for number in range(3, 23)
        ]

    talk([], told)


def test_a_conversation_is_summarised_and_told_long_again():
    """A summary may have lost what mattered."""

    async def told(session, screen):
        for words in ("one", "two"):
            await session.say_and_wait(words)
        await done(session, "compact")
        await screen.says("told as a summary")
        history = session.agent.conversation.history
        short = await history()
        await done(session, "uncompact")
        assert [len(short), len(await history())] == [4, 4]
        assert "[Compaction summary]" in str(short)
        assert "[Compaction summary]" not in str(await history())
        with pytest.raises(CommandRejected, match="no compaction"):
            await done(session, "uncompact")

    talk(["One.", "Two.", '{"goal": "count"}'], told)


def test_a_summary_that_takes_too_long_is_stopped_as_a_turn_is():
    """Nobody waits minutes for what he has asked for by mistake."""

    async def answer(request):
        if request.system.startswith("You shorten"):
            await anyio.sleep_forever()
        return "Fine."

    async def told(session, screen):
        for words in ("one", "two"):
            await session.say_and_wait(words)
        await done(session, "compact")
        await screen.until(lambda: session.is_stoppable)
        assert not session.is_working
        assert await session.interrupt()
        await screen.until(lambda: not session.is_stoppable)
        assert not await session.interrupt()
        await session.say_and_wait("three")

    words = talk(answer, told)

    assert "◇ the summary was stopped; the conversation is as it was" in words
    assert words[-2] == "Fine.", "and the talk goes on"


def test_before_anything_was_said_there_is_nothing_to_go_back_to():
    async def told(session, screen):
        with pytest.raises(CommandRejected, match="no /fork"):
            await done(session, "back")
        for words in ("at 1", "fork #3"):
            with pytest.raises(CommandRejected, match="nothing was said yet, only 0"):
                await done(session, words)

    talk([], told)


def test_words_are_answered_before_the_next_ones_whatever_else_ends():
    """Through a pipe: a turn that was open may end at any moment after the first line was read."""

    async def told(session, screen):
        await session.say("This one is open.")
        await screen.says("» This one is open.")
        show = screen.show

        async def show_late(shown):
            for _ in range(100):
                await anyio.lowlevel.checkpoint()
            await show(shown)

        screen.show = show_late
        await session.say_and_wait("And this one?")
        assert "The second." in screen.words

    talk(["The first.", "The second."], told)


def test_later_words_are_said_when_the_turn_would_be_over():
    async def told(session, screen):
        await session.say_later("at rest it is a prompt")
        await screen.says("one")
        await screen.until(lambda: not session.is_working)

    assert any("one" in one for one in talk(["one"], told))
