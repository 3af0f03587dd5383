"""Long runs: ``python -m flocker.testing.simulation --seeds 10000 --jobs 2``.

A seed that fails is run once more, with a trace; it stays as a test when it is mended.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from flocker.testing.simulation.plans import Plan, plan
from flocker.testing.simulation.pool_plans import pool_plan
from flocker.testing.simulation.running import Result, run

CHUNK = 20
"""Seeds that a worker is given at a time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run seeds; give 1 if anything was violated."""
    options = _parser().parse_args(arguments)
    do = partial(run, plan=_planning(options))
    if options.seed is not None:
        found = do(options.seed, traced=True)
        _print_lines(found.trace)
        _print_lines([_verdict(found, options)])
        return 1 if found.violation else 0
    seeds = range(options.start, options.start + options.seeds)
    failed = done = 0
    for result in _results(do, seeds, options.jobs):
        done += 1
        if result.violation is not None:
            failed += 1
            if failed <= options.show:
                _print_lines(do(result.seed, traced=True).trace)
            _print_lines([_verdict(result, options)])
        elif done % 500 == 0:
            _print_lines([f"{done} seeds, {failed} failed"])
    _print_lines([f"{done} seeds, {failed} failed"])
    return 1 if failed else 0


def _planning(options: argparse.Namespace) -> Callable[[int], Plan]:
    of_a_seed = pool_plan if options.pools else plan
    if options.things is None:
        return of_a_seed
    return partial(of_a_seed, length=range(options.things, options.things + 1))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m flocker.testing.simulation",
        description="Run simulated clusters with faults, and see that all holds.",
    )
    parser.add_argument("--seeds", type=int, default=500, help="how many (500)")
    parser.add_argument(
        "--from", dest="start", type=int, default=0, help="the first (0)"
    )
    parser.add_argument(
        "--pools", action="store_true", help="of nodes with pools of their own"
    )
    parser.add_argument("--seed", type=int, help="only this one, with its trace")
    parser.add_argument(
        "--things",
        type=int,
        help="so many happen in each (as the seed says: 6 to 33)",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument(
        "--show", type=int, default=1, help="so many traces of failing seeds (1)"
    )
    return parser


Do = Callable[..., Result]


def _results(do: Do, seeds: range, jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(do, seeds)
        return
    chunks = [seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs) as pool:
        for results in pool.map(partial(_run_all, do), chunks):
            yield from results


def _run_all(do: Do, seeds: range) -> list[Result]:
    return [do(seed) for seed in seeds]


def _verdict(result: Result, options: argparse.Namespace) -> str:
    took = f"{result.events} events, {result.seconds:.0f} simulated seconds"
    if result.violation is None:
        return f"seed {result.seed}: all holds ({took})"
    sort = " --pools" if options.pools else ""
    sort += "" if options.things is None else f" --things {options.things}"
    again = f"python -m flocker.testing.simulation{sort} --seed {result.seed}"
    return f"seed {result.seed} FAILED ({took}): {result.violation}\n  again: {again}"


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
