(** The critical case kappa_l = 1 of state-convergence: t ln t x_l^2 -> 1/(2 |M| delta0).

    Proves state-convergence for the first token with kappa_l = 1.  It needs the
    shares of the tokens before it to converge at a power rate, which holds as
    long as none of them is critical; after a critical token they converge only
    like 1/ln t, and a second critical token would get another constant. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs LinearAsymptotics LogSlope PowerLimits PowerLinear Shares StateConvergence.
Open Scope R_scope.

(** (softplus is + eps) 1-Lipschitz, and so is exp on the negative half-line. *)
Lemma lip_of_derivative (h dh : R -> R) K (P : R -> Prop) u v :
  (forall y, is_derive h y (dh y)) -> (forall y, P y -> Rabs (dh y) <= K) ->
  (forall y, Rmin v u <= y <= Rmax v u -> P y) -> Rabs (h u - h v) <= K * Rabs (u - v).
Proof.
  intros Hd HK HP. destruct (MVT_gen h v u dh) as (w & Hw & E).
  - intros w _. apply Hd.
  - intros w _. apply derivable_continuous_pt. exists (dh w). apply is_derive_Reals, Hd.
  - rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply HK, HP, Hw.
Qed.

Lemma Delta_lip s b (eps : nonnegreal) u v : Rabs (Delta s b eps u - Delta s b eps v) <= Rabs s * Rabs (u - v).
Proof.
  apply (lip_of_derivative _ _ (Rabs s) (fun _ => True) u v (Delta_derive s b eps)); [|auto].
  intros y _. rewrite Rabs_mult. rewrite <- (Rmult_1_r (Rabs s)) at 2.
  apply Rmult_le_compat_l; [apply Rabs_pos|]. unfold sigmoid. pose proof (exp_pos (s * y + b)) as Ep.
  rewrite Rabs_pos_eq by (left; apply Rdiv_lt_0_compat; lra).
  apply (Rmult_le_reg_r (1 + exp (s * y + b))); [lra|].
  replace (exp (s * y + b) / (1 + exp (s * y + b)) * (1 + exp (s * y + b))) with (exp (s * y + b)) by (field; lra).
  lra.
Qed.

Lemma exp_lip u v : u <= 0 -> v <= 0 -> Rabs (exp u - exp v) <= Rabs (u - v).
Proof.
  intros Hu Hv. rewrite <- (Rmult_1_l (Rabs (u - v))).
  apply (lip_of_derivative exp exp 1 (fun y => y <= 0) u v is_derive_exp).
  - intros y Hy. rewrite Rabs_pos_eq by (left; apply exp_pos). now apply exp_le_1.
  - intros y Hy. assert (Rmax v u <= 0) by (apply Rmax_lub; assumption). lra.
Qed.

Section Critical.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Notation delta0 := (softplus b + eps).
Notation q n := (exp (- a n * (softplus b + eps))).
Notation kap l := (share_carried N a mu b eps l).
Notation share l := (inherited_share N a mu b eps l).
Notation inh l n := (fun t => -2 * t * inherited a mu s b eps (fun k => x k t) l n).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : M < 0.
Hypothesis Hs : solution N a mu s b eps L p_infty x.

Let A := 2 * - M * delta0.
Lemma A_positive : 0 < A.
Proof. unfold A. pose proof (step_pos b eps). apply Rmult_lt_0_compat; lra. Qed.

Section Token.
Variable l : nat.
Hypothesis Hl : (l < L)%nat.
Hypothesis Nz : forall k, (k <= l)%nat -> x k 0 <> 0.

(** x_l = O(t^-1/2). *)
Lemma token_power : power_limit (x l) 0.
Proof.
  destruct (shares_converge N a mu s b eps L x Ha HM Hs l Hl Nz) as [Hlim Hp].
  pose proof (square_lim N a mu s b eps L x l HM Hs Hl Hlim _ Hp (Nz l (le_n _))) as LS.
  set (c := Rmax 0 (1 - kappa N a b eps (share l)) / (2 * - M * delta0)) in *.
  apply is_lim_spec in LS. destruct (LS (mkposreal 1 Rlt_0_1)) as [t1 H1]. simpl in H1.
  set (B := Rabs c + 1). assert (HB : 0 < B) by (unfold B; pose proof (Rabs_pos c); lra).
  exists (/ 2), (sqrt B), (Rmax 1 t1). pose proof (Rmax_l 1 t1). pose proof (Rmax_r 1 t1).
  split; [lra|]. split; [apply sqrt_pos|]. split; [lra|]. intros t Ht. rewrite Rminus_0_r.
  specialize (H1 t ltac:(lra)). apply Rabs_def2 in H1.
  assert (Hx : t * x l t ^ 2 <= B) by (unfold B; pose proof (Rle_abs c); simpl in *; lra).
  assert (P2 : power (/ 2) t * power (/ 2) t = / t).
  { unfold power. rewrite <- exp_plus. replace (- / 2 * ln t + - / 2 * ln t) with (- ln t) by field.
    rewrite exp_Ropp, exp_ln by lra. reflexivity. }
  rewrite <- (Rabs_pos_eq (sqrt B * power (/ 2) t)) by (apply Rmult_le_pos; [apply sqrt_pos|left; apply power_pos]).
  apply Rabs_le_of_sq.
  replace ((sqrt B * power (/ 2) t) ^ 2) with (sqrt B * sqrt B * (power (/ 2) t * power (/ 2) t)) by ring.
  rewrite P2, sqrt_sqrt by lra. apply (Rmult_le_reg_l t); [lra|].
  replace (t * (B * / t)) with B by (field; lra). exact Hx.
Qed.

Lemma step_power : power_limit (fun t => D (x l t)) delta0.
Proof.
  apply (power_limit_control (x l) _ 0 _ (Rabs s) 0); [apply Rabs_pos|exact token_power|].
  intros t _. rewrite <- (Delta_0 s b eps). apply Delta_lip.
Qed.

Lemma decay_power n : (n < N)%nat -> power_limit (fun t => exp (- a n * D (x l t))) (q n).
Proof.
  intros Hn. pose proof (Ha n Hn) as Han.
  apply (power_limit_control (fun t => D (x l t)) _ delta0 _ (a n) 0); [exact Han|exact step_power|].
  intros t _. eapply Rle_trans.
  - pose proof (Delta_pos s b eps (x l t)). pose proof (step_pos b eps). apply exp_lip; nra.
  - replace (- a n * D (x l t) - - a n * delta0) with (- (a n * (D (x l t) - delta0))) by ring.
    rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (a n)) by exact Han. lra.
Qed.

Hypothesis Hp : forall n, (n < N)%nat -> power_limit (inh l n) (share l n).

Let y (t : R) : R := / x l t ^ 2.
Let al (t : R) : R := 2 * - M * D (x l t).
Let be (t : R) : R := -2 * t * carried N a mu s b eps (fun k => x k t) l.

Lemma y_equation t : 0 < t -> is_derive y t (be t / t * y t + al t).
Proof. exact (y_derive N a mu s b eps L x l Hs Hl (Nz l (le_n _)) t). Qed.

Lemma y_positive t : 0 < t -> 0 < y t.
Proof. exact (y_pos N a mu s b eps L x l Hs Hl (Nz l (le_n _)) t). Qed.

Lemma al_power : power_limit al A.
Proof. exact (power_limit_mult _ _ _ _ (power_limit_const (2 * - M)) step_power). Qed.

Lemma be_power : power_limit be (kap l).
Proof.
  rewrite <- kappa_share. unfold kappa.
  apply (power_limit_ext (fun t => sum_below N (fun n => exp (- a n * D (x l t)) * inh l n t)) _ _ 0).
  - intros t _. unfold be, carried. rewrite <- sum_below_scal. apply sum_below_ext. intros n _. ring.
  - apply (power_limit_sum N (fun n t => exp (- a n * D (x l t)) * inh l n t)). intros n Hn.
    apply power_limit_mult; [now apply decay_power|now apply Hp].
Qed.

(** t x_l^2 converges at a power rate unless kappa_l = 1. *)
Lemma square_power : kap l <> 1 -> power_limit (fun t => t * x l t ^ 2) (Rmax 0 (1 - kap l) / A).
Proof.
  intros Hk. pose proof A_positive as HA.
  assert (Q : power_limit (fun t => / (y t / t)) (Rmax 0 (1 - kap l) / A)).
  { destruct (Rtotal_order (kap l) 1) as [H|[H|H]]; [|contradiction|].
    - rewrite Rmax_right by lra. replace ((1 - kap l) / A) with (/ (A / (1 - kap l))) by (field; lra).
      apply power_limit_inv; [apply Rdiv_lt_0_compat; lra|].
      exact (power_linear y al be y_equation y_positive A (kap l) H be_power al_power).
    - rewrite Rmax_left by lra. replace (0 / A) with 0 by (field; lra).
      exact (power_linear_fast y al be y_equation y_positive A (kap l) H HA
        (power_limit_is_lim _ _ be_power) (power_limit_is_lim _ _ al_power)). }
  apply (power_limit_ext _ _ _ 0) with (2 := Q). intros t Ht. unfold y.
  pose proof (nonzero N a mu s b eps L x l Hs Hl (Nz l (le_n _)) t Ht). field. split; first [assumption|lra].
Qed.

Lemma share_power n : kap l <> 1 -> (n < N)%nat -> power_limit (inh (S l) n) (share (S l) n).
Proof.
  intros Hk Hn. simpl inherited_share. rewrite state_share_step, kappa_share.
  apply (power_limit_ext (fun t => exp (- a n * D (x l t)) * inh l n t
    + -2 * mu n * D (x l t) * (t * x l t ^ 2)) _ _ 0).
  - intros t _. simpl inherited. rewrite (hidden_step a mu s b eps (fun k => x k t) l n). ring.
  - apply power_limit_plus; [apply power_limit_mult; [now apply decay_power|now apply Hp]|].
    replace (mu n / M * Rmax 0 (1 - kap l)) with (-2 * mu n * delta0 * (Rmax 0 (1 - kap l) / A))
      by (unfold A; pose proof (step_pos b eps); field; lra).
    apply power_limit_mult; [|now apply square_power].
    exact (power_limit_mult _ _ _ _ (power_limit_const (-2 * mu n)) step_power).
Qed.

Lemma critical_square : kap l = 1 -> is_lim (fun t => t * ln t * x l t ^ 2) p_infty (/ A).
Proof.
  intros Hk. pose proof A_positive as HA. pose proof be_power as Hb. rewrite Hk in Hb.
  pose proof (critical_linear y al be y_equation y_positive A Hb (power_limit_is_lim _ _ al_power) HA) as H.
  apply (is_lim_ext_loc (fun t => / (y t / t / ln t))).
  - exists 1. intros t Ht. unfold y.
    pose proof (nonzero N a mu s b eps L x l Hs Hl (Nz l (le_n _)) t ltac:(lra)).
    assert (0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
    field. repeat split; first [assumption|lra].
  - apply (is_lim_inv _ p_infty A H). intros E. injection E. lra.
Qed.
End Token.

Lemma shares_power l : (l < L)%nat -> (forall k, (k <= l)%nat -> x k 0 <> 0) ->
  (forall k, (k < l)%nat -> kap k <> 1) -> forall n, (n < N)%nat -> power_limit (inh l n) (share l n).
Proof.
  induction l as [|l IH]; intros Hl Nz Hk n Hn.
  - apply (power_limit_ext (fun _ => 0) _ _ 0); [|apply power_limit_const]. intros t _. simpl. ring.
  - apply share_power; [lia|intros; apply Nz; lia| |apply Hk; lia|exact Hn].
    apply IH; [lia|intros; apply Nz; lia|intros; apply Hk; lia].
Qed.
End Critical.

(** The first token with kappa = 1 falls like (t ln t)^(-1/2). *)
Lemma state_convergence_critical N a mu s b (eps : nonnegreal) L x l :
  (forall n, (n < N)%nat -> 0 <= a n) -> sum_below N mu < 0 -> solution N a mu s b eps L p_infty x -> (l < L)%nat ->
  (forall k, (k <= l)%nat -> x k 0 <> 0) -> (forall k, (k < l)%nat -> share_carried N a mu b eps k <> 1) ->
  share_carried N a mu b eps l = 1 ->
  is_lim (fun t => t * ln t * x l t ^ 2) p_infty (/ (2 * - sum_below N mu * (softplus b + eps))).
Proof.
  intros Ha HM Hs Hl Nz Hk Hc.
  apply (critical_square N a mu s b eps L x Ha HM Hs l Hl Nz); [|exact Hc].
  exact (shares_power N a mu s b eps L x Ha HM Hs l Hl Nz Hk).
Qed.
