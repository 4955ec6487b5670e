(** channel-invariance.

    On the axis of channel c every projection reads only that channel, so the
    layer is the flow of one channel there, and the hidden state of every other
    channel is a sum of zeros. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Softplus Sums Statements.
Open Scope R_scope.

Section Axis.
Variables (N D rank L : nat) (S_B S_C S_in S_out : nat -> nat -> R) (beta_B beta_C : nat -> R) (a : nat -> nat -> R).
Variables (b : nat -> R) (eps : nonnegreal) (x : nat -> nat -> R).
Notation step := (cell_step D rank S_in S_out b eps x).
Notation held := (cell_hidden D rank S_B S_in S_out beta_B a b eps x).

Lemma off_axis_hidden d : (forall l, (l < L)%nat -> x l d = 0) -> forall l n, (l < L)%nat -> held d l n = 0.
Proof.
  intros Off l n. induction l as [|k IH]; intros Hl; cbn [cell_hidden]; rewrite Off by lia; [ring|].
  rewrite IH by lia. ring.
Qed.

Variable c : nat.
Hypothesis Hc : (c < D)%nat.
Hypothesis off_axis : forall l e, (l < L)%nat -> (e < D)%nat -> e <> c -> x l e = 0.
Notation slope := (sum_below rank (fun r => S_in r c * S_out c r)).

Lemma axis_sum l (v : nat -> R) : (l < L)%nat -> sum_below D (fun e => x l e * v e) = x l c * v c.
Proof.
  intros Hl. rewrite (sum_below_single D _ c Hc); [reflexivity|].
  intros e He Ne. rewrite off_axis by assumption. ring.
Qed.

Lemma axis_step l : (l < L)%nat -> step l c = Delta slope (b c) eps (x l c).
Proof.
  intros Hl. unfold cell_step, Delta. do 2 f_equal. rewrite Rplus_comm. f_equal.
  rewrite <- sum_below_scal_r. apply sum_below_ext. intros r _. rewrite axis_sum by exact Hl. ring.
Qed.

Lemma axis_held l n : (l < L)%nat ->
  held c l n = axis_hidden (fun n => S_B n c) beta_B (a c) slope (b c) eps (fun k => x k c) l n.
Proof.
  induction l as [|k IH]; intros Hl; cbn [cell_hidden axis_hidden]; unfold cell_write;
    rewrite axis_step, axis_sum by exact Hl; [ring|]. rewrite IH by lia. ring.
Qed.

Lemma axis_output l : (l < L)%nat ->
  cell_output N D rank S_B S_C S_in S_out beta_B beta_C a b eps (fun _ => 0) x l c =
  axis_velocity N (fun n => S_B n c) (fun n => S_C n c) beta_B beta_C (a c) slope (b c) eps (fun k => x k c) l.
Proof.
  intros Hl. unfold cell_output, axis_velocity. rewrite Rmult_0_r, Rplus_0_l. apply sum_below_ext. intros n _.
  rewrite axis_held, axis_sum by exact Hl. ring.
Qed.
End Axis.

(** Without a bias of B and C the state that is read is the state of the one-channel flow. *)
Lemma unbiased_hidden (S_B S_C a : nat -> R) s b (eps : nonnegreal) beta_B x l n : beta_B n = 0 ->
  S_C n * axis_hidden S_B beta_B a s b eps x l n = hidden a (fun n => S_B n * S_C n) s b eps x l n.
Proof.
  intros Zero. induction l as [|k IH]; cbn [axis_hidden hidden]; rewrite Zero; [ring|].
  rewrite <- IH. ring.
Qed.

Lemma unbiased_velocity N S_B S_C beta_B beta_C a s b (eps : nonnegreal) x l :
  (forall n, (n < N)%nat -> beta_B n = 0 /\ beta_C n = 0) ->
  axis_velocity N S_B S_C beta_B beta_C a s b eps x l = x l * growth_rate N a (fun n => S_B n * S_C n) s b eps x l.
Proof.
  intros Zero. unfold axis_velocity, growth_rate. rewrite <- sum_below_scal. apply sum_below_ext. intros n Hn.
  destruct (Zero n Hn) as [ZB ZC]. rewrite <- (unbiased_hidden S_B S_C a s b eps beta_B x l n ZB), ZC. ring.
Qed.

Theorem channel_invariance : channel_invariance_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out beta_B beta_C a b e0 x axis [eps <-]%as_floor Off l Hl d Hd Other.
  rewrite <- (sum_below_zero N) at 1. apply sum_below_ext. intros n _.
  rewrite (off_axis_hidden D rank L); [ring| |exact Hl]. intros k Hk. now apply Off.
Qed.

Theorem axis_restriction : axis_restriction_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out beta_B beta_C a b e0 x axis c [eps <-]%as_floor Hc Others Off l Hl.
  rewrite (axis_output N D rank L S_B S_C S_in S_out beta_B beta_C a b eps x c Hc) by (try exact Hl; intros; now apply Off, Others).
  split; [reflexivity|]. intros Zero.
  exact (unbiased_velocity N (fun n => S_B n c) (fun n => S_C n c) beta_B beta_C (a c) _ _ _ (fun k => x k c) l Zero).
Qed.
