"""The rows, tables, JSON and plots of the benchmark."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from bench import plots
from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.report import document, summary, table, times
from bench.rows import Entrant, all_rows
from bench.runner import Result
from bench.workload import Bench, Workload

RATE = Metric("rate", "drain", "jobs/s", times=70, of_ceiling=0.75)
WAL = Metric("wal", "drain: WAL", "bytes/job", higher_is_better=False)
NEVER = Metric("nothing", "never measured", "x")
ENTERED = {
    name: Entrant(name, queue, ceiling, "as installed", "all")
    for name, queue, ceiling in [
        ("procrastinate", "procrastinate", False),
        ("procrastinate-tuned", "procrastinate", False),
        ("raw", "raw", True),
        ("onewriter", "onewriter", False),
    ]
}


class Named(Workload):
    def __init__(self, name: str, metrics: Sequence[Metric]) -> None:
        self.name, self.title, self.metrics = name, name, metrics

    def measure(self, bench: Bench, peer: Peer) -> Sample:  # noqa: ARG002 (nothing is run here)
        raise Broken("not here")


def result() -> Result:
    return Result(
        Named("drain-1", [RATE, WAL, NEVER]),
        {
            "procrastinate": [{"rate": 200}],
            "procrastinate-tuned": [{"rate": 500}, {"rate": 510}, {"rate": 900}],
            "raw": [{"rate": 50_000}],
            "onewriter": [
                {"rate": 40_000, "wal": 900},
                {"rate": 41_000, "wal": 910},
                {"rate": 1, "wal": 920},
            ],
        },
        ["drain-1, chancy: ended by itself"],
    )


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_have_medians_the_ratio_to_the_best_queue_and_the_verdict() -> None:
    rate, _, wal = all_rows([result()], ENTERED)
    assert (rate.values["procrastinate-tuned"], rate.values["onewriter"]) == (510, 40_000)
    assert round(rate.ratio or 0, 1) == 78.4
    assert rate.met is True
    assert (wal.values, wal.ratio, wal.met) == ({"onewriter": 910}, None, None)


def test_the_ceiling_is_no_queue_and_has_a_row_of_its_own() -> None:
    share = all_rows([result()], ENTERED)[1]
    assert (share.metric.title, share.values["onewriter"], share.met) == ("drain: of the ceiling", 0.8, True)
    assert "raw" not in share.values
    without = Result(Named("drain-1", [RATE]), {"onewriter": [{"rate": 20}]})
    assert len(all_rows([without], ENTERED)) == 1


def test_a_metric_may_be_compared_with_another_workloads() -> None:
    single = Result(
        Named("enqueue-single", [Metric("rate", "s", "jobs/s")]), {"procrastinate": [{"rate": 100}]}
    )
    http = Metric("rate", "HTTP", "requests/s", times=3, against="enqueue-single")
    ours = Result(Named("http-8", [http]), {"onewriter": [{"rate": 250}]})
    (row,) = all_rows([ours], ENTERED)
    assert (row.ratio, row.met) == (None, None)
    row = all_rows([single, ours], ENTERED)[-1]
    assert (row.ratio, row.met) == (2.5, False)


def test_the_table_is_markdown_with_a_column_per_peer() -> None:
    head, rule, rate, share, wal = table([result()], ENTERED).splitlines()
    assert cells(head) == ["", *ENTERED, "ratio", "expected"]
    assert set(rule) == {"|", "-", ":", " "}
    assert cells(rate) == ["drain (jobs/s)", "200", "510", "50,000", "40,000", "78.4x", ">= 70x met"]
    assert cells(share) == ["drain: of the ceiling", "0.00", "0.01", "", "0.80", "", ">= 0.75 met"]
    assert cells(wal) == ["drain: WAL (bytes/job)", "", "", "", "910", "", ""]
    assert len({len(line) for line in (head, rule, rate, share, wal)}) == 1


def test_the_summary_has_a_column_per_queue_with_its_better_mode() -> None:
    head, _, rate, share = summary([result()], ENTERED).splitlines()
    assert cells(head) == ["", "procrastinate", "onewriter", "ratio", "expected"]
    assert cells(rate) == ["drain (jobs/s)", "510 (tuned)", "40,000", "78.4x", ">= 70x met"]
    assert cells(share)[:2] == ["drain: of the ceiling", "0.01 (tuned)"]


def test_the_mode_with_the_queues_own_name_is_not_named() -> None:
    slower = Result(
        Named("drain-1", [RATE]), {"procrastinate": [{"rate": 3}], "procrastinate-tuned": [{"rate": 2}]}
    )
    assert cells(summary([slower], ENTERED).splitlines()[2])[1] == "3"


def test_a_missed_expectation_is_said_aloud() -> None:
    slow = Result(Named("drain-1", [RATE]), {"procrastinate": [{"rate": 10}], "onewriter": [{"rate": 20}]})
    assert ">= 70x MISSED" in table([slow], ENTERED)


def test_a_peer_alone_has_no_ratio() -> None:
    (row,) = all_rows([Result(Named("drain-1", [RATE]), {"onewriter": [{"rate": 20}]})], ENTERED)
    assert (row.ratio, row.met) == (None, None)


def test_a_ratio_has_about_three_digits() -> None:
    assert [times(ratio) for ratio in (None, 1.083, 23.46, 154.2)] == ["", "1.08x", "23.5x", "154x"]


def test_the_json_keeps_every_run_and_every_problem() -> None:
    told = document([result()], {"cores": 2}, ENTERED)
    assert told["benchmark"] == 1
    assert told["machine"] == {"cores": 2}
    assert told["problems"] == ["drain-1, chancy: ended by itself"]
    assert told["results"][0]["peers"]["onewriter"] == {"median": 40_000, "runs": [40_000, 41_000, 1]}
    assert (told["results"][0]["expected"], told["results"][0]["met"]) == (">= 70x", True)
    assert told["results"][1]["peers"]["onewriter"] == {"median": 0.8}
    assert told["peers"]["raw"]["ceiling"] is True


def test_plots_are_svg_with_a_bar_per_figure_on_one_scale(tmp_path: Path) -> None:
    two = Result(Named("drain-2", [RATE]), {"procrastinate": [{"rate": 0}], "onewriter": [{"rate": 80_000}]})
    plots.write(tmp_path / "plots", all_rows([result(), two], ENTERED), ENTERED)
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["drain.svg"]
    drawn = ET.parse(tmp_path / "plots" / "drain.svg").getroot()
    widths = [float(bar.attrib["width"]) for bar in drawn if bar.tag.endswith("rect")]
    texts = [str(text.text) for text in drawn if text.tag.endswith("text")]
    assert len(widths) == 6
    assert widths[3] == widths[5] / 2
    assert min(widths) > 0
    assert {"drain (jobs/s)", "procrastinate-tuned", "raw (no queue)", "40,000"} <= set(texts)
