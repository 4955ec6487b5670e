(** The statements of the registry's theorems, one definition a theorem.

    Each is universally quantified; its assumptions are implications. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.

Local Open Scope R_scope.

Definition linear_recursion_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R) (l : nat),
  growth_rate N a mu s b x l =
  sum_below N (fun n => sum_below (S l) (fun j =>
    mu n * x j ^ 2 * Delta s b (x j)
    * exp (- a n * sum_between (S j) (S l) (fun k => Delta s b (x k))))).

Definition unrolled_attention_channel_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R) (l : nat),
  x l * growth_rate N a mu s b x l =
  sum_below (S l) (fun j => attention N a mu s b x l j * x j).

Definition sign_invariance_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  solution N a mu s b L T x ->
  (l < L)%nat ->
  forall t : R,
  0 <= t ->
  Rbar_lt t T ->
  (0 < x l 0 -> 0 < x l t) /\ (x l 0 < 0 -> x l t < 0) /\ (x l 0 = 0 -> x l t = 0).

Definition scaling_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (c k : R),
  0 < c ->
  0 < k ->
  solution N a mu s b L (Rbar_mult k T) x ->
  solution N a (fun n => k / c ^ 2 * mu n) (s / c) b L T (fun l t => c * x l (k * t)).

Definition uniqueness_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x y : nat -> R -> R),
  solution N a mu s b L T x ->
  solution N a mu s b L T y ->
  (forall l : nat, (l < L)%nat -> x l 0 = y l 0) ->
  forall l : nat,
  (l < L)%nat ->
  forall t : R,
  0 <= t ->
  Rbar_lt t T ->
  x l t = y l t.

Definition causality_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L L' m : nat) (T : Rbar) (x y : nat -> R -> R),
  solution N a mu s b L T x ->
  solution N a mu s b L' T y ->
  (m <= L)%nat ->
  (m <= L')%nat ->
  (forall l : nat, (l < m)%nat -> x l 0 = y l 0) ->
  solution N a mu s b m T x /\
  (forall l : nat, (l < m)%nat -> forall t : R, 0 <= t -> Rbar_lt t T -> x l t = y l t).

Definition maximal_solution_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R),
  exists (T : Rbar) (x : nat -> R -> R),
  Rbar_lt 0 T /\
  solution N a mu s b L T x /\
  (forall l : nat, (l < L)%nat -> x l 0 = y0 l) /\
  (forall (T' : Rbar) (y : nat -> R -> R),
     solution N a mu s b L T' y ->
     (forall l : nat, (l < L)%nat -> y l 0 = y0 l) ->
     Rbar_le T' T /\
     (forall l : nat, (l < L)%nat -> forall t : R, 0 <= t -> Rbar_lt t T' -> y l t = x l t)) /\
  (T <> p_infty ->
   exists l : nat,
   (l < L)%nat /\
   (forall B : R, exists t : R, 0 <= t /\ Rbar_lt t T /\ B < Rabs (x l t))).
