"""What one checkout's stack remembers, in .dev: passwords, ports, the API key, logs and pid files."""

import json
import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from devstack.errors import Stop

ROOT = Path(__file__).resolve().parent.parent
LOGINS = ("server", "handler", "worker", "dba", "producer", "janitor")


@dataclass(frozen=True, slots=True)
class State:
    """Paths below one .dev folder, and two small JSON files in it."""

    folder: Path

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def make(self) -> None:
        """The folders; 0755, since PostgreSQL's own account must pass through them."""
        for folder in (self.folder, self.logs, self.run):
            folder.mkdir(parents=True, exist_ok=True)

    def secret(self, name: str) -> str:
        """A password, made at first use."""
        known = self._read("secrets")
        if name not in known:
            self.remember_secret(name, secrets.token_urlsafe(18))
            known = self._read("secrets")
        return str(known[name])

    def has_secret(self, name: str) -> bool:
        return name in self._read("secrets")

    def remember_secret(self, name: str, value: str) -> None:
        self._write("secrets", {**self._read("secrets"), name: value})

    def port(self, name: str) -> int | None:
        """The port used last time."""
        port = self._read("ports").get(name)
        return port if isinstance(port, int) else None

    def remember_port(self, name: str, port: int) -> None:
        self._write("ports", {**self._read("ports"), name: port})

    def forget(self) -> None:
        """Passwords, ports, pid files and logs; the environment stays."""
        for file in (*self.folder.glob("*.json"), *self.run.glob("*"), *self.logs.glob("*.log")):
            if file.is_file():
                file.unlink()

    def shelf(self) -> Path:
        """A folder that every account can reach, for a checkout that lies where only root may look."""
        name = sha256(str(self.folder).encode()).hexdigest()[:10]
        shelf = Path("/var/tmp") / f"onewriter-{name}"  # noqa: S108 - its owner is checked below
        shelf.mkdir(mode=0o755, exist_ok=True)
        shelf.chmod(0o755)
        if shelf.is_symlink() or shelf.stat().st_uid != os.geteuid():
            raise Stop(f"{shelf} belongs to somebody else: delete it, then ./dev up")
        return shelf

    def _read(self, name: str) -> dict[str, Any]:
        """A file cut short by a crash counts as none: what was in it is made anew."""
        try:
            content = json.loads((self.folder / f"{name}.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, name: str, content: dict[str, Any]) -> None:
        """Readable by us alone, and whole or not at all."""
        draft = self.folder / f".{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(content, indent=1))
        draft.rename(self.folder / f"{name}.json")
