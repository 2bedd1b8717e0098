"""What does Megatron-Core 0.16 assume that does not hold here? Each assumption, and what stands in for it."""

import os
import queue
import warnings

import torch


def patch_megatron() -> None:
    """Let Megatron-Core train and save on this machine. Call it before importing the rest of Megatron-Core."""
    warnings.filterwarnings("ignore", message=".*(Transformer Engine|Apex|ONNX|flash|nvidia-modelopt|full scope).*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="megatron|torch")
    if not torch.cuda.is_available():
        _stand_in_for_cuda()
    _save_without_a_server()


def _stand_in_for_cuda() -> None:
    """Megatron-Core asks for a CUDA device even where it does nothing with it."""
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # compiling for so few steps takes longer than the steps
    torch.cuda.current_device = lambda: "cpu"  # type: ignore[assignment, return-value]
    torch.cuda.synchronize = lambda *_: None
    from megatron.core.transformer.moe import moe_utils

    if not hasattr(moe_utils, "te_general_gemm"):
        moe_utils.te_general_gemm = None  # named in a branch that is only defined with Transformer Engine


def _save_without_a_server() -> None:
    """
    Megatron-Core starts a server process for the results even of a synchronous save: it takes seconds, and outlives a
    training that is killed. A rank puts and takes its own results only, so a queue inside the process will do.
    """
    from megatron.core.dist_checkpointing.strategies import filesystem_async

    filesystem_async._results_queue = queue.Queue()
