"""The headers' notation."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.schema.ownership import Column, columns_written, moves, ownership, transitions
from app.schema.sqlfiles import ContractError, SqlFile, in_view_order, parse_header, read_file


def sql_file(name: str = "jobs.f", text: str = "", **fields: str) -> SqlFile:
    schema, _, short = name.partition(".")
    return SqlFile(schema, short, "does it.", fields, text, Path(f"{short}.sql"))


def test_a_column_without_table_goes_on_with_the_one_before() -> None:
    file = sql_file(Writes="jobs.a.x, .y, jobs.b.x")
    assert columns_written(file) == {Column("jobs.a", "x"), Column("jobs.a", "y"), Column("jobs.b", "x")}


def test_deleted_rows_are_written_too_and_brackets_may_hold_commas() -> None:
    file = sql_file(Writes="jobs.a.x, jobs.b (deletes what is old, in batches), .y")
    assert columns_written(file) == {
        Column("jobs.a", "x"),
        Column("jobs.b", "(rows deleted)"),
        Column("jobs.b", "y"),
    }


def test_nothing_is_nothing() -> None:
    assert columns_written(sql_file(Writes="nothing")) == frozenset()


@pytest.mark.parametrize("text", [".x", "jobs.a", "a table", "jobs.a.x jobs.a.y"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match=r"jobs\.f"):
        columns_written(sql_file(Writes=text))


def test_moves_multiply() -> None:
    assert moves(sql_file(Moves="a|b -> c, d -> a|b")) == {("a", "c"), ("b", "c"), ("d", "a"), ("d", "b")}


def test_a_move_of_two_functions_names_both() -> None:
    changes = transitions([sql_file("jobs.g", Moves="a -> b"), sql_file("jobs.f", Moves="a -> b")])
    assert [change.made_by for change in changes] == [("jobs.f", "jobs.g")]


def test_callers_are_found_through_calls() -> None:
    files = [
        sql_file("jobs.inner", Caller="internal", Writes="jobs.a.x"),
        sql_file("jobs.middle", Caller="internal", Calls="jobs.inner"),
        sql_file("worker_api.outer", Caller="onewriter_worker", Calls="jobs.middle"),
        sql_file("server_api.other", Caller="onewriter_server"),
    ]
    (row,) = ownership(files)
    assert (row.written_by, row.callers) == (("jobs.inner",), ("onewriter_worker",))


def test_a_header_goes_on_over_lines_until_the_statement() -> None:
    sentence, fields = parse_header(
        "-- a.b: does\n--   this.\n-- Caller: x\n-- Writes: jobs.a.x,\n--         .y\ncreate\n-- Raises: no"
    )
    assert sentence == "a.b: does this."
    assert fields == {"Caller": "x", "Writes": "jobs.a.x, .y"}


def test_a_file_must_begin_with_its_own_name(tmp_path: Path) -> None:
    path = tmp_path / "jobs" / "f.sql"
    path.parent.mkdir()
    path.write_text("-- jobs.g: something else\n")
    with pytest.raises(ContractError, match=r"jobs\.f"):
        read_file(path)


def test_views_come_after_the_views_they_name() -> None:
    a = sql_file("inspect.a", "create view inspect.a as select * from inspect.b")
    b = sql_file("inspect.b", "-- like inspect.a\ncreate view inspect.b as select 1")
    assert in_view_order([a, b]) == [b, a]


def test_views_that_name_each_other_are_refused() -> None:
    a = sql_file("inspect.a", "create view inspect.a as select * from inspect.b")
    b = sql_file("inspect.b", "create view inspect.b as select * from inspect.a")
    with pytest.raises(ContractError, match=r"inspect\.a, inspect\.b"):
        in_view_order([a, b])
