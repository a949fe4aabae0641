"""A file that is no table of referrals is refused in words, and never read whole where it is large."""

import re
from collections.abc import AsyncIterator

import pytest

from console.app import MOST_SENT
from tests.cli.clinics import Clinics
from tests.console.browser import Browser

HEAD = "patient_ref,patient_born,pathway\n"
PNG = bytes([0x89]) + b"PNG\r\n\x1a\n" + bytes(range(256)) * 4
NOT_UTF_8 = "it is not UTF-8"
TOO_LARGE = f"at most {MOST_SENT // 1024} KiB"
FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
MANY = (HEAD + "invented-1,1986-04-02,PTSD\n" * 100_000).encode()


@pytest.fixture
async def token(browser: Browser) -> str:
    """The token of the forms of a coordinator who has the page open to start many."""
    await browser.sign_in("coordinator")
    page = (await browser.go("/start/file")).text
    return str(re.findall(r'name="form_token" value="([^"]+)"', page)[0])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (HEAD.encode("utf-16"), NOT_UTF_8),
        (b"\xef\xbb\xbf" + HEAD.encode("utf-16-le"), NOT_UTF_8),
        (HEAD.encode() + "Zo\xeb".encode("latin-1"), NOT_UTF_8),
        (PNG, NOT_UTF_8),
        (b"%PDF-1.7\n\xde\xad\xbe\xef", NOT_UTF_8),
        (b"PK\x03\x04" + bytes(64), NOT_UTF_8),
        (b"", "from 1 to 500 rows"),
        (b"\xef\xbb\xbf", "from 1 to 500 rows"),
        (b"[" * 10_000, "would be refused"),
        (b'"' + b"x" * 200_000, "cannot be read as cells"),
        (MANY, TOO_LARGE),
    ],
    ids=[
        "UTF-16",
        "mark and UTF-16",
        "Latin-1",
        "picture",
        "PDF",
        "spreadsheet",
        "empty",
        "mark",
        "deep",
        "cell",
        "large",
    ],
)
async def test_what_is_no_table_of_referrals_is_refused_in_words(
    clinics: Clinics, browser: Browser, token: str, file: bytes, said: str
) -> None:
    sent = {"form_token": token, "try": "yes"}
    answer = await browser.client.post("/start/file", data=sent, files={"file": ("f.csv", file, "application/x-other")})
    assert said in answer.text
    assert answer.status_code == (200 if said == "would be refused" else 422)
    assert clinics.world.received == []


async def test_more_files_or_fields_than_any_page_has_are_refused(browser: Browser, token: str) -> None:
    files = [("file", (f"{number}.csv", b"x")) for number in range(3)]
    many = {"form_token": token, **{f"field-{number}": "x" for number in range(2001)}}
    for answer in (
        await browser.client.post("/start/file", data={"form_token": token}, files=files),
        await browser.client.post("/start/file", data=many),
        await browser.client.post("/start/file", data=many, files=files[:1]),
    ):
        assert answer.status_code == 422
        assert "more fields or files than any page" in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc',
        ),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
        ("text/plain", b"form_token=x"),
        ("application/json", b'{"form_token": "x"}'),
        ("", b"\x00"),
    ],
)
async def test_what_is_no_form_is_refused(browser: Browser, token: str, kind: str, body: bytes) -> None:
    answer = await browser.client.post("/start/file", content=body, headers={"content-type": kind})
    assert answer.status_code in (403, 422), token
    assert "<h1>" in answer.text


async def test_of_what_is_too_large_no_more_is_read(browser: Browser, token: str) -> None:
    piece, taken = b"x" * 65536, 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield FILE
        while True:
            taken += len(piece)
            assert taken <= 2 * MOST_SENT, token
            yield piece

    kind = {"content-type": "multipart/form-data; boundary=x"}
    answer = await browser.client.post("/start/file", content=endless(), headers=kind)
    assert (answer.status_code, TOO_LARGE in answer.text) == (422, True)
