(** Linear equations y' = (be/t) y + al with limits be -> B and al -> A > 0:
    y/t tends to A/(1-B) if B < 1, and to +infinity if B >= 1.

    Proves no registry theorem by itself; Shares.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution.
Open Scope R_scope.

(** Derivative of t^r (y/t - c). *)
Lemma w_derive (y : R -> R) dy r c t : 0 < t -> is_derive y t dy ->
  is_derive (fun u => exp (r * ln u) * (y u / u - c)) t
            (exp (r * ln t) / t * (r * (y t / t - c) + dy - y t / t)).
Proof.
  intros Ht Hy.
  assert (E1 : is_derive (fun u => exp (r * ln u)) t (r / t * exp (r * ln t))).
  { auto_derive; [exact Ht|]. field. lra. }
  assert (E2 : is_derive (fun u => y u / u - c) t ((dy - y t / t) / t)).
  { auto_derive.
    - split; [exists dy; exact Hy|split; [lra|exact I]].
    - replace (Derive (fun x => y x) t) with dy by (symmetry; apply is_derive_unique; exact Hy).
      field. lra. }
  replace (exp (r * ln t) / t * (r * (y t / t - c) + dy - y t / t))
    with (r / t * exp (r * ln t) * (y t / t - c) + exp (r * ln t) * ((dy - y t / t) / t)) by (field; lra).
  apply (is_derive_mult (fun u => exp (r * ln u)) (fun u => y u / u - c)); [exact E1|exact E2|].
  intros; apply Rmult_comm.
Qed.

(** t^r outgrows every constant. *)
Lemma decay C r eps : 0 < r -> 0 < eps ->
  exists t1, 0 < t1 /\ forall t, t1 < t -> Rabs C < eps * exp (r * ln t).
Proof.
  intros Hr He. exists (exp (Rabs C / (eps * r))). split; [apply exp_pos|]. intros t Ht.
  assert (0 < eps * r) by pos.
  pose proof (exp_pos (Rabs C / (eps * r))) as P.
  assert (L : Rabs C / (eps * r) < ln t).
  { rewrite <- (ln_exp (Rabs C / (eps * r))). apply ln_increasing; assumption. }
  pose proof (exp_ineq1_le (r * ln t)) as Q.
  apply (Rmult_lt_compat_l (eps * r)) in L; [|assumption].
  replace (eps * r * (Rabs C / (eps * r))) with (Rabs C) in L by (field; lra).
  apply (Rmult_le_compat_l eps) in Q; [|lra]. lra.
Qed.

Section Lin.
Variables y al be : R -> R.
Hypothesis Hy : forall t, 0 < t -> is_derive y t (be t / t * y t + al t).
Hypothesis Hpos : forall t, 0 < t -> 0 < y t.

(** Eventual bounds for y/t from eventual bounds for al and be. *)
Lemma lin_upper N A r eps : 0 < r -> 0 < eps ->
  (forall t, N < t -> al t <= A /\ r <= 1 - be t) ->
  exists N', forall t, N' < t -> y t / t <= A / r + eps.
Proof.
  intros Hr He H. set (t0 := Rmax N 0 + 1). set (c := A / r).
  assert (Ht0 : N < t0 /\ 0 < t0).
  { unfold t0. pose proof (Rmax_l N 0). pose proof (Rmax_r N 0). lra. }
  destruct (decay (exp (r * ln t0) * (y t0 / t0 - c)) r eps Hr He) as (t1 & Ht1 & D).
  exists (Rmax t0 t1). intros t Ht.
  assert (t0 < t /\ t1 < t) by (pose proof (Rmax_l t0 t1); pose proof (Rmax_r t0 t1); lra).
  specialize (D t ltac:(lra)).
  destruct (MVT_gen (fun u => exp (r * ln u) * (y u / u - c)) t0 t
    (fun u => exp (r * ln u) / u * (r * (y u / u - c) + (be u / u * y u + al u) - y u / u))) as (v & Hv & E).
  - rewrite Rmin_left, Rmax_right by lra. intros v Hv. apply w_derive; [lra|]. apply Hy. lra.
  - rewrite Rmin_left, Rmax_right by lra. intros v Hv. apply derivable_continuous_pt.
    eexists. apply is_derive_Reals. apply w_derive; [lra|]. apply Hy. lra.
  - rewrite Rmin_left, Rmax_right in Hv by lra.
    destruct (H v ltac:(lra)) as [Ha Hb]. assert (Pv : 0 < y v / v) by (apply Rdiv_lt_0_compat; [apply Hpos|]; lra).
    assert (Sg : r * (y v / v - c) + (be v / v * y v + al v) - y v / v <= 0).
    { replace (r * (y v / v - c) + (be v / v * y v + al v) - y v / v)
        with ((r - (1 - be v)) * (y v / v) + (al v - A)) by (unfold c; field; lra). nra. }
    assert (Pe : 0 < exp (r * ln v) / v) by (apply Rdiv_lt_0_compat; [apply exp_pos|lra]).
    assert (Le : exp (r * ln t) * (y t / t - c) <= exp (r * ln t0) * (y t0 / t0 - c)).
    { assert (exp (r * ln v) / v * (r * (y v / v - c) + (be v / v * y v + al v) - y v / v) * (t - t0) <= 0).
      { assert (exp (r * ln v) / v * (r * (y v / v - c) + (be v / v * y v + al v) - y v / v) <= 0) by nra. nra. }
      lra. }
    pose proof (exp_pos (r * ln t)) as Pt.
    pose proof (Rle_abs (exp (r * ln t0) * (y t0 / t0 - c))).
    assert (exp (r * ln t) * (y t / t - c) < exp (r * ln t) * eps) by lra.
    apply Rmult_lt_reg_l in H2; [|exact Pt]. fold c. lra.
Qed.

Lemma lin_lower N A r eps : 0 < r -> 0 < eps ->
  (forall t, N < t -> A <= al t /\ 1 - be t <= r) ->
  exists N', forall t, N' < t -> A / r - eps <= y t / t.
Proof.
  intros Hr He H. set (t0 := Rmax N 0 + 1). set (c := A / r).
  assert (Ht0 : N < t0 /\ 0 < t0).
  { unfold t0. pose proof (Rmax_l N 0). pose proof (Rmax_r N 0). lra. }
  destruct (decay (exp (r * ln t0) * (y t0 / t0 - c)) r eps Hr He) as (t1 & Ht1 & D).
  exists (Rmax t0 t1). intros t Ht.
  assert (t0 < t /\ t1 < t) by (pose proof (Rmax_l t0 t1); pose proof (Rmax_r t0 t1); lra).
  specialize (D t ltac:(lra)).
  destruct (MVT_gen (fun u => exp (r * ln u) * (y u / u - c)) t0 t
    (fun u => exp (r * ln u) / u * (r * (y u / u - c) + (be u / u * y u + al u) - y u / u))) as (v & Hv & E).
  - rewrite Rmin_left, Rmax_right by lra. intros v Hv. apply w_derive; [lra|]. apply Hy. lra.
  - rewrite Rmin_left, Rmax_right by lra. intros v Hv. apply derivable_continuous_pt.
    eexists. apply is_derive_Reals. apply w_derive; [lra|]. apply Hy. lra.
  - rewrite Rmin_left, Rmax_right in Hv by lra.
    destruct (H v ltac:(lra)) as [Ha Hb]. assert (Pv : 0 < y v / v) by (apply Rdiv_lt_0_compat; [apply Hpos|]; lra).
    assert (Sg : 0 <= r * (y v / v - c) + (be v / v * y v + al v) - y v / v).
    { replace (r * (y v / v - c) + (be v / v * y v + al v) - y v / v)
        with ((r - (1 - be v)) * (y v / v) + (al v - A)) by (unfold c; field; lra). nra. }
    assert (Pe : 0 < exp (r * ln v) / v) by (apply Rdiv_lt_0_compat; [apply exp_pos|lra]).
    assert (Le : exp (r * ln t0) * (y t0 / t0 - c) <= exp (r * ln t) * (y t / t - c)).
    { assert (0 <= exp (r * ln v) / v * (r * (y v / v - c) + (be v / v * y v + al v) - y v / v) * (t - t0)).
      { apply Rmult_le_pos; [|lra]. apply Rmult_le_pos; lra. }
      lra. }
    pose proof (exp_pos (r * ln t)) as Pt.
    pose proof (Rle_abs (- (exp (r * ln t0) * (y t0 / t0 - c)))) as Q. rewrite Rabs_Ropp in Q.
    assert (exp (r * ln t) * (- eps) < exp (r * ln t) * (y t / t - c)) as H2 by lra.
    apply Rmult_lt_reg_l in H2; [|exact Pt]. fold c. lra.
Qed.

(** Continuity of (A,B) -> A/(1-B), with room eps. *)
Lemma eta (A B eps : R) : B < 1 -> 0 < eps -> exists d, 0 < d /\ d < 1 - B /\
  (A + d) / (1 - B - d) < A / (1 - B) + eps /\ A / (1 - B) - eps < (A - d) / (1 - B + d).
Proof.
  intros HB He.
  assert (C1 : continuous (fun d => (A + d) / (1 - B - d)) 0).
  { apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun d => (A + d) / (1 - B - d)) 0).
    auto_derive. lra. }
  assert (C2 : continuous (fun d => (A - d) / (1 - B + d)) 0).
  { apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun d => (A - d) / (1 - B + d)) 0).
    auto_derive. lra. }
  apply continuity_pt_filterlim in C1. apply continuity_pt_filterlim in C2.
  destruct (C1 eps He) as (d1 & Hd1 & P1). destruct (C2 eps He) as (d2 & Hd2 & P2).
  set (d := Rmin (Rmin d1 d2) (1 - B) / 2).
  assert (Hd : 0 < d /\ d < d1 /\ d < d2 /\ d < 1 - B).
  { unfold d. pose proof (Rmin_l (Rmin d1 d2) (1 - B)). pose proof (Rmin_r (Rmin d1 d2) (1 - B)).
    pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2).
    assert (0 < Rmin (Rmin d1 d2) (1 - B)) by (repeat apply Rmin_glb_lt; lra). lra. }
  assert (Dx : forall e, d < e -> D_x no_cond 0 d /\ dist R_met d 0 < e).
  { intros e He'. split.
    - split; [exact I|lra].
    - simpl. unfold R_dist. rewrite Rminus_0_r, Rabs_pos_eq by lra. lra. }
  exists d. split; [lra|]. split; [lra|].
  specialize (P1 d (Dx d1 ltac:(lra))). specialize (P2 d (Dx d2 ltac:(lra))).
  simpl in P1, P2. unfold R_dist in P1, P2.
  rewrite Rplus_0_r, Rminus_0_r in P1. rewrite Rplus_0_r, Rminus_0_r in P2.
  apply Rabs_def2 in P1. apply Rabs_def2 in P2. split; lra.
Qed.

(** be -> B < 1 and al -> A give y/t -> A/(1-B). *)
Lemma lin_asym (A B : R) : B < 1 -> is_lim be p_infty B -> is_lim al p_infty A ->
  is_lim (fun t => y t / t) p_infty (A / (1 - B)).
Proof.
  intros HB Lb La. apply is_lim_spec. intros eps.
  apply is_lim_spec in Lb. apply is_lim_spec in La. unfold is_lim' in La, Lb.
  destruct (eta A B (eps / 2) HB ltac:(destruct eps; simpl; lra)) as (d & Hd & Hd1 & U & V).
  destruct (Lb (mkposreal d Hd)) as [Nb Hb]. destruct (La (mkposreal d Hd)) as [Na Ha]. simpl in Hb, Ha.
  set (N := Rmax Na Nb).
  assert (HN : forall t, N < t -> Rabs (al t - A) < d /\ Rabs (be t - B) < d).
  { intros t Ht. unfold N in Ht. pose proof (Rmax_l Na Nb). pose proof (Rmax_r Na Nb).
    split; [apply Ha|apply Hb]; lra. }
  assert (He4 : 0 < eps / 4) by (destruct eps; simpl; lra).
  destruct (lin_upper N (A + d) (1 - B - d) (eps / 4) ltac:(lra) He4) as [N1 H1].
  { intros t Ht. destruct (HN t Ht) as [X Y]. apply Rabs_def2 in X. apply Rabs_def2 in Y. lra. }
  destruct (lin_lower N (A - d) (1 - B + d) (eps / 4) ltac:(lra) He4) as [N2 H2].
  { intros t Ht. destruct (HN t Ht) as [X Y]. apply Rabs_def2 in X. apply Rabs_def2 in Y. lra. }
  exists (Rmax N1 N2). intros t Ht. pose proof (Rmax_l N1 N2). pose proof (Rmax_r N1 N2).
  specialize (H1 t ltac:(lra)). specialize (H2 t ltac:(lra)).
  destruct eps as [e He]; simpl in *. apply Rabs_def1; lra.
Qed.

(** be -> B >= 1 and al -> A > 0 give y/t -> +infinity. *)
Lemma lin_asym_infty (A B : R) : 0 < A -> 1 <= B -> is_lim be p_infty B -> is_lim al p_infty A ->
  is_lim (fun t => y t / t) p_infty p_infty.
Proof.
  intros HA HB Lb La. apply is_lim_spec. intros K.
  apply is_lim_spec in Lb. apply is_lim_spec in La. unfold is_lim' in La, Lb.
  set (r := A / 2 / (Rabs K + 2)). pose proof (Rabs_pos K) as HK.
  assert (Hr : 0 < r) by (apply Rdiv_lt_0_compat; lra).
  assert (HA2 : 0 < A / 2) by lra.
  destruct (Lb (mkposreal r Hr)) as [Nb Hb]. destruct (La (mkposreal _ HA2)) as [Na Ha]. simpl in Hb, Ha.
  destruct (lin_lower (Rmax Na Nb) (A / 2) r 1 Hr Rlt_0_1) as [N' H'].
  { intros t Ht. pose proof (Rmax_l Na Nb). pose proof (Rmax_r Na Nb).
    specialize (Hb t ltac:(lra)). specialize (Ha t ltac:(lra)).
    apply Rabs_def2 in Hb. apply Rabs_def2 in Ha. lra. }
  exists N'. intros t Ht. specialize (H' t Ht).
  replace (A / 2 / r) with (Rabs K + 2) in H' by (unfold r; field; lra).
  pose proof (Rle_abs K). lra.
Qed.

(** Both cases: t/y -> max(0,1-B)/A. *)
Lemma lin_asym_inverse (A B : R) : 0 < A -> is_lim be p_infty B -> is_lim al p_infty A ->
  is_lim (fun t => / (y t / t)) p_infty (Rmax 0 (1 - B) / A).
Proof.
  intros HA Lb La. destruct (Rlt_le_dec B 1) as [HB|HB].
  - rewrite Rmax_right by lra.
    replace (Finite ((1 - B) / A)) with (Rbar_inv (A / (1 - B))) by (simpl; f_equal; field; lra).
    apply is_lim_inv; [now apply lin_asym|]. intros E. injection E. intros E'.
    assert (0 < A / (1 - B)) by (apply Rdiv_lt_0_compat; lra). lra.
  - rewrite Rmax_left by lra. replace (Finite (0 / A)) with (Rbar_inv p_infty) by (simpl; f_equal; field; lra).
    apply is_lim_inv; [now apply (lin_asym_infty A B)|discriminate].
Qed.
End Lin.
