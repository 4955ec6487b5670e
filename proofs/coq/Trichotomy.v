(** orbit-trichotomy: token 1 in D dimensions, any form and any steps; and that it lives for all times (vector-existence)
    if the form at its start is not positive.

    The form Q obeys Q' = Q R, so it keeps its sign; every entry obeys
    x_d' = x_d Q Delta_d, so it keeps its own and moves one way.  What stays
    bounded therefore converges, and the field vanishes at the limit. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums Limits.
From S6Flow Require Import LipschitzField Uniqueness FieldFlow FieldMaximal FieldAlong VectorToken VectorFlow Radial.
Open Scope R_scope.

(** A trajectory f' = f G keeps its sign. *)
Lemma factor_sign T f G : evolves T f (fun t => f t * G t) -> locally_bounded T G ->
  exists e, e * e = 1 /\ forall t, 0 <= t -> Rbar_lt t T -> Rabs (f t) = e * f t.
Proof.
  intros E B. destruct (Rtotal_order (f 0) 0) as [Neg|[Z|Pos]].
  - exists (-1). split; [lra|]. intros t Ht HT. assert (0 < - f t); [|rewrite Rabs_left by lra; lra].
    apply (sign_on T (fun t => - f t) _ (evolves_opp _ _ _ E)); [|lra|exact Ht|exact HT].
    intros u Hu HuT Z. apply (factor_nonzero T f G E B ltac:(lra) u Hu HuT). lra.
  - exists 1. split; [lra|]. intros t Ht HT. rewrite (factor_zero T f G E B Z t Ht HT), Rabs_R0. ring.
  - exists 1. split; [lra|]. intros t Ht HT. rewrite Rabs_pos_eq; [ring|]. left.
    apply (sign_on T f _ E); [|lra|exact Ht|exact HT].
    intros u Hu HuT. apply (factor_nonzero T f G E B ltac:(lra) u Hu HuT).
Qed.

Lemma form_zero D M v : (forall d, (d < D)%nat -> v d = 0) -> quadratic_form D M v = 0.
Proof. intros H. rewrite (form_scaled D M 0 (fun _ => 0) v); [ring|]. intros d Hd. rewrite H by exact Hd. ring. Qed.

Section Token.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : vector_solution D M S_Delta b eps T x.

Notation Q := (form_at D M x).
Notation step := (step_at D S_Delta b eps x).

Lemma state_lipschitz r d : 0 <= r -> (d < D)%nat -> box_lipschitz D r (fun y : nat -> R => y d).
Proof. intros Hr Hd. now apply lip_coordinate. Qed.

(** What an entry's velocity is divided by the entry. *)
Definition entry_rate (d : nat) (y : nat -> R) : R := channel_step D S_Delta b eps y d * quadratic_form D M y.

Lemma entry_rate_lipschitz d r : 0 <= r -> box_lipschitz D r (entry_rate d).
Proof.
  intros Hr. apply lip_mult.
  - apply (lip_channel_step D r D (fun y => y)). intros; now apply state_lipschitz.
  - apply (lip_form D r D (fun y => y)). intros; now apply state_lipschitz.
Qed.

Lemma entry_evolves d : (d < D)%nat -> evolves T (x d) (fun t => x d t * entry_rate d (fun e => x e t)).
Proof.
  intros Hd. eapply evolves_ext; [exact (sol d Hd)|]. intros t _ _. unfold entry_rate. ring.
Qed.

Lemma entry_bounded d : locally_bounded T (fun t => entry_rate d (fun e => x e t)).
Proof. apply (along_locally_bounded D (vector_field D M S_Delta b eps) T x _ sol). intros; now apply entry_rate_lipschitz. Qed.

(** The rate of the form. *)
Definition form_rate (y : nat -> R) : R :=
  sum_below D (fun d => sum_below D (fun e => M d e * y d * y e * (channel_step D S_Delta b eps y d + channel_step D S_Delta b eps y e))).

Lemma form_rate_lipschitz r : 0 <= r -> box_lipschitz D r form_rate.
Proof.
  intros Hr.
  assert (St : forall d, box_lipschitz D r (fun y => channel_step D S_Delta b eps y d)).
  { intros d. apply (lip_channel_step D r D (fun y => y)). intros; now apply state_lipschitz. }
  apply (lip_sum D r D (fun d y => sum_below D (fun e => M d e * y d * y e *
    (channel_step D S_Delta b eps y d + channel_step D S_Delta b eps y e)))). intros d Hd.
  apply (lip_sum D r D (fun e y => M d e * y d * y e *
    (channel_step D S_Delta b eps y d + channel_step D S_Delta b eps y e))). intros e He.
  apply lip_mult; [apply lip_mult; [apply lip_scal|]; now apply state_lipschitz|]. apply lip_plus; apply St.
Qed.

Lemma form_evolves : evolves T Q (fun t => Q t * form_rate (fun e => x e t)).
Proof.
  assert (E : evolves T Q (fun t => sum_below D (fun d => sum_below D (fun e =>
    M d e * x d t * x e t * (step d t + step e t) * Q t)))).
  { apply (evolves_sum T D (fun d t => sum_below D (fun e => M d e * x d t * x e t))
      (fun d t => sum_below D (fun e => M d e * x d t * x e t * (step d t + step e t) * Q t))). intros d Hd.
    apply (evolves_sum T D (fun e t => M d e * x d t * x e t)
      (fun e t => M d e * x d t * x e t * (step d t + step e t) * Q t)). intros e He.
    eapply evolves_ext.
    - apply evolves_mult; [exact (evolves_scal T (M d e) _ _ (entry_evolves d Hd))|exact (entry_evolves e He)].
    - intros t _ _. cbv beta. unfold entry_rate, step_at, form_at. ring. }
  eapply evolves_ext; [exact E|]. intros t _ _. cbv beta. unfold form_rate.
  rewrite <- sum_below_scal. apply sum_below_ext. intros d _. rewrite <- sum_below_scal.
  apply sum_below_ext. intros e _. unfold step_at. ring.
Qed.

Lemma form_bounded : locally_bounded T (fun t => form_rate (fun e => x e t)).
Proof. apply (along_locally_bounded D (vector_field D M S_Delta b eps) T x _ sol). intros; now apply form_rate_lipschitz. Qed.

Lemma form_sign t : 0 <= t -> Rbar_lt t T -> (0 < Q 0 -> 0 < Q t) /\ (Q 0 < 0 -> Q t < 0) /\ (Q 0 = 0 -> Q t = 0).
Proof.
  intros Ht HT. pose proof form_evolves as E. pose proof form_bounded as B. split; [|split].
  - intros P. apply (sign_on T _ _ E); [|exact P|exact Ht|exact HT]. intros u Hu HuT.
    apply (factor_nonzero T _ _ E B ltac:(lra) u Hu HuT).
  - intros P. assert (0 < - Q t); [|lra].
    apply (sign_on T (fun t => - Q t) _ (evolves_opp _ _ _ E)); [|lra|exact Ht|exact HT].
    intros u Hu HuT Z. apply (factor_nonzero T _ _ E B ltac:(lra) u Hu HuT). lra.
  - intros Z. exact (factor_zero T _ _ E B Z t Ht HT).
Qed.

Lemma entry_sign d : (d < D)%nat -> exists e, e * e = 1 /\ forall t, 0 <= t -> Rbar_lt t T -> Rabs (x d t) = e * x d t.
Proof. intros Hd. exact (factor_sign T (x d) _ (entry_evolves d Hd) (entry_bounded d)). Qed.

Lemma entry_rises d u v : (d < D)%nat -> 0 < Q 0 -> 0 <= u <= v -> Rbar_lt v T -> Rabs (x d u) <= Rabs (x d v).
Proof.
  intros Hd P Huv HT. apply Rabs_le_of_sq.
  apply (incr_on T _ _ u v (square_evolves D M S_Delta b eps T x sol d Hd) ltac:(lra) ltac:(lra) HT). intros t Ht.
  destruct (form_sign t ltac:(lra)) as [F _]; [apply Rbar_lt_lt with v; [lra|exact HT]|]. specialize (F P).
  pose proof (step_at_pos D S_Delta b eps x d t). pose proof (pow2_ge_0 (x d t)).
  apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [lra|assumption].
Qed.

Lemma entry_falls d u v : (d < D)%nat -> Q 0 < 0 -> 0 <= u <= v -> Rbar_lt v T -> Rabs (x d v) <= Rabs (x d u).
Proof.
  intros Hd P Huv HT. apply Rabs_le_of_sq.
  apply (decr_on T _ _ u v (square_evolves D M S_Delta b eps T x sol d Hd) ltac:(lra) ltac:(lra) HT). intros t Ht.
  destruct (form_sign t ltac:(lra)) as (_ & F & _); [apply Rbar_lt_lt with v; [lra|exact HT]|]. specialize (F P).
  pose proof (step_at_pos D S_Delta b eps x d t). pose proof (pow2_ge_0 (x d t)).
  assert (0 <= step d t * x d t ^ 2) by (apply Rmult_le_pos; lra). nra.
Qed.

Lemma entry_rests d t : (d < D)%nat -> Q 0 = 0 -> 0 <= t -> Rbar_lt t T -> x d t = x d 0.
Proof.
  intros Hd Z Ht HT.
  assert (Zero : forall u, 0 < u -> Rbar_lt u T -> x d u * entry_rate d (fun e => x e u) = 0).
  { intros u Hu HuT. destruct (form_sign u ltac:(lra) HuT) as (_ & _ & F). specialize (F Z). unfold form_at in F.
    unfold entry_rate. rewrite F. ring. }
  apply Rle_antisym.
  - apply (decr_on T (x d) _ 0 t (entry_evolves d Hd) (Rle_refl 0) Ht HT). intros u Hu. right.
    apply Zero; [lra|]. apply Rbar_lt_lt with t; [lra|exact HT].
  - apply (incr_on T (x d) _ 0 t (entry_evolves d Hd) (Rle_refl 0) Ht HT). intros u Hu. right. symmetry.
    apply Zero; [lra|]. apply Rbar_lt_lt with t; [lra|exact HT].
Qed.
End Token.

(** A global solution of which every entry stays bounded converges to a point of the cone. *)
Lemma bounded_converges D M S_Delta b (eps : nonnegreal) x B : vector_solution D M S_Delta b eps p_infty x ->
  (forall d t, (d < D)%nat -> 0 <= t -> Rabs (x d t) <= B) ->
  exists p : nat -> R, (forall d, (d < D)%nat -> is_lim (x d) p_infty (p d)) /\ quadratic_form D M p = 0.
Proof.
  intros sol HB.
  assert (Each : forall d, (d < D)%nat -> exists l : R, is_lim (x d) p_infty l).
  { intros d Hd. destruct (entry_sign D M S_Delta b eps p_infty x sol d Hd) as (e & He & Sg).
    assert (Back : forall l, is_lim (fun t => Rabs (x d t)) p_infty (Finite l) -> is_lim (x d) p_infty (Finite (e * l))).
    { intros l Hl. apply (is_lim_ext_loc (fun t => e * Rabs (x d t))).
      - exists 0. intros t Ht. pose proof (Sg t ltac:(lra) I) as A. rewrite A.
        replace (e * (e * x d t)) with (e * e * x d t) by ring. rewrite He. ring.
      - exact (is_lim_scal_l _ e p_infty l Hl). }
    destruct (Rtotal_order (form_at D M x 0) 0) as [Neg|[Z|Pos]].
    - destruct (lim_of_bounded (fun t => - Rabs (x d t)) 0) as (l & Hl & _).
      + intros u v Huv. pose proof (entry_falls D M S_Delta b eps p_infty x sol d u v Hd Neg Huv I). lra.
      + intros t _. pose proof (Rabs_pos (x d t)). lra.
      + exists (e * - l). apply Back. apply (is_lim_ext (fun t => - - Rabs (x d t))); [intros; ring|].
        exact (is_lim_opp _ p_infty l Hl).
    - exists (x d 0). apply (is_lim_ext_loc (fun _ => x d 0)); [|apply is_lim_const].
      exists 0. intros t Ht. symmetry. apply (entry_rests D M S_Delta b eps p_infty x sol d t Hd Z); [lra|exact I].
    - destruct (lim_of_bounded (fun t => Rabs (x d t)) B) as (l & Hl & _).
      + intros u v Huv. exact (entry_rises D M S_Delta b eps p_infty x sol d u v Hd Pos Huv I).
      + intros t Ht. now apply HB.
      + exists (e * l). now apply Back. }
  assert (P : exists p : nat -> R, forall d, (d < D)%nat -> is_lim (x d) p_infty (p d)).
  { clear -Each. induction D as [|m IH]; [exists (fun _ => 0); intros; lia|].
    destruct IH as (p & Hp); [intros; apply Each; lia|]. destruct (Each m (le_n _)) as (l & Hl).
    exists (fun d => if Nat.eq_dec d m then l else p d). intros d Hd.
    destruct (Nat.eq_dec d m) as [->|N]; [exact Hl|apply Hp; lia]. }
  destruct P as (p & Hp). exists p. split; [exact Hp|].
  pose proof (limit_rests D (vector_field D M S_Delta b eps) x p (vector_field_lipschitz D M S_Delta b eps) sol Hp) as Rest.
  destruct (classic (exists d, (d < D)%nat /\ p d <> 0)) as [(d & Hd & Nd)|No].
  - specialize (Rest d Hd). unfold vector_field in Rest. apply Rmult_integral in Rest. destruct Rest as [Z|Z]; [|contradiction].
    apply Rmult_integral in Z. destruct Z as [Z|Z]; [|exact Z]. pose proof (step_pos (projection D S_Delta p d + b d) eps).
    unfold channel_step in Z. lra.
  - apply form_zero. intros d Hd. apply NNPP. intros N. apply No. now exists d.
Qed.

Lemma vector_bounded_lives D M S_Delta b (eps : nonnegreal) T x B : vector_maximal D M S_Delta b eps T x ->
  (forall d t, (d < D)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x d t) <= B) -> T = p_infty.
Proof.
  intros Hmax HB.
  apply (bounded_lives D (vector_field D M S_Delta b eps) T x (vector_field_lipschitz D M S_Delta b eps) Hmax).
  intros d Hd T0 ET. exists B. intros t Ht HtT. apply HB; [exact Hd|exact Ht|now rewrite ET].
Qed.

Theorem orbit_trichotomy : orbit_trichotomy_statement.
Proof.
  intros D M S_Delta b e0 T x [eps <-]%as_floor Hmax Q. pose proof (proj1 (proj2 Hmax)) as sol.
  split; [exact (form_sign D M S_Delta b eps T x sol)|]. split.
  { intros d u v Hd Huv HT. assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with v; [lra|exact HT]).
    split; [|split; [|split]].
    - destruct (entry_sign D M S_Delta b eps T x sol d Hd) as (e & He & Sg).
      pose proof (Sg u ltac:(lra) HuT) as A. pose proof (Sg v ltac:(lra) HT) as B.
      replace (x d u * x d v) with ((e * e) * (x d u * x d v)) by (rewrite He; ring).
      replace (e * e * (x d u * x d v)) with ((e * x d u) * (e * x d v)) by ring.
      rewrite <- A, <- B. apply Rmult_le_pos; apply Rabs_pos.
    - intros P. exact (entry_rises D M S_Delta b eps T x sol d u v Hd P Huv HT).
    - intros P. exact (entry_falls D M S_Delta b eps T x sol d u v Hd P Huv HT).
    - intros Z. rewrite (entry_rests D M S_Delta b eps T x sol d v Hd Z) by (lra || exact HT).
      symmetry. apply (entry_rests D M S_Delta b eps T x sol d u Hd Z); [lra|exact HuT]. }
  destruct (classic (exists B, forall d t, (d < D)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x d t) <= B)) as [[B HB]|No].
  - left. assert (HT : T = p_infty) by exact (vector_bounded_lives D M S_Delta b eps T x B Hmax HB).
    split; [exact HT|]. subst T.
    destruct (bounded_converges D M S_Delta b eps x B sol) as (p & Hp & Zp); [intros; now apply HB|].
    exists p. split; [exact Hp|]. split; [exact Zp|]. intros P0.
    assert (Ex : exists d, (d < D)%nat /\ x d 0 <> 0).
    { apply NNPP. intros Nx. change (0 < quadratic_form D M (fun d => x d 0)) in P0.
      rewrite form_zero in P0; [lra|]. intros d Hd. apply NNPP. intros N. apply Nx. now exists d. }
    destruct Ex as (d & Hd & Nd). exists d. split; [exact Hd|]. intros Z.
    pose proof (Hp d Hd) as Hl. rewrite Z in Hl. apply is_lim_spec in Hl.
    destruct (Hl (mkposreal _ (Rabs_pos_lt _ Nd))) as (M0 & HM). simpl in HM.
    set (t := Rmax 0 M0 + 1). pose proof (Rmax_l 0 M0). pose proof (Rmax_r 0 M0).
    specialize (HM t ltac:(unfold t; lra)). rewrite Rminus_0_r in HM.
    pose proof (entry_rises D M S_Delta b eps p_infty x sol d 0 t Hd P0 ltac:(unfold t; lra) I). lra.
  - right. assert (P0 : 0 < Q 0).
    { destruct (Rlt_le_dec 0 (Q 0)) as [|Le]; [assumption|exfalso]. apply No.
      destruct (finite_bound D (fun d => x d 0)) as (B & _ & HB). exists B. intros d t Hd Ht HT.
      eapply Rle_trans; [|apply (HB d Hd)]. destruct (Rle_lt_or_eq_dec _ _ Le) as [Neg|Z].
      - apply (entry_falls D M S_Delta b eps T x sol d 0 t Hd Neg ltac:(lra) HT).
      - rewrite (entry_rests D M S_Delta b eps T x sol d t Hd Z Ht HT). lra. }
    split; [exact P0|]. intros B. set (K := Rabs B + 1).
    assert (Ex : exists d t, (d < D)%nat /\ 0 <= t /\ Rbar_lt t T /\ K < Rabs (x d t)).
    { apply NNPP. intros Nx. apply No. exists K. intros d t Hd Ht HT. apply Rnot_lt_le. intros Hlt. apply Nx. now exists d, t. }
    destruct Ex as (d & t0 & Hd & Ht0 & HT0 & HK). exists t0. split; [exact Ht0|]. split; [exact HT0|]. intros t Ht HT.
    pose proof (entry_rises D M S_Delta b eps T x sol d t0 t Hd P0 ltac:(lra) HT) as Up.
    apply Rlt_le_trans with K; [unfold K; pose proof (Rle_abs B); lra|].
    apply Rle_trans with (Rabs (x d t)); [lra|]. unfold norm. rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt.
    unfold Rsqr. pose proof (square_le_norm D (fun d => x d t) d Hd) as Sq. unfold square_norm in Sq. cbv beta in Sq. lra.
Qed.

Theorem vector_existence : vector_existence_statement.
Proof.
  intros D M S_Delta b e0 y0 [eps <-]%as_floor Q0.
  destruct (field_maximal_solution D _ y0 (vector_field_lipschitz D M S_Delta b eps)) as (T & x & Hmax & Sx).
  assert (E : quadratic_form D M (fun d => x d 0) = quadratic_form D M y0).
  { apply sum_below_ext. intros d Hd. apply sum_below_ext. intros e He. now rewrite !Sx. }
  destruct (orbit_trichotomy D M S_Delta b eps T x (cond_nonneg eps) Hmax) as (_ & _ & [[-> _]|[P _]]); [|cbv beta in P; lra].
  exists x. split; [exact (proj1 (proj2 Hmax))|exact Sx].
Qed.
