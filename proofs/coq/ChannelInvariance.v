(** channel-invariance.

    On the axis of channel d every projection reads only that channel, so the
    hidden state of channel d is the one-channel state times S_B[n,d], and
    that of every other channel is a sum of zeros. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Sums Statements.
Open Scope R_scope.

Section Axis.
Variables (D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (r : nat -> R).
Variables (x : nat -> nat -> R) (d : nat).
Hypothesis Hd : (d < D)%nat.
Hypothesis on_axis : forall l, x l d = r l.
Hypothesis off_axis : forall l e, (e < D)%nat -> e <> d -> x l e = 0.

Lemma axis_projection P l n : projection D P (x l) n = P n d * r l.
Proof.
  unfold projection. rewrite (sum_below_single D _ d Hd).
  - now rewrite on_axis.
  - intros e He Ne. rewrite off_axis by assumption. ring.
Qed.

Lemma axis_step l : channel_step D S_Delta b eps (x l) d = Delta (S_Delta d d) (b d) eps (r l).
Proof. unfold channel_step, Delta. now rewrite axis_projection. Qed.

(** S_C[n,d] times the layer's state is the state of the one-channel flow. *)
Lemma axis_hidden l n :
  S_C n d * layer_hidden D a S_B S_Delta b eps x d l n =
  hidden (a d) (fun n => S_B n d * S_C n d) (S_Delta d d) (b d) eps r l n.
Proof.
  induction l as [|k IH]; simpl layer_hidden; simpl hidden;
    rewrite axis_step, axis_projection, on_axis; [ring|].
  rewrite Rmult_plus_distr_l, <- IH. ring.
Qed.

Lemma off_axis_hidden e l n : (e < D)%nat -> e <> d ->
  layer_hidden D a S_B S_Delta b eps x e l n = 0.
Proof.
  intros He Ne. induction l as [|k IH]; simpl layer_hidden;
    rewrite off_axis by assumption; [ring|]. rewrite IH. ring.
Qed.
End Axis.

Theorem channel_invariance : channel_invariance_statement.
Proof.
  intros N D a S_B S_C S_Delta b e0 r x d [eps <-]%as_floor Hd on_axis off_axis l. unfold layer_output. split.
  - intros e He Ne. rewrite <- (sum_below_zero N) at 1. apply sum_below_ext. intros n _.
    rewrite (off_axis_hidden D a S_B S_Delta b eps x d off_axis e l n He Ne). ring.
  - unfold growth_rate. rewrite <- sum_below_scal. apply sum_below_ext. intros n _.
    rewrite (axis_projection D r x d Hd on_axis off_axis).
    rewrite <- (axis_hidden D a S_B S_C S_Delta b eps r x d Hd on_axis off_axis l n). ring.
Qed.
