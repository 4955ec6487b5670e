"""The number that claims about runs of vector tokens share: what is rounding."""

import sympy as sp

__all__ = ["ROUNDING"]

#: Rounding and integration error of a run, relative to what is compared: an entry, a norm, a form over |M|, a cosine.
ROUNDING = sp.Rational(1, 10**6)
