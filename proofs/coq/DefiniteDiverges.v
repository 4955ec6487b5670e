(** definite-diverges: token 1 in D dimensions, M positive definite.

    Every coordinate grows.  If the square norm n stayed below some K, the step
    widths would stay above a positive m and n' >= 2 lambda m n(0)^2 would
    carry n past K in finite time. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums Statements VectorToken.
Open Scope R_scope.

Theorem definite_diverges : definite_diverges_statement.
Proof.
  intros D M S_Delta b T x eig Hl Hpos sol N0. set (lambda := eig) in *.
  set (n := norm_at D x). set (n0 := n 0).
  assert (Hform : forall t, lambda * n t <= form_at D M x t) by (intros t; apply Hpos).
  assert (Hn : forall t, 0 <= n t) by (intros t; apply norm_at_nonneg).
  assert (P0 : 0 < n0). { pose proof (Hn 0). unfold n0. unfold n, norm_at in *. lra. }
  assert (Hf0 : forall t, 0 <= form_at D M x t).
  { intros t. specialize (Hform t). specialize (Hn t). nra. }
  pose proof (norm_evolves D M S_Delta b T x sol) as En. fold n in En.
  assert (Hsum : forall t, 0 <= sum_below D (fun d => step_at D S_Delta b x d t * x d t ^ 2)).
  { intros t. apply sum_below_nonneg. intros d _.
    apply Rmult_le_pos; [left; apply step_at_pos|apply pow2_ge_0]. }
  split.
  - intros d u v Hd Huv HT.
    exact (coordinate_increasing D M S_Delta b T x sol d u v Hd Hf0 Huv HT).
  - assert (MonoT : forall u v, 0 <= u <= v -> Rbar_lt v T -> n u <= n v).
    { intros u v Huv HT. apply (incr_on T _ _ u v En ltac:(lra) ltac:(lra) HT). intros t _.
      apply Rmult_le_pos; [specialize (Hf0 t); lra|apply Hsum]. }
    split; [intros u v Huv HT; apply sqrt_le_1_alt; now apply MonoT|].
    intros ->. assert (Mono : forall u v, 0 <= u <= v -> n u <= n v) by (intros u v Huv; now apply MonoT).
    apply is_lim_spec. intros K. change (Rbar_locally' p_infty (fun t => K < n t)).
    destruct (positive_minimum D
      (fun d => softplus (b d - sum_below D (fun e => Rabs (S_Delta d e) * (1 + Rmax 0 K))))
      ltac:(intros; apply softplus_pos)) as (m & Hm & Hstep).
    set (c := 2 * (lambda * n0) * (m * n0)). assert (Hc : 0 < c) by (unfold c; pos).
    assert (Ex : exists t0, 0 <= t0 /\ K < n t0).
    { destruct (Rle_lt_dec K 0) as [HK|HK]; [exists 0; split; [lra|]; fold n0; lra|].
      set (t1 := K / c). assert (Ht1 : 0 < t1) by (apply Rdiv_lt_0_compat; lra).
      exists t1. split; [lra|].
      destruct (Rle_lt_dec (n t1) K) as [Hle|]; [exfalso|assumption].
      pose proof (growth_on p_infty _ _ c 0 t1 En (Rle_refl 0) ltac:(lra) I) as G.
      assert (c * (t1 - 0) <= n t1 - n 0) as G'; [|fold n0 in G'].
      { apply G. intros t Ht.
        assert (Hnt : n0 <= n t) by (apply Mono; lra).
        assert (HnK : n t <= K) by (pose proof (Mono t t1 ltac:(lra)); lra).
        assert (HW : m * n t <= sum_below D (fun d => step_at D S_Delta b x d t * x d t ^ 2)).
        { apply weighted_sum_lower. intros d Hd. eapply Rle_trans; [apply (Hstep d Hd)|].
          apply (channel_step_lower D S_Delta b (fun e => x e t) (fun _ => 1 + Rmax 0 K) d).
          intros e He. pose proof (square_le_norm_at D x e t He) as Hx. fold (n t) in Hx.
          rewrite <- pow2_abs in Hx. rewrite Rmax_right by lra. pose proof (Rabs_pos (x e t)). nra. }
        specialize (Hform t). unfold c. apply Rmult_le_compat.
        - apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra].
        - apply Rmult_le_pos; lra.
        - apply Rmult_le_compat_l; [lra|]. apply Rle_trans with (lambda * n t); [|exact Hform].
          apply Rmult_le_compat_l; lra.
        - eapply Rle_trans; [|exact HW]. apply Rmult_le_compat_l; lra. }
      replace (c * (t1 - 0)) with K in G' by (unfold t1; field; lra). lra. }
    destruct Ex as (t0 & Ht0 & HK). exists t0. intros t Ht.
    pose proof (Mono t0 t ltac:(lra)). lra.
Qed.
