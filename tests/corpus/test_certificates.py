"""Certified code keeps shards fresh; nothing else that the file may say does."""

from pathlib import Path
from typing import Any

import pytest

from nano3.core.schema import ConfigError
from nano3.corpus.certificates import CERTIFICATES, certified_ancestors, read_certificates
from tests.corpus.certificates import A, B, C, D, ancestors, certificate, written


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
        ({C: certificate()}, r"same_bytes_as: must be given at least 1 value"),
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
