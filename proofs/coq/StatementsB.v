(** Statements of theorems on single layers, on the first token, on the
    residual stack and on coexistence.  The file named after each theorem
    proves it. *)

From Coq Require Import Reals.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.

Local Open Scope R_scope.

(** ** The layer with D channels

    A token is now a vector of D numbers, [x l e] (token, then channel).
    Channel d has its own decay rates [a d n]; the projections are the
    matrices S_B, S_C (state, channel) and S_Delta (channel, channel). *)

Definition projection (D : nat) (S : nat -> nat -> R) (v : nat -> R) (n : nat) : R :=
  sum_below D (fun e => S n e * v e).

Definition channel_step (D : nat) (S_Delta : nat -> nat -> R) (b v : nat -> R) (d : nat) : R :=
  softplus (projection D S_Delta v d + b d).

Fixpoint layer_hidden (D : nat) (a S_B S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d l n : nat) : R :=
  match l with
  | O => channel_step D S_Delta b (x O) d * projection D S_B (x O) n * x O d
  | S k =>
      exp (- a d n * channel_step D S_Delta b (x (S k)) d)
        * layer_hidden D a S_B S_Delta b x d k n
      + channel_step D S_Delta b (x (S k)) d * projection D S_B (x (S k)) n * x (S k) d
  end.

Definition layer_output (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d l : nat) : R :=
  sum_below N (fun n => projection D S_C (x l) n * layer_hidden D a S_B S_Delta b x d l n).

(** channel-invariance: tokens on the axis of channel d stay on it, and there
    the layer is the one-channel flow with mu_n = S_C[n,d] S_B[n,d]. *)
Definition channel_invariance_statement : Prop :=
  forall (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (r : nat -> R) (x : nat -> nat -> R) (d : nat),
  (d < D)%nat ->
  (forall l : nat, x l d = r l) ->
  (forall l e : nat, (e < D)%nat -> e <> d -> x l e = 0) ->
  forall l : nat,
  (forall e : nat, (e < D)%nat -> e <> d -> layer_output N D a S_B S_C S_Delta b x e l = 0) /\
  layer_output N D a S_B S_C S_Delta b x d l =
    r l * growth_rate N (a d) (fun n => S_C n d * S_B n d) (S_Delta d d) (b d) r l.

(** depth-contraction: one residual layer of depth step h contracts the first
    token towards 0 exactly when h |mu| x^2 Delta(x) < 2 and mu < 0. *)
Definition depth_contraction_statement : Prop :=
  forall h mu s b x : R,
  x <> 0 ->
  (Rabs (x * (1 + h * mu * x ^ 2 * Delta s b x)) < Rabs x <->
   0 < - h * mu * x ^ 2 * Delta s b x < 2).

(** ** Token 1 in D dimensions

    x_d' = (x^T M x) Delta_d(x) x_d with M = S_C^T S_B. *)

Definition quadratic_form (D : nat) (M : nat -> nat -> R) (v : nat -> R) : R :=
  sum_below D (fun d => sum_below D (fun e => M d e * v d * v e)).

Definition square_norm (D : nat) (v : nat -> R) : R :=
  sum_below D (fun d => v d ^ 2).

Definition vector_solution (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar)
    (x : nat -> R -> R) : Prop :=
  forall d : nat,
    (d < D)%nat ->
    filterlim (x d) (at_right 0) (locally (x d 0)) /\
    (forall t : R,
       0 < t ->
       Rbar_lt t T ->
       is_derive (x d) t
         (quadratic_form D M (fun e => x e t)
          * channel_step D S_Delta b (fun e => x e t) d * x d t)).

(** definite-converges: M negative definite.  The rate uses any lower bound m
    of the step widths on the box that the start spans. *)
Definition definite_converges_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R)
    (lambda m : R),
  0 < lambda ->
  (forall v : nat -> R, quadratic_form D M v <= - lambda * square_norm D v) ->
  vector_solution D M S_Delta b T x ->
  0 < m ->
  (forall d : nat, (d < D)%nat ->
     m <= softplus (b d - sum_below D (fun e => Rabs (S_Delta d e) * Rabs (x e 0)))) ->
  (forall (d : nat) (u v : R), (d < D)%nat -> 0 <= u <= v -> Rbar_lt v T ->
     Rabs (x d v) <= Rabs (x d u)) /\
  (forall t : R, 0 <= t -> Rbar_lt t T ->
     square_norm D (fun d => x d t)
       * (1 + 2 * lambda * m * square_norm D (fun d => x d 0) * t)
     <= square_norm D (fun d => x d 0)) /\
  (T = p_infty -> forall d : nat, (d < D)%nat -> is_lim (x d) p_infty 0).

(** definite-diverges: M positive definite and a nonzero start. *)
Definition definite_diverges_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R)
    (lambda : R),
  0 < lambda ->
  (forall v : nat -> R, lambda * square_norm D v <= quadratic_form D M v) ->
  vector_solution D M S_Delta b T x ->
  square_norm D (fun d => x d 0) <> 0 ->
  (forall (d : nat) (u v : R), (d < D)%nat -> 0 <= u <= v -> Rbar_lt v T ->
     Rabs (x d u) <= Rabs (x d v)) /\
  (T = p_infty -> is_lim (fun t => square_norm D (fun d => x d t)) p_infty p_infty).

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

(** ** Attention in the slow regime

    slow-attention: a later token's attention to the first is R_l/(t ln t) with
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

(** ** More on token 1 in D dimensions *)

(** The matrix S_C^T S_B. *)
Definition form_matrix (N : nat) (S_B S_C : nat -> nat -> R) (d e : nat) : R :=
  sum_below N (fun n => S_C n d * S_B n e).

(** first-token-field: the layer's output for the first token is the field of
    vector_solution with M = S_C^T S_B. *)
Definition first_token_field_statement : Prop :=
  forall (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R)
    (x : nat -> nat -> R) (d : nat),
  layer_output N D a S_B S_C S_Delta b x d 0 =
  quadratic_form D (form_matrix N S_B S_C) (x 0%nat) * channel_step D S_Delta b (x 0%nat) d * x 0%nat d.

(** cone-equilibria: every point of the cone v^T M v = 0 is an equilibrium. *)
Definition cone_equilibria_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b v : nat -> R) (T : Rbar),
  quadratic_form D M v = 0 ->
  vector_solution D M S_Delta b T (fun d _ => v d).

(** radial: with equal steps of all channels token 1 moves along its ray; the
    sign of the form at the start decides whether it grows, falls or rests. *)
Definition radial_statement : Prop :=
  forall (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (T : Rbar) (x : nat -> R -> R),
  vector_solution D M S_Delta b T x ->
  (forall (v : nat -> R) (d : nat), (d < D)%nat ->
     channel_step D S_Delta b v d = channel_step D S_Delta b v 0) ->
  exists c : R -> R,
  (forall t : R, 0 <= t -> Rbar_lt t T ->
     0 < c t /\ (forall d : nat, (d < D)%nat -> x d t = c t * x d 0)) /\
  (0 < quadratic_form D M (fun d => x d 0) ->
     forall u v : R, 0 <= u < v -> Rbar_lt v T -> c u < c v) /\
  (quadratic_form D M (fun d => x d 0) < 0 ->
     forall u v : R, 0 <= u < v -> Rbar_lt v T -> c v < c u) /\
  (quadratic_form D M (fun d => x d 0) = 0 ->
     forall t : R, 0 <= t -> Rbar_lt t T -> c t = 1).

(** never-definite: for D > N the form of S_C^T S_B vanishes on a nonzero vector. *)
Definition never_definite_statement : Prop :=
  forall (N D : nat) (S_B S_C : nat -> nat -> R),
  (N < D)%nat ->
  exists v : nat -> R,
  (exists d : nat, (d < D)%nat /\ v d <> 0) /\
  quadratic_form D (form_matrix N S_B S_C) v = 0.
