"""So many workers in one process, each with a session, a connection and a link's thread of its own."""

import asyncio
import contextlib
import signal
import sys

from worker.main import app


async def main(count: int) -> None:
    workers = [
        app.run_worker_async(name=f"idle-{number}", concurrency=1, install_signal_handlers=False)
        for number in range(count)
    ]
    running = asyncio.ensure_future(asyncio.gather(*workers))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
