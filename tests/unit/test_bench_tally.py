"""The shared memory in which tasks count themselves, the statement log, the generator's parser."""

from pathlib import Path

import pytest

from bench.clients.http import followed, is_whole
from bench.tally import PATH, SLOT, Tally


def test_two_processes_of_a_tally_see_each_other(tmp_path: Path) -> None:
    ours, theirs = Tally(tmp_path / "t"), Tally(tmp_path / "t")
    ours.count(0)
    theirs.count(1)
    theirs.count(1)
    assert (ours.per_slot(3), ours.total()) == ([1, 2, 0], 3)
    theirs.note_latency(1, 42)
    assert ours.latencies(3) == [0, 42, 0]
    ours.clear()
    assert (theirs.total(), theirs.latencies(2)) == (0, [0, 0])


def test_a_worker_finds_its_slot_by_the_environment(tmp_path: Path) -> None:
    assert Tally(tmp_path / "t").environment(3) == {PATH: str(tmp_path / "t"), SLOT: "3"}


def test_an_answer_is_whole_when_its_body_is() -> None:
    head = b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\nServer: x\r\n\r\n"
    assert not is_whole(head[:-1])
    assert not is_whole(head + b"123")
    assert is_whole(head + b"1234")
    assert is_whole(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")


def test_the_request_for_a_result_names_the_job_that_was_made() -> None:
    asked = b"GET /v1/jobs/{id}/result HTTP/1.1\r\n\r\n"
    assert followed(asked, b'HTTP/1.1 201 Created\r\n\r\n{"id":42,"status":"ready"}').startswith(
        b"GET /v1/jobs/42/"
    )
    with pytest.raises(ValueError, match="without an id"):
        followed(asked, b"HTTP/1.1 201 Created\r\n\r\n{}")
