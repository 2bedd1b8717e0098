"""Code is certified once it makes the golden bytes; one other byte, and nothing is written."""

from pathlib import Path

import pytest

from nano3.artifact.code import digest_code
from nano3.corpus import certify as module
from nano3.corpus.certificates import read_certificates
from nano3.corpus.certify import CertifyError, certify_code
from nano3.tokens.golden_bytes import POLICIES, Case, Digests, Golden
from tests.corpus.certificates import A, B, C, D, ancestors, certificate, written


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> dict[Case, Digests]:
    """What today's code makes: two cases instead of all."""
    cases = {Case(policy, ".jsonl", "gigatoken"): {"content": policy} for policy in [*POLICIES][:2]}
    monkeypatch.setattr(module, "golden_table", lambda folder: cases)
    return cases


def golden(folder: Path, code: str, table: dict[Case, Digests]) -> Path:
    Golden(code, {case.policy: digests for case, digests in table.items()}).write(folder / "golden.json")
    return folder / "golden.json"


def test_code_that_makes_the_golden_bytes_is_certified_once(tmp_path: Path, table: dict[Case, Digests]) -> None:
    today, path = digest_code("tokenize_shard"), written(tmp_path, {B: certificate(A), D: certificate(C)})
    path.write_text("# Read me.\n" + path.read_text())
    certify_code(golden(tmp_path, A, table), path)
    assert ancestors(path, today) == {A, B}, "and what is certified to make them, but nothing else"
    once = path.read_text()
    assert once.startswith("# Read me.\ntokenize_shard:\n")
    certify_code(golden(tmp_path, A, table), path)
    assert path.read_text() == once
    values = read_certificates(path).tokenize_shard[today]
    assert len(values.proof) == 64
    assert values.packages.keys() >= {"gigatoken", "tokenizers", "pyarrow"}


def test_code_that_the_golden_bytes_are_of_needs_no_certificate(tmp_path: Path, table: dict[Case, Digests]) -> None:
    certify_code(golden(tmp_path, digest_code("tokenize_shard"), table), tmp_path / "certificates.yaml")
    assert not (tmp_path / "certificates.yaml").exists()


def test_another_byte_is_refused_and_named(tmp_path: Path, table: dict[Case, Digests]) -> None:
    expected, path = golden(tmp_path, A, table), tmp_path / "certificates.yaml"
    table[[*table][1]] = {"content": "another"}
    with pytest.raises(CertifyError, match=r"1 of 2 golden cases differ, bos \(\.jsonl, gigatoken\): .*--renew"):
        certify_code(expected, path)
    assert not path.exists()
    certify_code(expected, path, renew=True)
    assert Golden.read(expected).code == digest_code("tokenize_shard")
    assert not path.exists()


def test_formats_that_disagree_are_never_golden(tmp_path: Path, table: dict[Case, Digests]) -> None:
    table[Case("bos", ".parquet", "gigatoken")] = {"content": "another"}
    with pytest.raises(CertifyError, match="formats or engines disagree"):
        certify_code(tmp_path / "golden.json", tmp_path / "certificates.yaml", renew=True)
    assert not (tmp_path / "golden.json").exists()
