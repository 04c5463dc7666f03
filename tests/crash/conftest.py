"""What several tests of kills need."""

import pytest
from step_killer import StepKiller


@pytest.fixture(scope="module")
def killer(request):
    """Kills the tasks of the test file that asks for it."""
    with StepKiller(str(request.path)) as killer:
        yield killer
