(** slow-attention.

    The first token's growth rate is 1/(t ln t) up to a factor that tends to 1:
    with f = exp(c r)/r^3 it equals (m exp(c r) softplus(b - c r)) / (r f), where
    f/t -> m c e^b and c r/ln t -> 1.  The attention of token l to it is that
    rate times x_l/x_1 and an average of exp(- a_n (Delta_2 + ... + Delta_l)),
    which tends to 1. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums GrowthRate Signs.
From S6Flow Require Import SlowRate Limits FirstToken SlowFirstToken SlowBounds SlowRatios.
Open Scope R_scope.

(** t ln t m r^2 softplus(b - c r) -> 1. *)
Lemma slow_rate_limit m c b r : 0 < m -> 0 < c -> modulus p_infty m (- c) b no_floor r ->
  is_lim (fun t => t * ln t * (m * r t ^ 2 * softplus (b - c * r t))) p_infty 1.
Proof.
  intros Hm Hc Hr. pose proof (exp_pos b) as Eb.
  set (g := fun t => exp (c * r t) * softplus (b - c * r t)).
  assert (Lg : is_lim g p_infty (exp b)).
  { apply (lim_at_infinite (fun z => exp z * softplus (b - z)) (fun t => c * r t));
      [apply softplus_left_lim|]. exact (scaled_diverges m c b r Hm Hc Hr). }
  assert (Ll : is_lim (fun t => c * (ln t / (c * r t))) p_infty (c * 1)).
  { exact (is_lim_scal_l _ c p_infty 1 (log_over_modulus m c b r Hm Hc Hr)). }
  assert (Lf : is_lim (fun t => / (ratio c (r t) / t)) p_infty (/ (m * exp b * c))).
  { apply (is_lim_inv _ p_infty (Finite (m * exp b * c)) (ratio_over_time m c b r Hm Hc Hr)).
    intros E. injection E as E. assert (0 < m * exp b * c) by pos. lra. }
  assert (Q : is_lim (fun t => m * g t * (c * (ln t / (c * r t))) * / (ratio c (r t) / t)) p_infty
     (m * exp b * (c * 1) * / (m * exp b * c))).
  { apply (is_lim_mult _ _ p_infty (m * exp b * (c * 1)) (/ (m * exp b * c))); [|exact Lf|exact I].
    apply (is_lim_mult _ _ p_infty (m * exp b) (c * 1)); [|exact Ll|exact I].
    exact (is_lim_scal_l g m p_infty (exp b) Lg). }
  replace (m * exp b * (c * 1) * / (m * exp b * c)) with 1 in Q by (field; repeat split; lra).
  apply (is_lim_ext_loc (fun t => m * g t * (c * (ln t / (c * r t))) * / (ratio c (r t) / t))); [|exact Q].
  exists 1. intros t Ht. assert (Pr : 0 < r t) by (apply Hr; [lra|exact I]).
  unfold ratio, g. pose proof (exp_pos (c * r t)). field. repeat split; lra.
Qed.

Section Attention.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis Hmu : all_nonneg N mu.
Hypothesis HM : 0 < sum_below N mu.
Hypothesis Hs : solution N a mu s b no_floor L p_infty x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Hneg : forall k, (k <= l)%nat -> s * x k 0 < 0.

(** Every step width tends to 0. *)
Lemma step_vanishes k : (k <= l)%nat -> is_lim (fun t => Delta s b no_floor (x k t)) p_infty 0.
Proof.
  intros Hk. destruct (common_growth N a mu s b L x l Hmu HM Hs Hl Hneg) as (D & HD & Gr).
  pose proof (exp_pos b) as Eb.
  apply (is_lim_le_le_loc (fun _ => 0) (fun t => exp b * / (1 + D * t))).
  - exists 0. intros t Ht. split; [left; apply Delta_pos|].
    assert (0 < D * t) by pos.
    eapply Rle_trans; [exact (slow_step_width N a mu s b L p_infty x Hs k ltac:(lia) (Hneg k Hk) t ltac:(lra) I)|].
    unfold Rminus. rewrite exp_plus, exp_Ropp. apply Rmult_le_compat_l; [lra|].
    apply Rinv_le_contravar; [lra|]. apply Gr; [exact Hk|lra].
  - apply is_lim_const.
  - replace (Finite 0) with (Rbar_mult (exp b) 0) by (simpl; f_equal; ring).
    apply is_lim_scal_l. apply (is_lim_inv (fun t => 1 + D * t) p_infty p_infty); [|discriminate].
    apply is_lim_spec. intros K. exists (Rmax 0 (K / D)). intros t Ht.
    pose proof (Rmax_l 0 (K / D)). pose proof (Rmax_r 0 (K / D)).
    assert (Q : K / D < t) by lra. apply (Rmult_lt_compat_l D) in Q; [|exact HD].
    replace (D * (K / D)) with K in Q by (field; lra). lra.
Qed.

(** The average of the decay factors tends to 1. *)
Lemma memory_kept :
  is_lim (fun t => sum_below N (fun n => mu n * exp (- a n * later_steps s b (fun k => x k t) l)))
    p_infty (sum_below N mu).
Proof.
  assert (S0 : is_lim (fun t => later_steps s b (fun k => x k t) l) p_infty 0).
  { rewrite <- (sum_below_zero l). unfold later_steps.
    apply (sum_below_lim l (fun k t => Delta s b no_floor (x (S k) t)) (fun _ => 0)).
    intros k Hk. apply step_vanishes. lia. }
  apply (sum_below_lim N (fun n t => mu n * exp (- a n * later_steps s b (fun k => x k t) l)) mu).
  intros n _.
  replace (Finite (mu n)) with (Finite (mu n * exp (- a n * 0)))
    by (rewrite Rmult_0_r, exp_0, Rmult_1_r; reflexivity).
  apply (lim_continuous (fun y => mu n * exp (- a n * y)) (fun t => later_steps s b (fun k => x k t) l)
    p_infty 0 S0).
  apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun y => mu n * exp (- a n * y))).
  auto_derive. exact I.
Qed.

Lemma attention_to_first y :
  attention N a mu s b no_floor y l 0 =
  y l * y O * Delta s b no_floor (y O) * sum_below N (fun n => mu n * exp (- a n * later_steps s b y l)).
Proof.
  unfold attention. rewrite <- sum_below_scal. apply sum_below_ext. intros n _.
  replace (sum_between 1 (S l) (fun k => Delta s b no_floor (y k))) with (later_steps s b y l).
  - ring.
  - unfold sum_between, later_steps. simpl. now rewrite Nat.sub_0_r.
Qed.
End Attention.

Theorem slow_attention : slow_attention_statement.
Proof.
  intros N a mu s b e0 L x l <-%without_floor Ha Hmu HM Hs Pl Hl Hneg.
  destruct (slow_ratios N a mu s b no_floor L x l eq_refl Ha Hmu HM Hs Pl Hl Hneg) as (ratio & H1 & Lr).
  exists ratio. split; [exact H1|]. split; [exact Lr|].
  destruct (common_sign N a mu s b L x l Hs Hl Hneg) as (e & He & Se & Sg).
  pose proof (slope_pos s x l Hneg) as Hc.
  assert (N0 : x O 0 <> 0) by (intros E; specialize (Hneg O ltac:(lia)); rewrite E in Hneg; lra).
  destruct (first_token_modulus N a mu s b no_floor L p_infty x Hs ltac:(lia) N0) as (e' & He' & Habs & Hmod).
  rewrite (slow_slope s e' (x O 0) He') in Hmod; [|apply Hmod; [lra|exact I]|apply Hneg; lia].
  pose proof (slow_rate_limit _ _ b _ HM Hc Hmod) as Lrate.
  pose proof (memory_kept N a mu s b L x l Hmu HM Hs Hl Hneg) as Lm.
  replace (Finite ratio) with (Finite (ratio * 1 * (sum_below N mu * / sum_below N mu)))
    by (f_equal; field; lra).
  apply (is_lim_ext_loc (fun t => x l t / x O t
    * (t * ln t * (sum_below N mu * (e' * x O t) ^ 2 * softplus (b - Rabs s * (e' * x O t))))
    * (sum_below N (fun n => mu n * exp (- a n * later_steps s b (fun k => x k t) l)) * / sum_below N mu))).
  - exists 0. intros t Ht. rewrite attention_to_first.
    destruct (Sg O t ltac:(lia) ltac:(lra)) as [E0 P0].
    assert (Nt : x O t <> 0) by (intros E; rewrite E in P0; lra).
    assert (Ar : softplus (b - Rabs s * (e' * x O t)) = Delta s b no_floor (x O t)).
    { rewrite Delta_no_floor. f_equal. rewrite <- (Habs t ltac:(lra) I).
      rewrite (slow_side N a mu s b L p_infty x Hs O ltac:(lia) (Hneg O ltac:(lia)) t ltac:(lra) I). ring. }
    rewrite Ar. replace ((e' * x O t) ^ 2) with (x O t ^ 2 * (e' * e')) by ring. rewrite He'.
    field. split; [lra|exact Nt].
  - apply (is_lim_mult _ _ p_infty (ratio * 1) (sum_below N mu * / sum_below N mu)); [| |exact I].
    + apply (is_lim_mult _ _ p_infty ratio 1 Lr Lrate). exact I.
    + apply (is_lim_mult _ _ p_infty (sum_below N mu) (/ sum_below N mu) Lm); [apply is_lim_const|exact I].
Qed.
