"""
Which earlier code makes the same bytes as today's? What config/certificates.yaml says, which is under review.

    tokenize_shard:                    the step
      {digest of some code}:
        same_bytes_as: [...]           digests of earlier code that was shown to make the same bytes
        proof: ...                     digest of the bytes that both made, see nano3.tokens.golden_bytes
        date, python, packages         of the process that made them

It is YAML and not a table because a line of it is read by people who decide whether to believe it, and may have a
comment. A shard that was made by an ancestor of today's code, over any number of certificates, is not stale. A
certificate never makes anything stale: without the file every shard is judged by today's code alone.
"""

import datetime
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field

from nano3.artifact.files import replaced
from nano3.core.schema import Closed, read_yaml, validated

CERTIFICATES = Path("config/certificates.yaml")
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Certificate(Closed):
    """That some code makes the same bytes as earlier code."""

    same_bytes_as: list[Digest] = Field(min_length=1, description="Digests of the earlier code.")
    proof: Digest = Field(description="Digest of the golden bytes that were made.")
    date: datetime.date
    python: str
    packages: dict[str, str] = Field(description="Versions of the libraries that decide bytes.")


class Certificates(Closed):
    """All certificates, by step and code digest."""

    tokenize_shard: dict[Digest, Certificate] = Field(default_factory=dict)


def read_certificates(path: Path = CERTIFICATES) -> Certificates:
    """What the file says; nothing where there is none. Raises ConfigError naming the file and the key."""
    if not path.is_file():
        return Certificates()
    return validated(Certificates, read_yaml(path), str(path))


def certified_ancestors(step: str, code: str, path: Path = CERTIFICATES) -> frozenset[str]:
    """Digests of all code that is certified to make the bytes that this code makes, itself left out."""
    try:
        written: Any = path.stat()
    except FileNotFoundError:
        return frozenset()
    return _ancestors(step, code, path.absolute(), written.st_mtime_ns, written.st_size)


@cache  # a first plan asks for every shard
def _ancestors(step: str, code: str, path: Path, *_written: int) -> frozenset[str]:
    certificates: dict[str, Certificate] = getattr(read_certificates(path), step)
    ancestors: set[str] = set()
    waiting = [code]
    while waiting:
        certificate = certificates.get(waiting.pop())
        new = set(certificate.same_bytes_as) - ancestors if certificate else set()
        ancestors |= new
        waiting += new
    return frozenset(ancestors - {code})


def write_certificate(path: Path, step: str, code: str, certificate: Certificate) -> None:
    """Add a certificate to the file, whose comment stays above. Raises ConfigError if the file is no such file."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    comment = "".join(takewhile(lambda line: line.startswith("#"), text.splitlines(keepends=True)))
    values = read_certificates(path).model_dump()
    values[step][code] = certificate.model_dump()
    with replaced(path) as aside:
        aside.write_text(comment + yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
