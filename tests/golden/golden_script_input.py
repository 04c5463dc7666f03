"""What reaches an agent beside prompts, and how it moves about in its conversation."""

from golden_team import call, plan, profile

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent.profile import ProfileChanges
from mentra_actors.domain.content import TextBlock
from mentra_actors.domain.inbox import Mail, MailDelivered, RenameOrdered, StopOrdered
from mentra_actors.ids import AgentId, MailId

__all__ = ["INPUT_STORIES"]


def queues(team):
    """Words wait for a run, start one, and are said at its boundaries; some never are."""
    team.add(profile("singer"))
    team.queue("singer", "steer", "Sing softly.")
    team.queue("singer", "steer", "In G.")
    team.tell("singer", c.SetQueueMode, queue="steer", mode="all")
    team.tell("singer", c.RunQueued, command_id=team.new_id())
    team.tell("singer", c.SetQueueMode, queue="steer", mode="one_at_a_time")
    for verse in ("second", "third", "fourth"):
        team.queue("singer", "follow_up", f"And the {verse} verse?")
    team.queue("singer", "steer", "Slower.")
    team.queue("singer", "steer", "Higher.")
    team.mail("singer", "Your tea is ready.")
    team.reply("singer", call("hum"), plans=(plan("safe"),))
    team.finish("singer", "hum", "mmm")  # one steer, and the letter
    team.reply("singer", TextBlock(text="La."))  # the other steer
    team.reply("singer", TextBlock(text="LA."))  # one follow-up
    team.tell("singer", c.SetQueueMode, queue="follow_up", mode="all")
    team.reply("singer", TextBlock(text="La la."))  # two follow-ups
    team.queue("singer", "follow_up", "And again?")
    team.queue("singer", "steer", "Lower.")
    team.tell("singer", c.ClearQueue, queue="follow_up")
    team.tell("singer", c.ClearQueue, queue="steer")
    team.reply("singer", TextBlock(text="La la la."))


def mail_for_the_host(team):
    """Letters wake nobody; the host reads them in the place of the agent."""
    team.add(profile("porter", wake_on_mail=False))
    team.mail("porter", "A parcel has come.")
    team.mail("porter", "And another one.")
    team.tell("porter", c.HandOverMail, command_id=team.new_id())
    team.mail("porter", "The first one was for you.")
    team.prompt("porter", "Any news?")
    team.reply("porter", TextBlock(text="A parcel, for me."))


def branches(team):
    """A conversation goes on from an earlier entry, and from its beginning; entries have names."""
    team.add(profile("poet"))
    team.prompt("poet", "Write a line.")
    team.reply("poet", TextBlock(text="Roses are red."))  # entry 2
    team.tell("poet", c.LabelEntry, entry=2, label="a beginning")
    team.prompt("poet", "Go on.")
    team.reply("poet", TextBlock(text="Roses are roses."))  # entry 4
    team.tell("poet", c.LabelEntry, entry=4, label="too much")
    team.tell("poet", c.MoveLeaf, to_entry=2)
    team.prompt("poet", "Go on, with thorns.")
    team.reply("poet", call("rhyme"), plans=(plan("safe"),))  # entries 6 and 7
    team.finish("poet", "rhyme", "horns, corns")
    team.reply("poet", TextBlock(text="Thorns are thorns."))  # entry 8
    team.tell("poet", c.LabelEntry, entry=4, label="")
    team.tell("poet", c.MoveLeaf, to_entry=0)
    team.prompt("poet", "Write of the sea.")
    team.reply("poet", TextBlock(text="The sea is wide."))
    team.tell("poet", c.MoveLeaf, to_entry=6)  # to the results of its call


def a_member_that_leaves(team):
    """It gets another name, hears of a job and of a request, and stops when all of it is done."""
    team.add(profile("bailiff", lead="keeper", wake_on_background=True))
    team.add(profile("abbot", wake_on_background=False, is_person=True))
    team.deliver("abbot", StopOrdered(how="now", reason="the seat is taken away"))
    for wakes in (False, None, True):
        team.tell("bailiff", c.Configure, changes=ProfileChanges(wake_on_background=wakes))
    team.deliver("bailiff", RenameOrdered(name="crier"))
    for number, (kind, more) in enumerate(
        (
            ("background", {}),
            ("broadcast", {}),
            ("task", {}),
            ("timer", {}),
            ("response", {"request_id": "r-0", "protocol": "review", "approve": True}),
            ("request", {"request_id": "r-1", "protocol": "shutdown"}),
            ("response", {"request_id": "r-2", "protocol": "plan_approval", "approve": False}),
        )
    ):
        letter = Mail(
            mail_id=MailId(f"bailiff-{number}"),
            sender="keeper",
            sender_id=AgentId("keeper"),
            to=AgentId("bailiff"),
            body=f"A {kind}.",
            sent_at=team.now,
            kind=kind,
            **more,
        )
        team.deliver("bailiff", MailDelivered(mail=letter))
    team.deliver(
        "bailiff", StopOrdered(how="when_done", reason="the feast is over", ordered_by="keeper")
    )
    team.reply("bailiff", TextBlock(text="Heard."))
    team.reply("bailiff", TextBlock(text="Heard that, too."))


INPUT_STORIES = (queues, mail_for_the_host, branches, a_member_that_leaves)
