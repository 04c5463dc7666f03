"""A model that writes summaries, and keeps apart what it was asked for."""

from mentra_actors import ScriptedModel
from mentra_actors.domain.compaction import SUMMARY_SYSTEM
from mentra_actors.domain.content import UserMessage

SUMMARY = '{"goal": "count", "progress": "counted to two", "files_touched": ["a.txt"]}'


class SummingModel(ScriptedModel):
    """Answers in turn, and writes a summary whenever it is asked for one."""

    def __init__(self, *turns, summary=SUMMARY, name="scripted"):
        self.answered, self.summed = [], []
        left = list(turns)

        def script(request):
            if request.system == SUMMARY_SYSTEM:
                self.summed.append(request)
                return summary(len(self.summed)) if callable(summary) else summary
            self.answered.append(request)
            return left.pop(0)

        super().__init__(script, name)


def words(request):
    """What the model was sent, in short."""
    return [
        message.text.splitlines()[0]
        if isinstance(message, UserMessage)
        else type(message).__name__.removesuffix("Message")
        for message in request.messages
    ]
