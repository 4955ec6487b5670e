(** The state of one channel, for steps of any kind: its bound, what a token leaves in it, and how far it has filled up.

    Proves state-bound, state-forgetting and state-saturation. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Calculus Softplus Sums Recursion Statements.
Open Scope R_scope.

Lemma gate_below_1 a d : 0 < a -> 0 < d -> exp (- a * d) < 1.
Proof. exact (decay_lt_1 a d). Qed.

(** e^(-a d) lies below the chord from 0 to M. *)
Lemma gate_chord a d M : 0 < d <= M -> d * (1 - exp (- a * M)) <= M * (1 - exp (- a * d)).
Proof.
  intros Hd. set (E := exp (- a * d)). assert (P : 0 < E) by apply exp_pos.
  assert (A : E * (1 + a * d) <= 1).
  { replace 1 with (E * exp (a * d)) at 2 by (unfold E; rewrite <- exp_plus; replace (- a * d + a * d) with 0 by ring; apply exp_0).
    apply Rmult_le_compat_l; [lra|apply exp_ineq1_le]. }
  assert (B : E * (1 + (a * d - a * M)) <= exp (- a * M)).
  { replace (exp (- a * M)) with (E * exp (a * d - a * M)) by (unfold E; rewrite <- exp_plus; f_equal; ring).
    apply Rmult_le_compat_l; [lra|apply exp_ineq1_le]. }
  assert (C : (M - d) * (E * (1 + a * d)) <= (M - d) * 1) by (apply Rmult_le_compat_l; lra).
  assert (F : d * (E * (1 + (a * d - a * M))) <= d * exp (- a * M)) by (apply Rmult_le_compat_l; lra).
  nra.
Qed.

(** The gain Delta / (1 - e^(-a Delta)). *)
Lemma gain_bound a M : 0 < a -> 0 < M -> M / (1 - exp (- a * M)) <= / a + M.
Proof.
  intros Ha HM. pose proof (gate_below_1 a M Ha HM) as G. pose proof (exp_pos (- a * M)) as P.
  assert (A : exp (- a * M) * (1 + a * M) <= 1).
  { replace 1 with (exp (- a * M) * exp (a * M)) at 2 by (rewrite <- exp_plus; replace (- a * M + a * M) with 0 by ring; apply exp_0).
    apply Rmult_le_compat_l; [lra|apply exp_ineq1_le]. }
  apply (Rmult_le_reg_r (a * (1 - exp (- a * M)))); [apply Rmult_lt_0_compat; lra|].
  replace (M / (1 - exp (- a * M)) * (a * (1 - exp (- a * M)))) with (a * M) by (field; lra).
  replace ((/ a + M) * (a * (1 - exp (- a * M)))) with (1 + a * M - exp (- a * M) * (1 + a * M)) by (field; lra).
  lra.
Qed.

Lemma step_below_gain a d M : 0 < a -> 0 < d <= M -> d <= M / (1 - exp (- a * M)) * (1 - exp (- a * d)).
Proof.
  intros Ha Hd. pose proof (gate_below_1 a M Ha ltac:(lra)) as G.
  apply (Rmult_le_reg_r (1 - exp (- a * M))); [lra|].
  replace (M / (1 - exp (- a * M)) * (1 - exp (- a * d)) * (1 - exp (- a * M))) with (M * (1 - exp (- a * d))) by (field; lra).
  now apply gate_chord.
Qed.

(** A state below its share of the bound stays so after one more token. *)
Lemma one_more_token a d M G V h S : 0 < a -> 0 < d <= M -> G = M / (1 - exp (- a * M)) -> 0 <= V ->
  h <= G * V * (1 - exp (- S * a)) -> h * exp (- d * a) + d * V <= G * V * (1 - exp (- (S + d) * a)).
Proof.
  intros Ha Hd -> HV Hh. pose proof (step_below_gain a d M Ha Hd) as K. set (G := M / (1 - exp (- a * M))) in *.
  replace (- a * d) with (- d * a) in K by ring. set (E := exp (- d * a)) in *.
  replace (exp (- (S + d) * a)) with (exp (- S * a) * E) by (unfold E; rewrite <- exp_plus; f_equal; ring).
  assert (P : 0 < E) by apply exp_pos.
  assert (h * E <= G * V * (1 - exp (- S * a)) * E) by (apply Rmult_le_compat_r; lra).
  assert (d * V <= G * (1 - E) * V) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Theorem state_bound : state_bound_statement.
Proof.
  intros a V M d v L Ha Hd Hv HM l Hl. pose proof (Hd l Hl). pose proof (HM l Hl). split; [apply gain_bound; lra|].
  set (G := M / (1 - exp (- a * M))).
  replace (M * V * (1 - exp (- sum_below (S l) d * a)) / (1 - exp (- a * M)))
    with (G * V * (1 - exp (- sum_below (S l) d * a))) by (unfold G, Rdiv; ring).
  assert (HV : forall k, (k < L)%nat -> 0 <= V) by (intros k Hk; pose proof (Hv k Hk); pose proof (Rabs_pos (v k)); lra).
  assert (W : forall k, (k < L)%nat -> Rabs (d k * v k) <= d k * V).
  { intros k Hk. rewrite Rabs_mult, (Rabs_pos_eq (d k)) by (left; now apply Hd).
    apply Rmult_le_compat_l; [left; now apply Hd|now apply Hv]. }
  induction l as [|l IH].
  - simpl. pose proof (one_more_token a (d 0%nat) M G V 0 0 Ha ltac:(lra) eq_refl (HV 0%nat Hl)) as K.
    eapply Rle_trans; [now apply W|]. rewrite Rmult_0_l, Rplus_0_l in K. apply K.
    replace (- 0 * a) with 0 by ring. rewrite exp_0. lra.
  - pose proof (IH ltac:(lia) ltac:(apply Hd; lia) ltac:(apply HM; lia)) as B.
    change (token_state a d v (S l)) with (token_state a d v l * exp (- d (S l) * a) + d (S l) * v (S l)).
    change (sum_below (S (S l)) d) with (sum_below (S l) d + d (S l)).
    eapply Rle_trans; [apply Rabs_triang|].
    eapply Rle_trans; [|apply (one_more_token a (d (S l)) M G V (Rabs (token_state a d v l)) (sum_below (S l) d) Ha ltac:(lra) eq_refl (HV _ Hl) B)].
    apply Rplus_le_compat; [|now apply W]. rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos). lra.
Qed.

(** What every token wrote, and how much of it is left. *)
Lemma token_state_unrolled a d v l :
  token_state a d v l = sum_below (S l) (fun j => d j * exp (- sum_between (S j) (S l) d * a) * v j).
Proof.
  rewrite (recursion_solved a d (fun k => d k * v k) (token_state a d v)).
  - apply sum_below_ext. intros j _. replace (- sum_between (S j) (S l) d * a) with (- a * sum_between (S j) (S l) d) by ring. ring.
  - reflexivity.
  - intros k. simpl. replace (- d (S k) * a) with (- a * d (S k)) by ring. ring.
Qed.

Lemma exp_ln_half : exp (- ln 2) = 1 / 2.
Proof. rewrite exp_Ropp, exp_ln by lra. lra. Qed.

Theorem state_forgetting : state_forgetting_statement.
Proof.
  intros a w age d v u L Ha Hw l Hl. assert (P : 0 < a * w) by (now apply Rmult_lt_0_compat).
  assert (E : a * w * (ln 2 / (a * w)) = ln 2) by (field; lra).
  split; [|split].
  - rewrite !token_state_unrolled. unfold Rminus at 1. rewrite <- (Rmult_1_l (sum_below _ (fun j => _ * v j))).
    rewrite Ropp_mult_distr_l, <- sum_below_scal, <- sum_below_plus. apply sum_below_ext. intros j _. ring.
  - intros H. rewrite <- exp_ln_half. apply exp_le.
    apply (Rmult_le_compat_l (a * w)) in H; [|lra]. rewrite E in H. lra.
  - intros H. rewrite <- exp_ln_half. apply exp_le.
    apply (Rmult_le_compat_l (a * w)) in H; [|lra]. rewrite E in H. lra.
Qed.

Theorem state_saturation : state_saturation_statement.
Proof.
  intros a V M d v L Ha HV Hd Hv HM l Hl.
  assert (PM : 0 < M) by (rewrite <- (HM l Hl); now apply Hd).
  pose proof (gate_below_1 a M Ha PM) as G.
  assert (E : token_state a d v l = M * V * (1 - exp (- a * M * INR (S l))) / (1 - exp (- a * M))).
  { induction l as [|l IH].
    - simpl token_state. rewrite (HM 0%nat Hl), (Hv 0%nat Hl). simpl INR. rewrite Rmult_1_r. field. lra.
    - change (token_state a d v (S l)) with (token_state a d v l * exp (- d (S l) * a) + d (S l) * v (S l)).
      rewrite IH by lia. rewrite (HM _ Hl), (Hv _ Hl), (S_INR (S l)).
      replace (- a * M * (INR (S l) + 1)) with (- a * M * INR (S l) + - a * M) by ring. rewrite exp_plus.
      replace (- M * a) with (- a * M) by ring. field. lra. }
  split; [exact E|]. rewrite E.
  assert (Q : exp (- a * M * INR (S l)) < 1).
  { rewrite <- exp_0. apply exp_increasing. pose proof (lt_0_INR (S l) ltac:(lia)).
    assert (0 < a * M * INR (S l)) by (repeat apply Rmult_lt_0_compat; lra). lra. }
  rewrite Rabs_pos_eq.
  2:{ apply Rmult_le_pos; [|left; apply Rinv_0_lt_compat; lra]. repeat apply Rmult_le_pos; lra. }
  right. field. lra.
Qed.
