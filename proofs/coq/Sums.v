(** Finite sums over the states.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus.
Open Scope R_scope.

Lemma sum_below_ext N g h :
  (forall n, (n < N)%nat -> g n = h n) -> sum_below N g = sum_below N h.
Proof.
  intros H. induction N as [|N IH]; simpl; [reflexivity|].
  rewrite IH, (H N) by (try lia; intros; apply H; lia). reflexivity.
Qed.

Lemma sum_below_le N g h :
  (forall n, (n < N)%nat -> g n <= h n) -> sum_below N g <= sum_below N h.
Proof.
  intros H. induction N as [|N IH]; simpl; [lra|].
  apply Rplus_le_compat; [apply IH; intros; apply H; lia|apply H; lia].
Qed.

Lemma sum_below_zero N : sum_below N (fun _ => 0) = 0.
Proof. induction N as [|N IH]; simpl; [reflexivity|rewrite IH; ring]. Qed.

Lemma sum_below_nonneg N g : (forall n, (n < N)%nat -> 0 <= g n) -> 0 <= sum_below N g.
Proof. intros H. rewrite <- (sum_below_zero N). now apply sum_below_le. Qed.

Lemma sum_below_nonpos N g : (forall n, (n < N)%nat -> g n <= 0) -> sum_below N g <= 0.
Proof. intros H. rewrite <- (sum_below_zero N). now apply sum_below_le. Qed.

Lemma sum_below_plus N g h :
  sum_below N (fun n => g n + h n) = sum_below N g + sum_below N h.
Proof. induction N as [|N IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_below_scal N c g : sum_below N (fun n => c * g n) = c * sum_below N g.
Proof. induction N as [|N IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_below_scal_r N c g : sum_below N (fun n => g n * c) = sum_below N g * c.
Proof. induction N as [|N IH]; simpl; [ring|rewrite IH; ring]. Qed.

Lemma sum_below_abs N g : Rabs (sum_below N g) <= sum_below N (fun n => Rabs (g n)).
Proof.
  induction N as [|N IH]; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

(** Exchange of two sums. *)
Lemma sum_below_swap N M (g : nat -> nat -> R) :
  sum_below N (fun n => sum_below M (g n)) = sum_below M (fun m => sum_below N (fun n => g n m)).
Proof.
  induction N as [|N IH]; simpl; [now rewrite sum_below_zero|].
  rewrite IH, <- sum_below_plus. reflexivity.
Qed.

(** One nonzero term. *)
Lemma sum_below_single N (g : nat -> R) d :
  (d < N)%nat -> (forall n, (n < N)%nat -> n <> d -> g n = 0) -> sum_below N g = g d.
Proof.
  intros Hd H. induction N as [|N IH]; [lia|]. simpl.
  destruct (Nat.eq_dec d N) as [->|Nd].
  - rewrite (sum_below_ext N g (fun _ => 0)), sum_below_zero; [ring|].
    intros n Hn. apply H; lia.
  - rewrite IH, (H N) by (try lia; intros; apply H; lia). ring.
Qed.

(** One term of a sum of numbers that are not negative. *)
Lemma term_le_sum D (g : nat -> R) d :
  (forall e, (e < D)%nat -> 0 <= g e) -> (d < D)%nat -> g d <= sum_below D g.
Proof.
  intros H Hd. induction D as [|D IH]; [lia|]. simpl.
  assert (P : 0 <= sum_below D g) by (apply sum_below_nonneg; intros; apply H; lia).
  destruct (Nat.eq_dec d D) as [->|Nd]; [lra|].
  specialize (IH ltac:(intros; apply H; lia) ltac:(lia)). pose proof (H D (le_n _)). lra.
Qed.

Lemma sum_below_continuity N (g : nat -> R -> R) t :
  (forall n, (n < N)%nat -> continuity_pt (g n) t) ->
  continuity_pt (fun u => sum_below N (fun n => g n u)) t.
Proof.
  intros H. induction N as [|N IH]; simpl.
  - apply continuity_pt_const. intros ? ?; reflexivity.
  - apply (continuity_pt_plus (fun u => sum_below N (fun n => g n u)) (g N)).
    + apply IH. intros; apply H; lia.
    + apply H; lia.
Qed.

Lemma sum_below_lim N (g : nat -> R -> R) (c : nat -> R) x :
  (forall n, (n < N)%nat -> is_lim (g n) x (c n)) ->
  is_lim (fun t => sum_below N (fun n => g n t)) x (sum_below N c).
Proof.
  intros H. induction N as [|N IH]; simpl.
  - apply is_lim_const.
  - apply is_lim_plus'; [apply IH; intros; apply H; lia|apply H; lia].
Qed.
