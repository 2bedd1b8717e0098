"""
What did a server answer, or why did none, and is another try worth it?

Libraries wrap an answer in errors of their own, and most of those that read URLs are optional: what they raise is known
by what it carries, a response or a status, or by the names of its types.
"""

import errno
import re
import socket
import ssl
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from nano3 import Nano3Error

TRANSIENT_STATUSES = (408, 425, 429, 500, 502, 503, 504)
TRANSIENT_CODES = ("SlowDown", "RequestTimeout", "InternalError", "ServiceUnavailable")  # S3's, whatever the status
FINAL = (
    Nano3Error,
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    ImportError,
    ValueError,
    TypeError,
    RecursionError,
)
# Errors of the Hub's library that are OSErrors, and about this side.
FINAL_NAMES = {"OfflineModeIsEnabled", "LocalTokenNotFoundError", "FileMetadataError"}
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ECONNREFUSED, errno.EHOSTDOWN)
BUSY = (errno.EAGAIN, errno.EBUSY, errno.EIO, errno.EREMOTEIO, errno.ESTALE, errno.EPROTO)
# Of httpx2, aiohttp and botocore, in this order.
UNREACHABLE = {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionTimeoutError"}
UNREACHABLE |= {"EndpointConnectionError", "ConnectTimeoutError"}
PROXY_FAULTS = {"ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError", "ProxyConnectionError"}
BROKEN = {"TransportError", "ClientError", "HTTPClientError", "IncompleteReadError"}  # of the same
RATE_LIMIT = re.compile(r"r=0\s*;\s*t=(\d+)")  # the Hub's `ratelimit`: no requests left, and seconds to the next


class RemoteError(Nano3Error):
    """
    A server does not deliver what was requested.

    outage: True if it failed until patience ended, so whatever else it is asked for would fail, too.
    """

    def __init__(self, sentence: str, outage: bool = False) -> None:
        super().__init__(sentence)
        self.outage = outage


@dataclass(frozen=True)
class Answer:
    """An HTTP status with the headers, names in lower case. code: S3's own word for an error, if there is one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    code: str = ""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: libraries wrap the one that says what happened."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type's name if it has none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def answer_in(error: BaseException) -> Answer | None:
    """The answer that an error is about; None if the server gave none."""
    return next((answer for cause in causes(error) if (answer := _answer(cause))), None)


def _answer(error: Any) -> Answer | None:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        about = response.get("ResponseMetadata", {})
        code = str(response.get("Error", {}).get("Code", ""))
        return Answer(int(about.get("HTTPStatusCode", 0)), _lower(about.get("HTTPHeaders")), code)
    if response is not None and hasattr(response, "status_code"):  # httpx2, huggingface_hub, requests
        return Answer(int(response.status_code), _lower(response.headers))
    name = "code" if type(error).__name__ == "HttpError" else "status"  # gcsfs; aiohttp
    if isinstance(status := getattr(error, name, None), int):
        return Answer(status, _lower(getattr(error, "headers", None)))
    return None


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in (headers or {}).items()}


def requested_wait(answer: Answer) -> float | None:
    """Seconds that a server says to wait: Retry-After in seconds or as a date, or the Hub's rate limit; else None."""
    if limit := RATE_LIMIT.search(answer.headers.get("ratelimit", "")):
        return float(limit[1])
    value = answer.headers.get("retry-after", "").strip()
    try:
        return max(0.0, float(value) if value.isdigit() else parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def is_transient(error: BaseException) -> bool:
    """True if a retry may succeed; an answer about the file itself, or a fault on this side, is final."""
    if is_untrusted(error):
        return False
    if answer := answer_in(error):
        return answer.status in TRANSIENT_STATUSES or answer.code in TRANSIENT_CODES
    if is_unreachable(error):
        return True
    return not isinstance(error, FINAL) and any(map(_is_broken, causes(error)))


def _is_broken(error: BaseException) -> bool:
    """True if a connection broke, or something else that has an end."""
    if isinstance(error, FINAL) or _is_one_of(error, FINAL_NAMES):
        return False
    if isinstance(error, OSError):
        return isinstance(error, ConnectionError | TimeoutError) or error.errno in (None, *BUSY)
    return isinstance(error, EOFError) or _is_one_of(error, BROKEN)


def is_unreachable(error: BaseException) -> bool:
    """True if no server was reached: no network, no such host, no route, nobody listens."""
    return any(
        isinstance(cause, socket.gaierror)
        or (isinstance(cause, OSError) and cause.errno in NO_ROUTE)
        or _is_one_of(cause, UNREACHABLE | PROXY_FAULTS)
        for cause in causes(error)
    )


def is_untrusted(error: BaseException) -> bool:
    """True if a server's certificate is not trusted."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error))


def no_answer(error: BaseException, url: str, server: str) -> str | None:
    """Why a server gave no answer, with the remedy; None if it gave one. server: what to call it."""
    if is_untrusted(error):
        reasons = [getattr(cause, "verify_message", "") for cause in causes(error)]
        why = next((reason for reason in reasons if reason), first_line(error))
        return (
            f"{server} shows a certificate that is not trusted ({why}): "
            "put the certificate of its issuer into the file that SSL_CERT_FILE names, or correct this machine's clock"
        )
    proxy = proxy_of(url)
    if any(_is_one_of(cause, PROXY_FAULTS) for cause in causes(error)) or (is_unreachable(error) and proxy):
        which = f"proxy {proxy}" if proxy else "proxy"
        return f"{server} can't be reached through the {which}: correct or unset HTTPS_PROXY and HTTP_PROXY"
    if is_unreachable(error):
        return f"{server} can't be reached ({_innermost(error)}): check the network, then try again"
    return None


def proxy_of(url: str) -> str | None:
    """The proxy that the environment names for a URL, without its password; None if there is none."""
    parts = urlsplit(url)
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    address = urlsplit(proxy)
    return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()


def _innermost(error: BaseException) -> str:
    """What the operating system said, if it did: that is shorter than what libraries make of it."""
    said = [
        cause
        for cause in causes(error)
        if isinstance(cause, OSError) and type(cause).__module__ in ("builtins", "socket")
    ]
    return first_line(said[-1] if said else error)


def _is_one_of(error: BaseException, names: set[str]) -> bool:
    return any(kind.__name__ in names for kind in type(error).__mro__)
