"""Everything that the golden team does, in order. The journal of a release is what it writes.

To add an event or a field: write a story, a function of the team with an agent of its own, into a
`golden_script_*.py`, name it in the list at the end of that file, run `make golden` and read the
diff. `test_journal_coverage` names what no story tells yet.
"""

from golden_script_autonomy import AUTONOMY_STORIES
from golden_script_background import BACKGROUND_STORIES
from golden_script_board import BOARD_STORIES
from golden_script_branching import BRANCHING_STORIES
from golden_script_calls import CALL_STORIES
from golden_script_compactions import COMPACTION_STORIES
from golden_script_house import HOUSE_STORIES, the_next_day
from golden_script_input import INPUT_STORIES
from golden_script_leaving import LEAVING_STORIES
from golden_script_memory import MEMORY_STORIES
from golden_script_models import MODEL_STORIES
from golden_script_options import OPTION_STORIES
from golden_script_runs import RUN_STORIES, the_last_evening
from golden_script_schedules import SCHEDULE_STORIES
from golden_script_sessions import SESSION_STORIES
from golden_script_subagents import SUBAGENT_STORIES
from golden_script_supervision import SUPERVISION_STORIES
from golden_script_team import TEAM_STORIES
from golden_script_tools import TOOL_STORIES

__all__ = ["play"]


STORIES = (
    *HOUSE_STORIES,
    the_next_day,
    *OPTION_STORIES,
    *INPUT_STORIES,
    *CALL_STORIES,
    *RUN_STORIES,
    *SUBAGENT_STORIES,
    *MODEL_STORIES,
    *TOOL_STORIES,
    *COMPACTION_STORIES,
    *BACKGROUND_STORIES,
    *MEMORY_STORIES,
    *AUTONOMY_STORIES,
    *BOARD_STORIES,
    *TEAM_STORIES,
    *SUPERVISION_STORIES,
    *SCHEDULE_STORIES,
    *LEAVING_STORIES,
    *SESSION_STORIES,
    *BRANCHING_STORIES,
    the_last_evening,
)


def play(team):
    """Everything once; the last story ends the process."""
    for story in STORIES:
        story(team)
