"""Numbers that claims about runs of vector tokens share: what is rounding, and what stands for infinity."""

import sympy as sp

__all__ = ["NEVER", "ROUNDING"]

#: Rounding and integration error of a run, relative to what is compared: an entry, a norm, a form over |M|, a cosine.
ROUNDING = sp.Rational(1, 10**6)
#: Stands for an infinite zero, and for a logarithm of T where nothing blew up.
NEVER = sp.Integer(10) ** 30
