"""Texts of others in one line, and not too long a one."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """`text` in one line that UTF-8 and XML can hold: what they cannot is written as Python writes it."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def shortened(text: str, most: int) -> str:
    """Begin and end of a text that is longer than `most`."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"
