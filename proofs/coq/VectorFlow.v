(** The fields of the layer with D channels and of the flow with a skip are
    Lipschitz on boxes; so they have maximal solutions.

    Proves vector-maximal-solution and skip-maximal-solution. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums LipschitzField FieldFlow FieldMaximal.
Open Scope R_scope.

Lemma softplus_derive z : is_derive softplus z (sigmoid z).
Proof.
  apply (is_derive_ext (Delta 1 0)); [intros v; unfold Delta; now rewrite Rmult_1_l, Rplus_0_r|].
  pose proof (Delta_derive 1 0 z) as H. now rewrite !Rmult_1_l, Rplus_0_r in H.
Qed.

Section Lipschitz.
Variables (n : nat) (r : R).
Notation lip := (box_lipschitz n r).

Lemma lip_softplus f : lip f -> lip (fun y => softplus (f y)).
Proof.
  apply (lip_comp n r softplus sigmoid); [apply softplus_derive|].
  intros c. exists 1. split; [lra|]. intros v _. pose proof (sigmoid_range v). rewrite Rabs_pos_eq; lra.
Qed.

Lemma lip_scal c f : lip f -> lip (fun y => c * f y).
Proof. intros H. apply lip_mult; [apply lip_const|exact H]. Qed.

(** v e is a coordinate for every channel e. *)
Variables (D : nat) (v : (nat -> R) -> nat -> R).
Hypothesis Hv : forall e, (e < D)%nat -> lip (fun y => v y e).

Lemma lip_projection S m : lip (fun y => projection D S (v y) m).
Proof. apply (lip_sum n r D (fun e y => S m e * v y e)). intros e He. now apply lip_scal, Hv. Qed.

Lemma lip_channel_step S_Delta b d : lip (fun y => channel_step D S_Delta b (v y) d).
Proof.
  apply (lip_softplus (fun y => projection D S_Delta (v y) d + b d)).
  apply lip_plus; [apply lip_projection|apply lip_const].
Qed.

Lemma lip_form M : lip (fun y => quadratic_form D M (v y)).
Proof.
  apply (lip_sum n r D (fun d y => sum_below D (fun e => M d e * v y d * v y e))). intros d Hd.
  apply (lip_sum n r D (fun e y => M d e * v y d * v y e)). intros e He.
  apply lip_mult; [|now apply Hv]. now apply lip_scal, Hv.
Qed.
End Lipschitz.

(** ** Token 1 in D dimensions *)
Definition vector_field (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (d : nat) (v : nat -> R) : R :=
  channel_step D S_Delta b v d * quadratic_form D M v * v d.

Lemma vector_field_lipschitz D M S_Delta b : locally_lipschitz D (vector_field D M S_Delta b).
Proof.
  intros r Hr d Hd. assert (C : forall e, (e < D)%nat -> box_lipschitz D r (fun y => y e)).
  { intros e He. now apply lip_coordinate. }
  unfold vector_field. apply lip_mult; [apply lip_mult|now apply C].
  - now apply (lip_channel_step D r D (fun y => y)).
  - now apply (lip_form D r D (fun y => y)).
Qed.

Lemma vector_outlives D M S_Delta b T x :
  vector_maximal D M S_Delta b T x -> outlives_all D (vector_field D M S_Delta b) T x.
Proof. intros H. exact H. Qed.

Theorem vector_maximal_solution : vector_maximal_solution_statement.
Proof.
  intros D M S_Delta b y0.
  exact (field_maximal_solution D (vector_field D M S_Delta b) y0 (vector_field_lipschitz D M S_Delta b)).
Qed.

(** ** The flow with a skip *)
Definition skip_field (N : nat) (a mu : nat -> R) (s b d : R) (l : nat) (y : nat -> R) : R :=
  y l * (growth_rate N a mu s b y l + d).

Lemma skip_field_lipschitz N a mu s b d L : locally_lipschitz L (skip_field N a mu s b d).
Proof.
  intros r Hr l Hl. unfold skip_field. apply lip_mult; [now apply lip_coordinate|].
  apply lip_plus; [|apply lip_const].
  apply (lip_sum L r N (fun n y => hidden a mu s b y l n)). intros n _. now apply lip_hidden.
Qed.

Lemma skip_outlives N a mu s b d L T x :
  skip_maximal N a mu s b d L T x -> outlives_all L (skip_field N a mu s b d) T x.
Proof. intros H. exact H. Qed.

Theorem skip_maximal_solution : skip_maximal_solution_statement.
Proof.
  intros N a mu s b d L y0.
  exact (field_maximal_solution L (skip_field N a mu s b d) y0 (skip_field_lipschitz N a mu s b d L)).
Qed.
