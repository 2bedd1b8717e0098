"""
Training a segment: one door, and behind it the trainer that fits the machine.

segment.py       the door
cpu.py           Megatron-Core on processes without a GPU, data parallel
model.py         its hybrid model;  mixer.py: the Mamba-2 layer in plain torch
schedule.py      its learning rate
data.py          the samples of both
held_out.py      its loss on held-out documents
checkpoints.py   its distributed checkpoints, whole or not there
progress.py      its steps so far
process.py       a process that Megatron-Core can work in, and its peers
attempts.py      who may train a segment, and whether another attempt is worth it
interruption.py  when to stop before the work is done
architecture.py  what all models of the family share
finish.py        metrics and receipt of a segment that is done
bridge.py        Megatron-Bridge on GPUs;  bridge_config.py: its configuration, checked;  bridge_watch.py: step by step
bridge_settings.py  what it is told, from spec and layout;  window.py: its samples' numbers
"""

from nano3 import Nano3Error


class TrainingError(Nano3Error):
    """Training can't go on, or must not: another attempt would end the same way."""
