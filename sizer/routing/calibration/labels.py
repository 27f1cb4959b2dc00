"""Labelled outcomes: a prompt, and how well each model answered it.

CSV (RouteLLM's form: `prompt` and one column per model), JSON Lines of the same columns, JSON Lines of one row per
prompt and model, and LLMRouterBench result files. An outcome is a bool, or a score on any scale that is the same for
all models. A prompt is a text or a list of messages, of which the last user turn counts, as where a router is applied.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sizer import units
from sizer.errors import UsageError
from sizer.routing.traffic.reader import last_user_text
from sizer.routing.traffic.rows import as_text, open_log, read_batches, read_table, sniff
from sizer.values import frozen

__all__ = ["Labels", "choose_pair", "read_labels"]

_PROMPTS = ("prompt", "origin_query", "question", "query", "input", "text", "messages")
_GROUPS = ("group", "subject", "category", "task", "dataset", "dataset_name", "domain")
_NOT_OUTCOMES = {
    "id", "index", "idx", "row", "question_id", "prompt_tokens", "completion_tokens", "input_tokens", "output_tokens",
    "total_tokens", "tokens", "cost", "turn", "length", "latency", "latency_ms", "duration", "duration_ms", "seed",
    "fold", "timestamp", "time", "created", "created_at",
}  # fmt: skip
_WORDS = {"true": 1.0, "yes": 1.0, "correct": 1.0, "right": 1.0, "pass": 1.0, "passed": 1.0,
          "false": 0.0, "no": 0.0, "incorrect": 0.0, "wrong": 0.0, "fail": 0.0, "failed": 0.0}  # fmt: skip
_MISSING = {"", "na", "n/a", "nan", "null", "none", "-"}
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
    names = [name for name in dict.fromkeys(name for row in rows for name in row) if name]
    prompt = next((name for name in _PROMPTS if name in names), "")
    if not prompt:
        raise _bad(where, f"none of its columns is a prompt; columns seen: {', '.join(names)}", "name one `prompt`")
    groups = group or next((name for name in _GROUPS if name in names), "")
    if group and group not in names:
        raise _bad(where, f"it has no column `{group}`; columns seen: {', '.join(names)}", "correct --group")
    if "model" in names and "score" in names:
        rows = _widened(rows, prompt, groups)
        names = list(rows[0])
    models = _outcome_columns(rows, [name for name in names if name not in (prompt, groups)])
    if len(models) < 2:
        raise _bad(
            where,
            f"it needs two outcome columns (true/false or a score) and has {len(models)}; columns seen: "
            + ", ".join(_seen(name, rows, models, prompt, groups) for name in names),
            "add one column per model with its outcome on each prompt",
        )
    texts = [last_user_text(row.get(prompt)) for row in rows]
    whole = [bool(text) and all(_outcome(row.get(model)) is not None for model in models)
             for text, row in zip(texts, rows, strict=True)]  # fmt: skip
    kept = [row for row, is_whole in zip(rows, whole, strict=True) if is_whole]
    if len(kept) < _FEWEST:
        raise _bad(
            where,
            f"{units.plural(len(kept), 'complete row')} cannot calibrate anything; {_FEWEST} are the least, "
            "and 200 to 500 give a usable answer",
            "label more",
        )
    return Labels(
        prompts=tuple(text for text, is_whole in zip(texts, whole, strict=True) if is_whole),
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
    if not small and not large and not all(by_role.values()):
        _same_scale(labels, ranked[0], ranked[-1])
    low = column(small, "--small") if small else by_role["small:"] or ranked[0]
    high = column(large, "--large") if large else by_role["large:"] or ranked[-1]
    if low == high:
        raise UsageError(
            f"--small and --large are both `{low}`", code="usage.labels",
            because=f"outcome columns are {', '.join(labels.models)}", hint="name two of them",
        )  # fmt: skip
    return low, high


def _same_scale(labels: Labels, low: str, high: str) -> None:
    """Raises UsageError where one column lies between 0 and 1 and the other, which nobody named, does not."""
    unit, other = sorted((low, high), key=lambda model: max(map(abs, labels.outcomes[model])))
    if max(map(abs, labels.outcomes[unit])) <= 1 < max(labels.outcomes[other]):
        scale = ", ".join(f"{name} from {min(values):g} to {max(values):g}" for name, values in labels.outcomes.items())
        raise UsageError(
            f"`{unit}` and `{other}` are on different scales", code="usage.labels",
            because=f"scores of all models must mean the same; the columns go {scale}",
            hint="name the two that are outcomes: --small COLUMN --large COLUMN",
        )  # fmt: skip


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    where = str(path)
    try:
        with open_log(where) as stream:
            form, lines = sniff(stream, where)
            if form.kind == "csv":
                yield from read_table(as_text(lines), where, delimiter=form.delimiter)
            elif path.suffix.lower() == ".json":
                yield from _records(json.loads(b"".join(lines)), path)
            elif form.kind == "documents":
                for row in (row for batch in read_batches(lines, where, form) for row in batch):
                    if row is None:
                        raise _bad(where, "it is not JSON to its end", "check that the export went through")
                    yield dict(row)
            else:
                for number, line in enumerate(as_text(lines), 1):
                    if line.strip():
                        value = json.loads(line)
                        if not isinstance(value, dict):
                            raise _bad(where, f"line {number} is not an object", "write one JSON object a line")
                        yield value
    except (ValueError, RecursionError) as error:
        raise _bad(where, f"it is not read as {path.suffix or 'JSON Lines'} ({error})", "give CSV or JSONL") from error


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
    """One row a prompt from one row a prompt and model; of several answers of a model to a prompt the mean."""
    wide: dict[str, dict[str, Any]] = {}
    scores: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        key = last_user_text(row.get(prompt))
        wide.setdefault(key, {prompt: row.get(prompt), group: row.get(group)})
        scores.setdefault((key, str(row["model"])), []).append(row.get("score"))
    for (key, model), given in scores.items():
        numbers = [number for number in map(_outcome, given) if number is not None]
        wide[key][model] = sum(numbers) / len(numbers) if numbers else given[0]
    names = {str(row["model"]): None for row in rows}
    return [names | row for row in wide.values()]


def _outcome_columns(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    names = [name for name in names if name.lower() not in _NOT_OUTCOMES]
    roles = [name for name in names if name.startswith(_ROLES)]
    if len(roles) >= 2:
        return roles
    return [name for name in names if not _why_none([row.get(name) for row in rows])]


def _why_none(values: Sequence[Any]) -> str:
    """Why a column holds no outcomes; `""` where it does."""
    given = [value for value in values if value is not None and str(value).strip().lower() not in _MISSING]
    if len(given) < len(values) / 2:
        return "mostly empty"
    odd = next((value for value in given if _outcome(value) is None), None)
    return "" if odd is None else f"`{str(odd)[:20]}` is no score"


def _seen(name: str, rows: Sequence[dict[str, Any]], models: Sequence[str], prompt: str, group: str) -> str:
    """A column as the message about missing outcomes names it: with what keeps it from being one."""
    if name in (prompt, group) or name in models or name.lower() in _NOT_OUTCOMES:
        return name
    return f"{name} ({_why_none([row.get(name) for row in rows])})"


def _outcome(value: Any) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value) if value == value and abs(value) < 1e12 else None
    if isinstance(value, str):
        text = value.strip().lower()
        if text in _WORDS:
            return _WORDS[text]
        try:
            return _outcome(float(text.removesuffix("%")) / (100 if text.endswith("%") else 1))
        except ValueError:
            return None
    return None


def _bad(where: str, why: str, hint: str) -> UsageError:
    return UsageError(f"`{where}` cannot be used as labels", code="usage.labels", because=why, hint=hint)
