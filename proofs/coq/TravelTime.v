(** The time that the first token needs from one modulus to another:
    the integral of 1/(m r^3 softplus(k r + b)), k >= 0.

    Proves no registry theorem by itself; BlowUpTime.v rests on it. *)

From Coq Require Import Reals Classical_Prop Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus FirstToken.
Open Scope R_scope.

Section TravelTime.
Variables (m k b : R) (eps : nonnegreal) (r0 : R).
Hypothesis Hm : 0 < m.
Hypothesis Hk : 0 <= k.
Hypothesis Hr0 : 0 < r0.

(** Time per unit of modulus, and the travel time from r0. *)
Definition slowness (r : R) : R := / (m * r ^ 3 * (softplus (k * r + b) + eps)).
Definition travel (r : R) : R := RInt slowness r0 r.

Lemma slowness_pos r : 0 < r -> 0 < slowness r.
Proof.
  intros Hr. apply Rinv_0_lt_compat. assert (0 < r ^ 3) by (now apply pow_lt).
  pose proof (step_pos (k * r + b) eps). pos.
Qed.

Lemma slowness_continuous r : 0 < r -> continuous slowness r.
Proof.
  intros Hr. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) slowness r).
  pose proof (slowness_pos r Hr) as P. unfold slowness in *. unfold softplus in *.
  pose proof (exp_pos (k * r + b)). auto_derive. split; [lra|]. split; [|exact I].
  intros E. simpl in *. rewrite E, Rinv_0 in P. lra.
Qed.

Lemma travel_derive r : 0 < r -> is_derive travel r (slowness r).
Proof.
  intros Hr. apply (is_derive_RInt slowness travel r0).
  - exists (mkposreal r Hr). intros y Hy. open_ball Hy.
    apply (RInt_correct (V:=R_CompleteNormedModule)).
    apply (ex_RInt_continuous (V:=R_CompleteNormedModule)). intros z Hz.
    apply slowness_continuous. assert (0 < Rmin r0 y) by (apply Rmin_glb_lt; lra). lra.
  - now apply slowness_continuous.
Qed.

Lemma travel_r0 : travel r0 = 0.
Proof. unfold travel. rewrite RInt_point. reflexivity. Qed.

Lemma travel_evolves : evolves p_infty (fun t => travel (r0 + t)) (fun t => slowness (r0 + t)).
Proof.
  apply evolves_nonneg. intros t Ht.
  replace (slowness (r0 + t)) with (scal 1 (slowness (r0 + t)))
    by (unfold scal; simpl; unfold mult; simpl; ring).
  apply (is_derive_comp travel (fun t => r0 + t)); [apply travel_derive; lra|].
  auto_derive; [exact I|ring].
Qed.

Lemma travel_increasing u v : r0 <= u < v -> travel u < travel v.
Proof.
  intros H.
  pose proof (strict_incr_on p_infty _ _ (u - r0) (v - r0) travel_evolves) as Q. cbv beta in Q.
  replace (r0 + (u - r0)) with u in Q by ring. replace (r0 + (v - r0)) with v in Q by ring.
  apply Q; [lra|lra|exact I|]. intros t Ht. apply slowness_pos. lra.
Qed.

Lemma travel_increasing_le u v : r0 <= u <= v -> travel u <= travel v.
Proof.
  intros H. destruct (Req_dec u v) as [->|N]; [lra|]. left. apply travel_increasing. lra.
Qed.

Lemma travel_reflects u v : r0 <= u -> r0 <= v -> travel u < travel v -> u < v.
Proof.
  intros Hu Hv H. destruct (Rle_lt_dec v u) as [Q|]; [|assumption].
  pose proof (travel_increasing_le v u ltac:(lra)). lra.
Qed.

(** The travel time stays below that of the constant step softplus(b). *)
Lemma travel_bounded r : r0 <= r -> travel r <= / (2 * m * (softplus b + eps) * r0 ^ 2).
Proof.
  intros Hr. set (d := (softplus b + eps)). pose proof (step_pos b eps) as Hd. fold d in Hd.
  set (h := fun v => / (2 * m * d * v ^ 2)).
  assert (Hh : forall v, 0 < v -> is_derive h v (- / (m * d * v ^ 3))).
  { intros v Hv. unfold h. assert (0 < v ^ 2) by (now apply pow_lt).
    assert (0 < 2 * m * d * v ^ 2) by pos.
    auto_derive; [simpl in *; lra|]. field. repeat split; lra. }
  assert (E : evolves p_infty (fun t => travel (r0 + t) + h (r0 + t))
     (fun t => slowness (r0 + t) + - / (m * d * (r0 + t) ^ 3))).
  { apply evolves_plus; [apply travel_evolves|]. apply evolves_nonneg. intros t Ht.
    replace (- / (m * d * (r0 + t) ^ 3)) with (scal 1 (- / (m * d * (r0 + t) ^ 3)))
      by (unfold scal; simpl; unfold mult; simpl; ring).
    apply (is_derive_comp h (fun t => r0 + t)); [apply Hh; lra|]. auto_derive; [exact I|ring]. }
  pose proof (decr_on p_infty _ _ 0 (r - r0) E (Rle_refl 0) ltac:(lra) I) as Q. cbv beta in Q.
  replace (r0 + (r - r0)) with r in Q by ring. rewrite Rplus_0_r, travel_r0, Rplus_0_l in Q.
  assert (travel r + h r <= h r0) as Q'.
  { apply Q. intros t Ht. set (v := r0 + t). assert (Hv : 0 < v) by (unfold v; lra).
    assert (P3 : 0 < v ^ 3) by (now apply pow_lt).
    assert (Hs : d <= (softplus (k * v + b) + eps)).
    { apply step_le. assert (0 <= k * v) by (apply Rmult_le_pos; lra). lra. }
    assert (slowness v <= / (m * d * v ^ 3)); [|lra].
    unfold slowness. apply Rinv_le_contravar; [pos|].
    replace (m * d * v ^ 3) with (m * v ^ 3 * d) by ring.
    apply Rmult_le_compat_l; [left; pos|exact Hs]. }
  assert (0 < h r).
  { apply Rinv_0_lt_compat. assert (0 < r ^ 2) by (apply pow_lt; lra). pos. }
  unfold h in Q', H at 1. lra.
Qed.

(** The improper integral: supremum and limit of the travel times. *)
Lemma travel_limit : exists T1,
  0 < T1 /\ is_lim travel p_infty T1 /\ (forall r, r0 <= r -> travel r < T1) /\
  (forall t, t < T1 -> exists r, r0 < r /\ t < travel r).
Proof.
  set (S := fun y => exists r, r0 <= r /\ y = travel r).
  destruct (completeness S) as (T1 & Hub & Hlub).
  - exists (/ (2 * m * (softplus b + eps) * r0 ^ 2)). intros y (r & Hr & ->). now apply travel_bounded.
  - exists (travel r0). exists r0. split; [lra|reflexivity].
  - assert (Below : forall r, r0 <= r -> travel r < T1).
    { intros r Hr. pose proof (travel_increasing r (r + 1) ltac:(lra)).
      assert (travel (r + 1) <= T1) by (apply Hub; exists (r + 1); split; [lra|reflexivity]). lra. }
    assert (Reach : forall t, t < T1 -> exists r, r0 < r /\ t < travel r).
    { intros t Ht. destruct (classic (exists r, r0 < r /\ t < travel r)) as [|N]; [assumption|exfalso].
      assert (T1 <= t); [|lra]. apply Hlub. intros y (r & Hr & ->).
      pose proof (travel_increasing r (r + 1) ltac:(lra)).
      destruct (Rle_lt_dec (travel (r + 1)) t) as [|Q]; [lra|].
      exfalso. apply N. exists (r + 1). split; [lra|exact Q]. }
    exists T1. split; [|split; [|split; assumption]].
    + rewrite <- travel_r0. apply Below. lra.
    + apply is_lim_spec. intros tol. pose proof (cond_pos tol).
      destruct (Reach (T1 - tol) ltac:(lra)) as (r & Hr & Ht). exists r. intros v Hv.
      pose proof (travel_increasing r v ltac:(lra)). pose proof (Below v ltac:(lra)).
      apply Rabs_def1; lra.
Qed.

(** Along a token the travel time is the elapsed time. *)
Lemma travel_is_time T r : modulus T m k b eps r -> r 0 = r0 ->
  forall t, 0 <= t -> Rbar_lt t T -> r0 <= r t /\ travel (r t) = t.
Proof.
  intros Hr R0 t Ht HT. pose proof Hr as [E Hp].
  assert (Ge : r0 <= r t).
  { rewrite <- R0. apply (modulus_increasing T m k b eps r Hm Hr); [lra|exact HT]. }
  split; [exact Ge|].
  assert (Et : evolves T (fun t => travel (r t))
     (fun t => m * r t ^ 3 * (softplus (k * r t + b) + eps) * slowness (r t))).
  { apply (evolves_comp T r _ travel slowness E).
    - eapply continuous_of_derive. apply travel_derive. rewrite R0. exact Hr0.
    - intros u Hu HuT. apply travel_derive, Hp; [lra|exact HuT]. }
  assert (One : forall u, 0 < u < t -> m * r u ^ 3 * (softplus (k * r u + b) + eps) * slowness (r u) = 1).
  { intros u Hu. assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    pose proof (modulus_rate_pos T m k b eps r Hm Hr u ltac:(lra) HuT). unfold slowness.
    apply Rinv_r. lra. }
  pose proof (growth_on T _ _ 1 0 t Et (Rle_refl 0) Ht HT) as G1.
  pose proof (growth_le_on T _ _ 1 0 t Et (Rle_refl 0) Ht HT) as G2. cbv beta in G1, G2.
  rewrite R0, travel_r0 in G1, G2.
  assert (1 * (t - 0) <= travel (r t) - 0) by (apply G1; intros u Hu; rewrite One by exact Hu; lra).
  assert (travel (r t) - 0 <= 1 * (t - 0)) by (apply G2; intros u Hu; rewrite One by exact Hu; lra).
  lra.
Qed.
End TravelTime.
