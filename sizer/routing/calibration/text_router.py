"""A text router small enough for any CPU: ridge regression on hashed n-grams and cheap counts.

It predicts how much better the large model answers a prompt than the small one does. Training needs numpy;
scoring a saved router needs the standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sizer.errors import UsageError
from sizer.routing.calibration.features import CHEAP_NAMES, cheap_features, grams, weigh
from sizer.routing.files import unreadable
from sizer.values import frozen

if TYPE_CHECKING:
    from sizer.routing.calibration.curve import Floats

__all__ = ["Corpus", "TextRouter", "fit", "load_router", "predict", "save_router"]

FORMAT = "sizer-text-router/1"

# Chosen on GSM8K and MMLU outcomes of RouteLLM, 8 seeds each (docs/benchmarks.md); the result moves by less
# than 0.005 APGR when either is halved or doubled.
_RIDGE = 8.0
_CHEAP_WEIGHT = 0.1
_CLIP = 4.0
_TOLERANCE = 1e-6
_MOST_STEPS = 200


@frozen
class TextRouter:
    """A trained router. Higher scores gain more from the large model."""

    intercept: float
    """The mean gain of the training labels."""
    gram_weights: Mapping[int, float]
    """Weight of each bucket's TF-IDF value."""
    idf: Mapping[int, float]
    """Inverse document frequency of each bucket that training saw."""
    cheap_mean: tuple[float, ...]
    cheap_scale: tuple[float, ...]
    cheap_weights: tuple[float, ...]
    trained_on: int
    """Labels that it was trained on."""

    def score(self, text: str) -> float:
        """The gain in quality that the large model is expected to bring on a prompt."""
        total = self.intercept
        for bucket, value in weigh(grams(text), self.idf).items():
            total += value * self.gram_weights[bucket]
        for value, mean, scale, weight in zip(
            cheap_features(text), self.cheap_mean, self.cheap_scale, self.cheap_weights, strict=True
        ):
            total += min(_CLIP, max(-_CLIP, (value - mean) / scale)) * weight
        return total


class Corpus:
    """The features of many prompts, counted once and used by every fold."""

    def __init__(self, prompts: Sequence[str]) -> None:
        import numpy as np

        counted = [grams(prompt) for prompt in prompts]
        sizes = np.fromiter(map(len, counted), dtype=np.int64, count=len(counted))
        self.starts = np.concatenate(([0], np.cumsum(sizes)))
        total = int(self.starts[-1])
        self.buckets = np.fromiter((bucket for row in counted for bucket in row), dtype=np.int64, count=total)
        counts = np.fromiter((count for row in counted for count in row.values()), dtype=np.float64, count=total)
        self.tf = 1 + np.log(counts)
        self.cheap: Floats = np.array([cheap_features(prompt) for prompt in prompts], dtype=np.float64)

    def rows(self, index: Any) -> tuple[Any, Any, Any]:
        """(row number, bucket, TF) of every entry of the chosen prompts, concatenated."""
        import numpy as np

        sizes = self.starts[index + 1] - self.starts[index]
        row = np.repeat(np.arange(len(index)), sizes)
        offset = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        at = self.starts[index][row] + offset
        return row, self.buckets[at], self.tf[at]


def fit(corpus: Corpus, chosen: Any, gain: Floats) -> TextRouter:
    """Train on the chosen prompts (indexes into the corpus); `gain` is large minus small outcome of each of them.

    Solves (X X' + ridge I) a = y - mean(y) by conjugate gradients, X being the TF-IDF rows of length 1 beside
    the standardised cheap features; the weights are X' a.
    """
    import numpy as np

    row, bucket, tf = corpus.rows(chosen)
    seen, column, frequency = np.unique(bucket, return_inverse=True, return_counts=True)
    idf = np.log((1 + len(chosen)) / (1 + frequency)) + 1
    value = tf * idf[column]
    length = np.sqrt(np.bincount(row, value * value, minlength=len(chosen)))
    value = value / np.where(length > 0, length, 1)[row]

    cheap = corpus.cheap[chosen]
    mean, scale = cheap.mean(axis=0), cheap.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    dense = np.clip((cheap - mean) / scale, -_CLIP, _CLIP) * _CHEAP_WEIGHT

    def to_weights(a: Any) -> tuple[Any, Any]:
        return np.bincount(column, value * a[row], minlength=len(seen)), dense.T @ a

    def apply(a: Any) -> Any:
        sparse_weights, dense_weights = to_weights(a)
        fitted = np.bincount(row, value * sparse_weights[column], minlength=len(chosen))
        return fitted + dense @ dense_weights + _RIDGE * a

    target = gain - gain.mean()
    gram_weights, cheap_weights = to_weights(_solve(apply, target))
    return TextRouter(
        intercept=float(gain.mean()),
        gram_weights=dict(zip(seen.tolist(), gram_weights.tolist(), strict=True)),
        idf=dict(zip(seen.tolist(), idf.tolist(), strict=True)),
        cheap_mean=tuple(mean.tolist()),
        cheap_scale=tuple(scale.tolist()),
        cheap_weights=tuple((cheap_weights * _CHEAP_WEIGHT).tolist()),
        trained_on=len(chosen),
    )


def _solve(apply: Any, target: Any) -> Any:
    """x with apply(x) = target, for a positive definite `apply`, by conjugate gradients."""
    import numpy as np

    found = np.zeros_like(target)
    residual = target.copy()
    direction = residual.copy()
    size = float(residual @ residual)
    enough = size * _TOLERANCE**2
    for _ in range(_MOST_STEPS):
        if size <= enough:
            break
        image = apply(direction)
        step = size / float(direction @ image)
        found += step * direction
        residual -= step * image
        size, before = float(residual @ residual), size
        direction = residual + (size / before) * direction
    return found


def predict(router: TextRouter, corpus: Corpus, chosen: Any) -> Floats:
    """The scores of the chosen prompts: as `TextRouter.score`, many at a time."""
    import numpy as np

    row, bucket, tf = corpus.rows(chosen)
    seen = np.fromiter(router.idf, dtype=np.int64, count=len(router.idf))  # ascending: it comes from np.unique
    idf = np.fromiter(router.idf.values(), dtype=np.float64, count=len(seen))
    weights = np.fromiter(router.gram_weights.values(), dtype=np.float64, count=len(seen))
    at = np.minimum(np.searchsorted(seen, bucket), max(0, len(seen) - 1))
    known = seen[at] == bucket if len(seen) else np.zeros(len(bucket), dtype=bool)
    row, at, value = row[known], at[known], (tf * idf[at])[known]
    length = np.sqrt(np.bincount(row, value * value, minlength=len(chosen)))
    total = np.bincount(row, value * weights[at], minlength=len(chosen)) / np.where(length > 0, length, 1)
    scaled = np.clip((corpus.cheap[chosen] - router.cheap_mean) / router.cheap_scale, -_CLIP, _CLIP)
    scores: Floats = router.intercept + total + scaled @ np.array(router.cheap_weights)
    return scores


def save_router(router: TextRouter, path: Path, facts: Mapping[str, Any]) -> None:
    """Write a router and what is known about it (thresholds, models, measurements) as JSON."""
    document = {
        "format": FORMAT,
        **facts,
        "trained_on": router.trained_on,
        "intercept": router.intercept,
        "cheap": {
            name: [mean, scale, weight]
            for name, mean, scale, weight in zip(
                CHEAP_NAMES, router.cheap_mean, router.cheap_scale, router.cheap_weights, strict=True
            )
        },
        "buckets": list(router.idf),
        "idf": [round(value, 6) for value in router.idf.values()],
        "weights": [float(f"{value:.6g}") for value in router.gram_weights.values()],
    }
    try:
        path.write_text(json.dumps(document) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"`{path}` cannot be written", code="usage.file", because=error.strerror or "", hint="give another path"
        ) from error


def load_router(path: Path) -> tuple[TextRouter, dict[str, Any]]:
    """A saved router and the facts saved with it. Raises UsageError where the file is not one."""
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT:
            raise ValueError(f"its format is `{document['format']}`, not `{FORMAT}`")
        if tuple(document["cheap"]) != CHEAP_NAMES:
            raise ValueError("its cheap features are not this version's")
        buckets = document["buckets"]
        mean, scale, weights = zip(*document["cheap"].values(), strict=True)
        router = TextRouter(
            intercept=float(document["intercept"]),
            gram_weights=dict(zip(buckets, document["weights"], strict=True)),
            idf=dict(zip(buckets, document["idf"], strict=True)),
            cheap_mean=mean,
            cheap_scale=scale,
            cheap_weights=weights,
            trained_on=int(document["trained_on"]),
        )
    except OSError as error:
        raise unreadable(path, error, hint="name a router that `sizer route calibrate --save` wrote") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad_router(path, f"{type(error).__name__}: {error}") from error
    body = {"format", "trained_on", "intercept", "cheap", "buckets", "idf", "weights"}
    return router, {key: value for key, value in document.items() if key not in body}


def _bad_router(path: Path, why: str) -> UsageError:
    return UsageError(
        f"`{path}` is not a saved router", code="usage.router", because=why,
        hint="make one with `sizer route calibrate LABELS --save router.json`",
    )  # fmt: skip
