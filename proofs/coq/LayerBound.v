(** What bounds a whole layer, and the own term of its output on data.

    Proves layer-bound and own-term-on-data. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Calculus Softplus Sums Recursion StateBound Statements.
Open Scope R_scope.

(** A projection of a vector whose entries are bounded. *)
Lemma projection_bounded D (v U S : nat -> R) : (forall e, (e < D)%nat -> Rabs (v e) <= U e) ->
  Rabs (sum_below D (fun e => v e * S e)) <= sum_below D (fun e => U e * Rabs (S e)).
Proof.
  intros H. eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros e He. rewrite Rabs_mult.
  apply Rmult_le_compat_r; [apply Rabs_pos|now apply H].
Qed.

Lemma biased_bounded c D (v U S : nat -> R) : (forall e, (e < D)%nat -> Rabs (v e) <= U e) ->
  Rabs (c + sum_below D (fun e => v e * S e)) <= Rabs c + sum_below D (fun e => U e * Rabs (S e)).
Proof.
  intros H. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_l. now apply projection_bounded.
Qed.

Section Layer.
Variables (N D rank L : nat) (S_B S_C S_in S_out : nat -> nat -> R) (beta_B beta_C : nat -> R) (a : nat -> nat -> R)
  (b : nat -> R) (eps : nonnegreal) (x : nat -> nat -> R) (U skip : nat -> R).
Hypothesis Ha : forall d, (d < D)%nat -> forall n, (n < N)%nat -> 0 < a d n.
Hypothesis Hx : forall l, (l < L)%nat -> forall d, (d < D)%nat -> Rabs (x l d) <= U d.

Notation step := (cell_step D rank S_in S_out b eps x).
Notation hidden := (cell_hidden D rank S_B S_in S_out beta_B a b eps x).
Definition reach (d : nat) : R :=
  sum_below rank (fun r => sum_below D (fun e => U e * Rabs (S_in r e)) * Rabs (S_out d r)).
Definition longest (d : nat) : R := softplus (b d + reach d) + eps.
Definition written (n : nat) : R := Rabs (beta_B n) + sum_below D (fun e => U e * Rabs (S_B n e)).

Lemma step_bounded l d : (l < L)%nat -> 0 < step l d <= longest d.
Proof.
  intros Hl. split; [apply step_pos|]. apply step_le. apply Rplus_le_compat_l.
  eapply Rle_trans; [apply Rle_abs|].
  apply (projection_bounded rank (fun r => sum_below D (fun e => x l e * S_in r e)) (fun r => sum_below D (fun e => U e * Rabs (S_in r e)))).
  intros r _. apply projection_bounded. now apply Hx.
Qed.

Lemma write_bounded l n : (l < L)%nat -> Rabs (cell_write D S_B beta_B x l n) <= written n.
Proof. intros Hl. apply biased_bounded. now apply Hx. Qed.

Lemma hidden_is_state d l n :
  hidden d l n = token_state (a d n) (fun k => step k d) (fun k => cell_write D S_B beta_B x k n * x k d) l.
Proof.
  induction l as [|l IH]; [simpl; ring|].
  change (hidden d (S l) n) with (exp (- a d n * step (S l) d) * hidden d l n
    + step (S l) d * cell_write D S_B beta_B x (S l) n * x (S l) d).
  rewrite IH. simpl token_state. replace (- step (S l) d * a d n) with (- a d n * step (S l) d) by ring. ring.
Qed.

Lemma hidden_bounded l d n : (l < L)%nat -> (d < D)%nat -> (n < N)%nat ->
  Rabs (hidden d l n) <= U d * longest d * written n / (1 - exp (- a d n * longest d)).
Proof.
  intros Hl Hd Hn. rewrite hidden_is_state. specialize (Ha d Hd n Hn).
  destruct (state_bound (a d n) (written n * U d) (longest d) (fun k => step k d)
    (fun k => cell_write D S_B beta_B x k n * x k d) L Ha) with (l := l) as [_ B].
  - intros k Hk. apply (step_bounded k d Hk).
  - intros k Hk. rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [now apply write_bounded|now apply Hx].
  - intros k Hk. apply (step_bounded k d Hk).
  - exact Hl.
  - pose proof (step_bounded l d Hl) as Q. pose proof (gate_below_1 (a d n) (longest d) Ha ltac:(lra)) as G.
    pose proof (Rabs_pos (x l d)). pose proof (Hx l Hl d Hd).
    pose proof (Rabs_pos (cell_write D S_B beta_B x l n)). pose proof (write_bounded l n Hl).
    eapply Rle_trans; [exact B|].
    apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra|].
    match goal with |- _ * (1 - exp ?e) <= _ => pose proof (exp_pos e); set (E := exp e) in * end.
    replace (U d * longest d * written n) with (longest d * (written n * U d) * 1) by ring.
    apply Rmult_le_compat_l; [|lra]. repeat apply Rmult_le_pos; lra.
Qed.
End Layer.

Theorem layer_bound : layer_bound_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out bB bC a b e0 x U skip [eps <-]%as_floor Ha Hx l Hl d Hd n Hn.
  split; [|split; [|split]].
  - apply (step_bounded D rank L S_in S_out b eps x U Hx l d Hl).
  - now apply (hidden_bounded N D rank L S_B S_in S_out bB a b eps x U Ha Hx).
  - eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    + rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|now apply Hx].
    + eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros m Hm.
      pose proof (hidden_bounded N D rank L S_B S_in S_out bB a b eps x U Ha Hx l d m Hl Hd Hm) as B.
      pose proof (biased_bounded (bC m) D (x l) U (S_C m) (Hx l Hl)) as C.
      rewrite Rabs_mult. eapply Rle_trans; [apply Rmult_le_compat; [apply Rabs_pos|apply Rabs_pos|exact B|exact C]|].
      right. unfold longest, reach, written, Rdiv. ring.
  - now apply (write_bounded D L S_B bB x U Hx).
Qed.

(** ** Moments *)

Lemma moments_of_products K (f g : nat -> R) c e : INR K <> 0 ->
  c * INR K = sum_below K f -> e * INR K = sum_below K g ->
  sum_below K (fun j => f j * g j) = sum_below K (fun j => (f j - c) * (g j - e)) + INR K * (c * e).
Proof.
  intros NK Hc He.
  rewrite (sum_below_ext K (fun j => (f j - c) * (g j - e)) (fun j => f j * g j + (- e * f j + (- c * g j + c * e)))) by (intros; ring).
  rewrite !sum_below_plus, !sum_below_scal, <- Hc, <- He.
  assert (C : sum_below K (fun _ => e) = INR K * e); [|rewrite C; ring].
  clear. induction K as [|K IH]; [simpl; ring|]. rewrite S_INR. simpl sum_below. rewrite IH. ring.
Qed.

Theorem own_term_on_data : own_term_on_data_statement.
Proof.
  intros N D L S_B S_C bB bC x Hb l _. pose proof (lt_0_INR (S l) ltac:(lia)) as PK. set (K := S l) in *.
  set (M := form_matrix N S_B S_C). set (m := data_mean x l).
  assert (Hm : forall d, m d * INR K = sum_below K (fun j => x j d)) by (intros d; unfold m, data_mean; fold K; field; lra).
  (* the own term of one token is the form of its vector *)
  assert (Own : forall j, sum_below N (fun n => (bB n + sum_below D (fun e => S_B n e * x j e)) * (bC n + sum_below D (fun e => S_C n e * x j e)))
    = sum_below D (fun d => sum_below D (fun e => M d e * (x j d * x j e)))).
  { intros j. rewrite (sum_below_ext N _ (fun n => sum_below D (fun d => sum_below D (fun e => S_B n e * S_C n d * (x j d * x j e))))).
    2:{ intros n Hn. destruct (Hb n Hn) as [-> ->]. rewrite !Rplus_0_l, Rmult_comm, <- sum_below_scal_r.
        apply sum_below_ext. intros d _. rewrite <- sum_below_scal. apply sum_below_ext. intros e _. ring. }
    rewrite sum_below_swap. apply sum_below_ext. intros d _. rewrite sum_below_swap. apply sum_below_ext. intros e _.
    unfold M, form_matrix. rewrite <- sum_below_scal_r. apply sum_below_ext. intros n _. ring. }
  rewrite (sum_below_ext K _ _ (fun j _ => Own j)).
  unfold quadratic_form, trace. unfold Rdiv. rewrite <- sum_below_scal_r.
  transitivity (sum_below D (fun d => sum_below D (fun e => M d e * (data_covariance x l d e + m d * m e)))).
  - rewrite (sum_below_ext K _ (fun j => sum_below D (fun d => sum_below D (fun e => M d e * (x j d * x j e * / INR K))))).
    2:{ intros j _. rewrite <- sum_below_scal_r. apply sum_below_ext. intros d _. rewrite <- sum_below_scal_r.
        apply sum_below_ext. intros e _. ring. }
    rewrite sum_below_swap. apply sum_below_ext. intros d _. rewrite sum_below_swap. apply sum_below_ext. intros e _.
    rewrite sum_below_scal, sum_below_scal_r. f_equal. unfold data_covariance. fold K m.
    rewrite (moments_of_products K (fun j => x j d) (fun j => x j e) (m d) (m e) ltac:(lra) (Hm d) (Hm e)). field. lra.
  - rewrite <- sum_below_plus. apply sum_below_ext. intros d _. rewrite <- sum_below_plus. apply sum_below_ext. intros e _.
    unfold data_covariance. fold K m.
    rewrite (sum_below_ext K (fun j => (x j e - m e) * (x j d - m d)) (fun j => (x j d - m d) * (x j e - m e))) by (intros; ring). ring.
Qed.
