"""Wall time of `sizer inspect` on a model of 163 shards, with 50 ms of latency a request, beside hf-mem.

    python benchmarks/reading.py [--hf-mem PYTHON] [--endpoint URL] [--latency-ms 50] [--rounds 5]

PYTHON is an interpreter that has hf-mem installed; without it that column is left out. hf-mem has the address
of the Hub written into it, so it is run with that address replaced and nothing else changed. Without
`--endpoint` a Hub on the loopback serves the headers of the shipped bundle, from a process of its own; tensors
are zeros that are made when asked for. Rounds are interleaved, so that what else the machine does meets all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

MODEL = "deepseek-ai/DeepSeek-V3.2"


def serve(latency_ms: float) -> None:
    """A Hub with the model of the shipped bundle, until stdin ends; the address is printed."""
    from sizer.sources.bundle import find_shipped, read_bundle
    from tests.hub import Hub, files_of

    path = find_shipped(MODEL)
    assert path is not None
    with Hub() as hub:
        hub.add(MODEL, files_of(read_bundle(path).checkpoint.parts[0]))
        hub.latency_seconds = latency_ms / 1000
        print(hub.address, flush=True)
        sys.stdin.read()


@contextmanager
def endpoint(arguments: argparse.Namespace) -> Iterator[str]:
    """The address of the Hub to read from."""
    if arguments.endpoint:
        yield arguments.endpoint.rstrip("/")
        return
    command = [sys.executable, __file__, "--serve", "--latency-ms", str(arguments.latency_ms)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield server.stdout.readline().strip()
        server.stdin.close()


def seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Wall time of a process that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hf-mem", metavar="PYTHON")
    parser.add_argument("--endpoint")
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.latency_ms)
        return
    with endpoint(arguments) as address, tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": home, "DO_NOT_TRACK": "1"}
        inspect = [sys.executable, "-m", "sizer", "inspect"]
        with urllib.request.urlopen(f"{address}/api/models/{MODEL}/revision/main") as answer:
            commit = json.load(answer)["sha"]
        seconds([*inspect, MODEL], environment)  # fills the cache, and warms the server
        commands = {
            "sizer inspect --no-cache": [*inspect, MODEL, "--no-cache"],
            "sizer inspect, branch in the cache": [*inspect, MODEL],
            "sizer inspect, commit in the cache": [*inspect, f"{MODEL}@{commit}"],
            "sizer inspect --offline, shipped bundle": [*inspect, MODEL, "--offline", "--no-cache"],
        }
        if arguments.hf_mem:
            from benchmarks.memory import HF_MEM

            commands = {"hf-mem": [arguments.hf_mem, "-c", HF_MEM, "--model-id", MODEL], **commands}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, environment))
    base = statistics.median(next(iter(times.values())))
    print(f"| {MODEL}, {arguments.latency_ms:g} ms a request | median of {arguments.rounds} | fastest | share |")
    print("|---|---|---|---|")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} s | {min(values):.2f} s | {median / base:.2f} |")


if __name__ == "__main__":
    main()
