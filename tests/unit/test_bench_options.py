"""The arguments of ./dev bench."""

from pathlib import Path

import pytest

from bench.options import LOCAL_PEERS, parse
from bench.peers import PEERS
from bench.workload import QUICK, Sizes
from bench.workloads import WORKLOADS


def test_without_arguments_everything_is_measured_three_times() -> None:
    options = parse([])
    assert (options.peers, options.workloads) == (LOCAL_PEERS, tuple(WORKLOADS))
    assert (options.runs, options.sizes, options.json, options.plots) == (3, Sizes(), None, None)


def test_quick_is_one_small_run_of_the_two_that_matter() -> None:
    options = parse(["--quick"])
    assert (options.peers, options.runs, options.sizes) == (("procrastinate", "onewriter"), 1, QUICK)


def test_what_is_given_wins_over_quick() -> None:
    options = parse(
        ["--quick", "--runs", "2", "--idle-seconds", "10", "--peers", "onewriter", "--json", "x.json"]
    )
    assert (options.runs, options.sizes.idle_seconds) == (2, 10)
    assert (options.peers, options.json) == (("onewriter",), Path("x.json"))


def test_names_come_in_the_order_of_the_report() -> None:
    assert parse(["--only", "pickup,drain-2,drain-1"]).workloads == ("drain-1", "drain-2", "pickup")
    assert parse(["--peers", "all"]).peers == tuple(PEERS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "drain-3"], "drain-3 is not one of drain-1"),
        (["--peers", ","], "nothing is not one of"),
        (["--runs", "0"], "0 is not a number of runs"),
        (["--idle-seconds", "nan"], "nan is not between 1 and 3600 seconds"),
        (["--faster"], "unrecognized arguments"),
    ],
)
def test_what_it_does_not_understand_ends_with_a_sentence(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err
