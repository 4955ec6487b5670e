(** The paper's setting, one decay rate for all states: exact constants.

    Proves convergence-constants (with zero tokens) and attention-decay.  Only
    the sum of the mu_n counts, because equal decay rates make the flow the one
    of a single state. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements Forms.
From S6Flow Require Import Recursion Signs Uniqueness Convergence LinearAsymptotics Shares.
Open Scope R_scope.

(** ** Equal decay rates: one state *)
Lemma growth_rate_one_state N a mu s b (eps : nonnegreal) a0 x l : (forall n, (n < N)%nat -> a n = a0) ->
  growth_rate N a mu s b eps x l = growth_rate 1 (fun _ => a0) (fun _ => sum_below N mu) s b eps x l.
Proof.
  intros Ha. induction l as [|l IH].
  - rewrite !growth_rate_split, !carried_first. simpl. ring.
  - rewrite !growth_rate_split. simpl (sum_below 1 _). rewrite Rplus_0_l. f_equal.
    unfold carried. rewrite (sum_below_ext N _ (fun n => exp (- a0 * Delta s b eps (x (S l))) * hidden a mu s b eps x l n))
      by (intros n Hn; rewrite Ha by exact Hn; reflexivity).
    rewrite sum_below_scal. unfold growth_rate in IH. rewrite IH. simpl. ring.
Qed.

Theorem one_decay_sum : one_decay_sum_statement.
Proof. intros N a mu s b e0 a0 x l [eps <-]%as_floor Ha. now apply growth_rate_one_state. Qed.

Lemma solution_one_state N a mu s b (eps : nonnegreal) a0 L T x : (forall n, (n < N)%nat -> a n = a0) ->
  solution N a mu s b eps L T x -> solution 1 (fun _ => a0) (fun _ => sum_below N mu) s b eps L T x.
Proof.
  intros Ha Hs l Hl. apply (evolves_ext T (x l) _ _ (Hs l Hl)). intros t _ _.
  now rewrite (growth_rate_one_state N a mu s b eps a0).
Qed.

Section OneState.
Variables (M a0 s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R).
Hypothesis HM : M < 0.
Hypothesis Ha : 0 <= a0.
Notation solution := (solution 1 (fun _ => a0) (fun _ => M) s b eps).
Hypothesis Hs : solution L p_infty x.
Notation q := (exp (- a0 * (softplus b + eps))).
Notation inh l := (fun t => -2 * t * inherited (fun _ => a0) (fun _ => M) s b eps (fun k => x k t) l O).

Lemma sum_one (g : nat -> R) : sum_below 1 g = g O.
Proof. simpl. ring. Qed.

Lemma HM1 : sum_below 1 (fun _ => M) < 0.
Proof. rewrite sum_one. exact HM. Qed.

Lemma token_to_zero l : (l < L)%nat -> is_lim (x l) p_infty 0.
Proof.
  intros Hl. apply (convergence_rate_proved 1%nat (fun _ => a0) (fun _ => M) s b eps L x l); [|rewrite sum_one; lra|exact Hs|exact Hl].
  intros n _. lra.
Qed.

Lemma q_le_1 : 0 < q <= 1.
Proof.
  split; [apply exp_pos|]. apply exp_le_1. pose proof (step_pos b eps). nra.
Qed.

Lemma unit_mult u v : 0 <= u <= 1 -> 0 <= v <= 1 -> 0 <= u * v <= 1.
Proof. intros Hu Hv. split; [apply Rmult_le_pos; lra|nra]. Qed.

Lemma q_mult p : 0 <= p <= 1 -> 0 <= q * p <= 1.
Proof. intros Hp. apply unit_mult; [pose proof q_le_1; lra|exact Hp]. Qed.

Lemma q_pow m : 0 <= q ^ m <= 1.
Proof.
  induction m as [|m IH]; simpl; [lra|]. now apply q_mult.
Qed.

(** -2 t F_{l-1} tends to 0 before the first nonzero token and to q^(l-1-j) after token j. *)
Lemma hidden_any l n (v : nat -> R) :
  hidden (fun _ => a0) (fun _ => M) s b eps v l O = hidden (fun _ => a0) (fun _ => M) s b eps v l n.
Proof. induction l as [|l IH]; simpl hidden; [reflexivity|now rewrite IH]. Qed.

Lemma inherited_any p l : is_lim (inh l) p_infty p ->
  forall n, is_lim (fun t => -2 * t * inherited (fun _ => a0) (fun _ => M) s b eps (fun k => x k t) l n) p_infty p.
Proof.
  intros H n. eapply is_lim_ext; [|exact H]. intros t. cbv beta. f_equal.
  destruct l as [|l]; [reflexivity|]. apply (hidden_any l n (fun k => x k t)).
Qed.

Notation step_zero l Hl := (share_zero 1%nat (fun _ => a0) (fun _ => M) s b eps L x l Hs Hl (token_to_zero l Hl)).
Notation step_nonzero l Hl Hp Nz :=
  (share_nonzero 1%nat (fun _ => a0) (fun _ => M) s b eps L x l HM1 Hs Hl (token_to_zero l Hl) _ Hp Nz O).

Lemma inherited_before l : (l <= L)%nat -> (forall k, (k < l)%nat -> x k 0 = 0) -> is_lim (inh l) p_infty 0.
Proof.
  intros Hl HZ. induction l as [|l IH].
  - eapply is_lim_ext; [|apply is_lim_const]. intros t. simpl. ring.
  - pose proof (IH ltac:(lia) ltac:(intros; apply HZ; lia)) as Hp.
    pose proof (step_zero l Hl (fun _ => 0) (inherited_any 0 l Hp) (HZ l (le_n _)) O) as H.
    cbv beta in H. rewrite Rmult_0_r in H. exact H.
Qed.

Lemma kappa_one p : kappa 1 (fun _ => a0) b eps (fun _ => p) = q * p.
Proof. unfold kappa. apply sum_one. Qed.

(** A nonzero token restores the share 1, whatever it inherits, as long as that is at most 1. *)
Lemma inherited_restored l p : (l < L)%nat -> x l 0 <> 0 -> 0 <= p <= 1 ->
  is_lim (inh l) p_infty p -> is_lim (inh (S l)) p_infty 1.
Proof.
  intros Hl Nz Hp1 Hp.
  pose proof (step_nonzero l Hl (inherited_any p l Hp) Nz) as H. cbv beta in H.
  rewrite kappa_one, sum_one in H. pose proof (q_mult p Hp1).
  rewrite Rmax_right in H by lra.
  replace (Finite 1) with (Finite (q * p + M / M * (1 - q * p))) by (f_equal; field; lra). exact H.
Qed.

(** The limit lies in [0,1] for every token. *)
Lemma inherited_exists l : (l <= L)%nat -> exists p, 0 <= p <= 1 /\ is_lim (inh l) p_infty p.
Proof.
  intros Hl. induction l as [|l IH].
  - exists 0. split; [lra|]. apply inherited_before; [lia|intros; lia].
  - destruct (IH ltac:(lia)) as (p & Hp1 & Hp). destruct (Req_dec (x l 0) 0) as [Z|Nz].
    + exists (q * p). split; [now apply q_mult|].
      exact (step_zero l Hl (fun _ => p) (inherited_any p l Hp) Z O).
    + exists 1. split; [lra|]. now apply (inherited_restored l p).
Qed.

Lemma inherited_after j i : (S (j + i) <= L)%nat -> x j 0 <> 0 ->
  (forall k, (j < k)%nat -> (k < S (j + i))%nat -> x k 0 = 0) -> is_lim (inh (S (j + i))) p_infty (q ^ i).
Proof.
  intros Hl Nz HZ. induction i as [|i IH].
  - rewrite Nat.add_0_r in *. destruct (inherited_exists j ltac:(lia)) as (p & Hp1 & Hp).
    now apply (inherited_restored j p).
  - rewrite Nat.add_succ_r in *.
    pose proof (IH ltac:(lia) ltac:(intros; apply HZ; lia)) as Hp.
    exact (step_zero (S (j + i)) Hl (fun _ => q ^ i) (inherited_any _ _ Hp) (HZ (S (j + i)) ltac:(lia) ltac:(lia)) O).
Qed.

Lemma constant_of_share l p : (l < L)%nat -> x l 0 <> 0 -> 0 <= q * p <= 1 ->
  is_lim (inh l) p_infty p ->
  is_lim (fun t => t * x l t ^ 2) p_infty ((1 - q * p) / (2 * - M * (softplus b + eps))).
Proof.
  intros Hl Nz Hq Hp.
  pose proof (square_lim 1 (fun _ => a0) (fun _ => M) s b eps L x l HM1 Hs Hl (token_to_zero l Hl)
    (fun _ => p) (inherited_any p l Hp) Nz) as H.
  rewrite kappa_one, sum_one, Rmax_right in H by lra. exact H.
Qed.
End OneState.

Theorem convergence_constants_proved : convergence_constants_form.
Proof.
  intros N a mu s b eps a0 L x l Ha Ha0 HM Hs Hl Nz.
  pose proof (solution_one_state N a mu s b eps a0 L p_infty x Ha Hs) as H1.
  set (M := sum_below N mu) in *. set (q := exp (- a0 * (softplus b + eps))).
  pose proof (constant_of_share M a0 s b eps L x HM H1 l) as C. fold q in C.
  split.
  - intros HZ. replace (1 / (2 * - M * (softplus b + eps))) with ((1 - q * 0) / (2 * - M * (softplus b + eps))) by (f_equal; ring).
    apply C; [exact Hl|exact Nz|lra|]. now apply (inherited_before M a0 s b eps L x HM H1 l); [lia|].
  - intros j Hj Nj HZ. assert (E : exists i, l = S (j + i)) by (exists (l - S j)%nat; lia).
    destruct E as [i ->]. replace (S (j + i) - j)%nat with (S i) by lia.
    apply C; [exact Hl|exact Nz|exact (q_pow a0 b eps Ha0 (S i))|].
    apply (inherited_after M a0 s b eps L x HM Ha0 H1 j i); [lia|exact Nj|exact HZ].
Qed.

(** ** Attention *)
Lemma exp_INR a d m : exp (- a * (INR m * d)) = exp (- a * d) ^ m.
Proof.
  induction m as [|m IH]; [simpl; rewrite Rmult_0_l, Rmult_0_r; apply exp_0|].
  rewrite S_INR. simpl pow. rewrite <- IH, <- exp_plus. f_equal. ring.
Qed.

Lemma sum_between_const i m c : sum_between i m (fun _ => c) = INR (m - i) * c.
Proof.
  unfold sum_between. induction (m - i)%nat as [|k IH]; [simpl; ring|].
  rewrite S_INR. simpl sum_below. rewrite IH. ring.
Qed.

(** x_l x_j is, up to its sign, the root of the product of the squares. *)
Lemma product_lim L x N a mu s b (eps : nonnegreal) l j (cl cj : R) :
  solution N a mu s b eps L p_infty x -> (l < L)%nat -> (j < L)%nat ->
  is_lim (fun t => t * x l t ^ 2) p_infty cl -> is_lim (fun t => t * x j t ^ 2) p_infty cj ->
  is_lim (fun t => t * (x l t * x j t)) p_infty (sqrt (cl * cj) * (sign (x l 0) * sign (x j 0))).
Proof.
  intros Hs Hl Hj Cl Cj.
  assert (Sg : forall k t, (k < L)%nat -> 0 <= t -> x k t = Rabs (x k t) * sign (x k 0)).
  { intros k t Hk Ht. destruct (Rtotal_order (x k 0) 0) as [H|[H|H]].
    - pose proof (token_negative N a mu s b eps L p_infty x k Hs Hk H t Ht I).
      rewrite sign_eq_m1, Rabs_left by assumption. ring.
    - rewrite (token_zero N a mu s b eps L p_infty x k Hs Hk H t Ht I), Rabs_R0. ring.
    - pose proof (token_positive N a mu s b eps L p_infty x k Hs Hk H t Ht I).
      rewrite sign_eq_1, Rabs_pos_eq by lra. ring. }
  apply (is_lim_ext_loc (fun t => sqrt ((t * x l t ^ 2) * (t * x j t ^ 2)) * (sign (x l 0) * sign (x j 0)))).
  { exists 0. intros t Ht.
    replace ((t * x l t ^ 2) * (t * x j t ^ 2)) with (Rsqr (t * (x l t * x j t))) by (unfold Rsqr; ring).
    rewrite sqrt_Rsqr_abs, !Rabs_mult, (Rabs_pos_eq t) by lra.
    rewrite (Sg l t Hl ltac:(lra)) at 2. rewrite (Sg j t Hj ltac:(lra)) at 2. ring. }
  apply (is_lim_scal_r _ (sign (x l 0) * sign (x j 0)) p_infty (sqrt (cl * cj))).
  apply (filterlim_comp _ _ _ _ sqrt _ (locally (cl * cj))).
  - exact (is_lim_mult _ _ p_infty cl cj Cl Cj I).
  - apply continuous_sqrt.
Qed.

Theorem attention_decay_proved : attention_decay_form.
Proof.
  intros N a mu s b eps a0 L x l j cl cj Ha Ha0 HM Hs Hl Hj Cl Cj.
  pose proof (solution_one_state N a mu s b eps a0 L p_infty x Ha Hs) as H1.
  set (M := sum_below N mu) in *.
  assert (Dl : forall k, (k < L)%nat -> is_lim (fun t => Delta s b eps (x k t)) p_infty (softplus b + eps)).
  { intros k Hk. apply Delta_lim. now apply (token_to_zero M a0 s b eps L x HM H1). }
  apply (is_lim_ext (fun t => M * Delta s b eps (x j t) * (t * (x l t * x j t))
     * exp (- a0 * sum_between (S j) (S l) (fun k => Delta s b eps (x k t))))).
  { intros t. unfold attention.
    rewrite (sum_below_ext N _ (fun n => mu n * (x l t * x j t * Delta s b eps (x j t)
      * exp (- a0 * sum_between (S j) (S l) (fun k => Delta s b eps (x k t))))))
      by (intros n Hn; rewrite Ha by exact Hn; ring).
    rewrite sum_below_scal_r. fold M. ring. }
  assert (LE : is_lim (fun t => exp (- a0 * sum_between (S j) (S l) (fun k => Delta s b eps (x k t)))) p_infty
                 (exp (- a0 * (softplus b + eps)) ^ (l - j))).
  { rewrite <- exp_INR. replace (INR (l - j) * (softplus b + eps)) with (sum_between (S j) (S l) (fun _ => (softplus b + eps)))
      by (rewrite sum_between_const; reflexivity).
    apply (filterlim_comp _ _ _ _ exp _ (locally (- a0 * sum_between (S j) (S l) (fun _ => (softplus b + eps))))).
    - apply (is_lim_scal_l _ (- a0) p_infty (sum_between (S j) (S l) (fun _ => (softplus b + eps)))).
      unfold sum_between. apply (sum_below_lim _ (fun k t => Delta s b eps (x (S j + k)%nat t))).
      intros k Hk. apply Dl. lia.
    - apply continuity_pt_filterlim, derivable_continuous_pt, derivable_pt_exp. }
  replace (Finite (M * (softplus b + eps) * sqrt (cl * cj) * exp (- a0 * (softplus b + eps)) ^ (l - j)
                   * (sign (x l 0) * sign (x j 0))))
    with (Rbar_mult (Rbar_mult (M * (softplus b + eps)) (sqrt (cl * cj) * (sign (x l 0) * sign (x j 0))))
                    (exp (- a0 * (softplus b + eps)) ^ (l - j))) by (simpl; f_equal; ring).
  apply is_lim_mult; [|exact LE|exact I].
  apply is_lim_mult; [| |exact I].
  - exact (is_lim_scal_l _ M p_infty (softplus b + eps) (Dl j ltac:(lia))).
  - apply (product_lim L x N a mu s b eps); (assumption || lia).
Qed.
