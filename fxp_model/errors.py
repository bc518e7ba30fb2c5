"""The one exception for input that a user can mend."""


class InputError(ValueError):
    """A file, an argument or an array that is not usable.

    The message names the thing, the limit and the value, in one line; scripts
    print it on stderr and exit with status 2 (see :mod:`fxp_model.cli`).
    """
