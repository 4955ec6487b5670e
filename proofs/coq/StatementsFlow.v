(** Statements on the residual stack and on several tokens of a channel. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.

Local Open Scope R_scope.

(** ** The residual stack

    Layer i adds h times the layer's output to its input. *)

Fixpoint residual_stack (N : nat) (a mu : nat -> R) (s b h : R) (x0 : nat -> R) (i : nat) : nat -> R :=
  match i with
  | O => x0
  | S k => fun l =>
      residual_stack N a mu s b h x0 k l
      + h * (residual_stack N a mu s b h x0 k l
             * growth_rate N a mu s b (residual_stack N a mu s b h x0 k) l)
  end.

(** euler-consistency: up to any time t0 before the solution ends, the stack
    with small depth step h follows it within C h, in every token and layer. *)
Definition euler_consistency_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (t0 : R),
  solution N a mu s b L T x ->
  0 <= t0 ->
  Rbar_lt t0 T ->
  exists C h0 : R,
  0 < C /\
  0 < h0 /\
  (forall (h : R) (i l : nat),
     0 < h < h0 ->
     INR i * h <= t0 ->
     (l < L)%nat ->
     Rabs (residual_stack N a mu s b h (fun k => x k 0) i l - x l (INR i * h)) <= C * h).

(** ** Tokens and attention in the slow regime *)

(** slow-ratios: in the slow regime every later token becomes a fixed multiple,
    greater than 1, of the first. *)
Definition slow_ratios_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b L p_infty x ->
  (0 < l)%nat ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> s * x k 0 < 0) ->
  exists ratio : R, 1 < ratio /\ is_lim (fun t => x l t / x 0%nat t) p_infty ratio.

(** slow-attention: a later token's attention to the first is R_l/(t ln t) with
    the limit R_l of their quotient. *)
Definition slow_attention_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b L p_infty x ->
  (0 < l)%nat ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> s * x k 0 < 0) ->
  exists ratio : R,
  1 < ratio /\
  is_lim (fun t => x l t / x 0%nat t) p_infty ratio /\
  is_lim (fun t => t * ln t * attention N a mu s b (fun k => x k t) l 0) p_infty ratio.

(** ** Coexistence

    coexistence: with states of both signs the first token can blow up while
    the second tends to 0; a concrete instance. *)
Definition coexistence_statement : Prop :=
  forall a mu : nat -> R,
  a 0%nat = 1 / 5 ->
  a 1%nat = 4 ->
  mu 0%nat = -1 ->
  mu 1%nat = 3 / 2 ->
  exists (T : R) (x : nat -> R -> R),
  0 < T /\
  solution 2 a mu 1 1 2 T x /\
  x 0%nat 0 = 1 /\
  x 1%nat 0 = 1 / 2 /\
  filterlim (x 0%nat) (at_left T) (Rbar_locally p_infty) /\
  filterlim (x 1%nat) (at_left T) (locally 0).

(** ** What token 2 inherits *)

(** K(y): the share of the first token's rate that the next token y takes over. *)
Definition carried_factor (N : nat) (a mu : nat -> R) (s b y : R) : R :=
  sum_below N (fun n => mu n / sum_below N mu * exp (- a n * Delta s b y)).

(** carried-rate: token 2 grows at K(x_2) times the rate of token 1, plus its own. *)
Definition carried_rate_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R),
  sum_below N mu <> 0 ->
  growth_rate N a mu s b x 1 =
  carried_factor N a mu s b (x 1%nat) * growth_rate N a mu s b x 0
  + sum_below N mu * x 1%nat ^ 2 * Delta s b (x 1%nat).

(** carried-limits: K is bounded by its gates, tends to 1 for s y -> -infinity
    and to 0 for s y -> +infinity. *)
Definition carried_limits_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R),
  0 < sum_below N mu ->
  (forall y : R,
     Rabs (carried_factor N a mu s b y) * sum_below N mu
     <= sum_below N (fun n => Rabs (mu n) * exp (- a n * Delta s b y))) /\
  (s <> 0 -> is_lim (fun z => carried_factor N a mu s b (- z / s)) p_infty 1) /\
  (s <> 0 -> (forall n : nat, (n < N)%nat -> 0 < a n) ->
     is_lim (fun z => carried_factor N a mu s b (z / s)) p_infty 0).

(** stationary: with every mu_n = 0 no token moves. *)
Definition stationary_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> mu n = 0) ->
  solution N a mu s b L T x ->
  (l < L)%nat ->
  forall t : R, 0 <= t -> Rbar_lt t T -> x l t = x l 0.
