(** prenorm-eps: a norm with a floor in front of the layer, mu_n <= 0.

    n = x w(x) with w = radius / sqrt(ball^2 + x^2), so x_l' = x_l w F_l: signs
    stay, and z = 1/x^2 obeys z' >= 2 |mu| w^3 Delta(n), with equality for token 1. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums GrowthRate.
From S6Flow Require Import FirstToken Limits Convergence.
Open Scope R_scope.

Section Ball.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (radius ball : R) (L : nat) (T : Rbar) (x : nat -> R -> R).
Hypothesis Hr : 0 < radius.
Hypothesis Hb : 0 < ball.
Hypothesis Hmu : forall n, (n < N)%nat -> mu n <= 0.
Hypothesis Htot : sum_below N mu < 0.
Hypothesis sol : read_solution N a mu s b eps (ball_normalised radius ball) L T x.

Definition weight (y : R) : R := radius / sqrt (ball ^ 2 + y ^ 2).
Notation n := (ball_normalised radius ball).
Notation rate l t := (growth_rate N a mu s b eps (fun k => n (x k t)) l).

Lemma root_pos y : 0 < sqrt (ball ^ 2 + y ^ 2).
Proof. apply sqrt_lt_R0. pose proof (pow_lt ball 2 Hb). pose proof (pow2_ge_0 y). lra. Qed.

Lemma weight_pos y : 0 < weight y.
Proof. apply Rdiv_lt_0_compat; [exact Hr|apply root_pos]. Qed.

Lemma n_is y : n y = weight y * y.
Proof. unfold ball_normalised, weight. pose proof (root_pos y). field. lra. Qed.

Lemma weight_decreasing y z : Rabs y <= Rabs z -> weight z <= weight y.
Proof.
  intros H. apply sq_le_of_Rabs in H. unfold weight, Rdiv. apply Rmult_le_compat_l; [lra|].
  apply Rinv_le_contravar; [apply root_pos|]. apply sqrt_le_1_alt. lra.
Qed.

Lemma n_increasing y z : 0 <= y <= z -> n y <= n z.
Proof.
  intros H. rewrite !n_is. pose proof (root_pos y) as Py. pose proof (root_pos z) as Pz. unfold weight.
  assert (A : y * sqrt (ball ^ 2 + z ^ 2) <= z * sqrt (ball ^ 2 + y ^ 2)).
  { apply Rsqr_incr_0_var; [|apply Rmult_le_pos; lra]. unfold Rsqr.
    replace (y * sqrt (ball ^ 2 + z ^ 2) * (y * sqrt (ball ^ 2 + z ^ 2))) with (y ^ 2 * (sqrt (ball ^ 2 + z ^ 2) * sqrt (ball ^ 2 + z ^ 2))) by ring.
    replace (z * sqrt (ball ^ 2 + y ^ 2) * (z * sqrt (ball ^ 2 + y ^ 2))) with (z ^ 2 * (sqrt (ball ^ 2 + y ^ 2) * sqrt (ball ^ 2 + y ^ 2))) by ring.
    pose proof (pow2_ge_0 y). pose proof (pow2_ge_0 z). pose proof (pow2_ge_0 ball).
    rewrite !sqrt_sqrt by lra. assert (y ^ 2 <= z ^ 2) by (apply pow_incr; lra). nra. }
  apply Rmult_le_reg_r with (sqrt (ball ^ 2 + y ^ 2) * sqrt (ball ^ 2 + z ^ 2)); [apply Rmult_lt_0_compat; assumption|].
  replace (radius / sqrt (ball ^ 2 + y ^ 2) * y * (sqrt (ball ^ 2 + y ^ 2) * sqrt (ball ^ 2 + z ^ 2))) with (radius * (y * sqrt (ball ^ 2 + z ^ 2))) by (field; lra).
  replace (radius / sqrt (ball ^ 2 + z ^ 2) * z * (sqrt (ball ^ 2 + y ^ 2) * sqrt (ball ^ 2 + z ^ 2))) with (radius * (z * sqrt (ball ^ 2 + y ^ 2))) by (field; lra).
  apply Rmult_le_compat_l; lra.
Qed.

Lemma n_odd y : n (- y) = - n y.
Proof. rewrite !n_is. unfold weight. replace ((- y) ^ 2) with (y ^ 2) by ring. ring. Qed.

Lemma n_bounded y : Rabs (n y) <= radius.
Proof.
  rewrite n_is, Rabs_mult, (Rabs_pos_eq (weight y)) by (left; apply weight_pos). pose proof (root_pos y) as P. unfold weight.
  assert (A : Rabs y <= sqrt (ball ^ 2 + y ^ 2)).
  { rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. unfold Rsqr. pose proof (pow2_ge_0 ball). simpl in *. lra. }
  apply Rmult_le_reg_r with (sqrt (ball ^ 2 + y ^ 2)); [exact P|].
  replace (radius / sqrt (ball ^ 2 + y ^ 2) * Rabs y * sqrt (ball ^ 2 + y ^ 2)) with (radius * Rabs y) by (field; lra).
  apply Rmult_le_compat_l; lra.
Qed.

Lemma weight_upper y : weight y <= radius / ball.
Proof.
  replace (radius / ball) with (weight 0).
  - apply weight_decreasing. rewrite Rabs_R0. apply Rabs_pos.
  - unfold weight. replace (ball ^ 2 + 0 ^ 2) with (ball ^ 2) by ring. now rewrite sqrt_pow2 by lra.
Qed.

Section OneToken.
Variables (l : nat).
Hypothesis Hl : (l < L)%nat.

Definition pull (t : R) : R := weight (x l t) * rate l t.

Lemma token_evolves : evolves T (x l) (fun t => x l t * pull t).
Proof.
  eapply evolves_ext; [exact (sol l Hl)|]. intros t _ _. unfold pull. rewrite n_is. ring.
Qed.

Lemma pull_bounded : locally_bounded T pull.
Proof.
  assert (B : forall m, exists B, forall y, (forall k, Rabs (y k) <= radius) -> Rabs (sum_below m (hidden a mu s b eps y l)) <= B).
  { induction m as [|m (B & HB)]; [exists 0; intros; simpl; rewrite Rabs_R0; lra|].
    destruct (hidden_box a mu s b eps (fun _ => radius) l m) as (C & _ & HC). exists (B + C). intros y Hy. simpl.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [now apply HB|]. apply HC. intros; apply Hy. }
  destruct (B N) as (K & HK). intros t0 _ _. exists (radius / ball * K). intros t _. unfold pull. rewrite Rabs_mult.
  rewrite (Rabs_pos_eq (weight _)) by (left; apply weight_pos).
  apply Rmult_le_compat; [left; apply weight_pos|apply Rabs_pos|apply weight_upper|]. apply HK. intros k. apply n_bounded.
Qed.

Lemma pull_upper t : pull t <= weight (x l t) * (sum_below N mu * n (x l t) ^ 2 * Delta s b eps (n (x l t))).
Proof. apply Rmult_le_compat_l; [left; apply weight_pos|]. exact (growth_rate_upper N a mu s b eps (fun k => n (x k t)) l Hmu). Qed.

Lemma pull_nonpos t : pull t <= 0.
Proof.
  eapply Rle_trans; [apply pull_upper|]. pose proof (weight_pos (x l t)). pose proof (sq_Delta_nonneg s b eps (n (x l t))).
  assert (0 <= weight (x l t) * (n (x l t) ^ 2 * Delta s b eps (n (x l t)))) by (apply Rmult_le_pos; lra). nra.
Qed.

Lemma keeps_sign t : 0 <= t -> Rbar_lt t T -> x l 0 <> 0 -> 0 < x l 0 * x l t.
Proof.
  intros Ht HT N0. pose proof (factor_nonzero T _ _ token_evolves pull_bounded N0) as Nz.
  destruct (Rtotal_order (x l 0) 0) as [Neg|[Z|Pos]]; [|contradiction|].
  - assert (0 < - x l t); [|nra]. apply (sign_on T (fun t => - x l t) _ (evolves_opp _ _ _ token_evolves)); [|lra|exact Ht|exact HT].
    intros u Hu HuT Z. apply (Nz u Hu HuT). lra.
  - assert (0 < x l t); [|nra]. apply (sign_on T (x l) _ token_evolves); [|lra|exact Ht|exact HT]. exact Nz.
Qed.

Lemma size_falls t : 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= Rabs (x l 0).
Proof.
  intros Ht HT. apply Rabs_le_of_sq. apply (decr_on T _ _ 0 t (evolves_sq T _ _ token_evolves) (Rle_refl 0) Ht HT).
  intros u Hu. pose proof (pull_nonpos u). pose proof (pow2_ge_0 (x l u)).
  replace (2 * x l u * (x l u * pull u)) with (2 * (x l u ^ 2 * pull u)) by ring. nra.
Qed.

Definition least_step : R := Rmin (softplus b + eps) (Delta s b eps (n (x l 0))).

Lemma least_step_pos : 0 < least_step.
Proof. apply Rmin_glb_lt; [apply step_pos|apply Delta_pos]. Qed.

Lemma step_least t : 0 <= t -> Rbar_lt t T -> x l 0 <> 0 -> least_step <= Delta s b eps (n (x l t)).
Proof.
  intros Ht HT N0. pose proof (keeps_sign t Ht HT N0) as Sg. pose proof (size_falls t Ht HT) as Le.
  assert (Between : exists c, 0 <= c <= 1 /\ n (x l t) = c * n (x l 0)).
  { destruct (Rtotal_order (x l 0) 0) as [Neg|[Z|Pos]]; [|contradiction|].
    - assert (x l t < 0) by nra. rewrite (Rabs_left (x l t)), (Rabs_left (x l 0)) in Le by lra.
      pose proof (n_increasing (- x l t) (- x l 0) ltac:(lra)) as M. rewrite !n_odd in M.
      assert (P1 : 0 < - n (x l t)) by (rewrite n_is; pose proof (weight_pos (x l t)); nra).
      exists (n (x l t) / n (x l 0)). split; [|field; lra].
      replace (n (x l t) / n (x l 0)) with (- n (x l t) / - n (x l 0)) by (field; lra).
      split; [apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]|].
      apply Rmult_le_reg_r with (- n (x l 0)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
    - assert (0 < x l t) by nra. rewrite (Rabs_pos_eq (x l t)), (Rabs_pos_eq (x l 0)) in Le by lra.
      pose proof (n_increasing (x l t) (x l 0) ltac:(lra)) as M.
      assert (P1 : 0 < n (x l t)) by (rewrite n_is; pose proof (weight_pos (x l t)); nra).
      exists (n (x l t) / n (x l 0)). split; [|field; lra].
      split; [apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]|].
      apply Rmult_le_reg_r with (n (x l 0)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  destruct Between as (c & Hc & ->). unfold least_step. rewrite <- (Delta_0 s b eps). set (y := n (x l 0)).
  destruct (Rle_lt_dec 0 (s * y)).
  - eapply Rle_trans; [apply Rmin_l|]. apply Delta_mono. rewrite Rmult_0_r. replace (s * (c * y)) with (c * (s * y)) by ring.
    apply Rmult_le_pos; lra.
  - eapply Rle_trans; [apply Rmin_r|]. apply Delta_mono. replace (s * (c * y)) with (c * (s * y)) by ring. nra.
Qed.

Lemma inverse_square t : 0 <= t -> Rbar_lt t T -> x l 0 <> 0 ->
  / x l 0 ^ 2 + 2 * - sum_below N mu * weight (x l 0) ^ 3 * least_step * t <= / x l t ^ 2.
Proof.
  intros Ht HT N0.
  assert (Nz : forall u, 0 <= u -> Rbar_lt u T -> x l u <> 0) by (apply (factor_nonzero T _ _ token_evolves pull_bounded N0)).
  pose proof (evolves_invsq T _ _ token_evolves N0 Nz) as E.
  pose proof (growth_on T _ _ (2 * - sum_below N mu * weight (x l 0) ^ 3 * least_step) 0 t E (Rle_refl 0) Ht HT) as G. cbv beta in G.
  cut (2 * - sum_below N mu * weight (x l 0) ^ 3 * least_step * (t - 0) <= / x l t ^ 2 - / x l 0 ^ 2); [lra|]. apply G.
  intros u Hu. assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
  pose proof (Nz u ltac:(lra) HuT) as Nu. pose proof (pow2_gt_0 _ Nu) as P2.
  pose proof (pull_upper u) as Up. rewrite n_is in Up at 1.
  pose proof (step_least u ltac:(lra) HuT N0) as St. pose proof least_step_pos as LP.
  pose proof (weight_decreasing (x l u) (x l 0) (size_falls u ltac:(lra) HuT)) as W. pose proof (weight_pos (x l 0)) as W0.
  assert (W3 : weight (x l 0) ^ 3 <= weight (x l u) ^ 3) by (apply pow_incr; lra).
  assert (P3 : 0 < weight (x l 0) ^ 3) by (apply pow_lt; exact W0).
  apply Rmult_le_reg_r with (x l u ^ 2); [exact P2|].
  replace (- 2 * pull u / x l u ^ 2 * x l u ^ 2) with (2 * - pull u) by (field; exact Nu).
  assert (Q : 2 * - sum_below N mu * (weight (x l 0) ^ 3 * least_step) * x l u ^ 2 <= 2 * - sum_below N mu * (weight (x l u) ^ 3 * Delta s b eps (n (x l u))) * x l u ^ 2).
  { apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra. }
  replace (weight (x l u) * (sum_below N mu * (weight (x l u) * x l u) ^ 2 * Delta s b eps (n (x l u))))
    with (sum_below N mu * (weight (x l u) ^ 3 * Delta s b eps (n (x l u))) * x l u ^ 2) in Up by ring. lra.
Qed.

Lemma ball_bounded t : 0 <= t -> Rbar_lt t T ->
  Rabs (x l t) <= Rabs (x l 0) / sqrt (1 + 2 * - sum_below N mu * weight (x l 0) ^ 3 * least_step * t * x l 0 ^ 2).
Proof.
  intros Ht HT. destruct (Req_dec (x l 0) 0) as [Z|N0].
  - rewrite (factor_zero T _ _ token_evolves pull_bounded Z t Ht HT), Z, Rabs_R0. unfold Rdiv. rewrite Rmult_0_l. lra.
  - pose proof (inverse_square t Ht HT N0) as I. pose proof (keeps_sign t Ht HT N0) as Sg.
    assert (Nt : x l t <> 0) by (intros Z; rewrite Z in Sg; lra).
    set (K := 2 * - sum_below N mu * weight (x l 0) ^ 3 * least_step * t) in *.
    assert (HK : 0 <= K).
    { unfold K. apply Rmult_le_pos; [|exact Ht]. apply Rmult_le_pos; [|left; apply least_step_pos]. apply Rmult_le_pos; [lra|]. left. apply pow_lt, weight_pos. }
    pose proof (pow2_gt_0 _ N0) as P0. pose proof (pow2_gt_0 _ Nt) as P1.
    assert (P : 0 < 1 + K * x l 0 ^ 2) by (assert (0 <= K * x l 0 ^ 2) by (apply Rmult_le_pos; lra); lra).
    pose proof (sqrt_lt_R0 _ P) as SP.
    apply Rmult_le_reg_r with (sqrt (1 + K * x l 0 ^ 2)); [exact SP|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rsqr_incr_0_var; [|apply Rabs_pos]. unfold Rsqr.
    replace (Rabs (x l t) * sqrt (1 + K * x l 0 ^ 2) * (Rabs (x l t) * sqrt (1 + K * x l 0 ^ 2)))
      with ((Rabs (x l t) * Rabs (x l t)) * (sqrt (1 + K * x l 0 ^ 2) * sqrt (1 + K * x l 0 ^ 2))) by ring.
    rewrite sqrt_sqrt, <- !Rabs_mult, !Rabs_pos_eq by (try lra; apply Rle_0_sqr).
    apply Rmult_le_compat_r with (r := x l t * x l t * (x l 0 * x l 0)) in I; [|apply Rmult_le_pos; apply Rle_0_sqr].
    replace ((/ x l 0 ^ 2 + K) * (x l t * x l t * (x l 0 * x l 0))) with (x l t * x l t * (1 + K * x l 0 ^ 2)) in I by (field; exact N0).
    replace (/ x l t ^ 2 * (x l t * x l t * (x l 0 * x l 0))) with (x l 0 * x l 0) in I by (field; exact Nt). exact I.
Qed.
End OneToken.
End Ball.

Section Limit.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (radius ball : R) (L : nat) (x : nat -> R -> R).
Hypothesis Hr : 0 < radius.
Hypothesis Hb : 0 < ball.
Hypothesis Hmu : forall n, (n < N)%nat -> mu n <= 0.
Hypothesis Htot : sum_below N mu < 0.
Hypothesis sol : read_solution N a mu s b eps (ball_normalised radius ball) L p_infty x.
Hypothesis HL : (0 < L)%nat.
Hypothesis N0 : x 0%nat 0 <> 0.

Lemma first_to_zero : is_lim (x 0%nat) p_infty 0.
Proof.
  set (K := 2 * - sum_below N mu * weight radius ball (x 0%nat 0) ^ 3 * least_step s b eps radius ball x 0 * x 0%nat 0 ^ 2).
  assert (HK : 0 < K).
  { unfold K. pose proof (pow_lt _ 3 (weight_pos radius ball Hr Hb (x 0%nat 0))) as W.
    pose proof (least_step_pos s b eps radius ball x 0) as LP. pose proof (pow2_gt_0 _ N0) as P2.
    apply Rmult_lt_0_compat; [|exact P2]. apply Rmult_lt_0_compat; [|exact LP]. apply Rmult_lt_0_compat; [lra|exact W]. }
  apply (lim_of_root_bound (x 0%nat) (Rabs (x 0%nat 0) / sqrt K)). intros t Ht.
  pose proof (ball_bounded N a mu s b eps radius ball L p_infty x Hr Hb Hmu Htot sol 0 HL t ltac:(lra) I) as B.
  eapply Rle_trans; [exact B|].
  replace (1 + 2 * - sum_below N mu * weight radius ball (x 0%nat 0) ^ 3 * least_step s b eps radius ball x 0 * t * x 0%nat 0 ^ 2) with (1 + K * t) by (unfold K; ring).
  assert (P : 0 < K * t) by (apply Rmult_lt_0_compat; lra).
  unfold Rdiv. rewrite Rmult_assoc. apply Rmult_le_compat_l; [apply Rabs_pos|].
  rewrite <- Rinv_mult, <- sqrt_mult by lra. apply Rinv_le_contravar; [now apply sqrt_lt_R0|]. apply sqrt_le_1_alt. lra.
Qed.

Lemma first_constant : is_lim (fun t => t * x 0%nat t ^ 2) p_infty (ball ^ 3 / (2 * radius ^ 3 * Rabs (sum_below N mu) * (softplus b + eps))).
Proof.
  pose proof (token_evolves N a mu s b eps radius ball L p_infty x Hb sol 0 HL) as E.
  pose proof (pull_bounded N a mu s b eps radius ball p_infty x Hr Hb 0) as Bd.
  assert (Nz : forall u, 0 <= u -> Rbar_lt u p_infty -> x 0%nat u <> 0) by (apply (factor_nonzero p_infty _ _ E Bd N0)).
  pose proof (evolves_invsq p_infty _ _ E N0 Nz) as Ez. set (M := sum_below N mu) in *.
  set (f := fun y => 2 * - M * weight radius ball y ^ 3 * Delta s b eps (ball_normalised radius ball y)).
  assert (Ef : evolves p_infty (fun t => / x 0%nat t ^ 2) (fun t => f (x 0%nat t))).
  { eapply evolves_ext; [exact Ez|]. intros t Ht _. cbv beta. unfold pull, f.
    rewrite growth_rate_first. fold M. rewrite n_is by exact Hb.
    pose proof (Nz t ltac:(lra) I). field. assumption. }
  assert (Cn : continuous (ball_normalised radius ball) 0).
  { unfold ball_normalised. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule)). auto_derive.
    pose proof (root_pos ball Hb 0) as P. pose proof (pow_lt ball 2 Hb). split; [|split; [|exact I]]; simpl in *; lra. }
  assert (Cf : continuous f 0).
  { unfold f. apply (continuous_mult (K:=R_AbsRing) (fun y => 2 * - M * weight radius ball y ^ 3)).
    - unfold weight. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule)). auto_derive.
      pose proof (root_pos ball Hb 0) as P. pose proof (pow_lt ball 2 Hb). split; [|split; [|exact I]]; simpl in *; lra.
    - apply (continuous_comp (ball_normalised radius ball) (Delta s b eps)); [exact Cn|].
      apply continuity_pt_filterlim. apply Delta_continuity. }
  pose proof (lim_continuous f (x 0%nat) p_infty 0 first_to_zero Cf) as Lf.
  pose proof (lim_quotient_of_derivative _ _ _ Ef Lf) as Lq.
  assert (F0 : f 0 = 2 * radius ^ 3 * Rabs M * (softplus b + eps) / ball ^ 3).
  { unfold f, ball_normalised, weight. replace (radius * 0 / sqrt (ball ^ 2 + 0 ^ 2)) with 0 by (unfold Rdiv; ring).
    replace (ball ^ 2 + 0 ^ 2) with (ball ^ 2) by ring. rewrite sqrt_pow2 by lra. rewrite Delta_0, Rabs_left by exact Htot. field. lra. }
  pose proof (step_pos b eps) as Ps. assert (PM : 0 < Rabs M) by (rewrite Rabs_left by exact Htot; unfold M in *; lra).
  assert (P0 : 0 < f 0).
  { rewrite F0. apply Rdiv_lt_0_compat; [|now apply pow_lt]. repeat apply Rmult_lt_0_compat; try lra. }
  apply (is_lim_ext_loc (fun t => / (/ x 0%nat t ^ 2 / t))).
  - exists 0. intros t Ht. pose proof (Nz t ltac:(lra) I). field. repeat split; (assumption || lra).
  - replace (Finite (ball ^ 3 / (2 * radius ^ 3 * Rabs M * (softplus b + eps)))) with (Rbar_inv (Finite (f 0))).
    + apply is_lim_inv; [exact Lq|]. intros Z. injection Z. lra.
    + simpl. f_equal. rewrite F0. pose proof (pow_lt ball 3 Hb). pose proof (pow_lt radius 3 Hr). field. repeat split; lra.
Qed.
End Limit.

Lemma power_three_halves y : 0 < y -> Rpower y (3 / 2) = sqrt y ^ 3.
Proof.
  intros Hy. replace (3 / 2) with (/ 2 * 3) by lra. rewrite <- Rpower_mult, Rpower_sqrt by exact Hy.
  replace 3 with (INR 3) by (simpl; lra). rewrite Rpower_pow; [reflexivity|]. now apply sqrt_lt_R0.
Qed.

Theorem prenorm_eps : prenorm_eps_statement.
Proof.
  intros N a mu s b e0 radius ball L T x [eps <-]%as_floor Hr Hb Hmu Htot sol. split.
  - intros l t Hl Ht HT. split.
    + intros N0. exact (keeps_sign N a mu s b eps radius ball L T x Hr Hb sol l Hl t Ht HT N0).
    + pose proof (ball_bounded N a mu s b eps radius ball L T x Hr Hb Hmu Htot sol l Hl t Ht HT) as B.
      eapply Rle_trans; [exact B|]. right. unfold Rdiv at 1 2. f_equal. f_equal. f_equal. f_equal.
      rewrite Rabs_left by exact Htot. unfold weight, least_step, ball_normalised.
      pose proof (root_pos ball Hb (x l 0)) as P. rewrite power_three_halves.
      * field. lra.
      * pose proof (pow_lt ball 2 Hb). pose proof (pow2_ge_0 (x l 0)). lra.
  - intros -> HL N0. exact (first_constant N a mu s b eps radius ball L x Hr Hb Hmu Htot sol HL N0).
Qed.
