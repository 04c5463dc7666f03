"""A log that a later release has written to opens here: what is new in it is kept and skipped."""

import json
import logging

import msgspec
import pytest

from mentra_actors import ScriptedModel, call, open_runtime_sync
from mentra_actors.cli.main import exit_code_of
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.envelope import UnknownEvent
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.reader import LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import AppendRequest, EncodedEvent, StreamAppend
from projections import BUILT_IN

WAIT_S = 20.0
TURNS = [
    [call("task_create", subject="Count"), call("team_spawn", name="bob", role="helper")],
    "On it.",
]
STREAMS = ("agent-lead", "agent-bob", "inbox-lead", "team-main", "board-main", "lease-writer")
WRONG_FIELD = {
    "agent-lead": ("agent.run_started.v1", {"run_id": 7, "started_at": "noon"}),
    "agent-bob": ("agent.mail_sent.v1", {"mail": None}),
    "inbox-lead": ("inbox.mail_delivered.v1", {"mail": ["a letter"]}),
    "team-main": ("team.member_joined.v1", {"profile": {}}),
    "board-main": ("board.task_created.v1", {"task_id": "two"}),
    "lease-writer": ("lease.acquired.v1", {"epoch": None}),
}
LETTER = Mail(mail_id="m1", sender="host", to="lead", body="From the future.", sent_at=0.0)

OPEN_WORK = (
    e.PromptAccepted(prompt_id="p-new", text="Mood?", accepted_at=0.0),
    e.RunStarted(run_id="bob/run-1", started_at=0.0),
    e.InputPlaced(run_id="bob/run-1", prompt_ids=("p-new",)),
    e.ModelCallRequested(effect_id="model-1", run_id="bob/run-1", round=1),
)


def encoded(tag, **fields):
    return EncodedEvent(tag, msgspec.msgpack.encode({"type": tag, **fields}))


def later_events(stream_id):
    """What a later release may leave behind: new tags, new fields, fields of another type."""
    tag, wrong = WRONG_FIELD[stream_id]
    return (
        encoded(f"{category_of(stream_id)}.dreamt.v1", of={"sheep": [1, 2]}),
        encoded(tag, **wrong),
        EncodedEvent(f"{category_of(stream_id)}.dreamt.v1", b"\xc1 no MessagePack"),
    )


def with_new_field(event):
    tag = event.__struct_config__.tag
    return encoded(tag, **msgspec.to_builtins(event), mood="cheerful")


@pytest.fixture
def later_store(tmp_path):
    """A store that a team of this release made and that a later one then wrote to."""
    path = tmp_path / "team.mentra"
    with team(path, TURNS) as runtime:
        runtime.spawn("lead", model="scripted:x").send("Begin.", timeout_s=WAIT_S)
        runtime.until_idle(timeout_s=WAIT_S)
    store = LmdbEventStore.open(path, durability="volatile")
    try:
        parts = [
            StreamAppend(stream_id=StreamId(name), events=later_events(name)) for name in STREAMS
        ]
        parts.append(StreamAppend(stream_id=StreamId("dream-x"), events=(encoded("dream.v1"),)))
        store.append(AppendRequest(streams=tuple(parts)))
        letter = (with_new_field(MailDelivered(mail=LETTER)),)
        work = tuple(with_new_field(event) for event in OPEN_WORK)
        store.append(
            AppendRequest(
                streams=(
                    StreamAppend(stream_id=StreamId("inbox-lead"), events=letter),
                    StreamAppend(stream_id=StreamId("agent-bob"), events=work),
                ),
                open_streams=(StreamId("inbox-lead"), StreamId("agent-bob")),
            )
        )
    finally:
        store.close()
    return path


def team(path, turns):
    model = ScriptedModel(turns=turns, repeat=True)
    return open_runtime_sync(path, providers=[model], durability="volatile")


def read_all(path):
    reader = LmdbJournalReader.open(path)
    try:
        return list(Journal(reader).through()), reader.read_journal(limit=10_000)
    finally:
        reader.close()


def test_the_team_opens_works_and_takes_its_mail(later_store):
    """Going back a release costs no team: what was open is done, and who asks is answered."""
    with team(later_store, ["Still here."]) as runtime:
        runtime.until_idle(timeout_s=WAIT_S)
        lead = runtime.agent("lead")
        reply = lead.send("And now?", timeout_s=WAIT_S)
        texts = [getattr(one.content, "text", "") for one in lead.transcript()]
        bodies = [getattr(one.content, "body", "") for one in lead.transcript()]
        members, tasks = list(runtime.team().members), list(runtime.board().tasks)
        helper = [getattr(one.content, "text", "") for one in runtime.agent("bob").transcript()]
        kept = runtime.project(*BUILT_IN)

        assert kept.wait(timeout_s=WAIT_S)

    assert reply.text == "Still here."
    assert {"Begin.", "And now?"} <= set(texts)
    assert "From the future." in bodies
    assert (members, tasks) == (["lead", "bob"], [1])
    assert {"Mood?", "Still here."} <= set(helper)


def test_what_is_skipped_is_kept_byte_for_byte(later_store):
    """The later release must find its events as it left them, whatever ran in between."""
    _, before = read_all(later_store)
    for _ in range(2):
        with team(later_store, ["Still here."]) as runtime:
            runtime.until_idle(timeout_s=WAIT_S)
            runtime.agent("lead").send("And now?", timeout_s=WAIT_S)
    recorded, after = read_all(later_store)
    unknown = [one for one in recorded if isinstance(one.event, UnknownEvent)]

    assert after[: len(before)] == before
    assert len(unknown) == 3 * len(STREAMS) + 1
    assert {category_of(one.stream_id) for one in unknown} == {
        "agent", "inbox", "team", "board", "lease", "dream",
    }  # fmt: skip
    assert [one.event.payload for one in unknown] == [
        after[one.global_position - 1].payload for one in unknown
    ]


def test_a_runtime_warns_of_each_tag_once(later_store, caplog):
    """Who went back a release is told that something is not seen, and not a thousand times."""
    caplog.set_level(logging.WARNING, "mentra_actors.store.journal")
    with team(later_store, ["Still here."]) as runtime:
        runtime.until_idle(timeout_s=WAIT_S)
        runtime.agent("lead").send("And now?", timeout_s=WAIT_S)
        runtime.agent("lead").transcript()
        runtime.view(BUILT_IN[0])
    warned = [record.args[0] for record in caplog.records if record.name.endswith("journal")]
    tags = {tag for tag, _ in WRONG_FIELD.values()}
    tags |= {f"{category_of(name)}.dreamt.v1" for name in STREAMS} | {"dream.v1"}

    assert sorted(warned) == sorted(tags)


def test_a_journal_warns_with_the_place_and_the_reason(caplog):
    """The warning is where a search for a missing letter begins."""
    store = MemoryEventStore()
    events = (encoded("inbox.mail_delivered.v1", mail=3), encoded("odd\n\x1b[2J.v1"))
    part = StreamAppend(stream_id=StreamId("inbox-lead"), events=events * 3)
    store.append(AppendRequest(streams=(part,)))
    journal = Journal(store)
    for _ in range(3):
        journal.read_journal()
        journal.read_stream(StreamId("inbox-lead"), after=1)
    damaged, unknown = (record.getMessage() for record in caplog.records)

    assert "'inbox.mail_delivered.v1'" in damaged
    assert "position 1, inbox-lead, version 1" in damaged
    assert "$.mail" in damaged
    assert "unknown tag" in unknown
    assert "\x1b" not in unknown


def test_the_command_line_shows_what_it_can_and_says_what_it_skips(later_store, capsys):
    """A log that is looked at from an older release must not look whole."""
    codes = [
        exit_code_of([*command, "--store", str(later_store)])
        for command in (["agents"], ["board"], ["transcript", "lead"], ["transcript", "bob"])
    ]
    capsys.readouterr()
    log_code = exit_code_of(["log", "--store", str(later_store)])
    shown = capsys.readouterr().out
    json_code = exit_code_of(["log", "--store", str(later_store), "--json"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    skipped = [line for line in lines if line["skipped"]]

    assert [*codes, log_code, json_code] == [0] * 6
    assert "agent.dreamt.v1  skipped: unknown tag" in " ".join(shown.split("\n"))
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    assert len(skipped) == 3 * len(STREAMS) + 1
    assert all(line["event"] is None for line in skipped)
    assert any("run_id" in line["skipped"] for line in skipped)
