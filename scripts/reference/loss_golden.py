#!/usr/bin/env python3
"""Holds our loss against torch's: `CrossEntropyLoss(label_smoothing)`, and PaLM's z-loss by torch's `logsumexp`.

    loss_golden.py             write tests/golden/loss.json
    loss_golden.py --verify    compute the committed numbers again and compare

Runs in the environment of setup.sh. Exit code 0: equal within the tolerance; 1: a difference; 2: usage.

# The golden file

`rows`, `width`, `vocabulary`; `hidden`, `head`, `labels` and `weights` of one chunk, matrices row by row; `cases`:
of each its `label_smoothing` and `z_loss`, the weighted `losses` of the rows, and the gradients of their sum for
`hidden` and `head`.
"""

import argparse
import json
import sys

import torch
from llama_golden import GOLDEN, dumps
from networks import Comparison

ROWS, WIDTH, VOCABULARY = 6, 5, 9
CASES = [(0.0, 0.0), (0.1, 0.0), (0.0, 1e-4), (0.0, 0.01), (0.1, 0.01), (0.5, 1e-3)]
# f32 on both sides: the order of summation only.
TOLERANCE = 1e-5


def case(inputs, smoothing, z):
    hidden = torch.tensor(inputs["hidden"]).view(ROWS, WIDTH).requires_grad_()
    head = torch.tensor(inputs["head"]).view(VOCABULARY, WIDTH).requires_grad_()
    labels, weights = torch.tensor(inputs["labels"]), torch.tensor(inputs["weights"])
    logits = hidden @ head.T
    losses = torch.nn.CrossEntropyLoss(label_smoothing=smoothing, reduction="none")(logits, labels)
    losses = (losses + z * torch.logsumexp(logits, -1) ** 2) * weights
    losses.sum().backward()
    numbers = {"losses": losses.detach(), "hidden": hidden.grad, "head": head.grad}
    return {name: tensor.flatten().tolist() for name, tensor in numbers.items()}


def write():
    generator = torch.Generator().manual_seed(5)
    numbers = lambda count: torch.randn(count, generator=generator).half().float().tolist()  # noqa: E731
    inputs = {
        "hidden": numbers(ROWS * WIDTH),
        "head": numbers(VOCABULARY * WIDTH),
        "labels": torch.randint(VOCABULARY, (ROWS,), generator=generator).tolist(),
        "weights": [1.0, 0.5, 0.25, 2.0, 1.0, 0.125],
    }
    cases = [{"label_smoothing": s, "z_loss": z} | case(inputs, s, z) for s, z in CASES]
    sizes = {"rows": ROWS, "width": WIDTH, "vocabulary": VOCABULARY}
    document = sizes | inputs | {"cases": cases, "made_with": {"torch": torch.__version__}}
    (GOLDEN / "loss.json").write_text(dumps(document) + "\n")


def verify(found):
    document = json.loads((GOLDEN / "loss.json").read_text())
    settings = [(stored["label_smoothing"], stored["z_loss"]) for stored in document["cases"]]
    found.say(settings == CASES, "settings", "as here")
    for stored in document["cases"]:
        smoothing, z = stored["label_smoothing"], stored["z_loss"]
        for name, ours in case(document, smoothing, z).items():
            what = f"label smoothing {smoothing}, z-loss {z}: {name}"
            found.close(what, torch.tensor(ours), torch.tensor(stored[name]), TOLERANCE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--verify", action="store_true", help="hold the committed file against a fresh run")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = Comparison()
    if arguments.verify:
        verify(found)
    else:
        write()
    return found.end()


if __name__ == "__main__":
    sys.exit(main())
