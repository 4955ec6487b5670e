(** L vector tokens as one field: coordinate l D + d is channel d of token l.

    Proves layer-maximal-solution. *)

From Coq Require Import Reals Lra Psatz Lia PeanoNat.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Sums LipschitzField FieldFlow FieldMaximal VectorFlow.
Open Scope R_scope.

Section Layer.
Variables (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R) (L : nat).

Definition tokens_of {A : Type} (y : nat -> A) (l d : nat) : A := y (l * D + d)%nat.

Definition layer_field (j : nat) (y : nat -> R) : R :=
  layer_output N D a S_B S_C S_Delta b (tokens_of y) (j mod D) (j / D).

Lemma place_low l d : (l < L)%nat -> (d < D)%nat -> (l * D + d < L * D)%nat.
Proof. intros Hl Hd. nia. Qed.

Lemma place_split l d : (d < D)%nat -> ((l * D + d) / D = l /\ (l * D + d) mod D = d)%nat.
Proof.
  intros Hd. split.
  - rewrite Nat.div_add_l by lia. rewrite Nat.div_small by exact Hd. lia.
  - rewrite Nat.add_comm, Nat.mod_add by lia. now apply Nat.mod_small.
Qed.

Lemma place_of j : (j < L * D)%nat -> (j / D < L /\ j mod D < D /\ j = j / D * D + j mod D)%nat.
Proof.
  intros Hj. assert (D <> 0)%nat by (intros ->; lia). split; [|split].
  - apply Nat.div_lt_upper_bound; [assumption|]. lia.
  - now apply Nat.mod_upper_bound.
  - rewrite (Nat.div_mod j D) at 1 by assumption. lia.
Qed.

Section Box.
Variable r : R.
Hypothesis Hr : 0 <= r.
Notation lip := (box_lipschitz (L * D) r).

Lemma lip_entry l d : (l < L)%nat -> (d < D)%nat -> lip (fun y => tokens_of y l d).
Proof. intros Hl Hd. apply (lip_coordinate (L * D) r Hr (l * D + d)). now apply place_low. Qed.

Lemma lip_layer_hidden l d n : (l < L)%nat -> (d < D)%nat ->
  lip (fun y => layer_hidden D a S_B S_Delta b (tokens_of y) d l n).
Proof.
  assert (St : forall k, (k < L)%nat -> lip (fun y => channel_step D S_Delta b (tokens_of y k) d)).
  { intros k Hk. apply (lip_channel_step (L * D) r D (fun y => tokens_of y k)). intros e He. now apply lip_entry. }
  intros Hl Hd.
  assert (Own : forall k, (k < L)%nat ->
    lip (fun y => channel_step D S_Delta b (tokens_of y k) d * projection D S_B (tokens_of y k) n * tokens_of y k d)).
  { intros k Hk. apply lip_mult; [apply lip_mult|]; [now apply St| |now apply lip_entry].
    apply (lip_projection (L * D) r D (fun y => tokens_of y k)). intros e He. now apply lip_entry. }
  induction l as [|k IH]; cbn [layer_hidden]; [now apply Own|].
  apply lip_plus; [|now apply Own]. apply lip_mult; [|apply IH; lia].
  apply lip_exp. now apply lip_scal, St.
Qed.
End Box.

Lemma layer_field_lipschitz : locally_lipschitz (L * D) layer_field.
Proof.
  intros r Hr j Hj. destruct (place_of j Hj) as (Hl & Hd & _). unfold layer_field, layer_output.
  apply (lip_sum (L * D) r N (fun n y => projection D S_C (tokens_of y (j / D)) n
    * layer_hidden D a S_B S_Delta b (tokens_of y) (j mod D) (j / D) n)).
  intros n _. apply lip_mult; [|now apply lip_layer_hidden].
  apply (lip_projection (L * D) r D (fun y => tokens_of y (j / D))). intros e He. now apply lip_entry.
Qed.

Lemma layer_output_agree x y d l : (d < D)%nat ->
  (forall k e, (k <= l)%nat -> (e < D)%nat -> x k e = y k e) ->
  layer_output N D a S_B S_C S_Delta b x d l = layer_output N D a S_B S_C S_Delta b y d l.
Proof.
  intros Hd H.
  assert (Pr : forall S k m, (k <= l)%nat -> projection D S (x k) m = projection D S (y k) m).
  { intros S k m Hk. apply sum_below_ext. intros e He. now rewrite H. }
  assert (St : forall k, (k <= l)%nat -> channel_step D S_Delta b (x k) d = channel_step D S_Delta b (y k) d).
  { intros k Hk. unfold channel_step. now rewrite Pr. }
  assert (Hid : forall n k, (k <= l)%nat ->
    layer_hidden D a S_B S_Delta b x d k n = layer_hidden D a S_B S_Delta b y d k n).
  { intros n k. induction k as [|k IH]; intros Hk; cbn [layer_hidden].
    - now rewrite Pr, St, H.
    - now rewrite Pr, St, H, IH by lia. }
  apply sum_below_ext. intros n _. now rewrite Pr, Hid.
Qed.

(** A layer's solution and the field's. *)
Definition flat (x : nat -> nat -> R -> R) (j : nat) : R -> R := x (j / D)%nat (j mod D)%nat.

Lemma solves_of_layer (T : Rbar) x :
  layer_solution N D a S_B S_C S_Delta b L T x -> solves layer_field (L * D) T (flat x).
Proof.
  intros Hs j Hj. destruct (place_of j Hj) as (Hl & Hd & _).
  destruct (Hs _ _ Hl Hd) as [H0 H]. split; [exact H0|]. intros t Ht HT.
  unfold layer_field. rewrite (layer_output_agree _ (fun k e => x k e t)); [now apply H|exact Hd|].
  intros k e _ He. unfold tokens_of, flat. destruct (place_split k e He) as [-> ->]. reflexivity.
Qed.

Lemma layer_of_solves (T : Rbar) y :
  solves layer_field (L * D) T y -> layer_solution N D a S_B S_C S_Delta b L T (tokens_of y).
Proof.
  intros Hs l d Hl Hd. destruct (Hs (l * D + d)%nat (place_low l d Hl Hd)) as [H0 H]. split; [exact H0|].
  intros t Ht HT. specialize (H t Ht HT). unfold layer_field in H.
  destruct (place_split l d Hd) as [E1 E2]. rewrite E1, E2 in H. exact H.
Qed.

Lemma layer_outlives (T : Rbar) x :
  layer_maximal N D a S_B S_C S_Delta b L T x -> outlives_all (L * D) layer_field T (flat x).
Proof.
  intros (H0 & Hs & Hm). split; [exact H0|]. split; [now apply solves_of_layer|].
  intros T' y Hy Sy. apply (Hm T' (tokens_of y)); [now apply layer_of_solves|].
  intros l d Hl Hd. unfold tokens_of. rewrite Sy by now apply place_low.
  unfold flat. destruct (place_split l d Hd) as [-> ->]. reflexivity.
Qed.
End Layer.

Theorem layer_maximal_solution : layer_maximal_solution_statement.
Proof.
  intros N D a S_B S_C S_Delta b L y0.
  destruct (field_maximal_solution (L * D) (layer_field N D a S_B S_C S_Delta b)
    (fun j => y0 (j / D)%nat (j mod D)%nat) (layer_field_lipschitz N D a S_B S_C S_Delta b L)) as (T & z & (H0 & Hs & Hm) & Sz).
  exists T, (tokens_of D z). split.
  - split; [exact H0|]. split; [now apply layer_of_solves|]. intros T' y Hy Sy.
    apply (Hm T' (flat D y)); [now apply solves_of_layer|]. intros j Hj.
    destruct (place_of D L j Hj) as (Hl & Hd & E). unfold flat. rewrite Sy by assumption.
    unfold tokens_of. now rewrite <- E.
  - intros l d Hl Hd. unfold tokens_of. rewrite Sz by now apply place_low.
    destruct (place_split D l d Hd) as [-> ->]. reflexivity.
Qed.
