"""Tokenizers of the Hub: described, pinned, downloaded by the workflow."""

import hashlib
from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError
from nano3.raw.hub import HubError
from nano3.raw.pin import pin_tokenizer
from nano3.raw.tokenizers import TokenizerFile, read_pins
from tests.conftest import HUB, HUB_HOME, House
from tests.hub import Hub

REPOSITORY = "org/model"
DESCRIPTION = "source: hf://org/model\nlicence: x\nabout: y\n"
FILES = {path.name: path.read_bytes() for path in Path("resources/tiny/tokenizer").iterdir()}


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue with one tokenizer that is not pinned."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config/tokenizers").mkdir(parents=True)
    (tmp_path / "config/tokenizers/t.yaml").write_text(DESCRIPTION)
    return tmp_path / "config/tokenizers"


def test_a_tokenizer_is_pinned_by_the_content_of_its_files(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, FILES | {"model.safetensors": b"weights"})
    with pytest.raises(ConfigError, match=rf"t\.yaml: revision: main can move: write `revision: {commit}`"):
        pin_tokenizer("t")
    with pytest.raises(ConfigError, match=r"t\.tsv: tokenizer t is not pinned: run `nano3 pin t`"):
        read_pins("t")
    (catalogue / "t.yaml").write_text(f'revision: "{commit[:8]}"\n{DESCRIPTION}')
    assert pin_tokenizer("t")[0] == f"t: revision {commit[:8]} is {commit}: written to config/tokenizers/t.yaml"
    assert read_pins("t") == [
        TokenizerFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in sorted(FILES.items())
    ]


def test_a_repository_without_a_tokenizer_is_an_error(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, {"model.safetensors": b"weights"})
    (catalogue / "t.yaml").write_text(f'revision: "{commit}"\n{DESCRIPTION}')
    with pytest.raises(
        HubError, match=r"t\.yaml: source: org/model has no tokenizer\.json: name a repository that has"
    ):
        pin_tokenizer("t")
    assert not (catalogue / "t.tsv").exists()


@pytest.mark.slow
def test_the_workflow_downloads_a_tokenizer_that_is_pinned(
    hub: Hub, bare_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = hub.commit(REPOSITORY, FILES)
    (bare_house.root / "config/tokenizers/t.yaml").write_text(f'revision: "{commit}"\n{DESCRIPTION}')
    environment = {"HF_ENDPOINT": HUB.url, "HF_HOME": HUB_HOME.name}
    assert bare_house.nano3("pin", "t", **environment).returncode == 0
    bare_house.edit("config/recipes/tiny.yaml", "  name: tiny\n  path: resources/tiny/tokenizer\n", "  name: t\n")
    monkeypatch.chdir(bare_house.root)
    folder = f"results/tokens/{load_recipe('tiny')[1].tokens_name}/tiny-math"
    assert bare_house.ran(f"{folder}/train/set-mm-02.bin") == {"download_tokenizer": 1, "tokenize_shard": 1}
    assert (bare_house.root / "resources/tokenizers/t/tokenizer.json").read_bytes() == FILES["tokenizer.json"]
    (bare_house.root / "resources/tokenizers/t/tokenizer.json").unlink()
    assert bare_house.planned(f"{folder}/train/set-mm-02.bin") == {}
