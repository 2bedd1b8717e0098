"""
Training a segment: one door, and behind it the trainer that fits the machine.

cpu.py           Megatron-Core on processes without a GPU, data parallel
model.py         its hybrid model;  mixer.py: the Mamba-2 layer in plain torch
data.py          its datasets on our blend
held_out.py      its loss on held-out documents
checkpoints.py   its distributed checkpoints, whole or not there
progress.py      its steps so far
process.py       a process that Megatron-Core can work in, and its peers
attempts.py      who may train a segment, and whether another attempt is worth it
interruption.py  when to stop before the work is done
"""

import os

from nano3 import Nano3Error

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # compiling for so few steps takes longer than the steps


class TrainingError(Nano3Error):
    """Training can't go on, or must not: another attempt would end the same way."""
