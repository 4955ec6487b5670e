(** Token 1 in D dimensions: squares, the square norm and the step widths.

    Proves no registry theorem by itself; DefiniteConverges.v and
    DefiniteDiverges.v rest on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums Statements.
Open Scope R_scope.

Lemma square_norm_nonneg D v : 0 <= square_norm D v.
Proof. apply sum_below_nonneg. intros; apply pow2_ge_0. Qed.

Lemma square_le_norm D v d : (d < D)%nat -> v d ^ 2 <= square_norm D v.
Proof. apply (term_le_sum D (fun d => v d ^ 2)). intros; apply pow2_ge_0. Qed.

(** Finitely many positive numbers have a positive lower bound. *)
Lemma positive_minimum D (g : nat -> R) :
  (forall d, (d < D)%nat -> 0 < g d) -> exists m, 0 < m /\ forall d, (d < D)%nat -> m <= g d.
Proof.
  induction D as [|D IH]; intros H.
  - exists 1. split; [lra|]. intros; lia.
  - destruct IH as (m & Hm & Hg); [intros; apply H; lia|].
    exists (Rmin m (g D)). split; [apply Rmin_glb_lt; [exact Hm|apply H; lia]|].
    intros d Hd. destruct (Nat.eq_dec d D) as [->|Nd]; [apply Rmin_r|].
    eapply Rle_trans; [apply Rmin_l|]. apply Hg. lia.
Qed.

(** Step widths on the box |v e| <= c e. *)
Lemma channel_step_lower D S_Delta b (v c : nat -> R) d :
  (forall e, (e < D)%nat -> Rabs (v e) <= c e) ->
  softplus (b d - sum_below D (fun e => Rabs (S_Delta d e) * c e))
  <= channel_step D S_Delta b v d.
Proof.
  intros H. apply softplus_le. unfold projection.
  assert (Rabs (sum_below D (fun e => S_Delta d e * v e))
          <= sum_below D (fun e => Rabs (S_Delta d e) * c e)) as A.
  { eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros e He.
    apply Rabs_scal_le. now apply H. }
  pose proof (Rle_abs (- sum_below D (fun e => S_Delta d e * v e))) as B.
  rewrite Rabs_Ropp in B. lra.
Qed.

Section VectorToken.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : vector_solution D M S_Delta b T x.

Definition form_at (t : R) : R := quadratic_form D M (fun e => x e t).
Definition step_at (d : nat) (t : R) : R := channel_step D S_Delta b (fun e => x e t) d.
Definition norm_at (t : R) : R := square_norm D (fun d => x d t).

Lemma square_evolves d : (d < D)%nat ->
  evolves T (fun t => x d t ^ 2) (fun t => 2 * form_at t * (step_at d t * x d t ^ 2)).
Proof.
  intros Hd. destruct (evolves_sq T (x d) _ (sol d Hd)) as [E0 E]. split; [exact E0|].
  intros t Ht HT. specialize (E t Ht HT). cbv beta in E.
  replace (2 * form_at t * (step_at d t * x d t ^ 2))
    with (2 * x d t * (channel_step D S_Delta b (fun e => x e t) d
           * quadratic_form D M (fun e => x e t) * x d t))
    by (unfold form_at, step_at; ring).
  exact E.
Qed.

Lemma norm_evolves :
  evolves T norm_at (fun t => 2 * form_at t * sum_below D (fun d => step_at d t * x d t ^ 2)).
Proof.
  unfold norm_at, square_norm.
  assert (H : forall n, (n <= D)%nat -> evolves T (fun t => sum_below n (fun d => x d t ^ 2))
     (fun t => 2 * form_at t * sum_below n (fun d => step_at d t * x d t ^ 2)));
    [|now apply H].
  induction n as [|n IH]; intros Hn; simpl sum_below.
  - apply evolves_nonneg. intros t _. rewrite Rmult_0_r.
    apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
  - destruct (evolves_plus T _ _ _ _ (IH ltac:(lia)) (square_evolves n ltac:(lia))) as [E0 E].
    split; [exact E0|]. intros t Ht HT.
    rewrite Rmult_plus_distr_l. exact (E t Ht HT).
Qed.

Lemma step_at_pos d t : 0 < step_at d t.
Proof. apply softplus_pos. Qed.

Lemma norm_at_nonneg t : 0 <= norm_at t.
Proof. apply square_norm_nonneg. Qed.

Lemma square_le_norm_at d t : (d < D)%nat -> x d t ^ 2 <= norm_at t.
Proof. apply (square_le_norm D (fun d => x d t)). Qed.

Lemma weighted_sum_lower m t : (forall d, (d < D)%nat -> m <= step_at d t) ->
  m * norm_at t <= sum_below D (fun d => step_at d t * x d t ^ 2).
Proof.
  intros H. unfold norm_at, square_norm. rewrite <- sum_below_scal. apply sum_below_le.
  intros d Hd. apply Rmult_le_compat_r; [apply pow2_ge_0|now apply H].
Qed.

(** While the form is <= 0 no coordinate grows; while it is >= 0 none shrinks. *)
Lemma coordinate_decreasing d u v : (d < D)%nat ->
  (forall t, form_at t <= 0) -> 0 <= u <= v -> Rbar_lt v T -> Rabs (x d v) <= Rabs (x d u).
Proof.
  intros Hd Hf Huv HT. apply Rabs_le_of_sq.
  apply (decr_on T _ _ u v (square_evolves d Hd) ltac:(lra) ltac:(lra) HT).
  intros t _. specialize (Hf t). pose proof (step_at_pos d t). pose proof (pow2_ge_0 (x d t)).
  assert (0 <= step_at d t * x d t ^ 2) by (apply Rmult_le_pos; lra). nra.
Qed.

Lemma coordinate_increasing d u v : (d < D)%nat ->
  (forall t, 0 <= form_at t) -> 0 <= u <= v -> Rbar_lt v T -> Rabs (x d u) <= Rabs (x d v).
Proof.
  intros Hd Hf Huv HT. apply Rabs_le_of_sq.
  apply (incr_on T _ _ u v (square_evolves d Hd) ltac:(lra) ltac:(lra) HT).
  intros t _. specialize (Hf t). pose proof (step_at_pos d t). pose proof (pow2_ge_0 (x d t)).
  assert (0 <= step_at d t * x d t ^ 2) by (apply Rmult_le_pos; lra). nra.
Qed.
End VectorToken.
