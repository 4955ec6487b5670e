(** A layer of D channels behind a norm with a floor: every start has a solution for all times.

    The norm with a floor is Lipschitz on boxes, and so is what the layer makes of it. By prenorm-bound a token moves at
    most linearly, so the maximal solution never ends.

    Proves prenorm-existence, a case of prenorm-bound. *)

From Coq Require Import Reals Lra Psatz Lia PeanoNat.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Softplus Sums.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal VectorToken VectorFlow LayerFlow Prenorm.
Open Scope R_scope.

(** Composition with a function of nonnegative numbers whose derivative is bounded there. *)
Lemma lip_comp_nonneg n r h dh M f : 0 <= M ->
  (forall v, 0 <= v -> is_derive h v (dh v)) -> (forall v, 0 <= v -> Rabs (dh v) <= M) ->
  (forall y, 0 <= f y) -> box_lipschitz n r f -> box_lipschitz n r (fun y => h (f y)).
Proof.
  intros HM Hd Hdh P (B & K & HB & HK & Hf).
  assert (Lip : forall u v, 0 <= u -> 0 <= v -> Rabs (h u - h v) <= M * Rabs (u - v)).
  { intros u v Hu Hv. assert (Q : forall c, Rmin v u <= c -> 0 <= c) by (intros c; apply Rle_trans, Rmin_glb; assumption).
    destruct (MVT_gen h v u dh) as (c & Hc & E).
    - intros c Hc. apply Hd, Q. lra.
    - intros c Hc. apply derivable_continuous_pt. exists (dh c). apply is_derive_Reals, Hd, Q. lra.
    - rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply Hdh, Q. lra. }
  exists (Rabs (h 0) + M * B), (M * K). split; [apply Rplus_le_le_0_compat; [apply Rabs_pos|now apply Rmult_le_pos]|].
  split; [now apply Rmult_le_pos|]. intros y z d Hy Hz Hd' Near. destruct (Hf y z d Hy Hz Hd' Near) as [F1 F2]. split.
  - replace (h (f y)) with (h 0 + (h (f y) - h 0)) by ring. eapply Rle_trans; [apply Rabs_triang|].
    apply Rplus_le_compat_l. eapply Rle_trans; [apply Lip; [apply P|lra]|]. rewrite Rminus_0_r.
    now apply Rmult_le_compat_l.
  - eapply Rle_trans; [apply Lip; apply P|]. rewrite Rmult_assoc. now apply Rmult_le_compat_l.
Qed.

Lemma inverse_root_slope c g v : 0 < c -> 0 < g -> 0 <= v ->
  is_derive (fun z => / sqrt (z / c + g)) v (- / (2 * c * sqrt (v / c + g) ^ 3)).
Proof.
  intros Hc Hg Hv. assert (Q : 0 <= v / c) by (apply Rmult_le_pos; [exact Hv|left; now apply Rinv_0_lt_compat]).
  assert (P : 0 < sqrt (v / c + g)) by (apply sqrt_lt_R0; lra). auto_derive.
  - unfold Rdiv in *. split; [lra|]. split; [lra|exact I].
  - unfold Rdiv in *. field. split; lra.
Qed.

Section Box.
Variables (N D rank L : nat) (S_B S_C S_in S_out : nat -> nat -> R) (beta_B beta_C : nat -> R) (a : nat -> nat -> R)
  (b : nat -> R) (eps : nonnegreal) (skip gain : nat -> R) (g : R).
Hypothesis Hg : 0 < g.
Variable r : R.
Hypothesis Hr : 0 <= r.
Notation lip := (box_lipschitz (L * D) r).

Lemma lip_normalised l d : (l < L)%nat -> (d < D)%nat -> lip (fun y => normalised D gain g (tokens_of D y l) d).
Proof.
  intros Hl Hd. pose proof (lt_0_INR D ltac:(lia)) as PD. pose proof (sqrt_lt_R0 g Hg) as Pg.
  unfold normalised. apply lip_mult; [apply lip_mult; [apply lip_const|now apply lip_entry]|].
  apply (lip_comp_nonneg (L * D) r (fun z => / sqrt (z / INR D + g)) (fun v => - / (2 * INR D * sqrt (v / INR D + g) ^ 3))
    (/ (2 * INR D * sqrt g ^ 3)) (fun y => square_norm D (tokens_of D y l))).
  - left. apply Rinv_0_lt_compat, Rmult_lt_0_compat; [lra|now apply pow_lt].
  - intros v Hv. now apply inverse_root_slope.
  - intros v Hv. assert (Q : 0 <= v / INR D) by (apply Rmult_le_pos; [exact Hv|left; now apply Rinv_0_lt_compat]).
    assert (Up : sqrt g <= sqrt (v / INR D + g)) by (apply sqrt_le_1_alt; lra).
    assert (P : 0 < sqrt g ^ 3) by now apply pow_lt. assert (P3 : sqrt g ^ 3 <= sqrt (v / INR D + g) ^ 3) by (apply pow_incr; lra).
    rewrite Rabs_Ropp, Rabs_pos_eq by (left; apply Rinv_0_lt_compat, Rmult_lt_0_compat; lra).
    apply Rinv_le_contravar; [apply Rmult_lt_0_compat; lra|]. apply Rmult_le_compat_l; lra.
  - intros y. apply square_norm_nonneg.
  - apply (lip_sum (L * D) r D (fun e y => tokens_of D y l e ^ 2)). intros e He.
    apply (lip_pow (L * D) r (fun y => tokens_of D y l e)). now apply lip_entry.
Qed.

Notation X y := (fun k => normalised D gain g (tokens_of D y k)).

(** A bias and a sum over channels. *)
Lemma lip_biased beta S k : (k < L)%nat -> lip (fun y => beta + sum_below D (fun e => X y k e * S e)).
Proof.
  intros Hk. apply lip_plus; [apply lip_const|]. apply (lip_sum (L * D) r D (fun e y => X y k e * S e)).
  intros e He. apply lip_mult; [now apply lip_normalised|apply lip_const].
Qed.

Lemma lip_cell_step k d : (k < L)%nat -> lip (fun y => cell_step D rank S_in S_out b eps (X y) k d).
Proof.
  intros Hk. unfold cell_step. apply lip_plus; [|apply lip_const].
  apply (lip_softplus (L * D) r (fun y => b d + sum_below rank (fun m => sum_below D (fun e => X y k e * S_in m e) * S_out d m))).
  apply lip_plus; [apply lip_const|]. apply (lip_sum (L * D) r rank (fun m y => sum_below D (fun e => X y k e * S_in m e) * S_out d m)).
  intros m _. apply lip_mult; [|apply lip_const]. apply (lip_sum (L * D) r D (fun e y => X y k e * S_in m e)).
  intros e He. apply lip_mult; [now apply lip_normalised|apply lip_const].
Qed.

Lemma lip_cell_hidden l d n : (l < L)%nat -> (d < D)%nat -> lip (fun y => cell_hidden D rank S_B S_in S_out beta_B a b eps (X y) d l n).
Proof.
  intros Hl Hd.
  assert (Own : forall k, (k < L)%nat ->
    lip (fun y => cell_step D rank S_in S_out b eps (X y) k d * cell_write D S_B beta_B (X y) k n * X y k d)).
  { intros k Hk. apply lip_mult; [apply lip_mult|now apply lip_normalised]; [now apply lip_cell_step|].
    exact (lip_biased (beta_B n) (S_B n) k Hk). }
  induction l as [|k IH]; cbn [cell_hidden]; [now apply Own|].
  apply lip_plus; [|now apply Own]. apply lip_mult; [|apply IH; lia]. apply lip_exp. now apply lip_scal, lip_cell_step.
Qed.

Lemma lip_cell_output l d : (l < L)%nat -> (d < D)%nat ->
  lip (fun y => cell_output N D rank S_B S_C S_in S_out beta_B beta_C a b eps skip (X y) l d).
Proof.
  intros Hl Hd. unfold cell_output. apply lip_plus; [apply lip_mult; [now apply lip_normalised|apply lip_const]|].
  apply (lip_sum (L * D) r N (fun n y => cell_hidden D rank S_B S_in S_out beta_B a b eps (X y) d l n
    * (beta_C n + sum_below D (fun e => X y l e * S_C n e)))).
  intros n _. apply lip_mult; [now apply lip_cell_hidden|now apply lip_biased].
Qed.
End Box.

Theorem prenorm_existence : prenorm_existence_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out bB bC a b e0 skip gain g y0 Heps Hg Ha.
  destruct (as_floor e0 Heps) as [eps E0].
  set (V := fun (j : nat) (y : nat -> R) => cell_output N D rank S_B S_C S_in S_out bB bC a b e0 skip
    (fun k => normalised D gain g (tokens_of D y k)) (j / D) (j mod D)).
  assert (HV : locally_lipschitz (L * D) V).
  { intros r Hr j Hj. destruct (place_of D L j Hj) as (Hl & Hd & _). unfold V. rewrite <- E0. now apply lip_cell_output. }
  destruct (field_maximal_solution (L * D) V (fun j => y0 (j / D)%nat (j mod D)%nat) HV) as (T & z & Hmax & Sz).
  assert (sol : normalised_solution N D rank S_B S_C S_in S_out bB bC a b e0 skip gain g L T (tokens_of D z)).
  { intros l d Hl Hd. destruct (proj1 (proj2 Hmax) (l * D + d)%nat (place_low D L l d Hl Hd)) as [H0 H].
    split; [exact H0|]. intros t Ht HT. specialize (H t Ht HT). unfold V in H.
    destruct (place_split D l d Hd) as [E1 E2]. rewrite E1, E2 in H. exact H. }
  assert (E : T = p_infty).
  { apply (bounded_lives (L * D) V T z HV Hmax). intros j Hj T0 ET. destruct (place_of D L j Hj) as (Hl & Hd & Ej).
    set (l := (j / D)%nat) in *. set (d := (j mod D)%nat) in *.
    set (K := most N D rank S_B S_C S_in S_out bB bC a b eps skip gain d). exists (Rabs (z j 0) + K * T0). intros t Ht HtT.
    pose proof (prenorm_bound N D rank L S_B S_C S_in S_out bB bC a b e0 skip gain g T (tokens_of D z) Heps (Rlt_le _ _ Hg)
      Ha sol l t Hl Ht ltac:(rewrite ET; exact HtT) d Hd) as B.
    rewrite <- E0, printed_most in B. fold K in B. unfold tokens_of in B. rewrite <- Ej in B.
    assert (P : 0 <= K).
    { unfold K. eapply Rle_trans; [|apply (output_bounded N D rank L S_B S_C S_in S_out bB bC a b eps skip gain g (Rlt_le _ _ Hg) Ha
        (fun _ _ => 0) l d Hl Hd)]. apply Rabs_pos. }
    assert (K * t <= K * T0) by (apply Rmult_le_compat_l; lra).
    replace (z j t) with (z j 0 + - (z j 0 - z j t)) by ring. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra. }
  subst T. exists (tokens_of D z). split; [exact sol|]. intros l d Hl Hd. unfold tokens_of.
  rewrite Sz by now apply place_low. destruct (place_split D l d Hd) as [-> ->]. reflexivity.
Qed.
