"""Measurements in D dimensions: spectra of S_C^T S_B, trajectories of vector tokens, roots of K."""

from __future__ import annotations

import numpy as np

from s6flow.numeric.checks.shared import RTOL, STEPS, Array, Checkable, Data, Observed, moments, quantity
from s6flow.numeric.flow import LayerParameters, integrate
from s6flow.numeric.flow.coordinates import COORDINATES

__all__ = ["channel_shares", "roots", "spectra", "vector", "vector_tokens"]

#: |x^T M x| / (|M| |x|^2) at an output, below which token 1 rests on the cone to rounding: what moves it from there on is the
#: linear algebra that carries a stiff flow, by up to 2e-3 where |x| is 2e3.
AT_REST = 1e-10
#: Eigenvalues and singular values below this share of the largest one are zero: float64 computes them to 1e-15 of it, times a
#: modest power of the width, and matrices of random entries keep theirs far above.
ROUNDING = 1e-10


def forms(data: Data) -> Array:
    """S_C^T S_B, formed on purpose: a check compares with it."""
    return np.einsum("bnd,bne->bde", np.asarray(data["S_C"]), np.asarray(data["S_B"]))


def _bounds(M: Array) -> Observed:
    eigenvalues = np.linalg.eigvalsh((M + np.swapaxes(M, 1, 2)) / 2)
    small = ROUNDING * np.abs(eigenvalues).max(axis=1, keepdims=True)
    return {
        "eig_min": eigenvalues[:, :1],
        "eig_max": eigenvalues[:, -1:],
        "count_positive": (eigenvalues > small).sum(axis=1, keepdims=True).astype(float),
        "count_negative": (eigenvalues < -small).sum(axis=1, keepdims=True).astype(float),
    }


def _rank(M: Array) -> Array:
    singular = np.linalg.svd(M, compute_uv=False)
    return (singular > ROUNDING * singular[:, :1]).sum(axis=1, keepdims=True).astype(float)


def spectra(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Eigenvalues of the symmetric part, numerical rank, and power sums of the large and the small matrix."""
    M = forms(data)
    small = np.einsum("bnd,bmd->bnm", np.asarray(data["S_B"]), np.asarray(data["S_C"]))
    N = small.shape[1]
    large_power, small_power = np.eye(M.shape[1])[None], np.eye(N)[None]
    sums: dict[str, list[Array]] = {"spectrum": [], "small": [], "spectrum_size": []}
    for _ in range(N):
        large_power, small_power = large_power @ M, small_power @ small
        sums["spectrum"].append(np.trace(large_power, axis1=1, axis2=2))
        sums["small"].append(np.trace(small_power, axis1=1, axis2=2))
        sums["spectrum_size"].append(np.linalg.norm(large_power, axis=(1, 2)) * np.sqrt(M.shape[1]))
    return {
        **_bounds(M),
        "matrix_rank": _rank(M),
        "row_rank": _rank(np.concatenate([np.asarray(data["S_B"]), np.asarray(data["S_C"])], axis=1)),
        **{name: np.stack(values, axis=1)[:, None] for name, values in sums.items()},
    }


def vector(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Vector tokens of the pure S6 flow: norms, the form, and the angle to the start."""
    keys = ("S_B", "S_C", "S_dt_in", "S_dt_out", "a", "b", "beta_B", "beta_C", "floor")
    params = LayerParameters(**{key: data[key] for key in keys})
    x0 = np.asarray(data["x"])
    log_times = np.asarray(theorem.options["log_times"])
    steps = int(theorem.options.get("max_steps", STEPS))
    result = integrate(x0, params, log_times=log_times, rtol=RTOL, max_steps=steps, backend=integrator)
    M = forms(data)
    every = theorem.options.get("tokens") == "all"
    x = np.asarray(result.x.data)
    count = len(log_times)
    failed = ~result.ended_well
    flat = x.reshape(len(x), count, -1) if every else x[:, :, 0]
    start = x0.reshape(len(x0), -1) if every else x0[:, 0]
    norm_0, norm_t = np.linalg.norm(start, axis=1), np.linalg.norm(flat, axis=2)
    norm_t[failed] = np.nan
    first, first_t = x0[:, 0], np.where(failed[:, None, None], np.nan, x[:, :, 0])
    s_delta = np.einsum("bdr,bre->bde", np.asarray(data["S_dt_out"]), np.asarray(data["S_dt_in"]))
    b, floor = np.asarray(data["b"]), np.asarray(data["floor"])
    low = b - np.einsum("bde,be->bd", np.abs(s_delta), np.abs(first))  # no |x_d| exceeds its start while all fall
    step0 = np.logaddexp(0.0, b) + floor[:, None]
    with np.errstate(all="ignore"):
        form_t = np.einsum("btd,bde,bte->bt", first_t, M, first_t) / (first_t**2).sum(axis=2)
        lengths = np.linalg.norm(first, axis=1)[:, None] * np.linalg.norm(first_t, axis=2)
        cosine = np.einsum("bd,btd->bt", first, first_t) / lengths

    size = np.linalg.norm(M, 2, axis=(1, 2))
    judged = np.asarray(result.reached) | failed[:, None]
    if theorem.options.get("until_rest"):
        judged[:, 1:] &= ~(np.abs(form_t[:, :-1]) <= AT_REST * size[:, None])

    def steady(value: Array) -> Array:
        return np.repeat(value.reshape(len(x), 1), count, axis=1)

    two = M.shape[1] == 2
    return {
        "valid": judged,
        "t": np.broadcast_to(np.exp(log_times), norm_t.shape),
        **{name: np.repeat(value, count, axis=1) for name, value in _bounds(M).items()},
        "norm_0": steady(norm_0),
        "norm_t": norm_t,
        "norm_s": np.concatenate([norm_0[:, None], norm_t[:, :-1]], axis=1),
        "entry_t": first_t,
        "entry_s": np.concatenate([first[:, None], first_t[:, :-1]], axis=1),
        "form_norm": steady(size),
        "form_0": steady(np.einsum("bd,bde,be->b", first, M, first) / (first**2).sum(axis=1)),
        "form_t": form_t,
        "cosine": cosine,
        "step_least": steady(np.logaddexp(0.0, low).min(axis=1) + floor),
        "form_gap": steady(np.abs(M - np.diag([1.0, -1.0])).max(axis=(1, 2)) if two else np.full(len(x), 1.0)),
        "delta_first": steady(step0[:, 0]),
        "delta_second": steady(step0[:, min(1, step0.shape[1] - 1)]),
    }


def channel_shares(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Shares of the channels in token 1, their velocities under the layer's own scan, and the steps."""
    keys = ("S_B", "S_C", "S_dt_in", "S_dt_out", "a", "b", "beta_B", "beta_C", "floor")
    arrays = {key: np.asarray(data[key], dtype=np.float64) for key in keys}
    x = np.asarray(data["x"])[:, 0]
    v = np.arcsinh(x)
    velocity = COORDINATES["asinh-layer"].velocity(v, arrays)[0] * np.cosh(v)
    s_delta = np.einsum("bdr,bre->bde", arrays["S_dt_out"], arrays["S_dt_in"])
    drive = np.einsum("bde,be->bd", s_delta, x) + arrays["b"]
    step = np.logaddexp(0.0, drive) + arrays["floor"][:, None]
    step_rate = np.einsum("bde,be->bd", s_delta, velocity) * np.exp(-np.logaddexp(0.0, -drive))
    size = (x**2).sum(axis=1, keepdims=True)
    share = x**2 / size
    share_rate = 2 * (x * velocity - share * (x * velocity).sum(axis=1, keepdims=True)) / size
    M = forms(data)
    return {
        "sphere_rate": moments(velocity - x * (x * velocity).sum(axis=1, keepdims=True) / size),
        "share": moments(share),
        "share_rate": moments(share_rate),
        "step_of": moments(step),
        "mean_rate": moments((share_rate * step + share * step_rate).sum(axis=1)),
        "form_0": np.einsum("bd,bde,be->b", x, M, x)[:, None] / size,
        "norm_0": np.sqrt(size),
        "form_norm": np.linalg.norm(M, 2, axis=(1, 2))[:, None],
    }


def vector_tokens(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Every token's squared norm, and the smallest and largest step so far, on a fine grid of outputs."""
    keys = ("S_B", "S_C", "S_dt_in", "S_dt_out", "a", "b", "beta_B", "beta_C", "floor")
    params = LayerParameters(**{key: data[key] for key in keys})
    x0 = np.asarray(data["x"])
    first, last, outputs = theorem.options["log_times"]
    log_times = np.linspace(first, last, int(outputs))
    steps = int(theorem.options.get("max_steps", STEPS))
    result = integrate(x0, params, log_times=log_times, rtol=RTOL, max_steps=steps, backend=integrator)
    failed = ~result.ended_well
    x = np.concatenate([x0[:, None], np.asarray(result.x.data)], axis=1)
    s_delta = np.einsum("bdr,bre->bde", np.asarray(data["S_dt_out"]), np.asarray(data["S_dt_in"]))
    drive = np.einsum("bde,btle->btld", s_delta, x) + np.asarray(data["b"])[:, None, None, :]
    step = (np.logaddexp(0.0, drive) + np.asarray(data["floor"])[:, None, None, None]).reshape(*x.shape[:2], -1)
    squares = (x**2).sum(axis=3)
    squares[failed] = np.nan
    count = len(log_times)
    letters = {
        "eig_max": moments(_bounds(forms(data))["eig_max"][:, 0], count),
        "size_B": moments(np.linalg.norm(np.asarray(data["S_B"]), 2, axis=(1, 2)), count),
        "size_C": moments(np.linalg.norm(np.asarray(data["S_C"]), 2, axis=(1, 2)), count),
        "delta_low": np.minimum.accumulate(step.min(axis=2), axis=1)[:, 1:],
        "delta_high": np.maximum.accumulate(step.max(axis=2), axis=1)[:, 1:],
    }
    before = np.zeros((len(x), count, x.shape[2]))
    for token in range(1, x.shape[2]):
        earlier = {"square": moments(squares[:, 0, token - 1], count), "before": before[:, :, token - 1]}
        before[:, :, token] = before[:, :, token - 1] + quantity("all_tokens_constant", **earlier, **letters)
    return {
        **letters,
        "valid": np.asarray(result.reached) | failed[:, None],
        "t": np.broadcast_to(np.exp(log_times), (len(x), count)),
        "square_0": moments(squares[:, 0], count),
        "square_t": squares[:, 1:],
        "constants_before": before,
    }


def roots(theorem: Checkable, data: Data, integrator: str) -> Observed:
    """Certified number of roots of K, and the sign changes that bound it."""
    from s6flow.numeric.criteria.certify import certify_K

    letters = ("mu", "a", "s", "b", "floor")
    certificates = [certify_K(*(np.asarray(data[key])[index] for key in letters)) for index in range(len(data["s"]))]
    count = [float(len(c.roots)) if c.complete else np.nan for c in certificates]
    changes = [float(c.descartes) for c in certificates]
    return {"root_count": np.array(count)[:, None], "sign_changes": np.array(changes)[:, None]}
