(** coexistence: K(0) < 0 and a second token that starts small.

    Near 0 the second token inherits about K(0) < 0 times the first one's rate,
    which never falls below its start; its own rate is of second order.  So it
    shrinks, at a rate of at least |K(0)|/4 times the first one's, and as the
    first token diverges it tends to 0, where the quotient of the rates is K(0). *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums GrowthRate Signs.
From S6Flow Require Import FastOrder FirstToken BlowUpTime Forms Carried FirstUnbounded BlowUpRatio.
Open Scope R_scope.

Lemma near_zero (f : R -> R) eps : continuity_pt f 0 -> 0 < eps ->
  exists d, 0 < d /\ forall y, Rabs y < d -> Rabs (f y - f 0) < eps.
Proof.
  intros Hf He. destruct (Hf eps He) as (d & Hd & H). exists d. split; [exact Hd|]. intros y Hy.
  destruct (Req_dec y 0) as [->|Ny]; [rewrite Rminus_diag_eq, Rabs_R0 by reflexivity; exact He|].
  apply (H y). split; [split; [exact I|now apply not_eq_sym]|]. simpl. unfold R_dist. now rewrite Rminus_0_r.
Qed.

Section Small.
Variables (N : nat) (a mu : nat -> R) (s b x0 : R).
Notation F := (growth_rate N a mu s b).
Notation M := (sum_below N mu).
Notation K := (carried_factor N a mu s b).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis HK : K 0 < 0.
Hypothesis N0 : x0 <> 0.
Hypothesis H0 : 0 <= s * x0.

Definition own (y : R) : R := M * y ^ 2 * Delta s b y.

Lemma second_splits y : F y 1 = K (y 1%nat) * F y 0 + own (y 1%nat).
Proof. rewrite carried_rate by lra. unfold carried_factor, own, Rdiv. ring. Qed.

Lemma factor_continuous y : continuity_pt K y.
Proof.
  apply (continuity_pt_mult (fun y => sum_below N (fun n => mu n * exp (- a n * Delta s b y))) (fun _ => / M)).
  - apply (sum_below_continuity N (fun n y => mu n * exp (- a n * Delta s b y))). intros n _.
    apply (continuity_pt_scal (fun y => exp (- a n * Delta s b y))). apply decay_continuity.
  - apply continuity_pt_const. intros ? ?; reflexivity.
Qed.

Lemma own_continuous y : continuity_pt own y.
Proof.
  apply (continuity_pt_mult (fun y => M * y ^ 2) (Delta s b)); [|apply Delta_continuity].
  apply (continuity_pt_scal (fun y => y ^ 2)). apply derivable_continuous_pt, derivable_pt_pow.
Qed.

Lemma own_zero : own 0 = 0.
Proof. unfold own. ring. Qed.

Lemma own_nonneg y : 0 <= own y.
Proof. unfold own. rewrite Rmult_assoc. apply Rmult_le_pos; [lra|apply sq_Delta_nonneg]. Qed.

(** The first token's rate at the start, which it never falls below. *)
Definition first_rate : R := own x0.

Lemma first_rate_positive : 0 < first_rate.
Proof.
  unfold first_rate, own. pose proof (Delta_pos s b x0).
  assert (0 < x0 ^ 2) by (now apply pow2_gt_0). pos.
Qed.

(** How small is small enough. *)
Lemma smallness : exists small, 0 < small /\ forall y, Rabs y <= 2 * small ->
  K y <= K 0 / 2 /\ own y <= - K 0 / 4 * first_rate.
Proof.
  pose proof first_rate_positive as Pf.
  destruct (near_zero K (- K 0 / 2) (factor_continuous 0) ltac:(lra)) as (d1 & P1 & D1).
  assert (Pe : 0 < - K 0 / 4 * first_rate) by (apply Rmult_lt_0_compat; lra).
  destruct (near_zero own (- K 0 / 4 * first_rate) (own_continuous 0) Pe) as (d2 & P2 & D2).
  exists (Rmin d1 d2 / 3). pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2).
  assert (0 < Rmin d1 d2) by (now apply Rmin_glb_lt). split; [lra|]. intros y Hy.
  specialize (D1 y ltac:(lra)). specialize (D2 y ltac:(lra)). rewrite own_zero, Rminus_0_r in D2.
  apply Rabs_def2 in D1. apply Rabs_def2 in D2. lra.
Qed.

Section Flow.
Variables (T : R) (x : nat -> R -> R) (small : R).
Hypothesis HT : 0 < T.
Hypothesis Hs : solution N a mu s b 2 T x.
Hypothesis Start : x 0%nat 0 = x0.
Hypothesis Nz : x 1%nat 0 <> 0.
Hypothesis Psmall : 0 < small.
Hypothesis Small : Rabs (x 1%nat 0) <= small.
Hypothesis Near : forall y, Rabs y <= 2 * small -> K y <= K 0 / 2 /\ own y <= - K 0 / 4 * first_rate.

Lemma first_rate_kept t : 0 <= t -> t < T -> first_rate <= F (fun k => x k t) 0.
Proof.
  intros Ht HtT. rewrite growth_rate_first. unfold first_rate, own.
  assert (Nf : x 0%nat 0 <> 0) by (now rewrite Start).
  destruct (first_token_modulus N a mu s b 2 T x Hs ltac:(lia) Nf) as (e & He & Ae & Mod).
  pose proof (modulus_increasing T M (s * e) b _ HM Mod 0 t ltac:(lra) HtT) as Inc. cbv beta in Inc.
  pose proof (proj2 Mod 0 (Rle_refl 0) HT) as P0. cbv beta in P0. rewrite Start in *.
  assert (Se : 0 <= s * e) by (rewrite (fast_slope s e x0 He P0 ltac:(lra)); apply Rabs_pos).
  assert (Sq : forall y, s * y = s * e * (e * y)) by (intros y; replace (s * e * (e * y)) with (s * y * (e * e)) by ring; rewrite He; ring).
  assert (Sy : forall y, y ^ 2 = (e * y) ^ 2) by (intros y; replace ((e * y) ^ 2) with (y ^ 2 * (e * e)) by ring; rewrite He; ring).
  assert (D : Delta s b x0 <= Delta s b (x 0%nat t)).
  { apply Delta_mono. rewrite (Sq x0), (Sq (x 0%nat t)). now apply Rmult_le_compat_l. }
  assert (Q : x0 ^ 2 <= x 0%nat t ^ 2) by (rewrite (Sy x0), (Sy (x 0%nat t)); apply pow_incr; lra).
  pose proof (Delta_pos s b x0). pose proof (pow2_ge_0 x0).
  rewrite !Rmult_assoc. apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra.
Qed.

(** While it is small the second token shrinks. *)
Lemma second_shrinks t : 0 <= t -> t < T -> Rabs (x 1%nat t) <= 2 * small ->
  F (fun k => x k t) 1 <= K 0 / 4 * F (fun k => x k t) 0.
Proof.
  intros Ht HtT Hy. destruct (Near (x 1%nat t) Hy) as [HKy Ho].
  pose proof (first_rate_kept t Ht HtT) as Low. pose proof first_rate_positive.
  rewrite second_splits. set (f := F (fun k => x k t) 0) in *.
  assert (K (x 1%nat t) * f <= K 0 / 2 * f) by (apply Rmult_le_compat_r; lra).
  assert (- K 0 / 4 * first_rate <= - K 0 / 4 * f) by (apply Rmult_le_compat_l; lra). lra.
Qed.

Lemma second_modulus : exists e, e * e = 1 /\
  (forall t, 0 <= t -> t < T -> Rabs (x 1%nat t) = e * x 1%nat t /\ 0 < e * x 1%nat t) /\
  evolves T (fun t => e * x 1%nat t) (fun t => e * x 1%nat t * F (fun k => x k t) 1).
Proof.
  destruct (abs_sign N a mu s b 2 T x 1 Hs ltac:(lia) Nz) as (e & He & Ae). exists e. split; [exact He|]. split.
  - intros t Ht HtT. split; [now apply Ae|]. rewrite <- Ae by assumption. apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b 2 T x 1 Hs ltac:(lia) Nz t Ht HtT).
  - apply evolves_scal. apply Hs. lia.
Qed.

Lemma second_stays t : 0 <= t -> t < T -> Rabs (x 1%nat t) <= small.
Proof.
  destruct second_modulus as (e & He & Ae & E). intros Ht HtT. rewrite (proj1 (Ae t Ht HtT)).
  apply (strip_barrier T _ _ small (2 * small) ltac:(lra) E); [rewrite <- (proj1 (Ae 0 (Rle_refl 0) HT)); exact Small| |exact Ht|exact HtT].
  intros u Hu HuT Hx. cbv beta in *. simpl in HuT. destruct (Ae u ltac:(lra) HuT) as [Au Pu].
  pose proof (second_shrinks u ltac:(lra) HuT ltac:(lra)) as Sh. pose proof (first_rate_kept u ltac:(lra) HuT).
  pose proof first_rate_positive. assert (K 0 / 4 * F (fun k => x k u) 0 <= 0) by nra. nra.
Qed.

Lemma second_falls u v : 0 <= u < v -> v < T -> Rabs (x 1%nat v) < Rabs (x 1%nat u).
Proof.
  destruct second_modulus as (e & He & Ae & E). intros Huv Hv.
  rewrite (proj1 (Ae u ltac:(lra) ltac:(lra))), (proj1 (Ae v ltac:(lra) Hv)).
  pose proof (strict_incr_on T _ _ u v (evolves_opp _ _ _ E) ltac:(lra) ltac:(lra) Hv) as G. cbv beta in G.
  cut (- (e * x 1%nat u) < - (e * x 1%nat v)); [lra|]. apply G. intros t Ht.
  destruct (Ae t ltac:(lra) ltac:(lra)) as [_ Pt].
  pose proof (second_stays t ltac:(lra) ltac:(lra)).
  pose proof (second_shrinks t ltac:(lra) ltac:(lra) ltac:(lra)) as Sh. pose proof (first_rate_kept t ltac:(lra) ltac:(lra)).
  pose proof first_rate_positive. assert (K 0 / 4 * F (fun k => x k t) 0 < 0) by nra. nra.
Qed.

Hypothesis Lead : filterlim (fun t => Rabs (x 0%nat t)) (at_left T) (Rbar_locally p_infty).

(** ln|x_2| falls at least |K(0)|/4 times as much as ln|x_1| grows. *)
Lemma second_vanishes : filterlim (x 1%nat) (at_left T) (locally 0).
Proof.
  destruct second_modulus as (e & He & Ae & E).
  assert (Nf : x 0%nat 0 <> 0) by (now rewrite Start).
  destruct (abs_sign N a mu s b 2 T x 0 Hs ltac:(lia) Nf) as (d & Hd & Ad).
  assert (Pd : forall t, 0 <= t -> Rbar_lt t T -> 0 < d * x 0%nat t).
  { intros t Ht HtT. rewrite <- Ad by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b 2 T x 0 Hs ltac:(lia) Nf). }
  pose proof (log_evolves T _ _ E HT (fun t Ht HtT => proj2 (Ae t Ht HtT))) as L1.
  pose proof (log_evolves T _ _ (evolves_scal T d _ _ (Hs 0%nat ltac:(lia))) HT Pd) as L0.
  set (A := ln (e * x 1%nat 0) + - (K 0 / 4) * ln (d * x 0%nat 0)).
  assert (Fall : forall t, 0 <= t -> t < T -> ln (e * x 1%nat t) <= A + K 0 / 4 * ln (d * x 0%nat t)).
  { intros t Ht HtT.
    pose proof (decr_on T _ _ 0 t (evolves_plus _ _ _ _ _ L1 (evolves_times T (- (K 0 / 4)) _ _ L0)) (Rle_refl 0) Ht HtT) as G.
    cbv beta in G. fold A in G.
    cut (ln (e * x 1%nat t) + - (K 0 / 4) * ln (d * x 0%nat t) <= A); [lra|]. apply G. intros u Hu.
    pose proof (second_stays u ltac:(lra) ltac:(lra)).
    pose proof (second_shrinks u ltac:(lra) ltac:(lra) ltac:(lra)). lra. }
  intros P [eps HP]. pose proof (cond_pos eps) as He0.
  set (B := (A - ln eps) / (- K 0 / 4)).
  destruct (Lead (fun v => exp B < v)) as [w Hw]; [exists (exp B); tauto|].
  assert (Pt : 0 < Rmin w T) by (apply Rmin_glb_lt; [apply cond_pos|exact HT]).
  exists (mkposreal _ Pt). intros t Hb HtT. open_ball Hb. pose proof (Rmin_l w T). pose proof (Rmin_r w T).
  assert (Big : exp B < Rabs (x 0%nat t)).
  { apply Hw; [|exact HtT]. unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra. }
  apply HP. assert (Ht : 0 <= t) by lra. destruct (Ae t Ht HtT) as [At Pe].
  rewrite (Ad t Ht HtT) in Big. apply ln_increasing in Big; [|apply exp_pos]. rewrite ln_exp in Big.
  specialize (Fall t Ht HtT).
  assert (Lt : ln (e * x 1%nat t) < ln eps).
  { assert (- K 0 / 4 * B < - K 0 / 4 * ln (d * x 0%nat t)) by (apply Rmult_lt_compat_l; lra).
    replace (- K 0 / 4 * B) with (A - ln eps) in * by (unfold B; field; lra). lra. }
  apply ln_lt_inv in Lt; [|exact Pe|exact He0]. rewrite <- At in Lt.
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. now rewrite Ropp_0, Rplus_0_r.
Qed.

(** The quotient of the rates is K(x_2) + own(x_2)/F_1. *)
Lemma slope_limit : filterlim (fun t => F (fun k => x k t) 1 / F (fun k => x k t) 0) (at_left T) (locally (K 0)).
Proof.
  pose proof first_rate_positive as Pf. intros P [eps HP]. pose proof (cond_pos eps) as He.
  destruct (near_zero K (eps / 2) (factor_continuous 0) ltac:(lra)) as (d1 & P1 & D1).
  assert (Pe : 0 < eps / 2 * first_rate) by (apply Rmult_lt_0_compat; lra).
  destruct (near_zero own (eps / 2 * first_rate) (own_continuous 0) Pe) as (d2 & P2 & D2).
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
  assert (Q : 0 <= own (x 1%nat t) / f < eps / 2).
  { split; [apply Rdiv_le_0_compat; lra|]. apply (Rmult_lt_reg_r f); [lra|]. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l by lra.
    assert (eps / 2 * first_rate <= eps / 2 * f) by (apply Rmult_le_compat_l; lra). lra. }
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
  replace ((K (x 1%nat t) * f + own (x 1%nat t)) / f) with (K (x 1%nat t) + own (x 1%nat t) / f) by (field; lra).
  apply Rabs_def1; lra.
Qed.
End Flow.
End Small.

Theorem coexistence : coexistence_statement.
Proof.
  intros N a mu s b x0 Ha HM HK0 N0 H0.
  assert (EK : sum_below N (fun n => mu n * exp (- a n * softplus b)) / sum_below N mu = carried_factor N a mu s b 0).
  { unfold carried_factor. now rewrite Delta_0. }
  rewrite EK in HK0 |- *.
  destruct (smallness N a mu s b x0 HM HK0 N0) as (small & Ps & Near). exists small. split; [exact Ps|].
  intros T x Hmax Start Nz Sm.
  assert (Nf : x 0%nat 0 <> 0) by (now rewrite Start).
  destruct (fast_blow_up_time_proved N a mu s b (x 0%nat 0) HM Nf ltac:(rewrite Start; lra)) as (T1 & _ & _ & H & _).
  pose proof Hmax as (HT & Hs & _). destruct (H 2%nat T x Hs ltac:(lia) eq_refl) as (Le & _ & _).
  destruct T as [T| |]; [|contradiction|contradiction]. simpl in HT. exists T. split; [reflexivity|].
  destruct (first_unbounded N a mu s b 2 T x Ha Hmax) as (m & B & G & Hm & Hu & _ & HG & Inh).
  assert (E : m = 0%nat).
  { destruct m as [|[|m]]; [reflexivity|exfalso|lia]. destruct (Hu small) as (t & Ht & HtT & Big).
    pose proof (second_stays N a mu s b x0 HM HK0 N0 H0 T x small HT Hs Start Nz Ps Sm Near t Ht HtT). lra. }
  subst m. pose proof (leader_diverges N a mu s b 2 T x HM HT Hs 0 Hm G HG Inh ltac:(rewrite Start; exact H0) Hu) as Lead.
  split; [exact Lead|]. split; [|split].
  - intros u v Huv Hv. now apply (second_falls N a mu s b x0 HM HK0 N0 H0 T x small HT Hs Start Nz Ps Sm Near u v).
  - now apply (second_vanishes N a mu s b x0 HM HK0 N0 H0 T x small HT Hs Start Nz Ps Sm Near Lead).
  - now apply (slope_limit N a mu s b x0 HM HK0 N0 H0 T x small HT Hs Start Nz Ps Sm Near Lead).
Qed.
