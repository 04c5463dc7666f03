"""A whole team, whatever happens to it: mail, claims, jobs, approvals, crashes and take-overs.

The actors, the directory and the deciders are the real ones; one thread plays the dispatcher, the
writer, the timers, the world, and the end of the process.
"""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import msgspec
import pykka
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

sys.path.insert(0, str(Path(__file__).parent))
from team_world import BOARD, TeamWorld

from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.actors.stream_actor import StreamActor
from mentra_actors.actors.stream_services import StreamKind
from mentra_actors.codec.command_codec import decode_command
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.profile import Autonomy
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.background.jobs import BACKGROUND
from mentra_actors.domain.board.commands import ClaimTask, CreateTask
from mentra_actors.domain.board.decider import BOARD as BOARD_DECIDER
from mentra_actors.domain.board.events import ClaimReleased, OwnerLeft, TaskClaimed
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.supervision.decide import SUPERVISION_STREAM
from mentra_actors.domain.supervision.events import LetterKept
from mentra_actors.domain.team import TEAM as TEAM_DECIDER
from mentra_actors.domain.team import name_in
from mentra_actors.domain.team.commands import (
    AddMember,
    MarkStopped,
    OpenRequest,
    RenameMember,
    ResolveRequest,
    StopMember,
)
from mentra_actors.domain.team.events import (
    RequestCancelled,
    RequestExpired,
    RequestOpened,
    RequestResolved,
)
from mentra_actors.errors import StoreFull
from mentra_actors.ids import (
    agent_stream,
    background_stream,
    category_of,
    inbox_stream,
    name_of,
    team_stream,
)
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.runtime.replay.verification import verified
from mentra_actors.runtime.writing.writer_lease import WRITER_LEASE, acquire_writer_lease
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.hand_driven import HandDriven
from mentra_actors.testing.log_audit import AgentAudit
from mentra_actors.testing.manual_clock import ManualClock

TEAM = team_stream("main")
MOST_STEPS_TO_REST = 400
picks = st.integers(0, 7)
ENOUGH = settings(
    stateful_step_count=50,
    max_examples=400,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
"""In how many histories a fault must show itself; nobody needs the shortest one."""

_replace = msgspec.structs.replace


class WholeTeam(RuleBasedStateMachine):
    """A lead and two to five members, in one process after another on one store.

    A subclass may plant a fault: in a decider (`broken`), or in what holds off older processes.
    """

    broken = ()
    is_fenced = True

    @initialize(members=st.integers(2, 5))
    def begin(self, members):
        self.messages_per_turn = StreamActor.messages_per_turn
        StreamActor.messages_per_turn = 2
        self.memory = MemoryEventStore()
        self.journal = Journal(self.memory)
        self.store = FailingStore(self.memory)
        self.names = ["lead", *"abcde"[:members]]
        self.world = TeamWorld(self.names, self.state_of, self.board)
        self.ids = 0
        self.older = []
        self.boot()
        for name in self.names:
            profile = e.AgentProfile(
                agent_id=name,
                name=name,
                team_id="main",
                role="r",
                model="m:m",
                lead="" if name == "lead" else "lead",
                autonomy=Autonomy(enabled=name in "bd"),
                run=RunOptions(on_failure="rollback" if name in "ab" else "suspend"),
            )
            add = AddMember(command_id=self.new_id(), profile=profile, now=0.0)
            self.system.send(TEAM, add)
        self.system.settle()

    # --- processes ------------------------------------------------------------------------

    def boot(self):
        """A new process: it takes the lease, and wakes whoever has something to do."""
        clock = ManualClock()
        fence = acquire_writer_lease(
            self.memory, self.journal, clock, holder=self.new_id(), term_s=60.0
        )
        kinds = dict(stream_kinds(self.store, self.journal))
        for decider in self.broken:
            kinds[decider.category] = StreamKind(
                decider, StateLoader(decider, self.store), kinds[decider.category].inline
            )
        self.system = HandDriven(
            self.store,
            kinds=kinds,
            policy=RestartPolicy(max_restarts=1_000_000),
            fence=fence if self.is_fenced else None,
        )
        owners = {
            agent_stream(name_of(one)) if category_of(one) == "inbox" else one
            for one in self.store.open_streams()
        } - {WRITER_LEASE}
        for owner in sorted(owners):
            self.system.directory.wake(owner)

    def the_process_dies(self, _pick, _choice):
        self.bury(self.system)
        self.store.drop_held()
        self.store.recover()
        self.boot()

    def another_process_takes_over(self, _pick, _choice):
        """The older one is stopped in the middle of whatever it does, and does not know."""
        self.older.append(self.system)
        self.boot()

    def an_older_process_wakes(self, pick, choice):
        """It goes on as if nothing had happened; nothing of what it writes is taken."""
        if not self.older:
            return
        older = self.older[pick % len(self.older)]
        before = self.memory.last_position()
        held = self.store.held()
        if older.effects.running:
            keys = list(older.effects.running)
            self.world_of_the_dead(older, keys[choice % len(keys)])
        for _ in range(4):
            older.dispatcher.turn()
        older.fire_timer()
        if not held:
            assert self.memory.last_position() == before, "one who is replaced has written"

    def world_of_the_dead(self, older, key):
        """What it performs is performed, as far as it had begun: only its record is refused."""
        order = older.effects.running[key]
        if type(order.effect).__name__ in ("CallModel", "ReviewCall"):
            self.world.finish(older, key, 1)

    def bury(self, system):
        for ref in pykka.ActorRegistry.get_all():
            pykka.ActorRegistry.unregister(ref)
        system.effects.running.clear()

    # --- what happens ---------------------------------------------------------------------

    def a_person_writes(self, pick, _choice):
        name = self.names[pick % len(self.names)]
        letter = Mail(mail_id=self.new_id(), sender="host", to=name, body="Go on.", sent_at=0.0)
        part = self.journal.stream_append(inbox_stream(name), [MailDelivered(mail=letter)], None)
        self.memory.append(AppendRequest(streams=(part,), open_streams=(inbox_stream(name),)))
        self.system.directory.stream_was_written(inbox_stream(name))

    def a_person_asks(self, pick, _choice):
        name = self.names[pick % len(self.names)]
        self.system.send(
            agent_stream(name), c.AcceptPrompt(prompt_id=self.new_id(), text="Work.", now=0.0)
        )

    def a_task_is_put_up(self, _pick, _choice):
        create = CreateTask(
            command_id=self.new_id(), subject="Something.", created_by="host", now=0.0
        )
        self.system.send(BOARD, create)

    def somebody_asks_something(self, pick, choice):
        sender, to = self.names[pick % len(self.names)], self.names[choice % len(self.names)]
        asked = OpenRequest(
            command_id=self.new_id(),
            sender=sender,
            to=to,
            protocol="shutdown" if choice % 3 == 0 else "plan_approval",
            content="May I?",
            now=1.0,
            expires_at=9.0 if pick % 2 else None,
        )
        self.system.send(TEAM, asked)

    def somebody_answers(self, pick, choice):
        pending = [one for one in self.team().requests.values() if one.status == "pending"]
        if pending:
            self.answer(pending[pick % len(pending)], approve=choice % 3 > 0)

    def answer(self, request, *, approve):
        resolve = ResolveRequest(
            command_id=self.new_id(),
            request_id=request.request_id,
            by=request.to,
            approve=approve,
            now=2.0,
        )
        self.system.send(TEAM, resolve)

    def a_member_has_another_name(self, pick, _choice):
        agent_id = self.names[pick % len(self.names)]
        name = f"{agent_id}-{self.new_id()}"
        self.system.send(
            TEAM,
            RenameMember(command_id=self.new_id(), agent_id=agent_id, name=name, now=1.0),
        )

    def a_member_is_to_stop(self, pick, choice):
        if self.ids % 4:
            return  # or soon nobody would be left
        how = "now" if choice % 3 == 0 else "when_done"
        agent_id = self.names[pick % len(self.names)]
        stop = StopMember(command_id=self.new_id(), agent_id=agent_id, how=how, now=1.0)
        self.system.send(TEAM, stop)

    def a_person_decides(self, pick, choice):
        name = self.names[pick % len(self.names)]
        for call in self.state_of(agent_stream(name)).requests:
            self.system.send(
                agent_stream(name),
                c.ResolvePermission(request_id=call.request_id, allow=choice % 3 > 0, now=1.0),
            )

    def an_actor_dies(self, pick, _choice):
        """A command that is none kills it; it starts again with what the log says."""
        name = self.names[pick % len(self.names)]
        self.system.send(
            agent_stream(name), c.AcceptPrompt(prompt_id=self.new_id(), text=None, now=0.0)
        )

    def somebody_is_cancelled(self, pick, _choice):
        self.system.send(agent_stream(self.names[pick % len(self.names)]), c.CancelRun(now=1.0))

    @rule(count=st.integers(1, 8))
    def turns(self, count):
        for _ in range(count):
            self.system.dispatcher.turn()

    @rule(ends=st.lists(st.tuples(picks, picks), min_size=1, max_size=6))
    def effects_end(self, ends):
        for pick, choice in ends:
            running = list(self.system.effects.running)
            if running:
                self.world.finish(self.system, running[pick % len(running)], choice)
            self.system.dispatcher.turn()

    @rule(ends=st.lists(st.tuples(picks, picks), min_size=8, max_size=24))
    def the_team_works_for_a_while(self, ends):
        for pick, choice in ends:
            for _ in range(12):
                self.system.dispatcher.turn()
            running = list(self.system.effects.running)
            if not running:
                self.a_person_writes(pick, 0)
                continue
            self.world.finish(self.system, running[pick % len(running)], choice)

    def the_disk_is_slow(self, _pick, _choice):
        self.store.hold()

    def the_disk_goes_on(self, _pick, choice):
        self.store.release(choice + 1)

    def the_disk_is_full(self, _pick, choice):
        self.store.fail_next(1 + choice % 2, StoreFull("no space left"))

    def a_timer_rings(self, _pick, _choice):
        self.system.fire_timer()

    def the_idle_are_put_to_sleep(self, _pick, _choice):
        self.system.directory.passivate_idle(-1.0)

    # --- what may happen: in groups, so that the team is at work most of the time -----------

    @rule(
        what=st.sampled_from(
            [
                "a_person_writes",
                "a_person_asks",
                "a_task_is_put_up",
                "a_person_decides",
                "somebody_is_cancelled",
            ]
        ),
        pick=picks,
        choice=picks,
    )
    def a_person_acts(self, what, pick, choice):
        getattr(self, what)(pick, choice)

    @rule(
        what=st.sampled_from(
            [
                "somebody_asks_something",
                "somebody_answers",
                "a_member_has_another_name",
                "a_member_is_to_stop",
            ]
        ),
        pick=picks,
        choice=picks,
    )
    def the_team_changes(self, what, pick, choice):
        getattr(self, what)(pick, choice)

    @rule(
        what=st.sampled_from(
            [
                "the_disk_is_slow",
                "the_disk_goes_on",
                "the_disk_is_full",
                "a_timer_rings",
                "the_idle_are_put_to_sleep",
                "an_actor_dies",
            ]
        ),
        pick=picks,
        choice=picks,
    )
    def something_goes_wrong(self, what, pick, choice):
        getattr(self, what)(pick, choice)

    @rule(
        what=st.sampled_from(
            ["the_process_dies", "another_process_takes_over", "an_older_process_wakes"]
        ),
        pick=picks,
        choice=picks,
    )
    def the_process_changes(self, what, pick, choice):
        getattr(self, what)(pick, choice)

    # --- what must hold -------------------------------------------------------------------

    def teardown(self):
        """Left alone, the team comes to rest in a bounded number of steps, and lost nothing."""
        if not hasattr(self, "memory"):
            return
        try:
            self.come_to_rest()
            for name in self.names:
                self.check_agent(name)
                self.check_jobs(name)
            self.check_mail()
            self.check_late_letters()
            self.check_board()
            self.check_tasks_of_the_stopped()
            self.check_requests()
            self.check_decisions()
            self.check_effects()
        finally:
            self.system.close()
            self.store.let_go()
            for older in self.older:
                older.close()
            StreamActor.messages_per_turn = self.messages_per_turn
        assert pykka.ActorRegistry.get_all() == []

    def come_to_rest(self):
        self.store.recover()
        self.store.let_go()
        self.system.settle(timers=True)
        for _ in range(MOST_STEPS_TO_REST):
            self.decide_for_people()
            running = [
                key
                for key, order in self.system.effects.running.items()
                if self.world.can_end(order)
            ]
            if not running and not any(self.busy(one) for one in self.names):
                return
            for key in running:
                if key in self.system.effects.running:
                    self.world.finish(self.system, key, 1)
            self.system.settle(timers=True)
        raise AssertionError(f"never at rest: {self.system.effects.running}")

    def busy(self, name):
        return AGENT.is_busy(self.state_of(agent_stream(name)))

    def decide_for_people(self):
        for request in self.team().requests.values():
            if request.status == "pending" and request.expires_at is None:
                self.answer(request, approve=False)
        for name in self.names:
            for call in self.state_of(agent_stream(name)).requests:
                self.system.send(
                    agent_stream(name),
                    c.ResolvePermission(request_id=call.request_id, allow=True, now=1.0),
                )
        self.system.settle(timers=True)

    def check_agent(self, name):
        audit = AgentAudit()
        for one in self.journal.read_stream(agent_stream(name)):
            audit.read(one.event)
        assert audit.at_rest() == []
        state = self.state_of(agent_stream(name))
        if not state.stopped:
            assert not state.has_news, "a letter waits for nobody"
            assert state.mail_taken_through == self.memory.stream_version(inbox_stream(name))
            assert not state.stop_planned, "one that is to stop has not"

    def check_decisions(self):
        """Each append is what its decider decides of the command that is made of it."""
        assert verified(self.journal.through()).differences == ()

    def check_mail(self):
        """Each letter is taken once; those of one sender in the order in which they were sent."""
        for name in self.names:
            taken = [
                mail.mail_id
                for one in self.events_of(agent_stream(name), e.MailTaken)
                for mail in one.mail
            ]
            laid = [one.mail for one in self.events_of(inbox_stream(name), MailDelivered)]
            is_stopped = self.state_of(agent_stream(name)).stopped
            most = len(taken) if is_stopped else len(laid)
            assert taken == [mail.mail_id for mail in laid[:most]]
            for sender in self.names:
                sent = self.events_of(agent_stream(sender), e.MailSent)
                to_name = [one.mail.mail_id for one in sent if one.mail.to == name]
                assert to_name == [
                    mail.mail_id
                    for mail in laid
                    if mail.sender_id == sender and mail.kind == "message"
                ]

    def check_board(self):
        """A task has one owner at a time, and a wish counts once."""
        state, wishes = BOARD_DECIDER.initial, Counter()
        for one in self.journal.read_stream(BOARD):
            if isinstance(one.event, TaskClaimed):
                assert not state.tasks[one.event.task_id].owner, "a task is taken from its owner"
            parts = isinstance(one.event, ClaimReleased | OwnerLeft)  # one wish, many tasks
            task_id = getattr(one.event, "task_id", 0) if parts else 0
            wishes[one.event.command_id, task_id, parts] += 1
            state = BOARD_DECIDER.evolve(state, one.event)
        assert all(count == 1 for count in wishes.values()), wishes

    def check_late_letters(self):
        """What somebody wrote to one that had stopped is a dead letter, once."""
        late = Counter()
        for name in self.names:
            state = self.state_of(agent_stream(name))
            assert state.mail_taken_through == self.memory.stream_version(inbox_stream(name))
            taken = self.events_of(agent_stream(name), e.MailTaken)
            read = {mail.mail_id for one in taken for mail in one.mail}
            for one in self.events_of(inbox_stream(name), MailDelivered):
                is_written = one.mail.kind in ("message", "broadcast") and not one.mail.request_id
                if is_written and one.mail.mail_id not in read:
                    late[name, one.mail.mail_id] += 1
        kept = self.events_of(SUPERVISION_STREAM, LetterKept)
        found = Counter(
            (name_of(one.stream_id), decode_command(one.command, one.content).mail_id)
            for one in kept
            if one.command == "TakeLateLetter" and not is_answer(one)
        )
        assert found == late

    def check_tasks_of_the_stopped(self):
        """Nobody waits for what one that has stopped will never do."""
        team, board = self.team(), self.board()
        for name in self.names:
            if not self.state_of(agent_stream(name)).stopped:
                continue
            known = name_in(team, name)
            assert team.members[known].has_stopped, "the team does not know"
            held = [
                task
                for task in board.tasks.values()
                if name in (task.owner, task.owner_id) or known == task.owner
            ]
            assert all(task.status == "completed" for task in held), held

    def check_requests(self):
        """Each ends once, and both sides are told of it once."""
        ends = (RequestResolved, RequestCancelled, RequestExpired)
        opened = {one.request_id: one for one in self.events_of(TEAM, RequestOpened)}
        ended = Counter(one.request_id for kind in ends for one in self.events_of(TEAM, kind))
        assert ended == Counter(dict.fromkeys(opened, 1))
        told = Counter(
            (name, one.mail.request_id)
            for name in self.names
            for one in self.events_of(inbox_stream(name), MailDelivered)
            if one.mail.kind == "request"
        )
        assert told == Counter((one.to, one.request_id) for one in opened.values())

    def check_effects(self):
        """Nothing goes on for which nobody waits."""
        deciders = {one.category: one for one in (AGENT, TEAM_DECIDER, BACKGROUND)}
        for stream_id, effect_id in self.system.effects.running:
            decider = deciders[category_of(stream_id)]
            state = decider.fold(one.event for one in self.journal.read_stream(stream_id))
            assert effect_id in decider.pending(state), f"nobody waits for {effect_id}"

    def check_jobs(self, name):
        state = BACKGROUND.fold(
            one.event for one in self.journal.read_stream(background_stream(name))
        )
        assert not [job for job in state.jobs.values() if job.is_open], "a job never ends"
        laid = self.events_of(inbox_stream(name), MailDelivered)
        told = sorted(one.mail.mail_id for one in laid if one.mail.kind == "background")
        assert told == sorted(f"job-{job_id}" for job_id in state.jobs)

    def events_of(self, stream_id, kind):
        found = (one.event for one in self.journal.read_stream(stream_id))
        return [one for one in found if isinstance(one, kind)]

    def state_of(self, stream_id):
        return AGENT.fold(one.event for one in self.journal.read_stream(stream_id))

    def board(self):
        return BOARD_DECIDER.fold(one.event for one in self.journal.read_stream(BOARD))

    def team(self):
        return TEAM_DECIDER.fold(one.event for one in self.journal.read_stream(TEAM))

    def new_id(self):
        self.ids += 1
        return f"{self.ids:06}"


def is_answer(letter):
    return decode_command(letter.command, letter.content).mail_id.endswith("/answered")


def nobody_hears_of_an_end(command, state):
    return [] if isinstance(command, MarkStopped) else TEAM_DECIDER.decide(command, state)


def who_has_stopped_reads_on(state):
    return None if state.stopped else AGENT.follow.position(state)


def mail_is_taken_again(state, event):
    after = AGENT.evolve(state, event)
    return _replace(after, mail_taken_through=state.mail_taken_through)


def everybody_may_claim(command, state):
    if isinstance(command, ClaimTask) and state.tasks:
        return [
            TaskClaimed(
                command_id=command.command_id, task_id=1, owner=command.claimant, claimed_at=0.0
            )
        ]
    return BOARD_DECIDER.decide(command, state)


def nobody_remembers(state, event):
    return _replace(BOARD_DECIDER.evolve(state, event), recent=())


def never_is_safe(state, event):
    if not isinstance(event, e.ToolCallsPlanned):
        return AGENT.evolve(state, event)
    calls = tuple(_replace(plan, retry="safe") for plan in event.calls)
    return AGENT.evolve(state, _replace(event, calls=calls))


FAULTS = {
    "mail is taken again": {"broken": (replace(AGENT, evolve=mail_is_taken_again),)},
    "a task is claimed by many": {"broken": (replace(BOARD_DECIDER, decide=everybody_may_claim),)},
    "a wish counts each time": {
        "broken": (replace(BOARD_DECIDER, evolve=nobody_remembers, evolve_all=None),)
    },
    "all may be run again": {"broken": (replace(AGENT, evolve=never_is_safe),)},
    "nobody hears of an end": {"broken": (replace(TEAM_DECIDER, decide=nobody_hears_of_an_end),)},
    "late letters lie": {
        "broken": (
            replace(AGENT, follow=replace(AGENT.follow, position=who_has_stopped_reads_on)),
        )
    },
    "older processes write": {"is_fenced": False},
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault):
    """A machine that accepts a broken team says nothing about a good one."""
    broken = type("BrokenTeam", (WholeTeam,), FAULTS[fault])

    with pytest.raises(Exception) as found:  # noqa: PT011 - however it shows itself
        run_state_machine_as_test(broken, settings=ENOUGH)

    print(fault, "->", repr(found.value)[:200])


TestWholeTeam = pytest.mark.timeout(300)(WholeTeam.TestCase)
TestWholeTeam.settings = settings(
    stateful_step_count=50, max_examples=max(40, settings.default.max_examples)
)
