(** Statements on layers with D channels and on the first token in D
    dimensions. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.

Local Open Scope R_scope.

(** ** The layer with D channels

    A token is now a vector of D numbers, [x l e] (token, then channel).
    Channel d has its own decay rates [a d n]; the projections are the
    matrices S_B, S_C (state, channel) and S_Delta (channel, channel). *)

Definition projection (D : nat) (S : nat -> nat -> R) (v : nat -> R) (n : nat) : R :=
  sum_below D (fun e => S n e * v e).

Definition channel_step (D : nat) (S_Delta : nat -> nat -> R) (b v : nat -> R) (d : nat) : R :=
  softplus (projection D S_Delta v d + b d).

Fixpoint layer_hidden (D : nat) (a S_B S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d l n : nat) : R :=
  match l with
  | O => channel_step D S_Delta b (x O) d * projection D S_B (x O) n * x O d
  | S k =>
      exp (- a d n * channel_step D S_Delta b (x (S k)) d)
        * layer_hidden D a S_B S_Delta b x d k n
      + channel_step D S_Delta b (x (S k)) d * projection D S_B (x (S k)) n * x (S k) d
  end.

Definition layer_output (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d l : nat) : R :=
  sum_below N (fun n => projection D S_C (x l) n * layer_hidden D a S_B S_Delta b x d l n).

(** channel-invariance: tokens on the axis of channel d stay on it, and there
    the layer is the one-channel flow with mu_n = S_C[n,d] S_B[n,d]. *)
Definition channel_invariance_statement : Prop :=
  forall (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (r : nat -> R) (x : nat -> nat -> R) (d : nat),
  (d < D)%nat ->
  (forall l : nat, x l d = r l) ->
  (forall l e : nat, (e < D)%nat -> e <> d -> x l e = 0) ->
  forall l : nat,
  (forall e : nat, (e < D)%nat -> e <> d -> layer_output N D a S_B S_C S_Delta b x e l = 0) /\
  layer_output N D a S_B S_C S_Delta b x d l =
    r l * growth_rate N (a d) (fun n => S_C n d * S_B n d) (S_Delta d d) (b d) r l.

(** ** Token 1 in D dimensions

    x_d' = (x^T M x) Delta_d(x) x_d with M = S_C^T S_B. *)

Definition quadratic_form (D : nat) (M : nat -> nat -> R) (v : nat -> R) : R :=
  sum_below D (fun d => sum_below D (fun e => M d e * v d * v e)).

Definition square_norm (D : nat) (v : nat -> R) : R :=
  sum_below D (fun d => v d ^ 2).

Definition vector_solution (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar)
    (x : nat -> R -> R) : Prop :=
  forall d : nat,
    (d < D)%nat ->
    filterlim (x d) (at_right 0) (locally (x d 0)) /\
    (forall t : R,
       0 < t ->
       Rbar_lt t T ->
       is_derive (x d) t
         (quadratic_form D M (fun e => x e t)
          * channel_step D S_Delta b (fun e => x e t) d * x d t)).

(** definite-converges: M negative definite.  The rate uses any lower bound m
    of the step widths on the box that the start spans. *)
Definition definite_converges_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R)
    (lambda m : R),
  0 < lambda ->
  (forall v : nat -> R, quadratic_form D M v <= - lambda * square_norm D v) ->
  vector_solution D M S_Delta b T x ->
  0 < m ->
  (forall d : nat, (d < D)%nat ->
     m <= softplus (b d - sum_below D (fun e => Rabs (S_Delta d e) * Rabs (x e 0)))) ->
  (forall (d : nat) (u v : R), (d < D)%nat -> 0 <= u <= v -> Rbar_lt v T ->
     Rabs (x d v) <= Rabs (x d u)) /\
  (forall t : R, 0 <= t -> Rbar_lt t T ->
     square_norm D (fun d => x d t)
       * (1 + 2 * lambda * m * square_norm D (fun d => x d 0) * t)
     <= square_norm D (fun d => x d 0)) /\
  (T = p_infty -> forall d : nat, (d < D)%nat -> is_lim (x d) p_infty 0).

(** definite-diverges: M positive definite and a nonzero start. *)
Definition definite_diverges_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R)
    (lambda : R),
  0 < lambda ->
  (forall v : nat -> R, lambda * square_norm D v <= quadratic_form D M v) ->
  vector_solution D M S_Delta b T x ->
  square_norm D (fun d => x d 0) <> 0 ->
  (forall (d : nat) (u v : R), (d < D)%nat -> 0 <= u <= v -> Rbar_lt v T ->
     Rabs (x d u) <= Rabs (x d v)) /\
  (T = p_infty -> is_lim (fun t => square_norm D (fun d => x d t)) p_infty p_infty).

(** ** More on token 1 in D dimensions *)

(** The matrix S_C^T S_B. *)
Definition form_matrix (N : nat) (S_B S_C : nat -> nat -> R) (d e : nat) : R :=
  sum_below N (fun n => S_C n d * S_B n e).

(** first-token-field: the layer's output for the first token is the field of
    vector_solution with M = S_C^T S_B. *)
Definition first_token_field_statement : Prop :=
  forall (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d : nat),
  layer_output N D a S_B S_C S_Delta b x d 0 =
  quadratic_form D (form_matrix N S_B S_C) (x 0%nat) * channel_step D S_Delta b (x 0%nat) d * x 0%nat d.

(** cone-equilibria: every point of the cone v^T M v = 0 is an equilibrium. *)
Definition cone_equilibria_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b v : nat -> R) (T : Rbar),
  quadratic_form D M v = 0 ->
  vector_solution D M S_Delta b T (fun d _ => v d).

(** radial: with equal steps of all channels token 1 moves along its ray; the
    sign of the form at the start decides whether it grows, falls or rests. *)
Definition radial_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R),
  vector_solution D M S_Delta b T x ->
  (forall (v : nat -> R) (d : nat), (d < D)%nat ->
     channel_step D S_Delta b v d = channel_step D S_Delta b v 0) ->
  exists c : R -> R,
  (forall t : R, 0 <= t -> Rbar_lt t T ->
     0 < c t /\ (forall d : nat, (d < D)%nat -> x d t = c t * x d 0)) /\
  (0 < quadratic_form D M (fun d => x d 0) ->
     forall u v : R, 0 <= u < v -> Rbar_lt v T -> c u < c v) /\
  (quadratic_form D M (fun d => x d 0) < 0 ->
     forall u v : R, 0 <= u < v -> Rbar_lt v T -> c v < c u) /\
  (quadratic_form D M (fun d => x d 0) = 0 ->
     forall t : R, 0 <= t -> Rbar_lt t T -> c t = 1).

(** never-definite: for D > N the form of S_C^T S_B vanishes on a nonzero vector. *)
Definition never_definite_statement : Prop :=
  forall (N D : nat) (S_B S_C : nat -> nat -> R),
  (N < D)%nat ->
  exists v : nat -> R,
  (exists d : nat, (d < D)%nat /\ v d <> 0) /\
  quadratic_form D (form_matrix N S_B S_C) v = 0.
