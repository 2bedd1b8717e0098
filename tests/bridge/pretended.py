"""
What lets Megatron-Bridge run where there is no GPU: packages that need CUDA stand empty, CUDA's calls go to the CPU.

Bridge's own code runs as it is: configuration, data loaders, training loop, Megatron-Core's distributed optimizer and
scheduler, checkpoints. What does not run are the kernels of Transformer Engine, Mamba and DeepEP, NCCL, and more ranks
than one.
"""

import importlib.machinery
import sys
import types
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

ABSENT = ("transformer_engine", "modelopt", "megatron.energon", "nvidia_resiliency_ext")


class _Anything(type):
    """A class that has every attribute, and is a decorator, too."""

    def __getitem__(cls, _: Any) -> Any:
        return cls

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if len(arguments) == 1 and callable(arguments[0]) and not named:
            return arguments[0]
        return cls if arguments or named else type.__call__(cls)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything(name, (), {})


class _Empty(types.ModuleType):
    __version__ = "0.0.0"
    __path__: list[str] = []  # noqa: RUF012

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _Anything(name, (), {})
        setattr(self, name, made)
        return made


class _Finder:
    """Finds ABSENT packages and everything in them."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if any(name == root or name.startswith(f"{root}.") for root in ABSENT):
            return importlib.machinery.ModuleSpec(name, _Finder, is_package=True)  # type: ignore[arg-type]
        return None

    @staticmethod
    def create_module(spec: Any) -> types.ModuleType:
        return _Empty(spec.name)

    @staticmethod
    def exec_module(_: Any) -> None:
        pass


class _OnCpu(TorchFunctionMode):
    """Tensors for CUDA are made on the CPU, and say that they are on CUDA."""

    def __torch_function__(self, function: Any, kinds: Any, arguments: Any = (), named: Any = None) -> Any:
        named = dict(named or {})
        if function is torch.Tensor.cuda:
            return arguments[0]
        if function is torch.Tensor.type and len(arguments) == 1:
            return function(*arguments).replace("torch.", "torch.cuda.", 1)
        device = named.get("device")
        if isinstance(device, int) or str(device).startswith("cuda"):
            named["device"] = "cpu"
        return function(*arguments, **named)


class _Stream:
    """A stream or an event, always ready."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> "_Stream":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def __getattr__(self, _: str) -> Any:
        return lambda *_, **__: _Stream()


def pretend() -> None:
    """Call it before anything of Megatron-Bridge is imported; it holds for the rest of the process."""
    from megatron.core.extensions import transformer_engine  # noqa: F401  # first, so that Megatron-Core knows it is absent

    sys.meta_path.append(_Finder)
    cuda: Any = torch.cuda
    cuda.is_available = lambda: True
    cuda.device_count = lambda: 8
    cuda.current_device = lambda: "cpu"
    cuda.get_device_properties = lambda *_: types.SimpleNamespace(major=9, minor=0, name="pretended", total_memory=0)
    cuda.get_device_capability = lambda *_: (9, 0)
    cuda.get_rng_state, cuda.set_rng_state = torch.get_rng_state, lambda state, *_: torch.set_rng_state(state)
    cuda.manual_seed = torch.manual_seed
    cuda.memory_stats = lambda *_: {}
    for name in ("set_device", "synchronize", "empty_cache", "reset_peak_memory_stats"):
        setattr(cuda, name, lambda *_: None)
    for name in ("memory_allocated", "max_memory_allocated", "memory_reserved", "max_memory_reserved"):
        setattr(cuda, name, lambda *_: 0)
    cuda.Stream = cuda.Event = _Stream
    for name in ("stream", "current_stream", "default_stream"):
        setattr(cuda, name, lambda *_: _Stream())
    entered: Any = _OnCpu()
    entered.__enter__()

    from megatron.core.tensor_parallel import random
    from megatron.core.transformer import attention
    from megatron.core.transformer.moe import moe_utils

    random._get_cuda_rng_state = lambda *_, **__: torch.get_rng_state()
    random._set_cuda_rng_state = lambda state, *_, **__: torch.set_rng_state(state)
    attention.TELinear = type("TELinear", (), {})
    moe_utils.te_general_gemm = None
    for name in (
        "permute",
        "permute_with_probs",
        "sort_chunks_by_index",
        "sort_chunks_by_index_with_probs",
        "unpermute",
    ):
        setattr(moe_utils, f"fused_{name}", object())  # named in a check of the configuration, never called

    _let_torch_adam_be_loaded()

    from megatron.bridge.training import train

    train.get_tensor_shapes_adjust_fn_for_distillation = lambda *_, **__: None


def _let_torch_adam_be_loaded() -> None:
    """
    Megatron-Core 0.16.1 loads Transformer Engine's Adam, but not torch's, which stands in for it: torch's has no state
    before its first step, and keeps the number of steps with each parameter.
    """
    from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer

    told, filled = DistributedOptimizer.state_dict, DistributedOptimizer._set_main_param_and_optimizer_states

    def state_dict(optimizer: Any) -> Any:
        for group in () if optimizer.optimizer.state else optimizer.optimizer.param_groups:
            for parameter in group["params"]:
                zeros = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
                optimizer.optimizer.state[parameter] = {"step": torch.tensor(0.0), **zeros}
        return told(optimizer)

    def fill(optimizer: Any, parameter: Any, tensors: dict[str, Any]) -> None:
        group, place = optimizer.model_param_group_index_map[parameter]
        state = optimizer.optimizer.state[optimizer.optimizer.param_groups[group]["params"][place]]
        state["step"] = state["step"].clone()  # it is one tensor for all parameters, and each would count it up
        filled(optimizer, parameter, tensors | {"step": state["step"]})

    DistributedOptimizer.state_dict = state_dict
    DistributedOptimizer._set_main_param_and_optimizer_states = fill
