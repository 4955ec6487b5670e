(** orbit-sum: constant steps, the end of token 1 read off the zeros of an exponential sum.

    ln|x_d|/Delta_d grows like one number s for every channel, so the token lies on
    the curve X_d(s) = e^(Delta_d s) x_d(0), and s' is the form there.  The form on
    the curve is a sum of exponentials: Descartes' rule bounds its zeros, and its
    leading term makes growth end in finite time. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums Limits ClosedForms Exponentials.
From S6Flow Require Import FieldFlow FieldMaximal VectorToken VectorFlow Radial Trichotomy Competition Descartes.
Open Scope R_scope.

Lemma form_ext D M (v w : nat -> R) : (forall d, (d < D)%nat -> v d = w d) -> quadratic_form D M v = quadratic_form D M w.
Proof. intros H. rewrite (form_scaled D M 1 w v); [ring|]. intros d Hd. rewrite H by exact Hd. ring. Qed.

(** ** The form on the curve, as a sum of growing exponentials *)
Definition growing_sum (g : R -> R) : Prop :=
  exists (N : nat) (a mu : nat -> R), (forall n, (n < N)%nat -> a n < 0) /\ forall s, g s = carried_total N a mu s.

Lemma growing_zero : growing_sum (fun _ => 0).
Proof. exists 0%nat, (fun _ => 0), (fun _ => 0). split; [intros n Hn; lia|reflexivity]. Qed.

Lemma growing_add g r c : growing_sum g -> 0 < r -> growing_sum (fun s => g s + c * exp (r * s)).
Proof.
  intros (N & a & mu & Ha & E) Hr.
  exists (S N), (fun n => if Nat.eqb n N then - r else a n), (fun n => if Nat.eqb n N then c else mu n). split.
  - intros n Hn. destruct (Nat.eqb_spec n N); [lra|apply Ha; lia].
  - intros s. unfold carried_total. cbn [sum_below]. rewrite Nat.eqb_refl, E. unfold carried_total. f_equal.
    + apply sum_below_ext. intros n Hn. destruct (Nat.eqb_spec n N); [lia|reflexivity].
    + f_equal. f_equal. ring.
Qed.

Lemma growing_ext g h : (forall s, g s = h s) -> growing_sum g -> growing_sum h.
Proof. intros E (N & a & mu & Ha & F). exists N, a, mu. split; [exact Ha|]. intros s. now rewrite <- E. Qed.

Section Curve.
Variables (D : nat) (M : nat -> nat -> R) (step start : nat -> R).
Hypothesis step_positive : forall d, (d < D)%nat -> 0 < step d.

Definition curve (s : R) (d : nat) : R := start d * exp (s * step d).
Definition on_curve (s : R) : R := quadratic_form D M (curve s).

Lemma on_curve_expanded s : on_curve s =
  sum_below D (fun d => sum_below D (fun e => M d e * start d * start e * exp (s * (step d + step e)))).
Proof.
  unfold on_curve, quadratic_form, curve. apply sum_below_ext. intros d _. apply sum_below_ext. intros e _.
  rewrite Rmult_plus_distr_l, exp_plus. ring.
Qed.

Lemma on_curve_growing : growing_sum on_curve.
Proof.
  apply (growing_ext (fun s => sum_below D (fun d => sum_below D (fun e => M d e * start d * start e * exp (s * (step d + step e)))))).
  { intros s. symmetry. apply on_curve_expanded. }
  assert (Outer : forall m, (m <= D)%nat -> growing_sum (fun s => sum_below m (fun d => sum_below D (fun e =>
    M d e * start d * start e * exp (s * (step d + step e)))))); [|now apply Outer].
  induction m as [|m IH]; intros Hm; [exact growing_zero|]. specialize (IH ltac:(lia)). cbn [sum_below].
  assert (Inner : forall k, (k <= D)%nat -> growing_sum (fun s => sum_below m (fun d => sum_below D (fun e =>
    M d e * start d * start e * exp (s * (step d + step e)))) + sum_below k (fun e =>
    M m e * start m * start e * exp (s * (step m + step e))))); [|now apply Inner].
  induction k as [|k IHk]; intros Hk; cbn [sum_below].
  - eapply growing_ext; [|exact IH]. intros s. cbv beta. ring.
  - eapply growing_ext; [|exact (growing_add _ (step m + step k) (M m k * start m * start k) (IHk ltac:(lia))
      ltac:(pose proof (step_positive m ltac:(lia)); pose proof (step_positive k ltac:(lia)); lra))].
    intros s. cbv beta. rewrite (Rmult_comm (step m + step k)). ring.
Qed.

Lemma on_curve_continuity s : continuity_pt on_curve s.
Proof.
  destruct on_curve_growing as (N & a & mu & _ & E). apply (continuity_pt_ext (carried_total N a mu)).
  - intros z. now rewrite E.
  - apply total_continuity.
Qed.

Lemma on_curve_start : on_curve 0 = quadratic_form D M start.
Proof. apply form_ext. intros d _. unfold curve. rewrite Rmult_0_l, exp_0. ring. Qed.
End Curve.

Lemma positive_end (T : Rbar) : Rbar_lt 0 T -> (exists T0 : R, T = T0) \/ T = p_infty.
Proof. destruct T as [T0| |]; intros H; [left; now exists T0|now right|contradiction]. Qed.

(** ** The token on the curve *)
Section Token.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (T : Rbar) (x : nat -> R -> R).
Hypothesis maxi : vector_maximal D M S_Delta b eps T x.
Hypothesis constant : forall d e, (d < D)%nat -> (e < D)%nat -> S_Delta d e = 0.
Variable j : nat.
Hypothesis Hj : (j < D)%nat.
Hypothesis Nj : x j 0 <> 0.

Notation rest := (fun d => softplus (b d) + eps).
Notation X := (curve rest (fun d => x d 0)).
Notation g := (on_curve D M rest (fun d => x d 0)).
Notation Q t := (quadratic_form D M (fun d => x d t)).

Lemma sol : vector_solution D M S_Delta b eps T x.
Proof. exact (proj1 (proj2 maxi)). Qed.

Lemma alive : Rbar_lt 0 T.
Proof. exact (proj1 maxi). Qed.

(** How far along the curve the token is. *)
Definition along (t : R) : R := ln (Rabs (x j t)) / (softplus (b j) + eps) - ln (Rabs (x j 0)) / (softplus (b j) + eps).

Lemma along_start : along 0 = 0.
Proof. unfold along. ring. Qed.

Lemma along_evolves : evolves T along (fun t => Q t).
Proof.
  eapply evolves_ext.
  - apply (evolves_plus T (fun t => ln (Rabs (x j t)) / (softplus (b j) + eps)) (fun t => Q t)
      (fun _ => - (ln (Rabs (x j 0)) / (softplus (b j) + eps))) (fun _ => 0)).
    + exact (log_evolves D M S_Delta b eps T x sol constant j alive Hj Nj).
    + apply evolves_of_derive; [apply continuous_const|]. intros t. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
  - intros t _ _. cbv beta. ring.
Qed.

Lemma entry_on_curve d t : (d < D)%nat -> 0 <= t -> Rbar_lt t T -> x d t = X (along t) d.
Proof.
  intros Hd Ht HT. unfold curve. pose proof (step_pos (b d) eps) as Ps.
  destruct (Req_dec (x d 0) 0) as [Z|N].
  { rewrite Z, (factor_zero T (x d) _ (entry_evolves D M S_Delta b eps T x sol d Hd)
      (entry_bounded D M S_Delta b eps T x sol d) Z t Ht HT). ring. }
  pose proof (factor_nonzero T (x d) _ (entry_evolves D M S_Delta b eps T x sol d Hd)
    (entry_bounded D M S_Delta b eps T x sol d) N t Ht HT) as Nt.
  pose proof (evolves_plus T _ _ _ _ (log_evolves D M S_Delta b eps T x sol constant d alive Hd N)
    (evolves_opp T _ _ (log_evolves D M S_Delta b eps T x sol constant j alive Hj Nj))) as E.
  pose proof (evolves_constant T _ _ E) as C. cbv beta in C. specialize (C ltac:(intros; ring) t Ht HT).
  assert (L : ln (Rabs (x d t)) = (softplus (b d) + eps) * along t + ln (Rabs (x d 0))).
  { unfold along. apply (Rmult_eq_reg_r (/ (softplus (b d) + eps))); [|apply Rinv_neq_0_compat; lra].
    replace (((softplus (b d) + eps) * (ln (Rabs (x j t)) / (softplus (b j) + eps) - ln (Rabs (x j 0)) / (softplus (b j) + eps)) + ln (Rabs (x d 0)))
      * / (softplus (b d) + eps))
      with (ln (Rabs (x j t)) / (softplus (b j) + eps) - ln (Rabs (x j 0)) / (softplus (b j) + eps) + ln (Rabs (x d 0)) / (softplus (b d) + eps)).
    - unfold Rdiv in *. lra.
    - field. pose proof (step_pos (b j) eps). split; lra. }
  destruct (entry_sign D M S_Delta b eps T x sol d Hd) as (e & He & Sg).
  pose proof (Sg t Ht HT) as A. pose proof (Sg 0 (Rle_refl 0) alive) as B.
  assert (F : Rabs (x d t) = exp ((softplus (b d) + eps) * along t) * Rabs (x d 0)).
  { rewrite <- (exp_ln (Rabs (x d t))) by (now apply Rabs_pos_lt). rewrite L, exp_plus, exp_ln by (now apply Rabs_pos_lt). reflexivity. }
  rewrite A, B in F. replace (x d t) with (e * e * x d t) by (rewrite He; ring).
  rewrite Rmult_assoc, F. rewrite (Rmult_comm (along t)).
  replace (e * (exp ((softplus (b d) + eps) * along t) * (e * x d 0)))
    with (e * e * (x d 0 * exp ((softplus (b d) + eps) * along t))) by ring. rewrite He. ring.
Qed.

Lemma form_on_curve t : 0 <= t -> Rbar_lt t T -> Q t = g (along t).
Proof. intros Ht HT. apply form_ext. intros d Hd. now apply entry_on_curve. Qed.

(** Every number between is passed. *)
Lemma passed t r : 0 <= t -> Rbar_lt t T -> 0 <= r <= along t \/ along t <= r <= 0 ->
  exists u, 0 <= u <= t /\ along u = r.
Proof.
  intros Ht HT Hr. pose proof along_start as S0.
  destruct (Req_dec r 0) as [->|N0]; [exists 0; split; [lra|exact S0]|].
  destruct (Req_dec r (along t)) as [->|N1]; [exists t; split; [lra|reflexivity]|].
  assert (P : 0 < t).
  { destruct (Rle_lt_or_eq_dec _ _ Ht) as [|Z]; [assumption|]. exfalso. rewrite <- Z, S0 in Hr. lra. }
  assert (C : forall u, 0 <= u <= t -> continuity_pt (ext along) u).
  { intros u Hu. apply (evolves_ext_continuous T along _ along_evolves); [lra|]. apply Rbar_lt_lt with t; [lra|exact HT]. }
  destruct Hr as [Hr|Hr].
  - destruct (IVT_interv (fun u => ext along u - r) 0 t) as (u & Hu & Z).
    + intros u Hu. apply continuity_pt_minus; [now apply C|]. apply continuity_pt_const. intros ? ?. reflexivity.
    + exact P.
    + rewrite ext_pos by lra. lra.
    + rewrite ext_pos by lra. lra.
    + exists u. split; [exact Hu|]. rewrite ext_pos in Z by lra. lra.
  - destruct (IVT_interv (fun u => r - ext along u) 0 t) as (u & Hu & Z).
    + intros u Hu. apply continuity_pt_minus; [|now apply C]. apply continuity_pt_const. intros ? ?. reflexivity.
    + exact P.
    + rewrite ext_pos by lra. lra.
    + rewrite ext_pos by lra. lra.
    + exists u. split; [exact Hu|]. rewrite ext_pos in Z by lra. lra.
Qed.

Lemma sign_along t r : 0 <= t -> Rbar_lt t T -> 0 <= r <= along t \/ along t <= r <= 0 ->
  (0 < Q 0 -> 0 < g r) /\ (Q 0 < 0 -> g r < 0).
Proof.
  intros Ht HT Hr. destruct (passed t r Ht HT Hr) as (u & Hu & <-).
  assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
  rewrite <- form_on_curve by (lra || exact HuT).
  destruct (form_sign D M S_Delta b eps T x sol u ltac:(lra) HuT) as (A & B & _). split; assumption.
Qed.

Lemma curve_lim (h : R -> R) (l : R) d : is_lim h p_infty l -> is_lim (fun t => X (h t) d) p_infty (X l d).
Proof.
  intros H. unfold curve. apply (is_lim_scal_l (fun t => exp (h t * (softplus (b d) + eps))) (x d 0) p_infty
    (exp (l * (softplus (b d) + eps)))).
  apply (lim_continuous exp); [|apply continuous_exp].
  apply (is_lim_scal_r h (softplus (b d) + eps) p_infty l H).
Qed.

Lemma entries_lim (l : R) d : T = p_infty -> (d < D)%nat -> is_lim along p_infty l -> is_lim (x d) p_infty (X l d).
Proof.
  intros ET Hd H. apply (is_lim_ext_loc (fun t => X (along t) d)); [|now apply curve_lim].
  exists 0. intros t Ht. symmetry. apply entry_on_curve; [exact Hd|lra|]. now rewrite ET.
Qed.

(** Where the token converges the form on the curve vanishes. *)
Lemma end_vanishes (l : R) (p : nat -> R) : T = p_infty -> is_lim along p_infty l ->
  (forall d, (d < D)%nat -> is_lim (x d) p_infty (p d)) -> quadratic_form D M p = 0 -> g l = 0.
Proof.
  intros ET H Hp Zp. transitivity (quadratic_form D M p); [|exact Zp]. apply form_ext. intros d Hd.
  pose proof (entries_lim l d ET Hd H) as A. pose proof (Hp d Hd) as B.
  apply is_lim_unique in A. apply is_lim_unique in B. rewrite A in B. injection B as B. exact B.
Qed.

Lemma rests_positive d : (d < D)%nat -> 0 < softplus (b d) + eps.
Proof. intros _. apply step_pos. Qed.

Lemma curve_bounded K : (forall t, 0 <= t -> Rbar_lt t T -> along t <= K) ->
  exists B, forall d t, (d < D)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x d t) <= B.
Proof.
  intros HK. destruct (finite_bound D (fun d => Rabs (x d 0) * exp (K * (softplus (b d) + eps)))) as (B & _ & HB).
  exists B. intros d t Hd Ht HT. rewrite (entry_on_curve d t Hd Ht HT). unfold curve.
  rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos). specialize (HB d Hd). cbv beta in HB.
  eapply Rle_trans; [|eapply Rle_trans; [apply Rle_abs|exact HB]].
  apply Rmult_le_compat_l; [apply Rabs_pos|]. apply exp_le. apply Rmult_le_compat_r; [left; apply step_pos|]. now apply HK.
Qed.

(** ** Forwards *)
Lemma along_rises u v : 0 < Q 0 -> 0 <= u <= v -> Rbar_lt v T -> along u <= along v.
Proof.
  intros P Huv HT. apply (incr_on T along _ u v along_evolves); [lra|lra|exact HT|]. intros t Ht.
  left. apply (form_sign D M S_Delta b eps T x sol t); [lra| |exact P]. apply Rbar_lt_lt with v; [lra|exact HT].
Qed.

Lemma growth_ends : 0 < Q 0 -> (forall K, exists t, 0 <= t /\ Rbar_lt t T /\ K < along t) -> exists T0 : R, T = T0.
Proof.
  intros P Far. destruct (positive_end T alive) as [End|ET]; [exact End|exfalso].
  assert (Pos : forall s, 0 <= s -> 0 < g s).
  { intros s Hs. destruct (Far s) as (t & Ht & HT & Hst).
    apply (sign_along t s Ht); [now rewrite ET|left; lra|exact P]. }
  assert (Inf : is_lim along p_infty p_infty).
  { apply lim_of_unbounded; [|intros K; destruct (Far K) as (t & Ht & _ & Hk); now exists t].
    intros u v Huv. apply along_rises; [exact P|lra|now rewrite ET]. }
  destruct (on_curve_growing D M rest (fun d => x d 0) rests_positive) as (N & a & mu & Ha & E).
  destruct (dominant_term N a mu) as [Z|(k & m & Hk & Nm & Lm)].
  { pose proof (Pos 0 (Rle_refl 0)) as P0. rewrite E, Z in P0. lra. }
  assert (Pm : 0 < m).
  { destruct (Rdichotomy _ _ Nm) as [Neg|]; [exfalso|assumption]. apply is_lim_spec in Lm.
    destruct (Lm (mkposreal (- m) ltac:(lra))) as (Z & HZ). simpl in HZ. set (z := Rmax Z 0 + 1).
    pose proof (Rmax_l Z 0). pose proof (Rmax_r Z 0). specialize (HZ z ltac:(unfold z; lra)). apply Rabs_def2 in HZ.
    pose proof (Pos z ltac:(unfold z; lra)) as Pz. rewrite E in Pz.
    pose proof (Rmult_lt_0_compat _ _ (exp_pos (a k * z)) Pz). lra. }
  specialize (Ha k Hk).
  pose proof (evolves_exp p_infty (a k) along (fun t => Q t)) as Ex.
  assert (Al' : evolves p_infty along (fun t => Q t)) by (rewrite <- ET; exact along_evolves). specialize (Ex Al').
  assert (L : is_lim (fun t => exp (a k * along t) / t) p_infty (a k * m)).
  { apply (lim_quotient_of_derivative _ _ (a k * m) Ex).
    apply (is_lim_ext_loc (fun t => a k * (exp (a k * along t) * carried_total N a mu (along t)))).
    - exists 0. intros t Ht. rewrite <- E, <- form_on_curve; [ring|lra|now rewrite ET].
    - apply (is_lim_scal_l (fun t => exp (a k * along t) * carried_total N a mu (along t)) (a k) p_infty m).
      apply (lim_at_infinite (fun z => exp (a k * z) * carried_total N a mu z) along p_infty m Lm Inf). }
  assert (Neg : a k * m < 0) by nra.
  apply is_lim_spec in L. destruct (L (mkposreal (- (a k * m)) ltac:(lra))) as (K & HK). simpl in HK.
  set (t := Rmax 0 K + 1). pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K). specialize (HK t ltac:(unfold t; lra)).
  apply Rabs_def2 in HK. pose proof (Rdiv_lt_0_compat (exp (a k * along t)) t (exp_pos _) ltac:(unfold t; lra)). lra.
Qed.
End Token.

Lemma nonzero_form D M (v : nat -> R) : quadratic_form D M v <> 0 -> exists j, (j < D)%nat /\ v j <> 0.
Proof.
  intros N. apply NNPP. intros No. apply N, form_zero. intros d Hd. apply NNPP. intros Nd. apply No. now exists d.
Qed.

Theorem orbit_sum : orbit_sum_statement.
Proof.
  intros D M S_Delta b e0 T x [eps <-]%as_floor constant maxi step X g.
  pose proof (orbit_trichotomy D M S_Delta b eps T x (cond_nonneg eps) maxi) as (_ & Ways & Ends). cbv zeta in Ways, Ends.
  assert (G0 : g 0 = quadratic_form D M (fun d => x d 0)).
  { exact (on_curve_start D M (fun d => softplus (b d) + eps) (fun d => x d 0)). }
  pose proof (proj1 (proj2 maxi)) as sl. split.
  { exact (on_curve_expanded D M (fun d => softplus (b d) + eps) (fun d => x d 0)). }
  split.
  { (* the orbit itself *)
    destruct (classic (exists j, (j < D)%nat /\ x j 0 <> 0)) as [(j & Hj & Nj)|No].
    - exists (along b eps x j). split; [apply along_start|]. intros d t Hd Ht HT.
      exact (entry_on_curve D M S_Delta b eps T x maxi constant j Hj Nj d t Hd Ht HT).
    - exists (fun _ => 0). split; [reflexivity|]. intros d t Hd Ht HT.
      assert (Z : x d 0 = 0) by (apply NNPP; intros N; apply No; now exists d).
      unfold X. rewrite Z, (factor_zero T (x d) _ (entry_evolves D M S_Delta b eps T x sl d Hd)
        (entry_bounded D M S_Delta b eps T x sl d) Z t Ht HT). ring. }
  split; [|split; [|split]].
  - rewrite G0. intros P. destruct (nonzero_form D M (fun d => x d 0) ltac:(lra)) as (j & Hj & Nj). cbv beta in Nj.
    pose proof (along_start b eps x j) as S0.
    destruct (classic (exists K, forall t, 0 <= t -> Rbar_lt t T -> along b eps x j t <= K)) as [(K & HK)|No].
    + left. destruct (curve_bounded D M S_Delta b eps T x maxi constant j Hj Nj K HK) as (B & HB).
      assert (ET : T = p_infty) by exact (vector_bounded_lives D M S_Delta b eps T x B maxi HB).
      split; [exact ET|]. rewrite ET in sl.
      destruct (bounded_converges D M S_Delta b eps x B sl) as (p & Hp & Zp).
      { intros d t Hd Ht. apply HB; [exact Hd|exact Ht|now rewrite ET]. }
      destruct (lim_of_bounded (along b eps x j) K) as (l & Hl & Up).
      { intros u v Huv. apply (along_rises D M S_Delta b eps T x maxi constant j Hj Nj u v P Huv). now rewrite ET. }
      { intros t Ht. apply HK; [exact Ht|now rewrite ET]. }
      assert (Pl : 0 < l).
      { apply Rlt_le_trans with (along b eps x j 1); [|now apply Up; lra]. rewrite <- S0.
        apply (strict_incr_on T (along b eps x j) _ 0 1 (along_evolves D M S_Delta b eps T x maxi constant j Hj Nj));
          [lra|lra|now rewrite ET|]. intros t Ht.
        apply (form_sign D M S_Delta b eps p_infty x sl t ltac:(lra) I). exact P. }
      exists l. split; [exact Pl|]. split.
      { exact (end_vanishes D M S_Delta b eps T x maxi constant j Hj Nj l p ET Hl Hp Zp). }
      split.
      * intros s Hs. apply is_lim_spec in Hl. destruct (Hl (mkposreal (l - s) ltac:(lra))) as (Z & HZ). simpl in HZ.
        set (t := Rmax 0 Z + 1). pose proof (Rmax_l 0 Z). pose proof (Rmax_r 0 Z). specialize (HZ t ltac:(unfold t; lra)).
        apply Rabs_def2 in HZ.
        apply (sign_along D M S_Delta b eps T x maxi constant j Hj Nj t s); [unfold t; lra|now rewrite ET|left; lra|exact P].
      * intros d Hd. exact (entries_lim D M S_Delta b eps T x maxi constant j Hj Nj l d ET Hd Hl).
    + right. assert (Far : forall K, exists t, 0 <= t /\ Rbar_lt t T /\ K < along b eps x j t).
      { intros K. apply NNPP. intros N. apply No. exists K. intros t Ht HT. apply Rnot_lt_le. intros Hk. apply N. now exists t. }
      split.
      * intros s Hs. destruct (Far s) as (t & Ht & HT & Hst).
        apply (sign_along D M S_Delta b eps T x maxi constant j Hj Nj t s Ht HT); [left; lra|exact P].
      * destruct (growth_ends D M S_Delta b eps T x maxi constant j Hj Nj P Far) as (T0 & ET). exists T0. split; [exact ET|].
        destruct Ends as [[E' _]|[_ Unb]]; [rewrite ET in E'; discriminate|]. intros B.
        destruct (Unb B) as (t0 & Ht0 & HT0 & H). exists t0. rewrite ET in *. split; [exact Ht0|]. split; [exact HT0|].
        intros t Ht HT. now apply H.
  - rewrite G0. intros Neg. destruct (nonzero_form D M (fun d => x d 0) ltac:(lra)) as (j & Hj & Nj). cbv beta in Nj.
    destruct Ends as [[ET (p & Hp & Zp & _)]|[P _]]; [|lra]. split; [exact ET|].
    pose proof (along_start b eps x j) as S0. pose proof (along_evolves D M S_Delta b eps T x maxi constant j Hj Nj) as Ev.
    pose proof sl as sl'. rewrite ET in sl'.
    assert (Falls : forall u v, 0 <= u <= v -> - along b eps x j u <= - along b eps x j v).
    { intros u v Huv. apply Ropp_le_contravar.
      apply (decr_on T (along b eps x j) _ u v Ev); [lra|lra|now rewrite ET|]. intros t Ht.
      left. apply (form_sign D M S_Delta b eps p_infty x sl' t ltac:(lra) I). exact Neg. }
    destruct (classic (exists K, forall t, 0 <= t -> - along b eps x j t <= K)) as [(K & HK)|No].
    + left. destruct (lim_of_bounded (fun t => - along b eps x j t) K Falls HK) as (l & Hl & Up).
      assert (Hl' : is_lim (along b eps x j) p_infty (- l)).
      { apply (is_lim_ext (fun t => - - along b eps x j t)); [intros; ring|]. exact (is_lim_opp _ p_infty l Hl). }
      assert (Pl : 0 < l).
      { apply Rlt_le_trans with (- along b eps x j 1); [|now apply Up; lra].
        pose proof (strict_incr_on T (fun t => - along b eps x j t) _ 0 1 (evolves_opp T _ _ Ev)) as St. cbv beta in St.
        rewrite S0 in St. rewrite Ropp_0 in St. apply St; [lra|lra|now rewrite ET|]. intros t Ht.
        pose proof (form_sign D M S_Delta b eps p_infty x sl' t ltac:(lra) I) as (_ & F & _). specialize (F Neg).
        unfold form_at in F. lra. }
      exists (- l). split; [lra|]. split.
      { exact (end_vanishes D M S_Delta b eps T x maxi constant j Hj Nj (- l) p ET Hl' Hp Zp). }
      split.
      * intros s Hs. apply is_lim_spec in Hl. destruct (Hl (mkposreal (l + s) ltac:(lra))) as (Z & HZ). simpl in HZ.
        set (t := Rmax 0 Z + 1). pose proof (Rmax_l 0 Z). pose proof (Rmax_r 0 Z). specialize (HZ t ltac:(unfold t; lra)).
        apply Rabs_def2 in HZ.
        apply (sign_along D M S_Delta b eps T x maxi constant j Hj Nj t s); [unfold t; lra|now rewrite ET|right; lra|exact Neg].
      * intros d Hd. exact (entries_lim D M S_Delta b eps T x maxi constant j Hj Nj (- l) d ET Hd Hl').
    + right. assert (Far : forall K, exists t, 0 <= t /\ K < - along b eps x j t).
      { intros K. apply NNPP. intros N. apply No. exists K. intros t Ht. apply Rnot_lt_le. intros Hk. apply N. now exists t. }
      split.
      * intros s Hs. destruct (Far (- s)) as (t & Ht & Hst).
        apply (sign_along D M S_Delta b eps T x maxi constant j Hj Nj t s Ht); [now rewrite ET|right; lra|exact Neg].
      * intros d Hd. pose proof (lim_of_unbounded (fun t => - along b eps x j t) Falls Far) as Inf.
        apply (is_lim_ext_loc (fun t => x d 0 * exp (- (softplus (b d) + eps) * (- along b eps x j t)))).
        { exists 0. intros t Ht. rewrite (entry_on_curve D M S_Delta b eps T x maxi constant j Hj Nj d t Hd); [|lra|now rewrite ET].
          unfold curve. do 2 f_equal. ring. }
        replace (Finite 0) with (Rbar_mult (x d 0) (Finite 0)) by (simpl; f_equal; ring).
        apply (is_lim_scal_l (fun t => exp (- (softplus (b d) + eps) * (- along b eps x j t))) (x d 0) p_infty 0).
        apply (lim_at_infinite (fun z => exp (- (softplus (b d) + eps) * z)) (fun t => - along b eps x j t) p_infty 0); [|exact Inf].
        apply exp_vanishes. pose proof (step_pos (b d) eps). lra.
  - rewrite G0. intros Z. assert (ET : T = p_infty) by (destruct Ends as [[E _]|[P _]]; [exact E|lra]). split; [exact ET|].
    intros d t Hd Ht. destruct (Ways d 0 t Hd ltac:(lra) ltac:(rewrite ET; exact I)) as (_ & _ & _ & Rests). exact (Rests Z).
  - (* zeros *)
    intros K rate coefficient k root Sum N0 Dis Zero.
    destruct (ascending k (fun z => carried_total K rate coefficient z = 0) root) as (up & Hup & Zup).
    { exact Dis. }
    { intros i Hi. rewrite <- Sum. now apply Zero. }
    destruct (brought_together rate K coefficient) as (nu & Sep & Same & From).
    destruct (descartes k K rate nu up Sep) as (c & Hc).
    { exists 0. now rewrite <- Same, <- Sum. }
    { exact Hup. }
    { intros i Hi. rewrite <- Same. now apply Zup. }
    destruct (finite_choice 0%nat (S k) (fun i n => (n < K)%nat /\ rate n = rate (c i) /\ 0 < coefficient n * nu (c i))) as (d & Hd).
    { intros i Hi. destruct (Hc i ltac:(lia)) as (H1 & H2 & _). destruct (From (c i) H1 H2) as (n & Hn). now exists n. }
    exists d. intros i Hi. destruct (Hd i ltac:(lia)) as (D1 & D2 & D3). split; [exact D1|]. split; [nra|]. intros Hk.
    destruct (Hd (S i) ltac:(lia)) as (E1 & E2 & E3). destruct (Hc i Hi) as (_ & _ & H). destruct (H Hk) as [A1 A2].
    rewrite D2, E2. split; [exact A1|]. assert (0 < (coefficient (d i) * nu (c i)) * (coefficient (d (S i)) * nu (c (S i)))) by (now apply Rmult_lt_0_compat).
    nra.
Qed.
