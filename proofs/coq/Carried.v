(** carried-rate, carried-limits and stationary. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus Sums GrowthRate.
From S6Flow Require Import Limits FirstToken ClosedForms.
Open Scope R_scope.

Theorem carried_rate : carried_rate_statement.
Proof.
  intros N a mu s b x Hm. rewrite growth_rate_split, growth_rate_first. f_equal.
  transitivity (x 0%nat ^ 2 * Delta s b (x 0%nat) * sum_below N (fun n => mu n * exp (- a n * Delta s b (x 1%nat)))).
  - unfold carried. rewrite <- sum_below_scal. apply sum_below_ext. intros n _. simpl. ring.
  - field. exact Hm.
Qed.

(** A limit of K from a limit of the gates. *)
Lemma carried_factor_lim N a mu s b (f : R -> R) (g : nat -> R) :
  (forall n, (n < N)%nat -> is_lim (fun z => exp (- a n * Delta s b (f z))) p_infty (g n)) ->
  is_lim (fun z => carried_factor N a mu s b (f z)) p_infty
    (sum_below N (fun n => mu n * g n) / sum_below N mu).
Proof.
  intros H. unfold carried_factor, Rdiv.
  apply (is_lim_scal_r (fun z => sum_below N (fun n => mu n * exp (- a n * Delta s b (f z)))) (/ sum_below N mu) p_infty
    (sum_below N (fun n => mu n * g n))).
  apply (sum_below_lim N (fun n z => mu n * exp (- a n * Delta s b (f z))) (fun n => mu n * g n)).
  intros n Hn. exact (is_lim_scal_l _ (mu n) p_infty (g n) (H n Hn)).
Qed.

Theorem carried_limits : carried_limits_statement.
Proof.
  intros N a mu s b Hm. split; [|split].
  - intros y. set (M := sum_below N mu) in *.
    rewrite <- (Rabs_pos_eq M) at 1 by lra. rewrite <- Rabs_mult.
    replace (M * (sum_below N (fun n => mu n * exp (- a n * Delta s b y)) / M))
      with (sum_below N (fun n => mu n * exp (- a n * Delta s b y))) by (field; lra).
    eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros n _. right.
    rewrite Rabs_mult, (Rabs_pos_eq (exp _)) by (left; apply exp_pos). reflexivity.
  - intros Ns. replace (Finite 1) with (Finite (sum_below N (fun n => mu n * 1) / sum_below N mu)).
    2:{ f_equal. rewrite sum_below_scal_r. field. lra. }
    apply (carried_factor_lim N a mu s b (fun z => - z / s) (fun _ => 1)). intros n _.
    assert (A : is_lim (fun z => softplus (b - z)) p_infty 0).
    { apply (is_lim_le_le_loc (fun _ => 0) (fun z => exp (b - z))).
      - apply filter_forall. intros z. split; [left; apply softplus_pos|apply softplus_upper].
      - apply is_lim_const.
      - apply (is_lim_comp exp (fun z => b - z) p_infty 0 m_infty); [apply is_lim_exp_m| |].
        + apply (is_lim_minus (fun _ => b) (fun z => z) p_infty b p_infty m_infty);
            [apply is_lim_const|apply is_lim_id|reflexivity].
        + apply filter_forall. intros y. discriminate. }
    apply (is_lim_ext (fun z => exp (- a n * softplus (b - z)))).
    { intros z. unfold Delta. do 3 f_equal. field. exact Ns. }
    replace (Finite 1) with (Finite (exp (- a n * 0))) by (rewrite Rmult_0_r, exp_0; reflexivity).
    apply (lim_continuous (fun y => exp (- a n * y)) _ p_infty 0 A).
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun y => exp (- a n * y))).
    auto_derive. exact I.
  - intros Ns Ha. replace (Finite 0) with (Finite (sum_below N (fun n => mu n * 0) / sum_below N mu)).
    2:{ f_equal. rewrite sum_below_scal_r. field. lra. }
    apply (carried_factor_lim N a mu s b (fun z => z / s) (fun _ => 0)). intros n Hn.
    specialize (Ha n Hn).
    apply (is_lim_le_le_loc (fun _ => 0) (fun z => exp (- (a n * (z + b))))).
    + apply filter_forall. intros z. split; [left; apply exp_pos|]. apply exp_le.
      unfold Delta. replace (s * (z / s) + b) with (z + b) by (field; exact Ns).
      assert (z + b <= softplus (z + b)).
      { unfold softplus. rewrite <- (ln_exp (z + b)) at 1. pose proof (exp_pos (z + b)). apply ln_le; lra. }
      assert (a n * (z + b) <= a n * softplus (z + b)) by (apply Rmult_le_compat_l; lra). lra.
    + apply is_lim_const.
    + apply (is_lim_comp exp (fun z => - (a n * (z + b))) p_infty 0 m_infty); [apply is_lim_exp_m| |].
      * apply is_lim_spec. intros K. exists (- K / a n - b). intros z Hz.
        assert (Q : - K / a n < z + b) by lra. apply (Rmult_lt_compat_l (a n)) in Q; [|exact Ha].
        replace (a n * (- K / a n)) with (- K) in Q by (field; lra). lra.
      * apply filter_forall. intros y. discriminate.
Qed.

Lemma hidden_zero a mu s b x l n : mu n = 0 -> hidden a mu s b x l n = 0.
Proof. intros Hn. induction l as [|k IH]; simpl hidden; rewrite Hn; [ring|rewrite IH; ring]. Qed.

Theorem stationary : stationary_statement.
Proof.
  intros N a mu s b L T x l Hmu Hs Hl. apply (evolves_constant T (x l) _ (Hs l Hl)). intros t _ _.
  replace (growth_rate N a mu s b (fun k => x k t) l) with 0; [ring|].
  unfold growth_rate. rewrite <- (sum_below_zero N). apply sum_below_ext. intros n Hn. symmetry.
  apply hidden_zero. now apply Hmu.
Qed.
