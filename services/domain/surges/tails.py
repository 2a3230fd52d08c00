"""How improbable a count is: Poisson, or negative binomial where the variance is above the mean.

Both are one recurrence in mean m and variance v, as in Panjer's class: p(k+1) / p(k) = (m^2 + k (v - m)) / (v (k + 1)).
"""

import math

_NEGLIGIBLE = 1e-17  # of a sum: below what a float can hold of it
_UNDERFLOW = 1e-290  # below, floats lose digits


def upper_tail(count: int, mean: float, variance: float) -> float:
    """Return the probability of `count` or more. A variance below the mean is taken to be the mean."""
    if count <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    variance = max(mean, variance)
    if count <= mean:
        return max(0.0, 1.0 - _sum_below(count, mean, variance))
    return min(1.0, _sum_from(count, mean, variance))


def quantile(probability: float, mean: float, variance: float) -> int:
    """Return the least count such that at most it is as probable as `probability`, which is below 1."""
    if mean <= 0:
        return 0
    variance = max(mean, variance)
    term = math.exp(_log_term(0, mean, variance))
    if term < _UNDERFLOW:  # of so large a mean
        return _quantile_by_tail(probability, mean, variance)
    count, total = 0, term
    while total < probability:
        term *= _ratio(count, mean, variance)
        count += 1
        total += term
        if term < _NEGLIGIBLE and count > mean:
            break
    return count


def _quantile_by_tail(probability: float, mean: float, variance: float) -> int:
    low, high = 0, math.ceil(mean + 40 * math.sqrt(variance))
    while low < high:
        middle = (low + high) // 2
        if 1.0 - upper_tail(middle + 1, mean, variance) >= probability:
            high = middle
        else:
            low = middle + 1
    return low


def _sum_from(count: int, mean: float, variance: float) -> float:
    """Return the sum of the terms from `count` on, which is above the mean, so that they fall."""
    term = math.exp(_log_term(count, mean, variance))
    terms = [term]
    total = term
    while term > total * _NEGLIGIBLE:
        term *= _ratio(count, mean, variance)
        count += 1
        total += term
        terms.append(term)
    return math.fsum(terms)


def _sum_below(count: int, mean: float, variance: float) -> float:
    term = math.exp(_log_term(count - 1, mean, variance))
    terms = [term]
    for below in range(count - 2, -1, -1):
        term /= _ratio(below, mean, variance)
        terms.append(term)
    return math.fsum(terms)


def _log_term(count: int, mean: float, variance: float) -> float:
    """Return the logarithm of the probability of exactly `count`."""
    excess = (variance - mean) / variance
    first = -mean if excess < _NEGLIGIBLE else mean * mean / variance * math.log1p(-excess) / excess
    return math.fsum([first, *(math.log(_ratio(below, mean, variance)) for below in range(count))])


def _ratio(count: int, mean: float, variance: float) -> float:
    return (mean * mean + count * (variance - mean)) / (variance * (count + 1))
