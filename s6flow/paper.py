"""The whole story as document blocks: introduction, derivation, theorems with their statuses, figures, references."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from s6flow.symbolic.derivation import all_steps, derivation_blocks
from s6flow.symbolic.derivation.blocks import Block, Heading, Paragraph, References
from s6flow.symbolic.notation import NOTATION
from s6flow.text import counted

__all__ = ["ABSTRACT", "REFERENCES", "paper_blocks"]

ABSTRACT = (
    "A stack of thin selective state-space layers moves its tokens along a flow in depth. We derive this flow from the recurrence that "
    "is computed, step by step, and ask how it ends. On the axis of one channel the answer is nearly complete: tokens tend to zero at an "
    "explicit rate, grow like a logarithm of the depth, or blow up after a time that is an integral, and the sign of one number and the "
    "signs of the tokens decide which, as long as the states of the channel write with one sign or forget at one rate. Trained layers "
    "break this dichotomy, and we say when: a token can die out while the one before it blows up. Constants are explicit and, where we "
    "could, sharp. Every algebraic step carries residuals that computer algebra reduces to literal zero, most theorems have a "
    "machine-checked proof, and every assumption that is needed comes with a system that breaks the conclusion without it."
)

#: Key and text, in the order of their numbers.
REFERENCES = (
    (
        "vo2025",
        "T. N. Vo, D.-T. Pham, X. T. Tong and T. M. Nguyen. Demystifying the token dynamics of deep selective state space models. "
        "International Conference on Learning Representations, 2025. arXiv 2410.03292.",
    ),
    (
        "gu2023",
        "A. Gu and T. Dao. Mamba: linear-time sequence modeling with selective state spaces. arXiv 2312.00752, 2023.",
    ),
    ("ali2024", "A. Ali, I. Zimerman and L. Wolf. The hidden attention of Mamba models. arXiv 2403.01590, 2024."),
    (
        "chen2018",
        "R. T. Q. Chen, Y. Rubanova, J. Bettencourt and D. Duvenaud. Neural ordinary differential equations. Advances in Neural "
        "Information Processing Systems 31, 2018.",
    ),
    (
        "hairer1993",
        "E. Hairer, S. P. Nørsett and G. Wanner. Solving Ordinary Differential Equations I: Nonstiff Problems. Second edition, "
        "Springer, 1993.",
    ),
    ("sympy", "A. Meurer et al. SymPy: symbolic computing in Python. PeerJ Computer Science 3:e103, 2017."),
    ("coq", "The Coq Development Team. The Coq Proof Assistant."),
    (
        "boldo2015",
        "S. Boldo, C. Lelay and G. Melquiond. Coquelicot: a user-friendly library of real analysis for Coq. Mathematics in Computer "
        "Science 9, 41-62, 2015.",
    ),
    (
        "johansson2017",
        "F. Johansson. Arb: efficient arbitrary-precision midpoint-radius interval arithmetic. IEEE Transactions on Computers 66(8), "
        "1281-1292, 2017.",
    ),
)


def paper_blocks(theorems: bool = True, figures: Path | None = None) -> list[Block]:
    """Blocks of the derivation page.

    Args:
        theorems: add the theorem library.
        figures: folder to draw the figures in; none without.
    """
    blocks: list[Block] = [Heading("Introduction", anchor="introduction")]
    blocks += [Paragraph(text) for text in _introduction(theorems)]
    blocks += derivation_blocks()
    if theorems:
        from s6flow.proofs.index import library_blocks

        steps = {step.id for _, _, step in all_steps()}
        blocks += library_blocks(steps, {row.meaning for row in NOTATION.values()})
    if figures is not None:
        from s6flow.paper_figures import figure_blocks

        blocks += figure_blocks(figures)
    return [*blocks, Heading("References", anchor="references"), References(REFERENCES)]


def _introduction(theorems: bool) -> list[str]:
    """What the question is, what is ours, and how to read the rest."""
    steps = all_steps()
    residuals = sum(len(step.residuals) for _, _, step in steps)
    said = [
        "Selective state-space models such as Mamba [[cite:gu2023]] replace attention by a linear recurrence whose gate and input depend on "
        "the token that is read. What a deep stack of such layers does to its tokens was studied by Vo, Pham, Tong and Nguyen "
        "[[cite:vo2025]], called the paper below: in a limit of many thin layers the tokens follow a differential equation, and in one "
        "dimension they converge to zero, diverge slowly, or diverge in finite time. We take up that programme.",
        "What is added here are the parts that real layers have and the setting of the paper leaves out: biases, a floor of the step, "
        "several decay rates, and states that write with different signs; moreover sharp constants in place of rates, and corrections of "
        "statements that turn out to be false as printed. What is the paper's and what is ours is said at every theorem.",
        f"The derivation has {counted(len(steps), 'step')}. Each carries residuals, {residuals} in all: expressions of SymPy [[cite:sympy]] that vanish "
        "exactly when the step holds. This text is written by a program that stops unless every one of them reduces to literal zero. "
        "Where a step is asymptotic, its residuals check the algebra of the leading order and not the estimates.",
    ]
    if theorems:
        from s6flow.proofs.index import rows

        counts = Counter(row["status"] for row in rows() if row["status"] != "refuted")
        told = ", ".join(f"{count} {status}" for status, count in counts.most_common())
        said.append(
            f"Section [[section-theorems]] states the {counted(sum(counts.values()), 'theorem')} ({told}). For those that are kernel-checked a proof "
            "of a formal statement, over the reals of Coq and with the library Coquelicot [[cite:boldo2015]], has been accepted by the "
            "kernel; every statement has moreover been tried on random systems that meet its assumptions."
        )
    return said
