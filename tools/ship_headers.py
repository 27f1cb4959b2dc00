"""Make the header bundles that come with `sizer` (data/headers): read repositories once, write them small.

    python tools/ship_headers.py --endpoint URL --note TEXT [--facts hub_models.csv] REPOSITORY...

`--note` says where the headers come from; it is shown with every answer that rests on the bundle. `--facts`
is a table (repo_id, hub_element_total, license) of what the Hub itself says; without it the bundle says
nothing about the Hub. The commit of a Hub that is not the real one is left out with `--no-commit`.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from pathlib import Path

from sizer.reference import parse_reference
from sizer.sources.bundle import save_bundle
from sizer.sources.checkpoint import load_checkpoint
from sizer.sources.hub import HubSource
from sizer.sources.interface import HubFacts, Reading


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--note", required=True)
    parser.add_argument("--facts", type=Path)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent.parent / "data" / "headers")
    parser.add_argument("--no-commit", action="store_true")
    parser.add_argument("repositories", nargs="+")
    arguments = parser.parse_args()

    facts = {}
    if arguments.facts:
        with arguments.facts.open(newline="") as stream:
            facts = {row["repo_id"]: row for row in csv.DictReader(stream)}
    folder = arguments.folder
    folder.mkdir(exist_ok=True)
    for repository in arguments.repositories:
        checkpoint = load_checkpoint(HubSource(repository, address=arguments.endpoint), parse_reference(repository))
        row = facts.get(repository)
        hub = row and HubFacts(total_parameters=int(row["hub_element_total"]), licence=row["license"] or None)
        read = checkpoint.reading
        shipped = dataclasses.replace(
            checkpoint,
            commit=None if arguments.no_commit else checkpoint.commit,
            hub=hub or (None if arguments.no_commit else checkpoint.hub),
            reading=Reading(files=read.files, complete=read.complete, verified_by=read.verified_by),
        )
        path = folder / f"{repository.replace('/', '--')}.json.gz"
        save_bundle(shipped, path, note=arguments.note)
        print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
