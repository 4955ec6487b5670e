(** Limits that are approached at a power rate: |f(t) - c| <= C t^-g for some g > 0.

    Proves no registry theorem by itself; CriticalShare.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Softplus Sums.
Open Scope R_scope.

(** t^-g *)
Definition power (g t : R) : R := exp (- g * ln t).

Definition power_limit (f : R -> R) (c : R) : Prop :=
  exists g C t0, 0 < g /\ 0 <= C /\ 1 <= t0 /\ forall t, t0 < t -> Rabs (f t - c) <= C * power g t.

Lemma ln_nonneg t : 1 <= t -> 0 <= ln t.
Proof. intros H. rewrite <- ln_1. apply ln_le; lra. Qed.

Lemma power_pos g t : 0 < power g t.
Proof. apply exp_pos. Qed.

Lemma power_le_1 g t : 0 <= g -> 1 <= t -> power g t <= 1.
Proof. intros Hg Ht. apply exp_le_1. pose proof (ln_nonneg t Ht). nra. Qed.

Lemma power_anti g g' t : g <= g' -> 1 <= t -> power g' t <= power g t.
Proof. intros Hg Ht. apply exp_le. pose proof (ln_nonneg t Ht). nra. Qed.

Lemma power_derive g t : 0 < t -> is_derive (power g) t (- g / t * power g t).
Proof. intros Ht. unfold power. auto_derive; [exact Ht|]. field. lra. Qed.

Lemma power_zero g : 0 < g -> is_lim (power g) p_infty 0.
Proof.
  intros Hg. unfold power.
  apply (filterlim_comp _ _ _ (fun t => - g * ln t) exp _ (Rbar_locally m_infty)); [|exact is_lim_exp_m].
  apply (is_lim_ext (fun t => - (g * ln t))); [intros; ring|].
  apply (is_lim_opp (fun t => g * ln t) p_infty p_infty).
  replace p_infty with (Rbar_mult g p_infty) at 2
    by (apply is_Rbar_mult_unique, is_Rbar_mult_sym, is_Rbar_mult_p_infty_pos; exact Hg).
  apply (is_lim_scal_l ln g p_infty p_infty). exact is_lim_ln_p.
Qed.

(** Two power limits share an exponent and a starting time. *)
Lemma power_common f h c d : power_limit f c -> power_limit h d ->
  exists g C t0, 0 < g /\ 0 <= C /\ 1 <= t0 /\
  forall t, t0 < t -> Rabs (f t - c) <= C * power g t /\ Rabs (h t - d) <= C * power g t.
Proof.
  intros (g1 & C1 & t1 & Hg1 & HC1 & Ht1 & H1) (g2 & C2 & t2 & Hg2 & HC2 & Ht2 & H2).
  exists (Rmin g1 g2), (Rmax C1 C2), (Rmax t1 t2).
  pose proof (Rmin_l g1 g2). pose proof (Rmin_r g1 g2). pose proof (Rmax_l C1 C2). pose proof (Rmax_r C1 C2).
  pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2).
  split; [now apply Rmin_glb_lt|]. split; [lra|]. split; [lra|]. intros t Ht.
  pose proof (power_pos g1 t). pose proof (power_pos g2 t).
  pose proof (power_anti (Rmin g1 g2) g1 t ltac:(lra) ltac:(lra)).
  pose proof (power_anti (Rmin g1 g2) g2 t ltac:(lra) ltac:(lra)).
  split.
  - eapply Rle_trans; [apply H1; lra|]. apply Rmult_le_compat; lra.
  - eapply Rle_trans; [apply H2; lra|]. apply Rmult_le_compat; lra.
Qed.

Lemma power_limit_const c : power_limit (fun _ => c) c.
Proof.
  exists 1, 0, 1. repeat split; try lra. intros t Ht. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
Qed.

(** What is controlled by a power limit is one. *)
Lemma power_limit_control f h c d K t1 : 0 <= K -> power_limit f c ->
  (forall t, t1 < t -> Rabs (h t - d) <= K * Rabs (f t - c)) -> power_limit h d.
Proof.
  intros HK (g & C & t0 & Hg & HC & Ht0 & H) Hh. exists g, (K * C), (Rmax t0 t1).
  pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
  split; [exact Hg|]. split; [now apply Rmult_le_pos|]. split; [lra|]. intros t Ht.
  eapply Rle_trans; [apply Hh; lra|]. rewrite Rmult_assoc. apply Rmult_le_compat_l; [exact HK|]. apply H. lra.
Qed.

Lemma power_limit_plus f h c d : power_limit f c -> power_limit h d -> power_limit (fun t => f t + h t) (c + d).
Proof.
  intros Hf Hh. destruct (power_common f h c d Hf Hh) as (g & C & t0 & Hg & HC & Ht0 & H).
  exists g, (2 * C), t0. split; [exact Hg|]. split; [lra|]. split; [exact Ht0|]. intros t Ht.
  destruct (H t Ht) as [H1 H2]. replace (f t + h t - (c + d)) with ((f t - c) + (h t - d)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma power_limit_mult f h c d : power_limit f c -> power_limit h d -> power_limit (fun t => f t * h t) (c * d).
Proof.
  intros Hf Hh. destruct (power_common f h c d Hf Hh) as (g & C & t0 & Hg & HC & Ht0 & H).
  pose proof (Rabs_pos c) as Pc. pose proof (Rabs_pos d) as Pd.
  exists g, (C * (Rabs d + C) + Rabs c * C), t0. split; [exact Hg|].
  split; [apply Rplus_le_le_0_compat; apply Rmult_le_pos; lra|]. split; [exact Ht0|]. intros t Ht.
  destruct (H t Ht) as [H1 H2].
  pose proof (power_pos g t) as Pp. pose proof (power_le_1 g t ltac:(lra) ltac:(lra)) as P1.
  assert (Hb : Rabs (h t) <= Rabs d + C).
  { replace (h t) with (d + (h t - d)) by ring. eapply Rle_trans; [apply Rabs_triang|]. nra. }
  replace (f t * h t - c * d) with ((f t - c) * h t + c * (h t - d)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult, Rmult_plus_distr_r. apply Rplus_le_compat.
  - replace (C * (Rabs d + C) * power g t) with (C * power g t * (Rabs d + C)) by ring.
    apply Rmult_le_compat; try apply Rabs_pos; assumption.
  - rewrite Rmult_assoc. apply Rmult_le_compat_l; assumption.
Qed.

Lemma power_limit_sum N (f : nat -> R -> R) (c : nat -> R) :
  (forall n, (n < N)%nat -> power_limit (f n) (c n)) ->
  power_limit (fun t => sum_below N (fun n => f n t)) (sum_below N c).
Proof.
  intros H. induction N as [|N IH]; simpl.
  - apply power_limit_const.
  - apply power_limit_plus; [apply IH; intros; apply H; lia|apply H; lia].
Qed.

Lemma power_limit_ext f h c t1 : (forall t, t1 < t -> f t = h t) -> power_limit f c -> power_limit h c.
Proof.
  intros E Hf. apply (power_limit_control f h c c 1 t1); [lra|exact Hf|]. intros t Ht. rewrite E by exact Ht. lra.
Qed.

Lemma power_limit_is_lim f c : power_limit f c -> is_lim f p_infty c.
Proof.
  intros (g & C & t0 & Hg & HC & Ht0 & H).
  assert (L : is_lim (fun t => C * power g t) p_infty 0).
  { replace (Finite 0) with (Rbar_mult C 0) by (simpl; f_equal; ring). now apply is_lim_scal_l, power_zero. }
  apply is_lim_spec. intros e. apply is_lim_spec in L. destruct (L e) as [t1 H1]. exists (Rmax t0 t1).
  intros t Ht. pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
  specialize (H t ltac:(lra)). specialize (H1 t ltac:(lra)). rewrite Rminus_0_r in H1.
  pose proof (Rle_abs (C * power g t)). lra.
Qed.

Lemma power_limit_inv f c : 0 < c -> power_limit f c -> power_limit (fun t => / f t) (/ c).
Proof.
  intros Hc Hf. pose proof (power_limit_is_lim f c Hf) as L. apply is_lim_spec in L.
  assert (Hc2 : 0 < c / 2) by lra. destruct (L (mkposreal _ Hc2)) as [t1 H1]. simpl in H1.
  apply (power_limit_control f _ c _ (2 / c ^ 2) t1); [|exact Hf|].
  - left. apply Rdiv_lt_0_compat; [lra|apply pow_lt; exact Hc].
  - intros t Ht. specialize (H1 t Ht). apply Rabs_def2 in H1. assert (Hft : c / 2 < f t) by lra.
    replace (/ f t - / c) with (- ((f t - c) * / (f t * c))) by (field; lra).
    rewrite Rabs_Ropp, Rabs_mult, Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos|].
    assert (P : 0 < f t * c) by (apply Rmult_lt_0_compat; lra).
    rewrite Rabs_pos_eq by (left; now apply Rinv_0_lt_compat).
    replace (2 / c ^ 2) with (/ (c / 2 * c)) by (field; lra).
    apply Rinv_le_contravar; [apply Rmult_lt_0_compat; lra|]. apply Rmult_le_compat_r; lra.
Qed.
