"""The shared memory in which tasks count themselves, the statement log, the generator's parser."""

from pathlib import Path

from bench.clients.http import is_whole
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
