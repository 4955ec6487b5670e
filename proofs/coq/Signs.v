(** A token never crosses zero.

    Proves sign-invariance. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Calculus Evolution Barrier Sums GrowthRate Statements.
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

Theorem sign_invariance : sign_invariance_statement.
Proof.
  intros N a mu s b e0 L T x l [eps <-]%as_floor Hs Hl t Ht HT. split; [|split]; intros H0.
  - now apply (token_positive N a mu s b eps L T x l).
  - now apply (token_negative N a mu s b eps L T x l).
  - now apply (token_zero N a mu s b eps L T x l).
Qed.
