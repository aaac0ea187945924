"""How far a measured share may lie from the true one, given how few images measured it."""

from __future__ import annotations

from math import sqrt

from imagette.core.errors import InputError


def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Give the Wilson score interval of a share.

    $\frac{1}{1 + z^2/n} \left( \hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4n^2}}
    \right)$; unlike the usual $\hat p \pm z \sqrt{\hat p (1 - \hat p) / n}$ it stays within [0, 1] and keeps a width
    when every image, or none, is right.

    Args:
        successes: images that were right, 0 to n.
        n: images, at least 1.
        confidence: level of the interval, between 0 and 1.

    Raises:
        InputError: for counts or a level out of range.

    Example:
        >>> low, high = wilson_interval(8677, 10000)  # article A4's LeNet
        >>> f"{low:.4f} to {high:.4f}"
        '0.8609 to 0.8742'

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927;
    recommended by Brown, Cai and DasGupta, "Interval estimation for a binomial proportion", 2001.
    """
    if not 0 <= successes <= n or n < 1:
        raise InputError(f"{successes} successes of {n}", hint="0 <= successes <= n, and n is at least 1")
    if not 0 < confidence < 1:
        raise InputError(f"the confidence level is {confidence}", hint="it lies between 0 and 1, such as 0.95")
    from scipy.special import ndtri  # here: it takes 0.2 s to import

    share, z2 = successes / n, float(ndtri((1 + confidence) / 2)) ** 2
    middle = share + z2 / (2 * n)
    reach = sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    low, high = ((middle + sign * reach) / (1 + z2 / n) for sign in (-1, 1))
    return (0.0 if successes == 0 else low), (1.0 if successes == n else high)  # exactly, whatever rounding does
