"""``python -m fuzzing --seed 1 --count 2000``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fuzzing.outcome import FAULTS, quiet, tried, write
from fuzzing.readers import all_readers
from fuzzing.runs import Record, case_at, run, warmed


def main() -> int:
    """Run cases, or show one; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(prog="python -m fuzzing", description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000, help="cases (default: 2000)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--seconds", type=float, default=20.0, help="that one case may take (default: 20)")
    parser.add_argument("--readers", default="", help="only these, with commas between them")
    parser.add_argument("--corpus", type=Path, help="folder with files of yours, which are changed too")
    parser.add_argument("--out", type=Path, help="record, which a run that was stopped goes on from")
    parser.add_argument("--only", type=int, help="show the case at this place, and write its files to --keep")
    parser.add_argument("--keep", type=Path, help="folder for the files of --only")
    options = parser.parse_args()
    readers = all_readers(options.readers, options.corpus)
    if options.only is not None:
        return _show(options.seed, options.only, warmed(readers), options.keep)
    record = run(options.seed, options.count, readers, options.jobs, options.seconds, options.out, _tell)
    for fault in record.faults:
        print(f"{fault['case']}: {fault['kind']} ({fault['reader']}, {fault['mutation']}): {fault['detail']}")
    for name, counter in sorted(record.counts.items()):
        print(f"{name}: {', '.join(f'{number:,} {kind}' for kind, number in sorted(counter.items()))}")
    print(f"{record.totals.total():,} cases in {record.seconds:.0f} s: {dict(record.totals)}")
    return int(any(record.totals[kind] for kind in FAULTS))


def _show(seed: int, place: int, readers: list, keep: Path | None) -> int:
    quiet()
    case = case_at(seed, place, readers)
    if keep is not None:
        print(write(case, keep))
    outcome = tried(case)
    print(f"{case.reader}, {case.mutation}, should be {case.expected}: {outcome.kind}. {outcome.detail}")
    return int(outcome.kind in FAULTS)


def _tell(record: Record) -> None:
    n = record.totals.total()
    if n % 5000 == 0:
        faults = {kind: record.totals[kind] for kind in FAULTS if record.totals[kind]}
        print(
            f"{n:,} of {record.count:,}, {record.seconds / n * 1e3:.1f} ms each; faults: {faults or 'none'}", flush=True
        )


if __name__ == "__main__":
    raise SystemExit(main())
