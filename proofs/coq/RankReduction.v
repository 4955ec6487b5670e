(** rank-reduction: tr (S_C^T S_B)^k = tr (S_B S_C^T)^k.

    With P = S_C^T S_B and Q = S_B S_C^T, P^(k+1) = S_C^T Q^k S_B for every k >= 1; its trace is that of
    Q^k S_B S_C^T.  The traces of the powers are the power sums of the eigenvalues. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Sums.
Open Scope R_scope.

Section Traces.
Variables (N D : nat) (S_B S_C : nat -> nat -> R).
Notation P := (form_matrix N S_B S_C).
Notation Q := (small_matrix D S_B S_C).

(** S_C^T X S_B for a small matrix X. *)
Definition between (X : nat -> nat -> R) (d e : nat) : R :=
  sum_below N (fun n => sum_below N (fun m => S_C n d * X n m * S_B m e)).

Lemma between_ext X Y d e : (forall n m, X n m = Y n m) -> between X d e = between Y d e.
Proof. intros H. apply sum_below_ext. intros n _. apply sum_below_ext. intros m _. now rewrite H. Qed.

(** S_B P = Q S_B. *)
Lemma row_times_form m e : sum_below D (fun i => S_B m i * P i e) = sum_below N (fun p => Q m p * S_B p e).
Proof.
  unfold form_matrix, small_matrix.
  transitivity (sum_below D (fun i => sum_below N (fun p => S_B m i * S_C p i * S_B p e))).
  - apply sum_below_ext. intros i _. rewrite <- sum_below_scal. apply sum_below_ext. intros p _. ring.
  - rewrite (sum_below_swap D N). apply sum_below_ext. intros p _. apply sum_below_scal_r.
Qed.

(** (S_C^T X S_B) P = S_C^T (X Q) S_B. *)
Lemma between_times_form X d e :
  sum_below D (fun i => between X d i * P i e) = between (fun n p => sum_below N (fun m => X n m * Q m p)) d e.
Proof.
  unfold between.
  transitivity (sum_below N (fun n => sum_below N (fun m => S_C n d * X n m * sum_below D (fun i => S_B m i * P i e)))).
  - transitivity (sum_below D (fun i => sum_below N (fun n => sum_below N (fun m => S_C n d * X n m * (S_B m i * P i e))))).
    + apply sum_below_ext. intros i _. rewrite <- sum_below_scal_r. apply sum_below_ext. intros n _.
      rewrite <- sum_below_scal_r. apply sum_below_ext. intros m _. ring.
    + rewrite (sum_below_swap D N). apply sum_below_ext. intros n _. rewrite (sum_below_swap D N).
      apply sum_below_ext. intros m _. apply sum_below_scal.
  - apply sum_below_ext. intros n _.
    transitivity (sum_below N (fun m => sum_below N (fun p => S_C n d * X n m * Q m p * S_B p e))).
    + apply sum_below_ext. intros m _. rewrite row_times_form, <- sum_below_scal. apply sum_below_ext. intros p _. ring.
    + rewrite (sum_below_swap N N). apply sum_below_ext. intros p _.
      rewrite <- sum_below_scal, <- sum_below_scal_r. apply sum_below_ext. intros m _. ring.
Qed.

Lemma form_power k d e : matrix_power D P (S k) d e = between (matrix_power N Q k) d e.
Proof.
  revert d e. induction k as [|k IH]; intros d e.
  - cbn [matrix_power]. unfold between.
    transitivity (sum_below D (fun i => sum_below N (fun n => S_C n d * (S_B n i * P i e)))).
    + apply sum_below_ext. intros i _. unfold form_matrix at 2. rewrite <- sum_below_scal.
      apply sum_below_ext. intros n _. ring.
    + rewrite (sum_below_swap D N). apply sum_below_ext. intros n _. rewrite sum_below_scal, row_times_form, <- sum_below_scal.
      apply sum_below_ext. intros p _. ring.
  - change (matrix_power D P (S (S k)) d e) with (sum_below D (fun i => P i e * matrix_power D P (S k) d i)).
    rewrite (sum_below_ext D _ (fun i => between (matrix_power N Q k) d i * P i e)) by (intros i _; rewrite IH; ring).
    rewrite between_times_form. apply between_ext. intros n p. cbn [matrix_power].
    apply sum_below_ext. intros m _. ring.
Qed.

Lemma trace_between X : trace D (between X) = trace N (fun n p => sum_below N (fun m => X n m * Q m p)).
Proof.
  unfold trace, between, small_matrix. rewrite (sum_below_swap D N). apply sum_below_ext. intros n _.
  rewrite (sum_below_swap D N). apply sum_below_ext. intros m _. rewrite <- sum_below_scal.
  apply sum_below_ext. intros d _. ring.
Qed.
End Traces.

Theorem rank_reduction : rank_reduction_statement.
Proof.
  intros N D S_B S_C [|k].
  - unfold trace. cbn [matrix_power]. unfold form_matrix, small_matrix. rewrite (sum_below_swap D N).
    apply sum_below_ext. intros n _. apply sum_below_ext. intros d _. ring.
  - transitivity (trace D (between N S_B S_C (matrix_power N (small_matrix D S_B S_C) k))).
    + apply sum_below_ext. intros d _. apply form_power.
    + rewrite trace_between. apply sum_below_ext. intros n _. cbn [matrix_power]. apply sum_below_ext. intros m _. ring.
Qed.
