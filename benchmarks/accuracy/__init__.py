"""Time to accuracy: a recipe's training, by minialex and by PyTorch, from start to end."""
