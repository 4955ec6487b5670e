"""The columns of the audit, declared: name, kind and dtype, meaning, assumption, section and theorem.

The terminal, the JSON schema, the HTML page and the documentation read these tables, nothing else describes a column, and
`assemble` holds what was computed against them: a column that is not declared, not filled, or of another kind is refused.

One long file: the tables are read side by side, and a column is added in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from s6flow.errors import FormatError
from s6flow.numeric.criteria.carried import EVIDENCE
from s6flow.numeric.criteria.labels import Labels
from s6flow.numeric.criteria.numbers import KAPPA_TOKENS
from s6flow.numeric.criteria.reach import DISTANCES
from s6flow.numeric.criteria.verdict import SIGNS
from s6flow.numeric.thresholds import TOKEN_HIGH, TOKEN_LOW
from s6flow.symbolic.ends import NO_THEOREM, SCENARIOS
from s6flow.symbolic.programs.rules import cited

__all__ = [
    "CHANNEL_COLUMNS",
    "COLUMNS",
    "DROPPED",
    "LAYER_COLUMNS",
    "LAYER_VALUES",
    "READING",
    "Column",
    "assemble",
    "filled",
]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        name: as in JSON and CSV.
        kind: count, number, flag (true, false or unknown), word, or text.
        meaning: one sentence for a stranger.
        unit: "1" for a pure number.
        assumption: what has to hold for the number to mean that.
        section: of docs/theory.
        theorem: id of the theorem that it rests on, if there is one.
        nullable: whether it may be null, and the meaning says when.
        words: the words that a column of kind `word` may hold.
    """

    name: str
    kind: str
    meaning: str
    unit: str
    assumption: str
    section: str
    theorem: str = NO_THEOREM
    nullable: bool = False
    words: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        """The theorem, or where there is none the section."""
        return self.section if self.theorem == NO_THEOREM else self.theorem

    @property
    def dtype(self) -> str:
        """NumPy's name of the stored values; what may be missing is a float, a flag -1 where unknown, a word a code."""
        return "float64" if self.kind == "count" and self.nullable else _DTYPES[self.kind]


_DTYPES = {"count": "int64", "number": "float64", "flag": "int8", "word": "uint8", "text": "str"}
_NONE = "none: computed from the weights alone"
_AXIS = "tokens lie on this channel's axis; pure S6 flow, see what the theory drops"
_BILINEAR = "B and C have no bias"
_SIDE = {
    "positive": "every token is positive",
    "negative": "every token is negative",
    "mixed": "tokens of both signs",
}

_SCENARIO_COLUMNS = tuple(
    column
    for name in SIGNS
    for column in (
        Column(
            f"scenario_{name}",
            "word",
            f"what nonzero tokens meet when {_SIDE[name]}"
            + ("" if name == "mixed" else "; in a layer with projection biases, what token 1 meets"),
            "1",
            f"{_AXIS}; that of the theorem beside it",
            "7, 8, 8b",
            words=tuple(SCENARIOS),
        ),
        Column(
            f"theorem_{name}",
            "word",
            f"the theorem that predicts scenario_{name}; none where nothing covers these tokens",
            "1",
            _AXIS,
            "7, 8, 8b",
            words=cited(),
        ),
    )
)

CHANNEL_COLUMNS: tuple[Column, ...] = (
    Column("channel", "count", "index of the channel, from 0", "1", _NONE, "3"),
    Column(
        "mu",
        "number",
        "S_C^T S_B on the channel's axis; its sign decides between convergence and divergence; 0 if within "
        "rounding of it",
        "1/(token^2 depth-time)",
        f"decides for every token only if {_BILINEAR} and the theorem beside it applies",
        "0, 7",
    ),
    Column("mu_n_positive", "count", "states whose share mu_n of mu is positive", "states", _NONE, "0"),
    Column("mu_n_negative", "count", "states whose share mu_n of mu is negative", "states", _NONE, "0"),
    Column("mu_n_zero", "count", "states whose share mu_n of mu is zero", "states", _NONE, "0"),
    Column("s", "number", "slope of the step's argument on the axis: Delta(x) = softplus(s x + b) + "
    "floor", "1/token", _NONE, "0, 3"),
    Column("b", "number", "constant part of the step's argument", "1", _NONE, "0"),
    Column("delta0", "number", "Delta(0), the step of a vanishing token", "1", _NONE, "0"),
    Column(
        "K0",
        "number",
        "share of the growth rate of the token before that a small token takes over; negative: it shrinks while "
        "that one "
        "blows up; null where mu = 0",
        "1",
        f"{_BILINEAR}; of consequence where mu > 0",
        "8, E3", theorem="coexistence",
        nullable=True,
    ),
    Column(
        "kappa_2",
        "number",
        "loss of speed of token 2: t x_2^2 tends to (1 - kappa_2) / (2 |mu| Delta(0)); equals K0; null unless mu < 0",
        "1",
        f"{_BILINEAR}, mu < 0, no token is zero",
        "8, E1", theorem="state-convergence",
        nullable=True,
    ),
    Column(
        "kappa_max",
        "number",
        f"largest kappa of tokens 2 to {KAPPA_TOKENS}; above 1 that token decays like t^(-kappa/2), faster than "
        f"1/sqrt(t); "
        "null unless mu < 0",
        "1",
        f"{_BILINEAR}, mu < 0, no token is zero",
        "8, E1", theorem="state-convergence",
        nullable=True,
    ),
    Column(
        "kappa_limit",
        "number",
        "fixed point of kappa along the tokens, from sum_n (mu_n/mu) q_n/(1-q_n); null if there is none below "
        "1, or unless mu < 0",
        "1",
        f"{_BILINEAR}, mu < 0, no token is zero; the recursion may be slow to reach it, or be repelled by it",
        "8, E1", theorem="state-convergence",
        nullable=True,
    ),
    Column(
        "nu", "number", "coefficient of x in p(x) = mu x^2 + nu x + lambda; 0 without projection biases",
        "1/(token depth-time)", _AXIS,
        "8b", theorem="affine-phase-line",
    ),
    Column(
        "lambda", "number", "constant of p; 0 without projection biases; negative: small tokens die out",
        "1/depth-time", _AXIS,
        "8b", theorem="affine-phase-line",
    ),
    Column(
        "root_low", "number", "the lower nonzero real root of p, an equilibrium of token 1; null if there is "
        "none", "token",
        f"{_AXIS}; token 1 only", "8b", theorem="affine-phase-line", nullable=True,
    ),
    Column(
        "root_high", "number", "the upper one; null if p has no second nonzero real root", "token",
        f"{_AXIS}; token 1 only", "8b", theorem="affine-phase-line", nullable=True,
    ),
    *_SCENARIO_COLUMNS,
    Column(
        "one_rate", "flag", "whether all decay rates a_n of the channel are equal, as the paper has it", "1",
        "equal to one part in a million", "8",
    ),
    Column("one_sign", "flag", "whether no two mu_n have opposite signs", "1", _NONE, "8"),
    Column(
        "paper_setting", "flag",
        "whether the paper's own theorems apply: one decay rate or mu_n of one sign, and no projection bias or "
        "step floor",
        "1", _AXIS, "8",
    ),
    Column(
        "dichotomy_can_fail", "flag",
        "whether some tokens can die out or stay finite while another blows up: mu > 0 and K < 0 at a token in reach; "
        "null if undecided or if the layer has projection biases",
        "1", f"{_AXIS}; {_BILINEAR}", "8, E3", theorem="coexistence", nullable=True,
    ),
    Column(
        "dichotomy_evidence", "word",
        "what decided it; `partial sums` and `one sign` prove K >= 0 up to rounding, `scan` by bounded "
        "intervals, the others "
        "show a negative value",
        "1", "float64 arithmetic; --certify judges again in ball arithmetic", "8, E3", theorem="coexistence", words=EVIDENCE,
    ),
    Column(
        "K_sign_changes", "count",
        "sign changes of (mu_n) ordered by a_n, at least the number of roots of K (Descartes); null unless mu > 0",
        "1", _BILINEAR, "8, E3", theorem="coexistence", nullable=True,
    ),
    Column(
        "K_negative_token", "number",
        "a token at which K < 0, so that it shrinks while the one before blows up; may be immense; null if none "
        "was found",
        "token", f"{_AXIS}; {_BILINEAR}, mu > 0", "8, E3", theorem="coexistence", nullable=True,
    ),
    *(
        Column(
            f"K_negative_{distance}", "flag",
            f"whether K < 0 at a sum of at most {distance} steps of tokens between {TOKEN_LOW:.4f} and {TOKEN_HIGH:g}, "
            "what SiLU leaves of a convolution: a token that far behind one that blows up can shrink; null if undecided "
            "or if the layer has projection biases",
            "1", f"{_AXIS}; {_BILINEAR}", "22", theorem="coexistence", nullable=True,
        )
        for distance in DISTANCES
    ),
    Column(
        "certified", "word",
        "verdict on the dichotomy in ball arithmetic; null unless asked for and mu > 0, and with projection biases",
        "1",
        "that of the certificate", "8, E3", theorem="coexistence", nullable=True, words=("holds", "fails", "inconclusive"),
    ),
)  # fmt: skip

_SIGNATURE = (
    ("product", "S_C^T S_B, by real part", "rank-reduction", "the N x N matrix S_B S_C^T"),
    ("symmetric", "the symmetric part of S_C^T S_B", "symmetric-signature", "a 2N x 2N matrix"),
)
LAYER_COLUMNS: tuple[Column, ...] = (
    Column("name", "text", "prefix of the layer's tensors", "1", _NONE, "3"),
    Column("channels", "count", "channels, each of which carries one 1-D system", "1", _NONE, "3"),
    Column("states", "count", "state size N", "1", _NONE, "0"),
    Column("rank", "count", "rank of the step's projection", "1", _NONE, "3"),
    Column("floor", "number", "constant added to the step; positive: every divergence takes finite time",
    "1", _NONE, "8b"),
    Column("affine", "flag", "whether B or C has a bias, so that mu alone gives the wrong verdict", "1", _NONE, "8b"),
    Column("mu_negative_fraction", "number", "share of channels with mu < 0", "1", "misleads by itself: compare "
    "it with the control", "0"),
    Column(
        "control_mean", "number", "the same share when the columns of S_C are shuffled against those of S_B, on "
        "average", "1",
        "all pairings of channels equally likely", "0",
    ),
    Column("control_sd", "number", "standard deviation of that share over the shuffles", "1", "as control_mean", "0"),
    Column(
        "control_z", "number", "(mu_negative_fraction - control_mean) / control_sd: what the pairing of "
        "channels adds; null if "
        "the shuffles do not vary", "1", "as control_mean", "0", nullable=True,
    ),
    Column(
        "control_p", "number", "share of shuffles at least as far out on either side, never below 1/(shuffles + "
        "1)", "1",
        "as control_mean; not corrected for the number of layers", "0",
    ),
    Column("control_shuffles", "count", "how many shuffles", "1", _NONE, "0"),
    *(
        Column(f"{key}_{part}", kind, f"{text} of {what}", "1", f"from {how}; zero within rounding", "11", theorem)
        for key, what, theorem, how in _SIGNATURE
        for part, kind, text in (
            ("positive", "count", "positive eigenvalues"),
            ("negative", "count", "negative eigenvalues"),
            ("zero", "count", "zero eigenvalues"),
            ("largest", "number", "largest eigenvalue"),
            ("smallest", "number", "smallest eigenvalue"),
        )
    ),
    Column("product_complex", "count", "eigenvalues of S_C^T S_B that are not real", "1", "from the N x N "
    "matrix S_B S_C^T", "11", theorem="rank-reduction"),
)  # fmt: skip

#: Where a column gets its values; said where it has none, or others than declared.
CHANNEL_VALUES = (
    "Return them where its numbers are computed: numeric/criteria/numbers.py for what weights say of a channel."
)
LAYER_VALUES = "Return them in LayerAudit.row of numeric/audit/report.py."

Value = TypeVar("Value")

COLUMNS: Mapping[str, tuple[Column, ...]] = {"channel": CHANNEL_COLUMNS, "layer": LAYER_COLUMNS}


def assemble(channels: int, *parts: Mapping[str, np.ndarray | Labels]) -> dict[str, np.ndarray | Labels]:
    """The channel columns in the order of the table, from the parts that computed them.

    Raises: FormatError: a part fills a column that is not declared or filled already, leaves one out, or gives it
        another dtype, length or words than declared.
    """
    found: dict[str, np.ndarray | Labels] = {}
    for part in parts:
        if twice := sorted(set(found) & set(part)):
            raise _unlike("a column of the audit is filled once", f"values twice for {', '.join(twice)}")
        found |= part
    found = filled(CHANNEL_COLUMNS, found, CHANNEL_VALUES)
    declared = {column.name: column for column in CHANNEL_COLUMNS}
    for name, values in found.items():
        column = declared[name]
        stored = values.codes if isinstance(values, Labels) else values
        if stored.shape != (channels,) or stored.dtype != column.dtype:
            wanted = f"column {name} holds {column.dtype} of shape {(channels,)}"
            raise _unlike(wanted, f"{stored.dtype} of shape {stored.shape}", CHANNEL_VALUES)
        if isinstance(values, Labels) != (column.kind == "word"):
            raise _unlike(f"column {name} is a {column.kind}", type(values).__name__, CHANNEL_VALUES)
        other = sorted(set(values.counts()) - set(column.words)) if isinstance(values, Labels) else []
        if other and not column.nullable:
            raise _unlike(f"column {name} holds only its declared words", ", ".join(other), CHANNEL_VALUES)
    return found


def filled(columns: tuple[Column, ...], values: Mapping[str, Value], remedy: str) -> dict[str, Value]:
    """The values in the order of the table.

    Raises: FormatError: a declared column has no values, or values are of a column that is not declared.
    """
    names = [column.name for column in columns]
    if empty := [name for name in names if name not in values]:
        raise _unlike("every declared column of the audit needs values", f"none for {', '.join(empty)}", remedy)
    if stray := sorted(set(values) - set(names)):
        raise _unlike("every column of the audit is declared", f"values for {', '.join(stray)}", "Give it a row there.")
    return {name: values[name] for name in names}


def _unlike(rule: str, value: str, remedy: str = "") -> FormatError:
    return FormatError(rule, value, "the table in numeric/audit/columns.py", remedy)


#: What the flow leaves out of the network that the weights come from; said in every report.
DROPPED: tuple[tuple[str, str], ...] = (
    ("conv1d", "the short causal convolution before the scan mixes neighbouring tokens"),
    ("SiLU", f"what enters the scan is never below {TOKEN_LOW:.2f}, so that tokens of both signs are not alike"),
    ("SiLU gate", "the gated branch multiplies the output and can switch it off"),
    ("norms", "normalisation between layers rescales tokens, so none can really diverge"),
    ("D skip", "the direct path x_l' = x_l (F_l + D) adds a growth rate of its own"),
    ("in_proj and out_proj", "a channel of the scan is not a channel of the residual stream"),
    (
        "finite depth",
        "the network takes a few finite steps of depth-time with other weights at each, no flow to infinity",
    ),
)

#: How to read the report, for someone who has not read the theory.
READING: tuple[str, ...] = (
    "Each channel of each layer carries one system of tokens x_1..x_L on its axis that evolves in depth-time; "
    "it is an exact "
    "part of the pure S6 flow, and its fate is what the scenarios name.",
    "mu < 0: tokens tend to 0. mu > 0: they diverge, slowly (logarithmically) or in finite time, by the sign of s x; where the "
    "dichotomy can fail, a token behind another may tend to 0 instead. With biases in B and C mu speaks of the bilinear part alone.",
    "The raw fraction of mu < 0 misleads: unrelated columns of S_B and S_C give either sign about equally "
    "often, a direction "
    "that the columns share tilts it whichever columns are paired, and channels are not independent tosses of a "
    "coin. Read "
    "control_z: how far the real pairing lies from shuffled pairings, in their own spread.",
    "If S_B and S_C have 2N independent rows, the symmetric part of S_C^T S_B has N positive and N negative "
    "eigenvalues "
    "whatever was learned (Sylvester's law), so no unconstrained layer with 2N <= channels is definite, nor "
    "semidefinite.",
)
