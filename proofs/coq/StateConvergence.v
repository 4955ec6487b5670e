(** Convergence for states with their own decay rates and mu_n of any signs.

    Proves state-convergence: with M = sum of mu_n < 0 and a_n >= 0 every nonzero
    token tends to 0, t x_l^2 -> max(0, 1 - kappa_l) / (2 |M| delta0) and
    ln|x_l| / ln t -> - max(1, kappa_l) / 2; and global existence for M <= 0. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements Forms.
From S6Flow Require Import Signs Existence Convergence LogSlope Shares Vanish.
Open Scope R_scope.

(** ** Global existence: the growth rate is bounded above on bounded time intervals *)
Theorem state_existence : state_existence_statement.
Proof.
  intros N a mu s b e0 L y0 [eps <-]%as_floor Ha HM. apply global_existence. intros T x HT Hs H0 l.
  induction l as [l IH] using lt_wf_ind. intros Hl.
  (* the earlier tokens share a bound, hence so do the inherited states *)
  assert (HB : exists B, forall k t, (k < l)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x k t) <= B).
  { apply (common_bound T x l). intros k Hk. exact (IH k Hk ltac:(lia)). }
  destruct HB as [B HB].
  destruct (inherited_box a mu s b eps (fun _ => B) N l) as (C & HC & Hbox).
  set (K := sum_below N (fun _ => C)).
  assert (HF : forall t, 0 < t -> t < T -> growth_rate N a mu s b eps (fun k => x k t) l <= K).
  { intros t Ht HtT. rewrite growth_rate_split.
    assert (Q1 : carried N a mu s b eps (fun k => x k t) l <= K).
    { apply sum_below_le. intros n Hn.
      assert (Hi : Rabs (inherited a mu s b eps (fun k => x k t) l n) <= C).
      { apply Hbox; [exact Hn|]. intros k Hk. apply HB; [exact Hk|lra|exact HtT]. }
      apply Rabs_le_between in Hi.
      pose proof (decay_le_1 (a n) s b eps (x l t) (Ha n Hn)). pose proof (exp_pos (- a n * Delta s b eps (x l t))).
      set (w := exp (- a n * Delta s b eps (x l t))) in *. apply Rle_trans with (w * C); [apply Rmult_le_compat_l; lra|nra]. }
    pose proof (sq_Delta_nonneg s b eps (x l t)). rewrite Rmult_assoc. nra. }
  assert (HK : 0 <= K) by (apply sum_below_nonneg; auto).
  exists (Rabs (x l 0 * exp (K * T))). intros t Ht HtT. apply Rabs_le_of_sq.
  pose proof (decr_on T _ _ 0 t (evolves_weighted T (x l) _ (- (2 * K))
    (solution_evolves N a mu s b eps L T x l Hs Hl)) (Rle_refl 0) Ht HtT) as G. cbv beta in G.
  assert (G' : x l t ^ 2 * exp (- (2 * K) * t) <= x l 0 ^ 2 * exp (- (2 * K) * 0)).
  { apply G. intros u Hu. specialize (HF u ltac:(lra) ltac:(lra)).
    assert (0 <= x l u ^ 2 * exp (- (2 * K) * u)) by (apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos]).
    nra. }
  rewrite Rmult_0_r, exp_0, Rmult_1_r in G'.
  assert (E1 : x l t ^ 2 <= x l 0 ^ 2 * exp (2 * K * t)).
  { apply (Rmult_le_reg_r (exp (- (2 * K) * t))); [apply exp_pos|].
    rewrite (Rmult_assoc (x l 0 ^ 2)), <- exp_plus.
    replace (2 * K * t + - (2 * K) * t) with 0 by ring. rewrite exp_0. lra. }
  eapply Rle_trans; [exact E1|].
  replace ((x l 0 * exp (K * T)) ^ 2) with (x l 0 ^ 2 * (exp (K * T) * exp (K * T))) by ring.
  rewrite <- exp_plus. apply Rmult_le_compat_l; [apply pow2_ge_0|]. apply exp_le. nra.
Qed.

Section States.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Notation delta0 := (softplus b + eps).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : M < 0.
Hypothesis Hs : solution N a mu s b eps L p_infty x.

(** The share that token l inherits. *)
Definition inherited_share (l n : nat) : R :=
  match l with O => 0 | S k => state_share N a mu b eps k n end.

Lemma kappa_share l : kappa N a b eps (inherited_share l) = share_carried N a mu b eps l.
Proof.
  destruct l as [|k]; [|reflexivity]. unfold kappa, inherited_share, share_carried.
  rewrite (sum_below_ext N _ (fun _ => 0)); [apply sum_below_zero|]. intros; ring.
Qed.

Lemma state_share_step l n : state_share N a mu b eps l n =
  exp (- a n * (softplus b + eps)) * inherited_share l n + mu n / M * Rmax 0 (1 - kappa N a b eps (inherited_share l)).
Proof.
  rewrite kappa_share. destruct l as [|k]; [|simpl; unfold Rdiv; ring].
  unfold inherited_share, share_carried, state_share. rewrite Rmax_right by lra. ring.
Qed.

(** The shares of a token sum to max(kappa, 1). *)
Lemma state_share_sum l : 0 < sum_below N (state_share N a mu b eps l).
Proof.
  rewrite (sum_below_ext N _ (fun n => exp (- a n * (softplus b + eps)) * inherited_share l n
    + mu n * (/ M * Rmax 0 (1 - kappa N a b eps (inherited_share l)))))
    by (intros n _; rewrite state_share_step; unfold Rdiv; ring).
  rewrite sum_below_plus, sum_below_scal_r. fold (kappa N a b eps (inherited_share l)).
  set (k := kappa N a b eps (inherited_share l)).
  replace (M * (/ M * Rmax 0 (1 - k))) with (Rmax 0 (1 - k)) by (field; lra).
  unfold Rmax. destruct (Rle_dec 0 (1 - k)); lra.
Qed.

(** Token after token: the inherited shares converge, so the token tends to 0, so its shares converge. *)
Lemma shares_converge l : (l < L)%nat -> (forall k, (k <= l)%nat -> x k 0 <> 0) ->
  is_lim (x l) p_infty 0 /\
  forall n, is_lim (fun t => -2 * t * inherited a mu s b eps (fun k => x k t) l n) p_infty (inherited_share l n).
Proof.
  induction l as [|l IH]; intros Hl Nz.
  - split.
    + now apply (convergence_rate_first_proved N a mu s b eps L x HM Hs Hl).
    + intros n. eapply is_lim_ext; [|apply is_lim_const]. intros t. simpl. ring.
  - destruct (IH ltac:(lia) ltac:(intros; apply Nz; lia)) as [Hlim Hp].
    assert (Hp' : forall n, is_lim (fun t => -2 * t * inherited a mu s b eps (fun k => x k t) (S l) n) p_infty
                              (inherited_share (S l) n)).
    { intros n. simpl inherited_share. rewrite state_share_step.
      apply (share_nonzero N a mu s b eps L x l HM Hs ltac:(lia) Hlim (inherited_share l) Hp); apply Nz; lia. }
    split; [|exact Hp'].
    apply (token_vanishes N a mu s b eps L x (S l) Ha HM Hs Hl (Nz _ (le_n _)) (inherited_share (S l)) Hp').
    apply state_share_sum.
Qed.

(** t F_l -> - max(1, kappa)/2. *)
Lemma growth_lim l : (l < L)%nat -> (forall k, (k <= l)%nat -> x k 0 <> 0) ->
  is_lim (fun t => t * F (fun k => x k t) l) p_infty (- (Rmax 1 (share_carried N a mu b eps l) / 2)).
Proof.
  intros Hl Nz. destruct (shares_converge l Hl Nz) as [Hlim Hp].
  pose proof (carried_lim N a mu s b eps x l Hlim _ Hp) as LC. rewrite kappa_share in LC.
  pose proof (square_lim N a mu s b eps L x l HM Hs Hl Hlim _ Hp (Nz l (le_n _))) as LS. rewrite kappa_share in LS.
  pose proof (Delta_lim s b eps x l Hlim) as LD.
  set (k := share_carried N a mu b eps l) in *. pose proof (step_pos b eps) as Dp.
  apply (is_lim_ext (fun t => - / 2 * (-2 * t * carried N a mu s b eps (fun k => x k t) l)
                              + M * D (x l t) * (t * x l t ^ 2))).
  { intros t. rewrite growth_rate_split. field. }
  replace (Finite (- (Rmax 1 k / 2))) with (Finite (- / 2 * k + M * delta0 * (Rmax 0 (1 - k) / (2 * - M * delta0)))).
  - apply is_lim_plus'.
    + exact (is_lim_scal_l _ (- / 2) p_infty k LC).
    + refine (is_lim_mult _ _ p_infty (M * delta0) (Rmax 0 (1 - k) / (2 * - M * delta0)) _ LS I).
      exact (is_lim_scal_l _ M p_infty delta0 LD).
  - f_equal. replace (M * delta0 * (Rmax 0 (1 - k) / (2 * - M * delta0))) with (- (Rmax 0 (1 - k) / 2)) by (field; lra).
    unfold Rmax. destruct (Rle_dec 0 (1 - k)); destruct (Rle_dec 1 k); lra.
Qed.

Lemma log_abs_derive l t : (l < L)%nat -> x l 0 <> 0 -> 0 < t ->
  is_derive (fun t => ln (Rabs (x l t))) t (t * F (fun k => x k t) l / t).
Proof.
  intros Hl Nz Ht. destruct (abs_sign N a mu s b eps L p_infty x l Hs Hl Nz) as (e & He & Habs).
  pose proof (token_nonzero N a mu s b eps L p_infty x l Hs Hl Nz t ltac:(lra) I) as Hx.
  assert (P : 0 < e * x l t) by (rewrite <- Habs by (lra || exact I); now apply Rabs_pos_lt).
  apply (is_derive_ext_loc (fun t => ln (e * x l t))).
  { exists (mkposreal _ Ht). intros u Hu. open_ball Hu. rewrite <- Habs by (lra || exact I). reflexivity. }
  destruct (evolves_scal p_infty e _ _ (solution_evolves N a mu s b eps L p_infty x l Hs Hl)) as [_ Dv].
  specialize (Dv t Ht I).
  replace (t * F (fun k => x k t) l / t) with (e * x l t * F (fun k => x k t) l * / (e * x l t))
    by (field; repeat split; nra).
  apply (is_derive_comp ln (fun t => e * x l t)); [|exact Dv].
  apply is_derive_Reals, derivable_pt_lim_ln, P.
Qed.
End States.

Theorem state_convergence_proved : state_convergence_form.
Proof.
  intros N a mu s b eps L x l Ha HM Hs Hl Nz.
  destruct (shares_converge N a mu s b eps L x Ha HM Hs l Hl Nz) as [Hlim Hp].
  split; [exact Hlim|]. split.
  - pose proof (square_lim N a mu s b eps L x l HM Hs Hl Hlim _ Hp (Nz l (le_n _))) as H.
    now rewrite kappa_share in H.
  - apply (log_slope (fun t => ln (Rabs (x l t))) (fun t => t * growth_rate N a mu s b eps (fun k => x k t) l)).
    + intros t Ht. apply (log_abs_derive N a mu s b eps L x Hs l t Hl (Nz l (le_n _)) Ht).
    + exact (growth_lim N a mu s b eps L x Ha HM Hs l Hl Nz).
Qed.
