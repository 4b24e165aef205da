-- Queues. A message is ready (0), hidden until visible_at (1: delayed, in flight or put back), or dead (2).

CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    share TEXT NOT NULL,
    state INTEGER NOT NULL,
    visible_at INTEGER NOT NULL,
    receive_count INTEGER NOT NULL,
    -- How often its process died with it in flight.
    cut_off INTEGER NOT NULL DEFAULT 0,
    -- The number of the last delivery; with the id it is the receipt. 0: no receipt is good.
    delivery INTEGER NOT NULL,
    -- Whether a worker holds it, as far as is known; what the shares' busy counts add up.
    busy INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX messages_ready ON messages (queue, share, id) WHERE state = 0;
CREATE INDEX messages_hidden ON messages (queue, visible_at, receive_count) WHERE state = 1;
CREATE INDEX messages_dead ON messages (queue, id) WHERE state = 2;

-- What each group has in a queue: how much is ready, how much workers hold, and when it was last served.
CREATE TABLE queue_shares (
    queue TEXT NOT NULL,
    share TEXT NOT NULL,
    ready INTEGER NOT NULL,
    busy INTEGER NOT NULL,
    served INTEGER NOT NULL,
    PRIMARY KEY (queue, share)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_shares_next ON queue_shares (queue, busy, served) WHERE ready > 0;

-- Numbers the deliveries of a queue.
CREATE TABLE queue_deliveries (
    queue TEXT NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
