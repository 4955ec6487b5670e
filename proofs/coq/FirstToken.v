(** The first token by its modulus: r = |x_1| obeys
    r' = mu r^3 softplus(k r + b) with k = |s| or k = - |s|.

    Proves no registry theorem by itself; the slow and the fast regime of the
    first token rest on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus Sums GrowthRate Signs Limits.
Open Scope R_scope.

Lemma growth_rate_first N a mu s b (eps : nonnegreal) x :
  growth_rate N a mu s b eps x O = sum_below N mu * x O ^ 2 * Delta s b eps (x O).
Proof. rewrite growth_rate_split, carried_first. ring. Qed.

(** [modulus T m k b eps r]: r is positive on [0,T) and r' = m r^3 softplus(k r + b). *)
Definition modulus (T : Rbar) (m k b : R) (eps : nonnegreal) (r : R -> R) : Prop :=
  evolves T r (fun t => m * r t ^ 3 * (softplus (k * r t + b) + eps)) /\
  forall t, 0 <= t -> Rbar_lt t T -> 0 < r t.

Lemma first_token_modulus N a mu s b (eps : nonnegreal) L T x :
  solution N a mu s b eps L T x -> (0 < L)%nat -> x O 0 <> 0 ->
  exists e, e * e = 1 /\
    (forall t, 0 <= t -> Rbar_lt t T -> Rabs (x O t) = e * x O t) /\
    modulus T (sum_below N mu) (s * e) b eps (fun t => e * x O t).
Proof.
  intros Hs HL N0.
  destruct (abs_sign N a mu s b eps L T x O Hs HL N0) as (e & He & Habs).
  exists e. split; [exact He|]. split; [exact Habs|]. split.
  - destruct (evolves_scal T e (x O) _ (Hs O HL)) as [E0 E]. split; [exact E0|].
    intros t Ht HtT. specialize (E t Ht HtT). cbv beta in E.
    rewrite growth_rate_first in E. unfold Delta in E.
    replace (s * e * (e * x O t) + b) with (s * x O t * (e * e) + b) by ring.
    rewrite He, Rmult_1_r.
    replace (sum_below N mu * (e * x O t) ^ 3 * (softplus (s * x O t + b) + eps))
      with (e * x O t * (sum_below N mu * x O t ^ 2 * (softplus (s * x O t + b) + eps)) * (e * e)) by ring.
    rewrite He, Rmult_1_r. exact E.
  - intros t Ht HtT. rewrite <- (Habs t Ht HtT). apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b eps L T x O Hs HL N0).
Qed.

(** On the outward side s r sign(x0) is |s| r. *)
Lemma outward_step s b (eps : nonnegreal) x0 r : x0 <> 0 -> 0 <= s * x0 -> Delta s b eps (r * sign x0) = softplus (Rabs s * r + b) + eps.
Proof.
  intros Nz Hp. unfold Delta. do 2 f_equal.
  destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
  - rewrite sign_eq_m1 by exact Neg. rewrite Rabs_left1; [ring|].
    destruct (Rle_lt_dec s 0) as [|Q]; [assumption|exfalso]. pose proof (Rmult_lt_compat_l s x0 0 Q Neg). lra.
  - rewrite sign_eq_1 by exact Pos. rewrite Rabs_pos_eq; [ring|].
    destruct (Rle_lt_dec 0 s) as [|Q]; [assumption|exfalso]. pose proof (Rmult_lt_compat_r x0 s 0 Pos Q). lra.
Qed.

(** The sign of k is the sign of s x_1. *)
Lemma slow_slope s e y : e * e = 1 -> 0 < e * y -> s * y < 0 -> s * e = - Rabs s.
Proof.
  intros He Hy Hneg. assert (s * e < 0).
  { assert (Q : s * e * (e * y) < 0) by (replace (s * e * (e * y)) with (s * y * (e * e)) by ring; nra).
    nra. }
  assert (C : e = 1 \/ e = -1) by (destruct (Rle_lt_dec 0 e); [left|right]; nra).
  destruct C as [-> | ->]; [rewrite Rabs_left by lra|rewrite Rabs_right by lra]; ring.
Qed.

Lemma fast_slope s e y : e * e = 1 -> 0 < e * y -> 0 <= s * y -> s * e = Rabs s.
Proof.
  intros He Hy Hpos. assert (0 <= s * e).
  { assert (Q : 0 <= s * e * (e * y)) by (replace (s * e * (e * y)) with (s * y * (e * e)) by ring; nra).
    nra. }
  assert (C : e = 1 \/ e = -1) by (destruct (Rle_lt_dec 0 e); [left|right]; nra).
  destruct C as [-> | ->]; [rewrite Rabs_right by lra|rewrite Rabs_left1 by lra]; ring.
Qed.

Section Modulus.
Variables (T : Rbar) (m k b : R) (eps : nonnegreal) (r : R -> R).
Hypothesis Hm : 0 < m.
Hypothesis Hr : modulus T m k b eps r.

Lemma modulus_rate_pos t : 0 <= t -> Rbar_lt t T -> 0 < m * r t ^ 3 * (softplus (k * r t + b) + eps).
Proof.
  intros Ht HT. destruct Hr as [_ Hp]. specialize (Hp t Ht HT).
  assert (0 < r t ^ 3) by (now apply pow_lt). pose proof (step_pos (k * r t + b) eps). pos.
Qed.

Lemma modulus_increasing u v : 0 <= u <= v -> Rbar_lt v T -> r u <= r v.
Proof.
  intros Huv HT. destruct Hr as [E _].
  apply (incr_on T r _ u v E ltac:(lra) ltac:(lra) HT). intros t Ht. left.
  apply modulus_rate_pos; [lra|]. apply Rbar_lt_lt with v; [lra|exact HT].
Qed.
End Modulus.

(** A global modulus tends to infinity. *)
Lemma modulus_diverges m k b (eps : nonnegreal) r : 0 < m -> modulus p_infty m k b eps r -> is_lim r p_infty p_infty.
Proof.
  intros Hm Hr. pose proof Hr as [E Hp].
  assert (Mono : forall u v, 0 <= u <= v -> r u <= r v).
  { intros u v Huv. exact (modulus_increasing p_infty m k b eps r Hm Hr u v Huv I). }
  apply lim_of_unbounded; [exact Mono|]. intros K.
  pose proof (Hp 0 (Rle_refl 0) I) as P0.
  set (d := (softplus (b - Rabs k * Rmax 0 K) + eps)). pose proof (step_pos (b - Rabs k * Rmax 0 K) eps) as Hd.
  fold d in Hd. set (c := m * r 0 ^ 3 * d).
  assert (P3 : 0 < r 0 ^ 3) by (now apply pow_lt).
  assert (Hc : 0 < c) by (unfold c; pos).
  destruct (Rle_lt_dec K 0) as [HK|HK]; [exists 0; split; lra|].
  set (t1 := K / c). assert (Ht1 : 0 < t1) by (apply Rdiv_lt_0_compat; lra).
  exists t1. split; [lra|]. destruct (Rle_lt_dec (r t1) K) as [Hle|]; [exfalso|assumption].
  pose proof (growth_on p_infty r _ c 0 t1 E (Rle_refl 0) ltac:(lra) I) as G.
  assert (c * (t1 - 0) <= r t1 - r 0) as G'.
  { apply G. intros t Ht. pose proof (Mono 0 t ltac:(lra)) as R0. pose proof (Mono t t1 ltac:(lra)) as R1.
    assert (r 0 ^ 3 <= r t ^ 3) by (apply pow_incr; lra).
    assert (d <= (softplus (k * r t + b) + eps)).
    { apply (Delta_lower k b eps (r t)). rewrite Rmax_right by lra. rewrite Rabs_pos_eq; lra. }
    unfold c. apply Rmult_le_compat; [left; pos|lra| |assumption].
    apply Rmult_le_compat_l; lra. }
  replace (c * (t1 - 0)) with K in G' by (unfold t1; field; lra). lra.
Qed.
