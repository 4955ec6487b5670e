(** Statements on the first token of a channel: finite depth, both regimes of
    divergence, closed forms, affine projections, the D skip. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.

Local Open Scope R_scope.

(** ** One layer of finite depth *)

(** depth-contraction: one residual layer of depth step h contracts the first
    token towards 0 exactly when h |mu| x^2 Delta(x) < 2 and mu < 0. *)
Definition depth_contraction_statement : Prop :=
  forall h mu s b x : R,
  x <> 0 ->
  (Rabs (x * (1 + h * mu * x ^ 2 * Delta s b x)) < Rabs x <->
   0 < - h * mu * x ^ 2 * Delta s b x < 2).

(** ** The first token

    Its growth rate sees the states through the sum of the mu_n alone. *)

(** slow-first-token: |s||x_1| = ln t + 3 ln ln t + ln(mu e^b / s^2) + o(1). *)
Definition slow_first_token_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (x : nat -> R -> R),
  0 < sum_below N mu ->
  solution N a mu s b L p_infty x ->
  (0 < L)%nat ->
  s * x 0%nat 0 < 0 ->
  is_lim (fun t => Rabs s * Rabs (x 0%nat t) / ln t) p_infty 1 /\
  is_lim (fun t => Rabs s * Rabs (x 0%nat t) - ln t - 3 * ln (ln t)) p_infty
    (ln (sum_below N mu * exp b / s ^ 2)).

(** fast-blow-up-time: for s x_1(0) >= 0 the first token lives exactly until
    T_1, the improper integral of 1/(mu r^3 softplus(|s| r + b)) from |x_1(0)|;
    up to then t is the integral from |x_1(0)| to |x_1(t)|. *)
Definition fast_blow_up_time_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b x0 : R),
  0 < sum_below N mu ->
  x0 <> 0 ->
  0 <= s * x0 ->
  exists T1 : R,
  0 < T1 /\
  is_lim (fun R => RInt (fun r => / (sum_below N mu * r ^ 3 * softplus (Rabs s * r + b)))
                     (Rabs x0) R) p_infty T1 /\
  (forall (L : nat) (T : Rbar) (x : nat -> R -> R),
     solution N a mu s b L T x ->
     (0 < L)%nat ->
     x 0%nat 0 = x0 ->
     Rbar_le T T1 /\
     (forall t : R, 0 <= t -> Rbar_lt t T ->
        RInt (fun r => / (sum_below N mu * r ^ 3 * softplus (Rabs s * r + b)))
          (Rabs x0) (Rabs (x 0%nat t)) = t) /\
     (T = Finite T1 ->
        filterlim (fun t => Rabs (x 0%nat t)) (at_left T1) (Rbar_locally p_infty))) /\
  (exists x : nat -> R -> R, solution N a mu s b 1 T1 x /\ x 0%nat 0 = x0).

(** blow-up-profile: how the first token reaches infinity at time T. *)
Definition blow_up_profile_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : R) (x : nat -> R -> R),
  0 < sum_below N mu ->
  solution N a mu s b L T x ->
  (0 < L)%nat ->
  0 < T ->
  filterlim (fun t => Rabs (x 0%nat t)) (at_left T) (Rbar_locally p_infty) ->
  (0 < s * x 0%nat 0 ->
     filterlim (fun t => (T - t) * Rabs (x 0%nat t) ^ 3) (at_left T)
       (locally (1 / (3 * sum_below N mu * Rabs s)))) /\
  (s = 0 -> x 0%nat 0 <> 0 ->
     forall t : R, 0 <= t < T ->
     (T - t) * x 0%nat t ^ 2 = 1 / (2 * sum_below N mu * softplus b)).

(** ** Closed forms for a constant step, s = 0

    closed-form-first-token: the inverse square of the first token is linear. *)
Definition closed_form_first_token_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (b : R) (L : nat) (T : Rbar) (x : nat -> R -> R),
  solution N a mu 0 b L T x ->
  (0 < L)%nat ->
  x 0%nat 0 <> 0 ->
  forall t : R,
  0 <= t ->
  Rbar_lt t T ->
  / x 0%nat t ^ 2 = / x 0%nat 0 ^ 2 - 2 * sum_below N mu * softplus b * t.

(** closed-form-two-tokens: with one decay rate, the inverse square of the
    second is a linear term and a power of that of the first. *)
Definition closed_form_two_tokens_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (b a0 q C : R) (L : nat) (T : Rbar) (x : nat -> R -> R),
  (forall n : nat, (n < N)%nat -> a n = a0) ->
  0 < a0 ->
  solution N a mu 0 b L T x ->
  (1 < L)%nat ->
  x 0%nat 0 <> 0 ->
  x 1%nat 0 <> 0 ->
  q = exp (- a0 * softplus b) ->
  C = (/ x 1%nat 0 ^ 2 - / x 0%nat 0 ^ 2 / (1 - q)) / exp (q * ln (/ x 0%nat 0 ^ 2)) ->
  forall t : R,
  0 <= t ->
  Rbar_lt t T ->
  / x 1%nat t ^ 2 =
  (/ x 0%nat 0 ^ 2 - 2 * sum_below N mu * softplus b * t) / (1 - q)
  + C * exp (q * ln (/ x 0%nat 0 ^ 2 - 2 * sum_below N mu * softplus b * t)).

(** ** Affine projections

    The first token of a layer whose B and C carry a bias and whose step has a
    floor eps:  x' = sum_n (S_C x + beta_C)_n (S_B x + beta_B)_n (Delta + eps) x. *)

Definition affine_speed (N : nat) (S_B S_C beta_B beta_C : nat -> R) (s b eps x : R) : R :=
  sum_below N (fun n =>
    (S_C n * x + beta_C n) * ((S_B n * x + beta_B n) * (Delta s b x + eps) * x)).

Definition affine_solution (N : nat) (S_B S_C beta_B beta_C : nat -> R) (s b eps : R) (T : Rbar)
    (x : R -> R) : Prop :=
  filterlim x (at_right 0) (locally (x 0)) /\
  (forall t : R,
     0 < t ->
     Rbar_lt t T ->
     is_derive x t (affine_speed N S_B S_C beta_B beta_C s b eps (x t))).

(** affine-phase-line: the speed is x (Delta + eps) p(x) with a quadratic p; its
    zeros are equilibria that no solution crosses; between them a solution is
    strictly monotone, and if it is global it tends to the next zero or, if
    there is none, to infinity. *)
Definition affine_phase_line_statement : Prop :=
  forall (N : nat) (S_B S_C beta_B beta_C : nat -> R) (s b eps : R) (T : Rbar) (x : R -> R),
  0 <= eps ->
  affine_solution N S_B S_C beta_B beta_C s b eps T x ->
  (forall y : R,
     affine_speed N S_B S_C beta_B beta_C s b eps y =
     y * (Delta s b y + eps)
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

(** ** The D skip

    A layer with a skip d adds d x to its output: x_l' = x_l (F_l + d). *)

Definition skip_solution (N : nat) (a mu : nat -> R) (s b d : R) (L : nat) (T : Rbar)
    (x : nat -> R -> R) : Prop :=
  forall l : nat,
    (l < L)%nat ->
    filterlim (x l) (at_right 0) (locally (x l 0)) /\
    (forall t : R,
       0 < t ->
       Rbar_lt t T ->
       is_derive (x l) t (x l t * (growth_rate N a mu s b (fun k => x k t) l + d))).

(** skip-equilibria: for mu < 0 < d the first token settles at the one root of
    d + mu r^2 softplus(|s| r + b) if it starts with s x >= 0, and escapes if it
    starts with s x < 0 and d exceeds every rate of contraction there. *)
Definition skip_equilibria_statement : Prop :=
  forall (N : nat) (a mu : nat -> R) (s b d : R) (L : nat) (x : nat -> R -> R),
  sum_below N mu < 0 ->
  0 < d ->
  skip_solution N a mu s b d L p_infty x ->
  (0 < L)%nat ->
  x 0%nat 0 <> 0 ->
  (0 <= s * x 0%nat 0 ->
   exists r : R,
   0 < r /\
   sum_below N mu * r ^ 2 * softplus (Rabs s * r + b) + d = 0 /\
   (forall r' : R, 0 < r' -> sum_below N mu * r' ^ 2 * softplus (Rabs s * r' + b) + d = 0 -> r' = r) /\
   is_lim (fun t => Rabs (x 0%nat t)) p_infty r) /\
  (s * x 0%nat 0 < 0 ->
   4 * - sum_below N mu * exp (b - 2) / s ^ 2 < d ->
   is_lim (fun t => Rabs (x 0%nat t)) p_infty p_infty).
