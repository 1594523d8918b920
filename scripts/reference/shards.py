#!/usr/bin/env python3
"""Reads prepared shards with pyarrow, DuckDB and Polars, and holds every value against our own.

    shards.py [--program PATH] [--every N] RUN...

RUN is a run directory, or any folder with `prepared/*/manifest.json` and `tokenizer/`. For each set of
shards in it:
  - the files have the bytes (SHA-256) and rows that the manifest names, and no shard lies beside them;
  - each reader finds the same columns, of the types that our documentation promises;
  - each reader finds in every row and column what our own reader finds;
  - lengths are those of their lists, the supervised part is inside its suffix, the rows of a group
    stand side by side and have one prefix; groups are numbered from 0 in each file, and our reader
    numbers them through all files;
  - totals, parts and the histogram of lengths in the manifest are what SQL and Polars count;
  - the ids of every Nth row (default: 97), decoded by SentencePiece, are the text that our tokenizer
    gives. Of a vocabulary that we trained, Hugging Face's tokenizers decode the ids; they know nothing
    of the spaces that words carry there, so that spaces are left out of this comparison.

Our rows come from the example `shard_rows` of data-pipeline, which cargo builds here if PATH does not
name one that is built. Runs in the environment of setup.sh.
Exit code 0: no difference; 1: a difference; 2: usage.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import polars
import pyarrow
import pyarrow.parquet

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = ["cargo", "run", "--quiet", "--package", "data-pipeline", "--example", "shard_rows", "--"]
# Lengths are counted in steps of so many tokens.
BIN = 32

TEXT, NUMBER, IDS = "text", "number", "ids"
COLUMNS = {
    "sample_id": TEXT,
    "dataset": TEXT,
    "language": TEXT,
    "task": TEXT,
    "prefix_ids": IDS,
    "suffix_ids": IDS,
    "prefix_length": NUMBER,
    "suffix_length": NUMBER,
    "supervised_from": NUMBER,
    "group": NUMBER,
}
SHOWN = 10


class Findings:
    """What was compared, and what differs."""

    def __init__(self):
        self.differences = 0

    def check(self, what, expected, found):
        if expected == found:
            return True
        self.differences += 1
        if self.differences <= SHOWN:
            print(f"  FAIL  {what}: expected {short(expected)}, found {short(found)}")
        return False


def short(value):
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "..."


def with_pyarrow(files):
    """Types and rows; the schema of each file."""
    schemas = [pyarrow.parquet.read_schema(file) for file in files]
    types = {pyarrow.string(): TEXT, pyarrow.uint32(): NUMBER, pyarrow.list_(pyarrow.uint32()): IDS}
    found = [
        {field.name: types.get(field.type, str(field.type)) for field in schema}
        for schema in schemas
    ]
    table = pyarrow.concat_tables(pyarrow.parquet.read_table(file) for file in files)
    columns = [table.column(name).to_pylist() for name in table.column_names]
    return found, list(zip(*columns))


def with_duckdb(files):
    """Types and rows."""
    types = {"VARCHAR": TEXT, "UINTEGER": NUMBER, "UINTEGER[]": IDS}
    found, rows = [], []
    with duckdb.connect() as connection:
        for file in files:
            query = connection.execute("SELECT * FROM read_parquet(?)", [str(file)])
            names = [column[0] for column in query.description]
            rows += query.fetchall()
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(file)])
            kinds = [types.get(row[1], row[1]) for row in described.fetchall()]
            found.append(dict(zip(names, kinds)))
    return found, rows


def with_polars(files):
    """Types and rows."""
    types = {polars.String: TEXT, polars.UInt32: NUMBER, polars.List(polars.UInt32): IDS}
    found, rows = [], []
    for file in files:
        frame = polars.read_parquet(file)
        found.append({name: types.get(kind, str(kind)) for name, kind in frame.schema.items()})
        rows += frame.rows()
    return found, rows


READERS = {"pyarrow": with_pyarrow, "DuckDB": with_duckdb, "Polars": with_polars}


def our_rows(command, shards, tokenizer, every):
    """What our own reader gives, one object a row."""
    done = subprocess.run(
        [*command, str(shards), str(tokenizer), str(every)],
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]


def decoder(tokenizer):
    """Ids to text by somebody else's code, whose, and what of a text it can know."""
    if (tokenizer / "tokenizer.model").is_file():
        import sentencepiece

        model = sentencepiece.SentencePieceProcessor(str(tokenizer / "tokenizer.model"))
        return "SentencePiece", model.decode, str
    import tokenizers

    model = tokenizers.Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    decode = lambda ids: model.decode(ids, skip_special_tokens=True)
    return "tokenizers", decode, lambda text: text.replace(" ", "")


def check_files(findings, shards, manifest):
    """The files that the manifest names, each with its bytes and rows."""
    named = [file["name"] for file in manifest["files"]]
    found = sorted(path.name for path in shards.glob("shard-*"))
    findings.check("shards in the folder", sorted(named), found)
    for file in manifest["files"]:
        path = shards / file["name"]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        findings.check(f"sha256 of {path}", file["sha256"], digest)
        rows = pyarrow.parquet.read_metadata(path).num_rows
        findings.check(f"rows of {path}", file["rows"], rows)
    return [shards / name for name in named]


def check_rows(findings, ours):
    """What must hold within and between rows; groups are numbered through all files here."""
    last, prefix = -1, None
    for number, row in enumerate(ours):
        where = f"row {number} `{row['sample_id']}`"
        inside = 0 <= row["supervised_from"] < len(row["suffix_ids"])
        findings.check(f"{where}: the supervised part begins inside the suffix", True, inside)
        if row["group"] == last:
            findings.check(f"{where}: prefix of group {last}", prefix, row["prefix_ids"])
        else:
            findings.check(f"{where}: the number of its group", last + 1, row["group"])
            last, prefix = row["group"], row["prefix_ids"]


def as_in_files(ours, manifest):
    """Our rows as the files have them: in each, groups are numbered from 0. A file that gives two
    groups one number is found by this, as our reader gives each run of rows a number of its own."""
    rows, start = [], 0
    for file in manifest["files"]:
        own = ours[start : start + file["rows"]]
        for row in own:
            row = {**row, "group": row["group"] - own[0]["group"]}
            rows.append(tuple(row[name] for name in COLUMNS))
        start += file["rows"]
    return rows


# What rows add to the counts of the manifest. A group counts where its first row does, and none
# reaches into another file; without a prefix nothing predicts the first token.
KEYS = ["samples", "groups", "tokens", "tokens_grouped", "supervised"]
COUNTS = """
    count(*) AS samples,
    sum(opens) AS groups,
    sum(prefix_length + suffix_length) AS tokens,
    sum(prefix_length * opens + suffix_length) AS tokens_grouped,
    sum(suffix_length - greatest(supervised_from, if(prefix_length = 0, 1, 0))) AS supervised
"""
ROWS = """(
    SELECT *, if("group" IS DISTINCT FROM lag("group") OVER earlier, 1, 0) AS opens
    FROM read_parquet(?, filename = true, file_row_number = true)
    WINDOW earlier AS (PARTITION BY filename ORDER BY file_row_number)
)"""


def check_counts(findings, files, manifest):
    """Totals, parts and lengths of the manifest, counted by DuckDB and by Polars."""
    total = tuple(manifest["total"][key] for key in KEYS)
    parts = {
        (part["dataset"], part["language"], part["task"]): tuple(part[key] for key in KEYS)
        for part in manifest["parts"]
    }
    lengths = {int(length): count for length, count in manifest["lengths"].items()}

    names = [str(file) for file in files]
    with duckdb.connect() as connection:
        ask = lambda query: connection.execute(query, [names]).fetchall()
        rows = ask(f"SELECT {COUNTS} FROM {ROWS}")
        findings.check("total by DuckDB", total, tuple(map(int, rows[0])))
        rows = ask(f"SELECT dataset, language, task, {COUNTS} FROM {ROWS} GROUP BY ALL")
        found = {row[:3]: tuple(map(int, row[3:])) for row in rows}
        findings.check("parts by DuckDB", parts, found)
        length = f"cast(ceil((prefix_length + suffix_length) / {BIN}) * {BIN} AS INTEGER)"
        found = dict(ask(f"SELECT {length}, count(*) FROM {ROWS} GROUP BY ALL"))
        findings.check("lengths by DuckDB", lengths, found)

    number = lambda name: polars.col(name).cast(polars.Int64)
    opens = (polars.col("group") != polars.col("group").shift(1)).fill_null(True)
    opens = opens.cast(polars.Int64).alias("opens")
    frame = polars.concat(polars.read_parquet(file).with_columns(opens) for file in files)
    prefix, suffix = number("prefix_length"), number("suffix_length")
    first = polars.max_horizontal(number("supervised_from"), (prefix == 0).cast(polars.Int64))
    counts = [
        polars.len().alias("samples"),
        polars.col("opens").sum().alias("groups"),
        (prefix + suffix).sum().alias("tokens"),
        (prefix * polars.col("opens") + suffix).sum().alias("tokens_grouped"),
        (suffix - first).sum().alias("supervised"),
    ]
    findings.check("total by Polars", total, frame.select(counts).row(0))
    found = frame.group_by("dataset", "language", "task").agg(counts).rows()
    findings.check("parts by Polars", parts, {row[:3]: row[3:] for row in found})


def check_text(findings, ours, tokenizer):
    """The text of every Nth row."""
    whose, decode, known = decoder(tokenizer)
    rows = [row for row in ours if row["text"] is not None]
    for row in rows:
        for part, text in zip(["prefix", "suffix"], row["text"]):
            what = f"{part} of `{row['sample_id']}` by {whose}"
            findings.check(what, known(text), known(decode(row[f"{part}_ids"])))
    return whose, len(rows)


def check_shards(findings, command, shards, tokenizer, every):
    """One set of shards."""
    started, before = time.monotonic(), findings.differences
    manifest = json.loads((shards / "manifest.json").read_text())
    files = check_files(findings, shards, manifest)
    ours = our_rows(command, shards, tokenizer, every)
    expected = as_in_files(ours, manifest)
    for name, reader in READERS.items():
        schemas, rows = reader(files)
        for file, schema in zip(files, schemas):
            what = f"columns of {file} by {name}"
            findings.check(what, list(COLUMNS.items()), list(schema.items()))
        if not findings.check(f"rows by {name}", len(expected), len(rows)):
            continue
        for number, (one, other) in enumerate(zip(expected, rows)):
            findings.check(f"row {number} by {name}", one, tuple(other))
    for number, row in enumerate(ours):
        for part in ["prefix", "suffix"]:
            what = f"row {number}: {part}_length"
            findings.check(what, len(row[f"{part}_ids"]), row[f"{part}_length"])
    supervised = sum(row["supervised"] for row in ours)
    findings.check("supervised tokens", manifest["total"]["supervised"], supervised)
    check_rows(findings, ours)
    check_counts(findings, files, manifest)
    whose, texts = check_text(findings, ours, tokenizer)
    tasks = Counter(row["task"] for row in ours)
    verdict = "ok  " if findings.differences == before else "FAIL"
    print(
        f"{verdict}  {shards}: {len(ours)} rows ({', '.join(sorted(tasks))}) by {', '.join(READERS)},"
        f" {texts} texts by {whose}, {time.monotonic() - started:.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--every", type=int, default=97)
    arguments = parser.parse_args()
    command = [str(arguments.program.absolute())] if arguments.program else BUILD
    findings = Findings()
    for run in arguments.runs:
        run = run.absolute()
        manifests = sorted(run.glob("prepared/*/manifest.json"))
        if not manifests:
            parser.error(f"`{run}` has no prepared/*/manifest.json")
        for manifest in manifests:
            check_shards(findings, command, manifest.parent, run / "tokenizer", arguments.every)
    if findings.differences:
        print(f"{findings.differences} differences")
        return 1
    print("no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
