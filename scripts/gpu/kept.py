"""What a later call of scripts/gpu/measure.py goes on with: the results' folder, and one file with all that matters of it."""

import contextlib
import json
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from pathlib import Path

# What the archive holds of the folder, beside what tuning has found.
ARCHIVED = ("settings.json", "jobs", "gemm_routes.json", "summary.json", "summary.md")
# A machine may give back files of 16 MiB at most.
ARCHIVE_BYTES = 15 << 20


class Damaged(Exception):
    """An archive that has nothing in it that can be read."""


def keep(path, text):
    """Writes a file whole or not at all."""
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def read(path):
    """What a JSON file holds; `None` where there is none, or not a whole one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def setting(folder, **wanted):
    """Why the folder's results are not of these settings; `None` if they are, or it has none."""
    known = read(folder / "settings.json")
    if known is None:
        folder.mkdir(parents=True, exist_ok=True)
        keep(folder / "settings.json", json.dumps(wanted) + "\n")
        return None
    different = [f"{name} {known.get(name)} instead of {value}" for name, value in wanted.items() if known.get(name) != value]
    return f"{folder} has results of {', '.join(different)}; take another folder" if different else None


def archive(folder, file):
    """Everything that a later call goes on with, in one file that may travel."""
    partial = file.with_name(file.name + ".partial")
    try:
        with tempfile.TemporaryDirectory() as scratch:
            found = [tuned(kernels, Path(scratch)) for kernels in sorted((folder / "kernels").glob("*.db"))]
            pack(folder, partial, filter(None, found))
        if partial.stat().st_size > ARCHIVE_BYTES:
            pack(folder, partial, ())
        partial.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise


def pack(folder, file, kernels):
    with tarfile.open(file, "w:gz", compresslevel=6) as packed:
        for name in ARCHIVED:
            if (folder / name).exists():
                packed.add(folder / name, name, filter=lambda it: None if it.name.endswith(".partial") else it)
        for path in kernels:
            packed.add(path, f"kernels/{path.name}")


def tuned(kernels, folder):
    """A copy of a database of kernels with nothing but what tuning found, a thousandth of it; `None` where it is none.

    Compiling those that won takes seconds, looking for them minutes.
    """
    copy, shared = folder / kernels.name, kernels.with_name(kernels.name + "-shm")
    is_ours = not shared.exists()
    try:
        with contextlib.closing(sqlite3.connect(f"{kernels.resolve().as_uri()}?mode=ro", uri=True)) as whole, contextlib.closing(sqlite3.connect(copy)) as part:
            part.execute("pragma journal_mode = wal")
            for (statement,) in whole.execute("select sql from sqlite_master where sql is not null"):
                part.execute(statement)
            part.executemany("insert into meta values (?, ?)", whole.execute("select * from meta"))
            part.executemany("insert into entries values (?, ?, ?, ?)", whole.execute("select * from entries where namespace like 'autotune/%'"))
            part.commit()
            part.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.Error:
        copy.unlink(missing_ok=True)
        return None
    finally:
        # The programs do not know this file of SQLite's.
        if is_ours:
            shared.unlink(missing_ok=True)
    return copy


def unpack(file, folder):
    """Begins `folder` with what an archive has, unless it has jobs of its own; says what could not be read."""
    if not file.exists() or any((folder / "jobs").glob("*.json")):
        return None
    folder.mkdir(parents=True, exist_ok=True)
    count, member = 0, None
    try:
        with tarfile.open(file, "r:gz") as packed:
            for member in packed:
                packed.extract(member, folder, filter="data")
                count += member.isfile()
        return None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        if not count:
            raise Damaged(f"{file} is no archive of this script's, or nothing in it can be read ({error})") from error
        # What was being read when it broke off is a half.
        with contextlib.suppress(OSError):
            (folder / member.name).unlink()
        spare = file.with_name(file.name + ".damaged")
        shutil.copyfile(file, spare)
        return f"{file} is damaged ({error}): {count} files of it are used, a copy is {spare}"
