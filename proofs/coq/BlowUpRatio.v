(** blow-up-ratio.

    p = |x_1| blows up at T and r = |x_2| has s x_2 < 0.  Token 2 keeps at least
    the fraction q = exp(- A softplus(b)) of the rate (ln p)', so r grows at
    least like p^q and its step is at most K p^(-q); the rate that it loses,
    a multiple of p^(-q) (ln p)', has the bounded primitive - p^(-q)/q.  Its own
    rate is bounded and T is finite, so ln(r/p) converges. *)

From Coq Require Import Reals Classical_Prop Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums GrowthRate Signs.
From S6Flow Require Import SlowRate SlowExistence Limits FirstToken VectorToken SlowBounds FirstUnbounded BlowUpTime Forms.
Open Scope R_scope.
(* simpl leaves the floor of a step as it is written. *)
Local Arguments nonneg : simpl never.

(** A non-decreasing function bounded above on [0,T) has a limit at T. *)
Lemma end_limit (T : R) (g : R -> R) K : 0 < T ->
  (forall u v, 0 <= u <= v -> v < T -> g u <= g v) -> (forall t, 0 <= t < T -> g t <= K) ->
  exists l : R, filterlim g (at_left T) (locally l).
Proof.
  intros HT Mono HK.
  destruct (completeness (fun y => exists t, 0 <= t < T /\ y = g t)) as (l & Hub & Hlub).
  - exists K. intros y (t & Ht & ->). now apply HK.
  - exists (g 0), 0. split; [lra|reflexivity].
  - exists l. intros P [tol HP]. pose proof (cond_pos tol) as He.
    destruct (classic (exists t, 0 <= t < T /\ l - tol < g t)) as [(t0 & Ht0 & Hg)|No].
    + assert (Pt : 0 < T - t0) by lra. exists (mkposreal _ Pt). intros t Hb HtT. open_ball Hb. apply HP.
      pose proof (Mono t0 t ltac:(lra) HtT).
      assert (g t <= l) by (apply Hub; exists t; split; [lra|reflexivity]).
      unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra.
    + exfalso. assert (l <= l - tol); [|lra]. apply Hlub. intros y (t & Ht & ->).
      apply Rnot_lt_le. intros Q. apply No. now exists t.
Qed.

(** Logarithms of positive factors. *)
Lemma log_evolves T f G : evolves T f (fun t => f t * G t) -> Rbar_lt 0 T ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < f t) -> evolves T (fun t => ln (f t)) G.
Proof.
  intros E HT P. destruct (evolves_comp T f _ ln (fun v => / v) E) as [F0 F].
  - eapply continuous_of_derive. apply is_derive_ln, P; [lra|exact HT].
  - intros t Ht HtT. apply is_derive_ln, P; [lra|exact HtT].
  - split; [exact F0|]. intros t Ht HtT. specialize (F t Ht HtT). cbv beta in F.
    assert (f t <> 0) by (pose proof (P t ltac:(lra) HtT); lra).
    replace (G t) with (f t * G t * / f t) by (field; assumption). exact F.
Qed.

Section Ratio.
Variables (T q C c b0 B : R) (p r Gp Gr D : R -> R).
Hypothesis HT : 0 < T.
Hypothesis Hq : 0 < q.
Hypothesis HC : 0 <= C.
Hypothesis Hc : 0 < c.
Hypothesis HB : 0 <= B.
Hypothesis Lp : evolves T (fun t => ln (p t)) Gp.
Hypothesis Lr : evolves T (fun t => ln (r t)) Gr.
Hypothesis Pp : forall t, 0 <= t -> t < T -> 0 < p t.
Hypothesis Pr : forall t, 0 <= t -> t < T -> 0 < r t.
Hypothesis Gp0 : forall t, 0 <= t -> t < T -> 0 <= Gp t.
Hypothesis keeps : forall t, 0 <= t -> t < T -> q * Gp t <= Gr t.
Hypothesis loses : forall t, 0 <= t -> t < T -> Gp t - C * D t * Gp t <= Gr t.
Hypothesis gains : forall t, 0 <= t -> t < T -> Gr t <= Gp t + B.
Hypothesis step : forall t, 0 <= t -> t < T -> D t <= exp b0 * exp (- (c * r t)).
Hypothesis blow : filterlim p (at_left T) (Rbar_locally p_infty).

Definition start_gap : R := ln (r 0) - q * ln (p 0).
Definition loss_constant : R := C * (exp b0 / c * exp (- start_gap)).

Lemma evolves_times k f df : evolves T f df -> evolves T (fun t => k * f t) (fun t => k * df t).
Proof.
  intros [F0 F]. split.
  - apply (rcont_comp (fun v => k * v) _ F0).
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => k * v)). auto_derive. exact I.
  - intros t Ht HtT. apply (is_derive_scal f t). now apply F.
Qed.

Lemma step_power t : 0 <= t -> t < T -> D t <= exp b0 / c * exp (- start_gap) * exp (- q * ln (p t)).
Proof.
  intros Ht HtT. specialize (step t Ht HtT). pose proof (Pr t Ht HtT) as R0. pose proof (exp_pos b0).
  assert (Gap : start_gap <= ln (r t) - q * ln (p t)).
  { pose proof (incr_on T _ _ 0 t (evolves_plus _ _ _ _ _ Lr (evolves_times (- q) _ _ Lp))
      (Rle_refl 0) Ht HtT) as G. cbv beta in G. unfold start_gap.
    assert (ln (r 0) + - q * ln (p 0) <= ln (r t) + - q * ln (p t)); [|lra].
    apply G. intros u Hu. pose proof (keeps u ltac:(lra) ltac:(lra)). lra. }
  assert (Inv : / r t <= exp (- start_gap) * exp (- q * ln (p t))).
  { rewrite <- exp_plus. rewrite <- (exp_ln (r t)) at 1 by exact R0. rewrite <- exp_Ropp. apply exp_le. lra. }
  pose proof (z_exp (c * r t) ltac:(apply Rmult_le_pos; lra)) as Z.
  assert (E : exp (- (c * r t)) <= / (c * r t)).
  { assert (P : 0 < c * r t) by pos. apply (Rmult_le_reg_l (c * r t)); [exact P|]. rewrite Rinv_r by lra. exact Z. }
  eapply Rle_trans; [exact step|]. eapply Rle_trans; [apply Rmult_le_compat_l; [lra|exact E]|].
  replace (exp b0 * / (c * r t)) with (exp b0 / c * / r t) by (field; lra).
  rewrite Rmult_assoc. apply Rmult_le_compat_l; [left; apply Rdiv_lt_0_compat; lra|exact Inv].
Qed.

Definition settled (t : R) : R := ln (r t) + -1 * ln (p t) + - (loss_constant / q) * exp (- q * ln (p t)).

Lemma loss_constant_nonneg : 0 <= loss_constant.
Proof.
  unfold loss_constant. pose proof (exp_pos b0). pose proof (exp_pos (- start_gap)).
  apply Rmult_le_pos; [exact HC|]. apply Rmult_le_pos; [|lra]. left. apply Rdiv_lt_0_compat; lra.
Qed.

Lemma settled_evolves : evolves T settled
  (fun t => Gr t + -1 * Gp t + - (loss_constant / q) * (Gp t * (- q * exp (- q * ln (p t))))).
Proof.
  apply evolves_plus; [apply evolves_plus; [exact Lr|now apply evolves_times]|].
  apply evolves_times. exact (evolves_exp T (- q) _ _ Lp).
Qed.

Theorem ratio_at_end : exists R, 0 < R /\ filterlim (fun t => r t / p t) (at_left T) (locally R).
Proof.
  pose proof loss_constant_nonneg as HL.
  destruct (end_limit T settled (ln (r 0) - ln (p 0) + B * T) HT) as (l & Hl).
  - intros u v Huv Hv. apply (incr_on T _ _ u v settled_evolves ltac:(lra) ltac:(lra) Hv). intros t Ht.
    pose proof (step_power t ltac:(lra) ltac:(lra)) as S. pose proof (loses t ltac:(lra) ltac:(lra)) as Lo.
    pose proof (Gp0 t ltac:(lra) ltac:(lra)) as G0.
    replace (- (loss_constant / q) * (Gp t * (- q * exp (- q * ln (p t)))))
      with (C * (exp b0 / c * exp (- start_gap) * exp (- q * ln (p t))) * Gp t)
      by (unfold loss_constant; field; lra).
    apply (Rmult_le_compat_l C) in S; [|exact HC]. apply (Rmult_le_compat_r (Gp t)) in S; [|exact G0]. lra.
  - intros t Ht.
    pose proof (growth_le_on T _ _ B 0 t (evolves_plus _ _ _ _ _ Lr (evolves_times (-1) _ _ Lp))
      (Rle_refl 0) ltac:(lra) ltac:(simpl; lra)) as G. cbv beta in G.
    assert (ln (r t) + -1 * ln (p t) - (ln (r 0) + -1 * ln (p 0)) <= B * (t - 0)) as G'.
    { apply G. intros u Hu. pose proof (gains u ltac:(lra) ltac:(lra)). lra. }
    assert (B * t <= B * T) by (apply Rmult_le_compat_l; lra).
    assert (0 <= loss_constant / q * exp (- q * ln (p t))).
    { apply Rmult_le_pos; [apply Rdiv_le_0_compat; lra|left; apply exp_pos]. }
    unfold settled. lra.
  - exists (exp l). split; [apply exp_pos|].
    assert (V : filterlim (fun t => exp (- q * ln (p t))) (at_left T) (locally 0)).
    { apply (filterlim_comp _ _ _ p (fun v => exp (- q * ln v)) (at_left T) (Rbar_locally p_infty) (locally 0) blow).
      assert (L : is_lim (fun v => exp (- q * ln v)) p_infty 0); [|exact L].
      apply (is_lim_comp exp (fun v => - q * ln v) p_infty 0 m_infty); [apply is_lim_exp_m| |].
      - apply is_lim_spec. intros K.
        destruct (eventually_above ln (- K / q) is_lim_ln_p) as [M HM]. exists M. intros v Hv.
        specialize (HM v Hv). apply (Rmult_lt_compat_l q) in HM; [|exact Hq].
        replace (q * (- K / q)) with (- K) in HM by (field; lra). lra.
      - apply filter_forall. intros y. discriminate. }
    assert (W : filterlim (fun t => settled t + loss_constant / q * exp (- q * ln (p t))) (at_left T)
        (locally (l + loss_constant / q * 0))).
    { eapply filterlim_comp_2; [exact Hl| |exact (filterlim_plus (V:=R_NormedModule) l (loss_constant / q * 0))].
      eapply filterlim_comp; [exact V|].
      apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => loss_constant / q * v) 0).
      auto_derive. exact I. }
    rewrite Rmult_0_r, Rplus_0_r in W.
    apply (filterlim_ext_loc (fun t => exp (settled t + loss_constant / q * exp (- q * ln (p t))))).
    + exists (mkposreal T HT). intros t Hb HtT. open_ball Hb.
      pose proof (Pp t ltac:(lra) HtT). pose proof (Pr t ltac:(lra) HtT).
      unfold settled. replace (ln (r t) + -1 * ln (p t) + - (loss_constant / q) * exp (- q * ln (p t))
        + loss_constant / q * exp (- q * ln (p t))) with (ln (r t) + - ln (p t)) by ring.
      rewrite exp_plus, exp_Ropp, !exp_ln by lra. reflexivity.
    + eapply filterlim_comp; [exact W|]. eapply continuous_of_derive. apply is_derive_exp.
Qed.
End Ratio.

(** A follower on the side s x < 0 of a divergent token, which it need not follow at once. *)
Section Follower.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : R) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b no_floor).
Notation M := (sum_below N mu).
Notation A := (sum_below N a).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis Hmu : all_nonneg N mu.
Hypothesis HM : 0 < M.
Hypothesis HT : 0 < T.
Hypothesis Hs : solution N a mu s b no_floor L T x.
Hypothesis Hl : (S l < L)%nat.
Hypothesis Nl : x l 0 <> 0.
Hypothesis Hneg : s * x (S l) 0 < 0.
Hypothesis Hinf : filterlim (fun t => Rabs (x l t)) (at_left T) (Rbar_locally p_infty).

(** It keeps the fraction 1 - A Delta(x_{l+1}) of the rate before it. *)
Lemma follower_loses y : F y l - A * Delta s b no_floor (y (S l)) * F y l <= F y (S l).
Proof.
  rewrite (growth_rate_split N a mu s b no_floor y (S l)).
  assert (0 <= M * y (S l) ^ 2 * Delta s b no_floor (y (S l))).
  { rewrite Rmult_assoc. apply Rmult_le_pos; [lra|apply sq_Delta_nonneg]. }
  assert ((1 - A * Delta s b no_floor (y (S l))) * F y l <= carried N a mu s b no_floor y (S l)); [|lra].
  unfold growth_rate, carried. rewrite <- sum_below_scal. apply sum_below_le. intros n Hn. simpl inherited.
  apply Rmult_le_compat_r; [apply (hidden_nonneg a mu s b no_floor y l n); now apply Hmu|].
  pose proof (exp_ineq1_le (- a n * Delta s b no_floor (y (S l)))). pose proof (Delta_pos s b no_floor (y (S l))).
  pose proof (term_le_sum N a n Ha Hn).
  assert (a n * Delta s b no_floor (y (S l)) <= A * Delta s b no_floor (y (S l))) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma follower_ratio : exists ratio, 0 < ratio /\
  filterlim (fun t => Rabs (x (S l) t) / Rabs (x l t)) (at_left T) (locally ratio).
Proof.
  assert (Ns : s <> 0) by (intros E; rewrite E in Hneg; lra).
  assert (N1 : x (S l) 0 <> 0) by (intros E; rewrite E in Hneg; lra).
  pose proof (Rabs_pos_lt s Ns) as Hc.
  destruct (abs_sign N a mu s b no_floor L T x l Hs ltac:(lia) Nl) as (e0 & He0 & A0).
  destruct (abs_sign N a mu s b no_floor L T x (S l) Hs Hl N1) as (e1 & He1 & A1).
  assert (P0 : forall t, 0 <= t -> t < T -> 0 < e0 * x l t).
  { intros t Ht HtT. rewrite <- (A0 t Ht HtT). apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b no_floor L T x l Hs ltac:(lia) Nl t Ht HtT). }
  assert (P1 : forall t, 0 <= t -> t < T -> 0 < e1 * x (S l) t).
  { intros t Ht HtT. rewrite <- (A1 t Ht HtT). apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b no_floor L T x (S l) Hs Hl N1 t Ht HtT). }
  assert (Side : forall t, 0 <= t -> t < T -> s * x (S l) t < 0).
  { intros t Ht HtT. rewrite (slow_side N a mu s b L T x Hs (S l) Hl Hneg t Ht HtT).
    pose proof (P1 t Ht HtT). rewrite (A1 t Ht HtT). assert (0 < Rabs s * (e1 * x (S l) t)) by pos. lra. }
  assert (HA : 0 <= A) by (now apply sum_below_nonneg).
  destruct (ratio_at_end T (exp (- (A * softplus b))) A (Rabs s) b (M * (4 * exp b / s ^ 2))
    (fun t => e0 * x l t) (fun t => e1 * x (S l) t)
    (fun t => F (fun k => x k t) l) (fun t => F (fun k => x k t) (S l))
    (fun t => Delta s b no_floor (x (S l) t))) as (R & HR & Lim).
  - exact HT.
  - apply exp_pos.
  - exact HA.
  - exact Hc.
  - pose proof (exp_pos b). assert (0 < s ^ 2) by (apply pow2_gt_0; exact Ns).
    apply Rmult_le_pos; [lra|]. apply Rdiv_le_0_compat; lra.
  - apply (log_evolves T _ _ (evolves_scal T e0 _ _ (Hs l ltac:(lia)))); [exact HT|exact P0].
  - apply (log_evolves T _ _ (evolves_scal T e1 _ _ (Hs (S l) Hl))); [exact HT|exact P1].
  - exact P0.
  - exact P1.
  - intros t _ _. now apply growth_rate_nonneg.
  - (* it keeps a fraction *)
    intros t Ht HtT. rewrite (growth_rate_split N a mu s b no_floor _ (S l)).
    assert (0 <= M * x (S l) t ^ 2 * Delta s b no_floor (x (S l) t)).
    { rewrite Rmult_assoc. apply Rmult_le_pos; [lra|apply sq_Delta_nonneg]. }
    assert (exp (- (A * softplus b)) * F (fun k => x k t) l <= carried N a mu s b no_floor (fun k => x k t) (S l)); [|lra].
    unfold growth_rate, carried. rewrite <- sum_below_scal. apply sum_below_le. intros n Hn. simpl inherited.
    apply Rmult_le_compat_r; [apply (hidden_nonneg a mu s b no_floor (fun k => x k t) l); now apply Hmu|]. apply exp_le.
    assert (a n <= A) by (apply (term_le_sum N a n); assumption).
    assert (Delta s b no_floor (x (S l) t) <= softplus b).
    { replace (softplus b) with (Delta s b no_floor 0) by (rewrite Delta_no_floor; f_equal; ring). apply Delta_mono. pose proof (Side t Ht HtT). lra. }
    assert (a n * Delta s b no_floor (x (S l) t) <= A * softplus b); [|lra].
    apply Rmult_le_compat; [now apply Ha|left; apply Delta_pos|assumption|assumption].
  - intros t _ _. apply (follower_loses (fun k => x k t)).
  - (* what it gains *)
    intros t Ht HtT. rewrite (growth_rate_split N a mu s b no_floor _ (S l)).
    pose proof (carried_le N a mu s b no_floor (fun k => x k t) l Hmu Ha).
    pose proof (square_step_bounded s b (x (S l) t) (Side t Ht HtT)) as Q.
    apply (Rmult_le_compat_l M) in Q; [|lra]. rewrite <- Rmult_assoc in Q. lra.
  - intros t Ht HtT. rewrite <- exp_plus, <- (A1 t Ht HtT).
    exact (slow_step_width N a mu s b L T x Hs (S l) Hl Hneg t Ht HtT).
  - apply (filterlim_ext_loc (fun t => Rabs (x l t))); [|exact Hinf].
    exists (mkposreal T HT). intros t Hb HtT. open_ball Hb. apply A0; [lra|exact HtT].
  - exists R. split; [exact HR|].
    apply (filterlim_ext_loc (fun t => e1 * x (S l) t / (e0 * x l t))); [|exact Lim].
    exists (mkposreal T HT). intros t Hb HtT. open_ball Hb.
    rewrite (A0 t), (A1 t); [reflexivity|lra|exact HtT|lra|exact HtT].
Qed.

(** So it diverges too. *)
Lemma follower_diverges : filterlim (fun t => Rabs (x (S l) t)) (at_left T) (Rbar_locally p_infty).
Proof.
  destruct follower_ratio as (R & HR & Lim).
  apply (filterlim_ext_loc (fun t => Rabs (x (S l) t) / Rabs (x l t) * Rabs (x l t))).
  - exists (mkposreal T HT). intros t Hb HtT. open_ball Hb. field. apply Rabs_no_R0.
    exact (token_nonzero N a mu s b no_floor L T x l Hs ltac:(lia) Nl t ltac:(lra) HtT).
  - intros P [K HK]. unfold filtermap.
    assert (Near : at_left T (fun t => R / 2 < Rabs (x (S l) t) / Rabs (x l t))).
    { apply (Lim (fun v => R / 2 < v)). assert (P2 : 0 < R / 2) by lra. exists (mkposreal _ P2).
      intros v Hv. open_ball Hv. lra. }
    assert (Big : at_left T (fun t => Rmax 0 K / (R / 2) < Rabs (x l t))).
    { apply (Hinf (fun v => Rmax 0 K / (R / 2) < v)). exists (Rmax 0 K / (R / 2)). tauto. }
    pose proof (filter_and _ _ Near Big) as Both. eapply filter_imp; [|exact Both]. intros t [H1 H2]. apply HK.
    pose proof (Rmax_l 0 K). pose proof (Rmax_r 0 K).
    assert (0 <= Rmax 0 K / (R / 2)) by (apply Rdiv_le_0_compat; lra).
    apply Rle_lt_trans with (Rmax 0 K); [assumption|].
    apply Rle_lt_trans with (R / 2 * (Rmax 0 K / (R / 2))); [right; field; lra|].
    apply Rmult_le_0_lt_compat; lra.
Qed.
End Follower.

(** The first token is the one that blows up: a later one with s x < 0 is bounded as long as those before it are. *)
Lemma first_token_leads N a mu s b L (T : R) x :
  (forall n, (n < N)%nat -> 0 <= a n) -> 0 < sum_below N mu -> s <> 0 -> maximal N a mu s b no_floor L T x ->
  (forall l, (0 < l)%nat -> (l < L)%nat -> s * x l 0 < 0) ->
  filterlim (fun t => Rabs (x O t)) (at_left T) (Rbar_locally p_infty).
Proof.
  intros Ha HM Ns Hmax Hneg.
  destruct (first_unbounded N a mu s b no_floor L T x Ha Hmax) as (m & B & G & Hm & Hu & _ & HG & Inh).
  destruct Hmax as (HT & Hs & _). simpl in HT.
  pose proof (leader_fast N a mu s b no_floor L T x HM Ns HT Hs m Hm G HG Inh eq_refl Hu) as Fast.
  destruct m as [|m]; [|specialize (Hneg (S m) ltac:(lia) Hm); lra].
  apply (leader_diverges N a mu s b no_floor L T x HM HT Hs O Hm G HG Inh); [lra|exact Hu].
Qed.

Theorem blow_up_ratio : blow_up_ratio_statement.
Proof.
  intros N a mu s b e0 L T x <-%without_floor Ha Hmu HM HL Hfast Hneg Hmax.
  assert (N0 : x O 0 <> 0) by (intros E; rewrite E in Hfast; lra).
  assert (Ns : s <> 0) by (intros E; rewrite E in Hfast; lra).
  destruct (fast_blow_up_time_proved N a mu s b no_floor (x O 0) HM N0 ltac:(lra)) as (T1 & _ & _ & H & _).
  destruct Hmax as (HT & Hs & Hm). destruct (H L T x Hs HL eq_refl) as (Le & _ & _).
  destruct T as [T| |]; [|contradiction|contradiction]. simpl in HT.
  exists T. split; [reflexivity|].
  pose proof (first_token_leads N a mu s b L T x Ha HM Ns (conj HT (conj Hs Hm)) Hneg) as Lead.
  split; [exact Lead|].
  assert (Nz : forall l, (l < L)%nat -> x l 0 <> 0).
  { intros [|l] Hl; [exact N0|]. specialize (Hneg (S l) ltac:(lia) Hl). intros E. rewrite E in Hneg. lra. }
  assert (Div : forall l, (l < L)%nat -> filterlim (fun t => Rabs (x l t)) (at_left T) (Rbar_locally p_infty)).
  { induction l as [|l IH]; intros Hl; [exact Lead|].
    apply (follower_diverges N a mu s b L T x l Ha Hmu HM HT Hs Hl); [apply Nz; lia|apply Hneg; lia|apply IH; lia]. }
  intros l Hl.
  apply (follower_ratio N a mu s b L T x l Ha Hmu HM HT Hs Hl); [apply Nz; lia|apply Hneg; lia|apply Div; lia].
Qed.
