"""Which learning rate and weight decay has a step? Those of Megatron-Core's scheduler, with tokens for its steps."""

import torch
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

from nano3.artifact.steps import Spec


def set_rate(optimizer: torch.optim.Optimizer, spec: Spec, token: int) -> float:
    """
    Set learning rate and weight decay of the step that begins at a token; returns the learning rate.

    The scheduler has no memory: its state is the number of tokens.
    """
    rate, weight_decay = spec["learning_rate"], spec["optimizer"]["weight_decay"]
    decay = rate.get("decay")
    peak = rate.get("constant", rate.get("peak"))
    scheduler = OptimizerParamScheduler(
        optimizer,
        init_lr=0.0,
        max_lr=peak,
        min_lr=decay["floor"] if decay else 0.0,
        lr_warmup_steps=rate.get("warmup_tokens", 0),
        lr_decay_steps=decay["from_token"] + decay["tokens"] if decay else 1 + rate.get("warmup_tokens", 0),
        lr_decay_style="WSD" if decay else "constant",
        start_wd=weight_decay,
        end_wd=weight_decay,
        wd_incr_steps=0,
        wd_incr_style="constant",
        wsd_decay_steps=decay["tokens"] if decay else None,
        lr_wsd_decay_style=decay["style"] if decay else None,
    )
    scheduler.step(token)
    return float(optimizer.param_groups[0]["lr"])
