(** blow-up-profile, for r' = r (g + m r^2 softplus(k r + b)) with a bounded g: what a token inherits.

    For k > 0 the function z = 1/r^3 obeys z' = - 3 m softplus(k r + b)/r,
    which tends to - 3 m k as r tends to infinity, and z itself tends to 0 at
    T; so z(t)/(T - t) -> 3 m k.  For k = 0 the function z = 1/r^2 has the
    constant derivative - 2 m softplus(b). *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Limits FirstToken Forms.
Open Scope R_scope.

(** softplus(z) lies between z and z + 1 for z >= 0. *)
Lemma softplus_right_bounds z : 0 <= z -> z <= softplus z <= z + 1.
Proof.
  intros Hz. unfold softplus. pose proof (exp_pos z). split.
  - rewrite <- (ln_exp z) at 1. apply ln_le; lra.
  - rewrite <- (ln_exp (z + 1)). apply ln_le; [lra|].
    rewrite exp_plus. pose proof (exp_ineq1_le 1). pose proof (exp_le 0 z Hz). rewrite exp_0 in *. nra.
Qed.

Lemma softplus_right_lim k b (eps : nonnegreal) : 0 < k -> is_lim (fun r => (softplus (k * r + b) + eps) / r) p_infty k.
Proof.
  intros Hk. apply is_lim_spec. intros tol. pose proof (cond_pos tol) as He.
  pose proof (Rabs_pos b) as Pb. pose proof (cond_nonneg eps) as Pe.
  exists (Rmax (Rabs b / k) (Rmax 0 ((Rabs b + 1 + eps) / tol))). intros r Hr.
  pose proof (Rmax_l (Rabs b / k) (Rmax 0 ((Rabs b + 1 + eps) / tol))).
  pose proof (Rmax_r (Rabs b / k) (Rmax 0 ((Rabs b + 1 + eps) / tol))).
  pose proof (Rmax_l 0 ((Rabs b + 1 + eps) / tol)). pose proof (Rmax_r 0 ((Rabs b + 1 + eps) / tol)).
  assert (Pr : 0 < r) by lra.
  assert (A : Rabs b < k * r).
  { assert (Q : Rabs b / k < r) by lra. apply (Rmult_lt_compat_l k) in Q; [|exact Hk].
    replace (k * (Rabs b / k)) with (Rabs b) in Q by (field; lra). exact Q. }
  assert (B : Rabs b + 1 + eps < tol * r).
  { assert (Q : (Rabs b + 1 + eps) / tol < r) by lra. apply (Rmult_lt_compat_l tol) in Q; [|exact He].
    replace (tol * ((Rabs b + 1 + eps) / tol)) with (Rabs b + 1 + eps) in Q by (field; lra). exact Q. }
  pose proof (Rle_abs b). pose proof (Rle_abs (- b)) as Ab. rewrite Rabs_Ropp in Ab.
  pose proof (softplus_right_bounds (k * r + b) ltac:(lra)) as S.
  replace ((softplus (k * r + b) + eps) / r - k) with (((softplus (k * r + b) + eps) - k * r) / r) by (field; lra).
  unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ r)) by (left; apply Rinv_0_lt_compat; lra).
  apply (Rmult_lt_reg_r r); [exact Pr|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  apply Rabs_def1; lra.
Qed.

(** A function that vanishes at T, with derivative between -B and -A, lies
    between A (T - t) and B (T - t). *)
Lemma vanishing_at_end (T : R) z dz A B t :
  evolves T z dz -> 0 <= t < T ->
  (forall u, t < u < T -> - B <= dz u <= - A) ->
  filterlim z (at_left T) (locally 0) ->
  A * (T - t) <= z t <= B * (T - t).
Proof.
  intros E Ht Hd Hz.
  assert (Near : forall tol, 0 < tol -> exists u, t < u < T /\ Rabs (z u) < tol /\ T - u < tol).
  { intros tol He.
    destruct (Hz (fun y => Rabs y < tol)) as [d Hd'].
    { exists (mkposreal tol He). intros y Hy. open_ball Hy. apply Rabs_def1; lra. }
    pose proof (cond_pos d) as Pd.
    set (h := Rmin (d / 2) (Rmin ((T - t) / 2) (tol / 2))).
    assert (Hh : 0 < h /\ h <= d / 2 /\ h <= (T - t) / 2 /\ h <= tol / 2).
    { unfold h. pose proof (Rmin_l (d / 2) (Rmin ((T - t) / 2) (tol / 2))).
      pose proof (Rmin_r (d / 2) (Rmin ((T - t) / 2) (tol / 2))).
      pose proof (Rmin_l ((T - t) / 2) (tol / 2)). pose proof (Rmin_r ((T - t) / 2) (tol / 2)).
      split; [repeat apply Rmin_glb_lt; lra|lra]. }
    exists (T - h). split; [lra|]. split; [|lra]. apply Hd'; [|lra].
    unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra. }
  assert (Step : forall u, t < u < T -> A * (u - t) <= z t - z u <= B * (u - t)).
  { intros u Hu.
    pose proof (growth_on T z dz (- B) t u E ltac:(lra) ltac:(lra) ltac:(simpl; lra)) as G1.
    pose proof (growth_le_on T z dz (- A) t u E ltac:(lra) ltac:(lra) ltac:(simpl; lra)) as G2.
    assert (- B * (u - t) <= z u - z t) by (apply G1; intros v Hv; apply Hd; lra).
    assert (z u - z t <= - A * (u - t)) by (apply G2; intros v Hv; apply Hd; lra).
    lra. }
  pose proof (Rabs_pos A) as PA. pose proof (Rabs_pos B) as PB.
  split; apply le_epsilon; intros tol He.
  - destruct (Near (tol / (1 + Rabs A))) as (u & Hu & Z & D); [apply Rdiv_lt_0_compat; lra|].
    specialize (Step u Hu). apply Rabs_def2 in Z.
    assert (A * (T - u) <= Rabs A * (tol / (1 + Rabs A))).
    { eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult, (Rabs_pos_eq (T - u)) by lra.
      apply Rmult_le_compat_l; lra. }
    replace tol with ((1 + Rabs A) * (tol / (1 + Rabs A))) by (field; lra). lra.
  - destruct (Near (tol / (1 + Rabs B))) as (u & Hu & Z & D); [apply Rdiv_lt_0_compat; lra|].
    specialize (Step u Hu). apply Rabs_def2 in Z.
    assert (- (B * (T - u)) <= Rabs B * (tol / (1 + Rabs B))).
    { eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (T - u)) by lra.
      apply Rmult_le_compat_l; lra. }
    replace tol with ((1 + Rabs B) * (tol / (1 + Rabs B))) by (field; lra). lra.
Qed.

Section Profile.
Variables (m k b : R) (eps : nonnegreal) (T : R) (r : R -> R).
Hypothesis Hm : 0 < m.
Hypothesis HT : 0 < T.
Variables (g : R -> R) (G : R).
Hypothesis Er : evolves T r (fun t => r t * (g t + m * r t ^ 2 * (softplus (k * r t + b) + eps))).
Hypothesis Hp : forall t, 0 <= t -> Rbar_lt t T -> 0 < r t.
Hypothesis Hg : forall t, 0 <= t -> t < T -> Rabs (g t) <= G.
Hypothesis Hinf : filterlim r (at_left T) (Rbar_locally p_infty).

(** r^(-n) evolves with derivative - n (g r^(-n) + m r^(2-n) softplus(k r + b)). *)
Lemma inverse_power_evolves n :
  evolves T (fun t => / r t ^ S n)
    (fun t => - INR (S n) * (g t * / r t ^ S n + m * (/ r t ^ n * r t ^ 1 * (softplus (k * r t + b) + eps)))).
Proof.
  pose proof Er as E.
  assert (D : forall v, 0 < v -> is_derive (fun v => / v ^ S n) v (- INR (S n) / v ^ S (S n))).
  { intros v Hv. assert (P : 0 < v ^ n) by (now apply pow_lt).
    auto_derive; [simpl; nra|].
    rewrite S_INR. destruct n; simpl pred; simpl; field; repeat split; first [lra|apply pow_nonzero; lra]. }
  destruct (evolves_comp T r _ (fun v => / v ^ S n) (fun v => - INR (S n) / v ^ S (S n)) E) as [F0 F].
  - eapply continuous_of_derive. apply D, Hp; [lra|exact HT].
  - intros t Ht HtT. apply D, Hp; [lra|exact HtT].
  - split; [exact F0|]. intros t Ht HtT. specialize (F t Ht HtT). cbv beta in F.
    pose proof (Hp t ltac:(lra) HtT). assert (P : 0 < r t ^ n) by (now apply pow_lt).
    replace (- INR (S n) * (g t * / r t ^ S n + m * (/ r t ^ n * r t ^ 1 * (softplus (k * r t + b) + eps))))
      with (r t * (g t + m * r t ^ 2 * (softplus (k * r t + b) + eps)) * (- INR (S n) / r t ^ S (S n)))
      by (simpl; field; repeat split; lra).
    exact F.
Qed.

Lemma inverse_power_vanishes n : filterlim (fun t => / r t ^ S n) (at_left T) (locally 0).
Proof.
  apply (filterlim_comp _ _ _ r (fun v => / v ^ S n) (at_left T) (Rbar_locally p_infty) (locally 0) Hinf).
  replace (locally 0) with (Rbar_locally (Rbar_inv p_infty)) by reflexivity.
  assert (L : is_lim (fun v => / v ^ S n) p_infty (Rbar_inv p_infty)).
  { apply is_lim_inv; [|discriminate]. apply is_lim_spec. intros K. exists (Rmax K 1). intros v Hv.
    pose proof (Rmax_l K 1). pose proof (Rmax_r K 1).
    assert (1 <= v ^ n) by (apply pow_R1_Rle; lra). simpl. nra. }
  exact L.
Qed.

Lemma profile_fast : 0 < k ->
  filterlim (fun t => (T - t) * r t ^ 3) (at_left T) (locally (1 / (3 * m * k))).
Proof.
  intros Hk. assert (K3 : 0 < 3 * m * k) by pos.
  assert (Q : filterlim (fun t => / r t ^ 3 / (T - t)) (at_left T) (locally (3 * m * k))).
  { intros P [tol HP]. pose proof (cond_pos tol) as He.
    pose proof (softplus_right_lim k b eps Hk) as SL. apply is_lim_spec in SL.
    set (del := tol / 4 / (3 * m)).
    assert (Hdel : 0 < del) by (unfold del; repeat apply Rdiv_lt_0_compat; lra).
    destruct (SL (mkposreal del Hdel)) as [M HM]. simpl in HM.
    set (M' := Rmax M (Rmax 1 (12 * G / tol))).
    pose proof (Rmax_l M (Rmax 1 (12 * G / tol))) as X1. pose proof (Rmax_r M (Rmax 1 (12 * G / tol))) as X2.
    pose proof (Rmax_l 1 (12 * G / tol)) as X3. pose proof (Rmax_r 1 (12 * G / tol)) as X4. fold M' in X1, X2.
    destruct (Hinf (fun v => M' < v)) as [d Hd]; [exists M'; tauto|].
    pose proof (cond_pos d) as Pd. set (t0 := Rmax 0 (T - d)).
    pose proof (Rmax_l 0 (T - d)) as M1. pose proof (Rmax_r 0 (T - d)) as M2. fold t0 in M1, M2.
    assert (Ht0 : t0 < T) by (unfold t0; apply Rmax_lub_lt; lra).
    assert (Far : forall t, t0 < t < T -> M' < r t).
    { intros t Ht. apply Hd; [|lra].
      unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra. }
    assert (Hgap : 0 < T - t0) by lra. exists (mkposreal _ Hgap). intros t Hb HtT. apply HP.
    open_ball Hb.
    assert (B : (3 * m * k - tol / 2) * (T - t) <= / r t ^ 3 <= (3 * m * k + tol / 2) * (T - t)).
    { apply (vanishing_at_end T (fun t => / r t ^ 3) _ _ _ t (inverse_power_evolves 2)); [lra| |].
      - intros u Hu. pose proof (Far u ltac:(lra)) as Fu. specialize (HM (r u) ltac:(lra)). apply Rabs_def2 in HM.
        pose proof (Hp u ltac:(lra) ltac:(simpl; lra)) as Pu.
        pose proof (Hg u ltac:(lra) ltac:(lra)) as Gu.
        assert (Rest : Rabs (g u * / r u ^ 3) <= tol / 12).
        { assert (Q3 : r u <= r u ^ 3).
          { assert (1 <= r u * r u) by nra. simpl. rewrite Rmult_1_r. nra. }
          assert (Q4 : 12 * G < tol * r u).
          { replace (12 * G) with (tol * (12 * G / tol)) by (field; lra). apply Rmult_lt_compat_l; lra. }
          rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; apply Rinv_0_lt_compat; lra).
          apply (Rmult_le_reg_r (r u ^ 3)); [lra|]. rewrite Rmult_assoc, Rinv_l by lra. nra. }
        apply Rabs_le_between in Rest. set (gr := g u * / r u ^ 3) in *.
        replace (/ r u ^ 2 * r u ^ 1 * (softplus (k * r u + b) + eps)) with ((softplus (k * r u + b) + eps) / r u)
          by (field; lra).
        replace (INR 3) with 3 by (simpl; ring).
        assert (E : tol / 4 = 3 * m * del) by (unfold del; field; lra).
        set (q := (softplus (k * r u + b) + eps) / r u) in *.
        assert (0 < 3 * m) by lra. split; nra.
      - apply (inverse_power_vanishes 2). }
    unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
    set (z := / r t ^ 3) in *. change (Rabs (z / (T - t) + - (3 * m * k)) < tol).
    assert (Pt : 0 < T - t) by lra.
    replace (z / (T - t) + - (3 * m * k)) with ((z - 3 * m * k * (T - t)) / (T - t)) by (field; lra).
    unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ _)) by (left; apply Rinv_0_lt_compat; lra).
    apply (Rmult_lt_reg_r (T - t)); [exact Pt|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (0 < tol / 2 * (T - t)) by pos. apply Rabs_def1; lra. }
  replace (1 / (3 * m * k)) with (/ (3 * m * k)) by (field; split; lra).
  apply (filterlim_ext_loc (fun t => / (/ r t ^ 3 / (T - t)))).
  - exists (mkposreal T HT). intros t Hb HtT. open_ball Hb.
    pose proof (Hp t ltac:(lra) ltac:(simpl; lra)). field. split; lra.
  - eapply filterlim_comp; [exact Q|].
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) Rinv (3 * m * k)).
    auto_derive. lra.
Qed.

Lemma profile_constant_step t : k = 0 -> (forall t, g t = 0) -> 0 <= t < T ->
  (T - t) * r t ^ 2 = 1 / (2 * m * (softplus b + eps)).
Proof.
  intros Hk G0 Ht. pose proof (step_pos b eps) as Pb. set (c := 2 * m * (softplus b + eps)).
  assert (Pc : 0 < c) by (unfold c; pos).
  assert (B : c * (T - t) <= / r t ^ 2 <= c * (T - t)).
  { apply (vanishing_at_end T (fun t => / r t ^ 2) _ _ _ t (inverse_power_evolves 1)); [lra| |].
    - intros u Hu. pose proof (Hp u ltac:(lra) ltac:(simpl; lra)). rewrite G0, Rmult_0_l, Rplus_0_l.
      replace (softplus (k * r u + b) + eps) with (softplus b + eps) by (rewrite Hk; do 2 f_equal; ring).
      replace (/ r u ^ 1 * r u ^ 1 * (softplus b + eps)) with (softplus b + eps) by (field; lra).
      unfold c. replace (INR 2) with 2 by (simpl; ring). lra.
    - apply (inverse_power_vanishes 1). }
  pose proof (Hp t ltac:(lra) ltac:(simpl; lra)).
  assert (E : / r t ^ 2 = c * (T - t)) by lra.
  assert (P2 : 0 < r t ^ 2) by (now apply pow_lt).
  replace (r t ^ 2) with (/ (c * (T - t))) by (rewrite <- E; field; lra).
  field. split; lra.
Qed.
End Profile.

(** The first token inherits nothing. *)
Lemma modulus_alone (T : Rbar) m k b (eps : nonnegreal) r : modulus T m k b eps r ->
  evolves T r (fun t => r t * (0 + m * r t ^ 2 * (softplus (k * r t + b) + eps))).
Proof.
  intros [[E0 E] _]. split; [exact E0|]. intros t Ht HT.
  replace (r t * (0 + m * r t ^ 2 * (softplus (k * r t + b) + eps))) with (m * r t ^ 3 * (softplus (k * r t + b) + eps)) by ring.
  now apply E.
Qed.

Theorem blow_up_profile_proved : blow_up_profile_form.
Proof.
  intros N a mu s b eps L T x Hm Hs HL HT Hinf.
  assert (Common : x O 0 <> 0 -> 0 <= s * x O 0 -> exists e,
    e * e = 1 /\ (forall t, 0 <= t -> Rbar_lt t T -> Rabs (x O t) = e * x O t) /\
    modulus T (sum_below N mu) (Rabs s) b eps (fun t => e * x O t) /\
    filterlim (fun t => e * x O t) (at_left T) (Rbar_locally p_infty)).
  { intros N0 Hpos.
    destruct (first_token_modulus N a mu s b eps L T x Hs HL N0) as (e & He & Habs & Hmod).
    rewrite (fast_slope s e (x O 0) He) in Hmod; [|apply Hmod; [lra|exact HT]|exact Hpos].
    exists e. split; [exact He|]. split; [exact Habs|]. split; [exact Hmod|].
    apply (filterlim_ext_loc (fun t => Rabs (x O t))); [|exact Hinf].
    exists (mkposreal T HT). intros t Hb HtT. open_ball Hb. apply Habs; [lra|exact HtT]. }
  split.
  - intros Hpos. assert (N0 : x O 0 <> 0) by (intros E; rewrite E in Hpos; lra).
    assert (Ns : s <> 0) by (intros E; rewrite E in Hpos; lra).
    destruct (Common N0 ltac:(lra)) as (e & He & Habs & Hmod & Hlim).
    apply (filterlim_ext_loc (fun t => (T - t) * (e * x O t) ^ 3)).
    + exists (mkposreal T HT). intros t Hb HtT. open_ball Hb.
      rewrite Habs; [reflexivity|lra|exact HtT].
    + refine (profile_fast _ _ b eps T _ Hm HT (fun _ => 0) 0 (modulus_alone _ _ _ _ _ _ Hmod) (proj2 Hmod) _ Hlim (Rabs_pos_lt s Ns)).
      intros u _ _. rewrite Rabs_R0. lra.
  - intros Es N0 t Ht. destruct (Common N0 ltac:(rewrite Es; lra)) as (e & He & Habs & Hmod & Hlim).
    assert (Hk : Rabs s = 0) by (rewrite Es; apply Rabs_R0).
    rewrite <- (profile_constant_step _ _ b eps T _ Hm HT (fun _ => 0) (modulus_alone _ _ _ _ _ _ Hmod) (proj2 Hmod)
      Hlim t Hk (fun _ => eq_refl) Ht).
    replace ((e * x O t) ^ 2) with (x O t ^ 2 * (e * e)) by ring. rewrite He. ring.
Qed.
