"""An embedded PostgreSQL: initdb, start, stop, and mending what an earlier run left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from devstack import identity, ports
from devstack.accounts import Account, hand_over, run_as
from devstack.binaries import Binaries
from devstack.errors import Stop

SOCKET_PATH_LIMIT = 107
START_SECONDS = 60
STOP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder and what is needed to serve it. The superuser is `postgres`."""

    data: Path
    sockets: Path
    log: Path
    binaries: Binaries
    account: Account | None
    settings: Mapping[str, str] = field(default_factory=dict)

    def prepare(self, password: str | None) -> str:
        """Make the data folder unless it is whole; what was done, in a word. No password means trust."""
        if self._is_whole():
            self._check_version()
            return "found"
        found_remains = self.data.exists()
        self._remove(self.data)
        self._initdb(password)
        return "made anew from a half-made folder" if found_remains else "made"

    def start(self, *wanted_ports: int | None) -> int:
        """The port it listens on; one that already runs is left as it is."""
        running = self._listening()
        if running is not None:
            return running
        self._forget_dead_server()
        port = ports.choose(*wanted_ports)
        for attempt in range(5):
            if self._launch(port):
                return port
            port = self._after_failure(port, attempt)
        raise Stop(f"PostgreSQL doesn't start ({last_line(self.log)}); ./dev reset begins afresh")

    def stop(self) -> bool:
        """Fast shutdown, then immediate; False if it did not run."""
        pid = self.pid()
        if pid is None:
            return False
        birth = identity.born(pid)
        for order, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            os.kill(pid, order)
            if wait_for(lambda: not identity.alive(pid, birth), seconds):
                return True
        raise Stop(f"PostgreSQL (pid {pid}) does not stop: kill -9 {pid}")

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        self._remove(self.data)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def pid(self) -> int | None:
        """The postmaster of this folder, if alive and ready. A recycled pid is told by its working folder."""
        lines = self._pid_file()
        if not lines or not lines[0].isdigit():
            return None
        pid = int(lines[0])
        if identity.born(pid) is None:
            return None
        folder = identity.folder_of(pid)
        return pid if folder is None or folder == self.data.resolve() else None

    def port(self) -> int | None:
        """Where it listens, once it accepts connections."""
        lines = self._pid_file()
        ready = len(lines) >= 8 and lines[7].strip() == "ready"
        return int(lines[3]) if ready and self.pid() is not None else None

    def _listening(self) -> int | None:
        """Its port, if somebody listens there: a killed postmaster closes its sockets before it is gone."""
        port = self.port()
        return port if port is not None and not ports.is_free(port) else None

    def reset_password(self, password: str) -> None:
        """For a data folder whose password was lost: single-user mode asks for none. It must not run."""
        statement = f"alter role postgres password '{password}'\n"
        command = [self.binaries.path("postgres"), "--single", "-D", str(self.data), "postgres"]
        self._run(command, stdin=statement)

    def _is_whole(self) -> bool:
        return (self.data / "PG_VERSION").is_file() and (self.data / "global" / "pg_control").is_file()

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(self.binaries.major):
            raise Stop(
                f"the data is PostgreSQL {version}'s, the programs {self.binaries.major}'s: ./dev reset"
            )

    def _initdb(self, password: str | None) -> None:
        """In a draft folder that gets its name only when it is whole."""
        draft = self.data.with_name(f"{self.data.name}.new")
        self._remove(draft)
        hand_over(draft, self.account, 0o700)
        method = "trust" if password is None else "scram-sha-256"
        command = [self.binaries.path("initdb"), "-D", str(draft), "-U", "postgres", "-A", method]
        command += ["--locale=C", "-E", "UTF8", "--no-instructions"]
        with password_file(draft.with_suffix(".password"), password, self.account) as given:
            self._run([*command, *given], stdin="")
        draft.rename(self.data)

    def _launch(self, port: int) -> bool:
        """Whether it is ready; False once it has given up."""
        hand_over(self.sockets, self.account, 0o755)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [self.binaries.path("postgres"), "-D", str(self.data), *self._options(port)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=environment(),
                start_new_session=True,
                **run_as(self.account),
            )
        wait_for(lambda: process.poll() is not None or self.port() == port, START_SECONDS)
        ready = process.poll() is None and self.port() == port
        # It outlives us on purpose; without this Popen would warn about a child left running.
        process.returncode = process.returncode if process.returncode is not None else 0
        return ready

    def _options(self, port: int) -> list[str]:
        settings = {
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.sockets),
            **self.settings,
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _after_failure(self, port: int, attempt: int) -> int:
        """A port taken in the meantime wants another one; remains of a killed server go by themselves."""
        said = tail(self.log, 4096)
        if "could not bind" in said or "could not create any TCP/IP sockets" in said:
            return ports.choose()
        if "shared memory block" in said or "lock file" in said:
            time.sleep(0.5 * (attempt + 1))
            return port
        raise Stop(f"PostgreSQL doesn't start ({last_line(self.log)}); ./dev reset begins afresh")

    def _forget_dead_server(self) -> None:
        """A killed server's lock file names a pid that may be somebody else's by now.

        While it is starting or stopping it is alive: then wait rather than start a second one.
        """
        pid = self.pid()
        if pid is not None:
            birth = identity.born(pid)
            if not wait_for(
                lambda: self._listening() is not None or not identity.alive(pid, birth), STOP_SECONDS
            ):
                raise Stop(f"PostgreSQL (pid {pid}) neither starts nor stops: kill -9 {pid}, then ./dev up")
        if self.pid() is None:
            self._outlive_orphans()
            # Not left to PostgreSQL: it takes a zombie, or whoever has the pid now, for the old server.
            for lock in (self.data / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
                lock.unlink(missing_ok=True)

    def _outlive_orphans(self) -> None:
        """A killed postmaster's children may still write; beside a new server they would break the data.

        PostgreSQL's own interlock is in the lock file, which goes: so nobody of theirs may be left before.
        """
        if wait_for(lambda: not self._processes(), STOP_SECONDS):
            return
        for pid in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not wait_for(lambda: not self._processes(), 5):
            raise Stop(f"processes of a killed PostgreSQL do not end: kill -9 {self._processes()}")

    def _processes(self) -> list[int]:
        """The server's processes, told by their program and its working folder, which is the data folder."""
        folder = self.data.resolve()
        return [pid for pid in identity.called("postgres") if identity.folder_of(pid) == folder]

    def _pid_file(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _run(self, command: list[str], stdin: str) -> None:
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            cwd="/",
            env=environment(),
            check=False,
            **run_as(self.account),
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "no word why").splitlines()
            raise Stop(
                f"{Path(command[0]).name} failed ({said[-1][:200]}); free what it names, then ./dev up"
            )

    def _remove(self, folder: Path) -> None:
        if folder.exists():
            shutil.rmtree(folder)


def environment() -> dict[str, str]:
    """What a server needs of ours: no PG* variable of the shell may steer it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "ONEWRITER_"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


@contextmanager
def password_file(path: Path, password: str | None, account: Account | None) -> Iterator[list[str]]:
    """initdb's argument; the file is the account's alone and lives as long as initdb runs."""
    if password is None:
        yield []
        return
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    if account is not None:
        os.chown(path, account.uid, account.gid)
    path.write_text(f"{password}\n")
    try:
        yield [f"--pwfile={path}"]
    finally:
        path.unlink(missing_ok=True)


def socket_folder(preferred: Path) -> Path:
    """The folder, or a short one in its place where the kernel's limit on socket paths would be passed."""
    if len(str(preferred / ".s.PGSQL.65535").encode()) <= SOCKET_PATH_LIMIT:
        return preferred
    name = sha256(str(preferred).encode()).hexdigest()[:10]
    return Path(tempfile.gettempdir()) / f"onewriter-{name}"


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it became true in time. Processes that aren't ours can only be asked again and again."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def tail(file: Path, size: int) -> str:
    """The end of a log."""
    try:
        return file.read_bytes()[-size:].decode(errors="replace")
    except OSError:
        return ""


def last_line(file: Path) -> str:
    """Its last line that says anything, for a one-line error."""
    lines = [line for line in tail(file, 4096).splitlines() if line.strip()]
    fatal = [line for line in lines if "FATAL" in line or "HINT" in line]
    return (fatal or lines or ["its log is empty"])[-1].strip()[:200]
