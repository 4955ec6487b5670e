(** The right-hand side for one token, its Lipschitz constants on bounded sets,
    and the clamped flow, in which every token is cut off to [-c,c].

    The clamped flow has a global and unique solution for any parameters, and it
    is the flow itself as long as every token stays in [-c,c].  Proves no
    registry theorem by itself; Uniqueness.v and Existence.v rest on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate.
Open Scope R_scope.

(** ** Cutting off *)
Definition clamp (c y : R) : R := Rmax (- c) (Rmin c y).

Lemma clamp_id c y : Rabs y <= c -> clamp c y = y.
Proof.
  intros H. apply Rabs_le_between in H. unfold clamp.
  rewrite Rmin_right by lra. rewrite Rmax_right by lra. reflexivity.
Qed.

Lemma clamp_cases c y : 0 <= c ->
  (y <= - c /\ clamp c y = - c) \/ (- c <= y <= c /\ clamp c y = y) \/ (c <= y /\ clamp c y = c).
Proof.
  intros Hc. unfold clamp.
  destruct (Rle_lt_dec c y) as [H|H].
  - right; right. rewrite Rmin_left, Rmax_right by lra. split; lra.
  - rewrite Rmin_right by lra. destruct (Rle_lt_dec y (- c)) as [G|G].
    + left. rewrite Rmax_left by lra. split; lra.
    + right; left. rewrite Rmax_right by lra. repeat split; lra.
Qed.

Lemma clamp_abs c y : 0 <= c -> Rabs (clamp c y) <= c.
Proof. intros Hc. apply Rabs_le. destruct (clamp_cases c y Hc) as [[? ->]|[[? ->]|[? ->]]]; lra. Qed.

Lemma clamp_lip c y z : 0 <= c -> Rabs (clamp c y - clamp c z) <= Rabs (y - z).
Proof.
  intros Hc.
  destruct (clamp_cases c y Hc) as [[? ->]|[[? ->]|[? ->]]];
  destruct (clamp_cases c z Hc) as [[? ->]|[[? ->]|[? ->]]];
  apply Rabs_le; unfold Rabs; destruct (Rcase_abs (y - z)); lra.
Qed.

Lemma lip_continuous (g : R -> R) t :
  (forall y z, Rabs (g y - g z) <= Rabs (y - z)) -> continuous g t.
Proof.
  intros H P [eps HP]. exists eps. intros y Hy. apply HP.
  unfold ball in *; simpl in *. unfold AbsRing_ball, abs, minus, plus, opp in *; simpl in *.
  eapply Rle_lt_trans; [|exact Hy]. apply (H y t).
Qed.

(** A C^1 function is Lipschitz on [-c,c]. *)
Lemma lip_compact (h dh : R -> R) c : 0 <= c ->
  (forall y, is_derive h y (dh y)) -> (forall y, continuity_pt dh y) ->
  exists K, 0 <= K /\ forall y z, Rabs y <= c -> Rabs z <= c -> Rabs (h y - h z) <= K * Rabs (y - z).
Proof.
  intros Hc Hd Hcont.
  destruct (bounded_on (fun u => dh (u - c)) (2 * c) ltac:(lra)) as [K HK].
  { intros u _. apply (continuity_pt_comp (fun u => u - c) dh); [|apply Hcont].
    apply derivable_continuous_pt. exists 1. apply is_derive_Reals. auto_derive; [exact I|ring]. }
  assert (HK' : forall v, - c <= v <= c -> Rabs (dh v) <= K).
  { intros v Hv. specialize (HK (v + c) ltac:(lra)). replace (v + c - c) with v in HK by ring. exact HK. }
  exists K. split.
  - eapply Rle_trans; [apply Rabs_pos|apply (HK' 0); lra].
  - intros y z Hy Hz. apply Rabs_le_between in Hy. apply Rabs_le_between in Hz.
    destruct (MVT_gen h z y dh) as (v & Hv & E).
    + intros v _. apply Hd.
    + intros v _. apply derivable_continuous_pt. exists (dh v). apply is_derive_Reals, Hd.
    + rewrite E, Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply HK'.
      revert Hv. unfold Rmin, Rmax. destruct (Rle_dec z y); lra.
Qed.

(** ** The right-hand side for one token *)
Definition decayed (a s b y : R) : R := y * exp (- a * Delta s b y).
Definition cubic (s b y : R) : R := y ^ 3 * Delta s b y.

Lemma decayed_derive a s b y :
  is_derive (decayed a s b) y (exp (- a * Delta s b y) * (1 - a * s * y * sigmoid (s * y + b))).
Proof.
  unfold decayed.
  assert (E : is_derive (fun v => exp (- a * Delta s b v)) y
                (- a * (s * sigmoid (s * y + b)) * exp (- a * Delta s b y))).
  { apply (is_derive_comp exp (fun v => - a * Delta s b v)); [apply is_derive_exp|].
    apply (is_derive_scal (Delta s b) y (- a)). apply Delta_derive. }
  replace (exp (- a * Delta s b y) * (1 - a * s * y * sigmoid (s * y + b)))
    with (1 * exp (- a * Delta s b y)
          + y * (- a * (s * sigmoid (s * y + b)) * exp (- a * Delta s b y))) by ring.
  apply (is_derive_mult (fun v => v) (fun v => exp (- a * Delta s b v)));
    [|exact E|intros; apply Rmult_comm].
  apply (is_derive_id (K:=R_AbsRing)).
Qed.

Lemma cubic_derive s b y :
  is_derive (cubic s b) y (3 * y ^ 2 * Delta s b y + y ^ 3 * (s * sigmoid (s * y + b))).
Proof.
  apply (is_derive_mult (fun v => v ^ 3) (Delta s b)); [|apply Delta_derive|intros; apply Rmult_comm].
  auto_derive; [exact I|simpl; ring].
Qed.

Lemma polynomial_continuity (p dp : R -> R) y : (forall y, is_derive p y (dp y)) -> continuity_pt p y.
Proof. intros H. apply derivable_continuous_pt. exists (dp y). apply is_derive_Reals, H. Qed.

Lemma decayed_lip a s b c : 0 <= c ->
  exists K, 0 <= K /\ forall y z, Rabs y <= c -> Rabs z <= c ->
  Rabs (decayed a s b y - decayed a s b z) <= K * Rabs (y - z).
Proof.
  intros Hc. eapply (lip_compact _ _ c Hc (decayed_derive a s b)). intros y.
  apply (continuity_pt_mult (fun v => exp (- a * Delta s b v))
           (fun v => 1 - a * s * v * sigmoid (s * v + b))); [apply decay_continuity|].
  apply (continuity_pt_minus (fun _ => 1) (fun v => a * s * v * sigmoid (s * v + b))).
  - apply continuity_pt_const. intros ? ?; reflexivity.
  - apply (continuity_pt_mult (fun v => a * s * v) (fun v => sigmoid (s * v + b)));
      [|apply sigmoid_continuity].
    apply (polynomial_continuity _ (fun _ => a * s)). intros v. auto_derive; [exact I|ring].
Qed.

Lemma cubic_lip s b c : 0 <= c ->
  exists K, 0 <= K /\ forall y z, Rabs y <= c -> Rabs z <= c ->
  Rabs (cubic s b y - cubic s b z) <= K * Rabs (y - z).
Proof.
  intros Hc. eapply (lip_compact _ _ c Hc (cubic_derive s b)). intros y.
  apply (continuity_pt_plus (fun v => 3 * v ^ 2 * Delta s b v) (fun v => v ^ 3 * (s * sigmoid (s * v + b)))).
  - apply (continuity_pt_mult (fun v => 3 * v ^ 2) (Delta s b)); [|apply Delta_continuity].
    eapply polynomial_continuity. intros v. auto_derive; [exact I|reflexivity].
  - apply (continuity_pt_mult (fun v => v ^ 3) (fun v => s * sigmoid (s * v + b))).
    + apply derivable_continuous_pt, derivable_pt_pow.
    + apply (continuity_pt_scal (fun v => sigmoid (s * v + b))), sigmoid_continuity.
Qed.

(** The right-hand side for a token with value v that inherits p_n. *)
Definition token_field (N : nat) (a : nat -> R) (M s b : R) (p : nat -> R) (v : R) : R :=
  sum_below N (fun n => decayed (a n) s b v * p n) + M * cubic s b v.

Lemma token_field_growth N a mu s b x l :
  x l * growth_rate N a mu s b x l =
  token_field N a (sum_below N mu) s b (inherited a mu s b x l) (x l).
Proof.
  rewrite growth_rate_split, Rmult_plus_distr_l. unfold carried. rewrite <- sum_below_scal.
  unfold token_field, cubic. f_equal.
  - apply sum_below_ext. intros n _. unfold decayed. ring.
  - ring.
Qed.

Lemma token_field_agree N a M s b p q v :
  (forall n, (n < N)%nat -> p n = q n) -> token_field N a M s b p v = token_field N a M s b q v.
Proof. intros H. unfold token_field. f_equal. apply sum_below_ext. intros n Hn. now rewrite H. Qed.

Lemma token_field_lip N a M s b c B : 0 <= c -> 0 <= B ->
  exists K, 0 <= K /\ forall p v w, (forall n, (n < N)%nat -> Rabs (p n) <= B) ->
  Rabs v <= c -> Rabs w <= c ->
  Rabs (token_field N a M s b p v - token_field N a M s b p w) <= K * Rabs (v - w).
Proof.
  intros Hc HB. unfold token_field. induction N as [|N (K & HK & IH)].
  - destruct (cubic_lip s b c Hc) as (K & HK & H). exists (Rabs M * K). split.
    + apply Rmult_le_pos; [apply Rabs_pos|exact HK].
    + intros p v w _ Hv Hw. simpl sum_below. rewrite !Rplus_0_l, <- Rmult_minus_distr_l, Rabs_mult, Rmult_assoc.
      apply Rmult_le_compat_l; [apply Rabs_pos|]. now apply H.
  - destruct (decayed_lip (a N) s b c Hc) as (K' & HK' & H). exists (K + K' * B). split.
    + assert (0 <= K' * B) by now apply Rmult_le_pos. lra.
    + intros p v w Hp Hv Hw. simpl sum_below.
      specialize (IH p v w ltac:(intros; apply Hp; lia) Hv Hw). specialize (H v w Hv Hw).
      pose proof (Hp N (le_n _)) as HpN.
      match goal with |- Rabs (?A + ?u + ?C - (?A' + ?u' + ?C')) <= _ =>
        replace (A + u + C - (A' + u' + C'))
          with ((A + C - (A' + C')) + (decayed (a N) s b v - decayed (a N) s b w) * p N) by ring end.
      eapply Rle_trans; [apply Rabs_triang|]. rewrite Rmult_plus_distr_r. apply Rplus_le_compat; [exact IH|].
      rewrite Rabs_mult. apply Rle_trans with (K' * Rabs (v - w) * B); [|right; ring].
      apply Rmult_le_compat; try apply Rabs_pos; assumption.
Qed.

Lemma token_field_continuity N a M s b (p : nat -> R -> R) (v : R -> R) t :
  (forall n, (n < N)%nat -> continuity_pt (p n) t) -> continuity_pt v t ->
  continuity_pt (fun u => token_field N a M s b (fun n => p n u) (v u)) t.
Proof.
  intros Hp Hv. unfold token_field.
  apply (continuity_pt_plus (fun u => sum_below N (fun n => decayed (a n) s b (v u) * p n u))
           (fun u => M * cubic s b (v u))).
  - apply (sum_below_continuity N (fun n u => decayed (a n) s b (v u) * p n u)). intros n Hn.
    apply (continuity_pt_mult (fun u => decayed (a n) s b (v u)) (p n)); [|now apply Hp].
    apply (continuity_pt_comp v (decayed (a n) s b)); [exact Hv|].
    eapply polynomial_continuity, decayed_derive.
  - apply (continuity_pt_scal (fun u => cubic s b (v u))).
    apply (continuity_pt_comp v (cubic s b)); [exact Hv|].
    eapply polynomial_continuity, cubic_derive.
Qed.
