(** slow-polylog-rate, the paper's rate, from the sharper O(ln t): ln t exceeds 1 after e, so its powers only help. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Softplus Limits Printed.
Open Scope R_scope.

Lemma ln_above_one t : exp 1 <= t -> 1 <= ln t.
Proof. intros Ht. rewrite <- (ln_exp 1). apply ln_le; [apply exp_pos|exact Ht]. Qed.

Theorem slow_polylog_rate : slow_polylog_rate_statement.
Proof.
  intros N a mu s b e0 L x l <-%without_floor Ha Hmu HM Hs Hl Hk.
  destruct (slow_log_rate N a mu s b no_floor L p_infty x l eq_refl Ha Hmu HM Hs Hl Hk) as [_ (C & t0 & HC)].
  set (t1 := Rmax t0 (exp 1)). pose proof (Rmax_l t0 (exp 1)) as T0. pose proof (Rmax_r t0 (exp 1)) as T1. fold t1 in T0, T1.
  assert (B : forall t, t1 <= t -> Rabs (x l t) <= Rabs C * ln t).
  { intros t Ht. pose proof (ln_above_one t ltac:(lra)). pose proof (Rle_abs C).
    eapply Rle_trans; [apply HC; [lra|exact I]|]. apply Rmult_le_compat_r; lra. }
  assert (P : forall t k, t1 <= t -> 1 <= ln t ^ k).
  { intros t k Ht. apply pow_R1_Rle. apply ln_above_one. lra. }
  split.
  - exists (Rabs C), t1. intros t Ht. eapply Rle_trans; [apply B, Ht|].
    apply Rmult_le_compat_l; [apply Rabs_pos|]. pose proof (P t l Ht). pose proof (ln_above_one t ltac:(lra)). simpl. nra.
  - intros Pl. apply (is_lim_le_le_loc (fun _ => 0) (fun t => Rabs C * / ln t)).
    + exists t1. intros t Ht. destruct l as [|l]; [lia|].
      pose proof (ln_above_one t ltac:(lra)) as L1. pose proof (P t l ltac:(lra)) as PL.
      assert (Q : 1 <= ln t ^ S l) by (apply P; lra).
      change (ln t ^ S (S l)) with (ln t * ln t ^ S l). split.
      { apply Rdiv_le_0_compat; [apply Rabs_pos|nra]. }
      apply (Rmult_le_reg_r (ln t * ln t ^ S l)); [nra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by nra.
      replace (Rabs C * / ln t * (ln t * ln t ^ S l)) with (Rabs C * ln t ^ S l) by (field; lra).
      eapply Rle_trans; [apply B; lra|]. apply Rmult_le_compat_l; [apply Rabs_pos|]. simpl. nra.
    + apply is_lim_const.
    + replace (Finite 0) with (Finite (Rabs C * 0)) by (f_equal; ring).
      apply (is_lim_scal_l (fun t => / ln t) (Rabs C) p_infty 0).
      replace (Finite 0) with (Rbar_inv p_infty) by reflexivity. apply is_lim_inv; [apply is_lim_ln_p|discriminate].
Qed.
