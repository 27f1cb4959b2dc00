"""What short commands take to start: `python benchmarks/startup.py [--rounds N]`, on an idle machine.

Each command runs in a process of its own; the first run of each is thrown away (it fills the caches of byte code and
tables). Prints the median and the fastest wall time, and the median processor time, in seconds.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python": "-c pass",
    "typer alone": "-c 'import typer'",
    "sizer --help": "-m sizer --help",
    "sizer recommend (nine answers)": (
        "-m sizer recommend --well-defined yes --labeled-data yes --high-volume yes --realtime yes --edge no "
        "--budget yes --on-prem no --diverse no --multi-step no"
    ),
    "sizer route": "-m sizer route",
    "sizer inspect (a shipped bundle)": "-m sizer inspect --offline Qwen/Qwen3-30B-A3B",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    print(f"{'':34}{'median':>8}{'fastest':>9}{'cpu':>7}")
    for name, words in COMMANDS.items():
        took = [_run([sys.executable, *shlex.split(words)]) for _ in range(rounds + 1)][1:]
        wall = [seconds for seconds, _ in took]
        cpu = statistics.median(seconds for _, seconds in took)
        print(f"{name:34}{statistics.median(wall):8.3f}{min(wall):9.3f}{cpu:7.3f}")


def _run(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of one run of `command`."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    seconds, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu


if __name__ == "__main__":
    main()
