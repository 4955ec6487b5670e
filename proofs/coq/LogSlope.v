(** Functions with g' = h/t: bounds and limits of h are those of g/ln t.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier.
Open Scope R_scope.

(** Monotony from a late time on. *)
Lemma antitone_from (f df : R -> R) t0 t :
  (forall u, t0 <= u -> is_derive f u (df u)) -> (forall u, t0 <= u -> df u <= 0) -> t0 <= t -> f t <= f t0.
Proof.
  intros Hd Hn Ht.
  destruct (MVT_gen f t0 t df) as (v & Hv & E).
  - rewrite Rmin_left, Rmax_right by lra. intros v Hv. apply Hd. lra.
  - rewrite Rmin_left, Rmax_right by lra. intros v Hv. apply derivable_continuous_pt.
    exists (df v). apply is_derive_Reals, Hd. lra.
  - rewrite Rmin_left, Rmax_right in Hv by lra. specialize (Hn v ltac:(lra)). nra.
Qed.

(** A barrier from a late time on. *)
Lemma barrier_late (f df : R -> R) c t0 :
  (forall t, t0 <= t -> is_derive f t (df t)) -> f t0 <= c ->
  (forall t, t0 < t -> c < f t -> df t <= 0) -> forall t, t0 <= t -> f t <= c.
Proof.
  intros Hd H0 H t Ht.
  assert (E : evolves p_infty (fun u => f (t0 + u)) (fun u => df (t0 + u))).
  { apply evolves_nonneg. intros u Hu. rewrite <- (Rmult_1_l (df (t0 + u))).
    apply (is_derive_comp f (fun u => t0 + u)); [apply Hd; lra|]. auto_derive; [exact I|ring]. }
  replace t with (t0 + (t - t0)) by ring.
  apply (barrier p_infty _ _ c E); [now rewrite Rplus_0_r| |lra|exact I].
  intros u Hu _ Hc. apply H; [lra|exact Hc].
Qed.

Lemma log_slope_upper (g h : R -> R) (c : R) :
  (forall t, 0 < t -> is_derive g t (h t / t)) ->
  (forall e, 0 < e -> exists t0, forall t, t0 < t -> h t <= c + e) ->
  forall e, 0 < e -> exists t0, forall t, t0 < t -> g t / ln t <= c + e.
Proof.
  intros Hg Hh e He. destruct (Hh (e / 2) ltac:(lra)) as [t1 Ht1].
  set (t0 := Rmax 1 t1 + 1). assert (Ht0 : 1 < t0 /\ t1 < t0).
  { unfold t0. pose proof (Rmax_l 1 t1). pose proof (Rmax_r 1 t1). lra. }
  assert (U : forall t, t0 <= t -> g t - (c + e / 2) * ln t <= g t0 - (c + e / 2) * ln t0).
  { intros t Ht. apply (antitone_from (fun t => g t - (c + e / 2) * ln t) (fun u => (h u - (c + e / 2)) / u) t0 t);
      [| |exact Ht]; intros u Hu.
    - replace ((h u - (c + e / 2)) / u) with (h u / u - (c + e / 2) * / u) by (field; lra).
      apply (is_derive_minus g (fun t => (c + e / 2) * ln t)); [apply Hg; lra|].
      apply (is_derive_scal ln u (c + e / 2) (/ u)). apply is_derive_Reals, derivable_pt_lim_ln. lra.
    - specialize (Ht1 u ltac:(lra)). unfold Rdiv. pose proof (Rinv_0_lt_compat u ltac:(lra)). nra. }
  set (C := Rabs (g t0 - (c + e / 2) * ln t0)).
  exists (Rmax t0 (exp (2 * C / e))). intros t Ht.
  pose proof (Rmax_l t0 (exp (2 * C / e))). pose proof (Rmax_r t0 (exp (2 * C / e))).
  assert (Lp : 0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (Lt : 2 * C / e < ln t).
  { rewrite <- (ln_exp (2 * C / e)). apply ln_increasing; [apply exp_pos|lra]. }
  apply (Rmult_lt_compat_l (e / 2)) in Lt; [|lra].
  replace (e / 2 * (2 * C / e)) with C in Lt by (field; lra).
  specialize (U t ltac:(lra)). pose proof (Rle_abs (g t0 - (c + e / 2) * ln t0)) as Q. fold C in Q.
  apply (Rmult_le_reg_r (ln t)); [exact Lp|]. replace (g t / ln t * ln t) with (g t) by (field; lra). lra.
Qed.

Lemma log_slope_lower (g h : R -> R) (c : R) :
  (forall t, 0 < t -> is_derive g t (h t / t)) ->
  (forall e, 0 < e -> exists t0, forall t, t0 < t -> c - e <= h t) ->
  forall e, 0 < e -> exists t0, forall t, t0 < t -> c - e <= g t / ln t.
Proof.
  intros Hg Hh e He.
  destruct (log_slope_upper (fun t => - g t) (fun t => - h t) (- c)) with (e := e) as [t0 Ht0].
  - intros t Ht. replace (- h t / t) with (- (h t / t)) by (field; lra). apply (is_derive_opp g). now apply Hg.
  - intros e' He'. destruct (Hh e' He') as [t0 Ht0]. exists t0. intros t Ht. specialize (Ht0 t Ht). lra.
  - exact He.
  - exists t0. intros t Ht. specialize (Ht0 t Ht).
    unfold Rdiv in *. rewrite Ropp_mult_distr_l_reverse in Ht0. lra.
Qed.

(** g' = h/t with h -> c gives g/ln t -> c. *)
Lemma log_slope (g h : R -> R) (c : R) :
  (forall t, 0 < t -> is_derive g t (h t / t)) -> is_lim h p_infty c ->
  is_lim (fun t => g t / ln t) p_infty c.
Proof.
  intros Hg Hh. apply is_lim_spec in Hh.
  assert (He : forall e, 0 < e -> exists t0, forall t, t0 < t -> Rabs (h t - c) < e).
  { intros e He. destruct (Hh (mkposreal e He)) as [t0 Ht0]. now exists t0. }
  apply is_lim_spec. intros [e Hpos]. simpl.
  destruct (log_slope_upper g h c Hg) with (e := e / 2) as [t1 H1]; [|lra|].
  { intros e' He'. destruct (He e' He') as [t0 Ht0]. exists t0. intros t Ht. specialize (Ht0 t Ht).
    apply Rabs_def2 in Ht0. lra. }
  destruct (log_slope_lower g h c Hg) with (e := e / 2) as [t2 H2]; [|lra|].
  { intros e' He'. destruct (He e' He') as [t0 Ht0]. exists t0. intros t Ht. specialize (Ht0 t Ht).
    apply Rabs_def2 in Ht0. lra. }
  exists (Rmax t1 t2). intros t Ht. pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2).
  specialize (H1 t ltac:(lra)). specialize (H2 t ltac:(lra)). apply Rabs_def1; lra.
Qed.
