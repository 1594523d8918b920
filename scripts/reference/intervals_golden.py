#!/usr/bin/env python3
"""Intervals and the paired test by another implementation, for ours to be held against.

    intervals_golden.py             write tests/golden/scorers/intervals.json
    intervals_golden.py --verify    compute it again and compare
    intervals_golden.py --coverage  how often intervals hold what they should, and how often the test errs

Wants numpy and scipy. The file has three kinds of numbers for the same counts:

- `low`, `high`, `p`: the same algorithm over the same stream of random numbers (SplitMix64), in arrays instead
  of loops. Ours must be equal, rounding of the last bits apart.
- `exact`: what the algorithm approaches with more draws. Where each sentence has one object, F1 is a share and
  its resamples are binomial, so the quantiles are scipy's; p is counted over all 2^n ways to swap answers.
- `scipy`: p of `scipy.stats.permutation_test`, which enumerates for itself.

Exit code 0: written, or equal; 1: a difference.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "scorers" / "intervals.json"
RESAMPLES = 1000
TRIALS = 1999


# --- The stream --------------------------------------------------------------------------------------------

STEP = 0x9E3779B97F4A7C15
WORD = (1 << 64) - 1


def mixed(state):
    """SplitMix64's output for states, an array of them."""
    with np.errstate(over="ignore"):
        bits = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return bits ^ (bits >> np.uint64(31))


class Stream:
    """Numbers for a purpose: FNV-1a of its words, each ended by 0xff, is where SplitMix64 begins."""

    def __init__(self, *words):
        state = 0xCBF29CE484222325
        for byte in b"".join(word.encode() + b"\xff" for word in words):
            state = (state ^ byte) * 0x100000001B3 & WORD
        self.state = int(mixed(np.uint64((state + STEP) & WORD)))

    def draw(self, count):
        with np.errstate(over="ignore"):
            states = np.uint64(self.state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(STEP)
        self.state = (self.state + count * STEP) & WORD
        return mixed(states)

    def below(self, limit, count):
        """Numbers below `limit`: the upper half of a product of 128 bits."""
        bits, limit = self.draw(count), np.uint64(limit)
        low = (bits & np.uint64(0xFFFFFFFF)) * limit >> np.uint64(32)
        return ((bits >> np.uint64(32)) * limit + low >> np.uint64(32)).astype(np.int64)

    def tosses(self, count):
        """Coins, from the lowest bit of each number up."""
        words = self.draw(-(-count // 64))
        bits = words[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
        return bits.reshape(-1)[:count].astype(bool)


# --- The algorithms ----------------------------------------------------------------------------------------

def f1(counts):
    """F1 in percent of (gold, predicted, correct) along the last axis."""
    gold, predicted, correct = np.moveaxis(np.asarray(counts, dtype=float), -1, 0)
    whole = gold + predicted
    return np.divide(200 * correct, whole, out=np.zeros_like(whole), where=whole > 0)


def interval(scores):
    scores, outside = np.sort(scores), len(scores) // 40
    return [float(scores[outside]), float(scores[-1 - outside])]


def resampled(sentences, name):
    """F1 of each side in each resample of one group, `sentences` being [n, sides, 3]."""
    count = len(sentences)
    places = Stream("bootstrap", *name).below(count, RESAMPLES * count).reshape(RESAMPLES, count)
    weights = np.stack([np.bincount(row, minlength=count) for row in places])
    return f1(np.einsum("rn,nsc->rsc", weights, sentences))


def swapped(sentences, flips):
    """The distance of both sides where answers are swapped, for each row of `flips`."""
    first, second = sentences[:, 0], sentences[:, 1]
    change = flips.astype(float) @ (second - first)
    return np.abs(f1(first.sum(0) + change) - f1(second.sum(0) - change))


def by_chance(sentences, name):
    differing = np.flatnonzero((sentences[:, 0] != sentences[:, 1]).any(-1))
    tosses = Stream("randomization", *name).tosses(TRIALS * len(differing)).reshape(TRIALS, -1)
    flips = np.zeros((TRIALS, len(sentences)), dtype=bool)
    flips[:, differing] = tosses
    observed = swapped(sentences, np.zeros((1, len(sentences)), dtype=bool))[0] - 1e-9
    return float((np.count_nonzero(swapped(sentences, flips) >= observed) + 1) / (TRIALS + 1))


def by_all_swaps(sentences):
    """The share of all ways to swap answers that are at least as far apart."""
    differing = np.flatnonzero((sentences[:, 0] != sentences[:, 1]).any(-1))
    flips = np.zeros((1 << len(differing), len(sentences)), dtype=bool)
    flips[:, differing] = np.array(list(itertools.product((False, True), repeat=len(differing))), dtype=bool)
    distances = swapped(sentences, flips)
    return float(np.mean(distances >= distances[0] - 1e-9))


def by_scipy(sentences):
    """The same by scipy, which enumerates swaps itself."""
    first, second = (sentences[:, side] for side in (0, 1))

    def distance(*sides, axis=-1):
        # scipy swaps numbers; which sentence's answers a number stands for is told by its place in both.
        picked = [np.take(np.concatenate([first, second]), np.asarray(side, dtype=int), axis=0) for side in sides]
        totals = [side.sum(-2) for side in picked]
        return np.abs(f1(totals[0]) - f1(totals[1]))

    count = len(sentences)
    test = stats.permutation_test((np.arange(count), np.arange(count, 2 * count)), distance, vectorized=True,
                                  permutation_type="samples", alternative="greater", n_resamples=np.inf)
    return float(test.pvalue)


# --- The cases ---------------------------------------------------------------------------------------------

def drawn_sides(random, count, skill):
    """Sentences of several objects, hard and easy ones, as two sides answer them."""
    gold = random.poisson(2.0, count)
    ease = random.beta(2, 1, count)
    sides = []
    for share in skill:
        found = random.binomial(gold, np.clip(ease * share, 0, 1))
        sides.append(np.stack([gold, found + random.poisson(0.4, count), found], -1))
    return np.stack(sides, 1)


def cases():
    random = np.random.default_rng(7)
    hit, miss = [1, 1, 1], [1, 1, 0]
    for name, hits, count in (("half", 20, 40), ("most", 180, 200), ("all", 10, 10), ("one", 1, 25)):
        yield name, np.array([[hit if at < hits else miss, hit] for at in range(count)])
    yield "few", np.array([[hit, hit if at >= 3 else miss] for at in range(8)])
    yield "equal", np.array([[hit if at % 3 else miss] * 2 for at in range(12)])
    for name, count, skill in (("small", 12, (1.0, 0.6)), ("close", 60, (0.9, 0.85)), ("large", 300, (0.9, 0.7))):
        yield name, drawn_sides(random, count, skill)


def known(name, sentences):
    where = ("d", "en", "ner")
    scores = resampled(sentences, where)
    case = {"name": name, "sentences": sentences.tolist(), "points": float(np.diff(f1(sentences.sum(0))[::-1])[0]),
            "first": interval(scores[:, 0]), "second": interval(scores[:, 1]),
            "difference": interval(scores[:, 0] - scores[:, 1]), "p": by_chance(sentences, ["d"]), "exact": {}}
    if (sentences[:, 0, :2] == 1).all():
        share = sentences[:, 0, 2].mean()
        # Of 1,000 sorted resamples the 26th from either end; three standard errors of such a quantile.
        spread = 3 * np.sqrt(0.025 * 0.975 / RESAMPLES)
        count = len(sentences)
        case["exact"]["first"] = [[float(100 * stats.binom.ppf(min(max(q, 1e-9), 1 - 1e-9), count, share) / count)
                                   for q in (middle - spread, middle + spread)] for middle in (0.025, 0.975)]
    if np.count_nonzero((sentences[:, 0] != sentences[:, 1]).any(-1)) <= 14:
        case["exact"]["p"] = by_all_swaps(sentences)
        if len(sentences) <= 14:
            case["exact"]["scipy"] = by_scipy(sentences)
    return case


# --- How often it is right ---------------------------------------------------------------------------------

def coverage():
    random = np.random.default_rng(11)
    population = drawn_sides(random, 2_000_000, (0.9, 0.9))
    truth = f1(population.sum(0, dtype=float))[0]
    print(f"F1 of the population: {truth:.2f}")
    for count in (25, 50, 100, 200, 500):
        held = below = 0
        for _ in range(2000):
            sentences = population[random.integers(len(population), size=count), 0]
            weights = random.multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
            low, high = interval(f1(weights @ sentences))
            held, below = held + (low <= truth <= high), below + (high < truth)
        print(f"{count:4} sentences: {held / 20:.1f} % of 2,000 intervals hold it, {below / 20:.1f} % lie below")
    for count in (25, 100, 400):
        wrong = 0
        for _ in range(1000):
            sentences = population[random.integers(len(population), size=count)]
            distances = swapped(sentences, random.integers(2, size=(TRIALS, count)).astype(bool))
            observed = swapped(sentences, np.zeros((1, count), dtype=bool))[0] - 1e-9
            wrong += (np.count_nonzero(distances >= observed) + 1) / (TRIALS + 1) <= 0.05
        print(f"{count:4} sentences: p is 0.05 or less in {wrong / 10:.1f} % of 1,000 pairs that are equally good")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verify", action="store_true", help="compare instead of writing")
    parser.add_argument("--coverage", action="store_true", help="simulate instead of writing")
    arguments = parser.parse_args()
    if arguments.coverage:
        coverage()
        return 0
    text = "[\n" + ",\n".join(json.dumps(known(name, sentences)) for name, sentences in cases()) + "\n]\n"
    if not arguments.verify:
        GOLDEN.write_text(text, encoding="utf-8")
    elif json.loads(GOLDEN.read_text(encoding="utf-8")) != json.loads(text):
        print(f"{GOLDEN} differs", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
