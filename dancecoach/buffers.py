"""Bounded hand-offs between threads; each says what happens when it is full."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One slot: the newest value wins, what was never taken is counted as dropped."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._value: T | None = None
        self._fresh = False
        self.dropped = 0
        self.published = 0

    def put(self, value: T) -> None:
        """Publish `value`, replacing one that nobody took."""
        with self._condition:
            if self._fresh:
                self.dropped += 1
            self._value, self._fresh = value, True
            self.published += 1
            self._condition.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """Return the next value not yet taken, or None after `timeout` seconds (None waits for ever)."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._fresh, timeout):
                return None
            self._fresh = False
            return self._value

    def peek(self) -> T | None:
        """Return the newest value, taken or not; None before the first."""
        with self._condition:
            return self._value


class BoundedQueue(Generic[T]):
    """First in, first out; when full the oldest goes and is counted."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._condition = threading.Condition()
        self.dropped = 0

    def put(self, value: T) -> None:
        """Append `value`; drops the oldest when full."""
        with self._condition:
            if len(self._items) >= self._size:
                self._items.popleft()
                self.dropped += 1
            self._items.append(value)
            self._condition.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """Return the oldest value, or None after `timeout` seconds."""
        with self._condition:
            if not self._condition.wait_for(lambda: bool(self._items), timeout):
                return None
            return self._items.popleft()

    def __len__(self) -> int:
        return len(self._items)


class TimeRing(Generic[T]):
    """The last `seconds` of time-stamped values; older ones fall out.

    Parameters
    ----------
    seconds : float
        How far back to keep.
    time_of : callable
        Gives a value's time, seconds. Values must come in order of time; one that does not is refused.
    """

    def __init__(self, seconds: float, time_of: Callable[[T], float]) -> None:
        self._seconds = seconds
        self._time_of = time_of
        self._items: deque[T] = deque()
        self._lock = threading.Lock()
        self.refused = 0

    def put(self, value: T) -> bool:
        """Append `value`; returns False (and counts it) when its time does not grow."""
        time = self._time_of(value)
        with self._lock:
            if self._items and time <= self._time_of(self._items[-1]):
                self.refused += 1
                return False
            self._items.append(value)
            while self._time_of(self._items[0]) < time - self._seconds:
                self._items.popleft()
            return True

    def since(self, time: float) -> tuple[T, ...]:
        """Return the values at or after `time`, oldest first."""
        with self._lock:
            items: list[T] = []
            for item in reversed(self._items):
                if self._time_of(item) < time:
                    break
                items.append(item)
        items.reverse()
        return tuple(items)

    def latest(self) -> T | None:
        """Return the newest value or None."""
        with self._lock:
            return self._items[-1] if self._items else None

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
