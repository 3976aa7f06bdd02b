"""`python -m bench`, as ./dev bench calls it. A benchmark, not a test: a missed expectation is no failure."""

import json
import signal
import sys
from typing import Any

from bench import machine, plots, report
from bench.options import Options, parse
from bench.peer import Peer
from bench.rows import Entrant, all_rows, entrants, rows
from bench.runner import Result, install, run_all
from bench.server import Server, booted
from bench.workload import QUICK
from devstack.errors import Stop


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server and the workers end with us
    try:
        with booted() as server:
            _say("installing " + ", ".join(options.peers))
            peers, missing = install(server, options.peers)
            for problem in missing:
                _say(f"NOT INSTALLED: {problem}")
            facts = machine.facts(server, peers)
            results = _run(server, peers, options)
    except Stop as stop:
        print(f"./dev bench: {stop}", file=sys.stderr)
        return 1
    _print(results, peers, missing, facts, options)
    return 0


def _run(server: Server, peers: list[Peer], options: Options) -> list[Result]:
    results: list[Result] = []
    entered = entrants(peers)
    for result in run_all(server, peers, options):
        results.append(result)
        for row in rows(result, entered, results):
            figures = ", ".join(
                f"{peer} {report.number(value, row.metric.digits)}" for peer, value in row.values.items()
            )
            _say(f"{row.metric.title}: {figures} {row.metric.unit}")
        for problem in result.problems:
            _say(f"NOT MEASURED: {problem}")
    return results


def _print(
    results: list[Result], peers: list[Peer], missing: list[str], facts: dict[str, Any], options: Options
) -> None:
    entered = entrants(peers)
    text = "\n\n".join(
        [
            report.summary(results, entered),
            "Every mode and every row:",
            report.table(results, entered),
            "\n".join(
                [*_notes(results, entered, facts, options), *(f"- not installed: {p}" for p in missing)]
            ),
        ]
    )
    print(f"\n{text}")
    if options.markdown:
        options.markdown.write_text(f"{text}\n")
    if options.json:
        document = report.document(results, facts, entered)
        document["problems"] = [*missing, *document["problems"]]
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if options.plots:
        plots.write(options.plots, all_rows(results, entered), entered)


def _notes(
    results: list[Result], entered: dict[str, Entrant], facts: dict[str, Any], options: Options
) -> list[str]:
    quick = ["- a quick run: the sizes are smaller than the titles say"] if options.sizes == QUICK else []
    return [
        *(f"- {each.name}: {each.settings}; keeps {each.keeps}" for each in entered.values()),
        f"- {machine.sentence(facts)}",
        *quick,
        *(f"- not measured: {problem}" for result in results for problem in result.problems),
    ]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
