(** The statement of unrolled-attention for the layer with D channels. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions StatementsB.

Local Open Scope R_scope.

Definition layer_attention (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d l j : nat) : R :=
  sum_below N (fun n =>
    projection D S_C (x l) n * projection D S_B (x j) n * channel_step D S_Delta b (x j) d
    * exp (- a d n * sum_between (S j) (S l) (fun k => channel_step D S_Delta b (x k) d))).

Definition unrolled_attention_statement : Prop :=
  forall (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R) (x : nat -> nat -> R) (d l : nat),
  layer_output N D a S_B S_C S_Delta b x d l =
  sum_below (S l) (fun j => layer_attention N D a S_B S_C S_Delta b x d l j * x j d).
