(** The first token with affine projections, from a start that is an equilibrium or moves towards one.

    Its speed is Lipschitz on intervals, so there is a maximal solution; affine-phase-line keeps it between the start and
    the equilibrium, so it never ends.

    Proves affine-existence, a case of affine-phase-line. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Forms.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal AffinePhaseLine.
Open Scope R_scope.

Section Existence.
Variables (N : nat) (S_B S_C beta_B beta_C : nat -> R) (s b : R) (eps : nonnegreal).
Notation speed := (affine_speed N S_B S_C beta_B beta_C s b eps).

(** One coordinate, its own. *)
Definition affine_field (l : nat) (y : nat -> R) : R := speed (y l).

Lemma affine_field_lipschitz : locally_lipschitz 1 affine_field.
Proof.
  intros r Hr l Hl. pose proof (lip_coordinate 1 r Hr l Hl) as C.
  assert (A : forall p q, box_lipschitz 1 r (fun y => p * y l + q)).
  { intros p q. apply lip_plus; [|apply lip_const]. apply lip_mult; [apply lip_const|exact C]. }
  apply (lip_sum 1 r N (fun n y => y l * Delta s b eps (y l) * (S_B n * y l + beta_B n) * (S_C n * y l + beta_C n))).
  intros n _. apply lip_mult; [|apply A]. apply lip_mult; [|apply A]. apply lip_mult; [exact C|now apply lip_Delta].
Qed.

(** What moves towards an equilibrium stays between it and the start. *)
Lemma affine_between (T : Rbar) x e : affine_solution N S_B S_C beta_B beta_C s b eps T x -> speed e = 0 ->
  (x 0 <= e /\ 0 <= speed (x 0)) \/ (e <= x 0 /\ speed (x 0) <= 0) ->
  forall t, 0 <= t -> Rbar_lt t T -> Rabs (x t) <= Rabs (x 0) + Rabs e.
Proof.
  intros sol He Start t Ht HT. destruct (affine_phase_line_proved N S_B S_C beta_B beta_C s b eps T x sol) as (_ & Order & Up & Down).
  pose proof (Rabs_pos e). pose proof (Rabs_pos (x 0)).
  destruct (Req_dec (speed (x 0)) 0) as [Z|Z].
  - destruct (Order (x 0) Z t Ht HT) as (-> & _); [lra|reflexivity].
  - assert (Ne : x 0 <> e) by (intros E; rewrite E in Z; contradiction).
    destruct (Req_dec t 0) as [->|Nt]; [lra|]. destruct (Order e He t Ht HT) as (_ & Below & Above).
    pose proof (Rle_abs e). pose proof (Rle_abs (x 0)). pose proof (Rle_abs (- e)). pose proof (Rle_abs (- x 0)).
    rewrite !Rabs_Ropp in *. apply Rabs_le. destruct Start as [[P Q]|[P Q]].
    + specialize (Below ltac:(lra)). destruct (Up ltac:(lra)) as [Rise _]. specialize (Rise 0 t ltac:(lra) HT). lra.
    + specialize (Above ltac:(lra)). destruct (Down ltac:(lra)) as [Fall _]. specialize (Fall 0 t ltac:(lra) HT). lra.
Qed.
End Existence.

Theorem affine_existence : affine_existence_statement.
Proof.
  intros N S_B S_C beta_B beta_C s b e0 y0 e [eps <-]%as_floor He Start.
  pose proof (affine_field_lipschitz N S_B S_C beta_B beta_C s b eps) as HV.
  destruct (field_maximal_solution 1 _ (fun _ => y0) HV) as (T & x & Hmax & Sx).
  pose proof (proj1 (proj2 Hmax) O Nat.lt_0_1) as sol. specialize (Sx O Nat.lt_0_1). cbv beta in Sx.
  assert (E : T = p_infty).
  { apply (bounded_lives 1 _ T x HV Hmax). intros l Hl T0 ET. replace l with O by lia. exists (Rabs y0 + Rabs e).
    intros t Ht HT. rewrite <- Sx in Start |- *.
    apply (affine_between N S_B S_C beta_B beta_C s b eps T (x O) e sol He Start t Ht). now rewrite ET. }
  subst T. exists (x O). now split.
Qed.
