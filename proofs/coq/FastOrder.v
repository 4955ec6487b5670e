(** Which tokens blow up, and in which order.

    Proves fast-order: at a finite end time T there is a first token m that is
    unbounded; the tokens before it stay bounded and live beyond T, no solution
    with token m lives beyond T, and every nonzero token from m on diverges at T. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Uniqueness Existence Divergence.
Open Scope R_scope.

(** The least element of a nonempty set of numbers. *)
Lemma least (P : nat -> Prop) n : P n -> exists m, (m <= n)%nat /\ P m /\ forall k, (k < m)%nat -> ~ P k.
Proof.
  induction n as [n IH] using lt_wf_ind. intros Hn.
  destruct (classic (exists k, (k < n)%nat /\ P k)) as [(k & Hk & Pk)|Hno].
  - destruct (IH k Hk Pk) as (m & Hm & Pm & H). exists m. split; [lia|]. now split.
  - exists n. split; [lia|]. split; [exact Hn|]. intros k Hk Pk. apply Hno. now exists k.
Qed.

(** ln r as a trajectory. *)
Lemma evolves_ln T r G : evolves T r (fun t => r t * G t) -> 0 < r 0 ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < r t) -> evolves T (fun t => ln (r t)) G.
Proof.
  intros Er H0 Hr.
  assert (E : evolves T (fun t => ln (r t)) (fun t => r t * G t * / r t)).
  { apply (evolves_comp T r _ ln (fun v => / v) Er).
    - eapply continuous_of_derive. apply is_derive_Reals, derivable_pt_lim_ln, H0.
    - intros t Ht HT. apply is_derive_Reals, derivable_pt_lim_ln, Hr; [lra|exact HT]. }
  eapply evolves_ext; [exact E|]. intros t Ht HT. cbv beta. specialize (Hr t ltac:(lra) HT). field. lra.
Qed.

(** r' = r G and p' = p H with G >= c H: ln r grows at least c times as much as ln p. *)
Lemma log_comparison T r G p H c :
  evolves T r (fun t => r t * G t) -> evolves T p (fun t => p t * H t) ->
  (forall t, 0 <= t -> Rbar_lt t T -> 0 < r t) -> (forall t, 0 <= t -> Rbar_lt t T -> 0 < p t) ->
  (forall t, 0 < t -> Rbar_lt t T -> c * H t <= G t) ->
  forall t, 0 <= t -> Rbar_lt t T -> c * (ln (p t) - ln (p 0)) <= ln (r t) - ln (r 0).
Proof.
  intros Er Ep Hr Hp HG t Ht HT.
  assert (HT0 : Rbar_lt 0 T) by (apply Rbar_lt_lt with t; assumption).
  pose proof (evolves_ln T r G Er (Hr 0 (Rle_refl 0) HT0) Hr) as [R0 Rd].
  pose proof (evolves_ln T p H Ep (Hp 0 (Rle_refl 0) HT0) Hp) as [P0 Pd].
  assert (E : evolves T (fun t => ln (r t) + - c * ln (p t)) (fun t => G t + - c * H t)).
  { apply evolves_plus; [now split|]. split.
    - apply (rcont_comp (fun v => - c * v) (fun t => ln (p t)) P0).
      eapply continuous_of_derive. apply (is_derive_scal (fun v => v) _ (- c)). apply is_derive_id.
    - intros u Hu HuT. apply (is_derive_scal (fun t => ln (p t)) u (- c)). now apply Pd. }
  pose proof (incr_on T _ _ 0 t E (Rle_refl 0) Ht HT) as Inc. cbv beta in Inc.
  cut (ln (r 0) + - c * ln (p 0) <= ln (r t) + - c * ln (p t)); [lra|]. apply Inc. intros u Hu.
  specialize (HG u ltac:(lra) ltac:(apply Rbar_lt_lt with t; [lra|exact HT])). lra.
Qed.

Section Order.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : R) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation solution := (solution N a mu s b eps).
Hypothesis HT : 0 < T.
Hypothesis Hs : solution L T x.
(** Nonzero tokens do not shrink. *)
Hypothesis Mono : forall l, (l < L)%nat -> x l 0 <> 0 ->
  forall u v, 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l u) <= Rabs (x l v).

Definition unbounded (l : nat) : Prop := forall B, exists t, 0 <= t /\ t < T /\ B < Rabs (x l t).
Definition diverges (l : nat) : Prop :=
  forall B, exists t0, 0 <= t0 /\ t0 < T /\ (forall t, t0 <= t -> t < T -> B < Rabs (x l t)).

Lemma bounded_or_unbounded l :
  unbounded l \/ exists B, forall t, 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= B.
Proof.
  destruct (classic (unbounded l)) as [|Hn]; [now left|right]. apply NNPP. intros Hno. apply Hn. intros B.
  apply NNPP. intros Hb. apply Hno. exists B. intros t Ht HtT. apply Rnot_lt_le. intros Hlt.
  apply Hb. exists t. auto.
Qed.

Lemma unbounded_nonzero l : (l < L)%nat -> unbounded l -> x l 0 <> 0.
Proof.
  intros Hl Hu Z. destruct (Hu 0) as (t & Ht & HtT & Hlt).
  rewrite (token_zero N a mu s b eps L T x l Hs Hl Z t Ht HtT), Rabs_R0 in Hlt. lra.
Qed.

(** |x_l| is increasing, so unbounded means divergent. *)
Lemma unbounded_diverges l : (l < L)%nat -> unbounded l -> diverges l.
Proof.
  intros Hl Hu B. destruct (Hu B) as (t0 & Ht0 & Ht0T & Hlt). exists t0. repeat split; [exact Ht0|exact Ht0T|].
  intros t Ht HtT. eapply Rlt_le_trans; [exact Hlt|].
  apply (Mono l Hl (unbounded_nonzero l Hl Hu)); assumption.
Qed.

Lemma diverges_unbounded l : diverges l -> unbounded l.
Proof.
  intros Hd B. destruct (Hd B) as (t0 & H0 & H1 & H). exists t0. repeat split; [exact H0|exact H1|].
  apply H; [lra|exact H1].
Qed.

(** A token that grows at least c times as fast as a divergent one, on a logarithmic scale, diverges. *)
Lemma diverges_with k l c : (k < L)%nat -> (l < L)%nat -> 0 < c -> unbounded k -> x l 0 <> 0 ->
  (forall t, 0 <= t -> t < T -> c * F (fun j => x j t) k <= F (fun j => x j t) l) -> unbounded l.
Proof.
  intros Hk Hl Hc Hu Nl HF B.
  pose proof (unbounded_nonzero k Hk Hu) as Nk.
  destruct (abs_sign N a mu s b eps L T x l Hs Hl Nl) as (e & He & Ae).
  destruct (abs_sign N a mu s b eps L T x k Hs Hk Nk) as (d & Hd & Ad).
  assert (Pe : forall t, 0 <= t -> Rbar_lt t T -> 0 < e * x l t).
  { intros t Ht HtT. rewrite <- Ae by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b eps L T x l Hs Hl Nl). }
  assert (Pd : forall t, 0 <= t -> Rbar_lt t T -> 0 < d * x k t).
  { intros t Ht HtT. rewrite <- Ad by assumption. apply Rabs_pos_lt.
    now apply (token_nonzero N a mu s b eps L T x k Hs Hk Nk). }
  set (B' := Rmax 1 B).
  set (Y := exp (ln (d * x k 0) + (ln B' - ln (e * x l 0)) / c)).
  destruct (Hu Y) as (t & Ht & HtT & Hlt). exists t. repeat split; [exact Ht|exact HtT|].
  pose proof (log_comparison T (fun t => e * x l t) _ (fun t => d * x k t) _ c
    (evolves_scal T e _ _ (solution_evolves N a mu s b eps L T x l Hs Hl))
    (evolves_scal T d _ _ (solution_evolves N a mu s b eps L T x k Hs Hk)) Pe Pd
    ltac:(intros u Hu0 HuT; apply HF; [lra|exact HuT]) t Ht HtT) as C.
  cbv beta in C. rewrite (Ad t Ht HtT) in Hlt. rewrite (Ae t Ht HtT).
  assert (L1 : ln Y < ln (d * x k t)) by (apply ln_increasing; [apply exp_pos|exact Hlt]).
  unfold Y in L1. rewrite ln_exp in L1.
  assert (L2 : ln B' - ln (e * x l 0) < c * (ln (d * x k t) - ln (d * x k 0))).
  { replace (ln B' - ln (e * x l 0)) with (c * ((ln B' - ln (e * x l 0)) / c)) by (field; lra).
    apply Rmult_lt_compat_l; [exact Hc|lra]. }
  assert (L3 : ln B' < ln (e * x l t)) by lra.
  apply ln_lt_inv in L3; [|unfold B'; pose proof (Rmax_l 1 B); lra|now apply Pe].
  unfold B' in L3. pose proof (Rmax_r 1 B). lra.
Qed.

(** From the first unbounded token on, the growth rate dominates that of an unbounded token. *)
Definition dominates (m l : nat) : Prop := exists k c, (k < L)%nat /\ 0 < c /\ unbounded k /\
  forall t, 0 <= t -> t < T -> c * F (fun j => x j t) k <= F (fun j => x j t) l.

Lemma later_diverge m l : dominates m l -> (l < L)%nat -> x l 0 <> 0 -> diverges l.
Proof.
  intros (k & c & Hk & Hc & Huk & HF) Hl Nl. apply unbounded_diverges; [exact Hl|].
  now apply (diverges_with k l c).
Qed.

(** No solution with an unbounded token lives beyond T. *)
Lemma unbounded_ends m L' T' y : (m < L)%nat -> unbounded m -> (m < L')%nat ->
  solution L' T' y -> (forall l, (l < L')%nat -> y l 0 = x l 0) -> Rbar_le T' T.
Proof.
  intros Hm Hu HmL' Hy H0. apply Rbar_not_lt_le. intros HTT.
  assert (Hy1 : solution (S m) T' y) by (apply (solution_weaken N a mu s b eps L' (S m) T' T' y); [lia|apply Rbar_le_refl|exact Hy]).
  destruct (solution_bounded N a mu s b eps (S m) T' y T Hy1 ltac:(lra) HTT) as (B & HB & HBy).
  destruct (Hu B) as (t & Ht & HtT & Hlt).
  assert (E : y m t = x m t).
  { apply (solutions_agree N a mu s b eps (S m) T y x); [| | |lia|exact Ht|exact HtT].
    - apply (solution_weaken N a mu s b eps (S m) (S m) T' T y); [lia|now apply Rbar_lt_le|exact Hy1].
    - apply (solution_weaken N a mu s b eps L (S m) T T x); [lia|apply Rbar_le_refl|exact Hs].
    - intros l Hl. apply H0. lia. }
  specialize (HBy m t ltac:(lia) ltac:(lra)). rewrite E in HBy. lra.
Qed.
End Order.

(** If a solution ends at T, some token is unbounded. *)
Lemma end_unbounded N a mu s b (eps : nonnegreal) L (T : R) x : 0 < T -> solution N a mu s b eps L T x ->
  (forall (T' : Rbar) y, solution N a mu s b eps L T' y -> (forall l, (l < L)%nat -> y l 0 = x l 0) -> Rbar_le T' T) ->
  exists l, (l < L)%nat /\ unbounded T x l.
Proof.
  intros HT Hs Hmax. apply NNPP. intros Hno.
  destruct (common_bound T x L) as [B HB].
  { intros l Hl. destruct (bounded_or_unbounded T x l) as [Hu|HB]; [exfalso; apply Hno; now exists l|exact HB]. }
  destruct (flow_continues N a mu s b eps L (fun l => x l 0) T x B HT Hs) as (T1 & z & HT1 & Hz & Sz).
  - intros l _. reflexivity.
  - intros l t Hl Ht HtT. now apply HB.
  - pose proof (Hmax T1 z Hz Sz) as Hle. simpl in Hle. lra.
Qed.

(** The first token that blows up, where later tokens dominate an unbounded one and none shrinks. *)
Lemma order_of_blow_up N a mu s b (eps : nonnegreal) L (T : R) x : maximal N a mu s b eps L T x ->
  (forall l, (l < L)%nat -> x l 0 <> 0 -> forall u v, 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l u) <= Rabs (x l v)) ->
  (forall m l, (m < L)%nat -> unbounded T x m -> (m <= l)%nat -> (l < L)%nat -> x l 0 <> 0 ->
     dominates N a mu s b eps L T x m l) ->
  exists m, (m < L)%nat /\ unbounded T x m /\ x m 0 <> 0 /\
  (exists B, forall l t, (l < m)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= B) /\
  (forall l, (m <= l)%nat -> (l < L)%nat -> x l 0 <> 0 -> diverges T x l).
Proof.
  intros (HT & Hs & Hmax) Mono Dom.
  destruct (end_unbounded N a mu s b eps L T x HT Hs Hmax) as (l0 & Hl0 & Hu0).
  destruct (least (unbounded T x) l0 Hu0) as (m & Hm & Hu & Hleast).
  assert (HmL : (m < L)%nat) by lia.
  exists m. split; [exact HmL|]. split; [exact Hu|].
  split; [now apply (unbounded_nonzero N a mu s b eps L T x Hs m)|]. split.
  - apply (common_bound T x m). intros l Hl.
    destruct (bounded_or_unbounded T x l) as [Hul|HBl]; [exfalso; now apply (Hleast l)|exact HBl].
  - intros l Hml Hl Nl. apply (later_diverge N a mu s b eps L T x Hs Mono m l); [now apply Dom|exact Hl|exact Nl].
Qed.

(** All mu_n >= 0: while a token stays bounded it takes over a fixed part of the growth rate before it. *)
Lemma dominated N a mu s b (eps : nonnegreal) L (T : R) x m l : all_nonneg N mu -> 0 < sum_below N mu ->
  (m < L)%nat -> unbounded T x m -> (m <= l)%nat -> (l < L)%nat -> dominates N a mu s b eps L T x m l.
Proof.
  intros Hmu HM Hm Hu Hml. induction Hml as [|l Hml IH]; intros Hl.
  - exists m, 1. repeat split; [exact Hm|lra|exact Hu|]. intros; lra.
  - destruct (IH ltac:(lia)) as (k & c & Hk & Hc & Huk & HF).
    destruct (bounded_or_unbounded T x (S l)) as [HuS|[B HB]].
    + exists (S l), 1. repeat split; [exact Hl|lra|exact HuS|]. intros; lra.
    + destruct (carried_ge N a mu s b eps B) as (q & Hq & Hcar).
      exists k, (q * c). repeat split; [exact Hk|now apply Rmult_lt_0_compat|exact Huk|].
      intros t Ht HtT. rewrite (growth_rate_split N a mu s b eps (fun j => x j t) (S l)).
      specialize (Hcar (fun j => x j t) l Hmu (HB t Ht HtT)). specialize (HF t Ht HtT).
      pose proof (sq_Delta_nonneg s b eps (x (S l) t)).
      assert (0 <= sum_below N mu * (x (S l) t ^ 2 * Delta s b eps (x (S l) t))) by (apply Rmult_le_pos; lra).
      assert (q * (c * growth_rate N a mu s b eps (fun j => x j t) k) <= q * growth_rate N a mu s b eps (fun j => x j t) l) by (apply Rmult_le_compat_l; lra).
      lra.
Qed.

Theorem causality_times : causality_times_statement.
Proof.
  intros N a mu s b e0 L m T T' x y [eps <-]%as_floor (_ & Hs & _) (_ & _ & Hmax) Hm H0.
  apply (Hmax T x); [|exact H0].
  apply (solution_weaken N a mu s b eps L m T T x); [exact Hm|apply Rbar_le_refl|exact Hs].
Qed.

Theorem fast_order : fast_order_statement.
Proof.
  intros N a mu s b e0 L T x [eps <-]%as_floor Hmu HM Hx. pose proof Hx as (HT & Hs & Hmax).
  destruct (order_of_blow_up N a mu s b eps L T x Hx) as (m & HmL & Hu & Nm & (B & HB) & Later).
  { intros l Hl Nl u v Hu Huv Hv. now apply (abs_nondecreasing N a mu s b eps L T x l). }
  { intros m l Hm Hu Hml Hl _. now apply dominated. }
  exists m. split; [exact HmL|]. split; [exact Nm|]. split; [now exists B|]. split; [|split].
  - destruct (flow_continues N a mu s b eps m (fun l => x l 0) T x B HT) as (T1 & z & HT1 & Hz & Sz).
    + apply (solution_weaken N a mu s b eps L m T T x); [lia|apply Rbar_le_refl|exact Hs].
    + intros l _. reflexivity.
    + intros l t Hl Ht HtT. now apply HB.
    + exists T1, z. auto.
  - intros L' T' y HmL' Hy H0. now apply (unbounded_ends N a mu s b eps L T x HT Hs m L' T' y).
  - exact Later.
Qed.
