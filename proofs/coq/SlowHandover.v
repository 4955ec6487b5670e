(** The invariant of SlowStep.v is handed on from a token to the next.

    Proves no registry theorem by itself; StateDivergence.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums Late SlowStep.
Open Scope R_scope.

Section Handover.
Variables (N : nat) (a w : nat -> R) (M sg b : R).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis Hsg : 0 < sg.
Hypothesis Hw : sum_below N w = 1.
Variables (r D F : R -> R) (f : nat -> R -> R) (r' D' F' : R -> R) (f' : nat -> R -> R).
Hypothesis Hinv : invariant N w M sg b r D F f.
Hypothesis Hn' : slow_number sg b r' D' F'.
Notation carry t := (sum_below N (fun n => exp (- a n * D' t) * f n t)).
Notation K := (sum_below N (fun n => Rabs (w n) + 1)).
Hypothesis HF' : forall t, 0 <= t -> F' t = carry t + M * r' t ^ 2 * D' t.
Hypothesis Hf' : forall n t, 0 <= t -> f' n t = exp (- a n * D' t) * f n t + w n * (M * r' t ^ 2 * D' t).
Notation bounded := (carry_bounded N a w M sg b Ha r D F f r' D' F' Hinv Hn').
Notation close := (carry_close N a w M sg b Ha Hsg Hw r D F f r' D' F' Hinv Hn').
Notation Hg' := (next_grows N a w M sg b Ha HM Hsg r D F f r' D' F' Hinv Hn' HF').

Lemma next_rate : late (fun t => (0 < F t <= 2 * carry t /\ carry t <= 2 * F t) /\ 0 < M * r' t ^ 2 * D' t <= F' t).
Proof.
  apply (late_imp (fun t => (0 < F t /\ Rabs (carry t) <= K * F t) /\ Rabs (carry t - F t) <= / 2 * F t)).
  - apply late_and; [exact bounded|]. apply close; [lra|exact Hg'].
  - intros t Ht [[HF _] Hc]. apply Rabs_le_between in Hc. rewrite HF' by lra.
    destruct Hn' as (_ & Hr' & _). pose proof (Hr' t ltac:(lra)). pose proof (D'_pos sg b r' D' F' Hn' t ltac:(lra)).
    assert (0 < M * r' t ^ 2 * D' t) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat; [exact HM|now apply pow_lt]|assumption]).
    lra.
Qed.

Lemma next_shares n : (n < N)%nat -> small (fun t => f' n t - w n * F' t) F'.
Proof.
  intros Hn eps He. pose proof (Rabs_pos (w n)) as Pw. pose proof (Ha n Hn) as Pa.
  destruct Hinv as (_ & _ & _ & Hs & _).
  set (e := eps / 2 / (3 + 2 * Rabs (w n))).
  assert (He1 : 0 < e) by (unfold e; apply Rdiv_lt_0_compat; lra).
  set (e2 := e / (a n + 1)). assert (He2 : 0 < e2) by (unfold e2; apply Rdiv_lt_0_compat; lra).
  apply (late_imp (fun t => (((0 < F t <= 2 * carry t /\ carry t <= 2 * F t) /\ 0 < M * r' t ^ 2 * D' t <= F' t) /\
     0 < D' t <= e2) /\ Rabs (carry t - F t) <= e * F t /\
     (Rabs (f n t - w n * F t) <= e * F t /\ Rabs (f n t - w n * F t) <= 1 * F t))).
  - apply late_and; [apply late_and; [exact next_rate|]|apply late_and; [|apply late_and]].
    + apply (step_small sg b Hsg r' D' F' e2 Hn' Hg' He2).
    + now apply close; [|apply Hg'].
    + now apply Hs.
    + apply Hs; [exact Hn|lra].
  - intros t Ht [[[[H1 _] H2] H3] (H4 & H5 & H6)].
    rewrite Hf' by lra. rewrite HF' in * by lra.
    replace (exp (- a n * D' t) * f n t + w n * (M * r' t ^ 2 * D' t) - w n * (carry t + M * r' t ^ 2 * D' t))
      with ((exp (- a n * D' t) - 1) * f n t + (f n t - w n * F t) + - (w n * (carry t - F t))) by ring.
    assert (Fn : Rabs (f n t) <= (Rabs (w n) + 1) * F t).
    { replace (f n t) with (w n * F t + (f n t - w n * F t)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq (F t)) by lra. lra. }
    assert (aD : a n * D' t <= e).
    { apply Rle_trans with (a n * e2); [apply Rmult_le_compat_l; lra|]. unfold e2.
      apply (Rmult_le_reg_r (a n + 1)); [lra|]. replace (a n * (e / (a n + 1)) * (a n + 1)) with (a n * e) by (field; lra). nra. }
    assert (T1 : Rabs ((exp (- a n * D' t) - 1) * f n t) <= e * ((Rabs (w n) + 1) * F t)).
    { rewrite Rabs_mult. pose proof (factor_range N a sg b Ha r' D' F' Hn' n t Hn ltac:(lra)).
      apply Rmult_le_compat; try apply Rabs_pos; [|exact Fn]. apply Rabs_le. lra. }
    assert (T2 : Rabs (w n * (carry t - F t)) <= Rabs (w n) * (e * F t)).
    { rewrite Rabs_mult. apply Rmult_le_compat_l; [exact Pw|exact H4]. }
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
    eapply Rle_trans; [apply Rplus_le_compat_r, Rabs_triang|].
    apply Rle_trans with (e * (3 + 2 * Rabs (w n)) * F t).
    + assert (0 <= e * F t) by (apply Rmult_le_pos; lra). nra.
    + replace (e * (3 + 2 * Rabs (w n))) with (eps / 2) by (unfold e; field; lra).
      assert (F t <= 2 * (carry t + M * r' t ^ 2 * D' t)) by lra. nra.
Qed.

(** r' <= C r^3: while r' >= 2 r the own term of r' is at most that of r. *)
Lemma own_compared : late (fun t => 1 <= r t /\ (2 * r t <= r' t -> M * r' t ^ 2 * D' t <= F t)).
Proof.
  destruct Hinv as ((Er & Hr & HD) & Hg & HF & _ & _). destruct Hn' as (Er' & Hr' & HD').
  destruct (pow_exp_bounded (sg / 2) 2 ltac:(lra)) as (C & HC & Hb). pose proof (exp_pos b) as Eb.
  apply (late_imp _ _ (late_and _ _ HF (Hg (Rmax 1 (C * (1 + exp b)))))). intros t Ht [[_ H1] H2].
  pose proof (Rmax_l 1 (C * (1 + exp b))). pose proof (Rmax_r 1 (C * (1 + exp b))).
  split; [lra|]. intros H3. eapply Rle_trans; [|exact H1].
  specialize (Hb (r' t) ltac:(lra)). rewrite HD, HD' by lra.
  set (E := exp (- (sg * r t))). assert (PE : 0 < E) by apply exp_pos.
  (* upper bound of the one, lower bound of the other *)
  assert (Up : M * r' t ^ 2 * softplus (b - sg * r' t) <= M * exp b * (C * E)).
  { apply Rle_trans with (M * exp b * (r' t ^ 2 * exp (- (sg / 2 * r' t)) * exp (- (sg / 2 * r' t)))).
    - rewrite (Rmult_assoc (r' t ^ 2)), <- exp_plus.
      replace (M * exp b * (r' t ^ 2 * exp (- (sg / 2 * r' t) + - (sg / 2 * r' t))))
        with (M * r' t ^ 2 * (exp b * exp (- (sg / 2 * r' t) + - (sg / 2 * r' t)))) by ring.
      rewrite <- exp_plus. apply Rmult_le_compat_l; [apply Rmult_le_pos; [lra|apply pow2_ge_0]|].
      eapply Rle_trans; [apply softplus_upper|]. apply exp_le. lra.
    - apply Rmult_le_compat_l; [left; pos|]. apply Rmult_le_compat; [|left; apply exp_pos|exact Hb|].
      + apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos].
      + apply exp_le. assert (sg * (2 * r t) <= sg * r' t) by (apply Rmult_le_compat_l; lra). lra. }
  assert (Lo : exp b * E / (1 + exp b) <= softplus (b - sg * r t)).
  { eapply Rle_trans; [|apply (ln1p_lower _ (exp_pos (b - sg * r t)))].
    replace (exp (b - sg * r t)) with (exp b * E) by (unfold E; rewrite <- exp_plus; f_equal; ring).
    assert (E <= 1). { apply exp_le_1. assert (0 <= sg * r t) by (apply Rmult_le_pos; lra). lra. }
    assert (0 < exp b * E) by pos. assert (exp b * E <= exp b * 1) by (apply Rmult_le_compat_l; lra).
    apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; lra. }
  eapply Rle_trans; [exact Up|].
  apply Rle_trans with (M * r t ^ 2 * (exp b * E / (1 + exp b))).
  - apply (Rmult_le_reg_r (1 + exp b)); [lra|].
    replace (M * r t ^ 2 * (exp b * E / (1 + exp b)) * (1 + exp b)) with (M * exp b * E * r t ^ 2) by (field; lra).
    replace (M * exp b * (C * E) * (1 + exp b)) with (M * exp b * E * (C * (1 + exp b))) by ring.
    apply Rmult_le_compat_l; [left; pos|]. nra.
  - apply Rmult_le_compat_l; [apply Rmult_le_pos; [lra|apply pow2_ge_0]|exact Lo].
Qed.

Lemma next_power_bound : exists C, 0 < C /\ late (fun t => r' t <= C * r t ^ 3).
Proof.
  destruct Hinv as ((Er & Hr & HD) & _). destruct Hn' as (Er' & Hr' & HD').
  destruct (late_and _ _ next_rate own_compared) as (t0 & Ht0 & H).
  set (u := t0 + 1). set (c := Rmax 2 (r' u * / r u ^ 3)).
  assert (N0 : forall v, 0 <= v -> Rbar_lt v p_infty -> r v ^ 3 <> 0).
  { intros v Hv _. specialize (Hr v Hv). pose proof (pow_lt _ 3 Hr). lra. }
  pose proof (evolves_ratio p_infty _ _ _ _ Er' (factor_pow p_infty _ _ 3 Er) (N0 0 (Rle_refl 0) I) N0) as E.
  exists c. split; [unfold c; pose proof (Rmax_l 2 (r' u * / r u ^ 3)); lra|].
  exists u. split; [unfold u; lra|]. intros t Ht.
  assert (B : r' t * / r t ^ 3 <= c).
  { apply (barrier_from p_infty _ _ c u E); [unfold u; lra|apply Rmax_r| |lra|exact I].
    intros v Hv _ Hlt. destruct (H v ltac:(unfold u in *; lra)) as [[[H1 H2] _] [H3 H4]].
    assert (Hv0 : 0 <= v) by (unfold u in *; lra).
    pose proof (Hr v Hv0) as Pv. pose proof (Hr' v Hv0) as Pv'. pose proof (pow_lt _ 3 Pv) as P3.
    assert (Big : 2 * r v <= r' v).
    { apply (Rmult_lt_compat_r (r v ^ 3)) in Hlt; [|exact P3].
      replace (r' v * / r v ^ 3 * r v ^ 3) with (r' v) in Hlt by (field; lra).
      assert (2 <= c) by apply Rmax_l. assert (r v <= r v ^ 3) by (simpl; nra). nra. }
    specialize (H4 Big). pose proof (HF' v Hv0) as HFv.
    pose proof (Rinv_0_lt_compat _ P3) as Pi.
    assert (0 < r' v * / r v ^ 3) by pos. replace (INR 3) with 3 by (simpl; ring).
    assert (F' v - 3 * F v <= 0) by lra. nra. }
  pose proof (Hr t ltac:(unfold u in *; lra)) as Pt. pose proof (pow_lt _ 3 Pt) as P3.
  apply (Rmult_le_compat_r (r t ^ 3)) in B; [|lra].
  replace (r' t * / r t ^ 3 * r t ^ 3) with (r' t) in B by (field; lra). exact B.
Qed.

Lemma next_vanishes p : small (fun t => F' t * r' t ^ p) (fun _ => 1).
Proof.
  intros eps He. destruct next_power_bound as (C & HC & HB). pose proof (pow_lt C p HC) as HCp.
  destruct Hinv as ((Er & Hr & HD) & _ & _ & _ & Hs). pose proof Hn' as (Er' & Hr' & HD').
  set (e := eps / 2 / (2 * C ^ p)). assert (He1 : 0 < e) by (unfold e; apply Rdiv_lt_0_compat; lra).
  apply (late_imp (fun t => (((0 < F t <= 2 * carry t /\ carry t <= 2 * F t) /\ 0 < M * r' t ^ 2 * D' t <= F' t) /\
      r' t <= C * r t ^ 3) /\ Rabs (F t * r t ^ (3 * p)) <= e * 1 /\
      Rabs (M * r' t ^ 2 * D' t * r' t ^ p) <= eps / 2 * 1)).
  - apply late_and; [apply late_and; [exact next_rate|exact HB]|]. apply late_and; [now apply Hs|].
    apply (own_small M sg b HM Hsg r' D' F' p Hn' Hg'). lra.
  - intros t Ht [[[[H1 H1'] H2] H3] [H4 H5]].
    pose proof (Hr t ltac:(lra)) as Pr. pose proof (Hr' t ltac:(lra)) as Pr'.
    assert (Pp : 0 < r' t ^ p) by now apply pow_lt.
    assert (Q : r' t ^ p <= C ^ p * r t ^ (3 * p)).
    { rewrite pow_mult, <- Rpow_mult_distr. apply pow_incr. lra. }
    rewrite Rabs_pos_eq in H4 by (apply Rmult_le_pos; [lra|left; now apply pow_lt]).
    rewrite (Rabs_pos_eq (M * r' t ^ 2 * D' t * r' t ^ p)) in H5 by (apply Rmult_le_pos; lra).
    rewrite Rabs_pos_eq by (apply Rmult_le_pos; lra). rewrite HF' by lra. rewrite Rmult_plus_distr_r.
    assert (carry t * r' t ^ p <= 2 * F t * (C ^ p * r t ^ (3 * p))) by (apply Rmult_le_compat; lra).
    assert (2 * F t * (C ^ p * r t ^ (3 * p)) <= eps / 2).
    { replace (2 * F t * (C ^ p * r t ^ (3 * p))) with (2 * C ^ p * (F t * r t ^ (3 * p))) by ring.
      apply Rle_trans with (2 * C ^ p * (e * 1)); [apply Rmult_le_compat_l; lra|].
      right. unfold e. field. lra. }
    lra.
Qed.

Lemma next_invariant : invariant N w M sg b r' D' F' f'.
Proof.
  split; [exact Hn'|]. split; [exact Hg'|]. split; [|split; [exact next_shares|exact next_vanishes]].
  apply (late_imp _ _ next_rate). intros t _ [_ H]. exact H.
Qed.
End Handover.
