(** mu > 0 and K of one sign inside the reach of the steps: growth, and the order of blow-up.

    Proves carried-nonnegative and carried-order. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Recursion Signs Divergence FastOrder Exponentials.
Open Scope R_scope.

Lemma softplus_lt u v : u < v -> softplus u < softplus v.
Proof.
  intros H. unfold softplus. pose proof (one_lt_1exp u). apply ln_increasing; [lra|]. pose proof (exp_increasing u v H). lra.
Qed.

Lemma flat_between s b (eps : nonnegreal) (y : nat -> R) j l : s = 0 -> (j <= l)%nat ->
  sum_between (S j) (S l) (fun k => Delta s b eps (y k)) = (softplus b + eps) * INR (l - j).
Proof.
  intros -> H. induction H as [|l H IH].
  - rewrite sum_between_empty, Nat.sub_diag. simpl. ring.
  - rewrite sum_between_step by exact H. rewrite IH. replace (S l - j)%nat with (S (l - j)) by lia. rewrite S_INR.
    unfold Delta. rewrite Rmult_0_l, Rplus_0_l. ring.
Qed.

Section Sign.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : Rbar) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Notation g := (carried_total N a mu).
Notation between j l y := (sum_between (S j) (S l) (fun k => D (y k))).

(** What token j wrote reaches token l through the steps between. *)
Lemma growth_rate_totals (y : nat -> R) l :
  F y l = sum_below (S l) (fun j => y j ^ 2 * D (y j) * g (between j l y)).
Proof.
  rewrite linear_recursion by apply cond_nonneg. rewrite sum_below_swap. apply sum_below_ext. intros j _.
  unfold carried_total. rewrite <- sum_below_scal. apply sum_below_ext. intros n _. ring.
Qed.

Lemma write_nonneg (y : nat -> R) j : 0 <= y j ^ 2 * D (y j).
Proof. apply Rmult_le_pos; [apply pow2_ge_0|left; apply Delta_pos]. Qed.

Lemma between_nonneg (y : nat -> R) i m : 0 <= sum_between i m (fun k => D (y k)).
Proof. apply sum_below_nonneg. intros k _. left. apply Delta_pos. Qed.

Lemma between_last (y : nat -> R) j l : (j < l)%nat -> D (y l) <= between j l y.
Proof.
  intros H. destruct l as [|l]; [lia|]. rewrite sum_between_step by lia. pose proof (between_nonneg y (S j) (S l)). lra.
Qed.

Lemma between_split (y : nat -> R) i j l : (i <= j)%nat -> (j <= l)%nat -> between i l y = between i j y + between j l y.
Proof.
  intros Hi Hj. induction Hj as [|l Hj IH]; [rewrite (sum_between_empty j); ring|].
  rewrite 2!(sum_between_step _ l) by lia. rewrite IH. ring.
Qed.

Hypothesis HM : 0 < M.
Hypothesis Hs : solution N a mu s b eps L T x.

(** The steps that lead to a nonzero token lie inside the reach. *)
Lemma steps_in_reach j l t : (j < l)%nat -> (l < L)%nat -> x l 0 <> 0 -> 0 <= t -> Rbar_lt t T ->
  in_reach s b eps L (fun k => x k 0) (between j l (fun k => x k t)).
Proof.
  intros Hj Hl Nl Ht HT. pose proof (between_last (fun k => x k t) j l Hj) as B. cbv beta in B.
  destruct (Req_dec s 0) as [Z|Ns].
  - right. left. split; [exact Z|]. exists (l - j - 1)%nat. rewrite (flat_between s b eps (fun k => x k t) j l Z) by lia.
    do 2 f_equal. lia.
  - assert (Np : s * x l 0 <> 0) by (now apply Rmult_integral_contrapositive_currified).
    destruct (Rdichotomy _ _ Np) as [Slow|Fast].
    + right. right. exists l. split; [lia|]. split; [exact Hl|]. split; [exact Slow|].
      unfold Delta in B at 1. pose proof (softplus_pos (s * x l t + b)). lra.
    + left. split; [exact Ns|]. eapply Rlt_le_trans; [|exact B]. unfold Delta. apply Rplus_lt_compat_r, softplus_lt.
      assert (0 < s * x l t); [|lra].
      destruct (Rdichotomy _ _ Nl) as [Neg|Pos].
      * pose proof (token_negative N a mu s b eps L T x l Hs Hl Neg t Ht HT). nra.
      * pose proof (token_positive N a mu s b eps L T x l Hs Hl ltac:(lra) t Ht HT). nra.
Qed.

Lemma total_0 : g 0 = M.
Proof. apply sum_below_ext. intros n _. rewrite Rmult_0_r, exp_0. ring. Qed.

(** With K >= 0 inside the reach a nonzero token grows at least at its own rate. *)
Lemma grows_at_own_rate l : (forall z, in_reach s b eps L (fun k => x k 0) z -> 0 <= g z) -> (l < L)%nat -> x l 0 <> 0 ->
  forall t, 0 <= t -> Rbar_lt t T -> M * x l t ^ 2 * D (x l t) <= F (fun k => x k t) l.
Proof.
  intros HK Hl Nl t Ht HT. rewrite growth_rate_totals. cbn [sum_below]. rewrite sum_between_empty, total_0.
  assert (0 <= sum_below l (fun j => x j t ^ 2 * D (x j t) * g (between j l (fun k => x k t)))); [|lra].
  apply sum_below_nonneg. intros j Hj. apply Rmult_le_pos; [exact (write_nonneg (fun k => x k t) j)|].
  apply HK. now apply steps_in_reach.
Qed.

(** ** What a bounded token takes over *)
Lemma takes_over (y : nat -> R) j l c : (j < l)%nat -> 0 <= c -> (forall k, (j < k < l)%nat -> y k = 0) ->
  (forall i, (i <= j)%nat -> c * g (between i j y) <= g (between i l y)) -> c * F y j <= F y l.
Proof.
  intros Hj Hc Hz Hg. rewrite 2!growth_rate_totals.
  assert (Up : forall m, (m <= l - S j)%nat ->
    sum_below (S j) (fun i => y i ^ 2 * D (y i) * g (between i l y))
    = sum_below (S j + m) (fun i => y i ^ 2 * D (y i) * g (between i l y))).
  { induction m as [|m IH]; intros Hm; [now rewrite Nat.add_0_r|]. rewrite IH by lia.
    replace (S j + S m)%nat with (S (S j + m)) by lia. cbn [sum_below].
    rewrite (Hz (S j + m)%nat) by lia. simpl (0 ^ 2). ring. }
  specialize (Up (l - S j)%nat (le_n _)). replace (S j + (l - S j))%nat with l in Up by lia.
  rewrite (sum_below_split_last l), <- Up, <- sum_below_scal, sum_between_empty, total_0.
  assert (0 <= y l ^ 2 * D (y l) * M) by (apply Rmult_le_pos; [apply write_nonneg|lra]).
  assert (sum_below (S j) (fun i => c * (y i ^ 2 * D (y i) * g (between i j y)))
    <= sum_below (S j) (fun i => y i ^ 2 * D (y i) * g (between i l y))); [|lra].
  apply sum_below_le. intros i Hi. pose proof (write_nonneg y i). specialize (Hg i ltac:(lia)).
  replace (c * (y i ^ 2 * D (y i) * g (between i j y))) with (y i ^ 2 * D (y i) * (c * g (between i j y))) by ring.
  now apply Rmult_le_compat_l.
Qed.
End Sign.

Theorem carried_nonnegative : carried_nonnegative_statement.
Proof.
  intros N a mu s b e0 L T x l [eps <-]%as_floor HK HM Hs Hl. split.
  - intros u v Hu Huv HT Nl. apply (grower_increasing N a mu s b eps L T x l); try assumption.
    now apply (grows_at_own_rate N a mu s b eps L T x Hs).
  - intros Nl ->. apply (grower_diverges N a mu s b eps L x l); try assumption.
    intros t Ht. now apply (grows_at_own_rate N a mu s b eps L p_infty x Hs).
Qed.

(** The last token before l with a property. *)
Lemma last_before (P : nat -> Prop) m l : (m < l)%nat -> P m ->
  exists j, (m <= j < l)%nat /\ P j /\ forall k, (j < k < l)%nat -> ~ P k.
Proof.
  intros H Pm. induction H as [|l H IH].
  - exists m. split; [lia|]. split; [exact Pm|]. intros; lia.
  - destruct (classic (P l)) as [Pl|Nl].
    + exists l. split; [lia|]. split; [exact Pl|]. intros; lia.
    + destruct IH as (j & Hj & Pj & Hk). exists j. split; [lia|]. split; [exact Pj|].
      intros k Hkl. destruct (Nat.eq_dec k l) as [->|]; [exact Nl|]. apply Hk. lia.
Qed.

(** Finitely many numbers, each with a positive one beside it. *)
Lemma finite_factor (f h : nat -> R) n : (forall i, (i <= n)%nat -> 0 < h i) ->
  exists c, 0 < c /\ forall i, (i <= n)%nat -> c * f i <= h i.
Proof.
  assert (One : forall u v, 0 < v -> exists c, 0 < c /\ forall c', 0 < c' <= c -> c' * u <= v).
  { intros u v Hv. exists (v / (Rabs u + 1)). pose proof (Rabs_pos u). split; [apply Rdiv_lt_0_compat; lra|].
    intros c Hc. apply Rle_trans with (c * (Rabs u + 1)); [apply Rmult_le_compat_l; [lra|]; pose proof (Rle_abs u); lra|].
    apply Rle_trans with (v / (Rabs u + 1) * (Rabs u + 1)); [apply Rmult_le_compat_r; lra|]. right. field. lra. }
  assert (All : (forall i, (i <= n)%nat -> 0 < h i) -> exists c, 0 < c /\ forall i, (i <= n)%nat -> forall c', 0 < c' <= c -> c' * f i <= h i).
  { induction n as [|n IH]; intros H.
    - destruct (One (f 0%nat) (h 0%nat) (H 0%nat (le_n _))) as (c & Hc & P). exists c. split; [exact Hc|].
      intros i Hi. now replace i with 0%nat by lia.
    - destruct IH as (c & Hc & P); [intros; apply H; lia|].
      destruct (One (f (S n)) (h (S n)) (H (S n) (le_n _))) as (c' & Hc' & P').
      exists (Rmin c c'). split; [now apply Rmin_glb_lt|]. pose proof (Rmin_l c c'). pose proof (Rmin_r c c').
      intros i Hi d Hd. destruct (Nat.eq_dec i (S n)) as [->|]; [apply P'; lra|apply P; [lia|lra]]. }
  intros H. destruct (All H) as (c & Hc & P). exists c. split; [exact Hc|]. intros i Hi. apply P; [exact Hi|lra].
Qed.

Section Order.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (T : R) (x : nat -> R -> R).
Notation F := (growth_rate N a mu s b eps).
Notation D := (Delta s b eps).
Notation g := (carried_total N a mu).
Notation between j l y := (sum_between (S j) (S l) (fun k => D (y k))).
Hypothesis HM : 0 < sum_below N mu.
Hypothesis Hs : solution N a mu s b eps L T x.
Hypothesis HK : forall z, in_reach s b eps L (fun k => x k 0) z -> 0 < g z.

Lemma none_shrinks l : (l < L)%nat -> x l 0 <> 0 ->
  forall u v, 0 <= u -> u <= v -> Rbar_lt v T -> Rabs (x l u) <= Rabs (x l v).
Proof.
  intros Hl Nl. apply (grower_nondecreasing N a mu s b eps L T x l); try assumption.
  apply (grows_at_own_rate N a mu s b eps L T x Hs); try assumption. intros z Hz. left. now apply HK.
Qed.

(** A token that stays bounded takes over a fixed part of the growth rate of the nonzero token before it. *)
Lemma bounded_takes_over j l B : (j < l)%nat -> (l < L)%nat -> x l 0 <> 0 ->
  (forall k, (j < k < l)%nat -> x k 0 = 0) -> (forall t, 0 <= t -> t < T -> Rabs (x l t) <= B) ->
  exists c, 0 < c /\ forall t, 0 <= t -> t < T -> c * F (fun k => x k t) j <= F (fun k => x k t) l.
Proof.
  intros Hj Hl Nl Hz HB.
  assert (Zero : forall t, 0 <= t -> t < T -> forall k, (j < k < l)%nat -> x k t = 0).
  { intros t Ht HT k Hk. apply (token_zero N a mu s b eps L T x k Hs); [lia|now apply Hz|exact Ht|exact HT]. }
  cut (exists c, 0 < c /\ forall t, 0 <= t -> t < T -> forall i, (i <= j)%nat ->
    c * g (between i j (fun k => x k t)) <= g (between i l (fun k => x k t))).
  { intros (c & Hc & Hg). exists c. split; [exact Hc|]. intros t Ht HT.
    apply (takes_over N a mu s b eps HM (fun k => x k t) j l c Hj (Rlt_le _ _ Hc)); [now apply Zero|now apply Hg]. }
  destruct (Req_dec s 0) as [Z|Ns].
  - destruct (finite_factor (fun i => g ((softplus b + eps) * INR (j - i))) (fun i => g ((softplus b + eps) * INR (l - i))) j)
      as (c & Hc & Hg).
    + intros i Hi. apply HK. right. left. split; [exact Z|]. exists (l - i - 1)%nat. do 2 f_equal. lia.
    + exists c. split; [exact Hc|]. intros t _ _ i Hi.
      rewrite 2!(flat_between s b eps (fun k => x k t)) by (try exact Z; lia). now apply Hg.
  - (* the steps from j to l stay between two bounds inside the reach *)
    assert (Lower : exists low start, start < low /\ 0 <= low /\ (forall z, start < z -> 0 < g z) /\
      forall t, 0 <= t -> t < T -> low <= D (x l t)).
    { assert (Np : s * x l 0 <> 0) by (now apply Rmult_integral_contrapositive_currified).
      destruct (Rdichotomy _ _ Np) as [Slow|Fast].
      - exists (softplus (b - Rabs s * B) + eps), eps. pose proof (softplus_pos (b - Rabs s * B)). pose proof (cond_nonneg eps).
        split; [lra|]. split; [lra|]. split.
        + intros z Hz'. apply HK. right. right. exists l. repeat split; [lia|exact Hl|exact Slow|exact Hz'].
        + intros t Ht HT. apply Delta_lower. now apply HB.
      - exists (D (x l 0)), (softplus b + eps). split.
        { unfold Delta. apply Rplus_lt_compat_r, softplus_lt. lra. }
        split; [left; apply Delta_pos|]. split.
        + intros z Hz'. apply HK. left. now split.
        + intros t Ht HT. apply Delta_mono.
          pose proof (none_shrinks l Hl Nl 0 t (Rle_refl 0) Ht HT) as A.
          destruct (Rdichotomy _ _ Nl) as [Neg|Pos].
          * pose proof (token_negative N a mu s b eps L T x l Hs Hl Neg t Ht HT).
            rewrite 2!Rabs_left in A by assumption. nra.
          * pose proof (token_positive N a mu s b eps L T x l Hs Hl ltac:(lra) t Ht HT).
            rewrite 2!Rabs_pos_eq in A by lra. nra. }
    destruct Lower as (low & start & H1 & H0 & Hg & Low).
    set (most := softplus (Rabs s * Rabs B + b) + eps).
    assert (Most : forall t, 0 <= t -> t < T -> forall k, (j < k <= l)%nat -> D (x k t) <= most).
    { intros t Ht HT k Hk. apply Delta_box. destruct (Nat.eq_dec k l) as [->|Nk].
      - pose proof (HB t Ht HT). pose proof (Rle_abs B). lra.
      - rewrite (Zero t Ht HT k) by lia. rewrite Rabs_R0. apply Rabs_pos. }
    assert (High : forall t, 0 <= t -> t < T -> forall m, (j <= m <= l)%nat -> between j m (fun k => x k t) <= INR (m - j) * most).
    { intros t Ht HT m Hm. induction m as [|m IH].
      - replace j with 0%nat by lia. rewrite sum_between_empty. simpl. lra.
      - destruct (Nat.eq_dec j (S m)) as [->|Nm]; [rewrite sum_between_empty, Nat.sub_diag; simpl; lra|].
        rewrite sum_between_step by lia. specialize (IH ltac:(lia)). pose proof (Most t Ht HT (S m) ltac:(lia)).
        replace (S m - j)%nat with (S (m - j)) by lia. rewrite S_INR. lra. }
    set (high := Rmax low (INR (l - j) * most)).
    destruct (exponential_handover N a mu start low high Hg H1 H0 (Rmax_l _ _)) as (c & Hc & P).
    exists c. split; [exact Hc|]. intros t Ht HT i Hi.
    rewrite (between_split s b eps (fun k => x k t) i j l) by lia. apply P; [apply between_nonneg|]. split.
    + eapply Rle_trans; [exact (Low t Ht HT)|]. apply (between_last s b eps (fun k => x k t) j l Hj).
    + eapply Rle_trans; [apply (High t Ht HT l); lia|apply Rmax_r].
Qed.

Lemma unbounded_dominates m l : (m < L)%nat -> unbounded T x m -> (m <= l)%nat -> (l < L)%nat -> x l 0 <> 0 ->
  dominates N a mu s b eps L T x m l.
Proof.
  intros Hm Hu. induction l as [l IH] using lt_wf_ind. intros Hml Hl Nl.
  destruct (bounded_or_unbounded T x l) as [Hul|[B HB]].
  - exists l, 1. repeat split; [exact Hl|lra|exact Hul|]. intros; lra.
  - assert (Hlt : (m < l)%nat).
    { destruct (Nat.eq_dec m l) as [->|]; [|lia]. destruct (Hu B) as (t & Ht & HT & Q). pose proof (HB t Ht HT). lra. }
    destruct (last_before (fun k => x k 0 <> 0) m l Hlt) as (j & Hj & Nj & Between).
    { now apply (unbounded_nonzero N a mu s b eps L T x Hs). }
    destruct (IH j ltac:(lia) ltac:(lia) ltac:(lia) Nj) as (k & c & Hk & Hc & Huk & HF).
    destruct (bounded_takes_over j l B ltac:(lia) Hl Nl) as (q & Hq & Over).
    + intros i Hi. apply NNPP. now apply Between.
    + intros t Ht HT. now apply HB.
    + exists k, (q * c). repeat split; [exact Hk|now apply Rmult_lt_0_compat|exact Huk|].
      intros t Ht HT. specialize (HF t Ht HT). specialize (Over t Ht HT). eapply Rle_trans; [|exact Over].
      rewrite Rmult_assoc. apply Rmult_le_compat_l; lra.
Qed.
End Order.

Theorem carried_order : carried_order_statement.
Proof.
  intros N a mu s b e0 L T x [eps <-]%as_floor HK HM Hx. pose proof Hx as (HT & Hs & _).
  destruct (order_of_blow_up N a mu s b eps L T x Hx) as (m & Hm & Hu & Nm & (B & HB) & Later).
  { intros l Hl Nl. now apply (none_shrinks N a mu s b eps L T x HM Hs HK). }
  { intros m l Hm Hu Hml Hl Nl. now apply (unbounded_dominates N a mu s b eps L T x HM Hs HK). }
  exists m. split; [exact Hm|]. split; [exact Nm|]. split.
  - exists B. intros l t Hl Ht. apply HB; [exact Hl|lra|]. simpl. lra.
  - intros l Hml Hl Nl P (K & HP). destruct (Later l Hml Hl Nl K) as (t0 & Ht0 & Ht0T & Up).
    assert (Hd : 0 < T - t0) by lra. exists (mkposreal _ Hd). intros t Bt Ht. open_ball Bt. apply HP. apply Up; [|exact Ht].
    lra.
Qed.
