"""The one error that means "what you gave me is wrong", as opposed to a bug in minialex."""


class InputError(ValueError):
    """A wrong option, file or checkpoint. Commands print its one line and end with exit code 2.

    The message names what was got and what was expected, in one line.
    """
