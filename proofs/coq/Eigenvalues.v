(** rank-reduction for eigenvalues: V U and U V have the same nonzero ones.

    U carries an eigenvector of V U to one of U V; it cannot carry it to zero, as
    V would then, too. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Sums.
Open Scope R_scope.

Section Transfer.
Variables (N D : nat) (U V : nat -> nat -> R).

(** (V U) v and U (V U v). *)
Lemma product_applied v d : sum_below D (fun e => sum_below N (fun n => V d n * U n e) * v e)
  = sum_below N (fun n => V d n * sum_below D (fun e => U n e * v e)).
Proof.
  transitivity (sum_below D (fun e => sum_below N (fun n => V d n * (U n e * v e)))).
  - apply sum_below_ext. intros e _. rewrite <- sum_below_scal_r. apply sum_below_ext. intros n _. ring.
  - rewrite sum_below_swap. apply sum_below_ext. intros n _. apply sum_below_scal.
Qed.

Lemma transfer (P S : nat -> nat -> R) alpha beta p q :
  (forall d e, P d e = sum_below N (fun n => V d n * U n e)) ->
  (forall n m, S n m = sum_below D (fun d => U n d * V d m)) ->
  alpha <> 0 \/ beta <> 0 -> eigenpair D P alpha beta p q ->
  eigenpair N S alpha beta (fun n => sum_below D (fun e => U n e * p e)) (fun n => sum_below D (fun e => U n e * q e)).
Proof.
  intros HP HS Nz [Ex Eig].
  set (image := fun v n => sum_below D (fun e => U n e * v e)).
  assert (App : forall v d, sum_below D (fun e => P d e * v e) = sum_below N (fun n => V d n * image v n)).
  { intros v d. unfold image. rewrite <- product_applied. apply sum_below_ext. intros e _. now rewrite HP. }
  assert (Back : forall v n, sum_below N (fun m => S n m * image v m) = sum_below D (fun d => U n d * sum_below D (fun e => P d e * v e))).
  { intros v n. transitivity (sum_below N (fun m => sum_below D (fun d => U n d * (V d m * image v m)))).
    - apply sum_below_ext. intros m _. rewrite HS, <- sum_below_scal_r. apply sum_below_ext. intros d _. ring.
    - rewrite sum_below_swap. apply sum_below_ext. intros d _. rewrite sum_below_scal, App. reflexivity. }
  split.
  - apply NNPP. intros No.
    assert (Zero : forall n, (n < N)%nat -> image p n = 0 /\ image q n = 0).
    { intros n Hn. split; apply NNPP; intros Z; apply No; exists n; split; [exact Hn|now left|exact Hn|now right]. }
    destruct Ex as (d & Hd & Ne). destruct (Eig d Hd) as [E1 E2]. rewrite App in E1, E2.
    rewrite (sum_below_ext N _ (fun _ => 0)), sum_below_zero in E1.
    2:{ intros n Hn. destruct (Zero n Hn) as [-> _]. ring. }
    rewrite (sum_below_ext N _ (fun _ => 0)), sum_below_zero in E2.
    2:{ intros n Hn. destruct (Zero n Hn) as [_ ->]. ring. }
    assert (A : (alpha ^ 2 + beta ^ 2) * p d = 0) by (replace ((alpha ^ 2 + beta ^ 2) * p d)
      with (alpha * (alpha * p d - beta * q d) + beta * (beta * p d + alpha * q d)) by ring; rewrite <- E1, <- E2; ring).
    assert (B : (alpha ^ 2 + beta ^ 2) * q d = 0) by (replace ((alpha ^ 2 + beta ^ 2) * q d)
      with (alpha * (beta * p d + alpha * q d) - beta * (alpha * p d - beta * q d)) by ring; rewrite <- E1, <- E2; ring).
    assert (Pos : alpha ^ 2 + beta ^ 2 <> 0).
    { destruct Nz as [Na|Nb]; [pose proof (pow2_gt_0 _ Na); pose proof (pow2_ge_0 beta)|
        pose proof (pow2_gt_0 _ Nb); pose proof (pow2_ge_0 alpha)]; lra. }
    apply Rmult_integral in A. apply Rmult_integral in B. destruct Ne as [Ne|Ne]; [destruct A|destruct B]; contradiction.
  - intros n Hn. change (sum_below N (fun e => S n e * image p e) = alpha * image p n - beta * image q n /\
      sum_below N (fun e => S n e * image q e) = beta * image p n + alpha * image q n).
    rewrite !Back. unfold image. split.
    + rewrite (sum_below_ext D _ (fun d => alpha * (U n d * p d) + - beta * (U n d * q d))).
      * rewrite sum_below_plus, !sum_below_scal. ring.
      * intros d Hd. rewrite (proj1 (Eig d Hd)). ring.
    + rewrite (sum_below_ext D _ (fun d => beta * (U n d * p d) + alpha * (U n d * q d))).
      * rewrite sum_below_plus, !sum_below_scal. ring.
      * intros d Hd. rewrite (proj2 (Eig d Hd)). ring.
Qed.
End Transfer.

Theorem rank_reduction_eigenvalues : rank_reduction_eigenvalues_statement.
Proof.
  intros N D S_B S_C alpha beta Nz.
  assert (E1 : forall d e, form_matrix N S_B S_C d e = sum_below N (fun n => S_C n d * S_B n e)).
  { intros d e. apply sum_below_ext. intros; ring. }
  assert (E2 : forall n m, small_matrix D S_B S_C n m = sum_below D (fun d => S_B n d * S_C m d)).
  { intros n m. apply sum_below_ext. intros; ring. }
  split; intros (p & q & H).
  - exact (ex_intro _ _ (ex_intro _ _ (transfer N D S_B (fun d n => S_C n d) _ _ alpha beta p q E1 E2 Nz H))).
  - exact (ex_intro _ _ (ex_intro _ _ (transfer D N (fun d n => S_C n d) S_B _ _ alpha beta p q E2 E1 Nz H))).
Qed.
