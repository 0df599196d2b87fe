"""What a trained network has learnt and what it looks at: one file for each kind of picture.

Each file has what is computed, how it is drawn, and its part of the command: `LINE`, `USAGE`,
`ABOUT` and `EXAMPLES` for the help, `add_options` for its options, and `draw`, which returns the
PNG for the options given.
"""
