"""How people write a number, wherever they write it: in plain decimal, which all readers read alike.

The rule: the digits 0 to 9, at most one point with digits on both its sides, a minus before it. No leading zero or
plus, nothing that groups digits, no exponent, no digits of other scripts, no word. Python takes `1_6` for sixteen, and
JSON `1e3` for a thousand.
"""

import re

WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,14})")
DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}")


def read_whole(text: str) -> int:
    """Return the whole number somebody wrote.

    Raises:
        ValueError: it is none in plain digits; says how to write one.
    """
    if not WHOLE.fullmatch(text):
        raise ValueError("is not a whole number: write it in plain digits, as 1000")
    return int(text)


def read_number(text: str) -> int | float:
    """Return the number somebody wrote: 1,000 is a thousand to some and one to others.

    Raises:
        ValueError: it could be read in two ways, or is none; says how to write one.
    """
    if "," in text:
        raise ValueError("has a comma: write 1000 for a thousand, and 1.5 for one and a half")
    if WHOLE.fullmatch(text):
        return int(text)
    if not DECIMAL.fullmatch(text):
        raise ValueError("is not a number: write it as 1000 or 1.5")
    return float(text)
