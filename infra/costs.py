"""Prints what a million documents cost, from the template's shape and list prices. Prints the tables of docs/costs.md.

    target/tools/emulator/bin/python infra/costs.py

Memory, batch sizes and alarms are read from infra/template.yaml. How many calls a document makes follows from the code, call by
call below. Durations on AWS are estimates: processor time from docs/measurements.md, the rest round trips. Prices are list
prices of us-east-1 as known in November 2026, without free tiers and discounts: check them before you rely on them.
"""

import math

from transform import TEMPLATE, transform

MILLION = 1_000_000
GB = 1 << 30

# US dollars.
LAMBDA_GB_SECOND = 0.0000133334  # arm64; x86_64 is a quarter more
LAMBDA_REQUEST = 0.20 / MILLION
HTTP_REQUEST = 1.00 / MILLION  # a request of up to 512 KB
SQS_REQUEST = 0.40 / MILLION  # of up to 64 KB
WRITE_UNIT = 0.625 / MILLION  # a KB; twice in a transaction
READ_UNIT = 0.125 / MILLION  # 4 KB consistent, 8 KB not
TABLE_GB_MONTH = 0.25
BACKUP_GB_MONTH = 0.20
S3_PUT = 0.005 / 1_000  # LIST as well
S3_GET = 0.0004 / 1_000
S3_GB_MONTH = 0.023
EVENT = 1.00 / MILLION
LOG_GB = 0.50
VECTOR_PUT_GB = 0.20  # each put counts as 128 KB at least
VECTOR_GB_MONTH = 0.06
VECTOR_QUERY = 2.50 / MILLION
ALARM_METRIC_MONTH = 0.10
DASHBOARD_MONTH = 3.00
BEDROCK_TOKEN = 0.02 / MILLION  # Titan Text Embeddings V2

# What a document is made of.
CHUNK_TEXT_BYTES = 700
CHUNK_TOKENS = 180
COMPRESSION = 2.5
PART_CHUNKS = 64  # of the word table
VIEW_KB = 2
LOG_BYTES_STEP = 1_500
# Round trips, in seconds.
TRIP = 0.010
TRANSACTION = 0.018
PUT = 0.030
# docs/measurements.md: 245 chunks a second on two cores; Graviton is taken as three quarters of those.
CHUNKS_A_SECOND_CORE = 245 / 2 * 0.75
CORE_MB = 1_769
EXTRACT_SECONDS_CHUNK = 0.19 / 1_317
EXTRACT_SECONDS_DOCUMENT = 0.05  # the parser's process


class Shape:
    """The template's figures."""

    def __init__(self):
        template = transform(TEMPLATE.read_text())
        self.resources = template["Resources"]
        self.functions = template["Mappings"]["Functions"]
        self.queues = template["Mappings"]["Queues"]
        self.batch_chunks = int(template["Parameters"]["EmbedBatchChunks"]["Default"])

    def seconds(self, function, seconds, invocations=1, memory="MemoryMb"):
        """What invocations of a function cost that together take so long."""
        memory_gb = self.functions[function][memory] / 1_024
        return seconds * memory_gb * LAMBDA_GB_SECOND + invocations * LAMBDA_REQUEST

    def chunks_a_second(self):
        """What the built-in model embeds with the cores that come with the memory."""
        return CHUNKS_A_SECOND_CORE * self.functions["EmbedWorker"]["MemoryMb"] / CORE_MB

    def alarm_metrics(self):
        alarms = [r["Properties"] for r in self.resources.values() if r["Type"] == "AWS::CloudWatch::Alarm"]
        return sum(len([m for m in alarm.get("Metrics", [0]) if m == 0 or "MetricStat" in m]) for alarm in alarms)


def kb(size):
    return math.ceil(size / 1_024)


def append(events, completes=True, snapshot_kb=0):
    """Write units of an append: events and head of a KB each, the claim, a snapshot now and then, twice; the sparse index."""
    return 2 * (events + 1 + completes + snapshot_kb) + 1


def message(hops=1):
    """Sent, received, deleted, at worst one by one."""
    return 3 * hops * SQS_REQUEST


def document(shape, chunks, size, embedder):
    """Dollars of one document by what they are paid for."""
    batches = math.ceil(chunks / shape.batch_chunks)
    parts = math.ceil(chunks / PART_CHUNKS)
    part_kb = kb(min(chunks, PART_CHUNKS) * CHUNK_TEXT_BYTES / COMPRESSION)
    events = 4 + batches
    dimensions = 1_024 if embedder == "bedrock" else 384
    vector_bytes = dimensions * 4 + CHUNK_TEXT_BYTES + 200
    put_bytes = max(128 * 1_024, vector_bytes * min(chunks, shape.batch_chunks))
    snapshots = events // 50
    remote = embedder == "bedrock"

    # Api: collection, source, append, job; the authorizer's answer is remembered.
    api = shape.seconds("Api", PUT + TRIP + TRANSACTION + TRIP)
    # UploadCompleter: every content notifies; no record is pending, the history has the upload.
    notified = shape.seconds("UploadCompleter", 4 * TRIP)
    # ChunkWorker: load, claim, source, parser, text, chunk files, words, append, jobs.
    ingest_seconds = EXTRACT_SECONDS_DOCUMENT + chunks * EXTRACT_SECONDS_CHUNK + 3 * PUT + 4 * TRIP + TRANSACTION
    ingest_seconds += (batches + parts) * PUT / 4
    ingest = shape.seconds("ChunkWorker", ingest_seconds)
    # EmbedWorker: the jobs of an invocation share its cores; the storage of one overlaps with the arithmetic of another.
    jobs = min(batches, shape.queues["Embed"]["BatchSize"])
    invocations = math.ceil(batches / jobs)
    arithmetic = chunks * 0.0005 if remote else chunks / shape.chunks_a_second()
    storage = invocations * (6 * TRIP + PUT + TRANSACTION + (0.15 if remote else 0))
    memory = "RemoteMemoryMb" if remote else "MemoryMb"
    embed = shape.seconds("EmbedWorker", arithmetic + storage, invocations, memory)
    # EventRelay and Projector: three events to an invocation.
    relay = shape.seconds("EventRelay", math.ceil(events / 3) * TRIP, math.ceil(events / 3))
    project = shape.seconds("Projector", events * 2 * TRIP, math.ceil(events / 3))

    # The first append writes an entry into the index of collections, too.
    writes = append(1, completes=False) + 1 + 1 + append(2) + batches * (1 + append(1)) + 2 * snapshots * 4
    views = events * VIEW_KB + 4 * 2 + 2 * events
    words = parts * part_kb + 2
    cache = chunks
    # The collection's record before a step and before its append, too.
    reads = 2 + 5 * (1 + batches) + events + batches * (1 + part_kb / 4) + chunks * 0.5
    puts = 1 + 1 + batches
    gets = 1 + 1 + batches
    queue = message(1 + 1 + batches) + events * message()
    steps = 3 + batches + events

    return {
        "API Gateway": math.ceil(size / (512 * 1_024)) * HTTP_REQUEST,
        "Lambda: api": api,
        "Lambda: chunk-worker": ingest,
        "Lambda: embed-worker": embed,
        "Lambda: event-relay, projector, upload-completer": relay + project + notified,
        "Bedrock": chunks * CHUNK_TOKENS * BEDROCK_TOKEN if remote else 0.0,
        "DynamoDB: journal and ledger": writes * WRITE_UNIT,
        "DynamoDB: views and words": (views + words) * WRITE_UNIT,
        "DynamoDB: vector cache": cache * WRITE_UNIT,
        "DynamoDB: reads": reads * READ_UNIT,
        "S3": puts * S3_PUT + gets * S3_GET,
        "S3 Vectors: writes": batches * put_bytes / GB * VECTOR_PUT_GB,
        "SQS": queue,
        "EventBridge": events * EVENT,
        "Logs": steps * LOG_BYTES_STEP / GB * LOG_GB,
    }


def reembedded(shape, chunks, embedder):
    """Dollars for one document more in a collection that moves to another model: the new space is filled, then compared three
    times (verified, looked through once more, dropped), then the old one is emptied."""
    batches = math.ceil(chunks / shape.batch_chunks)
    parts = math.ceil(chunks / PART_CHUNKS)
    part_kb = kb(min(chunks, PART_CHUNKS) * CHUNK_TEXT_BYTES / COMPRESSION)
    vector_bytes = (1_024 if embedder == "bedrock" else 384) * 4 + CHUNK_TEXT_BYTES + 200
    put_bytes = max(128 * 1_024, vector_bytes * min(chunks, shape.batch_chunks))
    once = document(shape, chunks, 0, embedder)
    # Sweeper: at each look the history, the extents and counts of both spaces.
    looks = 4
    look = 2 + 2 * (1 + parts * part_kb / 4)
    sweeper = shape.seconds("Sweeper", looks * 6 * TRIP / 8, 0)
    # A claim for what is sent and one for each batch; a batch loads, reads the record three times, looks again.
    claims = 2 + 2 * batches
    reads = looks * look + batches * (8 + part_kb / 4) + chunks * 0.5
    words = parts * part_kb + 2 + 2 * parts
    return {
        "Lambda: embed-worker, sweeper": once["Lambda: embed-worker"] + sweeper,
        "Bedrock": once["Bedrock"],
        "DynamoDB: claims and words": (claims + words) * WRITE_UNIT,
        "DynamoDB: vector cache": once["DynamoDB: vector cache"],
        "DynamoDB: reads": reads * READ_UNIT,
        "S3": batches * S3_GET,
        "S3 Vectors: writes": batches * put_bytes / GB * VECTOR_PUT_GB,
        "SQS": message(batches),
        "Logs": batches * LOG_BYTES_STEP / GB * LOG_GB,
    }


def stored(chunks, size):
    """Dollars a month for keeping one document."""
    text = chunks * CHUNK_TEXT_BYTES
    return {
        "S3: content, text, chunk files": (size + 2.2 * text) / GB * S3_GB_MONTH,
        "S3 Vectors": chunks * (384 * 4 + CHUNK_TEXT_BYTES + 200) / GB * VECTOR_GB_MONTH,
        "DynamoDB: words, with backups": text / COMPRESSION / GB * (TABLE_GB_MONTH + BACKUP_GB_MONTH),
        "DynamoDB: history and view, with backups": (6 * 1_024 + chunks / 64 * 1_024) / GB * (TABLE_GB_MONTH + BACKUP_GB_MONTH),
        "DynamoDB: vector cache": chunks * 550 / GB * TABLE_GB_MONTH,
    }


def idle(shape):
    """Dollars a month without a single document."""
    minutes = 60 * 24 * 30
    polls = 5 * 3 * minutes  # five pollers a queue, each waiting twenty seconds
    # A sweep: 16 parts of the index, re-embeddings under way, up to 20 pages of the bucket, a place read and kept, a MB of
    # the ledger.
    sweep = shape.seconds("Sweeper", 0.5) + 17 * READ_UNIT + 20 * S3_PUT + S3_PUT + S3_GET + 128 * READ_UNIT
    return {
        "SQS: long polling of five queues": 5 * polls * SQS_REQUEST,
        "Sweeper, once 20,000 objects are kept": minutes * sweep,
        f"{shape.alarm_metrics()} metrics under alarms": shape.alarm_metrics() * ALARM_METRIC_MONTH,
        "Dashboard": DASHBOARD_MONTH,
    }


def table(head, columns, times=1):
    print(f"\n| {head} | " + " | ".join(columns) + " |")
    print("|---|" + "---:|" * len(columns))
    for row in next(iter(columns.values())):
        print(f"| {row} | " + " | ".join(f"{column[row] * times:,.2f}" for column in columns.values()) + " |")
    print("| **together** | " + " | ".join(f"**{sum(c.values()) * times:,.2f}**" for c in columns.values()) + " |")


def main():
    shape = Shape()
    small, large = (20, 200 * 1_024), (1_000, 1_200 * 1_024)
    ingested = {
        "20 chunks, built-in": document(shape, *small, "built-in"),
        "20 chunks, Bedrock": document(shape, *small, "bedrock"),
        "1,000 chunks, built-in": document(shape, *large, "built-in"),
        "1,000 chunks, Bedrock": document(shape, *large, "bedrock"),
    }
    table("dollars for a million documents", ingested, MILLION)
    moved = {
        "20 chunks, built-in": reembedded(shape, small[0], "built-in"),
        "20 chunks, Bedrock": reembedded(shape, small[0], "bedrock"),
        "1,000 chunks, built-in": reembedded(shape, large[0], "built-in"),
        "1,000 chunks, Bedrock": reembedded(shape, large[0], "bedrock"),
    }
    table("dollars for re-embedding a million documents", moved, MILLION)
    table("dollars a month for keeping a million", {"20 chunks": stored(*small), "1,000 chunks": stored(*large)}, MILLION)
    table("dollars a month at rest", {"the stack": idle(shape)})


if __name__ == "__main__":
    main()
