"""`python -m bench`, as ./dev bench calls it. A benchmark, not a test: a missed expectation is no failure."""

import json
import signal
import sys
from typing import Any

from bench import machine, report
from bench.options import Options, parse
from bench.peer import Peer
from bench.runner import Result, install, run_all
from bench.server import Server, booted
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
    results = []
    for result in run_all(server, peers, options):
        results.append(result)
        for row in report.rows(result):
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
    described = {peer.name: {"settings": peer.settings, "keeps": peer.keeps} for peer in peers}
    table = report.table(results, [peer.name for peer in peers])
    lines = [f"- {name}: {told['settings']}; keeps {told['keeps']}" for name, told in described.items()]
    problems = [f"- not installed: {problem}" for problem in missing]
    problems += [f"- not measured: {problem}" for result in results for problem in result.problems]
    text = "\n".join([table, "", *lines, f"- {machine.sentence(facts)}", *problems])
    print(f"\n{text}")
    if options.markdown:
        options.markdown.write_text(f"{text}\n")
    if options.json:
        document = report.document(results, facts, described)
        document["problems"] = [*missing, *document["problems"]]
        options.json.write_text(json.dumps(document, indent=1) + "\n")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
