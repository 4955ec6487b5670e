(** Every initial state has one maximal solution; if it ends at a finite time,
    a token is unbounded: the flow is a field that is Lipschitz on boxes.

    Proves maximal-solution. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Statements Uniqueness.
From S6Flow Require Export FieldFlow FieldMaximal.
Open Scope R_scope.

(** A bounded solution on [0,T) can be continued. *)
Lemma flow_continues N a mu s b L (y0 : nat -> R) (T : R) x B :
  0 < T -> solution N a mu s b L T x -> (forall l, (l < L)%nat -> x l 0 = y0 l) ->
  (forall l t, (l < L)%nat -> 0 <= t -> t < T -> Rabs (x l t) <= B) ->
  exists (T1 : R) z, T < T1 /\ solution N a mu s b L T1 z /\ (forall l, (l < L)%nat -> z l 0 = y0 l).
Proof.
  intros HT Hx Sx HB.
  apply (solves_continue L (flow_field N a mu s b) (flow_field_lipschitz N a mu s b L) y0 T (Rmax 0 B) x);
    [lra|apply Rmax_l|exact Hx|exact Sx| |].
  - intros l Hl. rewrite <- (Sx l Hl). eapply Rle_trans; [apply HB; [exact Hl|lra|exact HT]|apply Rmax_r].
  - intros l t Hl Ht. eapply Rle_trans; [apply HB; [exact Hl|lra|lra]|apply Rmax_r].
Qed.

Theorem maximal_solution : maximal_solution_statement.
Proof.
  intros N a mu s b L y0. pose proof (flow_field_lipschitz N a mu s b L) as HV.
  exists (field_end L (flow_field N a mu s b) y0), (field_flow L (flow_field N a mu s b) y0).
  split; [now apply field_end_pos|]. split; [now apply field_solves|]. split; [intros; now apply field_start|].
  split; [exact (field_maximal L (flow_field N a mu s b) y0 HV)|now apply field_unbounded].
Qed.
