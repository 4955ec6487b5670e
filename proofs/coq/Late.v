(** Properties that hold from some time on, and products of numbers r' = r G.

    Proves no registry theorem by itself; StateDivergence.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus.
Open Scope R_scope.

Definition late (P : R -> Prop) : Prop := exists t0, 0 <= t0 /\ forall t, t0 < t -> P t.

Lemma late_intro t1 (P : R -> Prop) : (forall t, t1 < t -> P t) -> late P.
Proof.
  intros H. exists (Rmax 0 t1). split; [apply Rmax_l|]. intros t Ht. apply H.
  pose proof (Rmax_r 0 t1). lra.
Qed.

Lemma late_imp (P Q : R -> Prop) : late P -> (forall t, 0 < t -> P t -> Q t) -> late Q.
Proof. intros (t0 & H0 & H) HPQ. exists t0. split; [exact H0|]. intros t Ht. apply HPQ; [lra|now apply H]. Qed.

Lemma late_and (P Q : R -> Prop) : late P -> late Q -> late (fun t => P t /\ Q t).
Proof.
  intros (t1 & H1 & HP) (t2 & H2 & HQ). exists (Rmax t1 t2). pose proof (Rmax_l t1 t2). pose proof (Rmax_r t1 t2).
  split; [lra|]. intros t Ht. split; [apply HP|apply HQ]; lra.
Qed.

Lemma late_all N (P : nat -> R -> Prop) :
  (forall n, (n < N)%nat -> late (P n)) -> late (fun t => forall n, (n < N)%nat -> P n t).
Proof.
  intros H. induction N as [|N IH]; [exists 0; split; [lra|]; intros; lia|].
  apply (late_imp (fun t => (forall n, (n < N)%nat -> P n t) /\ P N t)).
  - apply late_and; [apply IH; intros; apply H; lia|apply H; lia].
  - intros t _ [H1 H2] n Hn. destruct (Nat.eq_dec n N) as [->|Nn]; [exact H2|apply H1; lia].
Qed.

(** [small f g]: |f| <= eps g late, for every eps > 0. *)
Definition small (f g : R -> R) : Prop := forall eps, 0 < eps -> late (fun t => Rabs (f t) <= eps * g t).

(** [grows r]: r exceeds every bound late. *)
Definition grows (r : R -> R) : Prop := forall B, late (fun t => B < r t).

Lemma grows_is_lim r : grows r <-> is_lim r p_infty p_infty.
Proof.
  split.
  - intros H. apply is_lim_spec. intros B. destruct (H B) as (t0 & _ & Ht). now exists t0.
  - intros H B. apply is_lim_spec in H. destruct (H B) as [t0 Ht]. now apply (late_intro t0).
Qed.

(** (f g)' = f g (G + H) and (f^p)' = f^p (p G). *)
Lemma factor_mult T f G g H :
  evolves T f (fun t => f t * G t) -> evolves T g (fun t => g t * H t) ->
  evolves T (fun t => f t * g t) (fun t => f t * g t * (G t + H t)).
Proof.
  intros Ef Eg. destruct (evolves_mult T _ _ _ _ Ef Eg) as [M0 M]. split; [exact M0|].
  intros t Ht HT. replace (f t * g t * (G t + H t)) with (f t * G t * g t + f t * (g t * H t)) by ring.
  now apply M.
Qed.

Lemma factor_pow T f G p :
  evolves T f (fun t => f t * G t) -> evolves T (fun t => f t ^ p) (fun t => f t ^ p * (INR p * G t)).
Proof.
  intros Ef. induction p as [|p IH].
  - apply evolves_of_derive; [apply continuous_const|]. intros t. simpl. auto_derive; [exact I|ring].
  - destruct (factor_mult T f G (fun t => f t ^ p) (fun t => INR p * G t) Ef IH) as [M0 M]. split; [exact M0|].
    intros t Ht HT. replace (f t ^ S p * (INR (S p) * G t)) with (f t * f t ^ p * (G t + INR p * G t))
      by (rewrite S_INR; simpl; ring).
    now apply M.
Qed.

(** r^p exp(-sg r) is bounded, by z exp(-z) <= 1 at z = sg r / p. *)
Lemma pow_exp_bounded sg p : 0 < sg -> exists C, 0 < C /\ forall r, 0 <= r -> r ^ p * exp (- (sg * r)) <= C.
Proof.
  intros Hs. destruct p as [|p].
  - exists 1. split; [lra|]. intros r Hr. simpl. rewrite Rmult_1_l. apply exp_le_1.
    assert (0 <= sg * r) by (apply Rmult_le_pos; lra). lra.
  - exists (((INR (S p)) / sg) ^ S p + 1). pose proof (lt_0_INR (S p) ltac:(lia)) as Hp.
    assert (Hq : 0 < INR (S p) / sg) by (apply Rdiv_lt_0_compat; lra).
    split; [pose proof (pow_lt _ (S p) Hq); lra|]. intros r Hr.
    set (z := sg * r / INR (S p)).
    assert (Hz : 0 <= z) by (apply Rdiv_le_0_compat; [apply Rmult_le_pos; lra|exact Hp]).
    assert (E : exp (- (sg * r)) = exp (- z) ^ S p).
    { rewrite <- (exp_ln (exp (- z) ^ S p)) by (apply pow_lt, exp_pos).
      rewrite ln_pow, ln_exp by apply exp_pos. f_equal. unfold z. field. lra. }
    assert (Er : r = INR (S p) / sg * z) by (unfold z; field; lra).
    rewrite E, Er at 1. rewrite Rpow_mult_distr, Rmult_assoc, <- Rpow_mult_distr.
    assert (Q : (z * exp (- z)) ^ S p <= 1 ^ S p).
    { apply pow_incr. split; [apply Rmult_le_pos; [exact Hz|left; apply exp_pos]|now apply z_exp]. }
    rewrite pow1 in Q. pose proof (pow_lt _ (S p) Hq). nra.
Qed.
