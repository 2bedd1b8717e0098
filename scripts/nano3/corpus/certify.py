"""How is code shown to make the same bytes as earlier code? By making the golden bytes, all of them."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from nano3 import Nano3Error
from nano3.artifact.code import digest_code
from nano3.artifact.digest import digest_json
from nano3.corpus.certificates import (
    CERTIFICATES,
    Certificate,
    certified_ancestors,
    read_certificates,
    write_certificate,
)
from nano3.tokens.golden_bytes import GOLDEN, Case, Digests, Golden, golden_table
from nano3.tokens.tokenize_shard import PACKAGES


class CertifyError(Nano3Error):
    """Today's code does not make the golden bytes."""


def certify_code(golden: Path = GOLDEN, certificates: Path = CERTIFICATES, renew: bool = False) -> None:
    """
    Certify that today's tokenizing code makes the same bytes as the code that the golden bytes are of.

    golden: the bytes. certificates: the file to add to. renew: take today's bytes for golden instead: every shard
    that was made by earlier code is stale then. Raises CertifyError if a byte is another, and names the cases.
    """
    today = digest_code("tokenize_shard")
    with TemporaryDirectory() as folder:
        table = golden_table(Path(folder))
    if renew:
        renewed = Golden(today, {case.policy: digests for case, digests in table.items()})
        _require_same(renewed, table, "formats or engines disagree: fix the code")
        renewed.write(golden)
        return
    expected = Golden.read(golden)
    _require_same(expected, table, f"{golden} has other bytes: undo the change, or accept it with --renew")
    if today != expected.code and expected.code not in certified_ancestors("tokenize_shard", today, certificates):
        known = read_certificates(certificates).tokenize_shard
        earlier = [expected.code, *(code for code in known if expected.code in known[code].same_bytes_as)]
        certificate = Certificate(
            same_bytes_as=earlier,
            proof=digest_json({str(case): digests for case, digests in table.items()}),
            date=datetime.now(UTC).date(),
            python=platform.python_version(),
            packages={name: version(name) for name in PACKAGES},
        )
        write_certificate(certificates, "tokenize_shard", today, certificate)


def _require_same(golden: Golden, table: dict[Case, Digests], remedy: str) -> None:
    if cases := golden.differing(table):
        some = ", ".join(map(str, cases[:3])) + (" and others" if len(cases) > 3 else "")
        raise CertifyError(f"{len(cases)} of {len(table)} golden cases differ, {some}: {remedy}")
