(** The output of a layer with D channels is a causal attention.

    Proves unrolled-attention; the lemma is the same without biases, with one matrix for the step. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Softplus Sums Statements Recursion.
Open Scope R_scope.

Lemma layer_output_attended N D a S_B S_C S_Delta b (eps : nonnegreal) x d l :
  layer_output N D a S_B S_C S_Delta b eps x d l =
  sum_below (S l) (fun j => x j d * layer_attention N D a S_B S_C S_Delta b eps x d l j).
Proof.
  unfold layer_output, layer_attention.
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

(** The step as the layer's own formula writes it. *)
Lemma cell_step_turned D rank S_in S_out b (eps : nonnegreal) x k d :
  softplus (b d + sum_below rank (fun r => sum_below D (fun e => S_in r e * x k e) * S_out d r)) + eps =
  cell_step D rank S_in S_out b eps x k d.
Proof.
  unfold cell_step. do 3 f_equal. apply sum_below_ext. intros r _. f_equal. apply sum_below_ext. intros e _. ring.
Qed.

Theorem unrolled_attention : unrolled_attention_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out beta_B beta_C a b e0 x [eps <-]%as_floor l _ d _.
  apply sum_below_ext. intros n _. rewrite Rmult_comm. f_equal.
  rewrite (recursion_solved (a d n) (fun k => cell_step D rank S_in S_out b eps x k d)
    (fun j => cell_step D rank S_in S_out b eps x j d * cell_write D S_B beta_B x j n * x j d)
    (fun k => cell_hidden D rank S_B S_in S_out beta_B a b eps x d k n)) by reflexivity.
  apply sum_below_ext. intros j _. rewrite <- cell_step_turned.
  rewrite (sum_between_ext _ _ _ _ (fun k => eq_sym (cell_step_turned D rank S_in S_out b eps x k d))).
  replace (cell_write D S_B beta_B x j n) with (beta_B n + sum_below D (fun e => S_B n e * x j e)); [ring|].
  unfold cell_write. f_equal. apply sum_below_ext. intros e _. ring.
Qed.
