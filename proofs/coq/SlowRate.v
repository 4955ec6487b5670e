(** The slow regime: mu_n >= 0, a_n >= 0 and s x_l(0) < 0 for every nonzero token.

    Proves slow-log-rate (every nonzero token is of the order of ln t; zero
    tokens in between are allowed). *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements Forms.
From S6Flow Require Import Signs Existence Convergence Divergence SlowComparison.
Open Scope R_scope.

Section LogLower.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b no_floor).
Notation M := (sum_below N mu).
Notation D := (Delta s b no_floor).
Hypothesis Hmu : all_nonneg N mu.
Hypothesis HM : 0 < M.
Hypothesis Hs : solution N a mu s b no_floor L T x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Nz : x l 0 <> 0.
Hypothesis Ns : s <> 0.

(** exp(|s| |x_l|) grows at least linearly, since Delta(u) >= exp(b - |s||u|)/(1 + exp b).
    No sign of s x_l is needed. *)
Lemma exp_lower t : 0 <= t -> Rbar_lt t T ->
  exp (Rabs s * Rabs (x l 0)) + Rabs s * M * Rabs (x l 0) ^ 3 * (exp b / (1 + exp b)) * t
  <= exp (Rabs s * Rabs (x l t)).
Proof.
  intros Ht HT.
  destruct (abs_sign N a mu s b no_floor L T x l Hs Hl Nz) as (e & He & Habs).
  set (sg := Rabs s). assert (Hsg : 0 < sg) by now apply Rabs_pos_lt.
  set (r0 := Rabs (x l 0)). assert (Hr0 : 0 < r0) by now apply Rabs_pos_lt.
  set (C := sg * M * r0 ^ 3 * (exp b / (1 + exp b))).
  assert (HT0 : Rbar_lt 0 T) by (apply Rbar_lt_lt with t; assumption).
  pose proof (exp_pos b) as Eb.
  assert (Hr03 : 0 < r0 ^ 3) by (apply pow_lt; exact Hr0).
  pose proof (evolves_exp T sg _ _
    (evolves_scal T e _ _ (solution_evolves N a mu s b no_floor L T x l Hs Hl))) as EE.
  pose proof (growth_on T _ _ C 0 t EE (Rle_refl 0) Ht HT) as GG. cbv beta in GG.
  rewrite <- (Habs t Ht HT), <- (Habs 0 (Rle_refl 0) HT0) in GG. fold r0 in GG.
  cut (C * (t - 0) <= exp (sg * Rabs (x l t)) - exp (sg * r0)); [lra|].
  apply GG. intros u Hu.
  assert (HuT : Rbar_lt u T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
  rewrite <- (Habs u ltac:(lra) HuT).
  pose proof (abs_nondecreasing N a mu s b no_floor L T x l Hmu HM Hs Hl Nz 0 u (Rle_refl 0) ltac:(lra) HuT) as A.
  fold r0 in A.
  pose proof (growth_rate_lower N a mu s b no_floor (fun k => x k u) l Hmu) as HF. cbv beta in HF.
  pose proof (Delta_least s b no_floor (x l u) _ (Rle_refl _)) as HDl. fold sg in HDl.
  rewrite <- pow2_abs in HF.
  set (r := Rabs (x l u)) in *.
  pose proof (ln1p_lower _ (exp_pos (b - sg * r))) as Q. fold (softplus (b - sg * r)) in Q.
  assert (Hsr : 0 < sg * r) by pos.
  assert (Le : exp (b - sg * r) <= exp b) by (apply exp_le; lra).
  pose proof (exp_pos (b - sg * r)) as Ebr.
  assert (Q2 : exp (b - sg * r) / (1 + exp b) <= D (x l u)).
  { eapply Rle_trans; [|exact HDl]. eapply Rle_trans; [|exact Q].
    apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; lra. }
  assert (Q3 : exp (sg * r) * (exp (b - sg * r) / (1 + exp b)) = exp b / (1 + exp b)).
  { unfold Rdiv. rewrite <- Rmult_assoc, <- exp_plus.
    replace (sg * r + (b - sg * r)) with b by ring. reflexivity. }
  assert (Er : 0 < exp (sg * r)) by apply exp_pos.
  assert (K1 : r0 ^ 3 <= r ^ 3) by (apply pow_incr; lra).
  assert (K2 : exp b / (1 + exp b) <= exp (sg * r) * D (x l u)).
  { rewrite <- Q3. apply Rmult_le_compat_l; lra. }
  assert (K3 : 0 < exp b / (1 + exp b)) by (apply Rdiv_lt_0_compat; lra).
  apply Rle_trans with (sg * M * r ^ 3 * (exp (sg * r) * D (x l u))).
  - unfold C. apply Rmult_le_compat; [left; pos|lra| |exact K2].
    apply Rmult_le_compat_l; [left; pos|exact K1].
  - replace (sg * M * r ^ 3 * (exp (sg * r) * D (x l u)))
      with (r * (M * r ^ 2 * D (x l u)) * (sg * exp (sg * r))) by ring.
    apply Rmult_le_compat_r; [left; pos|].
    apply Rmult_le_compat_l; [lra|exact HF].
Qed.

Lemma log_lower t : 0 <= t -> Rbar_lt t T ->
  / Rabs s * ln (exp (Rabs s * Rabs (x l 0))
                 + Rabs s * M * Rabs (x l 0) ^ 3 * (exp b / (1 + exp b)) * t)
  <= Rabs (x l t).
Proof.
  intros Ht HT. pose proof (exp_lower t Ht HT) as E.
  assert (Hsg : 0 < Rabs s) by now apply Rabs_pos_lt.
  assert (Hr0 : 0 < Rabs (x l 0)) by now apply Rabs_pos_lt.
  pose proof (exp_pos b). pose proof (exp_pos (Rabs s * Rabs (x l 0))).
  assert (0 <= Rabs s * M * Rabs (x l 0) ^ 3 * (exp b / (1 + exp b)) * t).
  { apply Rmult_le_pos; [|exact Ht]. left.
    assert (0 < Rabs (x l 0) ^ 3) by (apply pow_lt; exact Hr0).
    assert (0 < exp b / (1 + exp b)) by (apply Rdiv_lt_0_compat; lra). pos. }
  apply (Rmult_le_reg_l (Rabs s)); [exact Hsg|].
  rewrite <- Rmult_assoc, Rinv_r, Rmult_1_l by lra.
  rewrite <- (ln_exp (Rabs s * Rabs (x l t))). apply ln_le; lra.
Qed.
End LogLower.

Section Slow.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (T : Rbar) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b no_floor).
Notation M := (sum_below N mu).
Notation D := (Delta s b no_floor).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis Hmu : all_nonneg N mu.
Hypothesis Hs : solution N a mu s b no_floor L T x.

(** s x_l keeps its sign. *)
Lemma slow_side l : (l < L)%nat -> s * x l 0 < 0 -> forall t, 0 <= t -> Rbar_lt t T ->
  s * x l t = - (Rabs s * Rabs (x l t)).
Proof.
  intros Hl Hneg t Ht HT. rewrite <- Rabs_mult.
  assert (s * x l t < 0).
  { destruct (Rtotal_order (x l 0) 0) as [H0|[H0|H0]].
    - pose proof (token_negative N a mu s b no_floor L T x l Hs Hl H0 t Ht HT). nra.
    - rewrite H0 in Hneg. lra.
    - pose proof (token_positive N a mu s b no_floor L T x l Hs Hl ltac:(lra) t Ht HT). nra. }
  rewrite Rabs_left by assumption. ring.
Qed.

Lemma slow_step_width l : (l < L)%nat -> s * x l 0 < 0 -> forall t, 0 <= t -> Rbar_lt t T ->
  D (x l t) <= exp (b - Rabs s * Rabs (x l t)).
Proof.
  intros Hl Hneg t Ht HT. eapply Rle_trans; [apply Delta_upper|]. apply exp_le.
  rewrite (slow_side l Hl Hneg t Ht HT). lra.
Qed.

(** What a token inherits is at most the growth rate of the last nonzero token before it. *)
Lemma predecessor l : (l <= L)%nat ->
  (forall t, 0 <= t -> Rbar_lt t T -> carried N a mu s b no_floor (fun k => x k t) l <= 0) \/
  (exists k, (k < l)%nat /\ x k 0 <> 0 /\
   forall t, 0 <= t -> Rbar_lt t T -> carried N a mu s b no_floor (fun k => x k t) l <= F (fun k => x k t) k).
Proof.
  induction l as [|l IH]; intros Hl.
  - left. intros t _ _. rewrite carried_first. lra.
  - destruct (Req_dec (x l 0) 0) as [Z|Nz].
    + assert (E : forall t, 0 <= t -> Rbar_lt t T ->
        carried N a mu s b no_floor (fun k => x k t) (S l) <= carried N a mu s b no_floor (fun k => x k t) l).
      { intros t Ht HT. rewrite <- (growth_rate_zero_token N a mu s b no_floor (fun k => x k t) l).
        - now apply carried_le.
        - apply (token_zero N a mu s b no_floor L T x l Hs ltac:(lia) Z t Ht HT). }
      destruct (IH ltac:(lia)) as [H|(k & Hk & Nk & H)].
      * left. intros t Ht HT. specialize (E t Ht HT). specialize (H t Ht HT). lra.
      * right. exists k. split; [lia|]. split; [exact Nk|]. intros t Ht HT.
        specialize (E t Ht HT). specialize (H t Ht HT). lra.
    + right. exists l. split; [lia|]. split; [exact Nz|]. intros t _ _. now apply carried_le.
Qed.

Hypothesis HM : 0 < M.

(** The own term of a slow token. *)
Lemma slow_own l : (l < L)%nat -> s * x l 0 < 0 -> forall t, 0 <= t -> Rbar_lt t T ->
  F (fun k => x k t) l
  <= carried N a mu s b no_floor (fun k => x k t) l + M * Rabs (x l t) ^ 2 * exp (b - Rabs s * Rabs (x l t)).
Proof.
  intros Hl Hneg t Ht HT. rewrite growth_rate_split. apply Rplus_le_compat_l. rewrite pow2_abs.
  apply Rmult_le_compat_l; [apply Rmult_le_pos; [lra|apply pow2_ge_0]|].
  now apply slow_step_width.
Qed.

Lemma slow_log_upper l : (l < L)%nat -> x l 0 <> 0 ->
  (forall k, (k <= l)%nat -> x k 0 = 0 \/ s * x k 0 < 0) ->
  exists C, 0 <= C /\ forall t, exp 1 <= t -> Rbar_lt t T -> Rabs (x l t) <= C * ln t.
Proof.
  induction l as [l IH] using lt_wf_ind. intros Hl Nz Hneg.
  assert (Hn : s * x l 0 < 0) by (destruct (Hneg l (le_n _)); [contradiction|assumption]).
  assert (Ns : s <> 0) by (intros E; rewrite E in Hn; lra).
  assert (Hsg : 0 < Rabs s) by now apply Rabs_pos_lt.
  pose proof (exp_pos b) as Eb.
  destruct (abs_sign N a mu s b no_floor L T x l Hs Hl Nz) as (e & He & Habs).
  assert (Hpos : forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x l t).
  { intros t Ht HT. rewrite <- Habs by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b no_floor L T x l Hs Hl Nz). }
  pose proof (evolves_scal T e _ _ (solution_evolves N a mu s b no_floor L T x l Hs Hl)) as Ev.
  assert (He1 : forall t, exp 1 <= t -> 0 <= t) by (intros t Ht; pose proof (exp_pos 1); lra).
  destruct (predecessor l ltac:(lia)) as [H|(k & Hk & Nk & H)].
  - (* nothing inherited: direct comparison *)
    set (A := exp (Rabs s / 2 * (e * x l 0))). set (B := 108 * M * exp b / Rabs s ^ 2).
    assert (HA : 0 < A) by apply exp_pos.
    assert (HB : 0 < B) by (apply Rdiv_lt_0_compat; [pos|apply pow_lt; exact Hsg]).
    assert (H2 : 0 < 2 / Rabs s) by (apply Rdiv_lt_0_compat; lra).
    exists (2 / Rabs s * (1 + Rabs (ln (A + B)))). split.
    { pose proof (Rabs_pos (ln (A + B))). apply Rmult_le_pos; lra. }
    intros t Ht HT. rewrite Habs by auto.
    eapply Rle_trans; [apply (log_upper T (fun t => e * x l t) (fun t => F (fun k => x k t) l) M b (Rabs s) HM Hsg Ev Hpos)|].
    + intros u Hu HuT. rewrite <- Habs by (lra || assumption).
      pose proof (slow_own l Hl Hn u ltac:(lra) HuT). specialize (H u ltac:(lra) HuT). lra.
    + auto.
    + exact HT.
    + fold A B. rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|]. apply ln_affine; [lra|exact HB|exact Ht].
  - (* compared with the last nonzero token *)
    assert (Hlk : (k < L)%nat) by lia.
    destruct (IH k Hk Hlk Nk ltac:(intros; apply Hneg; lia)) as (C & HC & HCt).
    destruct (abs_sign N a mu s b no_floor L T x k Hs Hlk Nk) as (d & Hd & Habsk).
    set (p0 := Rabs (x k 0)). assert (Hp0 : 0 < p0) by now apply Rabs_pos_lt.
    set (DD := Rabs s * M * p0 ^ 3 * (exp b / (1 + exp b))).
    assert (HD : 0 < DD).
    { unfold DD. assert (0 < p0 ^ 3) by (apply pow_lt; exact Hp0).
      assert (0 < exp b / (1 + exp b)) by (apply Rdiv_lt_0_compat; lra). pos. }
    destruct (Rbar_lt_dec 0 T) as [HT0|HT0].
    + destruct (slow_ratio T (fun t => e * x l t) (fun t => F (fun j => x j t) l)
        (fun t => d * x k t) (fun t => F (fun j => x j t) k) M b (Rabs s) DD HM Hsg HD Ev
        (evolves_scal T d _ _ (solution_evolves N a mu s b no_floor L T x k Hs Hlk)) Hpos) as (Q & HQ & HQt).
      * intros u Hu HuT. rewrite <- Habsk by assumption. apply Rabs_pos_lt.
        now apply (token_nonzero N a mu s b no_floor L T x k Hs Hlk Nk u Hu).
      * exact HT0.
      * intros u Hu HuT. rewrite <- Habs by (lra || assumption).
        pose proof (slow_own l Hl Hn u ltac:(lra) HuT). specialize (H u ltac:(lra) HuT). lra.
      * intros u Hu HuT. rewrite <- Habsk by assumption.
        pose proof (exp_lower N a mu s b L T x k Hmu HM Hs Hlk Nk Ns u Hu HuT) as LL. fold p0 DD in LL.
        assert (1 <= exp (Rabs s * p0)).
        { rewrite <- exp_0. apply exp_le. left; pos. }
        lra.
      * exists (Q * C). split; [now apply Rmult_le_pos|]. intros t Ht HT.
        rewrite (Habs t (He1 t Ht) HT). eapply Rle_trans; [now apply HQt; auto|].
        rewrite <- (Habsk t (He1 t Ht) HT), Rmult_assoc.
        apply Rmult_le_compat_l; [exact HQ|]. now apply HCt.
    + exists 0. split; [lra|]. intros t Ht HT. exfalso. apply HT0.
      apply Rbar_lt_lt with t; [now apply He1|exact HT].
Qed.
End Slow.

Theorem slow_log_rate_proved : slow_log_rate_form.
Proof.
  intros N a mu s b L T x l Ha Hmu HM Hs Hl Hneg Nz. split.
  - intros t Ht HT. apply (log_lower N a mu s b L T x l); try assumption.
    destruct (Hneg l (le_n _)) as [Z|Hn]; [contradiction|]. intros E; rewrite E in Hn; lra.
  - exact (slow_log_upper N a mu s b L T x Ha Hmu Hs HM l Hl Nz Hneg).
Qed.
