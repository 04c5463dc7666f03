"""What was typed is kept for its user alone, where the user's state is."""

from mentra_actors.cli.chat.input_history import MOST_BYTES_READ, history_file, typed_before
from mentra_actors.cli.chat.terminal import _KeptHistory


def test_the_file_is_its_users_own(tmp_path):
    place = history_file({"XDG_STATE_HOME": str(tmp_path)})

    assert place == str(tmp_path / "mentra" / "chat_history")
    assert (tmp_path / "mentra" / "chat_history").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "mentra").stat().st_mode & 0o777 == 0o700


def test_without_a_place_nothing_is_kept(tmp_path):
    (tmp_path / "mentra").write_text("a file")

    assert history_file({"XDG_STATE_HOME": str(tmp_path)}) is None


def test_a_relative_directory_is_not_meant(tmp_path, monkeypatch):
    """The standard says that such a value is ignored."""
    monkeypatch.setenv("HOME", str(tmp_path))
    place = history_file({"XDG_STATE_HOME": "here"}, platform="linux")

    assert place == str(tmp_path / ".local" / "state" / "mentra" / "chat_history")


def test_words_that_cannot_be_kept_are_no_failure(tmp_path):
    """A disk may be full, and a file may go, while somebody types: the words are sent."""
    history = _KeptHistory(str(tmp_path))  # a directory is neither read nor written
    history.append_string("hello")

    assert list(history.load_history_strings()) == []
    assert history.get_strings() == ["hello"]


def test_what_was_typed_is_there_at_the_next_start(tmp_path):
    place = tmp_path / "chat_history"
    for words in ("one", "two\nlines\n\n+ and a sign", "", "# three"):
        _KeptHistory(str(place)).append_string(words)

    assert typed_before(str(place)) == ["# three", "", "two\nlines\n\n+ and a sign", "one"]
    assert list(_KeptHistory(str(place)).load_history_strings()) == typed_before(str(place))


def test_of_a_huge_file_the_end_is_read(tmp_path):
    """A hundred megabytes of typing would keep a person waiting at each start."""
    place = tmp_path / "chat_history"
    with place.open("wb") as file:
        file.truncate(1 << 30)  # a hole, which takes no room and as long to read
    _KeptHistory(str(place)).append_string("long\n" + "x" * MOST_BYTES_READ)
    _KeptHistory(str(place)).append_string("newest")

    assert typed_before(str(place)) == ["newest"]
