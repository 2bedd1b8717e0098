"""
A segment's spec and layout as the configuration of Megatron-Bridge: dotted keys to values, each set explicitly.

Bridge counts what it has done in steps and in samples from the beginning of training, whatever their length; our
learning-rate curve counts tokens. Within a segment all sequences have one length, so a place on the curve is a number
of samples there, exactly: see schedule(). What is not named here is how Bridge computes, not what (kernels, overlap of
communication), and stays as its own recipe of the model has it.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from nano3.artifact.steps import Spec
from nano3.config.parallelism import ParallelPlan
from nano3.training import architecture

LOG_INTERVAL = 10  # steps
KEPT_CHECKPOINTS = 2  # the newest may be torn
DISTRIBUTED_TIMEOUT = 30  # minutes: the first step compiles kernels


def bridge_settings(
    spec: Spec,
    parallel_plan: ParallelPlan,
    *,
    samples_before: int,
    folder: Path,
    checkpoint: Path | None,
    save_interval: int,
    stop_minutes: float | None,
) -> dict[str, Any]:
    """
    All that decides a segment's result, and where it is laid, saved and stopped.

    samples_before: of all earlier segments together. folder: for checkpoints and logs. checkpoint: iter_* to continue
    from; None: from the seed. save_interval: steps. stop_minutes: after which to save and end; None: never.
    """
    last = spec["steps"]["first"] + spec["steps"]["count"]
    size = spec["batch"]["global_batch_size"]
    return {
        **_model(spec, parallel_plan),
        **_optimizer(spec),
        **schedule(spec, samples_before),
        "train.train_iters": None,
        "train.train_samples": last * size,  # Bridge takes train_samples / batch for the step to end with
        "train.global_batch_size": size,
        "train.micro_batch_size": parallel_plan.micro_batch,
        "train.rampup_batch_size": None,
        "train.decrease_batch_size_if_needed": False,
        "train.skip_train": False,
        "train.iterations_to_skip": [],
        "train.exit_interval": None,
        "train.exit_duration_in_mins": stop_minutes,
        "train.exit_signal_handler": True,  # SIGTERM
        "train.eval_iters": 0,  # validation losses are ours, see nano3.training.bridge.trainer
        "train.eval_interval": last + 1,
        "rng.seed": spec["seed"],
        "rng.data_parallel_random_init": False,
        "tokenizer.tokenizer_type": "NullTokenizer",  # documents are tokens already
        "tokenizer.tokenizer_model": None,
        "tokenizer.vocab_size": spec["model"]["vocab_size"],
        "dist.distributed_timeout_minutes": DISTRIBUTED_TIMEOUT,
        "rerun_state_machine.check_for_nan_in_loss": True,
        "logger.log_interval": LOG_INTERVAL,
        "logger.log_throughput": True,
        "logger.tensorboard_dir": str(folder / "tensorboard"),
        "logger.save_config_filepath": str(folder / "bridge.yaml"),
        **_checkpoint(folder, checkpoint, save_interval),
    }


def schedule(spec: Spec, samples_before: int) -> dict[str, Any]:
    """
    The segment's stretch of the learning-rate curve in samples, for Megatron-Core's OptimizerParamScheduler.

    The token t of this segment's beginning is the sample s = samples_before, and a sample has n tokens, so a token x of
    the curve lies at the sample s + (x - t) / n. Warm-up is a line through (0 tokens, rate 0); where earlier segments
    had another length, it meets sample 0 at another rate, lr_warmup_init. The scheduler's own state is the number of
    samples, which it takes from the checkpoint, and nothing else.
    """
    rate, length, first = spec["learning_rate"], spec["batch"]["sequence_length"], spec["steps"]["first_token"]
    peak = rate["constant"] if "constant" in rate else rate["peak"]
    warmup, fall = rate.get("warmup_tokens", 0), rate.get("decay")
    decay = spec["optimizer"]["weight_decay"]

    def place(token: int) -> int | float:
        return _number(samples_before + Fraction(token - first, length))

    warming = warmup > first
    warm = place(warmup) if warming else 0
    return {
        "optimizer.lr": peak,
        "optimizer.min_lr": fall["floor"] if fall else 0.0,
        "scheduler.lr_decay_style": "WSD" if fall else "constant",
        "scheduler.lr_decay_samples": place(fall["from_token"] + fall["tokens"]) if fall else warm + 1,
        "scheduler.lr_wsd_decay_samples": _number(Fraction(fall["tokens"], length)) if fall else None,
        "scheduler.lr_wsd_decay_style": fall["style"] if fall else "minus_sqrt",
        "scheduler.lr_warmup_samples": warm,
        "scheduler.lr_warmup_init": peak * (first - samples_before * length) / warmup if warming else 0.0,
        "scheduler.lr_warmup_fraction": None,
        "scheduler.lr_warmup_iters": 0,
        "scheduler.lr_decay_iters": None,
        "scheduler.lr_wsd_decay_iters": None,
        "scheduler.start_weight_decay": decay,  # these, not the optimizer's, are what is applied
        "scheduler.end_weight_decay": decay,
        "scheduler.weight_decay_incr_style": "constant",
        "scheduler.override_opt_param_scheduler": True,
        "scheduler.use_checkpoint_opt_param_scheduler": False,
    }


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _model(spec: Spec, parallel_plan: ParallelPlan) -> dict[str, Any]:
    model, bf16 = spec["model"], spec["precision"] == "bf16"
    settings = architecture.transformer(model) | {key: model[key] for key in architecture.OWN}
    alone = parallel_plan.tp * parallel_plan.ep == 1
    settings |= {
        "seq_length": parallel_plan.length,
        "should_pad_vocab": False,
        "share_embeddings_and_output_weights": False,
        "position_embedding_type": "none",
        "moe_router_num_groups": None,
        "moe_router_group_topk": None,
        "moe_router_force_load_balancing": False,
        "moe_z_loss_coeff": None,
        "calculate_per_token_loss": False,
        "tensor_model_parallel_size": parallel_plan.tp,
        "pipeline_model_parallel_size": parallel_plan.pp,
        "virtual_pipeline_model_parallel_size": None,
        "pipeline_model_parallel_layout": None,
        "context_parallel_size": parallel_plan.cp,
        "expert_model_parallel_size": parallel_plan.ep,
        "expert_tensor_parallel_size": 1,
        "sequence_parallel": parallel_plan.tp > 1,
        "pipeline_dtype": torch.bfloat16 if bf16 else torch.float32,
        "params_dtype": torch.bfloat16 if bf16 else torch.float32,
        "fp16": False,
        "bf16": bf16,
        "fp8": None,
        "moe_shared_expert_overlap": False,
    }
    if alone:  # the flex dispatcher wants ranks to dispatch to
        settings |= {"moe_token_dispatcher_type": "alltoall", "moe_flex_dispatcher_backend": None}
    if not bf16:
        settings["attention_backend"] = "auto"  # fused attention has no fp32
    return {f"model.{key}": value for key, value in settings.items()} | {
        "mixed_precision": "bf16_mixed" if bf16 else None,
        "ddp.grad_reduce_in_fp32": True,
        "ddp.check_for_nan_in_grad": True,
        "ddp.use_distributed_optimizer": True,
    }


def _optimizer(spec: Spec) -> dict[str, Any]:
    bf16 = spec["precision"] == "bf16"
    return {f"optimizer.{key}": value for key, value in spec["optimizer"].items()} | {
        "optimizer.optimizer": "adam",
        "optimizer.decoupled_weight_decay": True,
        "optimizer.decoupled_lr": None,
        "optimizer.use_distributed_optimizer": True,
        "optimizer.fp16": False,
        "optimizer.bf16": bf16,
        "optimizer.params_dtype": torch.bfloat16 if bf16 else torch.float32,
    }


def _checkpoint(folder: Path, checkpoint: Path | None, save_interval: int) -> dict[str, Any]:
    return {
        "checkpoint.save": str(folder),
        "checkpoint.save_interval": save_interval,
        "checkpoint.most_recent_k": KEPT_CHECKPOINTS,
        "checkpoint.load": str(checkpoint.parent) if checkpoint else None,
        "checkpoint.ckpt_step": int(checkpoint.name.removeprefix("iter_")) if checkpoint else None,
        "checkpoint.exit_on_missing_checkpoint": True,
        "checkpoint.pretrained_checkpoint": None,
        "checkpoint.finetune": False,
        "checkpoint.load_optim": True,
        "checkpoint.load_rng": True,
        "checkpoint.save_optim": True,
        "checkpoint.save_rng": True,
        "checkpoint.ckpt_format": "torch_dist",
        "checkpoint.async_save": False,
        "checkpoint.fully_parallel_save": True,
        "checkpoint.dist_ckpt_optim_fully_reshardable": True,  # a phase may be laid out otherwise than the one before
        "checkpoint.dist_ckpt_strictness": "raise_unexpected",  # what the checkpoint lacks must not stay random
        "checkpoint.save_tokenizer_assets": False,
    }
