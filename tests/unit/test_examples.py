"""What the examples share, without a database."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.postgres import wait_for
from tests.support.processes import ROOT, environment

LONGEST = 300
# An example whose story is to start a program and wait for it.
WAITS = """
import time
from examples.support.main import play
def story(processes):
    program = processes.start("sleeper", ("python", "-c", "import time; time.sleep(60)"), {})
    print(program.pid, flush=True)
    time.sleep(60)
raise SystemExit(play(story))
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_what_it_started_ends_with_it(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        program = int(process.stdout.readline())
        assert is_there(program)
        process.send_signal(number)
        assert process.wait(30) == code
    assert wait_for(lambda: not is_there(program), 30)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_no_file_is_long_and_each_example_has_its_page() -> None:
    for file in (ROOT / "examples").rglob("*.py"):
        assert len(file.read_text().splitlines()) <= LONGEST, file
    index = (ROOT / "examples" / "README.md").read_text()
    for program in (ROOT / "examples").glob("*/__main__.py"):
        name = program.parent.name
        assert f"./dev example {name}" in (program.parent / "README.md").read_text()
        assert f"]({name}/README.md)" in index
