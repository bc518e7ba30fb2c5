"""Texts of others in one line."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """`text` in one line that UTF-8 and XML can hold: what they cannot is written as Python writes it."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)
