(** Two solutions with the same start agree; the first tokens do not feel the later ones.

    The flow is a field that is Lipschitz on boxes.  Proves uniqueness and
    causality (agreement of the first tokens). *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution GrowthRate Statements Signs LipschitzField FieldFlow.
Open Scope R_scope.

Section Uniqueness.
Variables (N : nat) (a mu : nat -> R) (s b : R).
Notation solution := (solution N a mu s b).

Definition flow_field (l : nat) (y : nat -> R) : R := y l * growth_rate N a mu s b y l.

Lemma flow_field_lipschitz L : locally_lipschitz L flow_field.
Proof. intros r Hr l Hl. now apply lip_field. Qed.

(** All tokens are bounded on a compact interval. *)
Lemma solution_bounded L T x t0 : solution L T x -> 0 <= t0 -> Rbar_lt t0 T ->
  exists c, 0 <= c /\ forall k t, (k < L)%nat -> 0 <= t <= t0 -> Rabs (x k t) <= c.
Proof. exact (solves_bounded L flow_field T x t0). Qed.

Lemma solutions_agree L T x y :
  solution L T x -> solution L T y -> (forall l, (l < L)%nat -> x l 0 = y l 0) ->
  forall l, (l < L)%nat -> forall t, 0 <= t -> Rbar_lt t T -> x l t = y l t.
Proof. exact (solves_agree L flow_field (flow_field_lipschitz L) T x y). Qed.
End Uniqueness.

Theorem uniqueness : uniqueness_statement.
Proof. intros N a mu s b L T x y. apply solutions_agree. Qed.

Theorem causality : causality_statement.
Proof.
  intros N a mu s b L L' m T x y Hx Hy HL HL' H0. split.
  - apply (solution_weaken N a mu s b L m T T x HL (Rbar_le_refl T) Hx).
  - intros l Hl t Ht HT.
    apply (solutions_agree N a mu s b m T x y); [| | |exact Hl|exact Ht|exact HT].
    + apply (solution_weaken N a mu s b L m T T x HL (Rbar_le_refl T) Hx).
    + apply (solution_weaken N a mu s b L' m T T y HL' (Rbar_le_refl T) Hy).
    + exact H0.
Qed.
