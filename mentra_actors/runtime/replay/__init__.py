"""A log decided again, and runs that are run again on what was recorded.

* `rebuild`: from the events of an append back to its command; pure.
* `deciding`, `walk`: each append of a log, decided by the code of today; pure.
* `verification`: where today's decisions differ from the recorded ones, and what is not covered.
"""
