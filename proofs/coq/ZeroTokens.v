(** Zero tokens among states with their own decay rates.

    Proves state-convergence when some tokens are zero: a zero token hands on
    the shares multiplied by q_n, so after one the shares no longer sum to 1, and
    the theorem asks that their sum is positive.  (With mu_n of both signs it can
    be negative, and then a later token need not converge.) *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Convergence Shares Vanish.
Open Scope R_scope.

(** After zero tokens only, nothing is inherited. *)
Lemma inherited_zero N a mu s b (eps : nonnegreal) L T x l n t : solution N a mu s b eps L T x -> (l <= L)%nat ->
  (forall k, (k < l)%nat -> x k 0 = 0) -> 0 <= t -> Rbar_lt t T ->
  inherited a mu s b eps (fun k => x k t) l n = 0.
Proof.
  intros Hs Hl HZ Ht HT. destruct l as [|l]; [reflexivity|]. simpl inherited.
  induction l as [|l IH]; rewrite hidden_step.
  - rewrite (token_zero N a mu s b eps L T x O Hs ltac:(lia) (HZ O (le_n _)) t Ht HT). simpl. ring.
  - rewrite (token_zero N a mu s b eps L T x (S l) Hs ltac:(lia) (HZ (S l) (le_n _)) t Ht HT).
    simpl inherited. rewrite IH by (lia || (intros; apply HZ; lia)). simpl (0 ^ 2). ring.
Qed.

Section Zeros.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R) (p : nat -> nat -> R).
Notation M := (sum_below N mu).
Notation q n := (exp (- a n * (softplus b + eps))).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : M < 0.
Hypothesis Hs : solution N a mu s b eps L p_infty x.
Hypothesis p_first : forall n, p O n = 0.
Hypothesis p_zero : forall l n, (l < L)%nat -> x l 0 = 0 -> p (S l) n = q n * p l n.
Hypothesis p_nonzero : forall l n, (l < L)%nat -> x l 0 <> 0 ->
  p (S l) n = q n * p l n + mu n / M * Rmax 0 (1 - sum_below N (fun m => q m * p l m)).
Hypothesis p_sum : forall l, (l < L)%nat -> x l 0 <> 0 ->
  (forall k, (k < l)%nat -> x k 0 = 0) \/ 0 < sum_below N (p l).

Lemma token_limit l : (l < L)%nat ->
  (forall n, is_lim (fun t => -2 * t * inherited a mu s b eps (fun k => x k t) l n) p_infty (p l n)) ->
  is_lim (x l) p_infty 0.
Proof.
  intros Hl Hp. destruct (Req_dec (x l 0) 0) as [Z|Nz].
  - eapply is_lim_ext_loc; [|apply (is_lim_const 0)]. exists 0. intros t Ht.
    symmetry. apply (token_zero N a mu s b eps L p_infty x l Hs Hl Z t); [lra|exact I].
  - destruct (p_sum l Hl Nz) as [HZ|Hsum].
    + apply (convergence_of_upper N a mu s b eps L x l HM Hs Hl). intros t Ht.
      rewrite growth_rate_split. unfold carried.
      rewrite (sum_below_ext N _ (fun _ => 0)), sum_below_zero; [lra|].
      intros n _. rewrite (inherited_zero N a mu s b eps L p_infty x l n t Hs) by (lia || lra || assumption || exact I). ring.
    + exact (token_vanishes N a mu s b eps L x l Ha HM Hs Hl Nz (p l) Hp Hsum).
Qed.

Lemma shares_limit l : (l <= L)%nat ->
  forall n, is_lim (fun t => -2 * t * inherited a mu s b eps (fun k => x k t) l n) p_infty (p l n).
Proof.
  induction l as [|l IH]; intros Hl n.
  - rewrite p_first. eapply is_lim_ext; [|apply is_lim_const]. intros t. simpl. ring.
  - pose proof (IH ltac:(lia)) as Hp. pose proof (token_limit l Hl Hp) as Hlim. simpl inherited.
    destruct (Req_dec (x l 0) 0) as [Z|Nz].
    + rewrite (p_zero l n Hl Z). now apply (share_zero N a mu s b eps L x l Hs Hl Hlim (p l) Hp).
    + rewrite (p_nonzero l n Hl Nz). now apply (share_nonzero N a mu s b eps L x l HM Hs Hl Hlim (p l) Hp).
Qed.
End Zeros.

Theorem state_convergence_zeros : state_convergence_zeros_statement.
Proof.
  intros N a mu s b e0 L x p [eps <-]%as_floor Ha HM Hs P0 PZ PN PS l Hl Nz.
  assert (PN' : forall l n, (l < L)%nat -> x l 0 <> 0 ->
            p (S l) n = exp (- a n * (softplus b + eps)) * p l n
                        + mu n / sum_below N mu * Rmax 0 (1 - sum_below N (fun n => exp (- a n * (softplus b + eps)) * p l n))).
  { intros k n Hk Nk. rewrite PN by assumption. unfold Rdiv. ring. }
  rewrite (Rabs_left (sum_below N mu)) by exact HM.
  pose proof (shares_limit N a mu s b eps L x p Ha HM Hs P0 PZ PN' PS l ltac:(lia)) as Hp.
  pose proof (token_limit N a mu s b eps L x p Ha HM Hs PS l Hl Hp) as Hlim.
  split; [exact Hlim|]. exact (square_lim N a mu s b eps L x l HM Hs Hl Hlim (p l) Hp Nz).
Qed.
