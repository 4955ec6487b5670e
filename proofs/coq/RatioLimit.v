(** The quotient of two slowly growing moduli has a limit above 1.

    [p] is the first token's modulus, [r] a later one's.  Relative to p, r loses
    at most an integrable rate and gains its own term m r^2 softplus(b - c r):
      (ln r)' >= (ln p)' - C/(1 + D t)^(3/2) + m r^2 softplus(b - c r),
    and r stays below a multiple of p.  So rho = ln(r/p) converges.  If its
    limit were <= 0, rho <= 2 C/(D sqrt(1 + D t)) would keep c (r - p) bounded,
    the own term would be at least a fixed part of (ln p)', and ln p, which is
    unbounded, would be bounded.

    Proves no registry theorem by itself; SlowRatios.v rests on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus Limits FirstToken.
Open Scope R_scope.

(** 1/sqrt(1 + D t), an antiderivative of a constant times (1 + D t)^(-3/2). *)
Definition tail (D t : R) : R := / sqrt (1 + D * t).

Lemma tail_bounds D t : 0 < D -> 0 <= t -> 0 < tail D t <= 1.
Proof.
  intros HD Ht. assert (0 <= D * t) by (apply Rmult_le_pos; lra).
  assert (Q : 1 <= sqrt (1 + D * t)) by (rewrite <- sqrt_1 at 1; apply sqrt_le_1; lra).
  unfold tail. split; [apply Rinv_0_lt_compat; lra|].
  apply Rle_trans with (/ 1); [apply Rinv_le_contravar; lra|rewrite Rinv_1; lra].
Qed.

Lemma tail_derive D t : 0 < D -> 0 <= t -> is_derive (tail D) t (- (D / 2) * (tail D t / (1 + D * t))).
Proof.
  intros HD Ht. assert (0 <= D * t) by (apply Rmult_le_pos; lra).
  assert (P : 0 < sqrt (1 + D * t)) by (apply sqrt_lt_R0; lra).
  unfold tail. auto_derive; [repeat split; lra|].
  pose proof (sqrt_sqrt (1 + D * t) ltac:(lra)) as S.
  set (q := sqrt (1 + D * t)) in *. rewrite <- S. field. lra.
Qed.

Lemma tail_lim D : 0 < D -> is_lim (tail D) p_infty 0.
Proof.
  intros HD. apply is_lim_spec. intros eps. pose proof (cond_pos eps) as He.
  exists (/ (D * eps ^ 2)). intros t Ht.
  assert (P2 : 0 < eps ^ 2) by (now apply pow_lt). assert (P : 0 < D * eps ^ 2) by pos.
  assert (Pt : 0 < t) by (pose proof (Rinv_0_lt_compat _ P); lra).
  pose proof (tail_bounds D t HD ltac:(lra)) as [T0 _].
  rewrite Rminus_0_r, Rabs_pos_eq by lra.
  apply (Rmult_lt_compat_l _ _ _ P) in Ht. rewrite Rinv_r in Ht by lra.
  assert (Dt : 0 < D * t) by (apply Rmult_lt_0_compat; lra).
  assert (Q : 0 < sqrt (1 + D * t)) by (apply sqrt_lt_R0; lra).
  unfold tail. apply (Rmult_lt_reg_r (sqrt (1 + D * t))); [exact Q|]. rewrite Rinv_l by lra.
  assert (1 < (eps * sqrt (1 + D * t)) ^ 2).
  { rewrite Rpow_mult_distr, pow2_sqrt by lra.
    replace (eps ^ 2 * (1 + D * t)) with (eps ^ 2 + D * eps ^ 2 * t) by ring. lra. }
  assert (0 < eps * sqrt (1 + D * t)) by pos. set (w := eps * sqrt (1 + D * t)) in *. nra.
Qed.

Section Ratio.
Variables (m b c C D Q M : R) (p r Gp Gr : R -> R).
Hypothesis Hm : 0 < m.
Hypothesis Hc : 0 < c.
Hypothesis HC : 0 <= C.
Hypothesis HD : 0 < D.
Hypothesis Ep : evolves p_infty p (fun t => p t * Gp t).
Hypothesis Er : evolves p_infty r (fun t => r t * Gr t).
Hypothesis Pp : forall t, 0 <= t -> 0 < p t.
Hypothesis Pr : forall t, 0 <= t -> 0 < r t.
Hypothesis rate_p : forall t, 0 <= t -> Gp t = m * p t ^ 2 * softplus (b - c * p t).
Hypothesis rate_r : forall t, 0 <= t ->
  Gp t - C * (tail D t / (1 + D * t)) + m * r t ^ 2 * softplus (b - c * r t) <= Gr t.
Hypothesis comparable : forall t, 0 <= t -> r t <= Q * p t.
Hypothesis moderate : forall t, 0 <= t -> c * p t * tail D t <= M.
Hypothesis unbounded : is_lim p p_infty p_infty.

Definition log_ratio (t : R) : R := ln (r t) - ln (p t).
Definition debt (t : R) : R := 2 * C / D * tail D t.
Definition own (t : R) : R := m * r t ^ 2 * softplus (b - c * r t).

Lemma ln_evolves f G : evolves p_infty f (fun t => f t * G t) -> (forall t, 0 <= t -> 0 < f t) ->
  evolves p_infty (fun t => ln (f t)) G.
Proof.
  intros E P. destruct (evolves_comp p_infty f _ ln (fun v => / v) E) as [F0 F].
  - eapply continuous_of_derive. apply is_derive_ln, P. lra.
  - intros t Ht _. apply is_derive_ln, P. lra.
  - split; [exact F0|]. intros t Ht HT. specialize (F t Ht HT). cbv beta in F.
    replace (G t) with (f t * G t * / f t); [exact F|]. pose proof (P t ltac:(lra)). field. lra.
Qed.

(** rho - debt does not decrease; it grows at least at the own rate. *)
Lemma settled_evolves : evolves p_infty (fun t => log_ratio t - debt t)
  (fun t => Gr t - Gp t + C * (tail D t / (1 + D * t))).
Proof.
  pose proof (ln_evolves p Gp Ep Pp) as Lp. pose proof (ln_evolves r Gr Er Pr) as Lr.
  pose proof (evolves_plus _ _ _ _ _ Lr (evolves_opp _ _ _ Lp)) as E1.
  assert (E2 : evolves p_infty (fun t => - debt t) (fun t => C * (tail D t / (1 + D * t)))).
  { apply evolves_nonneg. intros t Ht.
    replace (C * (tail D t / (1 + D * t)))
      with (- (2 * C / D) * (- (D / 2) * (tail D t / (1 + D * t)))).
    - assert (Eq : forall u, - (2 * C / D) * tail D u = - debt u) by (intros; unfold debt; ring).
      apply (is_derive_ext _ _ _ _ Eq).
      apply (is_derive_scal (tail D) t). now apply tail_derive.
    - assert (0 <= D * t) by (apply Rmult_le_pos; lra). field. split; lra. }
  exact (evolves_plus _ _ _ _ _ E1 E2).
Qed.

Lemma own_pos t : 0 <= t -> 0 < own t.
Proof.
  intros Ht. unfold own. pose proof (Pr t Ht). assert (0 < r t ^ 2) by (now apply pow_lt).
  pose proof (softplus_pos (b - c * r t)). pos.
Qed.

Lemma settled_increasing u v : 0 <= u <= v -> log_ratio u - debt u <= log_ratio v - debt v.
Proof.
  intros Huv. apply (incr_on p_infty _ _ u v settled_evolves ltac:(lra) ltac:(lra) I).
  intros t Ht. pose proof (rate_r t ltac:(lra)). pose proof (own_pos t ltac:(lra)). unfold own in *. lra.
Qed.

Lemma debt_pos t : 0 <= t -> 0 <= debt t <= 2 * C / D.
Proof.
  intros Ht. pose proof (tail_bounds D t HD Ht).
  assert (0 <= 2 * C / D) by (apply Rdiv_le_0_compat; lra). unfold debt. split; [|nra].
  apply Rmult_le_pos; lra.
Qed.

Lemma settled_bounded t : 0 <= t -> log_ratio t - debt t <= ln Q.
Proof.
  intros Ht. pose proof (debt_pos t Ht). pose proof (Pp t Ht). pose proof (Pr t Ht).
  pose proof (comparable t Ht). unfold log_ratio.
  assert (HQ : 0 < Q) by nra.
  assert (ln (r t) <= ln Q + ln (p t)); [|lra].
  rewrite <- ln_mult by lra. apply ln_le; lra.
Qed.

(** If rho never exceeds the debt, the own rate is at least a fixed part of token 1's rate. *)
Lemma own_part : (forall t, 0 <= t -> log_ratio t <= debt t) ->
  exists theta, 0 < theta /\ forall t, 0 <= t -> theta * Gp t <= own t.
Proof.
  intros Low. set (k0 := 2 * C / D). set (lo := log_ratio 0 - debt 0).
  set (K := 2 * C / D * exp k0 * Rabs M).
  assert (Hk0 : 0 <= k0) by (apply Rdiv_le_0_compat; lra).
  assert (HK : 0 <= K).
  { unfold K. fold k0. pose proof (exp_pos k0). pose proof (Rabs_pos M).
    apply Rmult_le_pos; [apply Rmult_le_pos|]; lra. }
  exists (exp lo ^ 2 * exp (- K)). split.
  { apply Rmult_lt_0_compat; [apply pow_lt|]; apply exp_pos. }
  intros t Ht. pose proof (Pp t Ht) as P0. pose proof (Pr t Ht) as R0.
  pose proof (debt_pos t Ht) as [B0 B1]. specialize (Low t Ht).
  pose proof (settled_increasing 0 t ltac:(lra)) as Up. fold lo in Up.
  assert (Er' : r t = p t * exp (log_ratio t)).
  { unfold log_ratio. unfold Rminus. rewrite exp_plus, exp_Ropp, !exp_ln by lra. field. lra. }
  assert (RL : p t * exp lo <= r t).
  { rewrite Er'. apply Rmult_le_compat_l; [lra|]. apply exp_le. lra. }
  assert (RU : c * r t <= c * p t + K).
  { rewrite Er'. set (e := log_ratio t) in *.
    assert (Ee : exp e - 1 <= debt t * exp k0).
    { destruct (Rle_lt_dec e 0) as [Q0|Q0].
      - pose proof (exp_le_1 e Q0). pose proof (exp_pos k0).
        assert (0 <= debt t * exp k0) by (apply Rmult_le_pos; lra). lra.
      - pose proof (exp_ineq1_le (- e)) as I1. rewrite exp_Ropp in I1. pose proof (exp_pos e) as I2.
        assert (I3 : exp e * (1 - e) <= 1).
        { apply Rle_trans with (exp e * / exp e); [|rewrite Rinv_r; lra].
          apply Rmult_le_compat_l; lra. }
        apply Rle_trans with (e * exp e); [lra|].
        apply Rmult_le_compat; [lra|lra|exact Low|apply exp_le]. unfold k0. lra. }
    pose proof (moderate t Ht) as Mo. pose proof (exp_pos k0) as X. pose proof (Rle_abs M).
    assert (c * p t * (exp e - 1) <= c * p t * (debt t * exp k0)).
    { apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact Ee]. }
    assert (c * p t * (debt t * exp k0) <= K).
    { unfold debt, K. fold k0.
      replace (c * p t * (k0 * tail D t * exp k0)) with (k0 * exp k0 * (c * p t * tail D t)) by ring.
      apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|lra]. }
    lra. }
  unfold own. rewrite rate_p by exact Ht.
  assert (S1 : exp (- K) * softplus (b - c * p t) <= softplus (b - c * r t)).
  { eapply Rle_trans; [apply softplus_shift; exact HK|]. apply softplus_le. lra. }
  assert (S2 : (p t * exp lo) ^ 2 <= r t ^ 2).
  { apply pow_incr. split; [|exact RL]. apply Rmult_le_pos; [lra|left; apply exp_pos]. }
  pose proof (exp_pos (- K)). pose proof (softplus_pos (b - c * p t)).
  replace (exp lo ^ 2 * exp (- K) * (m * p t ^ 2 * softplus (b - c * p t)))
    with (m * (p t * exp lo) ^ 2 * (exp (- K) * softplus (b - c * p t))) by ring.
  apply Rmult_le_compat; [| |apply Rmult_le_compat_l; [lra|exact S2]|exact S1].
  - apply Rmult_le_pos; [lra|apply pow2_ge_0].
  - apply Rmult_le_pos; lra.
Qed.

Theorem ratio_limit : exists R, 1 < R /\ is_lim (fun t => r t / p t) p_infty R.
Proof.
  destruct (lim_of_bounded (fun t => log_ratio t - debt t) (ln Q)) as (l & Hl & Below).
  { exact settled_increasing. }
  { exact settled_bounded. }
  assert (Lrho : is_lim log_ratio p_infty l).
  { replace (Finite l) with (Finite (l + 2 * C / D * 0)) by (f_equal; ring).
    apply (is_lim_ext (fun t => log_ratio t - debt t + debt t)); [intros; ring|].
    apply is_lim_plus'; [exact Hl|]. apply (is_lim_scal_l (tail D) (2 * C / D) p_infty 0).
    now apply tail_lim. }
  assert (Pl : 0 < l).
  { destruct (Rlt_le_dec 0 l) as [|Neg]; [assumption|exfalso].
    destruct own_part as (theta & Ht & Part).
    { intros t Ht. specialize (Below t Ht). cbv beta in Below. lra. }
    pose proof (ln_evolves p Gp Ep Pp) as Lp.
    assert (E : evolves p_infty (fun t => log_ratio t - debt t + - theta * ln (p t))
        (fun t => Gr t - Gp t + C * (tail D t / (1 + D * t)) + - theta * Gp t)).
    { apply evolves_plus; [apply settled_evolves|]. destruct Lp as [F0 F]. split.
      - apply (rcont_comp (fun v => - theta * v) _ F0).
        apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => - theta * v)).
        auto_derive. exact I.
      - intros t Ht' HT. apply (is_derive_scal (fun t => ln (p t)) t). now apply F. }
    assert (Bd : forall t, 0 <= t -> theta * ln (p t) <= Rabs (log_ratio 0 - debt 0 + - theta * ln (p 0))).
    { intros t Ht'. pose proof (incr_on p_infty _ _ 0 t E (Rle_refl 0) Ht' I) as G. cbv beta in G.
      pose proof (Rle_abs (- (log_ratio 0 - debt 0 + - theta * ln (p 0)))) as A. rewrite Rabs_Ropp in A.
      specialize (Below t Ht'). cbv beta in Below.
      assert (log_ratio 0 - debt 0 + - theta * ln (p 0) <= log_ratio t - debt t + - theta * ln (p t)); [|lra].
      apply G. intros u Hu. pose proof (rate_r u ltac:(lra)). pose proof (Part u ltac:(lra)).
      unfold own in *. lra. }
    set (K := Rabs (log_ratio 0 - debt 0 + - theta * ln (p 0))) in *.
    destruct (eventually_above p (exp (K / theta + 1)) unbounded) as (N0 & HN).
    set (t := Rmax N0 0 + 1). pose proof (Rmax_l N0 0). pose proof (Rmax_r N0 0).
    specialize (HN t ltac:(unfold t; lra)). specialize (Bd t ltac:(unfold t; lra)).
    assert (K / theta + 1 < ln (p t)).
    { rewrite <- (ln_exp (K / theta + 1)). apply ln_increasing; [apply exp_pos|exact HN]. }
    assert (theta * (K / theta + 1) < theta * ln (p t)) by (now apply Rmult_lt_compat_l).
    replace (theta * (K / theta + 1)) with (K + theta) in * by (field; lra). lra. }
  exists (exp l). split; [rewrite <- exp_0; now apply exp_increasing|].
  apply (is_lim_ext_loc (fun t => exp (log_ratio t))).
  - exists 0. intros t Ht. pose proof (Pp t ltac:(lra)). pose proof (Pr t ltac:(lra)).
    unfold log_ratio, Rminus. rewrite exp_plus, exp_Ropp, !exp_ln by lra. reflexivity.
  - apply (lim_continuous exp log_ratio p_infty l Lrho).
    eapply continuous_of_derive. apply is_derive_exp.
Qed.
End Ratio.
