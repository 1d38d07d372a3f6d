"""What `outcry check` looks at beyond the keys of the files: schedules, dictionaries, certificates, stored numbers.

It reads and never changes. A fault is what keeps somebody out for certain; all else is a warning, and each says what to
do. Nothing here is part of the running exchange.
"""
