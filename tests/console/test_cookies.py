"""Two stacks on one machine keep the sign-ins of their browsers apart."""

import re

from starlette.requests import Request

from console import cookies
from tests.sources import sources


def asked_at(host: str, cookie: str = "") -> Request:
    headers = [(b"host", host.encode()), (b"cookie", cookie.encode())]
    return Request({"type": "http", "scheme": "https", "path": "/", "query_string": b"", "headers": headers})


def test_each_port_of_a_host_has_cookies_of_its_own() -> None:
    hosts = ("localhost", "localhost:8443", "localhost:8444", "[::1]:8444", "clinic.example", "localhost:99999")
    names = [cookies.name_at(asked_at(host), "__Host-x") for host in hosts]
    assert names == ["__Host-x", "__Host-x-8443", "__Host-x-8444", "__Host-x-8444", "__Host-x", "__Host-x"]
    theirs = f"{names[1]}=secret"
    assert [cookies.sent(asked_at(host, theirs), "__Host-x") for host in hosts[:3]] == [None, "secret", None]


def test_no_cookie_is_read_or_set_in_another_way() -> None:
    for path in sources("console"):
        if path.name != "cookies.py":
            other_ways = r"request\.cookies|(set|delete)_cookie\((?!\s*cookies\.name_at)"
            assert not re.search(other_ways, path.read_text()), path
