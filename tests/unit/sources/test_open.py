"""From what a user typed to a checkpoint: Hub, cache, shipped bundles, saved bundles."""

from __future__ import annotations

import dataclasses
import stat
from pathlib import Path
from typing import Any

import pytest

from sizer.errors import NotFoundError, UnavailableError, UsageError
from sizer.sources import open as opening
from sizer.sources.bundle import save_bundle
from sizer.sources.hub import cache_folder
from sizer.sources.interface import Checkpoint, Reading
from sizer.sources.open import ReadingSettings, read_checkpoint
from tests.hub import Hub, safetensors, status

ONE = safetensors({"a": ("F32", [2, 3])})
OFFLINE = ReadingSettings(offline=True)
SHIPPED = "Qwen/Qwen3-0.6B"


@pytest.fixture(autouse=True)
def _repository(hub: Hub) -> None:
    hub.add("org/model", {"config.json": {"model_type": "x"}, "model.safetensors": ONE, "sub/model.safetensors": ONE})


def entries() -> list[Path]:
    """Files of the cache."""
    return sorted(path for path in cache_folder().rglob("*") if path.is_file())


def without_cost(checkpoint: Checkpoint) -> Checkpoint:
    return dataclasses.replace(checkpoint, reading=Reading(), notices=(), reference="")


def test_second_time(hub: Hub) -> None:
    """The second inspection of a branch asks for its commit alone; of a commit, for nothing."""
    first = read_checkpoint("org/model")
    assert first.reading.requests == 5
    second = read_checkpoint("org/model")
    assert second.reading.requests == 1
    assert without_cost(second) == without_cost(first)
    hub.requests.clear()
    pinned = read_checkpoint(f"org/model@{first.commit}")
    assert hub.requests == []
    assert pinned.reading == Reading(files=1, verified_by=first.reading.verified_by)
    assert pinned.reference == f"org/model@{first.commit}"
    assert without_cost(pinned) == without_cost(first)


def test_new_commit(hub: Hub) -> None:
    """A branch that moved is read again."""
    first = read_checkpoint("org/model")
    hub.add("org/model", {"model.safetensors": safetensors({"b": ("F32", [1])})}, commit="f" * 40)
    second = read_checkpoint("org/model")
    assert second.commit != first.commit
    assert second.parts[0].headers[0].tensors[0].name == "b"


def test_paths_are_cached_apart() -> None:
    """A subfolder of a commit is an entry of its own."""
    whole = read_checkpoint("org/model")
    inner = read_checkpoint("org/model", ReadingSettings(path="sub"))
    assert inner.parts[0].headers[0].path == "sub/model.safetensors"
    assert whole.parts[0].headers[0].path == "model.safetensors"
    assert read_checkpoint(f"org/model@{whole.commit}", ReadingSettings(path="sub")).reading.requests == 0


def test_no_cache(hub: Hub) -> None:
    """Without the cache everything is read again, and nothing written."""
    settings = ReadingSettings(use_cache=False)
    assert [read_checkpoint("org/model", settings).reading.requests for _ in range(2)] == [5, 5]
    assert entries() == []


def test_private() -> None:
    """Entries can be read by their owner alone: the repository may be private."""
    read_checkpoint("org/model")
    assert {stat.S_IMODE(path.stat().st_mode) for path in entries()} == {0o600}


@pytest.mark.parametrize("damage", [b"", b"\x1f\x8b damaged", None])
def test_damaged_entry(damage: bytes | None) -> None:
    """A damaged or half-written entry is thrown away and read again."""
    first = read_checkpoint("org/model")
    entry = next(path for path in entries() if path.name.endswith(".json.gz"))
    entry.write_bytes(entry.read_bytes()[:-9] if damage is None else damage)
    again = read_checkpoint("org/model")
    assert again.reading.requests == 5
    assert without_cost(again) == without_cost(first)
    assert read_checkpoint("org/model").reading.requests == 1


def test_read_only_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the cache cannot be written, the answer comes all the same, with one notice."""
    from huggingface_hub import constants

    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "file" / "assets"))
    checkpoint = read_checkpoint("org/model")
    assert [notice.code for notice in checkpoint.notices] == ["cache.unwritable"]


def test_incomplete_is_not_cached(hub: Hub) -> None:
    """What could not be read whole is not kept."""
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    hub.add("org/two", {names[0]: ONE, names[1]: b"<!"})
    assert not read_checkpoint("org/two").reading.complete
    assert entries() == []


def test_without_config_is_not_cached(hub: Hub) -> None:
    """A checkpoint whose config.json did not come is not kept, so that the next run asks again."""
    hub.fail(status(403), route="resolve", path="config.json")
    read_checkpoint("org/model", ReadingSettings(timeout_seconds=1))
    assert entries() != []
    hub.add("org/other", {"config.json": {}, "model.safetensors": ONE})
    hub.faults.clear()
    hub.fail(status(503), route="resolve", path="config.json")
    before = len(entries())
    assert [n.code for n in read_checkpoint("org/other", ReadingSettings(timeout_seconds=1)).notices] == [
        "reading.document"
    ]
    assert len(entries()) == before


def test_offline_from_cache(hub: Hub) -> None:
    """Offline a branch is answered from what was read last, and the answer says so; nothing is sent."""
    first = read_checkpoint("org/model")
    hub.requests.clear()
    checkpoint = read_checkpoint("org/model", OFFLINE)
    assert hub.requests == []
    assert [notice.code for notice in checkpoint.notices] == ["offline.cache"]
    assert "`main`" in checkpoint.notices[0].message
    assert without_cost(checkpoint) == without_cost(first)


def test_offline_from_bundle(hub: Hub) -> None:
    """Offline a repository with a shipped bundle is counted from it, and the answer says where it comes from."""
    checkpoint = read_checkpoint(SHIPPED, OFFLINE)
    assert hub.requests == []
    assert [notice.code for notice in checkpoint.notices] == ["offline.bundle"]
    assert "not read from the live Hub" in checkpoint.notices[0].message
    assert checkpoint.reading.requests == 0
    assert len(checkpoint.parts[0].headers[0].tensors) == 311


def test_hub_offline_variable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """HF_HUB_OFFLINE=1 is as good as --offline."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert read_checkpoint(SHIPPED).notices[0].code == "offline.bundle"
    assert hub.requests == []


@pytest.mark.parametrize("reference", ["org/model", f"{SHIPPED}@v1", f"{SHIPPED}@{'0' * 40}", f"hf://{SHIPPED}/sub"])
def test_offline_and_nothing_there(reference: str) -> None:
    """Offline, without cache and bundle, the error says what would work. Another revision is not in a bundle."""
    with pytest.raises(NotFoundError) as error:
        read_checkpoint(reference, OFFLINE)
    assert error.value.code == "hub.offline"
    assert SHIPPED in error.value.hint


def test_unreachable(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the Hub cannot be reached, cache and bundles stand in, with the reason; else the error stays."""
    first = read_checkpoint("org/model")
    monkeypatch.setattr(opening, "ATTEMPTS_WITH_STAND_IN", 1)
    hub.fail(status(503))
    assert [notice.code for notice in read_checkpoint("org/model").notices] == ["offline.cache"]
    shipped = read_checkpoint(SHIPPED)
    assert [notice.code for notice in shipped.notices] == ["offline.bundle"]
    assert "could not be reached" in shipped.notices[0].message
    assert first.commit


def test_unreachable_and_nothing_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection names host and port."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnavailableError) as error:
        read_checkpoint("org/model", ReadingSettings(timeout_seconds=1))
    assert error.value.code == "hub.connect"
    assert "127.0.0.1:9" in error.value.what
    assert "HF_ENDPOINT" in error.value.what


def test_unknown_is_not_unreachable() -> None:
    """A repository that the Hub does not know stays an error, although a bundle of that name is shipped."""
    with pytest.raises(NotFoundError) as error:
        read_checkpoint(SHIPPED)
    assert error.value.code == "hub.not_found"


def test_saved_bundle(tmp_path: Path, hub: Hub) -> None:
    """A saved bundle gives the very checkpoint that was saved: reference, cost, notices and all."""
    checkpoint = read_checkpoint("org/model@main")
    save_bundle(checkpoint, tmp_path / "any.name")
    hub.requests.clear()
    assert read_checkpoint(str(tmp_path / "any.name")) == checkpoint
    assert hub.requests == []
    with pytest.raises(UsageError):
        read_checkpoint(str(tmp_path / "any.name"), ReadingSettings(path="sub"))


def test_progress(hub: Hub) -> None:
    """The settings' progress is told of each weight file."""
    seen: list[Any] = []
    read_checkpoint("org/model", ReadingSettings(progress=lambda done, total: seen.append((done, total))))
    assert seen == [(1, 1)]


def test_saved_bundle_prints_the_same_bytes(sizer: Any, tmp_path: Path, hub: Hub) -> None:
    """`--save-headers FILE`, then `sizer inspect FILE --json` without network, prints the very same document."""
    first = sizer("inspect", "org/model", "--json", "--save-headers", tmp_path / "saved")
    hub.requests.clear()
    second = sizer("inspect", tmp_path / "saved", "--json", "--offline")
    assert second.out == first.out
    assert first.json["report"]["reading"]["requests"] == 5
    assert hub.requests == []
