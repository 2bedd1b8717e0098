"""What of benchmarks/gpu_parity.py needs no GPU: its arithmetic, and both of its sides on a CPU."""

from pathlib import Path

import pytest

import gpu_parity
from tests.training.conftest import Corpus, corpus

__all__ = ["corpus"]


def test_utilization() -> None:
    assert gpu_parity.utilization(tokens_per_second=1_000, flops=2e9, peak_tflops=4) == 0.5


@pytest.mark.slow
def test_both_sides_agree_where_both_are_a_cpu(
    corpus: Corpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nano3.training.segment import train_segment

    arguments = corpus.arguments("parity", corpus.spec(steps=4))
    train_segment(**arguments)
    bundle, out = str(tmp_path / "bundle.pt"), str(tmp_path / "gpu.json")
    files = ["--bundle", bundle, "--out", out]
    gpu_parity.main(["prepare", "--receipt", str(arguments["receipt"]), "--steps", "4", *files])
    gpu_parity.main(["run", "--device", "cpu", *files])
    gpu_parity.main(["compare", "--tolerance", "1e-6", *files])
    assert "+0.000000" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="losses differ by up to"):
        gpu_parity.main(["compare", "--tolerance", "-1", *files])
