(** A token with s x_l(0) >= 0 blows up no later than an explicit time.

    Proves fast-bound and step-floor. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements Forms.
From S6Flow Require Import Signs Divergence.
Open Scope R_scope.

Section Fast.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Hypothesis Hmu : all_nonneg N mu.
Hypothesis HM : 0 < M.
Hypothesis Hs : solution N a mu s b eps L T x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Nz : x l 0 <> 0.
Variable c : R.
Hypothesis Hc : 0 < c.
Hypothesis Hstep : forall u, 0 <= u -> Rbar_lt u T -> c <= D (x l u).

(** 1/x_l^2 falls at least at rate 2 M c, c a bound of the steps from below. *)
Lemma fast_growth t : 0 <= t -> Rbar_lt t T ->
  x l 0 ^ 2 <= x l t ^ 2 * (1 - 2 * M * c * x l 0 ^ 2 * t).
Proof.
  intros Ht HT.
  pose proof (token_nonzero N a mu s b eps L T x l Hs Hl Nz) as Hn.
  pose proof (growth_on T _ _ (2 * M * c) 0 t
    (evolves_opp _ _ _ (token_invsq N a mu s b eps L T x l Hs Hl Nz)) (Rle_refl 0) Ht HT) as G.
  cbv beta in G.
  assert (2 * M * c * (t - 0) <= - / x l t ^ 2 - - / x l 0 ^ 2) as G'.
  { apply G. intros u Hu.
    assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    assert (P : 0 < x l u ^ 2) by (apply pow2_gt_0, Hn; [lra|exact HuT]).
    pose proof (growth_rate_lower N a mu s b eps (fun k => x k u) l Hmu) as HF. cbv beta in HF.
    pose proof (Hstep u ltac:(lra) HuT) as HD.
    apply (Rmult_le_reg_r (x l u ^ 2)); [exact P|].
    replace (- (- 2 * F (fun k => x k u) l / x l u ^ 2) * x l u ^ 2)
       with (2 * F (fun k => x k u) l) by (field; apply Hn; [lra|exact HuT]).
    assert (M * x l u ^ 2 * c <= M * x l u ^ 2 * D (x l u)).
    { apply Rmult_le_compat_l; [nra|exact HD]. }
    lra. }
  assert (P0 : 0 < x l 0 ^ 2) by (apply pow2_gt_0; exact Nz).
  assert (Pt : 0 < x l t ^ 2) by (apply pow2_gt_0, Hn; assumption).
  assert (E : x l t ^ 2 * x l 0 ^ 2 * (2 * M * c * (t - 0))
           <= x l t ^ 2 * x l 0 ^ 2 * (- / x l t ^ 2 - - / x l 0 ^ 2)).
  { apply Rmult_le_compat_l; [nra|exact G']. }
  replace (x l t ^ 2 * x l 0 ^ 2 * (- / x l t ^ 2 - - / x l 0 ^ 2))
     with (x l t ^ 2 - x l 0 ^ 2) in E
     by (field; split; [exact Nz|apply Hn; assumption]).
  lra.
Qed.

Lemma blow_up_bound : Rbar_le T (/ (2 * M * c * x l 0 ^ 2)).
Proof.
  set (k := 2 * M * c * x l 0 ^ 2).
  assert (P0 : 0 < x l 0 ^ 2) by (apply pow2_gt_0; exact Nz).
  assert (Hk : 0 < k) by (unfold k; pos).
  apply Rbar_not_lt_le. intros HT.
  assert (Ht : 0 <= / k) by (left; now apply Rinv_0_lt_compat).
  pose proof (fast_growth (/ k) Ht HT) as E. fold k in E.
  rewrite Rinv_r in E by lra. lra.
Qed.
End Fast.

(** |x_l| grows and keeps its sign, so s x_l and with it Delta(x_l) grow. *)
Lemma step_grows N a mu s b (eps : nonnegreal) L T x l : all_nonneg N mu -> 0 < sum_below N mu ->
  solution N a mu s b eps L T x -> (l < L)%nat -> x l 0 <> 0 -> 0 <= s * x l 0 ->
  forall u, 0 <= u -> Rbar_lt u T -> Delta s b eps (x l 0) <= Delta s b eps (x l u).
Proof.
  intros Hmu HM Hs Hl Nz Hpos u Hu HuT.
  apply Delta_mono.
  pose proof (abs_nondecreasing N a mu s b eps L T x l Hmu HM Hs Hl Nz 0 u (Rle_refl 0) Hu HuT) as A.
  destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
  - pose proof (token_negative N a mu s b eps L T x l Hs Hl Neg u Hu HuT).
    rewrite 2!Rabs_left in A by assumption. nra.
  - pose proof (token_positive N a mu s b eps L T x l Hs Hl ltac:(lra) u Hu HuT).
    rewrite 2!Rabs_pos_eq in A by lra. nra.
Qed.

Theorem fast_bound_proved : fast_bound_form.
Proof.
  intros N a mu s b eps L T x l Hmu HM Hs Hl Nz Hpos.
  pose proof (step_grows N a mu s b eps L T x l Hmu HM Hs Hl Nz Hpos) as G. pose proof (Delta_pos s b eps (x l 0)) as P. split.
  - now apply (blow_up_bound N a mu s b eps L T x l).
  - now apply (fast_growth N a mu s b eps L T x l).
Qed.

Theorem step_floor : step_floor_statement.
Proof.
  intros N a mu s b e0 L T x l Hmu HM He Hs Hl Nz. destruct (as_floor e0 (Rlt_le _ _ He)) as [eps <-].
  apply (blow_up_bound N a mu s b eps L T x l Hmu HM Hs Hl Nz eps He).
  intros u _ _. unfold Delta. pose proof (softplus_pos (s * x l u + b)). lra.
Qed.
