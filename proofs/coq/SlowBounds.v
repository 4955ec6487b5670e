(** Bounds in the slow regime: a later token's growth rate against the first
    one's, one sign for all tokens, linear growth of exp(|s||x_k|), and what a
    later token can lose relative to the first.

    Proves no registry theorem by itself; SlowRatios.v and SlowAttention.v rest on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus Sums GrowthRate Signs.
From S6Flow Require Import SlowComparison SlowRate Limits FirstToken VectorToken RatioLimit.
Open Scope R_scope.
(* simpl leaves the floor of a step as it is written. *)
Local Arguments nonneg : simpl never.

(** ** The growth rate of a later token against that of the first *)

(** Sum of the step widths of tokens 1..l (counted from 0). *)
Definition later_steps (s b : R) (x : nat -> R) (l : nat) : R :=
  sum_below l (fun k => Delta s b no_floor (x (S k))).

Lemma hidden_remembers a mu s b x l n : 0 <= mu n ->
  exp (- a n * later_steps s b x l) * hidden a mu s b no_floor x O n <= hidden a mu s b no_floor x l n.
Proof.
  intros Hm. unfold later_steps. induction l as [|l IH].
  - simpl sum_below. rewrite Rmult_0_r, exp_0. lra.
  - rewrite (hidden_step a mu s b no_floor x (S l)). simpl inherited. simpl sum_below.
    rewrite Rmult_plus_distr_l, exp_plus.
    pose proof (sq_Delta_nonneg s b no_floor (x (S l))) as Q.
    assert (0 <= mu n * x (S l) ^ 2 * Delta s b no_floor (x (S l))).
    { rewrite Rmult_assoc. now apply Rmult_le_pos. }
    pose proof (exp_pos (- a n * Delta s b no_floor (x (S l)))) as P.
    apply (Rmult_le_compat_l _ _ _ (Rlt_le _ _ P)) in IH. lra.
Qed.

Lemma growth_rate_against_first N a mu s b x l :
  (forall n, (n < N)%nat -> 0 <= a n) -> all_nonneg N mu ->
  growth_rate N a mu s b no_floor x O
  - sum_below N (fun n => a n * mu n) * later_steps s b x (S l) * (x O ^ 2 * Delta s b no_floor (x O))
  + sum_below N mu * x (S l) ^ 2 * Delta s b no_floor (x (S l))
  <= growth_rate N a mu s b no_floor x (S l).
Proof.
  intros Ha Hm. unfold growth_rate. set (S0 := later_steps s b x (S l)). set (q := x O ^ 2 * Delta s b no_floor (x O)).
  replace (sum_below N (hidden a mu s b no_floor x O) - sum_below N (fun n => a n * mu n) * S0 * q
           + sum_below N mu * x (S l) ^ 2 * Delta s b no_floor (x (S l)))
    with (sum_below N (fun n => mu n * q * (1 - a n * S0) + mu n * (x (S l) ^ 2 * Delta s b no_floor (x (S l))))).
  2:{ rewrite sum_below_plus, sum_below_scal_r.
      rewrite (sum_below_ext N (fun n => mu n * q * (1 - a n * S0))
        (fun n => hidden a mu s b no_floor x O n + a n * mu n * (- S0 * q))).
      - rewrite sum_below_plus, sum_below_scal_r. ring.
      - intros n _. simpl hidden. unfold q. ring. }
  apply sum_below_le. intros n Hn. rewrite hidden_step. simpl inherited.
  rewrite (Rmult_assoc (mu n) (x (S l) ^ 2)). apply Rplus_le_compat_r.
  pose proof (hidden_remembers a mu s b x l n (Hm n Hn)) as R.
  pose proof (exp_pos (- a n * Delta s b no_floor (x (S l)))) as P.
  apply (Rmult_le_compat_l _ _ _ (Rlt_le _ _ P)) in R. eapply Rle_trans; [|exact R].
  rewrite <- Rmult_assoc, <- exp_plus.
  replace (- a n * Delta s b no_floor (x (S l)) + - a n * later_steps s b x l) with (- (a n * S0))
    by (unfold S0, later_steps; simpl sum_below; ring).
  change (hidden a mu s b no_floor x O n) with (mu n * x O ^ 2 * Delta s b no_floor (x O)).
  replace (mu n * x O ^ 2 * Delta s b no_floor (x O)) with (mu n * q) by (unfold q; ring).
  rewrite Rmult_comm.
  apply Rmult_le_compat_r.
  - apply Rmult_le_pos; [now apply Hm|apply sq_Delta_nonneg].
  - pose proof (exp_ineq1_le (- (a n * S0))). lra.
Qed.

(** ** Bounds along a slow solution *)
Section Slow.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis Hmu : all_nonneg N mu.
Hypothesis HM : 0 < sum_below N mu.
Hypothesis Hs : solution N a mu s b no_floor L p_infty x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Hneg : forall k, (k <= l)%nat -> s * x k 0 < 0.
Notation c := (Rabs s).

Lemma slope_nonzero : s <> 0.
Proof. intros E. specialize (Hneg O (Nat.le_0_l l)). rewrite E in Hneg. lra. Qed.

Lemma slope_pos : 0 < c.
Proof. apply Rabs_pos_lt, slope_nonzero. Qed.

Lemma start_nonzero k : (k <= l)%nat -> x k 0 <> 0.
Proof. intros Hk E. specialize (Hneg k Hk). rewrite E in Hneg. lra. Qed.

(** One sign e for all tokens: |x_k| = e x_k. *)
Lemma common_sign : exists e, e * e = 1 /\ s * e = - c /\
  forall k t, (k <= l)%nat -> 0 <= t -> Rabs (x k t) = e * x k t /\ 0 < e * x k t.
Proof.
  destruct (abs_sign N a mu s b no_floor L p_infty x O Hs ltac:(lia) (start_nonzero O ltac:(lia))) as (e & He & H0).
  assert (P : forall k t, (k <= l)%nat -> 0 <= t -> 0 < Rabs (x k t)).
  { intros k t Hk Ht. apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b no_floor L p_infty x k Hs ltac:(lia) (start_nonzero k Hk) t Ht I). }
  assert (Se : s * e = - c).
  { apply (slow_slope s e (x O 0) He); [|apply Hneg; lia].
    rewrite <- (H0 0 (Rle_refl 0) I). apply P; [lia|lra]. }
  exists e. split; [exact He|]. split; [exact Se|]. intros k t Hk Ht.
  assert (E : Rabs (x k t) = e * x k t).
  { pose proof (slow_side N a mu s b L p_infty x Hs k ltac:(lia) (Hneg k Hk) t Ht I) as Q.
    pose proof slope_pos. apply (Rmult_eq_reg_l c); [|lra].
    replace (c * (e * x k t)) with (- (s * e) * e * x k t) by (rewrite Se; ring).
    replace (- (s * e) * e * x k t) with (- (s * x k t) * (e * e)) by ring. rewrite He, Q. ring. }
  split; [exact E|]. rewrite <- E. now apply P.
Qed.

(** A common linear lower bound of all exp(|s||x_k|). *)
Lemma common_growth : exists D, 0 < D /\
  forall k t, (k <= l)%nat -> 0 <= t -> 1 + D * t <= exp (c * Rabs (x k t)).
Proof.
  pose proof slope_pos as Hc. pose proof (exp_pos b) as Eb.
  destruct (positive_minimum (S l)
    (fun k => c * sum_below N mu * Rabs (x k 0) ^ 3 * (exp b / (1 + exp b)))) as (D & HD & Min).
  { intros k Hk. assert (0 < Rabs (x k 0) ^ 3) by (apply pow_lt, Rabs_pos_lt, start_nonzero; lia).
    assert (0 < exp b / (1 + exp b)) by (apply Rdiv_lt_0_compat; lra). pos. }
  exists D. split; [exact HD|]. intros k t Hk Ht.
  pose proof (exp_lower N a mu s b L p_infty x k Hmu HM Hs ltac:(lia) (start_nonzero k Hk)
    slope_nonzero t Ht I) as E.
  specialize (Min k ltac:(lia)). cbv beta in Min.
  apply (Rmult_le_compat_r t) in Min; [|exact Ht].
  assert (1 <= exp (c * Rabs (x k 0))).
  { rewrite <- exp_0. apply exp_le. apply Rmult_le_pos; [lra|apply Rabs_pos]. }
  lra.
Qed.

(** Each token stays below a multiple of the first. *)
Lemma comparable_to_first k : (k <= l)%nat ->
  exists Q, 0 <= Q /\ forall t, 0 <= t -> Rabs (x k t) <= Q * Rabs (x O t).
Proof.
  destruct common_sign as (e & He & Se & Sg). destruct common_growth as (D & HD & Gr).
  pose proof slope_pos as Hc.
  induction k as [|k IH]; intros Hk; [exists 1; split; [lra|]; intros; lra|].
  destruct (IH ltac:(lia)) as (Q & HQ & IHt).
  destruct (slow_ratio p_infty (fun t => e * x (S k) t) (fun t => growth_rate N a mu s b no_floor (fun j => x j t) (S k))
    (fun t => e * x k t) (fun t => growth_rate N a mu s b no_floor (fun j => x j t) k)
    (sum_below N mu) b c D HM Hc HD
    (evolves_scal p_infty e _ _ (Hs (S k) ltac:(lia))) (evolves_scal p_infty e _ _ (Hs k ltac:(lia))))
    as (Q' & HQ' & H').
  - intros t Ht _. now apply Sg.
  - intros t Ht _. apply Sg; [lia|exact Ht].
  - exact I.
  - intros t Ht _. destruct (Sg (S k) t Hk ltac:(lra)) as [<- _].
    eapply Rle_trans; [apply (slow_own N a mu s b L p_infty x Hs HM (S k) ltac:(lia) (Hneg _ Hk) t ltac:(lra) I)|].
    apply Rplus_le_compat_r. now apply carried_le.
  - intros t Ht _. destruct (Sg k t ltac:(lia) Ht) as [<- _]. apply Gr; [lia|exact Ht].
  - exists (Q' * Q). split; [now apply Rmult_le_pos|]. intros t Ht.
    destruct (Sg (S k) t Hk Ht) as [-> _]. eapply Rle_trans; [apply H'; [exact Ht|exact I]|].
    destruct (Sg k t ltac:(lia) Ht) as [<- _]. rewrite Rmult_assoc.
    apply Rmult_le_compat_l; [exact HQ'|now apply IHt].
Qed.

(** |s||x_1| is at most a multiple of sqrt(1 + D t), being logarithmic. *)
Lemma first_moderate D : 0 < D ->
  exists M, forall t, 0 <= t -> c * Rabs (x O t) * tail D t <= M.
Proof.
  intros HD. destruct common_sign as (e & He & Se & Sg). pose proof slope_pos as Hc.
  pose proof (exp_pos b) as Eb.
  set (A := exp (c / 2 * (e * x O 0))). set (B := 108 * sum_below N mu * exp b / c ^ 2).
  assert (HA : 0 < A) by apply exp_pos.
  assert (HB : 0 < B) by (apply Rdiv_lt_0_compat; [pos|now apply pow_lt]).
  set (K := A + B / D). assert (HBD : 0 < B / D) by (apply Rdiv_lt_0_compat; lra).
  exists (4 * sqrt K). intros t Ht.
  pose proof (log_upper p_infty (fun t => e * x O t) (fun t => growth_rate N a mu s b no_floor (fun j => x j t) O)
    (sum_below N mu) b c HM Hc (evolves_scal p_infty e _ _ (Hs O ltac:(lia)))) as U. cbv beta in U.
  assert (U' : e * x O t <= 2 / c * ln (A + B * t)).
  { apply U; [intros u Hu _; apply Sg; [lia|exact Hu]| |exact Ht|exact I].
    intros u Hu _. destruct (Sg O u ltac:(lia) ltac:(lra)) as [<- _].
    eapply Rle_trans; [apply (slow_own N a mu s b L p_infty x Hs HM O ltac:(lia) (Hneg O ltac:(lia)) u ltac:(lra) I)|].
    rewrite carried_first. lra. }
  destruct (Sg O t ltac:(lia) Ht) as [-> _].
  assert (0 <= D * t) by (apply Rmult_le_pos; lra). assert (0 <= B * t) by (apply Rmult_le_pos; lra).
  assert (V : c * (e * x O t) <= 4 * sqrt (A + B * t)).
  { apply Rle_trans with (2 * ln (A + B * t)).
    - apply (Rmult_le_compat_l c) in U'; [|lra].
      replace (c * (2 / c * ln (A + B * t))) with (2 * ln (A + B * t)) in U' by (field; lra). exact U'.
    - assert (P : 0 < sqrt (A + B * t)) by (apply sqrt_lt_R0; lra).
      rewrite <- (sqrt_sqrt (A + B * t)) at 1 by lra. rewrite ln_mult by lra.
      pose proof (exp_ineq1_le (ln (sqrt (A + B * t)))) as Q. rewrite exp_ln in Q by exact P. lra. }
  assert (W : sqrt (A + B * t) <= sqrt K * sqrt (1 + D * t)).
  { rewrite <- sqrt_mult by (unfold K; lra). apply sqrt_le_1; [lra| |].
    - apply Rmult_le_pos; unfold K; lra.
    - unfold K. replace ((A + B / D) * (1 + D * t)) with (A + B * t + (A * (D * t) + B / D)) by (field; lra).
      assert (0 <= A * (D * t)) by (apply Rmult_le_pos; lra). lra. }
  assert (P : 0 < sqrt (1 + D * t)) by (apply sqrt_lt_R0; lra).
  unfold tail. apply (Rmult_le_reg_r (sqrt (1 + D * t))); [exact P|].
  rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra. lra.
Qed.

(** What token l can lose relative to the first. *)
Lemma loss_small D : 0 < D ->
  (forall k t, (k <= l)%nat -> 0 <= t -> 1 + D * t <= exp (c * Rabs (x k t))) ->
  forall t, 0 <= t ->
  later_steps s b (fun k => x k t) l * (x O t ^ 2 * Delta s b no_floor (x O t))
  <= sum_below l (fun _ => 1) * exp b * (exp b * (16 / c ^ 2)) * (tail D t / (1 + D * t)).
Proof.
  intros HD Gr t Ht. pose proof slope_pos as Hc. pose proof (exp_pos b) as Eb.
  assert (0 <= D * t) by (apply Rmult_le_pos; lra).
  assert (Step : forall k, (k <= l)%nat -> Delta s b no_floor (x k t) <= exp b * exp (- (c * Rabs (x k t)))).
  { intros k Hk. rewrite <- exp_plus.
    exact (slow_step_width N a mu s b L p_infty x Hs k ltac:(lia) (Hneg k Hk) t Ht I). }
  assert (A1 : later_steps s b (fun k => x k t) l <= sum_below l (fun _ => 1) * exp b * / (1 + D * t)).
  { rewrite Rmult_assoc, <- sum_below_scal_r. apply sum_below_le. intros k Hk. rewrite Rmult_1_l.
    eapply Rle_trans; [apply Step; lia|]. apply Rmult_le_compat_l; [lra|]. rewrite exp_Ropp.
    apply Rinv_le_contravar; [lra|]. apply Gr; [lia|exact Ht]. }
  assert (A2 : x O t ^ 2 * Delta s b no_floor (x O t) <= exp b * (16 / c ^ 2) * tail D t).
  { set (y := Rabs (x O t)). assert (Hy : 0 <= y) by apply Rabs_pos.
    rewrite <- pow2_abs. fold y. specialize (Step O ltac:(lia)). fold y in Step.
    specialize (Gr O t ltac:(lia) Ht). fold y in Gr.
    assert (Half : exp (- (c * y)) = exp (- (c / 2 * y)) * exp (- (c / 2 * y)))
      by (rewrite <- exp_plus; f_equal; field).
    assert (T0 : exp (- (c / 2 * y)) <= tail D t).
    { rewrite exp_Ropp. unfold tail. apply Rinv_le_contravar; [apply sqrt_lt_R0; lra|].
      rewrite <- (sqrt_pow2 (exp (c / 2 * y))) by (left; apply exp_pos).
      apply sqrt_le_1; [lra|apply pow2_ge_0|].
      replace (exp (c / 2 * y) ^ 2) with (exp (c * y)); [exact Gr|].
      simpl. rewrite Rmult_1_r, <- exp_plus. f_equal. field. }
    assert (Z : y ^ 2 * exp (- (c / 2 * y)) <= 16 / c ^ 2).
    { pose proof (z2_exp (c / 2 * y) ltac:(apply Rmult_le_pos; lra)) as Z.
      assert (P2 : 0 < c ^ 2) by (now apply pow_lt).
      apply (Rmult_le_reg_l (c ^ 2 / 4)); [lra|].
      replace (c ^ 2 / 4 * (16 / c ^ 2)) with 4 by (field; lra).
      replace (c ^ 2 / 4 * (y ^ 2 * exp (- (c / 2 * y)))) with ((c / 2 * y) ^ 2 * exp (- (c / 2 * y))) by field.
      exact Z. }
    pose proof (exp_pos (- (c / 2 * y))). pose proof (pow2_ge_0 y).
    apply Rle_trans with (y ^ 2 * (exp b * exp (- (c * y)))); [apply Rmult_le_compat_l; lra|].
    rewrite Half.
    replace (y ^ 2 * (exp b * (exp (- (c / 2 * y)) * exp (- (c / 2 * y)))))
      with (exp b * (y ^ 2 * exp (- (c / 2 * y))) * exp (- (c / 2 * y))) by ring.
    apply Rmult_le_compat; [|lra| |exact T0].
    - apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra].
    - apply Rmult_le_compat_l; lra. }
  replace (sum_below l (fun _ => 1) * exp b * (exp b * (16 / c ^ 2)) * (tail D t / (1 + D * t)))
    with (sum_below l (fun _ => 1) * exp b * / (1 + D * t) * (exp b * (16 / c ^ 2) * tail D t))
    by (unfold Rdiv; ring).
  apply Rmult_le_compat; [| |exact A1|exact A2].
  - apply sum_below_nonneg. intros k _. left. apply Delta_pos.
  - apply sq_Delta_nonneg.
Qed.
End Slow.
