"""What a conclusion may speak of besides the letters of the flow: observables, each a row of one table.

A letter is given, an observable is measured (on a trajectory, near a blow-up, on a spectrum). The numeric side has
one measurement a name in `Theorem.measurement`; it returns arrays for the names listed here.

One long file: a table with a row for each observable.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from s6flow.symbolic import criteria as cr
from s6flow.symbolic import notation as nt
from s6flow.symbolic.attention import attention_expression, unroll
from s6flow.symbolic.derivation.latex import NAMES
from s6flow.symbolic.ends import ENDS, End
from s6flow.symbolic.layer import ScanCell, axis_cell, flow_cell
from s6flow.symbolic.notation import Notation

__all__ = [
    "LETTERS",
    "OBSERVABLES",
    "SPOKEN",
    "StatementPrinter",
    "attention",
    "conclusion_latex",
    "decay",
    "decay_constant",
    "growth",
    "sharp",
    "unrolled",
    "velocity",
]

#: A sharp constant of a conclusion, as a factor: 1 as stated; negative controls tighten it by one per cent.
sharp = sp.Symbol("sharp", positive=True)
decay = sp.Symbol("decay", positive=True)
log_t = sp.Symbol("log_t", real=True)
token_m = sp.Symbol("m", integer=True, positive=True)
eps = sp.Symbol("eps", positive=True)
d_skip = sp.Symbol("d_skip", real=True)
low, high = sp.symbols("low high", real=True)
x_first, x_second = sp.symbols("x_first x_second", real=True)
y, y0, r = cr.y, cr.y0, cr.r

row = sp.IndexedBase("row", real=True)
bias = sp.Symbol("bias", real=True)
x_copy = sp.IndexedBase("x_copy", real=True)
x_t = sp.IndexedBase("x_t", real=True)
x_s = sp.IndexedBase("x_s", real=True)
u_t = sp.IndexedBase("u_t", real=True)
u_s = sp.IndexedBase("u_s", real=True)
gap = sp.IndexedBase("gap", real=True)
kappa = sp.IndexedBase("kappa", real=True)
weight = sp.IndexedBase("weight", real=True)
fate = sp.IndexedBase("fate", real=True)
ratio = sp.IndexedBase("ratio", positive=True)
ratio_limit = sp.IndexedBase("ratio_limit", positive=True)
ratio_before = sp.IndexedBase("ratio_before", positive=True)
slope_of = sp.IndexedBase("slope_of", real=True)
gate_slope = sp.IndexedBase("gate_slope", real=True)
fast_tokens, rate_first, log_step, form_gap, delta_first, delta_second = sp.symbols(
    "fast_tokens rate_first log_step form_gap delta_first delta_second", real=True
)
kappa_gap = sp.IndexedBase("kappa_gap", real=True)
spectrum_size = sp.IndexedBase("spectrum_size", real=True)
on_axis = sp.IndexedBase("on_axis", real=True)
log_P = sp.IndexedBase("log_P", real=True)
P_to = sp.IndexedBase("P_to", real=True)
t_P = sp.IndexedBase("t_P", real=True)
gap_m, x_m = sp.symbols("gap_m x_m", real=True)
zeta_t, zeta_0 = sp.symbols("zeta_t zeta_0", positive=True)
slow_constant, blow_token, log_remaining = sp.symbols("slow_constant blow_token log_remaining", real=True)
T, T_first, T_prefix = sp.symbols("T T_first T_prefix", positive=True)
log_T, threshold, ratio_near = sp.symbols("log_T threshold ratio_near", real=True)
remaining = sp.Symbol("remaining", positive=True)
carried_sign = sp.Symbol("carried_sign", real=True)
limit_value, root_count, sign_changes = sp.symbols("limit_value root_count sign_changes", real=True)
error_h, error_half = sp.symbols("error_h error_half", nonnegative=True)
eig_min, eig_max, count_positive, count_negative, matrix_rank, row_rank = sp.symbols(
    "eig_min eig_max count_positive count_negative matrix_rank row_rank", real=True
)
norm_0, norm_t, norm_s, norm_gain, form_0, form_t, cosine, delta_low, step_least = sp.symbols(
    "norm_0 norm_t norm_s norm_gain form_0 form_t cosine delta_low step_least", real=True
)
y_t = sp.Symbol("y_t", real=True)
entry_t, entry_s = sp.IndexedBase("entry_t", real=True), sp.IndexedBase("entry_s", real=True)
share, share_rate, step_of = (sp.IndexedBase(name, real=True) for name in ("share", "share_rate", "step_of"))
mean_rate, form_norm = sp.symbols("mean_rate form_norm", real=True)
delta_high, size_B, size_C = sp.symbols("delta_high size_B size_C", real=True)
square_0 = sp.IndexedBase("square_0", real=True)
square_t = sp.IndexedBase("square_t", real=True)
constants_before = sp.IndexedBase("constants_before", real=True)
spectrum = sp.IndexedBase("spectrum", real=True)
small = sp.IndexedBase("small", real=True)
bits_lost, bits_moved, h_rounded, update = sp.symbols("bits_lost bits_moved h_rounded update", real=True)
stream_t = sp.IndexedBase("stream_t", real=True)
turned, swing_t, product_t, product_s, mean_t, mean_s, uneven, falling = sp.symbols(
    "turned swing_t product_t product_s mean_t mean_s uneven falling", real=True
)
sphere_rate, sink_slope, sink_of = (
    sp.IndexedBase(name, real=True) for name in ("sphere_rate", "sink_slope", "sink_of")
)
turn, pull, off_axis, near = sp.symbols("turn pull off_axis near", real=True)
trace_term = sp.IndexedBase("trace_term", real=True)
mean_term = sp.IndexedBase("mean_term", real=True)
own_form, own_pull, own_step, own_0, own_t, own_gain, log_own_t, lead = sp.symbols(
    "own_form own_pull own_step own_0 own_t own_gain log_own_t lead", real=True
)
form_size, column_size, bias_size = sp.symbols("form_size column_size bias_size", real=True)
excess_0, excess_t, step_gap = sp.symbols("excess_0 excess_t step_gap", real=True)
along, first_zero, zero_count, coefficient_changes = sp.symbols(
    "along first_zero zero_count coefficient_changes", real=True
)
entry_0, log_entry_t, log_entry_s, step_zero = (
    sp.IndexedBase(name, real=True) for name in ("entry_0", "log_entry_t", "log_entry_s", "step_zero")
)


def _rows(*rows: tuple[Any, ...]) -> dict[str, Notation]:
    return {row[0]: Notation(*row) for row in rows}


#: Letters of statements beyond `notation.NOTATION`; given, not measured.
LETTERS: dict[str, Notation] = {
    **nt.NOTATION,
    **_rows(
        ("decay", "a", (), "positive", "the decay rate that all states share"),
        ("m", "m", (), "natural", "number of a token"),
        ("y", "y", (), "real", "value of one token"),
        ("y0", "y_0", (), "real", "initial value of one token"),
        ("r", "r", (), "positive", "absolute value of one token"),
        ("eps", r"\epsilon", (), "positive", "relative size of a perturbation or step"),
        ("d_skip", "d", (), "real", "weight of the D skip"),
        ("low", "p", (), "real", "the end near zero of an interval of token values"),
        ("high", "u", (), "real", "the far end of an interval of token values"),
        ("x_copy", r"\tilde x_{{{0}}}", ("token",), "real", "tokens of a second system"),
        ("row", r"\rho_{{{0}}}", ("rank",), "real", "the row of the step projection that all channels share"),
        ("bias", "b", (), "real", "the step bias that all channels share"),
        ("on_axis", r"\iota_{{{0}}}", ("channel",), "0 or 1", "1 on the channel of the axis, 0 on the others"),
        ("Delta", r"\Delta_{{{0}}}", ("token",), "positive", "step of each token, of any kind"),
        ("v", "v_{{{0}}}", ("token",), "real", "what each token writes, B_l u_l"),
        ("v_copy", r"\tilde v_{{{0}}}", ("token",), "real", "what the tokens of a second input write"),
        ("v_max", "V", (), "positive", "largest |v_l|"),
        ("delta_max", r"\overline\Delta", (), "positive", "largest step"),
        ("width", r"\Delta", (), "positive", "one step"),
        ("age", "k", (), "positive", "tokens since something was written"),
        ("bits", "p", (), "natural", "bits of a number, the leading one among them"),
        ("h_state", "h", (), "real", "a state before it is rounded"),
        ("update", "u", (), "real", "what is added to a state"),
        ("x_max", "U_{{{0}}}", ("channel",), "positive", "largest absolute input of each channel"),
        ("skip", "D_{{{0}}}", ("channel",), "real", "weight of the D skip of each channel"),
        ("gain", r"\gamma_{{{0}}}", ("channel",), "real", "gain of the norm in front of the layer"),
        ("norm_floor", r"\epsilon_{\mathrm n}", (), "nonnegative", "what the norm adds to the mean square"),
        ("radius", "c", (), "positive", "size of a normalised token on the channel axis, sqrt(D) gamma_d"),
        ("ball", r"\varrho", (), "positive", "radius sqrt(D eps_n) of the ball in which the norm's floor counts"),
        ("turn", "k", (), "real", "how strongly a channel's step is moved by its two neighbours in the cycle"),
        ("pull", r"\kappa", (), "real", "how strongly a channel lowers its own step"),
    ),
}

#: Words of `ends.ENDS` for one token.
_FATES = "; ".join(
    f"{ENDS[end].word}: {ENDS[end].token}" for end in (End.CONVERGENT, End.STATIONARY, End.SLOW, End.FAST)
)

#: Letters that sentences and formulas use beside those of a statement's arrays: where they stand (a pattern), how they are
#: typeset, and what they mean.
SPOKEN: dict[str, tuple[str, Notation]] = {
    name: (sign, Notation(name, latex, (), domain, meaning))
    for name, sign, latex, domain, meaning in (
        (
            "Delta(x)",
            r"(?<![\\\w])Delta\([x0v]\w*\)",
            r"\Delta(x)",
            "positive",
            "step of a token x: softplus(s x + b) + eps",
        ),
        ("delta_0", r"(?<![\w])\\?delta_0\b", r"\delta_0", "positive", "step at zero, Delta(0)"),
        (
            "mu_sum",
            r"(?<![\\\w])mu(?![\w])",
            r"\mu",
            "real",
            "sum of the mu_n; of a layer on an axis mu_n is S_C,n S_B,n",
        ),
        ("nu", r"(?<![\\\w])nu\b", r"\nu", "real", "sum over the states of S_C,n beta_B,n + S_B,n beta_C,n"),
        ("lambda", r"(?<![\\\w])lambda(?![\w])", r"\lambda", "real", "sum over the states of beta_C,n beta_B,n"),
        ("p(x)", r"(?<!\w)p\(x\)", "p(x)", "real", "C.B of a token x alone: mu x^2 + nu x + lambda"),
        (
            "K",
            r"(?<![\\\w])K(?![\w^])",
            "K(x)",
            "real",
            "share of the growth before it that a token x inherits: sum_n mu_n e^(-a_n Delta(x)) / mu",
        ),
        ("M", r"(?<![\\\w])M(?![A-Za-z0-9])", "M", "real", "the matrix S_C^T S_B of the quadratic form x^T M x"),
        ("Q", r"(?<![\\\w])Q(?!\w)", "Q", "real", "the quadratic form x^T M x of token 1"),
        ("F_l", r"(?<![\\\w])F_(?:l|\{)", "F_l", "real", "growth rate of token l: x_l' = x_l F_l"),
        (
            "scan",
            r"operatorname\{scan\}",
            r"\operatorname{scan}(g,u)_l",
            "real",
            "f_l of f_l = g_l f_(l-1) + u_l with f_0 = 0",
        ),
        ("before_l", r"l\}?\^-", "l^-", "natural", "the last nonzero token before token l"),
        ("half_life", r"H the half-life", "H", "positive", "tokens after which a state has lost half, ln 2/(a Delta)"),
    )
}

#: What is measured.
OBSERVABLES: dict[str, Notation] = _rows(
    ("x_t", "x_{{{0}}}(t)", ("token",), "real", "token at depth-time t"),
    ("x_s", "x_{{{0}}}(t')", ("token",), "real", "token at an earlier depth-time t' < t"),
    ("x_first", "x_1(0)", (), "real", "token 1 at the start"),
    ("x_second", "x_2(0)", (), "real", "token 2 at the start"),
    ("u_t", r"\ln|x_{{{0}}}(t)|", ("token",), "real", "log of a token at depth-time t"),
    ("u_s", r"\ln|x_{{{0}}}(t')|", ("token",), "real", "log of a token at an earlier depth-time"),
    ("log_t", r"\ln t", (), "real", "log of the depth-time"),
    ("P_to", "P_{{{0},m}}(t)", ("token",), "real", "hidden attention from a token to token m at depth-time t"),
    ("t_P", "t P_{{{0},m}}(t)", ("token",), "real", "that attention times the depth-time"),
    ("log_P", r"\ln|P_{{{0},m}}(t)|", ("token",), "real", "log of that attention"),
    ("gap_m", "g_m", (), "positive", "distance of token m to the last nonzero token before; infinite if there is none"),
    ("x_m", "x_m(0)", (), "real", "token m at the start"),
    (
        "gap",
        "g_{{{0}}}",
        ("token",),
        "positive",
        "distance to the last nonzero token before; infinite if there is none",
    ),
    ("weight", "w_{{{0}}}", ("token",), "nonnegative", "product of gates of the zero tokens between"),
    ("kappa", r"\kappa_{{{0}}}", ("token",), "real", "carried share of docs/theory, section 8"),
    ("fate", r"\operatorname{{fate}}_{{{0}}}", ("token",), "code", _FATES),
    ("ratio", r"\frac{{x_{{{0}}}(t)}}{{x_1(t)}}", ("token",), "positive", "x_l / x_1 at depth-time t"),
    ("ratio_limit", "R_{{{0}}}", ("token",), "positive", "the limit of x_l / x_1"),
    ("ratio_before", r"\frac{{x_{{{0}}}(t')}}{{x_1(t')}}", ("token",), "positive", "x_l / x_1 at the output before"),
    (
        "slope_of",
        r"\frac{{d\ln|x_{{{0}}}|}}{{d\ln|x_{{{0}^-}}|}}",
        ("token",),
        "real",
        "relative growth of a token and its predecessor",
    ),
    (
        "gate_slope",
        r"\frac{{dG(|x_{{{0}}}|)}}{{d\ln|x_{{{0}^-}}|}}",
        ("token",),
        "real",
        "growth of G(r) = int^r e^(a Delta(v)) dv/v",
    ),
    ("zeta_0", r"\zeta(0)", (), "positive", "inverse square of token 1 at the start"),
    ("zeta_t", r"\zeta(t)", (), "positive", "inverse square of token 1 at depth-time t"),
    ("slow_constant", "C", (), "real", "largest ln|s x_l| - l ln ln t at an early output"),
    (
        "fast_tokens",
        r"\#\{l: s x_l(0) \ge 0 \ne x_l(0)\}",
        (),
        "natural",
        "number of nonzero tokens with s x_l(0) >= 0",
    ),
    ("rate_first", "F_1", (), "real", "growth rate of token 1"),
    ("log_step", r"\ln(t/t')", (), "positive", "log of the ratio of two outputs' times"),
    (
        "kappa_gap",
        r"\min_{{j\le {0}}}|\kappa_j-1|",
        ("token",),
        "nonnegative",
        "distance of the shares from the critical one",
    ),
    ("form_gap", r"\|S_C^\top S_B-\mathrm{diag}(1,-1)\|", (), "nonnegative", "distance of the form from diag(1, -1)"),
    ("delta_first", r"\delta_1", (), "positive", "constant step of channel 1"),
    ("delta_second", r"\delta_2", (), "positive", "constant step of channel 2"),
    ("spectrum_size", r"\|M^{{{0}}}\|", ("state",), "nonnegative", "size of the power whose trace is compared"),
    ("blow_token", "m", (), "natural", "first token that diverges at T"),
    ("log_remaining", r"\ln(T-t)", (), "real", "log of the time left before blow-up"),
    ("T", "T", (), "positive", "end of the maximal solution: the blow-up time, infinite if there is none"),
    ("T_first", r"\tau_1", (), "positive", "blow-up time of token 1 alone, an integral"),
    (
        "T_prefix",
        r"T_m",
        (),
        "positive",
        "end of the maximal solution of tokens 1 to m alone, infinite if there is none",
    ),
    ("log_T", r"\ln T", (), "real", "log of the blow-up time; the horizon's where nothing blew up before it"),
    ("threshold", "c", (), "positive", "size of token 2 at the start that parts the two orders of blow-up"),
    ("ratio_near", r"x_2/x_1|_c", (), "real", "x_2/x_1 on the threshold, while a ten-thousandth of T is left"),
    ("remaining", "(T-t)", (), "positive", "depth-time left before the blow-up"),
    ("limit_value", r"x_{m+1}(T)", (), "real", "value of the token behind the one that blows up"),
    (
        "carried_sign",
        r"\operatorname{sign}(\min_{\text{reach}}\mu K)",
        (),
        "sign",
        "least sign of mu K over the steps in reach: from Delta(0) on, from the floor on if some s x_l(0) < 0, l >= 2",
    ),
    ("root_count", r"\#\{K=0\}", (), "natural", "number of roots of K"),
    ("sign_changes", r"V(\mu)", (), "natural", "sign changes of mu_n in the order of a_n"),
    (
        "error_h",
        "E(h)",
        (),
        "nonnegative",
        "distance of the residual stack from the flow, at a depth-time before the flow's end",
    ),
    ("error_half", "E(h/2)", (), "nonnegative", "the same with half the step"),
    ("eig_min", r"\lambda_{\min}", (), "real", "smallest eigenvalue of sym(S_C^T S_B)"),
    ("eig_max", r"\lambda_{\max}", (), "real", "largest eigenvalue of sym(S_C^T S_B)"),
    ("count_positive", "n_+", (), "natural", "number of positive eigenvalues of sym(S_C^T S_B)"),
    ("count_negative", "n_-", (), "natural", "number of negative eigenvalues of sym(S_C^T S_B)"),
    ("matrix_rank", r"\operatorname{rank}", (), "natural", "rank of S_C^T S_B"),
    ("row_rank", r"\operatorname{rank}[S_B; S_C]", (), "natural", "rank of the rows of S_B and S_C together"),
    (
        "spectrum",
        r"\operatorname{{tr}}((S_C^\top S_B)^{{{0}}})",
        ("state",),
        "real",
        "traces of the large matrix's powers",
    ),
    (
        "small",
        r"\operatorname{{tr}}((S_B S_C^\top)^{{{0}}})",
        ("state",),
        "real",
        "traces of the small matrix's powers",
    ),
    ("norm_0", r"\|x(0)\|", (), "nonnegative", "norm of token 1 at the start"),
    ("norm_t", r"\|x(t)\|", (), "nonnegative", "norm of token 1 at depth-time t"),
    ("norm_s", r"\|x(t')\|", (), "nonnegative", "norm of token 1 at an earlier depth-time"),
    ("norm_gain", r"\ln\|x(t)\|/\|x(0)\|", (), "real", "log of what the norm of token 1 grew by since the start"),
    (
        "form_0",
        r"\hat x(0)^\top M \hat x(0)",
        (),
        "real",
        "quadratic form of the direction x/|x| of token 1 at the start",
    ),
    (
        "form_t",
        r"\hat x(t)^\top M \hat x(t)",
        (),
        "real",
        "quadratic form of the direction x/|x| of token 1 at depth-time t",
    ),
    ("cosine", r"\cos(x(0),x(t))", (), "real", "cosine between token 1 and its start"),
    ("delta_low", r"\underline\Delta", (), "positive", "smallest step of any token and channel up to depth-time t"),
    (
        "step_least",
        r"\Delta_{\min}",
        (),
        "positive",
        "min_d softplus(b_d - sum_e |S_Delta,de x_e(0)|) + eps: no step is smaller while no |x_e| exceeds its start",
    ),
    ("delta_high", r"\overline\Delta", (), "positive", "largest step of any token and channel up to depth-time t"),
    ("size_B", r"\|S_B\|", (), "nonnegative", "largest singular value of S_B"),
    ("size_C", r"\|S_C\|", (), "nonnegative", "largest singular value of S_C"),
    ("square_0", r"\|x_{{{0}}}(0)\|^2", ("token",), "nonnegative", "squared norm of a vector token at the start"),
    ("square_t", r"\|x_{{{0}}}(t)\|^2", ("token",), "nonnegative", "squared norm of a vector token at depth-time t"),
    ("constants_before", r"\sum_{{j<{0}}}K_j", ("token",), "nonnegative", "sum of the constants of the tokens before"),
    ("entry_t", "x_{{{0}}}(t)", ("channel",), "real", "entry of token 1 at depth-time t"),
    ("entry_s", "x_{{{0}}}(t')", ("channel",), "real", "entry of token 1 at an earlier depth-time"),
    ("form_norm", r"\|M\|", (), "nonnegative", "largest singular value of S_C^T S_B"),
    ("share", "p_{{{0}}}", ("channel",), "nonnegative", "share x_d^2/|x|^2 of a channel in token 1"),
    ("share_rate", "p_{{{0}}}'", ("channel",), "real", "velocity of that share under the layer"),
    ("step_of", r"\Delta_{{{0}}}", ("channel",), "positive", "step of a channel at token 1"),
    ("mean_rate", r"(\sum_d p_d \Delta_d)'", (), "real", "velocity of the mean step under the layer"),
    ("y_t", "y(t)", (), "real", "value of one token at depth-time t"),
    (
        "bits_lost",
        r"2^p\,(1 - \operatorname{rd}(e^{-a\Delta}))",
        (),
        "nonnegative",
        "last bits that a rounded gate is below 1",
    ),
    ("h_rounded", r"\operatorname{rd}(h)", (), "real", "the state, rounded to p bits"),
    (
        "bits_moved",
        r"2^p\,|\operatorname{rd}(\operatorname{rd}(h) + u) - \operatorname{rd}(h)|/|\operatorname{rd}(h)|",
        (),
        "nonnegative",
        "last bits by which an update moves a rounded state",
    ),
    (
        "stream_t",
        "x_{{{0},{1}}}(t)",
        ("token", "channel"),
        "real",
        "entry of a token in the residual stream at depth-time t",
    ),
    ("turned", r"\angle(x(t_1),x(t_2))", (), "nonnegative", "angle by which the token's direction has turned"),
    ("start", "r_0", (), "positive", "|x(t)| is at least r_0 + w t"),
    ("slope", "w", (), "positive", "|x(t)| is at least r_0 + w t"),
    ("turn_max", "U", (), "positive", "largest velocity orthogonal to the token"),
    ("earlier", "t_1", (), "nonnegative", "the earlier depth-time"),
    ("later", "t_2", (), "positive", "the later depth-time"),
    (
        "sphere_rate",
        "x_{{{0}}}'",
        ("channel",),
        "real",
        "velocity of token 1 on the sphere: the layer's output, projected",
    ),
    (
        "sink_slope",
        r"\frac{{\ln p_{{{0}}}}}{{t}}",
        ("channel",),
        "real",
        "rate of a channel's share",
    ),
    (
        "sink_of",
        r"\lambda_{{{0}}}",
        ("channel",),
        "real",
        "2 |x(0)|^2 M_11 (Delta_d - Delta_1) on axis 1; 0 for axis 1 itself",
    ),
    ("mean_t", r"\overline\Delta(t)", (), "positive", "mean step of token 1, weighted by its shares, at depth-time t"),
    ("mean_s", r"\overline\Delta(t')", (), "positive", "the same at an earlier depth-time"),
    ("falling", r"\#\{d: \lambda_d < 0\}", (), "natural", "number of channels whose share falls near axis 1"),
    (
        "off_axis",
        r"\max_{d\ne1}|x_d(0)|",
        (),
        "nonnegative",
        "largest entry of token 1 at the start on other channels than that of axis 1",
    ),
    (
        "near",
        r"\varrho",
        (),
        "positive",
        "some number that the layer and |x(0)| give: how far from axis 1 its sink reaches",
    ),
    ("uneven", r"|x(0)/|x(0)| - (1,1,1)/\sqrt3|", (), "nonnegative", "distance of token 1 from the octant's centre"),
    (
        "swing_t",
        r"\sup_{u,v\ge t}\max_d|x_d(u)-x_d(v)|",
        (),
        "nonnegative",
        "largest change of an entry from depth-time t on",
    ),
    (
        "product_t",
        "W(t)",
        (),
        "positive",
        "product of the shares x_d/(x_1 + x_2 + x_3) of token 1's entries at depth-time t",
    ),
    ("product_s", "W(t')", (), "positive", "the same at an earlier depth-time"),
    ("trace_term", r"\operatorname{{tr}}(M\Sigma)_{{{0}}}", ("token",), "real", "tr(M Sigma) of the tokens up to here"),
    ("mean_term", r"(m^\top M m)_{{{0}}}", ("token",), "real", "m^T M m of the tokens up to here"),
    ("own_form", "M_{cc}", (), "real", "entry of S_C^T S_B on the channel c"),
    ("own_step", r"\Delta_c(0)", (), "positive", "step of the channel c at zero"),
    ("step_zero", r"\Delta_{{{0}}}(0)", ("channel",), "positive", "step of a channel at zero"),
    (
        "step_gap",
        r"\min_{d\ne c,\,x_d(0)\ne0}\Delta_d(0)-\Delta_c(0)",
        (),
        "real",
        "how far the smallest step at zero, that of channel c, lies below the next, among the channels with x_d(0) != 0",
    ),
    ("own_0", "|x_c(0)|", (), "nonnegative", "absolute entry of token 1 on channel c at the start"),
    ("own_t", "|x_c(t)|", (), "nonnegative", "absolute entry of token 1 on channel c at depth-time t"),
    ("log_own_t", r"\ln|x_c(t)|", (), "real", "log of the absolute entry of token 1 on channel c at depth-time t"),
    (
        "own_gain",
        r"\ln|x_c(t)/x_c(t')|",
        (),
        "real",
        "log of what the entry on channel c grew by since an earlier depth-time",
    ),
    ("entry_0", "x_{{{0}}}(0)", ("channel",), "real", "entry of token 1 at the start"),
    ("log_entry_t", r"\ln|x_{{{0}}}(t)|", ("channel",), "real", "log of an entry of token 1 at depth-time t"),
    ("log_entry_s", r"\ln|x_{{{0}}}(t')|", ("channel",), "real", "log of an entry of token 1 at an earlier depth-time"),
    ("own_pull", r"\sigma_{cc}", (), "real", "S_Delta[c, c] times the sign of x_c(0)"),
    (
        "lead",
        r"\gamma",
        (),
        "real",
        "how far S_Delta[c, c] sign x_c(0) exceeds the other entries S_Delta[d, c] sign x_c(0), and zero where it is positive; -1 where it is not and the step has a floor",
    ),
    ("form_size", r"\sum|M_{de}|", (), "nonnegative", "sum of the absolute entries of S_C^T S_B"),
    ("column_size", r"\sum|S_{\Delta,de}|", (), "nonnegative", "sum of the absolute entries of S_Delta"),
    ("bias_size", r"\sum|b_d|", (), "nonnegative", "sum of the absolute step biases"),
    ("excess_0", r"\eta(0)", (), "nonnegative", "|x|^2/x_c^2 - 1 of token 1 at the start"),
    ("excess_t", r"\eta(t)", (), "nonnegative", "|x|^2/x_c^2 - 1 of token 1 at depth-time t"),
    ("along", r"\varsigma(t)", (), "real", "ln|x_d(t)/x_d(0)|/Delta_d: how far token 1 has come on its orbit"),
    (
        "first_zero",
        r"\varsigma_*",
        (),
        "real",
        "the first zero of the form on the orbit, forwards where it is positive at the start, backwards where negative; "
        "infinite if there is none, 0 where the form is zero at the start",
    ),
    ("zero_count", r"\#\{g=0\}", (), "natural", "number of zeros of g, the form along the orbit"),
    (
        "coefficient_changes",
        "V(g)",
        (),
        "natural",
        "sign changes of the coefficients of g, the form along the orbit, in the order of their exponents",
    ),
    (
        "sharp",
        r"\chi",
        (),
        "positive",
        "factor of a sharp constant: 1 in the statement, moved by one per cent in controls",
    ),
)


def growth(base: sp.IndexedBase = nt.x0) -> sp.Expr:
    """F_l of the tokens `base`, by the linear recursion."""
    return _in(flow_cell().formula, base)


def _in(expression: sp.Expr, base: sp.IndexedBase) -> sp.Expr:
    return expression.replace(lambda e: isinstance(e, sp.Indexed) and e.base == nt.x, lambda e: base[e.indices])


def velocity(base: sp.IndexedBase = nt.x0) -> sp.Expr:
    """x_l' on a channel axis with projection biases, at the tokens `base`."""
    return _in(axis_cell().formula, base)


def unrolled(cell: ScanCell, base: sp.IndexedBase = nt.x) -> sp.Expr:
    """sum_n readout_l sum_{j <= l} (prod_{k=j+1}^{l} gate_k) increment_j: what the recurrence unrolls to."""
    front, term = unroll(cell).as_independent(nt.j, as_Add=False)
    return _in(sp.Sum(front * sp.Sum(term, (nt.j, 1, nt.l)), (nt.n, 1, nt.N)), base)


def magnitude(cell: ScanCell, base: sp.IndexedBase = nt.x) -> sp.Expr:
    """The sum of the absolute values of the unrolled terms: the scale against which an identity's error is seen."""
    front, term = unroll(cell).as_independent(nt.j, as_Add=False)
    return _in(sp.Sum(sp.Abs(front) * sp.Sum(sp.Abs(term), (nt.j, 1, nt.l)), (nt.n, 1, nt.N)), base)


def attention(base: sp.IndexedBase = nt.x0) -> sp.Expr:
    """P_{lj} of the 1-D flow at the tokens `base`."""
    return _in(attention_expression(), base)


def decay_constant() -> sp.Expr:
    """c_l of theory 5 with the distance to the last nonzero token in place of a letter."""
    return cr.decay_constant_single().subs(cr.gap, gap[nt.l])


class StatementPrinter(LatexPrinter):  # type: ignore[misc]
    """LaTeX of statements in the letters of docs/theory, observables by their own LaTeX."""

    def _print_Indexed(self, e: sp.Indexed) -> str:
        name = str(e.base.label)
        indices = [self._print(index) for index in e.indices]
        known = OBSERVABLES.get(name) or LETTERS.get(name)
        if known and "{0}" in known.latex:
            return known.latex.format(*indices)
        if name == "x0":
            return f"x_{{{indices[0]}}}(0)"
        inner = ",".join(indices)
        if "_" in name:  # S_B[n] -> S_{B,n}
            stem, rest = name.split("_", 1)
            if len(rest) > 1:
                return (
                    f"{{{NAMES[name]}}}_{{{inner}}}"
                    if name in NAMES
                    else rf"{stem}_{{\mathrm{{{rest.replace('_', ' ')}}},{inner}}}"
                )
            inner = f"{rest},{inner}"
            return f"{sp.latex(sp.Symbol(stem))}_{{{inner}}}"
        return f"{self._print(e.base.label)}_{{{inner}}}"

    def _print_Symbol(self, e: sp.Symbol, style: str = "plain") -> str:
        known = OBSERVABLES.get(e.name) or (LETTERS.get(e.name) if e.name not in ("x", "mu", "a") else None)
        if known and "{0}" not in known.latex:
            return known.latex
        return NAMES.get(e.name) or super()._print_Symbol(e, style)

    def _print_Pow(self, e: sp.Pow) -> str:
        r"""A power of a letter that is typeset in several parts has them in brackets: (\ln t)^l."""
        if isinstance(e.base, sp.Symbol) and not e.exp.is_number and " " in (base := self._print(e.base)):
            return rf"\left({base}\right)^{{{self._print(e.exp)}}}"
        return str(super()._print_Pow(e))

    def _print_Equality(self, e: sp.Equality) -> str:
        """The fate of a token by its word."""
        if isinstance(e.lhs, sp.Indexed) and str(e.lhs.base.label) == "fate" and e.rhs.is_Integer:
            return rf"{self._print(e.lhs)} = \text{{{ENDS[End(int(e.rhs))].word}}}"
        return str(super()._print_Relational(e))

    def _print_StrictLessThan(self, e: sp.StrictLessThan) -> str:
        """A limit below infinity is a bound: no claim that the limit exists."""
        if isinstance(e.lhs, sp.Limit) and e.rhs is sp.oo:
            return self._print(e.lhs).replace(r"\lim_", r"\limsup_", 1) + r" < \infty"
        return str(super()._print_Relational(e))

    def _print_Implies(self, e: sp.Basic, altchar: str | None = None) -> str:
        return rf"{self._print(e.args[0])} \;\Rightarrow\; {self._print(e.args[1])}"


def conclusion_latex(expression: sp.Basic) -> str:
    """LaTeX of a statement in the letters of docs/theory."""
    return str(StatementPrinter({"mul_symbol": None, "ln_notation": True}).doprint(expression))
