"""The table and the JSON of the benchmark."""

from bench.errors import Broken
from bench.figures import Metric, Sample
from bench.peer import Peer
from bench.report import document, rows, table
from bench.runner import Result
from bench.workload import Bench, Workload


class Drain(Workload):
    name = "drain-1"
    title = "drain"
    metrics = (
        Metric("rate", "drain", "jobs/s", times=70),
        Metric("wal", "drain: WAL", "bytes/job", higher_is_better=False),
        Metric("nothing", "never measured", "x"),
    )

    def measure(self, bench: Bench, peer: Peer) -> Sample:  # noqa: ARG002 (nothing is run here)
        raise Broken("not here")


def result() -> Result:
    return Result(
        Drain(),
        {
            "procrastinate": [{"rate": 500}, {"rate": 510}, {"rate": 900}],
            "onewriter": [
                {"rate": 40_000, "wal": 900},
                {"rate": 41_000, "wal": 910},
                {"rate": 1, "wal": 920},
            ],
        },
        ["drain-1, chancy: ended by itself"],
    )


def test_rows_have_medians_the_ratio_and_the_verdict() -> None:
    rate, wal = rows(result())
    assert rate.values == {"procrastinate": 510, "onewriter": 40_000}
    assert round(rate.ratio or 0, 1) == 78.4
    assert rate.met is True
    assert (wal.values, wal.ratio, wal.met) == ({"onewriter": 910}, None, None)


def test_the_table_is_markdown_with_a_column_per_peer() -> None:
    head, rule, rate, wal = table([result()], ["procrastinate", "onewriter"]).splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == [
        "", "procrastinate", "onewriter", "ratio", "expected",
    ]  # fmt: skip
    assert set(rule) == {"|", "-", ":", " "}
    assert [cell.strip() for cell in rate.strip("|").split("|")] == [
        "drain (jobs/s)", "510", "40,000", "78.4x", ">= 70x met",
    ]  # fmt: skip
    assert [cell.strip() for cell in wal.strip("|").split("|")] == [
        "drain: WAL (bytes/job)",
        "",
        "910",
        "",
        "",
    ]
    assert len({len(line) for line in (head, rule, rate, wal)}) == 1


def test_a_missed_expectation_is_said_aloud() -> None:
    slow = Result(Drain(), {"procrastinate": [{"rate": 10}], "onewriter": [{"rate": 20}]})
    assert ">= 70x MISSED" in table([slow], ["procrastinate", "onewriter"])


def test_a_peer_alone_has_no_ratio() -> None:
    (row,) = rows(Result(Drain(), {"onewriter": [{"rate": 20}]}))
    assert (row.ratio, row.met) == (None, None)


def test_the_json_keeps_every_run_and_every_problem() -> None:
    told = document([result()], {"cores": 2}, {"onewriter": {"settings": "as installed", "keeps": "all"}})
    assert told["benchmark"] == 1
    assert told["machine"] == {"cores": 2}
    assert told["problems"] == ["drain-1, chancy: ended by itself"]
    assert told["results"][0]["peers"]["onewriter"] == {"median": 40_000, "runs": [40_000, 41_000, 1]}
    assert (told["results"][0]["expected"], told["results"][0]["met"]) == (">= 70x", True)
