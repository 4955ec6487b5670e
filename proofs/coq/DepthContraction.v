(** depth-contraction.

    The layer multiplies the token by 1 - q with q = - h mu x^2 Delta(x), and
    |1 - q| < 1 exactly when 0 < q < 2. *)

From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Statements.
Open Scope R_scope.

Lemma contraction_factor k : Rabs (1 + k) < 1 <-> 0 < - k < 2.
Proof.
  split; intros H.
  - apply Rabs_def2 in H. lra.
  - apply Rabs_def1; lra.
Qed.

Theorem depth_contraction : depth_contraction_statement.
Proof.
  intros h mu s b e0 x [eps <-]%as_floor N.
  replace (- h * mu * x ^ 2 * Delta s b eps x) with (- (h * mu * x ^ 2 * Delta s b eps x)) by ring.
  rewrite <- contraction_factor, Rabs_mult.
  pose proof (Rabs_pos_lt x N) as P. split; intros H; nra.
Qed.
