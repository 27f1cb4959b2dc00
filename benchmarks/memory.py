"""Weights and cache of models by `sizer`, hf-mem and gguf-parser, beside published figures.

    python benchmarks/memory.py
    python benchmarks/memory.py --hf-mem PYTHON --gguf-parser PROGRAM

The first prints the table of `docs/concepts/memory.md`: `sizer`'s column is counted now, from header sets; the
others are in `memory.yaml`, as they were measured. The second measures them again and says what differs.
PYTHON is an interpreter that has hf-mem. It has the Hub's address written into it, so it is run with that address
replaced by a loopback Hub that serves the header sets, and nothing else changed. PROGRAM is
`benchmarks/gguf_parser` built (`go build`); it reads GGUF files without data, made here with the metadata that
llama.cpp's converter writes for the architecture and every tensor as it is stored.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sizer.inspection import inspect_checkpoint
from sizer.sizing.model import SizingSettings
from sizer.sources.bundle import find_shipped, read_bundle
from sizer.sources.interface import Checkpoint
from sizer.tables import convert, load_yaml
from sizer.units import format_bytes, format_integer
from sizer.values import frozen

TABLE = Path(__file__).with_name("memory.yaml")
HF_MEM = """
import os, sys, httpx2
build = httpx2.AsyncClient.build_request
httpx2.AsyncClient.build_request = lambda self, method, url, **settings: build(
    self, method, str(url).replace("https://huggingface.co", os.environ["HF_ENDPOINT"], 1), **settings)
from hf_mem.cli import main
sys.exit(main())
"""


@frozen
class Published:
    figure: str
    """`weights` or `cache`."""
    text: str
    """As it was stated, unit and all."""
    bytes: int
    source: str


@frozen
class Other:
    """What another program says; null where it has no answer."""

    weights_bytes: int | None = None
    kv_cache_bytes: int | None = None


@frozen
class Row:
    id: str
    context_tokens: int
    why: str = ""
    """Why the programs differ, where they do."""
    hf_mem: Other = Other()
    gguf_parser: Other = Other()
    published: tuple[Published, ...] = ()


@frozen
class Table:
    models: tuple[Row, ...]


def load() -> Table:
    """The models with what was measured and published."""
    return convert(load_yaml(TABLE), Table, where=str(TABLE))


def checkpoint_of(name: str) -> Checkpoint:
    """The header set of a model: shipped, or beside this file."""
    path = find_shipped(name) or TABLE.parent / "headers" / f"{name.replace('/', '--')}.json.gz"
    return read_bundle(path).checkpoint


def counted(row: Row) -> tuple[int, int, int]:
    """(weights, cache, state) in bytes, as `sizer inspect --cache-dtype bf16` counts them now."""
    settings = SizingSettings(context_tokens=row.context_tokens, cache_dtype="bf16")
    memory = inspect_checkpoint(checkpoint_of(row.id), sizing=settings).memory
    assert memory.weights_bytes is not None
    assert memory.kv_cache_bytes is not None
    assert memory.state_bytes is not None
    return memory.weights_bytes, memory.kv_cache_bytes, memory.state_bytes


def rows(table: Table) -> Iterator[str]:
    """Two Markdown rows a model: weights as stored, and the cache of one sequence in 16 bits."""
    for row in table.models:
        weights, cache, state = counted(row)
        kept = format_bytes(cache) + (f" and {format_bytes(state)} of state" if state else "")
        yield _row(row, "weights", format_bytes(weights), weights, "")
        yield _row(row, "cache", kept, cache, row.why)


def _row(row: Row, figure: str, own: str, own_bytes: int, why: str) -> str:
    field = "weights_bytes" if figure == "weights" else "kv_cache_bytes"
    cells = [_cell(getattr(other, field)) for other in (row.hf_mem, row.gguf_parser)]
    published = "; ".join(
        f"{one.text} ({one.source}): {one.bytes / own_bytes - 1:+.1%}" for one in row.published if one.figure == figure
    )
    name = figure if figure == "weights" else f"cache, {format_integer(row.context_tokens)}"
    return f"| {row.id} | {name} | {own} | {cells[0]} | {cells[1]} | {published or '-'} | {why} |"


def _cell(size: int | None) -> str:
    return "-" if size is None else format_bytes(size)


# -- measuring the others --------------------------------------------------------------------------------


def ask_hf_mem(python: str, table: Table) -> dict[str, Other]:
    """What hf-mem says of each model; its weights alone where it has no cache to say."""
    from tests.hub import Hub, files_of

    found = {}
    with Hub() as hub, tempfile.TemporaryDirectory() as home:
        for row in table.models:
            hub.add(row.id, files_of(checkpoint_of(row.id).parts[0]))
        environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": home, "DO_NOT_TRACK": "1"}
        for row in table.models:
            plain = ["--model-id", row.id, "--json-output"]
            cached = [*plain, "--experimental", "--max-model-len", str(row.context_tokens)]
            cached += ["--kv-cache-dtype", "bfloat16"]
            answer = _json([python, "-c", HF_MEM, *cached], environment)
            answer = answer or _json([python, "-c", HF_MEM, *plain], environment) or {}
            found[row.id] = Other(weights_bytes=answer.get("memory"), kv_cache_bytes=answer.get("kv_cache"))
    return found


def _json(command: list[str], environment: dict[str, str]) -> dict[str, Any] | None:
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    return json.loads(run.stdout) if run.returncode == 0 and run.stdout.startswith("{") else None


def ask_gguf_parser(program: str, table: Table) -> dict[str, Other]:
    """What gguf-parser says of GGUF files with the models' shapes; weights where they are stored in 16 bits."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for row in table.models:
            part = checkpoint_of(row.id).parts[0]
            pairs = metadata(part.config or {})
            if pairs is None:
                found[row.id] = Other()
                continue
            stored = [tensor for header in part.headers for tensor in header.tensors]
            is_text = not (part.config or {}).get("vision_config")  # llama.cpp keeps the rest in a file of its own
            plain = is_text and all(dtype in ("BF16", "F32") for _, dtype, _, _ in stored)
            path = Path(folder) / "model.gguf"
            path.write_bytes(
                gguf(pairs, stored if plain else [one for one in stored if ".layers." in one[0] and len(one[2]) < 3])
            )
            run = subprocess.run(
                [program, str(row.context_tokens), str(path)], capture_output=True, text=True, check=True
            )
            answer = json.loads(run.stdout)
            weights = answer["weights_bytes"] if plain else None
            found[row.id] = Other(weights_bytes=weights, kv_cache_bytes=answer["kv_cache_bytes"])
    return found


def gguf(pairs: list[tuple[str, str, Any]], tensors: list[Any]) -> bytes:
    """The header of a GGUF file with these tensors, layers under llama.cpp's `blk.N`."""
    from tests.gguf_writer import Writer

    infos, offset = [], 0
    for name, dtype, shape, size in tensors:
        renamed = re.sub(r"^.*?layers\.(\d+)\.", r"blk.\1.", name)
        renamed = {"lm_head.weight": "output.weight"}.get(renamed, re.sub(r"^.*embed_tokens", "token_embd", renamed))
        infos.append((renamed, list(reversed(shape)), 0 if dtype == "F32" else 30, offset))
        offset += -(-size // 32) * 32
    return Writer().header(pairs, infos)


# model_type of config.json: the architecture's name in llama.cpp (src/llama-arch.cpp).
_ARCHITECTURES = {
    "llama": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe", "glm4_moe": "glm4moe",
    "deepseek_v2": "deepseek2", "deepseek_v3": "deepseek2", "deepseek_v32": "deepseek2", "kimi_k2": "deepseek2",
    "qwen3_next": "qwen3next", "qwen3_5_moe_text": "qwen35moe", "nemotron_h": "nemotron_h_moe", "jamba": "jamba",
    "mixtral": "llama", "gemma3_text": "gemma3", "gemma4_text": "gemma4", "gpt_oss": "gpt-oss",
    "llama4_text": "llama4", "dbrx": "dbrx", "mamba": "mamba",
}  # fmt: skip


def metadata(config: dict[str, Any]) -> list[tuple[str, str, Any]] | None:
    """The keys that decide weights and cache, as convert_hf_to_gguf.py writes them; None for what it cannot."""
    text = {**config, **(config.get("text_config") or {})}
    architecture = _ARCHITECTURES.get(text["model_type"], _ARCHITECTURES.get(config["model_type"]))
    if architecture is None:
        return None
    attention = text.get("attn_config") or {}
    layers = text.get("num_hidden_layers") or text.get("n_layers")
    hidden = text.get("hidden_size") or text.get("d_model")
    heads = text.get("num_attention_heads") or text.get("n_heads")
    kv_heads: Any = text.get("num_key_value_heads") or attention.get("kv_n_heads") or heads
    numbers: dict[str, Any] = {
        "context_length": text.get("max_position_embeddings") or text.get("max_seq_len") or 4096,
        "embedding_length": hidden,
        "block_count": layers,
        "vocab_size": text.get("vocab_size"),
        "attention.head_count": heads,
        "attention.head_count_kv": kv_heads,
        "attention.sliding_window": text.get("sliding_window"),
    }
    if text.get("head_dim"):
        numbers |= {"attention.key_length": text["head_dim"], "attention.value_length": text["head_dim"]}
    if rank := text.get("kv_lora_rank"):  # the compressed vectors, as one KV head
        rotary, value = text["qk_rope_head_dim"], text["v_head_dim"]
        numbers |= {
            "attention.head_count_kv": 1, "attention.kv_lora_rank": rank, "rope.dimension_count": rotary,
            "attention.key_length": rank + rotary, "attention.value_length": rank,
            "attention.key_length_mla": text["qk_nope_head_dim"] + rotary, "attention.value_length_mla": value,
        }  # fmt: skip
    if architecture == "jamba":  # KV heads layer by layer, none where a layer has a state
        period, offset = text["attn_layer_period"], text["attn_layer_offset"]
        numbers["attention.head_count_kv"] = [kv_heads if n % period == offset else 0 for n in range(layers)]
        inner = text["mamba_expand"] * hidden
        numbers |= _ssm(text["mamba_d_conv"], inner, text["mamba_d_state"])
    if architecture == "nemotron_h_moe":
        pattern = text["hybrid_override_pattern"]
        numbers["attention.head_count_kv"] = [kv_heads if letter == "*" else 0 for letter in pattern]
        numbers["block_count"] = len(pattern)
    if architecture == "mamba":
        numbers |= _ssm(text["conv_kernel"], text.get("expand", 2) * hidden, text["state_size"])
        numbers |= {"attention.head_count": 0, "attention.head_count_kv": None}
    pairs: list[tuple[str, str, Any]] = [("general.architecture", "str", architecture)]
    for key, value in numbers.items():
        if isinstance(value, list):
            pairs.append((f"{architecture}.{key}", "[u32]", value))
        elif value is not None:
            pairs.append((f"{architecture}.{key}", "u32", value))
    return pairs


def _ssm(kernel: int, inner: int, states: int) -> dict[str, int]:
    return {"ssm.conv_kernel": kernel, "ssm.inner_size": inner, "ssm.state_size": states}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hf-mem", metavar="PYTHON")
    parser.add_argument("--gguf-parser", metavar="PROGRAM")
    arguments = parser.parse_args()
    table = load()
    asked = {}
    if arguments.hf_mem:
        asked["hf_mem"] = ask_hf_mem(arguments.hf_mem, table)
    if arguments.gguf_parser:
        asked["gguf_parser"] = ask_gguf_parser(arguments.gguf_parser, table)
    for name, found in asked.items():
        for row in table.models:
            if (now := found[row.id]) != (before := getattr(row, name)):
                print(f"{row.id}: {name} says {now}, {TABLE.name} has {before}")
    if not asked:
        print("\n".join(rows(table)))


if __name__ == "__main__":
    main()
