"""Which files of a repository are the model: decided from names and sizes alone, before anything is read.

Files that belong together form a set: one file, or the shards of one checkpoint. A folder often holds
several sets of the same weights (a half-precision twin, `consolidated` files, GGUF beside safetensors);
exactly one is counted, and the others are named. What documents say (an index, `model_index.json`) is
weighed in `sources.checkpoint`.
"""

from __future__ import annotations

import dataclasses
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from sizer.sources.interface import FileEntry
from sizer.sources.ranks import shard_of
from sizer.units import format_bytes, plural
from sizer.values import frozen

__all__ = ["WeightSet", "choose", "choose_model", "describe", "find_sets", "folder_of"]

_READ = frozenset({"safetensors", "gguf"})
_UNREAD = {
    "bin": "PyTorch", "pt": "PyTorch", "pth": "PyTorch", "ckpt": "PyTorch", "pkl": "PyTorch", "h5": "Keras",
    "keras": "Keras", "msgpack": "Flax", "onnx": "ONNX", "onnx_data": "ONNX", "npz": "NumPy", "tflite": "LiteRT",
    "nemo": "NeMo", "llamafile": "llamafile", "mlmodel": "Core ML",
}  # fmt: skip
_NOT_WEIGHTS = re.compile(
    r"(training_args|optimizer|scheduler|scaler|rng_state.*|trainer_state|random_states.*|tokenizer|vocab.*|spiece"
    r"|.*imatrix.*)",
    re.IGNORECASE,
)
_MAIN_STEMS = ("model", "pytorch_model", "diffusion_pytorch_model", "tf_model", "flax_model")
_SHARD_STEMS = (*_MAIN_STEMS, "consolidated")
_ADAPTER_STEMS = ("adapter_model", "adapters", "pytorch_lora_weights")
_ADAPTER_STEP = re.compile(r"\d+_adapters", re.ASCII)
"""What MLX keeps of a step of training beside the adapter."""
_VARIANTS = r"fp16|fp32|bf16|fp8|int8|int4|ema|non_ema|8bit|4bit"
_OF = re.compile(
    rf"(?P<stem>.*?)(?:\.(?P<variant>{_VARIANTS}))?[-_.]+(?P<number>\d{{1,6}})-of-(?P<of>\d{{1,6}})"
    rf"(?:\.(?P<variant_after>{_VARIANTS}))?"
)
_SHARD = re.compile(r"(\d{1,6})-of-(\d{1,6})(?!.*-of-)")
_MOST_SHARDS = 10_000
_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d{1,6})(?P<after>\D*)")
_VARIANT = re.compile(rf"(?P<stem>.+)\.(?P<variant>{_VARIANTS})")
_INDEX = re.compile(
    rf"(?P<stem>.+?)(?:\.(?P<variant>{_VARIANTS}))?\.safetensors\.index(?:\.(?P<variant_after>{_VARIANTS}))?\.json"
)
_GGUF_TYPE = re.compile(r"(?:^|[-._])(I?Q\d\w*|TQ\d_\d|BF16|F16|FP16|F32|FP32|MXFP4\w*)(?=[-._]|$)", re.IGNORECASE)
_GGUF_ORDER = ("Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0", "BF16", "F16", "FP16", "F32")
"""Q4_K_M first: what `llama-cli -hf` and `ollama run hf.co/...` take when no type is named."""


@frozen
class WeightSet:
    """Files that together hold one copy of some weights."""

    folder: str
    """`""` for the root."""
    stem: str
    """Name without shard number, variant and suffix: `model`, `consolidated`."""
    suffix: str
    """`safetensors`, `gguf`, `bin` ..."""
    files: tuple[FileEntry, ...] = ()
    """In the order of their numbers. Empty where an index alone knows which they are."""
    variant: str = ""
    """`fp16`, `ema` ..."""
    index: str | None = None
    """Path of the index that belongs to it."""
    is_complete: bool = True
    """Whether the file names say that no shard is missing."""
    gaps: tuple[str, ...] = ()
    """Paths of the shards that are missing of files that are only numbered (`consolidated.00`)."""

    @property
    def is_read(self) -> bool:
        """Whether headers of this format can be read."""
        return self.suffix in _READ

    @property
    def missing(self) -> tuple[str, ...]:
        """Paths of the shards that the numbers of the others call for and that are not there."""
        if self.gaps:
            return self.gaps
        found = {int(match[1]): file for file in self.files if (match := _SHARD.search(file.path))}
        count = max((int(match[2]) for file in self.files if (match := _SHARD.search(file.path))), default=0)
        first = min(found, default=1)
        if not found or self.is_complete or count > _MOST_SHARDS:
            return ()
        like = found[first].path
        numbers = [number for number in range(min(first, 1), count + min(first, 1)) if number not in found]
        match = _SHARD.search(like)
        before, width = (like[: match.start()], len(match[1])) if match else ("", 0)
        return tuple(f"{before}{number:0{width}}{like[len(before) + width :]}" for number in numbers)

    @property
    def is_adapter(self) -> bool:
        """Whether it holds an adapter's weights, by its name."""
        return self.stem in _ADAPTER_STEMS or _ADAPTER_STEP.fullmatch(self.stem) is not None

    @property
    def is_projector(self) -> bool:
        """Whether it is the vision or audio part that llama.cpp keeps apart."""
        return self.suffix == "gguf" and "mmproj" in self.stem.lower()

    @property
    def size_bytes(self) -> int:
        """Bytes of all files, as far as known."""
        return sum(file.size_bytes or 0 for file in self.files)

    @property
    def gguf_type(self) -> str:
        """`Q4_K_M` and the like, from the name; `""` where there is none."""
        found = _GGUF_TYPE.findall(self.stem) or _GGUF_TYPE.findall(self.folder.rpartition("/")[2])
        return found[-1].upper() if found else ""

    @property
    def name(self) -> str:
        """For people: the file, or the pattern of the shards."""
        if not self.files:
            return self.index or self.stem
        first = self.files[0].path
        if len(self.files) == 1:
            return first
        return re.sub(r"\d{1,6}(?=-of-)", "*", first) if "-of-" in first else re.sub(r"\d+(?=\D*$)", "*", first)


def folder_of(path: str) -> str:
    """`a/b/c.json` -> `a/b`."""
    return path.rpartition("/")[0]


def find_sets(files: Iterable[FileEntry]) -> list[WeightSet]:
    """All sets of weights among the files, in every folder, the likeliest model of each folder first."""
    groups: dict[tuple[str, str, str, str, str], list[tuple[int, FileEntry]]] = defaultdict(list)
    indexes: dict[tuple[str, str, str], str] = {}
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if match := _INDEX.fullmatch(name):
            indexes[folder, _stem(match["stem"]), match["variant"] or match["variant_after"] or ""] = file.path
            continue
        base, _, suffix = name.rpartition(".")
        suffix = suffix.lower()
        if not base or (suffix not in _READ and suffix not in _UNREAD) or _NOT_WEIGHTS.fullmatch(base):
            continue
        stem, variant, of, number = _parse(base)
        groups[folder, suffix, stem, variant, of].append((number, file))
    sets = [
        WeightSet(
            folder=folder,
            stem=stem,
            suffix=suffix,
            variant=variant,
            files=tuple(file for _, file in sorted(members, key=lambda member: (member[0], member[1].path))),
            is_complete=_is_complete(of, [number for number, _ in members]),
        )
        for (folder, suffix, stem, variant, of), members in groups.items()
    ]
    sets = [_with_index(weights, indexes) for weights in sorted(sets, key=_likeliest_indexed)]
    sets += [
        WeightSet(folder=folder, stem=stem, suffix="safetensors", variant=variant, index=path, is_complete=False)
        for (folder, stem, variant), path in indexes.items()
    ]
    return sorted(_join_numbered(sets), key=lambda weights: (weights.folder, _rank(weights)))


def _likeliest_indexed(weights: WeightSet) -> tuple[int, str]:
    """Which of two sets of one name an index is about: the one of more files, then the numbered one."""
    return -len(weights.files), weights.files[0].path


def choose(sets: Sequence[WeightSet], folder: str) -> WeightSet | None:
    """The set of this very folder that is the model (or adapter); None if there is none."""
    here = [candidate for candidate in sets if candidate.folder == folder and not candidate.is_projector]
    readable = [candidate for candidate in here if candidate.is_read and candidate.suffix != "gguf"]
    if readable:
        return readable[0]
    gguf = [candidate for candidate in here if candidate.suffix == "gguf"]
    return choose_gguf(gguf) if gguf else here[0] if here else None


def choose_gguf(sets: Sequence[WeightSet]) -> WeightSet:
    """One of several quantisations of the same model: the one that llama.cpp takes by default."""

    def rank(candidate: WeightSet) -> tuple[bool, int, str]:
        kind = candidate.gguf_type
        return not candidate.is_complete, _GGUF_ORDER.index(kind) if kind in _GGUF_ORDER else 99, candidate.name

    return min(sets, key=rank)


def choose_model(sets: Sequence[WeightSet], root: str, paths: Collection[str]) -> WeightSet | None:
    """The model of a repository: in its root, else where a subfolder looks most like one.

    Quantisations in GGUF are often sorted into folders, so these are weighed together.
    """
    here = choose(sets, root)
    below = [weights for weights in sets if f"{weights.folder}/".startswith(f"{root}/" if root else "")]
    below = [weights for weights in below if not weights.is_projector]
    gguf = [weights for weights in below if weights.suffix == "gguf"]
    if gguf and (here.suffix == "gguf" if here else all(weights.suffix != "safetensors" for weights in below)):
        return choose_gguf(gguf)
    if here or not below:
        return here

    def rank(candidate: WeightSet) -> tuple[bool, bool, bool, int, int, str]:
        return (
            not candidate.is_read,
            _is_side_folder(candidate.folder),
            f"{candidate.folder}/config.json" not in paths,
            candidate.folder.count("/"),
            -candidate.size_bytes,
            candidate.folder,
        )

    return choose(sets, min(below, key=rank).folder)


def describe(others: Sequence[WeightSet], root: str) -> tuple[str, ...]:
    """One line for each set that is left out; the sets of a subfolder share one."""
    lines: dict[str, list[WeightSet]] = defaultdict(list)
    for other in others:
        inner = other.folder[len(root) :].strip("/")
        key = f"{other.folder}/" if inner and other.suffix != "gguf" else other.name
        lines[key].append(other)
    return tuple(f"{key} ({_summary(members)})" for key, members in lines.items())


def _summary(members: Sequence[WeightSet]) -> str:
    files = sum(len(member.files) for member in members)
    first = members[0]
    kinds = sorted(
        {_UNREAD.get(member.suffix, "GGUF" if member.suffix == "gguf" else member.suffix) for member in members}
    )
    words = [" and ".join(kinds)]
    if len(members) == 1:
        words += ["projector"] if first.is_projector else ["adapter"] if first.is_adapter else []
        words += [first.variant] if first.variant else []
    return ", ".join([*words, plural(files, "file"), format_bytes(sum(member.size_bytes for member in members))])


def _with_index(weights: WeightSet, indexes: dict[tuple[str, str, str], str]) -> WeightSet:
    """The set with the index of its name, which is used up: shards, which come first, have more need of it."""
    key = (weights.folder, weights.stem, weights.variant)
    if weights.suffix != "safetensors" or key not in indexes:
        return weights
    return dataclasses.replace(weights, index=indexes.pop(key))


def _stem(text: str) -> str:
    return text.removesuffix(".safetensors").removesuffix(".gguf")


def _parse(base: str) -> tuple[str, str, str, int]:
    """(stem, variant, `00163` or `""`, shard number or 0) of a file name without its suffix."""
    if match := _OF.fullmatch(base):
        return _stem(match["stem"]), match["variant"] or match["variant_after"] or "", match["of"], int(match["number"])
    if match := _VARIANT.fullmatch(base):
        return match["stem"], match["variant"], "", 0
    if ranked := shard_of(base):
        return f"{ranked[0]} by rank", "", ranked[2], ranked[1]
    return base, "", "", 0


def _is_complete(of: str, numbers: Sequence[int]) -> bool:
    """Shards are numbered 1 to n, or 0 to n - 1, or (gpt-oss) 0 to n."""
    if not of:
        return True
    found, count = sorted(numbers), int(of)
    return found in (list(range(1, count + 1)), list(range(count)), list(range(count + 1)))


def _join_numbered(sets: Sequence[WeightSet]) -> list[WeightSet]:
    """Shards that are only numbered (`consolidated.00`, `layer_7`): joined where no number is missing.

    Where the name is one that only the shards of a model have (`consolidated.00`, `consolidated.02`), a gap is a
    missing shard; elsewhere files with gaps are files of their own (`step_100`, `step_200`).
    """
    out: list[WeightSet] = []
    numbered: dict[tuple[str, str, str, str], list[tuple[int, WeightSet]]] = defaultdict(list)
    for candidate in sets:
        match = _NUMBERED.fullmatch(candidate.stem)
        if match and len(candidate.files) == 1 and candidate.suffix != "gguf" and candidate.index is None:
            key = (candidate.folder, candidate.suffix, match["before"], match["after"])
            numbered[key].append((int(match["number"]), candidate))
        else:
            out.append(candidate)
    for (folder, suffix, before, after), members in numbered.items():
        members.sort(key=lambda member: member[0])
        found = [number for number, _ in members]
        files = tuple(member.files[0] for _, member in members)
        stem = before.rstrip("-_.") + after
        lowest = 0 if stem == "consolidated" else min(found[0], 1)
        gaps = _gaps(found, files, lowest) if stem in _SHARD_STEMS and before != stem else ()
        if gaps or (len(found) > 1 and found[0] in (0, 1) and found == list(range(found[0], found[0] + len(found)))):
            is_complete = not gaps
            out.append(
                WeightSet(folder=folder, stem=stem, suffix=suffix, files=files, is_complete=is_complete, gaps=gaps)
            )
        else:
            out += [member for _, member in members]
    return out


def _gaps(found: Sequence[int], files: Sequence[FileEntry], lowest: int) -> tuple[str, ...]:
    """Paths of the numbers that are missing from the lowest to the last; none where names are not padded alike."""
    first = files[0].path
    start = first.rfind(str(found[0]))
    before, after = first[:start].rstrip("0"), first[start + len(str(found[0])) :]
    width = len(first) - len(before) - len(after)
    names = {number: f"{before}{number:0{width}}{after}" for number in range(lowest, min(found[-1], _MOST_SHARDS) + 1)}
    there = {file.path for file in files}
    if width < 2 or len(there & {*names.values()}) < len(files):
        return ()
    return tuple(name for name in names.values() if name not in there)


def _rank(candidate: WeightSet) -> tuple[bool, int, bool, bool, bool, int, str]:
    role = 0 if candidate.stem in _MAIN_STEMS else 1
    if candidate.is_adapter:
        role = 3 if candidate.stem in _ADAPTER_STEMS else 4
    if candidate.stem.startswith("consolidated"):
        role = 2
    return (
        not candidate.is_read,
        role,
        candidate.variant != "",
        candidate.index is None,
        not candidate.is_complete,
        -candidate.size_bytes,
        candidate.name,
    )


def _is_side_folder(folder: str) -> bool:
    """Folders that hold another tool's copy or a step of training."""
    parts = folder.lower().split("/")
    return any(
        part in ("original", "metal", "onnx", "openvino", "coreml") or part.startswith((".", "checkpoint-"))
        for part in parts
    )
