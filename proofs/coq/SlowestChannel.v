(** slowest-channel: a vector token that dies.

    Near zero the steps are their values there, so every entry is small against
    that of the slowest channel *: the form is M_** x_*^2 (1 + o(1)), and the law
    of one dimension gives constant and powers. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums Limits LogSlope.
From S6Flow Require Import LipschitzField FieldFlow FieldAlong VectorToken VectorFlow Radial Trichotomy.
Open Scope R_scope.

(** ln f^2 along f' = f G. *)
Lemma log_square_evolves T f G : Rbar_lt 0 T -> evolves T f (fun t => f t * G t) ->
  (forall t, 0 <= t -> Rbar_lt t T -> f t <> 0) -> evolves T (fun t => ln (f t ^ 2)) (fun t => 2 * G t).
Proof.
  intros PT E Nz.
  assert (Hh : forall v, v <> 0 -> is_derive (fun v => ln (v ^ 2)) v (2 / v)).
  { intros v Hv. pose proof (pow2_gt_0 v Hv). auto_derive; [simpl in *; lra|field; exact Hv]. }
  pose proof (evolves_comp T f _ (fun v => ln (v ^ 2)) (fun v => 2 / v) E) as C. destruct C as [C0 C].
  - eapply continuous_of_derive. apply Hh, Nz; [lra|exact PT].
  - intros t Ht HT. apply Hh, Nz; [lra|exact HT].
  - split; [exact C0|]. intros t Ht HT. specialize (C t Ht HT). cbv beta in C.
    replace (2 * G t) with (f t * G t * (2 / f t)); [exact C|]. field. apply Nz; [lra|exact HT].
Qed.

Lemma ln_square v : v <> 0 -> ln (v ^ 2) = 2 * ln (Rabs v).
Proof.
  intros Hv. rewrite <- pow2_abs. pose proof (Rabs_pos_lt v Hv). simpl. rewrite Rmult_1_r, ln_mult by assumption. ring.
Qed.

Lemma vanish_of_square (f : R -> R) : is_lim (fun t => f t ^ 2) p_infty 0 -> is_lim f p_infty 0.
Proof.
  intros H. apply is_lim_spec in H. apply is_lim_spec. intros tol. pose proof (cond_pos tol) as He.
  destruct (H (mkposreal (tol ^ 2) (pow_lt _ 2 He))) as (K & HK). exists K. intros t Ht. specialize (HK t Ht). simpl in HK.
  rewrite Rminus_0_r in *. rewrite Rabs_pos_eq in HK by (pose proof (pow2_ge_0 (f t)); simpl in *; lra).
  rewrite <- (Rabs_pos_eq tol) by lra. apply Rabs_lt_of_sq. simpl. lra.
Qed.

(** The unit vector of a channel. *)
Definition unit_vector (i d : nat) : R := if Nat.eqb d i then 1 else 0.

Lemma form_unit D M i : (i < D)%nat -> quadratic_form D M (unit_vector i) = M i i.
Proof.
  intros Hi. unfold quadratic_form. rewrite (sum_below_single D _ i Hi).
  - rewrite (sum_below_single D _ i Hi); unfold unit_vector.
    + rewrite Nat.eqb_refl. ring.
    + intros e _ Ne. apply Nat.eqb_neq in Ne. rewrite Ne. ring.
  - intros d _ Nd. rewrite (sum_below_ext D _ (fun _ => 0)); [apply sum_below_zero|]. intros e _.
    unfold unit_vector. apply Nat.eqb_neq in Nd. rewrite Nd. ring.
Qed.

Section Dying.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (x : nat -> R -> R) (s : nat).
Hypothesis sol : vector_solution D M S_Delta b eps p_infty x.
Hypothesis Hs : (s < D)%nat.
Hypothesis Ns : x s 0 <> 0.
Hypothesis slowest : forall d, (d < D)%nat -> d <> s -> x d 0 <> 0 -> softplus (b s) + eps < softplus (b d) + eps.
Hypothesis dies : forall d, (d < D)%nat -> is_lim (x d) p_infty 0.

Notation Q := (form_at D M x).
Notation step := (step_at D S_Delta b eps x).
Notation rest d := (softplus (b d) + eps).

Lemma form_negative t : 0 <= t -> Q t < 0.
Proof.
  intros Ht. destruct (Rlt_le_dec (Q 0) 0) as [Neg|Pos].
  { now apply (form_sign D M S_Delta b eps p_infty x sol t Ht I). }
  exfalso. pose proof (dies s Hs) as L. apply is_lim_spec in L.
  destruct (L (mkposreal _ (Rabs_pos_lt _ Ns))) as (K & HK). simpl in HK.
  set (u := Rmax 0 K + 1). pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K).
  specialize (HK u ltac:(unfold u; lra)). rewrite Rminus_0_r in HK. destruct (Rle_lt_or_eq_dec _ _ Pos) as [P|Z].
  - pose proof (entry_rises D M S_Delta b eps p_infty x sol s 0 u Hs P ltac:(unfold u; lra) I). lra.
  - rewrite (entry_rests D M S_Delta b eps p_infty x sol s u Hs (eq_sym Z) ltac:(unfold u; lra) I) in HK. lra.
Qed.

Lemma nonzero d t : (d < D)%nat -> x d 0 <> 0 -> 0 <= t -> x d t <> 0.
Proof.
  intros Hd Nd Ht. apply (factor_nonzero p_infty (x d) _ (entry_evolves D M S_Delta b eps p_infty x sol d Hd)
    (entry_bounded D M S_Delta b eps p_infty x sol d) Nd t Ht I).
Qed.

Lemma step_lim d : is_lim (step d) p_infty (rest d).
Proof.
  replace (rest d) with (channel_step D S_Delta b eps (fun _ => 0) d).
  - apply (limit_along D x (fun _ => 0) (fun y => channel_step D S_Delta b eps y d)); [|exact dies].
    intros r Hr. apply (lip_channel_step D r D (fun y => y)). intros; now apply lip_coordinate.
  - unfold channel_step, projection. do 2 f_equal. rewrite (sum_below_ext D _ (fun _ => 0)), sum_below_zero; [ring|].
    intros e _. ring.
Qed.

Lemma log_evolves_square d : (d < D)%nat -> x d 0 <> 0 ->
  evolves p_infty (fun t => ln (x d t ^ 2)) (fun t => 2 * (step d t * Q t)).
Proof.
  intros Hd Nd. apply (log_square_evolves p_infty (x d) _ I (entry_evolves D M S_Delta b eps p_infty x sol d Hd)).
  intros t Ht _. now apply nonzero.
Qed.

(** Every other entry is small against that of the slowest channel. *)
Lemma entry_small d : (d < D)%nat -> d <> s -> is_lim (fun t => x d t / x s t) p_infty 0.
Proof.
  intros Hd Nd. destruct (Req_dec (x d 0) 0) as [Z|N].
  { apply (is_lim_ext_loc (fun _ => 0)); [|apply is_lim_const]. exists 0. intros t Ht.
    rewrite (factor_zero p_infty (x d) _ (entry_evolves D M S_Delta b eps p_infty x sol d Hd)
      (entry_bounded D M S_Delta b eps p_infty x sol d) Z t ltac:(lra) I). unfold Rdiv. ring. }
  pose proof (slowest d Hd Nd N) as Gap. pose proof (step_pos (b s) eps) as Ps.
  set (k := (rest d / rest s - 1) / 2).
  assert (Pk : 0 < k).
  { unfold k. assert (1 < rest d / rest s); [|lra]. apply (Rmult_lt_reg_r (rest s)); [exact Ps|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  assert (Ek : rest d - (1 + k) * rest s = k * rest s) by (unfold k; field; lra).
  assert (Late : exists t0, 0 < t0 /\ forall t, t0 < t -> 0 <= step d t - (1 + k) * step s t).
  { assert (L : is_lim (fun t => step d t - (1 + k) * step s t) p_infty (k * rest s)).
    { rewrite <- Ek. apply is_lim_minus'; [apply step_lim|].
      apply (is_lim_scal_l (step s) (1 + k) p_infty (rest s) (step_lim s)). }
    apply is_lim_spec in L. destruct (L (mkposreal (k * rest s) ltac:(pos))) as (K & HK). simpl in HK.
    exists (Rmax 0 K + 1). pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K). split; [lra|]. intros t Ht.
    specialize (HK t ltac:(lra)). apply Rabs_def2 in HK. lra. }
  destruct Late as (t0 & P0 & Late).
  assert (E : evolves p_infty (fun t => ln (x d t ^ 2) + - ((1 + k) * ln (x s t ^ 2)))
    (fun t => 2 * (step d t * Q t) + - ((1 + k) * (2 * (step s t * Q t))))).
  { apply evolves_plus; [now apply log_evolves_square|]. apply evolves_opp.
    destruct (log_evolves_square s Hs Ns) as [F0 F]. split.
    - apply (rcont_mult (fun _ => 1 + k)); [|exact F0]. apply rcont_of_continuous, continuous_const.
    - intros t Ht HT. apply (is_derive_scal (fun t => ln (x s t ^ 2)) t (1 + k)). now apply F. }
  set (C := ln (x d t0 ^ 2) + - ((1 + k) * ln (x s t0 ^ 2))).
  apply vanish_of_square.
  assert (Bound : forall t, t0 < t -> 0 <= (x d t / x s t) ^ 2 <= exp C * exp (k * ln (x s t ^ 2))).
  { intros t Ht. split; [apply pow2_ge_0|].
    pose proof (decr_on p_infty _ _ t0 t E ltac:(lra) ltac:(lra) I) as Dc. cbv beta in Dc. fold C in Dc.
    assert (Fall : ln (x d t ^ 2) + - ((1 + k) * ln (x s t ^ 2)) <= C).
    { apply Dc. intros u Hu. specialize (Late u ltac:(lra)). pose proof (form_negative u ltac:(lra)). nra. }
    pose proof (nonzero d t Hd N ltac:(lra)) as Xd. pose proof (nonzero s t Hs Ns ltac:(lra)) as Xs.
    pose proof (pow2_gt_0 _ Xd) as Pd. pose proof (pow2_gt_0 _ Xs) as Psq.
    replace ((x d t / x s t) ^ 2) with (exp (ln (x d t ^ 2)) * exp (- ln (x s t ^ 2))).
    - rewrite <- !exp_plus. apply exp_le. lra.
    - rewrite exp_Ropp, !exp_ln by assumption. field. exact Xs. }
  apply (is_lim_le_le_loc (fun _ => 0) (fun t => exp C * exp (k * ln (x s t ^ 2)))).
  - exists t0. exact Bound.
  - apply is_lim_const.
  - replace (Finite 0) with (Rbar_mult (exp C) (Finite 0)) by (simpl; f_equal; ring).
    apply (is_lim_scal_l (fun t => exp (k * ln (x s t ^ 2))) (exp C) p_infty 0).
    apply is_lim_spec. intros tol. pose proof (cond_pos tol) as He.
    pose proof (dies s Hs) as L. apply is_lim_spec in L.
    destruct (L (mkposreal (exp (ln tol / (2 * k))) (exp_pos _))) as (K & HK). simpl in HK.
    exists (Rmax 0 K). intros t Ht. pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K).
    specialize (HK t ltac:(lra)). rewrite Rminus_0_r in *.
    pose proof (nonzero s t Hs Ns ltac:(lra)) as Xs. pose proof (Rabs_pos_lt _ Xs) as Pa.
    rewrite Rabs_pos_eq by (left; apply exp_pos). rewrite ln_square by exact Xs.
    apply ln_increasing in HK; [|exact Pa]. rewrite ln_exp in HK.
    rewrite <- (exp_ln tol He). apply exp_increasing.
    apply (Rmult_lt_compat_r (2 * k)) in HK; [|lra]. unfold Rdiv in HK. rewrite Rmult_assoc, Rinv_l in HK by lra. lra.
Qed.

(** The form over the square of the slowest entry. *)
Lemma form_over_square : is_lim (fun t => Q t / x s t ^ 2) p_infty (M s s).
Proof.
  rewrite <- (form_unit D M s Hs).
  apply (is_lim_ext_loc (fun t => quadratic_form D M (fun d => x d t / x s t))).
  - exists 0. intros t Ht. pose proof (nonzero s t Hs Ns ltac:(lra)) as Xs.
    rewrite (form_scaled D M (/ x s t) (fun d => x d t)); [|intros d _; unfold Rdiv; ring].
    unfold form_at. field. exact Xs.
  - apply (limit_along D (fun d t => x d t / x s t) (unit_vector s) (quadratic_form D M)).
    + intros r Hr. apply (lip_form D r D (fun y => y)). intros; now apply lip_coordinate.
    + intros d Hd. unfold unit_vector. destruct (Nat.eqb_spec d s) as [->|Nd]; [|now apply entry_small].
      apply (is_lim_ext_loc (fun _ => 1)); [|apply is_lim_const]. exists 0. intros t Ht. field.
      apply (nonzero s t Hs Ns). lra.
Qed.

Lemma own_sign : M s s <= 0.
Proof.
  apply Rnot_lt_le. intros P. pose proof form_over_square as L. apply is_lim_spec in L.
  destruct (L (mkposreal _ P)) as (K & HK). change (pos (mkposreal _ P)) with (M s s) in HK.
  set (t := Rmax 0 K + 1). pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K).
  specialize (HK t ltac:(unfold t; lra)). apply Rabs_def2 in HK.
  pose proof (form_negative t ltac:(unfold t; lra)) as Neg.
  pose proof (pow2_gt_0 _ (nonzero s t Hs Ns ltac:(unfold t; lra))) as Psq.
  assert (Q t / x s t ^ 2 < 0); [|lra]. unfold Rdiv. pose proof (Rinv_0_lt_compat _ Psq). nra.
Qed.

Hypothesis own : M s s < 0.

Lemma scaled_square : is_lim (fun t => t * x s t ^ 2) p_infty (1 / (2 * Rabs (M s s) * rest s)).
Proof.
  pose proof (step_pos (b s) eps) as Ps. rewrite Rabs_left by exact own.
  assert (L : is_lim (fun t => / x s t ^ 2 / t) p_infty (2 * - M s s * rest s)).
  { apply (lim_quotient_of_derivative (fun t => / x s t ^ 2) (fun t => - 2 * (step s t * Q t) / x s t ^ 2)).
    - apply (evolves_invsq p_infty (x s) _ (entry_evolves D M S_Delta b eps p_infty x sol s Hs) Ns).
      intros t Ht _. now apply nonzero.
    - apply (is_lim_ext (fun t => - 2 * (step s t * (Q t / x s t ^ 2)))); [intros t; unfold Rdiv; ring|].
      replace (Finite (2 * - M s s * rest s)) with (Rbar_mult (Finite (-2)) (Finite (rest s * M s s))) by (simpl; f_equal; ring).
      apply is_lim_scal_l. apply (is_lim_mult (step s) _ p_infty (rest s) (M s s) (step_lim s) form_over_square I). }
  apply (is_lim_ext_loc (fun t => / (/ x s t ^ 2 / t))).
  - exists 0. intros t Ht. pose proof (nonzero s t Hs Ns ltac:(lra)). field. split; lra.
  - replace (Finite (1 / (2 * - M s s * rest s))) with (Rbar_inv (Finite (2 * - M s s * rest s))).
    + apply is_lim_inv; [exact L|]. intros E. injection E. intros Z. assert (0 < 2 * - M s s * rest s) by pos. lra.
    + simpl. f_equal. field. split; lra.
Qed.

Lemma powers d : (d < D)%nat -> x d 0 <> 0 ->
  is_lim (fun t => ln (Rabs (x d t)) / ln t) p_infty (- rest d / (2 * rest s)).
Proof.
  intros Hd Nd. pose proof (step_pos (b s) eps) as Ps.
  apply (is_lim_ext_loc (fun t => ln (x d t ^ 2) / 2 / ln t)).
  { exists 1. intros t Ht. rewrite ln_square by (apply nonzero; try assumption; lra).
    pose proof (ln_increasing 1 t ltac:(lra) Ht) as P. rewrite ln_1 in P. field. lra. }
  apply (log_slope (fun t => ln (x d t ^ 2) / 2) (fun t => t * x s t ^ 2 * (step d t * (Q t / x s t ^ 2)))).
  - intros t Ht. pose proof (nonzero s t Hs Ns ltac:(lra)) as Xs.
    destruct (log_evolves_square d Hd Nd) as [_ F]. specialize (F t Ht I).
    replace (t * x s t ^ 2 * (step d t * (Q t / x s t ^ 2)) / t) with (/ 2 * (2 * (step d t * Q t))) by (field; lra).
    apply (is_derive_ext (fun t => / 2 * ln (x d t ^ 2))); [intros u; apply Rmult_comm|].
    now apply (is_derive_scal (fun t => ln (x d t ^ 2)) t (/ 2)).
  - replace (- rest d / (2 * rest s)) with (1 / (2 * Rabs (M s s) * rest s) * (rest d * M s s)).
    + apply (is_lim_mult _ _ p_infty (1 / (2 * Rabs (M s s) * rest s)) (rest d * M s s) scaled_square); [|exact I].
      apply (is_lim_mult (step d) _ p_infty (rest d) (M s s) (step_lim d) form_over_square I).
    + rewrite Rabs_left by exact own. field. split; lra.
Qed.
End Dying.

Theorem slowest_channel : slowest_channel_statement.
Proof.
  intros D M S_Delta b e0 x s [eps <-]%as_floor sol Hs Ns step slowest dies.
  pose proof (step_pos (b s) eps) as Ps. split; [exact (own_sign D M S_Delta b eps x s sol Hs Ns slowest dies)|].
  intros own. pose proof (Rabs_pos_lt (M s s) ltac:(lra)) as Pm. split.
  - replace (/ (2 * step s * Rabs (M s s))) with (1 / (2 * Rabs (M s s) * (softplus (b s) + eps))).
    + exact (scaled_square D M S_Delta b eps x s sol Hs Ns slowest dies own).
    + unfold step. field. split; lra.
  - intros d Hd Nd. replace (- (step d / (2 * step s))) with (- (softplus (b d) + eps) / (2 * (softplus (b s) + eps))).
    + exact (powers D M S_Delta b eps x s sol Hs Ns slowest dies own d Hd Nd).
    + unfold step. field. lra.
Qed.
