"""Measure routers on labelled outcomes: the figures of docs/benchmarks.md and the points of data/routers.yaml.

    python benchmarks/router_curves.py LABELS.csv --train 500 [--seeds 8] [--shuffles 100]

Trains the text router on `--train` prompts (duplicates kept together), tests it on the rest, for each seed; prints
the mean curve of false-hard and false-easy rates at every twentieth of the traffic sent to the large model.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from sizer.routing.calibration import text_router
from sizer.routing.calibration.calibrate import calibrate, text_scores
from sizer.routing.calibration.curve import apgr, cpt, curve_of, oracle_scores
from sizer.routing.calibration.folds import near_duplicate_groups
from sizer.routing.calibration.labels import Labels, choose_pair, read_labels
from sizer.routing.calibration.report import Costs, Target

SHARES = [step / 20 for step in range(1, 20)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--train", type=int, required=True)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--shuffles", type=int, default=0)
    options = parser.parse_args()
    labels = read_labels([options.labels])
    low, high = choose_pair(labels)
    weak, strong = np.array(labels.outcomes[low]), np.array(labels.outcomes[high])
    length = np.array([float(len(prompt)) for prompt in labels.prompts])
    print(
        f"{len(weak)} prompts; {low} {weak.mean():.5f}, {high} {strong.mean():.5f}; hard {(strong > weak).mean():.4f}"
    )
    started = time.process_time()
    corpus = text_router.Corpus(labels.prompts)
    print(f"features: {len(weak) / (time.process_time() - started):,.0f} prompts/s of CPU")
    show("length", curve_of(length, weak, strong))
    show("oracle", curve_of(oracle_scores(weak, strong), weak, strong))
    rng = np.random.default_rng(0)
    coins = [float(apgr(curve_of(rng.random(len(weak)), weak, strong))) for _ in range(1000)]
    print(f"1,000 coins: mean APGR {np.mean(coins):.4f}, 95 % of one in {np.quantile(coins, [0.025, 0.975]).round(3)}")
    points("length", [curve_of(length, weak, strong)])
    held_out(labels, corpus, weak, strong, options.train, options.seeds)
    if options.shuffles:
        shuffled(labels, weak, strong, options.shuffles)


def held_out(labels, corpus, weak, strong, train: int, seeds: int) -> None:
    """Train on `train` prompts, test on the rest."""
    exact = np.unique(np.array(labels.prompts, dtype=object).astype(str), return_inverse=True)[1]
    near = near_duplicate_groups(labels.prompts)
    for name, groups in (("text router", exact), ("text router, near-duplicates apart", near)):
        curves = []
        for seed in range(seeds):
            order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
            rank = np.argsort(order)[groups]
            by_group = np.argsort(rank, kind="stable")
            cut = rank[by_group[train - 1]]
            taken, tested = np.nonzero(rank <= cut)[0], np.nonzero(rank > cut)[0]
            started = time.process_time()
            router = text_router.fit(corpus, taken, (strong - weak)[taken])
            spent = time.process_time() - started
            curves.append(curve_of(text_router.predict(router, corpus, tested), weak[tested], strong[tested]))
        areas = [float(apgr(curve)) for curve in curves]
        print(
            f"{name}, {train} labels, {seeds} seeds: APGR {np.mean(areas):.4f} [{min(areas):.3f}, {max(areas):.3f}], "
            f"CPT50 {np.mean([100 * cpt(c, 0.5) for c in curves]):.1f}, "
            f"CPT80 {np.mean([100 * cpt(c, 0.8) for c in curves]):.1f}; last fit {spent:.2f} s of CPU"
        )
        points(name, curves)
    started = time.process_time()
    for prompt in labels.prompts[:2000]:
        router.score(prompt)
    per_second = min(2000, len(labels.prompts)) / (time.process_time() - started)
    print(f"one at a time, standard library: {per_second:,.0f} prompts/s of CPU, {1000 / per_second:.2f} ms each")
    folds = text_scores(corpus, strong - weak, near, 0)
    show("five folds", curve_of(folds, weak, strong))


def shuffled(labels: Labels, weak, strong, count: int) -> None:
    """How often labels shuffled over the prompts end in "do not route"."""
    verdicts = []
    for seed in range(count):
        order = np.random.default_rng(seed).permutation(len(weak))
        outcomes = {"small:a": tuple(weak[order]), "large:b": tuple(strong[order])}
        mixed = Labels(prompts=labels.prompts, outcomes=outcomes, groups=(), dropped=0)
        costs = Costs(usd_per_request={"small:a": 0.01, "large:b": 1.0})
        report, _ = calibrate(mixed, costs=lambda low, high, costs=costs: (costs, ()), target=Target(), draws=400)
        verdicts.append(report.verdict)
    print(f"shuffled labels: do not route in {verdicts.count('do not route')} of {count}")


def show(name: str, curve) -> None:
    print(f"{name}: APGR {apgr(curve):.4f}, CPT50 {100 * cpt(curve, 0.5):.2f}, CPT80 {100 * cpt(curve, 0.8):.2f}")


def points(name: str, curves) -> None:
    print(f"# {name}: [share to the large model, false-hard rate, false-easy rate]")
    for share in SHARES:
        alpha = np.mean([np.interp(share, curve.share, curve.easy_up) for curve in curves])
        beta = np.mean([1 - np.interp(share, curve.share, curve.hard_up) for curve in curves])
        print(f"    - [{share:.2f}, {alpha:.4f}, {beta:.4f}]")


if __name__ == "__main__":
    main()
