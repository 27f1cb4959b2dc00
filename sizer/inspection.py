"""From a checkpoint to the report of `sizer inspect`: unpack, count, compare with the claims.

Everything here is a pure function of a `Checkpoint`: no network, no clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sizer.anatomy.estimate import Estimate, estimate_from_bytes, estimate_from_config
from sizer.anatomy.parameters import Anatomy, Component, Experts, analyse
from sizer.catalog.claims import Claim, Statements, reconcile
from sizer.catalog.measure import counts_of
from sizer.catalog.models import CatalogEntry, load_catalog
from sizer.errors import InvalidDataError, SizerError, UnavailableError
from sizer.notices import Notice
from sizer.quantization.interface import Unpacked
from sizer.quantization.unpack import unpack
from sizer.sizing.fit import Fit
from sizer.sizing.memory import Memory
from sizer.sizing.model import Sizing, SizingSettings, size_model, size_unknown
from sizer.sizing.size_class import ClassPair, classify_pair
from sizer.sources.interface import Checkpoint, Part, Reading
from sizer.units import format_count, format_integer, plural
from sizer.values import frozen

__all__ = [
    "Failure",
    "Inspection",
    "Inspections",
    "PartAnatomy",
    "Storage",
    "examine",
    "find_gap",
    "inspect_checkpoint",
    "refuse_gap",
    "told_by_tensors",
    "warnings_of",
]


@frozen
class PartAnatomy:
    """One part of a checkpoint, unpacked and counted."""

    part: Part
    unpacked: Unpacked
    anatomy: Anatomy


@frozen
class Storage:
    """How much of the weights is stored in one way."""

    storage: str
    """`BF16`, `FP8 (E4M3)`, `GPTQ 4-bit`, `Q4_K` ..."""
    parameters: int
    """Logical parameters stored so, buffers and second copies included."""
    bytes: int
    """Scales and other companions included."""


@frozen
class Inspection:
    """What `sizer inspect` says about one reference."""

    reference: str
    """What was asked for."""
    repository: str
    commit: str | None
    format: str
    """`safetensors`, `gguf`, `adapter`, `pipeline`, `bin` or `none`."""
    model_type: str | None
    """config.json's own word for the architecture."""
    quantization: str | None
    total_parameters: int | None
    total_parameters_basis: str
    """`counted`, `declared`, `estimated` or `unknown`."""
    total_parameters_reason: str
    """Where the figure comes from when it is not counted, or why it is unknown."""
    active_parameters: int | None
    active_parameters_basis: str
    active_parameters_reason: str
    active_parameters_range: tuple[int, int] | None
    """Least and most, where the number varies per token or is not known."""
    active_compute_parameters: int | None
    """Active less the input embedding table; a tied table counts as the head and stays."""
    active_compute_parameters_basis: str
    active_without_embeddings_parameters: int | None
    """Active less input embedding and head."""
    stored_elements: int | None
    """Elements in the files as stored, nothing unpacked; null where no header was read."""
    components: tuple[Component, ...]
    """They sum to the total and to the active count."""
    experts: Experts | None
    weights_bytes: int | None
    """Bytes of all tensors as stored."""
    weights_bytes_basis: str
    storage: tuple[Storage, ...]
    size_class: ClassPair
    memory: Memory
    """What it takes to run: weights, KV cache, state, overhead."""
    fit: tuple[Fit, ...]
    """How it fits each place asked for; without any, the smallest places that hold it."""
    claims: tuple[Claim, ...]
    """What the Hub, the index, the name, the catalog and the vendor say, each beside the count."""
    base_model: str | None
    """For an adapter: the model that it belongs to."""
    alternatives: tuple[str, ...]
    """Other sets of weights in the repository, not counted."""
    warnings: tuple[Notice, ...]
    reading: Reading


@frozen
class Failure:
    """A reference that could not be inspected."""

    reference: str
    code: str
    message: str
    hint: str


@frozen
class Inspections:
    """What `sizer inspect` says about several references: one report each, in the order given."""

    models: tuple[Inspection, ...]
    failures: tuple[Failure, ...] = ()


def examine(checkpoint: Checkpoint) -> tuple[PartAnatomy, ...]:
    """Each part of the checkpoint that has headers, unpacked and counted."""
    out = []
    for part in checkpoint.parts:
        if not part.headers:
            continue
        metadata: dict[str, object] = {}
        for header in part.headers:
            metadata |= header.metadata
        stored = (tensor for header in part.headers for tensor in header.tensors)
        unpacked = unpack(stored, config=part.config, documents=part.documents, metadata=metadata)
        out.append(PartAnatomy(part=part, unpacked=unpacked, anatomy=analyse(unpacked.tensors, part.config)))
    return tuple(out)


def inspect_checkpoint(
    checkpoint: Checkpoint, parts: tuple[PartAnatomy, ...] | None = None, sizing: SizingSettings | None = None
) -> Inspection:
    """The report on a checkpoint, sized for a context, a number of sequences and places to run."""
    parts = examine(checkpoint) if parts is None else parts
    checkpoint = told_by_tensors(checkpoint, parts)
    counts = _counts(checkpoint, parts)
    stored = sum(group.total_bytes for p in parts for group in p.unpacked.stored)
    unread = [entry for part in checkpoint.parts for entry in part.unread]
    is_whole = bool(parts) and checkpoint.has_all_weights
    is_sized = bool(unread) and all(entry.size_bytes for entry in unread)
    sizes = sum(entry.size_bytes or 0 for entry in unread)
    weights_bytes = stored if is_whole else stored + sizes if is_sized else None
    weights_basis = "counted" if is_whole else "declared" if is_sized else "unknown"
    sized = _sizing(checkpoint, parts, weights_bytes, weights_basis, sizing)
    memory = replace(sized.memory, notices=(*sized.memory.notices, *_context_claim(checkpoint, sized.memory)))
    return Inspection(
        reference=checkpoint.reference,
        repository=checkpoint.repository,
        commit=checkpoint.commit,
        format=checkpoint.format,
        model_type=next((kind for p in parts for kind in p.anatomy.model_types), _declared_type(checkpoint)),
        quantization=next((p.unpacked.scheme for p in parts if p.unpacked.scheme), None),
        total_parameters=counts.total,
        total_parameters_basis=counts.total_basis,
        total_parameters_reason=counts.total_reason,
        active_parameters=counts.active,
        active_parameters_basis=counts.active_basis,
        active_parameters_reason=counts.active_reason,
        active_parameters_range=counts.active_range,
        active_compute_parameters=counts.compute,
        active_compute_parameters_basis="unknown" if counts.compute is None else counts.active_basis,
        active_without_embeddings_parameters=counts.bare,
        stored_elements=_stored_elements(parts) if parts else None,
        components=_components(checkpoint, parts, counts),
        experts=_experts(parts),
        weights_bytes=weights_bytes,
        weights_bytes_basis=weights_basis,
        storage=_storage(parts),
        size_class=classify_pair(counts.active, counts.total),
        memory=memory,
        fit=sized.fit,
        claims=_claims(checkpoint, parts, counts),
        base_model=checkpoint.base_model,
        alternatives=checkpoint.alternatives,
        warnings=warnings_of(checkpoint, parts),
        reading=checkpoint.reading,
    )


def find_gap(reading: Reading, warnings: Sequence[Notice]) -> SizerError | None:
    """What to say of a checkpoint that lacks files: trying again may help, or the repository itself is broken.

    None where everything was read.
    """
    said = {notice.code: notice.message.rstrip(".") for notice in reversed(warnings)}
    what = said.get("reading.incomplete") or said.get("reading.document")
    if reading.complete and what is None:
        return None
    what = what or said.get("index.unusable") or "not every file could be read"
    if reading.complete or reading.retryable:
        return UnavailableError(what, code="reading.unavailable", hint="try again")
    hint = "the warnings say which file breaks which rule: tell its author, or try another revision"
    return InvalidDataError(what, code="reading.damaged", hint=hint)


def refuse_gap(reference: str, reading: Reading, warnings: Sequence[Notice]) -> None:
    """Raises UnavailableError or InvalidDataError where files are missing: what is left is not the model."""
    gap = find_gap(reading, warnings)
    if gap is not None:
        hint = f"`sizer inspect {reference}` shows what was read"
        hint = f"{gap.hint}; {hint}" if gap.retryable else hint
        raise type(gap)(f"`{reference}` is incomplete", code=gap.code, because=gap.what, hint=hint)


def told_by_tensors(checkpoint: Checkpoint, parts: Sequence[PartAnatomy]) -> Checkpoint:
    """The checkpoint as an adapter where it holds nothing else, whatever its file is called."""
    if checkpoint.format not in ("safetensors", "gguf") or len(parts) != 1:
        return checkpoint
    if {component.name for component in parts[0].anatomy.components} != {"adapter"}:
        return checkpoint
    metadata = parts[0].part.headers[0].metadata
    stated = (metadata.get(f"general.base_model.0.{key}") for key in ("repo_url", "name"))
    tags = (tag.rpartition(":")[2] for tag in (checkpoint.hub.tags if checkpoint.hub else ()) if "base_model:" in tag)
    base = checkpoint.base_model or next((str(name) for name in (*tags, *stated) if name), None)
    return replace(checkpoint, format="adapter", base_model=base)


def _sizing(
    checkpoint: Checkpoint,
    parts: Sequence[PartAnatomy],
    weights_bytes: int | None,
    weights_basis: str,
    settings: SizingSettings | None,
) -> Sizing:
    """What it takes to run: one text model's cache, or the weights alone where there is no such model."""
    if checkpoint.format == "adapter":
        why = "an adapter runs with its base model"
    elif len(parts) > 1 or _is_diffusion(checkpoint):
        why = "a pipeline of several models keeps no cache of text"
    elif not checkpoint.has_all_weights and parts:
        why = "not every file could be read"
    else:
        config = next((part.config for part in checkpoint.parts if part.config), None)
        anatomy = parts[0].anatomy if parts else None
        return size_model(anatomy, config, weights_bytes, settings, weights_basis=weights_basis)
    return size_unknown(why, weights_bytes, settings, weights_basis=weights_basis)


def _context_claim(checkpoint: Checkpoint, memory: Memory) -> Iterable[Notice]:
    """The context that the catalog has from elsewhere, where config.json declares another."""
    entry = _entry(checkpoint)
    claimed, declared = (entry.context_tokens if entry else None), memory.longest_context_tokens
    if entry is not None and claimed and declared and claimed != declared:
        yield Notice(
            code="memory.context_claim",
            message=f"config.json declares a context of {declared:,} tokens, the catalog {claimed:,} "
            f"({entry.context_source})",
        )


def _entry(checkpoint: Checkpoint) -> CatalogEntry | None:
    """The catalog's entry of a repository, if it has one."""
    return next((entry for entry in load_catalog() if entry.id == checkpoint.repository), None)


@frozen
class _Counts:
    total: int | None
    total_basis: str
    total_reason: str = ""
    active: int | None = None
    active_basis: str = "unknown"
    active_reason: str = ""
    active_range: tuple[int, int] | None = None
    compute: int | None = None
    bare: int | None = None


def _counts(checkpoint: Checkpoint, parts: Sequence[PartAnatomy]) -> _Counts:
    if not parts:
        return _uncounted(checkpoint)
    total = sum(p.anatomy.total for p in parts)
    unknown = next((p for p in parts if not p.unpacked.is_known), None)
    if unknown is not None:
        why = f"the packing is not known; the files hold {format_integer(_stored_elements(parts))} stored elements"
        return _Counts(total=None, total_basis="unknown", total_reason=why, active_reason=why)
    if not checkpoint.has_all_weights:
        is_cut = any(notice.code == "shards.ranks" for notice in checkpoint.notices)
        what = "the files hold slices of tensors" if is_cut else "not every file could be read"
        why = f"{what}; what was read holds {format_integer(total)} parameters"
        return _Counts(total=None, total_basis="unknown", total_reason=why, active_reason=why)
    is_exact = all(tensor.is_exact for p in parts for tensor in p.unpacked.tensors)
    basis = "counted" if is_exact else "estimated"
    why = next((p.unpacked.why_inexact for p in parts if p.unpacked.why_inexact), "tensors are padded")
    reason = "" if is_exact else f"the packing leaves the count open: {why}"
    if not total:
        return _Counts(total=0, total_basis=basis, active_reason="the files hold no parameters")
    if checkpoint.format == "adapter":
        base = checkpoint.base_model or "an unnamed model"
        return _Counts(
            total=total, total_basis=basis, total_reason=reason, active_reason=f"an adapter is a part of {base}"
        )
    if _is_diffusion(checkpoint):
        return _Counts(
            total=total, total_basis=basis, total_reason=reason, active_reason="a pipeline has no text token to follow"
        )
    if any(p.part.config is None and _is_unrecognised(p.anatomy) for p in parts):
        why = "there is no config.json, and the names do not show what the tensors are for"
        return _Counts(total=total, total_basis=basis, total_reason=reason, active_reason=why, active_range=(0, total))
    actives = [p.anatomy.active for p in parts]
    ranges = [p.anatomy.active_range or (p.anatomy.active or 0, p.anatomy.active or 0) for p in parts]
    has_range = any(p.anatomy.active_range for p in parts)
    known = all(active is not None for active in actives)
    return _Counts(
        total=total,
        total_basis=basis,
        total_reason=reason,
        active=sum(active or 0 for active in actives) if known else None,
        active_basis=basis if known else "unknown",
        active_reason=_active_reason(parts),
        active_range=(sum(low for low, _ in ranges), sum(high for _, high in ranges)) if has_range else None,
        compute=sum(p.anatomy.active_compute or 0 for p in parts) if known else None,
        bare=sum(p.anatomy.active_without_embeddings or 0 for p in parts) if known else None,
    )


def _is_unrecognised(anatomy: Anatomy) -> bool:
    """Whether most parameters are in no known component: nothing can be said of what a token uses."""
    other = sum(part.total_parameters for part in anatomy.components if part.name == "other")
    return 2 * other > anatomy.total


def _active_reason(parts: Sequence[PartAnatomy]) -> str:
    if reason := next((p.anatomy.reason for p in parts if p.anatomy.reason), ""):
        return reason
    if any(p.anatomy.experts.zero_compute_experts for p in parts):
        return "the mean if the router picks every expert equally often; some experts have no weights"
    return "the mean over experts of unequal size" if any(p.anatomy.active_range for p in parts) else ""


def _uncounted(checkpoint: Checkpoint) -> _Counts:
    """What the Hub or the config says about weights whose headers cannot be read."""
    config = next((part.config for part in checkpoint.parts if part.config), None)
    unread_bytes = sum(entry.size_bytes or 0 for part in checkpoint.parts for entry in part.unread)
    if checkpoint.hub is not None and checkpoint.hub.total_parameters:
        return _Counts(
            total=checkpoint.hub.total_parameters,
            total_basis="declared",
            total_reason="the Hub's own figure",
            active_reason="no headers to count from",
        )
    estimate: Estimate | None = estimate_from_bytes(unread_bytes, config) or estimate_from_config(config)
    if estimate is None:
        why = "no weights whose headers can be read, and config.json does not say enough"
        return _Counts(total=None, total_basis="unknown", total_reason=why, active_reason=why)
    return _Counts(
        total=estimate.total,
        total_basis="estimated",
        total_reason=estimate.assumptions,
        active=estimate.active,
        active_basis="unknown" if estimate.active is None else "estimated",
        active_reason=estimate.assumptions if estimate.active is not None else "no headers to count from",
    )


def _components(checkpoint: Checkpoint, parts: Sequence[PartAnatomy], counts: _Counts) -> tuple[Component, ...]:
    if len(parts) == 1 and parts[0].part.name == "":
        anatomy = parts[0].anatomy
        if checkpoint.format == "adapter":
            return (Component(name="adapter", total_parameters=anatomy.total, active_parameters=None),)
        if counts.active is None and anatomy.active is not None:
            return tuple(replace(component, active_parameters=None) for component in anatomy.components)
        return anatomy.components
    return tuple(
        Component(
            name=p.part.name or "model",
            total_parameters=p.anatomy.total,
            active_parameters=None if counts.active is None else p.anatomy.active,
        )
        for p in parts
    )


def _experts(parts: Sequence[PartAnatomy]) -> Experts | None:
    return max((p.anatomy.experts for p in parts), key=lambda experts: experts.moe_layers, default=None)


def _storage(parts: Sequence[PartAnatomy]) -> tuple[Storage, ...]:
    """Storage kinds, most bytes first; they sum to the bytes stored."""
    parameters: dict[str, int] = defaultdict(int)
    size: dict[str, int] = defaultdict(int)
    for p in parts:
        for tensor in p.unpacked.tensors:
            parameters[tensor.storage] += tensor.total
            size[tensor.storage] += tensor.stored_bytes * tensor.count
        for reason, count in p.unpacked.dropped_bytes.items():
            size[reason] += count
    rows = [Storage(storage=kind, parameters=parameters[kind], bytes=size[kind]) for kind in size]
    return tuple(sorted(rows, key=lambda row: (-row.bytes, row.storage)))


def _stored_elements(parts: Sequence[PartAnatomy]) -> int:
    return sum(group.elements for p in parts for group in p.unpacked.stored)


def warnings_of(checkpoint: Checkpoint, parts: Sequence[PartAnatomy]) -> tuple[Notice, ...]:
    """What reading, unpacking and counting found worth saying, each once."""
    found = list(checkpoint.notices)
    for p in parts:
        for header in p.part.headers:
            found += header.notices
        found += p.unpacked.notices
        found += p.anatomy.notices
        if p.part.config is None and checkpoint.format == "safetensors":
            has_head = any(component.name == "output_head" for component in p.anatomy.components)
            tables = "; head and embedding are taken as two tables" if has_head else ""
            found.append(
                Notice(code="config.missing", message=f"no config.json: the names say what tensors are{tables}")
            )
        if p.anatomy.tied_copy_parameters:
            found.append(
                Notice(
                    code="weights.tied_copy",
                    message="the embedding table is stored a second time "
                    f"({format_count(p.anatomy.tied_copy_parameters)}); counted once, as both are one",
                )
            )
    unread = [entry for part in checkpoint.parts for entry in part.unread]
    if unread and checkpoint.format not in ("bin", "none"):
        found.append(
            Notice(
                code="reading.incomplete",
                message=f"{plural(len(unread), 'weight file')} could not be read: {unread[0].path}"
                + (" and others" if len(unread) > 1 else ""),
            )
        )
    return tuple(dict.fromkeys(found))


def _claims(checkpoint: Checkpoint, parts: Sequence[PartAnatomy], counts: _Counts) -> tuple[Claim, ...]:
    """The claims about a whole model; none about adapters and pipelines, whose claims mean other things."""
    if len(parts) != 1 or counts.total is None or checkpoint.format not in ("safetensors", "gguf"):
        return ()
    part = parts[0].part
    index: dict[str, Any] = next((doc for name, doc in part.documents.items() if name.endswith(".index.json")), {})
    own = next((header.metadata for header in part.headers if "total_parameters" in header.metadata), {})
    stated = Statements(
        repository=checkpoint.repository if "/" in checkpoint.repository else "",
        hub_total=checkpoint.hub.total_parameters if checkpoint.hub else None,
        index_total_parameters=_integer(index.get("total_parameters", own.get("total_parameters"))),
        index_total_size=_integer(index.get("total_size")),
        entry=_entry(checkpoint),
    )
    return reconcile(counts_of(parts[0].anatomy, parts[0].unpacked.stored), stated)


def _integer(value: object) -> int | None:
    """A whole number that a document states, as number or as text; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 10**18:
        return None
    return int(value) if value == int(value) else None


def _is_diffusion(checkpoint: Checkpoint) -> bool:
    return any("_diffusers_version" in (part.config or {}) for part in checkpoint.parts) or any(
        "model_index.json" in part.documents for part in checkpoint.parts
    )


def _declared_type(checkpoint: Checkpoint) -> str | None:
    kinds = ((part.config or {}).get("model_type") for part in checkpoint.parts)
    return next((kind for kind in kinds if isinstance(kind, str)), None)
