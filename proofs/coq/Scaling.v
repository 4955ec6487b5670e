(** Change of units for tokens and time.

    Proves scaling. *)

From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Calculus Evolution Sums Statements.
Open Scope R_scope.

Lemma hidden_scaling a mu s b (eps : nonnegreal) x c k l n : 0 < c ->
  hidden a (fun n => mu n * k / c ^ 2) (s / c) b eps (fun l => c * x l) l n = k * hidden a mu s b eps x l n.
Proof.
  intros Hc.
  assert (E : forall v, Delta (s / c) b eps (c * v) = Delta s b eps v).
  { intros v. unfold Delta. do 2 f_equal. field. lra. }
  induction l as [|l IH]; cbn [hidden]; rewrite E.
  - field. lra.
  - rewrite IH. field. lra.
Qed.

Lemma growth_rate_scaling N a mu s b (eps : nonnegreal) x c k l : 0 < c ->
  growth_rate N a (fun n => mu n * k / c ^ 2) (s / c) b eps (fun l => c * x l) l
  = k * growth_rate N a mu s b eps x l.
Proof.
  intros Hc. unfold growth_rate. rewrite <- sum_below_scal. apply sum_below_ext. intros n _.
  now apply hidden_scaling.
Qed.

Lemma Rbar_lt_scal (k t : R) (T : Rbar) : 0 < k -> Rbar_lt t T -> Rbar_lt (k * t) (Rbar_mult k T).
Proof.
  intros Hk H. destruct T as [T| |].
  - change (k * t < k * T). change (t < T) in H. apply Rmult_lt_compat_l; assumption.
  - rewrite (is_Rbar_mult_unique k p_infty p_infty); [exact I|].
    now apply is_Rbar_mult_sym, is_Rbar_mult_p_infty_pos.
  - destruct H.
Qed.

Theorem scaling : scaling_statement.
Proof.
  intros N a mu s b e0 L T x c k [eps <-]%as_floor Hc Hk Hs l Hl. destruct (Hs l Hl) as [C D]. split.
  - apply (rcont_comp (fun v => c * v) (fun t => x l (k * t))).
    + unfold rcont. replace (x l (k * 0)) with (x l 0) by (f_equal; ring).
      apply (filterlim_comp _ _ _ (fun t => k * t) (x l) (at_right 0) (at_right 0)); [|exact C].
      intros P [e He]. assert (Pe : 0 < e / k) by (apply Rdiv_lt_0_compat; [apply cond_pos|exact Hk]).
      exists (mkposreal _ Pe). intros y Hy Hy0. apply He; [|now apply Rmult_lt_0_compat].
      unfold ball in *; simpl in *. unfold AbsRing_ball, abs, minus, plus, opp in *; simpl in *.
      replace (k * y + - 0) with (k * (y + - 0)) by ring.
      rewrite Rabs_mult, (Rabs_pos_eq k) by lra.
      apply (Rmult_lt_compat_l k) in Hy; [|exact Hk].
      replace (k * (e / k)) with (pos e) in Hy by (field; lra). exact Hy.
    + eapply continuous_of_derive. apply (is_derive_scal (fun v => v) _ c). apply is_derive_id.
  - intros t Ht HT.
    rewrite (growth_rate_scaling N a mu s b eps (fun j => x j (k * t)) c k l Hc).
    replace (c * x l (k * t) * (k * growth_rate N a mu s b eps (fun j => x j (k * t)) l))
      with (c * (k * (x l (k * t) * growth_rate N a mu s b eps (fun j => x j (k * t)) l))) by ring.
    apply (is_derive_scal (fun t => x l (k * t)) t c).
    apply (is_derive_comp (x l) (fun t => k * t)).
    + apply D; [now apply Rmult_lt_0_compat|now apply Rbar_lt_scal].
    + auto_derive; [exact I|ring].
Qed.
