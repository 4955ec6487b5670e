(** The output of a layer with D channels is a causal attention.

    Proves unrolled-attention in the form for D channels. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Sums Statements Recursion.
Open Scope R_scope.

Theorem unrolled_attention : unrolled_attention_statement.
Proof.
  intros N D a S_B S_C S_Delta b e0 x d l [eps <-]%as_floor. unfold layer_output, layer_attention.
  rewrite (sum_below_ext N _ (fun n => sum_below (S l) (fun j =>
    projection D S_C (x l) n * projection D S_B (x j) n * channel_step D S_Delta b eps (x j) d
    * exp (- a d n * sum_between (S j) (S l) (fun k => channel_step D S_Delta b eps (x k) d)) * x j d))).
  - rewrite (sum_below_swap N (S l)). apply sum_below_ext. intros j _.
    rewrite <- sum_below_scal. apply sum_below_ext. intros n _. rewrite (Rmult_comm (- sum_between _ _ _)).
    replace (a d n * - sum_between (S j) (S l) (fun k => channel_step D S_Delta b eps (x k) d))
      with (- a d n * sum_between (S j) (S l) (fun k => channel_step D S_Delta b eps (x k) d)) by ring. ring.
  - intros n _.
    rewrite (recursion_solved (a d n) (fun k => channel_step D S_Delta b eps (x k) d)
      (fun j => channel_step D S_Delta b eps (x j) d * projection D S_B (x j) n * x j d)
      (fun k => layer_hidden D a S_B S_Delta b eps x d k n)) by reflexivity.
    rewrite <- sum_below_scal. apply sum_below_ext. intros j _. ring.
Qed.
