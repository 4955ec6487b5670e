(** The vector field of the flow is bounded and Lipschitz on boxes, in the
    largest-coordinate norm.

    Proves no registry theorem by itself; EulerConsistency.v rests on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus Sums GrowthRate.
Open Scope R_scope.

(** The first L coordinates of y lie in [-r, r]. *)
Definition in_box (L : nat) (r : R) (y : nat -> R) : Prop :=
  forall k, (k < L)%nat -> Rabs (y k) <= r.

(** The first L coordinates of y and z differ by at most d. *)
Definition near (L : nat) (d : R) (y z : nat -> R) : Prop :=
  forall k, (k < L)%nat -> Rabs (y k - z k) <= d.

(** [f] is bounded by B and K-Lipschitz on the box. *)
Definition lipschitz_on (L : nat) (r B K : R) (f : (nat -> R) -> R) : Prop :=
  forall y z d, in_box L r y -> in_box L r z -> 0 <= d -> near L d y z ->
  Rabs (f y) <= B /\ Rabs (f y - f z) <= K * d.

Definition box_lipschitz (L : nat) (r : R) (f : (nat -> R) -> R) : Prop :=
  exists B K, 0 <= B /\ 0 <= K /\ lipschitz_on L r B K f.

Section Box.
Variables (L : nat) (r : R).
Hypothesis Hr : 0 <= r.

Lemma lip_const c : box_lipschitz L r (fun _ => c).
Proof.
  exists (Rabs c), 0. split; [apply Rabs_pos|]. split; [lra|].
  intros y z d _ _ Hd _. split; [lra|]. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
Qed.

Lemma lip_coordinate k : (k < L)%nat -> box_lipschitz L r (fun y => y k).
Proof.
  intros Hk. exists r, 1. split; [exact Hr|]. split; [lra|].
  intros y z d Hy _ _ Hn. split; [now apply Hy|]. rewrite Rmult_1_l. now apply Hn.
Qed.

Lemma lip_plus f g : box_lipschitz L r f -> box_lipschitz L r g -> box_lipschitz L r (fun y => f y + g y).
Proof.
  intros (B & K & HB & HK & Hf) (B' & K' & HB' & HK' & Hg).
  exists (B + B'), (K + K'). split; [lra|]. split; [lra|]. intros y z d Hy Hz Hd Hn.
  destruct (Hf y z d Hy Hz Hd Hn) as [F1 F2]. destruct (Hg y z d Hy Hz Hd Hn) as [G1 G2]. split.
  - eapply Rle_trans; [apply Rabs_triang|]. lra.
  - replace (f y + g y - (f z + g z)) with ((f y - f z) + (g y - g z)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma lip_mult f g : box_lipschitz L r f -> box_lipschitz L r g -> box_lipschitz L r (fun y => f y * g y).
Proof.
  intros (B & K & HB & HK & Hf) (B' & K' & HB' & HK' & Hg).
  exists (B * B'), (K * B' + B * K'). split; [now apply Rmult_le_pos|].
  split; [apply Rplus_le_le_0_compat; now apply Rmult_le_pos|]. intros y z d Hy Hz Hd Hn.
  destruct (Hf y z d Hy Hz Hd Hn) as [F1 F2]. destruct (Hg y z d Hy Hz Hd Hn) as [G1 G2].
  assert (Hn' : near L d z y) by (intros k Hk; rewrite Rabs_minus_sym; now apply Hn).
  destruct (Hf z y d Hz Hy Hd Hn') as [F3 _]. split.
  - rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; assumption.
  - replace (f y * g y - f z * g z) with ((f y - f z) * g y + f z * (g y - g z)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult, Rmult_plus_distr_r.
    apply Rplus_le_compat.
    + replace (K * B' * d) with (K * d * B') by ring.
      apply Rmult_le_compat; try apply Rabs_pos; assumption.
    + rewrite (Rmult_assoc B). apply Rmult_le_compat; try apply Rabs_pos; assumption.
Qed.

(** Composition with a function of one variable whose derivative is bounded on every interval. *)
Lemma lip_comp h dh f :
  (forall v, is_derive h v (dh v)) ->
  (forall c, exists K, 0 <= K /\ forall v, Rabs v <= c -> Rabs (dh v) <= K) ->
  box_lipschitz L r f -> box_lipschitz L r (fun y => h (f y)).
Proof.
  intros Hd HK (B & K & HB & HK0 & Hf). destruct (HK B) as (M & HM & Hdh).
  assert (Lip : forall u v, Rabs u <= B -> Rabs v <= B -> Rabs (h u - h v) <= M * Rabs (u - v)).
  { intros u v Hu Hv. destruct (MVT_gen h v u dh) as (c & Hc & E).
    - intros c _. apply Hd.
    - intros c _. apply derivable_continuous_pt. exists (dh c). apply is_derive_Reals, Hd.
    - rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply Hdh.
      apply Rabs_le_between in Hu. apply Rabs_le_between in Hv. apply Rabs_le.
      revert Hc. unfold Rmin, Rmax. destruct (Rle_dec v u); lra. }
  exists (Rabs (h 0) + M * B), (M * K).
  split; [apply Rplus_le_le_0_compat; [apply Rabs_pos|now apply Rmult_le_pos]|].
  split; [now apply Rmult_le_pos|]. intros y z d Hy Hz Hd' Hn.
  destruct (Hf y z d Hy Hz Hd' Hn) as [F1 F2].
  assert (Hn' : near L d z y) by (intros k Hk; rewrite Rabs_minus_sym; now apply Hn).
  destruct (Hf z y d Hz Hy Hd' Hn') as [F3 _]. split.
  - replace (h (f y)) with (h 0 + (h (f y) - h 0)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat_l.
    eapply Rle_trans; [apply Lip; [exact F1|rewrite Rabs_R0; exact HB]|].
    rewrite Rminus_0_r. now apply Rmult_le_compat_l.
  - eapply Rle_trans; [now apply Lip|]. rewrite Rmult_assoc. now apply Rmult_le_compat_l.
Qed.

Lemma lip_sum N (f : nat -> (nat -> R) -> R) :
  (forall n, (n < N)%nat -> box_lipschitz L r (f n)) ->
  box_lipschitz L r (fun y => sum_below N (fun n => f n y)).
Proof.
  intros H. induction N as [|N IH]; simpl; [apply lip_const|].
  apply lip_plus; [apply IH; intros; apply H; lia|apply H; lia].
Qed.

Lemma sigmoid_range z : 0 < sigmoid z < 1.
Proof.
  unfold sigmoid. pose proof (exp_pos z). split; [apply Rdiv_lt_0_compat; lra|].
  apply (Rmult_lt_reg_r (1 + exp z)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma lip_Delta s b (eps : nonnegreal) f : box_lipschitz L r f -> box_lipschitz L r (fun y => Delta s b eps (f y)).
Proof.
  apply (lip_comp (Delta s b eps) (fun v => s * sigmoid (s * v + b))); [apply Delta_derive|].
  intros c. exists (Rabs s). split; [apply Rabs_pos|]. intros v _.
  pose proof (sigmoid_range (s * v + b)). pose proof (Rabs_pos s).
  rewrite Rabs_mult, (Rabs_pos_eq (sigmoid _)) by lra. nra.
Qed.

Lemma lip_exp f : box_lipschitz L r f -> box_lipschitz L r (fun y => exp (f y)).
Proof.
  apply (lip_comp exp exp); [apply is_derive_exp|].
  intros c. exists (exp c). split; [left; apply exp_pos|]. intros v Hv.
  rewrite Rabs_pos_eq by (left; apply exp_pos). apply exp_le.
  apply Rabs_le_between in Hv. lra.
Qed.

Lemma lip_pow f n : box_lipschitz L r f -> box_lipschitz L r (fun y => f y ^ n).
Proof. intros Hf. induction n as [|n IH]; simpl; [apply lip_const|now apply lip_mult]. Qed.

Lemma lip_hidden a mu s b (eps : nonnegreal) l n : (l < L)%nat -> box_lipschitz L r (fun y => hidden a mu s b eps y l n).
Proof.
  assert (Own : forall k, (k < L)%nat ->
    box_lipschitz L r (fun y => mu n * y k ^ 2 * Delta s b eps (y k))).
  { intros k Hk. pose proof (lip_coordinate k Hk) as C. apply lip_mult; [|now apply lip_Delta].
    apply lip_mult; [apply lip_const|now apply lip_pow]. }
  induction l as [|k IH]; intros Hl; simpl hidden; [now apply Own|].
  apply lip_plus; [|now apply Own]. apply lip_mult; [|apply IH; lia].
  apply lip_exp. apply lip_mult; [apply lip_const|]. now apply lip_Delta, lip_coordinate.
Qed.

Lemma lip_field N a mu s b (eps : nonnegreal) l : (l < L)%nat ->
  box_lipschitz L r (fun y => y l * growth_rate N a mu s b eps y l).
Proof.
  intros Hl. apply lip_mult; [now apply lip_coordinate|].
  apply (lip_sum N (fun n y => hidden a mu s b eps y l n)). intros n _. now apply lip_hidden.
Qed.

(** Common constants for finitely many coordinates of a field. *)
Lemma common_constants (V : nat -> (nat -> R) -> R) p :
  (forall l, (l < p)%nat -> box_lipschitz L r (V l)) ->
  exists B K, 0 <= B /\ 0 <= K /\ forall l, (l < p)%nat -> lipschitz_on L r B K (V l).
Proof.
  induction p as [|p IH]; intros H.
  - exists 0, 0. split; [lra|]. split; [lra|]. intros; lia.
  - destruct IH as (B & K & HB & HK & HV); [intros; apply H; lia|].
    destruct (H p (le_n _)) as (B' & K' & HB' & HK' & HV').
    exists (B + B'), (K + K'). split; [lra|]. split; [lra|].
    intros l Hl y z d Hy Hz Hd Hn.
    assert (0 <= K * d) by (now apply Rmult_le_pos).
    assert (0 <= K' * d) by (now apply Rmult_le_pos).
    rewrite Rmult_plus_distr_r. destruct (Nat.eq_dec l p) as [->|Nl].
    + destruct (HV' y z d Hy Hz Hd Hn). lra.
    + destruct (HV l ltac:(lia) y z d Hy Hz Hd Hn). lra.
Qed.
End Box.
