(** The softplus function and the step width Delta(u) = softplus(s u + b).

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus.
Open Scope R_scope.

Lemma exp_le u v : u <= v -> exp u <= exp v.
Proof.
  intros H. destruct (Rle_lt_or_eq_dec _ _ H) as [q|q]; [left; now apply exp_increasing|rewrite q; lra].
Qed.

Lemma exp_le_1 u : u <= 0 -> exp u <= 1.
Proof. intros H. rewrite <- exp_0. now apply exp_le. Qed.

(** ** Positivity, monotony, bounds *)
Lemma one_lt_1exp u : 1 < 1 + exp u.
Proof. pose proof (exp_pos u). lra. Qed.

Lemma softplus_pos u : 0 < softplus u.
Proof. unfold softplus. rewrite <- ln_1. apply ln_increasing; [lra|apply one_lt_1exp]. Qed.

Lemma softplus_le u v : u <= v -> softplus u <= softplus v.
Proof.
  intros H. unfold softplus. apply ln_le; [pose proof (one_lt_1exp u); lra|].
  pose proof (exp_le u v H). lra.
Qed.

Lemma softplus_upper u : softplus u <= exp u.
Proof.
  unfold softplus. rewrite <- (ln_exp (exp u)) at 2.
  apply ln_le; [pose proof (one_lt_1exp u); lra|apply exp_ineq1_le].
Qed.

Lemma ln1p_lower y : 0 < y -> y / (1 + y) <= ln (1 + y).
Proof.
  intros Hy.
  pose proof (exp_ineq1_le (ln (/ (1 + y)))) as H.
  rewrite exp_ln in H by (apply Rinv_0_lt_compat; lra).
  rewrite ln_Rinv in H by lra.
  replace (y / (1 + y)) with (1 - / (1 + y)) by (field; lra). lra.
Qed.

(** ** The step with its floor *)
Definition no_floor : nonnegreal := mknonnegreal 0 (Rle_refl 0).

(** A floor of a statement, as a number with its sign, and no floor at all. *)
Lemma as_floor e : 0 <= e -> exists eps : nonnegreal, nonneg eps = e.
Proof. intros H. now exists (mknonnegreal e H). Qed.

Lemma without_floor e : e = 0 -> nonneg no_floor = e.
Proof. intros ->. reflexivity. Qed.

Lemma step_pos z (eps : nonnegreal) : 0 < softplus z + eps.
Proof. pose proof (softplus_pos z). pose proof (cond_nonneg eps). lra. Qed.

Lemma step_le u v (eps : nonnegreal) : u <= v -> softplus u + eps <= softplus v + eps.
Proof. intros H. apply Rplus_le_compat_r. now apply softplus_le. Qed.

Lemma Delta_pos s b (eps : nonnegreal) u : 0 < Delta s b eps u.
Proof. apply step_pos. Qed.

Lemma Delta_0 s b eps : Delta s b eps 0 = softplus b + eps.
Proof. unfold Delta. do 2 f_equal. ring. Qed.

Lemma Delta_mono s b eps u v : s * u <= s * v -> Delta s b eps u <= Delta s b eps v.
Proof. intros H. apply Rplus_le_compat_r, softplus_le. lra. Qed.

Lemma Delta_no_floor s b u : Delta s b no_floor u = softplus (s * u + b).
Proof. apply Rplus_0_r. Qed.

Lemma Delta_upper s b u : Delta s b no_floor u <= exp (s * u + b).
Proof. rewrite Delta_no_floor. apply softplus_upper. Qed.

Lemma Delta_floor s b (eps : nonnegreal) u : softplus (s * u + b) <= Delta s b eps u.
Proof. unfold Delta. pose proof (cond_nonneg eps). lra. Qed.

Lemma Rabs_scal_le s u c : Rabs u <= c -> Rabs (s * u) <= Rabs s * c.
Proof. intros H. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|exact H]. Qed.

Lemma Delta_lower s b eps u c : Rabs u <= c -> softplus (b - Rabs s * c) + eps <= Delta s b eps u.
Proof.
  intros H. apply Rplus_le_compat_r, softplus_le. pose proof (Rabs_scal_le s u c H) as Q.
  pose proof (Rle_abs (- (s * u))). rewrite Rabs_Ropp in *. lra.
Qed.

Lemma Delta_least s b (eps : nonnegreal) u c : Rabs u <= c -> softplus (b - Rabs s * c) <= Delta s b eps u.
Proof. intros H. pose proof (Delta_lower s b eps u c H). pose proof (cond_nonneg eps). lra. Qed.

Lemma Delta_box s b (eps : nonnegreal) u c : Rabs u <= c ->
  0 <= Delta s b eps u <= softplus (Rabs s * c + b) + eps.
Proof.
  intros H. split; [left; apply Delta_pos|].
  apply step_le. pose proof (Rabs_scal_le s u c H). pose proof (Rle_abs (s * u)). lra.
Qed.

(** ** Derivative: Delta' = s sigmoid(s u + b) *)
Definition sigmoid (z : R) : R := exp z / (1 + exp z).

Lemma Delta_derive s b eps y : is_derive (Delta s b eps) y (s * sigmoid (s * y + b)).
Proof.
  unfold Delta, softplus, sigmoid. pose proof (exp_pos (s * y + b)). auto_derive; [lra|field; lra].
Qed.

Lemma Delta_continuity s b eps u : continuity_pt (Delta s b eps) u.
Proof.
  apply derivable_continuous_pt. eexists. apply is_derive_Reals, Delta_derive.
Qed.

Lemma sigmoid_continuity s b u : continuity_pt (fun y => sigmoid (s * y + b)) u.
Proof.
  unfold sigmoid. apply derivable_continuous_pt. eexists. apply is_derive_Reals.
  pose proof (exp_pos (s * u + b)). auto_derive; [lra|reflexivity].
Qed.

(** ** Decay factors exp(- a Delta) *)
Lemma decay_continuity a s b eps u : continuity_pt (fun v => exp (- a * Delta s b eps v)) u.
Proof.
  apply (continuity_pt_comp (fun v => - a * Delta s b eps v) exp).
  - apply (continuity_pt_scal (Delta s b eps)). apply Delta_continuity.
  - apply derivable_continuous_pt, derivable_pt_exp.
Qed.

Lemma decay_le_1 a s b (eps : nonnegreal) u : 0 <= a -> exp (- a * Delta s b eps u) <= 1.
Proof. intros Ha. apply exp_le_1. pose proof (Delta_pos s b eps u). nra. Qed.

Lemma decay_lt_1 a d : 0 < a -> 0 < d -> exp (- a * d) < 1.
Proof. intros Ha Hd. rewrite <- exp_0. apply exp_increasing. nra. Qed.

Lemma decay_upper a s b (eps : nonnegreal) u c : Rabs u <= c ->
  exp (- a * Delta s b eps u) <= exp (Rabs a * (softplus (Rabs s * c + b) + eps)).
Proof.
  intros H. apply exp_le. pose proof (Delta_box s b eps u c H) as D.
  apply Rle_trans with (Rabs a * Delta s b eps u).
  - apply Rmult_le_compat_r; [lra|]. pose proof (Rle_abs (- a)). rewrite Rabs_Ropp in *. lra.
  - apply Rmult_le_compat_l; [apply Rabs_pos|lra].
Qed.

Lemma decay_lower a s b (eps : nonnegreal) u c : Rabs u <= c ->
  exp (- (Rabs a * (softplus (Rabs s * c + b) + eps))) <= exp (- a * Delta s b eps u).
Proof.
  intros H. apply exp_le. pose proof (Delta_box s b eps u c H) as D.
  assert (a * Delta s b eps u <= Rabs a * (softplus (Rabs s * c + b) + eps)); [|lra].
  apply Rle_trans with (Rabs a * Delta s b eps u).
  - apply Rmult_le_compat_r; [lra|]. apply Rle_abs.
  - apply Rmult_le_compat_l; [apply Rabs_pos|lra].
Qed.

(** ** Powers against exponentials *)
Lemma z_exp z : 0 <= z -> z * exp (- z) <= 1.
Proof.
  intros Hz. pose proof (exp_ineq1_le z). pose proof (exp_pos (- z)).
  apply Rle_trans with (exp z * exp (- z)); [nra|]. rewrite <- exp_plus, Rplus_opp_r, exp_0. lra.
Qed.

Lemma z2_exp z : 0 <= z -> z ^ 2 * exp (- z) <= 4.
Proof.
  intros Hz. pose proof (z_exp (z / 2) ltac:(lra)) as H.
  pose proof (exp_pos (- (z / 2))).
  replace (exp (- z)) with (exp (- (z / 2)) * exp (- (z / 2))) by (rewrite <- exp_plus; apply (f_equal exp); field).
  assert (0 <= z / 2 * exp (- (z / 2))) by (apply Rmult_le_pos; lra). nra.
Qed.

Lemma z3_exp z : 0 <= z -> z ^ 3 * exp (- z) <= 27.
Proof.
  intros Hz. pose proof (z_exp (z / 3) ltac:(lra)) as H.
  pose proof (exp_pos (- (z / 3))).
  set (q := z / 3 * exp (- (z / 3))) in *.
  assert (0 <= q) by (apply Rmult_le_pos; lra).
  replace (z ^ 3 * exp (- z)) with (27 * q ^ 3).
  - assert (q ^ 3 <= 1 ^ 3) by (apply pow_incr; lra). lra.
  - unfold q. replace (exp (- z)) with (exp (- (z / 3)) ^ 3); [field|].
    simpl. rewrite Rmult_1_r, <- !exp_plus. apply (f_equal exp). field.
Qed.

Lemma cube_exp sg r : 0 < sg -> 0 <= r -> r ^ 3 * exp (- (sg * r)) <= 216 / sg ^ 3 * exp (- (sg / 2 * r)).
Proof.
  intros Hs Hr.
  assert (A : sg / 6 * r <= exp (sg / 6 * r)).
  { pose proof (exp_ineq1_le (sg / 6 * r)). lra. }
  assert (A0 : 0 <= sg / 6 * r) by (apply Rmult_le_pos; lra).
  assert (C : (sg / 6 * r) ^ 3 <= exp (sg / 2 * r)).
  { replace (exp (sg / 2 * r)) with (exp (sg / 6 * r) ^ 3).
    - apply pow_incr. split; assumption.
    - simpl. rewrite Rmult_1_r, <- !exp_plus. apply (f_equal exp). field. }
  replace (exp (- (sg * r))) with (exp (- (sg / 2 * r)) * exp (- (sg / 2 * r)))
    by (rewrite <- exp_plus; (apply (f_equal exp); field)).
  rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [left; apply exp_pos|].
  replace (r ^ 3) with (216 / sg ^ 3 * (sg / 6 * r) ^ 3) by (field; lra).
  assert (P : 0 < 216 / sg ^ 3).
  { apply Rdiv_lt_0_compat; [lra|apply pow_lt; exact Hs]. }
  rewrite Rmult_assoc.
  rewrite <- (Rmult_1_r (216 / sg ^ 3)) at 2.
  apply Rmult_le_compat_l; [lra|].
  apply Rle_trans with (exp (sg / 2 * r) * exp (- (sg / 2 * r))).
  - apply Rmult_le_compat_r; [left; apply exp_pos|exact C].
  - rewrite <- exp_plus, Rplus_opp_r, exp_0. lra.
Qed.

Lemma ln_affine A B t : 0 <= A -> 0 < B -> exp 1 <= t ->
  ln (A + B * t) <= (1 + Rabs (ln (A + B))) * ln t.
Proof.
  intros HA HB Ht.
  assert (H1 : 1 <= t) by (pose proof (exp_ineq1_le 1); lra).
  assert (Hl : 1 <= ln t). { rewrite <- (ln_exp 1). apply ln_le; [apply exp_pos|exact Ht]. }
  apply Rle_trans with (ln ((A + B) * t)).
  - apply ln_le; [|nra].
    assert (0 < B * t) by pos. lra.
  - rewrite ln_mult by lra. pose proof (Rle_abs (ln (A + B))). pose proof (Rabs_pos (ln (A + B))). nra.
Qed.

