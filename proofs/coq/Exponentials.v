(** Sums of exponentials, mu K as a function of the step: which term decides far out, and what a longer step leaves.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums.
Open Scope R_scope.

Lemma sum_below_split_last l g : sum_below (S l) g = sum_below l g + g l.
Proof. reflexivity. Qed.

Lemma total_continuity N a mu z : continuity_pt (carried_total N a mu) z.
Proof.
  apply (sum_below_continuity N (fun n u => mu n * exp (- a n * u))). intros n _.
  apply derivable_continuous_pt. eexists. apply is_derive_Reals. auto_derive; [exact I|reflexivity].
Qed.

(** Two terms with one rate are one term. *)
Lemma total_merge N a mu k : (k < N)%nat -> a k = a N ->
  forall z, carried_total (S N) a mu z = carried_total N a (fun n => if Nat.eqb n k then mu k + mu N else mu n) z.
Proof.
  intros Hk E z. unfold carried_total. cbn [sum_below]. rewrite <- E.
  rewrite (sum_below_ext N (fun n => (if Nat.eqb n k then mu k + mu N else mu n) * exp (- a n * z))
    (fun n => mu n * exp (- a n * z) + (if Nat.eqb n k then mu N * exp (- a k * z) else 0))).
  - rewrite sum_below_plus, (sum_below_single N (fun n => if Nat.eqb n k then mu N * exp (- a k * z) else 0) k Hk).
    + cbv beta. now rewrite Nat.eqb_refl.
    + intros n _ Nn. apply Nat.eqb_neq in Nn. now rewrite Nn.
  - intros n _. destruct (Nat.eqb_spec n k) as [->|]; ring.
Qed.

Lemma exp_vanishes c : c < 0 -> is_lim (fun z => exp (c * z)) p_infty 0.
Proof.
  intros Hc. apply (is_lim_comp exp (fun z => c * z) p_infty 0 m_infty); [apply is_lim_exp_m| |].
  - apply is_lim_spec. intros K. exists (K / c). intros z Hz. apply Ropp_lt_cancel.
    apply (Rmult_lt_compat_l (- c)) in Hz; [|lra]. replace (- c * (K / c)) with (- K) in Hz by (field; lra). lra.
  - apply filter_forall. intros y. discriminate.
Qed.

(** A sum of exponentials is zero, or one of its rates gives its size far out. *)
Lemma dominant_term N a : forall mu, (forall z, carried_total N a mu z = 0) \/
  exists k m, (k < N)%nat /\ m <> 0 /\ is_lim (fun z => exp (a k * z) * carried_total N a mu z) p_infty (Finite m).
Proof.
  induction N as [|N IH]; intros mu; [now left|].
  destruct (classic (exists k, (k < N)%nat /\ a k = a N)) as [(k & Hk & E)|Distinct].
  - destruct (IH (fun n => if Nat.eqb n k then mu k + mu N else mu n)) as [Z|(j & m & Hj & Nm & Lm)].
    + left. intros z. now rewrite (total_merge N a mu k Hk E).
    + right. exists j, m. split; [lia|]. split; [exact Nm|]. eapply is_lim_ext; [|exact Lm].
      intros z. cbv beta. now rewrite (total_merge N a mu k Hk E).
  - assert (Last : forall k z, exp (a k * z) * carried_total (S N) a mu z
      = exp (a k * z) * carried_total N a mu z + mu N * exp ((a k - a N) * z)).
    { intros k z. unfold carried_total. cbn [sum_below]. replace ((a k - a N) * z) with (a k * z + - a N * z) by ring.
      rewrite exp_plus. ring. }
    destruct (Req_dec (mu N) 0) as [ZN|NN].
    { assert (E : forall z, carried_total (S N) a mu z = carried_total N a mu z).
      { intros z. unfold carried_total. cbn [sum_below]. rewrite ZN. ring. }
      destruct (IH mu) as [Z|(j & m & Hj & Nm & Lm)].
      - left. intros z. now rewrite E.
      - right. exists j, m. split; [lia|]. split; [exact Nm|]. eapply is_lim_ext; [|exact Lm]. intros z. cbv beta. now rewrite E. }
    assert (Own : is_lim (fun z => mu N * exp ((a N - a N) * z)) p_infty (Finite (mu N))).
    { apply (is_lim_ext (fun _ => mu N)); [|apply is_lim_const]. intros z.
      replace ((a N - a N) * z) with 0 by ring. rewrite exp_0. ring. }
    destruct (IH mu) as [Z|(j & m & Hj & Nm & Lm)].
    + right. exists N, (mu N). split; [lia|]. split; [exact NN|]. eapply is_lim_ext; [|exact Own].
      intros z. cbv beta. rewrite Last, Z. ring.
    + assert (Nj : a j <> a N) by (intros E; apply Distinct; now exists j).
      destruct (Rdichotomy _ _ Nj) as [Lt|Gt].
      * right. exists j, m. split; [lia|]. split; [exact Nm|]. apply (is_lim_ext _ _ _ _ (fun z => eq_sym (Last j z))).
        replace (Finite m) with (Finite (m + mu N * 0)) by (f_equal; ring). apply is_lim_plus'; [exact Lm|].
        apply (is_lim_scal_l (fun z => exp ((a j - a N) * z)) (mu N) p_infty (Finite 0)). apply exp_vanishes. lra.
      * right. exists N, (mu N). split; [lia|]. split; [exact NN|]. apply (is_lim_ext _ _ _ _ (fun z => eq_sym (Last N z))).
        replace (Finite (mu N)) with (Finite (0 * m + mu N)) by (f_equal; ring). apply is_lim_plus'; [|exact Own].
        apply (is_lim_ext (fun z => exp ((a N - a j) * z) * (exp (a j * z) * carried_total N a mu z))).
        { intros z. rewrite <- Rmult_assoc, <- exp_plus. do 2 f_equal. ring. }
        apply (is_lim_mult (fun z => exp ((a N - a j) * z)) _ p_infty (Finite 0) (Finite m)); [apply exp_vanishes; lra|exact Lm|exact I].
Qed.

(** Positive beyond `start`: a step between low and high, added to any, leaves at least a fixed part of the sum. *)
Lemma exponential_handover N a mu start low high : (forall z, start < z -> 0 < carried_total N a mu z) ->
  start < low -> 0 <= low -> low <= high ->
  exists c, 0 < c /\ forall z d, 0 <= z -> low <= d <= high -> c * carried_total N a mu z <= carried_total N a mu (z + d).
Proof.
  intros Pos Hs H0 Hh. set (g := carried_total N a mu) in *.
  destruct (dominant_term N a mu) as [Z|(k & m & _ & Nm & Lm)].
  { pose proof (Pos low Hs) as P. unfold g in P. rewrite Z in P. lra. }
  fold g in Lm. assert (Hm : 0 < m).
  { destruct (Rdichotomy _ _ Nm) as [Neg|]; [exfalso|assumption]. apply is_lim_spec in Lm.
    destruct (Lm (mkposreal (- m) ltac:(lra))) as (Z & HZ). simpl in HZ. set (z := Rmax (Z + 1) (start + 1)).
    pose proof (Rmax_l (Z + 1) (start + 1)). pose proof (Rmax_r (Z + 1) (start + 1)). fold z in H, H1.
    specialize (HZ z ltac:(lra)). apply Rabs_def2 in HZ. pose proof (Pos z ltac:(lra)) as P. fold g in P.
    pose proof (Rmult_lt_0_compat _ _ (exp_pos (a k * z)) P). lra. }
  apply is_lim_spec in Lm. destruct (Lm (mkposreal (m / 2) ltac:(lra))) as (Z & HZ). simpl in HZ.
  assert (Size : forall z, Z < z -> m / 2 * exp (- (a k * z)) < g z < 3 * m / 2 * exp (- (a k * z))).
  { intros z Hz. specialize (HZ z Hz). apply Rabs_def2 in HZ. pose proof (exp_pos (- (a k * z))) as Pe.
    assert (E : g z = exp (a k * z) * g z * exp (- (a k * z))).
    { replace (exp (a k * z) * g z * exp (- (a k * z))) with (g z * (exp (a k * z) * exp (- (a k * z)))) by ring.
      rewrite <- exp_plus. replace (a k * z + - (a k * z)) with 0 by ring. rewrite exp_0. ring. }
    split; rewrite E; apply Rmult_lt_compat_r; lra. }
  set (far := Rmax 0 Z + 1). pose proof (Rmax_l 0 Z) as F0. pose proof (Rmax_r 0 Z) as FZ.
  assert (Hfar : 0 <= far) by (unfold far; lra).
  (* near: the least value over the greatest *)
  destruct (continuity_ab_min g low (far + high) ltac:(lra)) as (y & Hy & Yin).
  { intros z _. apply total_continuity. }
  destruct (bounded_on g far Hfar) as (K & HK).
  { intros z _. apply total_continuity. }
  pose proof (Pos y ltac:(lra)) as Py. fold g in Py.
  set (c1 := g y / (Rabs K + 1)). pose proof (Rabs_pos K) as PK.
  assert (P1 : 0 < c1) by (unfold c1; apply Rdiv_lt_0_compat; lra).
  set (c2 := exp (- (Rabs (a k) * high)) / 3). assert (P2 : 0 < c2) by (unfold c2; apply Rdiv_lt_0_compat; [apply exp_pos|lra]).
  exists (Rmin c1 c2). split; [now apply Rmin_glb_lt|]. pose proof (Rmin_l c1 c2) as M1. pose proof (Rmin_r c1 c2) as M2.
  assert (PM : 0 < Rmin c1 c2) by (now apply Rmin_glb_lt).
  intros z d Hz Hd. destruct (Rle_lt_dec z far) as [Near|Far].
  - apply Rle_trans with (g y); [|apply Hy; lra]. specialize (HK z ltac:(lra)). pose proof (Rle_abs (g z)). pose proof (Rle_abs K).
    apply Rle_trans with (Rmin c1 c2 * (Rabs K + 1)); [apply Rmult_le_compat_l; lra|].
    apply Rle_trans with (c1 * (Rabs K + 1)); [apply Rmult_le_compat_r; lra|]. unfold c1. right. field. lra.
  - unfold far in Far. destruct (Size z ltac:(lra)) as [_ Up]. destruct (Size (z + d) ltac:(lra)) as [Lo _].
    pose proof (Pos (z + d)) as Pzd. pose proof (exp_pos (- (a k * z))) as Pe.
    assert (Pg : 0 < g z) by (destruct (Size z ltac:(lra)) as [Q _]; eapply Rlt_trans; [|exact Q]; apply Rmult_lt_0_compat; lra).
    apply Rle_trans with (c2 * g z); [apply Rmult_le_compat_r; lra|].
    apply Rle_trans with (c2 * (3 * m / 2 * exp (- (a k * z)))); [apply Rmult_le_compat_l; lra|].
    eapply Rle_trans; [|left; exact Lo]. replace (- (a k * (z + d))) with (- (a k * z) + - (a k * d)) by ring. rewrite exp_plus.
    replace (c2 * (3 * m / 2 * exp (- (a k * z)))) with (m / 2 * (exp (- (a k * z)) * exp (- (Rabs (a k) * high)))) by (unfold c2; field).
    apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_l; [lra|]. apply exp_le.
    assert (a k * d <= Rabs (a k) * high); [|lra]. pose proof (Rle_abs (a k)). pose proof (Rabs_pos (a k)).
    apply Rle_trans with (Rabs (a k) * d); [apply Rmult_le_compat_r; lra|apply Rmult_le_compat_l; lra].
Qed.
