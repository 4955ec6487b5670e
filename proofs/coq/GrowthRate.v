(** The growth rate of a token: how it depends on the earlier tokens, its sign
    when all mu_n have one sign, bounds and continuity.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums.
Open Scope R_scope.

(** What token l inherits: the hidden state of the token before it, or 0. *)
Definition inherited (a mu : nat -> R) (s b : R) (eps : nonnegreal) (x : nat -> R) (l n : nat) : R :=
  match l with O => 0 | S k => hidden a mu s b eps x k n end.

Lemma hidden_step a mu s b (eps : nonnegreal) x l n :
  hidden a mu s b eps x l n =
  exp (- a n * Delta s b eps (x l)) * inherited a mu s b eps x l n + mu n * x l ^ 2 * Delta s b eps (x l).
Proof. destruct l as [|k]; unfold inherited; [|reflexivity]. simpl hidden. ring. Qed.

(** The part of the growth rate that token l inherits. *)
Definition carried (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (x : nat -> R) (l : nat) : R :=
  sum_below N (fun n => exp (- a n * Delta s b eps (x l)) * inherited a mu s b eps x l n).

(** F_l = carried + (sum of mu_n) x_l^2 Delta(x_l). *)
Lemma growth_rate_split N a mu s b (eps : nonnegreal) x l :
  growth_rate N a mu s b eps x l =
  carried N a mu s b eps x l + sum_below N mu * x l ^ 2 * Delta s b eps (x l).
Proof.
  unfold growth_rate, carried.
  rewrite (sum_below_ext N _ (fun n => exp (- a n * Delta s b eps (x l)) * inherited a mu s b eps x l n
                                       + mu n * (x l ^ 2 * Delta s b eps (x l)))).
  - rewrite sum_below_plus, sum_below_scal_r. ring.
  - intros n _. rewrite hidden_step. ring.
Qed.

Lemma carried_first N a mu s b (eps : nonnegreal) x : carried N a mu s b eps x O = 0.
Proof.
  unfold carried. simpl. rewrite <- (sum_below_zero N) at 1. apply sum_below_ext. intros; ring.
Qed.

(** A zero token adds nothing. *)
Lemma growth_rate_zero_token N a mu s b (eps : nonnegreal) x l :
  x l = 0 -> growth_rate N a mu s b eps x l = carried N a mu s b eps x l.
Proof. intros H. rewrite growth_rate_split, H. simpl (0 ^ 2). ring. Qed.

(** ** Only tokens 0..l matter *)
Lemma hidden_agree a mu s b (eps : nonnegreal) x y l n :
  (forall k, (k <= l)%nat -> x k = y k) -> hidden a mu s b eps x l n = hidden a mu s b eps y l n.
Proof.
  intros H. induction l as [|k IH]; simpl hidden.
  - now rewrite (H O (le_n _)).
  - rewrite (H (S k) (le_n _)), IH; [reflexivity|]. intros; apply H; lia.
Qed.

Lemma inherited_agree a mu s b (eps : nonnegreal) x y l n :
  (forall k, (k < l)%nat -> x k = y k) -> inherited a mu s b eps x l n = inherited a mu s b eps y l n.
Proof.
  intros H. destruct l as [|k]; [reflexivity|]. apply hidden_agree. intros; apply H; lia.
Qed.

Lemma growth_rate_agree N a mu s b (eps : nonnegreal) x y l :
  (forall k, (k <= l)%nat -> x k = y k) -> growth_rate N a mu s b eps x l = growth_rate N a mu s b eps y l.
Proof. intros H. apply sum_below_ext. intros n _. now apply hidden_agree. Qed.

(** ** One sign for all mu_n *)
Definition all_nonpos (N : nat) (mu : nat -> R) : Prop := forall n, (n < N)%nat -> mu n <= 0.
Definition all_nonneg (N : nat) (mu : nat -> R) : Prop := forall n, (n < N)%nat -> 0 <= mu n.

Lemma sq_Delta_nonneg s b (eps : nonnegreal) u : 0 <= u ^ 2 * Delta s b eps u.
Proof. apply Rmult_le_pos; [apply pow2_ge_0|left; apply Delta_pos]. Qed.

Lemma hidden_nonneg a mu s b (eps : nonnegreal) x l n : 0 <= mu n -> 0 <= hidden a mu s b eps x l n.
Proof.
  intros Hm. induction l as [|k IH]; rewrite hidden_step; rewrite (Rmult_assoc (mu n));
    (apply Rplus_le_le_0_compat; [|apply Rmult_le_pos; [exact Hm|apply sq_Delta_nonneg]]).
  - simpl inherited. lra.
  - apply Rmult_le_pos; [left; apply exp_pos|exact IH].
Qed.

Lemma hidden_opp a mu s b (eps : nonnegreal) x l n :
  hidden a (fun n => - mu n) s b eps x l n = - hidden a mu s b eps x l n.
Proof. induction l as [|k IH]; simpl hidden; [ring|rewrite IH; ring]. Qed.

Lemma hidden_nonpos a mu s b (eps : nonnegreal) x l n : mu n <= 0 -> hidden a mu s b eps x l n <= 0.
Proof.
  intros Hm. pose proof (hidden_nonneg a (fun n => - mu n) s b eps x l n ltac:(simpl; lra)) as H.
  rewrite hidden_opp in H. lra.
Qed.

Lemma inherited_nonneg a mu s b (eps : nonnegreal) x l n : 0 <= mu n -> 0 <= inherited a mu s b eps x l n.
Proof. intros Hm. destruct l as [|k]; [simpl; lra|]. now apply hidden_nonneg. Qed.

Lemma inherited_nonpos a mu s b (eps : nonnegreal) x l n : mu n <= 0 -> inherited a mu s b eps x l n <= 0.
Proof. intros Hm. destruct l as [|k]; [simpl; lra|]. now apply hidden_nonpos. Qed.

Lemma carried_nonneg N a mu s b (eps : nonnegreal) x l : all_nonneg N mu -> 0 <= carried N a mu s b eps x l.
Proof.
  intros Hm. apply sum_below_nonneg. intros n Hn.
  apply Rmult_le_pos; [left; apply exp_pos|apply inherited_nonneg; now apply Hm].
Qed.

Lemma carried_nonpos N a mu s b (eps : nonnegreal) x l : all_nonpos N mu -> carried N a mu s b eps x l <= 0.
Proof.
  intros Hm. apply sum_below_nonpos. intros n Hn.
  pose proof (inherited_nonpos a mu s b eps x l n (Hm n Hn)).
  pose proof (exp_pos (- a n * Delta s b eps (x l))). nra.
Qed.

Lemma growth_rate_lower N a mu s b (eps : nonnegreal) x l : all_nonneg N mu ->
  sum_below N mu * x l ^ 2 * Delta s b eps (x l) <= growth_rate N a mu s b eps x l.
Proof.
  intros Hm. rewrite growth_rate_split. pose proof (carried_nonneg N a mu s b eps x l Hm). lra.
Qed.

Lemma growth_rate_upper N a mu s b (eps : nonnegreal) x l : all_nonpos N mu ->
  growth_rate N a mu s b eps x l <= sum_below N mu * x l ^ 2 * Delta s b eps (x l).
Proof.
  intros Hm. rewrite growth_rate_split. pose proof (carried_nonpos N a mu s b eps x l Hm). lra.
Qed.

Lemma growth_rate_nonneg N a mu s b (eps : nonnegreal) x l : all_nonneg N mu -> 0 <= growth_rate N a mu s b eps x l.
Proof. intros Hm. apply sum_below_nonneg. intros n Hn. apply hidden_nonneg. now apply Hm. Qed.

Lemma growth_rate_nonpos N a mu s b (eps : nonnegreal) x l : all_nonpos N mu -> growth_rate N a mu s b eps x l <= 0.
Proof. intros Hm. apply sum_below_nonpos. intros n Hn. apply hidden_nonpos. now apply Hm. Qed.

(** With a_n >= 0 and mu_n >= 0 a token inherits at most the growth rate of the one before it,
    and at least a fixed part of it while it stays bounded. *)
Lemma carried_le N a mu s b (eps : nonnegreal) x l : all_nonneg N mu -> (forall n, (n < N)%nat -> 0 <= a n) ->
  carried N a mu s b eps x (S l) <= growth_rate N a mu s b eps x l.
Proof.
  intros Hm Ha. apply sum_below_le. intros n Hn. simpl inherited.
  pose proof (hidden_nonneg a mu s b eps x l n (Hm n Hn)).
  pose proof (decay_le_1 (a n) s b eps (x (S l)) (Ha n Hn)). nra.
Qed.

Lemma carried_ge N a mu s b (eps : nonnegreal) c : 
  exists k, 0 < k /\ forall x l, all_nonneg N mu -> Rabs (x (S l)) <= c ->
  k * growth_rate N a mu s b eps x l <= carried N a mu s b eps x (S l).
Proof.
  induction N as [|N (k & Hk & IH)].
  - exists 1. split; [lra|]. intros; unfold growth_rate, carried; simpl; lra.
  - set (q := exp (- (Rabs (a N) * (softplus (Rabs s * c + b) + eps)))).
    exists (Rmin k q). split; [apply Rmin_glb_lt; [exact Hk|apply exp_pos]|].
    intros x l Hm Hx. unfold growth_rate, carried in *. simpl sum_below.
    assert (Hm' : all_nonneg N mu) by (intros n Hn; apply Hm; lia).
    specialize (IH x l Hm' Hx).
    pose proof (growth_rate_nonneg N a mu s b eps x l Hm') as G. unfold growth_rate in G.
    pose proof (hidden_nonneg a mu s b eps x l N (Hm N (le_n _))) as H0.
    pose proof (decay_lower (a N) s b eps (x (S l)) c Hx) as D. fold q in D.
    pose proof (Rmin_l k q) as M1. pose proof (Rmin_r k q) as M2.
    simpl inherited. rewrite Rmult_plus_distr_l. apply Rplus_le_compat.
    + eapply Rle_trans; [|exact IH]. now apply Rmult_le_compat_r.
    + apply Rmult_le_compat_r; lra.
Qed.

(** ** Boxes: while every token stays in [-c k, c k] the hidden states are bounded *)
Lemma hidden_box a mu s b (eps : nonnegreal) (c : nat -> R) l n :
  exists B, 0 <= B /\ forall x, (forall k, (k <= l)%nat -> Rabs (x k) <= c k) ->
  Rabs (hidden a mu s b eps x l n) <= B.
Proof.
  assert (Q : forall k x, Rabs (x k) <= c k ->
     Rabs (mu n * x k ^ 2 * Delta s b eps (x k)) <= Rabs (mu n) * c k ^ 2 * (softplus (Rabs s * c k + b) + eps)).
  { intros k x H. pose proof (Delta_box s b eps _ _ H) as D.
    rewrite !Rabs_mult, (Rabs_pos_eq (Delta s b eps (x k))) by lra.
    assert (Rabs (x k ^ 2) <= c k ^ 2).
    { rewrite <- RPow_abs. apply pow_incr. split; [apply Rabs_pos|exact H]. }
    pose proof (Rabs_pos (mu n)). pose proof (Rabs_pos (x k ^ 2)).
    apply Rmult_le_compat; [apply Rmult_le_pos; lra|lra| |lra].
    apply Rmult_le_compat_l; lra. }
  assert (P : forall k, 0 <= Rabs (mu n) * c k ^ 2 * (softplus (Rabs s * c k + b) + eps)).
  { intros k. apply Rmult_le_pos; [|left; apply step_pos].
    apply Rmult_le_pos; [apply Rabs_pos|apply pow2_ge_0]. }
  induction l as [|k (B & HB & IH)].
  - eexists. split; [apply (P O)|]. intros x H. simpl hidden. apply Q. apply H; lia.
  - exists (exp (Rabs (a n) * (softplus (Rabs s * c (S k) + b) + eps)) * B
            + Rabs (mu n) * c (S k) ^ 2 * (softplus (Rabs s * c (S k) + b) + eps)). split.
    + apply Rplus_le_le_0_compat; [|apply P]. apply Rmult_le_pos; [left; apply exp_pos|exact HB].
    + intros x H. rewrite (hidden_step a mu s b eps x (S k)).
      eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [|apply Q, H; lia].
      rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos.
      * rewrite Rabs_pos_eq by (left; apply exp_pos). apply decay_upper, H; lia.
      * apply IH. intros; apply H; lia.
Qed.

Lemma inherited_box a mu s b (eps : nonnegreal) (c : nat -> R) N l :
  exists B, 0 <= B /\ forall n x, (n < N)%nat -> (forall k, (k < l)%nat -> Rabs (x k) <= c k) ->
  Rabs (inherited a mu s b eps x l n) <= B.
Proof.
  destruct l as [|l]; [exists 0; split; [lra|]; intros; simpl; rewrite Rabs_R0; lra|].
  induction N as [|N (B & HB & IH)]; [exists 0; split; [lra|]; intros; lia|].
  destruct (hidden_box a mu s b eps c l N) as (B' & HB' & H').
  exists (B + B'). split; [lra|]. intros n x Hn Hx.
  destruct (Nat.eq_dec n N) as [->|Nn].
  - specialize (H' x ltac:(intros; apply Hx; lia)). simpl inherited. lra.
  - specialize (IH n x ltac:(lia) Hx). lra.
Qed.

(** ** Continuity along continuous tokens *)
Lemma hidden_continuity a mu s b (eps : nonnegreal) (y : nat -> R -> R) l n t :
  (forall k, (k <= l)%nat -> continuity_pt (y k) t) ->
  continuity_pt (fun u => hidden a mu s b eps (fun k => y k u) l n) t.
Proof.
  assert (Q : forall k, continuity_pt (y k) t ->
            continuity_pt (fun u => mu n * y k u ^ 2 * Delta s b eps (y k u)) t).
  { intros k Hk.
    apply (continuity_pt_mult (fun u => mu n * y k u ^ 2) (fun u => Delta s b eps (y k u))).
    - apply (continuity_pt_scal (fun u => y k u ^ 2)).
      apply (continuity_pt_comp (y k) (fun v => v ^ 2)); [exact Hk|].
      apply derivable_continuous_pt, derivable_pt_pow.
    - apply (continuity_pt_comp (y k) (Delta s b eps)); [exact Hk|apply Delta_continuity]. }
  induction l as [|k IH]; intros H; simpl hidden.
  - apply Q, H; lia.
  - apply (continuity_pt_plus
      (fun u => exp (- a n * Delta s b eps (y (S k) u)) * hidden a mu s b eps (fun k => y k u) k n)
      (fun u => mu n * y (S k) u ^ 2 * Delta s b eps (y (S k) u))).
    + apply (continuity_pt_mult (fun u => exp (- a n * Delta s b eps (y (S k) u)))
        (fun u => hidden a mu s b eps (fun k => y k u) k n)).
      * apply (continuity_pt_comp (y (S k)) (fun v => exp (- a n * Delta s b eps v))); [apply H; lia|].
        apply decay_continuity.
      * apply IH. intros; apply H; lia.
    + apply Q, H; lia.
Qed.

Lemma growth_rate_continuity N a mu s b (eps : nonnegreal) (y : nat -> R -> R) l t :
  (forall k, (k <= l)%nat -> continuity_pt (y k) t) ->
  continuity_pt (fun u => growth_rate N a mu s b eps (fun k => y k u) l) t.
Proof.
  intros H. apply (sum_below_continuity N (fun n u => hidden a mu s b eps (fun k => y k u) l n)).
  intros n _. now apply hidden_continuity.
Qed.
