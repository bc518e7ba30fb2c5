"""Values that a field, a cell, a name or a header may be changed to."""

from __future__ import annotations

from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2, 31, 255, 1024, 65535, 65536, 65537, 10**9, 2**31, 2**63, 2**64, 10**19),
    *(10**30, 10**4000, -(10**19), 0.5, -0.0, 1e-320, 1e308, -1e308, 1.0, 16.5),
    *(
        "",
        "a",
        "TRN",
        "zero",
        "dense",
        "\n",
        "\x1b[2J",
        "\ud800",
        "\uffff",
        "a\u2028b",
        "$x$",
        "x" * 5000,
        "0",
    ),
    *("ap_fixed<8,2>", "ap_fixed<99999999999,1>", "ap_fixed<16,6,AP_RND,AP_SAT>", "ap_ufixed<8,0>"),
    *([], {}, [[]], [None], {"": {}}, {"a": [1, "b", None]}, ["a"] * 500, list(range(300))),
    {"signed": True, "int_bits": 2, "frac_bits": 6},
    {"signed": 1, "int_bits": 10**18, "frac_bits": -(10**18)},
)
"""Of JSON."""
RAW = ("[" * 10_000 + "]" * 10_000, "NaN", "-Infinity", "1e400", "1E-400", "{", "01", "'a'", '"\\ud800"')
"""What is not JSON, or beyond its limits."""
NAMES = (
    *("", " ", "yes ", "Yes", "caf\u00e9", "cafe\u0301", "a\nb", "a\0b", "\u2028", "\ufeffno", "\u200b"),
    *(".", "..", "/", "../words", "x" * 300, "x" * 200_000, "-", "'", '"', '"a', "a,b", "\x1b[2J", "\udcff"),
    *(
        "_no",
        ".no",
        "no\\a",
        "no/s0_nohash_0.wav",
        "./no/s0_nohash_0.wav",
        "no//s0_nohash_0.wav",
        "yes",
        "no",
    ),
    *("con", "%s", "val.csv", "0", "1", "-1", "1.0.0", "9" * 400, "1e400", "nan", "NA", "\u0663", "<", "&x;"),
)
"""Unusual but possible names, cells and entries."""
NUMBERS = (0, 1, 2, 3, 0x7F, 0xFF, 0x100, 999_983, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Of 32 bits, in headers."""
