(** sphere-equilibria: where token 1 rests on a sphere.

    The velocity is Q (Delta_d - mean) x_d, so its square is Q^2 times a variance. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums VectorToken Direction.
Open Scope R_scope.

Section Point.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : R) (v : nat -> R).
Hypothesis N0 : square_norm D v <> 0.

Notation step := (channel_step D S_Delta b eps v).
Notation velocity := (sphere_velocity D M S_Delta b eps v).
Notation size := (square_norm D v).
Definition mean_step_at : R := sum_below D (fun e => channel_share D v e * channel_step D S_Delta b eps v e).
Notation mean := mean_step_at.

Lemma shares_total : sum_below D (channel_share D v) = 1.
Proof.
  unfold channel_share, Rdiv. rewrite sum_below_scal_r. change (size * / size = 1). now apply Rinv_r.
Qed.

Lemma velocity_is d : velocity d = quadratic_form D M v * (step d - mean) * v d.
Proof. unfold sphere_velocity, mean_step_at. ring. Qed.

Lemma mean_times_size : sum_below D (fun d => step d * v d ^ 2) = mean * size.
Proof.
  unfold mean_step_at. rewrite <- sum_below_scal_r. apply sum_below_ext. intros d _. unfold channel_share. field. exact N0.
Qed.

Lemma velocity_tangent : inner D v velocity = 0.
Proof.
  unfold inner. rewrite (sum_below_ext D _ (fun d => quadratic_form D M v * (step d * v d ^ 2) + - (quadratic_form D M v * mean) * v d ^ 2)).
  2:{ intros d _. rewrite velocity_is. ring. }
  rewrite sum_below_plus, !sum_below_scal, mean_times_size. unfold square_norm. ring.
Qed.

Lemma velocity_square : square_norm D velocity =
  quadratic_form D M v ^ 2 * size * (sum_below D (fun e => step e ^ 2 * channel_share D v e) - mean ^ 2).
Proof.
  assert (E2 : sum_below D (fun d => step d ^ 2 * v d ^ 2) = sum_below D (fun e => step e ^ 2 * channel_share D v e) * size).
  { rewrite <- sum_below_scal_r. apply sum_below_ext. intros d _. unfold channel_share. field. exact N0. }
  unfold square_norm at 1. set (q := quadratic_form D M v).
  rewrite (sum_below_ext D _ (fun d => q ^ 2 * (step d ^ 2 * v d ^ 2) + (- (2 * q ^ 2 * mean) * (step d * v d ^ 2) + q ^ 2 * mean ^ 2 * v d ^ 2))).
  2:{ intros d _. rewrite velocity_is. fold q. ring. }
  rewrite !sum_below_plus, !sum_below_scal, mean_times_size, E2. fold (square_norm D v). ring.
Qed.

(** Where all steps on the support agree, the mean is that step. *)
Lemma mean_of_equal d : (d < D)%nat -> v d <> 0 ->
  (forall e, (e < D)%nat -> v e <> 0 -> step e = step d) -> mean = step d.
Proof.
  intros Hd Nd H. unfold mean_step_at. rewrite (sum_below_ext D _ (fun e => step d * channel_share D v e)).
  - rewrite sum_below_scal, shares_total. ring.
  - intros e He. destruct (Req_dec (v e) 0) as [Z|N].
    + unfold channel_share. rewrite Z. unfold Rdiv. ring.
    + rewrite (H e He N). ring.
Qed.
End Point.

Theorem sphere_equilibria : sphere_equilibria_statement.
Proof.
  intros D M S_Delta b eps v N0 step velocity.
  split; [exact (velocity_tangent D M S_Delta b eps v N0)|].
  split.
  { unfold velocity. rewrite velocity_square by exact N0. do 3 f_equal. unfold mean_step_at. apply sum_below_ext. intros; unfold step; ring. }
  split.
  - intros H. destruct (Req_dec (quadratic_form D M v) 0) as [|NQ]; [now left|right].
    assert (Each : forall d, (d < D)%nat -> v d <> 0 -> step d = mean_step_at D S_Delta b eps v).
    { intros d Hd Nd. specialize (H d Hd). unfold velocity in H. rewrite velocity_is in H.
      apply Rmult_integral in H. destruct H as [H|H]; [|contradiction]. apply Rmult_integral in H. destruct H as [H|H]; [contradiction|].
      unfold step. lra. }
    intros d e Hd He Nd Ne. now rewrite (Each d Hd Nd), (Each e He Ne).
  - intros [Z|H] d Hd; unfold velocity; rewrite velocity_is; [rewrite Z; ring|].
    destruct (Req_dec (v d) 0) as [->|Nd]; [ring|].
    rewrite (mean_of_equal D S_Delta b eps v N0 d Hd Nd); [ring|]. intros e He Ne. now apply H.
Qed.
