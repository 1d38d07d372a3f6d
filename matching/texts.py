"""Decimals for texts, made of integers."""


def decimal_text(value: int, scale: int) -> str:
    """Return `value / scale` as a decimal without trailing zeros; `scale` is a power of ten."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), scale)
    if rest == 0:
        return f"{sign}{whole}"
    digits = len(str(scale)) - 1
    return f"{sign}{whole}.{rest:0{digits}d}".rstrip("0")
