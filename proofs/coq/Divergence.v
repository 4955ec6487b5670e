(** A token that grows at least at its own rate, mu x^2 Delta(x): so does every one where all mu_n >= 0.

    Proves divergence-monotone. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs.
Open Scope R_scope.

Section Increase.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Hypothesis HF : forall t, 0 <= t -> Rbar_lt t T -> M * x l t ^ 2 * D (x l t) <= F (fun k => x k t) l.
Hypothesis HM : 0 < M.
Hypothesis Hs : solution N a mu s b eps L T x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Nz : x l 0 <> 0.

Lemma grower_increasing u v : 0 <= u -> u < v -> Rbar_lt v T -> Rabs (x l u) < Rabs (x l v).
Proof.
  intros Hu Huv HvT. apply Rabs_lt_of_sq.
  apply (strict_incr_on T _ _ u v (evolves_sq T _ _ (solution_evolves N a mu s b eps L T x l Hs Hl)) Hu Huv HvT).
  intros t Ht.
  assert (HtT : Rbar_lt t T) by (apply Rbar_lt_lt with v; [lra|exact HvT]).
  pose proof (HF t ltac:(lra) HtT) as Own.
  assert (P : 0 < x l t ^ 2)
    by (apply pow2_gt_0, (token_nonzero N a mu s b eps L T x l Hs Hl Nz); [lra|exact HtT]).
  pose proof (Delta_pos s b eps (x l t)).
  assert (0 < M * x l t ^ 2 * D (x l t)) by pos.
  replace (2 * x l t * (x l t * F (fun k => x k t) l))
     with (2 * (x l t ^ 2 * F (fun k => x k t) l)) by ring.
  apply Rmult_lt_0_compat; [lra|]. apply Rmult_lt_0_compat; lra.
Qed.

Lemma grower_nondecreasing u v : 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l u) <= Rabs (x l v).
Proof.
  intros Hu Huv HvT. destruct (Rle_lt_or_eq_dec _ _ Huv) as [H|H].
  - left. now apply grower_increasing.
  - subst. lra.
Qed.

(** The time that a token can spend in [-c,c] is bounded; true on any interval of existence. *)
Lemma exit_time c t : 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= c ->
  2 * M * x l 0 ^ 4 * (softplus (b - Rabs s * c) + eps) * t <= c ^ 2 - x l 0 ^ 2.
Proof.
  intros Ht HT Hc. set (m := (softplus (b - Rabs s * c) + eps)).
  assert (Hmm : 0 < m) by apply step_pos.
  pose proof (growth_on T _ _ (2 * M * x l 0 ^ 4 * m) 0 t
    (evolves_sq T _ _ (solution_evolves N a mu s b eps L T x l Hs Hl)) (Rle_refl 0) Ht HT) as G.
  cbv beta in G.
  assert (2 * M * x l 0 ^ 4 * m * (t - 0) <= x l t ^ 2 - x l 0 ^ 2) as G'.
  { apply G. intros u Hu.
    assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    pose proof (HF u ltac:(lra) HuT) as Own.
    pose proof (sq_le_of_Rabs _ _ (grower_nondecreasing 0 u (Rle_refl 0) ltac:(lra) HuT)) as A.
    pose proof (grower_nondecreasing u t ltac:(lra) ltac:(lra) HT) as B.
    pose proof (Delta_lower s b eps (x l u) c ltac:(lra)) as HD. fold m in HD.
    assert (P0 : 0 < x l 0 ^ 2) by (apply pow2_gt_0; exact Nz).
    replace (2 * x l u * (x l u * F (fun k => x k u) l))
       with (2 * (x l u ^ 2 * F (fun k => x k u) l)) by ring.
    replace (2 * M * x l 0 ^ 4 * m) with (2 * (x l 0 ^ 2 * (M * x l 0 ^ 2 * m))) by ring.
    apply Rmult_le_compat_l; [lra|].
    apply Rmult_le_compat; [lra| |exact A|].
    - left; pos.
    - apply Rle_trans with (2 := Own).
      apply Rmult_le_compat; [nra|lra| |exact HD].
      apply Rmult_le_compat_l; lra. }
  assert (x l t ^ 2 <= c ^ 2).
  { apply sq_le_of_Rabs. rewrite (Rabs_pos_eq c); [exact Hc|].
    pose proof (Rabs_pos (x l t)). lra. }
  lra.
Qed.
End Increase.

Lemma grower_diverges N a mu s b (eps : nonnegreal) L x l :
  (forall t, 0 <= t -> sum_below N mu * x l t ^ 2 * Delta s b eps (x l t) <= growth_rate N a mu s b eps (fun k => x k t) l) ->
  0 < sum_below N mu -> solution N a mu s b eps L p_infty x ->
  (l < L)%nat -> x l 0 <> 0 -> is_lim (fun t => Rabs (x l t)) p_infty p_infty.
Proof.
  intros HF HM Hs Hl Nz. apply is_lim_spec. intros c.
  set (k := 2 * sum_below N mu * x l 0 ^ 4 * (softplus (b - Rabs s * c) + eps)).
  assert (Hk : 0 < k).
  { unfold k. pose proof (step_pos (b - Rabs s * c) eps).
    assert (0 < x l 0 ^ 4).
    { replace (x l 0 ^ 4) with ((x l 0 ^ 2) ^ 2) by ring.
      apply pow2_gt_0. apply pow_nonzero. exact Nz. }
    pos. }
  exists ((c ^ 2 + 1) / k). intros t Ht.
  assert (H0 : 0 < (c ^ 2 + 1) / k).
  { apply Rdiv_lt_0_compat; [pose proof (pow2_ge_0 c); lra|exact Hk]. }
  destruct (Rlt_le_dec c (Rabs (x l t))) as [|Le]; [assumption|exfalso].
  pose proof (exit_time N a mu s b eps L p_infty x l (fun u Hu _ => HF u Hu) HM Hs Hl Nz c t ltac:(lra) I Le) as E. fold k in E.
  apply (Rmult_lt_compat_l k) in Ht; [|exact Hk].
  replace (k * ((c ^ 2 + 1) / k)) with (c ^ 2 + 1) in Ht by (field; lra).
  pose proof (pow2_ge_0 (x l 0)). lra.
Qed.

(** ** All mu_n >= 0 *)
Lemma own_rate_below N a mu s b (eps : nonnegreal) (T : Rbar) (x : nat -> R -> R) l : all_nonneg N mu ->
  forall t, 0 <= t -> Rbar_lt t T ->
  sum_below N mu * x l t ^ 2 * Delta s b eps (x l t) <= growth_rate N a mu s b eps (fun k => x k t) l.
Proof. intros Hmu t _ _. exact (growth_rate_lower N a mu s b eps (fun k => x k t) l Hmu). Qed.

Lemma abs_increasing N a mu s b (eps : nonnegreal) L T x l : all_nonneg N mu -> 0 < sum_below N mu ->
  solution N a mu s b eps L T x -> (l < L)%nat -> x l 0 <> 0 ->
  forall u v, 0 <= u -> u < v -> Rbar_lt v T -> Rabs (x l u) < Rabs (x l v).
Proof. intros Hmu. now apply grower_increasing, own_rate_below. Qed.

Lemma abs_nondecreasing N a mu s b (eps : nonnegreal) L T x l : all_nonneg N mu -> 0 < sum_below N mu ->
  solution N a mu s b eps L T x -> (l < L)%nat -> x l 0 <> 0 ->
  forall u v, 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l u) <= Rabs (x l v).
Proof. intros Hmu. now apply grower_nondecreasing, own_rate_below. Qed.

Lemma token_diverges N a mu s b (eps : nonnegreal) L x l :
  all_nonneg N mu -> 0 < sum_below N mu -> solution N a mu s b eps L p_infty x ->
  (l < L)%nat -> x l 0 <> 0 -> is_lim (fun t => Rabs (x l t)) p_infty p_infty.
Proof.
  intros Hmu. apply grower_diverges. intros t Ht. exact (own_rate_below N a mu s b eps p_infty x l Hmu t Ht I).
Qed.

Theorem divergence_monotone : divergence_monotone_statement.
Proof.
  intros N a mu s b e0 L T x l [eps <-]%as_floor Hmu HM Hs Hl Nz. split.
  - intros u v Hu Huv HT _. now apply (abs_increasing N a mu s b eps L T x l).
  - intros ->. now apply (token_diverges N a mu s b eps L x l).
Qed.
