"""Waiting until nobody has anything to do."""

import threading

import anyio

from mentra_actors import ScriptedModel, open_runtime_sync


class BusyBetweenLooks:
    """A store in which something happens right after the open streams were listed."""

    def __init__(self, inner):
        self._inner = inner
        self.looks = 0
        self.happens = self.goes_on = lambda: None

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def open_streams(self):
        opened = self._inner.open_streams()
        self.looks += 1
        if self.looks == 1:
            self.happens()
        elif self.looks == 3:
            self.goes_on()
        return opened


def test_a_letter_that_comes_while_one_looks_is_waited_for():
    """Else a program ends in the middle of the last answer of its team."""
    release, stores = threading.Event(), []

    async def play(request):
        await anyio.to_thread.run_sync(release.wait)
        return "Here I am."

    def wrap(store):
        stores.append(BusyBetweenLooks(store))
        return stores[-1]

    with open_runtime_sync(
        ":memory:", providers=[ScriptedModel(play)], wrap_store=wrap
    ) as runtime:
        lead = runtime.spawn("lead", model="scripted:x")

        def write_and_see_it_taken():
            lead.mail("Are you there?")
            lead.wait_for_snapshot(lambda now: now.status == "awaiting_model", timeout_s=20)

        stores[0].looks = 0
        stores[0].happens, stores[0].goes_on = write_and_see_it_taken, release.set
        try:
            runtime.until_idle(timeout_s=30)
            ending = lead.snapshot().last_ending
        finally:
            release.set()

    assert ending == "finished"
