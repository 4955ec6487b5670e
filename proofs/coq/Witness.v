(** The assumptions can be met, and the bounds are attained: with s = 0 one token
    moves as x0 / sqrt(1 - 2 M delta0 x0^2 t), M = sum of the mu_n.

    Proves fast-bound-attained: the end time of fast-bound is exact for s = 0,
    and convergence-rate-attained: the bound of convergence-rate is an equality. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus Sums GrowthRate Statements Forms.
Open Scope R_scope.

Definition bernoulli (c x0 t : R) : R := x0 / sqrt (1 - 2 * c * x0 ^ 2 * t).

Lemma bernoulli_0 c x0 : bernoulli c x0 0 = x0.
Proof. unfold bernoulli. rewrite Rmult_0_r, Rminus_0_r, sqrt_1. field. Qed.

Lemma bernoulli_derive c x0 t : 0 < 1 - 2 * c * x0 ^ 2 * t ->
  is_derive (bernoulli c x0) t (c * bernoulli c x0 t ^ 3).
Proof.
  intros H. unfold bernoulli.
  assert (Hs : 0 < sqrt (1 - 2 * c * x0 ^ 2 * t)) by (now apply sqrt_lt_R0).
  auto_derive.
  - simpl in *. unfold Rminus in *. repeat split; lra.
  - replace (1 + - (2 * c * (x0 * (x0 * 1)) * t)) with (1 - 2 * c * x0 ^ 2 * t) by (simpl; ring).
    set (q := sqrt (1 - 2 * c * x0 ^ 2 * t)) in *. field. lra.
Qed.

Lemma bernoulli_solution N a mu b (eps : nonnegreal) x0 (T : Rbar) :
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < 1 - 2 * (sum_below N mu * (softplus b + eps)) * x0 ^ 2 * t) ->
  solution N a mu 0 b eps 1 T (fun _ => bernoulli (sum_below N mu * (softplus b + eps)) x0).
Proof.
  intros H l Hl. assert (l = O) by lia. subst l. set (c := sum_below N mu * (softplus b + eps)) in *. split.
  - apply rcont_of_continuous. eapply continuous_of_derive. apply bernoulli_derive. lra.
  - intros t Ht HT. rewrite growth_rate_split, carried_first.
    replace (Delta 0 b eps (bernoulli c x0 t)) with (softplus b + eps) by (unfold Delta; do 2 f_equal; ring).
    replace (bernoulli c x0 t * (0 + sum_below N mu * bernoulli c x0 t ^ 2 * (softplus b + eps)))
      with (c * bernoulli c x0 t ^ 3) by (unfold c; ring).
    apply bernoulli_derive, H; [lra|exact HT].
Qed.

Theorem fast_bound_attained_proved : fast_bound_attained_form.
Proof.
  intros N a mu b eps x0 HM Nz. exists (fun _ => bernoulli (sum_below N mu * (softplus b + eps)) x0).
  split; [|apply bernoulli_0]. apply bernoulli_solution. intros t Ht HT.
  replace (Delta 0 b eps x0) with (softplus b + eps) in HT by (unfold Delta; do 2 f_equal; ring).
  pose proof (step_pos b eps). assert (P : 0 < x0 ^ 2) by (apply pow2_gt_0; exact Nz).
  set (c := 2 * sum_below N mu * (softplus b + eps) * x0 ^ 2) in *.
  assert (Hc : 0 < c) by (unfold c; pos).
  replace (2 * (sum_below N mu * (softplus b + eps)) * x0 ^ 2 * t) with (c * t) by (unfold c; ring).
  change (t < / c) in HT. apply (Rmult_lt_compat_l c) in HT; [|exact Hc]. rewrite Rinv_r in HT by lra. lra.
Qed.

Theorem convergence_rate_attained_proved : convergence_rate_attained_form.
Proof.
  intros N a mu b eps x0 HM Nz. exists (fun _ => bernoulli (sum_below N mu * (softplus b + eps)) x0).
  pose proof (step_pos b eps) as Hb. assert (P : 0 < x0 ^ 2) by (apply pow2_gt_0; exact Nz).
  set (k := 2 * - sum_below N mu * (softplus b + eps)). assert (Hk : 0 < k) by (unfold k; apply Rmult_lt_0_compat; lra).
  assert (E : forall t, 1 - 2 * (sum_below N mu * (softplus b + eps)) * x0 ^ 2 * t = x0 ^ 2 * (/ x0 ^ 2 + k * t))
    by (intros t; unfold k; field; exact Nz).
  assert (Pos : forall t, 0 <= t -> 0 < / x0 ^ 2 + k * t).
  { intros t Ht. pose proof (Rinv_0_lt_compat _ P). assert (0 <= k * t) by (apply Rmult_le_pos; lra). lra. }
  split; [|split; [apply bernoulli_0|]].
  - apply bernoulli_solution. intros t Ht _. rewrite E. apply Rmult_lt_0_compat; [exact P|now apply Pos].
  - intros t Ht. unfold bernoulli. rewrite E, sqrt_mult by (left; (exact P || now apply Pos)).
    replace (Rmin (Delta 0 b eps 0) (Delta 0 b eps x0)) with (softplus b + eps)
      by (unfold Delta; rewrite !Rmult_0_l, Rplus_0_l; symmetry; apply Rmin_left; lra).
    fold k. specialize (Pos t Ht). pose proof (sqrt_lt_R0 _ Pos).
    replace (x0 ^ 2) with (Rsqr x0) by (unfold Rsqr; ring). rewrite sqrt_Rsqr_abs.
    unfold Rdiv. rewrite Rabs_mult, Rabs_inv, Rabs_mult, Rabs_Rabsolu, (Rabs_pos_eq (sqrt _)) by apply sqrt_pos.
    replace (/ Rsqr x0) with (/ x0 ^ 2) by (unfold Rsqr; f_equal; ring).
    field. split; [lra|now apply Rabs_no_R0].
Qed.
