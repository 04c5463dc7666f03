"""An answer as it comes: the agent's words on standard output, everything else beside them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from anyio.streams.memory import MemoryObjectReceiveStream

from mentra_actors.cli.output import Output, discard_output, print_text
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.effects.models.live import ModelDelta, ToolProgress
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId, category_of, name_of
from mentra_actors.providers.port import TextDelta
from mentra_actors.runtime.agents.run_watch import Reply
from projections.views.sentence_words import clipped

__all__ = ["RunScreen", "reply_text", "retry_words", "spent_words"]

_MOST_CHARS = 100
_LONG_DELAY_S = 10


class RunScreen:
    """Shows what happens while an agent answers; `stream_id` is the agent that speaks.

    With `tells_end` it says also why that agent's run has failed: nobody else does.
    """

    def __init__(self, output: Output, stream_id: StreamId, *, tells_end: bool) -> None:
        self._output = output
        self._stream_id = stream_id
        self._tells_end = tells_end
        self._failures: dict[StreamId, str] = {}
        """Of calls that failed and have no answer yet: the last message, by agent."""
        self._is_in_line = False
        self._fallback = ""
        self._streamed: set[str] = set()
        self.output_failure: OSError | None = None
        """Why standard output takes nothing any more; whoever has asked has to be told."""

    async def show_all(self, notices: MemoryObjectReceiveStream[Any]) -> None:
        """Show notices and recorded events until their stream ends."""
        async with notices:
            async for notice in notices:
                if not self._output.as_json:
                    self._while_it_is_taken(partial(self._show, notice))
        self._while_it_is_taken(self._end_line)

    def _while_it_is_taken(self, show: Callable[[], None]) -> None:
        """The work goes on when whoever read the answer has gone, or the disk for it is full."""
        try:
            show()
        except BrokenPipeError:
            discard_output()
        except OSError as error:
            self.output_failure = error
            discard_output()

    def _show(self, notice: object) -> None:
        match notice:
            case ModelDelta(stream_id=stream_id, event=TextDelta(text=text)):
                if stream_id == self._stream_id:
                    self._streamed.add(notice.effect_id)
                    print_text(text)
                    self._is_in_line = not text.endswith("\n")
            case ToolProgress():
                self._beside(f"  {notice.tool}: {notice.text}")
            case RecordedEvent() if category_of(notice.stream_id) == "agent":
                self._show_event(name_of(notice.stream_id), notice)
            case _:
                pass

    def _show_event(self, name: str, recorded: RecordedEvent[object]) -> None:
        who = "" if recorded.stream_id == self._stream_id else f"{name}: "
        match recorded.event:
            case e.ModelReplied(blocks=blocks):
                self._failures.pop(recorded.stream_id, None)
                for block in blocks:
                    if isinstance(block, ToolCallBlock):
                        self._beside(
                            f"→ {who}{block.name} {clipped(block.arguments, _MOST_CHARS)}"
                        )
                self._end_line()
            case e.ToolCallFinished(content=content, is_error=is_error):
                mark, style = ("✗", "red") if is_error else ("✓", "dim")
                self._beside(f"{mark} {who}{clipped(content, _MOST_CHARS)}", style)
            case e.ToolCallOutcomeUnknown(reason=reason):
                self._beside(f"? {who}outcome unknown: {reason}", "bold red")
            case e.ModelCallFailed():
                self._show_failure(who, recorded.stream_id, recorded.event)
            case e.ModelCallRequested(model=model) if model and model != self._fallback:
                self._fallback = model
                why = self._failures.pop(recorded.stream_id, "")
                self._beside(f"⇄ {who}goes on with {model}{why and f': {why}'}", "yellow")
            case e.RunFailed(message=message) if who or self._tells_end:
                self._beside(f"✗ {who}stopped: {message}", "bold red")
            case e.AgentRecovered(open_effects=opened):
                self._beside(f"↻ {who or name + ': '}came back with {len(opened)} open", "yellow")
            case _:
                pass

    def _show_failure(self, who: str, stream_id: StreamId, failed: e.ModelCallFailed) -> None:
        """The first failure of a call that is made again; the last one is told by what follows."""
        if failed.retry_at is not None and stream_id not in self._failures:
            delay_s = failed.retry_at - failed.failed_at
            self._beside(retry_words(f"{who}{failed.message}", delay_s))
        self._failures[stream_id] = failed.message

    def _beside(self, text: str, style: str = "dim") -> None:
        self._end_line()
        self._output.remark(text, style)

    def _end_line(self) -> None:
        if self._is_in_line:
            print_text("\n")
            self._is_in_line = False


def reply_text(reply: Reply, store: Path) -> str:
    """How a run has ended, what it has cost, and where it is kept."""
    cut = "" if reply.is_whole else f"the model stopped: {_stop_words(reply)}; "
    early = f"ended early: {reply.early_end.replace('_', ' ')}; " if reply.early_end else ""
    return f"{cut}{early}{spent_words(reply.usage, reply.cost_usd_micros)}; kept in {store}"


def retry_words(message: str, delay_s: float) -> str:
    """That a call is made again; when, if somebody may wonder."""
    when = f" in {delay_s:.0f} s" if delay_s >= _LONG_DELAY_S else ""
    return f"↻ {message}; asking again{when}"


def spent_words(usage: TokenUsage, cost_usd_micros: int | None) -> str:
    """Tokens and money; a price that is not known is not named."""
    cached = f" ({usage.cached_input_tokens} cached)" if usage.cached_input_tokens else ""
    money = f", ${cost_usd_micros / 1e6:,.4f}" if cost_usd_micros else ""
    return f"{usage.input_tokens} tokens in{cached}, {usage.output_tokens} out{money}"


def _stop_words(reply: Reply) -> str:
    said = str(reply.stop_reason or "").replace("_", " ")
    raw = reply.raw_stop_reason
    return said if raw.lower() in ("", str(reply.stop_reason)) else f"{said} ({raw})"
