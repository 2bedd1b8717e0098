"""
The configuration of Megatron-Bridge for a segment: its own recipe of Nemotron 3 Nano, and over it each of our settings.

How do we know that a setting took? Bridge's overrides skip a key that does not exist with a line in the log, and its
validation changes values. So a key that is not a field is an error here, and all settings are read back from the
finished configuration.
"""

from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from nano3.training.attempts import TrainingError

SUPPORTED = {"0.3": 1}  # minor version: lowest patch; docs/bridge.md says what later ones do otherwise


def check_version() -> str:
    """The installed version of Megatron-Bridge. Raises TrainingError if it is not supported."""
    known = ", ".join(f"{minor}.{patch} and later {minor}.x" for minor, patch in SUPPORTED.items())
    try:
        actual = version("megatron-bridge")
    except PackageNotFoundError:
        raise TrainingError(
            f"layout.trainer is bridge, but megatron-bridge is not installed: run in NVIDIA's container, or install "
            f"it ({known})"
        ) from None
    minor, _, patch = actual.rpartition(".")
    if not patch.isdigit() or int(patch) < SUPPORTED.get(minor, int(patch) + 1):
        raise TrainingError(f"megatron-bridge {actual} is not supported: use {known}")
    return actual


def configured(settings: Mapping[str, Any], dataset: Any) -> Any:
    """
    Bridge's ConfigContainer with all settings, not yet validated. dataset: what gives samples, a DatasetProvider.

    Raises TrainingError for a setting that Bridge has no field for.
    """
    from megatron.bridge.recipes.nemotronh.nemotron_3_nano import nemotron_3_nano_pretrain_config

    config = nemotron_3_nano_pretrain_config()
    config.dataset = dataset
    for key, value in settings.items():
        *outer, name = key.split(".")
        section = getattr(config, outer[0]) if outer else config
        if name not in {field.name for field in fields(section)}:
            raise TrainingError(f"Megatron-Bridge has no setting {key}: this version is not supported")
        setattr(section, name, value)
    check_settings(config, settings)
    return config


def check_settings(config: Any, settings: Mapping[str, Any]) -> None:
    """Raises TrainingError if a configuration holds another value than its setting."""
    for key, value in settings.items():
        actual = config
        for name in key.split("."):
            actual = getattr(actual, name)
        if not _same(actual, value):
            raise TrainingError(f"Megatron-Bridge made {key} {actual!r}, where {value!r} was set")


def finished(settings: Mapping[str, Any]) -> dict[str, Any]:
    """
    The settings as they are when Bridge has validated them: it counts steps then, and mixed_precision has become the
    precisions of model, optimizer and gradients, which are settings of their own.
    """
    steps = settings["train.train_samples"] // settings["train.global_batch_size"]
    return {key: value for key, value in settings.items() if key != "mixed_precision"} | {"train.train_iters": steps}


def _same(actual: Any, value: Any) -> bool:
    """Equal; Bridge makes members of an enumeration of their names."""
    return actual == value or (isinstance(value, str) and getattr(actual, "name", None) == value)
