"""Plots of long logs: every shape is there, and few of them are drawn one by one."""

import pytest

from mentra_actors.cli.plots.lane_plot import draw_lanes
from mentra_actors.cli.plots.usage_plot import draw_usage
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.ids import StreamId
from projections.views.lanes import LaneBar, LaneLetter, TeamLanes
from projections.views.series import UsagePoint
from projections.views.usage import Usage

figures = pytest.importorskip("matplotlib.figure")


@pytest.mark.parametrize("letters", [3, 2_000])
def test_a_plot_of_many_letters_has_all_of_them_in_few_shapes(letters):
    """Thousands of shapes take minutes; the newest letters alone would tell of a silent past."""
    agents = StreamId("agent-ann"), StreamId("agent-bob")
    times = [1e9 + number for number in range(letters)]
    bars = [
        LaneBar(stream_id=one, kind="model", words="", begin=at, end=at + 0.5, is_failed=at == 1e9)
        for one in agents
        for at in times
    ]
    sent = [
        LaneLetter(mail_id=str(at), sender=agents[0], receiver=agents[1], words="", sent_at=at)
        for at in times
    ]
    lanes = TeamLanes(lanes=agents, bars=tuple(bars), letters=tuple(sent), last=times[-1])
    figure = figures.Figure()
    draw_lanes(lanes, "Lanes", figure)

    (axes,) = figure.axes
    drawn = [path for shape in axes.collections for path in shape.get_paths()]
    assert len(drawn) == len(bars)
    arrows = len(axes.texts)
    points = sum(line.get_xdata().size for line in axes.lines)
    assert arrows + points // 3 == letters
    assert len(axes.get_children()) < 30
    named = axes.get_legend_handles_labels()[1]
    assert named == ["model", "model failed"]


def test_a_plot_of_much_usage_has_numbers_that_people_read():
    figure = figures.Figure()
    used = Usage(calls=1, tokens=TokenUsage(input_tokens=5_000_000))
    points = [UsagePoint(at=1e9 + n, stream_id=StreamId("agent-ann"), usage=used) for n in (0, 1)]
    draw_usage(points, "Usage", figure)

    figure.canvas.draw()
    shown = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "5,000,000" in shown
