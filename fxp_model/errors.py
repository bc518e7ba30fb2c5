"""The one exception for input that a user can mend."""


class InputError(ValueError):
    """A file, an argument or an array that is not usable.

    The message names the thing, the limit and the value, in one line; scripts
    print it on stderr and exit with status 2 (see :mod:`fxp_model.cli`).
    """


def printable(text: str) -> str:
    """`text` in one line that every encoding of Unicode holds: what is no printable character is escaped.

    >>> print(printable("a\\nb\\udcff"))
    a\\nb\\udcff
    """
    return "".join(own if own.isprintable() else repr(own)[1:-1] for own in text)
