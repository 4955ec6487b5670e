(** The step from token to token in the slow regime with mu_n of any signs.

    The invariant of a token with r = |x|, step width D and growth rate F: r grows
    beyond every bound; late, F >= M r^2 D > 0; the states share F in the
    proportions w_n = mu_n / M; and F r^p -> 0 for every p.

    A next token that stayed below R would satisfy r' r^p >= c > 0, so its own term
    would beat F, r'/r would increase, and r -> infinity.  Here: the next token
    grows beyond every bound; SlowHandover.v hands on the rest of the invariant.
    Proves no registry theorem by itself; StateDivergence.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums Late.
Open Scope R_scope.

(** The tokens as positive numbers r_l, and what is needed of them. *)
Section Step.
Variables (N : nat) (a w : nat -> R) (M sg b : R).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis Hsg : 0 < sg.
Hypothesis Hw : sum_below N w = 1.

(** r, F, f of a token; D is its step width. *)
Definition slow_number (r D F : R -> R) : Prop :=
  evolves p_infty r (fun t => r t * F t) /\ (forall t, 0 <= t -> 0 < r t) /\
  (forall t, 0 <= t -> D t = softplus (b - sg * r t)).

Definition invariant (r D F : R -> R) (f : nat -> R -> R) : Prop :=
  slow_number r D F /\ grows r /\
  late (fun t => 0 < M * r t ^ 2 * D t <= F t) /\
  (forall n, (n < N)%nat -> small (fun t => f n t - w n * F t) F) /\
  (forall p, small (fun t => F t * r t ^ p) (fun _ => 1)).

Lemma step_small r D F eps : slow_number r D F -> grows r -> 0 < eps -> late (fun t => 0 < D t <= eps).
Proof.
  intros (_ & Hr & HD) Hg He. apply (late_imp _ _ (Hg ((b - ln eps) / sg))). intros t Ht HB.
  rewrite HD by lra. split; [apply softplus_pos|]. eapply Rle_trans; [apply softplus_upper|].
  rewrite <- (exp_ln eps He). apply exp_le.
  apply (Rmult_lt_compat_l sg) in HB; [|exact Hsg]. replace (sg * ((b - ln eps) / sg)) with (b - ln eps) in HB by (field; lra). lra.
Qed.

(** h(r) r^p -> 0. *)
Lemma own_small r D F p : slow_number r D F -> grows r -> small (fun t => M * r t ^ 2 * D t * r t ^ p) (fun _ => 1).
Proof.
  intros Hn Hg eps He. pose proof Hn as (_ & Hr & HD).
  destruct (pow_exp_bounded sg (S (2 + p)) Hsg) as (C & HC & Hb).
  apply (late_imp _ _ (Hg (M * exp b * C / eps))). intros t Ht HB. specialize (Hr t ltac:(lra)).
  pose proof (exp_pos b) as Eb. pose proof (HD t ltac:(lra)) as HDt.
  assert (Dp : 0 < D t) by (rewrite HDt; apply softplus_pos).
  assert (Du : D t <= exp b * exp (- (sg * r t))).
  { rewrite HDt, <- exp_plus. apply softplus_upper. }
  assert (P2 : 0 < r t ^ 2) by now apply pow_lt. assert (Pp : 0 < r t ^ p) by now apply pow_lt.
  rewrite Rmult_1_r, Rabs_pos_eq by (left; pos).
  specialize (Hb (r t) ltac:(lra)). cbn [pow Nat.add] in Hb.
  apply (Rmult_le_reg_r (r t)); [exact Hr|].
  apply Rle_trans with (M * exp b * C).
  - apply Rle_trans with (M * r t ^ 2 * (exp b * exp (- (sg * r t))) * r t ^ p * r t).
    + apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_l; [left; pos|exact Du].
    + replace (M * r t ^ 2 * (exp b * exp (- (sg * r t))) * r t ^ p * r t)
        with (M * exp b * (r t * (r t * (r t * r t ^ p)) * exp (- (sg * r t)))) by (simpl; ring).
      apply Rmult_le_compat_l; [left; pos|exact Hb].
  - apply (Rmult_lt_compat_l eps) in HB; [|exact He].
    replace (eps * (M * exp b * C / eps)) with (M * exp b * C) in HB by (field; lra). lra.
Qed.

(** One token after another. *)
Variables (r D F : R -> R) (f : nat -> R -> R) (r' D' F' : R -> R).
Hypothesis Hinv : invariant r D F f.
Hypothesis Hn' : slow_number r' D' F'.
Notation carry t := (sum_below N (fun n => exp (- a n * D' t) * f n t)).
Hypothesis HF' : forall t, 0 <= t -> F' t = carry t + M * r' t ^ 2 * D' t.

Let W1 := sum_below N (fun n => a n * Rabs (w n)).
Let K := sum_below N (fun n => Rabs (w n) + 1).

Lemma D'_pos t : 0 <= t -> 0 < D' t.
Proof. intros Ht. destruct Hn' as (_ & _ & HD). rewrite HD by exact Ht. apply softplus_pos. Qed.

Lemma W1_nonneg : 0 <= W1.
Proof. apply sum_below_nonneg. intros n Hn. apply Rmult_le_pos; [now apply Ha|apply Rabs_pos]. Qed.

Lemma K_nonneg : 0 <= K.
Proof. apply sum_below_nonneg. intros n Hn. pose proof (Rabs_pos (w n)). lra. Qed.

Lemma factor_range n t : (n < N)%nat -> 0 <= t -> 1 - a n * D' t <= exp (- a n * D' t) <= 1.
Proof.
  intros Hn Ht. pose proof (D'_pos t Ht). pose proof (Ha n Hn).
  split; [pose proof (exp_ineq1_le (- a n * D' t)); lra|apply exp_le_1; nra].
Qed.

(** |carried| <= K F late. *)
Lemma carry_bounded : late (fun t => 0 < F t /\ Rabs (carry t) <= K * F t).
Proof.
  destruct Hinv as (_ & _ & HF & Hs & _).
  apply (late_imp (fun t => 0 < M * r t ^ 2 * D t <= F t /\
    forall n, (n < N)%nat -> Rabs (f n t - w n * F t) <= 1 * F t)).
  - apply late_and; [exact HF|]. apply late_all. intros n Hn. apply Hs; [exact Hn|lra].
  - intros t Ht [H1 H2]. split; [lra|]. eapply Rle_trans; [apply sum_below_abs|].
    unfold K. rewrite <- sum_below_scal_r. apply sum_below_le. intros n Hn. specialize (H2 n Hn).
    pose proof (factor_range n t Hn ltac:(lra)) as Q. pose proof (exp_pos (- a n * D' t)).
    rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by lra.
    assert (Rabs (f n t) <= (Rabs (w n) + 1) * F t).
    { replace (f n t) with (w n * F t + (f n t - w n * F t)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq (F t)) by lra. lra. }
    pose proof (Rabs_pos (f n t)). nra.
Qed.

(** carried = F (1 + o(1)) once the step width is small. *)
Lemma carry_close eps : 0 < eps -> grows r' -> late (fun t => Rabs (carry t - F t) <= eps * F t).
Proof.
  intros He Hg. destruct Hinv as (_ & _ & HF & Hs & _). pose proof W1_nonneg as HW.
  set (e1 := eps / 2 / (W1 + 1)). set (e2 := eps / 2 / (INR N + 1)). pose proof (pos_INR N) as HN.
  assert (He1 : 0 < e1) by (unfold e1; apply Rdiv_lt_0_compat; lra).
  assert (He2 : 0 < e2) by (unfold e2; apply Rdiv_lt_0_compat; lra).
  apply (late_imp (fun t => (0 < M * r t ^ 2 * D t <= F t /\
    forall n, (n < N)%nat -> Rabs (f n t - w n * F t) <= e2 * F t) /\ 0 < D' t <= e1)).
  - apply late_and; [|now apply (step_small r' D' F')]. apply late_and; [exact HF|].
    apply late_all. intros n Hn. now apply Hs.
  - intros t Ht [[H1 H2] H3].
    replace (carry t - F t) with (sum_below N (fun n =>
      (exp (- a n * D' t) - 1) * (w n * F t) + exp (- a n * D' t) * (f n t - w n * F t))).
    + eapply Rle_trans; [apply sum_below_abs|].
      apply Rle_trans with (sum_below N (fun n => a n * Rabs (w n) * (D' t * F t) + 1 * (e2 * F t))).
      * apply sum_below_le. intros n Hn. specialize (H2 n Hn).
        pose proof (factor_range n t Hn ltac:(lra)) as Q. pose proof (exp_pos (- a n * D' t)).
        eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult. apply Rplus_le_compat.
        -- rewrite (Rabs_pos_eq (F t)) by lra.
           replace (a n * Rabs (w n) * (D' t * F t)) with (a n * D' t * (Rabs (w n) * F t)) by ring.
           apply Rmult_le_compat_r; [apply Rmult_le_pos; [apply Rabs_pos|lra]|]. apply Rabs_le. lra.
        -- apply Rmult_le_compat; try apply Rabs_pos; [rewrite Rabs_pos_eq by lra; lra|exact H2].
      * rewrite sum_below_plus, (sum_below_scal_r N (D' t * F t)). fold W1.
        assert (Q1 : W1 * (D' t * F t) <= eps / 2 * F t).
        { rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|].
          apply Rle_trans with (W1 * e1); [apply Rmult_le_compat_l; lra|].
          unfold e1. apply (Rmult_le_reg_r (W1 + 1)); [lra|].
          replace (W1 * (eps / 2 / (W1 + 1)) * (W1 + 1)) with (W1 * (eps / 2)) by (field; lra). nra. }
        assert (Q2 : sum_below N (fun _ => 1 * (e2 * F t)) <= eps / 2 * F t).
        { assert (EN : forall m c, sum_below m (fun _ => c) = INR m * c).
          { intros m c. induction m as [|m IH]; [simpl; ring|]. rewrite S_INR. simpl sum_below. rewrite IH. ring. }
          rewrite EN. rewrite Rmult_1_l, <- Rmult_assoc. apply Rmult_le_compat_r; [lra|].
          unfold e2. apply (Rmult_le_reg_r (INR N + 1)); [lra|].
          replace (INR N * (eps / 2 / (INR N + 1)) * (INR N + 1)) with (INR N * (eps / 2)) by (field; lra). nra. }
        lra.
    + rewrite (sum_below_ext N _ (fun n => exp (- a n * D' t) * f n t + (- F t) * w n)) by (intros; ring).
      rewrite sum_below_plus, (sum_below_scal N (- F t)), Hw. ring.
Qed.

(** ** The token grows beyond every bound *)
Lemma own_beats R : 0 < R -> late (fun t => r' t <= R -> F t <= F' t).
Proof.
  intros HR. destruct Hinv as ((Er & Hr & HD) & _ & _ & _ & Hsm). destruct Hn' as (Er' & Hr' & HD').
  destruct carry_bounded as (t0 & Ht0 & Hc).
  (* r' r^p does not decrease after t0, p >= K *)
  assert (Ep : exists p, K <= INR p).
  { destruct (archimed K) as [H _]. exists (Z.to_nat (up K)). pose proof K_nonneg.
    rewrite INR_IZR_INZ, Z2Nat.id; [lra|]. apply le_IZR. lra. }
  destruct Ep as [p Hp].
  set (t1 := t0 + 1). set (c := r' t1 * r t1 ^ p).
  assert (Hc0 : 0 < c) by (apply Rmult_lt_0_compat; [apply Hr'; unfold t1; lra|apply pow_lt, Hr; unfold t1; lra]).
  assert (Lo : forall t, t1 <= t -> c <= r' t * r t ^ p).
  { intros t Ht.
    apply (incr_on p_infty _ _ t1 t (factor_mult p_infty _ _ _ _ Er' (factor_pow p_infty _ _ p Er)));
      [unfold t1; lra|exact Ht|exact I|].
    intros u Hu. destruct (Hc u ltac:(unfold t1 in *; lra)) as [HF HK]. apply Rabs_le_between in HK.
    assert (Hu0 : 0 <= u) by (unfold t1 in *; lra).
    assert (Pr : 0 < r' u * r u ^ p) by (apply Rmult_lt_0_compat; [now apply Hr'|now apply pow_lt, Hr]).
    apply Rmult_le_pos; [lra|]. rewrite HF' by exact Hu0.
    pose proof (D'_pos u Hu0). pose proof (pow2_ge_0 (r' u)).
    assert (0 <= M * r' u ^ 2 * D' u) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra).
    assert (K * F u <= INR p * F u) by (apply Rmult_le_compat_r; lra). lra. }
  (* so the own term is at least g r^(-2p), and F r^(2p) -> 0 *)
  set (d := softplus (b - sg * R)). assert (Hd : 0 < d) by apply softplus_pos.
  set (g := M * d * c ^ 2). assert (Hg : 0 < g) by (unfold g; apply Rmult_lt_0_compat; [pos|apply pow_lt; exact Hc0]).
  pose proof K_nonneg as HK0.
  assert (He : 0 < g / (K + 1)) by (apply Rdiv_lt_0_compat; lra).
  destruct (Hsm (2 * p)%nat (g / (K + 1)) He) as (t2 & Ht2 & Hs2).
  exists (Rmax t1 t2). pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2).
  split; [lra|]. intros t Ht HrR.
  assert (Hu0 : 0 <= t) by (unfold t1 in *; lra).
  destruct (Hc t ltac:(unfold t1 in *; lra)) as [HF HK]. apply Rabs_le_between in HK.
  specialize (Hs2 t ltac:(lra)). specialize (Lo t ltac:(lra)).
  pose proof (Hr t Hu0) as Pr. pose proof (Hr' t Hu0) as Pr'.
  assert (Pp : 0 < r t ^ p) by now apply pow_lt.
  assert (E2 : r t ^ (2 * p) = r t ^ p * r t ^ p) by (replace (2 * p)%nat with (p + p)%nat by lia; apply pow_add).
  rewrite E2 in Hs2. rewrite Rabs_pos_eq in Hs2 by (apply Rmult_le_pos; [lra|left; pos]).
  assert (DL : d <= D' t).
  { rewrite HD' by exact Hu0. apply softplus_le. assert (sg * r' t <= sg * R) by (apply Rmult_le_compat_l; lra). lra. }
  rewrite HF' by exact Hu0.
  (* (K+1) F r^(2p) <= g <= M r'^2 D' r^(2p) *)
  assert (Q1 : (K + 1) * F t * (r t ^ p * r t ^ p) <= g).
  { apply (Rmult_le_compat_l (K + 1)) in Hs2; [|lra].
    replace ((K + 1) * (g / (K + 1) * 1)) with g in Hs2 by (field; lra). lra. }
  assert (Q2 : g <= M * r' t ^ 2 * D' t * (r t ^ p * r t ^ p)).
  { replace (M * r' t ^ 2 * D' t * (r t ^ p * r t ^ p)) with (M * D' t * (r' t * r t ^ p) ^ 2) by ring.
    unfold g. apply Rmult_le_compat; [left; pos|left; apply pow_lt; exact Hc0| |apply pow_incr; lra].
    apply Rmult_le_compat_l; lra. }
  assert (Q3 : (K + 1) * F t <= M * r' t ^ 2 * D' t).
  { apply (Rmult_le_reg_r (r t ^ p * r t ^ p)); [pos|lra]. }
  lra.
Qed.

Lemma next_grows : grows r'.
Proof.
  intros B. set (R := Rmax 1 (B + 1)). assert (HR : 0 < R /\ B < R).
  { unfold R. pose proof (Rmax_l 1 (B + 1)). pose proof (Rmax_r 1 (B + 1)). lra. }
  destruct Hinv as ((Er & Hr & HD) & Hg & HF & _ & _). destruct Hn' as (Er' & Hr' & HD').
  destruct (late_and _ _ HF (own_beats R (proj1 HR))) as (t0 & Ht0 & H).
  set (t1 := t0 + 1).
  (* it exceeds R once *)
  assert (Once : exists u, t1 <= u /\ R <= r' u).
  { apply Classical_Prop.NNPP. intros Hn.
    assert (Below : forall u, t1 <= u -> r' u < R).
    { intros u Hu. apply Rnot_le_lt. intros Hle. apply Hn. now exists u. }
    destruct (Hg (R * r t1 / r' t1)) as (t2 & Ht2 & HB).
    set (t := Rmax t1 t2 + 1). pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2).
    assert (P1 : 0 < r' t1) by (apply Hr'; unfold t1; lra).
    assert (N0 : forall v, 0 <= v -> Rbar_lt v p_infty -> r v <> 0) by (intros v Hv _; specialize (Hr v Hv); lra).
    pose proof (incr_on p_infty _ _ t1 t (evolves_ratio p_infty _ _ _ _ Er' Er ltac:(specialize (Hr 0 (Rle_refl 0)); lra) N0)
      ltac:(unfold t1; lra) ltac:(unfold t; lra) I) as Inc. cbv beta in Inc.
    assert (Inc' : r' t1 * / r t1 <= r' t * / r t).
    { apply Inc. intros v Hv. destruct (H v ltac:(unfold t1 in *; lra)) as [_ Hb].
      specialize (Hb ltac:(left; apply Below; lra)).
      pose proof (Hr v ltac:(unfold t1 in *; lra)) as Pv. pose proof (Hr' v ltac:(unfold t1 in *; lra)).
      pose proof (Rinv_0_lt_compat _ Pv). apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]. }
    specialize (HB t ltac:(unfold t; lra)). pose proof (Below t ltac:(unfold t; lra)) as Bt.
    pose proof (Hr t1 ltac:(unfold t1; lra)) as Pr1. pose proof (Hr t ltac:(unfold t, t1 in *; lra)) as Prt.
    apply (Rmult_le_compat_r (r t1 * r t)) in Inc'; [|left; pos].
    replace (r' t1 * / r t1 * (r t1 * r t)) with (r' t1 * r t) in Inc' by (field; lra).
    replace (r' t * / r t * (r t1 * r t)) with (r' t * r t1) in Inc' by (field; lra).
    apply (Rmult_lt_compat_l (r' t1)) in HB; [|exact P1].
    replace (r' t1 * (R * r t1 / r' t1)) with (R * r t1) in HB by (field; lra).
    assert (r' t * r t1 < R * r t1) by (apply Rmult_lt_compat_r; lra). lra. }
  destruct Once as (u & Hu & HRu).
  exists u. split; [unfold t1 in *; lra|]. intros t Ht.
  cut (- r' t <= - R); [lra|].
  apply (barrier_from p_infty (fun t => - r' t) _ (- R) u (evolves_opp _ _ _ Er')); [unfold t1 in *; lra|lra| |lra|exact I].
  intros v Hv _ Hlt. destruct (H v ltac:(unfold t1 in *; lra)) as [HFv Hb]. specialize (Hb ltac:(lra)).
  pose proof (Hr' v ltac:(unfold t1 in *; lra)). nra.
Qed.
End Step.
