(** cone-equilibria and radial.

    With equal steps every coordinate obeys x_d' = g x_d with one g; the cross
    products x_d(t) x_e(0) - x_e(t) x_d(0) start at 0 and obey the same
    equation, so x(t) = c(t) x(0), and the form along it is c^2 times its start. *)

From Coq Require Import Reals Classical_Prop Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums VectorToken ClosedForms.
Open Scope R_scope.

Theorem cone_equilibria : cone_equilibria_statement.
Proof.
  intros D M S_Delta b e0 v T [eps <-]%as_floor Hv d Hd. split.
  - apply filterlim_const.
  - intros t _ _. change (fun e => v e) with v. rewrite Hv, Rmult_0_r, Rmult_0_l.
    apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
Qed.

Lemma form_scaled D M c (v w : nat -> R) : (forall d, (d < D)%nat -> w d = c * v d) ->
  quadratic_form D M w = c ^ 2 * quadratic_form D M v.
Proof.
  intros H. unfold quadratic_form. rewrite <- sum_below_scal. apply sum_below_ext. intros d Hd.
  rewrite <- sum_below_scal. apply sum_below_ext. intros e He. rewrite !H by assumption. ring.
Qed.

Section Radial.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : vector_solution D M S_Delta b eps T x.
Hypothesis equal : forall v d, (d < D)%nat -> channel_step D S_Delta b eps v d = channel_step D S_Delta b eps v 0.

Definition common_rate (t : R) : R := form_at D M x t * step_at D S_Delta b eps x 0 t.

Lemma coordinate_evolves d : (d < D)%nat -> evolves T (x d) (fun t => x d t * common_rate t).
Proof.
  intros Hd. destruct (sol d Hd) as [S0 S]. split; [exact S0|]. intros t Ht HT.
  specialize (S t Ht HT). rewrite equal in S by exact Hd.
  replace (x d t * common_rate t)
    with (channel_step D S_Delta b eps (fun e => x e t) 0 * quadratic_form D M (fun e => x e t) * x d t)
    by (unfold common_rate, form_at, step_at; ring).
  exact S.
Qed.

Lemma common_rate_bounded : locally_bounded T common_rate.
Proof.
  intros t0 Ht0 HT.
  set (g := fun t => quadratic_form D M (fun e => ext (x e) t) * channel_step D S_Delta b eps (fun e => ext (x e) t) 0).
  assert (C : forall t e, 0 <= t <= t0 -> (e < D)%nat -> continuity_pt (ext (x e)) t).
  { intros t e Ht He. apply (evolves_ext_continuous T (x e) _ (sol e He)); [lra|].
    apply Rbar_lt_lt with t0; [lra|exact HT]. }
  destruct (bounded_on g t0 Ht0) as (K & HK).
  - intros t Ht. unfold g.
    apply (continuity_pt_mult (fun t => quadratic_form D M (fun e => ext (x e) t))
      (fun t => channel_step D S_Delta b eps (fun e => ext (x e) t) 0)).
    + apply (sum_below_continuity D (fun d t => sum_below D (fun e => M d e * ext (x d) t * ext (x e) t))).
      intros d Hd. apply (sum_below_continuity D (fun e t => M d e * ext (x d) t * ext (x e) t)). intros e He.
      apply (continuity_pt_mult (fun t => M d e * ext (x d) t) (ext (x e))); [|now apply C].
      apply (continuity_pt_scal (ext (x d))). now apply C.
    + apply (continuity_pt_ext (fun t => Delta 1 (b O) eps (projection D S_Delta (fun e => ext (x e) t) 0))).
      { intros u. unfold Delta, channel_step. now rewrite Rmult_1_l. }
      apply (continuity_pt_comp (fun t => projection D S_Delta (fun e => ext (x e) t) 0) (Delta 1 (b O) eps) t);
        [|apply Delta_continuity].
      apply (sum_below_continuity D (fun e t => S_Delta O e * ext (x e) t)). intros e He.
      apply (continuity_pt_scal (ext (x e))). now apply C.
  - exists K. intros t Ht. specialize (HK t Ht). unfold g, ext in HK. rewrite Rmax_right in HK by lra. exact HK.
Qed.

Lemma cross_zero d e t : (d < D)%nat -> (e < D)%nat -> 0 <= t -> Rbar_lt t T ->
  x d t * x e 0 = x e t * x d 0.
Proof.
  intros Hd He Ht HT. apply Rminus_diag_uniq.
  pose proof (evolves_scal T (x e 0) _ _ (coordinate_evolves d Hd)) as E1.
  pose proof (evolves_scal T (- x d 0) _ _ (coordinate_evolves e He)) as E2.
  destruct (evolves_plus _ _ _ _ _ E1 E2) as [P0 P].
  assert (E : evolves T (fun t => x e 0 * x d t + - x d 0 * x e t)
     (fun t => (x e 0 * x d t + - x d 0 * x e t) * common_rate t)).
  { split; [exact P0|]. intros u Hu HuT. rewrite Rmult_plus_distr_r. now apply P. }
  pose proof (factor_zero T _ common_rate E common_rate_bounded ltac:(cbv beta; ring) t Ht HT) as Z.
  cbv beta in Z. lra.
Qed.
End Radial.

Theorem radial : radial_statement.
Proof.
  intros D M S_Delta b e0 T x [eps <-]%as_floor sol equal.
  set (q0 := quadratic_form D M (fun d => x d 0)).
  destruct (classic (exists e, (e < D)%nat /\ x e 0 <> 0)) as [(e & He & Ne)|No].
  - pose proof (coordinate_evolves D M S_Delta b eps T x sol equal e He) as E.
    set (g := common_rate D M S_Delta b eps x) in *.
    pose proof (evolves_scal T (/ x e 0) _ _ E) as Ec. set (c := fun t => / x e 0 * x e t) in *.
    assert (C0 : c 0 = 1) by (unfold c; field; exact Ne).
    assert (Pc : forall t, 0 <= t -> Rbar_lt t T -> 0 < c t).
    { apply (sign_on T c _ Ec); [|lra]. intros t Ht HT Z.
      apply (factor_nonzero T (x e) g E (common_rate_bounded D M S_Delta b eps T x sol) Ne t Ht HT).
      unfold c in Z. apply Rmult_integral in Z. destruct Z as [Z|Z]; [|exact Z].
      exfalso. revert Z. now apply Rinv_neq_0_compat. }
    assert (Ray : forall t, 0 <= t -> Rbar_lt t T -> forall d, (d < D)%nat -> x d t = c t * x d 0).
    { intros t Ht HT d Hd. pose proof (cross_zero D M S_Delta b eps T x sol equal d e t Hd He Ht HT) as X.
      unfold c. apply (Rmult_eq_reg_r (x e 0)); [|exact Ne]. rewrite X. field. exact Ne. }
    assert (Rate : forall t, 0 <= t -> Rbar_lt t T ->
       exists k, 0 < k /\ c t * g t = k * q0).
    { intros t Ht HT. exists (c t ^ 3 * step_at D S_Delta b eps x 0 t).
      pose proof (Pc t Ht HT). assert (0 < c t ^ 3) by (now apply pow_lt).
      pose proof (step_at_pos D S_Delta b eps x 0 t). split; [pos|].
      unfold g, common_rate, form_at.
      rewrite (form_scaled D M (c t) (fun d => x d 0) (fun d => x d t) (Ray t Ht HT)). fold q0. ring. }
    exists c. split; [intros t Ht HT; split; [now apply Pc|now apply Ray]|]. split; [|split].
    + intros Hq u v Huv HT. apply (strict_incr_on T c _ u v Ec ltac:(lra) ltac:(lra) HT). intros t Ht.
      destruct (Rate t ltac:(lra) ltac:(apply Rbar_lt_lt with v; [lra|exact HT])) as (k & Hk & R).
      unfold c in R. cbv beta. rewrite R. pos.
    + intros Hq u v Huv HT.
      pose proof (strict_incr_on T _ _ u v (evolves_opp _ _ _ Ec) ltac:(lra) ltac:(lra) HT) as G. cbv beta in G.
      assert (- c u < - c v); [|lra]. apply G. intros t Ht.
      destruct (Rate t ltac:(lra) ltac:(apply Rbar_lt_lt with v; [lra|exact HT])) as (k & Hk & R).
      unfold c in R. rewrite R. assert (0 < k * - q0) by (apply Rmult_lt_0_compat; lra). lra.
    + intros Hq t Ht HT. rewrite <- C0. apply (evolves_constant T c _ Ec); [|exact Ht|exact HT].
      intros u Hu HuT. destruct (Rate u ltac:(lra) HuT) as (k & Hk & R).
      unfold c in R. rewrite R, Hq. ring.
  - (* the zero start *)
    assert (Z0 : forall d, (d < D)%nat -> x d 0 = 0).
    { intros d Hd. destruct (Req_dec (x d 0) 0) as [|N]; [assumption|]. exfalso. apply No. now exists d. }
    assert (Q0 : q0 = 0).
    { unfold q0. rewrite (form_scaled D M 0 (fun _ => 0) (fun d => x d 0)); [ring|].
      intros d Hd. rewrite Z0 by exact Hd. ring. }
    exists (fun _ => 1). split.
    + intros t Ht HT. split; [lra|]. intros d Hd. rewrite Z0 by exact Hd. rewrite Rmult_0_r.
      apply (factor_zero T (x d) _ (coordinate_evolves D M S_Delta b eps T x sol equal d Hd)
        (common_rate_bounded D M S_Delta b eps T x sol) (Z0 d Hd) t Ht HT).
    + fold q0. rewrite Q0. split; [intros; lra|]. split; [intros; lra|]. reflexivity.
Qed.
