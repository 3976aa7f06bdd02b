"""Who runs PostgreSQL: it refuses root, so root lends it an unprivileged account of the machine."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from devstack.errors import Stop

PREFERRED = ("postgres", "onewriter", "daemon", "nobody")


class RunAs(TypedDict, total=False):
    """Keyword arguments for subprocess that change the account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine; `None` in its place means ourselves."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The account PostgreSQL runs under: ours, or for root one without rights."""
    if os.geteuid() != 0:
        return None
    for name in PREFERRED:
        account = _account(name)
        if account is not None and _usable(account):
            return account
    raise Stop(
        "PostgreSQL refuses to run as root and no account could be borrowed: adduser --system onewriter"
    )


def run_as(account: Account | None) -> RunAs:
    """Arguments for subprocess.run and Popen."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def can_enter(path: Path, account: Account | None) -> bool:
    """Whether the account may pass through this folder, asked of the kernel, not computed."""
    if account is None:
        return os.access(path, os.X_OK)
    return _succeeds(["test", "-x", str(path)], account)


def hand_over(path: Path, account: Account | None, mode: int) -> None:
    """Make a folder for the account."""
    path.mkdir(parents=True, exist_ok=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)


def _account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _usable(account: Account) -> bool:
    """A container may map no other id than root's."""
    return account.uid != 0 and _succeeds(["test", "-d", "/"], account)


def _succeeds(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(command, check=False, cwd="/", capture_output=True, **run_as(account))
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
