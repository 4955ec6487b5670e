"""Generated Triton kernels on a CUDA device: right-hand sides, fused integrators, margins, and mamba-ssm's own scan."""
