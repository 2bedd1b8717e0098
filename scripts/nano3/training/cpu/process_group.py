"""How do ranks find and tell each other things? One gloo group, of this process alone or of all ranks."""

import os
from typing import Any

import torch


def init_process_group(seed: int) -> None:
    """
    A process group as Megatron-Core's datasets and layers ask for, and torch's random state at seed.

    With RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in the environment, as nano3.cluster.launch and torchrun put them
    there, the group is that of all ranks; without them it is this process alone.
    """
    from megatron.core import parallel_state, tensor_parallel

    if not torch.distributed.is_initialized():
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            torch.distributed.init_process_group("gloo")
        else:
            store = torch.distributed.HashStore()  # type: ignore[attr-defined]
            torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
        parallel_state.initialize_model_parallel()
    tensor_parallel.random.initialize_rng_tracker(inference_rng_tracker=True, force_reset=True)
    torch.manual_seed(seed)


def rank() -> int:
    """Number of this process in its group; the first one writes what is written once."""
    return torch.distributed.get_rank()


def ranks() -> int:
    """How many processes train together."""
    return torch.distributed.get_world_size()


def rank_slice(count: int) -> range:
    """Which of count pieces of work are this process's: an even share, in order, perhaps none."""
    return range(count * rank() // ranks(), count * (rank() + 1) // ranks())


def broadcast(value: Any) -> Any:
    """The first rank's value, on all ranks: a file that it has just seen or written may not be there for others yet."""
    if ranks() == 1:
        return value
    box = [value]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def all_gather(values: list[Any]) -> list[Any]:
    """The lists of all ranks one after the other, on all ranks."""
    if ranks() == 1:
        return values
    lists: list[Any] = [None] * ranks()
    torch.distributed.all_gather_object(lists, values)
    return [value for part in lists for value in part]


def barrier() -> None:
    """Wait for all ranks."""
    if ranks() > 1:
        torch.distributed.barrier()
