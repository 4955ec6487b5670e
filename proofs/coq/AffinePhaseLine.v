(** affine-phase-line.

    The speed is y Delta(y) p(y) with p quadratic; at a zero e of the cubic
    y p(y) it is divisible by y - e, so PhaseLine.v applies, to the solution and
    to its reflection. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums PhaseLine Forms.
Open Scope R_scope.

Section Affine.
Variables (N : nat) (S_B S_C beta_B beta_C : nat -> R) (s b : R) (eps : nonnegreal).
Notation speed := (affine_speed N S_B S_C beta_B beta_C s b eps).
Notation p2 := (sum_below N (fun n => S_C n * S_B n)).
Notation p1 := (sum_below N (fun n => S_C n * beta_B n + S_B n * beta_C n)).
Notation p0 := (sum_below N (fun n => beta_C n * beta_B n)).

Lemma speed_quadratic y : speed y = y * Delta s b eps y * (p2 * y ^ 2 + p1 * y + p0).
Proof.
  unfold affine_speed. set (c := y * Delta s b eps y).
  rewrite (sum_below_ext N _ (fun n => S_C n * S_B n * (c * y ^ 2)
     + (S_C n * beta_B n + S_B n * beta_C n) * (c * y) + beta_C n * beta_B n * c)).
  - rewrite !sum_below_plus, !sum_below_scal_r. rewrite <- sum_below_plus. ring.
  - intros n _. unfold c. ring.
Qed.

Lemma derivable_continuity (f : R -> R) y : ex_derive f y -> continuity_pt f y.
Proof.
  intros [d H]. apply derivable_continuous_pt. exists d. now apply is_derive_Reals.
Qed.

Lemma speed_continuous y : continuity_pt speed y.
Proof.
  apply (continuity_pt_ext (fun y => Delta s b eps y * (y * (p2 * y ^ 2 + p1 * y + p0)))).
  - intros u. rewrite speed_quadratic. ring.
  - apply (continuity_pt_mult (Delta s b eps) (fun y => y * (p2 * y ^ 2 + p1 * y + p0)));
      [apply Delta_continuity|].
    apply derivable_continuity. auto_derive. exact I.
Qed.

Lemma speed_factor e : speed e = 0 ->
  exists w, (forall y, continuity_pt w y) /\ forall y, speed y = (y - e) * w y.
Proof.
  intros Z. rewrite speed_quadratic in Z. pose proof (Delta_pos s b eps e).
  assert (Zp : e * (p2 * e ^ 2 + p1 * e + p0) = 0).
  { apply (Rmult_eq_reg_l (Delta s b eps e)); [|lra]. rewrite Rmult_0_r, <- Z. ring. }
  exists (fun y => Delta s b eps y * (p2 * (y ^ 2 + y * e + e ^ 2) + p1 * (y + e) + p0)). split.
  - intros y.
    apply (continuity_pt_mult (Delta s b eps)
      (fun y => p2 * (y ^ 2 + y * e + e ^ 2) + p1 * (y + e) + p0)); [apply Delta_continuity|].
    apply derivable_continuity. auto_derive. exact I.
  - intros y. rewrite speed_quadratic.
    replace (y * Delta s b eps y * (p2 * y ^ 2 + p1 * y + p0))
      with (Delta s b eps y
            * (y * (p2 * y ^ 2 + p1 * y + p0) - e * (p2 * e ^ 2 + p1 * e + p0))) by (rewrite Zp; ring).
    ring.
Qed.
End Affine.

Theorem affine_phase_line_proved : affine_phase_line_form.
Proof.
  intros N S_B S_C beta_B beta_C s b eps T x sol.
  set (v := affine_speed N S_B S_C beta_B beta_C s b eps) in *.
  assert (E : evolves T x (fun t => v (x t))) by exact sol.
  assert (Cv : forall y, continuity_pt v y) by (intros y; apply speed_continuous).
  assert (Fv : forall e, v e = 0 -> exists w, (forall y, continuity_pt w y) /\ forall y, v y = (y - e) * w y)
    by (intros e; now apply speed_factor).
  split; [intros y; apply speed_quadratic|].
  split; [intros e He t Ht HT; now apply (order_kept v Fv T x E e He t)|]. split; intros P0.
  - split.
    + intros u u' Hu HT. now apply (rising v Cv Fv T x E u u').
    + intros ->. split.
      * intros e. exact (rises_to_next_zero v Cv Fv x E P0 e).
      * exact (rises_unbounded v Cv Fv x E P0).
  - set (v' := fun y => - v (- y)).
    pose proof (reflect_continuous v Cv) as Cv'. pose proof (reflect_factor v Fv) as Fv'.
    pose proof (reflect_solution v T x E) as E'.
    assert (P0' : 0 < - v (- - x 0)) by (rewrite Ropp_involutive; lra).
    split.
    + intros u u' Hu HT.
      pose proof (rising v' Cv' Fv' T (fun t => - x t) E' u u' P0' Hu HT). cbv beta in *. lra.
    + intros ->. split.
      * intros e. exact (falls_to_next_zero v x e Cv Fv E P0).
      * intros Hno. apply (lim_reflect x p_infty).
        apply (rises_unbounded v' Cv' Fv' (fun t => - x t) E' P0').
        intros y Hy Z. apply (Hno (- y)); [lra|]. unfold v' in Z. lra.
Qed.
