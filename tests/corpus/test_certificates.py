"""Certified code keeps shards fresh; nothing else that the file may say does."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from nano3.artifact.code import digest_code
from nano3.core.schema import ConfigError
from nano3.corpus import certify as module
from nano3.corpus.certificates import CERTIFICATES, certified_ancestors, read_certificates
from nano3.corpus.certify import CertifyError, certify_code
from nano3.tokens.golden_bytes import POLICIES, Case, Digests, Golden

A, B, C, D = (letter * 64 for letter in "abcd")


def certificate(*earlier: str, **changes: Any) -> dict[str, Any]:
    values = {"same_bytes_as": [*earlier], "proof": D, "date": "2026-01-31", "python": "3.11.7", "packages": {}}
    return values | changes


def written(folder: Path, certificates: Any) -> Path:
    path = folder / "certificates.yaml"
    path.write_text(yaml.safe_dump({"tokenize_shard": certificates}))
    return path


def ancestors(path: Path, code: str) -> set[str]:
    return set(certified_ancestors("tokenize_shard", code, path))


def test_ancestors_are_certified_over_any_number_of_certificates(tmp_path: Path) -> None:
    path = written(tmp_path, {C: certificate(B), B: certificate(A)})
    assert ancestors(path, C) == {A, B}
    assert ancestors(path, B) == {A}
    assert ancestors(path, A) == ancestors(path, D) == set(), "later code is no ancestor, unknown code has none"


def test_a_cycle_does_no_harm(tmp_path: Path) -> None:
    path = written(tmp_path, {A: certificate(B), B: certificate(A, B)})
    assert ancestors(path, A) == {B}


def test_an_edit_of_the_file_is_seen_at_once(tmp_path: Path) -> None:
    assert ancestors(tmp_path / "certificates.yaml", C) == set()
    assert ancestors(written(tmp_path, {C: certificate(B)}), C) == {B}
    assert ancestors(written(tmp_path, {C: certificate(A, B)}), C) == {A, B}


@pytest.mark.parametrize(
    ("certificates", "message"),
    [
        (
            {C: certificate("beef")},
            r"certificates\.yaml: tokenize_shard\.c+\.same_bytes_as\.0: must be text that",
        ),
        ({C: certificate()}, r"same_bytes_as: must be of length 1 or more"),
        ({C: certificate(A, prof=D)}, r"tokenize_shard\.c+\.prof: no such key; did you mean proof\?"),
        ({C: {"same_bytes_as": [A]}}, r"tokenize_shard\.c+\.proof: this key is missing; add it"),
        ({"beef": certificate(A)}, r"tokenize_shard\.beef.*must be text that matches"),
        ([], r"tokenize_shard: must be a group of keys"),
    ],
)
def test_a_wrong_certificate_is_one_error_with_file_and_key(tmp_path: Path, certificates: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        certified_ancestors("tokenize_shard", C, written(tmp_path, certificates))


def test_a_step_that_has_no_certificates_is_an_unknown_key(tmp_path: Path) -> None:
    (tmp_path / "certificates.yaml").write_text("tokenise_shard: {}")
    with pytest.raises(ConfigError, match=r"tokenise_shard: no such key; did you mean tokenize_shard\?"):
        read_certificates(tmp_path / "certificates.yaml")


def test_the_repositorys_own_file_is_whole() -> None:
    assert CERTIFICATES.is_file()
    read_certificates()


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
    with pytest.raises(CertifyError, match=r"1 of 2 golden cases differ, bos \(\.jsonl, gigatoken\): .*--renew 1"):
        certify_code(expected, path)
    assert not path.exists()
    certify_code(expected, path, renew=1)
    assert Golden.read(expected).code == digest_code("tokenize_shard")
    assert not path.exists()


def test_formats_that_disagree_are_never_golden(tmp_path: Path, table: dict[Case, Digests]) -> None:
    table[Case("bos", ".parquet", "gigatoken")] = {"content": "another"}
    with pytest.raises(CertifyError, match="formats or engines disagree"):
        certify_code(tmp_path / "golden.json", tmp_path / "certificates.yaml", renew=1)
    assert not (tmp_path / "golden.json").exists()
