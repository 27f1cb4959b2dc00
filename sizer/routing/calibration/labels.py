"""Labelled outcomes: a prompt, and how well each model answered it.

Read with the standard library: CSV (RouteLLM's form: `prompt` and one column per model), JSON Lines of the same
columns, JSON Lines of one row per prompt and model, and LLMRouterBench result files. An outcome is a bool, or a
score on any scale that is the same for all models.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sizer import units
from sizer.errors import UsageError
from sizer.routing.files import unreadable
from sizer.values import frozen

__all__ = ["Labels", "choose_pair", "read_labels"]

_PROMPTS = ("prompt", "origin_query", "question", "query", "input", "text")
_GROUPS = ("group", "subject", "category", "task", "dataset", "dataset_name", "domain")
_NOT_OUTCOMES = {"id", "index", "idx", "row", "question_id", "prompt_tokens", "completion_tokens", "cost", "turn"}
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_FEWEST = 50
_ROLES = ("small:", "large:")


@frozen
class Labels:
    """Outcomes of several models on the same prompts."""

    prompts: tuple[str, ...]
    """The text that was asked."""
    outcomes: dict[str, tuple[float, ...]]
    """Model -> outcome of each prompt, in the order of `prompts`."""
    groups: tuple[str, ...]
    """Subject or task of each prompt; empty where the file has none."""
    dropped: int
    """Rows left out because an outcome or the prompt is missing."""

    @property
    def models(self) -> list[str]:
        """The models, in the file's order."""
        return list(self.outcomes)

    def mean(self, model: str) -> float:
        """A model's mean outcome."""
        return sum(self.outcomes[model]) / len(self.prompts)


def read_labels(paths: Sequence[Path], *, group: str = "") -> Labels:
    """Labels from one file or several. `group` names the column with the subject.

    Raises UsageError where no prompt or fewer than two outcome columns are found, naming the columns seen.
    """
    rows = [row for path in paths for row in _rows(path)]
    where = ", ".join(map(str, paths))
    if not rows:
        raise _bad(where, "it holds no rows", "give prompts with one outcome column per model")
    prompt = next((name for name in _PROMPTS if name in rows[0]), "")
    if not prompt:
        raise _bad(where, f"none of its columns is a prompt; columns seen: {', '.join(rows[0])}", "name one `prompt`")
    groups = group or next((name for name in _GROUPS if name in rows[0]), "")
    if group and group not in rows[0]:
        raise _bad(where, f"it has no column `{group}`; columns seen: {', '.join(rows[0])}", "correct --group")
    if "model" in rows[0] and "score" in rows[0]:
        rows = _widened(rows, prompt, groups)
    models = _outcome_columns(rows, {prompt, groups})
    if len(models) < 2:
        raise _bad(
            where,
            f"it needs two outcome columns (true/false or a score) and has {len(models)}; columns seen: "
            + ", ".join(rows[0]),
            "add one column per model with its outcome on each prompt",
        )
    kept = [row for row in rows if row.get(prompt) and all(_outcome(row.get(model)) is not None for model in models)]
    if len(kept) < _FEWEST:
        raise _bad(
            where,
            f"{units.plural(len(kept), 'complete row')} cannot calibrate anything; {_FEWEST} are the least, "
            "and 200 to 500 give a usable answer",
            "label more",
        )
    return Labels(
        prompts=tuple(str(row[prompt]) for row in kept),
        outcomes={model: tuple(_outcome(row[model]) or 0.0 for row in kept) for model in models},
        groups=tuple(str(row.get(groups) or "") for row in kept) if groups else (),
        dropped=len(rows) - len(kept),
    )


def choose_pair(labels: Labels, small: str = "", large: str = "") -> tuple[str, str]:
    """The two columns to route between: as named, by their `small:`/`large:` prefix, or by mean outcome.

    Raises UsageError for a name that is no column.
    """

    def column(name: str, flag: str) -> str:
        found = [model for model in labels.models if name in (model, *(model.removeprefix(role) for role in _ROLES))]
        if not found:
            raise UsageError(
                f"{flag}: the labels have no column `{name}`", code="usage.labels",
                because=f"outcome columns are {', '.join(labels.models)}", hint=f"correct {flag}",
            )  # fmt: skip
        return found[0]

    ranked = sorted(labels.models, key=labels.mean)
    by_role = {role: next((model for model in labels.models if model.startswith(role)), "") for role in _ROLES}
    low = column(small, "--small") if small else by_role["small:"] or ranked[0]
    high = column(large, "--large") if large else by_role["large:"] or ranked[-1]
    if low == high:
        raise UsageError(
            f"--small and --large are both `{low}`", code="usage.labels",
            because=f"outcome columns are {', '.join(labels.models)}", hint="name two of them",
        )  # fmt: skip
    return low, high


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            if path.suffix.lower() in (".csv", ".tsv"):
                csv.field_size_limit(1 << 30)
                yield from csv.DictReader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
            elif path.suffix.lower() == ".json":
                yield from _records(json.load(stream), path)
            else:
                for number, line in enumerate(stream, 1):
                    if line.strip():
                        value = json.loads(line)
                        if not isinstance(value, dict):
                            raise _bad(str(path), f"line {number} is not an object", "write one JSON object a line")
                        yield value
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, csv.Error, RecursionError) as error:
        raise _bad(
            str(path), f"it is not read as {path.suffix or 'JSON Lines'} ({error})", "give CSV or JSONL"
        ) from error


def _records(document: Any, path: Path) -> Iterable[dict[str, Any]]:
    """Rows of a JSON document: a list of objects, or a result file with `records` and a `model_name`."""
    if isinstance(document, list):
        return [row for row in document if isinstance(row, dict)]
    records = document.get("records") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise _bad(str(path), "it is neither a list of rows nor an object with `records`", "give CSV or JSONL")
    shared = {"model": document.get("model_name") or document.get("model") or path.stem,
              "dataset": document.get("dataset_name") or document.get("dataset") or ""}  # fmt: skip
    return [shared | row for row in records if isinstance(row, dict)]


def _widened(rows: Sequence[dict[str, Any]], prompt: str, group: str) -> list[dict[str, Any]]:
    """One row a prompt from one row a prompt and model."""
    wide: dict[str, dict[str, Any]] = {}
    for row in rows:
        key = str(row.get(prompt))
        wide.setdefault(key, {prompt: row.get(prompt), group: row.get(group)})[str(row["model"])] = row["score"]
    names = {str(row["model"]): None for row in rows}
    return [names | row for row in wide.values()]


def _outcome_columns(rows: Sequence[dict[str, Any]], others: set[str]) -> list[str]:
    names = [name for name in rows[0] if name and name not in others and name.lower() not in _NOT_OUTCOMES]
    roles = [name for name in names if name.startswith(_ROLES)]
    if len(roles) >= 2:
        return roles
    return [name for name in names if _is_outcome([row.get(name) for row in rows])]


def _is_outcome(values: Sequence[Any]) -> bool:
    given = [value for value in values if value not in (None, "")]
    return len(given) >= len(values) / 2 and all(_outcome(value) is not None for value in given)


def _outcome(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value) if value == value and abs(value) < 1e12 else None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _WORDS:
            return _WORDS[text]
        try:
            return _outcome(float(text))
        except ValueError:
            return None
    return None


def _bad(where: str, why: str, hint: str) -> UsageError:
    return UsageError(f"`{where}` cannot be used as labels", code="usage.labels", because=why, hint=hint)
