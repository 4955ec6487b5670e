(** Every initial state classified.

    Proves dichotomy: with a_n >= 0 and either mu_n of one sign or one decay rate
    for all states, the sign of the sum of the mu_n and, if it is positive, the
    signs of s x_l(0) decide between convergence, rest, slow and fast divergence. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Uniqueness Existence Convergence Divergence Blowup SlowRate SlowExistence FastOrder Constants.
Open Scope R_scope.

Definition one_sign (N : nat) (mu : nat -> R) : Prop := all_nonpos N mu \/ all_nonneg N mu.

(** A sum of numbers of one sign vanishes only with all of them. *)
Lemma one_sign_zero N mu : one_sign N mu -> sum_below N mu = 0 -> all_nonpos N mu /\ all_nonneg N mu.
Proof.
  assert (P : forall g, all_nonneg N g -> sum_below N g = 0 -> forall n, (n < N)%nat -> g n = 0).
  { clear. intros g. induction N as [|N IH]; intros Hg H n Hn; [lia|]. simpl in H.
    assert (Hg' : all_nonneg N g) by (intros k Hk; apply Hg; lia).
    pose proof (sum_below_nonneg N g Hg'). pose proof (Hg N (le_n _)).
    destruct (Nat.eq_dec n N) as [->|Nn]; [lra|]. apply IH; [exact Hg'|lra|lia]. }
  intros [H|H] HS.
  - split; [exact H|]. intros n Hn.
    assert (E : - mu n = 0).
    { apply (P (fun n => - mu n)); [intros k Hk; specialize (H k Hk); lra| |exact Hn].
      rewrite (sum_below_ext N _ (fun n => -1 * mu n)) by (intros; ring). rewrite sum_below_scal, HS. ring. }
    lra.
  - split; [|exact H]. intros n Hn. rewrite (P mu H HS n Hn). lra.
Qed.

Lemma one_sign_neg N mu : one_sign N mu -> sum_below N mu < 0 -> all_nonpos N mu.
Proof. intros [H|H] HS; [exact H|]. pose proof (sum_below_nonneg N mu H). lra. Qed.

Lemma one_sign_pos N mu : one_sign N mu -> 0 < sum_below N mu -> all_nonneg N mu.
Proof. intros [H|H] HS; [|exact H]. pose proof (sum_below_nonpos N mu H). lra. Qed.

(** All mu_n = 0: nothing moves. *)
Lemma stationary N a mu s b L T x l t : all_nonpos N mu -> all_nonneg N mu ->
  solution N a mu s b no_floor L T x -> (l < L)%nat -> 0 <= t -> Rbar_lt t T -> x l t = x l 0.
Proof.
  intros H1 H2 Hs Hl Ht HT. pose proof (solution_evolves N a mu s b no_floor L T x l Hs Hl) as E.
  assert (F0 : forall u, x l u * growth_rate N a mu s b no_floor (fun k => x k u) l = 0).
  { intros u. pose proof (growth_rate_nonpos N a mu s b no_floor (fun k => x k u) l H1).
    pose proof (growth_rate_nonneg N a mu s b no_floor (fun k => x k u) l H2).
    replace (growth_rate N a mu s b no_floor (fun k => x k u) l) with 0 by lra. ring. }
  apply Rle_antisym.
  - apply (decr_on T _ _ 0 t E); [lra|exact Ht|exact HT|]. intros u _. rewrite F0. lra.
  - apply (incr_on T _ _ 0 t E); [lra|exact Ht|exact HT|]. intros u _. rewrite F0. lra.
Qed.

Lemma le_infinity T : Rbar_le p_infty T -> T = p_infty.
Proof. destruct T; [contradiction|reflexivity|contradiction]. Qed.

(** What is said of the maximal solution; a local name for the conclusion of the theorem. *)
Definition classified (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R)
    (T : Rbar) (x : nat -> R -> R) : Prop :=
  (sum_below N mu < 0 -> T = p_infty /\ (forall l, (l < L)%nat -> is_lim (x l) p_infty 0)) /\
  (sum_below N mu = 0 -> T = p_infty /\ (forall l t, (l < L)%nat -> 0 <= t -> x l t = y0 l)) /\
  (0 < sum_below N mu -> (forall l, (l < L)%nat -> y0 l = 0 \/ s * y0 l < 0) ->
   T = p_infty /\ (forall l, (l < L)%nat -> y0 l <> 0 ->
      is_lim (fun t => Rabs (x l t)) p_infty p_infty /\
      (exists C t0 : R, forall t, t0 <= t -> Rabs (x l t) <= C * ln t))) /\
  (0 < sum_below N mu -> (exists l, (l < L)%nat /\ y0 l <> 0 /\ 0 <= s * y0 l) ->
   exists (T0 : R) (m : nat), T = Finite T0 /\ (m < L)%nat /\ y0 m <> 0 /\
   (forall l, (m <= l)%nat -> (l < L)%nat -> y0 l <> 0 -> diverges T0 x l)).

Lemma classified_one_sign N a mu s b L y0 T x :
  (forall n, (n < N)%nat -> 0 <= a n) -> one_sign N mu ->
  Rbar_lt 0 T -> solution N a mu s b no_floor L T x -> (forall l, (l < L)%nat -> x l 0 = y0 l) ->
  (forall (T' : Rbar) y, solution N a mu s b no_floor L T' y -> (forall l, (l < L)%nat -> y l 0 = y0 l) -> Rbar_le T' T) ->
  classified N a mu s b L y0 T x.
Proof.
  intros Ha Hone HT Hs H0 Hmax.
  assert (Global : (exists y, solution N a mu s b no_floor L p_infty y /\ forall l, (l < L)%nat -> y l 0 = y0 l) -> T = p_infty).
  { intros (y & Hy & Hy0). apply le_infinity. now apply (Hmax p_infty y). }
  split; [|split; [|split]].
  - intros HM. pose proof (one_sign_neg N mu Hone HM) as Hmu.
    rewrite (Global (existence N a mu s b no_floor L y0 (Rle_refl 0) Hmu)) in *. split; [reflexivity|].
    intros l Hl. now apply (convergence_rate_proved N a mu s b no_floor L x l).
  - intros HM. destruct (one_sign_zero N mu Hone HM) as [H1 H2].
    rewrite (Global (existence N a mu s b no_floor L y0 (Rle_refl 0) H1)) in *. split; [reflexivity|].
    intros l t Hl Ht. rewrite <- H0 by exact Hl. now apply (stationary N a mu s b L p_infty x l t).
  - intros HM Hslow. pose proof (one_sign_pos N mu Hone HM) as Hmu.
    rewrite (Global (slow_existence N a mu s b no_floor L y0 eq_refl Ha Hslow)) in *. split; [reflexivity|].
    intros l Hl Nl. rewrite <- H0 in Nl by exact Hl. split.
    + now apply (token_diverges N a mu s b no_floor L x l).
    + destruct (slow_log_rate_proved N a mu s b L p_infty x l Ha Hmu HM Hs Hl) as [_ (C & _ & HC)].
      * intros k Hk. rewrite H0 by lia. apply Hslow. lia.
      * exact Nl.
      * exists C, (exp 1). intros t Ht. now apply HC.
  - intros HM (l & Hl & Nl & Hf). pose proof (one_sign_pos N mu Hone HM) as Hmu.
    rewrite <- H0 in Nl, Hf by exact Hl.
    pose proof (blow_up_bound N a mu s b no_floor L T x l Hmu HM Hs Hl Nl _ (Delta_pos s b no_floor (x l 0))
      (step_grows N a mu s b no_floor L T x l Hmu HM Hs Hl Nl Hf)) as Hb.
    destruct T as [T| |]; [|contradiction|contradiction].
    destruct (fast_order N a mu s b no_floor L T x (Rle_refl 0) Hmu HM) as (m & Hm & Nm & _ & _ & _ & Hd).
    + split; [exact HT|]. split; [exact Hs|]. intros T' y Hy Hy0. apply (Hmax T' y Hy). intros k Hk. now rewrite Hy0, H0.
    + exists T, m. split; [reflexivity|]. split; [exact Hm|]. split; [now rewrite <- H0|].
      intros k Hmk Hk Nk. rewrite <- H0 in Nk by exact Hk. exact (Hd k Hmk Hk Nk).
Qed.

Lemma solution_of_one_state N a mu s b a0 L T x : (forall n, (n < N)%nat -> a n = a0) ->
  solution 1 (fun _ => a0) (fun _ => sum_below N mu) s b no_floor L T x -> solution N a mu s b no_floor L T x.
Proof.
  intros Ha Hs l Hl. apply (evolves_ext T (x l) _ _ (Hs l Hl)). intros t _ _.
  now rewrite <- (growth_rate_one_state N a mu s b no_floor a0).
Qed.

Theorem dichotomy : dichotomy_statement.
Proof.
  intros N a mu s b e0 L y0 <-%without_floor Ha Hcase.
  destruct (maximal_solution N a mu s b no_floor L y0 (Rle_refl 0)) as (T & x & HT & Hs & H0 & Hmax & _).
  exists T, x. split; [exact HT|]. split; [exact Hs|]. split; [exact H0|]. split; [exact Hmax|].
  assert (Hmax' : forall (T' : Rbar) y, solution N a mu s b no_floor L T' y ->
    (forall l, (l < L)%nat -> y l 0 = y0 l) -> Rbar_le T' T) by (intros T' y Hy Hy0; now apply (Hmax T' y)).
  destruct Hcase as [Hneg|[Hpos|[a0 Ha0]]].
  - apply (classified_one_sign N a mu s b L y0 T x Ha (or_introl Hneg) HT Hs H0 Hmax').
  - apply (classified_one_sign N a mu s b L y0 T x Ha (or_intror Hpos) HT Hs H0 Hmax').
  - (* one decay rate: the flow of a single state with the sum of the mu_n *)
    destruct N as [|N'].
    { apply (classified_one_sign 0 a mu s b L y0 T x Ha ltac:(left; intros n Hn; lia) HT Hs H0 Hmax'). }
    set (N := S N') in *.
    assert (Ha1 : 0 <= a0) by (rewrite <- (Ha0 O ltac:(unfold N; lia)); apply Ha; unfold N; lia).
    assert (Hone : one_sign 1 (fun _ => sum_below N mu)).
    { destruct (Rle_lt_dec (sum_below N mu) 0); [left|right]; intros n _; lra. }
    pose proof (classified_one_sign 1 (fun _ => a0) (fun _ => sum_below N mu) s b L y0 T x
      ltac:(intros; exact Ha1) Hone HT (solution_one_state N a mu s b no_floor a0 L T x Ha0 Hs) H0
      ltac:(intros T' y Hy Hy0; apply (Hmax' T' y); [now apply (solution_of_one_state N a mu s b a0)|exact Hy0])) as C.
    unfold classified in C. rewrite sum_one in C. exact C.
Qed.
