(** coexistence: mu > 0 and a second token that is held.

    For every value between 0 and its start the second token inherits at most
    - k times the first one's rate, which never falls below its start f, and its
    own rate is at most o < k f.  So it shrinks, at a rate of at least k - o/f
    times the first one's, and as the first token diverges it tends to 0, where
    the quotient of the rates is K(0). *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums GrowthRate Signs.
From S6Flow Require Import FastOrder FirstToken BlowUpTime Forms Carried FirstUnbounded BlowUpRatio.
Open Scope R_scope.

Lemma near_point (f : R -> R) p tol : continuity_pt f p -> 0 < tol ->
  exists d, 0 < d /\ forall y, Rabs (y - p) < d -> Rabs (f y - f p) < tol.
Proof.
  intros Hf He. destruct (Hf tol He) as (d & Hd & H). exists d. split; [exact Hd|]. intros y Hy.
  destruct (Req_dec y p) as [->|Ny]; [rewrite Rminus_diag_eq, Rabs_R0 by reflexivity; exact He|].
  apply (H y). split; [split; [exact I|now apply not_eq_sym]|]. exact Hy.
Qed.

Lemma near_zero (f : R -> R) tol : continuity_pt f 0 -> 0 < tol ->
  exists d, 0 < d /\ forall y, Rabs y < d -> Rabs (f y - f 0) < tol.
Proof.
  intros Hf He. destruct (Hf tol He) as (d & Hd & H). exists d. split; [exact Hd|]. intros y Hy.
  destruct (Req_dec y 0) as [->|Ny]; [rewrite Rminus_diag_eq, Rabs_R0 by reflexivity; exact He|].
  apply (H y). split; [split; [exact I|now apply not_eq_sym]|]. simpl. unfold R_dist. now rewrite Rminus_0_r.
Qed.

Section Small.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (x0 y0 : R).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation K := (carried_factor N a mu s b eps).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis H0 : 0 <= s * x0.
Hypothesis Ny : y0 <> 0.

(** The least and the largest step between that of 0 and that of y0, and what mu K is there at most. *)
Definition least : R := Rmin (softplus b + eps) (Delta s b eps y0).
Definition most : R := Rmax (softplus b + eps) (Delta s b eps y0).
Definition read : R :=
  sum_below N (fun n => exp (- a n * most) * Rmin 0 (mu n) + exp (- a n * least) * Rmax 0 (mu n)).
Hypothesis Held : x0 ^ 2 * Delta s b eps x0 * read + M * y0 ^ 2 * most < 0.

Definition own (y : R) : R := M * y ^ 2 * Delta s b eps y.

Lemma second_splits y : F y 1 = K (y 1%nat) * F y 0 + own (y 1%nat).
Proof. rewrite carried_rate by (lra || apply cond_nonneg). unfold carried_factor, own, Rdiv. ring. Qed.

Lemma factor_continuous y : continuity_pt K y.
Proof.
  apply (continuity_pt_mult (fun y => sum_below N (fun n => mu n * exp (- a n * Delta s b eps y))) (fun _ => / M)).
  - apply (sum_below_continuity N (fun n y => mu n * exp (- a n * Delta s b eps y))). intros n _.
    apply (continuity_pt_scal (fun y => exp (- a n * Delta s b eps y))). apply decay_continuity.
  - apply continuity_pt_const. intros ? ?; reflexivity.
Qed.

Lemma own_continuous y : continuity_pt own y.
Proof.
  apply (continuity_pt_mult (fun y => M * y ^ 2) (Delta s b eps)); [|apply Delta_continuity].
  apply (continuity_pt_scal (fun y => y ^ 2)). apply derivable_continuous_pt, derivable_pt_pow.
Qed.

Lemma own_zero : own 0 = 0.
Proof. unfold own. ring. Qed.

Lemma own_nonneg y : 0 <= own y.
Proof. unfold own. rewrite Rmult_assoc. apply Rmult_le_pos; [lra|apply sq_Delta_nonneg]. Qed.

Lemma most_positive : 0 < most.
Proof.
  unfold most. rewrite <- (Delta_0 s b eps). apply Rlt_le_trans with (Delta s b eps 0); [apply Delta_pos|apply Rmax_l].
Qed.

Lemma own_most : 0 <= M * y0 ^ 2 * most.
Proof.
  pose proof most_positive. pose proof (pow2_ge_0 y0). apply Rmult_le_pos; [apply Rmult_le_pos|]; lra.
Qed.

Lemma N0 : x0 <> 0.
Proof. intros E. pose proof own_most. rewrite E in Held. replace (0 ^ 2) with 0 in Held by ring. lra. Qed.

(** The first token's rate at the start, which it never falls below. *)
Definition first_rate : R := own x0.

Lemma first_rate_positive : 0 < first_rate.
Proof.
  unfold first_rate, own. pose proof (Delta_pos s b eps x0).
  assert (0 < x0 ^ 2) by (apply pow2_gt_0, N0). pos.
Qed.

Definition k : R := - read / M.
Definition o : R := M * y0 ^ 2 * most.
Definition rate : R := k - o / first_rate.

Lemma rate_positive : 0 < rate /\ 0 < k.
Proof.
  pose proof first_rate_positive as Pf. pose proof own_most as Po.
  assert (E : k * first_rate = - (x0 ^ 2 * Delta s b eps x0 * read)) by (unfold k, first_rate, own; field; lra).
  assert (Q : o < k * first_rate) by (unfold o in *; lra). unfold rate. split.
  - cut (o / first_rate < k); [lra|]. apply (Rmult_lt_reg_r first_rate); [exact Pf|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - apply (Rmult_lt_reg_r first_rate); [exact Pf|]. unfold o in *. lra.
Qed.

(** Values between 0 and y0 have steps between the least and the most. *)
Lemma steps_between y : 0 <= y * y0 -> Rabs y <= Rabs y0 -> least <= Delta s b eps y <= most.
Proof.
  intros Hs Hy. unfold least, most. rewrite <- (Delta_0 s b eps).
  assert (C : 0 <= y <= y0 \/ y0 <= y <= 0).
  { destruct (Rle_lt_dec 0 y0) as [P|P].
    - left. assert (0 < y0) by (destruct P; [assumption|exfalso; apply Ny; congruence]).
      assert (0 <= y) by (destruct (Rle_lt_dec 0 y); [assumption|nra]). rewrite !Rabs_pos_eq in Hy by lra. lra.
    - right. assert (y <= 0) by (destruct (Rle_lt_dec y 0); [assumption|nra]). rewrite !Rabs_left1 in Hy by lra. lra. }
  assert (D : s * 0 <= s * y <= s * y0 \/ s * y0 <= s * y <= s * 0).
  { destruct (Rle_lt_dec 0 s); destruct C as [C|C]; [left|right|right|left]; split; nra. }
  destruct D as [[D1 D2]|[D1 D2]]; apply Delta_mono with (b := b) (eps := nonneg eps) in D1; apply Delta_mono with (b := b) (eps := nonneg eps) in D2.
  - split; [apply Rle_trans with (1 := Rmin_l _ _); exact D1|apply Rle_trans with (2 := Rmax_r _ _); exact D2].
  - split; [apply Rle_trans with (1 := Rmin_r _ _); exact D1|apply Rle_trans with (2 := Rmax_l _ _); exact D2].
Qed.

Lemma near y : 0 <= y * y0 -> Rabs y <= Rabs y0 -> K y <= - k /\ own y <= o.
Proof.
  intros Hs Hy. destruct (steps_between y Hs Hy) as [L U]. pose proof most_positive as Pm. split.
  - unfold k, carried_factor. replace (- (- read / M)) with (read / M) by (field; lra).
    apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|]. apply sum_below_le. intros n Hn.
    specialize (Ha n Hn).
    assert (E1 : exp (- a n * most) <= exp (- a n * Delta s b eps y)) by (apply exp_le; nra).
    assert (E2 : exp (- a n * Delta s b eps y) <= exp (- a n * least)) by (apply exp_le; nra).
    destruct (Rle_lt_dec 0 (mu n)).
    + rewrite Rmin_left, Rmax_right by assumption. nra.
    + rewrite Rmin_right, Rmax_left by lra. nra.
  - unfold own, o. rewrite !Rmult_assoc. apply Rmult_le_compat_l; [lra|].
    assert (y ^ 2 <= y0 ^ 2) by (rewrite <- (pow2_abs y), <- (pow2_abs y0); apply pow_incr; split; [apply Rabs_pos|exact Hy]).
    pose proof (pow2_ge_0 y). pose proof (Delta_pos s b eps y). apply Rmult_le_compat; lra.
Qed.

Lemma factor_negative : K 0 < 0.
Proof.
  destruct (near 0) as [H _]; [rewrite Rmult_0_l; lra|rewrite Rabs_R0; apply Rabs_pos|].
  pose proof (proj2 rate_positive). lra.
Qed.

(** A little beyond y0 the second token still shrinks. *)
Lemma strip : exists d, 0 < d /\ forall y, Rabs (y - y0) < d -> K y < 0 /\ K y * first_rate + own y < 0.
Proof.
  pose proof first_rate_positive as Pf. pose proof rate_positive as [Pr Pk].
  destruct (near y0) as [HK Ho]; [pose proof (pow2_ge_0 y0); simpl in *; lra|lra|].
  assert (Q : o < k * first_rate).
  { unfold rate in Pr. assert (E : o / first_rate < k) by lra. apply (Rmult_lt_compat_r first_rate) in E; [|exact Pf].
    unfold Rdiv in E. rewrite Rmult_assoc, Rinv_l in E by lra. lra. }
  assert (Neg : K y0 * first_rate + own y0 < 0).
  { assert (K y0 * first_rate <= - k * first_rate) by (apply Rmult_le_compat_r; lra). lra. }
  assert (C : continuity_pt (fun y => K y * first_rate + own y) y0).
  { apply (continuity_pt_plus (fun y => K y * first_rate) own); [|apply own_continuous].
    apply (continuity_pt_mult K (fun _ => first_rate)); [apply factor_continuous|].
    apply continuity_pt_const. intros ? ?; reflexivity. }
  destruct (near_point _ y0 _ (factor_continuous y0) Pk) as (d1 & P1 & D1).
  destruct (near_point _ y0 (- (K y0 * first_rate + own y0)) C ltac:(lra)) as (d2 & P2 & D2).
  exists (Rmin d1 d2). pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2). split; [now apply Rmin_glb_lt|].
  intros y Hy. specialize (D1 y ltac:(lra)). specialize (D2 y ltac:(lra)). cbv beta in D2.
  apply Rabs_def2 in D1. apply Rabs_def2 in D2. lra.
Qed.

Section Flow.
Variables (T : R) (x : nat -> R -> R).
Hypothesis HT : 0 < T.
Hypothesis Hs : solution N a mu s b eps 2 T x.
Hypothesis Start : x 0%nat 0 = x0.
Hypothesis Start2 : x 1%nat 0 = y0.

Lemma Nz : x 1%nat 0 <> 0.
Proof. now rewrite Start2. Qed.

Lemma first_rate_kept t : 0 <= t -> t < T -> first_rate <= F (fun k => x k t) 0.
Proof.
  intros Ht HtT. rewrite growth_rate_first. unfold first_rate, own.
  assert (Nf : x 0%nat 0 <> 0) by (rewrite Start; exact N0).
  destruct (first_token_modulus N a mu s b eps 2 T x Hs ltac:(lia) Nf) as (e & He & Ae & Mod).
  pose proof (modulus_increasing T M (s * e) b eps _ HM Mod 0 t ltac:(lra) HtT) as Inc. cbv beta in Inc.
  pose proof (proj2 Mod 0 (Rle_refl 0) HT) as P0. cbv beta in P0. rewrite Start in *.
  assert (Se : 0 <= s * e) by (rewrite (fast_slope s e x0 He P0 ltac:(lra)); apply Rabs_pos).
  assert (Sq : forall y, s * y = s * e * (e * y)) by (intros y; replace (s * e * (e * y)) with (s * y * (e * e)) by ring; rewrite He; ring).
  assert (Sy : forall y, y ^ 2 = (e * y) ^ 2) by (intros y; replace ((e * y) ^ 2) with (y ^ 2 * (e * e)) by ring; rewrite He; ring).
  assert (D : Delta s b eps x0 <= Delta s b eps (x 0%nat t)).
  { apply Delta_mono. rewrite (Sq x0), (Sq (x 0%nat t)). now apply Rmult_le_compat_l. }
  assert (Q : x0 ^ 2 <= x 0%nat t ^ 2) by (rewrite (Sy x0), (Sy (x 0%nat t)); apply pow_incr; lra).
  pose proof (Delta_pos s b eps x0). pose proof (pow2_ge_0 x0).
  rewrite !Rmult_assoc. apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra.
Qed.

(** Between 0 and its start the second token shrinks. *)
Lemma second_shrinks t : 0 <= t -> t < T -> 0 <= x 1%nat t * y0 -> Rabs (x 1%nat t) <= Rabs y0 ->
  F (fun k => x k t) 1 <= - rate * F (fun k => x k t) 0.
Proof.
  intros Ht HtT Hs2 Hy. destruct (near (x 1%nat t) Hs2 Hy) as [HKy Ho].
  pose proof (first_rate_kept t Ht HtT) as Low. pose proof first_rate_positive as Pf. pose proof own_most as Po.
  rewrite second_splits. set (f := F (fun k => x k t) 0) in *.
  assert (K (x 1%nat t) * f <= - k * f) by (apply Rmult_le_compat_r; lra).
  assert (Q : o <= o / first_rate * f).
  { replace o with (o / first_rate * first_rate) at 1 by (field; lra). apply Rmult_le_compat_l; [|exact Low].
    apply Rdiv_le_0_compat; [exact Po|exact Pf]. }
  unfold rate. lra.
Qed.

Lemma second_modulus : exists e, e * e = 1 /\
  (forall t, 0 <= t -> t < T -> Rabs (x 1%nat t) = e * x 1%nat t /\ 0 < e * x 1%nat t) /\
  evolves T (fun t => e * x 1%nat t) (fun t => e * x 1%nat t * F (fun k => x k t) 1) /\ Rabs y0 = e * y0 /\
  (forall t, 0 <= t -> t < T -> 0 <= x 1%nat t * y0).
Proof.
  pose proof Nz as Nn.
  destruct (abs_sign N a mu s b eps 2 T x 1 Hs ltac:(lia) Nn) as (e & He & Ae). exists e. split; [exact He|].
  assert (A : forall t, 0 <= t -> t < T -> Rabs (x 1%nat t) = e * x 1%nat t /\ 0 < e * x 1%nat t).
  { intros t Ht HtT. split; [now apply Ae|]. rewrite <- Ae by assumption. apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b eps 2 T x 1 Hs ltac:(lia) Nn t Ht HtT). }
  assert (Ey : Rabs y0 = e * y0) by (rewrite <- Start2; apply A; [apply Rle_refl|exact HT]).
  split; [exact A|]. split; [apply evolves_scal; apply Hs; lia|]. split; [exact Ey|].
  intros t Ht HtT. destruct (A t Ht HtT) as [_ P]. pose proof (Rabs_pos y0).
  replace (x 1%nat t * y0) with (e * x 1%nat t * (e * y0)) by (replace (e * x 1%nat t * (e * y0)) with (x 1%nat t * y0 * (e * e)) by ring; rewrite He; ring).
  apply Rmult_le_pos; lra.
Qed.

Lemma second_stays t : 0 <= t -> t < T -> Rabs (x 1%nat t) <= Rabs y0.
Proof.
  destruct second_modulus as (e & He & Ae & E & Ey & _). destruct strip as (d & Pd & D). intros Ht HtT.
  rewrite (proj1 (Ae t Ht HtT)).
  apply (strip_barrier T _ _ (Rabs y0) (Rabs y0 + d) ltac:(lra) E); [rewrite Start2, Ey; apply Rle_refl| |exact Ht|exact HtT].
  intros u Hu HuT Hx. cbv beta in *. simpl in HuT. destruct (Ae u ltac:(lra) HuT) as [Au Pu].
  assert (Near : Rabs (x 1%nat u - y0) < d).
  { assert (Se : Rabs e = 1).
    { assert (Rabs e * Rabs e = 1) by (rewrite <- Rabs_mult, He; apply Rabs_R1). pose proof (Rabs_pos e). nra. }
    replace (Rabs (x 1%nat u - y0)) with (Rabs (e * (x 1%nat u - y0))) by (rewrite Rabs_mult, Se; ring).
    rewrite Rmult_minus_distr_l, <- Ey. rewrite Rabs_pos_eq; lra. }
  destruct (D _ Near) as [DK DN]. pose proof (first_rate_kept u ltac:(lra) HuT) as Low. rewrite second_splits.
  set (f := F (fun k => x k u) 0) in *.
  assert (K (x 1%nat u) * f <= K (x 1%nat u) * first_rate) by nra. nra.
Qed.

Lemma second_rate t : 0 <= t -> t < T -> F (fun k => x k t) 1 <= - rate * F (fun k => x k t) 0.
Proof.
  intros Ht HtT. destruct second_modulus as (e & _ & _ & _ & _ & Same).
  apply second_shrinks; [exact Ht|exact HtT|now apply Same|now apply second_stays].
Qed.

Lemma second_falls u v : 0 <= u < v -> v < T -> Rabs (x 1%nat v) < Rabs (x 1%nat u).
Proof.
  destruct second_modulus as (e & He & Ae & E & _). intros Huv Hv.
  rewrite (proj1 (Ae u ltac:(lra) ltac:(lra))), (proj1 (Ae v ltac:(lra) Hv)).
  pose proof (strict_incr_on T _ _ u v (evolves_opp _ _ _ E) ltac:(lra) ltac:(lra) Hv) as G. cbv beta in G.
  cut (- (e * x 1%nat u) < - (e * x 1%nat v)); [lra|]. apply G. intros t Ht.
  destruct (Ae t ltac:(lra) ltac:(lra)) as [_ Pt].
  pose proof (second_rate t ltac:(lra) ltac:(lra)) as Sh. pose proof (first_rate_kept t ltac:(lra) ltac:(lra)).
  pose proof first_rate_positive. pose proof (proj1 rate_positive).
  assert (- rate * F (fun k => x k t) 0 < 0) by nra. nra.
Qed.

Hypothesis Lead : filterlim (fun t => Rabs (x 0%nat t)) (at_left T) (Rbar_locally p_infty).

(** ln|x_2| falls at least [rate] times as much as ln|x_1| grows. *)
Lemma second_vanishes : filterlim (x 1%nat) (at_left T) (locally 0).
Proof.
  destruct second_modulus as (e & He & Ae & E & _). pose proof (proj1 rate_positive) as Pr.
  assert (Nf : x 0%nat 0 <> 0) by (rewrite Start; exact N0).
  destruct (abs_sign N a mu s b eps 2 T x 0 Hs ltac:(lia) Nf) as (d & Hd & Ad).
  assert (Pd : forall t, 0 <= t -> Rbar_lt t T -> 0 < d * x 0%nat t).
  { intros t Ht HtT. rewrite <- Ad by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b eps 2 T x 0 Hs ltac:(lia) Nf). }
  pose proof (log_evolves T _ _ E HT (fun t Ht HtT => proj2 (Ae t Ht HtT))) as L1.
  pose proof (log_evolves T _ _ (evolves_scal T d _ _ (Hs 0%nat ltac:(lia))) HT Pd) as L0.
  set (A := ln (e * x 1%nat 0) + rate * ln (d * x 0%nat 0)).
  assert (Fall : forall t, 0 <= t -> t < T -> ln (e * x 1%nat t) <= A + - rate * ln (d * x 0%nat t)).
  { intros t Ht HtT.
    pose proof (decr_on T _ _ 0 t (evolves_plus _ _ _ _ _ L1 (evolves_times T (rate) _ _ L0)) (Rle_refl 0) Ht HtT) as G.
    cbv beta in G. fold A in G.
    cut (ln (e * x 1%nat t) + rate * ln (d * x 0%nat t) <= A); [lra|]. apply G. intros u Hu.
    pose proof (second_rate u ltac:(lra) ltac:(lra)). lra. }
  intros P [tol HP]. pose proof (cond_pos tol) as He0.
  set (B := (A - ln tol) / (rate)).
  destruct (Lead (fun v => exp B < v)) as [w Hw]; [exists (exp B); tauto|].
  assert (Pt : 0 < Rmin w T) by (apply Rmin_glb_lt; [apply cond_pos|exact HT]).
  exists (mkposreal _ Pt). intros t Hb HtT. open_ball Hb. pose proof (Rmin_l w T). pose proof (Rmin_r w T).
  assert (Big : exp B < Rabs (x 0%nat t)).
  { apply Hw; [|exact HtT]. unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra. }
  apply HP. assert (Ht : 0 <= t) by lra. destruct (Ae t Ht HtT) as [At Pe].
  rewrite (Ad t Ht HtT) in Big. apply ln_increasing in Big; [|apply exp_pos]. rewrite ln_exp in Big.
  specialize (Fall t Ht HtT).
  assert (Lt : ln (e * x 1%nat t) < ln tol).
  { assert (rate * B < rate * ln (d * x 0%nat t)) by (apply Rmult_lt_compat_l; lra).
    replace (rate * B) with (A - ln tol) in * by (unfold B; field; lra). lra. }
  apply ln_lt_inv in Lt; [|exact Pe|exact He0]. rewrite <- At in Lt.
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. now rewrite Ropp_0, Rplus_0_r.
Qed.

(** The quotient of the rates is K(x_2) + own(x_2)/F_1. *)
Lemma slope_limit : filterlim (fun t => F (fun k => x k t) 1 / F (fun k => x k t) 0) (at_left T) (locally (K 0)).
Proof.
  pose proof first_rate_positive as Pf. intros P [tol HP]. pose proof (cond_pos tol) as He.
  destruct (near_zero K (tol / 2) (factor_continuous 0) ltac:(lra)) as (d1 & P1 & D1).
  assert (Pe : 0 < tol / 2 * first_rate) by (apply Rmult_lt_0_compat; lra).
  destruct (near_zero own (tol / 2 * first_rate) (own_continuous 0) Pe) as (d2 & P2 & D2).
  assert (Pd : 0 < Rmin d1 d2) by (now apply Rmin_glb_lt). pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2).
  destruct (second_vanishes (fun y => Rabs y < Rmin d1 d2)) as [w Hw].
  { exists (mkposreal _ Pd). intros y Hy. unfold ball in Hy; simpl in Hy.
    unfold AbsRing_ball, abs, minus, plus, opp in Hy; simpl in Hy. now rewrite Ropp_0, Rplus_0_r in Hy. }
  assert (Pt : 0 < Rmin w T) by (apply Rmin_glb_lt; [apply cond_pos|exact HT]).
  exists (mkposreal _ Pt). intros t Hb HtT. open_ball Hb. pose proof (Rmin_l w T). pose proof (Rmin_r w T).
  assert (Hy : Rabs (x 1%nat t) < Rmin d1 d2).
  { apply Hw; [|exact HtT]. unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra. }
  apply HP. specialize (D1 (x 1%nat t) ltac:(lra)). specialize (D2 (x 1%nat t) ltac:(lra)).
  rewrite own_zero, Rminus_0_r in D2. apply Rabs_def2 in D1.
  pose proof (first_rate_kept t ltac:(lra) HtT) as Low. rewrite second_splits.
  set (f := F (fun k => x k t) 0) in *. pose proof (own_nonneg (x 1%nat t)) as On. rewrite Rabs_pos_eq in D2 by exact On.
  assert (Q : 0 <= own (x 1%nat t) / f < tol / 2).
  { split; [apply Rdiv_le_0_compat; lra|]. apply (Rmult_lt_reg_r f); [lra|]. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l by lra.
    assert (tol / 2 * first_rate <= tol / 2 * f) by (apply Rmult_le_compat_l; lra). lra. }
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
  replace ((K (x 1%nat t) * f + own (x 1%nat t)) / f) with (K (x 1%nat t) + own (x 1%nat t) / f) by (field; lra).
  apply Rabs_def1; lra.
Qed.
End Flow.
End Small.

Theorem coexistence : coexistence_statement.
Proof.
  intros N a mu s b e0 T x [eps <-]%as_floor Ha HM H0 [Held Ny] Hmax.
  assert (EK : sum_below N (fun n => mu n * exp (- a n * (softplus b + eps))) / sum_below N mu = carried_factor N a mu s b eps 0).
  { unfold carried_factor. now rewrite Delta_0. }
  rewrite EK. set (x0 := x 0%nat 0) in *. set (y0 := x 1%nat 0) in *.
  pose proof (N0 N a mu s b eps x0 y0 HM Held) as Nx.
  destruct (fast_blow_up_time_proved N a mu s b eps x0 HM Nx H0) as (T1 & _ & _ & H & _).
  pose proof Hmax as (HT & Hs & _). destruct (H 2%nat T x Hs ltac:(lia) eq_refl) as (Le & _ & _).
  destruct T as [T| |]; [|contradiction|contradiction]. simpl in HT. exists T. split; [reflexivity|].
  destruct (first_unbounded N a mu s b eps 2 T x Ha Hmax) as (m & B & G & Hm & Hu & _ & HG & Inh).
  assert (E : m = 0%nat).
  { destruct m as [|[|m]]; [reflexivity|exfalso|lia]. destruct (Hu (Rabs y0)) as (t & Ht & HtT & Big).
    pose proof (second_stays N a mu s b eps x0 y0 Ha HM H0 Ny Held T x HT Hs eq_refl eq_refl t Ht HtT). lra. }
  subst m. pose proof (leader_diverges N a mu s b eps 2 T x HM HT Hs 0 Hm G HG Inh H0 Hu) as Lead.
  split; [exact Lead|]. split; [|split].
  - intros u v Huv Hv. now apply (second_falls N a mu s b eps x0 y0 Ha HM H0 Ny Held T x HT Hs eq_refl eq_refl u v).
  - now apply (second_vanishes N a mu s b eps x0 y0 Ha HM H0 Ny Held T x HT Hs eq_refl eq_refl Lead).
  - now apply (slope_limit N a mu s b eps x0 y0 Ha HM H0 Ny Held T x HT Hs eq_refl eq_refl Lead).
Qed.
