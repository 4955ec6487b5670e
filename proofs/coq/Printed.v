(** From the shapes of Forms.v to the printed statements: the same numbers, written as the theory writes them. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Forms Statements.
From S6Flow Require Import Signs Softplus Convergence Constants StateConvergence CriticalShare SlowRate Blowup Witness.
From S6Flow Require Import FirstToken SlowFirstToken BlowUpTime BlowUpProfile AffinePhaseLine.

Local Open Scope R_scope.

(** ** Small identities *)

Lemma Delta_flat b eps u : Delta 0 b eps u = softplus b + eps.
Proof. unfold Delta. now rewrite Rmult_0_l, Rplus_0_l. Qed.

(** An inverse square under a root is a quotient. *)
Lemma root_of_inverse_square y c e :
  y <> 0 -> 0 <= c -> e = 1 + c * y ^ 2 -> / sqrt (/ y ^ 2 + c) = Rabs y / sqrt e.
Proof.
  intros Ny Hc ->. assert (P : 0 < y ^ 2) by (now apply pow2_gt_0).
  replace (1 + c * y ^ 2) with (y ^ 2 * (/ y ^ 2 + c)) by (field; lra).
  assert (Q : 0 < / y ^ 2) by (now apply Rinv_0_lt_compat).
  rewrite sqrt_mult by lra. replace (y ^ 2) with (Rsqr y) at 2 by (unfold Rsqr; ring).
  rewrite sqrt_Rsqr_abs. assert (0 < Rabs y) by (now apply Rabs_pos_lt).
  assert (0 < sqrt (/ y ^ 2 + c)) by (apply sqrt_lt_R0; lra). field. split; lra.
Qed.

Lemma power_of_decay a0 d k : exp (- a0 * d) ^ k = exp (- a0 * INR k * d).
Proof.
  induction k as [|k IH].
  - simpl. replace (- a0 * 0 * d) with 0 by ring. now rewrite exp_0.
  - rewrite S_INR. simpl pow. rewrite IH, <- exp_plus. f_equal. ring.
Qed.

(** ** Convergence *)

Lemma quotient_bound mu0 m y z t :
  mu0 < 0 -> 0 <= m -> 0 <= t -> Rabs z <= Rabs y ->
  (y <> 0 -> Rabs z <= / sqrt (/ y ^ 2 + 2 * - mu0 * m * t)) ->
  Rabs z <= Rabs y / sqrt (1 + 2 * t * Rabs mu0 * y ^ 2 * m).
Proof.
  intros Hmu Hm Ht Hle Hb. destruct (Req_dec y 0) as [->|N].
  - rewrite Rabs_R0 in *. unfold Rdiv. now rewrite Rmult_0_l.
  - rewrite <- (root_of_inverse_square y (2 * - mu0 * m * t)).
    + now apply Hb.
    + exact N.
    + repeat apply Rmult_le_pos; lra.
    + rewrite (Rabs_left mu0) by exact Hmu. ring.
Qed.

Lemma Rmin_steps_nonneg s b (eps : nonnegreal) y : 0 <= Rmin (softplus b + eps) (Delta s b eps y).
Proof. apply Rmin_glb; left; [apply step_pos|apply Delta_pos]. Qed.

Theorem convergence_rate : convergence_rate_statement.
Proof.
  intros N a mu s b e0 L x l [eps <-]%as_floor Hn Hm Hs Hl.
  destruct (convergence_rate_proved N a mu s b eps L x l Hn Hm Hs Hl) as (M & B & _ & Lm).
  split; [exact M|]. split; [|exact Lm].
  intros t Ht. apply (quotient_bound (sum_below N mu)); [exact Hm|apply Rmin_steps_nonneg|exact Ht|apply M; lra|].
  intros Nz. specialize (B Nz t Ht). now rewrite Delta_0 in B.
Qed.

Theorem convergence_rate_first : convergence_rate_first_statement.
Proof.
  intros N a mu s b e0 L x [eps <-]%as_floor Hm Hs Hl.
  destruct (convergence_rate_first_proved N a mu s b eps L x Hm Hs Hl) as (M & B & _ & Lm).
  split; [exact M|]. split; [|exact Lm].
  intros t Ht. apply (quotient_bound (sum_below N mu)); [exact Hm|apply Rmin_steps_nonneg|exact Ht|apply M; lra|].
  intros Nz. specialize (B Nz t Ht). now rewrite Delta_0 in B.
Qed.

Theorem convergence_rate_attained : convergence_rate_attained_statement.
Proof.
  intros N a mu b e0 x0 [eps <-]%as_floor Hm Nz.
  destruct (convergence_rate_attained_proved N a mu b eps x0 Hm Nz) as (x & Hs & H0 & B).
  exists x. split; [exact Hs|]. split; [exact H0|].
  intros t Ht. rewrite (B t Ht), !Delta_flat, Rmin_left by apply Rle_refl.
  apply root_of_inverse_square.
  - exact Nz.
  - pose proof (step_pos b eps). repeat apply Rmult_le_pos; lra.
  - rewrite (Rabs_left (sum_below N mu)) by exact Hm. ring.
Qed.

Theorem convergence_constants : convergence_constants_statement.
Proof.
  intros N a mu s b e0 a0 L x l [eps <-]%as_floor Ha Hp Hm Hs Hl Nz.
  destruct (convergence_constants_proved N a mu s b eps a0 L x l Ha Hp Hm Hs Hl Nz) as [F Z].
  rewrite (Rabs_left (sum_below N mu)) by exact Hm. split.
  - intros H. specialize (F H). now replace (/ (2 * - sum_below N mu * (softplus b + eps)))
      with (1 / (2 * - sum_below N mu * (softplus b + eps))) by (unfold Rdiv; ring).
  - intros j Hj Nj Hz. specialize (Z j Hj Nj Hz). now rewrite power_of_decay in Z.
Qed.

Theorem attention_decay : attention_decay_statement.
Proof.
  intros N a mu s b e0 a0 L x l j cl cj [eps <-]%as_floor Ha Hp Hm Hs Hl Hj Hcl Hcj.
  pose proof (attention_decay_proved N a mu s b eps a0 L x l j cl cj Ha Hp Hm Hs Hl Hj Hcl Hcj) as H.
  rewrite power_of_decay in H.
  assert (P : forall c k, is_lim (fun t => t * x k t ^ 2) p_infty (Finite c) -> 0 <= c).
  { intros c k Hc. apply (is_lim_le_loc (fun _ => 0) (fun t => t * x k t ^ 2) p_infty (Finite 0) (Finite c)).
    - exists 0. intros t Ht. apply Rmult_le_pos; [lra|apply pow2_ge_0].
    - apply is_lim_const.
    - exact Hc. }
  rewrite (sqrt_mult cl cj) in H by (eapply P; eassumption).
  match goal with |- is_lim _ _ (Finite ?v) => match type of H with is_lim _ _ (Finite ?w) =>
    replace v with w by ring; exact H end end.
Qed.

Theorem state_convergence : state_convergence_statement.
Proof.
  intros N a mu s b e0 L x l [eps <-]%as_floor Ha Hm Hs Hl Nz.
  rewrite (Rabs_left (sum_below N mu)) by exact Hm.
  destruct (state_convergence_proved N a mu s b eps L x l Ha Hm Hs Hl Nz) as (Z & C & E).
  split; [exact Z|]. split; [exact C|]. split; [exact E|]. intros K Hk.
  apply (is_lim_ext (fun t => t * ln t * x l t ^ 2)); [intros t; ring|].
  exact (state_convergence_critical N a mu s b eps L x l Ha Hm Hs Hl Nz Hk K).
Qed.

(** ** Slow divergence *)

Theorem slow_log_rate : slow_log_rate_statement.
Proof.
  intros N a mu s b e0 L T x l <-%without_floor Ha Hn Hm Hs Hl Hk. split.
  2:{ destruct (Req_dec (x l 0) 0) as [Z|Nz].
      - exists 0, 0. intros t Ht HT. rewrite (token_zero N a mu s b no_floor L T x l Hs Hl Z t Ht HT), Rabs_R0. lra.
      - destruct (slow_log_rate_proved N a mu s b L T x l Ha Hn Hm Hs Hl Hk Nz) as [_ (C & _ & Up)].
        exists C, (exp 1). exact Up. }
  intros t Ht HT Nz. destruct (slow_log_rate_proved N a mu s b L T x l Ha Hn Hm Hs Hl Hk Nz) as [Lo _].
  eapply Rle_trans; [right|exact (Lo t Ht HT)].
  assert (Ns : s <> 0) by (destruct (Hk l (le_n _)) as [E|E]; [contradiction|intros Z; rewrite Z in E; lra]).
  assert (Hs0 : Rabs s <> 0) by (now apply Rabs_no_R0).
  pose proof (exp_pos b).
  unfold Rdiv at 1. rewrite Rmult_comm. apply (f_equal (fun v => / Rabs s * ln v)).
  rewrite Rabs_mult, <- (pow2_abs (x l 0)). field. lra.
Qed.

Theorem slow_first_token : slow_first_token_statement.
Proof.
  intros N a mu s b e0 L x <-%without_floor Hm Hs Hl Hn.
  destruct (slow_first_token_proved N a mu s b L x Hm Hs Hl Hn) as [One Three].
  split; [exact One|].
  assert (Ns : s <> 0) by (intros Z; rewrite Z in Hn; lra).
  assert (P : 0 < s ^ 2) by (now apply pow2_gt_0).
  assert (E : ln (sum_below N mu * exp b / s ^ 2) = b + ln (sum_below N mu / s ^ 2)).
  { replace (sum_below N mu * exp b / s ^ 2) with (exp b * (sum_below N mu / s ^ 2)) by (field; exact Ns).
    rewrite ln_mult; [now rewrite ln_exp|apply exp_pos|now apply Rdiv_lt_0_compat]. }
  rewrite E in Three.
  apply (is_lim_ext (fun t => (Rabs s * Rabs (x 0%nat t) - ln t - 3 * ln (ln t)) - (b + ln (sum_below N mu / s ^ 2)))).
  { intros t. ring. }
  replace (Finite 0) with (Rbar_minus (Finite (b + ln (sum_below N mu / s ^ 2))) (Finite (b + ln (sum_below N mu / s ^ 2))))
    by (simpl; f_equal; ring).
  apply is_lim_minus'; [exact Three|apply is_lim_const].
Qed.

(** ** Blow-up *)

Theorem fast_bound : fast_bound_statement.
Proof.
  intros N a mu s b e0 L T x l [eps <-]%as_floor Hn Hm Hs Hl Nz Hp.
  destruct (fast_bound_proved N a mu s b eps L T x l Hn Hm Hs Hl Nz Hp) as [HT HG]. split.
  - replace (2 * sum_below N mu * x l 0 ^ 2 * Delta s b eps (x l 0))
      with (2 * sum_below N mu * Delta s b eps (x l 0) * x l 0 ^ 2) by ring. exact HT.
  - intros t Ht HtT. specialize (HG t Ht HtT).
    replace (2 * sum_below N mu * t * x l 0 ^ 2 * Delta s b eps (x l 0))
      with (2 * sum_below N mu * Delta s b eps (x l 0) * x l 0 ^ 2 * t) by ring.
    set (w := 1 - 2 * sum_below N mu * Delta s b eps (x l 0) * x l 0 ^ 2 * t) in *.
    assert (P0 : 0 < x l 0 ^ 2) by (now apply pow2_gt_0). pose proof (pow2_ge_0 (x l t)).
    assert (Pw : 0 < w) by (destruct (Rle_lt_dec w 0); [|assumption]; exfalso; nra).
    pose proof (sqrt_lt_R0 w Pw) as Ps. apply (Rmult_le_reg_r (sqrt w)); [exact Ps|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    rewrite <- (Rabs_pos_eq (sqrt w)) by lra. rewrite <- Rabs_mult. apply Rsqr_le_abs_0.
    unfold Rsqr. replace (x l t * sqrt w * (x l t * sqrt w)) with (x l t ^ 2 * (sqrt w * sqrt w)) by ring.
    rewrite sqrt_sqrt by lra. lra.
Qed.

Theorem fast_bound_attained : fast_bound_attained_statement.
Proof.
  intros N a mu b e0 x0 [eps <-]%as_floor Hm Nz.
  rewrite <- (Delta_flat b eps x0).
  replace (2 * sum_below N mu * x0 ^ 2 * Delta 0 b eps x0) with (2 * sum_below N mu * Delta 0 b eps x0 * x0 ^ 2) by ring.
  exact (fast_bound_attained_proved N a mu b eps x0 Hm Nz).
Qed.

Theorem fast_blow_up_time : fast_blow_up_time_statement.
Proof.
  intros N a mu s b e0 x0 [eps <-]%as_floor Hm Nz Hp.
  assert (I : forall u v : R, RInt (fun r => / (sum_below N mu * r ^ 3 * Delta s b eps (r * sign x0))) u v
              = RInt (fun r => / (sum_below N mu * r ^ 3 * (softplus (Rabs s * r + b) + eps))) u v).
  { intros u v. apply RInt_ext. intros r _. now rewrite outward_step. }
  destruct (fast_blow_up_time_proved N a mu s b eps x0 Hm Nz Hp) as (T1 & P & Lm & U & E).
  exists T1. split; [exact P|]. split; [|split; [|exact E]].
  - eapply is_lim_ext; [|exact Lm]. intros v. symmetry. apply I.
  - intros L T x Hs Hl H0. destruct (U L T x Hs Hl H0) as (Le & Im & Fin).
    split; [exact Le|]. split; [|exact Fin]. intros t Ht HT. rewrite I. now apply Im.
Qed.

Theorem blow_up_profile_first : blow_up_profile_first_statement.
Proof.
  intros N a mu s b e0 L T x [eps <-]%as_floor Hm Hs Hl HT Ho Hx.
  destruct (blow_up_profile_proved N a mu s b eps L T x Hm Hs Hl HT Hx) as [Out _].
  replace (/ (3 * sum_below N mu * Rabs s)) with (1 / (3 * sum_below N mu * Rabs s)) by (unfold Rdiv; ring).
  apply (filterlim_ext (fun t => (T - t) * Rabs (x 0%nat t) ^ 3)); [|now apply Out].
  intros t. rewrite <- (pow2_abs (x 0%nat t)). ring.
Qed.

Theorem blow_up_profile_flat : blow_up_profile_flat_statement.
Proof.
  intros N a mu b e0 x [eps <-]%as_floor Hm Nz. split.
  - intros L T Hs Hl HT Hx t Ht.
    destruct (blow_up_profile_proved N a mu 0 b eps L T x Hm Hs Hl HT Hx) as [_ Flat].
    rewrite Rmult_comm, (Flat eq_refl Nz t Ht). unfold Rdiv. ring.
  - intros T (P & Hs & Hmax).
    destruct (fast_blow_up_time_proved N a mu 0 b eps (x 0%nat 0) Hm Nz ltac:(lra)) as (T1 & _ & _ & H & y & Hy & H0).
    destruct (H 1%nat T x Hs ltac:(lia) eq_refl) as (Le & _ & Lim).
    assert (E : T = T1).
    { apply Rbar_le_antisym; [exact Le|]. apply (Hmax T1 y Hy). intros l Hl. now replace l with 0%nat by lia. }
    exists T1. split; [exact E|]. now apply Lim.
Qed.

(** ** Affine projections *)

Lemma same_terms N (g h : nat -> R) : (forall n, g n = h n) -> sum_below N g = sum_below N h.
Proof. intros E. induction N as [|k IH]; [reflexivity|]. simpl. now rewrite IH, E. Qed.

Theorem affine_phase_line : affine_phase_line_statement.
Proof.
  intros N S_B S_C beta_B beta_C s b e0 T x [eps <-]%as_floor Hx.
  destruct (affine_phase_line_proved N S_B S_C beta_B beta_C s b eps T x Hx) as [P Rest].
  split; [|exact Rest]. intros y. rewrite P.
  rewrite (same_terms N (fun n => S_C n * S_B n) (fun n => S_B n * S_C n)) by (intros; ring).
  rewrite (same_terms N (fun n => S_C n * beta_B n + S_B n * beta_C n) (fun n => S_B n * beta_C n + S_C n * beta_B n)) by (intros; ring).
  rewrite (same_terms N (fun n => beta_C n * beta_B n) (fun n => beta_B n * beta_C n)) by (intros; ring). ring.
Qed.
