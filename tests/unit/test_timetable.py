"""When schedules fire: on nights on which the clocks are changed, after hours that nobody was there for."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid, Malformed
from app.schedules import (
    MOST_MISSED,
    Definition,
    Plan,
    PlannedRun,
    decode_definition,
    encode_definition,
    fires,
    merge,
    next_fire,
    plan,
    planning,
    words,
)

GAPS = ("shift", "skip")
OVERLAPS = ("first", "second", "both")

# A night: zone, from, to (UTC). A line: an expression, the rule under which (- is under any), and the day and
# time of each fire (UTC). What the line does not name must make no difference.
NIGHTS = {
    # 01:00Z: 02:00 +01 becomes 03:00 +02
    ("Europe/Berlin", "2026-03-28T22:30", "2026-03-29T03:30"): """
        30 2 * * *      shift   29T01:30
        30 2 * * *      skip
        0 30 2 * * *    shift   29T01:30
        0 0 * * *       -       28T23:00
        @daily          -       28T23:00
        0 * * * *       -       28T23:00 29T00:00 29T01:00 29T02:00 29T03:00
        @hourly         -       28T23:00 29T00:00 29T01:00 29T02:00 29T03:00
        30 * * * *      -       28T23:30 29T00:30 29T01:30 29T02:30 29T03:30
        0 */2 * * *     -       28T23:00 29T02:00
        0 2,3 * * *     -       29T01:00
        0 2 * * *       shift   29T01:00
        0 2 * * *       skip
        15,45 1-3 * * * -       29T00:15 29T00:45 29T01:15 29T01:45
        */20 2 * * *    shift   29T01:00 29T01:20 29T01:40
        */20 2 * * *    skip
        0 */20 2 * * *  shift   29T01:00 29T01:20 29T01:40
        0 */20 2 * * *  skip
        0 0 * * * *     -       28T23:00 29T00:00 29T01:00 29T02:00 29T03:00
        10 2 29 3 *     shift   29T01:10
        10 2 29 3 *     skip
        0 0-23 * * *    -       28T23:00 29T00:00 29T01:00 29T02:00 29T03:00
    """,
    # 01:00Z: 03:00 +02 becomes 02:00 +01
    ("Europe/Berlin", "2026-10-24T21:30", "2026-10-25T04:30"): """
        30 2 * * *      first   25T00:30
        30 2 * * *      second  25T01:30
        30 2 * * *      both    25T00:30 25T01:30
        0 2 * * *       first   25T00:00
        0 2 * * *       second  25T01:00
        0 0 * * *       -       24T22:00
        0 3 * * *       -       25T02:00
        0 * * * *       -       24T22:00 24T23:00 25T00:00 25T01:00 25T02:00 25T03:00 25T04:00
        @hourly         -       24T22:00 24T23:00 25T00:00 25T01:00 25T02:00 25T03:00 25T04:00
        0 */2 * * *     -       24T22:00 25T00:00 25T01:00 25T03:00
        */30 2 * * *    first   25T00:00 25T00:30
        */30 2 * * *    second  25T01:00 25T01:30
        */30 2 * * *    both    25T00:00 25T00:30 25T01:00 25T01:30
        30 1-3 * * *    first   24T23:30 25T00:30 25T02:30
        30 1-3 * * *    second  24T23:30 25T01:30 25T02:30
        30 1-3 * * *    both    24T23:30 25T00:30 25T01:30 25T02:30
    """,
    # 07:00Z: 02:00 -05 becomes 03:00 -04
    ("America/New_York", "2027-03-14T04:30", "2027-03-14T09:30"): """
        30 2 * * *      shift   14T07:30
        30 2 * * *      skip
        0 0 * * *       -       14T05:00
        0 * * * *       -       14T05:00 14T06:00 14T07:00 14T08:00 14T09:00
        0 */2 * * *     -       14T05:00 14T08:00
    """,
    # 06:00Z: 02:00 -04 becomes 01:00 -05
    ("America/New_York", "2026-11-01T03:30", "2026-11-01T09:30"): """
        30 1 * * *      first   01T05:30
        30 1 * * *      second  01T06:30
        30 1 * * *      both    01T05:30 01T06:30
        30 2 * * *      -       01T07:30
        0 0 * * *       -       01T04:00
        0 * * * *       -       01T04:00 01T05:00 01T06:00 01T07:00 01T08:00 01T09:00
        0 */2 * * *     -       01T04:00 01T07:00 01T09:00
        0 1-2 * * *     first   01T05:00 01T07:00
        0 1-2 * * *     second  01T06:00 01T07:00
    """,
    # 15:30Z: 02:00 +10:30 becomes 02:30 +11
    ("Australia/Lord_Howe", "2026-10-03T13:00", "2026-10-03T18:00"): """
        15 2 * * *      shift   03T15:45
        15 2 * * *      skip
        30 2 * * *      -       03T15:30
        0,30 2 * * *    -       03T15:30
        0 2 * * *       shift   03T15:30
        0 0 * * *       -       03T13:30
        0 * * * *       -       03T13:30 03T14:30 03T16:00 03T17:00 03T18:00
        0 */2 * * *     -       03T13:30 03T17:00
    """,
    # 15:00Z: 02:00 +11 becomes 01:30 +10:30
    ("Australia/Lord_Howe", "2026-04-04T12:30", "2026-04-04T18:00"): """
        45 1 * * *      first   04T14:45
        45 1 * * *      second  04T15:15
        45 1 * * *      both    04T14:45 04T15:15
        30 1 * * *      first   04T14:30
        30 1 * * *      second  04T15:00
        15 1 * * *      -       04T14:15
        0 2 * * *       -       04T15:30
        30 2 * * *      -       04T16:00
        0 0 * * *       -       04T13:00
        0 * * * *       -       04T13:00 04T14:00 04T15:30 04T16:30 04T17:30
        0 */2 * * *     -       04T13:00 04T15:30 04T17:30
    """,
    # 04:00Z: midnight -04 becomes 01:00 -03
    ("America/Santiago", "2026-09-06T01:30", "2026-09-06T08:00"): """
        0 0 * * *       shift   06T04:00
        0 0 * * *       skip
        @midnight       shift   06T04:00
        30 0 6 9 *      shift   06T04:30
        0 0 * * SUN     shift   06T04:00
        0 0 * * SAT     -
        0 0,1 * * *     -       06T04:00
        30 2 * * *      -       06T05:30
        0 * * * *       -       06T02:00 06T03:00 06T04:00 06T05:00 06T06:00 06T07:00 06T08:00
        0 */2 * * *     -       06T02:00 06T05:00 06T07:00
    """,
    # 03:00Z: midnight -03 becomes 23:00 -04 of the day before
    ("America/Santiago", "2026-04-05T00:30", "2026-04-05T08:30"): """
        30 23 * * *     first   05T02:30
        30 23 * * *     second  05T03:30
        30 23 4 4 *     both    05T02:30 05T03:30
        0 0 * * *       -       05T04:00
        30 2 * * *      -       05T06:30
        0 * * * *       -       05T01:00 05T02:00 05T03:00 05T04:00 05T05:00 05T06:00 05T07:00 05T08:00
        0 */2 * * *     -       05T01:00 05T04:00 05T06:00 05T08:00
    """,
    ("Asia/Kolkata", "2026-03-28T18:00", "2026-03-28T22:00"): """
        30 2 * * *      -       28T21:00
        0 0 * * *       -       28T18:30
        0 * * * *       -       28T18:30 28T19:30 28T20:30 28T21:30
        0 */2 * * *     -       28T18:30 28T20:30
    """,
}
LINE = re.compile(r"(\S.*?) +(-|shift|skip|first|second|both)(.*)")
CHANGES = {
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00", "2027-01-01T00:00"),
    "America/New_York": ("2027-03-14T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),
    "America/Santiago": ("2026-09-06T04:00", "2026-04-05T03:00"),
    "Asia/Kolkata": ("2026-03-29T01:00", "2026-10-25T01:00"),
}


def define(**given: Any) -> Definition:
    return decode_definition({"target": {"task": "a"}, **given})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def planned(definition: Definition, after: datetime, until: datetime) -> list[datetime]:
    return [fire.planned for fire in fires(definition, after, until)]


def rows() -> Iterator[tuple[str, ...]]:
    for (zone, after, until), table in NIGHTS.items():
        for line in table.strip().splitlines():
            found = LINE.fullmatch(line.strip())
            assert found is not None, line
            days = " ".join(after[:8] + day for day in found[3].split())
            yield zone, after, until, found[1], found[2], days


@pytest.mark.parametrize(("zone", "after", "until", "expression", "rule", "expected"), list(rows()))
def test_nights(zone: str, after: str, until: str, expression: str, rule: str, expected: str) -> None:
    for gap, overlap in itertools.product(GAPS, OVERLAPS):
        if rule in ("-", gap, overlap):
            definition = define(cron=expression, timezone=zone, gap=gap, overlap=overlap)
            found = planned(definition, utc(after), utc(until))
            assert [f"{instant:%Y-%m-%dT%H:%M}" for instant in found] == expected.split(), (gap, overlap)


@pytest.mark.parametrize(("zone", "change"), [(zone, at) for zone, both in CHANGES.items() for at in both])
@pytest.mark.parametrize("expression", ["*/5 * * * *", "*/5 */1 * * *", "0 */5 * * * *"])
def test_every_five_minutes_knows_no_change(zone: str, change: str, expression: str) -> None:
    for gap, overlap in itertools.product(GAPS, OVERLAPS):
        definition = define(cron=expression, timezone=zone, gap=gap, overlap=overlap)
        first = utc(change) - timedelta(minutes=90)
        expected = [first + n * timedelta(minutes=5) for n in range(1, 37)]
        assert planned(definition, first, first + timedelta(hours=3)) == expected


def test_a_fire_says_what_the_change_did_to_it() -> None:
    def told(cron: str, day: str, **rules: Any) -> list[tuple[str, str | None]]:
        definition = define(cron=cron, timezone="Europe/Berlin", **rules)
        found = fires(definition, utc(day) - timedelta(hours=2), utc(day) + timedelta(hours=20))
        return [(fire.wall.isoformat("T", "minutes"), fire.dst) for fire in found]

    assert told("30 2 * * *", "2026-03-29") == [("2026-03-29T03:30+02:00", "shifted")]
    assert told("30 2,3 * * *", "2026-03-29") == [("2026-03-29T03:30+02:00", None)]
    assert told("30 2 * * *", "2026-10-25", overlap="both") == [
        ("2026-10-25T02:30+02:00", "first"),
        ("2026-10-25T02:30+01:00", "second"),
    ]


ZONES = (*CHANGES, "UTC", "Africa/Casablanca", "Antarctica/Troll", "Europe/Dublin", "Africa/Cairo")
EXPRESSIONS = (
    "*/5 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * *", "0 */2 * * *", "15,45 0-4 * * *",
    "*/20 1-3 * * SUN", "0 23,0 L * *", "59 1,2 LW * *", "0 5 */3 * 6#1", "7 7 29 2 *", "30 0,30 1,2 * * *",
)  # fmt: skip
EARLIEST, LATEST = utc("2026-01-01"), utc("2030-01-01")
RULES = st.fixed_dictionaries(
    {"timezone": st.sampled_from(ZONES), "gap": st.sampled_from(GAPS), "overlap": st.sampled_from(OVERLAPS)}
)


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """Every other one is near a change of the clocks."""
    near = [utc(at) for both in CHANGES.values() for at in both]
    base = draw(st.sampled_from(near))
    seconds = st.integers(-100_000, 100_000) | st.integers(-20_000_000, 80_000_000)
    return min(max(base + timedelta(seconds=draw(seconds)), EARLIEST), LATEST)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    when = draw(
        st.one_of(
            st.sampled_from(EXPRESSIONS).map(lambda cron: {"cron": cron}),
            st.floats(300, 100_000).map(lambda every: {"every": every}),
            st.lists(instants(), min_size=1, max_size=20).map(lambda at: {"at": at}),
        )
    )
    window = {
        "start": draw(st.none() | st.just(EARLIEST + timedelta(days=100, microseconds=7))),
        "end": draw(st.none() | st.just(LATEST - timedelta(days=900))),
        "jitter": draw(st.sampled_from([0, 0, 1, 500.5, 3600])),
    }
    return define(**when, **window, **draw(RULES))


def by_each_reading(definition: Definition, after: datetime, until: datetime) -> list[datetime]:
    """The rules once more, the other way round: each reading of the clocks is looked up in the zone."""
    assert definition.cron is not None
    zone = ZoneInfo(definition.timezone)
    elapsed = definition.cron.split()[-4].startswith("*")
    found = set()
    for wall in CronSim(definition.cron, after.replace(tzinfo=None) - timedelta(days=2)):
        if wall > until.replace(tzinfo=None) + timedelta(days=2):
            break
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            found.add(first)
        elif first > second:
            found |= {first} if definition.gap == "shift" and not elapsed else set()
        elif elapsed or definition.overlap == "both":
            found |= {first, second}
        else:
            found.add(first if definition.overlap == "first" else second)
    return sorted(instant for instant in found if after < instant <= until)


@settings(max_examples=50)
@given(cron=st.sampled_from(EXPRESSIONS), rules=RULES, after=instants(), hours=st.integers(1, 60))
def test_a_cron_fires_as_its_readings_say(cron: str, rules: Any, after: datetime, hours: int) -> None:
    definition, until = define(cron=cron, **rules), after + timedelta(hours=hours)
    assert planned(definition, after, until) == by_each_reading(definition, after, until)


@settings(max_examples=50)
@given(definition=definitions(), after=instants(), parts=st.lists(st.integers(0, 200_000), max_size=4))
def test_a_range_may_be_split_anywhere(definition: Definition, after: datetime, parts: list[int]) -> None:
    bounds = [after + timedelta(seconds=n) for n in itertools.accumulate(parts, initial=0)]
    whole = planned(definition, bounds[0], bounds[-1])
    assert whole == [at for pair in itertools.pairwise(bounds) for at in planned(definition, *pair)]
    assert all(earlier < later for earlier, later in itertools.pairwise(whole))
    assert all(bounds[0] < at <= bounds[-1] for at in whole)
    assert all((definition.start or at) <= at <= (definition.end or at) for at in whole)


@settings(max_examples=50)
@given(
    definition=definitions(),
    begin=instants(),
    clocks=st.lists(st.integers(-100_000, 200_000), min_size=1, max_size=8),
    missed=st.sampled_from(["skip", "once", "all"]),
)
def test_no_clock_makes_a_fire_come_twice_or_get_lost(
    definition: Definition, begin: datetime, clocks: list[int], missed: str
) -> None:
    definition = define(**merge(as_dict(definition), {"missed": missed}))
    mark, runs = begin, list[PlannedRun]()
    for seconds in clocks:
        now = begin + timedelta(seconds=seconds)
        made = plan(definition, mark, now, seed=5, most=3)
        assert made.fired_until >= mark
        assert made.next is None or (made.next.planned > made.fired_until and made.next.wake > min(now, mark))
        mark, runs = made.fired_until, runs + made.runs
    expected = planned(definition, begin, mark)
    assert sum(run.missed + 1 for run in runs) == len(expected)
    times = [run.planned for run in runs]
    assert times == sorted(set(times)) and set(times) <= set(expected)
    assert mark == (expected or [begin])[-1]
    assert overdue(definition, mark, begin + timedelta(seconds=max(clocks))) == []


def as_dict(definition: Definition) -> dict[str, Any]:
    return {field: getattr(definition, field) for field in definition.__struct_fields__}


def overdue(definition: Definition, mark: datetime, now: datetime) -> list[datetime]:
    """Nothing that is due waits for anything but an earlier fire's jitter."""
    later = next_fire(definition, mark, seed=5)
    return [later.planned] if later is not None and later.wake <= now else []


TENS = "2026-05-05T10:{:02}".format
PLANS = {
    ("skip", "10:30:30", 100): [(20, "catch-up", 1, True), (30, "cron", 0, False)],
    ("once", "10:30:30", 100): [(30, "cron", 2, False)],
    ("all", "10:30:30", 100): [
        (10, "catch-up", 0, False),
        (20, "catch-up", 0, False),
        (30, "cron", 0, False),
    ],
    ("skip", "10:35:30", 100): [(30, "catch-up", 2, True)],
    ("once", "10:35:30", 100): [(30, "catch-up", 2, False)],
    ("all", "10:35:30", 1): [(20, "catch-up", 1, True), (30, "catch-up", 0, False)],
    ("all", "10:35:30", 3): [(n, "catch-up", 0, False) for n in (10, 20, 30)],
    ("once", "10:11:00", 100): [(10, "cron", 0, False)],
    ("once", "10:11:01", 100): [(10, "catch-up", 0, False)],
    ("skip", "10:11:01", 100): [(10, "catch-up", 0, True)],
    ("once", "10:09:59", 100): [],
    ("all", "09:00:00", 100): [],
}


@pytest.mark.parametrize(("missed", "now", "most"), list(PLANS))
def test_missed_fires(missed: str, now: str, most: int) -> None:
    definition = define(cron="*/10 * * * *", missed=missed)
    made = plan(definition, utc(TENS(0)), utc(f"2026-05-05T{now}"), seed=1, most=most)
    expected = [PlannedRun(utc(TENS(n)), *rest) for n, *rest in PLANS[missed, now, most]]
    assert made.runs == expected
    until = utc(TENS(expected[-1].planned.minute if expected else 0))
    following = next_fire(definition, until)
    assert made == Plan(expected, until, following) and following is not None


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
@pytest.mark.parametrize(
    "when", [{"at": [f"{TENS(n)}:00Z" for n in (10, 20)]}, {"every": 600, "end": f"{TENS(20)}:00Z"}]
)
def test_the_last_fires_of_all_are_missed_like_others(missed: str, when: dict[str, Any]) -> None:
    made = plan(define(**when, missed=missed), utc(TENS(0)), utc("2027-01-01"), seed=1)
    first, last = utc(TENS(10)), utc(TENS(20))
    expected = [PlannedRun(last, "catch-up", 1, missed == "skip")]
    both = [PlannedRun(first, "catch-up"), PlannedRun(last, "catch-up")]
    assert made == Plan(both if missed == "all" else expected, last, None)


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
@pytest.mark.parametrize("when", [{"cron": "* * * * * *", "timezone": "Europe/Berlin"}, {"every": 1}])
def test_years_of_seconds_are_not_gone_through(
    missed: str, when: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at, moments = itertools.count(), planning.moments
    monkeypatch.setattr(
        planning, "moments", lambda *range_: (m for m in moments(*range_) if next(looked_at) >= 0)
    )
    monkeypatch.setattr(planning, "MOST_MISSED", 5_000)
    now = utc("2031-01-01T00:02")
    made = plan(define(**when, missed=missed), utc("2026-01-01"), now, seed=1)
    assert next(looked_at) < 30_000
    assert [run.missed for run in made.runs if run.missed] == [5_000]
    assert made.fired_until == now and [run.planned for run in made.runs][-61:] == [
        now - timedelta(seconds=n) for n in range(60, -1, -1)
    ]
    if missed == "all":
        assert [run.planned for run in made.runs] == [now - timedelta(seconds=n) for n in range(161, -1, -1)]


def test_the_newest_of_many_are_found_where_nothing_fired_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "MOST_MISSED", 2_000)
    made = plan(
        define(cron="* * * * JAN *", missed="all"), utc("2026-01-01"), utc("2026-12-01"), seed=1, most=2
    )
    last = utc("2026-01-31T23:59:59")
    assert [run.planned for run in made.runs] == [last - timedelta(seconds=n) for n in (2, 1, 0)]
    assert made.next is not None and made.next.planned == utc("2027-01-01")


def test_what_is_counted_is_bounded() -> None:
    assert MOST_MISSED == 100_000


def test_periods_do_not_drift_and_begin_at_the_start() -> None:
    start = utc("2026-01-01T00:00:00.000001")
    definition = define(every=1.1, start=start.isoformat())
    assert [fire.planned for fire in itertools.islice(fires(definition, utc("2000-01-01")), 2)] == [
        start,
        start + timedelta(microseconds=1_100_000),
    ]
    far = start + timedelta(microseconds=1_100_000) * 10**8
    assert [fire.planned for fire in fires(definition, far - timedelta(microseconds=1), far)] == [far]
    assert planned(define(every=86_400), utc("2026-01-01"), utc("2026-01-02")) == [utc("2026-01-02")]


def test_start_and_end_belong_to_the_window() -> None:
    window = {"start": "2026-05-01T10:00Z", "end": "2026-05-01T13:00+01:00"}
    window = {field: at.replace("Z", ":00Z").replace("+", ":00+") for field, at in window.items()}
    expected = [utc(f"2026-05-01T{hour}:00") for hour in (10, 11, 12)]
    for when in ({"cron": "0 * * * *"}, {"every": 3600}):
        assert planned(define(**when, **window), utc("2020-01-01"), utc("2040-01-01")) == expected
    assert next_fire(define(every=3600, **window), expected[-1]) is None


def test_fixed_times_are_sorted_and_distinct() -> None:
    at = ["2026-05-01T12:00:00+02:00", "2026-04-01T00:00:00Z", "2026-05-01T10:00:00Z"]
    definition = define(at=at)
    assert definition.at == [utc("2026-04-01"), utc("2026-05-01T10:00")]
    assert planned(definition, utc("2026-04-01"), utc("2030-01-01")) == [utc("2026-05-01T10:00")]


def test_jitter_is_the_same_for_the_same_fire() -> None:
    definition = define(cron="* * * * *", jitter=30)
    after, until = utc("2026-05-01"), utc("2026-05-02")

    def delays(seed: int) -> list[timedelta]:
        return [fire.wake - fire.planned for fire in fires(definition, after, until, seed=seed)]

    assert delays(1) == delays(1) != delays(2)
    assert all(timedelta() <= delay < timedelta(seconds=30) for delay in delays(1))
    assert max(delays(1)) - min(delays(1)) > timedelta(seconds=25)


def test_a_fire_held_up_by_the_jitter_of_another_is_not_late() -> None:
    """Each of its own would be due long before; none overtakes one that was planned earlier."""
    definition = define(every=60, jitter=3600, missed="skip")
    mark, runs = utc("2026-05-01"), list[PlannedRun]()
    for second in range(0, 7200, 30):
        made = plan(definition, mark, utc("2026-05-01") + timedelta(seconds=second), seed=3)
        mark, runs = made.fired_until, runs + made.runs
    assert len(runs) > 60 and not [run for run in runs if run.skipped or run.missed]


def test_a_definition_is_kept_without_its_defaults() -> None:
    given = {"cron": "@daily", "timezone": "UTC", "args": {}, "jitter": 0, "missed": "once", "queue": None}
    definition = define(**given)
    assert encode_definition(definition) == b'{"cron":"@daily","target":{"task":"a"}}'
    assert decode_definition(encode_definition(definition)) == definition


def test_a_patch_replaces_whole_fields() -> None:
    current = {"cron": "@daily", "target": {"task": "a"}, "args": {"x": 1}, "queue": "q"}
    assert merge(current, {"every": 5, "args": {"y": 2}, "queue": None}) == {
        "every": 5,
        "target": {"task": "a"},
        "args": {"y": 2},
    }
    assert merge(current, {"cron": None})["target"] == {"task": "a"}


def test_a_null_is_a_default() -> None:
    assert define(cron=None, every=5, args=None, enabled=None, gap=None) == define(every=5)


LONG = "1," * 100 + "1 * * * *"
HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({}, "body"),
    ({"cron": "* * * * *", "every": 5}, "body"),
    *(
        ({"cron": expression}, "cron")
        for expression in (
            "", " ", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "-1 * * * *", "*/0 * * * *",
            "a * * * *", "5-1 * * * *", "\u00b2 * * * *", "\u0661 * * * *", "* * * * fr\u0131", "@reboot",
            LONG, "@", "0 0 31 2 *", "0 0 30 FEB *", "0 0 31 4,6,9,11 *", "0 0 */30 2 MON#5", "0 0 * * MON#6",
            "0 0 * * L", "* * * * *\n* * * * *", "* * * * *; rm", "\0 * * * *", "9" * 190 + " * * * *",
            "[0] * * * *", "1,,2 * * * *", "H * * * *",
        )
    ),
    *(({"every": every}, "every") for every in (0, 0.5, -1, 31 * 86_400 + 1, 1e300, "5", True)),
    *(({"at": at}, "at") for at in ([], ["2026-01-01T00:00:00Z"] * 1001, "2026-01-01T00:00:00Z")),
    ({"at": ["2026-01-01T00:00:00"]}, "at[0]"),
    ({"at": ["2026-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]}, "at[1]"),
    *(
        ({"every": 5, "timezone": zone}, "timezone")
        for zone in (
            "", "Mars/Olympus", "Europe", "../../etc/passwd", "/etc/localtime", "localtime", "posixrules",
            "UTC\0", "posix/Europe/Berlin", "right/Europe/Berlin", "zone.tab", "a" * 65, "Europe/Berlin/",
            "tzdata.zi",
        )
    ),
    *(
        ({"every": 5, "target": target}, "target")
        for target in ({}, {"all": False}, {"task": "a", "all": True}, {"task": "a", "group": "b"}, "a", [])
    ),
    ({"every": 5, "target": {"tasks": []}}, "target.tasks"),
    ({"every": 5, "target": {"tasks": ["a", ""]}}, "target.tasks[1]"),
    ({"every": 5, "target": None}, "target"),
    ({"every": 5, "args": {"a": ["\0"]}}, "args"),
    ({"every": 5, "args": {"\0": 1}}, "args"),
    ({"every": 5, "args": {"a": "x" * 65_536}}, "args"),
    ({"every": 5, "args": []}, "args"),
    ({"every": 5, "jitter": 3601}, "jitter"),
    ({"every": 5, "jitter": -1}, "jitter"),
    ({"every": 5, "start": "1969-12-31T23:59:59Z"}, "start"),
    ({"every": 5, "start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}, "end"),
    *(({"every": 5, field: "no such"}, field) for field in ("gap", "overlap", "missed", "overlapping")),
    ({"every": 5, "priority": 2**31}, "priority"),
    ({"every": 5, "colour": "red"}, "colour"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "field"), HOSTILE)
def test_hostile_definitions(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        define(**wrong)
    assert [error.field for error in caught.value.errors] == [field]


def test_what_is_no_definition_at_all() -> None:
    deep: Any = {}
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(Invalid, match="deeper than 32"):
        define(every=5, args=deep)
    for text in (b"", b"{", b"NaN", b'{"every": NaN}', b"\xff"):
        with pytest.raises(Malformed):
            decode_definition(text)
    for text in (b"[]", b"1", b"null", b"[" * 100_000 + b"]" * 100_000):
        with pytest.raises(Invalid):
            decode_definition(text)


FIELDS = ("*", "0", "1-5", "*/7", "2/3", "1,3,5", "3-9/2,11")
DAYS, MONTHS = (*FIELDS, "L", "LW", "31", "L/2"), (*FIELDS, "JAN", "feb-MAY", "2", "12")
WEEKDAYS = ("*", "0", "7", "1-5", "mon", "SUN-tue", "5L", "MON#5", "2#1,4", "*/3")


@settings(max_examples=50)
@given(
    fields=st.tuples(*(st.sampled_from(some) for some in (FIELDS, FIELDS, FIELDS, DAYS, MONTHS, WEEKDAYS))),
    seconds=st.booleans(),
)
def test_what_is_taken_fires_and_has_words(fields: tuple[str, ...], seconds: bool) -> None:
    try:
        definition = define(cron=" ".join(fields[0 if seconds else 1 :]))
    except Invalid:
        return
    assert next_fire(definition, EARLIEST) is not None
    assert words(definition)


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (
            {"cron": "0 3 * * MON-FRI", "timezone": "Europe/Berlin"},
            "At 03:00 on Monday through Friday (Europe/Berlin)",
        ),
        ({"cron": "@hourly"}, "At the start of every hour (UTC)"),
        ({"every": 90}, "Every 90 s (UTC)"),
        ({"at": ["2026-05-01T10:00:00Z"]}, "At 2026-05-01 10:00:00 (UTC)"),
        ({"at": ["2026-05-01T10:00:00Z", "2026-06-01T10:00:00Z"]}, "At 2026-05-01 10:00:00 and 1 more (UTC)"),
    ],
)  # fmt: skip
def test_words(when: dict[str, Any], expected: str) -> None:
    assert words(define(**when)) == expected
