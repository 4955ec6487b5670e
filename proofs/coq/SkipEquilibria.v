(** skip-equilibria.

    r = |x_1| obeys r' = r h(r), h(r) = d + mu r^2 softplus(k r + b), k = |s| or
    - |s|.  For k >= 0 h falls from d > 0 through its one root; the phase line
    leads there.  For k < 0 the second term is at least - 4 |mu| e^(b-2)/s^2. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums GrowthRate.
From S6Flow Require Import Limits FirstToken PhaseLine.
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
  unfold skip_rate. apply (is_derive_ext (fun r => m * r ^ 2 * Delta k b r + d)); [reflexivity|].
  replace (m * (2 * r) * softplus (k * r + b) + m * r ^ 2 * (k * sigmoid (k * r + b)))
    with (plus (m * (2 * r) * Delta k b r + m * r ^ 2 * (k * sigmoid (k * r + b))) 0)
    by (unfold plus; simpl; unfold Delta; ring).
  apply (is_derive_plus (fun r => m * r ^ 2 * Delta k b r) (fun _ => d));
    [|apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule))].
  apply (is_derive_mult (fun r => m * r ^ 2) (Delta k b)); [|apply Delta_derive|intros; apply Rmult_comm].
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

(** z^2 exp(- z) <= 4 exp(- 2), the exact maximum. *)
Lemma z2_exp_sharp z : 0 <= z -> z ^ 2 * exp (- z) <= 4 * exp (- (2)).
Proof.
  intros Hz. pose proof (exp_ineq1_le (z / 2 - 1)) as A.
  assert (B : z / 2 * exp (- (z / 2)) <= exp (- (1))).
  { pose proof (exp_pos (- (z / 2))).
    apply Rle_trans with (exp (z / 2 - 1) * exp (- (z / 2))); [apply Rmult_le_compat_r; lra|].
    right. rewrite <- exp_plus. f_equal. ring. }
  assert (0 <= z / 2 * exp (- (z / 2))) by (apply Rmult_le_pos; [lra|left; apply exp_pos]).
  replace (exp (- z)) with (exp (- (z / 2)) * exp (- (z / 2))) by (rewrite <- exp_plus; f_equal; field).
  replace (exp (- (2))) with (exp (- (1)) * exp (- (1))) by (rewrite <- exp_plus; f_equal; ring).
  set (w := z / 2 * exp (- (z / 2))) in *.
  replace (z ^ 2 * (exp (- (z / 2)) * exp (- (z / 2)))) with (4 * (w * w)) by (unfold w; field).
  apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra.
Qed.

(** Where s x < 0 a skip above the largest contraction leaves a positive rate. *)
Lemma skip_escapes m c b d rho : m < 0 -> 0 < c -> 4 * - m * exp (b - 2) / c ^ 2 < d ->
  evolves p_infty rho (fun t => skip_speed m (- c) b d (rho t)) ->
  (forall t, 0 <= t -> 0 < rho t) -> is_lim rho p_infty p_infty.
Proof.
  intros Hm Hc Hd E P. set (g := d - 4 * - m * exp (b - 2) / c ^ 2). assert (Hg : 0 < g) by (unfold g; lra).
  assert (Low : forall t, 0 <= t -> g <= skip_rate m (- c) b d (rho t)).
  { intros t Ht. specialize (P t Ht). set (r := rho t) in *. unfold skip_rate, g.
    assert (S : softplus (- c * r + b) <= exp b * exp (- (c * r))).
    { eapply Rle_trans; [apply softplus_upper|]. rewrite <- exp_plus. right. f_equal. ring. }
    pose proof (z2_exp_sharp (c * r) ltac:(apply Rmult_le_pos; lra)) as Z.
    assert (P2 : 0 < c ^ 2) by (now apply pow_lt). pose proof (exp_pos b) as Eb.
    assert (Q : r ^ 2 * softplus (- c * r + b) <= 4 * exp (b - 2) / c ^ 2).
    { apply Rle_trans with (r ^ 2 * (exp b * exp (- (c * r)))).
      - apply Rmult_le_compat_l; [apply pow2_ge_0|exact S].
      - apply (Rmult_le_reg_r (c ^ 2)); [exact P2|].
        replace (4 * exp (b - 2) / c ^ 2 * c ^ 2) with (exp b * (4 * exp (- (2)))).
        + replace (r ^ 2 * (exp b * exp (- (c * r))) * c ^ 2)
            with (exp b * ((c * r) ^ 2 * exp (- (c * r)))) by ring.
          apply Rmult_le_compat_l; lra.
        + unfold Rminus. rewrite exp_plus. field. lra. }
    apply (Rmult_le_compat_l (- m)) in Q; [|lra].
    replace (4 * - m * exp (b - 2) / c ^ 2) with (- m * (4 * exp (b - 2) / c ^ 2)) by (unfold Rdiv; ring).
    lra. }
  assert (Mono : forall u v, 0 <= u <= v -> rho u <= rho v).
  { intros u v Huv. apply (incr_on p_infty rho _ u v E ltac:(lra) ltac:(lra) I). intros t Ht.
    specialize (Low t ltac:(lra)). specialize (P t ltac:(lra)). unfold skip_speed. apply Rmult_le_pos; lra. }
  apply lim_of_unbounded; [exact Mono|]. intros K.
  pose proof (P 0 (Rle_refl 0)) as P0. set (w := rho 0 * g). assert (Hw : 0 < w) by (unfold w; pos).
  exists ((Rabs K + 1) / w). assert (Ht : 0 <= (Rabs K + 1) / w).
  { pose proof (Rabs_pos K). apply Rdiv_le_0_compat; lra. }
  split; [exact Ht|]. set (t := (Rabs K + 1) / w) in *.
  pose proof (growth_on p_infty rho _ w 0 t E (Rle_refl 0) Ht I) as G.
  assert (w * (t - 0) <= rho t - rho 0) as G'.
  { apply G. intros u Hu. specialize (Low u ltac:(lra)). pose proof (Mono 0 u ltac:(lra)).
    unfold skip_speed, w. apply Rmult_le_compat; lra. }
  replace (w * (t - 0)) with (Rabs K + 1) in G' by (unfold t; field; lra).
  pose proof (Rle_abs K). lra.
Qed.

(** The modulus of the first token of a flow with a skip. *)
Lemma skip_modulus N a mu s b d L x :
  skip_solution N a mu s b d L p_infty x -> (0 < L)%nat -> x O 0 <> 0 ->
  exists e, e * e = 1 /\
    (forall t, 0 <= t -> Rabs (x O t) = e * x O t /\ 0 < e * x O t) /\
    evolves p_infty (fun t => e * x O t) (fun t => skip_speed (sum_below N mu) (s * e) b d (e * x O t)).
Proof.
  intros Hs HL N0. pose proof (Hs O HL) as E0.
  set (G := fun t => growth_rate N a mu s b (fun k => x k t) 0 + d).
  assert (Bd : locally_bounded p_infty G).
  { intros t0 Ht0 _. destruct (bounded_on (fun t => skip_rate (sum_below N mu) s b d (ext (x O) t)) t0 Ht0) as (K & HK).
    - intros t Ht. apply (continuity_pt_comp (ext (x O)) (skip_rate (sum_below N mu) s b d));
        [|apply skip_rate_continuous].
      apply (evolves_ext_continuous p_infty (x O) _ E0); [lra|exact I].
    - exists K. intros t Ht. specialize (HK t Ht). rewrite ext_pos in HK by lra.
      unfold G. rewrite growth_rate_first. exact HK. }
  pose proof (factor_nonzero p_infty (x O) G E0 Bd N0) as Nz.
  assert (Sg : exists e, e * e = 1 /\ forall t, 0 <= t -> 0 < e * x O t).
  { destruct (Rdichotomy _ _ N0) as [Neg|Pos].
    - exists (-1). split; [lra|]. intros t Ht. assert (0 < - x O t); [|lra].
      apply (sign_on p_infty (fun t => - x O t) _ (evolves_opp _ _ _ E0)); [|lra|exact Ht|exact I].
      intros u Hu _ Z. apply (Nz u Hu I). lra.
    - exists 1. split; [lra|]. intros t Ht. rewrite Rmult_1_l.
      apply (sign_on p_infty (x O) _ E0); [|lra|exact Ht|exact I].
      intros u Hu _. exact (Nz u Hu I). }
  destruct Sg as (e & He & P). exists e. split; [exact He|]. split.
  - intros t Ht. split; [|now apply P]. specialize (P t Ht).
    assert (C : e = 1 \/ e = -1) by (destruct (Rle_lt_dec 0 e); [left|right]; nra).
    destruct C as [-> | ->]; [rewrite Rabs_pos_eq by lra|rewrite Rabs_left by lra]; ring.
  - destruct (evolves_scal p_infty e (x O) G E0) as [S0 S]. split; [exact S0|].
    intros t Ht HT. specialize (S t Ht HT). cbv beta in S. unfold G in S.
    rewrite growth_rate_first in S. unfold Delta in S. unfold skip_speed, skip_rate.
    replace (s * e * (e * x O t) + b) with (s * x O t * (e * e) + b) by ring.
    replace ((e * x O t) ^ 2) with (x O t ^ 2 * (e * e)) by ring. rewrite He, !Rmult_1_r. exact S.
Qed.

Theorem skip_equilibria : skip_equilibria_statement.
Proof.
  intros N a mu s b d L x [Hd Hm] Hs HL N0.
  destruct (skip_modulus N a mu s b d L x Hs HL N0) as (e & He & Sg & E).
  destruct (Sg 0 (Rle_refl 0)) as [_ P0]. split.
  - intros Hpos. rewrite (fast_slope s e (x O 0) He P0 Hpos) in E. pose proof (Rabs_pos s) as Hk.
    destruct (skip_root (sum_below N mu) (Rabs s) b d Hm Hd Hk) as (r & Pr & Zr).
    assert (Out : forall r, sum_below N mu * r ^ 2 * Delta s b (r * sign (x O 0)) + d = skip_rate (sum_below N mu) (Rabs s) b d r).
    { intros v. unfold skip_rate. now rewrite outward_step. }
    exists r. split; [exact Pr|]. split; [now rewrite Out|]. split.
    + intros r' Pr' Zr'. rewrite Out in Zr'. change (skip_rate (sum_below N mu) (Rabs s) b d r' = 0) in Zr'.
      destruct (Rtotal_order r' r) as [H|[H|H]]; [|exact H|].
      * pose proof (skip_rate_falls (sum_below N mu) (Rabs s) b d Hm r' r Hk ltac:(lra)). lra.
      * pose proof (skip_rate_falls (sum_below N mu) (Rabs s) b d Hm r r' Hk ltac:(lra)). lra.
    + apply (is_lim_ext_loc (fun t => e * x O t)).
      * exists 0. intros t Ht. symmetry. apply Sg. lra.
      * exact (skip_settles _ _ b d Hm r _ Hk E P0 Pr Zr).
  - intros Hneg Hlarge. rewrite (slow_slope s e (x O 0) He P0 Hneg) in E.
    assert (Ns : s <> 0) by (intros Z; rewrite Z in Hneg; lra).
    apply (is_lim_ext_loc (fun t => e * x O t)).
    + exists 0. intros t Ht. symmetry. apply Sg. lra.
    + apply (skip_escapes (sum_below N mu) (Rabs s) b d); [exact Hm|now apply Rabs_pos_lt| |exact E|].
      * rewrite pow2_abs. rewrite (Rabs_left (sum_below N mu)) in Hlarge by exact Hm. exact Hlarge.
      * intros t Ht. now apply Sg.
Qed.
