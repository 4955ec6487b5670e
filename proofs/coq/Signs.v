(** A token never crosses zero.

    Proves sign-invariance. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Softplus Calculus Evolution Barrier Sums GrowthRate Statements.
Open Scope R_scope.

Section Signs.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal).
Notation F := (growth_rate N a mu s b eps).
Notation solution := (solution N a mu s b eps).

Lemma solution_evolves L T x l :
  solution L T x -> (l < L)%nat ->
  evolves T (x l) (fun t => x l t * F (fun k => x k t) l).
Proof. intros H Hl. exact (H l Hl). Qed.

(** The first tokens of a solution, on a shorter interval, are a solution. *)
Lemma solution_weaken L L' T T' x :
  (L' <= L)%nat -> Rbar_le T' T -> solution L T x -> solution L' T' x.
Proof.
  intros HL HT Hs l Hl. apply (evolves_weaken T T' _ _ HT). apply (solution_evolves L); [exact Hs|lia].
Qed.

(** F is bounded along a solution on every compact [0,t0] of the interval of existence. *)
Lemma growth_rate_bounded L T x l :
  solution L T x -> (l < L)%nat -> locally_bounded T (fun t => F (fun k => x k t) l).
Proof.
  intros Hs Hl t0 Ht0 HT.
  destruct (bounded_on (fun t => F (fun k => ext (x k) t) l) t0 Ht0) as [K HK].
  - intros t Ht. apply growth_rate_continuity. intros k Hk.
    apply (evolves_ext_continuous T _ _ (solution_evolves L T x k Hs ltac:(lia))); [lra|].
    apply Rbar_lt_lt with t0; [lra|exact HT].
  - exists K. intros t Ht. specialize (HK t Ht). revert HK.
    unfold ext. rewrite Rmax_right by lra. exact (fun h => h).
Qed.

Lemma token_nonzero L T x l :
  solution L T x -> (l < L)%nat -> x l 0 <> 0 -> forall t, 0 <= t -> Rbar_lt t T -> x l t <> 0.
Proof.
  intros Hs Hl. apply (factor_nonzero T (x l) _ (solution_evolves L T x l Hs Hl)).
  now apply (growth_rate_bounded L).
Qed.

Lemma token_zero L T x l :
  solution L T x -> (l < L)%nat -> x l 0 = 0 -> forall t, 0 <= t -> Rbar_lt t T -> x l t = 0.
Proof.
  intros Hs Hl. apply (factor_zero T (x l) _ (solution_evolves L T x l Hs Hl)).
  now apply (growth_rate_bounded L).
Qed.

Lemma token_positive L T x l :
  solution L T x -> (l < L)%nat -> 0 < x l 0 -> forall t, 0 <= t -> Rbar_lt t T -> 0 < x l t.
Proof.
  intros Hs Hl H0. apply (sign_on T (x l) _ (solution_evolves L T x l Hs Hl)); [|exact H0].
  apply (token_nonzero L T x l Hs Hl). lra.
Qed.

Lemma token_negative L T x l :
  solution L T x -> (l < L)%nat -> x l 0 < 0 -> forall t, 0 <= t -> Rbar_lt t T -> x l t < 0.
Proof.
  intros Hs Hl H0 t Ht HT.
  cut (0 < - x l t); [lra|].
  apply (sign_on T (fun u => - x l u) _ (evolves_opp _ _ _ (solution_evolves L T x l Hs Hl)));
    [|lra|exact Ht|exact HT].
  intros u Hu HuT E. apply (token_nonzero L T x l Hs Hl ltac:(lra) u Hu HuT). lra.
Qed.

(** |x_l| = e x_l with one sign e for all times. *)
Lemma abs_sign L T x l :
  solution L T x -> (l < L)%nat -> x l 0 <> 0 ->
  exists e, e * e = 1 /\ forall t, 0 <= t -> Rbar_lt t T -> Rabs (x l t) = e * x l t.
Proof.
  intros Hs Hl Nz. destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
  - exists (-1). split; [lra|]. intros t Ht HtT.
    pose proof (token_negative L T x l Hs Hl Neg t Ht HtT).
    rewrite Rabs_left by assumption. ring.
  - exists 1. split; [lra|]. intros t Ht HtT.
    pose proof (token_positive L T x l Hs Hl ltac:(lra) t Ht HtT).
    rewrite Rabs_pos_eq by lra. ring.
Qed.

(** (1/x_l^2)' = -2 F_l / x_l^2. *)
Lemma token_invsq L T x l :
  solution L T x -> (l < L)%nat -> x l 0 <> 0 ->
  evolves T (fun t => / x l t ^ 2) (fun t => -2 * F (fun k => x k t) l / x l t ^ 2).
Proof.
  intros Hs Hl Nz. apply (evolves_invsq T (x l) (fun t => F (fun k => x k t) l)).
  - now apply (solution_evolves L).
  - exact Nz.
  - now apply (token_nonzero L).
Qed.
End Signs.

(** ** A channel axis with a bias of B *)
Section Axis.
Variables (N : nat) (S_B S_C beta_B beta_C a : nat -> R) (s b : R) (eps : nonnegreal).
Notation held := (axis_hidden S_B beta_B a s b eps).
Notation velocity := (axis_velocity N S_B S_C beta_B beta_C a s b eps).
Hypothesis unread : forall n, (n < N)%nat -> beta_C n = 0.

(** Without a bias of C every token is a factor of its own velocity; this is the other one. *)
Definition axis_rate (x : nat -> R) (l : nat) : R := sum_below N (fun n => S_C n * held x l n).

Lemma axis_velocity_factor x l : velocity x l = x l * axis_rate x l.
Proof.
  unfold axis_velocity, axis_rate. rewrite <- sum_below_scal. apply sum_below_ext. intros n Hn.
  rewrite unread by exact Hn. ring.
Qed.

Lemma axis_hidden_continuity (y : nat -> R -> R) l n t :
  (forall k, (k <= l)%nat -> continuity_pt (y k) t) -> continuity_pt (fun u => held (fun k => y k u) l n) t.
Proof.
  assert (Q : forall k, continuity_pt (y k) t ->
            continuity_pt (fun u => y k u * Delta s b eps (y k u) * (S_B n * y k u + beta_B n)) t).
  { intros k Hk. apply (continuity_pt_comp (y k) (fun v => v * Delta s b eps v * (S_B n * v + beta_B n))); [exact Hk|].
    apply (continuity_pt_mult (fun v => v * Delta s b eps v) (fun v => S_B n * v + beta_B n)).
    - apply (continuity_pt_mult (fun v => v) (Delta s b eps)); [apply derivable_continuous_pt, derivable_pt_id|apply Delta_continuity].
    - apply (continuity_pt_plus (fun v => S_B n * v) (fun _ => beta_B n)); [|now apply continuity_pt_const].
      apply (continuity_pt_scal (fun v => v)), derivable_continuous_pt, derivable_pt_id. }
  induction l as [|k IH]; intros H; cbn [axis_hidden].
  - apply Q, H; lia.
  - apply (continuity_pt_plus
      (fun u => exp (- a n * Delta s b eps (y (S k) u)) * held (fun k => y k u) k n)
      (fun u => y (S k) u * Delta s b eps (y (S k) u) * (S_B n * y (S k) u + beta_B n))).
    + apply (continuity_pt_mult (fun u => exp (- a n * Delta s b eps (y (S k) u))) (fun u => held (fun k => y k u) k n)).
      * apply (continuity_pt_comp (y (S k)) (fun v => exp (- a n * Delta s b eps v))); [apply H; lia|apply decay_continuity].
      * apply IH. intros; apply H; lia.
    + apply Q, H; lia.
Qed.

Lemma axis_rate_continuity (y : nat -> R -> R) l t :
  (forall k, (k <= l)%nat -> continuity_pt (y k) t) -> continuity_pt (fun u => axis_rate (fun k => y k u) l) t.
Proof.
  intros H. apply (sum_below_continuity N (fun n u => S_C n * held (fun k => y k u) l n)). intros n _.
  apply (continuity_pt_scal (fun u => held (fun k => y k u) l n)). now apply axis_hidden_continuity.
Qed.

Variables (L : nat) (T : Rbar) (x : nat -> R -> R).
Hypothesis Hs : axis_solution N S_B S_C beta_B beta_C a s b eps L T x.

Lemma axis_evolves l : (l < L)%nat -> evolves T (x l) (fun t => x l t * axis_rate (fun k => x k t) l).
Proof.
  intros Hl. destruct (Hs l Hl) as [H0 H]. split; [exact H0|]. intros t Ht HT.
  rewrite <- (axis_velocity_factor (fun k => x k t)). now apply H.
Qed.

Lemma axis_rate_bounded l : (l < L)%nat -> locally_bounded T (fun t => axis_rate (fun k => x k t) l).
Proof.
  intros Hl t0 Ht0 HT.
  destruct (bounded_on (fun t => axis_rate (fun k => ext (x k) t) l) t0 Ht0) as [K HK].
  - intros t Ht. apply axis_rate_continuity. intros k Hk.
    apply (evolves_ext_continuous T _ _ (axis_evolves k ltac:(lia))); [lra|]. apply Rbar_lt_lt with t0; [lra|exact HT].
  - exists K. intros t Ht. specialize (HK t Ht). revert HK. unfold ext. rewrite Rmax_right by lra. exact (fun h => h).
Qed.

Lemma axis_sign l t : (l < L)%nat -> x l 0 <> 0 -> 0 <= t -> Rbar_lt t T -> 0 < x l t * sign (x l 0).
Proof.
  intros Hl Nz Ht HT.
  assert (Away := factor_nonzero T (x l) _ (axis_evolves l Hl) (axis_rate_bounded l Hl) Nz).
  destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
  - rewrite sign_eq_m1 by exact Neg. cut (0 < - x l t); [lra|].
    apply (sign_on T (fun u => - x l u) _ (evolves_opp _ _ _ (axis_evolves l Hl))); [|lra|exact Ht|exact HT].
    intros u Hu HuT E. apply (Away u Hu HuT). lra.
  - rewrite sign_eq_1 by lra. rewrite Rmult_1_r. now apply (sign_on T (x l) _ (axis_evolves l Hl)).
Qed.
End Axis.

Theorem sign_invariance : sign_invariance_statement.
Proof.
  intros N S_B S_C beta_B beta_C a s b e0 L T x l [eps <-]%as_floor Unread Hs Hl t Ht HT. split.
  - intros H0. now apply (factor_zero T (x l) _ (axis_evolves N S_B S_C beta_B beta_C a s b eps Unread L T x Hs l Hl)
      (axis_rate_bounded N S_B S_C beta_B beta_C a s b eps Unread L T x Hs l Hl)).
  - intros Nz. now apply (axis_sign N S_B S_C beta_B beta_C a s b eps Unread L T x Hs).
Qed.
