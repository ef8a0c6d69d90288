"""What the gateway costs beside other proxies (bench/README.md); `make bench` runs it.

python -m bench [--quick] [--two-cores] [--tables]
"""

import argparse
import contextlib
import functools
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import document, gateways, machine, memory, rounds, starts
from bench.lanes import GATEWAY, start_all
from bench.place import BUILT, PARTNERS, Place
from bench.plan import QUICK, WHOLE, Plan
from bench.processes import ProcessFailedError
from bench.slices import Slice, WrongAnswerError, measure
from bench.workloads import GET_2KB

HERE = Path(__file__).parent
FIRST_SECONDS = time.monotonic()


def tell(line: str) -> None:
    """Say how far it is."""
    print(f"[{time.monotonic() - FIRST_SECONDS:5.0f} s] {line}", flush=True)


def start_times(place: Place, plan: Plan) -> dict[str, float]:
    """Seconds from launch to ready, on fresh databases and with many partners."""
    tell("starts")
    folders = [place.folder / f"fresh-{number}" for number in range(plan.starts)]
    filled = place.folder / "filled"
    gateways.fill_database(filled, partners=PARTNERS, upstream_port=place.upstream_port)
    return {
        "fresh_ready_seconds": starts.seconds_to_ready(folders, place),
        "ready_seconds": starts.seconds_to_ready([filled] * plan.starts, place),
    }


def run(place: Place, plan: Plan, deadline: float) -> tuple[list[Slice], dict[str, float]]:
    """Everything: the slices of all rounds, and what is measured apart from them.

    Raises:
        WrongAnswerError: a proxy did not answer as it must.
        ProcessFailedError: a process did not start.
    """
    place.write_tokens()
    alone = start_times(place, plan)
    with contextlib.ExitStack() as stack:
        lanes = start_all(place, plan, stack, tell).lanes()
        tell("every lane is checked and warmed")
        rounds.check(lanes, place, seconds=plan.check_seconds)
        take = functools.partial(measure, place, seconds=plan.slice_seconds, warm_seconds=plan.warm_seconds)
        slices = rounds.run(lanes, take, most=plan.rounds, deadline=deadline - plan.after_rounds_seconds, tell=tell)
        order = {(lane.workload.name, lane.row): number for number, lane in enumerate(lanes)}
        slices.sort(key=lambda each: order[each.workload, each.row])
        tell("memory")
        (steady,) = (each for each in lanes if each.row == GATEWAY and each.workload is GET_2KB)
        alone |= memory.growth(steady, place, seconds=plan.growth_seconds)
    alone |= memory.streaming(place.folder / "filled", place, size_mb=plan.stream_mb, seconds=plan.stream_seconds)
    return slices, alone


def about(plan: Plan, slices: Sequence[Slice], *, two_cores: bool) -> str:
    """When, where and how it was measured."""
    today = datetime.now(UTC).date()  # noqa: TID251 - the day of the run
    rounds_made = max(each.number for each in slices)
    layout = "clients and upstream on a core of their own" if two_cores else "everything on one core"
    return f"{today}, {machine.describe()}. {rounds_made} rounds, {plan.slice_seconds} s a slice, {layout}."


def main(arguments: Sequence[str]) -> int:
    """The exit code is 1 where something did not work; figures are not judged."""
    parser = argparse.ArgumentParser(prog="make bench", description="What the gateway costs beside other proxies.")
    parser.add_argument("--quick", action="store_true", help="a minute: does it work? results go to .bench/")
    parser.add_argument("--two-cores", action="store_true", help="clients and upstream on another core; the same")
    parser.add_argument("--tables", action="store_true", help="only make tables and chart of the latest run anew")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else WHOLE
    is_kept = not options.quick and not options.two_cores
    folder, page = (HERE / "results", HERE / "README.md") if is_kept else (BUILT / "results", None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the proxies are ended, too
    if not options.tables:
        with tempfile.TemporaryDirectory() as scratch:
            place = Place(Path(scratch), two_cores=options.two_cores)
            try:
                slices, alone = run(place, plan, FIRST_SECONDS + plan.seconds)
            except (WrongAnswerError, ProcessFailedError) as error:
                print(f"the benchmark failed: {error}", file=sys.stderr)
                return 1
        document.save(folder, slices, alone, plan, about=about(plan, slices, two_cores=options.two_cores))
    print(f"\n{document.show(folder, page=page)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
