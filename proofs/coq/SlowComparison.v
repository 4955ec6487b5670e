(** Comparison of positive numbers r' = r G whose growth rate has the slow form
    G <= H + mu r^2 exp(b - sg r).

    Proves no registry theorem by itself; SlowRate.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus.
Open Scope R_scope.

(** H = 0: exp(sg r / 2) grows at most linearly, so r is at most logarithmic. *)
Lemma log_upper T r G mu b sg :
  0 < mu -> 0 < sg -> evolves T r (fun t => r t * G t) ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < r t) ->
  (forall t, 0 < t -> Rbar_lt t T -> G t <= mu * r t ^ 2 * exp (b - sg * r t)) ->
  forall t, 0 <= t -> Rbar_lt t T ->
  r t <= 2 / sg * ln (exp (sg / 2 * r 0) + 108 * mu * exp b / sg ^ 2 * t).
Proof.
  intros Hm Hsg Er Hr HG t Ht HT. pose proof (exp_pos b) as Eb.
  set (B := 108 * mu * exp b / sg ^ 2).
  pose proof (growth_le_on T _ _ B 0 t (evolves_exp T (sg / 2) _ _ Er) (Rle_refl 0) Ht HT) as GG.
  cbv beta in GG.
  assert (exp (sg / 2 * r t) - exp (sg / 2 * r 0) <= B * (t - 0)) as GG'.
  { apply GG. intros u Hu.
    assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    specialize (HG u ltac:(lra) HuT). specialize (Hr u ltac:(lra) HuT).
    pose proof (cube_exp sg (r u) Hsg ltac:(lra)) as CE.
    set (e := exp (sg / 2 * r u)). assert (He : 0 < e) by apply exp_pos.
    assert (Ee : exp (- (sg / 2 * r u)) * e = 1).
    { unfold e. rewrite <- exp_plus, Rplus_opp_l. apply exp_0. }
    apply Rle_trans with (mu * exp b * (r u ^ 3 * exp (- (sg * r u))) * (sg / 2 * e)).
    - apply Rmult_le_compat_r; [left; apply Rmult_lt_0_compat; lra|].
      replace (mu * exp b * (r u ^ 3 * exp (- (sg * r u))))
        with (r u * (mu * r u ^ 2 * (exp b * exp (- (sg * r u))))) by ring.
      rewrite <- exp_plus. apply Rmult_le_compat_l; [lra|]. exact HG.
    - apply Rle_trans with (mu * exp b * (216 / sg ^ 3 * exp (- (sg / 2 * r u))) * (sg / 2 * e)).
      + apply Rmult_le_compat_r; [left; apply Rmult_lt_0_compat; lra|].
        apply Rmult_le_compat_l; [left; pos|exact CE].
      + right. unfold B.
        replace (mu * exp b * (216 / sg ^ 3 * exp (- (sg / 2 * r u))) * (sg / 2 * e))
          with (108 * mu * exp b / sg ^ 2 * (exp (- (sg / 2 * r u)) * e)) by (field; lra).
        rewrite Ee. ring. }
  assert (L1 : sg / 2 * r t <= ln (exp (sg / 2 * r 0) + B * t)).
  { rewrite <- (ln_exp (sg / 2 * r t)). apply ln_le; [apply exp_pos|lra]. }
  replace (r t) with (2 / sg * (sg / 2 * r t)) by (field; lra).
  apply Rmult_le_compat_l; [|exact L1]. left. apply Rdiv_lt_0_compat; lra.
Qed.

(** H the growth rate of a second number p that grows at least logarithmically: r <= Q p.
    While r >= 2 p the extra term is at most C (1 + D t)^(-3/2), which is integrable; so
    (r/p) E with a bounded weight E decreases above a barrier. *)
Lemma slow_ratio T r G p H mu b sg D :
  0 < mu -> 0 < sg -> 0 < D ->
  evolves T r (fun t => r t * G t) -> evolves T p (fun t => p t * H t) ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < r t) ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < p t) -> Rbar_lt 0 T ->
  (forall t, 0 < t -> Rbar_lt t T -> G t <= H t + mu * r t ^ 2 * exp (b - sg * r t)) ->
  (forall t, 0 <= t -> Rbar_lt t T -> 1 + D * t <= exp (sg * p t)) ->
  exists Q, 0 <= Q /\ forall t, 0 <= t -> Rbar_lt t T -> r t <= Q * p t.
Proof.
  intros Hm Hsg HD Er Ep Hr Hp HT0 HG Hlow.
  pose proof (exp_pos b) as Eb.
  assert (P2 : 0 < sg ^ 2) by (apply pow_lt; exact Hsg).
  set (C := mu * exp b * (64 / sg ^ 2)).
  assert (HC : 0 < C). { unfold C. assert (0 < 64 / sg ^ 2) by (apply Rdiv_lt_0_compat; lra). pos. }
  set (k := 2 * C / D). assert (Hk : 0 < k) by (unfold k; apply Rdiv_lt_0_compat; lra).
  set (rho := fun t => exp (- / 2 * ln (1 + D * t))).
  set (E := fun t => exp (k * rho t)).
  set (dE := fun t => - C * exp (- (3 / 2) * ln (1 + D * t)) * E t).
  assert (Hlin : forall t, 0 <= t -> 1 <= 1 + D * t).
  { intros t Ht. assert (0 <= D * t) by (apply Rmult_le_pos; lra). lra. }
  assert (EE : evolves T E dE).
  { apply evolves_nonneg. intros t Ht. specialize (Hlin t Ht).
    assert (R1 : is_derive rho t (- / 2 * (D / (1 + D * t)) * rho t)).
    { unfold rho. auto_derive; [lra|]. field. lra. }
    assert (R2 : / (1 + D * t) * rho t = exp (- (3 / 2) * ln (1 + D * t))).
    { unfold rho. rewrite <- (exp_ln (1 + D * t)) at 1 by lra. rewrite <- exp_Ropp, <- exp_plus.
      apply (f_equal exp). field. }
    unfold dE. rewrite <- R2.
    replace (- C * (/ (1 + D * t) * rho t) * E t)
      with ((- / 2 * (D / (1 + D * t)) * rho t) * (k * E t)) by (unfold k; field; lra).
    unfold E. apply (is_derive_comp (fun v => exp (k * v)) rho); [apply exp_lin_derive|exact R1]. }
  assert (HE : forall t, 0 <= t -> 1 <= E t <= exp k).
  { intros t Ht. specialize (Hlin t Ht). unfold E.
    assert (HR : 0 < rho t <= 1).
    { unfold rho. split; [apply exp_pos|].
      apply Rle_trans with (exp 0); [apply exp_le|rewrite exp_0; lra].
      assert (0 <= ln (1 + D * t)) by (rewrite <- ln_1; apply ln_le; lra). lra. }
    destruct HR as [Ra Rb].
    assert (k * rho t <= k * 1) by (apply Rmult_le_compat_l; lra).
    assert (0 <= k * rho t) by (apply Rmult_le_pos; lra).
    split; [rewrite <- exp_0; apply exp_le; lra|apply exp_le; lra]. }
  pose proof (evolves_ratio T r G p H Er Ep ltac:(specialize (Hp 0 (Rle_refl 0) HT0); lra)
    ltac:(intros t Ht HT; specialize (Hp t Ht HT); lra)) as Eq.
  pose proof (evolves_mult T _ _ _ _ Eq EE) as Ef.
  set (f0 := r 0 * / p 0 * E 0). set (c := Rmax (2 * exp k) f0).
  pose proof (barrier T _ _ c Ef ltac:(apply Rmax_r)) as B. cbv beta in B.
  exists c. split.
  { apply Rle_trans with (2 * exp k); [pose proof (exp_pos k); lra|apply Rmax_l]. }
  intros t Ht HT.
  assert (Bt : r t * / p t * E t <= c).
  { apply B; [|exact Ht|exact HT]. intros u Hu HuT Hc.
    specialize (HE u ltac:(lra)) as [E1 E2]. specialize (Hr u ltac:(lra) HuT).
    specialize (Hp u ltac:(lra) HuT). specialize (HG u Hu HuT). specialize (Hlow u ltac:(lra) HuT).
    specialize (Hlin u ltac:(lra)).
    set (q := r u * / p u) in *.
    assert (Ip : 0 < / p u) by (apply Rinv_0_lt_compat; lra).
    assert (Hq : 0 < q) by (unfold q; pos).
    assert (Hrq : r u = q * p u) by (unfold q; field; lra).
    assert (Hq2 : 2 <= q).
    { destruct (Rle_lt_dec 2 q) as [|Hx]; [assumption|exfalso].
      pose proof (exp_pos k).
      assert (q * E u <= 2 * exp k) by nra.
      pose proof (Rmax_l (2 * exp k) f0). fold c in H2. lra. }
    assert (S1 : mu * r u ^ 2 * exp (b - sg * r u) <= C * exp (- (3 / 2) * ln (1 + D * u))).
    { replace (exp (b - sg * r u)) with (exp b * (exp (- (sg / 4 * r u)) * exp (- (3 / 4 * (sg * r u)))))
        by (rewrite <- !exp_plus; apply (f_equal exp); field).
      pose proof (z2_exp (sg / 4 * r u) ltac:(apply Rmult_le_pos; lra)) as Z.
      assert (Z' : r u ^ 2 * exp (- (sg / 4 * r u)) <= 64 / sg ^ 2).
      { apply (Rmult_le_reg_r (sg ^ 2 / 16)); [lra|].
        replace (64 / sg ^ 2 * (sg ^ 2 / 16)) with 4 by (field; lra).
        replace (r u ^ 2 * exp (- (sg / 4 * r u)) * (sg ^ 2 / 16))
          with ((sg / 4 * r u) ^ 2 * exp (- (sg / 4 * r u))) by field. exact Z. }
      assert (Y : exp (- (3 / 4 * (sg * r u))) <= exp (- (3 / 2) * ln (1 + D * u))).
      { apply exp_le.
        assert (ln (1 + D * u) <= sg * p u).
        { rewrite <- (ln_exp (sg * p u)). apply ln_le; lra. }
        assert (2 * (sg * p u) <= sg * r u).
        { rewrite Hrq. assert (0 < sg * p u) by pos. nra. }
        lra. }
      pose proof (exp_pos (- (3 / 4 * (sg * r u)))). pose proof (exp_pos (- (sg / 4 * r u))).
      pose proof (pow2_ge_0 (r u)).
      replace (mu * r u ^ 2 * (exp b * (exp (- (sg / 4 * r u)) * exp (- (3 / 4 * (sg * r u))))))
        with (mu * exp b * (r u ^ 2 * exp (- (sg / 4 * r u))) * exp (- (3 / 4 * (sg * r u)))) by ring.
      apply Rmult_le_compat; [|lra| |exact Y].
      - apply Rmult_le_pos; [left; pos|apply Rmult_le_pos; lra].
      - unfold C. apply Rmult_le_compat_l; [left; pos|exact Z']. }
    unfold dE.
    replace (q * (G u - H u) * E u + q * (- C * exp (- (3 / 2) * ln (1 + D * u)) * E u))
      with ((q * E u) * (G u - H u - C * exp (- (3 / 2) * ln (1 + D * u)))) by ring.
    assert (0 < q * E u) by (apply Rmult_lt_0_compat; lra).
    assert (G u - H u - C * exp (- (3 / 2) * ln (1 + D * u)) <= 0) by lra. nra. }
  specialize (HE t Ht) as [E1 E2]. specialize (Hr t Ht HT). specialize (Hp t Ht HT).
  assert (Ip : 0 < / p t) by (apply Rinv_0_lt_compat; lra).
  assert (0 < r t * / p t) by pos.
  replace (r t) with (r t * / p t * p t) by (field; lra).
  apply Rmult_le_compat_r; [lra|]. nra.
Qed.

