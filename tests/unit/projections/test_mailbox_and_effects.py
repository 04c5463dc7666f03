"""Letters as people see them, how effects go, and a team in a few figures."""

from mentra_actors import ScriptedModel, ToolError, call, open_runtime_sync, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.team import DEFAULT_TEAM
from projections import EFFECTS, MAILBOX, SUMMARY_VIEWS, fold_view, team_summary
from projections.views.effects import EffectCounts
from projections.views.mailbox import unread_letters


def placed(*mail_ids):
    return ("agent-lead", e.InputPlaced(run_id="r", mail_ids=mail_ids))


def started():
    event = e.ToolCallStarted(
        key="tool-1.0", tool="look", idempotency_key="i", retry="safe", started_at=1.0
    )
    return ("agent-lead", event)


def letter(mail_id):
    mail = Mail(mail_id=mail_id, sender="mate", to="lead", body=f"about {mail_id}", sent_at=1.0)
    return ("inbox-lead", MailDelivered(mail=mail))


def test_a_letter_is_unread_until_the_model_has_it(recorded):
    log = recorded(letter("m1"), letter("m2"), placed("m1"))
    parts = fold_view(MAILBOX, log)

    assert [one.mail_id for one in unread_letters(parts, "lead")] == ["m2"]
    assert (parts["lead/m1"].position, parts["lead/m1"].read_position) == (1, 3)


def test_a_run_that_was_taken_back_leaves_its_letters_unread(recorded):
    log = recorded(
        letter("m1"),
        placed("m1"),
        ("agent-lead", e.InputReturned(run_id="r", mail_ids=("m1",))),
    )

    assert [one.mail_id for one in unread_letters(fold_view(MAILBOX, log), "lead")] == ["m1"]


def test_a_letter_whose_id_no_key_can_hold_has_a_part(recorded):
    (part,) = fold_view(MAILBOX, recorded(letter("m" * 999))).values()

    assert part.is_unread


def test_effects_are_counted_and_timed(recorded):
    """Events of the fixture are a second apart."""
    log = recorded(
        started(),
        ("agent-lead", e.ToolCallRestarted(key="tool-1.0", attempt=2, restarted_at=2.0)),
        ("agent-lead", e.ToolCallFinished(key="tool-1.0", content="no such place", is_error=True)),
    )
    (view,) = fold_view(EFFECTS, log).values()

    assert view.open == {}
    assert view.counts["look"] == EffectCounts(
        begun=1,
        ended=1,
        failed=1,
        again=1,
        seconds=2.0,
        slowest_s=2.0,
        last_failure="no such place",
    )


def test_a_run_that_ends_leaves_no_effect_open(recorded):
    cancelled = ("agent-lead", e.RunCancelled(run_id="r", reason="", cancelled_at=2.0))
    open_one = fold_view(EFFECTS, recorded(started()))["lead"]
    ended = fold_view(
        EFFECTS,
        recorded(started(), cancelled),
    )

    assert [one.of for one in open_one.open.values()] == ["look"]
    assert ended["lead"].open == {}


def test_a_team_in_a_few_figures():
    @tool(retry="safe")
    def look(place: str) -> str:
        """Look."""
        raise ToolError(f"nothing at {place}")

    model = ScriptedModel(turns=[[call("look", place="here")], "Nothing."], repeat=True)
    with open_runtime_sync(":memory:", tools=[look], providers=[model]) as runtime:
        runtime.spawn("lead", model="scripted:x").send("hello")
        runtime.board.create("Look around")
        views = {one.name: runtime.view(one) for one in SUMMARY_VIEWS}
        (effects,) = runtime.view(EFFECTS).values()
    summary = team_summary(views)

    assert (summary.team_id, summary.members) == (DEFAULT_TEAM, {"idle": 1})
    assert summary.tasks["ready"] == 1
    assert (summary.approvals_waiting, summary.requests_pending, summary.jobs_running) == (0, 0, 0)
    assert summary.usage.calls == 2
    assert (effects.counts["model"].ended, effects.counts["look"].failed) == (2, 1)
    assert team_summary({}).members == {}
