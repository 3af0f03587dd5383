"""A reactor in a thread, and what runs in it."""

import threading

from twisted.internet.defer import Deferred
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.threads import blockingCallFromThread

PATIENCE = 60.0


class Loop:
    """A reactor in a thread."""

    def __init__(self):
        self.reactor = EPollReactor()
        run = self.reactor.run
        self.thread = threading.Thread(target=run, args=(False,), daemon=True)
        self.thread.start()
        self.do(lambda: None)

    def do(self, call, *args):
        """Call in the reactor's thread; give or raise what comes of it."""
        return blockingCallFromThread(self.reactor, call, *args)

    def run(self, coroutine):
        """Run to the end."""
        return self.do(Deferred.fromCoroutine, coroutine)

    def begin(self, coroutine):
        """Let it run; see `Going`."""
        return Going(self, coroutine)

    def stop(self):
        self.do(self.reactor.callLater, 0, self.reactor.stop)
        self.thread.join()


class Going:
    """Something that runs."""

    def __init__(self, loop, coroutine):
        self.loop = loop
        self.found = []
        self.over = threading.Event()
        self.deferred = loop.do(self._begin, coroutine)

    def _begin(self, coroutine):
        deferred = Deferred.fromCoroutine(coroutine)
        deferred.addBoth(self._end)
        return [deferred]  # not to be waited for

    def _end(self, result):
        self.found.append(getattr(result, "value", result))
        self.over.set()

    def cancel(self):
        self.loop.do(self.deferred[0].cancel)

    def outcome(self, within=PATIENCE):
        """Give what it gave or raised."""
        assert self.over.wait(within), "it is not over"
        return self.found[0]
