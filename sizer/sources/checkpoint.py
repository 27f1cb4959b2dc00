"""From a place with files to a checkpoint: which files are the model, their headers, and the documents beside.

Headers are believed before an index, an index before file names, file names before nothing. Every place
where they differ is a notice. A file that cannot be read is left out, named, and the checkpoint marked as
incomplete; only where nothing can be read is it an error.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from sizer.errors import InvalidDataError, NotFoundError, SizerError, UnavailableError, UsageError
from sizer.headers.gguf import check_split, config_from_metadata
from sizer.headers.interface import Header
from sizer.notices import Notice
from sizer.reference import Reference, check_path
from sizer.sources import layout
from sizer.sources.documents import parse_document
from sizer.sources.interface import MAX_SHARDS, Checkpoint, FileEntry, Listing, Part, Progress, Source
from sizer.sources.layout import WeightSet
from sizer.sources.ranks import join_slices, rank_of
from sizer.units import format_bytes, format_count, plural

__all__ = ["load_checkpoint"]

_QUANTIZATION_DOCUMENTS = (
    "hf_quant_config.json",
    "quantize_config.json",
    "quant_config.json",
    "quantization_config.json",
)
_NAMES_SHOWN = 3
_GROUPS = ("cfg", "config")


@dataclass(kw_only=True)
class _Draft:
    """One part while it is put together."""

    name: str
    weights: WeightSet
    config_path: str | None
    files: list[FileEntry] = field(default_factory=list)
    missing: list[FileEntry] = field(default_factory=list)
    weight_map: Mapping[str, str] = field(default_factory=dict)
    config: dict[str, Any] | None = None
    documents: dict[str, Any] = field(default_factory=dict)


def load_checkpoint(
    source: Source,
    reference: Reference,
    *,
    path: str | None = None,
    progress: Progress | None = None,
    max_shards: int = MAX_SHARDS,
) -> Checkpoint:
    """The checkpoint that `source` holds, or the one in its subfolder or file `path`.

    Raises NotFoundError, UnavailableError or InvalidDataError where nothing of it can be read, and
    UsageError for a `path` that is not there.
    """
    return _Loader(source, reference, path or reference.path, progress, max_shards).load()


class _Loader:
    def __init__(
        self, source: Source, reference: Reference, path: str | None, progress: Progress | None, max_shards: int
    ) -> None:
        self._source = source
        self._reference = reference
        self._progress = progress
        self._max_shards = max_shards
        self._listing: Listing = source.listing()
        self._paths = {file.path: file for file in self._listing.files}
        self._notices: list[Notice] = list(self._listing.notices)
        self._is_whole = self._is_retryable = True
        self._root_config: dict[str, Any] = {}
        self._root, self._sets = self._scope(check_path(path, path) if path else "")

    def load(self) -> Checkpoint:
        """Choose, read, check, assemble."""
        drafts = self._pipeline() or self._modules()
        folders = [] if drafts else self._folders()
        drafts = drafts or folders or self._single()
        if not drafts:
            return self._assemble("none", (self._bare_part(),), self._others(()), None)
        adapter = drafts[0].weights.is_adapter
        for draft in drafts:
            self._start(draft)
        for draft in drafts:
            self._read_documents(draft)
        self._check_count(drafts)
        others = self._others(drafts)
        readable = [draft for draft in drafts if draft.weights.is_read]
        parts = self._read_headers(drafts)
        parts = (self._whole(parts),) if folders else parts
        if unread := [draft for draft in drafts if not draft.weights.is_read]:
            self._is_retryable = False
            self._notice("weights.unread", _unread_message(unread, all_of_them=not readable))
        if not readable:
            kind = "bin"
        else:
            kind = "pipeline" if len(parts) > 1 else "gguf" if readable[0].weights.suffix == "gguf" else "safetensors"
        return self._assemble(
            "adapter" if adapter else kind, parts, others, self._base_model(drafts) if adapter else None
        )

    # -- choosing

    def _scope(self, path: str) -> tuple[str, list[WeightSet]]:
        """The folder to look in, and the sets that are in question."""
        if not path:
            return "", layout.find_sets(self._listing.files)
        if path in self._paths:
            return self._scope_of_file(path)
        inside = [file for file in self._listing.files if file.path.startswith(f"{path}/")]
        if not inside:
            raise UsageError(
                f"`{self._listing.repository}` has no folder or file `{path}`",
                code="usage.path",
                because="its list of files does not contain it",
                hint=_nearest(path, self._paths),
            )
        return path, layout.find_sets(inside)

    def _scope_of_file(self, path: str) -> tuple[str, list[WeightSet]]:
        folder = layout.folder_of(path)
        siblings = layout.find_sets(file for file in self._listing.files if layout.folder_of(file.path) == folder)
        for candidate in siblings:
            if path == candidate.index or path in (file.path for file in candidate.files):
                return folder, [candidate]
        raise UsageError(
            f"`{path}` is not a file of weights",
            code="usage.path",
            because="only .safetensors, .gguf and index files, and folders with them, can be inspected",
            hint="name one of those, or leave --path out",
        )

    def _folders(self) -> list[_Draft]:
        """The parts of one model in folders of their own, where the root has a config that names them and no weights.

        Such a config has a group for each: `llm_cfg` for the folder `llm`.
        """
        path = _join(self._root, "config.json")
        if path not in self._paths or layout.choose(self._sets, self._root) is not None:
            return []
        inner = {_inner(weights.folder, self._root) for weights in self._sets if weights.is_read}
        names = sorted(name for name in inner if _join(self._root, f"{name}/config.json") in self._paths)
        config = self._needed_document(path) if len(names) > 1 else None
        if not isinstance(config, dict):
            return []
        names = [name for name in names if any(isinstance(config.get(f"{name}_{word}"), dict) for word in _GROUPS)]
        self._root_config = config
        return self._drafts(names) if len(names) > 1 else []

    def _whole(self, parts: Sequence[Part]) -> Part:
        """One part of those in folders: names begin with the folder, and the config has the parts' own as groups."""
        config, headers = dict(self._root_config), list[Header]()
        for part in parts:
            config[f"{part.name}_config"] = part.config or {}
            headers += [
                dataclasses.replace(
                    header,
                    tensors=tuple(tensor._replace(name=f"{part.name}.{tensor.name}") for tensor in header.tensors),
                )
                for header in part.headers
            ]
        return Part(
            headers=tuple(headers),
            config=config,
            config_path=_join(self._root, "config.json"),
            documents={name: document for part in parts for name, document in part.documents.items()},
            unread=tuple(entry for part in parts for entry in part.unread),
        )

    def _single(self) -> list[_Draft]:
        chosen = layout.choose_model(self._sets, self._root, self._paths)
        if chosen is None:
            return []
        if chosen.suffix == "gguf" and (twins := self._gguf_twins(chosen)):
            self._notice(
                "gguf.choice",
                f"{plural(twins + 1, 'quantisation')} in this repository; `{chosen.name}` was read "
                "(--path chooses another).",
            )
        return [_Draft(name="", weights=chosen, config_path=self._config_path(chosen))]

    def _gguf_twins(self, chosen: WeightSet) -> int:
        return sum(other.suffix == "gguf" and not other.is_projector for other in self._sets if other is not chosen)

    def _pipeline(self) -> list[_Draft]:
        """The components of a diffusers repository, by `model_index.json`; where that is no index, by folders."""
        path = _join(self._root, "model_index.json")
        if path not in self._paths:
            return []
        index = self._needed_document(path)
        if not isinstance(index, dict):
            return self._drafts(sorted({_inner(weights.folder, self._root) for weights in self._sets} - {""}))
        return self._drafts(
            name for name, value in index.items() if isinstance(value, list) and any(isinstance(v, str) for v in value)
        )

    def _modules(self) -> list[_Draft]:
        """The modules of a sentence-transformers repository, where more than one has weights."""
        path = _join(self._root, "modules.json")
        has_inner = any(_inner(weights.folder, self._root)[:1].isdigit() for weights in self._sets)
        if path not in self._paths or not has_inner:
            return []
        modules = self._needed_document(path)
        if not isinstance(modules, list):
            return []
        names = [
            module["path"] for module in modules if isinstance(module, dict) and isinstance(module.get("path"), str)
        ]
        return self._drafts(names)

    def _drafts(self, names: Iterable[str]) -> list[_Draft]:
        drafts = []
        for name in dict.fromkeys(names):
            chosen = layout.choose(self._sets, _join(self._root, name))
            if chosen is not None:
                drafts.append(_Draft(name=name, weights=chosen, config_path=self._config_path(chosen)))
        return drafts

    def _config_path(self, weights: WeightSet) -> str | None:
        names = ("config.json", "params.json", "open_clip_config.json") if not weights.is_adapter else ()
        folders = dict.fromkeys((weights.folder, self._root, ""))
        return next(
            (path for folder in folders for name in names if (path := _join(folder, name)) in self._paths), None
        )

    def _others(self, drafts: Sequence[_Draft]) -> tuple[str, ...]:
        used = {file.path for draft in drafts for file in draft.files}
        left = [weights for weights in self._sets if any(file.path not in used for file in weights.files)]
        return layout.describe(left, self._root)

    def _check_count(self, drafts: Sequence[_Draft]) -> None:
        count = sum(len(draft.files) for draft in drafts)
        if count > self._max_shards:
            raise InvalidDataError(
                f"`{self._listing.repository}` has {count:,} files of weights that belong together",
                code="reading.too_many_files",
                because=f"at most {self._max_shards:,} are read",
                hint="check that this is one model, or name a part of it with --path",
            )

    # -- reading

    def _start(self, draft: _Draft) -> None:
        """Ask for what is certain to be needed, so that it comes while other things are read."""
        weights = draft.weights
        adapter = _join(weights.folder, "adapter_config.json") if weights.is_adapter else None
        documents = [path for path in (draft.config_path, weights.index, adapter) if path]
        known = weights.files if weights.is_read and weights.is_complete else ()
        self._source.prefetch(documents, known)

    def _read_documents(self, draft: _Draft) -> None:
        weights = draft.weights
        if weights.is_adapter:
            draft.documents |= self._documents(weights.folder, ("adapter_config.json",))
        if draft.config_path is not None:
            config = self._document(draft.config_path)
            if isinstance(config, dict):
                draft.config = config
            elif config is not None:
                self._notice("config.type", f"`{draft.config_path}` is not a JSON object; it was ignored.")
        if draft.config is None or "quantization_config" not in draft.config:
            draft.documents |= self._documents(weights.folder, _QUANTIZATION_DOCUMENTS)
        draft.files = list(weights.files)
        if weights.index is not None:
            self._apply_index(draft, weights.index)
        elif not weights.is_complete:
            self._notice("shards.missing", f"The numbers of `{weights.name}` have gaps: shards are missing.")
            self._lacks(draft, weights.missing)

    def _apply_index(self, draft: _Draft, path: str) -> None:
        """Add what the index names, if the repository has it. Without a usable index, file names decide."""
        try:
            index = self._index(path)
        except (InvalidDataError, NotFoundError, UnavailableError) as error:
            self._without_index(draft, path, error)
            return
        draft.weight_map = index["weight_map"]
        if isinstance(index.get("metadata"), dict):
            draft.documents[path.rpartition("/")[2]] = index["metadata"]
        self._check_metadata(index.get("metadata"), path)
        shards = dict.fromkeys(draft.weight_map.values())
        folder = layout.folder_of(path)
        present, absent = [], []
        for shard in shards:
            file = self._paths.get(_join(folder, shard))
            usable = file is not None and shard.endswith(".safetensors") and file.path.startswith(self._root)
            (present.append(file) if usable and file is not None else absent.append(shard))
        if not present and draft.files and draft.weights.is_complete:
            self._notice("index.unusable", f"`{path}` was ignored: it names {_quoted(absent)}, which are not here.")
            draft.weight_map = {}
            self._doubt_shards(draft)
            return
        if not present:
            raise InvalidDataError(
                f"`{path}` names no file of this repository",
                code="index.shard_name",
                because=f"it names {_quoted(absent)}",
                hint="the repository is damaged: tell its author, or try another revision",
            )
        if absent:
            self._notice(
                "index.missing_shard", f"`{path}` names {_quoted(absent)}, which the repository does not have."
            )
            self._lacks(draft, absent)
        if not draft.files or not draft.weights.is_complete:
            draft.files = present
            return
        named = {file.path for file in present}
        extra = [file.path for file in draft.files if file.path not in named]
        if len(extra) == len(draft.files):  # the index is of another set of this folder
            draft.files = present
            return
        draft.files += [file for file in present if file.path not in {f.path for f in draft.files}]
        if extra:
            self._notice("index.unnamed_shard", f"`{path}` does not name {_quoted(extra)}; counted from the headers.")

    def _without_index(self, draft: _Draft, path: str, error: SizerError) -> None:
        """File names decide. An index of shards that is broken stops loaders, so the model is marked as not whole."""
        weights = draft.weights
        if not draft.files or (isinstance(error, UnavailableError) and not weights.is_complete):
            raise error
        if isinstance(error, UnavailableError):
            self._notice("reading.document", f"`{path}` was not read: {_first_words(error)}.")
            return
        self._notice("index.unusable", f"`{path}` was ignored: {error.because or error.what}.")
        if not weights.is_complete:
            self._notice("shards.missing", f"The numbers of `{weights.name}` have gaps: shards are missing.")
            self._lacks(draft, weights.missing)
        self._doubt_shards(draft)

    def _doubt_shards(self, draft: _Draft) -> None:
        """Shards without a usable index are not read as whole; one file needs none."""
        if "-of-" in draft.weights.files[0].path:
            self._is_whole = self._is_retryable = False

    def _lacks(self, draft: _Draft, paths: Iterable[str]) -> None:
        """Files that belong to the model and are nowhere: no further try will find them."""
        draft.missing = [FileEntry(path=path) for path in paths]
        self._is_retryable = False

    def _index(self, path: str) -> dict[str, Any]:
        index = self._parsed(path)
        if not isinstance(index, dict) or not isinstance(weight_map := index.get("weight_map"), dict) or not weight_map:
            raise InvalidDataError(
                f"`{path}` is not an index", code="index.form", because="it has no `weight_map` of names to files"
            )
        if {*map(type, weight_map.values())} != {str}:
            raise InvalidDataError(
                f"`{path}` is not an index",
                code="index.form",
                because="its `weight_map` has values that are no file names",
            )
        return index

    def _check_metadata(self, metadata: object, path: str) -> None:
        """Say what of an index's `metadata` is of no usable type."""
        if not isinstance(metadata, dict | None):
            self._notice(
                "index.metadata", f"`{path}`: `metadata` is {_shown(metadata)}, not an object; it was ignored."
            )
            return
        for key in ("total_size", "total_parameters"):
            value = (metadata or {}).get(key)
            is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
            if value is not None and not is_number and not (isinstance(value, str) and value.isdigit()):
                self._notice("index.metadata", f"`{path}`: `{key}` is {_shown(value)}, not a number; it was ignored.")

    def _read_headers(self, drafts: Sequence[_Draft]) -> tuple[Part, ...]:
        readable = [draft for draft in drafts if draft.weights.is_read]
        results = self._source.read_headers([file for draft in readable for file in draft.files], self._progress)
        errors = [result for result in results if isinstance(result, Exception)]
        if errors and len(errors) == len(results):
            raise self._nothing_read(errors[0], drafts)
        position = 0
        parts = []
        for draft in drafts:
            if not draft.weights.is_read:
                parts.append(self._part(draft, (), draft.weights.files))
                continue
            own = results[position : position + len(draft.files)]
            position += len(draft.files)
            pairs = list(zip(draft.files, own, strict=True))
            unread = tuple(file for file, result in pairs if isinstance(result, Exception))
            for file, result in pairs:
                if isinstance(result, Exception):
                    code = result.code if isinstance(result, SizerError) else "reading.incomplete"
                    self._is_retryable &= isinstance(result, UnavailableError)
                    self._notice(code, f"`{file.path}` was not read: {_first_words(result)}.")
            headers = self._unique([result for result in own if isinstance(result, Header)], draft)
            if draft.weights.suffix == "gguf":
                self._apply_gguf(draft, headers)
            parts.append(self._part(draft, headers, (*unread, *draft.missing)))
        return tuple(parts)

    def _unique(self, headers: list[Header], draft: _Draft) -> tuple[Header, ...]:
        """The headers with every name once; a name that two shards hold stays where the index says, or first."""
        total = sum(len(header.tensors) for header in headers)
        folder = draft.weights.folder
        before = len(_join(folder, "x")) - 1
        places: dict[str, str] = {}
        for header in headers:
            places.update(dict.fromkeys(map(itemgetter(0), header.tensors), header.path[before:]))
        if draft.weight_map and draft.weight_map != places:
            self._compare_index(places, draft)
            if len(places) == total:
                self._compare_places(places, draft)
        if len(places) == total:
            return tuple(headers)
        holders: dict[str, list[str]] = {}
        for header in headers:
            for tensor in header.tensors:
                holders.setdefault(tensor.name, []).append(header.path)
        home = {}
        for name, paths in holders.items():
            if len(paths) > 1:
                said = _join(folder, draft.weight_map.get(name, ""))
                home[name] = said if said in paths else paths[0]
        if all(rank_of(path) for name in home for path in holders[name]):
            return self._joined(headers, home)
        shapes: dict[str, set[tuple[str, tuple[int, ...]]]] = {name: set() for name in home}
        for header in headers:
            for tensor in header.tensors:
                if tensor.name in home:
                    shapes[tensor.name].add((tensor.dtype, tensor.shape))
        unlike = [name for name, found in shapes.items() if len(found) > 1]
        differ = f"; they differ in dtype or shape ({_quoted(unlike)})" if unlike else ""
        self._notice(
            "shards.repeated_tensor",
            f"{plural(len(home), 'tensor is', 'tensors are')} in more than one shard ({_quoted(list(home))}); "
            f"each was counted once, where the index says or in the first{differ}.",
        )
        return self._first_only(headers, home)

    def _joined(self, headers: list[Header], repeated: Mapping[str, str]) -> tuple[Header, ...]:
        """The headers of files that are cut for tensor parallelism, each slice joined to its whole if that is safe."""
        if joined := join_slices(headers, repeated):
            return joined
        self._is_whole = self._is_retryable = False
        self._notice(
            "shards.ranks",
            f"the files are cut for tensor parallelism; {plural(len(repeated), 'tensor is', 'tensors are')} in files "
            f"of several ranks ({_quoted(list(repeated))}), as slices or as whole copies; headers do not say which.",
        )
        return self._first_only(headers, repeated)

    @staticmethod
    def _first_only(headers: list[Header], home: Mapping[str, str]) -> tuple[Header, ...]:
        return tuple(
            dataclasses.replace(
                header,
                tensors=tuple(tensor for tensor in header.tensors if home.get(tensor.name, header.path) == header.path),
            )
            for header in headers
        )

    def _apply_gguf(self, draft: _Draft, headers: Sequence[Header]) -> None:
        """GGUF metadata is the configuration that llama.cpp goes by; a config.json beside it is another tool's."""
        if headers and (config := config_from_metadata(headers[0].metadata)):
            draft.config, draft.config_path = config, headers[0].path
        notices = check_split(headers)
        self._notices += notices
        if any(notice.code == "gguf.split_count" for notice in notices):
            self._is_whole = self._is_retryable = False

    def _compare_index(self, places: Mapping[str, str], draft: _Draft) -> None:
        """Whether the index names the tensors that the headers have; `places` is the file of each."""
        ghosts = draft.weight_map.keys() - places.keys()
        if ghosts and not draft.missing:
            self._notice(
                "index.ghost_tensor",
                f"`{draft.weights.index}` names {plural(len(ghosts), 'tensor')} that no header has "
                f"({_quoted(sorted(ghosts))}); the headers were counted.",
            )
        unnamed = places.keys() - draft.weight_map.keys()
        if unnamed:
            self._notice(
                "index.unnamed_tensor",
                f"`{draft.weights.index}` leaves out {plural(len(unnamed), 'tensor')} of the headers "
                f"({_quoted(sorted(unnamed))}); they were counted.",
            )

    def _compare_places(self, places: Mapping[str, str], draft: _Draft) -> None:
        """Whether every tensor is in the file that the index gives for it: loaders look only there."""
        said = draft.weight_map.get
        astray = [name for name, place in places.items() if said(name, place) != place]
        if astray:
            self._notice(
                "index.wrong_shard",
                f"`{draft.weights.index}` gives another file than they are in for "
                f"{plural(len(astray), 'tensor')} ({_quoted(astray)}); the headers were counted.",
            )

    def _nothing_read(self, error: Exception, drafts: Sequence[_Draft]) -> Exception:
        """The error where no header could be read; for a gated repository with what is known all the same."""
        if not isinstance(error, NotFoundError) or error.code != "hub.gated":
            return error
        hub, config = self._listing.hub, drafts[0].config or {}
        known = []
        if hub is not None and hub.total_parameters is not None:
            error.details["declared_total_parameters"] = hub.total_parameters
            known.append(f"the Hub declares {format_count(hub.total_parameters)} parameters")
        if isinstance(model_type := config.get("model_type"), str):
            error.details["model_type"] = model_type
            known.append(f"config.json says `{model_type}`")
        if known:
            error.because += f" ({', '.join(known)}; nothing could be counted)"
        return error

    # -- documents

    def _documents(self, folder: str, names: Iterable[str]) -> dict[str, Any]:
        paths = {name: path for name in names if (path := _join(folder, name)) in self._paths}
        self._source.prefetch(list(paths.values()), ())
        found = {name: self._document(path) for name, path in paths.items()}
        return {name: document for name, document in found.items() if document is not None}

    def _document(self, path: str) -> Any:
        """A parsed document; None, and a notice, where it cannot be used or does not come."""
        try:
            return self._needed_document(path)
        except UnavailableError as error:
            self._notice("reading.document", f"`{path}` was not read: {_first_words(error)}.")
            return None

    def _needed_document(self, path: str) -> Any:
        """The same for a document without which the files cannot be told apart: it has to come."""
        try:
            return self._parsed(path)
        except (InvalidDataError, NotFoundError) as error:
            self._notice("config.unreadable", f"`{path}` was ignored: {error.because or error.what}.")
            return None

    def _parsed(self, path: str) -> Any:
        raw = self._source.read_document(path)
        if raw is None:
            raise NotFoundError(f"`{path}` is not there", code="hub.entry", because="it was listed, but not found")
        return parse_document(raw, path)

    # -- assembling

    def _part(self, draft: _Draft, headers: tuple[Header, ...], unread: Sequence[FileEntry]) -> Part:
        return Part(
            name=draft.name,
            headers=headers,
            config=draft.config,
            config_path=draft.config_path if draft.config is not None else None,
            documents=draft.documents,
            unread=tuple(unread),
        )

    def _bare_part(self) -> Part:
        """No weights at all: what config.json says."""
        path = next(
            (p for p in (_join(self._root, "config.json"), _join(self._root, "params.json")) if p in self._paths), None
        )
        config = self._document(path) if path else None
        self._notice("weights.none", "There are no weights in this repository; nothing was counted.")
        return Part(config=config if isinstance(config, dict) else None, config_path=path if config else None)

    def _base_model(self, drafts: Sequence[_Draft]) -> str | None:
        said = drafts[0].documents.get("adapter_config.json")
        keys = ("base_model_name_or_path", "model")  # of PEFT, of MLX
        name = next((said[key] for key in keys if said.get(key)), None) if isinstance(said, dict) else None
        if isinstance(name, str) and name:
            return name
        tags = self._listing.hub.tags if self._listing.hub else ()
        return next((tag.rpartition(":")[2] for tag in tags if tag.startswith("base_model:")), None)

    def _assemble(self, kind: str, parts: tuple[Part, ...], others: tuple[str, ...], base: str | None) -> Checkpoint:
        reading = self._source.reading()
        if not self._is_whole or (any(part.unread for part in parts) and kind != "bin"):
            reading = dataclasses.replace(reading, complete=False, retryable=self._is_retryable)
        return Checkpoint(
            reference=self._reference.text,
            repository=self._listing.repository,
            commit=self._listing.commit,
            format=kind,
            parts=parts,
            alternatives=others,
            base_model=base,
            hub=self._listing.hub,
            reading=reading,
            notices=tuple(self._notices),
        )

    def _notice(self, code: str, message: str) -> None:
        self._notices.append(Notice(code=code, message=message))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}".strip("/") if folder else name.strip("/")


def _inner(folder: str, root: str) -> str:
    return folder[len(root) :].strip("/") if folder.startswith(root) else ""


def _quoted(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(f"`{name[:100]}`" for name in names[:_NAMES_SHOWN]) + more


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _first_words(error: Exception) -> str:
    if isinstance(error, InvalidDataError) and error.because:  # what it says first names the file again
        return error.because.rstrip(".")
    return str(error).rstrip(".") if isinstance(error, SizerError) else f"{type(error).__name__}: {error}"


def _unread_message(drafts: Sequence[_Draft], *, all_of_them: bool) -> str:
    files = [file for draft in drafts for file in draft.weights.files]
    size = sum(file.size_bytes or 0 for file in files)
    listed = f"{plural(len(files), 'file')}, {format_bytes(size)} ({_quoted([file.path for file in files])})"
    if all_of_them:
        return f"Only weights whose headers are not read: {listed}; nothing was counted."
    return f"Weights whose headers are not read are left out: {listed}."


def _nearest(path: str, known: Iterable[str]) -> str:
    import difflib

    folders = {layout.folder_of(name) for name in known} - {""}
    close = difflib.get_close_matches(path, [*known, *folders], n=1)
    return f"did you mean `{close[0]}`?" if close else "leave --path out to let the model be found"
