(** axis-at-infinity: which axis a growing token leaves along.

    Far out on axis i the step of channel d is softplus of S_di x_i up to what is
    small against x_i.  Where the own entry S_ii sign x_i leads its column the axis
    attracts, where another entry leads it repels. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Softplus Sums VectorToken SlowestChannel AxisCone AxisToken.
Open Scope R_scope.

(** Far out, drives are as close to a multiple of the axis entry as one likes. *)
Lemma drives_in_cone D S_Delta b i side h close far v d : (i < D)%nat -> side * side = 1 -> 0 <= h -> 0 < close ->
  column_size D S_Delta * h <= close / 2 -> 2 * bias_size D b / close <= far -> in_cone D i side h v -> far <= side * v i ->
  (d < D)%nat -> Rabs (projection D S_Delta v d + b d - S_Delta d i * side * (side * v i)) <= close * (side * v i).
Proof.
  intros Hi Hs Hh Pc Hc Hb C Hfar Hd. eapply Rle_trans; [exact (drive_close D S_Delta b i side Hi Hs h v d Hh C Hd)|].
  destruct C as [P _]. assert (B : 2 * bias_size D b <= close * (side * v i)) by (apply quotient_below; lra).
  assert (column_size D S_Delta * h * (side * v i) <= close / 2 * (side * v i)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

(** The statement's width, and how far out it begins. *)
Definition width (D : nat) (M S_Delta : nat -> nat -> R) (i : nat) (gap : R) : R :=
  / (2 + (4 + 4 * form_size D M) / M i i + (32 + 32 * column_size D S_Delta) / gap).

Lemma width_range D M S_Delta i gap : 0 < M i i -> 0 < gap ->
  0 < width D M S_Delta i gap /\ 2 * width D M S_Delta i gap <= narrow D M i /\
  column_size D S_Delta * (2 * width D M S_Delta i gap) <= gap / 8 / 2.
Proof.
  intros own Pg. pose proof (column_nonneg D S_Delta) as C0. pose proof (form_size_nonneg D M) as F0. unfold width, narrow.
  set (p := (4 + 4 * form_size D M) / M i i). set (q := (32 + 32 * column_size D S_Delta) / gap).
  assert (Pp : 0 < p) by (unfold p; apply Rdiv_lt_0_compat; lra). assert (Pq : 0 < q) by (unfold q; apply Rdiv_lt_0_compat; lra).
  assert (Ep : M i i / (2 * (form_size D M + 1)) = 2 * / p) by (unfold p; field; lra). rewrite Ep.
  assert (Eq : gap = (32 + 32 * column_size D S_Delta) * / q) by (unfold q; field; lra).
  assert (H2 : / (2 + p + q) <= / 2) by (apply Rinv_le_contravar; lra).
  assert (Hp : / (2 + p + q) <= / p) by (apply Rinv_le_contravar; lra).
  assert (Hq : / (2 + p + q) <= / q) by (apply Rinv_le_contravar; lra).
  set (h := / (2 + p + q)) in *. assert (Ph : 0 < h) by (unfold h; apply Rinv_0_lt_compat; lra).
  split; [exact Ph|]. split; [apply Rmin_glb; lra|].
  assert (column_size D S_Delta * h <= column_size D S_Delta * / q) by (apply Rmult_le_compat_l; lra).
  pose proof (Rinv_0_lt_compat _ Pq). lra.
Qed.

Definition far_out (D : nat) (b : nat -> R) (eps gap : R) : R := (4 + 4 * eps + 16 * bias_size D b) / gap.

Lemma far_range D b (eps : nonnegreal) gap : 0 < gap ->
  0 < far_out D b eps gap /\ 4 * (1 + eps) / gap <= far_out D b eps gap /\ 2 * bias_size D b / (gap / 8) <= far_out D b eps gap.
Proof.
  intros Pg. pose proof (bias_nonneg D b) as B0. pose proof (cond_nonneg eps) as E0. pose proof (Rinv_0_lt_compat _ Pg) as Pi.
  unfold far_out, Rdiv. split; [apply Rmult_lt_0_compat; lra|]. split; [apply Rmult_le_compat_r; lra|].
  replace (2 * bias_size D b * / (gap * / 8)) with (16 * bias_size D b * / gap) by (field; lra). apply Rmult_le_compat_r; lra.
Qed.

Lemma width_square D M S_Delta i gap :
  / (2 + (4 + 4 * form_size D M) / M i i + (32 + 32 * column_size D S_Delta) / gap) ^ 2 = width D M S_Delta i gap ^ 2.
Proof. unfold width. symmetry. apply pow_inv. Qed.

Lemma unit_side side : Rabs side = 1 -> side * side = 1.
Proof. intros H. rewrite <- (Rabs_pos_eq (side * side)) by nra. rewrite Rabs_mult, H. ring. Qed.

Lemma cone_of_excess D i side h (v : nat -> R) : 0 < side * v i ->
  square_norm D v / v i ^ 2 - 1 <= h ^ 2 -> in_cone D i side h v.
Proof.
  intros P S. split; [exact P|]. assert (Nz : v i <> 0) by (intros Z; rewrite Z in P; lra). pose proof (pow2_gt_0 _ Nz) as Sq.
  set (n := square_norm D v) in *. set (q := v i ^ 2) in *.
  replace n with (n / q * q) by (field; lra). apply Rmult_le_compat_r; lra.
Qed.

Lemma excess_written D i side x t : side * side = 1 -> 0 < side * x i t ->
  square_norm D (fun e => x e t) / x i t ^ 2 - 1 = excess D i side x t.
Proof. intros Hs P. unfold excess, norm_at. now rewrite <- (axis_square i side Hs x t). Qed.

Theorem axis_at_infinity : axis_at_infinity_statement.
Proof.
  intros D M S_Delta b e0 i side gap T x [eps <-]%as_floor Hi Hs%unit_side own Pg pull Fast Slow maxi ex start share.
  change (far_out D b eps gap <= side * x i 0) in start.
  change (ex 0 <= / (2 + (4 + 4 * form_size D M) / M i i + (32 + 32 * column_size D S_Delta) / gap) ^ 2) in share.
  rewrite width_square in share.
  assert (Pull : forall d, pull d = S_Delta d i * side) by (intros d; unfold pull; ring).
  rewrite !Pull in Fast, Slow. rewrite !Pull.
  destruct (width_range D M S_Delta i gap own Pg) as (Ph & Hn & Hw). set (h := width D M S_Delta i gap) in *.
  destruct (far_range D b eps gap Pg) as (Pf & F1 & F2). set (far := far_out D b eps gap) in *.
  pose proof (column_nonneg D S_Delta) as C0.
  pose proof (cone_of_excess D i side h (fun d => x d 0) ltac:(lra) share) as Start.
  set (ratio := if Rlt_dec 0 (S_Delta i i * side) then 1 - gap / (2 * (S_Delta i i * side)) else / 2).
  assert (Pr : 0 < ratio < 1).
  { unfold ratio. destruct (Rlt_dec 0 (S_Delta i i * side)) as [P|]; [|lra]. destruct (Fast P) as [Le _].
    set (w := S_Delta i i * side) in *. assert (0 < gap / (2 * w)) by (apply Rdiv_lt_0_compat; lra).
    assert (gap / (2 * w) <= / 2); [|lra]. apply (Rmult_le_reg_r (2 * w)); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  assert (Inside : forall v d, in_cone D i side (2 * h) v -> far <= side * v i -> (d < D)%nat -> d <> i ->
    channel_step D S_Delta b eps v d <= ratio * channel_step D S_Delta b eps v i).
  { intros v d C Hfar Hd Nd. unfold channel_step.
    apply (slower_given (S_Delta i i * side) (S_Delta d i * side) eps gap Pg) with (r := side * v i).
    - intros P. destruct (Fast P) as [_ G]. specialize (G d Hd Nd). rewrite Pull in G. lra.
    - intros N. destruct (Slow N) as [Ze G]. split; [exact Ze|]. specialize (G d Hd Nd). rewrite Pull in G. lra.
    - lra.
    - apply (drives_in_cone D S_Delta b i side (2 * h) (gap / 8) far); try assumption; lra.
    - apply (drives_in_cone D S_Delta b i side (2 * h) (gap / 8) far); try assumption; lra. }
  assert (H0 : 0 < h <= narrow D M i) by lra. assert (H1 : h < 2 * h <= narrow D M i) by lra.
  assert (Pos : forall t, 0 <= t -> Rbar_lt t T -> 0 < side * x i t).
  { exact (axis_positive D M S_Delta b eps i side Hi Hs T x maxi h Start). }
  assert (Ex : forall t, 0 <= t -> Rbar_lt t T -> ex t = excess D i side x t).
  { intros t Ht HT. apply excess_written; [exact Hs|now apply Pos]. }
  pose proof (proj1 maxi) as alive.
  pose proof (cone_kept D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start (2 * h) ratio far H1 Pr Inside start) as Kept.
  split; [|split; [|split]].
  - intros t Ht HT. rewrite !Ex by (assumption || lra).
    pose proof (excess_power D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start (2 * h) ratio far H1 Pr Inside start t Ht HT) as W.
    pose proof (Pos 0 (Rle_refl 0) alive) as P0. pose proof (Pos t Ht HT) as Pt.
    rewrite !ln_square in W by lra. rewrite !Rabs_pos_eq in W by lra.
    set (q := side * x i t) in *. set (q0 := side * x i 0) in *. set (e := excess D i side x t) in *. set (e0 := excess D i side x 0) in *.
    assert (W' : e <= e0 * exp (2 * (1 - ratio) * (ln q0 - ln q))).
    { apply (Rmult_le_reg_r (exp ((1 - ratio) * (2 * ln q)))); [apply exp_pos|]. eapply Rle_trans; [exact W|]. right.
      rewrite Rmult_assoc, <- exp_plus. do 2 f_equal. ring. }
    assert (A0 : Rabs (x i 0) = q0) by exact (proj1 (side_abs i side Hs (fun d => x d 0) P0)).
    assert (At : Rabs (x i t) = q) by exact (proj1 (side_abs i side Hs (fun d => x d t) Pt)). rewrite A0, At.
    split.
    + intros P. unfold Rpower. rewrite ln_div by assumption.
      replace (gap / (S_Delta i i * side) * (ln q0 - ln q)) with (2 * (1 - ratio) * (ln q0 - ln q)); [exact W'|].
      unfold ratio. destruct (Rlt_dec 0 (S_Delta i i * side)) as [|N]; [|lra]. set (w := S_Delta i i * side) in *. field. lra.
    + intros N. replace (q0 * e0 / q) with (e0 * (q0 / q)) by (field; lra). replace (q0 / q) with (exp (2 * (1 - ratio) * (ln q0 - ln q))); [exact W'|].
      unfold ratio. destruct (Rlt_dec 0 (S_Delta i i * side)); [lra|].
      replace (2 * (1 - / 2) * (ln q0 - ln q)) with (ln (q0 / q)) by (rewrite ln_div by assumption; field).
      apply exp_ln. now apply Rdiv_lt_0_compat.
  - intros B. exact (axis_unbounded D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start B Kept).
  - intros Pw. destruct (fast_ends D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start (2 * h) ratio far H1 Pr Inside start Pw)
      as (T0 & ET & L). exists T0. split; [exact ET|].
    replace (/ (3 * M i i * (S_Delta i i * side))) with (1 / (3 * M i i * (S_Delta i i * side))) by (unfold Rdiv; ring).
    eapply filterlim_ext; [|exact L]. intros t. cbv beta. ring.
  - intros Neg. destruct (Slow ltac:(lra)) as [Ze _].
    set (k := Rmin 1 (- (S_Delta i i * side) / 2 / (column_size D S_Delta + 1))).
    assert (Pq : 0 < - (S_Delta i i * side) / 2 / (column_size D S_Delta + 1)) by (apply Rdiv_lt_0_compat; lra).
    assert (Pk : 0 < k <= 1) by (unfold k; split; [apply Rmin_glb_lt; lra|apply Rmin_l]).
    destruct (excess_vanishes D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start (2 * h) ratio far H1 Pr Inside start (k ^ 2))
      as (t0 & Ht0 & HT0 & H); [apply pow_lt; lra|].
    apply (slow_lives D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start k t0 Neg Ze); [|exact Pk|exact Ht0|exact HT0|].
    + pose proof (Rmin_r 1 (- (S_Delta i i * side) / 2 / (column_size D S_Delta + 1))) as Q. fold k in Q.
      apply (Rmult_le_compat_r (column_size D S_Delta + 1)) in Q; [|lra]. unfold Rdiv in Q at 1.
      rewrite (Rmult_assoc _ (/ (column_size D S_Delta + 1))), Rinv_l, Rmult_1_r in Q by lra. nra.
    + intros t Ht HT. apply (cone_excess D M S_Delta b eps i side Hi Hs T x maxi h Start k t ltac:(lra) HT). now apply H.
Qed.

Theorem axis_repels : axis_repels_statement.
Proof.
  intros D M S_Delta b e0 i d side gap T x [eps <-]%as_floor Hi Hd Nd Hs%unit_side own Pg pull Fast Slow maxi start N0.
  change (far_out D b eps gap <= side * x i 0) in start.
  change (exists t, 0 <= t /\ Rbar_lt t T /\ / (2 + (4 + 4 * form_size D M) / M i i + (32 + 32 * column_size D S_Delta) / gap) ^ 2
    < square_norm D (fun e => x e t) / x i t ^ 2 - 1).
  rewrite width_square.
  assert (Pull : forall d, pull d = S_Delta d i * side) by (intros k; unfold pull; ring). rewrite !Pull in Fast, Slow.
  destruct (width_range D M S_Delta i gap own Pg) as (Ph & Hn & Hw).
  destruct (far_range D b eps gap Pg) as (Pf & F1 & F2).
  pose proof (column_nonneg D S_Delta) as C0. pose proof (proj1 maxi) as alive.
  apply NNPP. intros No.
  assert (Le : forall t, 0 <= t -> Rbar_lt t T -> square_norm D (fun e => x e t) / x i t ^ 2 - 1 <= width D M S_Delta i gap ^ 2).
  { intros t Ht HT. apply Rnot_lt_le. intros Lt. apply No. exists t. split; [exact Ht|]. split; [exact HT|exact Lt]. }
  set (h := width D M S_Delta i gap) in *. set (far := far_out D b eps gap) in *.
  pose proof (cone_of_excess D i side h (fun d => x d 0) ltac:(lra) (Le 0 (Rle_refl 0) alive)) as Start.
  assert (H0 : 0 < h <= narrow D M i) by lra.
  assert (Kept : forall t, 0 <= t -> Rbar_lt t T -> in_cone D i side h (fun d => x d t)).
  { intros t Ht HT. apply (cone_of_excess D i side h (fun d => x d t)); [|now apply Le].
    exact (axis_positive D M S_Delta b eps i side Hi Hs T x maxi h Start t Ht HT). }
  set (ratio := if Rlt_dec 0 (S_Delta d i * side) then 1 - gap / (2 * (S_Delta d i * side)) else / 2).
  assert (Pr : 0 < ratio < 1).
  { unfold ratio. destruct (Rlt_dec 0 (S_Delta d i * side)) as [P|]; [|lra]. pose proof (Fast P) as Le'.
    pose proof (Rmax_l 0 (S_Delta i i * side)). set (w := S_Delta d i * side) in *. assert (0 < gap / (2 * w)) by (apply Rdiv_lt_0_compat; lra).
    assert (gap / (2 * w) <= / 2); [|lra]. apply (Rmult_le_reg_r (2 * w)); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  apply (repelled D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start d ratio Hd Pr Nd N0 Kept).
  intros t Ht HT. pose proof (axis_grows D M S_Delta b eps i side Hi Hs own T x maxi h H0 Start 0 t ltac:(lra) HT) as G.
  assert (Nn : 0 <= column_size D S_Delta * h) by (apply Rmult_le_pos; lra). unfold step_at, channel_step.
  apply (slower_given (S_Delta d i * side) (S_Delta i i * side) eps gap Pg) with (r := side * x i t).
  - intros P. specialize (Fast P). lra.
  - intros N. destruct (Slow N) as [Ze' Le']. split; [exact Ze'|lra].
  - lra.
  - apply (drives_in_cone D S_Delta b i side h (gap / 8) far (fun e => x e t)); try assumption; try (now apply Kept); lra.
  - apply (drives_in_cone D S_Delta b i side h (gap / 8) far (fun e => x e t)); try assumption; try (now apply Kept); lra.
Qed.
