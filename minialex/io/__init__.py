"""Files of other programs: torch.save's, .safetensors, ONNX; and torch's names and layout for what is in them."""
