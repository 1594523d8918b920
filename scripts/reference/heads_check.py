#!/usr/bin/env python3
"""How often our heads of English mentions are those of spaCy's parser, which KnowCoder's head match asks.

    heads_check.py --data DIR --model en_core_web_sm

Wants spaCy and a model of it as a Python module. DIR has the corpora as configs/datasets/ declares them. A head
is spaCy's as KnowCoder's `find_head` finds it: from the first token of the mention upwards, as long as the token
that governs is in the mention. A head is the same where both stand in the same place. Prints, for each test set,
the share of its mentions, and of those of several words, for the last word and for our rule
(data-pipeline/src/score/head.rs), which this holds once more.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
from pathlib import Path

PREPOSITIONS = set("about after against among at before between by during for from in into near of on over through "
                   "to under with within".split())


def ours(mention, is_english=True):
    """Start and end of the head by our rule; of every language but English it is the last word."""
    head = None
    for word in re.finditer(r"\S+", mention):
        text = word.group()
        if is_english and head and (text[0] in "(,;:" or text.lower() in PREPOSITIONS):
            break
        plain = re.search(r"[^\W_](?:.*[^\W_])?", text)
        if not plain:
            continue
        head = word.start() + plain.start(), word.start() + plain.end()
        if is_english and text[-1] in ",;:":
            break
    return head or (0, len(mention))


def parsed(doc, start, end):
    """spaCy's head of the characters from `start` to `end`."""
    inside = [token for token in doc if token.idx < end and token.idx + len(token) > start]
    if not inside:
        return None
    token, first, last = inside[0], inside[0].i, inside[-1].i
    while token.head.i != token.i and first <= token.head.i <= last:
        token = token.head
    return token


# --- The corpora: words, and the first and one past the last word of each mention --------------------------

def conll04(root):
    for row in json.loads((root / "conll04/conll04_test.json").read_text()):
        yield row["tokens"], [(it["start"], it["end"]) for it in row["entities"]]


def crossner(domain):
    def read(root):
        for block in re.split(r"\n\s*\n", (root / "crossner" / domain / "test.txt").read_text().strip()):
            words, tags = zip(*(re.split(r"[\t ]", line.strip())[::len(line.split()) - 1 or 1][:2]
                                for line in block.splitlines()))
            spans, start = [], None
            for at, tag in enumerate((*tags, "O")):
                if start is not None and not tag.startswith("I-"):
                    spans.append((start, at))
                    start = None
                if tag.startswith("B-"):
                    start = at
            yield list(words), spans
    return read


def scierc(root):
    for line in (root / "scierc/test.json").read_text().splitlines():
        document, before = json.loads(line), 0
        for words, entities in zip(document["sentences"], document["ner"]):
            yield words, [(first - before, last + 1 - before) for first, last, _ in entities]
            before += len(words)


def wikievents(root):
    for line in (root / "wikievents/test.jsonl").read_text().splitlines():
        document, before = json.loads(line), 0
        for tokens, _ in document["sentences"]:
            words, after = [token[0] for token in tokens], before + len(tokens)
            spans = [(it["start"] - before, it["end"] - before) for it in document["entity_mentions"]
                     if before <= it["start"] and it["end"] <= after]
            yield words, spans
            before = after


SETS = {"CoNLL04": conll04, **{f"CrossNER {it}": crossner(it) for it in ("ai", "literature", "music", "politics")},
        "SciERC": scierc, "WikiEvents": wikievents}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="where the corpora lie")
    parser.add_argument("--model", default="en_core_web_sm", help="module of a spaCy model")
    arguments = parser.parse_args()
    nlp = importlib.import_module(arguments.model).load(exclude=["ner", "lemmatizer"])
    print("| test set | mentions | last word | our rule | of several words | last word | our rule |")
    print("|---|---|---|---|---|---|---|")
    together = [0] * 6
    for name, read in SETS.items():
        counts = [0] * 6
        for words, spans in read(arguments.data):
            doc = nlp(" ".join(words))
            starts = [sum(len(word) + 1 for word in words[:at]) for at in range(len(words))]
            for first, last in spans:
                start, end = starts[first], starts[last - 1] + len(words[last - 1])
                head = parsed(doc, start, end)
                if head is None:
                    continue
                mention = doc.text[start:end]
                found = [ours(mention, is_english) for is_english in (False, True)]
                same = [start + left < head.idx + len(head) and head.idx < start + right for left, right in found]
                for at, number in enumerate((1, *same)):
                    counts[at] += number
                    counts[at + 3] += number if " " in mention else 0
        row(name, counts)
        together = [a + b for a, b in zip(together, counts)]
    row("together", together)


def row(name, counts):
    cells = [f"{part} | {100 * last / part:.1f} | {100 * rule / part:.1f}"
             for part, last, rule in (counts[:3], counts[3:])]
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
