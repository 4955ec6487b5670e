(** The first token that is unbounded at the end of a maximal solution, for mu_n of any signs.

    What it inherits is bounded, because the tokens before it are; where s x < 0
    its own rate is bounded too, so it would stay bounded: it has s x > 0, and
    once it is large its own rate outweighs what it inherits, so it diverges.

    Proves blow-up-profile. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums GrowthRate Signs.
From S6Flow Require Import SlowExistence Existence FastOrder FirstToken BlowUpProfile.
Open Scope R_scope.

(** Bounded earlier tokens leave a bounded inheritance. *)
Lemma carried_bounded N a mu s b (eps : nonnegreal) m B : (forall n, (n < N)%nat -> 0 <= a n) ->
  exists G, 0 <= G /\ forall x, (forall l, (l < m)%nat -> Rabs (x l) <= B) -> Rabs (carried N a mu s b eps x m) <= G.
Proof.
  intros Ha. destruct (inherited_box a mu s b eps (fun _ => B) N m) as (K & HK & Box).
  exists (sum_below N (fun _ => K)). split; [apply sum_below_nonneg; intros; exact HK|].
  intros x Hx. unfold carried. eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros n Hn.
  rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos).
  pose proof (decay_le_1 (a n) s b eps (x m) (Ha n Hn)). pose proof (exp_pos (- a n * Delta s b eps (x m))).
  pose proof (Rabs_pos (inherited a mu s b eps x m n)). specialize (Box n x Hn Hx). nra.
Qed.

Section Leader.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : R) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : 0 < M.
Hypothesis Ns : s <> 0.
Hypothesis HT : 0 < T.
Hypothesis Hs : solution N a mu s b eps L T x.
Variable m : nat.
Hypothesis Hm : (m < L)%nat.
Variable G : R.
Hypothesis HG : 0 <= G.
Hypothesis inherits : forall t, 0 <= t -> t < T -> Rabs (carried N a mu s b eps (fun k => x k t) m) <= G.

(** Without a floor a token with s x < 0 stays bounded. *)
Lemma slow_side_bounded : nonneg eps = 0 -> s * x m 0 < 0 -> ~ unbounded T x m.
Proof.
  intros E0 Hneg Hu. assert (Nz : x m 0 <> 0) by (intros E; rewrite E in Hneg; lra).
  destruct (abs_sign N a mu s b eps L T x m Hs Hm Nz) as (e & He & Ae).
  assert (P : forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x m t).
  { intros t Ht HtT. rewrite <- Ae by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b eps L T x m Hs Hm Nz). }
  assert (Side : forall t, 0 <= t -> Rbar_lt t T -> s * x m t < 0).
  { intros t Ht HtT. destruct (Rdichotomy _ _ Nz) as [Neg|Pos].
    - pose proof (token_negative N a mu s b eps L T x m Hs Hm Neg t Ht HtT). nra.
    - pose proof (token_positive N a mu s b eps L T x m Hs Hm ltac:(lra) t Ht HtT). nra. }
  set (K := G + M * (4 * exp b / s ^ 2)).
  assert (HK : 0 <= K).
  { pose proof (exp_pos b). assert (0 < s ^ 2) by (now apply pow2_gt_0). unfold K.
    assert (0 <= M * (4 * exp b / s ^ 2)); [|lra]. apply Rmult_le_pos; [lra|]. apply Rdiv_le_0_compat; lra. }
  assert (El : evolves T (fun t => ln (e * x m t)) (fun t => F (fun k => x k t) m)).
  { apply (evolves_ln T (fun t => e * x m t) _ (evolves_scal T e _ _ (Hs m Hm))); [apply P; [lra|exact HT]|exact P]. }
  destruct (Hu (exp (ln (e * x m 0) + K * T))) as (t & Ht & HtT & Big).
  rewrite Ae in Big by assumption.
  pose proof (growth_le_on T _ _ K 0 t El (Rle_refl 0) Ht HtT) as Gr. cbv beta in Gr.
  assert (ln (e * x m t) - ln (e * x m 0) <= K * (t - 0)) as Gr'.
  { apply Gr. intros u Hu'. rewrite growth_rate_split. unfold K. assert (HuT : u < T) by lra.
    pose proof (inherits u ltac:(lra) ltac:(lra)) as I. pose proof (Rle_abs (carried N a mu s b eps (fun k => x k u) m)).
    pose proof (square_step_bounded s b (x m u) (Side u ltac:(lra) HuT)) as Q.
    rewrite Delta_no_floor in Q. unfold Delta. rewrite E0, Rplus_0_r.
    apply (Rmult_le_compat_l M) in Q; [|lra]. rewrite <- Rmult_assoc in Q. lra. }
  assert (K * t <= K * T) by (apply Rmult_le_compat_l; lra).
  apply ln_increasing in Big; [|apply exp_pos]. rewrite ln_exp in Big. lra.
Qed.

Lemma leader_fast : nonneg eps = 0 -> unbounded T x m -> 0 < s * x m 0.
Proof.
  intros E0 Hu. pose proof (unbounded_nonzero N a mu s b eps L T x Hs m Hm Hu) as Nz.
  destruct (Rtotal_order (s * x m 0) 0) as [H|[H|H]]; [exfalso; now apply (slow_side_bounded E0 H)| |exact H].
  exfalso. apply Rmult_integral in H. tauto.
Qed.

(** r = |x_m| obeys r' = r (g + M r^2 softplus(|s| r + b)), g what it inherits. *)
Lemma leader_modulus : x m 0 <> 0 -> 0 <= s * x m 0 -> exists e, e * e = 1 /\
  (forall t, 0 <= t -> Rbar_lt t T -> Rabs (x m t) = e * x m t) /\
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x m t) /\
  evolves T (fun t => e * x m t)
    (fun t => e * x m t * (carried N a mu s b eps (fun k => x k t) m
                           + M * (e * x m t) ^ 2 * (softplus (Rabs s * (e * x m t) + b) + eps))).
Proof.
  intros Nz Hpos. destruct (abs_sign N a mu s b eps L T x m Hs Hm Nz) as (e & He & Ae).
  assert (P : forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x m t).
  { intros t Ht HtT. rewrite <- Ae by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b eps L T x m Hs Hm Nz). }
  exists e. split; [exact He|]. split; [exact Ae|]. split; [exact P|].
  destruct (evolves_scal T e (x m) _ (Hs m Hm)) as [E0 E]. split; [exact E0|].
  intros t Ht HtT. specialize (E t Ht HtT). cbv beta in E.
  rewrite growth_rate_split in E. rewrite <- (fast_slope s e (x m 0) He (P 0 (Rle_refl 0) HT) Hpos).
  replace (s * e * (e * x m t) + b) with (s * x m t * (e * e) + b) by ring.
  replace ((e * x m t) ^ 2) with (x m t ^ 2 * (e * e)) by ring. rewrite He, !Rmult_1_r. exact E.
Qed.

(** Once large it grows, so unbounded means divergent. *)
Lemma leader_diverges : 0 <= s * x m 0 -> unbounded T x m -> filterlim (fun t => Rabs (x m t)) (at_left T) (Rbar_locally p_infty).
Proof.
  intros Hpos Hu. destruct (leader_modulus (unbounded_nonzero N a mu s b eps L T x Hs m Hm Hu) Hpos) as (e & He & Ae & P & E).
  pose proof (step_pos b eps) as Pd. assert (Md : 0 < M * (softplus b + eps)) by pos.
  set (R0 := 1 + G / (M * (softplus b + eps))).
  assert (HR0 : 1 <= R0) by (unfold R0; assert (0 <= G / (M * (softplus b + eps))) by (now apply Rdiv_le_0_compat); lra).
  set (R1 K := Rmax R0 K + 1).
  intros Q [K HK]. destruct (Hu (R1 K)) as (t0 & Ht0 & HT0 & Big).
  rewrite Ae in Big by assumption. pose proof (Rmax_l R0 K). pose proof (Rmax_r R0 K).
  assert (Pt : 0 < T - t0) by lra. exists (mkposreal _ Pt). intros t Hb HtT. open_ball Hb. apply HK.
  rewrite Ae by (lra || exact HtT).
  cut (- (e * x m t) <= - R1 K); [unfold R1; lra|].
  apply (strip_barrier_from T _ _ (- R1 K) (- R0) t0 ltac:(unfold R1; lra) (evolves_opp T _ _ E) Ht0); [lra| |lra|exact HtT].
  intros u Hu0 HuT Strip. set (r := e * x m u) in *. cbv beta.
  set (g := carried N a mu s b eps (fun k => x k u) m).
  pose proof (inherits u ltac:(lra) HuT) as I. fold g in I. apply Rabs_le_between in I.
  assert (D : (softplus b + eps) <= (softplus (Rabs s * r + b) + eps)).
  { apply step_le. pose proof (Rabs_pos s). assert (0 <= Rabs s * r) by (apply Rmult_le_pos; lra). lra. }
  assert (Own : G <= M * r ^ 2 * (softplus (Rabs s * r + b) + eps)).
  { apply Rle_trans with (M * r ^ 2 * (softplus b + eps)).
    - assert (A : G / (M * (softplus b + eps)) <= r ^ 2).
      { apply Rle_trans with r; [unfold R0 in *; lra|]. simpl. nra. }
      apply (Rmult_le_compat_l (M * (softplus b + eps))) in A; [|lra].
      replace (M * (softplus b + eps) * (G / (M * (softplus b + eps)))) with G in A by (field; lra). lra.
    - apply Rmult_le_compat_l; [|exact D]. apply Rmult_le_pos; [lra|apply pow2_ge_0]. }
  assert (0 <= r * (g + M * r ^ 2 * (softplus (Rabs s * r + b) + eps))); [|lra].
  apply Rmult_le_pos; lra.
Qed.

Lemma leader_profile : 0 < s * x m 0 -> unbounded T x m ->
  filterlim (fun t => x m t ^ 2 * Rabs (x m t) * (T - t)) (at_left T) (locally (/ (3 * M * Rabs s))).
Proof.
  intros Fast Hu.
  destruct (leader_modulus (unbounded_nonzero N a mu s b eps L T x Hs m Hm Hu) ltac:(lra)) as (e & He & Ae & P & E).
  assert (Lim : filterlim (fun t => e * x m t) (at_left T) (Rbar_locally p_infty)).
  { apply (filterlim_ext_loc (fun t => Rabs (x m t))); [|apply leader_diverges; [lra|exact Hu]].
    exists (mkposreal T HT). intros t Hb HtT. open_ball Hb. apply Ae; [lra|exact HtT]. }
  replace (/ (3 * M * Rabs s)) with (1 / (3 * M * Rabs s)) by (unfold Rdiv; ring).
  apply (filterlim_ext_loc (fun t => (T - t) * (e * x m t) ^ 3)).
  - exists (mkposreal T HT). intros t Hb HtT. open_ball Hb. rewrite <- (Ae t ltac:(lra) HtT), <- (pow2_abs (x m t)). ring.
  - exact (profile_fast M (Rabs s) b eps T _ HM HT _ G E P inherits Lim (Rabs_pos_lt s Ns)).
Qed.
End Leader.

(** The first unbounded token of a maximal solution that ends, and what it inherits. *)
Lemma first_unbounded N a mu s b (eps : nonnegreal) L (T : R) x : (forall n, (n < N)%nat -> 0 <= a n) -> maximal N a mu s b eps L T x ->
  exists m B G, (m < L)%nat /\ unbounded T x m /\
    (forall l t, (l < m)%nat -> 0 <= t < T -> Rabs (x l t) <= B) /\ 0 <= G /\
    (forall t, 0 <= t -> t < T -> Rabs (carried N a mu s b eps (fun k => x k t) m) <= G).
Proof.
  intros Ha (HT & Hs & Hmax). simpl in HT.
  destruct (end_unbounded N a mu s b eps L T x HT Hs Hmax) as (l0 & Hl0 & Hu0).
  destruct (least (unbounded T x) l0 Hu0) as (m & Hm & Hu & Hleast).
  assert (HB : exists B, forall l t, (l < m)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= B).
  { apply (common_bound T x m). intros l Hl.
    destruct (bounded_or_unbounded T x l) as [Hul|HBl]; [exfalso; now apply (Hleast l)|exact HBl]. }
  destruct HB as (B & HB). destruct (carried_bounded N a mu s b eps m B Ha) as (G & HG & Inh).
  exists m, B, G. split; [lia|]. split; [exact Hu|]. split; [intros l t Hl Ht; apply HB; [exact Hl|lra|simpl; lra]|].
  split; [exact HG|]. intros t Ht HtT. apply Inh. intros l Hl. now apply HB.
Qed.

Theorem blow_up_profile : blow_up_profile_statement.
Proof.
  intros N a mu s b e0 L T x [eps <-]%as_floor Ha HM Ns Hmax.
  destruct (first_unbounded N a mu s b eps L T x Ha Hmax) as (m & B & G & Hm & Hu & HB & HG & Inh).
  destruct Hmax as (HT & Hs & _). simpl in HT. exists m. split; [exact Hm|]. split; [now exists B|].
  split; [|split].
  - intros K. destruct (Hu K) as (t & Ht & HtT & Big). exists t. auto.
  - intros E0. exact (leader_fast N a mu s b eps L T x HM Ns HT Hs m Hm G HG Inh E0 Hu).
  - intros Fast. split; [apply (leader_diverges N a mu s b eps L T x HM HT Hs m Hm G HG Inh); [lra|exact Hu]|].
    now apply (leader_profile N a mu s b eps L T x HM Ns HT Hs m Hm G HG Inh).
Qed.
