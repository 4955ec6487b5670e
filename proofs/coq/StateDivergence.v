(** Slow divergence for states with their own decay rates and mu_n of any signs.

    Proves state-divergence: with M = sum of mu_n > 0, a_n >= 0 and s x_l(0) < 0 for
    all tokens, every |x_l| tends to infinity and increases in the end, and the
    states share the growth rate in the proportions mu_n / M. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Uniqueness Divergence SlowRate Late SlowStep SlowHandover.
Open Scope R_scope.
(* simpl leaves the floor of a step as it is written. *)
Local Arguments nonneg : simpl never.

(** Token 1 is the flow of one state with the sum of the mu_n. *)
Lemma first_token_diverges N a mu s b L x : 0 < sum_below N mu -> solution N a mu s b no_floor L p_infty x ->
  (0 < L)%nat -> x O 0 <> 0 -> is_lim (fun t => Rabs (x O t)) p_infty p_infty.
Proof.
  intros HM Hs HL Nz.
  apply (token_diverges 1 (fun _ => 0) (fun _ => sum_below N mu) s b no_floor 1 x O); [|simpl; lra| |lia|exact Nz].
  - intros n _. lra.
  - intros l Hl. assert (l = O) by lia. subst l. apply (evolves_ext p_infty (x O) _ _ (Hs O HL)).
    intros t _ _. rewrite !growth_rate_split, !carried_first. simpl. ring.
Qed.

Section States.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R).
Notation F l := (fun t => growth_rate N a mu s b no_floor (fun k => x k t) l).
Notation f l := (fun n t => hidden a mu s b no_floor (fun k => x k t) l n).
Notation D l := (fun t => Delta s b no_floor (x l t)).
Notation M := (sum_below N mu).
Notation w := (fun n => mu n / M).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis Hs : solution N a mu s b no_floor L p_infty x.

Lemma shares_sum : sum_below N w = 1.
Proof. unfold Rdiv. rewrite sum_below_scal_r. field. lra. Qed.

(** |x_l| = e x_l as a number of the slow regime. *)
Lemma token_number l : (l < L)%nat -> s * x l 0 < 0 ->
  exists e, e * e = 1 /\ (forall t, 0 <= t -> Rabs (x l t) = e * x l t) /\
  slow_number (Rabs s) b (fun t => e * x l t) (D l) (F l).
Proof.
  intros Hl Hneg. assert (Nz : x l 0 <> 0) by (intros E; rewrite E in Hneg; lra).
  destruct (abs_sign N a mu s b no_floor L p_infty x l Hs Hl Nz) as (e & He & Habs).
  assert (Ae : forall t, 0 <= t -> Rabs (x l t) = e * x l t) by (intros t Ht; now apply Habs).
  exists e. split; [exact He|]. split; [exact Ae|]. split; [|split].
  - exact (evolves_scal p_infty e _ _ (solution_evolves N a mu s b no_floor L p_infty x l Hs Hl)).
  - intros t Ht. rewrite <- Ae by exact Ht. apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b no_floor L p_infty x l Hs Hl Nz t Ht I).
  - intros t Ht. rewrite Delta_no_floor. f_equal. rewrite <- Ae by exact Ht.
    rewrite (slow_side N a mu s b L p_infty x Hs l Hl Hneg t Ht I). ring.
Qed.

Lemma square_of_abs e v : e * e = 1 -> (e * v) ^ 2 = v ^ 2.
Proof. intros He. replace ((e * v) ^ 2) with (e * e * v ^ 2) by ring. rewrite He. ring. Qed.

Lemma token_invariant l : (l < L)%nat -> (forall k, (k <= l)%nat -> s * x k 0 < 0) ->
  exists e, e * e = 1 /\ (forall t, 0 <= t -> Rabs (x l t) = e * x l t) /\
  invariant N w M (Rabs s) b (fun t => e * x l t) (D l) (F l) (f l).
Proof.
  assert (Hsg : s * x O 0 < 0 -> 0 < Rabs s).
  { intros H. apply Rabs_pos_lt. intros E. rewrite E in H. lra. }
  induction l as [|l IH]; intros Hl Hneg.
  - destruct (token_number O Hl (Hneg O (le_n _))) as (e & He & Ae & Hn).
    specialize (Hsg (Hneg O (le_n _))).
    assert (Nz : x O 0 <> 0) by (intros E; pose proof (Hneg O (le_n _)) as H; rewrite E in H; lra).
    assert (Hg : grows (fun t => e * x O t)).
    { intros B. pose proof (first_token_diverges N a mu s b L x HM Hs Hl Nz) as H.
      apply grows_is_lim in H. apply (late_imp _ _ (H B)). intros t Ht HB. rewrite <- Ae by lra. exact HB. }
    assert (EF : forall t, F O t = M * (e * x O t) ^ 2 * D O t).
    { intros t. rewrite growth_rate_split, carried_first, square_of_abs by exact He. ring. }
    exists e. split; [exact He|]. split; [exact Ae|]. split; [exact Hn|]. split; [exact Hg|]. split; [|split].
    + apply (late_intro 0). intros t Ht. rewrite EF. destruct Hn as (_ & Hr & _).
      pose proof (pow_lt _ 2 (Hr t ltac:(lra))). pose proof (Delta_pos s b no_floor (x O t)).
      split; [apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; assumption|lra].
    + intros n Hn' tol Heps. apply (late_intro 0). intros t Ht.
      replace (f O n t - w n * F O t) with 0.
      * rewrite Rabs_R0. apply Rmult_le_pos; [lra|]. rewrite EF. pose proof (Delta_pos s b no_floor (x O t)).
        apply Rmult_le_pos; [apply Rmult_le_pos; [lra|apply pow2_ge_0]|lra].
      * rewrite EF, square_of_abs by exact He. simpl hidden. field. lra.
    + intros p tol Heps.
      destruct (own_small M (Rabs s) b HM Hsg (fun t => e * x O t) (D O) (F O) p Hn Hg tol Heps) as (t0 & Ht0 & H).
      exists t0. split; [exact Ht0|]. intros t Ht. rewrite EF. now apply H.
  - destruct (IH ltac:(lia) ltac:(intros; apply Hneg; lia)) as (d & Hd & Ad & Hinv).
    destruct (token_number (S l) Hl (Hneg (S l) (le_n _))) as (e & He & Ae & Hn).
    exists e. split; [exact He|]. split; [exact Ae|].
    apply (next_invariant N a w M (Rabs s) b Ha HM (Hsg (Hneg O ltac:(lia))) shares_sum
             (fun t => d * x l t) (D l) (F l) (f l)); [exact Hinv|exact Hn| |].
    + intros t _. rewrite growth_rate_split, square_of_abs by exact He. reflexivity.
    + intros n t _. rewrite (hidden_step a mu s b no_floor (fun k => x k t) (S l) n), square_of_abs by exact He.
      simpl inherited. field. lra.
Qed.
End States.

Theorem state_divergence : state_divergence_statement.
Proof.
  intros N a mu s b e0 L x l <-%without_floor Ha HM Hs Hl Hneg.
  destruct (token_invariant N a mu s b L x Ha HM Hs l Hl Hneg) as (e & He & Ae & Hn & Hg & HF & Hsh & _).
  split; [|split].
  - apply grows_is_lim. intros B. apply (late_imp _ _ (Hg B)). intros t Ht HB. rewrite Ae by lra. exact HB.
  - destruct HF as (t0 & Ht0 & H). exists t0. intros u v Hu Huv. rewrite !Ae by lra.
    destruct Hn as (Er & Hr & _).
    apply (strict_incr_on p_infty _ _ u v Er); [lra|exact Huv|exact I|].
    intros t Ht. destruct (H t ltac:(lra)) as [H1 H2].
    apply Rmult_lt_0_compat; [apply Hr; lra|lra].
  - intros n Hn'. apply is_lim_spec. intros [tol Heps]. simpl.
    destruct (late_and _ _ HF (Hsh n Hn' (tol / 2) ltac:(lra))) as (t0 & Ht0 & H). exists t0. intros t Ht.
    destruct (H t Ht) as [H1 H2].
    set (Ft := growth_rate N a mu s b no_floor (fun k => x k t) l) in *.
    set (fn := hidden a mu s b no_floor (fun k => x k t) l n) in *.
    replace (fn / Ft - mu n / sum_below N mu) with ((fn - mu n / sum_below N mu * Ft) * / Ft) by (field; lra).
    assert (PF : 0 < Ft) by lra.
    rewrite Rabs_mult, (Rabs_pos_eq (/ Ft)) by (left; now apply Rinv_0_lt_compat).
    apply (Rmult_lt_reg_r Ft); [exact PF|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (0 < tol * Ft) by (apply Rmult_lt_0_compat; lra). lra.
Qed.
