(** Definitions of the selective layer and of its S6 flow.

    A token carries one real number.  The layer has a step width
    Delta(u) = softplus(s*u + b), and N hidden states; state n decays at rate
    a n and its input and output vectors meet in the one number mu n.  Tokens,
    states and time are indexed from 0.  A sequence of tokens is a function
    nat -> R, a moving sequence a function nat -> R -> R (token, then time). *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.

Local Open Scope R_scope.

Definition softplus (z : R) : R :=
  ln (1 + exp z).

Definition Delta (s b u : R) : R :=
  softplus (s * u + b).

Fixpoint sum_below (N : nat) (g : nat -> R) : R :=
  match N with
  | O => 0
  | S k => sum_below k g + g k
  end.

Fixpoint hidden (a mu : nat -> R) (s b : R) (x : nat -> R) (l n : nat) : R :=
  match l with
  | O => mu n * x O ^ 2 * Delta s b (x O)
  | S k =>
      exp (- a n * Delta s b (x (S k))) * hidden a mu s b x k n
      + mu n * x (S k) ^ 2 * Delta s b (x (S k))
  end.

Definition growth_rate (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R) (l : nat) : R :=
  sum_below N (hidden a mu s b x l).

Definition solution (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar)
    (x : nat -> R -> R) : Prop :=
  forall l : nat,
    (l < L)%nat ->
    filterlim (x l) (at_right 0) (locally (x l 0)) /\
    (forall t : R,
       0 < t ->
       Rbar_lt t T ->
       is_derive (x l) t (x l t * growth_rate N a mu s b (fun k => x k t) l)).

Definition sum_between (i m : nat) (g : nat -> R) : R :=
  sum_below (m - i) (fun k => g (i + k)%nat).

Definition attention (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R) (l j : nat) : R :=
  sum_below N (fun n =>
    mu n * x l * x j * Delta s b (x j)
    * exp (- a n * sum_between (S j) (S l) (fun k => Delta s b (x k)))).

Fixpoint state_share (N : nat) (a mu : nat -> R) (b : R) (l n : nat) : R :=
  match l with
  | O => mu n / sum_below N mu
  | S k =>
      exp (- a n * softplus b) * state_share N a mu b k n
      + mu n / sum_below N mu
        * Rmax 0 (1 - sum_below N (fun m => exp (- a m * softplus b) * state_share N a mu b k m))
  end.

Definition share_carried (N : nat) (a mu : nat -> R) (b : R) (l : nat) : R :=
  match l with
  | O => 0
  | S k => sum_below N (fun m => exp (- a m * softplus b) * state_share N a mu b k m)
  end.
