"""The learning rate at a token, by Megatron-Core's scheduler."""

import torch
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

from nano3.artifact.steps import Spec


def set_rate(optimizer: torch.optim.Optimizer, spec: Spec, token: int) -> float:
    """
    Learning rate and weight decay at a token, by Megatron-Core's scheduler with tokens for its steps.

    The scheduler has no memory: its state is the number of tokens.
    """
    rate, decay = spec["learning_rate"], spec["optimizer"]["weight_decay"]
    fall = rate.get("decay")
    peak = rate.get("constant", rate.get("peak"))
    scheduler = OptimizerParamScheduler(
        optimizer,
        init_lr=0.0,
        max_lr=peak,
        min_lr=fall["floor"] if fall else 0.0,
        lr_warmup_steps=rate.get("warmup_tokens", 0),
        lr_decay_steps=fall["from_token"] + fall["tokens"] if fall else 1 + rate.get("warmup_tokens", 0),
        lr_decay_style="WSD" if fall else "constant",
        start_wd=decay,
        end_wd=decay,
        wd_incr_steps=0,
        wd_incr_style="constant",
        wsd_decay_steps=fall["tokens"] if fall else None,
        lr_wsd_decay_style=fall["style"] if fall else None,
    )
    scheduler.step(token)
    return float(optimizer.param_groups[0]["lr"])
