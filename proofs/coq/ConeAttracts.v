(** cone-attracts: M = diag(1, -1) and constant steps, the first channel's being
    smaller.

    ln|x_1|/Delta_1 - ln|x_2|/Delta_2 is conserved.  Where the form is positive this
    bounds |x_1| from above, where it is negative from below; so every start off
    the axes stays in a compact set off the axes, and converges to the cone. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums ClosedForms.
From S6Flow Require Import FieldFlow FieldMaximal VectorToken VectorFlow Trichotomy Competition.
Open Scope R_scope.

Section Cone.
Variables (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R).
Hypothesis M00 : M 0%nat 0%nat = 1.
Hypothesis M01 : M 0%nat 1%nat = 0.
Hypothesis M10 : M 1%nat 0%nat = 0.
Hypothesis M11 : M 1%nat 1%nat = - 1.
Hypothesis constant : forall d e, (d < 2)%nat -> (e < 2)%nat -> S_Delta d e = 0.
Hypothesis slower : softplus (b 0%nat) < softplus (b 1%nat).
Hypothesis sol : vector_solution 2 M S_Delta b T x.
Hypothesis N0 : x 0%nat 0 <> 0.
Hypothesis N1 : x 1%nat 0 <> 0.

Lemma hyperbola v : quadratic_form 2 M v = v 0%nat ^ 2 - v 1%nat ^ 2.
Proof. unfold quadratic_form. cbn [sum_below]. rewrite M00, M01, M10, M11. ring. Qed.

Lemma entries_nonzero d t : (d < 2)%nat -> 0 <= t -> Rbar_lt t T -> 0 < Rabs (x d t).
Proof.
  intros Hd Ht HT. apply Rabs_pos_lt.
  apply (factor_nonzero T (x d) _ (entry_evolves 2 M S_Delta b T x sol d Hd) (entry_bounded 2 M S_Delta b T x sol d)).
  - destruct d as [|[|d]]; [exact N0|exact N1|lia].
  - exact Ht.
  - exact HT.
Qed.

Notation u t := (ln (Rabs (x 0%nat t))).
Notation v t := (ln (Rabs (x 1%nat t))).
Notation s := (softplus (b 0%nat)).
Notation r := (softplus (b 1%nat)).

Lemma conserved t : 0 <= t -> Rbar_lt t T -> u t / s - v t / r = u 0 / s - v 0 / r.
Proof.
  intros Ht HT. assert (PT : Rbar_lt 0 T) by (apply Rbar_lt_lt with t; assumption).
  pose proof (evolves_plus T _ _ _ _ (log_evolves 2 M S_Delta b T x sol constant 0 PT ltac:(lia) N0)
    (evolves_opp T _ _ (log_evolves 2 M S_Delta b T x sol constant 1 PT ltac:(lia) N1))) as E.
  pose proof (evolves_constant T _ _ E) as C. cbv beta in C.
  specialize (C ltac:(intros; ring) t Ht HT). lra.
Qed.

(** The logarithm of |x_1| on the cone. *)
Definition end_log : R := (u 0 / s - v 0 / r) / (/ s - / r).

Lemma rate_gap : 0 < / s - / r.
Proof. pose proof (softplus_pos (b 0%nat)). assert (/ r < / s); [|lra]. apply Rinv_lt_contravar; [pos|exact slower]. Qed.

Lemma before_cone t : 0 <= t -> Rbar_lt t T ->
  (v t < u t -> u t < end_log) /\ (u t < v t -> end_log < u t).
Proof.
  intros Ht HT. pose proof rate_gap as G. pose proof (conserved t Ht HT) as C.
  pose proof (softplus_pos (b 0%nat)). pose proof (softplus_pos (b 1%nat)) as Pr. pose proof (Rinv_0_lt_compat _ Pr) as Ir.
  assert (E : u t * (/ s - / r) = end_log * (/ s - / r) + (v t - u t) * / r).
  { unfold end_log. replace ((u 0 / s - v 0 / r) / (/ s - / r) * (/ s - / r)) with (u 0 / s - v 0 / r).
    - rewrite <- C. unfold Rdiv. ring.
    - unfold Rdiv at 3. rewrite Rmult_assoc, Rinv_l by lra. ring. }
  split; intros H1; apply (Rmult_lt_reg_r (/ s - / r)); try exact G; rewrite E; nra.
Qed.

Lemma off_the_axes : exists m B, 0 < m /\
  forall d t, (d < 2)%nat -> 0 <= t -> Rbar_lt t T -> m <= Rabs (x d t) <= B.
Proof.
  assert (Sq : forall t, form_at 2 M x t = Rabs (x 0%nat t) ^ 2 - Rabs (x 1%nat t) ^ 2).
  { intros t. unfold form_at. rewrite hyperbola, !pow2_abs. reflexivity. }
  set (low := Rmin (Rabs (x 0%nat 0)) (Rabs (x 1%nat 0))). set (top := Rmax (Rabs (x 0%nat 0)) (Rabs (x 1%nat 0))).
  assert (Pl : 0 < low) by (apply Rmin_glb_lt; now apply Rabs_pos_lt).
  assert (Start : forall d, (d < 2)%nat -> low <= Rabs (x d 0) <= top).
  { intros [|[|d]] Hd; [split; [apply Rmin_l|apply Rmax_l]|split; [apply Rmin_r|apply Rmax_r]|lia]. }
  pose proof (exp_pos end_log) as Pe.
  destruct (Rtotal_order (form_at 2 M x 0) 0) as [Neg|[Z|Pos]].
  - exists (exp end_log), top. split; [exact Pe|]. intros d t Hd Ht HT.
    destruct (form_sign 2 M S_Delta b T x sol t Ht HT) as (_ & F & _). specialize (F Neg). rewrite Sq in F.
    pose proof (entries_nonzero 0 t ltac:(lia) Ht HT) as P0. pose proof (entries_nonzero 1 t ltac:(lia) Ht HT) as P1.
    assert (L : Rabs (x 0%nat t) < Rabs (x 1%nat t)) by nra.
    destruct (before_cone t Ht HT) as [_ C]. specialize (C (ln_increasing _ _ P0 L)).
    apply exp_increasing in C. rewrite exp_ln in C by exact P0. split.
    + destruct d as [|[|d]]; [lra|lra|lia].
    + eapply Rle_trans; [apply (entry_falls 2 M S_Delta b T x sol d 0 t Hd Neg ltac:(lra) HT)|now apply Start].
  - exists low, top. split; [exact Pl|]. intros d t Hd Ht HT.
    rewrite (entry_rests 2 M S_Delta b T x sol d t Hd Z Ht HT). now apply Start.
  - exists low, (exp end_log). split; [exact Pl|]. intros d t Hd Ht HT.
    destruct (form_sign 2 M S_Delta b T x sol t Ht HT) as (F & _). specialize (F Pos). rewrite Sq in F.
    pose proof (entries_nonzero 0 t ltac:(lia) Ht HT) as P0. pose proof (entries_nonzero 1 t ltac:(lia) Ht HT) as P1.
    assert (L : Rabs (x 1%nat t) < Rabs (x 0%nat t)) by nra.
    destruct (before_cone t Ht HT) as [C _]. specialize (C (ln_increasing _ _ P1 L)).
    apply exp_increasing in C. rewrite exp_ln in C by exact P0. split.
    + eapply Rle_trans; [now apply (Start d)|exact (entry_rises 2 M S_Delta b T x sol d 0 t Hd Pos ltac:(lra) HT)].
    + destruct d as [|[|d]]; [lra|lra|lia].
Qed.
End Cone.

Theorem cone_attracts : cone_attracts_statement.
Proof.
  intros M S_Delta b T x M00 M01 M10 M11 constant slower Hmax N0 N1. pose proof (proj1 (proj2 Hmax)) as sol.
  destruct (off_the_axes M S_Delta b T x M00 M01 M10 M11 constant slower sol N0 N1) as (m & B & Hm & Bd).
  assert (HT : T = p_infty).
  { apply (vector_bounded_lives 2 M S_Delta b T x B Hmax). intros d t Hd Ht HT. now apply Bd. }
  split; [exact HT|]. subst T.
  destruct (bounded_converges 2 M S_Delta b x B sol) as (p & Hp & Zp); [intros; now apply Bd|].
  assert (Np : forall d, (d < 2)%nat -> p d <> 0).
  { intros d Hd Z. pose proof (Hp d Hd) as Hl. rewrite Z in Hl. apply is_lim_spec in Hl.
    destruct (Hl (mkposreal _ Hm)) as (K & HK). simpl in HK.
    set (t := Rmax 0 K + 1). pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K).
    specialize (HK t ltac:(unfold t; lra)). rewrite Rminus_0_r in HK.
    pose proof (Bd d t Hd ltac:(unfold t; lra) I). lra. }
  exists p. repeat split; try (apply Hp; lia); try (apply Np; lia). exact Zp.
Qed.
