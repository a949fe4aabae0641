"""What is wrong with the address of a server, said before anybody tries to connect. No text repeats the address."""

import ipaddress
import os
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from workflows.journey.vocabulary.texts import show_hidden

DATABASE_EXAMPLE = "for example postgresql://carepath_reader:PASSWORD@db.example.org:5432/carepath?sslmode=verify-full"
TEMPORAL_EXAMPLE = "for example temporal.example.org:7233"
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SSL_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
SSL_NAMES = (
    *SSL_FILES,
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
)
"""What the driver takes of an address that is about encryption. It hands any other name to the server."""
_GAP = "has a space, a line end or something invisible in it"
_SCHEMES = ("postgresql://", "postgres://")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by one of its usual names."""
    return host in ("127.0.0.1", "::1", "localhost")


def is_encrypted(parts: SplitResult) -> bool:
    """Whether nobody on the network can read or change what goes to an address: https, or this machine."""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def database_problem(url: str) -> str | None:
    """Return what is wrong with the address of a PostgreSQL database; None if it may be right."""
    return next((f"{problem}; {DATABASE_EXAMPLE}" for problem in _database_problems(url)), None)


def _database_problems(url: str) -> Iterator[str]:
    scheme = next((each for each in _SCHEMES if url.startswith(each)), None)
    if scheme is None:
        yield "must start with postgresql://"
        return
    if has_gap(url):
        yield _GAP
    if "#" in url:
        yield "has a # in it: in a password write %23"
    if re.search(r"%(?![0-9A-Fa-f]{2})", url):
        yield "has a % that stands for nothing: in a password write %25"
    before, _, query = url.removeprefix(scheme).partition("?")
    authority, _, path = before.partition("/")
    if authority.count("@") > 1:
        yield "has an @ too many: in a user or password write %40"
    if "@" not in authority and "@" in path + query:
        yield "has a / or ? before the @: in a password write %2F and %3F"
    given: dict[str, str] = {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=True) if query else []
        given = dict(pairs)
        if len(given) < len(pairs):
            yield "says something twice after the ?"
    except ValueError:
        yield "has something other than name=value after the ?"
    hosts = authority.rpartition("@")[2]
    if not hosts and not given.get("host"):
        yield "names no host (for a socket: postgresql:///carepath?host=/var/run/postgresql)"
    for host in hosts.split(",") if hosts else ():
        if (problem := _host_problem(unquote(host))) is not None:
            yield problem
    if "port" in given and any(not _is_port(port) for port in given["port"].split(",")):
        yield "has a port that is not between 1 and 65535"
    if any(name.startswith("ssl") and name not in SSL_NAMES for name in given):
        yield f"has a name after the ? that there is not: {', '.join(SSL_NAMES)}"
    if given.get("sslmode", "prefer") not in SSL_MODES:
        yield f"has an sslmode that there is not: {', '.join(SSL_MODES)}"
    for name in SSL_FILES:
        if name in given and given[name] != "system" and not is_file(given[name]):
            yield f"names a file by {name} that cannot be read"


def temporal_problem(address: str) -> str | None:
    """Return what is wrong with the address of Temporal; None if it may be right."""
    return next((f"{problem}; {TEMPORAL_EXAMPLE}" for problem in _temporal_problems(address)), None)


def _temporal_problems(address: str) -> Iterator[str]:
    if has_gap(address):
        yield _GAP
    if "://" in address:
        yield "is host:port, without http:// or the like"
    elif any(mark in address for mark in "/?#@,"):
        yield "is host:port and nothing else"
    elif (problem := _host_problem(address)) is not None:
        yield problem
    elif not re.search(r":\d+$", address):
        yield "has no port, usually 7233"


def web_problem(address: str) -> str | None:
    """Return what is wrong with an address that starts with http:// or https://; None if it may be right."""
    if has_gap(address):
        return _GAP
    try:
        parts = urlsplit(address)
    except ValueError:
        return "is no address"
    return _host_problem(parts.netloc.rpartition("@")[2]) if parts.hostname else "is no address"


def bare_host_problem(host: str) -> str | None:
    """Return what is wrong with a host whose port is given elsewhere; None if it may be right."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", host):
            return "is the name or the address of a host, without a port; for example mail.example.org"
    return None


def has_gap(text: str, but: str = "") -> bool:
    """Whether there is something in it that nobody sees, other than what is in ``but``."""
    return any(
        mark not in but and (unicodedata.category(mark)[0] in "CZ" or show_hidden(mark) != mark) for mark in text
    )


def _host_problem(host: str) -> str | None:
    """Say what is wrong with `host`, `host:port`, `[IPv6]` or `[IPv6]:port`. A path is the directory of a socket."""
    if host.startswith("/"):
        return None
    if host.startswith("["):
        name, closed, port = host[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") else port and "none"
        if not closed:
            return "has a [ and no ]"
        ported = bool(port) or host.endswith(":")
    else:
        if host.count(":") > 1:
            return "has an IPv6 address without brackets: write [::1]"
        name, colon, port = host.partition(":")
        ported = bool(colon)
    if not name:
        return "names no host"
    if ported and not _is_port(port):
        return "has a port that is not between 1 and 65535"
    return None


def _is_port(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,5}", text) is not None and 1 <= int(text) <= 65535


def is_file(path: str) -> bool:
    """Whether there is a file that can be read, and no directory."""
    return os.access(path, os.R_OK) and not os.path.isdir(path)  # noqa: PTH112 - the text is of the environment
