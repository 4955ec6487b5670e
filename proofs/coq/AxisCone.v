(** Far out on an axis: how long the steps of the channels are, and how close form and drives are to their values there.

    Proves no registry theorem by itself; AxisToken.v and AxisAtInfinity.v rest on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Softplus Sums BlowUpProfile Barrier VectorToken Radial SlowestChannel.
Open Scope R_scope.

(** ** Steps far out *)
Definition slower_far (own other eps far close ratio : R) : Prop :=
  forall r zi zd, far <= r -> Rabs (zi - own * r) <= close * r -> Rabs (zd - other * r) <= close * r ->
  softplus zd + eps <= ratio * (softplus zi + eps).

Lemma softplus_above z : z <= softplus z.
Proof.
  unfold softplus. rewrite <- (ln_exp z) at 1. apply ln_le; [apply exp_pos|]. lra.
Qed.

Lemma softplus_below z c : z <= c -> 0 <= c -> softplus z <= c + 1.
Proof.
  intros Hz Hc. apply Rle_trans with (softplus c); [now apply softplus_le|]. now apply softplus_right_bounds.
Qed.

Lemma exp_m3 z : z <= - 3 -> exp z <= / 4.
Proof.
  intros Hz. apply Rle_trans with (exp (Ropp 3)); [apply exp_le; lra|]. rewrite exp_Ropp. apply Rinv_le_contravar; [lra|].
  pose proof (exp_ineq1_le 3). lra.
Qed.

Lemma slower_given own other (eps : nonnegreal) gap : 0 < gap -> (0 < own -> Rmax 0 other + gap <= own) ->
  (own <= 0 -> nonneg eps = 0 /\ other + gap <= own) ->
  slower_far own other eps (4 * (1 + eps) / gap) (gap / 8) (if Rlt_dec 0 own then 1 - gap / (2 * own) else / 2).
Proof.
  intros Pg Fast Slow r zi zd Hfar Hi Hd. pose proof (cond_nonneg eps) as Pe.
  apply Rabs_le_between in Hi. apply Rabs_le_between in Hd.
  assert (Far : 4 * (1 + eps) <= gap * r).
  { apply (Rmult_le_compat_l gap) in Hfar; [|lra]. replace (gap * (4 * (1 + eps) / gap)) with (4 * (1 + eps)) in Hfar by (field; lra). lra. }
  assert (Pr : 0 < r) by nra.
  destruct (Rlt_dec 0 own) as [P|Neg].
  - specialize (Fast P). set (top := Rmax 0 other) in *.
    assert (Ht : 0 <= top /\ other <= top) by (unfold top; split; [apply Rmax_l|apply Rmax_r]).
    assert (Hr : 0 < gap / (2 * own) <= / 2).
    { split; [apply Rdiv_lt_0_compat; lra|]. apply (Rmult_le_reg_r (2 * own)); [lra|].
      unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
    assert (Up : softplus zd <= (top + gap / 8) * r + 1).
    { assert (other * r <= top * r) by (apply Rmult_le_compat_r; lra). apply softplus_below; [lra|]. apply Rmult_le_pos; lra. }
    pose proof (softplus_above zi) as Low.
    assert (E : (1 - gap / (2 * own)) * own = own - gap / 2) by (field; lra).
    assert (Pth : / 2 <= 1 - gap / (2 * own) < 1) by lra. set (th := 1 - gap / (2 * own)) in *.
    assert (Own : th * ((own - gap / 8) * r) <= th * softplus zi) by (apply Rmult_le_compat_l; lra).
    assert (0 <= th * eps) by (apply Rmult_le_pos; lra).
    replace (th * ((own - gap / 8) * r)) with (th * own * r - th * (gap / 8) * r) in Own by ring. rewrite E in Own.
    assert (th * (gap / 8 * r) <= 1 * (gap / 8 * r)) by (apply Rmult_le_compat_r; [apply Rmult_le_pos; lra|lra]).
    assert (top * r <= (own - gap) * r) by (apply Rmult_le_compat_r; lra).
    lra.
  - destruct (Slow ltac:(lra)) as [Ze Gap]. rewrite Ze, !Rplus_0_r. rewrite Ze in Far.
    pose proof (softplus_upper zd) as Up. pose proof (exp_pos zi) as Pi.
    pose proof (ln1p_lower (exp zi) Pi) as Low. change (ln (1 + exp zi)) with (softplus zi) in Low.
    assert (Half : softplus zi >= exp (Rmin zi 0) / 2).
    { apply Rle_ge. destruct (Rle_lt_dec zi 0) as [Q|Q].
      - rewrite Rmin_left by lra. apply Rle_trans with (exp zi / (1 + exp zi)); [|lra].
        unfold Rdiv. apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; [lra|]. pose proof (exp_le_1 zi Q). lra.
      - rewrite Rmin_right by lra. rewrite exp_0. pose proof (softplus_above zi).
        apply Rle_trans with (softplus 0); [|apply softplus_le; lra].
        pose proof (ln1p_lower 1 ltac:(lra)) as Q1. unfold softplus. rewrite exp_0. lra. }
    assert (other * r <= (own - gap) * r) by (apply Rmult_le_compat_r; lra).
    assert (own * r <= 0 * r) by (apply Rmult_le_compat_r; lra).
    assert (Small : exp zd <= / 4 * exp (Rmin zi 0)).
    { replace (exp zd) with (exp (zd - Rmin zi 0) * exp (Rmin zi 0)) by (rewrite <- exp_plus; f_equal; ring).
      apply Rmult_le_compat_r; [left; apply exp_pos|]. apply exp_m3.
      destruct (Rle_lt_dec zi 0) as [Q|Q]; [rewrite Rmin_left by lra|rewrite Rmin_right by lra]; lra. }
    lra.
Qed.

Lemma quotient_below u k v : 0 < k -> u / k <= v -> u <= k * v.
Proof. intros Hk H. apply (Rmult_le_compat_l k) in H; [|lra]. replace (k * (u / k)) with u in H by (field; lra). exact H. Qed.

Lemma sum_below_minus N f h : sum_below N f - sum_below N h = sum_below N (fun n => f n - h n).
Proof. induction N as [|N IH]; cbn [sum_below]; [ring|]. rewrite <- IH. ring. Qed.

Section Axis.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (i : nat) (side : R).
Hypothesis Hi : (i < D)%nat.
Hypothesis Hside : side * side = 1.

Definition column_size : R := sum_below D (fun d => sum_below D (fun e => Rabs (S_Delta d e))).
Definition bias_size : R := sum_below D (fun d => Rabs (b d)).
Definition form_size : R := sum_below D (fun d => sum_below D (fun e => Rabs (M d e))).

Lemma column_nonneg : 0 <= column_size.
Proof. apply sum_below_nonneg. intros d _. apply sum_below_nonneg. intros e _. apply Rabs_pos. Qed.

Lemma bias_nonneg : 0 <= bias_size.
Proof. apply sum_below_nonneg. intros d _. apply Rabs_pos. Qed.

Lemma form_size_nonneg : 0 <= form_size.
Proof. apply sum_below_nonneg. intros d _. apply sum_below_nonneg. intros e _. apply Rabs_pos. Qed.

(** v lies in the cone of width h around the axis, on the side of it. *)
Definition in_cone (h : R) (v : nat -> R) : Prop :=
  0 < side * v i /\ square_norm D v <= (1 + h ^ 2) * v i ^ 2.

Lemma side_abs v : 0 < side * v i -> Rabs (v i) = side * v i /\ v i = side * (side * v i).
Proof.
  intros P. split; [|replace (side * (side * v i)) with (side * side * v i) by ring; rewrite Hside; ring].
  assert (E : side = 1 \/ side = - 1).
  { assert (Z : (side - 1) * (side + 1) = 0) by lra. apply Rmult_integral in Z. destruct Z; [left|right]; lra. }
  destruct E as [->| ->]; [rewrite Rabs_pos_eq by lra; ring|rewrite Rabs_left by lra; ring].
Qed.

Lemma others_small h v d : 0 <= h -> in_cone h v -> (d < D)%nat -> d <> i -> Rabs (v d) <= h * (side * v i).
Proof.
  intros Hh [P C] Hd Nd. destruct (side_abs v P) as [A _]. rewrite <- A.
  replace (h * Rabs (v i)) with (Rabs (h * v i)) by (rewrite Rabs_mult, (Rabs_pos_eq h) by exact Hh; reflexivity).
  apply Rabs_le_of_sq.
  assert (Two : v d ^ 2 + v i ^ 2 <= square_norm D v).
  { unfold square_norm. pose proof (term_le_sum D (fun e => if Nat.eqb e i then 0 else v e ^ 2) d) as Td. cbv beta in Td.
    assert (Q : (d =? i)%nat = false) by (now apply Nat.eqb_neq). rewrite Q in Td.
    replace (sum_below D (fun e => v e ^ 2))
      with (sum_below D (fun e => if Nat.eqb e i then 0 else v e ^ 2) + sum_below D (fun e => if Nat.eqb e i then v e ^ 2 else 0)).
    - rewrite (sum_below_single D (fun e => if Nat.eqb e i then v e ^ 2 else 0) i Hi).
      + rewrite Nat.eqb_refl. apply Rplus_le_compat_r. apply Td; [|exact Hd]. intros e _.
        destruct (Nat.eqb e i); [lra|apply pow2_ge_0].
      + intros n _ Nn. apply Nat.eqb_neq in Nn. now rewrite Nn.
    - rewrite <- sum_below_plus. apply sum_below_ext. intros e _. destruct (Nat.eqb e i); ring. }
  rewrite Rpow_mult_distr. lra.
Qed.

Lemma drive_close h v d : 0 <= h -> in_cone h v -> (d < D)%nat ->
  Rabs (projection D S_Delta v d + b d - S_Delta d i * side * (side * v i)) <= column_size * (h * (side * v i)) + bias_size.
Proof.
  intros Hh C Hd. pose proof C as [P _]. destruct (side_abs v P) as [_ E].
  assert (Pos : 0 <= h * (side * v i)) by (apply Rmult_le_pos; lra).
  replace (S_Delta d i * side * (side * v i)) with (S_Delta d i * v i) by (rewrite E at 1; ring).
  replace (projection D S_Delta v d + b d - S_Delta d i * v i)
    with (sum_below D (fun e => S_Delta d e * (if Nat.eqb e i then 0 else v e)) + b d).
  - eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    + eapply Rle_trans; [apply sum_below_abs|].
      apply Rle_trans with (sum_below D (fun e => Rabs (S_Delta d e)) * (h * (side * v i))).
      * rewrite <- sum_below_scal_r. apply sum_below_le. intros e He. rewrite Rabs_mult.
        apply Rmult_le_compat_l; [apply Rabs_pos|]. destruct (Nat.eqb_spec e i) as [->|Ne]; [rewrite Rabs_R0; exact Pos|].
        now apply others_small.
      * apply Rmult_le_compat_r; [exact Pos|]. unfold column_size.
        apply (term_le_sum D (fun d => sum_below D (fun e => Rabs (S_Delta d e)))); [|exact Hd].
        intros e _. apply sum_below_nonneg. intros k _. apply Rabs_pos.
    + apply (term_le_sum D (fun d => Rabs (b d))); [|exact Hd]. intros e _. apply Rabs_pos.
  - unfold projection.
    replace (sum_below D (fun e => S_Delta d e * v e))
      with (sum_below D (fun e => S_Delta d e * (if Nat.eqb e i then 0 else v e)) + sum_below D (fun e => if Nat.eqb e i then S_Delta d e * v e else 0)).
    + rewrite (sum_below_single D (fun e => if Nat.eqb e i then S_Delta d e * v e else 0) i Hi).
      * rewrite Nat.eqb_refl. ring.
      * intros n _ Nn. apply Nat.eqb_neq in Nn. now rewrite Nn.
    + rewrite <- sum_below_plus. apply sum_below_ext. intros e _. destruct (Nat.eqb e i); ring.
Qed.

Lemma form_close h v : 0 <= h <= 1 -> in_cone h v ->
  Rabs (quadratic_form D M v - M i i * (side * v i) ^ 2) <= form_size * h * (side * v i) ^ 2.
Proof.
  intros Hh C. pose proof C as [P _]. destruct (side_abs v P) as [A E]. set (r := side * v i) in *.
  replace (M i i * r ^ 2) with (quadratic_form D M (fun d => unit_vector i d * v d)).
  2:{ rewrite (form_scaled D M (v i) (unit_vector i)).
      - rewrite form_unit by exact Hi. rewrite E. replace ((side * r) ^ 2) with (side * side * r ^ 2) by ring. rewrite Hside. ring.
      - intros d _. unfold unit_vector. destruct (Nat.eqb_spec d i) as [->|]; ring. }
  unfold quadratic_form.
  replace (sum_below D (fun d => sum_below D (fun e => M d e * v d * v e)) -
    sum_below D (fun d => sum_below D (fun e => M d e * (unit_vector i d * v d) * (unit_vector i e * v e))))
    with (sum_below D (fun d => sum_below D (fun e => M d e * (v d * v e * (1 - unit_vector i d * unit_vector i e))))).
  - eapply Rle_trans; [apply sum_below_abs|]. unfold form_size. rewrite Rmult_assoc, <- sum_below_scal_r. apply sum_below_le.
    intros d Hd. eapply Rle_trans; [apply sum_below_abs|]. rewrite <- sum_below_scal_r. apply sum_below_le. intros e He.
    rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|]. rewrite !Rabs_mult.
    assert (Each : forall k, (k < D)%nat -> Rabs (v k) <= r /\ (k <> i -> Rabs (v k) <= h * r)).
    { intros k Hk. split; [|intros Nk; now apply others_small]. destruct (Nat.eq_dec k i) as [->|Nk]; [lra|].
      pose proof (others_small h v k ltac:(lra) C Hk Nk) as Q. fold r in Q. nra. }
    destruct (Each d Hd) as [D1 D2]. destruct (Each e He) as [E1 E2].
    pose proof (Rabs_pos (v d)). pose proof (Rabs_pos (v e)). unfold unit_vector.
    destruct (Nat.eqb_spec d i) as [Ed|Nd], (Nat.eqb_spec e i) as [Ee|Ne].
    + replace (1 - 1 * 1) with 0 by ring. rewrite Rabs_R0. assert (0 <= h * r ^ 2) by (apply Rmult_le_pos; [lra|apply pow2_ge_0]). lra.
    + specialize (E2 Ne). replace (1 - 1 * 0) with 1 by ring. rewrite Rabs_R1, Rmult_1_r.
      apply Rle_trans with (r * (h * r)); [apply Rmult_le_compat; assumption|simpl; lra].
    + specialize (D2 Nd). replace (1 - 0 * 1) with 1 by ring. rewrite Rabs_R1, Rmult_1_r.
      apply Rle_trans with (h * r * r); [apply Rmult_le_compat; assumption|simpl; lra].
    + specialize (D2 Nd). replace (1 - 0 * 0) with 1 by ring. rewrite Rabs_R1, Rmult_1_r.
      apply Rle_trans with (h * r * r); [apply Rmult_le_compat; assumption|simpl; lra].
  - rewrite sum_below_minus. apply sum_below_ext. intros d _. rewrite sum_below_minus. apply sum_below_ext. intros e _. ring.
Qed.

(** ** A trajectory that starts far out in a narrow cone *)
Hypothesis own : 0 < M i i.

(** Width at which the form is at least half of M_ii x_i^2. *)
Definition narrow : R := Rmin 1 (M i i / (2 * (form_size + 1))).

Lemma narrow_range : 0 < narrow <= 1 /\ form_size * narrow <= M i i / 2.
Proof.
  pose proof form_size_nonneg as P. unfold narrow. split; [split; [apply Rmin_glb_lt; [lra|apply Rdiv_lt_0_compat; lra]|apply Rmin_l]|].
  pose proof (Rmin_r 1 (M i i / (2 * (form_size + 1)))) as Q. apply (Rmult_le_compat_l form_size) in Q; [|exact P].
  eapply Rle_trans; [exact Q|]. apply (Rmult_le_reg_r (2 * (form_size + 1))); [lra|].
  unfold Rdiv. replace (form_size * (M i i * / (2 * (form_size + 1))) * (2 * (form_size + 1))) with (form_size * M i i) by (field; lra).
  nra.
Qed.

Lemma form_in_cone h v : 0 <= h <= narrow -> in_cone h v -> M i i / 2 * (side * v i) ^ 2 <= quadratic_form D M v.
Proof.
  intros Hh C. destruct narrow_range as [N1 N2]. pose proof (form_close h v ltac:(lra) C) as F. apply Rabs_le_between in F.
  pose proof form_size_nonneg as P. pose proof (pow2_ge_0 (side * v i)) as Sq. set (q := (side * v i) ^ 2) in *.
  assert (form_size * h * q <= M i i / 2 * q); [|lra]. apply Rmult_le_compat_r; [exact Sq|].
  apply Rle_trans with (form_size * narrow); [apply Rmult_le_compat_l; lra|exact N2].
Qed.
End Axis.
