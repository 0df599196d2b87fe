"""The error for wrong input, as opposed to a bug in minialex."""


class InputError(ValueError):
    """A wrong option, file or checkpoint. Commands print its message and exit with code 2.

    The message is one line that names what was got and what was expected.
    """
