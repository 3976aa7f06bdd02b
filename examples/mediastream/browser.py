"""A real Chromium, driven by Playwright: what a person sees is what is compared."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Error, Page, sync_playwright

from devstack.errors import Stop

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Markup in the text would be an element of the page: then this is no text that anybody has emitted.
TEXT = "e => e.childElementCount ? `there is markup: ${e.innerHTML}` : e.textContent"


class BrowserWindow:
    """The page of app.py in a window of its own."""

    def __init__(self, page: Page, app: str) -> None:
        self._page, self._app = page, app

    def ask(self, prompt: str, words: int) -> str:
        self._page.goto(self._app)
        self._page.fill("#prompt", prompt)
        self._page.fill("#words", str(words))
        self._page.click("#generate")
        self._page.wait_for_url("**/g/*")
        return self._page.url

    def go(self, address: str) -> None:
        self._page.goto(address)

    def reload(self) -> None:
        self._page.reload()

    def text(self) -> str:
        return str(self._page.eval_on_selector("#text", TEXT))

    def state(self) -> str:
        return self._page.text_content("#state") or ""

    def cancel(self) -> None:
        self._page.click("#cancel")

    def picture(self, path: str) -> None:
        """A PNG of the whole page."""
        self._page.screenshot(path=path, full_page=True)


class Chromium:
    """Each window is a profile of its own, as if it were another person's."""

    def __init__(self, browser: Browser, app: str) -> None:
        self._browser, self._app = browser, app
        self.name = f"Chromium {browser.version}"

    def window(self) -> BrowserWindow:
        return BrowserWindow(self._browser.new_page(viewport={"width": 900, "height": 800}), self._app)


def installed() -> str | None:
    """The program's path."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium(program: str, app: str) -> Iterator[Chromium]:
    """Raises Stop, in one line, for whatever goes wrong in it."""
    # root has no sandbox to run it in
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        # What Chromium leaves behind where it is interrupted goes with the folder.
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder, sync_playwright() as playwright:
            env: dict[str, str | float | bool] = {**os.environ, "TMPDIR": folder}
            browser = playwright.chromium.launch(executable_path=program, args=args, env=env)
            yield Chromium(browser, app)
            browser.close()
    except Error as error:
        raise Stop(f"Chromium: {error.message.strip().splitlines()[0]}") from error
