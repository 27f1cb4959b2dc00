"""From an inspection to what the catalog compares or keeps: counts, and a new entry."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from typing import TYPE_CHECKING, get_args

from sizer.anatomy.attention import describe_attention
from sizer.catalog.cache import kept_of, shape_of
from sizer.catalog.claims import Counts
from sizer.catalog.measure import counts_of
from sizer.catalog.models import CatalogEntry, Task
from sizer.catalog.verify import Recount
from sizer.errors import InvalidDataError, UsageError

if TYPE_CHECKING:
    from sizer.inspection import Inspection, PartAnatomy
    from sizer.sources.interface import Checkpoint

__all__ = ["entry_of", "parse_task", "recount_of"]

_TASKS: dict[str, Task] = {
    "automatic-speech-recognition": "speech-to-text",
    "feature-extraction": "embedding",
    "fill-mask": "encoder",
    "sentence-similarity": "embedding",
    "text2text-generation": "text-to-text",
    "translation": "text-to-text",
}
"""The Hub's pipeline tags in the catalog's words."""
_CHAT = re.compile(r"(?i)(?:^|[-_.])(?:instruct|chat|it|thinking|think|reasoning)(?:$|[-_.0-9])")
_SIZE_OR_DATE = re.compile(r"(?i)^(?:\d+x)?[ae]?\d+(?:\.\d+)?[bmt]?$|^instruct$|^chat$|^base$|^it$|^v\d.*$")


def parse_task(text: str) -> Task:
    """The task of that name. Raises UsageError."""
    known: dict[str, Task] = {name.casefold(): name for name in get_args(Task)}
    if text.casefold() not in known:
        raise UsageError(
            f"--task: `{text}` is not a task",
            code="usage.choice",
            because=f"one of {', '.join(known)} was expected",
            hint="leave it out to take it from the Hub and the name",
        )
    return known[text.casefold()]


def recount_of(report: Inspection, parts: tuple[PartAnatomy, ...]) -> Recount:
    """What an inspection counted, for `verify`."""
    is_counted = report.total_parameters_basis == "counted" and len(parts) == 1
    counts = _counts(parts[0]) if is_counted else Counts(total=report.total_parameters)
    return Recount(
        counts=counts,
        routed_experts=report.experts.routed_experts if report.experts else None,
        experts_per_token=report.experts.experts_per_token if report.experts else None,
        commit=report.commit,
        is_counted=is_counted,
    )


def entry_of(
    checkpoint: Checkpoint,
    report: Inspection,
    parts: tuple[PartAnatomy, ...],
    *,
    today: datetime.date,
    family: str = "",
    task: Task | None = None,
) -> CatalogEntry:
    """A counted entry for a checkpoint of the Hub.

    Raises InvalidDataError where its counts are not exact, or its active count is not known.
    """
    total, active = report.total_parameters, report.active_parameters
    if report.total_parameters_basis != "counted" or len(parts) != 1 or total is None or active is None:
        raise InvalidDataError(
            f"`{checkpoint.repository}` cannot become a counted entry",
            code="catalog.uncounted",
            because=_why_not(report),
            hint=f"run `sizer inspect {checkpoint.repository}` to see what is known",
        )
    part = parts[0]
    spec = describe_attention(part.part.config, part.anatomy.components_of)
    per_token, windows, state = kept_of(spec)
    packing = _packing(part)
    experts = report.experts if report.experts and report.experts.moe_layers else None
    return CatalogEntry(
        id=checkpoint.repository,
        family=family or _family(checkpoint.repository),
        basis="counted",
        source=f"tensor headers at {report.commit[:12]}" if report.commit else "tensor headers",
        checked=today,
        total_parameters=total,
        active_parameters=active,
        active_compute_parameters=report.active_compute_parameters,
        context_tokens=spec.context_tokens,
        context_source=None if spec.context_tokens is None else "config.json",
        licence=checkpoint.hub.licence if checkpoint.hub else None,
        modality="+".join(["text", *_inputs(report)]),
        task=task or _task(checkpoint),
        routed_experts=experts.routed_experts if experts else None,
        experts_per_token=experts.experts_per_token if experts else None,
        kv_cache_bytes_per_token=per_token,
        kv_cache_windows=windows,
        state_bytes=state,
        shape=shape_of(spec),
        stored_format=packing,
        stored_bytes=report.weights_bytes if packing else None,
    )


def _packing(part: PartAnatomy) -> str | None:
    """The packing of most parameters, where it is one of less than 16 bits: `MXFP4`."""
    held: Counter[tuple[str, bool]] = Counter()
    for _, group in part.anatomy.components_of:
        held[group.storage, group.stored_bytes * 8 < 16 * group.parameters] += group.total
    (storage, is_narrow), _ = held.most_common(1)[0]
    return storage.partition(" (")[0] if is_narrow else None


def _counts(part: PartAnatomy) -> Counts:
    return counts_of(part.anatomy, part.unpacked.stored)


def _why_not(report: Inspection) -> str:
    if report.total_parameters_basis != "counted":
        return report.total_parameters_reason or f"its total is {report.total_parameters_basis}, not counted"
    return report.active_parameters_reason or "it is not one language model"


def _inputs(report: Inspection) -> list[str]:
    kinds = {component.name for component in report.components}
    return [word for name, word in (("vision", "image"), ("audio", "audio")) if name in kinds]


def _task(checkpoint: Checkpoint) -> Task:
    tag = (checkpoint.hub.pipeline_tag if checkpoint.hub else None) or ""
    if tag in _TASKS:
        return _TASKS[tag]
    is_chat = _has_chat_tag(checkpoint) or _CHAT.search(checkpoint.repository.rpartition("/")[2])
    return "chat" if is_chat else "completion"


def _has_chat_tag(checkpoint: Checkpoint) -> bool:
    """The Hub gives the tag to repositories whose tokenizer has a chat template."""
    return checkpoint.hub is not None and "conversational" in checkpoint.hub.tags


def _family(repository: str) -> str:
    """The name up to its first size: `Qwen3` of `Qwen/Qwen3-30B-A3B`."""
    words = repository.rpartition("/")[2].split("-")
    kept: list[str] = []
    for word in words:
        if kept and _SIZE_OR_DATE.match(word):
            break
        kept.append(word)
    return "-".join(kept)
