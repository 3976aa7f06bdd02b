"""A pid is somebody only together with the moment it was started."""

import os
import subprocess

from devstack import identity


def test_we_are_alive() -> None:
    assert identity.alive(os.getpid(), identity.born(os.getpid()))


def test_a_recycled_pid_is_somebody_else() -> None:
    assert not identity.alive(os.getpid(), "1")


def test_a_dead_process_is_gone_before_anybody_reaps_it() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        birth = identity.born(child.pid)
        child.kill()
        assert child.stdout is not None
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not identity.alive(child.pid, birth)


def test_nobody_has_that_pid() -> None:
    assert identity.born(2**22 + 1) is None
