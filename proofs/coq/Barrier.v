(** Signs, bounds and barriers of trajectories.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution.
Open Scope R_scope.

(** A nowhere vanishing trajectory keeps its sign. *)
Lemma sign_on T f df :
  evolves T f df -> (forall t, 0 <= t -> Rbar_lt t T -> f t <> 0) ->
  0 < f 0 -> forall t, 0 <= t -> Rbar_lt t T -> 0 < f t.
Proof.
  intros He Hn H0 t Ht HtT.
  destruct (Rlt_le_dec 0 (f t)) as [|Hle]; [assumption|exfalso].
  assert (Hlt : f t < 0). { specialize (Hn t Ht HtT). lra. }
  assert (Hpos : 0 < t).
  { destruct (Rle_lt_or_eq_dec _ _ Ht); [assumption|subst; lra]. }
  destruct (IVT_interv (fun u => - ext f u) 0 t) as (z & Hz & Ez).
  - intros c Hc. apply continuity_pt_opp.
    apply (evolves_ext_continuous T f df He); [lra|].
    apply Rbar_lt_lt with t; [lra|exact HtT].
  - exact Hpos.
  - rewrite ext_pos by lra. lra.
  - rewrite ext_pos by lra. lra.
  - rewrite ext_pos in Ez by lra. apply (Hn z); [lra| |lra].
    apply Rbar_lt_lt with t; [lra|exact HtT].
Qed.

(** Bounds on a compact interval. *)
Lemma bounded_on (g : R -> R) t0 :
  0 <= t0 -> (forall t, 0 <= t <= t0 -> continuity_pt g t) ->
  exists K, forall t, 0 <= t <= t0 -> Rabs (g t) <= K.
Proof.
  intros Ht0 Hc.
  destruct (continuity_ab_maj (fun t => Rabs (g t)) 0 t0 Ht0) as (M & HM & _).
  - intros c Hcc. apply (continuity_pt_comp g Rabs); [now apply Hc|].
    apply Rcontinuity_abs.
  - exists (Rabs (g M)). intros t Ht. now apply HM.
Qed.

(** The square of the positive part of v - c, a C^1 function that vanishes below c. *)
Definition possq (c v : R) : R := Rmax 0 (v - c) ^ 2.

Lemma possq_derive c v : is_derive (possq c) v (2 * Rmax 0 (v - c)).
Proof.
  destruct (Rtotal_order v c) as [Hlt|[->|Hgt]].
  - rewrite Rmax_left by lra. rewrite Rmult_0_r.
    apply (is_derive_ext_loc (fun _ => 0)).
    + assert (Hp : 0 < c - v) by lra. exists (mkposreal _ Hp). intros y Hy.
      open_ball Hy. unfold possq. rewrite Rmax_left by lra. simpl. ring.
    + apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
  - apply is_derive_Reals. intros eps He. exists (mkposreal _ He). intros h Nh Hh. simpl in Hh.
    unfold possq. replace (c + h - c) with h by ring. replace (c - c) with 0 by ring.
    rewrite (Rmax_left 0 0) by lra. replace (0 ^ 2) with 0 by ring. rewrite Rmult_0_r, !Rminus_0_r.
    destruct (Rle_lt_dec h 0).
    + rewrite Rmax_left by lra. replace (0 ^ 2 / h) with 0 by (field; lra). rewrite Rabs_R0. exact He.
    + rewrite Rmax_right by lra. replace (h ^ 2 / h) with h by (field; lra). exact Hh.
  - rewrite Rmax_right by lra.
    apply (is_derive_ext_loc (fun y => (y - c) ^ 2)).
    + assert (Hp : 0 < v - c) by lra. exists (mkposreal _ Hp). intros y Hy.
      open_ball Hy. unfold possq. rewrite Rmax_right by lra. reflexivity.
    + auto_derive; [exact I|ring].
Qed.

(** If f starts at most c at time u and decreases whenever it is above c, it stays at most c. *)
Lemma barrier_from T f df c u :
  evolves T f df -> 0 <= u -> f u <= c ->
  (forall t, u < t -> Rbar_lt t T -> c < f t -> df t <= 0) ->
  forall t, u <= t -> Rbar_lt t T -> f t <= c.
Proof.
  intros He Hu H0 H t Ht HT.
  assert (Ec : evolves T (fun t => possq c (f t)) (fun t => df t * (2 * Rmax 0 (f t - c)))).
  { apply (evolves_comp T f df (possq c) (fun v => 2 * Rmax 0 (v - c)) He).
    - eapply continuous_of_derive, possq_derive.
    - intros; apply possq_derive. }
  pose proof (decr_on T _ _ u t Ec Hu Ht HT) as D. cbv beta in D.
  assert (possq c (f t) <= possq c (f u)) as D'.
  { apply D. intros w Hw.
    assert (HwT : Rbar_lt w T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    destruct (Rle_lt_dec (f w) c).
    - rewrite Rmax_left by lra. lra.
    - rewrite Rmax_right by lra. specialize (H w ltac:(lra) HwT r). nra. }
  destruct (Rle_lt_dec (f t) c) as [|G]; [assumption|exfalso].
  unfold possq in D'. rewrite (Rmax_left 0 (f u - c)), (Rmax_right 0 (f t - c)) in D' by lra.
  assert (0 < (f t - c) ^ 2) by (apply pow2_gt_0; lra). simpl in *; lra.
Qed.

Lemma barrier T f df c :
  evolves T f df -> f 0 <= c -> (forall t, 0 < t -> Rbar_lt t T -> c < f t -> df t <= 0) ->
  forall t, 0 <= t -> Rbar_lt t T -> f t <= c.
Proof. intros He H0 H. exact (barrier_from T f df c 0 He (Rle_refl 0) H0 H). Qed.

(** ** A barrier that only asks about a strip above it

    The weight is 0 below c and above d, so its primitive along f cannot grow. *)
Definition strip_primitive (c d v : R) : R := possq c v - 2 * possq ((c + d) / 2) v + possq d v.

Definition strip_weight (c d v : R) : R :=
  2 * Rmax 0 (v - c) - 2 * (2 * Rmax 0 (v - (c + d) / 2)) + 2 * Rmax 0 (v - d).

Lemma strip_derive c d v : is_derive (strip_primitive c d) v (strip_weight c d v).
Proof.
  unfold strip_primitive, strip_weight.
  apply (is_derive_plus (fun v => possq c v - 2 * possq ((c + d) / 2) v) (possq d)); [|apply possq_derive].
  apply (is_derive_minus (possq c) (fun v => 2 * possq ((c + d) / 2) v)); [apply possq_derive|].
  apply (is_derive_scal (possq ((c + d) / 2)) v 2). apply possq_derive.
Qed.

Ltac split_max :=
  unfold Rmax; repeat match goal with |- context [Rle_dec ?u ?v] => destruct (Rle_dec u v) end.

Lemma strip_weight_zero c d v : c < d -> v <= c \/ d <= v -> strip_weight c d v = 0.
Proof. intros Hcd H. unfold strip_weight. split_max; lra. Qed.

Lemma strip_weight_nonneg c d v : c < d -> 0 <= strip_weight c d v.
Proof. intros Hcd. unfold strip_weight. split_max; lra. Qed.

Lemma strip_primitive_pos c d v : c < d -> c < v -> 0 < strip_primitive c d v.
Proof. intros Hcd Hv. unfold strip_primitive, possq. split_max; nra. Qed.

Lemma strip_barrier_from T f df c d u : c < d -> evolves T f df -> 0 <= u -> f u <= c ->
  (forall t, u < t -> Rbar_lt t T -> c < f t < d -> df t <= 0) ->
  forall t, u <= t -> Rbar_lt t T -> f t <= c.
Proof.
  intros Hcd E Hu H0 H t Ht HT.
  assert (Ep : evolves T (fun t => strip_primitive c d (f t)) (fun t => df t * strip_weight c d (f t))).
  { apply (evolves_comp T f df _ (strip_weight c d) E).
    - eapply continuous_of_derive, strip_derive.
    - intros; apply strip_derive. }
  pose proof (decr_on T _ _ u t Ep Hu Ht HT) as G. cbv beta in G.
  assert (strip_primitive c d (f t) <= strip_primitive c d (f u)) as G'.
  { apply G. intros w Hw. assert (HwT : Rbar_lt w T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    destruct (Rle_lt_dec (f w) c); [rewrite strip_weight_zero by lra; lra|].
    destruct (Rle_lt_dec d (f w)); [rewrite strip_weight_zero by lra; lra|].
    specialize (H w ltac:(lra) HwT ltac:(lra)). pose proof (strip_weight_nonneg c d (f w) Hcd). nra. }
  destruct (Rle_lt_dec (f t) c) as [|Q]; [assumption|exfalso].
  pose proof (strip_primitive_pos c d (f t) Hcd Q).
  assert (strip_primitive c d (f u) = 0).
  { unfold strip_primitive, possq. rewrite !Rmax_left by lra. simpl. ring. }
  lra.
Qed.

Lemma strip_barrier T f df c d : c < d -> evolves T f df -> f 0 <= c ->
  (forall t, 0 < t -> Rbar_lt t T -> c < f t < d -> df t <= 0) ->
  forall t, 0 <= t -> Rbar_lt t T -> f t <= c.
Proof. intros Hcd E H0 H. exact (strip_barrier_from T f df c d 0 Hcd E (Rle_refl 0) H0 H). Qed.

(** ** Trajectories f' = f G with G bounded on compact intervals: zero is never crossed *)
Lemma evolves_weighted T f G K :
  evolves T f (fun t => f t * G t) ->
  evolves T (fun t => f t ^ 2 * exp (K * t))
            (fun t => f t ^ 2 * exp (K * t) * (2 * G t + K)).
Proof.
  intros H.
  assert (E : evolves T (fun t => exp (K * t)) (fun t => K * exp (K * t))).
  { apply evolves_of_derive; [eapply continuous_of_derive|intros]; apply exp_lin_derive. }
  destruct (evolves_mult T _ _ _ _ (evolves_sq T f _ H) E) as [M0 M].
  split; [exact M0|]. intros t Ht HtT.
  replace (f t ^ 2 * exp (K * t) * (2 * G t + K)) with
    (2 * f t * (f t * G t) * exp (K * t) + f t ^ 2 * (K * exp (K * t))) by ring.
  now apply M.
Qed.

Definition locally_bounded (T : Rbar) (G : R -> R) : Prop :=
  forall t0, 0 <= t0 -> Rbar_lt t0 T -> exists K, forall t, 0 <= t <= t0 -> Rabs (G t) <= K.

Lemma factor_nonzero T f G :
  evolves T f (fun t => f t * G t) -> locally_bounded T G -> f 0 <> 0 ->
  forall t, 0 <= t -> Rbar_lt t T -> f t <> 0.
Proof.
  intros He HB H0 t Ht HT. destruct (HB t Ht HT) as [K HK].
  pose proof (incr_on T _ _ 0 t (evolves_weighted T f G (2 * K) He) (Rle_refl 0) Ht HT) as M.
  cbv beta in M.
  assert (f 0 ^ 2 * exp (2 * K * 0) <= f t ^ 2 * exp (2 * K * t)) as M'.
  { apply M. intros u Hu. specialize (HK u ltac:(lra)). apply Rabs_le_between in HK.
    apply Rmult_le_pos; [|lra].
    apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos]. }
  rewrite Rmult_0_r, exp_0, Rmult_1_r in M'.
  intros E. rewrite E in M'. assert (0 < f 0 ^ 2) by (apply pow2_gt_0; exact H0).
  simpl in M'. lra.
Qed.

Lemma factor_zero T f G :
  evolves T f (fun t => f t * G t) -> locally_bounded T G -> f 0 = 0 ->
  forall t, 0 <= t -> Rbar_lt t T -> f t = 0.
Proof.
  intros He HB H0 t Ht HT. destruct (HB t Ht HT) as [K HK].
  pose proof (decr_on T _ _ 0 t (evolves_weighted T f G (- (2 * K)) He) (Rle_refl 0) Ht HT) as M.
  cbv beta in M.
  assert (f t ^ 2 * exp (- (2 * K) * t) <= f 0 ^ 2 * exp (- (2 * K) * 0)) as M'.
  { apply M. intros u Hu. specialize (HK u ltac:(lra)). apply Rabs_le_between in HK.
    assert (0 <= f u ^ 2 * exp (- (2 * K) * u)).
    { apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos]. }
    nra. }
  rewrite H0 in M'. pose proof (exp_pos (- (2 * K) * t)).
  destruct (Req_dec (f t) 0) as [|N]; [assumption|exfalso].
  assert (0 < f t ^ 2) by (apply pow2_gt_0; exact N). simpl (0 ^ 2) in M'. nra.
Qed.

(** ** Comparing absolute values through squares *)
Lemma Rabs_le_of_sq u v : u ^ 2 <= v ^ 2 -> Rabs u <= Rabs v.
Proof. intros H. apply Rsqr_le_abs_0. unfold Rsqr. simpl in H. lra. Qed.

Lemma Rabs_lt_of_sq u v : u ^ 2 < v ^ 2 -> Rabs u < Rabs v.
Proof. intros H. apply Rsqr_lt_abs_0. unfold Rsqr. simpl in H. lra. Qed.

Lemma sq_le_of_Rabs u v : Rabs u <= Rabs v -> u ^ 2 <= v ^ 2.
Proof. intros H. apply Rsqr_le_abs_1 in H. unfold Rsqr in H. simpl. lra. Qed.

