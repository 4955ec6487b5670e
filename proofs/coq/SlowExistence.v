(** Global existence where s x_l(0) < 0, mu_n of any signs.

    Proves slow-existence: in that half-line x^2 Delta(x) <= 4 exp(b)/s^2, so all
    growth rates are bounded and no token can end. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Existence Convergence SlowRate.
Open Scope R_scope.
(* simpl leaves the floor of a step as it is written. *)
Local Arguments nonneg : simpl never.

Lemma square_step_bounded s b y : s * y < 0 -> y ^ 2 * Delta s b no_floor y <= 4 * exp b / s ^ 2.
Proof.
  intros Hy. assert (Ns : s <> 0) by (intros E; rewrite E in Hy; lra).
  pose proof (z2_exp (- (s * y)) ltac:(lra)) as Z. pose proof (exp_pos b) as Eb.
  rewrite Ropp_involutive in Z.
  assert (P2 : 0 < s ^ 2) by (apply pow2_gt_0; exact Ns).
  apply Rle_trans with (y ^ 2 * exp (s * y + b)).
  - apply Rmult_le_compat_l; [apply pow2_ge_0|apply Delta_upper].
  - apply (Rmult_le_reg_r (s ^ 2)); [exact P2|]. rewrite exp_plus.
    replace (4 * exp b / s ^ 2 * s ^ 2) with (exp b * 4) by (field; exact Ns).
    replace (y ^ 2 * (exp (s * y) * exp b) * s ^ 2) with (exp b * ((- (s * y)) ^ 2 * exp (s * y))) by ring.
    apply Rmult_le_compat_l; lra.
Qed.

Lemma slow_hidden_bounded a mu s b l n : 0 <= a n ->
  exists B, forall x, (forall k, (k <= l)%nat -> x k = 0 \/ s * x k < 0) -> Rabs (hidden a mu s b no_floor x l n) <= B.
Proof.
  intros Ha. set (c := Rabs (mu n) * Rmax 0 (4 * exp b / s ^ 2)).
  assert (Q : forall y, y = 0 \/ s * y < 0 -> Rabs (mu n * y ^ 2 * Delta s b no_floor y) <= c).
  { intros y Hy. rewrite Rmult_assoc, Rabs_mult, (Rabs_pos_eq (y ^ 2 * _)) by apply sq_Delta_nonneg.
    apply Rmult_le_compat_l; [apply Rabs_pos|]. destruct Hy as [->|Hy].
    - simpl (0 ^ 2). eapply Rle_trans; [|apply Rmax_l]. lra.
    - eapply Rle_trans; [now apply square_step_bounded|apply Rmax_r]. }
  induction l as [|l [B IH]].
  - exists c. intros x H. apply (Q (x O)). apply H; lia.
  - exists (B + c). intros x H. rewrite hidden_step. simpl inherited.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [|apply Q, H; lia].
    specialize (IH x ltac:(intros; apply H; lia)).
    pose proof (decay_le_1 (a n) s b no_floor (x (S l)) Ha). pose proof (exp_pos (- a n * Delta s b no_floor (x (S l)))).
    rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by lra. pose proof (Rabs_pos (hidden a mu s b no_floor x l n)). nra.
Qed.

Lemma slow_growth_bounded N a mu s b l : (forall n, (n < N)%nat -> 0 <= a n) ->
  exists B, forall x, (forall k, (k <= l)%nat -> x k = 0 \/ s * x k < 0) -> growth_rate N a mu s b no_floor x l <= B.
Proof.
  intros Ha. unfold growth_rate. induction N as [|N IH].
  - exists 0. intros x _. simpl. lra.
  - destruct IH as [B HB]; [intros; apply Ha; lia|].
    destruct (slow_hidden_bounded a mu s b l N (Ha N (le_n _))) as [C HC].
    exists (B + C). intros x H. simpl. specialize (HB x H). specialize (HC x H).
    pose proof (Rle_abs (hidden a mu s b no_floor x l N)). lra.
Qed.

Theorem slow_existence : slow_existence_statement.
Proof.
  intros N a mu s b e0 L y0 <-%without_floor Ha Hneg. apply global_existence. intros T x HT Hs H0 l Hl.
  destruct (slow_growth_bounded N a mu s b l Ha) as [B HB].
  exists (Rabs (x l 0 * exp (Rabs B * T))). intros t Ht HtT. apply Rabs_le_of_sq.
  pose proof (decr_on T _ _ 0 t (evolves_weighted T (x l) _ (- (2 * Rabs B))
    (solution_evolves N a mu s b no_floor L T x l Hs Hl)) (Rle_refl 0) Ht HtT) as G. cbv beta in G.
  assert (G' : x l t ^ 2 * exp (- (2 * Rabs B) * t) <= x l 0 ^ 2 * exp (- (2 * Rabs B) * 0)).
  { apply G. intros u Hu.
    assert (HF : growth_rate N a mu s b no_floor (fun k => x k u) l <= B).
    { apply HB. intros k Hk. destruct (Hneg k ltac:(lia)) as [Z|Hn].
      - left. apply (token_zero N a mu s b no_floor L T x k Hs ltac:(lia)); [now rewrite H0 by lia|lra|simpl; lra].
      - right. rewrite <- H0 in Hn by lia.
        rewrite (slow_side N a mu s b L T x Hs k ltac:(lia) Hn u) by (simpl; lra).
        assert (Ns : s <> 0) by (intros E; rewrite E in Hn; lra).
        assert (Nk : x k 0 <> 0) by (intros E; rewrite E in Hn; lra).
        pose proof (Rabs_pos_lt s Ns).
        pose proof (Rabs_pos_lt _ (token_nonzero N a mu s b no_floor L T x k Hs ltac:(lia) Nk u ltac:(lra) ltac:(simpl; lra))).
        nra. }
    pose proof (Rle_abs B).
    assert (0 <= x l u ^ 2 * exp (- (2 * Rabs B) * u)).
    { apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos]. }
    nra. }
  rewrite Rmult_0_r, exp_0, Rmult_1_r in G'.
  assert (E1 : x l t ^ 2 <= x l 0 ^ 2 * exp (2 * Rabs B * t)).
  { apply (Rmult_le_reg_r (exp (- (2 * Rabs B) * t))); [apply exp_pos|].
    rewrite (Rmult_assoc (x l 0 ^ 2)), <- exp_plus.
    replace (2 * Rabs B * t + - (2 * Rabs B) * t) with 0 by ring. rewrite exp_0. lra. }
  eapply Rle_trans; [exact E1|].
  replace ((x l 0 * exp (Rabs B * T)) ^ 2) with (x l 0 ^ 2 * (exp (Rabs B * T) * exp (Rabs B * T))) by ring.
  rewrite <- exp_plus. apply Rmult_le_compat_l; [apply pow2_ge_0|]. apply exp_le.
  pose proof (Rabs_pos B). nra.
Qed.
