"""Foreign texts as one line of limited length."""

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def printable(text: str) -> str:
    """`text` in one line that is valid UTF-8 and XML: all other characters are escaped as in Python."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


def shortened(text: str, most: int) -> str:
    """`text`, reduced to its beginning and end if it is longer than `most`."""
    half = most // 2
    return text if len(text) <= most else f"{text[:half]}...{text[-half:]}"
