"""What a server answered is found in whatever a library makes of it."""

import errno
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from nano3 import Nano3Error
from nano3.core.answers import (
    Answer,
    answer_in,
    causes,
    first_line,
    is_transient,
    is_unreachable,
    no_answer,
    proxy_of,
    requested_wait,
)


class LibraryError(Exception):
    """An error that carries something."""

    def __init__(self, **parts: Any) -> None:
        vars(self).update(parts)


class HttpError(LibraryError):
    """By the name that gcsfs has for it."""


class NotThereError(FileNotFoundError):
    """As fsspec wraps any answer."""


def wrapped(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def test_an_error_is_told_by_its_cause_and_its_first_line() -> None:
    error = wrapped(RuntimeError("wrapped"), OSError("\n  no route  \nmore"))
    assert [first_line(each) for each in causes(error)] == ["wrapped", "no route"]
    assert first_line(TimeoutError()) == "TimeoutError"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (LibraryError(status=503, headers={"Retry-After": "5"}), Answer(503, {"retry-after": "5"})),
        (LibraryError(response=SimpleNamespace(status_code=429, headers={})), Answer(429)),
        (
            LibraryError(
                response={
                    "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {"x": "y"}},
                    "Error": {"Code": "ExpiredToken"},
                }
            ),
            Answer(400, {"x": "y"}, "ExpiredToken"),
        ),
        (HttpError(code=404), Answer(404)),
        (LibraryError(code=400), None),  # aiohttp's for a body that was cut
        (LibraryError(status="no", response=None), None),
        (OSError("cut"), None),
    ],
)
def test_an_answer_is_found_behind_other_errors(error: Exception, answer: Answer | None) -> None:
    assert answer_in(error) == answer
    assert answer_in(wrapped(NotThereError(), error)) == answer


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"ratelimit": '"api";r=0;t=55'}, 55),
        ({"ratelimit": '"api";r=12;t=55'}, None),
        ({}, None),
    ],
)
def test_what_a_server_says_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert requested_wait(Answer(429, headers)) == seconds


def test_a_date_to_come_back_at_is_understood() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < (requested_wait(Answer(503, {"retry-after": date})) or 0) <= 90


OFFLINE = type("OfflineModeIsEnabled", (ConnectionError,), {})
UNTRUSTED = ssl.SSLCertVerificationError(1, "certificate verify failed")


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (OSError("cut"), True),
        (TimeoutError(), True),
        (EOFError(), True),
        (wrapped(RuntimeError(), TimeoutError()), True),
        (RuntimeError("a fault of ours"), False),
        (wrapped(TypeError(), FileNotFoundError()), False),
        (wrapped(NotThereError(), LibraryError(status=503)), True),
        (wrapped(NotThereError(), LibraryError(status=403)), False),
        (wrapped(NotThereError(), socket.gaierror(-2, "Name or service not known")), True),
        (
            LibraryError(response={"ResponseMetadata": {"HTTPStatusCode": 400}, "Error": {"Code": "RequestTimeout"}}),
            True,
        ),
        (NotThereError(), False),
        (PermissionError(), False),
        (ValueError(), False),
        (ImportError(), False),
        (RecursionError(), False),
        (Nano3Error(), False),
        (KeyError(), False),
        (OFFLINE(), False),
        (OSError(errno.ENOSPC, "No space left on device"), False),
        (OSError(errno.ELOOP, "Too many levels of symbolic links"), False),
        (OSError(errno.EBUSY, "Slow down"), True),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), True),
        (wrapped(ConnectionError(), UNTRUSTED), False),
    ],
)
def test_what_is_worth_another_try(error: Exception, transient: bool) -> None:
    assert is_transient(error) is transient


@pytest.mark.parametrize(
    ("error", "unreachable"),
    [
        (socket.gaierror(-3, "Temporary failure in name resolution"), True),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), True),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), True),
        (wrapped(ConnectionError(), type("ConnectTimeout", (Exception,), {})()), True),
        (type("EndpointConnectionError", (Exception,), {})(), True),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), False),
        (TimeoutError(), False),
    ],
)
def test_what_no_server_was_reached_for(error: Exception, unreachable: bool) -> None:
    assert is_unreachable(error) is unreachable


def test_why_there_is_no_answer() -> None:
    refused = wrapped(LibraryError(), ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
    assert no_answer(refused, "http://host/a", "the server") == (
        "the server can't be reached ([Errno 111] Connection refused): check the network, then try again"
    )
    assert "not trusted (certificate verify failed" in str(no_answer(UNTRUSTED, "https://host/a", "the server"))
    assert no_answer(LibraryError(status=403), "http://host/a", "the server") is None


def test_the_proxy_of_a_url_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy:3128")
    monkeypatch.setenv("no_proxy", "inside.org")
    assert proxy_of("https://host/a") == "http://proxy:3128"
    assert proxy_of("https://inside.org/a") is None
    assert proxy_of("http://host/a") is None
    refused = OSError(errno.EHOSTUNREACH, "No route to host")
    assert no_answer(refused, "https://host/a", "the server") == (
        "the server can't be reached through the proxy http://proxy:3128: correct or unset HTTPS_PROXY and HTTP_PROXY"
    )
