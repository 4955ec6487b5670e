(** closed-form-first-token and closed-form-two-tokens: s = 0.

    The step is the constant delta = softplus(b).  For z_l = 1/x_l^2 the first
    token gives zeta = z_1 with zeta' = - 2 mu delta, the second
      z_2' = q (zeta'/zeta) z_2 + zeta',   q = exp(- a delta),
    so (z_2 - zeta/(1 - q)) zeta^(-q) does not change. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums GrowthRate Signs FirstToken.
Open Scope R_scope.

(** A trajectory with derivative 0 is constant. *)
Lemma evolves_constant T f df : evolves T f df -> (forall t, 0 < t -> Rbar_lt t T -> df t = 0) ->
  forall t, 0 <= t -> Rbar_lt t T -> f t = f 0.
Proof.
  intros E H t Ht HT. apply Rle_antisym.
  - apply (decr_on T f df 0 t E (Rle_refl 0) Ht HT). intros u Hu. right. apply H; [lra|].
    apply Rbar_lt_lt with t; [lra|exact HT].
  - apply (incr_on T f df 0 t E (Rle_refl 0) Ht HT). intros u Hu. right. symmetry. apply H; [lra|].
    apply Rbar_lt_lt with t; [lra|exact HT].
Qed.

Lemma Delta_constant b eps u : Delta 0 b eps u = softplus b + eps.
Proof. unfold Delta. do 2 f_equal. ring. Qed.

Theorem closed_form_first_token : closed_form_first_token_statement.
Proof.
  intros N a mu b e0 L T x [eps <-]%as_floor Hs HL t Ht HT N0.
  pose proof (token_invsq N a mu 0 b eps L T x O Hs HL N0) as E.
  set (k := 2 * sum_below N mu * (softplus b + eps)).
  assert (El : evolves T (fun t => k * t) (fun _ => k)).
  { apply evolves_nonneg. intros u _. auto_derive; [exact I|ring]. }
  assert (Z : forall u, 0 < u -> Rbar_lt u T ->
     -2 * growth_rate N a mu 0 b eps (fun k => x k u) 0 / x O u ^ 2 + k = 0).
  { intros u Hu HuT.
    pose proof (token_nonzero N a mu 0 b eps L T x O Hs HL N0 u ltac:(lra) HuT) as Nu.
    rewrite growth_rate_first, Delta_constant. unfold k. field. exact Nu. }
  pose proof (evolves_constant T _ _ (evolves_plus _ _ _ _ _ E El) Z t Ht HT) as C. cbv beta in C.
  rewrite Rmult_0_r, Rplus_0_r in C.
  replace (2 * sum_below N mu * t * (softplus b + eps)) with (k * t) by (unfold k; ring). lra.
Qed.

(** With one decay rate and s = 0 the second token inherits the fraction q. *)
Lemma second_rate_constant_step N a mu b (eps : nonnegreal) a0 x :
  (forall n, (n < N)%nat -> a n = a0) ->
  growth_rate N a mu 0 b eps x 1 =
  exp (- a0 * (softplus b + eps)) * growth_rate N a mu 0 b eps x 0 + sum_below N mu * x 1%nat ^ 2 * (softplus b + eps).
Proof.
  intros Ha. rewrite growth_rate_split, Delta_constant. f_equal. unfold carried, growth_rate.
  rewrite <- sum_below_scal. apply sum_below_ext. intros n Hn.
  rewrite Ha, Delta_constant by exact Hn. reflexivity.
Qed.

Theorem closed_form_two_tokens : closed_form_two_tokens_statement.
Proof.
  intros N a mu b e0 a0 L T x [eps <-]%as_floor Ha Pa Hs HL N0 N1 t Ht HT. cbv beta zeta.
  remember (exp (- a0 * (softplus b + eps))) as q eqn:Eq.
  pose proof (step_pos b eps) as Pd. set (k := 2 * sum_below N mu * (softplus b + eps)).
  set (z0 := / x O 0 ^ 2) in *. set (zeta := fun u => z0 - k * u).
  assert (Hq : q < 1) by (rewrite Eq; apply decay_lt_1; assumption).
  pose proof (token_nonzero N a mu 0 b eps L T x O Hs ltac:(lia) N0) as Nz0.
  pose proof (token_nonzero N a mu 0 b eps L T x 1 Hs HL N1) as Nz1.
  assert (First : forall u, 0 <= u -> Rbar_lt u T -> / x O u ^ 2 = zeta u).
  { intros u Hu HuT. rewrite (closed_form_first_token N a mu b eps L T x (cond_nonneg eps) Hs ltac:(lia) u Hu HuT N0).
    unfold zeta, z0, k. ring. }
  assert (Pz : forall u, 0 <= u -> Rbar_lt u T -> 0 < zeta u).
  { intros u Hu HuT. rewrite <- First by assumption. apply Rinv_0_lt_compat, pow2_gt_0. now apply Nz0. }
  assert (HT0 : Rbar_lt 0 T) by (apply Rbar_lt_lt with t; assumption).
  (* the invariant quantity *)
  assert (Ez : evolves T (fun u => / x 1%nat u ^ 2 + - / (1 - q) * zeta u)
     (fun u => -2 * growth_rate N a mu 0 b eps (fun k => x k u) 1 / x 1%nat u ^ 2 + - / (1 - q) * - k)).
  { apply evolves_plus; [exact (token_invsq N a mu 0 b eps L T x 1 Hs HL N1)|].
    apply evolves_nonneg. intros u _. unfold zeta. auto_derive; [exact I|ring]. }
  assert (Ep : evolves T (fun u => exp (- q * ln (zeta u))) (fun u => exp (- q * ln (zeta u)) * (q * k / zeta u))).
  { assert (D : forall u, 0 < zeta u -> is_derive (fun u => exp (- q * ln (zeta u))) u
       (exp (- q * ln (zeta u)) * (q * k / zeta u))).
    { intros u Pu. unfold zeta in *. auto_derive; [exact Pu|].
      change (z0 + - (k * u)) with (z0 - k * u). field. lra. }
    split.
    - apply rcont_of_continuous. eapply continuous_of_derive. apply D, Pz; [lra|exact HT0].
    - intros u Hu HuT. apply D, Pz; [lra|exact HuT]. }
  pose proof (evolves_constant T _ _ (evolves_mult _ _ _ _ _ Ez Ep)) as W. cbv beta in W.
  assert (W' : (/ x 1%nat t ^ 2 + - / (1 - q) * zeta t) * exp (- q * ln (zeta t)) =
               (/ x 1%nat 0 ^ 2 + - / (1 - q) * zeta 0) * exp (- q * ln (zeta 0))).
  { apply W; [|exact Ht|exact HT]. intros u Hu HuT.
    rewrite (second_rate_constant_step N a mu b eps a0 _ Ha), growth_rate_first, Delta_constant, <- Eq.
    specialize (Nz0 u ltac:(lra) HuT). specialize (Nz1 u ltac:(lra) HuT).
    specialize (First u ltac:(lra) HuT). specialize (Pz u ltac:(lra) HuT).
    generalize (exp (- q * ln (zeta u))). intros E. unfold k. set (w := zeta u) in *.
    replace (x O u ^ 2) with (/ w) by (rewrite <- First; field; exact Nz0).
    field. repeat split; try lra; exact Nz1. }
  assert (Z0 : zeta 0 = z0) by (unfold zeta; ring). rewrite Z0 in W'.
  specialize (Pz t Ht HT).
  replace (z0 - 2 * sum_below N mu * t * (softplus b + eps)) with (zeta t) by (unfold zeta, k; ring).
  replace (z0 - 2 * sum_below N mu * 0 * (softplus b + eps)) with z0 by ring. unfold Rpower.
  assert (Inv : forall y, exp (- q * y) = / exp (q * y)).
  { intros y. rewrite <- exp_Ropp. f_equal. ring. }
  rewrite !Inv in W'. pose proof (exp_pos (q * ln (zeta t))) as X1. pose proof (exp_pos (q * ln z0)) as X2.
  replace (/ x 1%nat t ^ 2)
    with ((/ x 1%nat t ^ 2 + - / (1 - q) * zeta t) * / exp (q * ln (zeta t)) * exp (q * ln (zeta t))
          + zeta t / (1 - q)).
  - rewrite W'. field. repeat split; try lra.
  - field. repeat split; try lra. now apply Nz1.
Qed.
