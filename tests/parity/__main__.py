"""`python -m tests.parity FOLDER [--only FAMILY[:TASK],...]`: are we equal to the original?

FOLDER is laid out like tests/golden. Prints the largest error of every case and family and exits 1
when one is above its tolerance; a case whose part is not built yet counts as failed.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.parity.base import Case, Check

FAMILIES = ("networks", "samplers", "handler", "lm", "end_to_end")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen cases; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(__file__).parent.parent / "golden"
    )
    parser.add_argument("--only", default=",".join(FAMILIES), metavar="FAMILY[:TASK],...")
    parser.add_argument("--verbose", action="store_true", help="every check of every case")
    options = parser.parse_args(arguments)
    failed = 0
    for family in FAMILIES:
        tasks = _wanted_tasks(options.only.split(","), family)
        if tasks is None:
            continue
        failed += _run_family(family, tasks, options.folder, verbose=options.verbose)
    print("parity: all within tolerance" if not failed else f"parity: {failed} cases failed")
    return 1 if failed else 0


def _wanted_tasks(only: list[str], family: str) -> set[str] | None:
    """The tasks asked for of `family`: None not at all, empty all."""
    chosen = [entry.partition(":") for entry in only if entry.partition(":")[0] == family]
    unknown = {entry.partition(":")[0] for entry in only} - set(FAMILIES)
    if unknown:
        raise SystemExit(f"unknown families {sorted(unknown)}; choose from {', '.join(FAMILIES)}")
    if not chosen:
        return None
    tasks = {task for _, _, task in chosen}
    return set() if "" in tasks else tasks


def _run_family(family: str, tasks: set[str], folder: Path, *, verbose: bool) -> int:
    try:
        found: list[Case] = importlib.import_module(f"tests.parity.{family}").cases(folder)
    except ModuleNotFoundError as error:
        print(f"{family}: not built yet ({error})")
        return 1
    cases = [case for case in found if not tasks or case.task in tasks]
    if not cases:
        print(f"{family}: no case found in {folder}")
        return 1
    failed, worst = 0, Check("nothing compared", 0.0, 0.0)
    for case in cases:
        checks = _run_case(case)
        failed += not all(check.passed for check in checks)
        top = max(checks, key=_badness)
        worst = max(worst, *checks, key=lambda check: check.error)
        _print_case(case, checks, top, verbose=verbose)
    print(f"{family}: {len(cases) - failed} of {len(cases)} cases, largest error {worst.error:.3g}")
    return failed


def _run_case(case: Case) -> list[Check]:
    try:
        checks = case.run()
    except Exception as error:  # a case that cannot run is a failed case, told in its row
        traceback.print_exc(file=sys.stderr)
        return [Check(f"{type(error).__name__}: {error}", float("inf"), 0.0)]
    return checks or [Check("nothing was compared", float("inf"), 0.0)]


def _badness(check: Check) -> float:
    """Error in units of its tolerance; what fails is above 1."""
    if check.passed:
        return check.error / check.tolerance if check.tolerance else 0.0
    return float("inf")


def _print_case(case: Case, checks: list[Check], top: Check, *, verbose: bool) -> None:
    verdict = "ok  " if all(check.passed for check in checks) else "FAIL"
    print(
        f"{verdict} {case.family}/{case.name}: {top.what} {top.error:.3g} (max {top.tolerance:g})"
    )
    for check in checks if verbose else [c for c in checks if not c.passed]:
        print(f"       {check.what}: {check.error:.3g} (max {check.tolerance:g})")


if __name__ == "__main__":
    sys.exit(main())
