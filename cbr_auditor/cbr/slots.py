"""How many requests are in flight, over all projects that are audited side by side."""

import threading


class Slots:
    """So many requests may be in flight, by one or several `Share`s."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self.shares = 0
        self.change = threading.Condition()
        """Held by whoever reads or changes these numbers."""


class Share:
    """The requests of one project among those in flight; to be closed."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._held = 0
        with slots.change:
            slots.shares += 1

    def take_now(self) -> bool:
        """Begin a request that is not needed yet; False where no slot is free, or the others need what is."""
        slots = self._slots
        with slots.change:
            taken = slots.free > 0 and self._held < max(1, slots.total // max(1, slots.shares))
            slots.free -= taken
        self._held += taken
        return taken

    def take(self) -> None:
        """Begin a request that is needed, once a slot is free."""
        slots = self._slots
        with slots.change:
            slots.change.wait_for(lambda: slots.free > 0)
            slots.free -= 1
        self._held += 1

    def give(self) -> None:
        """End a request."""
        self._held -= 1
        with self._slots.change:
            self._slots.free += 1
            self._slots.change.notify()

    def close(self) -> None:
        """Begin no more: the others may have what was left to this one."""
        with self._slots.change:
            self._slots.shares -= 1
