(** The step from token to token in the slow regime with mu_n of any signs.

    The invariant of a token with r = |x|, step width D and growth rate F: r grows
    beyond every bound; late, F >= M r^2 D > 0; the states share F in the
    proportions w_n = mu_n / M; and F r^p -> 0 for every p.

    A next token that stayed below R would satisfy r' r^p >= c > 0, so its own term
    would beat F, r'/r would increase, and r -> infinity.  Proves no registry
    theorem by itself; StateDivergence.v rests on it. *)

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
Variables (r D F : R -> R) (f : nat -> R -> R) (r' D' F' : R -> R) (f' : nat -> R -> R).
Hypothesis Hinv : invariant r D F f.
Hypothesis Hn' : slow_number r' D' F'.
Notation carry t := (sum_below N (fun n => exp (- a n * D' t) * f n t)).
Hypothesis HF' : forall t, 0 <= t -> F' t = carry t + M * r' t ^ 2 * D' t.
Hypothesis Hf' : forall n t, 0 <= t -> f' n t = exp (- a n * D' t) * f n t + w n * (M * r' t ^ 2 * D' t).

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

(** ** The invariant is handed on *)
Lemma next_rate : late (fun t => (0 < F t <= 2 * carry t /\ carry t <= 2 * F t) /\ 0 < M * r' t ^ 2 * D' t <= F' t).
Proof.
  apply (late_imp (fun t => (0 < F t /\ Rabs (carry t) <= K * F t) /\ Rabs (carry t - F t) <= / 2 * F t)).
  - apply late_and; [exact carry_bounded|]. apply carry_close; [lra|exact next_grows].
  - intros t Ht [[HF _] Hc]. apply Rabs_le_between in Hc. rewrite HF' by lra.
    destruct Hn' as (_ & Hr' & _). pose proof (Hr' t ltac:(lra)). pose proof (D'_pos t ltac:(lra)).
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
    + apply (step_small r' D' F' e2 Hn' next_grows He2).
    + now apply carry_close; [|apply next_grows].
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
    { rewrite Rabs_mult. pose proof (factor_range n t Hn ltac:(lra)).
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
    apply (own_small r' D' F' p Hn' next_grows). lra.
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

Lemma next_invariant : invariant r' D' F' f'.
Proof.
  split; [exact Hn'|]. split; [exact next_grows|]. split; [|split; [exact next_shares|exact next_vanishes]].
  apply (late_imp _ _ next_rate). intros t _ [_ H]. exact H.
Qed.
End Step.
