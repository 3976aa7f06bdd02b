"""`http.request` and a server that it must not reach, in every form in which one can ask for it."""

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import ClientError, InvalidURL, NonHttpUrlClientError, TooManyRedirects, web
from aiohttp.abc import ResolveResult
from aiohttp.test_utils import TestServer

from worker.tasks import http_request
from worker.tasks.addresses import PrivateAddress

HITS = web.AppKey("hits", list[str])
ANSWER = web.AppKey("answer", dict[str, Callable[[web.Request], Any]])
ALLOW = "ONEWRITER_HTTP_ALLOW_PRIVATE"

# Each means this machine, or something that only a private network has.
HOSTS = [
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.0x0.0x0.0x1",
    "0x7F.1",
    "017700000001", "0177.0.0.1", "0177.0x0.0.1", "127.0.0.01", "00127.0.0.1", "0", "0.0.0.0", "00.0",
    "0x0",
    "127.0.0.1.", "127.0.0.1..", "localhost", "LOCALHOST", "localhost.", "localhost.localdomain",
    "x.localhost",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::1]", "[fe80::1]", "[fe80::1%25lo]", "[fe80::1%lo]", "[::1%25lo]", "[::1%251]",
    "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[::ffff:0:127.0.0.1]",
    "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "100.64.0.1", "100.100.100.200", "10.0.0.1", "10.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "192.168.257", "224.0.0.1", "239.0.0.1", "255.255.255.255", "4294967295", "198.18.0.1", "240.0.0.1",
    "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1",
    "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
    "loc%61lhost", "127.0.0%2e1", "%31%32%37.0.0.1",
]  # fmt: skip
# Who reads them wrongly takes good.example for the host.
URLS = [
    "http://good.example@127.0.0.1:{port}/",
    "http://good.example:80@127.0.0.1:{port}/",
    "http://good.example%40@127.0.0.1:{port}/",
    "http://good.example@good.example@127.0.0.1:{port}/",
    "http://user:pass@127.0.0.1:{port}/#@good.example/",
    "http://127.0.0.1:{port}#@good.example/",
    "http://127.0.0.1:{port}?@good.example/",
    "http://127.0.0.1:{port}\\@good.example/",
    "http://good.example\\@127.0.0.1:{port}/",
    "http:\\\\127.0.0.1:{port}\\",
    "http:/127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "http:///127.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "127.0.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "\thttp://127.0.0.1:{port}/",
    "http://127.0.0.1\t:{port}/",
    "http://127.0.0.1\r\n:{port}/",
    "http://127.0.0.1\x00.good.example:{port}/",
    "HTTP://127.0.0.1:{port}/",
    "ws://127.0.0.1:{port}/",
    "http://127.0.0.1:0{port}/",
    "http://127.0.0.1:{port}/../../",
    "http://good.example:80:{port}@127.0.0.1/",
]
OTHER_SCHEMES = [
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "gopher://127.0.0.1:{port}/_GET",
    "ftp://127.0.0.1:{port}/",
    "dict://127.0.0.1:{port}/", "ldap://127.0.0.1:{port}/", "http+unix://%2Fvar%2Frun%2Fx.sock/",
    "unix:///x.sock",
    "jar:http://127.0.0.1:{port}!/", "data:text/plain,x", "javascript:1", "tftp://127.0.0.1:{port}/x",
    "netdoc:///etc",
]  # fmt: skip
REFUSED = (PrivateAddress, ClientError, ValueError, OSError)


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    """What must not be reached; `site.app[HITS]` are the paths that were."""
    app = web.Application()
    app[HITS] = []
    app[ANSWER] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        app[HITS].append(request.path)
        make = app[ANSWER].get(request.path)
        made = make(request) if make else web.Response(text="secret")
        return await made if asyncio.iscoroutine(made) else made  # type: ignore[no-any-return]

    app.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield server


async def ask(url: str, **options: Any) -> dict[str, Any]:
    async with asyncio.timeout(20):
        answer: dict[str, Any] = await http_request.request.func(url, **{"timeout": 2.0, **options})
        return answer


async def refused(site: TestServer, url: str, *reached: str) -> None:
    with pytest.raises(REFUSED):
        await ask(url)
    assert site.app[HITS] == list(reached)


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
async def test_a_host_that_is_not_public(site: TestServer, host: str) -> None:
    await refused(site, f"http://{host}:{site.port}/")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]", "169.254.169.254", "[fd00:ec2::254]"]
)
async def test_it_is_the_address_that_is_refused(host: str) -> None:
    """Not a port that nobody listens on."""
    with pytest.raises(PrivateAddress):
        await ask(f"http://{host}:1/")


@pytest.mark.parametrize("url", URLS, ids=ascii)
async def test_a_url_that_is_read_in_two_ways(site: TestServer, url: str) -> None:
    await refused(site, url.format(port=site.port))


@pytest.mark.parametrize("url", OTHER_SCHEMES)
async def test_other_schemes(site: TestServer, url: str) -> None:
    with pytest.raises((NonHttpUrlClientError, InvalidURL)):
        await ask(url.format(port=site.port))
    assert site.app[HITS] == []


# --- redirects ----------------------------------------------------------------------------------------------


REDIRECTS = [
    "http://[::1]:{port}/", "//[::1]:{port}/", "http://127.0.0.2:{port}/", "http://0:{port}/",
    "http://0x7f000002:{port}/", "http://[::ffff:127.0.0.2]:{port}/",
    "http://good.example@127.0.0.2:{port}/",
    "http://169.254.169.254/latest/meta-data/", "https://127.0.0.2:{port}/",
    "http://127.0.0.2:{port}\\@127.0.0.1/",
    "file:///etc/passwd", "gopher://127.0.0.1:{port}/", "ftp://127.0.0.1/", "data:text/plain,x",
    "http://", "http://[",
]  # fmt: skip


@pytest.mark.parametrize("target", REDIRECTS)
@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_is_checked_again(
    site: TestServer, target: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    location = target.format(port=site.port)
    site.app[ANSWER]["/away"] = lambda _: web.Response(status=status, headers={"Location": location})
    await refused(site, str(site.make_url("/away")), "/away")


async def test_redirects_end(site: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    site.app[ANSWER]["/loop"] = lambda _: web.Response(status=302, headers={"Location": "/loop"})
    with pytest.raises(TooManyRedirects):
        await ask(str(site.make_url("/loop")))
    assert len(site.app[HITS]) <= 6


async def test_a_redirect_elsewhere_takes_no_password_along(
    site: TestServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW, "127.0.0.0/8")
    got: list[str | None] = []

    def there(request: web.Request) -> web.Response:
        got.append(request.headers.get("Authorization"))
        return web.Response()

    location = f"http://127.0.0.2:{site.port}/there"
    site.app[ANSWER]["/away"] = lambda _: web.Response(status=302, headers={"Location": location})
    site.app[ANSWER]["/there"] = there
    with pytest.raises(ClientError):  # nothing listens at the other address; what was sent is not the point
        await ask(str(site.make_url("/away")), headers={"Authorization": "secret"})
    assert got == []


# --- names --------------------------------------------------------------------------------------------------


class Names:
    """Answers of a resolver, one after the other; the last one stays."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def resolve(self, host: str, port: int = 0, *_: Any, **__: Any) -> list[ResolveResult]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in found
        ]  # fmt: skip

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Names]:
    def use(*answers: list[str]) -> Names:
        made = Names(*answers)
        monkeypatch.setattr(http_request, "ThreadedResolver", lambda: made)
        return made

    return use


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"], ["::1"], ["10.0.0.1"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"],
        ["2002:7f00:1::"], ["0.0.0.0"],
        ["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"], ["2606:4700:4700::1111",
        "10.0.0.1"],
        ["fe80::1%eth0"], ["169.254.169.254"],
    ],
    ids=str,
)  # fmt: skip
async def test_a_name_that_leads_inside(
    site: TestServer, names: Callable[..., Names], addresses: list[str]
) -> None:
    """One private address among public ones is enough."""
    names(addresses)
    with pytest.raises(PrivateAddress):
        await ask(f"http://good.example:{site.port}/")
    assert site.app[HITS] == []


async def test_a_name_is_asked_for_once(
    site: TestServer, names: Callable[..., Names], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: what was checked is what is connected to; a second answer is never asked for."""
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    resolver = names(["127.0.0.1"], ["10.0.0.1"])
    assert (await ask(f"http://good.example:{site.port}/"))["body"] == "secret"
    assert resolver.asked == 1
    resolver = names(["127.0.0.1"], ["10.0.0.1"])
    site.app[ANSWER]["/again"] = lambda _: web.Response(
        status=302, headers={"Location": "/", "Connection": "close"}
    )
    with pytest.raises(PrivateAddress):
        await ask(f"http://good.example:{site.port}/again")
    assert resolver.asked == 2, "a new connection is a new check"


async def test_the_socket_is_checked_whatever_the_resolver_said(
    site: TestServer, names: Callable[..., Names], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two checks is enough alone."""
    monkeypatch.setattr(http_request.CheckedResolver, "resolve", Names(["127.0.0.1"]).resolve)
    with pytest.raises(PrivateAddress):
        await ask(f"http://good.example:{site.port}/")
    assert site.app[HITS] == []


async def test_an_allowed_name_allows_no_other(
    site: TestServer, names: Callable[..., Names], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW, "intern.example")
    names(["127.0.0.1"])
    for allowed in ("intern.example", "INTERN.example", "intern.example."):
        assert (await ask(f"http://{allowed}:{site.port}/"))["body"] == "secret"
    site.app[HITS].clear()
    for other in ("x.intern.example", "intern.example.evil.example", "evilintern.example", "127.0.0.1"):
        with pytest.raises(PrivateAddress):
            await ask(f"http://{other}:{site.port}/")
    assert site.app[HITS] == []


# --- what surrounds it --------------------------------------------------------------------------------------


async def test_no_proxy_of_the_environment(site: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, str(site.make_url("")))
    with pytest.raises(PrivateAddress):
        await ask("http://10.0.0.1/")
    assert site.app[HITS] == []


@pytest.mark.parametrize(
    "options",
    [
        {"method": "GET / HTTP/1.1\r\nX: y\r\n\r\n"}, {"method": "G\tET"}, {"method": "CONNECT"},
        {"method": "TRACE"},
        {"method": ""}, {"headers": {"X": "y\r\nInjected: z"}}, {"headers": {"X": "y\nInjected: z"}},
        {"headers": {"X": "y\rInjected: z"}}, {"headers": {"X\r\nInjected": "z"}},
        {"headers": {"X: y\r\nInjected": "z"}},
        {"headers": {"X": "a\0b"}},
        {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")},
    ],
    ids=ascii,
)  # fmt: skip
async def test_nothing_is_smuggled_in(
    site: TestServer, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    with pytest.raises((ValueError, ClientError)):
        await ask(str(site.make_url("/")), **options)
    assert site.app[HITS] == []


async def test_line_ends_in_a_url_are_no_line_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    heads: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        for path in (
            "/x\r\nInjected: y",
            "/x%0d%0aInjected:%20y",
            "/x%0D%0AInjected:%20y",
            "/x HTTP/1.1\r\nInjected: y\r\n\r\n",
            "/?a=\r\nInjected: y",
            "/?a=%0d%0aInjected:%20y",
            "/\u010d\u010aInjected: y",
        ):
            await ask(f"http://127.0.0.1:{port}{path}")
    assert len(heads) == 7
    for head in heads:
        assert b"Injected" in head.split(b"\r\n", 1)[0]
        assert b"\nInjected" not in head


async def test_answers_end(site: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, too slow, packed too well: each ends with a refusal, at its limit."""
    monkeypatch.setenv(ALLOW, "127.0.0.1")
    limit = http_request.MAX_BODY

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.05)

    def packed(data: bytes, encoding: str) -> Callable[[web.Request], web.Response]:
        return lambda _: web.Response(body=data, headers={"Content-Encoding": encoding})

    site.app[ANSWER].update(
        {
            "/fits": lambda _: web.Response(body=b"x" * limit),
            "/large": lambda _: web.Response(body=b"x" * (limit + 1)),
            "/gzip": packed(gzip.compress(b"x" * 64 * 1024 * 1024), "gzip"),
            "/deflate": packed(zlib.compress(b"x" * 64 * 1024 * 1024), "deflate"),
            "/drip": drip,
            "/heads": lambda _: web.Response(headers={f"X{n}": "x" * 8000 for n in range(200)}),
        }
    )
    assert len((await ask(str(site.make_url("/fits"))))["body"]) == limit
    for path in ("/large", "/gzip", "/deflate"):
        with pytest.raises(http_request.ResponseTooLarge):
            await ask(str(site.make_url(path)))
    with pytest.raises(TimeoutError):
        await ask(str(site.make_url("/drip")), timeout=0.3)
    with pytest.raises(ClientError):
        await ask(str(site.make_url("/heads")))


async def test_an_allowed_answer(site: TestServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOW, "127.0.0.0/8")

    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"got": await request.json()})

    site.app[ANSWER].update(
        {
            "/json": echo,
            "/text": lambda _: web.Response(text="grün"),
            "/raw": lambda _: web.Response(body=b"\x00\xff", content_type="application/octet-stream"),
        }
    )
    answer = await ask(str(site.make_url("/json")), method="post", json={"a": 1})
    assert (answer["status"], answer["json"]) == (200, {"got": {"a": 1}})
    assert answer["headers"]["content-type"].startswith("application/json")
    assert (await ask(str(site.make_url("/text"))))["body"] == "grün"
    assert (await ask(str(site.make_url("/raw"))))["body_base64"] == "AP8="
