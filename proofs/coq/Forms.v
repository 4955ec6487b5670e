(** The same claims in the shape in which their proofs obtain them: inverse squares instead of quotients, powers of
    q instead of exponentials.  Printed.v turns each into the printed statement. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Softplus.

Local Open Scope R_scope.

Definition convergence_rate_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> mu n <= 0) ->
  sum_below N mu < 0 ->
  solution N a mu s b eps L p_infty x ->
  (l < L)%nat ->
  (forall u v : R, 0 <= u <= v -> Rabs (x l v) <= Rabs (x l u)) /\
  (x l 0 <> 0 ->
   forall t : R,
   0 <= t ->
   Rabs (x l t) <=
   / sqrt (/ x l 0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta s b eps 0) (Delta s b eps (x l 0)) * t)) /\
  (forall t : R,
   0 < t ->
   Rabs (x l t) <=
   / sqrt (2 * - sum_below N mu * Rmin (Delta s b eps 0) (Delta s b eps (x l 0))) / sqrt t) /\
  is_lim (x l) p_infty 0.

Definition convergence_rate_first_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R),
  sum_below N mu < 0 ->
  solution N a mu s b eps L p_infty x ->
  (0 < L)%nat ->
  (forall u v : R, 0 <= u <= v -> Rabs (x O v) <= Rabs (x O u)) /\
  (x O 0 <> 0 ->
   forall t : R,
   0 <= t ->
   Rabs (x O t) <=
   / sqrt (/ x O 0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta s b eps 0) (Delta s b eps (x O 0)) * t)) /\
  (forall t : R,
   0 < t ->
   Rabs (x O t) <=
   / sqrt (2 * - sum_below N mu * Rmin (Delta s b eps 0) (Delta s b eps (x O 0))) / sqrt t) /\
  is_lim (x O) p_infty 0.

Definition convergence_rate_attained_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (b : R) (eps : nonnegreal) (x0 : R),
  sum_below N mu < 0 ->
  x0 <> 0 ->
  exists x : nat -> R -> R,
  solution N a mu 0 b eps 1 p_infty x /\
  x O 0 = x0 /\
  (forall t : R,
   0 <= t ->
   Rabs (x O t) =
   / sqrt (/ x0 ^ 2 + 2 * - sum_below N mu * Rmin (Delta 0 b eps 0) (Delta 0 b eps x0) * t)).

Definition fast_bound_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b eps L T x ->
  (l < L)%nat ->
  x l 0 <> 0 ->
  0 <= s * x l 0 ->
  Rbar_le T (/ (2 * sum_below N mu * Delta s b eps (x l 0) * x l 0 ^ 2)) /\
  (forall t : R,
   0 <= t ->
   Rbar_lt t T ->
   x l 0 ^ 2 <= x l t ^ 2 * (1 - 2 * sum_below N mu * Delta s b eps (x l 0) * x l 0 ^ 2 * t)).

Definition fast_bound_attained_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (b : R) (eps : nonnegreal) (x0 : R),
  0 < sum_below N mu ->
  x0 <> 0 ->
  exists x : nat -> R -> R,
  solution N a mu 0 b eps 1 (/ (2 * sum_below N mu * Delta 0 b eps x0 * x0 ^ 2)) x /\ x O 0 = x0.

Definition slow_log_rate_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  (forall n : nat, (n < N)%nat -> 0 <= mu n) ->
  0 < sum_below N mu ->
  solution N a mu s b no_floor L T x ->
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

Definition convergence_constants_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (a0 : R) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> a n = a0) ->
  0 <= a0 ->
  sum_below N mu < 0 ->
  solution N a mu s b eps L p_infty x ->
  (l < L)%nat ->
  x l 0 <> 0 ->
  ((forall k : nat, (k < l)%nat -> x k 0 = 0) ->
   is_lim (fun t => t * x l t ^ 2) p_infty (1 / (2 * - sum_below N mu * (softplus b + eps)))) /\
  (forall j : nat,
   (j < l)%nat ->
   x j 0 <> 0 ->
   (forall k : nat, (j < k)%nat -> (k < l)%nat -> x k 0 = 0) ->
   is_lim (fun t => t * x l t ^ 2) p_infty
     ((1 - exp (- a0 * (softplus b + eps)) ^ (l - j)) / (2 * - sum_below N mu * (softplus b + eps)))).

Definition attention_decay_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (a0 : R) (L : nat) (x : nat -> R -> R) (l j : nat) (cl cj : R),
  (forall n : nat, (n < N)%nat -> a n = a0) ->
  0 <= a0 ->
  sum_below N mu < 0 ->
  solution N a mu s b eps L p_infty x ->
  (l < L)%nat ->
  (j <= l)%nat ->
  is_lim (fun t => t * x l t ^ 2) p_infty cl ->
  is_lim (fun t => t * x j t ^ 2) p_infty cj ->
  is_lim (fun t => t * attention N a mu s b eps (fun k => x k t) l j) p_infty
    (sum_below N mu * (softplus b + eps) * sqrt (cl * cj) * exp (- a0 * (softplus b + eps)) ^ (l - j)
     * (sign (x l 0) * sign (x j 0))).

Definition state_convergence_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R) (l : nat),
  (forall n : nat, (n < N)%nat -> 0 <= a n) ->
  sum_below N mu < 0 ->
  solution N a mu s b eps L p_infty x ->
  (l < L)%nat ->
  (forall k : nat, (k <= l)%nat -> x k 0 <> 0) ->
  is_lim (x l) p_infty 0 /\
  is_lim (fun t => t * x l t ^ 2) p_infty
    (Rmax 0 (1 - share_carried N a mu b eps l) / (2 * - sum_below N mu * (softplus b + eps))) /\
  is_lim (fun t => ln (Rabs (x l t)) / ln t) p_infty (- (Rmax 1 (share_carried N a mu b eps l) / 2)).

Definition slow_first_token_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R),
  0 < sum_below N mu ->
  solution N a mu s b no_floor L p_infty x ->
  (0 < L)%nat ->
  s * x 0%nat 0 < 0 ->
  is_lim (fun t => Rabs s * Rabs (x 0%nat t) / ln t) p_infty 1 /\
  is_lim (fun t => Rabs s * Rabs (x 0%nat t) - ln t - 3 * ln (ln t)) p_infty
    (ln (sum_below N mu * exp b / s ^ 2)).

Definition fast_blow_up_time_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (x0 : R),
  0 < sum_below N mu ->
  x0 <> 0 ->
  0 <= s * x0 ->
  exists T1 : R,
  0 < T1 /\
  is_lim (fun R => RInt (fun r => / (sum_below N mu * r ^ 3 * (softplus (Rabs s * r + b) + eps)))
                     (Rabs x0) R) p_infty T1 /\
  (forall (L : nat) (T : Rbar) (x : nat -> R -> R),
     solution N a mu s b eps L T x ->
     (0 < L)%nat ->
     x 0%nat 0 = x0 ->
     Rbar_le T T1 /\
     (forall t : R, 0 <= t -> Rbar_lt t T ->
        RInt (fun r => / (sum_below N mu * r ^ 3 * (softplus (Rabs s * r + b) + eps)))
          (Rabs x0) (Rabs (x 0%nat t)) = t) /\
     (T = Finite T1 ->
        filterlim (fun t => Rabs (x 0%nat t)) (at_left T1) (Rbar_locally p_infty))) /\
  (exists x : nat -> R -> R, solution N a mu s b eps 1 T1 x /\ x 0%nat 0 = x0).

Definition blow_up_profile_form : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : R) (x : nat -> R -> R),
  0 < sum_below N mu ->
  solution N a mu s b eps L T x ->
  (0 < L)%nat ->
  0 < T ->
  filterlim (fun t => Rabs (x 0%nat t)) (at_left T) (Rbar_locally p_infty) ->
  (0 < s * x 0%nat 0 ->
     filterlim (fun t => (T - t) * Rabs (x 0%nat t) ^ 3) (at_left T)
       (locally (1 / (3 * sum_below N mu * Rabs s)))) /\
  (s = 0 -> x 0%nat 0 <> 0 ->
     forall t : R, 0 <= t < T ->
     (T - t) * x 0%nat t ^ 2 = 1 / (2 * sum_below N mu * (softplus b + eps))).

Definition affine_phase_line_form : Prop :=
  forall (N : nat) (S_B S_C beta_B beta_C : nat -> R) (s b : R) (eps : nonnegreal) (T : Rbar) (x : R -> R),
  affine_solution N S_B S_C beta_B beta_C s b eps T x ->
  (forall y : R,
     affine_speed N S_B S_C beta_B beta_C s b eps y =
     y * Delta s b eps y
     * (sum_below N (fun n => S_C n * S_B n) * y ^ 2
        + sum_below N (fun n => S_C n * beta_B n + S_B n * beta_C n) * y
        + sum_below N (fun n => beta_C n * beta_B n))) /\
  (forall e : R,
     affine_speed N S_B S_C beta_B beta_C s b eps e = 0 ->
     forall t : R, 0 <= t -> Rbar_lt t T ->
     (x 0 = e -> x t = e) /\ (x 0 < e -> x t < e) /\ (e < x 0 -> e < x t)) /\
  (0 < affine_speed N S_B S_C beta_B beta_C s b eps (x 0) ->
     (forall u v : R, 0 <= u < v -> Rbar_lt v T -> x u < x v) /\
     (T = p_infty ->
        (forall e : R,
           x 0 < e ->
           affine_speed N S_B S_C beta_B beta_C s b eps e = 0 ->
           (forall y : R, x 0 <= y < e -> affine_speed N S_B S_C beta_B beta_C s b eps y <> 0) ->
           is_lim x p_infty e) /\
        ((forall y : R, x 0 <= y -> affine_speed N S_B S_C beta_B beta_C s b eps y <> 0) ->
         is_lim x p_infty p_infty))) /\
  (affine_speed N S_B S_C beta_B beta_C s b eps (x 0) < 0 ->
     (forall u v : R, 0 <= u < v -> Rbar_lt v T -> x v < x u) /\
     (T = p_infty ->
        (forall e : R,
           e < x 0 ->
           affine_speed N S_B S_C beta_B beta_C s b eps e = 0 ->
           (forall y : R, e < y <= x 0 -> affine_speed N S_B S_C beta_B beta_C s b eps y <> 0) ->
           is_lim x p_infty e) /\
        ((forall y : R, y <= x 0 -> affine_speed N S_B S_C beta_B beta_C s b eps y <> 0) ->
         is_lim x p_infty m_infty))).
