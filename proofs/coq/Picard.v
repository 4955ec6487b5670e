(** Picard's theorem for a sequence of numbers: u_i' = f_i(t,u), u(0) = x0 has a
    solution on [0,+infinity) when f is Lipschitz in the largest coordinate,
    uniformly in time.  Finitely many are a case of it.

    The iterates satisfy |it (n+1) - it n| <= M/(2K) 2^-n exp(2Kt), so they
    converge uniformly on compact intervals.  Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution.
Open Scope R_scope.

Lemma half_small C eps : 0 < eps -> exists N, forall n, (N <= n)%nat -> C * (/ 2) ^ n < eps.
Proof.
  intros He.
  destruct (Rle_lt_dec C 0) as [HC|HC].
  - exists O. intros n _. assert (0 < (/ 2) ^ n) by (apply pow_lt; lra). nra.
  - assert (P : 0 < eps / C) by (apply Rdiv_lt_0_compat; lra).
    destruct (pow_lt_1_zero (/ 2) ltac:(rewrite Rabs_pos_eq; lra) (eps / C) P) as [N HN].
    exists N. intros n Hn. specialize (HN n Hn).
    assert (0 < (/ 2) ^ n) by (apply pow_lt; lra). rewrite Rabs_pos_eq in HN by lra.
    apply (Rmult_lt_compat_l C) in HN; [|exact HC].
    replace (C * (eps / C)) with eps in HN by (field; lra). exact HN.
Qed.

Lemma half_zero C z : (forall n, Rabs z <= C * (/ 2) ^ n) -> z = 0.
Proof.
  intros H. destruct (Req_dec z 0) as [|N]; [assumption|exfalso].
  pose proof (Rabs_pos_lt z N) as P.
  destruct (half_small C (Rabs z) P) as [n Hn].
  specialize (H n). specialize (Hn n (le_n n)). lra.
Qed.

Section Picard.
Variable f : R -> (nat -> R) -> nat -> R.
Variables K M : R.
Variable x0 : nat -> R.
Hypothesis HK : 0 < K.
Hypothesis HM : 0 <= M.
Hypothesis Lip : forall t x y d, (forall k, Rabs (x k - y k) <= d) -> forall i, Rabs (f t x i - f t y i) <= K * d.
Hypothesis Bnd : forall t i, Rabs (f t x0 i) <= M.
Hypothesis Cont : forall v : nat -> R -> R, (forall k t, continuous (v k) t) ->
  forall i t, continuous (fun u => f u (fun k => v k u) i) t.

(** The iterates. *)
Fixpoint it (n : nat) : nat -> R -> R :=
  match n with
  | O => fun i _ => x0 i
  | S m => fun i t => x0 i + RInt (fun u => f u (fun k => it m k u) i) 0 t
  end.

Lemma primitive_derive (c : R) (h : R -> R) : (forall t, continuous h t) ->
  forall t, is_derive (fun t => c + RInt h 0 t) t (h t).
Proof.
  intros Hh t.
  replace (h t) with (plus 0 (h t)) by (unfold plus; simpl; ring).
  apply (is_derive_plus (fun _ => c) (fun t => RInt h 0 t)).
  - apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
  - apply (is_derive_RInt h (fun t => RInt h 0 t) 0).
    + exists (mkposreal 1 Rlt_0_1). intros y _. apply (RInt_correct (V:=R_CompleteNormedModule)).
      apply (ex_RInt_continuous (V:=R_CompleteNormedModule)). intros z _. apply Hh.
    + apply Hh.
Qed.

Lemma primitive_0 (c : R) (h : R -> R) : c + RInt h 0 0 = c.
Proof. rewrite RInt_point. unfold zero; simpl. ring. Qed.

Lemma it_cont n : forall i t, continuous (it n i) t.
Proof.
  induction n as [|m IH]; intros i t.
  - apply continuous_const.
  - eapply continuous_of_derive. apply (primitive_derive (x0 i) (fun u => f u (fun k => it m k u) i)).
    apply Cont. exact IH.
Qed.

Lemma it_derive m i t : is_derive (it (S m) i) t (f t (fun k => it m k t) i).
Proof. apply (primitive_derive (x0 i) (fun u => f u (fun k => it m k u) i)). apply Cont, it_cont. Qed.

Lemma it_0 n i : it n i 0 = x0 i.
Proof. destruct n; [reflexivity|apply (primitive_0 (x0 i) (fun u => f u (fun k => it n k u) i))]. Qed.

(** |d| <= W when d(0)=0, |d'| <= W', W(0)>=0. *)
Lemma domin (d dd W dW : R -> R) :
  (forall t, is_derive d t (dd t)) -> (forall t, is_derive W t (dW t)) ->
  d 0 = 0 -> 0 <= W 0 -> (forall t, 0 <= t -> Rabs (dd t) <= dW t) ->
  forall t, 0 <= t -> Rabs (d t) <= W t.
Proof.
  intros Hd HW d0 W0 H t Ht. apply Rabs_le.
  assert (E1 : evolves p_infty (fun t => W t - d t) (fun t => dW t - dd t)).
  { apply evolves_of_derive.
    - eapply continuous_of_derive. apply (is_derive_minus W d); [apply HW|apply Hd].
    - intros u. apply (is_derive_minus W d); [apply HW|apply Hd]. }
  assert (E2 : evolves p_infty (fun t => W t + d t) (fun t => dW t + dd t)).
  { apply evolves_of_derive.
    - eapply continuous_of_derive. apply (is_derive_plus W d); [apply HW|apply Hd].
    - intros u. apply (is_derive_plus W d); [apply HW|apply Hd]. }
  pose proof (incr_on _ _ _ 0 t E1 (Rle_refl 0) Ht I) as I1.
  pose proof (incr_on _ _ _ 0 t E2 (Rle_refl 0) Ht I) as I2. cbv beta in I1, I2.
  assert (W 0 - d 0 <= W t - d t).
  { apply I1. intros u Hu. specialize (H u ltac:(lra)). apply Rabs_le_between in H. lra. }
  assert (W 0 + d 0 <= W t + d t).
  { apply I2. intros u Hu. specialize (H u ltac:(lra)). apply Rabs_le_between in H. lra. }
  lra.
Qed.

Let M' := M / (2 * K).
Lemma M'_pos : 0 <= M'.
Proof. unfold M'. apply Rdiv_le_0_compat; lra. Qed.

Lemma W_derive c t :
  is_derive (fun u => c * exp (2 * K * u)) t (2 * K * c * exp (2 * K * t)).
Proof. auto_derive; [exact I|ring]. Qed.

(** Successive iterates differ by a geometric factor. *)
Lemma it_step n : forall i t, 0 <= t ->
  Rabs (it (S n) i t - it n i t) <= M' * (/ 2) ^ n * exp (2 * K * t).
Proof.
  pose proof M'_pos as HM'.
  induction n as [|k IH]; intros i.
  - apply (domin (fun t => it 1 i t - it 0 i t) (fun t => f t x0 i - 0)
                 (fun t => M' * (/ 2) ^ 0 * exp (2 * K * t))
                 (fun t => 2 * K * (M' * (/ 2) ^ 0) * exp (2 * K * t))).
    + intros t. apply (is_derive_minus (it 1 i) (it 0 i)); [apply (it_derive 0)|].
      apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
    + intros t. apply W_derive.
    + rewrite !it_0. ring.
    + rewrite Rmult_0_r, exp_0. simpl. lra.
    + intros t Ht. rewrite Rminus_0_r. eapply Rle_trans; [apply Bnd|].
      replace (2 * K * (M' * (/ 2) ^ 0)) with M by (unfold M'; simpl; field; lra).
      assert (0 <= 2 * K * t) by (apply Rmult_le_pos; lra).
      pose proof (exp_ineq1_le (2 * K * t)). nra.
  - apply (domin (fun t => it (S (S k)) i t - it (S k) i t)
                 (fun t => f t (fun j => it (S k) j t) i - f t (fun j => it k j t) i)
                 (fun t => M' * (/ 2) ^ S k * exp (2 * K * t))
                 (fun t => 2 * K * (M' * (/ 2) ^ S k) * exp (2 * K * t))).
    + intros t. apply (is_derive_minus (it (S (S k)) i) (it (S k) i)); apply it_derive.
    + intros t. apply W_derive.
    + rewrite !it_0. ring.
    + rewrite Rmult_0_r, exp_0, Rmult_1_r. apply Rmult_le_pos; [exact HM'|].
      apply pow_le; lra.
    + intros t Ht.
      replace (2 * K * (M' * (/ 2) ^ S k) * exp (2 * K * t))
        with (K * (M' * (/ 2) ^ k * exp (2 * K * t))) by (simpl; field).
      apply Lip. intros j. now apply IH.
Qed.

Lemma it_cauchy n p i t : 0 <= t ->
  Rabs (it (n + p) i t - it n i t) <= 2 * M' * exp (2 * K * t) * ((/ 2) ^ n - (/ 2) ^ (n + p)).
Proof.
  intros Ht. induction p as [|p IH].
  - rewrite Nat.add_0_r. rewrite Rminus_diag_eq by reflexivity. rewrite Rabs_R0. lra.
  - rewrite Nat.add_succ_r. pose proof (it_step (n + p) i t Ht) as S1.
    replace (it (S (n + p)) i t - it n i t)
      with ((it (S (n + p)) i t - it (n + p) i t) + (it (n + p) i t - it n i t)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. simpl pow. lra.
Qed.

(** The iterates converge; U is their limit, extended by a constant to the left. *)
Lemma it_lim i t : 0 <= t -> { l | forall n, Rabs (it n i t - l) <= 2 * M' * exp (2 * K * t) * (/ 2) ^ n }.
Proof.
  intros Ht. pose proof M'_pos as HM'. pose proof (exp_pos (2 * K * t)) as EP.
  set (C := 2 * M' * exp (2 * K * t)).
  assert (HC : 0 <= C) by (unfold C; nra).
  assert (CC : Cauchy_crit (fun n => it n i t)).
  { intros eps He. destruct (half_small C eps He) as [N HN]. exists N.
    assert (Q : forall n m, (N <= n)%nat -> (n <= m)%nat -> Rabs (it m i t - it n i t) < eps).
    { intros n m Hn Hm. replace m with (n + (m - n))%nat by lia.
      eapply Rle_lt_trans; [apply it_cauchy; exact Ht|]. fold C.
      eapply Rle_lt_trans; [|apply (HN n Hn)].
      apply Rmult_le_compat_l; [exact HC|].
      assert (0 < (/ 2) ^ (n + (m - n))) by (apply pow_lt; lra). lra. }
    intros n m Hn Hm. unfold R_dist. destruct (Nat.le_ge_cases n m) as [Hnm|Hnm].
    - rewrite Rabs_minus_sym. now apply Q.
    - now apply Q. }
  destruct (Rcomplete.R_complete _ CC) as [l Hl]. exists l. intros n.
  apply le_epsilon. intros eps He.
  destruct (Hl eps He) as [N HN]. specialize (HN (n + N)%nat ltac:(lia)). unfold R_dist in HN.
  replace (it n i t - l) with (- (it (n + N) i t - it n i t) + (it (n + N) i t - l)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  pose proof (it_cauchy n N i t Ht) as Q. fold C in Q.
  assert (0 < (/ 2) ^ (n + N)) by (apply pow_lt; lra). nra.
Qed.

Lemma Rmax0_pos t : 0 <= Rmax 0 t.
Proof. apply Rmax_l. Qed.

Definition U (i : nat) (t : R) : R := proj1_sig (it_lim i (Rmax 0 t) (Rmax0_pos t)).

Lemma U_spec i t n : 0 <= t -> Rabs (it n i t - U i t) <= 2 * M' * exp (2 * K * t) * (/ 2) ^ n.
Proof.
  intros Ht. unfold U. destruct (it_lim i (Rmax 0 t) (Rmax0_pos t)) as [l Hl]. simpl.
  specialize (Hl n). rewrite Rmax_right in Hl by lra. exact Hl.
Qed.

Lemma U_left i t : U i t = U i (Rmax 0 t).
Proof.
  apply Rminus_diag_uniq. apply (half_zero (4 * M' * exp (2 * K * Rmax 0 t))). intros n.
  pose proof (U_spec i (Rmax 0 t) n (Rmax0_pos t)) as A.
  assert (B : Rabs (it n i (Rmax 0 t) - U i t) <= 2 * M' * exp (2 * K * Rmax 0 t) * (/ 2) ^ n).
  { unfold U. destruct (it_lim i (Rmax 0 t) (Rmax0_pos t)) as [l Hl]. simpl. apply Hl. }
  replace (U i t - U i (Rmax 0 t))
    with (- (it n i (Rmax 0 t) - U i t) + (it n i (Rmax 0 t) - U i (Rmax 0 t))) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra.
Qed.

Lemma Rmax0_formula (z : R) : (0 + z + Rabs (0 - z)) / 2 = Rmax 0 z.
Proof.
  unfold Rmax. destruct (Rle_dec 0 z).
  - rewrite Rminus_0_l, Rabs_Ropp, Rabs_pos_eq by lra. field.
  - rewrite Rabs_pos_eq by lra. field.
Qed.

(** The limit is continuous, being locally uniform. *)
Lemma U_cont i t : continuous (U i) t.
Proof.
  apply continuity_pt_filterlim.
  assert (P1 : 0 < 1) by lra.
  apply (CVU_continuity (fun n y => it n i (Rmax 0 y)) (U i) t (mkposreal 1 P1)).
  - intros eps He. pose proof M'_pos as HM'.
    destruct (half_small (2 * M' * exp (2 * K * (Rabs t + 1))) eps He) as [N HN].
    exists N. intros n y Hn Hy. unfold Boule in Hy; simpl in Hy.
    rewrite (U_left i y), Rabs_minus_sym.
    eapply Rle_lt_trans; [apply U_spec, Rmax0_pos|].
    eapply Rle_lt_trans; [|apply (HN n Hn)].
    apply Rmult_le_compat_r; [apply pow_le; lra|].
    apply Rmult_le_compat_l; [lra|].
    assert (Q : 2 * K * Rmax 0 y <= 2 * K * (Rabs t + 1)).
    { apply Rmult_le_compat_l; [lra|]. apply Rmax_lub; [pose proof (Rabs_pos t); lra|].
      pose proof (Rle_abs t). apply Rabs_def2 in Hy. lra. }
    destruct (Rle_lt_or_eq_dec _ _ Q) as [q|q]; [left; now apply exp_increasing|rewrite q; lra].
  - intros n y _. apply (continuity_pt_comp (fun y => Rmax 0 y) (it n i)).
    + apply continuity_pt_filterlim. apply (continuous_ext (fun y => (0 + y + Rabs (0 - y)) / 2)).
      * intros z. apply Rmax0_formula.
      * apply continuity_pt_filterlim.
        apply (continuity_pt_mult (fun y => 0 + y + Rabs (0 - y)) (fun _ => / 2)).
        -- apply (continuity_pt_plus (fun y => 0 + y) (fun y => Rabs (0 - y))).
           ++ apply derivable_continuous_pt. exists 1. apply is_derive_Reals. auto_derive; [exact I|ring].
           ++ apply (continuity_pt_comp (fun y => 0 - y) Rabs).
              ** apply derivable_continuous_pt. exists (-1). apply is_derive_Reals. auto_derive; [exact I|ring].
              ** apply Rcontinuity_abs.
        -- apply continuity_pt_const. intros ? ?. reflexivity.
    + apply continuity_pt_filterlim, it_cont.
  - unfold Boule. rewrite Rminus_diag_eq by reflexivity. rewrite Rabs_R0. simpl. lra.
Qed.

(** The limit satisfies the integral equation. *)
Definition sol (i : nat) (t : R) : R := x0 i + RInt (fun u => f u (fun k => U k u) i) 0 t.

Lemma sol_U i t : 0 <= t -> U i t = sol i t.
Proof.
  intros Ht. apply Rminus_diag_uniq.
  pose proof M'_pos as HM'.
  set (C := 2 * M' * exp (2 * K * t)).
  assert (HC : 0 <= C) by (unfold C; pose proof (exp_pos (2 * K * t)); nra).
  apply (half_zero (C + t * (K * C))). intros n.
  pose proof (U_spec i t (S n) Ht) as A. fold C in A.
  set (g := fun u => f u (fun k => it n k u) i). set (h := fun u => f u (fun k => U k u) i).
  assert (X1 : ex_RInt g 0 t).
  { apply (ex_RInt_continuous (V:=R_CompleteNormedModule)). intros z _. apply Cont, it_cont. }
  assert (X2 : ex_RInt h 0 t).
  { apply (ex_RInt_continuous (V:=R_CompleteNormedModule)). intros z _. apply Cont, U_cont. }
  assert (B : Rabs (RInt g 0 t - RInt h 0 t) <= (t - 0) * (K * (C * (/ 2) ^ n))).
  { change (RInt g 0 t - RInt h 0 t) with (minus (RInt g 0 t) (RInt h 0 t)).
    rewrite <- (RInt_minus (V:=R_CompleteNormedModule) _ _ _ _ X1 X2).
    apply abs_RInt_le_const; [exact Ht| |].
    - apply (ex_RInt_minus (V:=R_NormedModule)); [exact X1|exact X2].
    - intros u Hu. apply (Lip u (fun k => it n k u) (fun k => U k u)). intros k.
      eapply Rle_trans; [apply U_spec; lra|].
      apply Rmult_le_compat_r; [apply pow_le; lra|].
      unfold C. apply Rmult_le_compat_l; [lra|].
      assert (Q : 2 * K * u <= 2 * K * t) by (apply Rmult_le_compat_l; lra).
      destruct (Rle_lt_or_eq_dec _ _ Q) as [q|q]; [left; now apply exp_increasing|rewrite q; lra]. }
  replace (U i t - sol i t) with (- (it (S n) i t - U i t) + (RInt g 0 t - RInt h 0 t))
    by (unfold sol; cbn [it]; fold g; fold h; ring).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  assert (0 < (/ 2) ^ n) by (apply pow_lt; lra).
  simpl pow in A. nra.
Qed.

Theorem picard_sequence : exists u : nat -> R -> R, (forall i, u i 0 = x0 i) /\
  forall i t, 0 <= t -> is_derive (u i) t (f t (fun k => u k t) i).
Proof.
  exists sol. split; [intros i; apply primitive_0|].
  intros i t Ht.
  replace (f t (fun k => sol k t) i) with (f t (fun k => U k t) i).
  - apply (primitive_derive (x0 i) (fun u => f u (fun k => U k u) i)). apply Cont, U_cont.
  - apply Rminus_diag_uniq. apply (half_zero 0). intros n. rewrite Rmult_0_l.
    eapply Rle_trans; [apply (Lip t _ _ 0)|lra].
    intros k. rewrite (sol_U k t Ht), Rminus_diag_eq by reflexivity. rewrite Rabs_R0. lra.
Qed.

End Picard.
