(** Every token that is not zero has a flow on its sphere for all times.

    With the start's squared norm in place of the token's own the field is Lipschitz on boxes. Its maximal solution
    stays on the sphere, so it solves the flow, is bounded and never ends.

    Proves sphere-existence, a case of sphere-converges. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal FieldAlong VectorToken VectorFlow Direction Sphere SphereFlow.
Open Scope R_scope.

Section Existence.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (S : R).
Hypothesis NS : S <> 0.
Notation step y := (channel_step D S_Delta b eps y).
Notation field := (fun d y => y d * sphere_rate D M S_Delta b eps S d y).

(** The mean step of a token of squared norm S. *)
Definition mean_step (y : nat -> R) : R := sum_below D (fun e => / S * y e ^ 2 * step y e).

Lemma field_lipschitz : locally_lipschitz D field.
Proof. intros r Hr d Hd. apply lip_mult; [now apply lip_coordinate|now apply sphere_rate_lipschitz]. Qed.

Lemma turning_lipschitz r : 0 <= r -> box_lipschitz D r (fun y => -2 * (quadratic_form D M y * mean_step y)).
Proof.
  intros Hr. assert (C : forall e, (e < D)%nat -> box_lipschitz D r (fun y => y e)) by (intros e He; now apply lip_coordinate).
  apply lip_scal, lip_mult; [now apply (lip_form D r D (fun y => y))|].
  apply (lip_sum D r D (fun e y => / S * y e ^ 2 * step y e)). intros e He.
  apply lip_mult; [|now apply (lip_channel_step D r D (fun y => y))]. apply lip_scal, (lip_pow D r (fun y => y e) 2). now apply C.
Qed.

(** How far the squared norm is from S changes by a multiple of itself. *)
Lemma norm_drift y : sum_below D (fun d => 2 * y d * (y d * sphere_rate D M S_Delta b eps S d y)) =
  (square_norm D y - S) * (-2 * (quadratic_form D M y * mean_step y)).
Proof.
  assert (E : sum_below D (fun d => y d ^ 2 * step y d) = S * mean_step y).
  { unfold mean_step. rewrite <- sum_below_scal. apply sum_below_ext. intros; field. exact NS. }
  transitivity (2 * quadratic_form D M y * (sum_below D (fun d => y d ^ 2 * step y d) - square_norm D y * mean_step y)).
  - unfold square_norm. unfold Rminus. rewrite <- sum_below_scal_r.
    replace (- sum_below D (fun d => y d ^ 2 * mean_step y)) with (sum_below D (fun d => -1 * (y d ^ 2 * mean_step y)))
      by (rewrite sum_below_scal; ring).
    rewrite <- sum_below_plus, <- sum_below_scal. apply sum_below_ext. intros d _. unfold sphere_rate. fold (mean_step y). ring.
  - rewrite E. ring.
Qed.

Variables (T : Rbar) (x : nat -> R -> R).
Hypothesis Hs : solves field D T x.
Hypothesis start : square_norm D (fun e => x e 0) = S.

Lemma stays_on_sphere t : 0 <= t -> Rbar_lt t T -> square_norm D (fun e => x e t) = S.
Proof.
  intros Ht HT. cut (square_norm D (fun e => x e t) - S = 0); [lra|].
  apply (factor_zero T (fun t => square_norm D (fun e => x e t) - S)
    (fun t => -2 * (quadratic_form D M (fun e => x e t) * mean_step (fun e => x e t)))); [| |lra|exact Ht|exact HT].
  - apply (evolves_ext T _ (fun t => sum_below D (fun d => 2 * x d t * (x d t * sphere_rate D M S_Delta b eps S d (fun e => x e t))) + 0)).
    + apply (evolves_plus T (fun t => square_norm D (fun e => x e t)) _ (fun _ => - S) (fun _ => 0)).
      * apply (evolves_sum T D (fun d t => x d t ^ 2)). intros d Hd. exact (evolves_sq T _ _ (Hs d Hd)).
      * apply evolves_of_derive; [apply continuous_const|]. intros u. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
    + intros u _ _. rewrite Rplus_0_r. exact (norm_drift (fun e => x e u)).
  - exact (along_locally_bounded D field T x _ Hs turning_lipschitz).
Qed.

Lemma solves_sphere : sphere_solution D M S_Delta b eps T x.
Proof.
  intros d Hd. destruct (Hs d Hd) as [H0 H]. split; [exact H0|]. intros t Ht HT.
  replace (sphere_velocity D M S_Delta b eps (fun e => x e t) d) with (x d t * sphere_rate D M S_Delta b eps S d (fun e => x e t)); [now apply H|].
  unfold sphere_velocity, sphere_rate, channel_share. rewrite stays_on_sphere by (lra || exact HT).
  rewrite (sum_below_ext D (fun e => x e t ^ 2 / S * step (fun e => x e t) e) (fun e => / S * x e t ^ 2 * step (fun e => x e t) e)); [ring|].
  intros e _. unfold Rdiv. ring.
Qed.

Lemma sphere_bounded d t : (d < D)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x d t) <= S + 1.
Proof.
  intros Hd Ht HT. pose proof (square_le_norm D (fun e => x e t) d Hd) as Q. cbv beta in Q. rewrite stays_on_sphere in Q by assumption.
  rewrite <- pow2_abs in Q. pose proof (Rabs_pos (x d t)). pose proof (pow2_ge_0 (Rabs (x d t))). nra.
Qed.
End Existence.

Theorem sphere_existence : sphere_existence_statement.
Proof.
  intros D M S_Delta b e0 y0 [eps <-]%as_floor N0. set (S := square_norm D y0).
  destruct (field_maximal_solution D _ y0 (field_lipschitz D M S_Delta b eps S)) as (T & x & Hmax & Sx).
  assert (Hs := proj1 (proj2 Hmax)).
  assert (start : square_norm D (fun e => x e 0) = S).
  { apply sum_below_ext. intros d Hd. now rewrite Sx. }
  assert (E : T = p_infty).
  { apply (bounded_lives D _ T x (field_lipschitz D M S_Delta b eps S) Hmax). intros d Hd T0 ET. exists (S + 1).
    intros t Ht HtT. apply (sphere_bounded D M S_Delta b eps S N0 T x Hs start d t Hd Ht). now rewrite ET. }
  subst T. exists x. split; [exact (solves_sphere D M S_Delta b eps S N0 p_infty x Hs start)|exact Sx].
Qed.
