(** definite-diverges: token 1 in D dimensions, M positive definite.

    Every coordinate grows.  A token that stayed bounded would live for all time,
    its step widths would stay above a positive m, and n' >= 2 lambda m n(0)^2
    would carry its square norm n past every bound. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums Statements VectorToken.
From S6Flow Require Import FieldFlow FieldMaximal VectorFlow.
Open Scope R_scope.

Theorem definite_diverges : definite_diverges_statement.
Proof.
  intros D M S_Delta b T x eig Hl Hpos Hmax N0. pose proof (proj1 (proj2 Hmax)) as sol. set (lambda := eig) in *.
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
  { intros d u v Hd Huv HT.
    exact (coordinate_increasing D M S_Delta b T x sol d u v Hd Hf0 Huv HT). }
  assert (Mono : forall u v, 0 <= u <= v -> Rbar_lt v T -> n u <= n v).
  { intros u v Huv HT. apply (incr_on T _ _ u v En ltac:(lra) ltac:(lra) HT). intros t _.
    apply Rmult_le_pos; [specialize (Hf0 t); lra|apply Hsum]. }
  split; [intros u v Huv HT; apply sqrt_le_1_alt; now apply Mono|].
  intros B. set (K := Rmax 0 B ^ 2).
  assert (Ex : exists t0, 0 <= t0 /\ Rbar_lt t0 T /\ K < n t0).
  { apply NNPP. intros Hno.
    assert (Below : forall t, 0 <= t -> Rbar_lt t T -> n t <= K).
    { intros t Ht HT. apply Rnot_lt_le. intros Hlt. apply Hno. exists t. auto. }
    assert (Box : forall t, 0 <= t -> Rbar_lt t T -> forall e, (e < D)%nat -> Rabs (x e t) <= 1 + K).
    { intros t Ht HT e He. pose proof (square_le_norm_at D x e t He) as Hx. fold (n t) in Hx.
      specialize (Below t Ht HT). rewrite <- pow2_abs in Hx. pose proof (Rabs_pos (x e t)). nra. }
    assert (ET : T = p_infty).
    { apply (bounded_lives D (vector_field D M S_Delta b) T x (vector_field_lipschitz D M S_Delta b) Hmax).
      intros d Hd T0 E0. exists (1 + K). intros t Ht HtT. apply Box; [exact Ht|now rewrite E0|exact Hd]. }
    destruct (positive_minimum D
      (fun d => softplus (b d - sum_below D (fun e => Rabs (S_Delta d e) * (1 + K))))
      ltac:(intros; apply softplus_pos)) as (m & Hm & Hstep).
    set (c := 2 * (lambda * n0) * (m * n0)). assert (Hc : 0 < c) by (unfold c; pos).
    assert (HK : 0 <= K) by apply pow2_ge_0.
    set (t1 := (K + 1) / c). assert (Ht1 : 0 < t1) by (apply Rdiv_lt_0_compat; lra).
    subst T. pose proof (growth_on p_infty _ _ c 0 t1 En (Rle_refl 0) ltac:(lra) I) as G.
    assert (c * (t1 - 0) <= n t1 - n 0) as G'.
    { apply G. intros t Ht.
      assert (Hnt : n0 <= n t) by (apply Mono; [lra|exact I]).
      assert (HW : m * n t <= sum_below D (fun d => step_at D S_Delta b x d t * x d t ^ 2)).
      { apply weighted_sum_lower. intros d Hd. eapply Rle_trans; [apply (Hstep d Hd)|].
        apply (channel_step_lower D S_Delta b (fun e => x e t) (fun _ => 1 + K) d).
        intros e He. apply Box; [lra|exact I|exact He]. }
      specialize (Hform t). unfold c. apply Rmult_le_compat.
      - apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra].
      - apply Rmult_le_pos; lra.
      - apply Rmult_le_compat_l; [lra|]. apply Rle_trans with (lambda * n t); [|exact Hform].
        apply Rmult_le_compat_l; lra.
      - eapply Rle_trans; [|exact HW]. apply Rmult_le_compat_l; lra. }
    replace (c * (t1 - 0)) with (K + 1) in G' by (unfold t1; field; lra).
    pose proof (Below t1 ltac:(lra) I). pose proof (Hn 0). lra. }
  destruct Ex as (t0 & Ht0 & HT0 & HK). exists t0. split; [exact Ht0|]. split; [exact HT0|].
  intros t Ht HT. apply Rle_lt_trans with (Rmax 0 B); [apply Rmax_r|].
  rewrite <- (sqrt_pow2 (Rmax 0 B)) by apply Rmax_l. unfold norm. apply sqrt_lt_1_alt.
  split; [apply pow2_ge_0|]. apply Rlt_le_trans with (n t0); [exact HK|]. apply Mono; [lra|exact HT].
Qed.
