(** How the decay of the growth rate is shared among the states.

    With M = sum of mu_n < 0, delta0 = Delta(0) and q_n = exp(-a_n delta0): if
    -2 t f_{l-1,n} -> p_n and x_l -> 0, x_l(0) <> 0, then with kappa = sum of q_n p_n
      t x_l^2     -> max(0, 1 - kappa) / (2 |M| delta0)    and
      -2 t f_{l,n} -> q_n p_n + (mu_n / M) max(0, 1 - kappa);
    a zero token gives -2 t f_{l,n} -> q_n p_n.  The mu_n and a_n may have any sign.

    Proves no registry theorem by itself; Constants.v and StateConvergence.v rest on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate.
From S6Flow Require Import Signs LinearAsymptotics.
Open Scope R_scope.

(** Limits of continuous functions of a token that tends to 0. *)
Lemma lim_at_zero (f h : R -> R) :
  is_lim f p_infty 0 -> continuity_pt h 0 -> is_lim (fun t => h (f t)) p_infty (h 0).
Proof.
  intros Hf Hh. eapply filterlim_comp; [exact Hf|]. now apply continuity_pt_filterlim.
Qed.

Section Step.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Notation delta0 := (softplus b + eps).
Notation q n := (exp (- a n * (softplus b + eps))).
Hypothesis HM : M < 0.
Hypothesis Hs : solution N a mu s b eps L p_infty x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Hlim : is_lim (x l) p_infty 0.
Variable p : nat -> R.
Hypothesis Hp : forall n, is_lim (fun t => -2 * t * inherited a mu s b eps (fun k => x k t) l n) p_infty (p n).

Definition kappa : R := sum_below N (fun n => q n * p n).

Lemma Delta_lim : is_lim (fun t => D (x l t)) p_infty delta0.
Proof. rewrite <- (Delta_0 s b eps). apply (lim_at_zero (x l) D Hlim), Delta_continuity. Qed.

Lemma decay_lim n : is_lim (fun t => exp (- a n * D (x l t))) p_infty (q n).
Proof.
  rewrite <- (Delta_0 s b eps).
  apply (lim_at_zero (x l) (fun v => exp (- a n * D v)) Hlim), decay_continuity.
Qed.

Lemma decayed_lim n :
  is_lim (fun t => exp (- a n * D (x l t)) * (-2 * t * inherited a mu s b eps (fun k => x k t) l n))
         p_infty (q n * p n).
Proof. exact (is_lim_mult _ _ _ _ _ (decay_lim n) (Hp n) I). Qed.

Lemma carried_lim : is_lim (fun t => -2 * t * carried N a mu s b eps (fun k => x k t) l) p_infty kappa.
Proof.
  apply (is_lim_ext (fun t => sum_below N (fun n =>
    exp (- a n * D (x l t)) * (-2 * t * inherited a mu s b eps (fun k => x k t) l n)))).
  - intros t. unfold carried. rewrite <- sum_below_scal. apply sum_below_ext. intros n _. ring.
  - apply sum_below_lim. intros n _. apply decayed_lim.
Qed.

Lemma share_zero : x l 0 = 0 ->
  forall n, is_lim (fun t => -2 * t * hidden a mu s b eps (fun k => x k t) l n) p_infty (q n * p n).
Proof.
  intros Z n. eapply is_lim_ext_loc; [|apply decayed_lim].
  exists 0. intros t Ht. rewrite (hidden_step a mu s b eps (fun k => x k t) l n).
  rewrite (token_zero N a mu s b eps L p_infty x l Hs Hl Z t ltac:(lra) I). simpl (0 ^ 2). ring.
Qed.

Hypothesis Nz : x l 0 <> 0.
Let A := 2 * - M * delta0.

Lemma A_pos : 0 < A.
Proof. unfold A. pose proof (step_pos b eps). apply Rmult_lt_0_compat; lra. Qed.

Let y (t : R) : R := / x l t ^ 2.
Let al (t : R) : R := 2 * - M * D (x l t).
Let be (t : R) : R := -2 * t * carried N a mu s b eps (fun k => x k t) l.

Lemma nonzero t : 0 < t -> x l t <> 0.
Proof. intros Ht. apply (token_nonzero N a mu s b eps L p_infty x l Hs Hl Nz); [lra|exact I]. Qed.

Lemma y_derive t : 0 < t -> is_derive y t (be t / t * y t + al t).
Proof.
  intros Ht. pose proof (nonzero t Ht) as Hx.
  destruct (token_invsq N a mu s b eps L p_infty x l Hs Hl Nz) as [_ H]. specialize (H t Ht I).
  replace (be t / t * y t + al t) with (-2 * F (fun k => x k t) l / x l t ^ 2); [exact H|].
  rewrite growth_rate_split. unfold be, y, al. field. lra.
Qed.

Lemma y_pos t : 0 < t -> 0 < y t.
Proof. intros Ht. apply Rinv_0_lt_compat, pow2_gt_0, nonzero, Ht. Qed.

Lemma al_lim : is_lim al p_infty A.
Proof. exact (is_lim_scal_l _ (2 * - M) p_infty delta0 Delta_lim). Qed.

(** The decay constant. *)
Lemma square_lim : is_lim (fun t => t * x l t ^ 2) p_infty (Rmax 0 (1 - kappa) / A).
Proof.
  eapply is_lim_ext_loc; [|exact (lin_asym_inverse y al be y_derive y_pos A kappa A_pos carried_lim al_lim)].
  exists 0. intros t Ht. unfold y. pose proof (nonzero t Ht). field. split; first [assumption|lra].
Qed.

(** The share of state n. *)
Lemma share_nonzero n :
  is_lim (fun t => -2 * t * hidden a mu s b eps (fun k => x k t) l n) p_infty
         (q n * p n + mu n / M * Rmax 0 (1 - kappa)).
Proof.
  apply (is_lim_ext (fun t =>
    exp (- a n * D (x l t)) * (-2 * t * inherited a mu s b eps (fun k => x k t) l n)
    + -2 * mu n * D (x l t) * (t * x l t ^ 2))).
  { intros t. rewrite (hidden_step a mu s b eps (fun k => x k t) l n). ring. }
  apply is_lim_plus'; [apply decayed_lim|].
  replace (Finite (mu n / M * Rmax 0 (1 - kappa)))
    with (Rbar_mult (-2 * mu n * delta0) (Rmax 0 (1 - kappa) / A)).
  - apply is_lim_mult; [|exact square_lim|exact I].
    exact (is_lim_scal_l _ (-2 * mu n) p_infty delta0 Delta_lim).
  - simpl. f_equal. unfold A. pose proof (step_pos b eps). field. lra.
Qed.
End Step.
