"""Branches: stores that go on from a moment of another one, whose log they share and never write.

* `branch_file`: what a branch is, in a small file of its directory.
* `shared_past`: the origin, as far as the branch has it.
* `branch_reader`, `branch_store`: the shared past and the branch's own log as one store.
* `late_log`: the branch's own log, which is not there before something is recorded.
* `opening`: from the directory to the reader or the store, with a look at the origin.

Positions go on from the cut, versions from those that the streams had there. What is stored in
the directory of the branch counts from 1; nobody else sees that.
"""
