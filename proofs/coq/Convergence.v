(** Convergence at an explicit rate.

    Proves convergence-rate (all mu_n <= 0), its form for token 1 (mu_n of any
    signs) and existence (all mu_n <= 0). *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements Forms.
From S6Flow Require Import Signs Uniqueness Existence.
Open Scope R_scope.

Section Decrease.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b).
Notation M := (sum_below N mu).
Notation D := (Delta s b).
Hypothesis Hs : solution N a mu s b L T x.
Hypothesis Hl : (l < L)%nat.

(** A token whose growth rate is never positive does not grow. *)
Lemma abs_nonincreasing :
  (forall t, 0 < t -> Rbar_lt t T -> F (fun k => x k t) l <= 0) ->
  forall u v, 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l v) <= Rabs (x l u).
Proof.
  intros HF u v Hu Huv HvT. apply Rabs_le_of_sq.
  apply (decr_on T _ _ u v (evolves_sq T _ _ (solution_evolves N a mu s b L T x l Hs Hl)) Hu Huv HvT).
  intros t Ht. specialize (HF t ltac:(lra) ltac:(apply Rbar_lt_lt with v; [lra|exact HvT])).
  pose proof (pow2_ge_0 (x l t)). simpl in *. nra.
Qed.

(** While |x_l| does not grow, Delta(x_l) stays above the smaller of Delta(0) and Delta(x_l(0)). *)
Lemma step_lower :
  (forall u v, 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l v) <= Rabs (x l u)) ->
  forall t, 0 <= t -> Rbar_lt t T -> Rmin (D 0) (D (x l 0)) <= D (x l t).
Proof.
  intros Hmono t Ht HT. pose proof (Hmono 0 t (Rle_refl 0) Ht HT) as A.
  destruct (Rle_lt_dec 0 (s * x l t)) as [P|P].
  - eapply Rle_trans; [apply Rmin_l|]. apply Delta_mono. rewrite Rmult_0_r. exact P.
  - eapply Rle_trans; [apply Rmin_r|]. apply Delta_mono.
    destruct (Rtotal_order (x l 0) 0) as [H0|[H0|H0]].
    + pose proof (token_negative N a mu s b L T x l Hs Hl H0 t Ht HT).
      rewrite 2!Rabs_left in A by assumption. nra.
    + rewrite H0, Rabs_R0 in A. pose proof (Rabs_pos (x l t)).
      assert (E : x l t = 0) by (destruct (Req_dec (x l t) 0) as [|Nz]; [assumption|];
        pose proof (Rabs_pos_lt _ Nz); lra).
      rewrite E in P. lra.
    + pose proof (token_positive N a mu s b L T x l Hs Hl ltac:(lra) t Ht HT).
      rewrite 2!Rabs_pos_eq in A by lra. nra.
Qed.

Hypothesis HM : M < 0.
Hypothesis HF : forall t, 0 < t -> Rbar_lt t T ->
  F (fun k => x k t) l <= M * x l t ^ 2 * D (x l t).

Lemma growth_nonpos : forall t, 0 < t -> Rbar_lt t T -> F (fun k => x k t) l <= 0.
Proof.
  intros t Ht HT. specialize (HF t Ht HT). pose proof (sq_Delta_nonneg s b (x l t)).
  rewrite Rmult_assoc in HF. nra.
Qed.

Let m := Rmin (D 0) (D (x l 0)).

Lemma m_pos : 0 < m.
Proof. apply Rmin_glb_lt; apply Delta_pos. Qed.

(** 1/x_l^2 grows at least at rate 2|M| m. *)
Lemma inverse_square_grows : x l 0 <> 0 -> forall t, 0 <= t -> Rbar_lt t T ->
  / x l 0 ^ 2 + 2 * - M * m * t <= / x l t ^ 2.
Proof.
  intros Nz t Ht HT.
  pose proof (token_nonzero N a mu s b L T x l Hs Hl Nz) as Hn.
  pose proof (growth_on T _ _ (2 * - M * m) 0 t (token_invsq N a mu s b L T x l Hs Hl Nz)
    (Rle_refl 0) Ht HT) as G. cbv beta in G.
  cut (2 * - M * m * (t - 0) <= / x l t ^ 2 - / x l 0 ^ 2); [lra|].
  apply G. intros u Hu.
  assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
  assert (P : 0 < x l u ^ 2) by (apply pow2_gt_0, Hn; [lra|exact HuT]).
  pose proof (HF u ltac:(lra) HuT) as HFu.
  pose proof (step_lower (abs_nonincreasing growth_nonpos) u ltac:(lra) HuT) as HD. fold m in HD.
  apply (Rmult_le_reg_r (x l u ^ 2)); [exact P|].
  replace (- 2 * F (fun k => x k u) l / x l u ^ 2 * x l u ^ 2)
     with (- 2 * F (fun k => x k u) l) by (field; apply Hn; [lra|exact HuT]).
  assert (M * x l u ^ 2 * D (x l u) <= M * x l u ^ 2 * m).
  { assert (0 <= - M * x l u ^ 2) by (apply Rmult_le_pos; lra). nra. }
  lra.
Qed.

Lemma abs_le_inv_sqrt z c : 0 < c -> z <> 0 -> c <= / z ^ 2 -> Rabs z <= / sqrt c.
Proof.
  intros Hc Nz H. rewrite <- sqrt_inv, <- sqrt_Rsqr_abs. apply sqrt_le_1_alt.
  assert (P : 0 < z ^ 2) by (apply pow2_gt_0; exact Nz).
  replace (Rsqr z) with (/ / z ^ 2) by (rewrite Rinv_inv; unfold Rsqr; ring).
  apply Rinv_le_contravar; assumption.
Qed.

Lemma explicit_bound : x l 0 <> 0 -> forall t, 0 <= t -> Rbar_lt t T ->
  Rabs (x l t) <= / sqrt (/ x l 0 ^ 2 + 2 * - M * m * t).
Proof.
  intros Nz t Ht HT. pose proof m_pos as Hm.
  assert (P : 0 < / x l 0 ^ 2) by (apply Rinv_0_lt_compat, pow2_gt_0; exact Nz).
  assert (0 <= 2 * - M * m * t) by (apply Rmult_le_pos; [apply Rmult_le_pos|]; lra).
  apply abs_le_inv_sqrt; [lra| |now apply inverse_square_grows].
  now apply (token_nonzero N a mu s b L T x l Hs Hl Nz).
Qed.

Lemma root_bound : forall t, 0 < t -> Rbar_lt t T -> Rabs (x l t) <= / sqrt (2 * - M * m) / sqrt t.
Proof.
  intros t Ht HT. pose proof m_pos as Hm.
  assert (P : 0 < 2 * - M * m) by (apply Rmult_lt_0_compat; lra).
  assert (Pt : 0 < 2 * - M * m * t) by (apply Rmult_lt_0_compat; lra).
  unfold Rdiv. rewrite <- Rinv_mult, <- sqrt_mult by lra.
  destruct (Req_dec (x l 0) 0) as [Z|Nz].
  - rewrite (token_zero N a mu s b L T x l Hs Hl Z t ltac:(lra) HT), Rabs_R0.
    left. apply Rinv_0_lt_compat, sqrt_lt_R0. exact Pt.
  - apply abs_le_inv_sqrt; [exact Pt| |].
    + now apply (token_nonzero N a mu s b L T x l Hs Hl Nz); [lra|].
    + eapply Rle_trans; [|apply (inverse_square_grows Nz t); [lra|exact HT]].
      assert (0 < / x l 0 ^ 2) by (apply Rinv_0_lt_compat, pow2_gt_0; exact Nz). lra.
Qed.
End Decrease.

(** c / sqrt t tends to 0, and so does what it bounds. *)
Lemma lim_of_root_bound f c :
  (forall t, 0 < t -> Rabs (f t) <= c / sqrt t) -> is_lim f p_infty 0.
Proof.
  intros H.
  assert (Lc : is_lim (fun t => c * / sqrt t) p_infty 0).
  { replace (Finite 0) with (Rbar_mult c 0) by (simpl; f_equal; ring).
    apply is_lim_scal_l.
    replace (Finite 0) with (Rbar_inv p_infty) by reflexivity.
    apply is_lim_inv; [|discriminate].
    apply is_lim_sqrt_p, is_lim_id. }
  apply (is_lim_le_le_loc (fun t => - (c * / sqrt t)) (fun t => c * / sqrt t)).
  - exists 0. intros t Ht. specialize (H t Ht). unfold Rdiv in H. now apply Rabs_le_between in H.
  - replace (Finite 0) with (Rbar_opp 0) by (simpl; f_equal; ring).
    now apply is_lim_opp.
  - exact Lc.
Qed.

Lemma convergence_of_upper N a mu s b L x l :
  sum_below N mu < 0 -> solution N a mu s b L p_infty x -> (l < L)%nat ->
  (forall t, 0 < t -> growth_rate N a mu s b (fun k => x k t) l
                      <= sum_below N mu * x l t ^ 2 * Delta s b (x l t)) ->
  (forall u v, 0 <= u <= v -> Rabs (x l v) <= Rabs (x l u)) /\
  (x l 0 <> 0 -> forall t, 0 <= t -> Rabs (x l t) <=
   / sqrt (/ x l 0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta s b 0) (Delta s b (x l 0)) * t)) /\
  (forall t, 0 < t -> Rabs (x l t) <=
   / sqrt (2 * - sum_below N mu * Rmin (Delta s b 0) (Delta s b (x l 0))) / sqrt t) /\
  is_lim (x l) p_infty 0.
Proof.
  intros HM Hs Hl HF.
  assert (HF' : forall t, 0 < t -> Rbar_lt t p_infty -> growth_rate N a mu s b (fun k => x k t) l
                      <= sum_below N mu * x l t ^ 2 * Delta s b (x l t)) by auto.
  pose proof (root_bound N a mu s b L p_infty x l Hs Hl HM HF') as RB.
  split; [|split; [|split]].
  - intros u v Huv. apply (abs_nonincreasing N a mu s b L p_infty x l Hs Hl); [|lra|lra|exact I].
    exact (growth_nonpos N a mu s b p_infty x l HM HF').
  - intros Nz t Ht. exact (explicit_bound N a mu s b L p_infty x l Hs Hl HM HF' Nz t Ht I).
  - intros t Ht. exact (RB t Ht I).
  - eapply lim_of_root_bound. intros t Ht. exact (RB t Ht I).
Qed.

Theorem convergence_rate_proved : convergence_rate_form.
Proof.
  intros N a mu s b L x l Hmu HM Hs Hl. apply (convergence_of_upper N a mu s b L x l HM Hs Hl).
  intros t _. now apply (growth_rate_upper N a mu s b (fun k => x k t) l).
Qed.

(** Token 1 inherits nothing, so only the sum of the mu_n counts. *)
Theorem convergence_rate_first_proved : convergence_rate_first_form.
Proof.
  intros N a mu s b L x HM Hs HL. apply (convergence_of_upper N a mu s b L x O HM Hs HL).
  intros t _. rewrite growth_rate_split, carried_first. lra.
Qed.

(** ** Global existence *)
Lemma global_existence N a mu s b L (y0 : nat -> R) :
  (forall (T : R) x, 0 < T -> solution N a mu s b L T x -> (forall l, (l < L)%nat -> x l 0 = y0 l) ->
   forall l, (l < L)%nat -> exists B, forall t, 0 <= t -> t < T -> Rabs (x l t) <= B) ->
  exists x, solution N a mu s b L p_infty x /\ forall l, (l < L)%nat -> x l 0 = y0 l.
Proof.
  intros HB. destruct (maximal_solution N a mu s b L y0) as (T & x & HT & Hs & H0 & _ & Hun).
  destruct T as [T| |]; [exfalso|now exists x|destruct HT].
  destruct (Hun ltac:(discriminate)) as (l & Hl & Hu).
  destruct (HB T x HT Hs H0 l Hl) as [B HBl].
  destruct (Hu B) as (t & Ht & HtT & Hlt). specialize (HBl t Ht HtT). lra.
Qed.

Theorem convergence_monotone : convergence_monotone_statement.
Proof.
  intros N a mu s b L T x l Hmu Hs Hl u v Huv HT.
  apply (abs_nonincreasing N a mu s b L T x l Hs Hl); [|lra|lra|exact HT].
  intros t _ _. now apply (growth_rate_nonpos N a mu s b (fun k => x k t) l).
Qed.

Theorem existence : existence_statement.
Proof.
  intros N a mu s b L y0 Hmu. apply global_existence. intros T x HT Hs H0 l Hl.
  exists (Rabs (x l 0)). intros t Ht HtT.
  apply (abs_nonincreasing N a mu s b L T x l Hs Hl); [|lra|exact Ht|exact HtT].
  intros u _ _. now apply (growth_rate_nonpos N a mu s b (fun k => x k u) l).
Qed.
