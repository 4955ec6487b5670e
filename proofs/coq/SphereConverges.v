(** sphere-converges: constant steps.

    The form Q keeps its sign on the sphere, too, and (x_d/x_i)^2 moves at the
    rate 2 Q (Delta_d - Delta_i).  For the channel i of the support whose step is
    the largest where Q > 0, the smallest where Q < 0, all these ratios fall; they
    have limits, and so does every entry. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums Limits ClosedForms.
From S6Flow Require Import LipschitzField FieldFlow FieldMaximal FieldAlong VectorToken VectorFlow Direction Sphere SphereFlow Trichotomy.
Open Scope R_scope.

Section Form.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : sphere_solution D M S_Delta b eps T x.
Notation S0 := (square_start D x).
Notation rate := (sphere_rate D M S_Delta b eps S0).
Notation Q t := (quadratic_form D M (fun e => x e t)).

(** What is left of a rate without the form. *)
Definition excess (d : nat) (y : nat -> R) : R :=
  channel_step D S_Delta b eps y d + - sum_below D (fun e => / S0 * y e ^ 2 * channel_step D S_Delta b eps y e).

Definition sphere_form_rate (y : nat -> R) : R :=
  sum_below D (fun d => sum_below D (fun e => M d e * y d * y e * (excess d y + excess e y))).

Lemma excess_lipschitz r d : 0 <= r -> (d < D)%nat -> box_lipschitz D r (excess d).
Proof.
  intros Hr Hd. assert (C : forall e, (e < D)%nat -> box_lipschitz D r (fun y => y e)) by (intros e He; now apply lip_coordinate).
  assert (St : forall e, box_lipschitz D r (fun y => channel_step D S_Delta b eps y e)) by (intros e; now apply (lip_channel_step D r D (fun y => y))).
  assert (E : box_lipschitz D r (fun y => channel_step D S_Delta b eps y d + -1 * sum_below D (fun e => / S0 * y e ^ 2 * channel_step D S_Delta b eps y e))).
  { apply lip_plus; [apply St|]. apply lip_scal. apply (lip_sum D r D (fun e y => / S0 * y e ^ 2 * channel_step D S_Delta b eps y e)). intros e He.
    apply lip_mult; [|apply St]. apply lip_scal. apply (lip_pow D r (fun y => y e) 2). now apply C. }
  destruct E as (B & K & HB & HK & Lip). exists B, K. split; [exact HB|]. split; [exact HK|].
  intros y z dd Hy Hz Hdd Hn. specialize (Lip y z dd Hy Hz Hdd Hn). destruct Lip as [L1 L2]. unfold excess. split.
  - match goal with |- Rabs ?u <= _ => match type of L1 with Rabs ?v <= _ => replace u with v by ring; exact L1 end end.
  - match goal with |- Rabs ?u <= _ => match type of L2 with Rabs ?v <= _ => replace u with v by ring; exact L2 end end.
Qed.

Lemma sphere_form_rate_lipschitz r : 0 <= r -> box_lipschitz D r sphere_form_rate.
Proof.
  intros Hr.
  apply (lip_sum D r D (fun d y => sum_below D (fun e => M d e * y d * y e * (excess d y + excess e y)))). intros d Hd.
  apply (lip_sum D r D (fun e y => M d e * y d * y e * (excess d y + excess e y))). intros e He.
  apply lip_mult.
  - apply lip_mult; [apply lip_scal|]; now apply lip_coordinate.
  - apply lip_plus; now apply excess_lipschitz.
Qed.

Lemma sphere_form_evolves : evolves T (fun t => Q t) (fun t => Q t * sphere_form_rate (fun e => x e t)).
Proof.
  assert (E : evolves T (fun t => Q t) (fun t => sum_below D (fun d => sum_below D (fun e =>
    M d e * x d t * x e t * (excess d (fun k => x k t) + excess e (fun k => x k t)) * Q t)))).
  { apply (evolves_sum T D (fun d t => sum_below D (fun e => M d e * x d t * x e t))
      (fun d t => sum_below D (fun e => M d e * x d t * x e t * (excess d (fun k => x k t) + excess e (fun k => x k t)) * Q t))). intros d Hd.
    apply (evolves_sum T D (fun e t => M d e * x d t * x e t)
      (fun e t => M d e * x d t * x e t * (excess d (fun k => x k t) + excess e (fun k => x k t)) * Q t)). intros e He.
    eapply evolves_ext.
    - apply evolves_mult; [exact (evolves_scal T (M d e) _ _ (sphere_entry_evolves D M S_Delta b eps T x sol d Hd))|exact (sphere_entry_evolves D M S_Delta b eps T x sol e He)].
    - intros t _ _. cbv beta. unfold sphere_rate, excess. ring. }
  eapply evolves_ext; [exact E|]. intros t _ _. cbv beta. unfold sphere_form_rate.
  rewrite <- sum_below_scal. apply sum_below_ext. intros d _. rewrite <- sum_below_scal. apply sum_below_ext. intros e _. ring.
Qed.

Lemma sphere_form_bounded : locally_bounded T (fun t => sphere_form_rate (fun e => x e t)).
Proof.
  apply (along_locally_bounded D (sphere_field D M S_Delta b eps x) T x _ (sphere_solves D M S_Delta b eps T x sol)).
  intros; now apply sphere_form_rate_lipschitz.
Qed.

Lemma sphere_form_sign : exists e, e * e = 1 /\ forall t, 0 <= t -> Rbar_lt t T -> Rabs (Q t) = e * Q t.
Proof. exact (factor_sign T (fun t => Q t) _ sphere_form_evolves sphere_form_bounded). Qed.
End Form.

(** Of finitely many numbers with a property one is the largest. *)
Lemma largest m (P : nat -> Prop) (g : nat -> R) : (exists d, (d < m)%nat /\ P d) ->
  exists i, (i < m)%nat /\ P i /\ forall d, (d < m)%nat -> P d -> g d <= g i.
Proof.
  induction m as [|m IH]; intros (d & Hd & Pd); [lia|].
  destruct (classic (exists d, (d < m)%nat /\ P d)) as [Ex|No].
  - destruct (IH Ex) as (i & Hi & Pi & H). destruct (classic (P m)) as [Pm|Nm].
    + destruct (Rle_lt_dec (g m) (g i)) as [Le|Lt].
      * exists i. split; [lia|]. split; [exact Pi|]. intros e He Pe. destruct (Nat.eq_dec e m) as [->|]; [exact Le|apply H; [lia|exact Pe]].
      * exists m. split; [lia|]. split; [exact Pm|]. intros e He Pe. destruct (Nat.eq_dec e m) as [->|]; [lra|]. specialize (H e ltac:(lia) Pe). lra.
    + exists i. split; [lia|]. split; [exact Pi|]. intros e He Pe. destruct (Nat.eq_dec e m) as [->|]; [contradiction|apply H; [lia|exact Pe]].
  - assert (d = m) as -> by (destruct (Nat.eq_dec d m); [assumption|exfalso; apply No; exists d; split; [lia|exact Pd]]).
    exists m. split; [lia|]. split; [exact Pd|]. intros e He Pe. destruct (Nat.eq_dec e m) as [->|]; [lra|exfalso; apply No; exists e; split; [lia|exact Pe]].
Qed.

Section Constant.
Variables (D : nat) (M S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal) (x : nat -> R -> R).
Hypothesis sol : sphere_solution D M S_Delta b eps p_infty x.
Hypothesis N0 : square_norm D (fun e => x e 0) <> 0.
Hypothesis constant : forall d e, (d < D)%nat -> (e < D)%nat -> S_Delta d e = 0.
Notation S0 := (square_start D x).
Notation rate := (sphere_rate D M S_Delta b eps S0).
Notation Q t := (quadratic_form D M (fun e => x e t)).

Lemma constant_step v d : (d < D)%nat -> channel_step D S_Delta b eps v d = softplus (b d) + eps.
Proof.
  intros Hd. unfold channel_step, projection. do 2 f_equal.
  rewrite (sum_below_ext D _ (fun _ => 0)), sum_below_zero; [ring|]. intros e He. rewrite constant by assumption. ring.
Qed.

Lemma ratio_evolves d i : (d < D)%nat -> (i < D)%nat -> x i 0 <> 0 ->
  evolves p_infty (fun t => x d t * / x i t) (fun t => x d t * / x i t * (Q t * (softplus (b d) - softplus (b i)))).
Proof.
  intros Hd Hi Ni.
  eapply evolves_ext.
  - apply (evolves_ratio p_infty (x d) _ (x i) _ (sphere_entry_evolves D M S_Delta b eps p_infty x sol d Hd)
      (sphere_entry_evolves D M S_Delta b eps p_infty x sol i Hi) Ni).
    intros t Ht HT. now apply (entry_nonzero D M S_Delta b eps p_infty x sol i t Hi Ni).
  - intros t _ _. cbv beta. unfold sphere_rate. rewrite !(constant_step (fun e => x e t)) by assumption. ring.
Qed.

(** The channel that wins: every ratio to it falls. *)
Lemma winner : exists i, (i < D)%nat /\ x i 0 <> 0 /\ forall d, (d < D)%nat -> exists l : R, is_lim (fun t => (x d t * / x i t) ^ 2) p_infty l.
Proof.
  destruct (sphere_form_sign D M S_Delta b eps p_infty x sol) as (e & He & Sg).
  destruct (largest D (fun d => x d 0 <> 0) (fun d => e * softplus (b d))) as (i & Hi & Ni & Max).
  { apply NNPP. intros No. apply N0. unfold square_norm. rewrite (sum_below_ext D _ (fun _ => 0)); [apply sum_below_zero|].
    intros d Hd. assert (Z : x d 0 = 0) by (apply NNPP; intros N; apply No; now exists d). rewrite Z. ring. }
  exists i. split; [exact Hi|]. split; [exact Ni|]. intros d Hd.
  destruct (Req_dec (x d 0) 0) as [Z|Nd].
  - exists 0. apply (is_lim_ext_loc (fun _ => 0)); [|apply is_lim_const]. exists 0. intros t Ht.
    rewrite (entry_zero D M S_Delta b eps p_infty x sol d t Hd Z) by (exact I || lra). ring.
  - pose proof (evolves_sq p_infty _ _ (ratio_evolves d i Hd Hi Ni)) as E.
    destruct (lim_of_bounded (fun t => - (x d t * / x i t) ^ 2) 0) as (l & Hl & _).
    + intros u v Huv. cut ((x d v * / x i v) ^ 2 <= (x d u * / x i u) ^ 2); [lra|].
      apply (decr_on p_infty _ _ u v E ltac:(lra) ltac:(lra) I). intros t Ht.
      pose proof (Sg t ltac:(lra) I) as A. pose proof (Rabs_pos (Q t)) as P. rewrite A in P. specialize (Max d Hd Nd).
      pose proof (pow2_ge_0 (x d t * / x i t)) as R2.
      assert (F : Q t * (softplus (b d) - softplus (b i)) <= 0).
      { replace (Q t * (softplus (b d) - softplus (b i))) with ((e * e) * (Q t * (softplus (b d) - softplus (b i)))) by (rewrite He; ring).
        replace (e * e * (Q t * (softplus (b d) - softplus (b i)))) with ((e * Q t) * (e * softplus (b d) - e * softplus (b i))) by ring. nra. }
      replace (2 * (x d t * / x i t) * (x d t * / x i t * (Q t * (softplus (b d) - softplus (b i)))))
        with (2 * ((x d t * / x i t) ^ 2 * (Q t * (softplus (b d) - softplus (b i))))) by ring. nra.
    + intros t _. pose proof (pow2_ge_0 (x d t * / x i t)). lra.
    + exists (- l). apply (is_lim_ext (fun t => - - (x d t * / x i t) ^ 2)); [intros; ring|]. exact (is_lim_opp _ p_infty l Hl).
Qed.

Lemma squares_converge d : (d < D)%nat -> exists l : R, is_lim (fun t => x d t ^ 2) p_infty l.
Proof.
  intros Hd. destruct winner as (i & Hi & Ni & Lim). pose proof (start_pos D x N0) as P0.
  assert (Pick : exists l : nat -> R, forall d, (d < D)%nat -> is_lim (fun t => (x d t * / x i t) ^ 2) p_infty (l d)).
  { clear -Lim. induction D as [|m IH]; [exists (fun _ => 0); intros; lia|].
    destruct IH as (l & Hl); [intros; apply Lim; lia|]. destruct (Lim m (le_n _)) as (c & Hc).
    exists (fun d => if Nat.eq_dec d m then c else l d). intros d Hd. destruct (Nat.eq_dec d m) as [->|N]; [exact Hc|apply Hl; lia]. }
  destruct Pick as (l & Hl).
  assert (Nz : forall t, 0 < t -> x i t <> 0).
  { intros t Ht. apply (entry_nonzero D M S_Delta b eps p_infty x sol i t Hi Ni); [lra|exact I]. }
  (* the sum of the ratios is S0 / x_i^2, at least 1 *)
  pose proof (sum_below_lim D (fun d t => (x d t * / x i t) ^ 2) l p_infty Hl) as Ls.
  assert (Val : forall t, 0 < t -> sum_below D (fun d => (x d t * / x i t) ^ 2) = S0 / x i t ^ 2).
  { intros t Ht. rewrite <- (norm_kept D M S_Delta b eps p_infty x sol t ltac:(lra) I). unfold square_norm, Rdiv. rewrite <- sum_below_scal_r.
    apply sum_below_ext. intros e _. specialize (Nz t Ht). field. exact Nz. }
  assert (One : 1 <= sum_below D l).
  { change (Rbar_le 1 (sum_below D l)). refine (is_lim_le_loc (fun _ => 1) _ p_infty 1 (sum_below D l) _ (is_lim_const 1 p_infty) Ls).
    exists 0. intros t Ht. pose proof (term_le_sum D (fun d => (x d t * / x i t) ^ 2) i ltac:(intros; apply pow2_ge_0) Hi) as B. cbv beta in B.
    specialize (Nz t Ht). rewrite Rinv_r in B by exact Nz. lra. }
  assert (Sq : is_lim (fun t => x i t ^ 2) p_infty (S0 / sum_below D l)).
  { apply (is_lim_ext_loc (fun t => S0 * / sum_below D (fun d => (x d t * / x i t) ^ 2))).
    - exists 0. intros t Ht. rewrite Val by exact Ht. specialize (Nz t Ht). field. split; [exact Nz|lra].
    - replace (Finite (S0 / sum_below D l)) with (Rbar_mult S0 (Rbar_inv (sum_below D l))) by reflexivity.
      apply is_lim_scal_l. apply is_lim_inv; [exact Ls|]. intros Z. injection Z. lra. }
  exists (l d * (S0 / sum_below D l)).
  apply (is_lim_ext_loc (fun t => (x d t * / x i t) ^ 2 * x i t ^ 2)).
  - exists 0. intros t Ht. specialize (Nz t Ht). field. exact Nz.
  - replace (Finite (l d * (S0 / sum_below D l))) with (Rbar_mult (l d) (S0 / sum_below D l)) by reflexivity.
    apply is_lim_mult; [now apply Hl|exact Sq|exact I].
Qed.

Lemma entries_converge d : (d < D)%nat -> exists p : R, is_lim (x d) p_infty p.
Proof.
  intros Hd. destruct (squares_converge d Hd) as (l & Hl).
  destruct (factor_sign p_infty (x d) _ (sphere_entry_evolves D M S_Delta b eps p_infty x sol d Hd)
    (rate_bounded D M S_Delta b eps p_infty x sol d Hd)) as (e & He & Sg).
  exists (e * sqrt l). apply (is_lim_ext_loc (fun t => e * sqrt (x d t ^ 2))).
  - exists 0. intros t Ht. pose proof (Sg t ltac:(lra) I) as A.
    replace (x d t ^ 2) with (Rsqr (x d t)) by (unfold Rsqr; ring). rewrite sqrt_Rsqr_abs, A.
    replace (e * (e * x d t)) with (e * e * x d t) by ring. rewrite He. ring.
  - replace (Finite (e * sqrt l)) with (Rbar_mult e (sqrt l)) by reflexivity. apply is_lim_scal_l.
    apply (lim_continuous sqrt (fun t => x d t ^ 2) p_infty l Hl). apply continuous_sqrt.
Qed.
End Constant.

Theorem sphere_converges : sphere_converges_statement.
Proof.
  intros D M S_Delta b e0 x [eps <-]%as_floor constant sol N0.
  assert (P : exists p : nat -> R, forall d, (d < D)%nat -> is_lim (x d) p_infty (p d)).
  { assert (H : forall d, (d < D)%nat -> exists p : R, is_lim (x d) p_infty p) by (intros d Hd; now apply (entries_converge D M S_Delta b eps x sol N0 constant)).
    clear -H. induction D as [|m IH]; [exists (fun _ => 0); intros; lia|].
    destruct IH as (l & Hl); [intros; apply H; lia|]. destruct (H m (le_n _)) as (c & Hc).
    exists (fun d => if Nat.eq_dec d m then c else l d). intros d Hd. destruct (Nat.eq_dec d m) as [->|N]; [exact Hc|apply Hl; lia]. }
  destruct P as (p & Lim). exists p. split; [exact Lim|]. intros d Hd.
  pose proof (limit_rests D (sphere_field D M S_Delta b eps x) x p (sphere_field_lipschitz D M S_Delta b eps x)
    (sphere_solves D M S_Delta b eps p_infty x sol) Lim d Hd) as Z.
  pose proof (limit_norm D M S_Delta b eps x p sol Lim) as Ln.
  rewrite <- Z. unfold sphere_field, sphere_velocity, sphere_rate, channel_share. rewrite <- Ln.
  rewrite (sum_below_ext D (fun e => p e ^ 2 / square_norm D p * channel_step D S_Delta b eps p e)
    (fun e => / square_norm D p * p e ^ 2 * channel_step D S_Delta b eps p e)) by (intros; unfold Rdiv; ring). ring.
Qed.
