(** first-token-field and never-definite.

    The form of S_C^T S_B is sum_n (S_C v)_n (S_B v)_n, so it vanishes on the
    kernel of S_B; N homogeneous equations in D > N unknowns have a nonzero
    solution, by eliminating one unknown with one equation. *)

From Coq Require Import Reals Classical_Prop Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Softplus Statements Sums.
Open Scope R_scope.

Lemma form_by_states N D S_B S_C v :
  quadratic_form D (form_matrix N S_B S_C) v =
  sum_below N (fun n => projection D S_C v n * projection D S_B v n).
Proof.
  unfold quadratic_form, form_matrix, projection.
  transitivity (sum_below D (fun d => sum_below N (fun n => S_C n d * v d * sum_below D (fun e => S_B n e * v e)))).
  - apply sum_below_ext. intros d _.
    transitivity (sum_below D (fun e => sum_below N (fun n => S_C n d * v d * (S_B n e * v e)))).
    + apply sum_below_ext. intros e _. rewrite <- !sum_below_scal_r. apply sum_below_ext. intros n _. ring.
    + rewrite sum_below_swap. apply sum_below_ext. intros n _. apply sum_below_scal.
  - rewrite sum_below_swap. apply sum_below_ext. intros n _.
    rewrite <- sum_below_scal_r. reflexivity.
Qed.

Theorem first_token_field : first_token_field_statement.
Proof.
  intros N D a S_B S_C S_Delta b e0 x d [eps <-]%as_floor. unfold layer_output. rewrite form_by_states.
  rewrite (Rmult_comm (channel_step D S_Delta b eps (x O) d)), Rmult_assoc, <- sum_below_scal_r. apply sum_below_ext. intros n _. simpl layer_hidden. ring.
Qed.

(** The p-th unknown apart from the others. *)
Definition skip (p e : nat) : nat := if Nat.ltb e p then e else S e.

Lemma sum_skip p D (f : nat -> R) : (p <= D)%nat ->
  sum_below (S D) f = f p + sum_below D (fun e => f (skip p e)).
Proof.
  induction D as [|D IH]; intros Hp.
  - assert (p = O) by lia. subst p. simpl. ring.
  - change (sum_below (S (S D)) f) with (sum_below (S D) f + f (S D)).
    destruct (Nat.eq_dec p (S D)) as [->|Np].
    + rewrite (sum_below_ext (S D) (fun e => f (skip (S D) e)) f); [ring|].
      intros e He. unfold skip. destruct (Nat.ltb_spec e (S D)); [reflexivity|lia].
    + rewrite IH by lia. simpl sum_below.
      replace (skip p D) with (S D); [ring|]. unfold skip. destruct (Nat.ltb_spec D p); [lia|reflexivity].
Qed.

Lemma kernel_nonzero N : forall D (A : nat -> nat -> R), (N < D)%nat ->
  exists v, (exists d, (d < D)%nat /\ v d <> 0) /\
    forall n, (n < N)%nat -> sum_below D (fun e => A n e * v e) = 0.
Proof.
  induction N as [|N IH]; intros D A HD.
  - exists (fun _ => 1). split; [exists O; split; [lia|lra]|]. intros; lia.
  - destruct (classic (exists p, (p < D)%nat /\ A N p <> 0)) as [(p & Hp & Nz)|No].
    + (* the last equation eliminates unknown p *)
      destruct D as [|D]; [lia|].
      set (B := fun n e => A n (skip p e) - A n p / A N p * A N (skip p e)).
      destruct (IH D B ltac:(lia)) as (u & (d & Hd & Nd) & Hu).
      set (rest := sum_below D (fun e => A N (skip p e) * u e)).
      set (v := fun e => if Nat.eqb e p then - rest / A N p else if Nat.ltb e p then u e else u (pred e)).
      assert (Vp : v p = - rest / A N p) by (unfold v; now rewrite Nat.eqb_refl).
      assert (Vs : forall e, v (skip p e) = u e).
      { intros e. unfold v, skip. destruct (Nat.ltb_spec e p) as [H|H].
        - destruct (Nat.eqb_spec e p); [lia|]. destruct (Nat.ltb_spec e p); [reflexivity|lia].
        - destruct (Nat.eqb_spec (S e) p); [lia|]. destruct (Nat.ltb_spec (S e) p); [lia|reflexivity]. }
      assert (Row : forall n, sum_below (S D) (fun e => A n e * v e) =
                 A n p * (- rest / A N p) + sum_below D (fun e => A n (skip p e) * u e)).
      { intros n. rewrite (sum_skip p) by lia. rewrite Vp. f_equal.
        apply sum_below_ext. intros e _. now rewrite Vs. }
      exists v. split.
      * exists (skip p d). split; [|now rewrite Vs].
        unfold skip. destruct (Nat.ltb_spec d p); lia.
      * intros n Hn. rewrite Row. destruct (Nat.eq_dec n N) as [->|Nn].
        -- fold rest. field. exact Nz.
        -- specialize (Hu n ltac:(lia)). unfold B in Hu.
           rewrite (sum_below_ext D _ (fun e => A n (skip p e) * u e
              + - (A n p / A N p) * (A N (skip p e) * u e))) in Hu by (intros; ring).
           rewrite sum_below_plus, sum_below_scal in Hu. fold rest in Hu.
           set (own := sum_below D (fun e => A n (skip p e) * u e)) in *.
           replace own with (A n p / A N p * rest) by lra. field. exact Nz.
    + (* the last equation is empty *)
      destruct (IH D A ltac:(lia)) as (v & Hv & Hz). exists v. split; [exact Hv|].
      intros n Hn. destruct (Nat.eq_dec n N) as [->|Nn]; [|apply Hz; lia].
      rewrite (sum_below_ext D _ (fun _ => 0)), sum_below_zero; [reflexivity|]. intros e He.
      destruct (Req_dec (A N e) 0) as [->|Ne]; [ring|]. exfalso. apply No. now exists e.
Qed.

(** A nonzero vector has a positive norm. *)
Lemma square_norm_positive D v : (exists d, (d < D)%nat /\ v d <> 0) -> 0 < square_norm D v.
Proof.
  intros (d & Hd & Nd). unfold square_norm.
  apply Rlt_le_trans with (v d ^ 2); [now apply pow2_gt_0|].
  clear Nd. induction D as [|D IH]; [lia|]. cbn [sum_below].
  assert (Rest : 0 <= sum_below D (fun d => v d ^ 2)) by (apply sum_below_nonneg; intros; apply pow2_ge_0).
  destruct (Nat.eq_dec d D) as [->|Nd]; [lra|]. specialize (IH ltac:(lia)). pose proof (pow2_ge_0 (v D)). lra.
Qed.

Theorem never_definite : never_definite_statement.
Proof.
  intros N D S_B S_C HD. destruct (kernel_nonzero N D S_B HD) as (v & Hv & Hz).
  assert (Z : quadratic_form D (form_matrix N S_B S_C) v = 0).
  { rewrite form_by_states. rewrite <- (sum_below_zero N). apply sum_below_ext. intros n Hn.
    unfold projection at 2. rewrite Hz by exact Hn. ring. }
  pose proof (square_norm_positive D v Hv) as Pv.
  split; [exists v; now split|]. split; [|split].
  - intros eig H. specialize (H v). rewrite Z in H. nra.
  - intros eig H. specialize (H v). rewrite Z in H. nra.
  - intros column. destruct (kernel_nonzero N (S N) (fun n i => S_B n (column i)) ltac:(lia)) as (c & Hc & Zc).
    exists c. split; [exact Hc|]. intros d.
    transitivity (sum_below (S N) (fun i => sum_below N (fun n => S_C n d * (S_B n (column i) * c i)))).
    + apply sum_below_ext. intros i _. unfold form_matrix. rewrite <- ?sum_below_scal, <- ?sum_below_scal_r.
      apply sum_below_ext. intros n _. ring.
    + rewrite (sum_below_swap (S N) N). rewrite <- (sum_below_zero N). apply sum_below_ext. intros n Hn.
      rewrite sum_below_scal, (Zc n Hn). ring.
Qed.
