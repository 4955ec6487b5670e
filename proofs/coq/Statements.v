(** The statements of the registry's theorems, one definition a theorem.

    Each is universally quantified; its assumptions are implications. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.

Local Open Scope R_scope.

Definition linear_recursion_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R) (l : nat),
  growth_rate N a mu s b x l =
  sum_below N (fun n => sum_below (S l) (fun j =>
    mu n * x j ^ 2 * Delta s b (x j)
    * exp (- a n * sum_between (S j) (S l) (fun k => Delta s b (x k))))).

Definition unrolled_attention_channel_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (x : nat -> R) (l : nat),
  x l * growth_rate N a mu s b x l =
  sum_below (S l) (fun j => attention N a mu s b x l j * x j).

Definition sign_invariance_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  solution N a mu s b L T x ->
  (l < L)%nat ->
  forall t : R,
  0 <= t ->
  Rbar_lt t T ->
  (0 < x l 0 -> 0 < x l t) /\ (x l 0 < 0 -> x l t < 0) /\ (x l 0 = 0 -> x l t = 0).

Definition scaling_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (c k : R),
  0 < c ->
  0 < k ->
  solution N a mu s b L (Rbar_mult k T) x ->
  solution N a (fun n => k / c ^ 2 * mu n) (s / c) b L T (fun l t => c * x l (k * t)).

Definition uniqueness_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x y : nat -> R -> R),
  solution N a mu s b L T x ->
  solution N a mu s b L T y ->
  (forall l : nat, (l < L)%nat -> x l 0 = y l 0) ->
  forall l : nat,
  (l < L)%nat ->
  forall t : R,
  0 <= t ->
  Rbar_lt t T ->
  x l t = y l t.

Definition causality_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L L' m : nat) (T : Rbar) (x y : nat -> R -> R),
  solution N a mu s b L T x ->
  solution N a mu s b L' T y ->
  (m <= L)%nat ->
  (m <= L')%nat ->
  (forall l : nat, (l < m)%nat -> x l 0 = y l 0) ->
  solution N a mu s b m T x /\
  (forall l : nat, (l < m)%nat -> forall t : R, 0 <= t -> Rbar_lt t T -> x l t = y l t).

Definition maximal_solution_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R),
  exists (T : Rbar) (x : nat -> R -> R),
  Rbar_lt 0 T /\
  solution N a mu s b L T x /\
  (forall l : nat, (l < L)%nat -> x l 0 = y0 l) /\
  (forall (T' : Rbar) (y : nat -> R -> R),
     solution N a mu s b L T' y ->
     (forall l : nat, (l < L)%nat -> y l 0 = y0 l) ->
     Rbar_le T' T /\
     (forall l : nat, (l < L)%nat -> forall t : R, 0 <= t -> Rbar_lt t T' -> y l t = x l t)) /\
  (T <> p_infty ->
   exists l : nat,
   (l < L)%nat /\
   (forall B : R, exists t : R, 0 <= t /\ Rbar_lt t T /\ B < Rabs (x l t))).

Definition existence_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R),
  (forall n : nat, (n < N)%nat -> mu n <= 0) ->
  exists x : nat -> R -> R,
  solution N a mu s b L p_infty x /\ (forall l : nat, (l < L)%nat -> x l 0 = y0 l).

Definition convergence_rate_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> mu n <= 0) ->
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (l < L)%nat ->
  (forall u v : R, 0 <= u <= v -> Rabs (x l v) <= Rabs (x l u)) /\
  (x l 0 <> 0 ->
   forall t : R,
   0 <= t ->
   Rabs (x l t) <=
   / sqrt (/ x l 0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta s b 0) (Delta s b (x l 0)) * t)) /\
  (forall t : R,
   0 < t ->
   Rabs (x l t) <=
   / sqrt (2 * - sum_below N mu * Rmin (Delta s b 0) (Delta s b (x l 0))) / sqrt t) /\
  is_lim (x l) p_infty 0.

Definition convergence_rate_first_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R),
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (0 < L)%nat ->
  (forall u v : R, 0 <= u <= v -> Rabs (x O v) <= Rabs (x O u)) /\
  (x O 0 <> 0 ->
   forall t : R,
   0 <= t ->
   Rabs (x O t) <=
   / sqrt (/ x O 0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta s b 0) (Delta s b (x O 0)) * t)) /\
  (forall t : R,
   0 < t ->
   Rabs (x O t) <=
   / sqrt (2 * - sum_below N mu * Rmin (Delta s b 0) (Delta s b (x O 0))) / sqrt t) /\
  is_lim (x O) p_infty 0.

Definition divergence_monotone_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b L T x ->
  (l < L)%nat ->
  x l 0 <> 0 ->
  (forall u v : R, 0 <= u -> u < v -> Rbar_lt v T -> Rabs (x l u) < Rabs (x l v)) /\
  (T = p_infty -> is_lim (fun t => Rabs (x l t)) p_infty p_infty).

Definition fast_bound_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b L T x ->
  (l < L)%nat ->
  x l 0 <> 0 ->
  0 <= s * x l 0 ->
  Rbar_le T (/ (2 * sum_below N mu * Delta s b (x l 0) * x l 0 ^ 2)) /\
  (forall t : R,
   0 <= t ->
   Rbar_lt t T ->
   x l 0 ^ 2 <= x l t ^ 2 * (1 - 2 * sum_below N mu * Delta s b (x l 0) * x l 0 ^ 2 * t)).

Definition slow_existence_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  (forall l : nat, (l < L)%nat -> y0 l = 0 \/ s * y0 l < 0) ->
  exists x : nat -> R -> R,
  solution N a mu s b L p_infty x /\ (forall l : nat, (l < L)%nat -> x l 0 = y0 l).

Definition slow_log_rate_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b L T x ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> x k 0 = 0 \/ s * x k 0 < 0) ->
  x l 0 <> 0 ->
  (forall t : R,
   0 <= t ->
   Rbar_lt t T ->
   / Rabs s
   * ln (exp (Rabs s * Rabs (x l 0))
         + Rabs s * sum_below N mu * Rabs (x l 0) ^ 3 * (exp b / (1 + exp b)) * t)
   <= Rabs (x l t)) /\
  (exists C : R,
   0 <= C /\ (forall t : R, exp 1 <= t -> Rbar_lt t T -> Rabs (x l t) <= C * ln t)).

Definition convergence_constants_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b a0 : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> a n = a0) ->
  0 <= a0 ->
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (l < L)%nat ->
  x l 0 <> 0 ->
  ((forall k : nat, (k < l)%nat -> x k 0 = 0) ->
   is_lim (fun t => t * x l t ^ 2) p_infty (1 / (2 * - sum_below N mu * softplus b))) /\
  (forall j : nat,
   (j < l)%nat ->
   x j 0 <> 0 ->
   (forall k : nat, (j < k)%nat -> (k < l)%nat -> x k 0 = 0) ->
   is_lim (fun t => t * x l t ^ 2) p_infty
     ((1 - exp (- a0 * softplus b) ^ (l - j)) / (2 * - sum_below N mu * softplus b))).

Definition attention_decay_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b a0 : R) (L : nat) (x : nat -> R -> R) (l j : nat) (cl cj : R),
  (forall n : nat, (n < N)%nat -> a n = a0) ->
  0 <= a0 ->
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (l < L)%nat ->
  (j <= l)%nat ->
  is_lim (fun t => t * x l t ^ 2) p_infty cl ->
  is_lim (fun t => t * x j t ^ 2) p_infty cj ->
  is_lim (fun t => t * attention N a mu s b (fun k => x k t) l j) p_infty
    (sum_below N mu * softplus b * sqrt (cl * cj) * exp (- a0 * softplus b) ^ (l - j)
     * (sign (x l 0) * sign (x j 0))).

Definition state_existence_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  sum_below N mu <= 0 ->
  exists x : nat -> R -> R,
  solution N a mu s b L p_infty x /\ (forall l : nat, (l < L)%nat -> x l 0 = y0 l).

Definition state_convergence_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> x k 0 <> 0) ->
  is_lim (x l) p_infty 0 /\
  is_lim (fun t => t * x l t ^ 2) p_infty
    (Rmax 0 (1 - share_carried N a mu b l) / (2 * - sum_below N mu * softplus b)) /\
  is_lim (fun t => ln (Rabs (x l t)) / ln t) p_infty (- (Rmax 1 (share_carried N a mu b l) / 2)).

Definition fast_order_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : R) (x : nat -> R -> R),
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  0 < T ->
  solution N a mu s b L T x ->
  (forall (T' : Rbar) (y : nat -> R -> R),
     solution N a mu s b L T' y -> (forall l : nat, (l < L)%nat -> y l 0 = x l 0) -> Rbar_le T' T) ->
  exists m : nat,
  (m < L)%nat /\
  x m 0 <> 0 /\
  (exists B : R, forall (l : nat) (t : R), (l < m)%nat -> 0 <= t -> t < T -> Rabs (x l t) <= B) /\
  (exists (T' : R) (y : nat -> R -> R),
     T < T' /\ solution N a mu s b m T' y /\ (forall l : nat, (l < m)%nat -> y l 0 = x l 0)) /\
  (forall (L' : nat) (T' : Rbar) (y : nat -> R -> R),
     (m < L')%nat ->
     solution N a mu s b L' T' y -> (forall l : nat, (l < L')%nat -> y l 0 = x l 0) -> Rbar_le T' T) /\
  (forall l : nat,
     (m <= l)%nat ->
     (l < L)%nat ->
     x l 0 <> 0 ->
     forall B : R, exists t0 : R, 0 <= t0 /\ t0 < T /\ (forall t : R, t0 <= t -> t < T -> B < Rabs (x l t))).

Definition dichotomy_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  (forall n : nat, (n < N)%nat -> mu n <= 0) \/
  (forall n : nat, (n < N)%nat -> 0 <= mu n) \/
  (exists a0 : R, forall n : nat, (n < N)%nat -> a n = a0) ->
  exists (T : Rbar) (x : nat -> R -> R),
  Rbar_lt 0 T /\
  solution N a mu s b L T x /\
  (forall l : nat, (l < L)%nat -> x l 0 = y0 l) /\
  (forall (T' : Rbar) (y : nat -> R -> R),
     solution N a mu s b L T' y ->
     (forall l : nat, (l < L)%nat -> y l 0 = y0 l) ->
     Rbar_le T' T /\
     (forall l : nat, (l < L)%nat -> forall t : R, 0 <= t -> Rbar_lt t T' -> y l t = x l t)) /\
  (sum_below N mu < 0 ->
   T = p_infty /\ (forall l : nat, (l < L)%nat -> is_lim (x l) p_infty 0)) /\
  (sum_below N mu = 0 ->
   T = p_infty /\ (forall (l : nat) (t : R), (l < L)%nat -> 0 <= t -> x l t = y0 l)) /\
  (0 < sum_below N mu ->
   (forall l : nat, (l < L)%nat -> y0 l = 0 \/ s * y0 l < 0) ->
   T = p_infty /\
   (forall l : nat,
      (l < L)%nat ->
      y0 l <> 0 ->
      is_lim (fun t => Rabs (x l t)) p_infty p_infty /\
      (exists C : R, forall t : R, exp 1 <= t -> Rabs (x l t) <= C * ln t))) /\
  (0 < sum_below N mu ->
   (exists l : nat, (l < L)%nat /\ y0 l <> 0 /\ 0 <= s * y0 l) ->
   exists (T0 : R) (m : nat),
   T = Finite T0 /\
   (m < L)%nat /\
   y0 m <> 0 /\
   (forall l : nat,
      (m <= l)%nat ->
      (l < L)%nat ->
      y0 l <> 0 ->
      forall B : R, exists t0 : R, 0 <= t0 /\ t0 < T0 /\ (forall t : R, t0 <= t -> t < T0 -> B < Rabs (x l t)))).

Definition fast_bound_attained_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (b x0 : R),
  0 < sum_below N mu ->
  x0 <> 0 ->
  exists x : nat -> R -> R,
  solution N a mu 0 b 1 (/ (2 * sum_below N mu * Delta 0 b x0 * x0 ^ 2)) x /\ x O 0 = x0.

Definition convergence_rate_attained_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (b x0 : R),
  sum_below N mu < 0 ->
  x0 <> 0 ->
  exists x : nat -> R -> R,
  solution N a mu 0 b 1 p_infty x /\
  x O 0 = x0 /\
  (forall t : R,
   0 <= t ->
   Rabs (x O t) =
   / sqrt (/ x0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta 0 b 0) (Delta 0 b x0) * t)).

Definition state_convergence_zeros_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (p : nat -> nat -> R),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (forall n : nat, p O n = 0) ->
  (forall l n : nat,
     (l < L)%nat -> x l 0 = 0 -> p (S l) n = exp (- a n * softplus b) * p l n) ->
  (forall l n : nat,
     (l < L)%nat ->
     x l 0 <> 0 ->
     p (S l) n =
     exp (- a n * softplus b) * p l n
     + mu n / sum_below N mu
       * Rmax 0 (1 - sum_below N (fun m => exp (- a m * softplus b) * p l m))) ->
  (forall l : nat,
     (l < L)%nat ->
     x l 0 <> 0 ->
     (forall k : nat, (k < l)%nat -> x k 0 = 0) \/ 0 < sum_below N (p l)) ->
  forall l : nat,
  (l < L)%nat ->
  x l 0 <> 0 ->
  is_lim (x l) p_infty 0 /\
  is_lim (fun t => t * x l t ^ 2) p_infty
    (Rmax 0 (1 - sum_below N (fun m => exp (- a m * softplus b) * p l m))
     / (2 * - sum_below N mu * softplus b)).

Definition state_convergence_critical_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  sum_below N mu < 0 ->
  solution N a mu s b L p_infty x ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> x k 0 <> 0) ->
  (forall k : nat, (k < l)%nat -> share_carried N a mu b k <> 1) ->
  share_carried N a mu b l = 1 ->
  is_lim (fun t => t * ln t * x l t ^ 2) p_infty (/ (2 * - sum_below N mu * softplus b)).

Definition state_divergence_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  0 < sum_below N mu ->
  solution N a mu s b L p_infty x ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> s * x k 0 < 0) ->
  is_lim (fun t => Rabs (x l t)) p_infty p_infty /\
  (exists t0 : R, forall u v : R, t0 < u -> u < v -> Rabs (x l u) < Rabs (x l v)) /\
  (forall n : nat,
     (n < N)%nat ->
     is_lim (fun t => hidden a mu s b (fun k => x k t) l n / growth_rate N a mu s b (fun k => x k t) l) p_infty
       (mu n / sum_below N mu)).
