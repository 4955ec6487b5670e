(** fast-blow-up-time.

    Along a token the travel time from |x_1(0)| to |x_1(t)| is t, and travel
    times stay below their supremum T_1: no solution outlives T_1.  The inverse
    of the travel time, continued with constant speed below the start, is a
    solution on [0,T_1). *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Softplus FirstToken Inverse TravelTime Forms.
Open Scope R_scope.

Lemma Rmax_continuous c t : continuous (fun v => Rmax c v) t.
Proof.
  intros P [tol HP]. exists tol. intros y Hy. apply HP. open_ball Hy.
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
  apply Rabs_def1; unfold Rmax; destruct (Rle_dec c y); destruct (Rle_dec c t); lra.
Qed.

Section Realise.
Variables (m k b : R) (eps : nonnegreal) (r0 : R).
Hypothesis Hm : 0 < m.
Hypothesis Hk : 0 <= k.
Hypothesis Hr0 : 0 < r0.
Notation slowness := (slowness m k b eps).
Notation travel := (travel m k b eps r0).

Definition slowness_cont (v : R) : R := slowness (Rmax r0 v).
Definition travel_cont (v : R) : R := RInt slowness_cont r0 v.

Lemma Rmax_pos v : 0 < Rmax r0 v.
Proof. pose proof (Rmax_l r0 v). lra. Qed.

Lemma slowness_cont_pos v : 0 < slowness_cont v.
Proof. apply (slowness_pos m k b eps Hm). apply Rmax_pos. Qed.

Lemma slowness_cont_continuous v : continuous slowness_cont v.
Proof.
  apply (continuous_comp (fun v => Rmax r0 v) slowness); [apply Rmax_continuous|].
  apply (slowness_continuous m k b eps Hm). apply Rmax_pos.
Qed.

Lemma travel_cont_derive v : is_derive travel_cont v (slowness_cont v).
Proof.
  apply (is_derive_RInt slowness_cont travel_cont r0).
  - apply filter_forall. intros y. apply (RInt_correct (V:=R_CompleteNormedModule)).
    apply (ex_RInt_continuous (V:=R_CompleteNormedModule)). intros z _. apply slowness_cont_continuous.
  - apply slowness_cont_continuous.
Qed.

Lemma travel_cont_eq v : r0 <= v -> travel_cont v = travel v.
Proof.
  intros Hv. apply RInt_ext. intros z. rewrite Rmin_left, Rmax_right by lra. intros Hz.
  unfold slowness_cont. rewrite Rmax_right by lra. reflexivity.
Qed.

Definition realised : R -> R := inverse travel_cont.

Lemma realised_travel v : r0 <= v -> realised (travel v) = v.
Proof.
  intros Hv. rewrite <- (travel_cont_eq v Hv).
  exact (inverse_G _ _ travel_cont_derive slowness_cont_pos v).
Qed.

(** On [0,T1) the inverse solves the equation of the modulus. *)
Lemma realised_derive T1 t :
  (forall t, t < T1 -> exists r, r0 < r /\ t < travel r) -> 0 <= t < T1 ->
  r0 <= realised t /\
  is_derive realised t (m * realised t ^ 3 * (softplus (k * realised t + b) + eps)).
Proof.
  intros Reach Ht. destruct (Reach t ltac:(lra)) as (r & Hr & Htr).
  assert (Z : travel_cont r0 = 0) by (rewrite travel_cont_eq by lra; apply travel_r0).
  destruct (G_onto _ _ travel_cont_derive slowness_cont_pos r0 r t) as (v & Hv & E).
  { rewrite Z, travel_cont_eq by lra. lra. }
  rewrite <- E. unfold realised. rewrite (inverse_G _ _ travel_cont_derive slowness_cont_pos v).
  split; [lra|].
  pose proof (inverse_derive _ _ travel_cont_derive slowness_cont_pos slowness_cont_continuous v) as D.
  unfold slowness_cont in D at 1. rewrite Rmax_right in D by lra. unfold TravelTime.slowness in D.
  rewrite Rinv_inv in D. exact D.
Qed.
End Realise.

Theorem fast_blow_up_time_proved : fast_blow_up_time_form.
Proof.
  intros N a mu s b eps x0 Hm N0 Hs. set (m := sum_below N mu) in *. set (k := Rabs s).
  assert (Hk : 0 <= k) by apply Rabs_pos. pose proof (Rabs_pos_lt x0 N0) as Hr0. set (r0 := Rabs x0) in *.
  destruct (travel_limit m k b eps r0 Hm Hk Hr0) as (T1 & P1 & Lim & Below & Reach).
  exists T1. split; [exact P1|]. split; [exact Lim|]. split.
  - intros L T x Sol HL Ex.
    assert (Nx : x O 0 <> 0) by now rewrite Ex.
    destruct (first_token_modulus N a mu s b eps L T x Sol HL Nx) as (e & He & Habs & Hmod).
    assert (Time : forall t, 0 <= t -> Rbar_lt t T ->
              r0 <= Rabs (x O t) /\ travel m k b eps r0 (Rabs (x O t)) = t).
    { intros t Ht HT.
      assert (HT0 : Rbar_lt 0 T) by (apply Rbar_lt_lt with t; assumption).
      pose proof (proj2 Hmod 0 (Rle_refl 0) HT0) as P0. cbv beta in P0.
      rewrite (fast_slope s e (x O 0) He P0 ltac:(now rewrite Ex)) in Hmod.
      rewrite (Habs t Ht HT).
      apply (travel_is_time m k b eps r0 Hm Hr0 T (fun t => e * x O t) Hmod); [|exact Ht|exact HT].
      rewrite <- (Habs 0 (Rle_refl 0) HT0), Ex. reflexivity. }
    split; [|split].
    + apply Rbar_not_lt_le. intros HT. destruct (Time T1 ltac:(lra) HT) as [Ge Eq].
      pose proof (Below _ Ge). lra.
    + intros t Ht HT. exact (proj2 (Time t Ht HT)).
    + intros ->. intros P [K HK]. unfold filtermap.
      set (r := Rmax K r0 + 1). pose proof (Rmax_l K r0). pose proof (Rmax_r K r0).
      assert (Pt : 0 < T1 - travel m k b eps r0 r) by (pose proof (Below r ltac:(unfold r; lra)); lra).
      pose proof (travel_increasing m k b eps r0 Hm Hr0 r0 r ltac:(unfold r; lra)) as Up.
      rewrite travel_r0 in Up.
      exists (mkposreal _ Pt). intros t Hb HtT. open_ball Hb. apply HK.
      destruct (Time t ltac:(lra) HtT) as [Ge Eq].
      assert (r < Rabs (x O t)); [|unfold r in *; lra].
      apply (travel_reflects m k b eps r0 Hm Hr0); [unfold r; lra|exact Ge|lra].
  - assert (Ee : exists e, e * e = 1 /\ e * r0 = x0).
    { destruct (Rdichotomy _ _ N0) as [Neg|Pos].
      - exists (-1). split; [lra|]. unfold r0. rewrite Rabs_left by lra. ring.
      - exists 1. split; [lra|]. unfold r0. rewrite Rabs_pos_eq by lra. ring. }
    destruct Ee as (e & He & Ex). set (r := realised m k b eps r0).
    assert (Hse : s * e = k).
    { apply (fast_slope s e x0 He); [|exact Hs]. rewrite <- Ex.
      replace (e * (e * r0)) with (e * e * r0) by ring. rewrite He. lra. }
    assert (D : forall t, 0 <= t < T1 ->
       is_derive (fun t => e * r t) t (e * (m * r t ^ 3 * (softplus (k * r t + b) + eps)))).
    { intros t Ht. apply (is_derive_scal r t e).
      exact (proj2 (realised_derive m k b eps r0 Hm Hr0 T1 t Reach Ht)). }
    exists (fun _ t => e * r t). split.
    + intros l Hl. assert (l = O) by lia. subst l. split.
      * apply rcont_of_continuous. eapply continuous_of_derive. apply D. lra.
      * intros t Ht HT. rewrite growth_rate_first. fold m. unfold Delta.
        replace (s * (e * r t) + b) with (k * r t + b) by (rewrite <- Hse; ring).
        replace (e * r t * (m * (e * r t) ^ 2 * (softplus (k * r t + b) + eps)))
          with (e * (m * r t ^ 3 * (softplus (k * r t + b) + eps)) * (e * e)) by ring.
        rewrite He, Rmult_1_r. apply D. simpl in HT. lra.
    + rewrite <- Ex. f_equal. unfold r. rewrite <- (travel_r0 m k b eps r0).
      apply realised_travel; [exact Hm|exact Hr0|lra].
Qed.
