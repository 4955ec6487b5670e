(** Token 1 on a sphere: its norm stays, so its field is one that is Lipschitz
    on boxes; where it converges, ln of a share over time tends to the share's rate.

    Proves sphere-sinks. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums Limits ClosedForms.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal FieldAlong VectorToken VectorFlow Direction Sphere Convergence.
Open Scope R_scope.

(** An entry's velocity over the entry, for tokens of squared norm S. *)
Definition sphere_rate (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (S : R) (d : nat) (y : nat -> R) : R :=
  quadratic_form D M y * (channel_step D S_Delta b eps y d + - sum_below D (fun e => / S * y e ^ 2 * channel_step D S_Delta b eps y e)).

Lemma sphere_rate_lipschitz D M S_Delta b (eps : nonnegreal) S d r : 0 <= r -> (d < D)%nat ->
  box_lipschitz D r (sphere_rate D M S_Delta b eps S d).
Proof.
  intros Hr Hd. assert (C : forall e, (e < D)%nat -> box_lipschitz D r (fun y => y e)) by (intros e He; now apply lip_coordinate).
  assert (St : forall e, box_lipschitz D r (fun y => channel_step D S_Delta b eps y e)) by (intros e; now apply (lip_channel_step D r D (fun y => y))).
  unfold sphere_rate. apply lip_mult; [now apply (lip_form D r D (fun y => y))|]. apply lip_plus; [apply St|].
  assert (E : box_lipschitz D r (fun y => -1 * sum_below D (fun e => / S * y e ^ 2 * channel_step D S_Delta b eps y e))).
  { apply lip_scal. apply (lip_sum D r D (fun e y => / S * y e ^ 2 * channel_step D S_Delta b eps y e)). intros e He.
    apply lip_mult; [|apply St]. apply lip_scal. apply (lip_pow D r (fun y => y e) 2). now apply C. }
  destruct E as (B & K & HB & HK & Lip). exists B, K. split; [exact HB|]. split; [exact HK|].
  intros y z dd Hy Hz Hdd Hn. specialize (Lip y z dd Hy Hz Hdd Hn). destruct Lip as [L1 L2].
  split.
  - match goal with |- Rabs ?u <= _ => match type of L1 with Rabs ?v <= _ => replace u with v by ring; exact L1 end end.
  - match goal with |- Rabs ?u <= _ => match type of L2 with Rabs ?v <= _ => replace u with v by ring; exact L2 end end.
Qed.

Section Flow.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : sphere_solution D M S_Delta b eps T x.
Hypothesis N0 : square_norm D (fun e => x e 0) <> 0.

Definition square_start : R := square_norm D (fun e => x e 0).
Notation S0 := square_start.
Notation rate := (sphere_rate D M S_Delta b eps S0).

Lemma norm_kept t : 0 <= t -> Rbar_lt t T -> square_norm D (fun e => x e t) = S0.
Proof.
  assert (E : evolves T (fun t => square_norm D (fun e => x e t)) (fun t => 2 * inner D (fun e => x e t) (sphere_velocity D M S_Delta b eps (fun e => x e t)))).
  { eapply evolves_ext.
    - apply (evolves_sum T D (fun d t => x d t ^ 2) (fun d t => 2 * x d t * sphere_velocity D M S_Delta b eps (fun e => x e t) d)).
      intros d Hd. exact (evolves_sq T _ _ (sol d Hd)).
    - intros u _ _. unfold inner. rewrite <- sum_below_scal. apply sum_below_ext. intros; ring. }
  intros Ht HT. apply (evolves_constant T _ _ E); [|exact Ht|exact HT]. intros u _ _.
  destruct (Req_dec (square_norm D (fun e => x e u)) 0) as [Z|N].
  - replace (inner D _ _) with 0; [ring|]. symmetry. unfold inner. rewrite (sum_below_ext D _ (fun _ => 0)); [apply sum_below_zero|].
    intros d Hd. assert (Zd : x d u = 0); [|rewrite Zd; ring].
    pose proof (square_le_norm D (fun e => x e u) d Hd) as Q. cbv beta in Q. destruct (Req_dec (x d u) 0) as [|Nd]; [assumption|].
    pose proof (pow2_gt_0 _ Nd). lra.
  - rewrite velocity_tangent by exact N. ring.
Qed.

Lemma velocity_rate t d : 0 <= t -> Rbar_lt t T ->
  sphere_velocity D M S_Delta b eps (fun e => x e t) d = x d t * rate d (fun e => x e t).
Proof.
  intros Ht HT. unfold sphere_velocity, sphere_rate, channel_share.
  rewrite (sum_below_ext D (fun e => x e t ^ 2 / square_norm D (fun e => x e t) * channel_step D S_Delta b eps (fun e => x e t) e)
    (fun e => / S0 * x e t ^ 2 * channel_step D S_Delta b eps (fun e => x e t) e)).
  - ring.
  - intros e _. rewrite norm_kept by assumption. unfold Rdiv. ring.
Qed.

Lemma sphere_entry_evolves d : (d < D)%nat -> evolves T (x d) (fun t => x d t * rate d (fun e => x e t)).
Proof. intros Hd. eapply evolves_ext; [exact (sol d Hd)|]. intros t Ht HT. apply velocity_rate; [lra|exact HT]. Qed.

Definition sphere_field (d : nat) (y : nat -> R) : R := y d * rate d y.

Lemma sphere_solves : solves sphere_field D T x.
Proof. intros d Hd. exact (sphere_entry_evolves d Hd). Qed.

Lemma sphere_field_lipschitz : locally_lipschitz D sphere_field.
Proof. intros r Hr d Hd. unfold sphere_field. apply lip_mult; [now apply lip_coordinate|now apply sphere_rate_lipschitz]. Qed.

Lemma rate_bounded d : (d < D)%nat -> locally_bounded T (fun t => rate d (fun e => x e t)).
Proof. intros Hd. apply (along_locally_bounded D sphere_field T x _ sphere_solves). intros; now apply sphere_rate_lipschitz. Qed.

Lemma entry_nonzero d t : (d < D)%nat -> x d 0 <> 0 -> 0 <= t -> Rbar_lt t T -> x d t <> 0.
Proof. intros Hd Nd. exact (factor_nonzero T _ _ (sphere_entry_evolves d Hd) (rate_bounded d Hd) Nd t). Qed.

Lemma entry_zero d t : (d < D)%nat -> x d 0 = 0 -> 0 <= t -> Rbar_lt t T -> x d t = 0.
Proof. intros Hd Nd. exact (factor_zero T _ _ (sphere_entry_evolves d Hd) (rate_bounded d Hd) Nd t). Qed.

Lemma start_pos : 0 < S0.
Proof. unfold S0. pose proof (square_norm_nonneg D (fun e => x e 0)). lra. Qed.

Lemma log_share_evolves d : Rbar_lt 0 T -> (d < D)%nat -> x d 0 <> 0 ->
  evolves T (fun t => ln (x d t ^ 2 / S0)) (fun t => 2 * rate d (fun e => x e t)).
Proof.
  intros PT Hd Nd. pose proof start_pos as P0.
  assert (Der : forall v, v <> 0 -> is_derive (fun v => ln (v ^ 2 / S0)) v (2 / v)).
  { intros v Nv. pose proof (pow2_gt_0 _ Nv). auto_derive.
    - apply Rmult_lt_0_compat; [simpl in *; lra|now apply Rinv_0_lt_compat].
    - field. split; [exact Nv|lra]. }
  eapply evolves_ext.
  - apply (evolves_comp T (x d) _ (fun v => ln (v ^ 2 / S0)) (fun v => 2 / v) (sphere_entry_evolves d Hd)).
    + eapply continuous_of_derive. now apply Der.
    + intros t Ht HT. apply Der. apply entry_nonzero; [exact Hd|exact Nd|lra|exact HT].
  - intros t Ht HT. cbv beta. pose proof (entry_nonzero d t Hd Nd ltac:(lra) HT). field. assumption.
Qed.
End Flow.

(** Where a token converges, ln of a share over time tends to the share's rate at the limit. *)
Section Converges.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (x : nat -> R -> R) (p : nat -> R).
Hypothesis sol : sphere_solution D M S_Delta b eps p_infty x.
Hypothesis N0 : square_norm D (fun e => x e 0) <> 0.
Hypothesis Lim : forall d, (d < D)%nat -> is_lim (x d) p_infty (p d).
Notation S0 := (square_start D x).
Notation rate := (sphere_rate D M S_Delta b eps S0).

Lemma limit_norm : square_norm D p = S0.
Proof.
  assert (A : is_lim (fun t => square_norm D (fun e => x e t)) p_infty (square_norm D p)).
  { apply (sum_below_lim D (fun d t => x d t ^ 2)). intros d Hd. replace (Finite (p d ^ 2)) with (Rbar_mult (p d) (p d)) by (simpl; f_equal; ring).
    apply (is_lim_ext (fun t => x d t * x d t)); [intros; ring|].
    apply is_lim_mult; [now apply Lim|now apply Lim|exact I]. }
  assert (B : is_lim (fun t => square_norm D (fun e => x e t)) p_infty S0).
  { apply (is_lim_ext_loc (fun _ => S0)); [|apply is_lim_const]. exists 0. intros t Ht. symmetry.
    exact (norm_kept D M S_Delta b eps p_infty x sol t ltac:(lra) I). }
  apply is_lim_unique in A. apply is_lim_unique in B. rewrite A in B. now injection B.
Qed.

Lemma log_share_limit d : (d < D)%nat -> x d 0 <> 0 ->
  is_lim (fun t => ln (x d t ^ 2 / S0) / t) p_infty (2 * rate d p).
Proof.
  intros Hd Nd. apply (lim_quotient_of_derivative _ _ _ (log_share_evolves D M S_Delta b eps p_infty x sol N0 d I Hd Nd)).
  replace (Finite (2 * rate d p)) with (Rbar_mult 2 (rate d p)) by reflexivity. apply is_lim_scal_l.
  apply (limit_along D x p (rate d)); [|exact Lim]. intros; now apply sphere_rate_lipschitz.
Qed.

Lemma share_at_most d t : (d < D)%nat -> 0 <= t -> x d t ^ 2 / S0 <= 1.
Proof.
  intros Hd Ht. pose proof (start_pos D x N0) as P. apply Rmult_le_reg_r with S0; [exact P|].
  replace (x d t ^ 2 / S0 * S0) with (x d t ^ 2) by (field; lra). rewrite Rmult_1_l.
  rewrite <- (norm_kept D M S_Delta b eps p_infty x sol t Ht I). apply (square_le_norm D (fun e => x e t) d Hd).
Qed.

Lemma limit_rate_nonpos d : (d < D)%nat -> x d 0 <> 0 -> rate d p <= 0.
Proof.
  intros Hd Nd. pose proof (log_share_limit d Hd Nd) as A. pose proof (start_pos D x N0) as P0.
  assert (B : Rbar_le (2 * rate d p) 0).
  { refine (is_lim_le_loc (fun t => ln (x d t ^ 2 / S0) / t) (fun _ => 0) p_infty _ _ _ A (is_lim_const 0 p_infty)).
    exists 1. intros t Ht. pose proof (share_at_most d t Hd ltac:(lra)) as L.
    pose proof (entry_nonzero D M S_Delta b eps p_infty x sol d t Hd Nd ltac:(lra) I) as Nt. pose proof (pow2_gt_0 _ Nt) as P2.
    assert (Q : 0 < x d t ^ 2 / S0) by (apply Rdiv_lt_0_compat; assumption).
    pose proof (ln_le _ _ Q L) as Ll. rewrite ln_1 in Ll. assert (0 < / t) by (apply Rinv_0_lt_compat; lra).
    unfold Rdiv at 1. nra. }
  simpl in B. lra.
Qed.

Lemma limit_rate_zero d : (d < D)%nat -> x d 0 <> 0 -> p d <> 0 -> rate d p = 0.
Proof.
  intros Hd Nd Np. pose proof (limit_rests D (sphere_field D M S_Delta b eps x) x p (sphere_field_lipschitz D M S_Delta b eps x)
    (sphere_solves D M S_Delta b eps p_infty x sol) Lim d Hd) as Z.
  unfold sphere_field in Z. apply Rmult_integral in Z. destruct Z as [Z|Z]; [contradiction|exact Z].
Qed.
End Converges.

(** ** Sinks *)
Section Sink.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (i : nat) (r : R).
Hypothesis Hi : (i < D)%nat.
Hypothesis Nr : r <> 0.

Definition axis_point (d : nat) : R := if Nat.eqb d i then r else 0.
Notation axis := axis_point.
Notation step := (channel_step D S_Delta b eps axis).

Lemma axis_i : axis i = r.
Proof. unfold axis_point. now rewrite Nat.eqb_refl. Qed.
Lemma axis_other d : d <> i -> axis d = 0.
Proof. intros N. unfold axis_point. destruct (Nat.eqb_spec d i); [contradiction|reflexivity]. Qed.

Lemma axis_square : square_norm D axis = r ^ 2.
Proof.
  unfold square_norm. rewrite (sum_below_single D _ i Hi); [now rewrite axis_i|]. intros d _ N. rewrite axis_other by exact N. ring.
Qed.

Lemma axis_form : quadratic_form D M axis = M i i * r ^ 2.
Proof.
  unfold quadratic_form. rewrite (sum_below_single D _ i Hi).
  - rewrite (sum_below_single D _ i Hi); [rewrite axis_i; ring|]. intros e _ N. rewrite (axis_other e N). ring.
  - intros d _ N. rewrite (sum_below_ext D _ (fun _ => 0)); [apply sum_below_zero|]. intros e _. rewrite (axis_other d N). ring.
Qed.

Lemma axis_rate d : 2 * sphere_rate D M S_Delta b eps (r ^ 2) d axis = 2 * M i i * square_norm D axis * (step d - step i).
Proof.
  unfold sphere_rate. rewrite axis_form, axis_square.
  rewrite (sum_below_single D (fun e => / r ^ 2 * axis e ^ 2 * step e) i Hi).
  - rewrite axis_i. field. exact Nr.
  - intros e _ N. rewrite (axis_other e N). ring.
Qed.

(** Near the axis all other entries fall at a common rate. *)
Lemma falls_near (m : nat) (kappa : R) : 0 < kappa -> (m <= D)%nat ->
  (forall d, (d < D)%nat -> d <> i -> sphere_rate D M S_Delta b eps (r ^ 2) d axis <= - kappa) ->
  exists del, 0 < del <= 1 /\ forall y d, (d < m)%nat -> d <> i -> (forall e, (e < D)%nat -> Rabs (y e - axis e) <= del) ->
    sphere_rate D M S_Delta b eps (r ^ 2) d y <= - (kappa / 2).
Proof.
  intros Hk. induction m as [|m IH]; intros Hm Hd; [exists 1; split; [lra|intros; lia]|].
  destruct (IH ltac:(lia) Hd) as (del & Hdel & H).
  destruct (Nat.eq_dec m i) as [->|Nm].
  - exists del. split; [exact Hdel|]. intros y d Hdm N Hy. apply H; [lia|exact N|exact Hy].
  - destruct (sphere_rate_lipschitz D M S_Delta b eps (r ^ 2) m (Rabs r + 1) ltac:(pose proof (Rabs_pos r); lra) ltac:(lia)) as (B & K & _ & HK & Lip).
    set (e0 := Rmin del (kappa / 2 / (K + 1))).
    assert (P : 0 < e0). { apply Rmin_glb_lt; [lra|]. apply Rdiv_lt_0_compat; lra. }
    pose proof (Rmin_l del (kappa / 2 / (K + 1))) as M1. pose proof (Rmin_r del (kappa / 2 / (K + 1))) as M2.
    exists e0. split; [unfold e0 in *; lra|]. intros y d Hdm N Hy.
    destruct (Nat.eq_dec d m) as [->|Nd].
    + assert (Ba : in_box D (Rabs r + 1) axis).
      { intros k _. unfold axis_point. destruct (Nat.eqb k i); [lra|]. rewrite Rabs_R0. pose proof (Rabs_pos r). lra. }
      assert (By : in_box D (Rabs r + 1) y).
      { intros k Hk'. specialize (Hy k Hk'). specialize (Ba k Hk').
        assert (A : Rabs (axis k) <= Rabs r). { unfold axis_point. destruct (Nat.eqb k i); [lra|]. rewrite Rabs_R0. apply Rabs_pos. }
        replace (y k) with ((y k - axis k) + axis k) by ring. eapply Rle_trans; [apply Rabs_triang|]. unfold e0 in *. lra. }
      destruct (Lip y axis e0 By Ba ltac:(lra) Hy) as [_ L2]. specialize (Hd m ltac:(lia) Nm).
      assert (K * e0 <= kappa / 2).
      { apply Rle_trans with (K * (kappa / 2 / (K + 1))); [now apply Rmult_le_compat_l|].
        apply Rmult_le_reg_r with (K + 1); [lra|]. replace (K * (kappa / 2 / (K + 1)) * (K + 1)) with (K * (kappa / 2)) by (field; lra). nra. }
      apply Rabs_le_between in L2. lra.
    + apply H; [lia|exact N|]. intros e He. specialize (Hy e He). unfold e0 in *. lra.
Qed.
End Sink.

Section Attracted.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (i : nat) (r : R).
Hypothesis Hi : (i < D)%nat.
Hypothesis Nr : r <> 0.
Variables (del kappa eta : R) (x : nat -> R -> R).
Hypothesis Hdel : 0 < del <= 1.
Hypothesis Hk : 0 < kappa.
Notation axis := (axis_point i r).
Hypothesis falls : forall y d, (d < D)%nat -> d <> i -> (forall e, (e < D)%nat -> Rabs (y e - axis e) <= del) ->
  sphere_rate D M S_Delta b eps (r ^ 2) d y <= - (kappa / 2).
Hypothesis sol : sphere_solution D M S_Delta b eps p_infty x.
Hypothesis Start : square_norm D (fun d => x d 0) = r ^ 2.
Hypothesis Side : 0 < r * x i 0.
(** eta is so small that r^2 - x_i^2 <= eta^2 keeps all entries within del of the axis. *)
Hypothesis Heta : 0 < eta <= del.
Hypothesis Heta2 : eta ^ 2 <= del * Rabs r.

Definition away (t : R) : R := r ^ 2 - x i t ^ 2.
Hypothesis Near : away 0 < eta ^ 2.

Lemma start_nonzero : square_norm D (fun d => x d 0) <> 0.
Proof. rewrite Start. now apply pow_nonzero. Qed.

Lemma square_start_is : square_start D x = r ^ 2.
Proof. exact Start. Qed.

Lemma others_away t d : 0 <= t -> (d < D)%nat -> d <> i -> x d t ^ 2 <= away t.
Proof.
  intros Ht Hd N. pose proof (norm_kept D M S_Delta b eps p_infty x sol t Ht I) as K. rewrite square_start_is in K.
  pose proof (term_le_sum D (fun e => if Nat.eqb e i then 0 else x e t ^ 2) d) as Q. cbv beta in Q.
  specialize (Q ltac:(intros e _; destruct (Nat.eqb e i); [lra|apply pow2_ge_0]) Hd).
  assert (E : square_norm D (fun e => x e t) = sum_below D (fun e => (if Nat.eqb e i then 0 else x e t ^ 2) + (if Nat.eqb e i then x e t ^ 2 else 0))).
  { apply sum_below_ext. intros e _. destruct (Nat.eqb e i); ring. }
  rewrite sum_below_plus in E.
  rewrite (sum_below_single D (fun e => if Nat.eqb e i then x e t ^ 2 else 0) i Hi) in E.
  2:{ intros e _ Ne. destruct (Nat.eqb_spec e i); [contradiction|reflexivity]. }
  rewrite Nat.eqb_refl in E. destruct (Nat.eqb_spec d i); [contradiction|]. unfold away. lra.
Qed.

Lemma away_sum t : 0 <= t -> away t = sum_below D (fun e => if Nat.eqb e i then 0 else x e t ^ 2).
Proof.
  intros Ht. pose proof (norm_kept D M S_Delta b eps p_infty x sol t Ht I) as K. rewrite square_start_is in K.
  assert (E : square_norm D (fun e => x e t) = sum_below D (fun e => (if Nat.eqb e i then 0 else x e t ^ 2) + (if Nat.eqb e i then x e t ^ 2 else 0))).
  { apply sum_below_ext. intros e _. destruct (Nat.eqb e i); ring. }
  rewrite sum_below_plus in E.
  rewrite (sum_below_single D (fun e => if Nat.eqb e i then x e t ^ 2 else 0) i Hi) in E.
  2:{ intros e _ Ne. destruct (Nat.eqb_spec e i); [contradiction|reflexivity]. }
  rewrite Nat.eqb_refl in E. unfold away. lra.
Qed.

Lemma away_nonneg t : 0 <= t -> 0 <= away t.
Proof.
  intros Ht. rewrite away_sum by exact Ht. apply sum_below_nonneg. intros e _. destruct (Nat.eqb e i); [lra|apply pow2_ge_0].
Qed.

Lemma side_kept t : 0 <= t -> 0 < r * x i t.
Proof.
  intros Ht. assert (N : x i 0 <> 0) by (intros Z; rewrite Z in Side; lra).
  pose proof (sphere_entry_evolves D M S_Delta b eps p_infty x sol i Hi) as E.
  pose proof (entry_nonzero D M S_Delta b eps p_infty x sol i) as Nz.
  apply (sign_on p_infty (fun t => r * x i t) _ (evolves_scal p_infty r _ _ E)); [|exact Side|exact Ht|exact I].
  intros u Hu _ Z. apply Rmult_integral in Z. destruct Z as [Z|Z]; [contradiction|]. apply (Nz u Hi N Hu I Z).
Qed.

Lemma gap_axis t : 0 <= t -> Rabs (x i t - r) * Rabs r <= away t.
Proof.
  intros Ht. pose proof (side_kept t Ht) as Sd. unfold away.
  rewrite <- Rabs_mult. replace (r ^ 2 - x i t ^ 2) with ((r - x i t) * (r + x i t)) by ring.
  pose proof (away_nonneg t Ht) as A. unfold away in A. replace (r ^ 2 - x i t ^ 2) with ((r - x i t) * (r + x i t)) in A by ring.
  destruct (Rtotal_order r 0) as [Neg|[Z|Pos]]; [|contradiction|].
  - assert (x i t < 0) by nra. assert (r <= x i t) by nra. rewrite Rabs_left1 by nra. nra.
  - assert (0 < x i t) by nra. assert (x i t <= r) by nra. rewrite Rabs_left1 by nra. nra.
Qed.

Lemma within t : 0 <= t -> away t <= eta ^ 2 -> forall e, (e < D)%nat -> Rabs (x e t - axis e) <= del.
Proof.
  intros Ht Ha e He. destruct (Nat.eq_dec e i) as [->|N].
  - unfold axis_point. rewrite Nat.eqb_refl. pose proof (gap_axis t Ht). pose proof (Rabs_pos_lt r Nr).
    apply Rmult_le_reg_r with (Rabs r); lra.
  - unfold axis_point. destruct (Nat.eqb_spec e i); [contradiction|]. rewrite Rminus_0_r.
    pose proof (others_away t e Ht He N) as O. apply Rle_trans with eta; [|lra].
    rewrite <- (Rabs_pos_eq eta) by lra. apply Rabs_le_of_sq. lra.
Qed.

Lemma away_evolves : evolves p_infty away (fun t => sum_below D (fun e => if Nat.eqb e i then 0 else 2 * x e t * (x e t * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t)))).
Proof.
  pose proof (evolves_sum p_infty D (fun e t => if Nat.eqb e i then 0 else x e t ^ 2)
    (fun e t => if Nat.eqb e i then 0 else 2 * x e t * (x e t * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t)))) as E.
  assert (F : evolves p_infty (fun t => sum_below D (fun e => if Nat.eqb e i then 0 else x e t ^ 2))
    (fun t => sum_below D (fun e => if Nat.eqb e i then 0 else 2 * x e t * (x e t * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t))))).
  { apply E. intros e He. destruct (Nat.eqb e i).
    - apply evolves_nonneg. intros t _. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
    - pose proof (sphere_entry_evolves D M S_Delta b eps p_infty x sol e He) as En. rewrite square_start_is in En.
      exact (evolves_sq p_infty _ _ En). }
  destruct F as [F0 F]. split.
  - rewrite (away_sum 0) by lra. eapply filterlim_ext_loc; [|exact F0]. exists (mkposreal 1 Rlt_0_1). intros t _ Ht. symmetry. apply away_sum. lra.
  - intros t Ht HT. specialize (F t Ht HT). apply (is_derive_ext_loc (fun t => sum_below D (fun e => if Nat.eqb e i then 0 else x e t ^ 2))); [|exact F].
    exists (mkposreal t Ht). intros u Hu. open_ball Hu. symmetry. apply away_sum. lra.
Qed.

Lemma away_velocity t : 0 <= t -> away t <= eta ^ 2 ->
  sum_below D (fun e => if Nat.eqb e i then 0 else 2 * x e t * (x e t * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t))) <= - kappa * away t.
Proof.
  intros Ht Ha. rewrite (away_sum t Ht). rewrite <- sum_below_scal. apply sum_below_le. intros e He.
  destruct (Nat.eqb_spec e i) as [_|N]; [lra|]. pose proof (falls (fun k => x k t) e He N (within t Ht Ha)) as F.
  pose proof (pow2_ge_0 (x e t)). replace (2 * x e t * (x e t * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t)))
    with (2 * (x e t ^ 2 * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t))) by ring. nra.
Qed.

Lemma stays t : 0 <= t -> away t <= away 0.
Proof.
  intros Ht. apply (strip_barrier p_infty away _ (away 0) (eta ^ 2) Near away_evolves (Rle_refl _)); [|exact Ht|exact I].
  intros u Hu _ Hs. pose proof (away_velocity u ltac:(lra) ltac:(lra)) as V. pose proof (away_nonneg u ltac:(lra)). nra.
Qed.

Lemma away_falls t : 0 < t -> away t <= away 0 / kappa / t.
Proof.
  intros Ht.
  assert (E : evolves p_infty (fun t => away t * exp (kappa * t)) (fun t =>
    (sum_below D (fun e => if Nat.eqb e i then 0 else 2 * x e t * (x e t * sphere_rate D M S_Delta b eps (r ^ 2) e (fun k => x k t)))) * exp (kappa * t)
    + away t * (kappa * exp (kappa * t)))).
  { apply evolves_mult; [exact away_evolves|]. apply evolves_of_derive; [eapply continuous_of_derive|intros]; apply exp_lin_derive. }
  pose proof (decr_on p_infty _ _ 0 t E (Rle_refl 0) ltac:(lra) I) as G. cbv beta in G.
  assert (G' : away t * exp (kappa * t) <= away 0 * exp (kappa * 0)).
  { apply G. intros u Hu. pose proof (stays u ltac:(lra)). pose proof (away_velocity u ltac:(lra) ltac:(lra)) as V. pose proof (exp_pos (kappa * u)). nra. }
  rewrite Rmult_0_r, exp_0, Rmult_1_r in G'. pose proof (exp_ineq1_le (kappa * t)) as X. pose proof (away_nonneg t ltac:(lra)).
  assert (P : 0 < kappa * t) by (apply Rmult_lt_0_compat; lra).
  apply Rmult_le_reg_r with (kappa * t); [exact P|]. replace (away 0 / kappa / t * (kappa * t)) with (away 0) by (field; lra).
  apply Rle_trans with (away t * exp (kappa * t)); [|exact G']. apply Rmult_le_compat_l; lra.
Qed.

Lemma tends_to_axis d : (d < D)%nat -> is_lim (x d) p_infty (axis d).
Proof.
  intros Hd. pose proof (away_nonneg 0 ltac:(lra)) as A0. destruct (Nat.eq_dec d i) as [->|N].
  - unfold axis_point. rewrite Nat.eqb_refl.
    assert (Z : is_lim (fun t => x i t - r) p_infty 0).
    { apply (lim_of_root_bound _ (sqrt (away 0 / kappa))). intros t Ht.
      pose proof (gap_axis t ltac:(lra)) as Gp. pose proof (side_kept t ltac:(lra)) as Sd. pose proof (away_nonneg t ltac:(lra)) as An.
      pose proof (away_falls t Ht) as F.
      assert (Less : Rabs (x i t - r) <= Rabs r).
      { unfold away in An. destruct (Rtotal_order r 0) as [Neg|[Z|Pos]]; [|contradiction|].
        - assert (x i t < 0) by nra. assert (r <= x i t) by nra. rewrite Rabs_pos_eq, (Rabs_left r) by lra. lra.
        - assert (0 < x i t) by nra. assert (x i t <= r) by nra. rewrite Rabs_left1, (Rabs_pos_eq r) by lra. lra. }
      assert (Q : 0 <= away 0 / kappa) by (apply Rmult_le_pos; [exact A0|left; now apply Rinv_0_lt_compat]).
      rewrite <- sqrt_div_alt by exact Ht. rewrite <- (sqrt_Rsqr (Rabs (x i t - r))) by apply Rabs_pos. apply sqrt_le_1_alt. unfold Rsqr.
      assert (Rabs (x i t - r) * Rabs (x i t - r) <= Rabs (x i t - r) * Rabs r) by (apply Rmult_le_compat_l; [apply Rabs_pos|exact Less]). lra. }
    apply (is_lim_ext (fun t => (x i t - r) + r)); [intros; ring|]. replace (Finite r) with (Rbar_plus 0 r) by (simpl; f_equal; ring).
    apply (is_lim_plus _ _ p_infty 0 r); [exact Z|apply is_lim_const|reflexivity].
  - unfold axis_point. destruct (Nat.eqb_spec d i); [contradiction|].
    apply (lim_of_root_bound _ (sqrt (away 0 / kappa))). intros t Ht.
    pose proof (others_away t d ltac:(lra) Hd N) as O. pose proof (away_falls t Ht) as F.
    assert (Q : 0 <= away 0 / kappa) by (apply Rmult_le_pos; [exact A0|left; now apply Rinv_0_lt_compat]).
    rewrite <- sqrt_div_alt by exact Ht. rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. unfold Rsqr. replace (x d t * x d t) with (x d t ^ 2) by ring. lra.
Qed.
End Attracted.

(** Positive numbers for all channels but one have a positive lower bound. *)
Lemma minimum_but_one m i (g : nat -> R) : (forall d, (d < m)%nat -> d <> i -> 0 < g d) ->
  exists c, 0 < c /\ forall d, (d < m)%nat -> d <> i -> c <= g d.
Proof.
  intros H. destruct (positive_minimum m (fun d => if Nat.eqb d i then 1 else g d)) as (c & Hc & Hg).
  - intros d Hd. destruct (Nat.eqb_spec d i); [lra|now apply H].
  - exists c. split; [exact Hc|]. intros d Hd N. specialize (Hg d Hd). destruct (Nat.eqb_spec d i); [contradiction|exact Hg].
Qed.

Theorem sphere_sinks : sphere_sinks_statement.
Proof.
  intros D M S_Delta b e0 i r [eps <-]%as_floor Hi Nr axis rate.
  assert (Rt : forall d, rate d = 2 * sphere_rate D M S_Delta b eps (r ^ 2) d (axis_point i r)).
  { intros d. rewrite axis_rate by assumption. reflexivity. }
  assert (Sq : square_norm D axis = r ^ 2) by (apply axis_square; assumption).
  split.
  - intros Neg. destruct (minimum_but_one D i (fun d => - sphere_rate D M S_Delta b eps (r ^ 2) d (axis_point i r))) as (kappa & Hk & Hkd).
    { intros d Hd N. specialize (Neg d Hd N). rewrite Rt in Neg. lra. }
    destruct (falls_near D M S_Delta b eps i r Hi D kappa Hk (le_n D)) as (del & Hdel & falls).
    { intros d Hd N. specialize (Hkd d Hd N). lra. }
    pose proof (Rabs_pos_lt r Nr) as Pr. pose proof (lt_0_INR D ltac:(lia)) as PD.
    (* eta and the distance of the start *)
    set (eta := Rmin del (del * Rabs r)).
    assert (He : 0 < eta) by (apply Rmin_glb_lt; [lra|apply Rmult_lt_0_compat; lra]).
    pose proof (Rmin_l del (del * Rabs r)) as E1. pose proof (Rmin_r del (del * Rabs r)) as E2. fold eta in E1, E2.
    assert (Heta2 : eta ^ 2 <= del * Rabs r).
    { apply Rle_trans with (eta * 1); [|lra]. replace (eta ^ 2) with (eta * eta) by ring. apply Rmult_le_compat_l; lra. }
    set (near := eta / (INR D + 1)).
    assert (Hn : 0 < near) by (apply Rdiv_lt_0_compat; lra).
    exists near. split; [exact Hn|]. intros x sol Same Side Close.
    assert (Start : square_norm D (fun d => x d 0) = r ^ 2).
    { rewrite <- Sq. unfold norm in Same. apply sqrt_inj; [apply square_norm_nonneg|apply square_norm_nonneg|exact Same]. }
    assert (Near : away i r x 0 < eta ^ 2).
    { rewrite (away_sum D M S_Delta b eps i r Hi x sol Start 0) by lra.
      apply Rle_lt_trans with (INR D * near ^ 2).
      - clear - Close Hn. assert (H : forall m, (m <= D)%nat -> sum_below m (fun e => if Nat.eqb e i then 0 else x e 0 ^ 2) <= INR m * near ^ 2); [|now apply H].
        induction m as [|m IH]; intros Hm; [simpl; lra|]. rewrite S_INR. cbn [sum_below]. specialize (IH ltac:(lia)).
        destruct (Nat.eqb_spec m i) as [->|N]; [pose proof (pow2_ge_0 near); lra|].
        specialize (Close m ltac:(lia) N). assert (x m 0 ^ 2 <= near ^ 2); [|lra]. apply sq_le_of_Rabs. rewrite (Rabs_pos_eq near) by lra. lra.
      - unfold near. replace (INR D * (eta / (INR D + 1)) ^ 2) with (eta ^ 2 * (INR D / (INR D + 1) ^ 2)) by (field; lra).
        rewrite <- (Rmult_1_r (eta ^ 2)) at 2. apply Rmult_lt_compat_l; [now apply pow_lt|].
        apply Rmult_lt_reg_r with ((INR D + 1) ^ 2); [apply pow_lt; lra|].
        replace (INR D / (INR D + 1) ^ 2 * (INR D + 1) ^ 2) with (INR D) by (field; lra). nra. }
    assert (To : forall d, (d < D)%nat -> is_lim (x d) p_infty (axis d)).
    { intros d Hd. exact (tends_to_axis D M S_Delta b eps i r Hi Nr del kappa eta x Hk falls sol Start Side ltac:(lra) Heta2 Near d Hd). }
    split; [exact To|]. intros d Hd N Nd.
    pose proof (start_nonzero D r Nr x Start) as N0.
    pose proof (log_share_limit D M S_Delta b eps x axis sol N0 To d Hd Nd) as Ls. unfold square_start in Ls. rewrite Start in Ls.
    rewrite (Rt d). apply (is_lim_ext_loc (fun t => ln (x d t ^ 2 / r ^ 2) / t)); [|exact Ls].
    exists 0. intros t Ht. unfold channel_share. rewrite (norm_kept D M S_Delta b eps p_infty x sol t ltac:(lra) I).
    unfold square_start. now rewrite Start.
  - intros x d sol Hd N Pos Nd To.
    assert (N0 : square_norm D (fun e => x e 0) <> 0).
    { pose proof (square_le_norm D (fun e => x e 0) d Hd) as Q. cbv beta in Q. pose proof (pow2_gt_0 _ Nd). lra. }
    pose proof (limit_norm D M S_Delta b eps x axis sol To) as Ln. rewrite Sq in Ln.
    pose proof (limit_rate_nonpos D M S_Delta b eps x axis sol N0 To d Hd Nd) as Np. rewrite <- Ln in Np.
    rewrite (Rt d) in Pos. unfold axis in Np. change (fun d => if Nat.eqb d i then r else 0) with (axis_point i r) in Np. lra.
Qed.
