"""Images and documents: shown to the model, kept as blobs, there after a restart."""

import pytest

from mentra_actors import ModelReply, ToolOutput, call, document, image, say, tool
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import FileBlock, HostedToolBlock, ImageBlock, Provenance
from mentra_actors.domain.model_call import StopReason
from mentra_actors.errors import CommandRejected

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 1000


@tool
def screenshot() -> ImageBlock:
    """What is on the screen."""
    return image(PNG)


async def test_a_model_is_shown_the_bytes_and_the_log_holds_their_name(played):
    """A photo in every event and snapshot would be written again and again."""
    async with played(["A cat."]) as team:
        agent = await team.spawn()
        await agent.send("What is this?", attachments=[image(PNG)])
        (prompt,) = team.events(e.PromptAccepted)
        kept = await team.runtime.content_of(prompt.attachments[0])

    (message,) = team.requests[0].messages
    assert message.attachments == (ImageBlock(media_type="image/png", data=PNG),)
    assert prompt.attachments[0].data == b""
    assert kept == PNG


async def test_a_conversation_still_has_its_pictures_after_a_restart(played, tmp_path):
    """Whoever asks again about the same photo must not send it again."""
    path = tmp_path / "team.mentra"
    async with played(["A cat."], path=path) as team:
        agent = await team.spawn()
        await agent.send(
            "What is this?", attachments=[image(PNG), document(b"%PDF-1.7 x", name="a.pdf")]
        )
    async with played(["A cat.", "Black."], path=path) as team:
        await (await team.runtime.agent("lead")).send("Its colour?")

    first = team.requests[-1].messages[0]
    assert [type(one) for one in first.attachments] == [ImageBlock, FileBlock]
    assert first.attachments[0].data == PNG


async def test_the_same_message_is_the_same_object_in_each_round(played):
    """An adapter encodes a message once, by identity: base64 of megabytes each round is slow."""
    async with played([[call("screenshot")], "Done."], screenshot) as team:
        agent = await team.spawn()
        await agent.send("Look", attachments=[image(PNG)])

    first, second = (request.messages[0] for request in team.requests)
    assert first is second


async def test_a_tool_may_answer_with_a_picture(played):
    """A screenshot is worth more than its description."""
    async with played([[call("screenshot")], "A desktop."], screenshot) as team:
        await (await team.spawn()).send("Look")
        (finished,) = team.events(e.ToolCallFinished)

    (result,) = team.requests[-1].messages[-1].results
    assert result.attachments == (ImageBlock(media_type="image/png", data=PNG),)
    assert finished.attachments[0].blob.size_bytes == len(PNG)


async def test_a_picture_that_a_model_has_made_is_kept_beside_the_log(played):
    """Two megabytes in an event would be read with every look at the conversation."""
    drawn = HostedToolBlock(
        tool="image_generation",
        raw="{}",
        provenance=Provenance("scripted", "lead", "scripted"),
        images=(ImageBlock(media_type="image/png", data=PNG),),
    )
    reply = ModelReply(blocks=(drawn, say("Here.")), stop_reason=StopReason.END_TURN)
    async with played([reply, "Glad."]) as team:
        agent = await team.spawn()
        await agent.send("Draw a cat")
        await agent.send("Nice")
        (first, _) = team.events(e.ModelReplied)
        kept = await team.runtime.content_of(first.blocks[0].images[0])

    assert first.blocks[0].images[0].data == b""
    assert kept == PNG
    assert team.requests[-1].messages[1].blocks[0].images[0].data == PNG


async def test_a_picture_needs_no_words(played):
    """Dropping a file on a chat is a whole message."""
    async with played(["A cat."]) as team:
        agent = await team.spawn()
        reply = await agent.send("", attachments=[image(PNG)])
        with pytest.raises(CommandRejected, match="empty"):
            await agent.send("")

    assert reply.text == "A cat."


async def test_words_for_later_may_have_pictures_too(played):
    """Steering with a screenshot is what a person does who watches."""
    async with played(["Seen."]) as team:
        agent = await team.spawn()
        await agent.steer("Like this:", attachments=[image(PNG)])
        await agent.run_queued()

    assert team.requests[0].messages[0].attachments[0].data == PNG


@pytest.mark.parametrize("wrong", [image(PNG), ["path.png"], [ImageBlock()], [b"bytes"]])
async def test_what_is_no_list_of_attachments_is_refused(played, wrong):
    """A path in place of an image would be sent as nothing."""
    async with played(["unused"]) as team:
        agent = await team.spawn()
        with pytest.raises((TypeError, ValueError)):
            await agent.send("Hi", attachments=wrong)

    assert team.events(e.PromptAccepted) == []


def test_the_kind_is_told_by_the_bytes_or_the_name(tmp_path):
    """A wrong media type is refused by providers with words that do not help."""
    (tmp_path / "notes.csv").write_bytes(b"a,b\n")
    (tmp_path / "photo.bin").write_bytes(b"\xff\xd8\xff\xe0 jpeg")

    assert image(tmp_path / "photo.bin").media_type == "image/jpeg"
    assert document(tmp_path / "notes.csv") == FileBlock(
        media_type="text/csv", name="notes.csv", data=b"a,b\n"
    )
    assert image("https://x.test/a.png") == ImageBlock(url="https://x.test/a.png")
    with pytest.raises(ValueError, match="no image"):
        image(b"hello")
    with pytest.raises(ValueError, match="media_type"):
        document(b"hello")
    with pytest.raises(FileNotFoundError):
        image(tmp_path / "none.png")


async def test_a_tool_that_attaches_nonsense_is_told_about(played):
    """The model must hear that the tool ran and what is lost."""

    @tool
    def odd() -> ToolOutput:
        """Odd."""
        return ToolOutput(content="x", attachments=("a.png",))

    async with played([[call("odd")], "Oh."], odd) as team:
        await (await team.spawn()).send("Go")

    ((content, is_error),) = team.results()
    assert is_error
    assert "attachments are lost" in content
