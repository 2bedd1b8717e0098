"""Each reason why a URL can't be read is one sentence with its own remedy."""

import socket
from typing import Any

import pytest

from nano3.core.answers import Answer
from nano3.core.refusals import S3_CODES, S3_ERRORS, again, refusal


class AnsweredError(Exception):
    """As aiohttp raises it."""

    def __init__(self, status: int) -> None:
        self.status, self.headers = status, {"Retry-After": "61"}


class DefaultCredentialsError(Exception):
    """By the name that Google's library has for it."""


class ClientAuthenticationError(Exception):
    """By the name that Azure's library has for it."""


class S3AnsweredError(Exception):
    """As botocore raises it."""

    def __init__(self, code: str) -> None:
        self.response = {"ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {}}, "Error": {"Code": code}}


@pytest.mark.parametrize(
    ("error", "url", "said"),
    [
        (AnsweredError(401), "https://host/a", "needs a login (HTTP 401): put a login for host"),
        (AnsweredError(403), "gs://bucket/a", "access is refused (HTTP 403): set GOOGLE_APPLICATION_CREDENTIALS to a"),
        (AnsweredError(403), "az://bucket/a", "access is refused (HTTP 403): set AZURE_STORAGE_CONNECTION_STRING to a"),
        (AnsweredError(403), "ftp://host/a", "access is refused (HTTP 403): give its driver a login that may read it"),
        (AnsweredError(404), "https://host/a", "no such file: correct source, then pin its dataset again"),
        (AnsweredError(410), "https://host/a", "the file was removed for good (HTTP 410): correct source"),
        (AnsweredError(429), "https://host/a", "the server answered 429 every time: try again in 2 min, as it asks"),
        (
            S3AnsweredError("AccessDenied"),
            "s3://bucket/a",
            "access is refused (HTTP 403, AccessDenied): set AWS_ACCESS_KEY_ID",
        ),
        (S3AnsweredError("403"), "s3://bucket/a", "access is refused (HTTP 403): set AWS_ACCESS_KEY_ID and"),
        (ImportError("Install x"), "odd://host/a", "needs a driver that is not installed: Install x"),
        (ImportError("Please install gcsfs"), "gcs://b/a", "needs a driver that is not installed: `pip install gcsfs`"),
        (PermissionError("no"), "s3://bucket/a", "no access (no): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or"),
        (FileNotFoundError(), "file:///a", "no such file: correct source, then pin its dataset again"),
        (
            socket.gaierror(-2, "unknown"),
            "https://host/a",
            "its server host can't be reached ([Errno -2] unknown): check",
        ),
        (
            socket.gaierror(-2, "unknown"),
            "s3://bucket/a",
            "its storage service can't be reached ([Errno -2] unknown): che",
        ),
        (
            DefaultCredentialsError(),
            "gs://bucket/a",
            "nobody is logged in, or no longer: set GOOGLE_APPLICATION_CREDEN",
        ),
        (
            ClientAuthenticationError(),
            "az://bucket/a",
            "nobody is logged in, or no longer: set AZURE_STORAGE_CONNECTION",
        ),
        (KeyError("odd"), "https://host/a", "can't be read: KeyError: 'odd': correct source"),
        (ValueError("odd"), "https://host/a", "can't be read: ValueError: odd: correct source"),
        (EOFError("cut"), "https://host/a", "can't be read: EOFError: cut: try again later"),
    ],
)
def test_each_reason_has_its_remedy(error: Exception, url: str, said: str) -> None:
    assert refusal(error, url).startswith(said)


@pytest.mark.parametrize("code", S3_CODES)
def test_each_code_of_s3_has_its_remedy(code: str) -> None:
    assert refusal(S3AnsweredError(code), "s3://bucket/a") == S3_CODES[code]


@pytest.mark.parametrize("name", S3_ERRORS)
def test_what_botocore_refuses_to_send_has_its_remedy(name: str) -> None:
    from botocore import exceptions

    kind: Any = getattr(exceptions, name)  # a name that botocore does not know would never be met
    assert refusal(kind.__new__(kind), "s3://bucket/a") == S3_ERRORS[name]


@pytest.mark.parametrize("code", [*S3_CODES, *S3_ERRORS])
def test_what_a_person_must_correct_never_says_try_again_later(code: str) -> None:
    assert "later" not in {**S3_CODES, **S3_ERRORS}[code]


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ("1", "try again in 1 min, as it asks"),
        ("7200", "try again in 120 min, as it asks"),
        ("9999999", "try again later"),
        ("0", "try again later"),
        ("", "try again later"),
    ],
)
def test_when_to_try_again(after: str, said: str) -> None:
    assert again(Answer(429, {"retry-after": after})) == said
