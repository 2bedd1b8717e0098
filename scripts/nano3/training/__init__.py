"""
Training a segment: one door, and behind it the trainer that fits the machine.

cpu.py          Megatron-Core on one process without a GPU
model.py        its hybrid model;  mixer.py: the Mamba-2 layer in plain torch
data.py         its datasets on our blend
checkpoints.py  its distributed checkpoints, whole or not there
"""

import os

from nano3 import Nano3Error

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # compiling for so few steps takes longer than the steps


class TrainingError(Nano3Error):
    """Training can't go on, or must not: another attempt would end the same way."""
