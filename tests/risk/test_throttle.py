"""Token buckets: exact integers, a burst at once, then the rate."""

from risk.throttle import TOKEN, Bucket, bucket_of

SECOND = 1_000_000_000


def taken(bucket: Bucket, time_ns: int) -> bool:
    """Take a token as the risk engine does."""
    bucket.refill(time_ns)
    if bucket.level < TOKEN:
        return False
    bucket.level -= TOKEN
    return True


def test_full_bucket_lets_its_burst_through_and_no_more() -> None:
    bucket = Bucket(10, 3)
    assert [taken(bucket, SECOND) for _ in range(5)] == [True, True, True, False, False]


def test_rate_refills_one_token_exactly_at_its_time() -> None:
    bucket = Bucket(3, 1)
    assert taken(bucket, SECOND)
    third = -(-SECOND // 3)
    assert not taken(bucket, SECOND + third - 1)
    assert taken(bucket, SECOND + third)


def test_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(1_000, 2)
    assert [taken(bucket, 10**18) for _ in range(3)] == [True, True, False]


def test_nothing_is_lost_by_looking_often() -> None:
    bucket = Bucket(7, 1)
    taken(bucket, 0)
    for time_ns in range(0, SECOND, 1_234_567):
        bucket.refill(time_ns)
    bucket.refill(SECOND)
    assert bucket.level == TOKEN
    assert bucket.time_ns == SECOND


def test_time_that_stands_still_refills_nothing() -> None:
    bucket = Bucket(1_000_000, 1)
    assert taken(bucket, SECOND)
    assert not taken(bucket, SECOND)


def test_burst_of_zero_lets_one_message_through() -> None:
    bucket = Bucket(1, 0)
    assert [taken(bucket, SECOND) for _ in range(2)] == [True, False]


def test_new_bounds_keep_what_was_used() -> None:
    bucket = Bucket(10, 5)
    for _ in range(4):
        taken(bucket, 0)
    assert bucket_of(bucket, rate=10, burst=6) is bucket
    assert [taken(bucket, 0) for _ in range(3)] == [True, True, False]
    assert bucket_of(bucket, rate=10, burst=2) is bucket
    assert bucket.level == 0


def test_rate_of_zero_is_no_bucket() -> None:
    assert bucket_of(None, rate=0, burst=5) is None
    assert bucket_of(Bucket(1, 1), rate=0, burst=5) is None
