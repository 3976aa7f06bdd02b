"""A shop whose data is on another server than the queue; workers read it, and cannot write it."""

import re
from typing import Any
from urllib.parse import quote

import psycopg

from devstack.errors import Stop
from devstack.stack import program, run
from examples.reading.servers import Servers, lsn, primary_and_standby
from examples.reading.shop import SCHEMA
from examples.support.own import own_system
from examples.support.processes import Process, Processes, environment
from examples.support.story import chapter, check, say, table, until
from examples.support.system import ADMIN, SERVER, System

HANDLER, READER, PASSWORD, KEY = "shop_handler", "shop_reader", "only-for-the-example", "only-for-the-shop"
DOMAIN, DOMAIN_ADMIN = "ONEWRITER_DOMAIN_DATABASE_URL", "ONEWRITER_DOMAIN_ADMIN_DATABASE_URL"
TEA = 1


def tell(processes: Processes) -> None:
    with primary_and_standby() as servers, own_system("reading", processes) as system:
        chapter("The shop's data is on a server of its own, the queue on yours")
        make_shop(servers)
        onewriter(system, servers, "domain", "prepare")
        make_reader(servers)
        onewriter(system, servers, "domain", "grant", "shop", "--read", "onewriter_worker")
        shop = start_shop(system, servers)
        start_worker(system, servers)
        carried(system)
        asked(system, shop)
        looked_up(system, servers)
        standby(system, servers)
        chapter("5. And doctor looks at both databases")
        doctor(system, servers)


# --- what it takes -----------------------------------------------------------------------------------


def make_shop(servers: Servers) -> None:
    with psycopg.connect(servers.dsn("primary")) as conn:
        conn.execute(SCHEMA)


def make_reader(servers: Servers) -> None:
    """The worker's login on that server: a member of the role that prepare has made there."""
    say(f"psql: create role {READER} login password '…'; grant onewriter_worker to {READER};")
    with psycopg.connect(servers.dsn("primary")) as conn:
        conn.execute(f"create role {READER} login password '{PASSWORD}'".encode())
        conn.execute(f"grant onewriter_worker to {READER}".encode())


def onewriter(system: System, servers: Servers, *words: str) -> None:
    """One command of a deploy, and what it says."""
    say(f"onewriter {' '.join(words)}")
    settings = environment({name: system.logins[name] for name in (SERVER, ADMIN)} | domain(servers))
    for line in run([program("onewriter"), *words], settings, words[0]).splitlines():
        say(f"   {line}")


def domain(servers: Servers) -> dict[str, str]:
    return {DOMAIN: servers.dsn("primary", HANDLER, PASSWORD), DOMAIN_ADMIN: servers.dsn("primary")}


def start_shop(system: System, servers: Servers) -> str:
    """The URL of the shop's API."""
    settings = {"SHOP_DATABASE_URL": servers.dsn("primary"), "SHOP_KEY": KEY}
    shop = system.processes.start("shop", ("python", "-m", "examples.reading.shop"), settings)
    until(lambda: not shop.running() or url_of(shop), "the shop serves")
    if not (url := url_of(shop)):
        raise Stop(f"the shop ended: {shop.last_line()}")
    return url


def url_of(shop: Process) -> str:
    found = re.search(r"serving on (http://\S+)", shop.output())
    return found[1] if found else ""


def start_worker(system: System, servers: Servers) -> None:
    """Its queue login as ever, and two DSNs to read from: onewriter knows nothing of these."""
    system.publish("examples.reading.tasks", "reading")
    read = {
        f"EXAMPLE_READ_{where.upper()}": servers.dsn(where, READER, PASSWORD)
        for where in ("primary", "standby")
    }
    system.wait_for_sessions(system.worker("reader", ONEWRITER_TASKS="examples.reading.tasks", **read))


# --- three ways --------------------------------------------------------------------------------------


def carried(system: System) -> None:
    chapter("1. The job carries it")
    args = {"product": {"title": "Tea", "cents": 450}}
    say(f"result: {result(system, 'reading.carried', args)}")


def asked(system: System, shop: str) -> None:
    chapter("2. The task asks the API, with a key that the job only names")
    secret = {"value": KEY, "tasks": ["reading.asked"]}
    system.api.put(f"/v1/secrets/{quote('shop/key', safe='')}", secret)
    args = {"url": shop, "key": "secret://shop/key", "product": TEA}
    say(f"result: {result(system, 'reading.asked', args)}")


def looked_up(system: System, servers: Servers) -> None:
    chapter("3. The task reads the primary, with a login that reads and nothing else")
    change_price(servers, 480)
    found = result(system, "reading.looked_up", {"where": "primary", "product": TEA})
    say(f"result: {found}")
    check(found == "Tea, 4.80", "it reads what the shop has just written")
    refused(result(system, "reading.meddle", {"where": "primary"}))


def standby(system: System, servers: Servers) -> None:
    chapter("4. The task reads a standby; the job says how far that must be")
    since = change_price(servers, 510)
    args = {"where": "standby", "product": TEA, "since": since}
    found = result(system, "reading.looked_up", args)
    say(f"result: {found} (replayed up to {since} at least)")
    check(found == "Tea, 5.10", "it waits for what the job was enqueued after")
    refused(result(system, "reading.meddle", {"where": "standby"}))
    say("It becomes the primary, and the same grants hold there:")
    promote(servers)
    refused(result(system, "reading.meddle", {"where": "standby"}))


def promote(servers: Servers) -> None:
    with psycopg.connect(servers.dsn("standby"), autocommit=True) as conn:
        conn.execute("select pg_promote()")


def change_price(servers: Servers, cents: int) -> str:
    """As the shop does it; where the log ends afterwards."""
    with psycopg.connect(servers.dsn("primary")) as conn:
        conn.execute("update shop.product set cents = %s where id = %s", [cents, TEA])
    return lsn(servers.dsn("primary"))


def refused(attempts: list[list[str]]) -> None:
    """All but the SET, which anybody may on a primary."""
    table(("the worker tries", "PostgreSQL says"), attempts)
    done = [attempt for attempt, said in attempts if said == "done"]
    check(done in ([], ["set transaction_read_only = off"]), "a worker writes nothing")


def doctor(system: System, servers: Servers) -> None:
    settings = environment({ADMIN: system.logins[ADMIN]} | domain(servers))
    found = run([program("onewriter"), "domain", "check"], settings, "the check")
    say(f"onewriter domain check: {found.strip() or 'clean'}")


def result(system: System, task: str, args: dict[str, Any]) -> Any:
    job = system.api.post("/v1/jobs", {"task": task, "args": args})["id"]
    path = f"/v1/jobs/{job}/result"
    until(lambda: system.api.get(f"/v1/jobs/{job}")["status"] in ("succeeded", "failed"), f"job {job} ends")
    answer = system.api.get(path)
    if answer["status"] != "succeeded":
        raise Stop(f"{task} failed: {(answer['error'] or '').strip().splitlines()[-1]}")
    return answer["result"]
