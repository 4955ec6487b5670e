(** prenorm-bound and prenorm-axis: a norm in front of the layer.

    No entry of a normalised token exceeds sqrt D times its gain, so the layer's
    bound holds at every time.  On a channel axis the norm leaves of a token its
    sign, and the velocity is constant; it would have to jump at zero. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums GrowthRate VectorToken LayerBound.
Open Scope R_scope.

(** ** The bound *)
Lemma normalised_bounded D (gain : nat -> R) g v d : 0 <= g -> (d < D)%nat ->
  Rabs (normalised D gain g v d) <= sqrt (INR D) * Rabs (gain d).
Proof.
  intros Hg Hd. pose proof (lt_0_INR D ltac:(lia)) as PD. pose proof (square_le_norm D v d Hd) as Sq.
  pose proof (sqrt_pos (INR D)). pose proof (Rabs_pos (gain d)).
  unfold normalised. set (S := square_norm D v) in *.
  destruct (Req_dec (v d) 0) as [Z|N].
  - rewrite Z. unfold Rdiv. rewrite Rmult_0_r, Rmult_0_l, Rabs_R0. now apply Rmult_le_pos.
  - pose proof (pow2_gt_0 _ N). assert (PS : 0 < S) by lra.
    assert (Le : S / INR D <= S / INR D + g) by lra.
    assert (P0 : 0 < S / INR D) by (apply Rdiv_lt_0_compat; lra).
    pose proof (sqrt_lt_R0 _ P0) as S0. pose proof (sqrt_le_1_alt _ _ Le) as Up.
    unfold Rdiv at 1. rewrite !Rabs_mult, (Rabs_pos_eq (/ sqrt _)) by (left; apply Rinv_0_lt_compat; lra).
    rewrite Rmult_assoc, (Rmult_comm (sqrt (INR D))). apply Rmult_le_compat_l; [assumption|].
    assert (V : Rabs (v d) <= sqrt (INR D) * sqrt (S / INR D)).
    { rewrite <- sqrt_mult_alt by lra. replace (INR D * (S / INR D)) with S by (field; lra).
      rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. unfold Rsqr. replace (v d * v d) with (v d ^ 2) by ring. exact Sq. }
    apply Rmult_le_reg_r with (sqrt (S / INR D + g)); [lra|]. rewrite Rmult_assoc, Rinv_l by lra. rewrite Rmult_1_r.
    eapply Rle_trans; [exact V|]. now apply Rmult_le_compat_l.
Qed.

Section Bound.
Variables (N D rank L : nat) (S_B S_C S_in S_out : nat -> nat -> R) (beta_B beta_C : nat -> R) (a : nat -> nat -> R)
  (b : nat -> R) (eps : nonnegreal) (skip gain : nat -> R) (g : R).
Hypothesis Hg : 0 <= g.
Hypothesis Ha : forall d, (d < D)%nat -> forall n, (n < N)%nat -> 0 < a d n.

Definition limit_of (d : nat) : R := sqrt (INR D) * Rabs (gain d).

Definition most (d : nat) : R :=
  limit_of d * Rabs (skip d) + sum_below N (fun n =>
    limit_of d * longest D rank S_in S_out b eps limit_of d * written D S_B beta_B limit_of n
    / (1 - exp (- a d n * longest D rank S_in S_out b eps limit_of d))
    * (Rabs (beta_C n) + sum_below D (fun e => limit_of e * Rabs (S_C n e)))).

Lemma output_bounded (v : nat -> nat -> R) l d : (l < L)%nat -> (d < D)%nat ->
  Rabs (cell_output N D rank S_B S_C S_in S_out beta_B beta_C a b eps skip (fun k => normalised D gain g (v k)) l d) <= most d.
Proof.
  intros Hl Hd. set (x := fun k => normalised D gain g (v k)).
  assert (Hx : forall l, (l < L)%nat -> forall d, (d < D)%nat -> Rabs (x l d) <= limit_of d).
  { intros k _ e He. now apply normalised_bounded. }
  unfold cell_output. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
  - rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|now apply Hx].
  - eapply Rle_trans; [apply sum_below_abs|]. apply sum_below_le. intros m Hm.
    pose proof (hidden_bounded N D rank L S_B S_in S_out beta_B a b eps x limit_of Ha Hx l d m Hl Hd Hm) as B.
    pose proof (biased_bounded (beta_C m) D (x l) limit_of (S_C m) (Hx l Hl)) as C.
    rewrite Rabs_mult. apply Rmult_le_compat; [apply Rabs_pos|apply Rabs_pos|exact B|exact C].
Qed.

Lemma printed_sum (S : nat -> R) : sum_below D (fun e => sqrt (INR D) * Rabs (S e) * Rabs (gain e)) = sum_below D (fun e => limit_of e * Rabs (S e)).
Proof. apply sum_below_ext. intros e _. unfold limit_of. ring. Qed.

Lemma printed_most d : sqrt (INR D) * Rabs (gain d) * Rabs (skip d)
    + sum_below N (fun n => sqrt (INR D) * Rabs (gain d) * (softplus (b d
    + sum_below rank (fun r => sum_below D (fun e => sqrt (INR D) * Rabs (S_in r e) * Rabs (gain e))
    * Rabs (S_out d r))) + eps) * (Rabs (beta_B n) + sum_below D (fun e => sqrt (INR D) * Rabs (S_B n e)
    * Rabs (gain e))) * (Rabs (beta_C n) + sum_below D (fun e => sqrt (INR D) * Rabs (S_C n e) * Rabs (gain e))) / (1
    - exp (- a d n * (softplus (b d + sum_below rank (fun r => sum_below D (fun e => sqrt (INR D)
    * Rabs (S_in r e) * Rabs (gain e)) * Rabs (S_out d r))) + eps)))) = most d.
Proof.
  assert (E : sum_below rank (fun r => sum_below D (fun e => sqrt (INR D) * Rabs (S_in r e) * Rabs (gain e)) * Rabs (S_out d r))
    = reach D rank S_in S_out limit_of d).
  { apply sum_below_ext. intros r _. now rewrite printed_sum. }
  rewrite E. unfold most. f_equal. apply sum_below_ext. intros n _. rewrite !printed_sum.
  fold (limit_of d). fold (longest D rank S_in S_out b eps limit_of d). fold (written D S_B beta_B limit_of n). unfold Rdiv. ring.
Qed.
End Bound.

Theorem prenorm_bound : prenorm_bound_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out bB bC a b e0 skip gain g T x [eps <-]%as_floor Hg Ha sol l t Hl Ht HT d Hd.
  rewrite (printed_most N D rank S_B S_C S_in S_out bB bC a b eps skip gain d).
  set (K := most N D rank S_B S_C S_in S_out bB bC a b eps skip gain d).
  pose proof (sol l d Hl Hd) as E.
  assert (B : forall u, 0 < u < t -> Rabs (cell_output N D rank S_B S_C S_in S_out bB bC a b eps skip
     (fun k => normalised D gain g (fun e => x k e u)) l d) <= K).
  { intros u _. now apply (output_bounded N D rank L S_B S_C S_in S_out bB bC a b eps skip gain g Hg Ha (fun k e => x k e u)). }
  pose proof (growth_on T _ _ (- K) 0 t E (Rle_refl 0) Ht HT) as Lo.
  pose proof (growth_le_on T _ _ K 0 t E (Rle_refl 0) Ht HT) as Hi.
  specialize (Lo ltac:(intros u Hu; specialize (B u Hu); apply Rabs_le_between in B; lra)).
  specialize (Hi ltac:(intros u Hu; specialize (B u Hu); apply Rabs_le_between in B; lra)).
  apply Rabs_le. split; lra.
Qed.

Theorem prenorm_stack : prenorm_stack_statement.
Proof.
  intros N D rank L S_B S_C S_in S_out bB bC a b e0 skip gain g h y [eps <-]%as_floor Hg Ha Hh step i l Hl t d Hd.
  rewrite (printed_most N D rank S_B S_C S_in S_out bB bC a b eps skip gain d). unfold t. clear t.
  set (K := most N D rank S_B S_C S_in S_out bB bC a b eps skip gain d).
  induction i as [|i IH].
  - rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. simpl. lra.
  - rewrite S_INR, step by assumption.
    pose proof (output_bounded N D rank L S_B S_C S_in S_out bB bC a b eps skip gain g Hg Ha (y i) l d Hl Hd) as B. fold K in B.
    match goal with |- context [h * ?o] => match o with INR _ + _ => fail 1 | _ => set (out := o) in * end end.
    replace (y O l d - (y i l d + h * out)) with ((y O l d - y i l d) + - (h * out)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq h) by exact Hh.
    assert (h * Rabs out <= h * K) by (apply Rmult_le_compat_l; assumption). lra.
Qed.
