"""`kill -9` in the middle of a turn: what our agent and its peers make of it.

The scenario, the faults and the rules are those of `recovery/README.md`. Here our agent plays it
beside others, each used as its documentation says for durable use; the programs in
`recovery/contestants` name the pages. Ours runs with its default, `retry="never"`, and with
`retry="idempotent"`; and once more with a kill at every append and around every effect.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.harness import parsed_arguments, report
from benchmarks.recovery.entrants import ENVIRONMENTS, OURS, entrants, rows_of
from benchmarks.recovery.every_point import killed_everywhere
from benchmarks.recovery.table import campaign_goals, matrix_goals, printed_matrix

TITLE = "`kill -9` in the middle of a turn"


def main() -> None:
    """Run and print. Three peers play at a time: they mostly wait."""
    arguments = parsed_arguments(__doc__ or "")
    with ThreadPoolExecutor(3) as pool:
        played = pool.map(rows_of, entrants(quick=arguments.quick))
        rows = [row for some in played for row in some]
    print("  ours, killed everywhere", file=sys.stderr)
    campaigns = {variant: killed_everywhere(variant) for variant in OURS}
    print(printed_matrix(rows), file=sys.stderr if arguments.json else sys.stdout)
    goals = [*matrix_goals(rows), *campaign_goals(campaigns)]
    report(TITLE, goals, as_json=arguments.json, environments=ENVIRONMENTS)


if __name__ == "__main__":
    main()
