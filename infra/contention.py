"""Simulates how workers that embed batches of one document contend for its history. Prints the table of docs/scale.md.

Each batch ends in an append to the same document: load the history, then a transaction on the version that was loaded. Of those
that loaded the same version one wins; the others pause (CONFLICT_PAUSE_MS_MAX, dynamodb_event_store.rs) and load again, at most
CONFLICTS_MAX times (documents.rs), then their job goes back to its queue and comes again, its vectors from the cache. No AWS is asked: latencies are assumptions, named below.
"""

import heapq
import random

CHUNKS_A_SECOND = 245 / 2 * 0.75 * 3_008 / 1_769  # docs/measurements.md: 245 on two cores; Graviton taken as three quarters
LOAD_MS = (4, 8)  # a consistent Query of at most 50 events and a snapshot
TRANSACTION_MS = (12, 25)  # TransactWriteItems of three items
HELD_MS = 8  # how long a transaction holds the head, so that another one is refused at once
STEP_MS = (80, 140)  # the rest of a step: first load, claim, chunk file, cache, vectors
CONFLICTS_MAX = 20
CONFLICT_PAUSE_MS_MAX = 100
RETURN_MS = 1_000  # a postponed job: SQS delays whole seconds
APPEND_UNITS = 4  # write units in the document's partition: an event and the head, a kilobyte each, twice in a transaction
PARTITION_UNITS = 1_000  # a second
THROTTLED_MS = 2_000


class Run:
    """One document of so many batches, so many workers."""

    def __init__(self, batches, batch_chunks, workers, pause_ms=CONFLICT_PAUSE_MS_MAX, seed=1):
        self.random = random.Random(seed)
        self.pause_ms = pause_ms
        self.embed_ms = batch_chunks / CHUNKS_A_SECOND * 1_000
        self.waiting = [(0.0, batch, False) for batch in range(batches)]
        heapq.heapify(self.waiting)
        self.left = batches
        self.version, self.held_until = 0, -1.0
        self.units, self.units_at = float(PARTITION_UNITS), 0.0
        self.attempts = self.postponed = self.throttled = 0
        self.events = []
        self.order = 0
        for _ in range(workers):
            self.at(self.random.uniform(0, 300), self.take)

    def at(self, when, what, *arguments):
        self.order += 1
        heapq.heappush(self.events, (when, self.order, what, arguments))

    def between(self, bounds):
        return self.random.uniform(*bounds)

    def run(self):
        now = 0.0
        while self.left:
            now, _, what, arguments = heapq.heappop(self.events)
            what(now, *arguments)
        return now

    def take(self, now):
        """A worker takes a job, if one is visible, and does all that comes before the append."""
        if not self.waiting or self.waiting[0][0] > now:
            self.at(now + 20, self.take)
            return
        _, batch, cached = heapq.heappop(self.waiting)
        work = self.between(STEP_MS) + (0 if cached else self.embed_ms * self.random.uniform(0.9, 1.1))
        self.at(now + work, self.load, batch, 0)

    def load(self, now, batch, conflicts):
        self.at(now + self.between(LOAD_MS), self.begin, batch, conflicts, self.version)

    def begin(self, now, batch, conflicts, expected):
        """The transaction reaches the head: it costs units, and is refused, or holds the head for a moment."""
        self.units = min(PARTITION_UNITS, self.units + (now - self.units_at) * PARTITION_UNITS / 1_000)
        self.units_at = now
        answer = now + self.between(TRANSACTION_MS)
        if self.units < APPEND_UNITS:
            self.throttled += 1
            self.come_back(answer, batch, THROTTLED_MS)
            return
        self.units -= APPEND_UNITS
        self.attempts += 1
        if now < self.held_until or expected != self.version:
            self.refused(answer, batch, conflicts + 1)
            return
        self.held_until = now + HELD_MS
        self.version += 1
        self.left -= 1
        self.at(answer, self.take)

    def refused(self, now, batch, conflicts):
        if conflicts >= CONFLICTS_MAX:
            self.postponed += 1
            self.come_back(now, batch, RETURN_MS)
            return
        self.at(now + self.random.uniform(0, self.pause_ms), self.load, batch, conflicts)

    def come_back(self, now, batch, delay):
        heapq.heappush(self.waiting, (now + delay, batch, True))
        self.at(now, self.take)


def report(title, batches, batch_chunks, pause_ms=CONFLICT_PAUSE_MS_MAX):
    print(f"\n{title}: {batches * batch_chunks:,} chunks in {batches} batches of {batch_chunks}\n")
    print("| workers | ready after | appends a second | attempts an append | units a second | jobs back | throttled |")
    print("|---|---|---|---|---|---|---|")
    for workers in (1, 5, 20, 50, 100, 300):
        run = Run(batches, batch_chunks, workers, pause_ms)
        seconds = run.run() / 1_000
        print(
            f"| {workers} | {seconds:.1f} s | {batches / seconds:.0f} | {run.attempts / batches:.1f} "
            f"| {run.attempts * APPEND_UNITS / seconds:.0f} | {run.postponed} | {run.throttled} |"
        )


def main():
    report("As it is", 469, 64)
    report("Without the pause", 469, 64, pause_ms=0)
    report("With one up to twice as long", 469, 64, pause_ms=2 * CONFLICT_PAUSE_MS_MAX)
    report("Larger batches", 118, 256)
    report("Larger batches without the pause", 118, 256, pause_ms=0)
    report("An ordinary long document", 16, 64)
    report("An ordinary long document without the pause", 16, 64, pause_ms=0)


if __name__ == "__main__":
    main()
