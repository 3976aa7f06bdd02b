"""Which addresses `http.request` may connect to, in every form in which one can be written."""

import pytest
from aiohttp import ClientError, ClientSession, web
from aiohttp.test_utils import TestServer

from worker.tasks import http_request
from worker.tasks.addresses import Allowed, PrivateAddress

PRIVATE = [
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
]
PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
HITS = web.AppKey("hits", list[str])
URLS = [
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    with pytest.raises(PrivateAddress):
        Allowed.parse("").check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    Allowed.parse("").check(address)


def test_what_an_operator_allows() -> None:
    allowed = Allowed.parse("127.0.0.1, 10.0.0.0/8, [::1], intern.example")
    for address in ("127.0.0.1", "10.9.9.9", "::1", "::ffff:10.0.0.1"):
        allowed.check(address)
    with pytest.raises(PrivateAddress):
        allowed.check("192.168.0.7")
    allowed.resolved("other.example", ["192.168.0.7"])
    with pytest.raises(PrivateAddress):
        allowed.check("192.168.0.7")
    allowed.resolved("Intern.Example.", ["192.168.0.7"])
    allowed.check("192.168.0.7")


@pytest.mark.parametrize("url", URLS)
async def test_no_form_of_a_private_url_gets_through(url: str) -> None:
    async with TestServer(_site()) as server:
        with pytest.raises((PrivateAddress, ClientError)):
            await http_request.request.func(url.format(port=server.port))
        assert server.app[HITS] == []


async def test_a_redirect_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWRITER_HTTP_ALLOW_PRIVATE", "127.0.0.1")
    async with TestServer(_site()) as server:
        with pytest.raises(PrivateAddress):
            await http_request.request.func(str(server.make_url("/away")))
        assert server.app[HITS] == ["/away"]


async def test_an_allowed_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEWRITER_HTTP_ALLOW_PRIVATE", "127.0.0.0/8")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with TestServer(_site()) as server:
        answer = await http_request.request.func(str(server.make_url("/json")), method="post", json={"a": 1})
        assert (answer["status"], answer["json"]) == (200, {"got": {"a": 1}})
        assert answer["headers"]["content-type"].startswith("application/json")
        text = await http_request.request.func(str(server.make_url("/text")))
        assert text["body"] == "grün"
        raw = await http_request.request.func(str(server.make_url("/raw")))
        assert raw["body_base64"] == "AP8="
        with pytest.raises(http_request.ResponseTooLarge):
            await http_request.request.func(str(server.make_url("/big")))
        with pytest.raises(ValueError, match="method"):
            await http_request.request.func(str(server.make_url("/json")), method="CONNECT")


async def test_only_http_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("file:///etc/passwd", "ftp://example.org/"):
        with pytest.raises(Exception, match=r"file|ftp"):
            await http_request.request.func(url)
    assert ClientSession  # the client alone; the worker's closure has no aiohttp.web


def _site() -> web.Application:
    app = web.Application()
    app[HITS] = []

    async def answer(request: web.Request) -> web.Response:
        app[HITS].append(request.path)
        match request.path:
            case "/json":
                return web.json_response({"got": await request.json()})
            case "/away":
                return web.Response(status=302, headers={"Location": f"http://[::1]:{request.url.port}/"})
            case "/raw":
                return web.Response(body=b"\x00\xff", content_type="application/octet-stream")
            case "/big":
                return web.Response(body=b"x" * (http_request.MAX_BODY + 1))
            case _:
                return web.Response(text="grün")

    app.router.add_route("*", "/{tail:.*}", answer)
    return app
