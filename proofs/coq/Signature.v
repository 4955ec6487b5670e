(** symmetric-signature: 2N independent rows.

    By the Gram matrix of the rows there are vectors dual to them.  With
    u = S_C v and w = S_B v the form is sum u_n w_n: on v_k with u = w = e_k it is a
    sum of squares, with u = - w minus one.  Among N + 1 vectors some combination
    has u = - w, where the form is not positive, and some has u = w. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Sums VectorToken NeverDefinite.
Open Scope R_scope.

Lemma sum_delta m k (g : nat -> R) : (k < m)%nat ->
  sum_below m (fun i => (if Nat.eq_dec i k then 1 else 0) * g i) = g k.
Proof.
  intros Hk. rewrite (sum_below_single m _ k Hk).
  - destruct (Nat.eq_dec k k); [ring|contradiction].
  - intros i _ Ni. destruct (Nat.eq_dec i k); [contradiction|ring].
Qed.

Lemma square_zero m v : square_norm m v = 0 -> forall i, (i < m)%nat -> v i = 0.
Proof.
  intros H i Hi. pose proof (square_le_norm m v i Hi) as L. rewrite H in L. pose proof (pow2_ge_0 (v i)).
  apply Rsqr_eq_0. unfold Rsqr. simpl in *. lra.
Qed.

(** An injective square matrix is surjective. *)
Lemma solve m (G : nat -> nat -> R) :
  (forall c, (forall i, (i < m)%nat -> sum_below m (fun j => G i j * c j) = 0) -> forall j, (j < m)%nat -> c j = 0) ->
  forall k, (k < m)%nat -> exists c, forall i, (i < m)%nat ->
  sum_below m (fun j => G i j * c j) = if Nat.eq_dec i k then 1 else 0.
Proof.
  intros Inj k Hk.
  set (A := fun i j => if Nat.eq_dec j m then - (if Nat.eq_dec i k then 1 else 0) else G i j).
  destruct (kernel_nonzero m (S m) A ltac:(lia)) as (v & (d & Hd & Nd) & Ker).
  assert (Split : forall i, (i < m)%nat -> sum_below m (fun j => G i j * v j) = (if Nat.eq_dec i k then 1 else 0) * v m).
  { intros i Hi. specialize (Ker i Hi). cbn [sum_below] in Ker. unfold A at 2 in Ker.
    destruct (Nat.eq_dec m m) as [_|N]; [|contradiction].
    rewrite (sum_below_ext m _ (fun j => G i j * v j)) in Ker.
    - lra.
    - intros j Hj. unfold A. destruct (Nat.eq_dec j m); [lia|reflexivity]. }
  assert (Nt : v m <> 0).
  { intros Z. apply Nd. destruct (Nat.eq_dec d m) as [->|Ne]; [exact Z|].
    apply (Inj v); [|lia]. intros i Hi. rewrite Split, Z by exact Hi. ring. }
  exists (fun j => v j / v m). intros i Hi.
  rewrite (sum_below_ext m _ (fun j => G i j * v j * / v m)) by (intros; unfold Rdiv; ring).
  rewrite sum_below_scal_r, Split by exact Hi. field. exact Nt.
Qed.

(** Independent rows have dual vectors. *)
Lemma dual m D (A : nat -> nat -> R) :
  (forall c, (forall e, (e < D)%nat -> sum_below m (fun i => c i * A i e) = 0) -> forall i, (i < m)%nat -> c i = 0) ->
  forall k, (k < m)%nat -> exists v, forall i, (i < m)%nat ->
  sum_below D (fun e => A i e * v e) = if Nat.eq_dec i k then 1 else 0.
Proof.
  intros Ind k Hk.
  set (G := fun i j => sum_below D (fun e => A i e * A j e)).
  set (back := fun (c : nat -> R) e => sum_below m (fun j => c j * A j e)).
  assert (Gc : forall c i, sum_below m (fun j => G i j * c j) = sum_below D (fun e => A i e * back c e)).
  { intros c i. unfold G, back. transitivity (sum_below m (fun j => sum_below D (fun e => A i e * (c j * A j e)))).
    - apply sum_below_ext. intros j _. rewrite <- sum_below_scal_r. apply sum_below_ext. intros e _. ring.
    - rewrite sum_below_swap. apply sum_below_ext. intros e _. apply sum_below_scal. }
  destruct (solve m G) with (k := k) as (c & Hc); [|exact Hk|].
  - intros c Zero. apply Ind. intros e He. change (back c e = 0). apply (square_zero D (back c)); [|exact He].
    transitivity (sum_below m (fun i => c i * sum_below m (fun j => G i j * c j))).
    + unfold square_norm. transitivity (sum_below D (fun e => sum_below m (fun i => c i * (A i e * back c e)))).
      * apply sum_below_ext. intros e' _. unfold back at 1. simpl. rewrite Rmult_1_r. fold (back c e').
        unfold back at 1. rewrite <- sum_below_scal_r. apply sum_below_ext. intros i _. ring.
      * rewrite sum_below_swap. apply sum_below_ext. intros i _. rewrite sum_below_scal, Gc. reflexivity.
    + rewrite (sum_below_ext m _ (fun _ => 0)), sum_below_zero; [reflexivity|]. intros i Hi. rewrite Zero by exact Hi. ring.
  - exists (back c). intros i Hi. rewrite <- Gc. now apply Hc.
Qed.

Section Signature.
Variables (N D : nat) (S_B S_C : nat -> nat -> R).
Notation Q := (quadratic_form D (form_matrix N S_B S_C)).

Lemma project_combination S (f : nat -> nat -> R) c m n :
  projection D S (fun e => sum_below m (fun k => c k * f k e)) n = sum_below m (fun k => c k * projection D S (f k) n).
Proof.
  unfold projection. transitivity (sum_below D (fun e => sum_below m (fun k => c k * (S n e * f k e)))).
  - apply sum_below_ext. intros e _. rewrite <- sum_below_scal. apply sum_below_ext. intros k _. ring.
  - rewrite sum_below_swap. apply sum_below_ext. intros k _. apply sum_below_scal.
Qed.

(** Some combination of N + 1 vectors has sg S_B v + S_C v = 0. *)
Lemma combination sg (f : nat -> nat -> R) : exists c, (exists i, (i < S N)%nat /\ c i <> 0) /\
  forall n, (n < N)%nat ->
  projection D S_C (fun e => sum_below (S N) (fun k => c k * f k e)) n
  = - sg * projection D S_B (fun e => sum_below (S N) (fun k => c k * f k e)) n.
Proof.
  destruct (kernel_nonzero N (S N) (fun n k => projection D S_C (f k) n + sg * projection D S_B (f k) n) ltac:(lia))
    as (c & Ex & Ker).
  exists c. split; [exact Ex|]. intros n Hn. specialize (Ker n Hn). rewrite !project_combination.
  rewrite (sum_below_ext (S N) _ (fun k => c k * projection D S_C (f k) n + sg * (c k * projection D S_B (f k) n))) in Ker
    by (intros; ring).
  rewrite sum_below_plus, sum_below_scal in Ker. lra.
Qed.

Hypothesis Ind : forall c c', (forall e, (e < D)%nat -> sum_below N (fun n => c n * S_B n e + c' n * S_C n e) = 0) ->
  forall n, (n < N)%nat -> c n = 0 /\ c' n = 0.

Definition rows (i : nat) : nat -> R := if Nat.ltb i N then S_B i else S_C (i - N)%nat.

Lemma sum_split m (g : nat -> R) : sum_below (N + m) g = sum_below N g + sum_below m (fun i => g (N + i)%nat).
Proof.
  induction m as [|m IH]; [rewrite Nat.add_0_r; simpl; ring|].
  rewrite Nat.add_succ_r. cbn [sum_below]. rewrite IH. ring.
Qed.

Lemma rows_independent c : (forall e, (e < D)%nat -> sum_below (N + N) (fun i => c i * rows i e) = 0) ->
  forall i, (i < N + N)%nat -> c i = 0.
Proof.
  intros H.
  assert (Z : forall n, (n < N)%nat -> c n = 0 /\ c (N + n)%nat = 0).
  { apply (Ind c (fun n => c (N + n)%nat)). intros e He. rewrite sum_below_plus. rewrite <- (H e He), sum_split. f_equal.
    - apply sum_below_ext. intros n Hn. unfold rows. destruct (Nat.ltb_spec n N); [reflexivity|lia].
    - apply sum_below_ext. intros n _. unfold rows. destruct (Nat.ltb_spec (N + n) N); [lia|].
      now replace (N + n - N)%nat with n by lia. }
  intros i Hi. destruct (Nat.lt_ge_cases i N) as [Lt|Ge]; [now apply Z|].
  replace i with (N + (i - N))%nat by lia. apply Z. lia.
Qed.

(** Vectors dual to one row, and not to the others. *)
Lemma dual_vector i : (i < N + N)%nat -> exists v,
  (forall n, (n < N)%nat -> projection D S_B v n = if Nat.eq_dec n i then 1 else 0) /\
  (forall n, (n < N)%nat -> projection D S_C v n = if Nat.eq_dec (N + n) i then 1 else 0).
Proof.
  intros Hi. destruct (dual (N + N) D rows rows_independent i Hi) as (v & Hv). exists v. split; intros n Hn.
  - rewrite <- (Hv n ltac:(lia)). unfold projection, rows. destruct (Nat.ltb_spec n N); [reflexivity|lia].
  - rewrite <- (Hv (N + n)%nat ltac:(lia)). unfold projection, rows. destruct (Nat.ltb_spec (N + n) N); [lia|].
    now replace (N + n - N)%nat with n by lia.
Qed.

(** Vectors f_k with S_B f_k = e_k and S_C f_k = sg e_k. *)
Lemma signed_vectors sg : exists f : nat -> nat -> R, forall k n, (k < N)%nat -> (n < N)%nat ->
  projection D S_B (f k) n = (if Nat.eq_dec n k then 1 else 0) /\
  projection D S_C (f k) n = sg * (if Nat.eq_dec n k then 1 else 0).
Proof.
  assert (Each : forall k, (k < N)%nat -> exists v, forall n, (n < N)%nat ->
    projection D S_B v n = (if Nat.eq_dec n k then 1 else 0) /\
    projection D S_C v n = sg * (if Nat.eq_dec n k then 1 else 0)).
  { intros k Hk. destruct (dual_vector k ltac:(lia)) as (v & B1 & C1). destruct (dual_vector (N + k) ltac:(lia)) as (w & B2 & C2).
    exists (fun e => v e + sg * w e).
    assert (Lin : forall S n, projection D S (fun e => v e + sg * w e) n = projection D S v n + sg * projection D S w n).
    { intros S n. unfold projection. rewrite <- sum_below_scal, <- sum_below_plus. apply sum_below_ext. intros; ring. }
    intros n Hn. rewrite !Lin, B1, B2, C1, C2 by exact Hn.
    destruct (Nat.eq_dec n k), (Nat.eq_dec n (N + k)), (Nat.eq_dec (N + n) k), (Nat.eq_dec (N + n) (N + k)); try lia; split; ring. }
  clear -Each. revert Each. generalize N at 1 3 as m. intros m. induction m as [|m IH]; intros Each.
  - exists (fun _ _ => 0). intros; lia.
  - destruct IH as (f & Hf); [intros; apply Each; lia|]. destruct (Each m (le_n _)) as (v & Hv).
    exists (fun k => if Nat.eq_dec k m then v else f k). intros k n Hk Hn.
    destruct (Nat.eq_dec k m) as [->|Nk]; [now apply Hv|apply Hf; lia || assumption].
Qed.

Lemma form_of_combination sg (f : nat -> nat -> R) :
  (forall k n, (k < N)%nat -> (n < N)%nat ->
    projection D S_B (f k) n = (if Nat.eq_dec n k then 1 else 0) /\
    projection D S_C (f k) n = sg * (if Nat.eq_dec n k then 1 else 0)) ->
  forall c, Q (fun e => sum_below N (fun k => c k * f k e)) = sg * square_norm N c.
Proof.
  intros Hf c. rewrite form_by_states. unfold square_norm. rewrite <- sum_below_scal. apply sum_below_ext. intros n Hn.
  rewrite !project_combination.
  assert (B : sum_below N (fun k => c k * projection D S_B (f k) n) = c n).
  { rewrite (sum_below_ext N _ (fun k => (if Nat.eq_dec k n then 1 else 0) * c k)); [now apply sum_delta|].
    intros k Hk. rewrite (proj1 (Hf k n Hk Hn)). destruct (Nat.eq_dec n k), (Nat.eq_dec k n); try lia; ring. }
  assert (C : sum_below N (fun k => c k * projection D S_C (f k) n) = sg * c n).
  { rewrite (sum_below_ext N _ (fun k => (if Nat.eq_dec k n then 1 else 0) * (sg * c k))).
    - rewrite (sum_delta N n (fun k => sg * c k) Hn). reflexivity.
    - intros k Hk. rewrite (proj2 (Hf k n Hk Hn)). destruct (Nat.eq_dec n k), (Nat.eq_dec k n); try lia; ring. }
  rewrite B, C. ring.
Qed.
End Signature.

Theorem symmetric_signature : symmetric_signature_statement.
Proof.
  intros N D S_B S_C Ind Q. split; [|split; [|split]].
  - destruct (signed_vectors N D S_B S_C Ind 1) as (f & Hf). exists f. intros c. unfold Q.
    rewrite (form_of_combination N D S_B S_C 1 f Hf). ring.
  - destruct (signed_vectors N D S_B S_C Ind (- 1)) as (f & Hf). exists f. intros c. unfold Q.
    rewrite (form_of_combination N D S_B S_C (- 1) f Hf). ring.
  - intros f. destruct (combination N D S_B S_C 1 f) as (c & Ex & H). exists c. split; [exact Ex|]. unfold Q.
    rewrite form_by_states. apply sum_below_nonpos. intros n Hn. rewrite (H n Hn).
    pose proof (pow2_ge_0 (projection D S_B (fun e => sum_below (S N) (fun k => c k * f k e)) n)). nra.
  - intros f. destruct (combination N D S_B S_C (- 1) f) as (c & Ex & H). exists c. split; [exact Ex|]. unfold Q.
    rewrite form_by_states. apply sum_below_nonneg. intros n Hn. rewrite (H n Hn).
    pose proof (pow2_ge_0 (projection D S_B (fun e => sum_below (S N) (fun k => c k * f k e)) n)). nra.
Qed.
