(** Functions that are Lipschitz on boxes, along a solution: bounded on compact
    intervals of time, and convergent where the solution converges.

    Proves no registry theorem by itself; Trichotomy.v rests on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier LipschitzField FieldFlow Limits.
Open Scope R_scope.

Lemma along_locally_bounded n V (T : Rbar) x g : solves V n T x ->
  (forall r, 0 <= r -> box_lipschitz n r g) -> locally_bounded T (fun t => g (fun k => x k t)).
Proof.
  intros Hs Hg t0 Ht0 HT. destruct (solves_bounded n V T x t0 Hs Ht0 HT) as (c & Hc & Hx).
  destruct (Hg c Hc) as (B & K & _ & _ & Lip). exists B. intros t Ht.
  assert (Box : in_box n c (fun k => x k t)) by (intros k Hk; now apply Hx).
  refine (proj1 (Lip _ _ 0 Box Box (Rle_refl 0) _)).
  intros k _. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
Qed.

Lemma near_limit n (x : nat -> R -> R) (p : nat -> R) eps : 0 < eps ->
  (forall k, (k < n)%nat -> is_lim (x k) p_infty (p k)) ->
  exists M, forall t, M < t -> near n eps (fun k => x k t) p.
Proof.
  intros He H. induction n as [|m IH].
  - exists 0. intros t _ k Hk. lia.
  - destruct IH as (M & HM); [intros; apply H; lia|].
    pose proof (H m (le_n _)) as Hm. apply is_lim_spec in Hm. destruct (Hm (mkposreal _ He)) as (M' & HM').
    exists (Rmax M M'). intros t Ht k Hk. pose proof (Rmax_l M M'). pose proof (Rmax_r M M').
    destruct (Nat.eq_dec k m) as [->|Nk].
    + left. apply HM'. lra.
    + apply HM; [lra|lia].
Qed.

Lemma limit_along n (x : nat -> R -> R) (p : nat -> R) g :
  (forall r, 0 <= r -> box_lipschitz n r g) -> (forall k, (k < n)%nat -> is_lim (x k) p_infty (p k)) ->
  is_lim (fun t => g (fun k => x k t)) p_infty (g p).
Proof.
  intros Hg H. destruct (finite_bound n p) as (B & HB & Hp).
  destruct (Hg (B + 1) ltac:(lra)) as (C & K & _ & HK & Lip).
  apply is_lim_spec. intros eps. pose proof (cond_pos eps) as He.
  set (d := Rmin 1 (eps / (K + 1))).
  assert (Pd : 0 < d) by (apply Rmin_glb_lt; [lra|apply Rdiv_lt_0_compat; lra]).
  destruct (near_limit n x p d Pd H) as (M & HM). exists M. intros t Ht. specialize (HM t Ht).
  assert (Boxp : in_box n (B + 1) p) by (intros k Hk; specialize (Hp k Hk); lra).
  assert (Boxx : in_box n (B + 1) (fun k => x k t)).
  { intros k Hk. specialize (HM k Hk). specialize (Hp k Hk). pose proof (Rmin_l 1 (eps / (K + 1))) as Q. fold d in Q.
    replace (x k t) with (x k t - p k + p k) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra. }
  destruct (Lip _ _ d Boxx Boxp ltac:(lra) HM) as [_ L]. eapply Rle_lt_trans; [exact L|].
  apply Rle_lt_trans with (K * (eps / (K + 1))); [apply Rmult_le_compat_l; [exact HK|apply Rmin_r]|].
  apply (Rmult_lt_reg_r (K + 1)); [lra|]. replace (K * (eps / (K + 1)) * (K + 1)) with (K * eps) by (field; lra). nra.
Qed.

(** Where a solution converges the field vanishes. *)
Lemma limit_rests n V x (p : nat -> R) : locally_lipschitz n V -> solves V n p_infty x ->
  (forall k, (k < n)%nat -> is_lim (x k) p_infty (p k)) -> forall k, (k < n)%nat -> V k p = 0.
Proof.
  intros HV Hs H k Hk.
  assert (A : is_lim (fun t => x k t / t) p_infty (V k p)).
  { apply (lim_quotient_of_derivative (x k) _ _ (Hs k Hk)). apply (limit_along n x p (V k)); [|exact H].
    intros r Hr. now apply HV. }
  assert (B : is_lim (fun t => x k t / t) p_infty (p k * 0)).
  { apply (is_lim_mult (x k) (fun t => / t) p_infty (p k) 0 (H k Hk)); [|exact I].
    apply (is_lim_inv (fun t => t) p_infty p_infty); [apply is_lim_id|discriminate]. }
  apply is_lim_unique in A. apply is_lim_unique in B. rewrite A in B. injection B as B. lra.
Qed.
