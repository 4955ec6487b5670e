(** slow-ratios.

    Feeds RatioLimit.v: token l loses to the first token only the rate
    (sum a_n mu_n) (Delta_2 + ... + Delta_l) x_1^2 Delta_1, which is at most
    C (1 + D t)^(-3/2) because exp(|s||x_k|) >= 1 + D t for every token. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums GrowthRate Signs.
From S6Flow Require Import FirstToken RatioLimit SlowBounds.
Open Scope R_scope.

Theorem slow_ratios : slow_ratios_statement.
Proof.
  intros N a mu s b e0 L x l <-%without_floor Ha Hmu HM Hs Pl Hl Hneg. destruct l as [|l]; [lia|].
  destruct (common_sign N a mu s b L x (S l) Hs Hl Hneg) as (e & He & Se & Sg).
  destruct (common_growth N a mu s b L x (S l) Hmu HM Hs Hl Hneg) as (D & HD & Gr).
  destruct (comparable_to_first N a mu s b L x (S l) Ha Hmu HM Hs Hl Hneg (S l) (le_n _)) as (Q & HQ & Cmp).
  destruct (first_moderate N a mu s b L x (S l) HM Hs Hl Hneg D HD) as (M & Mod).
  pose proof (slope_pos s x (S l) Hneg) as Hc.
  set (ab := sum_below N (fun n => a n * mu n)).
  assert (Hab : 0 <= ab).
  { apply sum_below_nonneg. intros n Hn. apply Rmult_le_pos; [now apply Ha|now apply Hmu]. }
  set (C0 := sum_below (S l) (fun _ => 1) * exp b * (exp b * (16 / Rabs s ^ 2))).
  assert (HC0 : 0 <= C0).
  { pose proof (exp_pos b). assert (0 < 16 / Rabs s ^ 2) by (apply Rdiv_lt_0_compat; [lra|now apply pow_lt]).
    assert (0 <= sum_below (S l) (fun _ => 1)) by (apply sum_below_nonneg; intros; lra).
    unfold C0. apply Rmult_le_pos; [apply Rmult_le_pos; lra|]. left. pos. }
  assert (Own : forall k t, (k <= S l)%nat -> 0 <= t ->
     x k t ^ 2 * Delta s b no_floor (x k t) = (e * x k t) ^ 2 * softplus (b - Rabs s * (e * x k t))).
  { intros k t Hk Ht. replace ((e * x k t) ^ 2) with (x k t ^ 2 * (e * e)) by ring. rewrite He, Rmult_1_r.
    rewrite Delta_no_floor. do 2 f_equal.
    replace (b - Rabs s * (e * x k t)) with (b + s * e * (e * x k t)) by (rewrite Se; ring).
    replace (s * e * (e * x k t)) with (s * x k t * (e * e)) by ring. rewrite He. ring. }
  destruct (ratio_limit (sum_below N mu) b (Rabs s) (ab * C0) D Q M
    (fun t => e * x O t) (fun t => e * x (S l) t)
    (fun t => growth_rate N a mu s b no_floor (fun j => x j t) O)
    (fun t => growth_rate N a mu s b no_floor (fun j => x j t) (S l))) as (R & HR & Lim).
  - exact HM.
  - exact Hc.
  - apply Rmult_le_pos; assumption.
  - exact HD.
  - exact (evolves_scal p_infty e _ _ (Hs O ltac:(lia))).
  - exact (evolves_scal p_infty e _ _ (Hs (S l) Hl)).
  - intros t Ht. apply Sg; [lia|exact Ht].
  - intros t Ht. now apply Sg.
  - intros t Ht. rewrite growth_rate_first, !Rmult_assoc, <- (Own O t ltac:(lia) Ht). reflexivity.
  - intros t Ht.
    pose proof (growth_rate_against_first N a mu s b (fun j => x j t) l Ha Hmu) as G. cbv beta in G.
    pose proof (loss_small N a mu s b L x (S l) Hs Hl Hneg D HD Gr t Ht) as Loss. fold C0 in Loss.
    apply (Rmult_le_compat_l ab) in Loss; [|exact Hab]. fold ab in G.
    rewrite (Rmult_assoc (sum_below N mu) (x (S l) t ^ 2)), (Own (S l) t (le_n _) Ht), <- Rmult_assoc in G.
    lra.
  - intros t Ht. destruct (Sg (S l) t (le_n _) Ht) as [<- _]. destruct (Sg O t ltac:(lia) Ht) as [<- _].
    now apply Cmp.
  - intros t Ht. destruct (Sg O t ltac:(lia) Ht) as [<- _]. now apply Mod.
  - apply (modulus_diverges (sum_below N mu) (- Rabs s) b no_floor _ HM). split.
    + destruct (evolves_scal p_infty e _ _ (Hs O ltac:(lia))) as [E0 E]. split; [exact E0|].
      intros t Ht _. specialize (E t Ht I). cbv beta in E.
      rewrite growth_rate_first, !Rmult_assoc, (Own O t ltac:(lia) ltac:(lra)) in E.
      change (nonneg no_floor) with 0. rewrite Rplus_0_r.
      replace (- Rabs s * (e * x O t) + b) with (b - Rabs s * (e * x O t)) by ring.
      replace (sum_below N mu * (e * x O t) ^ 3 * softplus (b - Rabs s * (e * x O t)))
        with (e * (x O t * (sum_below N mu * ((e * x O t) ^ 2 * softplus (b - Rabs s * (e * x O t)))))) by ring.
      exact E.
    + intros t Ht _. apply Sg; [lia|exact Ht].
  - exists R. split; [exact HR|].
    apply (is_lim_ext_loc (fun t => e * x (S l) t / (e * x O t))); [|exact Lim].
    exists 0. intros t Ht. destruct (Sg O t ltac:(lia) ltac:(lra)) as [_ P].
    field. split; intros E; rewrite E in P; lra.
Qed.
