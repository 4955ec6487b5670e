(** Linear equations y' = (be/t) y + al whose coefficients converge at a power
    rate: y/t does so too, and in the critical case be -> 1 it grows like ln t.

    Proves no registry theorem by itself; CriticalShare.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus LogSlope LinearAsymptotics PowerLimits.
Open Scope R_scope.

Lemma inv_mult_nonpos t v : 0 < t -> v <= 0 -> / t * v <= 0.
Proof. intros Ht Hv. pose proof (Rinv_0_lt_compat t Ht). nra. Qed.

Section Linear.
Variables y al be : R -> R.
Hypothesis Hy : forall t, 0 < t -> is_derive y t (be t / t * y t + al t).
Hypothesis Hpos : forall t, 0 < t -> 0 < y t.

(** be -> B < 1 and al -> A at power rates: y/t -> A/(1-B) at a power rate. *)
Lemma power_linear A B : B < 1 -> power_limit be B -> power_limit al A ->
  power_limit (fun t => y t / t) (A / (1 - B)).
Proof.
  intros HB Hbe Hal. destruct (power_common be al B A Hbe Hal) as (g0 & C & t0 & Hg0 & HC & Ht0 & H).
  set (c := A / (1 - B)). set (g := Rmin g0 ((1 - B) / 2)). set (k := (1 - B) - g).
  assert (Hg : 0 < g) by (unfold g; apply Rmin_glb_lt; lra).
  assert (Hgg : g <= g0) by apply Rmin_l.
  assert (Hk : 0 < k) by (unfold k; pose proof (Rmin_r g0 ((1 - B) / 2)) as Q; fold g in Q; lra).
  (* y/t is bounded *)
  pose proof (lin_asym y al be Hy Hpos A B HB (power_limit_is_lim _ _ Hbe) (power_limit_is_lim _ _ Hal)) as Ly.
  apply is_lim_spec in Ly. destruct (Ly (mkposreal 1 Rlt_0_1)) as [t1 H1]. simpl in H1. fold c in H1.
  set (t2 := Rmax t0 t1 + 1). assert (Ht2 : t0 < t2 /\ t1 < t2).
  { unfold t2. pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1). lra. }
  set (h := fun t => exp (g * ln t) * (y t / t - c)).
  set (e := fun t => exp (g * ln t) * ((be t - B) * (y t / t) + (al t - A))).
  assert (Dh : forall t, t2 <= t -> is_derive h t (/ t * (- k * h t + e t))).
  { intros t Ht.
    replace (/ t * (- k * h t + e t))
      with (exp (g * ln t) / t * (g * (y t / t - c) + (be t / t * y t + al t) - y t / t))
      by (unfold h, e, k, c; field; lra).
    apply w_derive; [lra|apply Hy; lra]. }
  set (E := C * (Rabs c + 2)). pose proof (Rabs_pos c) as Pc.
  assert (HE : 0 <= E) by (apply Rmult_le_pos; lra).
  assert (He : forall t, t2 <= t -> Rabs (e t) <= E).
  { intros t Ht. destruct (H t ltac:(lra)) as [Hb Ha]. specialize (H1 t ltac:(lra)).
    assert (Hyt : Rabs (y t / t) <= Rabs c + 1).
    { replace (y t / t) with (c + (y t / t - c)) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra. }
    assert (Ep : exp (g * ln t) * power g0 t <= 1).
    { unfold power. rewrite <- exp_plus. apply exp_le_1. pose proof (ln_nonneg t ltac:(lra)). nra. }
    assert (Q : Rabs ((be t - B) * (y t / t) + (al t - A)) <= C * power g0 t * (Rabs c + 2)).
    { eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
      assert (Rabs (be t - B) * Rabs (y t / t) <= C * power g0 t * (Rabs c + 1))
        by (apply Rmult_le_compat; try apply Rabs_pos; assumption). lra. }
    unfold e, E. rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos).
    apply Rle_trans with (exp (g * ln t) * (C * power g0 t * (Rabs c + 2))).
    - apply Rmult_le_compat_l; [left; apply exp_pos|exact Q].
    - replace (exp (g * ln t) * (C * power g0 t * (Rabs c + 2)))
        with (exp (g * ln t) * power g0 t * (C * (Rabs c + 2))) by ring.
      rewrite <- (Rmult_1_l (C * (Rabs c + 2))) at 2. apply Rmult_le_compat_r; [exact HE|exact Ep]. }
  set (m := Rmax (Rabs (h t2)) (E / k)).
  assert (Hm1 : Rabs (h t2) <= m) by apply Rmax_l. assert (Hm2 : E / k <= m) by apply Rmax_r.
  assert (Hkm : E <= k * m).
  { apply (Rmult_le_compat_l k) in Hm2; [|lra]. replace (k * (E / k)) with E in Hm2 by (field; lra). exact Hm2. }
  apply Rabs_le_between in Hm1.
  assert (Up : forall t, t2 <= t -> h t <= m).
  { apply (barrier_late h _ m t2 Dh); [lra|]. intros t Ht Hgt.
    specialize (He t ltac:(lra)). apply Rabs_le_between in He.
    assert (k * m <= k * h t) by (apply Rmult_le_compat_l; lra).
    apply inv_mult_nonpos; lra. }
  assert (Lo : forall t, t2 <= t -> - h t <= m).
  { apply (barrier_late (fun t => - h t) (fun t => - (/ t * (- k * h t + e t))) m t2).
    - intros t Ht. apply (is_derive_opp h). now apply Dh.
    - lra.
    - intros t Ht Hgt. specialize (He t ltac:(lra)). apply Rabs_le_between in He.
      assert (k * m <= k * - h t) by (apply Rmult_le_compat_l; lra).
      replace (- (/ t * (- k * h t + e t))) with (/ t * (k * h t - e t)) by ring.
      apply inv_mult_nonpos; lra. }
  exists g, m, t2. split; [exact Hg|]. split; [lra|]. split; [lra|]. intros t Ht.
  specialize (Up t ltac:(lra)). specialize (Lo t ltac:(lra)).
  assert (Eh : y t / t - c = h t * power g t).
  { unfold h, power. replace (exp (g * ln t) * (y t / t - c) * exp (- g * ln t))
      with ((y t / t - c) * (exp (g * ln t) * exp (- g * ln t))) by ring.
    rewrite <- exp_plus. replace (g * ln t + - g * ln t) with 0 by ring. rewrite exp_0. ring. }
  rewrite Eh, Rabs_mult, (Rabs_pos_eq (power g t)) by (left; apply power_pos).
  apply Rmult_le_compat_r; [left; apply power_pos|]. apply Rabs_le. lra.
Qed.

(** be -> B > 1 and al -> A > 0: y outgrows a power above 1, so t/y -> 0 at a power rate. *)
Lemma power_linear_fast A B : 1 < B -> 0 < A -> is_lim be p_infty B -> is_lim al p_infty A ->
  power_limit (fun t => / (y t / t)) 0.
Proof.
  intros HB HA Lb La. set (r := (1 + B) / 2).
  apply is_lim_spec in Lb. apply is_lim_spec in La.
  assert (Hr : 0 < (B - 1) / 2) by lra.
  destruct (Lb (mkposreal _ Hr)) as [t1 H1]. destruct (La (mkposreal _ HA)) as [t2 H2]. simpl in H1, H2.
  set (t0 := Rmax 1 (Rmax t1 t2) + 1).
  assert (Ht0 : 1 < t0 /\ t1 < t0 /\ t2 < t0).
  { unfold t0. pose proof (Rmax_l 1 (Rmax t1 t2)). pose proof (Rmax_r 1 (Rmax t1 t2)).
    pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2). lra. }
  (* t^-r y does not decrease *)
  assert (D : forall t, t0 <= t -> is_derive (fun t => - (power r t * y t)) t
              (- (power r t / t * ((be t - r) * y t + al t * t)))).
  { intros t Ht. apply (is_derive_opp (fun t => power r t * y t)).
    replace (power r t / t * ((be t - r) * y t + al t * t))
      with (- r / t * power r t * y t + power r t * (be t / t * y t + al t)) by (field; lra).
    apply (is_derive_mult (power r) y); [apply power_derive; lra|apply Hy; lra|intros; apply Rmult_comm]. }
  set (m := power r t0 * y t0). assert (Hm : 0 < m).
  { apply Rmult_lt_0_compat; [apply power_pos|apply Hpos; lra]. }
  assert (Lo : forall t, t0 <= t -> m <= power r t * y t).
  { intros t Ht. cut (- (power r t * y t) <= - (power r t0 * y t0)); [unfold m; lra|].
    apply (antitone_from (fun t => - (power r t * y t)) _ t0 t D); [|exact Ht].
    intros u Hu. specialize (H1 u ltac:(lra)). specialize (H2 u ltac:(lra)).
    apply Rabs_def2 in H1. apply Rabs_def2 in H2.
    assert (0 <= (be u - r) * y u + al u * u).
    { pose proof (Hpos u ltac:(lra)). apply Rplus_le_le_0_compat; apply Rmult_le_pos; unfold r; lra. }
    assert (0 < power r u / u) by (apply Rdiv_lt_0_compat; [apply power_pos|lra]). nra. }
  exists (r - 1), (/ m), t0. split; [unfold r; lra|]. split; [left; now apply Rinv_0_lt_compat|]. split; [lra|].
  intros t Ht. specialize (Lo t ltac:(lra)). pose proof (Hpos t ltac:(lra)) as Py. pose proof (power_pos r t) as Pp.
  rewrite Rminus_0_r, Rabs_pos_eq by (left; apply Rinv_0_lt_compat, Rdiv_lt_0_compat; lra).
  assert (E : power (r - 1) t = t * power r t).
  { unfold power. rewrite <- (exp_ln t) at 2 by lra. rewrite <- exp_plus. f_equal. ring. }
  rewrite E. apply (Rmult_le_reg_r (m * y t)); [now apply Rmult_lt_0_compat|].
  replace (/ (y t / t) * (m * y t)) with (t * m) by (field; lra).
  replace (/ m * (t * power r t) * (m * y t)) with (t * (power r t * y t)) by (field; lra).
  apply Rmult_le_compat_l; lra.
Qed.

(** be -> 1 at a power rate and al -> A: y/t grows like A ln t. *)
Lemma critical_linear (A : R) : power_limit be 1 -> is_lim al p_infty A -> 0 < A ->
  is_lim (fun t => y t / t / ln t) p_infty A.
Proof.
  intros (g & C & t0 & Hg & HC & Ht0 & H) La HA. set (k := C / g).
  assert (Hk : 0 <= k) by (apply Rdiv_le_0_compat; assumption).
  (* weights exp(k t^-g) and exp(-k t^-g), which tend to 1 *)
  assert (Lw : forall j, is_lim (fun t => exp (j * power g t)) p_infty 1).
  { intros j. rewrite <- exp_0. apply (filterlim_comp _ _ _ (fun t => j * power g t) exp _ (locally 0)).
    - replace 0 with (j * 0) by ring. apply (is_lim_scal_l (power g) j p_infty 0). now apply power_zero.
    - apply continuity_pt_filterlim, derivable_continuous_pt, derivable_pt_exp. }
  set (w := fun j t => exp (j * power g t)).
  set (H' := fun j t => w j t * ((be t - 1 - j * g * power g t) * (y t / t) + al t)).
  assert (Dw : forall j t, 0 < t -> is_derive (fun t => w j t * (y t / t)) t (H' j t / t)).
  { intros j t Ht.
    assert (D1 : is_derive (w j) t (j * (- g / t * power g t) * w j t)).
    { apply (is_derive_comp exp (fun t => j * power g t)); [apply is_derive_exp|].
      apply (is_derive_scal (power g) t j). now apply power_derive. }
    assert (D2 : is_derive (fun t => y t / t) t ((be t / t * y t + al t) / t - y t / t ^ 2)).
    { pose proof (Hy t Ht) as Hd. auto_derive.
      - split; [eexists; exact Hd|split; [lra|exact I]].
      - replace (Derive (fun x => y x) t) with (be t / t * y t + al t) by (symmetry; apply is_derive_unique; exact Hd).
        field. lra. }
    replace (H' j t / t) with (j * (- g / t * power g t) * w j t * (y t / t)
        + w j t * ((be t / t * y t + al t) / t - y t / t ^ 2)) by (unfold H'; field; lra).
    apply (is_derive_mult (w j) (fun t => y t / t)); [exact D1|exact D2|intros; apply Rmult_comm]. }
  assert (Lp : forall j, is_lim (fun t => w j t * al t) p_infty A).
  { intros j. pose proof (is_lim_mult (w j) al p_infty 1 A (Lw j) La I) as Q.
    simpl in Q. rewrite Rmult_1_l in Q. exact Q. }
  assert (Ev : forall j e, 0 < e -> exists t1, forall t, t1 < t -> A - e <= w j t * al t <= A + e).
  { intros j e He. pose proof (Lp j) as L. apply is_lim_spec in L. destruct (L (mkposreal e He)) as [t1 H1].
    exists t1. intros t Ht. specialize (H1 t Ht). simpl in H1. apply Rabs_def2 in H1. lra. }
  assert (Hkg : k * g = C) by (unfold k; field; lra).
  (* upper bound with k, lower bound with -k *)
  assert (Up : forall e, 0 < e -> exists t1, forall t, t1 < t -> w k t * (y t / t) / ln t <= A + e).
  { apply (log_slope_upper (fun t => w k t * (y t / t)) (H' k) A (Dw k)).
    intros e He. destruct (Ev k e He) as [t1 H1]. exists (Rmax t0 t1). intros t Ht.
    pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
    specialize (H1 t ltac:(lra)). specialize (H t ltac:(lra)). apply Rabs_le_between in H.
    assert (0 < y t / t) by (apply Rdiv_lt_0_compat; [apply Hpos|]; lra).
    assert (Pw : 0 < w k t) by apply exp_pos. unfold H'. rewrite Hkg, Rmult_plus_distr_l.
    assert ((be t - 1 - C * power g t) * (y t / t) <= 0) by nra.
    assert (w k t * ((be t - 1 - C * power g t) * (y t / t)) <= 0) by nra. lra. }
  assert (Lo : forall e, 0 < e -> exists t1, forall t, t1 < t -> A - e <= w (- k) t * (y t / t) / ln t).
  { apply (log_slope_lower (fun t => w (- k) t * (y t / t)) (H' (- k)) A (Dw (- k))).
    intros e He. destruct (Ev (- k) e He) as [t1 H1]. exists (Rmax t0 t1). intros t Ht.
    pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
    specialize (H1 t ltac:(lra)). specialize (H t ltac:(lra)). apply Rabs_le_between in H.
    assert (0 < y t / t) by (apply Rdiv_lt_0_compat; [apply Hpos|]; lra).
    assert (Pw : 0 < w (- k) t) by apply exp_pos. unfold H'.
    replace (- k * g) with (- C) by (rewrite <- Hkg; ring). rewrite Rmult_plus_distr_l.
    assert (0 <= (be t - 1 - - C * power g t) * (y t / t)) by (apply Rmult_le_pos; lra).
    assert (0 <= w (- k) t * ((be t - 1 - - C * power g t) * (y t / t))) by (apply Rmult_le_pos; lra). lra. }
  apply is_lim_spec. intros [e He]. simpl.
  destruct (Up (e / 2) ltac:(lra)) as [t1 H1]. destruct (Lo (e / 2) ltac:(lra)) as [t2 H2].
  exists (Rmax 1 (Rmax t1 t2)). intros t Ht.
  pose proof (Rmax_l 1 (Rmax t1 t2)). pose proof (Rmax_r 1 (Rmax t1 t2)).
  pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2).
  specialize (H1 t ltac:(lra)). specialize (H2 t ltac:(lra)).
  assert (Lt : 0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (Pz : 0 < y t / t / ln t).
  { apply Rdiv_lt_0_compat; [apply Rdiv_lt_0_compat; [apply Hpos|]; lra|exact Lt]. }
  set (z := y t / t / ln t) in *.
  replace (w k t * (y t / t) / ln t) with (w k t * z) in H1 by (unfold z; field; lra).
  replace (w (- k) t * (y t / t) / ln t) with (w (- k) t * z) in H2 by (unfold z; field; lra).
  pose proof (power_pos g t).
  assert (W1 : 1 <= w k t) by (unfold w; rewrite <- exp_0; apply exp_le; apply Rmult_le_pos; lra).
  assert (W2 : w (- k) t <= 1) by (apply exp_le_1; nra).
  apply Rabs_def1; nra.
Qed.
End Linear.
