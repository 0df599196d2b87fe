"""Checkpoints, run folders, and the files of other programs: torch, safetensors and ONNX."""
