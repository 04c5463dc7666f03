"""Examples as subjects of crash tests: run to their end, and what they have left behind.

The directories of the examples are on the path of the driver.
"""

import contextlib
import importlib
import io
from pathlib import Path

from mentra_actors.testing.crash_team import crash_team_facts


def run_example(name, folder, *, wrap_store=None, wrap_effects=None):
    """Run an example in `folder`, or go on with it; what must be equal after every kill."""
    store = str(Path(folder) / "team.mentra")
    main = importlib.import_module(name).main
    with contextlib.redirect_stdout(io.StringIO()):
        answer = main(
            ["--store", store],
            durability="volatile",
            wrap_store=wrap_store,
            wrap_effects=wrap_effects,
        )
    facts = crash_team_facts(store)
    return {
        "answer": str(answer),
        "files": _files(Path(folder) / "team.files"),
        "failures": facts["failures"],
        "gap_free": facts["gap_free"],
        "prompt_faults": facts["prompt_faults"],
        "letters": len(facts["mail_ids"]),
        "different_letters": len(set(facts["mail_ids"])),
    }


def _files(folder):
    found = [one for one in sorted(folder.rglob("*")) if one.is_file()] if folder.exists() else []
    return {str(one.relative_to(folder)): one.read_text() for one in found}
