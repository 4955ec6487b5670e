(** coexistence-witness: a = (0.2, 4), mu = (-1, 1.5), s = b = 1, first token 1 and second at most 1/2.

    While the second token y lies in (0, 3/5] and the first is r >= 1, what the
    second inherits, (- exp(-Delta(y)/5) + 1.5 exp(-4 Delta(y))) r^2 Delta(r),
    is at most - 2/5 r^2 Delta(r) and outweighs its own term y^2 Delta(y)/2.  So
    y never crosses 1/2 and its growth rate is at most - 1/5 of the first
    token's, which blows up. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums.
From S6Flow Require Import GrowthRate Signs Existence Limits FirstToken BlowUpTime BlowUpProfile.
Open Scope R_scope.

(** ** The numbers *)
Lemma fourth_power_exp v : exp (- v) = exp (- (v / 4)) ^ 4.
Proof. simpl. rewrite Rmult_1_r, <- !exp_plus. f_equal. field. Qed.

(** The inherited factor is at most - 2/5 for 0 < y <= 3/5. *)
Lemma inherited_factor y : 0 < y <= 3 / 5 ->
  -1 * exp (- (1 / 5) * Delta 1 1 no_floor y) + 3 / 2 * exp (- (4) * Delta 1 1 no_floor y) <= - (2 / 5).
Proof.
  intros Hy. pose proof (softplus_right_bounds (1 * y + 1) ltac:(lra)) as D.
  rewrite <- Delta_no_floor in D. set (d := Delta 1 1 no_floor y) in *.
  assert (A : 1 / 2 <= exp (- (1 / 5) * d)).
  { replace (- (1 / 5) * d) with (- (d / 5)) by field. rewrite fourth_power_exp.
    pose proof (exp_ineq1_le (- (d / 5 / 4))). assert (P : 87 / 100 <= exp (- (d / 5 / 4))) by lra.
    apply Rle_trans with ((87 / 100) ^ 4); [lra|]. apply pow_incr. lra. }
  assert (B : exp (- (4) * d) <= 1 / 16).
  { replace (- (4) * d) with (- (4 * d)) by ring. rewrite fourth_power_exp.
    replace (4 * d / 4) with d by field. rewrite exp_Ropp. pose proof (exp_ineq1_le d).
    assert (Q : / exp d <= / 2) by (apply Rinv_le_contravar; lra).
    apply Rle_trans with ((/ 2) ^ 4); [|lra]. apply pow_incr. split; [|exact Q].
    left. apply Rinv_0_lt_compat. lra. }
  lra.
Qed.

(** The second token's growth rate against the first one's. *)
Lemma second_rate a mu (x : nat -> R) :
  a 0%nat = 1 / 5 -> a 1%nat = 4 -> mu 0%nat = -1 -> mu 1%nat = 3 / 2 ->
  1 <= x 0%nat -> 0 < x 1%nat <= 3 / 5 ->
  growth_rate 2 a mu 1 1 no_floor x 1 <= - (1 / 5) * growth_rate 2 a mu 1 1 no_floor x 0.
Proof.
  intros A0 A1 M0 M1 Hr Hy. rewrite growth_rate_first.
  unfold growth_rate. cbn [sum_below hidden]. rewrite A0, A1, M0, M1.
  pose proof (inherited_factor (x 1%nat) Hy) as F.
  pose proof (softplus_right_bounds (1 * x 0%nat + 1) ltac:(lra)) as D0. rewrite <- Delta_no_floor in D0.
  pose proof (softplus_right_bounds (1 * x 1%nat + 1) ltac:(lra)) as D1. rewrite <- Delta_no_floor in D1.
  set (e0 := exp (- (1 / 5) * Delta 1 1 no_floor (x 1%nat))) in *. set (e1 := exp (- (4) * Delta 1 1 no_floor (x 1%nat))) in *.
  set (d0 := Delta 1 1 no_floor (x 0%nat)) in *. set (d1 := Delta 1 1 no_floor (x 1%nat)) in *.
  set (q := x 0%nat ^ 2 * d0).
  assert (Hq : 2 <= q).
  { unfold q. assert (1 <= x 0%nat ^ 2) by (simpl; nra). nra. }
  assert (Own : x 1%nat ^ 2 * d1 <= 468 / 500).
  { assert (x 1%nat ^ 2 <= 9 / 25) by (simpl; nra).
    apply Rle_trans with (9 / 25 * (26 / 10)); [|lra].
    apply Rmult_le_compat; [apply pow2_ge_0|lra|assumption|lra]. }
  assert (Inh : (-1 * e0 + 3 / 2 * e1) * q <= - (2 / 5) * q) by (apply Rmult_le_compat_r; lra).
  replace (0 + (e0 * (-1 * x 0%nat ^ 2 * d0) + -1 * x 1%nat ^ 2 * d1)
           + (e1 * (3 / 2 * x 0%nat ^ 2 * d0) + 3 / 2 * x 1%nat ^ 2 * d1))
    with ((-1 * e0 + 3 / 2 * e1) * q + 1 / 2 * (x 1%nat ^ 2 * d1)) by (unfold q; field).
  replace ((0 + -1 + 3 / 2) * x 0%nat ^ 2 * d0) with (1 / 2 * q) by (unfold q; field).
  lra.
Qed.

Theorem coexistence_witness : coexistence_witness_statement.
Proof.
  intros a mu A0 A1 M0' M1. assert (M0 : mu 0%nat = -1) by lra. set (small := 1 / 10000000).
  assert (HM : sum_below 2 mu = 1 / 2) by (simpl; rewrite M0, M1; field).
  set (y0 := fun l : nat => match l with O => 1 | _ => small end).
  destruct (maximal_solution 2%nat a mu 1 1 no_floor 2%nat y0 (Rle_refl 0)) as (Tm & x & PT & Sol & Init & _ & Unb).
  pose proof (Init O ltac:(lia)) as I0. pose proof (Init 1%nat ltac:(lia)) as I1. simpl in I0, I1.
  assert (Hsmall : 0 < small <= 1 / 2) by (unfold small; lra).
  destruct (fast_blow_up_time_proved 2%nat a mu 1 1 no_floor 1 ltac:(lra) ltac:(lra) ltac:(lra)) as (T1 & _ & _ & Max & _).
  destruct (Max 2%nat Tm x Sol ltac:(lia) I0) as (Hle & _ & _).
  destruct Tm as [T| |]; [|contradiction|contradiction]. simpl in PT.
  assert (P0 : forall t, 0 <= t -> t < T -> 0 < x O t).
  { intros t Ht HT. apply (token_positive 2 a mu 1 1 no_floor 2 T x O Sol ltac:(lia)); [lra|exact Ht|exact HT]. }
  assert (P1 : forall t, 0 <= t -> t < T -> 0 < x 1%nat t).
  { intros t Ht HT. apply (token_positive 2 a mu 1 1 no_floor 2 T x 1 Sol ltac:(lia)); [lra|exact Ht|exact HT]. }
  pose proof (Sol O ltac:(lia)) as E0. pose proof (Sol 1%nat ltac:(lia)) as E1.
  assert (F0 : forall t, 0 <= t -> t < T -> 0 <= growth_rate 2 a mu 1 1 no_floor (fun k => x k t) 0).
  { intros t Ht HT. rewrite growth_rate_first, HM, Rmult_assoc. apply Rmult_le_pos; [lra|].
    apply sq_Delta_nonneg. }
  assert (Mono : forall u v, 0 <= u <= v -> v < T -> x O u <= x O v).
  { intros u v Huv Hv. apply (incr_on T _ _ u v E0 ltac:(lra) ltac:(lra) Hv). intros t Ht.
    apply Rmult_le_pos; [left; apply P0; lra|apply F0; lra]. }
  assert (Low : forall t, 0 <= t -> t < T -> x 1%nat t <= 1 / 2).
  { apply (strip_barrier T _ _ (1 / 2) (3 / 5) ltac:(lra) E1 ltac:(lra)).
    intros t Ht HT Hx. simpl in HT.
    pose proof (second_rate a mu (fun k => x k t) A0 A1 M0 M1) as Q. cbv beta in Q.
    specialize (Q ltac:(pose proof (Mono 0 t ltac:(lra) HT); lra) ltac:(lra)).
    specialize (F0 t ltac:(lra) HT). nra. }
  assert (Big : forall K, exists t0, 0 <= t0 < T /\ forall t, t0 <= t < T -> K < x O t).
  { destruct (Unb ltac:(discriminate)) as (l & Hl & Ub). intros K.
    assert (l = O).
    { destruct l as [|[|l]]; [reflexivity|exfalso|lia]. destruct (Ub 1) as (t & Ht & HT & Hx). simpl in HT.
      pose proof (P1 t Ht HT). pose proof (Low t Ht HT). rewrite Rabs_pos_eq in Hx; lra. }
    subst l. destruct (Ub K) as (t0 & Ht0 & HT & Hx). simpl in HT. exists t0. split; [lra|].
    intros t Ht. pose proof (Mono t0 t ltac:(lra) ltac:(lra)). pose proof (P0 t0 Ht0 HT).
    rewrite Rabs_pos_eq in Hx; lra. }
  assert (Prod : forall t, 0 <= t -> t < T -> ln (x 1%nat t) <= - (1 / 5) * ln (x O t)).
  { assert (Ln : forall l, (l < 2)%nat -> (forall t, 0 <= t -> t < T -> 0 < x l t) ->
       evolves T (fun t => ln (x l t)) (fun t => growth_rate 2 a mu 1 1 no_floor (fun k => x k t) l)).
    { intros l Hl P. destruct (evolves_comp T (x l) _ ln (fun v => / v) (Sol l Hl)) as [G0 G].
      - eapply continuous_of_derive. apply is_derive_ln, P; lra.
      - intros t Ht HT. apply is_derive_ln, P; [lra|exact HT].
      - split; [exact G0|]. intros t Ht HT. specialize (G t Ht HT). cbv beta in G.
        assert (Px : x l t <> 0) by (pose proof (P t ltac:(lra) HT); lra).
        replace (growth_rate 2 a mu 1 1 no_floor (fun k => x k t) l)
          with (x l t * growth_rate 2 a mu 1 1 no_floor (fun k => x k t) l * / x l t) by (field; exact Px).
        exact G. }
    assert (E : evolves T (fun t => ln (x 1%nat t) + (1 / 5) * ln (x O t))
      (fun t => growth_rate 2 a mu 1 1 no_floor (fun k => x k t) 1
                + (1 / 5) * growth_rate 2 a mu 1 1 no_floor (fun k => x k t) 0)).
    { apply evolves_plus; [apply Ln; [lia|exact P1]|]. destruct (Ln O ltac:(lia) P0) as [G0 G]. split.
      - apply (rcont_comp (fun v => 1 / 5 * v) _ G0).
        apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => 1 / 5 * v)).
        auto_derive. exact I.
      - intros t Ht HT. apply (is_derive_scal (fun t => ln (x O t)) t). now apply G. }
    intros t Ht HT. pose proof (decr_on T _ _ 0 t E (Rle_refl 0) Ht HT) as G. cbv beta in G.
    rewrite I0, I1, ln_1 in G.
    assert (ln small < 0) by (rewrite <- ln_1; apply ln_increasing; lra).
    assert (ln (x 1%nat t) + 1 / 5 * ln (x O t) <= ln small + 1 / 5 * 0); [|lra].
    apply G. intros u Hu.
    pose proof (second_rate a mu (fun k => x k u) A0 A1 M0 M1) as Q. cbv beta in Q.
    specialize (Q ltac:(pose proof (Mono 0 u ltac:(lra) ltac:(lra)); lra)).
    specialize (Q ltac:(pose proof (P1 u ltac:(lra) ltac:(lra)); pose proof (Low u ltac:(lra) ltac:(lra)); lra)).
    lra. }
  exists T, x. split; [exact PT|]. split; [exact Sol|]. split; [exact I0|]. split; [exact I1|]. split.
  - intros P [K HK]. destruct (Big K) as (t0 & Ht0 & H). assert (Pt : 0 < T - t0) by lra.
    exists (mkposreal _ Pt). intros t Hb HT. open_ball Hb. apply HK, H. lra.
  - intros P [tol HP]. pose proof (cond_pos tol) as He.
    destruct (Big (exp (- 5 * ln tol))) as (t0 & Ht0 & H). assert (Pt : 0 < T - t0) by lra.
    exists (mkposreal _ Pt). intros t Hb HT. open_ball Hb. apply HP.
    specialize (H t ltac:(lra)). pose proof (P1 t ltac:(lra) HT) as P1t.
    assert (- 5 * ln tol < ln (x O t)).
    { rewrite <- (ln_exp (- 5 * ln tol)). apply ln_increasing; [apply exp_pos|exact H]. }
    pose proof (Prod t ltac:(lra) HT).
    assert (x 1%nat t < tol) by (apply ln_lt_inv; lra).
    unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra.
Qed.
