"""A process that Megatron-Core can work in: without CUDA where there is none, with a process group of its own."""

import warnings

import torch

warnings.filterwarnings("ignore", message=".*(Transformer Engine|Apex|ONNX|flash|nvidia-modelopt|full scope).*")
warnings.filterwarnings("ignore", category=FutureWarning, module="megatron|torch")


def stand_in_for_cuda() -> None:
    """
    What Megatron-Core 0.16 assumes about CUDA even where it does nothing with it. Call it before importing the rest of
    Megatron-Core; where there is CUDA it does nothing.
    """
    if torch.cuda.is_available():
        return
    torch.cuda.current_device = lambda: "cpu"  # type: ignore[assignment, return-value]
    torch.cuda.synchronize = lambda *_: None
    from megatron.core.transformer.moe import moe_utils

    if not hasattr(moe_utils, "te_general_gemm"):
        moe_utils.te_general_gemm = None  # named in a branch that is only defined with Transformer Engine


def single_process(seed: int) -> None:
    """A process group of one, as Megatron-Core's datasets and layers ask for, and torch's random state at seed."""
    from megatron.core import parallel_state, tensor_parallel

    if not torch.distributed.is_initialized():
        store = torch.distributed.HashStore()  # type: ignore[attr-defined]
        torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
        parallel_state.initialize_model_parallel()
    tensor_parallel.random.initialize_rng_tracker(inference_rng_tracker=True, force_reset=True)
    torch.manual_seed(seed)
