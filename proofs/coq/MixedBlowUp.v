(** mu > 0 and a nonzero token with s x >= 0, mu_n of any signs: no solution lives for ever.

    Before that token the hidden states are small: A_j bounds the integral of their absolute values and stays below every
    multiple of ln(1 + t).  Proves mixed-blow-up. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs FastOrder BlowUpRatio Late.
Open Scope R_scope.

(** ** Functions that stay below every multiple of ln(1 + t) *)
Definition subpower (A : R -> R) : Prop := forall d, 0 < d -> exists K, forall t, 0 <= t -> A t <= K + d * ln (1 + t).

Lemma ln1p_nonneg t : 0 <= t -> 0 <= ln (1 + t).
Proof. intros H. rewrite <- ln_1. apply ln_le; lra. Qed.

Lemma subpower_combination A B c d e : 0 <= c -> 0 <= d -> subpower A -> subpower B -> subpower (fun t => c * A t + d * B t + e).
Proof.
  intros Hc Hd HA HB q Hq.
  destruct (HA (q / (2 * (c + 1)))) as (K1 & H1); [apply Rdiv_lt_0_compat; lra|].
  destruct (HB (q / (2 * (d + 1)))) as (K2 & H2); [apply Rdiv_lt_0_compat; lra|].
  exists (c * K1 + d * K2 + e). intros t Ht. specialize (H1 t Ht). specialize (H2 t Ht). pose proof (ln1p_nonneg t Ht) as P.
  assert (Part : forall u, 0 <= u -> u * (q / (2 * (u + 1)) * ln (1 + t)) <= q / 2 * ln (1 + t)).
  { intros u Hu. rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [exact P|].
    apply (Rmult_le_reg_r (2 * (u + 1))); [lra|]. replace (u * (q / (2 * (u + 1))) * (2 * (u + 1))) with (u * q) by (field; lra).
    replace (q / 2 * (2 * (u + 1))) with (u * q + q) by field. lra. }
  apply (Rmult_le_compat_l c) in H1; [|exact Hc]. apply (Rmult_le_compat_l d) in H2; [|exact Hd].
  pose proof (Part c Hc). pose proof (Part d Hd). rewrite Rmult_plus_distr_l in H1, H2. lra.
Qed.

(** v' <= C e^(-g v) makes v at most logarithmic, and so ln v less than every multiple of the logarithm. *)
Lemma slow_number_subpower v dv g C : evolves p_infty v dv -> 0 < g -> 0 <= C -> (forall t, 0 <= t -> 0 < v t) ->
  (forall t, 0 < t -> dv t <= C * exp (- (g * v t))) -> subpower (fun t => ln (v t)).
Proof.
  intros E Hg HC Pv Hd. set (w0 := exp (g * v 0)).
  assert (Pw : 0 < w0) by apply exp_pos.
  assert (Up : forall t, 0 <= t -> exp (g * v t) <= w0 + g * C * t).
  { intros t Ht. pose proof (growth_le_on p_infty _ _ (g * C) 0 t (evolves_exp p_infty g v dv E) (Rle_refl 0) Ht I) as G. cbv beta in G.
    assert (exp (g * v t) - exp (g * v 0) <= g * C * (t - 0)); [|unfold w0; lra]. apply G. intros u Hu.
    specialize (Hd u ltac:(lra)). pose proof (exp_pos (g * v u)) as Pe.
    assert (Q : dv u * exp (g * v u) <= C).
    { replace C with (C * exp (- (g * v u)) * exp (g * v u)).
      - apply Rmult_le_compat_r; lra.
      - rewrite Rmult_assoc, <- exp_plus. replace (- (g * v u) + g * v u) with 0 by ring. rewrite exp_0. ring. }
    replace (dv u * (g * exp (g * v u))) with (g * (dv u * exp (g * v u))) by ring. apply Rmult_le_compat_l; lra. }
  intros d Hd'. set (eta := d * g). assert (Pe : 0 < eta) by (unfold eta; now apply Rmult_lt_0_compat).
  assert (GC : 0 <= g * C) by (apply Rmult_le_pos; lra).
  exists (d * ln (w0 + g * C) - ln eta). intros t Ht. specialize (Pv t Ht). specialize (Up t Ht).
  assert (L1 : g * v t <= ln (w0 + g * C) + ln (1 + t)).
  { rewrite <- (ln_exp (g * v t)), <- ln_mult by lra. apply ln_le; [apply exp_pos|]. nra. }
  assert (L2 : ln (v t) <= eta * v t - ln eta).
  { pose proof (exp_ineq1_le (ln (eta * v t))) as Q. assert (P : 0 < eta * v t) by (now apply Rmult_lt_0_compat).
    rewrite exp_ln in Q by exact P. rewrite ln_mult in Q by assumption. lra. }
  apply (Rmult_le_compat_l d) in L1; [|lra]. unfold eta in *. lra.
Qed.

Lemma evolves_multiple (T : Rbar) c f df : evolves T f df -> evolves T (fun t => c * f t) (fun t => c * df t).
Proof.
  intros [F0 F]. split.
  - apply (rcont_comp (fun v => c * v) _ F0). eapply continuous_of_derive. apply (is_derive_scal (fun v => v) _ c). apply is_derive_id.
  - intros t Ht HT. apply (is_derive_scal f t c). now apply F.
Qed.

Section Mixed.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis Hs : solution N a mu s b eps L p_infty x.

(** The sum of the absolute hidden states that token j inherits. *)
Definition load (j : nat) (t : R) : R := sum_below N (fun n => Rabs (inherited a mu s b eps (fun k => x k t) j n)).

Definition light (j : nat) : Prop := exists A dA, evolves p_infty A dA /\ 0 <= A 0 /\ subpower A /\
  forall t, 0 <= t -> 0 <= dA t /\ load j t <= dA t.

Lemma light_nonneg A dA : evolves p_infty A dA -> 0 <= A 0 -> (forall t, 0 <= t -> 0 <= dA t) -> forall t, 0 <= t -> 0 <= A t.
Proof.
  intros E H0 Hd t Ht. apply Rle_trans with (1 := H0). apply (incr_on p_infty A dA 0 t E (Rle_refl 0) Ht I).
  intros u Hu. apply Hd. lra.
Qed.

Lemma carried_within_load j t : Rabs (carried N a mu s b eps (fun k => x k t) j) <= load j t.
Proof.
  unfold carried, load. eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros n Hn.
  rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos).
  pose proof (decay_le_1 (a n) s b eps (x j t) (Ha n Hn)). pose proof (Rabs_pos (inherited a mu s b eps (fun k => x k t) j n)). nra.
Qed.

Definition weight : R := sum_below N (fun n => Rabs (mu n)) / M.

Lemma weight_nonneg : 0 <= weight.
Proof. apply Rdiv_le_0_compat; [|exact HM]. apply sum_below_nonneg. intros; apply Rabs_pos. Qed.

Lemma next_load j t : load (S j) t <= load j t + weight * (M * x j t ^ 2 * D (x j t)).
Proof.
  unfold load, weight. replace (sum_below N (fun n => Rabs (mu n)) / M * (M * x j t ^ 2 * D (x j t)))
    with (sum_below N (fun n => Rabs (mu n)) * (x j t ^ 2 * D (x j t))) by (field; lra).
  rewrite <- sum_below_scal_r, <- sum_below_plus. apply sum_below_le. intros n Hn.
  change (inherited a mu s b eps (fun k => x k t) (S j) n) with (hidden a mu s b eps (fun k => x k t) j n).
  rewrite hidden_step. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos).
    pose proof (decay_le_1 (a n) s b eps (x j t) (Ha n Hn)). pose proof (Rabs_pos (inherited a mu s b eps (fun k => x k t) j n)). nra.
  - rewrite Rmult_assoc, Rabs_mult. right. f_equal. apply Rabs_pos_eq. apply sq_Delta_nonneg.
Qed.

Lemma light_first : light 0.
Proof.
  exists (fun _ => 0), (fun _ => 0). split.
  { apply evolves_nonneg. intros u _. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)). }
  split; [apply Rle_refl|]. split.
  - intros d Hd. exists 0. intros t Ht. pose proof (ln1p_nonneg t Ht). nra.
  - intros t _. split; [apply Rle_refl|]. unfold load. simpl inherited.
    rewrite (sum_below_ext N (fun _ => Rabs 0) (fun _ => 0)), sum_below_zero; [apply Rle_refl|]. intros n _. apply Rabs_R0.
Qed.

Lemma light_zero j : (j < L)%nat -> x j 0 = 0 -> light j -> light (S j).
Proof.
  intros Hj Z (A & dA & E & A0 & Sub & H). exists A, dA. split; [exact E|]. split; [exact A0|]. split; [exact Sub|].
  intros t Ht. destruct (H t Ht) as [H1 H2]. split; [exact H1|]. eapply Rle_trans; [apply next_load|].
  rewrite (token_zero N a mu s b eps L p_infty x j Hs Hj Z t Ht I). simpl (0 ^ 2). lra.
Qed.

Lemma light_slow j : nonneg eps = 0 -> (j < L)%nat -> s * x j 0 < 0 -> light j -> light (S j).
Proof.
  intros He Hj Hneg (A & dA & E & A0 & Sub & H).
  assert (Nz : x j 0 <> 0) by (intros Z; rewrite Z in Hneg; lra).
  assert (Ps : 0 < Rabs s) by (apply Rabs_pos_lt; intros Z; rewrite Z in Hneg; lra).
  destruct (abs_sign N a mu s b eps L p_infty x j Hs Hj Nz) as (e & Hee & Ae).
  set (r := fun t => e * x j t).
  assert (Pr : forall t, 0 <= t -> 0 < r t).
  { intros t Ht. unfold r. rewrite <- Ae by (exact Ht || exact I). apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b eps L p_infty x j Hs Hj Nz t Ht I). }
  assert (Side : forall t, 0 <= t -> s * x j t = - (Rabs s * r t)).
  { intros t Ht. unfold r. rewrite <- Ae by (exact Ht || exact I). rewrite <- Rabs_mult. rewrite Rabs_left; [ring|].
    destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
    - pose proof (token_negative N a mu s b eps L p_infty x j Hs Hj Neg t Ht I). nra.
    - pose proof (token_positive N a mu s b eps L p_infty x j Hs Hj ltac:(lra) t Ht I). nra. }
  assert (Er : evolves p_infty r (fun t => r t * F (fun k => x k t) j)) by (apply evolves_scal; now apply Hs).
  set (own := fun t => M * x j t ^ 2 * D (x j t)).
  assert (Own : forall t, 0 <= t -> own t <= F (fun k => x k t) j + dA t /\ F (fun k => x k t) j - dA t <= own t /\ 0 <= own t).
  { intros t Ht. rewrite growth_rate_split. fold (own t). destruct (H t Ht) as [_ H2].
    pose proof (carried_within_load j t) as C. apply Rabs_le_between in C. split; [lra|]. split; [lra|].
    unfold own. rewrite Rmult_assoc. apply Rmult_le_pos; [lra|apply sq_Delta_nonneg]. }
  (* r e^(-A) is at most logarithmic *)
  pose proof (light_nonneg A dA E A0 (fun t Ht => proj1 (H t Ht))) as PA.
  set (v := fun t => r t * exp (-1 * A t)).
  assert (Ev : evolves p_infty v (fun t => v t * (F (fun k => x k t) j - dA t))).
  { apply (evolves_ext p_infty v _ _ (evolves_mult p_infty _ _ _ _ Er (evolves_exp p_infty (-1) A dA E))). intros t _ _. unfold v. cbv beta. ring. }
  assert (Pv : forall t, 0 <= t -> 0 < v t).
  { intros t Ht. unfold v. apply Rmult_lt_0_compat; [now apply Pr|apply exp_pos]. }
  assert (Vr : forall t, 0 <= t -> v t <= r t).
  { intros t Ht. unfold v. pose proof (Pr t Ht). pose proof (PA t Ht). assert (exp (-1 * A t) <= 1) by (apply exp_le_1; lra). nra. }
  destruct (pow_exp_bounded (Rabs s / 2) 3 ltac:(lra)) as (C & PC & HC).
  assert (SubV : subpower (fun t => ln (v t))).
  { apply (slow_number_subpower v _ (Rabs s / 2) (M * exp b * C) Ev); [lra| |exact Pv|].
    - apply Rmult_le_pos; [apply Rmult_le_pos; [lra|left; apply exp_pos]|lra].
    - intros t Ht. cbv beta. pose proof (Pr t ltac:(lra)) as Prt. pose proof (Pv t ltac:(lra)) as Pvt. pose proof (Vr t ltac:(lra)) as Vrt.
      destruct (Own t ltac:(lra)) as (_ & O2 & O3).
      apply Rle_trans with (r t * own t).
      { apply Rle_trans with (v t * own t); [apply Rmult_le_compat_l; lra|apply Rmult_le_compat_r; lra]. }
      assert (Step : D (x j t) <= exp b * (exp (- (Rabs s / 2 * r t)) * exp (- (Rabs s / 2 * r t)))).
      { unfold Delta. rewrite He, Rplus_0_r. eapply Rle_trans; [apply softplus_upper|]. rewrite <- !exp_plus. right. f_equal.
        rewrite Side by lra. field. }
      assert (Sq : x j t ^ 2 = r t ^ 2) by (unfold r; replace ((e * x j t) ^ 2) with (x j t ^ 2 * (e * e)) by ring; rewrite Hee; ring).
      unfold own. rewrite Sq. specialize (HC (r t) ltac:(lra)).
      assert (P2 : 0 < r t ^ 2) by (now apply pow_lt).
      apply Rle_trans with (r t * (M * r t ^ 2 * (exp b * (exp (- (Rabs s / 2 * r t)) * exp (- (Rabs s / 2 * r t)))))).
      { apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact Step]. }
      replace (r t * (M * r t ^ 2 * (exp b * (exp (- (Rabs s / 2 * r t)) * exp (- (Rabs s / 2 * r t))))))
        with (M * exp b * (r t ^ 3 * exp (- (Rabs s / 2 * r t))) * exp (- (Rabs s / 2 * r t))) by ring.
      pose proof (exp_pos b). apply Rle_trans with (M * exp b * C * exp (- (Rabs s / 2 * r t))).
      + apply Rmult_le_compat_r; [left; apply exp_pos|]. apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact HC].
      + apply Rmult_le_compat_l; [repeat apply Rmult_le_pos; lra|]. apply exp_le. nra. }
  (* the next load *)
  pose proof (log_evolves p_infty r _ Er I (fun t Ht _ => Pr t Ht)) as Lr. pose proof weight_nonneg as Pw.
  exists (fun t => A t + weight * (ln (r t) + A t + - ln (r 0))), (fun t => dA t + weight * (F (fun k => x k t) j + dA t + 0)).
  split; [|split; [|split]].
  - assert (Const : evolves p_infty (fun _ => - ln (r 0)) (fun _ => 0)).
    { apply evolves_nonneg. intros u _. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)). }
    exact (evolves_plus p_infty _ _ _ _ E
      (evolves_multiple p_infty weight _ _ (evolves_plus p_infty _ _ _ _ (evolves_plus p_infty _ _ _ _ Lr E) Const))).
  - assert (0 <= weight * A 0) by (apply Rmult_le_pos; lra). lra.
  - intros d Hd. destruct (subpower_combination A (fun t => ln (v t)) (1 + 2 * weight) weight (- weight * ln (r 0)) ltac:(lra) Pw Sub SubV d Hd) as (K & HK).
    exists K. intros t Ht. eapply Rle_trans; [right|exact (HK t Ht)]. unfold v. rewrite ln_mult by (apply exp_pos || now apply Pr).
    rewrite ln_exp. ring.
  - intros t Ht. destruct (H t Ht) as [H1 H2]. destruct (Own t Ht) as (O1 & _ & O3).
    assert (Q : weight * own t <= weight * (F (fun k => x k t) j + dA t)) by (apply Rmult_le_compat_l; lra).
    assert (0 <= weight * own t) by (now apply Rmult_le_pos).
    split; [lra|]. pose proof (next_load j t) as Q'. fold (own t) in Q'. lra.
Qed.

(** A token with a light load whose step stays away from zero does not live for ever. *)
Lemma light_token_ends j c : (j < L)%nat -> x j 0 <> 0 -> light j -> 0 < c -> (forall t, 0 <= t -> c <= D (x j t)) -> False.
Proof.
  intros Hj Nz (A & dA & E & A0 & Sub & H) Hc Hstep. destruct (Sub (1 / 4) ltac:(lra)) as (K & HK).
  pose proof (token_nonzero N a mu s b eps L p_infty x j Hs Hj Nz) as Nt.
  set (y := fun t => / x j t ^ 2 * exp (-2 * A t)).
  pose proof (evolves_mult p_infty _ _ _ _ (token_invsq N a mu s b eps L p_infty x j Hs Hj Nz) (evolves_exp p_infty (-2) A dA E)) as Ey.
  fold y in Ey. set (c0 := 2 * M * c * exp (-2 * K)). assert (P0 : 0 < c0) by (unfold c0; pose proof (exp_pos (-2 * K)); pos).
  set (q := fun t => 2 * exp (1 / 2 * ln (1 + t))).
  assert (Eq : evolves p_infty q (fun t => exp (- (1 / 2 * ln (1 + t))))).
  { apply evolves_nonneg. intros t Ht. unfold q. auto_derive; [lra|].
    assert (E1 : exp (ln (1 + t)) = 1 + t) by (apply exp_ln; lra).
    replace (- (1 / 2 * ln (1 + t))) with (1 / 2 * ln (1 + t) + - ln (1 + t)) by field. rewrite exp_plus, exp_Ropp, E1. field. lra. }
  assert (Fall : forall t, 0 <= t -> y t + c0 * q t <= y 0 + c0 * q 0).
  { intros t Ht. pose proof (decr_on p_infty _ _ 0 t (evolves_plus _ _ _ _ _ Ey (evolves_multiple p_infty c0 _ _ Eq)) (Rle_refl 0) Ht I) as G.
    cbv beta in G. apply G. intros u Hu. destruct (H u ltac:(lra)) as [H1 H2]. specialize (Nt u ltac:(lra) I).
    assert (P2 : 0 < x j u ^ 2) by (now apply pow2_gt_0).
    pose proof (carried_within_load j u) as C. apply Rabs_le_between in C.
    set (f := F (fun k => x k u) j).
    assert (Own : M * x j u ^ 2 * c <= f + dA u).
    { unfold f. rewrite growth_rate_split. specialize (Hstep u ltac:(lra)).
      assert (M * x j u ^ 2 * c <= M * x j u ^ 2 * D (x j u)) by (apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact Hstep]). lra. }
    assert (Low : exp (-2 * K) * exp (- (1 / 2 * ln (1 + u))) <= exp (-2 * A u)).
    { rewrite <- exp_plus. apply exp_le. specialize (HK u ltac:(lra)). lra. }
    replace (-2 * f / x j u ^ 2 * exp (-2 * A u) + / x j u ^ 2 * (dA u * (-2 * exp (-2 * A u))))
      with (-2 * / x j u ^ 2 * (f + dA u) * exp (-2 * A u)) by (field; lra).
    assert (Q : 2 * M * c <= 2 * / x j u ^ 2 * (f + dA u)).
    { apply (Rmult_le_reg_r (x j u ^ 2)); [exact P2|].
      replace (2 * / x j u ^ 2 * (f + dA u) * x j u ^ 2) with (2 * (f + dA u)) by (field; lra). lra. }
    pose proof (exp_pos (-2 * A u)). assert (P : 0 < 2 * M * c) by pos.
    assert (2 * M * c * (exp (-2 * K) * exp (- (1 / 2 * ln (1 + u)))) <= 2 * / x j u ^ 2 * (f + dA u) * exp (-2 * A u)).
    { apply Rle_trans with (2 * M * c * exp (-2 * A u)); [apply Rmult_le_compat_l; lra|apply Rmult_le_compat_r; lra]. }
    unfold c0. lra. }
  set (Y := (y 0 + c0 * q 0) / (2 * c0)). assert (Py : forall t, 0 <= t -> 0 < y t).
  { intros t Ht. unfold y. apply Rmult_lt_0_compat; [apply Rinv_0_lt_compat, pow2_gt_0, Nt; [exact Ht|exact I]|apply exp_pos]. }
  assert (PY : 0 < Y).
  { unfold Y. apply Rdiv_lt_0_compat; [|lra]. pose proof (Py 0 (Rle_refl 0)). unfold q.
    pose proof (exp_pos (1 / 2 * ln (1 + 0))). assert (0 < c0 * (2 * exp (1 / 2 * ln (1 + 0)))) by (apply Rmult_lt_0_compat; lra). lra. }
  set (t := exp (2 * Y) - 1). assert (Ht : 0 <= t) by (unfold t; pose proof (exp_ineq1_le (2 * Y)); lra).
  specialize (Fall t Ht). pose proof (Py t Ht).
  assert (Eqt : q t = 2 * exp Y).
  { unfold q, t. replace (1 + (exp (2 * Y) - 1)) with (exp (2 * Y)) by ring. rewrite ln_exp. do 2 f_equal. field. }
  rewrite Eqt in Fall. pose proof (exp_ineq1_le Y).
  assert (E2 : c0 * (2 * Y) = y 0 + c0 * q 0) by (unfold Y; field; lra).
  assert (c0 * (2 * Y) < c0 * (2 * exp Y)) by (apply Rmult_lt_compat_l; lra). lra.
Qed.
End Mixed.

Theorem mixed_blow_up : mixed_blow_up_statement.
Proof.
  intros N a mu s b e0 L T x count fast [eps <-]%as_floor Ha HM _ Hfast Hcount Hs.
  assert (Hc : (0 < count)%nat) by (apply INR_lt; simpl; lra). destruct (Hfast 0%nat Hc) as (HlL & Nl & Pl).
  set (l0 := fast 0%nat) in *. destruct T as [T| |]; [exact I| |exact I]. exfalso.
  destruct (least (fun l => (l < L)%nat /\ x l 0 <> 0 /\ 0 <= s * x l 0) l0 ltac:(now repeat split)) as (l & _ & (HL & Nz & Hp) & Before).
  destruct (classic (nonneg eps = 0 /\ s <> 0)) as [[He Ns]|Other].
  - (* every token before is zero or slow *)
    assert (All : forall j, (j <= l)%nat -> light N a mu s b eps x j).
    { induction j as [|j IH]; intros Hj; [apply light_first|]. specialize (IH ltac:(lia)).
      destruct (Req_dec (x j 0) 0) as [Z|N0].
      - now apply (light_zero N a mu s b eps L x Ha HM Hs j); [lia| |].
      - apply (light_slow N a mu s b eps L x Ha HM Hs j); [exact He|lia| |exact IH].
        apply Rnot_le_lt. intros Q. apply (Before j ltac:(lia)). repeat split; [lia|exact N0|exact Q]. }
    apply (light_token_ends N a mu s b eps L x Ha HM Hs l (softplus b + eps) HL Nz (All l (le_n _)) (step_pos b eps)).
    intros t Ht. rewrite <- (Delta_0 s b eps). apply Delta_mono. rewrite Rmult_0_r.
    destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
    + pose proof (token_negative N a mu s b eps L p_infty x l Hs HL Neg t Ht I). nra.
    + pose proof (token_positive N a mu s b eps L p_infty x l Hs HL ltac:(lra) t Ht I). nra.
  - (* the first nonzero token inherits nothing *)
    destruct (least (fun l => x l 0 <> 0) l Nz) as (m & Hm & Nm & Zero).
    assert (All : forall j, (j <= m)%nat -> light N a mu s b eps x j).
    { induction j as [|j IH]; intros Hj; [apply light_first|]. specialize (IH ltac:(lia)).
      apply (light_zero N a mu s b eps L x Ha HM Hs j); [lia| |exact IH]. apply NNPP. apply Zero. lia. }
    assert (Low : exists c, 0 < c /\ forall y, c <= Delta s b eps y).
    { destruct (Req_dec s 0) as [Z|Ns].
      - exists (softplus b + eps). split; [apply step_pos|]. intros y. unfold Delta. rewrite Z, Rmult_0_l, Rplus_0_l. apply Rle_refl.
      - exists eps. pose proof (cond_nonneg eps). split; [destruct (Req_dec eps 0); [exfalso; now apply Other|lra]|].
        intros y. unfold Delta. pose proof (softplus_pos (s * y + b)). lra. }
    destruct Low as (c & Hc' & Low).
    apply (light_token_ends N a mu s b eps L x Ha HM Hs m c ltac:(lia) Nm (All m (le_n _)) Hc'). intros t _. apply Low.
Qed.
