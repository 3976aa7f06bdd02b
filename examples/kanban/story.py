"""Tasks come in, agents think about them, the API side decides; and nobody else writes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg

from examples.kanban import forbidden
from examples.kanban.system import Kanban, playground
from examples.support.api import Refused
from examples.support.processes import Process, Processes
from examples.support.story import chapter, check, say, table, until

BOARD = {
    "name": "Office",
    "columns": [{"name": "Inbox"}, {"name": "Doing", "wip_limit": 2}, {"name": "Chores", "wip_limit": 2}],
    "rules": [{"word": "urgent", "field": "priority", "value": "high", "apply_above": 0.9}],
}
TITLES = ("Urgent invoice for Acme", "call Bolt, it is urgent", "buy  milk")
# What the agents think of these: one is sure, three are not.
HINTS, DRAFTS = 4, 3
EVERY_SECOND = "* * * * * *"
Row = dict[str, Any]


def tell(processes: Processes) -> None:
    chapter("A board in a database of its own; its API and the handlers of results write it")
    with playground(processes) as kanban:
        say(f"queue onewriter_example_kanban · board onewriter_example_kanban_board · API {kanban.api.url}")
        handlers = kanban.handlers()
        board = kanban.api.post("/boards", BOARD)
        tasks = tasks_come_in(kanban, board["columns"]["Inbox"])
        killed(kanban, handlers)
        decide(kanban, tasks)
        one_place_left(kanban, tasks, board["columns"]["Doing"])
        again_and_again(kanban, board["columns"]["Chores"])
        chapter("6. Each login tries to write what is not its own, table by table")
        forbidden.try_all(kanban)
        say(f"onewriter domain check: {kanban.check_domain()}")
        show(kanban, board["id"])


# --- 1., 2. agents and handlers ----------------------------------------------------------------------


def tasks_come_in(kanban: Kanban, inbox: int) -> list[int]:
    """Their ids. The agents' jobs wait for a worker."""
    chapter(f"1. {len(TITLES)} tasks come in: an event each, and a job for each agent")
    tasks = [kanban.api.post(f"/columns/{inbox}/tasks", {"title": title})["id"] for title in TITLES]
    jobs = until(lambda: agents_jobs(kanban), "the queue has the agents' jobs")
    table(("job", "agent", "about"), [(job["id"], job["task"], job["args"]["task"]["title"]) for job in jobs])
    say(f"each carries its task: {jobs[0]['args']['task']}")
    say(f"   and the board's rules: {jobs[0]['args']['rules']}")
    return tasks


def agents_jobs(kanban: Kanban) -> list[Row]:
    jobs = kanban.system.rows("select id, task, args from server_api.job order by id")
    return jobs if len(jobs) == 2 * len(TITLES) else []


def killed(kanban: Kanban, handlers: Process) -> None:
    chapter("2. The agents answer; kill -9 of the handlers' process between its two commits")
    with unacknowledged(kanban):
        kanban.worker()
        until(lambda: hints(kanban) and stuck(kanban), "hints are written, and not acknowledged", 60)
        handlers.kill()
        say(f"written in the board: {len(hints(kanban))} hints; the queue knows nothing of it; then the kill")
        check(not mails(kanban), "what follows from a hint comes with the second commit")
    kanban.handlers()
    until(lambda: len(hints(kanban)) >= HINTS and settled(kanban), "every answer is handled")
    rows = hints(kanban)
    keys = ("task_id", "job_id", "agent", "value", "confidence", "state", "decided_by")
    table(keys, [tuple(hint[key] for key in keys) for hint in rows])
    say(f"after a new start: {len(rows)} hints, {len(mails(kanban))} mails for {DRAFTS} drafts; each once")
    check(len(rows) == HINTS == len({(hint["job_id"], hint["value"]) for hint in rows}), "each hint once")
    check([hint["state"] for hint in rows].count("draft") == DRAFTS == len(mails(kanban)), "a mail per draft")


@contextmanager
def unacknowledged(kanban: Kanban) -> Iterator[None]:
    """Whoever acknowledges waits here: what follows from an event (the mails) has a cause."""
    with psycopg.connect(kanban.queue["admin"]) as conn:
        conn.execute("lock table jobs.cause in share mode")
        yield


def stuck(kanban: Kanban) -> bool:
    query = "select 1 from pg_locks where relation = 'jobs.cause'::regclass and not granted"
    return bool(kanban.system.rows(query))


def settled(kanban: Kanban) -> bool:
    """Nothing is on its way: to the queue, to a worker or to a handler."""
    if kanban.rows("select 1 from onewriter_inbox.outgoing"):
        return False
    return not kanban.system.rows(
        """select 1 from server_api.job where status not in ('succeeded', 'failed', 'cancelled', 'aborted')
            union all select 1 from jobs.outbox"""
    )


def hints(kanban: Kanban) -> list[Row]:
    return kanban.rows("select * from kanban.hint order by id")


def mails(kanban: Kanban) -> list[Row]:
    query = "select id, args from server_api.job where task = 'kanban.mail' order by id"
    return kanban.system.rows(query)


# --- 3. people ---------------------------------------------------------------------------------------


def decide(kanban: Kanban, tasks: list[int]) -> None:
    chapter("3. Anna follows the link in a mail, twice; bob rejects a hint")
    mail = next(mail for mail in mails(kanban) if mail["args"]["hint"] == "high")
    sent = kanban.system.api.get(f"/v1/jobs/{mail['id']}/result")["result"]
    say(f"mail: {sent['subject']}")
    asked(lambda: kanban.api.post(sent["link"]), "the link", "applied")
    check(asked(lambda: kanban.api.post(sent["link"]), "the link again") == 409, "a link works once")
    milk = next(hint for hint in hints(kanban) if hint["task_id"] == tasks[2])
    bob = replace(kanban.api, key="bob")
    asked(lambda: bob.post(f"/hints/{milk['id']}/reject"), f"bob rejects {milk['value']!r}", "done")
    again = asked(lambda: kanban.api.post(f"/hints/{milk['id']}/apply"), "anna applies it after all")
    check(again == 409, "what is decided stays so")


def asked(request: Callable[[], Any], what: str, done: str = "done") -> int:
    """Tells how it went; the status."""
    try:
        request()
    except Refused as refused:
        say(f"{what}: {refused.status}, {refused.problem['detail']}")
        return refused.status
    say(f"{what}: {done}")
    return 200


# --- 4., 5. columns ----------------------------------------------------------------------------------


def one_place_left(kanban: Kanban, tasks: list[int], doing: int) -> None:
    chapter("4. Doing has a WIP limit of 2: two requests at once want its last place")

    def move(task: int) -> int:
        move = {"column": doing}
        return asked(lambda: kanban.api.post(f"/tasks/{task}/move", move), f"task {task} to Doing", "moved")

    move(tasks[0])
    with ThreadPoolExecutor() as pool:
        check(sorted(pool.map(move, tasks[1:])) == [200, 409], "one of them gets it")


def again_and_again(kanban: Kanban, chores: int) -> None:
    chapter("5. A recurring template makes a task each second, as long as Chores has room (2)")
    wish = {"title": "Water the plants", "cron": EVERY_SECOND}
    template = kanban.api.post(f"/columns/{chores}/templates", wish)

    def fires() -> int:
        query = "select count(*)::int as n from server_api.job where task = 'kanban.recur'"
        return int(kanban.system.rows(query)[0]["n"])

    until(lambda: fires() > 2, "it fires a third time")
    kanban.api.delete(f"/templates/{template['id']}")
    until(lambda: settled(kanban), "what it started has ended")
    made = kanban.rows("select title from kanban.task where column_id = %s", chores)
    say(f"{template['schedule']}: {fires()} fires, {len(made)} tasks, {fires() - len(made)} left out")
    check(len(made) == 2, "no more than the limit")


# --- 7. what it looks like ---------------------------------------------------------------------------


def show(kanban: Kanban, board: int) -> None:
    chapter("7. The board, with what happened to each task")
    rows = []
    for column in kanban.api.get(f"/boards/{board}"):
        for task in column["tasks"]:
            here = (column["name"], task["id"], task["priority"], task["title"])
            for event in task["events"]:
                rows.append((*here, f"{event['type']} by {event['actor']}"))
                here = ("", "", "", "")
    table(("column", "task", "priority", "title", "events"), rows)
