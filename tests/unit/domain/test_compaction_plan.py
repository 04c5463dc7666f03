"""What of a conversation is summarised, what stays word for word, and what is read off it."""

import pytest

from mentra_actors.domain.agent.profile import CompactionOptions
from mentra_actors.domain.compaction import (
    ConversationSummary,
    compaction_plan,
    rendered_summary,
    summary_in,
    told_summary,
)
from mentra_actors.domain.compaction_facts import extracted_facts, rendered_facts, touched_files
from mentra_actors.domain.content import (
    AssistantMessage,
    FileBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolResultsMessage,
    UserMessage,
)
from mentra_actors.domain.conversation_tree import Transcript, compacted, with_entry
from mentra_actors.domain.inbox import Mail
from mentra_actors.domain.token_estimate import message_tokens, text_tokens
from mentra_actors.domain.transcript import mail_text

OPTIONS = CompactionOptions()


class Talk:
    """A conversation that grows by short sentences."""

    def __init__(self):
        self.tree = Transcript()
        self.rounds = 0

    def user(self, text):
        self.tree = with_entry(self.tree, UserMessage(text=text), "user_turn")
        return self

    def letter(self, body):
        mail = Mail(mail_id="m", sender="mate", to="lead", body=body, sent_at=0.0)
        message = UserMessage(text=mail_text(mail), source="mail")
        self.tree = with_entry(self.tree, message, "mail")
        return self

    def answer(self, text, thinking=""):
        thought = (ThinkingBlock(parts=(thinking,)),) if thinking else ()
        message = AssistantMessage(blocks=(*thought, TextBlock(text=text)))
        self.tree = with_entry(self.tree, message, "assistant_turn")
        return self

    def call(self, tool, result, arguments="{}", *, is_error=False):
        self.rounds += 1
        key, call_id = f"tool-{self.rounds}.0", f"c{self.rounds}"
        block = ToolCallBlock(call_id=call_id, name=tool, arguments=arguments)
        answer = AssistantMessage(blocks=(block,))
        self.tree = with_entry(self.tree, answer, "assistant_turn", keys=(key,))
        told = ToolResultBlock(call_id=call_id, name=tool, content=result, is_error=is_error)
        results, details = ToolResultsMessage(results=(told,)), {key: '{"seen": 1}'}
        self.tree = with_entry(self.tree, results, "tool_exchange", keys=(key,), details=details)
        return self

    def plan(self, limit=0, **options):
        return compaction_plan(self.tree, CompactionOptions(**options), limit)

    def compacted(self, answer='{"goal": "go"}', **options):
        made = told_summary(self.plan(**options), answer, "scripted:x")
        self.tree = compacted(self.tree, made, f"compact-{len(self.tree.compactions) + 1}")
        return made

    def told(self):
        return [getattr(message, "text", type(message).__name__) for message in self.tree.messages]


def test_a_lone_prompt_has_nothing_older():
    assert Talk().user("Go").plan() is None


def test_a_lone_call_with_its_result_is_summarized_whole():
    """No result stands without its call, and there is room again."""
    talk = Talk().user("Go").call("look", "x" * 5_000)
    talk.compacted()

    assert talk.told()[0] == "Go"
    assert talk.told()[1].startswith("[Compaction summary]")
    assert len(talk.told()) == 2


def test_the_newest_words_of_people_stay_up_to_a_budget_and_the_last_ones_always():
    talk = Talk()
    for n in range(5):
        talk.user(f"{n} " + "w" * 400).answer("yes")
    assert talk.plan(preserve_recent_user_tokens=220).kept == (7, 9)
    assert talk.plan(preserve_recent_user_tokens=0).kept == (9,)
    assert talk.plan(limit=220).kept == (9,)  # half of a request at most


def test_words_that_a_summary_has_left_out_are_in_the_next_one_or_stay():
    """They were told word for word; without room for that they must not be lost unseen."""
    talk = Talk().user("Never touch the vault. " + "v" * 400).letter("The door is red.")
    talk.answer("Understood.").user("On.").answer("Yes.")
    first = talk.compacted()
    assert first.kept == (1, 2, 4)
    talk.user("Now the cellar. " + "w" * 400).answer("Done.").user("And now?").answer("x").user(
        "y"
    )
    plan = talk.plan(preserve_recent_user_tokens=130, preserve_recent_delegation_results=0)

    assert plan.kept == (4, 6, 8)
    assert "prompt: Never touch the vault." in plan.material
    assert "The door is red." in plan.material
    assert "Understood." not in plan.material, "it is in the summary before"


def test_words_that_stay_can_be_all_that_there_is_to_summarize():
    """What was kept for a large model may be too much for a small one."""
    talk = Talk()
    for n in range(6):
        talk.user(f"{n} " + "w" * 400)
    talk.answer("yes").user("On.")
    talk.compacted()
    assert talk.plan() is None
    plan = talk.plan(limit=300)

    assert plan.kept == (6,)
    assert plan.material.count("prompt: ") == 5


def test_results_of_delegated_work_stay_as_words_and_so_do_letters():
    """The model has waited for them; their calls are gone."""
    talk = Talk().user("Go")
    for n in range(3):
        talk.call("task", f"Found {n}.")
    talk.letter("I am done.").call("task", "no", is_error=True).answer("Fine.").user("On.")
    plan = talk.plan(preserve_recent_delegation_results=3)
    assert (plan.kept, plan.kept_results) == ((1, 8), ("tool-2.0", "tool-3.0"))

    talk.compacted(preserve_recent_delegation_results=3)
    told = talk.told()
    assert told[:3] == ["Go", "[Result of task]\nFound 1.", "[Result of task]\nFound 2."]
    assert "I am done." in told[3]
    assert told[-1] == "On."


def test_delegated_work_is_bounded_in_tokens_too():
    talk = Talk().user("Go").call("task", "x" * 4_000).call("task", "y" * 4_000).user("On.")

    assert talk.plan(preserve_recent_user_tokens=1_500).kept_results == ("tool-2.0",)
    assert talk.plan(limit=800).kept_results == ()


def test_what_stays_is_the_same_object_and_entries_keep_their_details():
    """Counts, words and details are as they were; what is not told any more is still there."""
    talk = Talk().user("One").call("look", "a").user("Two").call("task", "b").answer("Yes.")
    before = list(talk.tree.entries)
    made = talk.compacted()

    assert (made.replaced, made.kept, made.kept_results) == (4, (1, 4), ("tool-2.0",))
    assert talk.tree.messages[0] is before[0].message
    assert talk.tree.messages[1] is before[3].message
    assert talk.tree.messages[-1] is before[-1].message
    assert list(talk.tree.entries) == before
    assert [one.details for one in before if one.details] == [
        {"tool-1.0": '{"seen": 1}'},
        {"tool-2.0": '{"seen": 1}'},
    ]


def test_thinking_is_no_material_for_a_summary():
    talk = Talk().user("Go").answer("Yes.", thinking="secretly").user("On.")

    assert "secretly" not in talk.plan().material
    assert "assistant: Yes." in talk.plan().material


def test_a_summary_hears_that_there_were_images_and_files_and_what_they_were_called():
    """It reads words only: what it is not told of, nobody would know of any more."""
    png, pdf = ImageBlock(media_type="image/png", data=b"x"), FileBlock(name="plan.pdf", url="u")
    asked = UserMessage(text="Look.", attachments=(png, pdf))
    shown = AssistantMessage(blocks=(TextBlock(text="So?"), ImageBlock(url="u")))
    tree = with_entry(with_entry(Transcript(), asked, "user_turn"), shown, "assistant_turn")
    talk = Talk()
    talk.tree = tree
    options = CompactionOptions(preserve_recent_user_tokens=1)
    plan = compaction_plan(talk.user("Go on.").answer("Yes.").tree, options)

    said = "Look.\n[an image was here (image/png)]\n[a file was here: plan.pdf]"
    assert said in plan.material
    assert "assistant: So?\n[an image was here]" in plan.material


def test_of_a_long_conversation_the_newest_part_is_summarized():
    """And what the summary before has said of the rest."""
    talk = Talk().user("First.")
    talk.answer("old " * 100).user("Second.").answer("Yes.").user("Third.")
    talk.compacted('{"goal": "count"}', preserve_recent_user_tokens=0)
    for n in range(50):
        talk.answer(f"answer {n} " + "w" * 100).user(f"{n}?")
    material = talk.plan(summary_max_input_chars=2_000, preserve_recent_user_tokens=0).material

    assert len(material) <= 2_100
    assert "Goal: count" in material
    assert "answer 49" in material
    assert "answer 10" not in material


def test_files_touched_add_up_over_compactions():
    """The first seen first; the newest summary knows those before it."""
    talk = Talk().user("Go").call("read", "text", '{"path": "b.py"}').answer("ok").user("On.")
    first = talk.compacted('{"files_touched": ["z.py"]}', preserve_recent_user_tokens=0)
    assert first.files_touched == ("b.py", "z.py")

    talk.call("edit", "ok", '{"path": "a.py"}').answer("ok").user("And.")
    second = talk.compacted("{}", preserve_recent_user_tokens=0)
    assert second.files_touched == ("b.py", "z.py", "a.py")
    assert "- b.py\n- z.py\n- a.py" in talk.told()[-2]


def test_paths_are_found_in_real_calls_and_results_and_not_in_words_of_people():
    talk = (
        Talk()
        .user("See docs/wish.md")
        .call(
            "files",
            "src/a.py:3: x = 1\nsee https://example.org/page.html or src/a.py",
            '{"operations": [{"op": "move", "from": "old/b.rs", "to": "new/b.rs"}, 7]}',
        )
    )
    said = [entry.message for entry in talk.tree.entries]

    assert touched_files(said) == ("old/b.rs", "new/b.rs")
    assert extracted_facts(said).paths == ("old/b.rs", "new/b.rs", "src/a.py")


@pytest.mark.parametrize("arguments", ["", "[1]", '{"path": 7}', '{"path": "."}', '{"path": "a'])
def test_odd_arguments_name_no_files(arguments):
    message = AssistantMessage(blocks=(ToolCallBlock(call_id="c", name="t", arguments=arguments),))
    assert touched_files([message]) == ()


def test_outcomes_and_permissions_are_found_in_any_words():
    talk = Talk().user("pytest failed at home").answer("Permission denied, I asked for approval.")
    talk.call("shell", "== 3 passed, 1 failed in pytest ==\nnothing here")
    facts = extracted_facts([entry.message for entry in talk.tree.entries])

    assert facts.outcomes == ("pytest failed at home", "== 3 passed, 1 failed in pytest ==")
    assert facts.permissions == ("Permission denied, I asked for approval.",)
    shown = rendered_facts(facts)
    assert "Outcomes of tests:\n- pytest" in shown
    assert "Permissions:\n- Permission" in shown
    assert rendered_facts(extracted_facts([])) == ""


def test_facts_are_few_however_much_was_said():
    lines = "\n".join(f"src/f{n}.py test {n} passed" for n in range(500))
    message = ToolResultsMessage(
        results=(ToolResultBlock(call_id="c", name="shell", content=lines),)
    )
    facts = extracted_facts([message])

    assert len(facts.paths) == len(facts.outcomes) == 40
    assert facts.paths[-1] == "src/f499.py"


def test_a_summary_that_is_no_json_is_told_as_it_is():
    assert "Progress: Just words." in rendered_summary(summary_in("Just words."))
    assert "Goal: (none)" in rendered_summary(summary_in("{}"))


def test_a_summary_under_other_keys_is_told_as_it_is():
    """Small models name the keys as they like; what they say must not be lost."""
    answer = '{"summary": "The gates are shut."}'

    assert answer in rendered_summary(summary_in(answer))


def test_of_very_many_files_a_summary_names_the_newest():
    """They add up over compactions, and would fill what a request may have."""
    paths = tuple(f"src/f{number}.py" for number in range(5_000))

    told = rendered_summary(ConversationSummary(files_touched=paths)).splitlines()

    assert told[-201:-199] == ["- (4800 more before these)", "- src/f4800.py"]
    assert told[-1] == "- src/f4999.py"


def test_tokens_are_guessed_of_all_that_is_sent():
    """Results of tools are most of a conversation."""
    assert text_tokens("") == 0
    messages = [Talk().user("Go").call("look", "x" * 400).tree.entries[n].message for n in (0, 2)]
    assert sum(map(message_tokens, messages)) > 100
