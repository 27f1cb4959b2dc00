"""Labelled outcomes made for tests: prompts of random words, some of which make a prompt hard."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

COMMON = [f"word{number}" for number in range(300)]
TOPIC = {True: [f"hard{number}" for number in range(25)], False: [f"easy{number}" for number in range(25)]}


def make_labels(count: int, seed: int, *, signal: bool = True) -> list[tuple[str, int, int]]:
    """(prompt, small, large): 40 % of the prompts have words of a hard topic, on which the small model mostly fails.

    Without `signal` the outcomes do not depend on the prompt.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        topic = bool(rng.random() < 0.4)
        length = int(rng.integers(8, 40))
        words = [*rng.choice(COMMON, size=length), *rng.choice(TOPIC[topic], size=2 + length // 6)]
        is_hard = topic if signal else rng.random() < 0.4
        small, large = int(rng.random() < (0.3 if is_hard else 0.85)), int(rng.random() < 0.9)
        rows.append((f"{number}: " + " ".join(rng.permutation(words)), small, large))
    return rows


def write_labels(path: Path, rows: list[tuple[str, int, int]], names: tuple[str, str] = ("mini", "maxi")) -> Path:
    """The rows as RouteLLM's CSV."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["prompt", *names])
        writer.writerows((prompt, bool(small), bool(large)) for prompt, small, large in rows)
    return path
