"""What is forgotten is gone for everybody; everything else stays, and the log is valid."""

import multiprocessing
import os
import shutil
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mentra_actors as mentra
from mentra_actors.codec.event_codec import tag_of
from mentra_actors.codec.event_types import EVENT_TYPES
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.transcript import Transcript, apply, prompt_messages
from mentra_actors.envelope import FORGOTTEN_PAYLOAD, RetiredEvent, SkippedEvent
from mentra_actors.errors import StoreCorrupted, StoreError, StoreLocked
from mentra_actors.ids import StreamId
from mentra_actors.runtime.views.kept_views import open_views
from mentra_actors.runtime.views.store_places import views_directory
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.journal import Journal
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.opening import open_event_store, open_journal_reader, part_seal_of
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.store.sealing import forgetting, sealed_blobs
from mentra_actors.store.sealing.data_key import DataKey, SealBroken, new_secret
from mentra_actors.store.sealing.marks import FenceMark
from mentra_actors.store.sealing.offline import forget_subject
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sealing.seal import key_id_of
from mentra_actors.store.sealing.sealed_opening import sealed_event_store
from mentra_actors.store.sealing.store_seal import open_seal
from mentra_actors.store.sealing.upkeep import Forgotten
from mentra_actors.store.sealing.wrapped_files import WrappedFiles
from mentra_actors.testing.append_contract import (
    PATIENCE_S,
    payloads_of,
    request_for,
    stream_append,
)
from mentra_actors.testing.failing_store import FailingStore
from mentra_actors.testing.legality import prompt_faults
from mentra_actors.testing.strategies import any_history
from projections.contract import fold_view
from projections.stores.lmdb_views import LmdbViews
from projections.stores.view_store import ViewCommit, ViewDamaged, ViewId
from projections.views.built_in import BUILT_IN

KEY = bytes(n * 37 % 256 for n in range(32))
ENCRYPTED = Sealing(key=KEY)
ANN, BOB, TEAM = (StreamId(name) for name in ("agent-ann", "agent-bob", "team-x"))
VIEW = ViewId("count", 1)
SECRETS = (b"PROMPTSECRET", b"SYSTEMSECRET", b"ANSWERSECRET", b"RESULTSECRET", b"TASKSECRET")


@mentra.tool
def long_report() -> str:
    """A report that does not fit into an event."""
    return "RESULTSECRET\n" * 5000


def turns(request):
    """Ann asks for the report and answers; Bob only answers."""
    if request.model == "bob":
        return "bob says nothing"
    script = [[mentra.call("task_create", subject="TASKSECRET"), mentra.call("long_report")]]
    position = sum(type(message).__name__ == "AssistantMessage" for message in request.messages)
    return script[position] if position < len(script) else "ANSWERSECRET " * 20


def run_team(path, *prompts, sealing=ENCRYPTED, name="ann"):
    """A team works in an encrypted store, with its views; then it is closed."""
    model = mentra.ScriptedModel(turns)
    with mentra.open_runtime_sync(
        path, providers=[model], tools=[long_report], sealing=sealing
    ) as runtime:
        kept = runtime.project(*BUILT_IN)
        agent = runtime.spawn(
            name, model=f"scripted:{name}", system="SYSTEMSECRET " * 9, reuse=True
        )
        replies = [agent.send(prompt).text for prompt in prompts]
        assert kept.wait()
        runtime.until_idle()
    return replies


@pytest.fixture(scope="module")
def worked(tmp_path_factory):
    """The store of a team in which Ann and Bob have worked."""
    path = tmp_path_factory.mktemp("worked") / "team"
    run_team(path, "PROMPTSECRET please")
    run_team(path, "hello bob", name="bob")
    return path


@pytest.fixture
def team(worked, tmp_path):
    """A copy of it."""
    return shutil.copytree(worked, tmp_path / "team")


def views_of(path):
    with open_views(path, BUILT_IN, sealing=ENCRYPTED) as kept:
        return {one.name: dict(kept.parts(one)) for one in BUILT_IN}


def found_in(directory, *needles):
    """Names of files in which one of the needles is, wherever and however old the copy is."""
    files = [file for file in directory.rglob("*") if file.is_file()]
    assert files
    return [file.name for file in files if any(n in file.read_bytes() for n in needles)]


def test_no_plain_text_is_on_disk(team):
    """Whoever gets the disk gets no word: not from the log, a snapshot, a blob, a view."""
    store = open_event_store(team, sealing=ENCRYPTED)
    snapshot = StateSnapshot(
        stream_id=ANN, stream_version=1, fold_version=1, payload=b"PROMPTSECRET in a state"
    )
    store.save_snapshot(snapshot)
    store.append(request_for(stream_append(TEAM, b"TASKSECRET")))
    assert store.load_snapshot(ANN) == snapshot
    store.close()
    assert "PROMPTSECRET" in str(views_of(team)["transcript"])

    assert found_in(team, *SECRETS, KEY, KEY.hex().encode()) == []


def test_a_plain_store_shows_that_the_search_finds(tmp_path):
    """A search that finds nothing in plain text would prove nothing."""
    run_team(tmp_path / "team", "PROMPTSECRET please", sealing=None)

    assert found_in(tmp_path / "team" / "views", b"PROMPTSECRET") == ["data.mdb"]
    assert "data.mdb" in found_in(tmp_path / "team", b"RESULTSECRET")


def test_nothing_of_the_memory_gets_to_disk(tmp_path):
    """Pages that a store makes must not show what the memory held before."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED, durability="volatile")
    reader = open_journal_reader(tmp_path / "store", sealing=ENCRYPTED)
    views = LmdbViews.open(views_directory(tmp_path / "store"), seal=part_seal_of(reader, ""))
    done = threading.Semaphore(0)

    def on_appended(answer):
        fill_the_heap()
        done.release()

    for number in range(100):
        streams = [stream_append(StreamId(f"agent-{n}"), b"x" * 9 * number) for n in range(5)]
        store.submit(request_for(*streams), on_appended)
        assert done.acquire(timeout=PATIENCE_S)
        fill_the_heap()
        part = {str(number % 9): b"PROMPTSECRET" * number}
        views.commit(
            [ViewCommit(view=VIEW, parts=part, checkpoint=number + 1, expected_checkpoint=number)]
        )
    for one in (views, reader, store):
        one.close()

    assert found_in(tmp_path / "store", b"PROMPTSECRET") == []


def fill_the_heap():
    """Text that is freed again on the thread that then asks for pages."""
    return len([(b"PROMPTSECRET" * (40 * n))[:-1] for n in range(20)])


def test_what_is_forgotten_cannot_be_recovered(team):
    """Not even by who has the master key and every byte of the disk."""
    raw = LmdbEventStore.open(team)
    sealed = [event.payload for event in raw.read_stream(ANN)]
    raw.close()
    forgotten = forget_subject(team, "ann", sealing=ENCRYPTED)

    assert forgotten.events == len(sealed)
    ids = {key_id_of(payload) for payload in sealed}
    assert len(ids) == 1
    keys = team / "sealing" / "keys-1"
    assert ids.pop().hex() not in {file.name for file in keys.iterdir()}
    # Every key that is left, unwrapped by its owner, opens none of the payloads.
    store = open_event_store(team, sealing=ENCRYPTED)
    secrets = [store.seal.ring.files.read(file.name) for file in keys.iterdir()]
    store.close()
    assert len(secrets) >= 2
    for secret in secrets:
        for payload in sealed:
            for candidate in (secret[:32], secret[-32:]):
                with pytest.raises(SealBroken):
                    DataKey(key_id_of(payload), candidate).decrypt(payload[10:], payload[:10])


def test_the_log_stays_valid(team):
    """Positions, versions, streams and the events of all others are as they were."""
    before = open_journal_reader(team, sealing=ENCRYPTED)
    events = Journal(before).read_journal()
    before.close()
    forget_subject(team, "ann", sealing=ENCRYPTED)
    reader = open_journal_reader(team, sealing=ENCRYPTED)
    after = Journal(reader).read_journal()

    for old, new in zip(events, after, strict=True):
        assert new.global_position == old.global_position
        assert (new.stream_id, new.stream_version) == (old.stream_id, old.stream_version)
        if old.stream_id in ("agent-ann", "inbox-ann"):
            assert isinstance(new.event, RetiredEvent)
            assert "forgotten" in new.event.reason
        else:
            assert new == old
    reader.close()


def test_views_and_snapshots_forget_too(team):
    """What was derived from the events would else speak for them."""
    store = open_event_store(team, sealing=ENCRYPTED)
    for stream in (ANN, BOB):
        store.save_snapshot(
            StateSnapshot(stream_id=stream, stream_version=1, fold_version=1, payload=b"x")
        )
    store.close()
    assert "PROMPTSECRET" in str(views_of(team))
    old_views = (team / "views" / "data.mdb").read_bytes()
    forget_subject(team, "ann", sealing=ENCRYPTED)
    views = views_of(team)

    assert not any(secret.decode() in str(views) for secret in SECRETS if secret != b"TASKSECRET")
    assert "bob says nothing" in str(views["transcript"])
    assert [key for key in views["transcript"] if "ann" in key] == []
    assert len(views["timeline"]) == 1
    store = open_event_store(team, sealing=ENCRYPTED)
    assert store.load_snapshot(ANN) is None
    assert store.load_snapshot(BOB) is None
    store.close()
    # A copy of the views from before is of no use to who has all keys that are left.
    shutil.rmtree(team / "views")
    (team / "views").mkdir()
    (team / "views" / "data.mdb").write_bytes(old_views)
    assert not any(b"PROMPT" in str(part).encode() for part in views_of(team).values())


def test_the_name_may_be_used_again(team):
    """What is recorded for a name later is kept under a new key, and can be forgotten too."""
    forget_subject(team, "ann", sealing=ENCRYPTED)
    for text in (b"first", b"second"):
        store = open_event_store(team, sealing=ENCRYPTED)
        store.append(request_for(stream_append(ANN, text)))
        assert payloads_of(store.read_stream(ANN))[-1] == text
        store.close()
        again = forget_subject(team, "ann", sealing=ENCRYPTED)
        assert again == Forgotten(events=1, blobs=0, blobs_kept=0)
        assert forget_subject(team, "ann", sealing=ENCRYPTED) is None

    reader = open_journal_reader(team, sealing=ENCRYPTED)
    assert set(payloads_of(reader.read_stream(ANN))) == {FORGOTTEN_PAYLOAD}
    reader.close()


def test_a_team_goes_on_without_whom_it_forgot(team):
    """The others work, the forgotten one is refused in plain words, and a new one can be made."""
    forget_subject(team, "ann", sealing=ENCRYPTED)

    assert run_team(team, "hello again", name="bob") == ["bob says nothing"]
    assert "ANSWERSECRET" in run_team(team, "PROMPTSECRET again", name="anna")[0]
    with pytest.raises(mentra.CommandRejected, match="no such agent"):
        run_team(team, "are you there?")
    assert "PROMPTSECRET again" in str(views_of(team)["transcript"])
    assert "PROMPTSECRET please" not in str(views_of(team))
    assert found_in(team, *SECRETS) == []


def test_who_is_unknown_cannot_be_forgotten(team):
    """A typo must not be reported as done."""
    assert forget_subject(team, "anne", sealing=ENCRYPTED) is None
    with pytest.raises(ValueError, match="delete the store"):
        forget_subject(team, "", sealing=ENCRYPTED)

    assert "PROMPTSECRET" in str(views_of(team))


def test_nobody_is_forgotten_under_a_running_team(team):
    """Actors would write again what they have in memory."""
    with (
        mentra.open_runtime_sync(team, sealing=ENCRYPTED),
        pytest.raises(StoreLocked),
    ):
        forget_subject(team, "ann", sealing=ENCRYPTED)

    assert "PROMPTSECRET" in str(views_of(team))


def blob_digests(path):
    """Digests of blobs that events name, read before anything is forgotten."""
    reader = open_journal_reader(path, sealing=ENCRYPTED)
    events = Journal(reader).read_journal()
    reader.close()
    spilled = [getattr(one.event, "spilled", None) for one in events]
    return [blob.digest for blob in spilled if blob is not None]


def blob(path, digest):
    reader = open_journal_reader(path, sealing=ENCRYPTED)
    try:
        return reader.read_blob(digest)
    finally:
        reader.close()


def test_blobs_go_with_their_subject(team):
    """The whole output of a tool says more than the head of it in the event."""
    (digest,) = blob_digests(team)
    assert blob(team, digest).startswith(b"RESULTSECRET")
    before = len(list((team / "sealing" / "keys-1").iterdir()))
    forgotten = forget_subject(team, "ann", sealing=ENCRYPTED)

    assert forgotten == Forgotten(events=forgotten.events, blobs=1, blobs_kept=0)
    assert blob(team, digest) is None
    assert len(list((team / "sealing" / "keys-1").iterdir())) == before - 2


def test_a_blob_that_others_name_stays(team):
    """Equal content is one blob; who has it too must not lose it."""
    (digest,) = blob_digests(team)
    store = open_event_store(team, sealing=ENCRYPTED)
    store.append(request_for(stream_append(BOB, f"see blob {digest}.".encode())))
    store.close()
    forgotten = forget_subject(team, "ann", sealing=ENCRYPTED)

    assert (forgotten.blobs, forgotten.blobs_kept) == (0, 1)
    assert blob(team, digest).startswith(b"RESULTSECRET")


def test_a_blob_is_kept_once(tmp_path):
    """The same file read a hundred times must take its room once, also over restarts."""
    for _ in range(2):
        store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
        digests = {store.put_blob(b"\x07" * 9000) for _ in range(3)}
        store.append(AppendRequest())
        store.close()

    names = [one.name for one in (tmp_path / "store" / "sealing" / "keys-1").iterdir()]
    assert len(digests) == 1
    assert len([name for name in names if len(name) == 32]) == 1
    assert not any(digests.copy().pop() in name for name in names)


def test_a_blob_whose_bytes_were_lost_is_put_again(tmp_path):
    """A crash may keep the key of a blob and lose the blob, which no event named yet."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    digest = store.put_blob(b"content")
    name = store.seal.ring.blob_name(digest)
    store.seal.ring.files.write(name, bytes(32) + b"0" * 32)
    store.close()
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)

    assert store.read_blob(digest) is None
    assert store.put_blob(b"content") == digest
    store.append(AppendRequest())
    assert store.read_blob(digest) == b"content"
    store.close()


def test_a_blob_of_another_process_is_not_replaced(tmp_path, monkeypatch):
    """A process that hung, and can write no more, must not hide the bytes that another has put."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    late = open_seal(tmp_path / "store" / "sealing", ENCRYPTED, KEY, is_writer=True)
    nowhere = MemoryEventStore()

    def secret_too_late():
        monkeypatch.undo()
        digests.append(store.put_blob(b"content"))
        store.append(AppendRequest())
        return new_secret()

    digests = []
    monkeypatch.setattr(sealed_blobs, "new_secret", secret_too_late)
    late.blobs.put(b"content", FencedBlobs(store, nowhere))

    assert store.read_blob(digests[0]) == b"content"
    store.close()


class FencedBlobs:
    """Reads from one store; what is put goes nowhere."""

    def __init__(self, store, nowhere):
        self.read_blob = store.behind.read_blob
        self.put_blob = nowhere.put_blob


def test_a_changed_blob_is_damage(tmp_path):
    """A tool's output that a disk has changed must not be read as one."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    digest, other = store.put_blob(b"content"), store.put_blob(b"other content")
    store.append(AppendRequest())
    files, names = store.seal.ring.files, [store.seal.ring.blob_name(d) for d in (digest, other)]
    mine, others = (files.read(name) for name in names)
    files.write(names[0], mine[:32] + others[32:])

    with pytest.raises(StoreCorrupted, match="blob"):
        store.read_blob(digest)
    store.close()


@pytest.mark.parametrize("stop_before", ["forget", "shred", "replace_derived", "unlink"])
def test_an_interrupted_forgetting_is_finished(team, monkeypatch, stop_before):
    """Whoever was promised to be forgotten is, also if the power went in the middle."""

    class Crash(Exception):
        pass

    def crash(*_args, **_options):
        raise Crash

    (digest,) = blob_digests(team)
    target = {
        "forget": "mentra_actors.store.sealing.key_ring.KeyRing.forget",
        "shred": "mentra_actors.store.sealing.wrapped_files.WrappedFiles.shred",
        "replace_derived": "mentra_actors.store.sealing.key_ring.KeyRing.replace_derived",
        "unlink": "pathlib.Path.unlink",
    }[stop_before]
    with monkeypatch.context() as patch:
        armed = []

        def begin(*args):
            forgetting.begin_forgetting(*args)
            armed.append(target)
            patch.setattr(target, crash)

        patch.setattr("mentra_actors.store.sealing.upkeep.begin_forgetting", begin)
        with pytest.raises(Crash):
            forget_subject(team, "ann", sealing=ENCRYPTED)
    assert armed == [target]

    with pytest.raises(StoreError, match="interrupted"):
        open_journal_reader(team, sealing=ENCRYPTED)
    open_event_store(team, sealing=ENCRYPTED).close()
    assert "PROMPTSECRET" not in str(views_of(team))
    assert blob(team, digest) is None
    assert forget_subject(team, "ann", sealing=ENCRYPTED) is None


def test_a_key_is_buried_before_it_is_shredded(team, monkeypatch):
    """A reader beside would else report a lost key file, and send its owner for a backup."""
    buried = []
    real = WrappedFiles.shred

    def shred(files, name):
        known = team / "sealing" / "known" / name
        buried.append(known.exists() and known.read_bytes() == b"forgotten")
        real(files, name)

    monkeypatch.setattr(WrappedFiles, "shred", shred)
    forget_subject(team, "ann", sealing=ENCRYPTED)

    assert buried[0]


def test_a_reader_beside_sees_the_forgetting(tmp_path):
    """A process that looks on must not go on showing what was forgotten."""
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    store.append(request_for(stream_append(ANN, b"x"), stream_append(BOB, b"y")))
    store.close()
    reader = open_journal_reader(tmp_path / "store", sealing=ENCRYPTED)
    assert payloads_of(reader.read_journal()) == [b"x", b"y"]
    context = multiprocessing.get_context("spawn")
    other = context.Process(target=forget_ann, args=(tmp_path / "store",))
    other.start()
    other.join()

    assert other.exitcode == 0
    assert payloads_of(reader.read_journal())[1] == b"y"
    assert payloads_of(reader.read_journal())[0] != b"x"
    reader.close()


def forget_ann(path):
    assert forget_subject(path, "ann", sealing=ENCRYPTED) is not None


def test_views_folded_before_do_not_come_back(team):
    """A process that has parts of views in memory may write them after the forgetting."""
    reader = open_journal_reader(team, sealing=ENCRYPTED)
    late = LmdbViews.open(views_directory(team), seal=part_seal_of(reader, team))
    forget_subject(team, "ann", sealing=ENCRYPTED)
    after = open_journal_reader(team, sealing=ENCRYPTED)
    views = LmdbViews.open(views_directory(team), seal=part_seal_of(after, team))
    late.commit([ViewCommit(view=VIEW, parts={"a": b"late"}, checkpoint=9, expected_checkpoint=0)])

    assert views.load(VIEW, "a") is None
    assert views.checkpoint(VIEW) == 0
    for one in (late, views, reader, after):
        one.close()


def test_views_of_before_are_not_read_on(team, caplog):
    """A checkpoint beside parts that do not open would make every reader stumble."""
    for is_forgotten in (False, True):
        reader = open_journal_reader(team, sealing=ENCRYPTED)
        views = LmdbViews.open(views_directory(team), seal=part_seal_of(reader, team))
        if is_forgotten:
            assert views.checkpoint(VIEW) == 0
            assert views.keys(VIEW) == []
        else:
            commit = ViewCommit(view=VIEW, parts={"a": b"x"}, checkpoint=9, expected_checkpoint=0)
            views.commit([commit])
            assert views.load(VIEW, "a") == b"x"
        views.close()
        reader.close()
        forget_subject(team, "ann", sealing=ENCRYPTED)
    assert "sealed with another key, as after somebody was forgotten" in caplog.text


def test_a_key_is_overwritten_before_it_goes(team, tmp_path):
    """A file that is only unlinked is found again by any tool for lost photographs."""
    copies = tmp_path / "links"
    copies.mkdir()
    before = {}
    for file in (team / "sealing" / "keys-1").iterdir():
        os.link(file, copies / file.name)
        before[file.name] = file.read_bytes()
    forget_subject(team, "ann", sealing=ENCRYPTED)
    left = {file.name: file.read_bytes() for file in (team / "sealing" / "keys-1").iterdir()}
    gone = {name for name in before if left.get(name) != before[name]}

    assert len(gone) == 3  # of the subject, of its blob, of what was derived
    assert {name for name in before if (copies / name).read_bytes() != before[name]} == gone


def test_a_part_opens_in_its_own_row_only(team):
    """A part of one view must not be taken for one of another."""
    reader = open_journal_reader(team, sealing=ENCRYPTED)
    seal = part_seal_of(reader, team)
    views = LmdbViews.open(views_directory(team), seal=seal)

    with pytest.raises(StoreCorrupted):
        seal.opened(b"row 2", seal.closed(b"row 1", b"part"))
    views._seal = DamagedSeal(seal)
    views.commit(
        [ViewCommit(view=VIEW, parts={"a": b"part"}, checkpoint=9, expected_checkpoint=0)]
    )
    with pytest.raises(ViewDamaged):
        views.load(VIEW, "a")
    views.close()
    reader.close()


class DamagedSeal:
    """Seals for another row than it opens."""

    def __init__(self, seal):
        self._seal = seal

    def closed(self, row, part):
        return self._seal.closed(b"another " + row, part)

    def opened(self, row, sealed):
        return self._seal.opened(row, sealed)


def test_views_are_never_plain_beside_an_encrypted_log(team):
    """A wrapper around a store that hides its key must not open a hole."""
    store = open_event_store(team, sealing=ENCRYPTED)
    with pytest.raises(StoreError, match="knows the key"):
        part_seal_of(FailingStore(store), team)
    store.close()


def test_other_views_are_as_plain_as_their_log(tmp_path):
    """Views of a store without a key stay what they were."""
    for name, sealing in (("plain", None), ("small", Sealing())):
        run_team(tmp_path / name, "PROMPTSECRET", sealing=sealing)
        store = open_event_store(tmp_path / name)
        assert part_seal_of(store, tmp_path / name) is None
        assert part_seal_of(FailingStore(store), tmp_path / name) is None
        store.close()


AGENT_TAGS = sorted(tag_of(one) for one in EVENT_TYPES if tag_of(one).startswith("agent."))


def known(events):
    return [event for event in events if not isinstance(event, SkippedEvent)]


@given(
    history=any_history(AGENT.event_types, max_size=20).map(known),
    forgotten=st.sets(st.sampled_from(AGENT_TAGS), max_size=8),
)
def test_every_prompt_stays_legal(tmp_path_factory, history, forgotten):
    """Whatever is forgotten, an agent goes on; a prompt that is refused would brick it."""
    inner = MemoryEventStore()
    sealing = Sealing(key=KEY, subject_of=lambda stream_id, tag: tag)
    keys = tmp_path_factory.mktemp("keys")
    store = sealed_event_store(inner, FenceMark(inner), keys, sealing, is_flushed=False)
    journal = Journal(store)
    store.append(request_for(journal.stream_append(ANN, history, 0)))
    for tag in forgotten:
        if store.seal.ring.has_key(tag):
            store.seal.ring.forget(store.seal.ring.live_id(tag))

    recorded = journal.read_stream(ANN)
    assert [one.stream_version for one in recorded] == list(range(1, len(history) + 1))
    transcript, state = Transcript(), AGENT.initial
    for one, event in zip(recorded, history, strict=True):
        is_gone = tag_of(type(event)) in forgotten
        assert isinstance(one.event, RetiredEvent) if is_gone else one.event == event
        transcript, state = apply(transcript, one.event), AGENT.fold([one.event], state)
        assert prompt_faults(prompt_messages(transcript)) == []
    for projection in BUILT_IN:
        fold_view(projection, recorded)
