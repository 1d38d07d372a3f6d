"""Decimals and times for texts, made of integers."""


def decimal_text(value: int, scale: int) -> str:
    """Return `value / scale` as a decimal without trailing zeros; `scale` is a power of ten."""
    sign = "-" if value < 0 else ""
    whole, rest = divmod(abs(value), scale)
    if rest == 0:
        return f"{sign}{whole}"
    digits = len(str(scale)) - 1
    return f"{sign}{whole}.{rest:0{digits}d}".rstrip("0")


def time_text(time_ns: int) -> str:
    """Return a time since the epoch as a UTCTimestamp in milliseconds; no clock or calendar of the machine is asked."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    days, second = divmod(seconds, 86_400)
    # Eras of 400 years, which begin on the 1st of March.
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    since_march = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * since_march + 2) // 5 + 1
    month = since_march + 3 if since_march < 10 else since_march - 9
    year = year_of_era + era * 400 + (month <= 2)
    hour, minute, second = second // 3_600, second // 60 % 60, second % 60
    return f"{year:04d}{month:02d}{day:02d}-{hour:02d}:{minute:02d}:{second:02d}.{rest // 1_000_000:03d}"
