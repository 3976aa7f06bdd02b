"""The command line of `./dev bench`."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.peers import PEERS
from bench.workload import QUICK, Sizes
from bench.workloads import WORKLOADS

QUICK_PEERS = ("procrastinate", "onewriter")
# What is here anyway; the others are fetched when they are asked for.
LOCAL_PEERS = ("procrastinate", "procrastinate-tuned", "onewriter")


@dataclass(frozen=True, slots=True)
class Options:
    """`runs` is how often each timed workload is measured; figures are medians."""

    peers: tuple[str, ...]
    workloads: tuple[str, ...]
    runs: int
    sizes: Sizes
    json: Path | None
    markdown: Path | None
    plots: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """Exits 2 with a sentence where it can't be understood."""
    given = _parser().parse_args(arguments)
    sizes = QUICK if given.quick else Sizes()
    if given.idle_seconds is not None:
        sizes = replace(sizes, idle_seconds=given.idle_seconds)
    return Options(
        peers=given.peers or (QUICK_PEERS if given.quick else LOCAL_PEERS),
        workloads=given.only or tuple(WORKLOADS),
        runs=given.runs or (1 if given.quick else 3),
        sizes=sizes,
        json=given.json,
        markdown=given.markdown,
        plots=given.plots,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--only", type=_names(WORKLOADS), metavar="NAME,…", help=", ".join(WORKLOADS))
    peers = f"all (what is missing is fetched), or of {', '.join(PEERS)}"
    parser.add_argument("--peers", type=_names(PEERS), metavar="NAME,…", help=peers)
    parser.add_argument("--runs", type=_positive, metavar="N", help="of each workload; the median counts (3)")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run: does it work at all?")
    parser.add_argument("--idle-seconds", type=_seconds, metavar="S", help="of the idle minute (60)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every run's figures")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the tables as they are printed")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="the figures as SVG")
    return parser


class _names:  # noqa: N801 (argparse shows it as a type)
    """A comma-separated choice, in the registry's order."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)

    def __call__(self, text: str) -> tuple[str, ...]:
        chosen = set(self._known) if text == "all" else set(filter(None, text.split(",")))
        unknown = sorted(chosen - set(self._known))
        if unknown or not chosen:
            known = ", ".join(self._known)
            raise argparse.ArgumentTypeError(f"{', '.join(unknown) or 'nothing'} is not one of {known}")
        return tuple(name for name in self._known if name in chosen)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of runs")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 3600 seconds")
    return value
