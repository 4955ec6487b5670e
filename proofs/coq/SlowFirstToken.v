(** slow-first-token.

    For r' = m r^3 softplus(b - c r), r > 0, c = |s| > 0, the function
    f = exp(c r) / r^3 has
      f' = m exp(c r) softplus(b - c r) (c - 3/r),
    which tends to m c e^b because r tends to infinity.  So f(t)/t -> m c e^b,
    that is c r - 3 ln r - ln t -> ln(m c e^b); the rest compares logarithms. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Limits FirstToken Forms.
Open Scope R_scope.

Section Slow.
Variables (m c b : R) (r : R -> R).
Hypothesis Hm : 0 < m.
Hypothesis Hc : 0 < c.
Hypothesis Hr : modulus p_infty m (- c) b no_floor r.

Lemma slow_pos t : 0 <= t -> 0 < r t.
Proof. intros Ht. now apply Hr. Qed.

Lemma slow_diverges : is_lim r p_infty p_infty.
Proof. exact (modulus_diverges m (- c) b no_floor r Hm Hr). Qed.

Lemma scaled_diverges : is_lim (fun t => c * r t) p_infty p_infty.
Proof.
  apply (is_lim_spec _ _ p_infty). intros K.
  destruct (eventually_above r (K / c) slow_diverges) as [M HM].
  exists M. intros t Ht. specialize (HM t Ht).
  apply (Rmult_lt_compat_l c) in HM; [|exact Hc].
  replace (c * (K / c)) with K in HM by (field; lra). exact HM.
Qed.

Definition ratio (v : R) : R := exp (c * v) / v ^ 3.

Lemma ratio_derive v : 0 < v -> is_derive ratio v (exp (c * v) / v ^ 3 * (c - 3 / v)).
Proof.
  intros Hv. unfold ratio. auto_derive.
  - assert (0 < v ^ 3) by (now apply pow_lt). simpl in *. lra.
  - field. lra.
Qed.

Lemma ratio_evolves :
  evolves p_infty (fun t => ratio (r t))
    (fun t => m * (exp (c * r t) * softplus (b - c * r t)) * (c - 3 * / r t)).
Proof.
  destruct Hr as [E Hp].
  destruct (evolves_comp p_infty r _ ratio (fun v => exp (c * v) / v ^ 3 * (c - 3 / v)) E) as [F0 F].
  - eapply continuous_of_derive. apply ratio_derive, Hp; [lra|exact I].
  - intros t Ht _. apply ratio_derive, Hp; [lra|exact I].
  - split; [exact F0|]. intros t Ht HT. specialize (F t Ht HT). cbv beta in F.
    specialize (Hp t ltac:(lra) I). change (nonneg no_floor) with 0 in F. rewrite Rplus_0_r in F.
    replace (b - c * r t) with (- c * r t + b) by ring.
    replace (m * (exp (c * r t) * softplus (- c * r t + b)) * (c - 3 * / r t))
      with (m * r t ^ 3 * softplus (- c * r t + b) * (exp (c * r t) / r t ^ 3 * (c - 3 / r t)))
      by (field; lra).
    exact F.
Qed.

Lemma ratio_over_time : is_lim (fun t => ratio (r t) / t) p_infty (m * exp b * c).
Proof.
  apply (lim_quotient_of_derivative _ _ _ ratio_evolves).
  replace (Finite (m * exp b * c)) with (Rbar_mult (m * exp b) (c - 3 * 0))
    by (simpl; f_equal; ring).
  apply is_lim_mult.
  - apply (is_lim_scal_l (fun t => exp (c * r t) * softplus (b - c * r t)) m p_infty (exp b)).
    apply (lim_at_infinite (fun z => exp z * softplus (b - z)) (fun t => c * r t));
      [apply softplus_left_lim|apply scaled_diverges].
  - apply (is_lim_minus' (fun _ => c) (fun t => 3 * / r t) p_infty c (3 * 0)); [apply is_lim_const|].
    apply (is_lim_scal_l (fun t => / r t) 3 p_infty 0).
    apply (is_lim_inv r p_infty p_infty slow_diverges). discriminate.
  - exact I.
Qed.

(** With y = c r: y - 3 ln y - ln t -> ln(m e^b / c^2). *)
Let y (t : R) : R := c * r t.

Lemma implicit_form :
  is_lim (fun t => y t - 3 * ln (y t) - ln t) p_infty (ln (m * exp b / c ^ 2)).
Proof.
  pose proof (exp_pos b) as Eb. assert (P3 : 0 < c ^ 3) by (now apply pow_lt).
  assert (Q : 0 < m * exp b * c) by pos.
  replace (ln (m * exp b / c ^ 2)) with (ln (m * exp b * c) - ln (c ^ 3)).
  2:{ rewrite <- ln_div by lra. f_equal. field. lra. }
  apply (is_lim_ext_loc (fun t => ln (ratio (r t) / t) - ln (c ^ 3))).
  - exists 1. intros t Ht. pose proof (slow_pos t ltac:(lra)) as Pr.
    assert (0 < r t ^ 3) by (now apply pow_lt). pose proof (exp_pos (c * r t)).
    assert (E3 : 3 * ln (y t) = 3 * ln (r t) + ln (c ^ 3)).
    { unfold y. rewrite ln_mult by lra.
      replace (ln (c ^ 3)) with (3 * ln c); [ring|].
      rewrite <- (Rpower_pow 3 c Hc). unfold Rpower. rewrite ln_exp. simpl. ring. }
    assert (E4 : ln (r t ^ 3) = 3 * ln (r t)).
    { rewrite <- (Rpower_pow 3 (r t) Pr). unfold Rpower. rewrite ln_exp. simpl. ring. }
    unfold ratio. rewrite ln_div, ln_div, ln_exp, E3, E4; try lra; [unfold y; ring|].
    apply Rdiv_lt_0_compat; assumption.
  - apply is_lim_minus'; [|apply is_lim_const].
    apply (lim_continuous ln (fun t => ratio (r t) / t) p_infty _ ratio_over_time).
    eapply continuous_of_derive. apply is_derive_ln. exact Q.
Qed.

Lemma log_over_modulus : is_lim (fun t => ln t / y t) p_infty 1.
Proof.
  set (k := ln (m * exp b / c ^ 2)).
  assert (A : is_lim (fun t => (y t - 3 * ln (y t) - ln t) * / y t) p_infty (k * 0)).
  { apply (is_lim_mult _ _ _ k 0 implicit_form); [|exact I].
    apply (is_lim_inv y p_infty p_infty scaled_diverges). discriminate. }
  assert (B : is_lim (fun t => ln (y t) / y t) p_infty 0).
  { apply (lim_at_infinite (fun z => ln z / z) y); [apply is_lim_div_ln_p|apply scaled_diverges]. }
  replace (Finite 1) with (Finite (1 - 3 * 0 - k * 0)) by (f_equal; ring).
  apply (is_lim_ext_loc
    (fun t => 1 - 3 * (ln (y t) / y t) - (y t - 3 * ln (y t) - ln t) * / y t)).
  - exists 0. intros t Ht. pose proof (slow_pos t ltac:(lra)) as Pr.
    assert (0 < y t) by (unfold y; pos). field. lra.
  - apply is_lim_minus'; [|exact A]. apply is_lim_minus'; [apply is_lim_const|].
    exact (is_lim_scal_l _ 3 _ _ B).
Qed.

Lemma modulus_over_log : is_lim (fun t => y t / ln t) p_infty 1.
Proof.
  replace (Finite 1) with (Rbar_inv 1) by (simpl; f_equal; field).
  apply (is_lim_ext_loc (fun t => / (ln t / y t))).
  - exists 1. intros t Ht. pose proof (slow_pos t ltac:(lra)) as Pr.
    assert (0 < y t) by (unfold y; pos).
    assert (0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
    field. lra.
  - apply is_lim_inv; [apply log_over_modulus|]. intros E. inversion E. lra.
Qed.

Lemma three_terms :
  is_lim (fun t => y t - ln t - 3 * ln (ln t)) p_infty (ln (m * exp b / c ^ 2)).
Proof.
  set (k := ln (m * exp b / c ^ 2)).
  replace (Finite k) with (Finite (k - 3 * ln 1)) by (rewrite ln_1; f_equal; ring).
  apply (is_lim_ext_loc (fun t => (y t - 3 * ln (y t) - ln t) - 3 * ln (ln t / y t))).
  - exists 1. intros t Ht. pose proof (slow_pos t ltac:(lra)) as Pr.
    assert (0 < y t) by (unfold y; pos).
    assert (0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
    rewrite ln_div by lra. ring.
  - apply is_lim_minus'; [exact implicit_form|].
    apply (is_lim_scal_l (fun t => ln (ln t / y t)) 3 p_infty (ln 1)).
    apply (lim_continuous ln _ p_infty _ log_over_modulus).
    eapply continuous_of_derive. apply is_derive_ln. lra.
Qed.
End Slow.

Theorem slow_first_token_proved : slow_first_token_form.
Proof.
  intros N a mu s b L x Hm Hs HL Hneg.
  assert (N0 : x O 0 <> 0) by (intros E; rewrite E in Hneg; lra).
  assert (Ns : s <> 0) by (intros E; rewrite E in Hneg; lra).
  destruct (first_token_modulus N a mu s b no_floor L p_infty x Hs HL N0) as (e & He & Habs & Hmod).
  rewrite (slow_slope s e (x O 0) He) in Hmod;
    [|apply Hmod; [lra|exact I]|exact Hneg].
  pose proof (Rabs_pos_lt s Ns) as Hc.
  assert (Ev : forall F : R -> R -> R, Rbar_locally' p_infty
     (fun t => F (Rabs s * (e * x O t)) t = F (Rabs s * Rabs (x O t)) t)).
  { intros F. exists 0. intros t Ht. rewrite (Habs t); [reflexivity|lra|exact I]. }
  split.
  - apply (is_lim_ext_loc _ _ _ _ (Ev (fun y t => y / ln t))).
    exact (modulus_over_log _ _ b (fun t => e * x O t) Hm Hc Hmod).
  - apply (is_lim_ext_loc _ _ _ _ (Ev (fun y t => y - ln t - 3 * ln (ln t)))).
    rewrite <- (pow2_abs s).
    exact (three_terms _ _ b (fun t => e * x O t) Hm Hc Hmod).
Qed.
