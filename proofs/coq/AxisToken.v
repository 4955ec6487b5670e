(** Token 1 that starts far out near an axis.

    Where the other channels' steps are at most theta < 1 of the axis' own, |x|^2/x_i^2 - 1 falls like a power of |x_i|;
    where another step is longer, that channel gains.  Proves no registry theorem by itself; AxisAtInfinity.v does. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums Limits BlowUpProfile.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal FieldAlong VectorToken VectorFlow Radial Trichotomy SlowestChannel.
From S6Flow Require Import AxisCone.
Open Scope R_scope.

Section Axis.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (i : nat) (side : R).
Hypothesis Hi : (i < D)%nat.
Hypothesis Hside : side * side = 1.
Hypothesis own : 0 < M i i.

Notation column_size := (column_size D S_Delta).
Notation bias_size := (bias_size D b).
Notation form_size := (form_size D M).
Notation in_cone := (in_cone D i side).
Notation narrow := (narrow D M i).

Let narrow_range := narrow_range D M i own.
Let form_size_nonneg := form_size_nonneg D M.
Let column_nonneg := column_nonneg D S_Delta.
Let bias_nonneg := bias_nonneg D b.
Let side_abs := side_abs i side Hside.
Let others_small := others_small D i side Hi Hside.
Let drive_close := drive_close D S_Delta b i side Hi Hside.
Let form_close := form_close D M i side Hi Hside.
Let form_in_cone := form_in_cone D M i side Hi Hside own.

Section Token.
Variables (T : Rbar) (x : nat -> R -> R).
Hypothesis maxi : vector_maximal D M S_Delta b eps T x.
Variable h0 : R.
Hypothesis Hh0 : 0 < h0 <= narrow.
Hypothesis start : in_cone h0 (fun d => x d 0).

Notation Q := (form_at D M x).
Notation step := (step_at D S_Delta b eps x).
Notation r t := (side * x i t).
Notation size := (norm_at D x).

Lemma token_solves : vector_solution D M S_Delta b eps T x.
Proof. exact (proj1 (proj2 maxi)). Qed.

Lemma token_alive : Rbar_lt 0 T.
Proof. exact (proj1 maxi). Qed.

Lemma form_starts : 0 < Q 0.
Proof.
  pose proof (form_in_cone h0 (fun d => x d 0) ltac:(lra) start) as F. destruct start as [P _]. cbv beta in P.
  assert (0 < (side * x i 0) ^ 2) by (apply pow_lt; exact P). unfold form_at. assert (0 < M i i / 2) by lra. nra.
Qed.

Lemma form_stays t : 0 <= t -> Rbar_lt t T -> 0 < Q t.
Proof. intros Ht HT. apply (form_sign D M S_Delta b eps T x token_solves t Ht HT). exact form_starts. Qed.

Lemma axis_evolves : evolves T (fun t => r t) (fun t => r t * (step i t * Q t)).
Proof. exact (evolves_scal T side _ _ (entry_evolves D M S_Delta b eps T x token_solves i Hi)). Qed.

Lemma axis_positive t : 0 <= t -> Rbar_lt t T -> 0 < r t.
Proof.
  intros Ht HT. apply (sign_on T (fun t => r t) _ axis_evolves); [|exact (proj1 start)|exact Ht|exact HT].
  intros u Hu HuT Z. pose proof (proj1 start) as P. cbv beta in P.
  apply (factor_nonzero T (x i) _ (entry_evolves D M S_Delta b eps T x token_solves i Hi)
    (entry_bounded D M S_Delta b eps T x token_solves i)) with (t := u); [|exact Hu|exact HuT|].
  - intros Z0. rewrite Z0 in P. lra.
  - apply (Rmult_eq_compat_l side) in Z. replace (side * (side * x i u)) with (side * side * x i u) in Z by ring.
    rewrite Hside in Z. lra.
Qed.

Lemma axis_grows u v : 0 <= u <= v -> Rbar_lt v T -> r u <= r v.
Proof.
  intros Huv HT. apply (incr_on T (fun t => r t) _ u v axis_evolves); [lra|lra|exact HT|]. intros t Ht.
  assert (HtT : Rbar_lt t T) by (apply Rbar_lt_lt with v; [lra|exact HT]).
  pose proof (axis_positive t ltac:(lra) HtT). pose proof (form_stays t ltac:(lra) HtT).
  pose proof (step_at_pos D S_Delta b eps x i t). left. pos.
Qed.

Lemma axis_square t : x i t ^ 2 = r t ^ 2.
Proof. replace ((side * x i t) ^ 2) with (side * side * x i t ^ 2) by ring. rewrite Hside. ring. Qed.

(** |x|^2/x_i^2 - 1. *)
Definition excess (t : R) : R := size t * / r t ^ 2 - 1.

Lemma size_over t : 0 <= t -> Rbar_lt t T -> r t ^ 2 <= size t.
Proof. intros _ _. rewrite <- axis_square. now apply square_le_norm_at. Qed.

Lemma excess_nonneg t : 0 <= t -> Rbar_lt t T -> 0 <= excess t.
Proof.
  intros Ht HT. pose proof (axis_positive t Ht HT) as P. pose proof (size_over t Ht HT) as S.
  assert (P2 : 0 < r t ^ 2) by (now apply pow_lt). unfold excess.
  assert (1 <= size t * / r t ^ 2); [|lra]. apply (Rmult_le_reg_r (r t ^ 2)); [exact P2|].
  rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma cone_excess h t : 0 <= t -> Rbar_lt t T -> in_cone h (fun d => x d t) <-> excess t <= h ^ 2.
Proof.
  intros Ht HT. pose proof (axis_positive t Ht HT) as P. assert (P2 : 0 < r t ^ 2) by (now apply pow_lt).
  unfold in_cone, excess. rewrite axis_square. change (square_norm D (fun d => x d t)) with (size t).
  assert (E : size t = size t * / r t ^ 2 * r t ^ 2) by (rewrite Rmult_assoc, Rinv_l by lra; ring). split.
  - intros [_ C]. assert (size t * / r t ^ 2 <= 1 + h ^ 2); [|lra]. apply (Rmult_le_reg_r (r t ^ 2)); [exact P2|]. rewrite <- E. exact C.
  - intros C. split; [exact P|]. rewrite E. apply Rmult_le_compat_r; lra.
Qed.

Lemma excess_evolves : evolves T excess (fun t =>
  2 * Q t * (sum_below D (fun d => step d t * x d t ^ 2) - step i t * size t) * / r t ^ 2).
Proof.
  assert (Nz : forall t, 0 <= t -> Rbar_lt t T -> r t <> 0).
  { intros t Ht HT. pose proof (axis_positive t Ht HT). lra. }
  assert (Inv : evolves T (fun t => / r t ^ 2) (fun t => - 2 * (step i t * Q t) / r t ^ 2)).
  { apply (evolves_invsq T (fun t => r t) _ axis_evolves); [apply Nz; [lra|exact token_alive]|exact Nz]. }
  pose proof (evolves_mult T _ _ _ _ (norm_evolves D M S_Delta b eps T x token_solves) Inv) as E.
  assert (One : evolves T (fun _ => - 1) (fun _ => 0)).
  { apply evolves_of_derive; [apply continuous_const|]. intros t. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)). }
  eapply evolves_ext; [exact (evolves_plus T _ _ _ _ E One)|]. intros t Ht HT. cbv beta. pose proof (Nz t ltac:(lra) HT) as N. set (q := r t) in *. field. exact N.
Qed.

(** A token that stays in the cone grows without bound along the axis. *)
Lemma axis_unbounded B : (forall t, 0 <= t -> Rbar_lt t T -> in_cone h0 (fun d => x d t)) -> exists t0, 0 <= t0 /\ Rbar_lt t0 T /\ forall t, t0 <= t -> Rbar_lt t T -> B < r t.
Proof.
  intros kept. pose proof (orbit_trichotomy D M S_Delta b eps T x (cond_nonneg eps) maxi) as (_ & _ & Ends). cbv zeta in Ends.
  destruct Ends as [[ET (p & Hp & Zp & _)]|[_ Unb]].
  - exfalso.
    assert (L : is_lim Q p_infty (quadratic_form D M p)).
    { apply (limit_along D x p (quadratic_form D M)); [|exact Hp]. intros c Hc. apply (lip_form D c D (fun y => y)).
      intros; now apply lip_coordinate. }
    rewrite Zp in L. apply is_lim_spec in L. set (low := M i i / 2 * r 0 ^ 2).
    assert (Pl : 0 < low) by (unfold low; apply Rmult_lt_0_compat; [lra|apply pow_lt; exact (proj1 start)]).
    destruct (L (mkposreal low Pl)) as (K & HK). change (pos (mkposreal low Pl)) with low in HK.
    set (t := Rmax 0 K + 1). pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K). specialize (HK t ltac:(unfold t; lra)).
    assert (HT : Rbar_lt t T) by (now rewrite ET). assert (Ht : 0 <= t) by (unfold t; lra).
    pose proof (form_in_cone h0 (fun d => x d t) ltac:(lra) (kept t Ht HT)) as F. fold (form_at D M x t) in F.
    pose proof (axis_grows 0 t ltac:(lra) HT) as G. pose proof (proj1 start) as P. cbv beta in P, F.
    rewrite Rminus_0_r in HK. apply Rabs_def2 in HK.
    assert (r 0 ^ 2 <= r t ^ 2) by (apply pow_incr; lra). unfold low in HK. assert (0 < M i i / 2) by lra. nra.
  - set (B' := Rabs B + 1). destruct (Unb (2 * B')) as (t0 & Ht0 & HT0 & H). exists t0. split; [exact Ht0|]. split; [exact HT0|].
    intros t Ht HT. specialize (H t Ht HT). pose proof (axis_positive t ltac:(lra) HT) as P.
    pose proof (kept t ltac:(lra) HT) as [_ C]. rewrite axis_square in C. cbv beta in C.
    pose proof narrow_range as [[_ N1] _].
    assert (N : norm D (fun d => x d t) <= 2 * r t).
    { unfold norm. rewrite <- (sqrt_pow2 (2 * r t)) by lra. apply sqrt_le_1_alt.
      change (sum_below D (fun d => x d t ^ 2)) with (square_norm D (fun d => x d t)).
      eapply Rle_trans; [exact C|]. replace ((2 * r t) ^ 2) with (4 * r t ^ 2) by ring.
      apply Rmult_le_compat_r; [apply pow2_ge_0|]. assert (h0 ^ 2 <= 1) by (simpl; nra). lra. }
    pose proof (Rle_abs B). unfold B' in *. lra.
Qed.

(** A token cannot stay in the cone while another channel has the longer step. *)
Lemma repelled d ratio : (d < D)%nat -> 0 < ratio < 1 -> d <> i -> x d 0 <> 0 ->
  (forall t, 0 <= t -> Rbar_lt t T -> in_cone h0 (fun d => x d t)) ->
  (forall t, 0 <= t -> Rbar_lt t T -> step i t <= ratio * step d t) -> False.
Proof.
  intros Hd Hr Nd N0 kept faster.
  assert (Nz : forall u, 0 <= u -> Rbar_lt u T -> r u <> 0).
  { intros u Hu HuT. pose proof (axis_positive u Hu HuT). lra. }
  pose proof (factor_nonzero T (x d) _ (entry_evolves D M S_Delta b eps T x token_solves d Hd)
    (entry_bounded D M S_Delta b eps T x token_solves d) N0) as Nzd.
  pose proof (log_square_evolves T (fun t => r t) _ token_alive axis_evolves Nz) as Ei. cbv beta in Ei.
  pose proof (log_square_evolves T (x d) _ token_alive (entry_evolves D M S_Delta b eps T x token_solves d Hd) Nzd) as Ed.
  assert (Ek : evolves T (fun t => - ((2 - ratio) * ln (r t ^ 2))) (fun t => - ((2 - ratio) * (2 * (step i t * Q t))))).
  { apply evolves_opp. destruct Ei as [F0 F]. split.
    - apply (rcont_mult (fun _ => 2 - ratio)); [|exact F0]. apply rcont_of_continuous, continuous_const.
    - intros t Ht HT. apply (is_derive_scal (fun t => ln (r t ^ 2)) t (2 - ratio)). now apply F. }
  pose proof (evolves_plus T _ _ _ _ Ed Ek) as E.
  set (C := ln (x d 0 ^ 2) + - ((2 - ratio) * ln (r 0 ^ 2))).
  destruct (axis_unbounded (exp ((1 - C) / (2 * (1 - ratio)))) kept) as (t & Ht & HT & U). specialize (U t (Rle_refl t) HT).
  assert (Up : C <= ln (x d t ^ 2) + - ((2 - ratio) * ln (r t ^ 2))).
  { apply (incr_on T _ _ 0 t E (Rle_refl 0) Ht HT). intros u Hu.
    assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    pose proof (faster u ltac:(lra) HuT) as F. pose proof (form_stays u ltac:(lra) HuT) as Pq.
    pose proof (step_at_pos D S_Delta b eps x d u) as Pd. pose proof (step_at_pos D S_Delta b eps x i u) as Pi.
    unfold entry_rate. change (channel_step D S_Delta b eps (fun e => x e u) d) with (step d u).
    change (quadratic_form D M (fun e => x e u)) with (Q u).
    assert (G : (2 - ratio) * step i u <= step d u).
    { apply Rle_trans with ((2 - ratio) * (ratio * step d u)); [apply Rmult_le_compat_l; lra|].
      assert ((2 - ratio) * ratio <= 1) by (pose proof (pow2_ge_0 (1 - ratio)); simpl in *; lra). rewrite <- Rmult_assoc.
      apply Rle_trans with (1 * step d u); [apply Rmult_le_compat_r; lra|lra]. }
    apply (Rmult_le_compat_r (2 * Q u)) in G; lra. }
  pose proof (axis_positive t Ht HT) as P. pose proof (kept t Ht HT) as K.
  pose proof (others_small h0 (fun d => x d t) d ltac:(lra) K Hd Nd) as S. cbv beta in S.
  destruct narrow_range as [[_ N1] _].
  assert (Le : ln (x d t ^ 2) <= ln (r t ^ 2)).
  { apply ln_le; [apply pow2_gt_0; now apply Nzd|]. apply sq_le_of_Rabs. rewrite (Rabs_pos_eq (r t)) by lra. nra. }
  apply ln_increasing in U; [|apply exp_pos]. rewrite ln_exp in U.
  rewrite (ln_square (r t)) in Up, Le by lra. rewrite (Rabs_pos_eq (r t)) in Up, Le by lra.
  apply (Rmult_lt_compat_r (2 * (1 - ratio))) in U; [|lra]. unfold Rdiv in U. rewrite Rmult_assoc, Rinv_l in U by lra. lra.
Qed.

(** Where every step far out is exponentially small the token lives for ever. *)
Lemma slow_lives k0 t0 : S_Delta i i * side < 0 -> nonneg eps = 0 -> column_size * k0 <= - (S_Delta i i * side) / 2 ->
  0 < k0 <= 1 -> 0 <= t0 -> Rbar_lt t0 T ->
  (forall t, t0 <= t -> Rbar_lt t T -> in_cone k0 (fun d => x d t)) -> T = p_infty.
Proof.
  intros Neg Ze Hc Hk0 Ht0 HT0 kept. set (k := - (S_Delta i i * side) / 2) in *. assert (Pk : 0 < k) by (unfold k; lra).
  pose proof form_size_nonneg as F0.
  set (G := (M i i + form_size) * (exp bias_size * (27 / k ^ 3))).
  assert (Vel : forall t, t0 < t -> Rbar_lt t T -> r t * (step i t * Q t) <= G).
  { intros t Ht HT. pose proof (kept t ltac:(lra) HT) as C. pose proof (axis_positive t ltac:(lra) HT) as P.
    pose proof (form_close k0 (fun d => x d t) ltac:(lra) C) as F. cbv beta in F. fold (form_at D M x t) in F.
    apply Rabs_le_between in F. pose proof (drive_close k0 (fun d => x d t) i ltac:(lra) C Hi) as Z. cbv beta in Z.
    apply Rabs_le_between in Z. pose proof (step_at_pos D S_Delta b eps x i t) as Ps.
    set (q := r t) in *. assert (P2 : 0 < q ^ 2) by (now apply pow_lt).
    assert (Qu : Q t <= (M i i + form_size) * q ^ 2).
    { assert (form_size * k0 * q ^ 2 <= form_size * q ^ 2) by (apply Rmult_le_compat_r; nra). lra. }
    assert (Su : step i t <= exp bias_size * exp (- (k * q))).
    { unfold step_at, channel_step. rewrite Ze, Rplus_0_r. eapply Rle_trans; [apply softplus_upper|].
      rewrite <- exp_plus. apply exp_le. assert (column_size * k0 * q <= k * q) by (apply Rmult_le_compat_r; lra).
      unfold k in *. lra. }
    assert (Cu : q ^ 3 * exp (- (k * q)) <= 27 / k ^ 3).
    { pose proof (z3_exp (k * q) ltac:(left; pos)) as Z3. apply (Rmult_le_reg_l (k ^ 3)); [now apply pow_lt|].
      replace (k ^ 3 * (27 / k ^ 3)) with 27 by (field; lra). rewrite Rpow_mult_distr in Z3. lra. }
    pose proof (form_stays t ltac:(lra) HT) as Pq.
    apply Rle_trans with (q * (exp bias_size * exp (- (k * q)) * ((M i i + form_size) * q ^ 2))).
    - apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra.
    - unfold G. replace (q * (exp bias_size * exp (- (k * q)) * ((M i i + form_size) * q ^ 2)))
        with ((M i i + form_size) * (exp bias_size * (q ^ 3 * exp (- (k * q))))) by ring.
      apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_l; [left; apply exp_pos|exact Cu]. }
  apply NNPP. intros NT.
  assert (End : exists T0 : R, T = T0).
  { pose proof token_alive as Al. clear -Al NT. destruct T as [T0| |]; [now exists T0|now elim NT|contradiction]. }
  destruct End as (T0 & ET). apply NT.
  destruct (common_bound T x D) as (B & HB).
  { intros d Hd.
    assert (Early : exists B, forall t, 0 <= t <= t0 -> Rabs (x d t) <= B).
    { destruct (solves_bounded D (vector_field D M S_Delta b eps) T x t0 token_solves Ht0 HT0) as (c & _ & Hc'). exists c.
      intros t Ht. now apply Hc'. }
    destruct Early as (B1 & HB1). exists (Rmax B1 (r t0 + Rabs G * T0)). intros t Ht HT.
    pose proof (Rmax_l B1 (r t0 + Rabs G * T0)). pose proof (Rmax_r B1 (r t0 + Rabs G * T0)).
    destruct (Rle_lt_dec t t0) as [Le|Gt]; [specialize (HB1 t ltac:(lra)); lra|].
    assert (Up : r t <= r t0 + Rabs G * T0).
    { pose proof (growth_le_on T (fun t => r t) _ G t0 t axis_evolves Ht0 ltac:(lra) HT) as L. cbv beta in L.
      assert (L' : r t - r t0 <= G * (t - t0)).
      { apply L. intros u Hu. apply Vel; [lra|]. apply Rbar_lt_lt with t; [lra|exact HT]. }
      rewrite ET in HT. simpl in HT. pose proof (Rle_abs G). pose proof (Rabs_pos G).
      assert (G * (t - t0) <= Rabs G * (t - t0)) by (apply Rmult_le_compat_r; lra).
      assert (Rabs G * (t - t0) <= Rabs G * T0) by (apply Rmult_le_compat_l; lra). lra. }
    pose proof (axis_positive t Ht HT) as P. destruct (Nat.eq_dec d i) as [->|Nd].
    - rewrite (proj1 (side_abs (fun d => x d t) P)). lra.
    - pose proof (others_small k0 (fun d => x d t) d ltac:(lra) (kept t ltac:(lra) HT) Hd Nd) as S. cbv beta in S. nra. }
  exact (vector_bounded_lives D M S_Delta b eps T x B maxi HB).
Qed.

(** Every other step is at most `ratio` of the own one, in a cone of a larger width. *)
Variables (h1 ratio far : R).
Hypothesis Hh1 : h0 < h1 <= narrow.
Hypothesis Hratio : 0 < ratio < 1.
Hypothesis slower : forall v d, in_cone h1 v -> far <= side * v i -> (d < D)%nat -> d <> i ->
  channel_step D S_Delta b eps v d <= ratio * channel_step D S_Delta b eps v i.
Hypothesis far_start : far <= r 0.

Lemma excess_falls t : 0 < t -> Rbar_lt t T -> excess t <= h1 ^ 2 ->
  sum_below D (fun d => step d t * x d t ^ 2) - step i t * size t <= - ((1 - ratio) * step i t * (size t - r t ^ 2)).
Proof.
  intros Ht HT C. apply (cone_excess h1 t ltac:(lra) HT) in C.
  assert (Far : far <= r t) by (pose proof (axis_grows 0 t ltac:(lra) HT); lra).
  pose proof (step_at_pos D S_Delta b eps x i t) as Ps.
  assert (B : sum_below D (fun d => step d t * x d t ^ 2) <=
    sum_below D (fun d => ratio * step i t * x d t ^ 2 + (if Nat.eqb d i then (1 - ratio) * step i t * x d t ^ 2 else 0))).
  { apply sum_below_le. intros d Hd. pose proof (pow2_ge_0 (x d t)). destruct (Nat.eqb_spec d i) as [->|Nd].
    - right. ring.
    - rewrite Rplus_0_r. apply Rmult_le_compat_r; [assumption|]. exact (slower (fun e => x e t) d C Far Hd Nd). }
  rewrite sum_below_plus, sum_below_scal in B.
  rewrite (sum_below_single D (fun d => if Nat.eqb d i then (1 - ratio) * step i t * x d t ^ 2 else 0) i Hi) in B.
  - rewrite Nat.eqb_refl, axis_square in B. change (sum_below D (fun d => x d t ^ 2)) with (size t) in B. nra.
  - intros d _ Nd. apply Nat.eqb_neq in Nd. now rewrite Nd.
Qed.

Lemma excess_over t : 0 <= t -> Rbar_lt t T -> size t - r t ^ 2 = excess t * r t ^ 2.
Proof. intros Ht HT. pose proof (axis_positive t Ht HT) as P. unfold excess. set (q := r t) in *. field. lra. Qed.

(** The velocity of the excess, while in the cone. *)
Lemma excess_velocity t : 0 < t -> Rbar_lt t T -> excess t <= h1 ^ 2 ->
  2 * Q t * (sum_below D (fun d => step d t * x d t ^ 2) - step i t * size t) * / r t ^ 2
  <= - (2 * (1 - ratio) * (step i t * Q t) * excess t).
Proof.
  intros Ht HT C. pose proof (excess_falls t Ht HT C) as F. rewrite excess_over in F by (lra || exact HT).
  pose proof (form_stays t ltac:(lra) HT) as Pq. pose proof (axis_positive t ltac:(lra) HT) as P.
  assert (P2 : 0 < r t ^ 2) by (now apply pow_lt).
  apply (Rmult_le_reg_r (r t ^ 2)); [exact P2|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  apply (Rmult_le_compat_l (2 * Q t)) in F; [|lra]. eapply Rle_trans; [exact F|]. right. ring.
Qed.

Lemma stays_in_cone t : 0 <= t -> Rbar_lt t T -> excess t <= h0 ^ 2.
Proof.
  intros Ht HT. assert (Wide : h0 ^ 2 < h1 ^ 2) by (simpl; nra).
  apply (strip_barrier T excess _ (h0 ^ 2) (h1 ^ 2) Wide excess_evolves) with (t := t); [|clear t Ht HT|exact Ht|exact HT].
  - exact (proj1 (cone_excess h0 0 (Rle_refl 0) token_alive) start).
  - intros t Ht HT Hc. eapply Rle_trans; [apply (excess_velocity t Ht HT); lra|].
    pose proof (form_stays t ltac:(lra) HT). pose proof (step_at_pos D S_Delta b eps x i t).
    assert (0 < h0 ^ 2) by (apply pow_lt; lra).
    assert (0 < 2 * (1 - ratio) * (step i t * Q t) * excess t) by (repeat apply Rmult_lt_0_compat; lra). lra.
Qed.

Lemma cone_kept t : 0 <= t -> Rbar_lt t T -> in_cone h0 (fun d => x d t).
Proof. intros Ht HT. apply (cone_excess h0 t Ht HT). now apply stays_in_cone. Qed.

(** The excess falls at least like a power of the axis entry. *)
Lemma excess_power t : 0 <= t -> Rbar_lt t T ->
  excess t * exp ((1 - ratio) * ln (r t ^ 2)) <= excess 0 * exp ((1 - ratio) * ln (r 0 ^ 2)).
Proof.
  intros Ht HT.
  assert (Nz : forall u, 0 <= u -> Rbar_lt u T -> r u <> 0).
  { intros u Hu HuT. pose proof (axis_positive u Hu HuT). lra. }
  pose proof (evolves_exp T (1 - ratio) _ _ (log_square_evolves T (fun t => r t) _ token_alive axis_evolves Nz)) as E1.
  pose proof (evolves_mult T _ _ _ _ excess_evolves E1) as E.
  apply (decr_on T _ _ 0 t E (Rle_refl 0) Ht HT). intros u Hu.
  assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
  pose proof (stays_in_cone u ltac:(lra) HuT) as C. assert (h0 ^ 2 < h1 ^ 2) by (simpl; nra).
  pose proof (excess_velocity u ltac:(lra) HuT ltac:(lra)) as V.
  pose proof (exp_pos ((1 - ratio) * ln (r u ^ 2))) as Pe. set (w := exp ((1 - ratio) * ln (r u ^ 2))) in *.
  apply (Rmult_le_compat_r w) in V; [|lra]. lra.
Qed.

Lemma excess_vanishes tol : 0 < tol -> exists t0, 0 <= t0 /\ Rbar_lt t0 T /\
  forall t, t0 <= t -> Rbar_lt t T -> excess t <= tol.
Proof.
  intros He. set (C := Rabs (excess 0 * exp ((1 - ratio) * ln (r 0 ^ 2))) + 1).
  assert (PC : 0 < C) by (unfold C; pose proof (Rabs_pos (excess 0 * exp ((1 - ratio) * ln (r 0 ^ 2)))); lra).
  destruct (axis_unbounded (exp (ln (C / tol) / (2 * (1 - ratio)))) cone_kept) as (t0 & Ht0 & HT0 & H).
  exists t0. split; [exact Ht0|]. split; [exact HT0|]. intros t Ht HT. specialize (H t Ht HT).
  pose proof (excess_power t ltac:(lra) HT) as W. pose proof (axis_positive t ltac:(lra) HT) as P.
  apply ln_increasing in H; [|apply exp_pos]. rewrite ln_exp in H.
  assert (L : ln (C / tol) < (1 - ratio) * ln (r t ^ 2)).
  { rewrite ln_square by lra. rewrite Rabs_pos_eq by lra.
    apply (Rmult_lt_compat_r (2 * (1 - ratio))) in H; [|lra]. unfold Rdiv in H at 1. rewrite Rmult_assoc, Rinv_l in H by lra. lra. }
  apply exp_increasing in L. rewrite exp_ln in L by (apply Rdiv_lt_0_compat; lra).
  pose proof (excess_nonneg t ltac:(lra) HT) as N.
  assert (Up : excess t * (C / tol) <= C).
  { apply Rle_trans with (excess t * exp ((1 - ratio) * ln (r t ^ 2))); [apply Rmult_le_compat_l; lra|].
    eapply Rle_trans; [exact W|]. unfold C. pose proof (Rle_abs (excess 0 * exp ((1 - ratio) * ln (r 0 ^ 2)))). lra. }
  apply (Rmult_le_reg_r (C / tol)); [apply Rdiv_lt_0_compat; lra|]. replace (tol * (C / tol)) with C by (field; lra). exact Up.
Qed.

(** ** The fast side *)
Notation w := (S_Delta i i * side).

(** How close form and own step are to their values on the axis. *)
Lemma near_axis tol : 0 < w -> 0 < tol -> exists t0, 0 <= t0 /\ Rbar_lt t0 T /\ forall t, t0 <= t -> Rbar_lt t T ->
  Rabs (Q t * / r t ^ 2 - M i i) <= tol /\ Rabs (step i t * / r t - w) <= tol.
Proof.
  intros Pw He.
  pose proof column_nonneg as C0. pose proof bias_nonneg as B0. pose proof form_size_nonneg as F0. pose proof (cond_nonneg eps) as E0.
  set (h := Rmin 1 (Rmin (tol / (form_size + 1)) (Rmin (tol / (2 * (column_size + 1))) (w / (2 * (column_size + 1)))))).
  assert (Hh' : 0 < h /\ h <= 1 /\ h <= tol / (form_size + 1) /\ h <= tol / (2 * (column_size + 1)) /\ h <= w / (2 * (column_size + 1))).
  { unfold h. set (p1 := tol / (form_size + 1)). set (p2 := tol / (2 * (column_size + 1))). set (p3 := w / (2 * (column_size + 1))).
    assert (0 < p1) by (unfold p1; apply Rdiv_lt_0_compat; lra). assert (0 < p2) by (unfold p2; apply Rdiv_lt_0_compat; lra).
    assert (0 < p3) by (unfold p3; apply Rdiv_lt_0_compat; lra).
    pose proof (Rmin_l 1 (Rmin p1 (Rmin p2 p3))). pose proof (Rmin_r 1 (Rmin p1 (Rmin p2 p3))).
    pose proof (Rmin_l p1 (Rmin p2 p3)). pose proof (Rmin_r p1 (Rmin p2 p3)). pose proof (Rmin_l p2 p3). pose proof (Rmin_r p2 p3).
    split; [repeat apply Rmin_glb_lt; lra|]. repeat split; lra. }
  destruct Hh' as (Ph & H1 & H2 & H3 & H4).
  set (big := Rmax 1 (2 * (bias_size + 1 + eps) / tol + 2 * bias_size / w)).
  destruct (axis_unbounded big cone_kept) as (t1 & Ht1 & HT1 & U).
  destruct (excess_vanishes (h ^ 2)) as (t2 & Ht2 & HT2 & V); [now apply pow_lt|].
  exists (Rmax t1 t2). pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2). split; [lra|].
  split; [unfold Rmax; destruct (Rle_dec t1 t2); assumption|]. intros t Ht HT.
  specialize (U t ltac:(lra) HT). specialize (V t ltac:(lra) HT).
  assert (Pt : 0 <= t) by lra. apply (cone_excess h t Pt HT) in V.
  pose proof (Rmax_l 1 (2 * (bias_size + 1 + eps) / tol + 2 * bias_size / w)) as M1.
  pose proof (Rmax_r 1 (2 * (bias_size + 1 + eps) / tol + 2 * bias_size / w)) as M2. fold big in M1, M2.
  assert (Pr : 1 < r t) by lra. assert (P2 : 0 < r t ^ 2) by (apply pow_lt; lra).
  assert (T1 : 0 <= 2 * (bias_size + 1 + eps) / tol) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
  assert (T2 : 0 <= 2 * bias_size / w) by (apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]).
  assert (Far1 : 2 * (bias_size + 1 + eps) <= tol * r t).
  { replace (2 * (bias_size + 1 + eps)) with (tol * (2 * (bias_size + 1 + eps) / tol)) by (field; lra). apply Rmult_le_compat_l; lra. }
  assert (Far2 : 2 * bias_size <= w * r t).
  { apply quotient_below; lra. }
  split.
  - pose proof (form_close h (fun d => x d t) ltac:(lra) V) as F. cbv beta in F. fold (form_at D M x t) in F.
    replace (Q t * / r t ^ 2 - M i i) with ((Q t - M i i * r t ^ 2) * / r t ^ 2) by (rewrite Rmult_minus_distr_r, (Rmult_assoc (M i i)), Rinv_r by lra; ring).
    rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; now apply Rinv_0_lt_compat).
    apply (Rmult_le_reg_r (r t ^ 2)); [exact P2|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    eapply Rle_trans; [exact F|]. apply Rmult_le_compat_r; [lra|].
    apply (Rmult_le_compat_l (form_size + 1)) in H2; [|lra].
    replace ((form_size + 1) * (tol / (form_size + 1))) with tol in H2 by (field; lra). nra.
  - pose proof (drive_close h (fun d => x d t) i ltac:(lra) V Hi) as F. cbv beta in F.
    set (z := projection D S_Delta (fun d => x d t) i + b i) in *. apply Rabs_le_between in F.
    assert (Q3 : column_size * (h * r t) <= tol / 2 * r t).
    { rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|]. apply (Rmult_le_compat_l (column_size + 1)) in H3; [|lra].
      replace ((column_size + 1) * (tol / (2 * (column_size + 1)))) with (tol / 2) in H3 by (field; lra). nra. }
    assert (Q4 : column_size * (h * r t) <= w / 2 * r t).
    { rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|]. apply (Rmult_le_compat_l (column_size + 1)) in H4; [|lra].
      replace ((column_size + 1) * (w / (2 * (column_size + 1)))) with (w / 2) in H4 by (field; lra). nra. }
    assert (Pz : 0 <= z) by lra.
    pose proof (softplus_right_bounds z Pz) as Sp. change (step i t) with (softplus z + eps).
    replace ((softplus z + eps) * / r t - w) with ((softplus z + eps - w * r t) * / r t) by (rewrite Rmult_minus_distr_r, (Rmult_assoc w), Rinv_r by lra; ring).
    rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; apply Rinv_0_lt_compat; lra).
    apply (Rmult_le_reg_r (r t)); [lra|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rabs_le. split; lra.
Qed.

Lemma inverse_cube_evolves : evolves T (fun t => / r t ^ 3) (fun t => - 3 * (Q t * / r t ^ 2 * (step i t * / r t))).
Proof.
  assert (Dv : forall v, 0 < v -> is_derive (fun v => / v ^ 3) v (- 3 / v ^ 4)).
  { intros v Hv. auto_derive; [simpl; assert (0 < v * (v * (v * 1))) by pos; lra|simpl; field; lra]. }
  destruct (evolves_comp T (fun t => r t) _ (fun v => / v ^ 3) (fun v => - 3 / v ^ 4) axis_evolves) as [F0 F].
  - eapply continuous_of_derive. apply Dv, axis_positive; [lra|exact token_alive].
  - intros t Ht HT. apply Dv, axis_positive; [lra|exact HT].
  - split; [exact F0|]. intros t Ht HT. specialize (F t Ht HT). cbv beta in F.
    pose proof (axis_positive t ltac:(lra) HT) as P.
    replace (- 3 * (Q t * / r t ^ 2 * (step i t * / r t))) with (r t * (step i t * Q t) * (- 3 / r t ^ 4)); [exact F|].
    set (q := r t) in *. field. lra.
Qed.

Lemma cube_velocity tol : 0 < w -> 0 < tol -> exists t0, 0 <= t0 /\ Rbar_lt t0 T /\ forall t, t0 <= t -> Rbar_lt t T ->
  - (3 * M i i * w + tol) <= - 3 * (Q t * / r t ^ 2 * (step i t * / r t)) <= - (3 * M i i * w - tol).
Proof.
  intros Pw He. set (m := M i i) in *. set (d := Rmin 1 (tol / (3 * (m + w + 1)))).
  assert (Hd : 0 < d /\ d <= 1 /\ d * (3 * (m + w + 1)) <= tol).
  { unfold d. split; [apply Rmin_glb_lt; [lra|apply Rdiv_lt_0_compat; lra]|]. split; [apply Rmin_l|].
    pose proof (Rmin_r 1 (tol / (3 * (m + w + 1)))) as Q2. apply (Rmult_le_compat_r (3 * (m + w + 1))) in Q2; [|lra].
    replace (tol / (3 * (m + w + 1)) * (3 * (m + w + 1))) with tol in Q2 by (field; lra). exact Q2. }
  destruct Hd as (Pd & D1 & D2). destruct (near_axis d Pw Pd) as (t0 & Ht0 & HT0 & H). exists t0. split; [exact Ht0|]. split; [exact HT0|].
  intros t Ht HT. destruct (H t Ht HT) as [A B]. fold m in A. apply Rabs_le_between in A. apply Rabs_le_between in B.
  set (q := Q t * / r t ^ 2) in *. set (k := step i t * / r t) in *.
  assert (E : q * k - m * w = (q - m) * (k - w) + (q - m) * w + m * (k - w)) by ring.
  assert (A1 : Rabs (q * k - m * w) <= d * d + d * w + m * d).
  { rewrite E. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    - eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; rewrite Rabs_mult.
      + apply Rmult_le_compat; try apply Rabs_pos; apply Rabs_le; lra.
      + rewrite (Rabs_pos_eq w) by lra. apply Rmult_le_compat_r; [lra|]. apply Rabs_le; lra.
    - rewrite Rabs_mult, (Rabs_pos_eq m) by lra. apply Rmult_le_compat_l; [lra|]. apply Rabs_le; lra. }
  apply Rabs_le_between in A1. assert (d * d <= d) by nra. split; nra.
Qed.

Lemma fast_ends : 0 < w -> exists T0 : R, T = T0 /\
  filterlim (fun t => (T0 - t) * Rabs (x i t) ^ 3) (at_left T0) (locally (1 / (3 * M i i * w))).
Proof.
  intros Pw. assert (P3 : 0 < 3 * M i i * w) by pos. set (m := 3 * M i i * w) in *.
  assert (End : exists T0 : R, T = T0).
  { pose proof token_alive as Al. destruct (cube_velocity (m / 2) Pw ltac:(lra)) as (t0 & Ht0 & HT0 & V).
    assert (Cases : (exists T0 : R, T = T0) \/ T = p_infty).
    { clear -Al. destruct T as [T0| |]; [left; now exists T0|now right|contradiction]. }
    destruct Cases as [End|ET]; [exact End|exfalso]. rewrite ET in V.
    set (c := / r t0 ^ 3). set (t := t0 + c / (m / 2) + 1).
    assert (P0 : 0 < c) by (unfold c; apply Rinv_0_lt_compat, pow_lt, axis_positive; [lra|now rewrite ET]).
    assert (Hq : 0 < c / (m / 2)) by (apply Rdiv_lt_0_compat; lra).
    pose proof (growth_le_on T (fun t => / r t ^ 3) _ (- (m / 2)) t0 t inverse_cube_evolves ltac:(lra) ltac:(unfold t; lra)) as G.
    cbv beta in G. rewrite ET in G. specialize (G I). fold c in G.
    assert (G' : / r t ^ 3 - c <= - (m / 2) * (t - t0)).
    { apply G. intros u Hu. specialize (V u ltac:(lra) I). unfold m in *. lra. }
    assert (Pt : 0 < / r t ^ 3) by (apply Rinv_0_lt_compat, pow_lt, axis_positive; [unfold t; lra|now rewrite ET]).
    assert (Eq : m / 2 * (t - t0) = c + m / 2) by (unfold t; field; lra). lra. }
  destruct End as (T0 & ET). exists T0. split; [exact ET|].
  assert (PT : 0 < T0) by (pose proof token_alive as Al; rewrite ET in Al; exact Al).
  assert (Inf : filterlim (fun t => r t) (at_left T0) (Rbar_locally p_infty)).
  { intros P [K HK]. destruct (axis_unbounded K cone_kept) as (t0 & Ht0 & HT0 & U). rewrite ET in HT0, U. simpl in HT0.
    exists (mkposreal (T0 - t0) ltac:(lra)). intros t Hb Ht. open_ball Hb. apply HK, U; [lra|exact Ht]. }
  assert (Zero : filterlim (fun t => / r t ^ 3) (at_left T0) (locally 0)).
  { apply (filterlim_comp _ _ _ (fun t => r t) (fun v => / v ^ 3) (at_left T0) (Rbar_locally p_infty) (locally 0) Inf).
    replace (locally 0) with (Rbar_locally (Rbar_inv p_infty)) by reflexivity.
    assert (L : is_lim (fun v => / v ^ 3) p_infty (Rbar_inv p_infty)).
    { apply is_lim_inv; [|discriminate]. apply is_lim_spec. intros K. exists (Rmax K 1). intros v Hv.
      pose proof (Rmax_l K 1). pose proof (Rmax_r K 1). assert (1 <= v ^ 2) by (apply pow_R1_Rle; lra). simpl in *. nra. }
    exact L. }
  assert (Lin : filterlim (fun t => / r t ^ 3 / (T0 - t)) (at_left T0) (locally m)).
  { intros P [tol HP]. pose proof (cond_pos tol) as He.
    destruct (cube_velocity (tol / 2) Pw ltac:(lra)) as (t0 & Ht0 & HT0 & V). rewrite ET in HT0, V. simpl in HT0.
    exists (mkposreal (T0 - t0) ltac:(lra)). intros t Hb Ht. apply HP. open_ball Hb.
    assert (Bd : (m - tol / 2) * (T0 - t) <= / r t ^ 3 <= (m + tol / 2) * (T0 - t)).
    { apply (vanishing_at_end T0 (fun t => / r t ^ 3) (fun t => - 3 * (Q t * / r t ^ 2 * (step i t * / r t))));
        [pose proof inverse_cube_evolves as E; rewrite ET in E; exact E|lra| |exact Zero].
      intros u Hu. apply V; [lra|simpl; lra]. }
    unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
    set (z := / r t ^ 3) in *. change (Rabs (z / (T0 - t) + - m) < tol). assert (Pt : 0 < T0 - t) by lra.
    replace (z / (T0 - t) + - m) with ((z - m * (T0 - t)) / (T0 - t)) by (field; lra).
    unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; now apply Rinv_0_lt_compat).
    apply (Rmult_lt_reg_r (T0 - t)); [exact Pt|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (0 < tol / 2 * (T0 - t)) by pos. apply Rabs_def1; lra. }
  replace (1 / m) with (/ m) by (field; lra).
  apply (filterlim_ext_loc (fun t => / (/ r t ^ 3 / (T0 - t)))).
  - exists (mkposreal T0 PT). intros t Hb Ht. open_ball Hb.
    assert (HtT : Rbar_lt t T) by (rewrite ET; exact Ht). pose proof (axis_positive t ltac:(lra) HtT) as P.
    rewrite (proj1 (side_abs (fun d => x d t) P)). cbv beta. set (q := r t) in *. field. split; lra.
  - eapply filterlim_comp; [exact Lin|].
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) Rinv m). auto_derive. lra.
Qed.
End Token.
End Axis.
