#!/usr/bin/env python3
"""Holds README.md, ARCHITECTURE.md and docs/laws.md against the tree: a map that is not true is worse than none.

    scripts/papers.py

Checks that every file that they name is there, that every source file and every dependency stands in
ARCHITECTURE.md, that every law of docs/laws.md has a test and that the test exists, that no placeholder is left,
and that it has at most 300 lines. Needs Python 3 and nothing else. Exit code 0: true; 1: not, with
each fault on a line.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAPERS = ("README.md", "ARCHITECTURE.md", "docs/laws.md")
CRATES = ("data-pipeline", "model", "trainer", "launcher")
FOLDERS = (*CRATES, "configs", "scripts", "tests", "benchmarks", "docs", ".ci")
MAXIMUM_LINES = 300


def named_files(text):
    """What stands in backticks or as a link's target and begins with a folder of ours."""
    names = re.findall(r"`([^`\s]+)`", text) + re.findall(r"\]\(([^)#\s]+)\)", text)
    return sorted({name for name in names if name.split("/")[0] in FOLDERS and "/" in name})


def is_there(name):
    """Whether the name, which may hold `*` or `{a,b}`, names something."""
    if match := re.search(r"\{([^}]*)\}", name):
        return all(is_there(name.replace(match[0], part, 1)) for part in match[1].split(","))
    if "NAME" in name or "RUN" in name:
        return is_there(str(Path(name).parent))
    return any(ROOT.glob(name.rstrip("/"))) if "*" in name else (ROOT / name).exists()


def sources():
    """Our Rust files, tests apart, and the crate that each belongs to."""
    for crate in CRATES:
        for path in sorted((ROOT / crate / "src").rglob("*.rs")):
            if "tests" not in path.stem:
                yield crate, path.relative_to(ROOT / crate / "src")


def used_dependencies():
    """What the manifests of our crates name."""
    used = set()
    for crate in CRATES:
        manifest = tomllib.loads((ROOT / crate / "Cargo.toml").read_text())
        for table in ("dependencies", "dev-dependencies", "build-dependencies"):
            used |= manifest.get(table, {}).keys()
    return used


def section(text, title, level="### "):
    """The part of the page below a heading that begins with `title`."""
    start = text.find(f"{level}{title}")
    if start < 0:
        return ""
    end = text.find("\n#", start + len(level))
    return text[start:] if end < 0 else text[start:end]


def faults():
    """Every sentence of the papers that is not so."""
    texts = {name: (ROOT / name).read_text() for name in PAPERS}
    for name, text in texts.items():
        for file in named_files(text):
            if not is_there(file):
                yield f"{name} names `{file}`, which is not there"
        for marker in re.findall(r"<!--.*?-->", text, re.DOTALL):
            yield f"{name} still holds {marker}"
    architecture = texts["ARCHITECTURE.md"]
    for crate, path in sources():
        name = path.as_posix()
        # `score.rs`, or `score/` for all that lies below it.
        known = (f"`{part.as_posix()}/`" for part in path.parents)
        if f"`{name}`" not in (part := section(architecture, crate)) and not any(k in part for k in known):
            yield f"ARCHITECTURE.md does not say what `{name}` of {crate} is for"
    manifest = tomllib.loads((ROOT / "Cargo.toml").read_text())
    needed = set(manifest["workspace"]["dependencies"]) - {"data-pipeline", "model", "trainer"}
    explained = set(re.findall(r"`([a-z0-9_-]+)`", section(architecture, "Dependencies", "## ")))
    for dependency in sorted(needed - explained):
        yield f"ARCHITECTURE.md does not say why `{dependency}` is needed"
    for dependency in sorted(needed - used_dependencies()):
        yield f"Cargo.toml lists `{dependency}`, which no crate of ours uses"
    tests = "\n".join(
        path.read_text() for folder in FOLDERS for path in (ROOT / folder).rglob("*.rs")
    )
    laws = texts["docs/laws.md"]
    for test in re.findall(r"`(?:[a-z_0-9]+::)*([a-z_0-9]+)\(\)`", laws):
        if f"fn {test}(" not in tests:
            yield f"docs/laws.md cites the test `{test}()`, which is not there"
    for law, test in re.findall(r"^\| (.*?) \| *(.*?) *\|$", laws, re.M):
        if not test or test.endswith(","):
            yield f"docs/laws.md names no test, or not yet all, of the law `{law}`"
    lines = architecture.count("\n")
    if lines > MAXIMUM_LINES:
        yield f"ARCHITECTURE.md has {lines} lines, allowed are {MAXIMUM_LINES}"


def main():
    found = list(faults())
    print("\n".join(found) if found else "the papers are true to the tree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
