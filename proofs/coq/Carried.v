(** carried-rate, carried-limits and stationary. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums GrowthRate.
From S6Flow Require Import Limits FirstToken ClosedForms.
Open Scope R_scope.

Theorem carried_rate : carried_rate_statement.
Proof.
  intros N a mu s b e0 x [eps <-]%as_floor Hm. rewrite growth_rate_split, growth_rate_first. f_equal.
  transitivity (x 0%nat ^ 2 * Delta s b eps (x 0%nat) * sum_below N (fun n => mu n * exp (- a n * Delta s b eps (x 1%nat)))).
  - unfold carried. rewrite <- sum_below_scal. apply sum_below_ext. intros n _. simpl. ring.
  - field. exact Hm.
Qed.

(** A limit of K from a limit of the gates. *)
Lemma carried_factor_lim N a mu s b (eps : nonnegreal) (f : R -> R) (g : nat -> R) :
  (forall n, (n < N)%nat -> is_lim (fun z => exp (- a n * Delta s b eps (f z))) p_infty (g n)) ->
  is_lim (fun z => carried_factor N a mu s b eps (f z)) p_infty
    (sum_below N (fun n => mu n * g n) / sum_below N mu).
Proof.
  intros H. unfold carried_factor, Rdiv.
  apply (is_lim_scal_r (fun z => sum_below N (fun n => mu n * exp (- a n * Delta s b eps (f z)))) (/ sum_below N mu) p_infty
    (sum_below N (fun n => mu n * g n))).
  apply (sum_below_lim N (fun n z => mu n * exp (- a n * Delta s b eps (f z))) (fun n => mu n * g n)).
  intros n Hn. exact (is_lim_scal_l _ (mu n) p_infty (g n) (H n Hn)).
Qed.

Theorem carried_limits : carried_limits_statement.
Proof.
  intros N a mu s b e0 [eps <-]%as_floor Hm. split; [|split].
  - intros y. set (M := sum_below N mu) in *.
    rewrite <- (Rabs_pos_eq M) at 1 by lra. rewrite <- Rabs_mult.
    replace (M * (sum_below N (fun n => mu n * exp (- a n * Delta s b eps y)) / M))
      with (sum_below N (fun n => mu n * exp (- a n * Delta s b eps y))) by (field; lra).
    eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros n _. right.
    rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos). reflexivity.
  - intros Ns. apply (carried_factor_lim N a mu s b eps (fun z => - z / s) (fun n => exp (- a n * eps))). intros n _.
    assert (A : is_lim (fun z => softplus (b - z)) p_infty 0).
    { apply (is_lim_le_le_loc (fun _ => 0) (fun z => exp (b - z))).
      - apply filter_forall. intros z. split; [left; apply softplus_pos|apply softplus_upper].
      - apply is_lim_const.
      - apply (is_lim_comp exp (fun z => b - z) p_infty 0 m_infty); [apply is_lim_exp_m| |].
        + apply (is_lim_minus (fun _ => b) (fun z => z) p_infty b p_infty m_infty);
            [apply is_lim_const|apply is_lim_id|reflexivity].
        + apply filter_forall. intros y. discriminate. }
    apply (is_lim_ext (fun z => exp (- a n * (softplus (b - z) + eps)))).
    { intros z. unfold Delta. do 4 f_equal. field. exact Ns. }
    replace (exp (- a n * eps)) with (exp (- a n * (0 + eps))) by (rewrite Rplus_0_l; reflexivity).
    apply (lim_continuous (fun y => exp (- a n * (y + eps))) _ p_infty 0 A).
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun y => exp (- a n * (y + eps)))).
    auto_derive. exact I.
  - intros Ns Ha. replace (Finite 0) with (Finite (sum_below N (fun n => mu n * 0) / sum_below N mu)).
    2:{ f_equal. rewrite sum_below_scal_r. field. lra. }
    apply (carried_factor_lim N a mu s b eps (fun z => z / s) (fun _ => 0)). intros n Hn.
    specialize (Ha n Hn).
    apply (is_lim_le_le_loc (fun _ => 0) (fun z => exp (- (a n * (z + b))))).
    + apply filter_forall. intros z. split; [left; apply exp_pos|]. apply exp_le.
      unfold Delta. replace (s * (z / s) + b) with (z + b) by (field; exact Ns).
      assert (z + b <= (softplus (z + b) + eps)).
      { apply Rle_trans with (softplus (z + b)); [|pose proof (cond_nonneg eps); lra].
        unfold softplus. rewrite <- (ln_exp (z + b)) at 1. pose proof (exp_pos (z + b)). apply ln_le; lra. }
      assert (a n * (z + b) <= a n * (softplus (z + b) + eps)) by (apply Rmult_le_compat_l; lra). lra.
    + apply is_lim_const.
    + apply (is_lim_comp exp (fun z => - (a n * (z + b))) p_infty 0 m_infty); [apply is_lim_exp_m| |].
      * apply is_lim_spec. intros K. exists (- K / a n - b). intros z Hz.
        assert (Q : - K / a n < z + b) by lra. apply (Rmult_lt_compat_l (a n)) in Q; [|exact Ha].
        replace (a n * (- K / a n)) with (- K) in Q by (field; lra). lra.
      * apply filter_forall. intros y. discriminate.
Qed.

Lemma hidden_zero a mu s b (eps : nonnegreal) x l n : mu n = 0 -> hidden a mu s b eps x l n = 0.
Proof. intros Hn. induction l as [|k IH]; simpl hidden; rewrite Hn; [ring|rewrite IH; ring]. Qed.

Theorem stationary : stationary_statement.
Proof.
  intros N a mu s b e0 L T x l [eps <-]%as_floor Hmu Hs Hl. apply (evolves_constant T (x l) _ (Hs l Hl)). intros t _ _.
  replace (growth_rate N a mu s b eps (fun k => x k t) l) with 0; [ring|].
  unfold growth_rate. rewrite <- (sum_below_zero N). apply sum_below_ext. intros n Hn. symmetry.
  apply hidden_zero. now apply Hmu.
Qed.
