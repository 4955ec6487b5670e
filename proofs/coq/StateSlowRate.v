(** The rate of slow divergence for mu_n of any signs: every token is of the order of ln t.

    Proves state-slow-divergence. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Late SlowStep Forms SlowFirstToken SlowExistence StateDivergence.
Open Scope R_scope.
Local Arguments nonneg : simpl never.

(** r lies between two multiples of ln t in the end. *)
Definition logarithmic (r : R -> R) : Prop := exists c C, 0 < c /\ late (fun t => c * ln t <= r t <= C * ln t).

Section Step.
Variables (N : nat) (a w : nat -> R) (M sg b : R).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis Hsg : 0 < sg.
Variables (r D F : R -> R) (f : nat -> R -> R) (r' D' F' : R -> R).
Hypothesis Hinv : invariant N w M sg b r D F f.
Hypothesis Hn' : slow_number sg b r' D' F'.
Hypothesis Hg' : grows r'.
Notation carry t := (sum_below N (fun n => exp (- a n * D' t) * f n t)).
Hypothesis HF : forall t, F t = sum_below N (fun n => f n t).
Hypothesis HF' : forall t, 0 <= t -> F' t = carry t + M * r' t ^ 2 * D' t.

Let W := sum_below N (fun n => a n * (Rabs (w n) + 1)).

Lemma W_nonneg : 0 <= W.
Proof. apply sum_below_nonneg. intros n Hn. pose proof (Rabs_pos (w n)). apply Rmult_le_pos; [now apply Ha|lra]. Qed.

(** What is carried differs from the rate before by a part that is of the order of the step. *)
Lemma carry_by_step : late (fun t => 0 < F t <= 1 /\ Rabs (carry t - F t) <= W * (D' t * F t)).
Proof.
  destruct Hinv as (_ & _ & HP & Hs & Hz).
  apply (late_imp (fun t => (0 < M * r t ^ 2 * D t <= F t /\ Rabs (F t * r t ^ 0) <= 1 * 1) /\
    forall n, (n < N)%nat -> Rabs (f n t - w n * F t) <= 1 * F t)).
  - apply late_and; [apply late_and; [exact HP|exact (Hz 0%nat 1 Rlt_0_1)]|]. apply late_all. intros n Hn. apply Hs; [exact Hn|lra].
  - intros t Ht [[H1 H2] H3]. simpl pow in H2. rewrite Rmult_1_r, Rabs_pos_eq in H2 by lra. split; [lra|].
    rewrite HF, <- (Rmult_1_l (sum_below N (fun n => f n t))). unfold Rminus. rewrite Ropp_mult_distr_l, <- sum_below_scal, <- sum_below_plus.
    eapply Rle_trans; [apply sum_below_abs|]. rewrite Rmult_1_l, <- HF. unfold W. rewrite <- sum_below_scal_r. apply sum_below_le. intros n Hn.
    specialize (H3 n Hn). pose proof (factor_range N a sg b Ha r' D' F' Hn' n t Hn ltac:(lra)) as Q.
    match goal with |- Rabs ?e <= _ => replace e with ((exp (- a n * D' t) - 1) * f n t) by ring end. rewrite Rabs_mult.
    replace (a n * (Rabs (w n) + 1) * (D' t * F t)) with (a n * D' t * ((Rabs (w n) + 1) * F t)) by ring.
    apply Rmult_le_compat; try apply Rabs_pos; [rewrite Rabs_left1; lra|].
    replace (f n t) with (w n * F t + (f n t - w n * F t)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq (F t)) by lra. lra.
Qed.

(** So the quotient of the two numbers grows at half the own rate at least, at twice it at most. *)
Lemma quotient_rate : late (fun t => 0 <= F' t - F t <= 2 * (M * r' t ^ 2 * D' t)).
Proof.
  pose proof W_nonneg as PW.
  apply (late_imp (fun t => (0 < F t <= 1 /\ Rabs (carry t - F t) <= W * (D' t * F t)) /\ W / M + 1 < r' t)).
  - apply late_and; [exact carry_by_step|apply Hg'].
  - intros t Ht [[H1 H2] H3]. rewrite HF' by lra. apply Rabs_le_between in H2.
    pose proof (D'_pos sg b r' D' F' Hn' t ltac:(lra)) as PD.
    assert (P : 0 <= W / M) by (apply Rdiv_le_0_compat; assumption).
    assert (Sq : W / M <= r' t ^ 2) by nra. apply (Rmult_le_compat_l M) in Sq; [|lra].
    replace (M * (W / M)) with W in Sq by (field; lra).
    assert (Q1 : W * (D' t * F t) <= W * D' t) by (rewrite <- Rmult_assoc; rewrite <- (Rmult_1_r (W * D' t)) at 2; apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|lra]).
    assert (Q2 : W * D' t <= M * r' t ^ 2 * D' t) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma next_logarithmic : logarithmic r -> logarithmic r'.
Proof.
  intros (c & C & Hc & HL). pose proof Hinv as ((Er & Pr & _) & Hg & _). pose proof Hn' as (Er' & Pr' & HD').
  destruct (pow_exp_bounded (sg / 2) 3 ltac:(lra)) as (K & PK & HK).
  destruct (late_and _ _ (late_and _ _ HL quotient_rate) (Hg 1)) as (t1 & Ht1 & H).
  set (t0 := Rmax 1 t1 + 1). pose proof (Rmax_l 1 t1). pose proof (Rmax_r 1 t1).
  assert (Ht0 : 2 <= t0) by (unfold t0; lra).
  assert (Hlate : forall t, t0 <= t -> (c * ln t <= r t <= C * ln t) /\ 0 <= F' t - F t <= 2 * (M * r' t ^ 2 * D' t) /\ 1 < r t).
  { intros t Ht. destruct (H t ltac:(unfold t0 in Ht; lra)) as [[A B] E]. auto. }
  set (q := fun t => r' t / r t).
  assert (Eq : evolves p_infty q (fun t => q t * (F' t - F t))).
  { apply (evolves_ratio p_infty r' F' r F Er' Er).
    - pose proof (Pr 0 (Rle_refl 0)). lra.
    - intros t Ht _. pose proof (Pr t Ht). lra. }
  assert (Pq : forall t, 0 <= t -> 0 < q t) by (intros t Ht; apply Rdiv_lt_0_compat; [now apply Pr'|now apply Pr]).
  assert (Rq : forall t, 0 <= t -> r' t = q t * r t) by (intros t Ht; unfold q; field; pose proof (Pr t Ht); lra).
  assert (Lnpos : forall t, t0 <= t -> 0 < ln t) by (intros t Ht; rewrite <- ln_1; apply ln_increasing; lra).
  (* from below *)
  assert (Low : forall t, t0 <= t -> q t0 <= q t).
  { intros t Ht. apply (incr_on p_infty q _ t0 t Eq ltac:(lra) Ht I). intros u Hu. destruct (Hlate u ltac:(lra)) as (_ & Q & _).
    apply Rmult_le_pos; [left; apply Pq; lra|lra]. }
  (* from above *)
  set (B := 4 / (sg * c)). assert (PB : 0 < B) by (unfold B; apply Rdiv_lt_0_compat; [lra|now apply Rmult_lt_0_compat]).
  pose proof (exp_pos b) as Pb. set (A := 8 * M * exp b * K). assert (PA : 0 < A) by (unfold A; repeat apply Rmult_lt_0_compat; lra).
  set (tail := fun t => A / (1 + t)).
  assert (Et : evolves p_infty tail (fun t => - A / (1 + t) ^ 2)).
  { apply evolves_nonneg. intros t Ht. unfold tail. auto_derive; [lra|]. field. lra. }
  set (c1 := Rmax (q t0 + tail t0) (B + A)). pose proof (Rmax_l (q t0 + tail t0) (B + A)). pose proof (Rmax_r (q t0 + tail t0) (B + A)).
  assert (Up : forall t, t0 <= t -> q t + tail t <= c1).
  { intros t Ht. apply (barrier_from p_infty _ _ c1 t0 (evolves_plus _ _ _ _ _ Eq Et)); [lra|unfold c1; lra| |exact Ht|exact I].
    intros u Hu _ Big. cbv beta in *. destruct (Hlate u ltac:(lra)) as ((L1 & _) & (Q1 & Q2) & R1).
    assert (Tu : 0 < tail u <= A).
    { unfold tail. split; [apply Rdiv_lt_0_compat; lra|]. apply (Rmult_le_reg_r (1 + u)); [lra|].
      replace (A / (1 + u) * (1 + u)) with A by (field; lra). nra. }
    assert (Qb : B < q u) by (unfold c1 in *; lra). pose proof (Pq u ltac:(lra)) as Pqu. pose proof (Pr' u ltac:(lra)) as Pru.
    assert (Far : 4 * ln u <= sg * r' u).
    { rewrite Rq by lra. assert (E4 : sg * (B * (c * ln u)) = 4 * ln u) by (unfold B; field; lra). rewrite <- E4.
      apply Rmult_le_compat_l; [lra|]. pose proof (Lnpos u ltac:(lra)). assert (0 < c * ln u) by (now apply Rmult_lt_0_compat).
      apply Rmult_le_compat; lra. }
    assert (Small : exp (- (sg / 2 * r' u)) <= / u ^ 2).
    { apply Rle_trans with (exp (- (2 * ln u))); [apply exp_le; lra|]. rewrite exp_Ropp. right. f_equal.
      replace (2 * ln u) with (ln u + ln u) by ring. rewrite exp_plus, exp_ln by lra. ring. }
    assert (Step : D' u <= exp b * (exp (- (sg / 2 * r' u)) * exp (- (sg / 2 * r' u)))).
    { rewrite HD' by lra. eapply Rle_trans; [apply softplus_upper|]. rewrite <- !exp_plus. right. f_equal. field. }
    set (E := exp (- (sg / 2 * r' u))) in *. assert (PE : 0 < E) by apply exp_pos. specialize (HK (r' u) ltac:(lra)). fold E in HK.
    assert (Own : r' u * (M * r' u ^ 2 * D' u) <= M * exp b * K * / u ^ 2).
    { apply Rle_trans with (r' u * (M * r' u ^ 2 * (exp b * (E * E)))).
      - apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_l; [|exact Step]. apply Rmult_le_pos; [lra|apply pow2_ge_0].
      - replace (r' u * (M * r' u ^ 2 * (exp b * (E * E)))) with (M * exp b * (r' u ^ 3 * E) * E) by ring.
        apply Rmult_le_compat; [repeat apply Rmult_le_pos; try lra; apply pow_le; lra|lra| |exact Small].
        apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact HK]. }
    assert (Rate : q u * (F' u - F u) <= 2 * (M * exp b * K * / u ^ 2)).
    { assert (Qr : q u <= r' u) by (rewrite (Rq u) by lra; nra).
      apply Rle_trans with (r' u * (2 * (M * r' u ^ 2 * D' u))); [|lra].
      apply Rmult_le_compat; lra. }
    assert (Inv : / u ^ 2 <= 4 * / (1 + u) ^ 2).
    { apply (Rmult_le_reg_r (u ^ 2 * (1 + u) ^ 2)); [apply Rmult_lt_0_compat; apply pow_lt; lra|].
      replace (/ u ^ 2 * (u ^ 2 * (1 + u) ^ 2)) with ((1 + u) ^ 2) by (field; lra).
      replace (4 * / (1 + u) ^ 2 * (u ^ 2 * (1 + u) ^ 2)) with (4 * u ^ 2) by (field; lra). nra. }
    assert (2 * (M * exp b * K * / u ^ 2) <= A / (1 + u) ^ 2); [|unfold Rdiv in *; lra].
    unfold A, Rdiv. replace (8 * M * exp b * K * / (1 + u) ^ 2) with (2 * (M * exp b * K * (4 * / (1 + u) ^ 2))) by ring.
    apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_l; [repeat apply Rmult_le_pos; lra|exact Inv]. }
  exists (q t0 * c), (c1 * C). split; [apply Rmult_lt_0_compat; [apply Pq; lra|exact Hc]|].
  apply (late_intro t0). intros t Ht. destruct (Hlate t ltac:(lra)) as ((L1 & L2) & _ & R1). rewrite Rq by lra.
  pose proof (Pq t0 ltac:(lra)) as P0. pose proof (Pq t ltac:(lra)) as Pt. pose proof (Low t ltac:(lra)) as Lo. pose proof (Up t ltac:(lra)) as Hi.
  assert (Tt : 0 < tail t) by (unfold tail; apply Rdiv_lt_0_compat; lra). pose proof (Lnpos t ltac:(lra)) as Ln.
  rewrite !Rmult_assoc. split.
  - apply Rmult_le_compat; try lra. left. now apply Rmult_lt_0_compat.
  - apply Rmult_le_compat; lra.
Qed.
End Step.

Lemma logarithmic_ext r q : logarithmic r -> (forall t, 0 <= t -> r t = q t) -> logarithmic q.
Proof.
  intros (c & C & Hc & H) E. exists c, C. split; [exact Hc|]. apply (late_imp _ _ H). intros t Ht Q. now rewrite <- E by lra.
Qed.

(** Every token of a slow system. *)
Lemma tokens_logarithmic N a mu s b L x l : (forall n, (n < N)%nat -> 0 <= a n) -> 0 < sum_below N mu ->
  solution N a mu s b no_floor L p_infty x -> (l < L)%nat -> (forall k, (k <= l)%nat -> s * x k 0 < 0) ->
  logarithmic (fun t => Rabs (x l t)).
Proof.
  intros Ha HM Hs. induction l as [|l IH]; intros Hl Hneg.
  - destruct (slow_first_token_proved N a mu s b L x HM Hs Hl (Hneg 0%nat (le_n _))) as [One _].
    assert (Ps : 0 < Rabs s) by (apply Rabs_pos_lt; intros Z; pose proof (Hneg 0%nat (le_n _)) as Q; rewrite Z in Q; lra).
    exists (1 / 2 / Rabs s), (3 / 2 / Rabs s). split; [apply Rdiv_lt_0_compat; lra|].
    apply is_lim_spec in One. destruct (One (mkposreal (1 / 2) ltac:(lra))) as [t0 H]. simpl in H.
    apply (late_intro (Rmax 1 t0)). intros t Ht. pose proof (Rmax_l 1 t0). pose proof (Rmax_r 1 t0).
    specialize (H t ltac:(lra)). apply Rabs_def2 in H.
    assert (Ln : 0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
    set (z := Rabs s * Rabs (x 0%nat t) / ln t) in *.
    assert (Ez : Rabs (x 0%nat t) = z / Rabs s * ln t) by (unfold z; field; lra). rewrite Ez. unfold Rdiv.
    assert (Pi : 0 < / Rabs s) by (now apply Rinv_0_lt_compat).
    split; apply Rmult_le_compat_r; try lra; apply Rmult_le_compat_r; lra.
  - specialize (IH ltac:(lia) ltac:(intros; apply Hneg; lia)).
    destruct (token_invariant N a mu s b L x Ha HM Hs l ltac:(lia) ltac:(intros; apply Hneg; lia)) as (d & Hd & Ad & Hinv).
    destruct (token_invariant N a mu s b L x Ha HM Hs (S l) Hl Hneg) as (e & He & Ae & Hinv').
    destruct Hinv' as (Hn' & Hg' & _).
    assert (Ps : 0 < Rabs s) by (apply Rabs_pos_lt; intros Z; pose proof (Hneg 0%nat ltac:(lia)) as Q; rewrite Z in Q; lra).
    apply (logarithmic_ext (fun t => e * x (S l) t)); [|intros t Ht; symmetry; now apply Ae].
    apply (next_logarithmic N a (fun n => mu n / sum_below N mu) (sum_below N mu) (Rabs s) b Ha HM Ps
      (fun t => d * x l t) (fun t => Delta s b no_floor (x l t)) (fun t => growth_rate N a mu s b no_floor (fun k => x k t) l)
      (fun n t => hidden a mu s b no_floor (fun k => x k t) l n)
      (fun t => e * x (S l) t) (fun t => Delta s b no_floor (x (S l) t))
      (fun t => growth_rate N a mu s b no_floor (fun k => x k t) (S l)) Hinv Hn' Hg').
    + intros t. reflexivity.
    + intros t _. rewrite growth_rate_split, square_of_abs by exact He. reflexivity.
    + apply (logarithmic_ext _ _ IH). intros t Ht. now apply Ad.
Qed.

Theorem state_slow_divergence : state_slow_divergence_statement.
Proof.
  intros N a mu s b e0 L T x <-%without_floor Ha HM Nz Slow (HT & Hs & Hmax).
  assert (E : T = p_infty).
  { destruct (slow_existence N a mu s b no_floor L (fun l => x l 0) eq_refl Ha Slow) as (y & Hy & H0).
    pose proof (Hmax p_infty y Hy H0) as Le. destruct T; [contradiction|reflexivity|contradiction]. }
  split; [exact E|]. subst T. intros l Hl.
  assert (Neg : forall k, (k < L)%nat -> s * x k 0 < 0).
  { intros k Hk. destruct (Slow k Hk) as [Z|Q]; [exfalso; now apply (Nz k Hk)|exact Q]. }
  split.
  - apply (state_divergence N a mu s b no_floor L x l eq_refl Ha HM Hs Hl). intros k Hk. apply Neg. lia.
  - destruct (tokens_logarithmic N a mu s b L x l Ha HM Hs Hl) as (c & C & _ & t0 & Ht0 & H).
    { intros k Hk. apply Neg. lia. }
    exists C, (Rmax 1 t0 + 1). intros t Ht. pose proof (Rmax_l 1 t0). pose proof (Rmax_r 1 t0).
    assert (Ln : 0 < ln t) by (rewrite <- ln_1; apply ln_increasing; lra).
    destruct (H t ltac:(lra)) as [_ Up]. apply (Rmult_le_reg_r (ln t)); [exact Ln|].
    replace (Rabs (x l t) / ln t * ln t) with (Rabs (x l t)) by (field; lra). exact Up.
Qed.
