import subprocess
import sys
from pathlib import Path

from nano3.artifact.digest import canonical_json
from nano3.config.load import load_recipe
from nano3.graph.keys import shared_key, whole_key
from nano3.raw.datasets import read_dataset, read_pins


def test_tokenizing_never_imports_pandas(tmp_path: Path) -> None:
    recipe, dataset, shard = load_recipe("tiny")[1], read_dataset("tiny-code"), read_pins("tiny-code")[0]
    key = canonical_json(whole_key(shared_key(recipe, dataset), shard, None))
    command = [sys.executable, "-X", "importtime", "scripts/tokenize_shard.py", "--raw", shard.path, "--key", key]
    command += ["--tokenizer", str(recipe.tokenizer_file), "--receipt", str(tmp_path / "receipt.json")]
    command += ["--train", str(tmp_path / "train"), "--holdout", str(tmp_path / "holdout")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {line.rsplit("|", 1)[1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "pyarrow" in imported
    assert not {name for name in imported if name.startswith("pandas.")}  # tried it may have been
