"""What a trained network has learnt and what it looks at: one file for each kind of picture.

Each file has what is computed, how it is drawn, and `draw`, which does both for a TrainedNetwork
and returns a PNG. `subjects` reads the pictures that are shown to it. The command is in `kinds`,
its options, and in `__main__`.
"""
