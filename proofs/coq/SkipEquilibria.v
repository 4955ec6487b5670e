(** skip-equilibria.

    r = |x_1| obeys r' = r h(r), h(r) = d + mu r^2 softplus(k r + b), k = |s| or
    - |s|.  For k >= 0 h falls from d > 0 through its one root; the phase line
    leads there, and g = h/(h - d) obeys g' = - d (2 + something >= 0) g.  For k < 0
    the second term is at least - |mu| R^2 e^(b-|s|R), R = max(r(0), 2/|s|), as long
    as r stays above r(0), which it does where that leaves a positive rate. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums GrowthRate.
From S6Flow Require Import Limits FirstToken PhaseLine LipschitzField Uniqueness FieldFlow FieldMaximal VectorFlow.
Open Scope R_scope.

Section Skip.
Variables (m k b d : R).
Hypothesis Hm : m < 0.
Hypothesis Hd : 0 < d.

Definition skip_rate (r : R) : R := m * r ^ 2 * softplus (k * r + b) + d.
Definition skip_speed (r : R) : R := r * skip_rate r.

Lemma skip_rate_derive r : is_derive skip_rate r
  (m * (2 * r) * softplus (k * r + b) + m * r ^ 2 * (k * sigmoid (k * r + b))).
Proof.
  unfold skip_rate. apply (is_derive_ext (fun r => m * r ^ 2 * Delta k b no_floor r + d)); [intros; now rewrite Delta_no_floor|].
  replace (m * (2 * r) * softplus (k * r + b) + m * r ^ 2 * (k * sigmoid (k * r + b)))
    with (plus (m * (2 * r) * Delta k b no_floor r + m * r ^ 2 * (k * sigmoid (k * r + b))) 0)
    by (unfold plus; simpl; rewrite Delta_no_floor; ring).
  apply (is_derive_plus (fun r => m * r ^ 2 * Delta k b no_floor r) (fun _ => d));
    [|apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule))].
  apply (is_derive_mult (fun r => m * r ^ 2) (Delta k b no_floor)); [|apply Delta_derive|intros; apply Rmult_comm].
  auto_derive; [exact I|ring].
Qed.

Lemma skip_rate_continuous r : continuity_pt skip_rate r.
Proof. apply derivable_continuous_pt. eexists. apply is_derive_Reals, skip_rate_derive. Qed.

Lemma skip_speed_derive r : is_derive skip_speed r
  (skip_rate r + r * (m * (2 * r) * softplus (k * r + b) + m * r ^ 2 * (k * sigmoid (k * r + b)))).
Proof.
  unfold skip_speed.
  replace (skip_rate r) with (1 * skip_rate r) at 1 by ring.
  apply (is_derive_mult (fun r => r) skip_rate); [|apply skip_rate_derive|intros; apply Rmult_comm].
  apply (is_derive_id (K:=R_AbsRing)).
Qed.

Lemma skip_speed_continuous r : continuity_pt skip_speed r.
Proof. apply derivable_continuous_pt. eexists. apply is_derive_Reals, skip_speed_derive. Qed.

(** For k >= 0 the rate falls strictly and has one root. *)
Lemma skip_rate_falls u v : 0 <= k -> 0 < u < v -> skip_rate v < skip_rate u.
Proof.
  intros Hk Huv. unfold skip_rate.
  assert (A : softplus (k * u + b) <= softplus (k * v + b)).
  { apply softplus_le. assert (k * u <= k * v) by (apply Rmult_le_compat_l; lra). lra. }
  pose proof (softplus_pos (k * u + b)).
  assert (B : u ^ 2 < v ^ 2) by (simpl; nra).
  assert (u ^ 2 * softplus (k * u + b) < v ^ 2 * softplus (k * v + b)).
  { apply Rlt_le_trans with (v ^ 2 * softplus (k * u + b)).
    - now apply Rmult_lt_compat_r.
    - apply Rmult_le_compat_l; [apply pow2_ge_0|exact A]. }
  rewrite !Rmult_assoc. nra.
Qed.

Lemma skip_root : 0 <= k -> exists r, 0 < r /\ skip_rate r = 0.
Proof.
  intros Hk. pose proof (softplus_pos b) as Pb.
  set (Y := sqrt (2 * d / (- m * softplus b))).
  assert (Q : 0 < - m * softplus b) by (apply Rmult_lt_0_compat; lra).
  assert (PY : 0 < Y) by (apply sqrt_lt_R0, Rdiv_lt_0_compat; lra).
  assert (Y2 : Y ^ 2 = 2 * d / (- m * softplus b)).
  { unfold Y. apply pow2_sqrt. left. apply Rdiv_lt_0_compat; lra. }
  destruct (IVT_interv (fun r => - skip_rate r) 0 Y) as (r & Hr & Er).
  - intros c _. apply continuity_pt_opp, skip_rate_continuous.
  - exact PY.
  - unfold skip_rate. simpl. lra.
  - unfold skip_rate. assert (A : softplus b <= softplus (k * Y + b)).
    { apply softplus_le. assert (0 <= k * Y) by (apply Rmult_le_pos; lra). lra. }
    assert (2 * d <= - m * Y ^ 2 * softplus (k * Y + b)); [|lra].
    apply Rle_trans with (- m * Y ^ 2 * softplus b).
    + rewrite Y2. right. field. split; lra.
    + apply Rmult_le_compat_l; [|exact A]. apply Rmult_le_pos; [lra|apply pow2_ge_0].
  - exists r. split; [|lra]. destruct (Rle_lt_or_eq_dec 0 r ltac:(lra)) as [|E]; [assumption|].
    rewrite <- E in Er. unfold skip_rate in Er. simpl in Er. lra.
Qed.

Lemma skip_settles r rho : 0 <= k -> evolves p_infty rho (fun t => skip_speed (rho t)) -> 0 < rho 0 ->
  0 < r -> skip_rate r = 0 -> is_lim rho p_infty r.
Proof.
  intros Hk E P0 Pr Zr.
  pose proof skip_speed_continuous as Cv. pose proof (smooth_factor skip_speed _ skip_speed_derive) as Fv.
  assert (Zs : skip_speed r = 0) by (unfold skip_speed; rewrite Zr; ring).
  destruct (Rtotal_order (rho 0) r) as [H|[H|H]].
  - assert (Pos : forall y, 0 < y < r -> 0 < skip_speed y).
    { intros y Hy. pose proof (skip_rate_falls y r Hk Hy). unfold skip_speed. apply Rmult_lt_0_compat; lra. }
    apply (rises_to_next_zero skip_speed Cv Fv rho E); [apply Pos; lra|exact H|exact Zs|].
    intros y Hy. pose proof (Pos y ltac:(lra)). lra.
  - apply (is_lim_ext_loc (fun _ => r)); [|apply is_lim_const].
    exists 0. intros t Ht. symmetry.
    exact (proj1 (order_kept skip_speed Fv p_infty rho E r Zs t ltac:(lra) I) H).
  - assert (Neg : forall y, r < y -> skip_speed y < 0).
    { intros y Hy. pose proof (skip_rate_falls r y Hk ltac:(lra)). unfold skip_speed.
      assert (0 < y * - skip_rate y) by (apply Rmult_lt_0_compat; lra). lra. }
    apply (falls_to_next_zero skip_speed rho r Cv Fv E); [apply Neg; lra|exact H|exact Zs|].
    intros y Hy. pose proof (Neg y ltac:(lra)). lra.
Qed.
End Skip.

(** The rate is below d, so r grows at most exponentially. *)
Lemma skip_bounded m k b d T rho : m < 0 -> evolves T rho (fun t => skip_speed m k b d (rho t)) ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < rho t) ->
  forall t, 0 <= t -> Rbar_lt t T -> rho t * exp (- d * t) <= rho 0.
Proof.
  intros Hm E P t Ht HT.
  assert (Ee : evolves T (fun u => exp (- d * u)) (fun u => - d * exp (- d * u))).
  { apply evolves_of_derive; [eapply continuous_of_derive|intros]; apply exp_lin_derive. }
  pose proof (decr_on T _ _ 0 t (evolves_mult T _ _ _ _ E Ee) (Rle_refl 0) Ht HT) as D. cbv beta in D.
  rewrite Rmult_0_r, exp_0, Rmult_1_r in D. apply D. intros u Hu.
  assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
  specialize (P u ltac:(lra) HuT). unfold skip_speed, skip_rate.
  pose proof (softplus_pos (k * rho u + b)). pose proof (exp_pos (- d * u)) as Ep.
  set (Q := rho u ^ 2 * softplus (k * rho u + b)).
  assert (HQ : 0 <= Q) by (apply Rmult_le_pos; [apply pow2_ge_0|lra]).
  replace (rho u * (m * rho u ^ 2 * softplus (k * rho u + b) + d) * exp (- d * u) + rho u * (- d * exp (- d * u)))
    with (m * (rho u * exp (- d * u) * Q)) by (unfold Q; ring).
  assert (0 <= rho u * exp (- d * u) * Q) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra). nra.
Qed.

(** For k >= 0 the distance |1 + d/own| from rest falls at least like exp(- 2 d t). *)
Lemma skip_relaxes m k b d rho : m < 0 -> 0 < d -> 0 <= k ->
  evolves p_infty rho (fun t => skip_speed m k b d (rho t)) -> (forall t, 0 <= t -> 0 < rho t) ->
  forall t, 0 <= t -> Rabs (1 + d / skip_rate m k b 0 (rho t))
                      <= Rabs (1 + d / skip_rate m k b 0 (rho 0)) * exp (- (2 * d * t)).
Proof.
  intros Hm Hd Hk E P t Ht.
  set (own := fun r => skip_rate m k b 0 r).
  assert (Nz : forall r, 0 < r -> own r < 0).
  { intros r Hr. unfold own, skip_rate. pose proof (softplus_pos (k * r + b)).
    assert (0 < r ^ 2 * softplus (k * r + b)) by (apply Rmult_lt_0_compat; [now apply pow_lt|assumption]). nra. }
  assert (Ed : forall r d', skip_rate m k b d' r = own r + d') by (intros; unfold own, skip_rate; ring).
  set (kap := fun r => 2 + k * r * sigmoid (k * r + b) / softplus (k * r + b)).
  assert (Eo : evolves p_infty (fun t => own (rho t)) (fun t => own (rho t) * (kap (rho t) * (own (rho t) + d)))).
  { eapply evolves_ext.
    - apply (evolves_comp p_infty rho _ own (fun r => m * (2 * r) * softplus (k * r + b) + m * r ^ 2 * (k * sigmoid (k * r + b))) E).
      + eapply continuous_of_derive, skip_rate_derive.
      + intros u _ _. apply skip_rate_derive.
    - intros u Hu _. cbv beta. unfold skip_speed. rewrite Ed. unfold kap, own, skip_rate.
      pose proof (softplus_pos (k * rho u + b)). field. lra. }
  assert (Ei : evolves p_infty (fun t => d * / own (rho t))
                 (fun t => d * / own (rho t) * (0 - kap (rho t) * (own (rho t) + d)))).
  { apply (evolves_ratio p_infty (fun _ => d) (fun _ => 0)).
    - apply evolves_nonneg. intros u _. rewrite Rmult_0_r. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
    - exact Eo.
    - pose proof (Nz (rho 0) (P 0 (Rle_refl 0))). lra.
    - intros u Hu _. pose proof (Nz (rho u) (P u Hu)). lra. }
  set (g := fun t => 1 + d / own (rho t)).
  assert (Eg : evolves p_infty g (fun t => g t * (- d * kap (rho t)))).
  { assert (E1 : evolves p_infty (fun _ => 1) (fun _ => 0)).
    { apply evolves_nonneg. intros u _. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)). }
    eapply evolves_ext; [exact (evolves_plus _ _ _ _ _ E1 Ei)|]. intros u Hu _. cbv beta. unfold g.
    pose proof (Nz (rho u) (P u ltac:(lra))). field. lra. }
  pose proof (decr_on p_infty _ _ 0 t (evolves_weighted p_infty g _ (4 * d) Eg) (Rle_refl 0) Ht I) as D. cbv beta in D.
  rewrite Rmult_0_r, exp_0, Rmult_1_r in D.
  assert (D' : g t ^ 2 * exp (4 * d * t) <= g 0 ^ 2).
  { apply D. intros u Hu. specialize (P u ltac:(lra)).
    assert (0 <= g u ^ 2 * exp (4 * d * u)) by (apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos]).
    assert (2 <= kap (rho u)).
    { unfold kap. pose proof (softplus_pos (k * rho u + b)). pose proof (sigmoid_range (k * rho u + b)).
      assert (0 <= k * rho u * sigmoid (k * rho u + b) / softplus (k * rho u + b)); [|lra].
      apply Rdiv_le_0_compat; [|assumption]. apply Rmult_le_pos; [apply Rmult_le_pos|]; lra. }
    assert (2 * (- d * kap (rho u)) + 4 * d <= 0) by nra. nra. }
  change (Rabs (g t) <= Rabs (g 0) * exp (- (2 * d * t))).
  rewrite <- (Rabs_pos_eq (exp (- (2 * d * t)))) by (left; apply exp_pos). rewrite <- Rabs_mult.
  apply Rabs_le_of_sq. replace ((g 0 * exp (- (2 * d * t))) ^ 2) with (g 0 ^ 2 * exp (- (4 * d * t))).
  2:{ replace (- (4 * d * t)) with (- (2 * d * t) + - (2 * d * t)) by ring. rewrite exp_plus. ring. }
  apply (Rmult_le_reg_r (exp (4 * d * t))); [apply exp_pos|].
  replace (g 0 ^ 2 * exp (- (4 * d * t)) * exp (4 * d * t)) with (g 0 ^ 2); [exact D'|].
  rewrite Rmult_assoc, <- exp_plus. replace (- (4 * d * t) + 4 * d * t) with 0 by ring. rewrite exp_0. ring.
Qed.

(** r^2 exp(- c r) is largest at 2/c and falls beyond. *)
Lemma square_exp_falls c R r : 0 < c -> 0 < r -> (R = 2 / c \/ 2 / c <= R <= r) ->
  r ^ 2 * exp (- (c * r)) <= R ^ 2 * exp (- (c * R)).
Proof.
  intros Hc Hr H. assert (P2 : 0 < 2 / c) by (apply Rdiv_lt_0_compat; lra).
  assert (HR : 0 < R) by (destruct H; lra). set (q := r / R).
  assert (Er : r = q * R) by (unfold q; field; lra).
  assert (Pq : 0 < q) by (unfold q; apply Rdiv_lt_0_compat; lra).
  assert (A : q - 1 <= c * R * (q - 1) / 2).
  { destruct H as [-> | H].
    - right. field. lra.
    - assert (2 <= c * R).
      { apply (Rmult_le_reg_r (/ c)); [now apply Rinv_0_lt_compat|]. replace (c * R * / c) with R by (field; lra).
        unfold Rdiv in H. lra. }
      assert (1 <= q).
      { unfold q. apply (Rmult_le_reg_r R); [exact HR|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
      nra. }
  assert (B : q * exp (- (c * R * (q - 1) / 2)) <= 1).
  { pose proof (exp_ineq1_le (c * R * (q - 1) / 2)).
    apply Rle_trans with (exp (c * R * (q - 1) / 2) * exp (- (c * R * (q - 1) / 2))).
    - apply Rmult_le_compat_r; [left; apply exp_pos|lra].
    - right. rewrite <- exp_plus, Rplus_opp_r. apply exp_0. }
  assert (Pe : 0 < q * exp (- (c * R * (q - 1) / 2))) by (apply Rmult_lt_0_compat; [exact Pq|apply exp_pos]).
  replace (r ^ 2 * exp (- (c * r)))
    with (R ^ 2 * exp (- (c * R)) * (q * exp (- (c * R * (q - 1) / 2))) ^ 2).
  - set (w := q * exp (- (c * R * (q - 1) / 2))) in *.
    assert (0 < R ^ 2 * exp (- (c * R))) by (apply Rmult_lt_0_compat; [now apply pow_lt|apply exp_pos]).
    assert (w ^ 2 <= 1) by nra. nra.
  - replace (exp (- (c * r))) with (exp (- (c * R)) * (exp (- (c * R * (q - 1) / 2)) * exp (- (c * R * (q - 1) / 2)))).
    + rewrite Er at 1. ring.
    + rewrite <- !exp_plus. f_equal. rewrite Er. field.
Qed.

(** What is lost at most from r0 outwards. *)
Definition loss (m c b r0 : R) : R := Rabs m * exp (b - c * Rmax r0 (2 / c)) * Rmax r0 (2 / c) ^ 2.

Lemma loss_bounds m c b d r0 r : m < 0 -> 0 < c -> 0 < r0 <= r -> d - loss m c b r0 <= skip_rate m (- c) b d r.
Proof.
  intros Hm Hc Hr. unfold skip_rate, loss. set (R := Rmax r0 (2 / c)).
  assert (Q : r ^ 2 * exp (- (c * r)) <= R ^ 2 * exp (- (c * R)) \/ (2 / c < R /\ r < R)).
  { unfold R. destruct (Rle_lt_dec r0 (2 / c)) as [H|H].
    - rewrite Rmax_right by lra. left. apply square_exp_falls; [exact Hc|lra|now left].
    - rewrite Rmax_left by lra. left. apply square_exp_falls; [exact Hc|lra|right; lra]. }
  destruct Q as [Q|[Q1 Q2]].
  2:{ exfalso. unfold R in *. destruct (Rle_lt_dec r0 (2 / c)); [rewrite Rmax_right in Q1 by lra|rewrite Rmax_left in Q2 by lra]; lra. }
  rewrite (Rabs_left m) by exact Hm. unfold Rminus at 2. rewrite exp_plus.
  assert (S : softplus (- c * r + b) <= exp b * exp (- (c * r))).
  { eapply Rle_trans; [apply softplus_upper|]. rewrite <- exp_plus. right. f_equal. ring. }
  pose proof (exp_pos b). pose proof (pow2_ge_0 r).
  assert (A : r ^ 2 * softplus (- c * r + b) <= exp b * (R ^ 2 * exp (- (c * R)))).
  { apply Rle_trans with (r ^ 2 * (exp b * exp (- (c * r)))); [now apply Rmult_le_compat_l|].
    replace (r ^ 2 * (exp b * exp (- (c * r)))) with (exp b * (r ^ 2 * exp (- (c * r)))) by ring.
    apply Rmult_le_compat_l; lra. }
  apply (Rmult_le_compat_l (- m)) in A; [|lra].
  replace (- m * (exp b * exp (- (c * R))) * R ^ 2) with (- m * (exp b * (R ^ 2 * exp (- (c * R))))) by ring. lra.
Qed.

(** A start from which less than d is lost escapes. *)
Lemma skip_escapes m c b d rho : m < 0 -> 0 < c -> loss m c b (rho 0) < d ->
  evolves p_infty rho (fun t => skip_speed m (- c) b d (rho t)) ->
  (forall t, 0 <= t -> 0 < rho t) ->
  (forall t, 0 <= t -> rho 0 * exp (t * (d - loss m c b (rho 0))) <= rho t) /\ is_lim rho p_infty p_infty.
Proof.
  intros Hm Hc Hd E P. set (g := d - loss m c b (rho 0)). assert (Hg : 0 < g) by (unfold g; lra).
  pose proof (P 0 (Rle_refl 0)) as P0.
  assert (V0 : 0 < skip_speed m (- c) b d (rho 0)).
  { unfold skip_speed. apply Rmult_lt_0_compat; [exact P0|].
    pose proof (loss_bounds m c b d (rho 0) (rho 0) Hm Hc ltac:(lra)). unfold g in Hg. lra. }
  pose proof (skip_speed_continuous m (- c) b d) as Cv.
  pose proof (smooth_factor (skip_speed m (- c) b d) _ (skip_speed_derive m (- c) b d)) as Fv.
  assert (Mono : forall u v, 0 <= u <= v -> rho u <= rho v) by exact (rising_le _ Cv Fv rho E V0).
  assert (Grow : forall t, 0 <= t -> rho 0 * exp (t * g) <= rho t).
  { intros t Ht.
    assert (Ee : evolves p_infty (fun u => exp (- g * u)) (fun u => - g * exp (- g * u))).
    { apply evolves_of_derive; [eapply continuous_of_derive|intros]; apply exp_lin_derive. }
    pose proof (incr_on p_infty _ _ 0 t (evolves_mult _ _ _ _ _ E Ee) (Rle_refl 0) Ht I) as D. cbv beta in D.
    rewrite Rmult_0_r, exp_0, Rmult_1_r in D.
    assert (D' : rho 0 <= rho t * exp (- g * t)).
    { apply D. intros u Hu. pose proof (Mono 0 u ltac:(lra)).
      pose proof (loss_bounds m c b d (rho 0) (rho u) Hm Hc ltac:(lra)) as Lb. fold g in Lb.
      pose proof (exp_pos (- g * u)). unfold skip_speed.
      replace (rho u * skip_rate m (- c) b d (rho u) * exp (- g * u) + rho u * (- g * exp (- g * u)))
        with (rho u * exp (- g * u) * (skip_rate m (- c) b d (rho u) - g)) by ring.
      apply Rmult_le_pos; [apply Rmult_le_pos|]; lra. }
    apply (Rmult_le_reg_r (exp (- g * t))); [apply exp_pos|].
    rewrite Rmult_assoc, <- exp_plus. replace (t * g + - g * t) with 0 by ring. rewrite exp_0. lra. }
  split; [exact Grow|]. apply lim_of_unbounded; [exact Mono|]. intros K.
  exists ((Rabs K + 1) / (rho 0 * g)).
  assert (W : 0 < rho 0 * g) by (apply Rmult_lt_0_compat; lra). pose proof (Rabs_pos K).
  assert (Ht : 0 <= (Rabs K + 1) / (rho 0 * g)) by (apply Rdiv_le_0_compat; lra).
  split; [exact Ht|]. eapply Rlt_le_trans; [|apply Grow; exact Ht].
  set (t := (Rabs K + 1) / (rho 0 * g)) in *. pose proof (exp_ineq1_le (t * g)) as X.
  apply Rlt_le_trans with (rho 0 * (1 + t * g)); [|apply Rmult_le_compat_l; lra].
  replace (rho 0 * (1 + t * g)) with (rho 0 + (Rabs K + 1)) by (unfold t; field; lra).
  pose proof (Rle_abs K). lra.
Qed.

Theorem skip_escape : skip_escape_statement.
Proof.
  intros N mu s b e0 d <-%without_floor Hs Hd. set (c := Rabs s). assert (Hc : 0 < c) by now apply Rabs_pos_lt.
  set (A := Rabs (sum_below N mu) * exp b). assert (HA : 0 <= A) by (apply Rmult_le_pos; [apply Rabs_pos|left; apply exp_pos]).
  (* R^2 exp(- c R) <= 27 / (c^3 R) *)
  set (far := Rmax (2 / c) (28 * (A + 1) / (c ^ 3 * d))).
  assert (P3 : 0 < c ^ 3) by now apply pow_lt. exists far. intros y Hy. fold c.
  assert (P2 : 0 < 2 / c) by (apply Rdiv_lt_0_compat; lra).
  pose proof (Rmax_l (2 / c) (28 * (A + 1) / (c ^ 3 * d))) as F1. fold far in F1.
  pose proof (Rmax_r (2 / c) (28 * (A + 1) / (c ^ 3 * d))) as F2. fold far in F2.
  rewrite Rmax_left by lra. set (R := Rabs y) in *.
  unfold Rminus. rewrite exp_plus. pose proof (z3_exp (c * R) ltac:(apply Rmult_le_pos; lra)) as Z.
  assert (PR : 0 < R) by lra.
  assert (Q : A * (c ^ 3 * R ^ 3 * exp (- (c * R))) <= A * 27).
  { apply Rmult_le_compat_l; [exact HA|]. replace (c ^ 3 * R ^ 3) with ((c * R) ^ 3) by ring. exact Z. }
  assert (F3 : 28 * (A + 1) <= R * (c ^ 3 * d)).
  { apply (Rmult_le_reg_r (/ (c ^ 3 * d))); [apply Rinv_0_lt_compat; pos|].
    replace (R * (c ^ 3 * d) * / (c ^ 3 * d)) with R by (field; lra). unfold Rdiv in F2. lra. }
  apply (Rmult_lt_reg_r (c ^ 3 * R)); [pos|].
  replace (Rabs (sum_below N mu) * (exp b * exp (- (c * R))) * R ^ 2 * (c ^ 3 * R))
    with (A * (c ^ 3 * R ^ 3 * exp (- (c * R)))) by (unfold A; ring).
  nra.
Qed.

(** The modulus of the first token of a flow with a skip. *)
Lemma skip_modulus N a mu s b d L T x :
  skip_solution N a mu s b no_floor d L T x -> (0 < L)%nat -> x O 0 <> 0 ->
  exists e, e * e = 1 /\
    (forall t, 0 <= t -> Rbar_lt t T -> Rabs (x O t) = e * x O t /\ 0 < e * x O t) /\
    evolves T (fun t => e * x O t) (fun t => skip_speed (sum_below N mu) (s * e) b d (e * x O t)).
Proof.
  intros Hs HL N0. pose proof (Hs O HL) as E0.
  set (G := fun t => growth_rate N a mu s b no_floor (fun k => x k t) 0 + d).
  assert (Bd : locally_bounded T G).
  { intros t0 Ht0 HT0. destruct (bounded_on (fun t => skip_rate (sum_below N mu) s b d (ext (x O) t)) t0 Ht0) as (K & HK).
    - intros t Ht. apply (continuity_pt_comp (ext (x O)) (skip_rate (sum_below N mu) s b d));
        [|apply skip_rate_continuous].
      apply (evolves_ext_continuous T (x O) _ E0); [lra|]. apply Rbar_lt_lt with t0; [lra|exact HT0].
    - exists K. intros t Ht. specialize (HK t Ht). rewrite ext_pos in HK by lra.
      unfold G. rewrite growth_rate_first, Delta_no_floor. exact HK. }
  pose proof (factor_nonzero T (x O) G E0 Bd N0) as Nz.
  assert (Sg : exists e, e * e = 1 /\ forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x O t).
  { destruct (Rdichotomy _ _ N0) as [Neg|Pos].
    - exists (-1). split; [lra|]. intros t Ht HT. assert (0 < - x O t); [|lra].
      apply (sign_on T (fun t => - x O t) _ (evolves_opp _ _ _ E0)); [|lra|exact Ht|exact HT].
      intros u Hu HuT Z. apply (Nz u Hu HuT). lra.
    - exists 1. split; [lra|]. intros t Ht HT. rewrite Rmult_1_l.
      apply (sign_on T (x O) _ E0); [|lra|exact Ht|exact HT].
      intros u Hu HuT. exact (Nz u Hu HuT). }
  destruct Sg as (e & He & P). exists e. split; [exact He|]. split.
  - intros t Ht HT. split; [|now apply P]. specialize (P t Ht HT).
    assert (C : e = 1 \/ e = -1) by (destruct (Rle_lt_dec 0 e); [left|right]; nra).
    destruct C as [-> | ->]; [rewrite Rabs_pos_eq by lra|rewrite Rabs_left by lra]; ring.
  - destruct (evolves_scal T e (x O) G E0) as [S0 S]. split; [exact S0|].
    intros t Ht HT. specialize (S t Ht HT). cbv beta in S. unfold G in S.
    rewrite growth_rate_first, Delta_no_floor in S. unfold skip_speed, skip_rate.
    replace (s * e * (e * x O t) + b) with (s * x O t * (e * e) + b) by ring.
    replace ((e * x O t) ^ 2) with (x O t ^ 2 * (e * e)) by ring. rewrite He, !Rmult_1_r. exact S.
Qed.

Theorem skip_equilibria : skip_equilibria_statement.
Proof.
  intros N a mu s b e0 d T x <-%without_floor [Hd Hm] Hmax N0. set (m := sum_below N mu) in *.
  destruct (skip_modulus N a mu s b d 1 T x (proj1 (proj2 Hmax)) (le_n _) N0) as (e & He & Sg & E). fold m in E.
  assert (HT : T = p_infty).
  { apply (bounded_lives 1 (skip_field N a mu s b no_floor d) T x (skip_field_lipschitz N a mu s b no_floor d 1) Hmax).
    intros i Hi T0 ET. replace i with O by lia. subst T. exists (e * x O 0 * exp (d * T0)). intros t Ht HtT.
    destruct (Sg t Ht HtT) as [-> Pt].
    pose proof (skip_bounded m (s * e) b d T0 _ Hm E (fun t Ht HT => proj2 (Sg t Ht HT)) t Ht HtT) as Bd. cbv beta in Bd.
    apply Rle_trans with (e * x O 0 * exp (d * t)).
    - apply (Rmult_le_reg_r (exp (- d * t))); [apply exp_pos|]. rewrite (Rmult_assoc _ (exp (d * t))), <- exp_plus.
      replace (d * t + - d * t) with 0 by ring. rewrite exp_0. lra.
    - destruct (Sg 0 (Rle_refl 0) ltac:(simpl; lra)) as [_ P0]. apply Rmult_le_compat_l; [lra|]. apply exp_le.
      apply Rmult_le_compat_l; lra. }
  subst T. split; [reflexivity|].
  destruct (Sg 0 (Rle_refl 0) I) as [A0 P0].
  assert (Sp : forall t, 0 <= t -> 0 < e * x O t) by (intros t Ht; now apply Sg).
  assert (Own : forall t, m * x O t ^ 2 * Delta s b no_floor (x O t) = skip_rate m (s * e) b 0 (e * x O t)).
  { intros t. unfold skip_rate. rewrite Delta_no_floor. replace (s * e * (e * x O t)) with (s * x O t * (e * e)) by ring.
    replace ((e * x O t) ^ 2) with (x O t ^ 2 * (e * e)) by ring. rewrite He, !Rmult_1_r. ring. }
  assert (Loss : Rabs m * exp (b - Rabs s * Rmax (Rabs (x O 0)) (2 / Rabs s)) * Rmax (Rabs (x O 0)) (2 / Rabs s) ^ 2
                 = loss m (Rabs s) b (e * x O 0)) by (unfold loss; now rewrite A0).
  assert (Esc : s * x O 0 < 0 -> loss m (Rabs s) b (e * x O 0) < d ->
    (forall t, 0 <= t -> e * x O 0 * exp (t * (d - loss m (Rabs s) b (e * x O 0))) <= e * x O t) /\
    is_lim (fun t => e * x O t) p_infty p_infty).
  { intros Hneg Hl. rewrite (slow_slope s e (x O 0) He P0 Hneg) in E.
    assert (Ns : s <> 0) by (intros Z; rewrite Z in Hneg; lra).
    exact (skip_escapes m (Rabs s) b d (fun t => e * x O t) Hm (Rabs_pos_lt s Ns) Hl E Sp). }
  split; [|split].
  - intros t Ht. rewrite Loss. split.
    + intros [Hneg Hl]. destruct (Sg t Ht I) as [At _]. rewrite A0, At. now apply Esc.
    + intros [Hpos _]. rewrite !Own. rewrite (fast_slope s e (x O 0) He P0 Hpos) in *.
      exact (skip_relaxes m (Rabs s) b d (fun t => e * x O t) Hm Hd (Rabs_pos s) E Sp t Ht).
  - intros Hpos. rewrite (fast_slope s e (x O 0) He P0 Hpos) in E. pose proof (Rabs_pos s) as Hk.
    destruct (skip_root m (Rabs s) b d Hm Hd Hk) as (r & Pr & Zr).
    assert (Out : forall r, m * r ^ 2 * Delta s b no_floor (r * sign (x O 0)) + d = skip_rate m (Rabs s) b d r).
    { intros v. unfold skip_rate. rewrite outward_step by assumption. now rewrite Rplus_0_r. }
    exists r. split; [exact Pr|]. split; [now rewrite Out|]. split.
    + intros r' Pr' Zr'. rewrite Out in Zr'.
      destruct (Rtotal_order r' r) as [H|[H|H]]; [|exact H|].
      * pose proof (skip_rate_falls m (Rabs s) b d Hm r' r Hk ltac:(lra)). lra.
      * pose proof (skip_rate_falls m (Rabs s) b d Hm r r' Hk ltac:(lra)). lra.
    + apply (is_lim_ext_loc (fun t => e * x O t)).
      * exists 0. intros t Ht. symmetry. apply Sg; [lra|exact I].
      * exact (skip_settles _ _ b d Hm r _ Hk E P0 Pr Zr).
  - intros Hneg Hl. rewrite Loss in Hl. apply (is_lim_ext_loc (fun t => e * x O t)).
    + exists 0. intros t Ht. symmetry. apply Sg; [lra|exact I].
    + now apply Esc.
Qed.
