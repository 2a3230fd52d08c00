"""Tails are exact where a closed form or a slow sum says what they are."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.surges.tails import quantile, upper_tail

means = st.floats(0.05, 100)
# Just above 1 the textbook's gamma functions cancel, and the slow sum is what is wrong.
dispersions = st.just(1.0) | st.floats(1.001, 8)


def slow_tail(count: int, mean: float, variance: float) -> float:
    """Return the tail by the textbook's terms, each from gamma functions."""
    if variance <= mean:
        terms = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count, count + 1500)]
        return math.fsum(terms)
    size, share = mean * mean / (variance - mean), mean / variance
    return math.fsum(
        math.exp(
            math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1)
            + size * math.log(share) + k * math.log1p(-share)
        )
        for k in range(count, count + 1500)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("count", "mean", "variance", "expected"),
    [
        (10, 3.0, 3.0, 0.0011024881301154815),  # scipy.stats.poisson.sf(9, 3)
        (14, 3.0, 3.0, 3.4019146132435507e-06),  # scipy.stats.poisson.sf(13, 3)
        (20, 6.4, 12.8, 0.0028853768103835288),  # scipy.stats.nbinom.sf(19, 6.4, 0.5)
        (60, 30.0, 90.0, 0.004565006580274473),  # scipy.stats.nbinom.sf(59, 15, 1 / 3)
        (100, 30.0, 30.0, 7.338468632878367e-24),  # scipy.stats.poisson.sf(99, 30)
        (1, 0.5, 0.5, -math.expm1(-0.5)),
        (10, 1.0, 2.0, 2.0**-10),  # geometric: (1 - p)^k with p = 1/2
        (40, 3.0, 12.0, 0.75**40),  # geometric with p = 1/4
        (7, 2.0, 4.0, 2.0**-7 * (1 + 7 / 2)),  # two geometric ones: (1 - p)^k (1 + k p)
    ],
)
def test_known_values(count: int, mean: float, variance: float, expected: float) -> None:
    assert upper_tail(count, mean, variance) == pytest.approx(expected, rel=1e-9)


def test_poisson_is_exact_to_the_last_digits() -> None:
    # e^-2 times a rational number: 1 - (1 + 2 + 2 + 4/3 + 2/3) e^-2
    below = Fraction(1) + 2 + 2 + Fraction(4, 3) + Fraction(2, 3)
    assert upper_tail(5, 2.0, 2.0) == pytest.approx(1 - float(below) * math.exp(-2), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), means, dispersions)
def test_tails_are_those_of_a_slow_sum(count: int, mean: float, dispersion: float) -> None:
    slow = slow_tail(count, mean, mean * dispersion)
    assert upper_tail(count, mean, mean * dispersion) == pytest.approx(slow, rel=1e-6, abs=1e-300)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 300), means, st.floats(0, 1))
def test_without_excess_variance_it_is_poisson_and_nearly_so_with_hardly_any(
    count: int, mean: float, share: float
) -> None:
    poisson = upper_tail(count, mean, mean)
    assert upper_tail(count, mean, mean * share) == poisson
    assert upper_tail(count, mean, math.nextafter(mean, math.inf)) == pytest.approx(poisson, rel=1e-9, abs=1e-300)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300), means, dispersions)
def test_more_is_never_more_probable(count: int, mean: float, dispersion: float) -> None:
    here, there = (upper_tail(each, mean, mean * dispersion) for each in (count, count + 1))
    assert 0 <= there <= here <= 1


@settings(max_examples=40, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.05, 2000), dispersions)
def test_a_quantile_is_the_least_count_that_reaches_its_share(share: float, mean: float, dispersion: float) -> None:
    count = quantile(share, mean, mean * dispersion)
    assert 1 - upper_tail(count + 1, mean, mean * dispersion) >= share - 1e-9
    assert count == 0 or 1 - upper_tail(count, mean, mean * dispersion) < share + 1e-9


def test_nothing_is_expected_of_nothing() -> None:
    assert upper_tail(0, 0, 0) == 1
    assert upper_tail(1, 0, 0) == 0
    assert quantile(0.95, 0, 0) == 0
