"""
Judge an RO-Crate by roc-validator, without network. Runs in an environment of its own: `make test-crate`.

    python tests/crate/validate.py FOLDER [required|recommended]

The one document that the validator asks the network for, the JSON-LD context of RO-Crate 1.1, is handed to it from the
release of rocrate that has it.
"""

import io
import logging
import sys
import urllib.request
from email.message import Message
from importlib.resources import files
from typing import Any
from urllib.response import addinfourl

import requests
from rocrate_validator import models, services

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "provenance-run-crate-0.5"


def context_of(url: str) -> bytes:
    """What lies at a URL."""
    if url != CONTEXT:
        raise OSError(f"{url}: not asked for: the test runs without network")
    return (files("rocrate") / "data/ro-crate.jsonld").read_bytes()


class Here(urllib.request.BaseHandler):
    """Answers urllib."""

    handler_order = 1

    def https_open(self, request: urllib.request.Request) -> addinfourl:
        """The answer to a request."""
        headers = Message()
        headers["Content-Type"] = "application/ld+json"
        answer = addinfourl(io.BytesIO(context_of(request.full_url)), headers, request.full_url, 200)
        answer.msg = "OK"  # type: ignore[attr-defined]
        return answer


def send(_adapter: requests.adapters.HTTPAdapter, request: requests.PreparedRequest, **_: Any) -> requests.Response:
    """Answers requests."""
    answer = requests.Response()
    answer.status_code, answer.url, answer.request = 200, request.url or "", request
    answer.raw = io.BytesIO(context_of(answer.url))
    answer.headers["Content-Type"] = "application/ld+json"
    return answer


def main(folder: str, severity: str = "required") -> int:
    """Print what is wrong with a crate; 1 if something is."""
    logging.disable(logging.WARNING)
    urllib.request.install_opener(urllib.request.build_opener(Here))
    requests.adapters.HTTPAdapter.send = send  # type: ignore[method-assign, assignment]
    result = services.validate(
        services.ValidationSettings(
            rocrate_uri=folder,
            profile_identifier=PROFILE,
            requirement_severity=models.Severity[severity.upper()],
            no_cache=True,
        )
    )
    for issue in result.get_issues():
        print(issue.severity.name, issue.check.identifier, issue.message, issue.violatingEntity)
    print(f"{folder}: {'valid' if result.passed() else 'not valid'}: {PROFILE} and the profiles it extends, {severity}")
    return 0 if result.passed() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
