#!/usr/bin/env python3
"""Scores by other projects' own functions, for our protocols to be held against.

    scorers_golden.py --sources DIR             write tests/golden/scorers/*.json
    scorers_golden.py --sources DIR --verify    compute them again and compare

DIR holds clones, which nothing here downloads:

    git clone https://github.com/ICT-GoKnow/KnowCoder           && git -C KnowCoder checkout dd7e32f
    git -C KnowCoder checkout 1dda32f -- eval
    git clone https://github.com/hitz-zentroa/GoLLIE            && git -C GoLLIE checkout c08b28d
    git clone https://github.com/universal-ner/universal-ner    && git -C universal-ner checkout 4e454fe
    git clone https://github.com/zjunlp/IEPile                  && git -C IEPile checkout 11911a7
    git clone https://github.com/UmeanNever/B2NER               && git -C B2NER checkout 01858da

seqeval 1.2.2 comes from `pip install seqeval==1.2.2`.

The functions that the files in the tree were made of are known by their fingerprints (`functions` in each file),
so that whoever has a clone sees whether it holds the same ones, without their text being here: they were read as
published in these states, and typed off. `--verify` tells two things apart: a clone whose functions read
otherwise, and one that counts otherwise. docs/scoring.md says what stands behind each file. A source that is
not there is left out, with a word about it. Exit code 0: written, or equal; 1: other scores; 2: a source is
missing under `--verify`; 3: the same scores of functions that read otherwise.

Of each file only the functions named below are taken, with `ast`: the files as wholes want spaCy, vLLM,
matplotlib and an ontology, and some of KnowCoder's do not parse. What a function decides is never changed.
Answers are given as objects: reading text is not what is measured here, so KnowCoder's
`extract_from_string` hands on the objects, and UniversalNER's and B2NER's answers are written in their form.

`cases.json`, a case a line: `task` and `rows`, each with `sentence`, `gold` and `predicted` as in prediction
files. `PROTOCOL.json`: `source`, `functions` with their fingerprints, and `scores`: for each case precision, recall and F1 in percent, or null
where the protocol says nothing about it.
"""

from __future__ import annotations

import argparse
import ast
import collections
import copy
import dataclasses
import hashlib
import inspect
import io
import json
import random
import re
import string
import sys
import tokenize
import typing
import unicodedata
import warnings
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "scorers"
RANDOM_CASES = 240
ODD_CASES = 150
SEED = 42


# --- The originals -----------------------------------------------------------------------------------------

# By path: the fingerprint of each definition that was taken.
TAKEN = {}
# Named by a list that is asked for kinds of objects, and never met.
UNUSED = {"Template"}


def fingerprint(text, node):
    """What a definition says, whatever its comments, docstrings, blank lines and width of indentation."""
    silent = set()
    for part in ast.walk(node):
        if isinstance(part, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(part, clean=False) is not None:
            silent.update(range(part.body[0].lineno, part.body[0].end_lineno + 1))
    lines = "\n".join(text.splitlines()[node.lineno - 1:node.end_lineno]) + "\n"
    said = []
    for token in tokenize.generate_tokens(io.StringIO(lines).readline):
        if token.type in (tokenize.INDENT, tokenize.DEDENT):
            said.append("{" if token.type == tokenize.INDENT else "}")
        elif token.start[0] + node.lineno - 1 not in silent and token.type not in (tokenize.COMMENT, tokenize.NL):
            said.append("\n" if token.type == tokenize.NEWLINE else token.string)
    return hashlib.sha256("".join(said).encode()).hexdigest()[:16]


def functions(sources, file, names, given):
    """The definitions `names` of a file below `sources`, which find in `given` what they use."""
    path = sources / file
    if not path.exists():
        raise FileNotFoundError(path)
    text = path.read_text(encoding="utf-8")
    # Some regular expressions there have escapes that newer Pythons warn of.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found[getattr(node.targets[0], "id", None)] = node
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            # Of two with one name Python, too, keeps the last.
            found[node.name] = node
    absent = [name for name in names if name not in found]
    if absent:
        raise FileNotFoundError(f"{path} without {', '.join(absent)}")
    body = [found[name] for name in names]
    TAKEN[file] = {name: fingerprint(text, found[name]) for name in names if name not in UNUSED}
    for node in body:
        # Time limits on reading: nothing is read here.
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
    module = ast.fix_missing_locations(ast.Module(body, []))
    space = dict(given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # This file's `from __future__ import annotations` holds for them, as it does in GoLLIE's.
        exec(compile(module, str(path), "exec"), space)
    return space


def percents(correct, predicted, gold):
    """Precision, recall and F1 of counts."""
    share = lambda part, whole: 100 * part / whole if whole else 0.0
    return [share(correct, predicted), share(correct, gold), share(2 * correct, predicted + gold)]


class KnowCoder:
    """`eval/src/metric.py`; in 2025 behind the converters of `sft/src/convert`."""

    def __init__(self, sources, converters):
        self.norm = functions(sources, "KnowCoder/eval/src/utils.py", ["norm_name"], {"re": re})["norm_name"]
        names = ["judge_match", "deduplication", "score", "gen_tuples_ei_ec", "gen_tuples_ri_rc",
                 "gen_tuples_ti_tc_ai_ac", "gen_tuples_ai_ac", "cal_scores_ei_ec", "cal_scores_ri_rc",
                 "cal_scores_ti_tc_ai_ac", "cal_scores_ai_ac"]
        self.metric = functions(sources, "KnowCoder/eval/src/metric.py", names, {})
        self.convert = None
        if converters:
            given = {"tqdm": lambda rows: rows, "copy": copy, "norm_name": self.norm,
                     "extract_from_string": lambda objects: objects}
            names = {"ner": [], "re": [], "ed": ["event_dict"], "eae": []}
            folder = "KnowCoder/sft/src/convert"
            self.convert = {
                task: functions(sources, f"{folder}/convert_{task}.py", more + ["convert"], given)["convert"]
                for task, more in names.items()
            }

    def score(self, task, rows):
        made = self.converted(task, rows) if self.convert else self.plain(task, rows)
        key = {"ner": "entities", "re": "relations"}.get(task, "events")
        # As `gen_idx_entities_dict` and its like do.
        predicted, gold = ({row["id"]: (row["content"], row[key]) for row in side} for side in made)
        name, which = {"ner": ("ei_ec", 1), "re": ("ri_rc", 1), "ed": ("ti_tc_ai_ac", 1), "eae": ("ai_ac", 1)}[task]
        return [100 * x for x in self.metric[f"cal_scores_{name}"](predicted, gold, "EM", "overall")[which]]

    def plain(self, task, rows):
        """What the converters of 2024 make of objects, without what they leave out."""
        norm = self.norm

        def entity(it):
            return {"type": norm(it["type"]), "word": it["name"]}

        def relation(it):
            head, tail = it["head"]["name"], it["tail"]["name"]
            return {"type": norm(it["type"]), "subject": {"word": head}, "object": {"word": tail}}

        def event(it):
            arguments = collections.defaultdict(list)
            for given in it["arguments"]:
                arguments[norm(given["role"])].append({"word": given["name"]})
            return {"type": norm(it["type"]), "trigger": {"word": it["trigger"]}, "args": arguments}

        key, form = {"ner": ("entities", entity), "re": ("relations", relation)}.get(task, ("events", event))
        return tuple(
            [{"id": at, "content": row["sentence"], key: [form(it) for it in row[side]]} for at, row in enumerate(rows)]
            for side in ("predicted", "gold")
        )

    def converted(self, task, rows):
        key = {"ner": "entities", "re": "relations"}.get(task, "events")

        def read(objects):
            if task == "ner":
                return {at: (it["name"], it["type"]) for at, it in enumerate(objects)}
            if task == "re":
                pair = lambda side: (side["name"], side.get("type", "Entity"))
                return [((pair(it["head"]), pair(it["tail"])), it["type"]) for it in objects]
            events = []
            for it in objects:
                arguments = {}
                for given in it["arguments"]:
                    arguments.setdefault(given["role"], []).append(given["name"])
                events.append((it["type"], {"args": arguments, "trigger": [it["trigger"]]}))
            return events

        data = [{"sentence": row["sentence"], key: row["gold"], "said": read(row["predicted"])} for row in rows]
        return self.convert[task](data, "said")


class Gollie:
    """`AnnotationList.filter_hallucinations` over what is predicted, then the scorer of the task."""

    def __init__(self, sources):
        given = {"dataclasses": dataclasses, "org_dataclass": dataclasses.dataclass, "inspect": inspect,
                 "defaultdict": collections.defaultdict, "deepcopy": copy.deepcopy, **vars(typing)}
        # `dataclass` is theirs, and decorates the classes behind it.
        names = ["dataclass", "HallucinatedType", "Value", "Entity", "Relation", "Event", "Template", "AnnotationList"]
        self.typing = functions(sources, "GoLLIE/src/tasks/utils_typing.py", names, given)
        names = ["Scorer", "SpanScorer", "RelationScorer", "EventScorer"]
        given = {**self.typing, "override": lambda it: it}
        self.scorers = functions(sources, "GoLLIE/src/tasks/utils_scorer.py", names, given)
        self.classes = {}

    def made(self, base, name, roles=()):
        """The class of a schema, as GoLLIE's prompts define it."""
        if (base, name) not in self.classes:
            fields = {"Entity": ["span"], "Relation": ["arg1", "arg2"], "Event": ["mention", *roles]}[base]
            kind = type(name, (self.typing[base],), {"__annotations__": {field: "object" for field in fields}})
            self.classes[base, name] = self.typing["dataclass"](kind)
        return self.classes[base, name]

    def object(self, task, it):
        if task == "ner":
            return self.made("Entity", it["type"])(it["name"])
        if task == "re":
            return self.made("Relation", it["type"])(it["head"]["name"], it["tail"]["name"])
        arguments = {role: [] for role in ROLES}
        if task == "eae":
            for given in it["arguments"]:
                arguments[given["role"]].append(given["name"])
        return self.made("Event", it["type"], ROLES)(it["trigger"], **arguments)

    def score(self, task, rows):
        annotations = self.typing["AnnotationList"]
        side = lambda row, which: annotations([self.object(task, it) for it in row[which]])
        predicted = [side(row, "predicted").filter_hallucinations(row["sentence"]) for row in rows]
        name, part = {"ner": ("SpanScorer", "spans"), "re": ("RelationScorer", "relations"),
                      "ed": ("EventScorer", "events"), "eae": ("EventScorer", "arguments")}[task]
        found = self.scorers[name]()([side(row, "gold") for row in rows], predicted)[part]
        return [100 * found[key] for key in ("precision", "recall", "f1-score")]


class UniversalNer:
    """`NEREvaluator`: each type of a sentence is asked by itself, and answered with a JSON list."""

    def __init__(self, sources):
        given = {"re": re, "json": json, "string": string}
        names = ["normalize_answer", "parser", "NEREvaluator"]
        found = functions(sources, "universal-ner/src/eval/evaluate.py", names, given)
        self.evaluator = found["NEREvaluator"]()

    def score(self, task, rows):
        if task != "ner":
            return None
        predicted, gold = [], []
        for row in rows:
            for name in sorted({it["type"] for it in row["gold"] + row["predicted"]}):
                answer = lambda side: json.dumps([it["name"] for it in row[side] if it["type"] == name])
                predicted.append(answer("predicted"))
                gold.append(answer("gold"))
        found = self.evaluator.evaluate(predicted, gold)
        return [100 * found[key] for key in ("precision", "recall", "f1")]


class Iepile:
    """The metrics of `ie2instruction/eval/metric`, in their mode `normal`, by their counts."""

    def __init__(self, sources):
        root = "IEPile/ie2instruction"
        # Every metric makes a `Rouge`, which the mode `f1` never asks.
        names = ["F1Metric", "RougeMetric", "Metric"]
        metric = functions(sources, f"{root}/eval/metric/metric.py", names, {"Rouge": object})
        given = {**metric, "deepcopy": copy.deepcopy}
        kinds = {"ner": ("ner", "NERMetric"), "re": ("re", "REMetric"), "ed": ("ner", "NERMetric"),
                 "eae": ("ee", "EEMetric")}
        self.metrics = {task: functions(sources, f"{root}/eval/metric/{file}_metric.py", [name], given)[name]
                        for task, (file, name) in kinds.items()}
        self.names = {"NER": "NER", "RE": "RE", "KG": "KG", "SPO": "SPO", "EE": "EE", "EEA": "EEA", "EET": "EET"}
        self.convert = functions(sources, f"{root}/eval_func.py", ["convert_kg"], self.names)["convert_kg"]

    def objects(self, task, objects):
        if task == "ner":
            made = [{"entity": it["name"], "entity_type": it["type"]} for it in objects]
        elif task == "re":
            made = [{"head": it["head"]["name"], "relation": it["type"], "tail": it["tail"]["name"]} for it in objects]
        elif task == "ed":
            made = [{"event_trigger": it["trigger"], "event_type": it["type"]} for it in objects]
        else:
            arguments = lambda it: [{"argument": x["name"], "role": x["role"]} for x in it["arguments"]]
            made = [{"event_type": it["type"], "arguments": arguments(it)} for it in objects]
        return self.convert(made, {"ner": "NER", "re": "RE", "ed": "EET", "eae": "EEA"}[task])

    def score(self, task, rows):
        metric = self.metrics[task]("normal", "f1")
        # Its relations are printed one by one.
        silent = open("/dev/null", "w", encoding="utf-8")
        out, sys.stdout = sys.stdout, silent
        try:
            for row in rows:
                gold, predicted = (self.objects(task, row[side]) for side in ("gold", "predicted"))
                metric.count_instance(gold_list=gold, pred_list=predicted)
        finally:
            sys.stdout = out
            silent.close()
        if task == "eae":
            return percents(metric.ag_tp, metric.ag_pred_num, metric.ag_gold_num)
        # Before its own rounding to two decimals.
        return percents(metric.tp, metric.pred_num, metric.gold_num)


class B2ner:
    """`EvaluatorNER` over answers as its dataset writes them: `type: mention; type: mention`."""

    def __init__(self, sources):
        names = ["MetricBase", "MetricF1", "EvaluatorBase", "EvaluatorNER"]
        self.found = functions(sources, "B2NER/src/evaluation/evaluator.py", names, {"re": re})

    def score(self, task, rows):
        if task != "ner":
            return None
        # Without its audits, which draw and count beside the score.
        evaluator = object.__new__(self.found["EvaluatorNER"])
        metric = self.found["MetricF1"]()
        for row in rows:
            pairs = lambda side: "; ".join(f"{it['type']}: {it['name']}" for it in row[side])
            answer = lambda side: " " + pairs(side) if row[side] else " None"
            metric.update(*evaluator._extract({"Instance": {"ground_truth": answer("gold")}}, answer("predicted")))
        f1 = metric.get_metric()
        return [100 * metric.precision, 100 * metric.recall, 100 * f1]


class Seqeval:
    """seqeval's default mode; each character is a token, and each has one tag at most.

    A longer object comes before a shorter one, then one further left, then the one said first; what finds
    a character taken is left out, and so is what has no place, or several.
    """

    def __init__(self, sources):
        try:
            from seqeval.metrics import sequence_labeling, v1
        except ImportError as error:
            raise FileNotFoundError("seqeval") from error
        self.support = sequence_labeling.precision_recall_fscore_support
        # The package runs as it is installed; here only its fingerprints are taken.
        for module, names in ((sequence_labeling, ["precision_recall_fscore_support", "get_entities", "start_of_chunk",
                                                   "end_of_chunk"]),
                              (v1, ["_precision_recall_fscore_support", "_prf_divide"])):
            path = Path(module.__file__)
            functions(path.parents[2], "/".join(path.parts[-3:]), names, vars(module))

    def score(self, task, rows):
        if task not in ("ner", "ed"):
            return None
        if any("start" not in it for row in rows for it in row["gold"]):
            return None
        gold, predicted = ([self.tags(row["sentence"], row[side]) for row in rows] for side in ("gold", "predicted"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if all(tag == "O" for row in gold + predicted for tag in row):
                return [0.0, 0.0, 0.0]
            found = self.support(gold, predicted, average="micro", zero_division=0)
        return [100 * float(part) for part in found[:3]]

    @staticmethod
    def tags(sentence, objects):
        tags = ["O"] * len(sentence)
        placed = [it for it in objects if "start" in it and "pieces" not in it and it["start"] < it["end"]]
        for it in sorted(placed, key=lambda it: (it["start"] - it["end"], it["start"])):
            if all(tag == "O" for tag in tags[it["start"]:it["end"]]):
                tags[it["start"]] = f"B-{it['type']}"
                tags[it["start"] + 1:it["end"]] = [f"I-{it['type']}"] * (it["end"] - it["start"] - 1)
        return tags


PROTOCOLS = {
    "knowcoder-2024": (lambda sources: KnowCoder(sources, False), "ICT-GoKnow/KnowCoder, eval/src/metric.py"),
    "knowcoder-2025": (lambda sources: KnowCoder(sources, True),
                       "ICT-GoKnow/KnowCoder, sft/src/convert/convert_*.py and eval/src/metric.py"),
    "gollie": (Gollie, "hitz-zentroa/GoLLIE, src/tasks/utils_scorer.py and utils_typing.py"),
    "universalner": (UniversalNer, "universal-ner/universal-ner, src/eval/evaluate.py"),
    "iepile": (Iepile, "zjunlp/IEPile, ie2instruction/eval/metric and eval_func.py"),
    "b2ner": (B2ner, "UmeanNever/B2NER, src/evaluation/evaluator.py"),
    "seqeval": (Seqeval, "chakki-works/seqeval 1.2.2, precision_recall_fscore_support"),
}


# --- The cases ---------------------------------------------------------------------------------------------

# No two of them are one name after `norm_name`.
ROLES = ("employee", "employer", "Place", "timeHolds")
TYPES = ("Person", "person", "City", "PlaceOfBirth", "place_of_birth", "Place-Of_Birth", "Other", "GPE", "TVShow",
         "Organisation", "Located", "Covid19Case", "人物")
EVENTS = ("Attack", "BeBorn", "be_born", "Die", "Transfer-Money", "Hiring", "Other", "Sentence", "收购")
# What the scorers differ about: case, articles, punctuation, brackets, spaces, scripts.
MENTIONS = ("Ann", "ann", "ANN", "Ann Lee", "The Hague", "the Hague", "Hague", "the", "a", "U.N.", "UN", "u.n",
            "O'Hara", "He said \"hi\"", "[x]", "a]b", "a;b", "a:b", "a, b", "a , b", "《红楼梦》", "红楼梦",
            "（北京）", "北京", "北京市", "İstanbul", "Straße", "STRASSE", " Ann ", "Rome.", "Rome", "left - arm",
            "left-arm", "located", "location", "organisation", "#Ann#", "@Bob", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", "naïve",
            "‘x’", "“x”", "\"x\"", "a..b", "a.b", "{x}", "x", "；", "：y", "((z))", "z", "काठमांडू", "東京都", "محمد",
            "word\u00a0word", "word word", "a_b", "b/c", "an-apple", "A+", "1,000", "\\", "é", "e\u0301")


def written(text, at=None):
    """A mention's keys: its name, and where it stands if that is known."""
    return {"name": text} if at is None else {"name": text, "start": at, "end": at + len(text)}


def entity(kind, text, at=None):
    return {"type": kind, **written(text, at)}


def relation(kind, head, tail):
    side = lambda it: {"type": it[0], "name": it[1]}
    return {"type": kind, "head": side(head), "tail": side(tail)}


def event(kind, trigger, arguments=(), at=None):
    placed = {} if at is None else {"start": at, "end": at + len(trigger)}
    return {"type": kind, "trigger": trigger, **placed,
            "arguments": [{"role": role, "name": name} for role, name in arguments]}


def one(task, sentence, gold, predicted):
    return {"task": task, "rows": [{"sentence": sentence, "gold": gold, "predicted": predicted}]}


def written_cases():
    """Small, each about one thing."""
    text = "Ann saw Rome and Rome saw the UN."
    ann, rome, un = entity("Person", "Ann", 0), entity("City", "Rome", 8), entity("Organization", "UN", 30)
    yield one("ner", text, [ann, rome, un],
              [ann, rome, entity("City", "Rome"), entity("City", "Rome"), entity("Organization", "the UN", 26),
               entity("City", "X")])
    for task in ("ner", "re", "ed", "eae"):
        yield one(task, text, [], [])
    yield one("ner", text, [], [ann])
    yield one("ner", text, [ann], [])
    yield one("ner", text, [rome, entity("City", "Rome", 17)], [rome])
    yield one("ner", text, [rome], [rome, entity("City", "Rome", 17)])
    yield one("ner", text, [ann, entity("Name", "Ann", 0)], [ann, entity("Name", "Ann", 0)])
    yield one("ner", text, [entity("Other", "Ann", 0), rome], [entity("other", "Ann", 0), rome])
    yield one("ner", text, [entity("City", "ROME")], [entity("City", "rome"), entity("city", "Rome")])
    yield one("ner", text, [entity("Organization", "the UN", 26), un], [un, entity("Organization", "the UN", 26)])
    yield one("ner", "a ] b", [entity("X", "a ] b", 0)], [entity("X", "a ] b", 0)])
    yield one("ner", "", [], [entity("X", "")])
    yield one("ner", "x", [entity("X", "", 0), entity("X", "x", 0)], [entity("X", "x", 0), entity("X", "", 0)])
    yield one("ner", "the a an", [entity("X", "the")], [entity("X", "a"), entity("X", "...")])
    near = relation("Near", ("Person", "Ann"), ("City", "Rome"))
    yield one("re", text, [near], [near, near])
    yield one("re", text, [near, near], [near])
    yield one("re", text, [near], [relation("near", ("City", "Ann"), ("Person", "Rome"))])
    yield one("re", text, [near], [relation("Near", ("City", "Rome"), ("Person", "Ann"))])
    yield one("re", text, [near], [relation("Near", ("Person", "ann"), ("City", "Rome"))])
    yield one("re", text, [near, relation("Near", ("Person", ""), ("City", "Rome"))], [near])
    yield one("re", text, [near], [near, relation("Near", ("Person", "Bob"), ("City", "Rome"))])
    saw = event("Meet", "saw", [("employee", "Ann"), ("Place", "Rome")], 4)
    yield one("ed", text, [saw], [saw, saw])
    yield one("ed", text, [saw], [event("Contact", "Saw")])
    yield one("ed", text, [saw, event("Attack", "saw", at=22)], [event("Attack", "saw"), event("Die", "fell")])
    yield one("eae", text, [saw], [saw])
    yield one("eae", text, [saw], [event("Meet", "SAW", [("employee", "Ann"), ("employee", "Ann"), ("Place", "Bonn")])])
    yield one("eae", text, [saw, saw], [saw])
    yield one("eae", text, [saw], [event("Meet", "met", [("employee", "Ann")]), saw])
    yield one("eae", text, [event("Meet", "saw", [("employee", "Ann")]), event("Meet", "saw", [("Place", "Rome")])],
              [event("Meet", "saw", [("Place", "Rome")]), event("Meet", "saw", [("employee", "Ann")])])


def occurrences(sentence, text):
    return [at for at in range(len(sentence)) if text and sentence.startswith(text, at)]


def random_case(draw):
    """One to three sentences of one task, with answers near gold and far from it."""
    task = draw.choice(("ner", "ner", "ner", "re", "ed", "eae"))
    # Where all gold has places, seqeval has something to say.
    placed = draw.random() < 0.7
    rows = []
    for _ in range(draw.randint(1, 3)):
        words = draw.choices(MENTIONS, k=draw.randint(2, 8))
        sentence = draw.choice((" ", " ", "", ", ")).join(words)

        def mention(made_up):
            text = draw.choice(MENTIONS) if made_up else draw.choice(words)
            places = occurrences(sentence, text)
            certain = placed and not made_up
            at = draw.choice(places) if places and (certain or draw.random() < 0.8) else None
            return text, at

        def fresh(made_up):
            text, at = mention(made_up)
            if task == "ner":
                return entity(draw.choice(TYPES), text, at)
            if task == "re":
                side = lambda text: (draw.choice(("Person", "Entity")), text)
                return relation(draw.choice(TYPES), side(text), side(mention(made_up)[0]))
            arguments = []
            if task == "eae":
                for role in ROLES:
                    arguments += [(role, mention(made_up)[0]) for _ in range(draw.choice((0, 0, 1, 2)))]
            return event(draw.choice(EVENTS), text, arguments, at)

        gold = [fresh(False) for _ in range(draw.randint(0, 6))]
        predicted = []
        for it in gold:
            roll = draw.random()
            if roll < 0.6:
                predicted.append(copy.deepcopy(it))
            elif roll < 0.7:
                predicted += [copy.deepcopy(it)] * draw.randint(2, 3)
            elif roll < 0.8 and task == "ner":
                text = draw.choice((it["name"].lower(), it["name"].upper(), "the " + it["name"], it["name"] + "."))
                predicted.append(entity(it["type"], text))
        predicted += [fresh(draw.random() < 0.5) for _ in range(draw.randint(0, 3))]
        draw.shuffle(predicted)
        rows.append({"sentence": sentence, "gold": gold, "predicted": predicted})
    return {"task": task, "rows": rows}


# What looks like something else, or like nothing: composed and decomposed letters, marks of direction, joiners,
# spaces of all kinds, letters whose case is longer than they are, signs that one of the scorers gives a meaning.
SIGNS = tuple("abTh .,;:()[]{}'\"-_@#<>/\\|!?*1") + (
    "\u00e9", "e\u0301", "\u212b", "\u00c5", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e",
    "\u200f", "\u202e", "\u00a0", "\u1680", "\u2009", "\u2028", "\u3000", "\u0085", "\x00", "\x0b", "\x1c", "\x1f",
    "\t", "\n", "\r", "\x7f", "😀", "👨\u200d👩\u200d👧", "🇩🇪", "İ", "ı", "ß", "ẞ", "Σ", "ς", "ﬁ", "Ǆ", "ŉ", "ᾼ", "\u0345",
    "ⅷ", "Ⅷ", "²", "½", "٣", "१", "北", "京", "《", "》", "（", "）", "；", "：", "，", "’", "‘", "“", "”", "、", "…",
    "م\u064f", "ا", "ـ", "के", "の", "𝐀", "ა", "the", "an", "The", "located", "organisation")
ODD_TYPES = ("Person", "person", "Other", "OTHER", "PlaceOfBirth", "Attack", "attack", "ΠΟΛΗ", "éA", "ÀbC", "X1Y",
             "Ty pe", "ТипЛица", "e\u0301B", "人物", "x")


def odd_case(draw):
    """One or two sentences of signs, with nested mentions and answers that nearly are gold."""
    task = draw.choice(("ner", "ner", "ner", "re", "ed", "eae"))
    text = lambda: "".join(draw.choices(SIGNS, k=draw.choice((0, 1, 1, 2, 3, 4, 6))))

    def nearly(said):
        return draw.choice((said.lower(), said.upper(), said.swapcase(), "the " + said, said + ".", said.strip(),
                            unicodedata.normalize("NFC", said), unicodedata.normalize("NFD", said),
                            said + "\u200b", "\u200f" + said, " " + said))

    rows = []
    for _ in range(draw.randint(1, 2)):
        words = [text() for _ in range(draw.randint(1, 6))]
        # A mention within mentions.
        words += [words[0] + words[-1]] if draw.random() < 0.3 else []
        sentence = draw.choice(("", " ", ", ", "\u200b")).join(words)

        def fresh(made_up):
            mention = lambda: text() if made_up else draw.choice(words)
            said = mention()
            places = occurrences(sentence, said)
            at = draw.choice(places) if places else None
            if task == "ner":
                return entity(draw.choice(ODD_TYPES), said, at)
            if task == "re":
                return relation(draw.choice(ODD_TYPES), ("Person", said), ("Entity", mention()))
            roles = draw.sample(ROLES, draw.randint(0, 3)) if task == "eae" else ()
            return event(draw.choice(ODD_TYPES), said, [(role, mention()) for role in roles], at)

        gold = [fresh(False) for _ in range(draw.randint(0, 5))]
        predicted = []
        for it in gold:
            for _ in range(draw.choice((0, 1, 1, 2))):
                said = copy.deepcopy(it)
                if draw.random() < 0.4:
                    if task == "ner":
                        said = entity(it["type"], nearly(it["name"]))
                    elif task == "re":
                        said["head"]["name"] = nearly(it["head"]["name"])
                    else:
                        said = event(it["type"], nearly(it["trigger"]),
                                     [(given["role"], nearly(given["name"])) for given in it["arguments"]])
                predicted.append(said)
        predicted += [fresh(draw.random() < 0.5) for _ in range(draw.randint(0, 2))]
        draw.shuffle(predicted)
        rows.append({"sentence": sentence, "gold": gold, "predicted": predicted})
    return {"task": task, "rows": rows}


def cases():
    draw = random.Random(SEED)
    made = list(written_cases()) + [random_case(draw) for _ in range(RANDOM_CASES)]
    return made + [odd_case(draw) for _ in range(ODD_CASES)]


# --- The files ---------------------------------------------------------------------------------------------

def lines(items):
    """A JSON list with one item a line."""
    return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in items) + "\n]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="where the clones are")
    parser.add_argument("--verify", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    made = cases()
    files = {"cases": lines(made) + "\n"}
    missing = False
    for name, (original, source) in PROTOCOLS.items():
        TAKEN.clear()
        try:
            scorer = original(arguments.sources)
        except FileNotFoundError as error:
            print(f"{name}: not there: {error}", file=sys.stderr)
            missing = True
            continue
        scores = [scorer.score(case["task"], copy.deepcopy(case["rows"])) for case in made]
        rounded = [score and [round(part, 6) for part in score] for score in scores]
        files[name] = (f'{{"source": {json.dumps(source)}, "functions": {json.dumps(TAKEN, indent=1)}, '
                       f'"scores": {lines(rounded)}}}\n')
        print(f"{name}: {sum(score is not None for score in scores)} of {len(made)} cases", file=sys.stderr)
    if arguments.verify:
        status = max((differs(name, text) for name, text in files.items()), key=(0, 3, 1).index)
        return 2 if missing and status == 0 else status
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (GOLDEN / f"{name}.json").write_text(text, encoding="utf-8")
    return 0


def differs(name, text):
    """0 where the file in the tree says the same, 1 where its numbers are others, 3 where functions are."""
    path = GOLDEN / f"{name}.json"
    if not path.exists():
        print(f"{path} is not there", file=sys.stderr)
        return 1
    known, found = json.loads(path.read_text(encoding="utf-8")), json.loads(text)
    if name == "cases":
        if known != found:
            print(f"{path}: other cases", file=sys.stderr)
        return int(known != found)
    pairs = list(zip(known["scores"], found["scores"]))
    others = [number for number, (before, now) in enumerate(pairs) if before != now]
    if others or len(known["scores"]) != len(found["scores"]):
        print(f"{path}: other scores in {len(others)} cases, cases.json:{others[0] + 2 if others else 0} the first",
              file=sys.stderr)
        return 1
    changed = [f"{file}: {function}" for file, names in known["functions"].items() for function, said in names.items()
               if found["functions"].get(file, {}).get(function) != said]
    for function in changed:
        print(f"{name}: reads otherwise, counts the same: {function}", file=sys.stderr)
    return 3 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
