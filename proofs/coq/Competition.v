(** replicator, fisher: the shares of the channels in token 1.

    Squares obey (x_d^2)' = 2 Q Delta_d x_d^2, so a share obeys the quotient rule;
    with constant steps the mean step moves by its variance, and ln|x_d| is
    Delta_d times one number. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums ClosedForms.
From S6Flow Require Import Uniqueness FieldFlow VectorToken Trichotomy.
Open Scope R_scope.

Section Competition.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : vector_solution D M S_Delta b T x.
Hypothesis N0 : square_norm D (fun e => x e 0) <> 0.

Notation Q t := (quadratic_form D M (fun e => x e t)).
Notation step t := (channel_step D S_Delta b (fun e => x e t)).
Notation size t := (square_norm D (fun e => x e t)).
Notation share t d := (x d t ^ 2 / size t).
Notation mean t := (sum_below D (fun e => step t e * share t e)).

Lemma size_positive t : 0 <= t -> Rbar_lt t T -> 0 < size t.
Proof.
  intros Ht HT.
  assert (Ex : exists d, (d < D)%nat /\ x d 0 <> 0).
  { apply NNPP. intros No. apply N0. unfold square_norm. rewrite (sum_below_ext D _ (fun _ => 0)), sum_below_zero; [reflexivity|].
    intros d Hd. assert (Z : x d 0 = 0) by (apply NNPP; intros N; apply No; now exists d). rewrite Z. ring. }
  destruct Ex as (d & Hd & Nd).
  pose proof (factor_nonzero T (x d) _ (entry_evolves D M S_Delta b T x sol d Hd)
    (entry_bounded D M S_Delta b T x sol d) Nd t Ht HT) as Nt.
  pose proof (square_le_norm D (fun e => x e t) d Hd) as Sq. cbv beta in Sq. pose proof (pow2_gt_0 _ Nt). lra.
Qed.

Lemma share_derive d t : (d < D)%nat -> 0 < t -> Rbar_lt t T ->
  is_derive (fun u => share u d) t (2 * Q t * (step t d - mean t) * share t d).
Proof.
  intros Hd Ht HT. pose proof (size_positive t ltac:(lra) HT) as P.
  pose proof (proj2 (square_evolves D M S_Delta b T x sol d Hd) t Ht HT) as A. cbv beta in A.
  pose proof (proj2 (norm_evolves D M S_Delta b T x sol) t Ht HT) as B. cbv beta in B.
  unfold norm_at, form_at, step_at in A, B.
  assert (Em : mean t = sum_below D (fun e => step t e * x e t ^ 2) / size t).
  { unfold Rdiv at 2. rewrite <- sum_below_scal_r. apply sum_below_ext. intros e _. unfold Rdiv. ring. }
  rewrite Em. set (W := sum_below D (fun e => step t e * x e t ^ 2)) in *.
  replace (2 * Q t * (step t d - W / size t) * share t d)
    with ((2 * Q t * (step t d * x d t ^ 2) * size t - x d t ^ 2 * (2 * Q t * W)) / size t ^ 2).
  - apply (is_derive_div (fun u => x d u ^ 2) (fun u => size u) t); [exact A|exact B|lra].
  - field. lra.
Qed.

Hypothesis constant : forall d e, (d < D)%nat -> (e < D)%nat -> S_Delta d e = 0.

Lemma step_constant t d : (d < D)%nat -> step t d = softplus (b d).
Proof.
  intros Hd. unfold channel_step, projection. f_equal.
  rewrite (sum_below_ext D _ (fun _ => 0)), sum_below_zero; [ring|]. intros e He. rewrite constant by assumption. ring.
Qed.

Lemma derive_sum m (f : nat -> R -> R) (df : nat -> R) t : (forall i, (i < m)%nat -> is_derive (f i) t (df i)) ->
  is_derive (fun u => sum_below m (fun i => f i u)) t (sum_below m df).
Proof.
  intros H. induction m as [|m IH]; cbn [sum_below].
  - apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
  - apply (is_derive_plus (fun u => sum_below m (fun i => f i u)) (f m)); [apply IH; intros; apply H; lia|apply H; lia].
Qed.

Lemma share_total t : 0 <= t -> Rbar_lt t T -> sum_below D (fun e => share t e) = 1.
Proof.
  intros Ht HT. pose proof (size_positive t Ht HT) as P. unfold Rdiv. rewrite sum_below_scal_r.
  change (size t * / size t = 1). field. lra.
Qed.

Lemma mean_derive t : 0 < t -> Rbar_lt t T ->
  is_derive (fun u => sum_below D (fun e => softplus (b e) * share u e)) t
    (2 * Q t * (sum_below D (fun e => softplus (b e) ^ 2 * share t e) - sum_below D (fun e => softplus (b e) * share t e) ^ 2)).
Proof.
  intros Ht HT. set (m := sum_below D (fun e => softplus (b e) * share t e)).
  assert (Em : mean t = m) by (apply sum_below_ext; intros e He; now rewrite step_constant).
  replace (2 * Q t * (sum_below D (fun e => softplus (b e) ^ 2 * share t e) - m ^ 2))
    with (sum_below D (fun e => softplus (b e) * (2 * Q t * (softplus (b e) - m) * share t e))).
  - apply (derive_sum D (fun e u => softplus (b e) * share u e)). intros e He.
    apply (is_derive_scal (fun u => share u e) t (softplus (b e))).
    pose proof (share_derive e t He Ht HT) as S1. now rewrite Em, step_constant in S1.
  - rewrite (sum_below_ext D _ (fun e => 2 * Q t * (softplus (b e) ^ 2 * share t e) + - (2 * Q t * m) * (softplus (b e) * share t e))).
    + rewrite sum_below_plus, !sum_below_scal. fold m. ring.
    + intros e _. ring.
Qed.

(** The velocity of ln|x_d| over its step is the form. *)
Lemma log_evolves d : Rbar_lt 0 T -> (d < D)%nat -> x d 0 <> 0 ->
  evolves T (fun t => ln (Rabs (x d t)) / softplus (b d)) (fun t => Q t).
Proof.
  intros PT Hd Nd. pose proof (softplus_pos (b d)) as Ps.
  pose proof (entry_evolves D M S_Delta b T x sol d Hd) as E.
  pose proof (entry_bounded D M S_Delta b T x sol d) as Bd.
  destruct (factor_sign T (x d) _ E Bd) as (e & He & Sg).
  pose proof (factor_nonzero T (x d) _ E Bd Nd) as Nz.
  set (h := fun v : R => ln (e * v) / softplus (b d)).
  assert (Pos : forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x d t).
  { intros t Ht HT. rewrite <- Sg by assumption. now apply Rabs_pos_lt, Nz. }
  assert (Hh : forall v, 0 < e * v -> is_derive h v (/ v / softplus (b d))).
  { intros v Hv. unfold h. auto_derive; [exact Hv|].
    assert (v <> 0) by (intros Z; rewrite Z in Hv; lra). assert (e <> 0) by (intros Z; rewrite Z in Hv; lra). field. lra. }
  pose proof (evolves_comp T (x d) _ h (fun v => / v / softplus (b d)) E) as C. destruct C as [C0 C].
    + eapply continuous_of_derive. apply Hh, Pos; [lra|exact PT].
    + intros t Ht HT. apply Hh, Pos; [lra|exact HT].
    + split.
      * replace (ln (Rabs (x d 0)) / softplus (b d)) with (h (x d 0)) by (unfold h; now rewrite Sg by (lra || exact PT)).
        eapply filterlim_ext_loc; [|exact C0].
        assert (Ev : exists r, 0 < r /\ forall t, 0 < t < r -> Rbar_lt t T).
        { destruct T as [T0| |]; simpl in PT; [exists T0; simpl; split; [lra|intros; lra]|exists 1; split; [lra|intros; exact I]|contradiction]. }
        destruct Ev as (r & Hr & Hlt). exists (mkposreal _ Hr). intros t Ht Ht0. open_ball Ht.
        unfold h. rewrite Sg; [reflexivity|lra|apply Hlt; lra].
      * intros t Ht HT. specialize (C t Ht HT). cbv beta in C.
        replace (Q t) with (x d t * entry_rate D M S_Delta b d (fun e => x e t) * (/ x d t / softplus (b d))).
        2:{ unfold entry_rate. rewrite step_constant by exact Hd. pose proof (Nz t ltac:(lra) HT). field. split; lra. }
        apply (is_derive_ext_loc (fun u => h (x d u))); [|exact C].
        assert (Ev : exists r, 0 < r /\ r <= t /\ forall u, Rabs (u - t) < r -> Rbar_lt u T).
        { destruct T as [T0| |]; simpl in HT.
          - exists (Rmin t (T0 - t)). pose proof (Rmin_l t (T0 - t)). pose proof (Rmin_r t (T0 - t)).
            split; [apply Rmin_glb_lt; lra|]. split; [lra|]. intros u Hu. apply Rabs_def2 in Hu. simpl. lra.
          - exists t. split; [lra|]. split; [lra|]. intros; exact I.
          - contradiction. }
        destruct Ev as (r & Hr & Hrt & Hlt). exists (mkposreal _ Hr). intros u Hu.
        pose proof (Hlt u Hu) as HuT. open_ball Hu. unfold h. rewrite Sg; [reflexivity|lra|exact HuT].
Qed.
End Competition.

Theorem replicator : replicator_statement.
Proof. intros D M S_Delta b T x sol N0 share d t. exact (share_derive D M S_Delta b T x sol N0 d t). Qed.

Theorem fisher : fisher_statement.
Proof.
  intros D M S_Delta b T x sol N0 constant share step. split.
  - intros t Ht HT. exact (mean_derive D M S_Delta b T x sol N0 constant t Ht HT).
  - intros i j t Hi Hj Ni Nj Ht HT.
    assert (PT : Rbar_lt 0 T) by (apply Rbar_lt_lt with t; assumption).
    pose proof (evolves_plus T _ _ _ _ (log_evolves D M S_Delta b T x sol constant i PT Hi Ni)
      (evolves_opp T _ _ (log_evolves D M S_Delta b T x sol constant j PT Hj Nj))) as E.
    pose proof (evolves_constant T _ _ E) as C. cbv beta in C.
    specialize (C ltac:(intros; ring) t Ht HT). unfold step. lra.
Qed.
