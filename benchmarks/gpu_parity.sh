#!/bin/sh -e
# The tiny recipe on one GPU next to the CPU trainer. Needs a GPU, nvcc, and a Python with torch for CUDA and megatron-core.
# Once, anywhere: make demo, then python benchmarks/gpu_parity.py prepare; take build/gpu_parity/bundle.pt to the GPU.
cd "$(dirname "$0")/.."
export PYTHONPATH=scripts
python -c 'import mamba_ssm, causal_conv1d' || python -m pip install --no-build-isolation causal-conv1d mamba-ssm
python benchmarks/gpu_parity.py run "$@"
python benchmarks/gpu_parity.py compare
