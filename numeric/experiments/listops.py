"""ListOps: nested list operations on digits, generated at a prescribed length.

The task is Nangia and Bowman's (2018): the value of an expression such as [MAX 2 9 [MIN 4 7 ] 0 ] is the
label, one of ten classes. Expressions are built to an exact number of tokens instead of being rejected until
they are long.
"""

from __future__ import annotations

from random import Random

__all__ = ["CLOSE", "OPERATORS", "PAD", "VOCABULARY", "evaluate", "expression"]

OPERATORS = {10: "MAX", 11: "MIN", 12: "MED", 13: "SM"}
CLOSE, PAD, VOCABULARY = 14, 15, 16


def _apply(operator: int, values: list[int]) -> int:
    name = OPERATORS[operator]
    if name == "MAX":
        return max(values)
    if name == "MIN":
        return min(values)
    if name == "MED":
        return sorted(values)[(len(values) - 1) // 2]
    return sum(values) % 10


def expression(random: Random, length: int, depth: int, arguments: int) -> tuple[list[int], int]:
    """A random expression of exactly `length` tokens and its value.

    Args:
        random: source of randomness.
        length: tokens, at least 3.
        depth: deepest nesting; at the last level every argument is a digit.
        arguments: most arguments above the last level.
    """
    operator = random.choice(list(OPERATORS))
    room, tokens, values = length - 2, [operator], list[int]()
    if depth <= 1 or room <= arguments:
        sizes = [1] * room
    else:
        cuts = sorted(random.sample(range(1, room), random.randint(1, arguments - 1)))
        sizes = [end - start for start, end in zip([0, *cuts], [*cuts, room], strict=True)]
    for size in sizes:
        if size < 4:
            digits = [random.randrange(10) for _ in range(size)]
            tokens += digits
            values += digits
        else:
            inner, value = expression(random, size, depth - 1, arguments)
            tokens += inner
            values.append(value)
    tokens.append(CLOSE)
    return tokens, _apply(operator, values)


def evaluate(tokens: list[int]) -> int:
    """Value of an expression, by a stack; the oracle of `expression`."""
    stack: list[list[int]] = [[]]
    for token in tokens:
        if token < 10:
            stack[-1].append(token)
        elif token in OPERATORS:
            stack.append([token])
        elif token == CLOSE:
            operator, *values = stack.pop()
            stack[-1].append(_apply(operator, values))
    (value,) = stack.pop()
    return value
