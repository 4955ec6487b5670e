(** definite-converges: token 1 in D dimensions, M negative definite.

    Every coordinate shrinks, so the step widths stay above m and the square
    norm n obeys n' <= - 2 lambda m n^2.  The bound n (1 + 2 lambda m n(0) t)
    <= n(0) is then a barrier that cannot be crossed. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums Statements VectorToken.
From S6Flow Require Import FieldFlow FieldMaximal VectorFlow.
Open Scope R_scope.

(** A bound of squares as a bound of norms. *)
Lemma norm_of_square n n0 w : 0 <= n0 -> 1 <= w -> n * w <= n0 -> sqrt n <= sqrt n0 / sqrt w.
Proof.
  intros H0 Hw H. rewrite <- sqrt_div_alt by lra. apply sqrt_le_1_alt.
  apply (Rmult_le_reg_r w); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Theorem definite_converges : definite_converges_statement.
Proof.
  intros D M S_Delta b T x eig m Hneg0 Hform0 Hmax Hm Hstep. pose proof (proj1 (proj2 Hmax)) as sol.
  set (lambda := - eig). assert (Hl : 0 < lambda) by (unfold lambda; lra).
  assert (Hneg : forall v, quadratic_form D M v <= - lambda * square_norm D v).
  { intros v. unfold lambda. rewrite Ropp_involutive. apply Hform0. }
  set (n := norm_at D x). set (n0 := n 0). set (k := 2 * lambda * m).
  assert (Hk : 0 < k) by (unfold k; pos).
  assert (Hform : forall t, form_at D M x t <= - lambda * n t) by (intros t; apply Hneg).
  assert (Hn : forall t, 0 <= n t) by (intros t; apply norm_at_nonneg).
  assert (Hf0 : forall t, form_at D M x t <= 0).
  { intros t. specialize (Hform t). specialize (Hn t). nra. }
  assert (Mono : forall d u v, (d < D)%nat -> 0 <= u <= v -> Rbar_lt v T ->
            Rabs (x d v) <= Rabs (x d u)).
  { intros d u v Hd Huv HT.
    exact (coordinate_decreasing D M S_Delta b T x sol d u v Hd Hf0 Huv HT). }
  assert (Hstep_at : forall t, 0 <= t -> Rbar_lt t T -> forall d, (d < D)%nat ->
            m <= step_at D S_Delta b x d t).
  { intros t Ht HT d Hd. eapply Rle_trans; [apply (Hstep d Hd)|].
    apply (channel_step_lower D S_Delta b (fun e => x e t) (fun e => Rabs (x e 0)) d).
    intros e He. apply Mono; [exact He|lra|exact HT]. }
  pose proof (norm_evolves D M S_Delta b T x sol) as En. fold n in En.
  assert (El : evolves T (fun t => 1 + k * n0 * t) (fun _ => k * n0)).
  { apply evolves_nonneg. intros t _. auto_derive; [exact I|ring]. }
  assert (Bound : forall t, 0 <= t -> Rbar_lt t T -> n t * (1 + k * n0 * t) <= n0).
  { intros t Ht HT.
    apply (barrier T _ _ n0 (evolves_mult _ _ _ _ _ En El)); [|intros|exact Ht|exact HT].
    - fold n0. lra.
    - set (w := 1 + k * n0 * t0) in *.
      assert (Hw : 0 <= w).
      { unfold w. specialize (Hn 0). fold n0 in Hn.
        assert (0 <= k * n0 * t0) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra). lra. }
      set (W := sum_below D (fun d => step_at D S_Delta b x d t0 * x d t0 ^ 2)).
      assert (HW : m * n t0 <= W).
      { apply (weighted_sum_lower D S_Delta b x m t0). apply Hstep_at; [lra|assumption]. }
      specialize (Hform t0). specialize (Hn t0).
      assert (0 <= m * n t0) by (apply Rmult_le_pos; lra).
      assert (Q : 2 * form_at D M x t0 * W <= - k * n t0 ^ 2).
      { assert (A : lambda * n t0 * (m * n t0) <= - form_at D M x t0 * W).
        { apply Rmult_le_compat; [apply Rmult_le_pos| | |]; lra. }
        unfold k. nra. }
      apply Rle_trans with (- k * n t0 ^ 2 * w + n t0 * (k * n0)).
      + apply Rplus_le_compat_r. apply Rmult_le_compat_r; [exact Hw|exact Q].
      + replace (- k * n t0 ^ 2 * w + n t0 * (k * n0)) with (- (k * n t0 * (n t0 * w - n0))) by ring.
        assert (0 <= k * n t0 * (n t0 * w - n0)) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra).
        lra. }
  assert (HT : T = p_infty).
  { apply (bounded_lives D (vector_field D M S_Delta b) T x (vector_field_lipschitz D M S_Delta b) Hmax).
    intros d Hd T0 ET. exists (Rabs (x d 0)). intros t Ht HtT. apply Mono; [exact Hd|lra|now rewrite ET]. }
  split; [exact HT|]. subst T.
  split; [intros d u v Hd Huv; now apply Mono|]. split.
  { intros t Ht. pose proof (Hn 0) as N0. fold n0 in N0. unfold norm.
    change (sum_below D (fun d => x d t ^ 2)) with (n t). change (sum_below D (fun d => x d 0 ^ 2)) with n0.
    rewrite pow2_sqrt by exact N0. rewrite (Rabs_left eig) by exact Hneg0.
    assert (0 <= k * n0 * t) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra).
    replace (2 * m * t * - eig * n0) with (k * n0 * t) by (unfold k, lambda; ring).
    apply norm_of_square; [exact N0|lra|now apply Bound]. }
  intros d Hd. apply is_lim_spec. intros eps. pose proof (cond_pos eps) as He.
  exists (/ (k * eps ^ 2)). intros t Ht.
  assert (Pe : 0 < k * eps ^ 2) by (apply Rmult_lt_0_compat; [exact Hk|apply pow_lt; exact He]).
  assert (Pt : 0 < t) by (pose proof (Rinv_0_lt_compat _ Pe); lra).
  assert (Big : 1 < k * eps ^ 2 * t).
  { apply (Rmult_lt_compat_l _ _ _ Pe) in Ht. rewrite Rinv_r in Ht by lra. exact Ht. }
  specialize (Bound t ltac:(lra) I).
  pose proof (square_le_norm_at D x d t Hd) as Hx. fold (n t) in Hx.
  rewrite Rminus_0_r. rewrite <- (Rabs_pos_eq eps) by lra. apply Rabs_lt_of_sq.
  eapply Rle_lt_trans; [exact Hx|].
  pose proof (Hn 0) as N0. pose proof (Hn t) as Nt. fold n0 in N0.
  destruct (Rle_lt_dec (eps ^ 2) (n t)) as [Hle|]; [exfalso|assumption].
  assert (0 < eps ^ 2) by (apply pow_lt; exact He).
  assert (n0 * (k * eps ^ 2 * t) <= n0 * (k * n t * t)).
  { apply Rmult_le_compat_l; [exact N0|]. apply Rmult_le_compat_r; [lra|].
    apply Rmult_le_compat_l; lra. }
  assert (n0 * 1 <= n0 * (k * eps ^ 2 * t)) by (apply Rmult_le_compat_l; lra).
  lra.
Qed.
