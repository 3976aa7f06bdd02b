"""A consumer stopped in the middle of a handler, for longer than its transaction may be silent."""

from pathlib import Path

import pytest

from tests.support.shop import Shop
from tests.support.stage import Stage
from tests.system.test_handlers import Handlers


@pytest.mark.soak
def test_what_a_frozen_process_held_is_handled_by_another_once(stage: Stage, tmp_path: Path) -> None:
    handlers = Handlers(stage, Shop(stage.db), tmp_path)
    handlers.timeout = 1
    books = stage.db.connect("admin", autocommit=False)
    books.execute("lock table shop.seen in exclusive mode")
    ids = handlers.shop.end(3, keys=["a"])
    frozen = handlers.start()
    waits = "select from pg_locks where relation = 'shop.seen'::regclass and not granted"
    stage.until(lambda: handlers.shop.admin.execute(waits).fetchall(), say=frozen.output)
    frozen.freeze()
    books.rollback()
    other = handlers.start()
    handlers.all_once(ids)
    frozen.thaw()
    ids += handlers.shop.end(3, keys=["a"])
    handlers.all_once(ids)
    assert (frozen.stop(), other.stop()) == (0, 0)
