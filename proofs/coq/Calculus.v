(** Calculus on a half-open interval [0,T), T a real or +infinity.

    Only right-continuity is asked at 0 and only interior derivatives: this is
    what a trajectory of a differential equation started at time 0 provides.
    Proves no registry theorem by itself; every other file rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions.
Open Scope R_scope.

(** Products of positive numbers are positive. *)
Ltac pos := repeat (first [lra | apply Rmult_lt_0_compat]).

(** Opens "y lies in the ball of radius e around t" for real numbers. *)
Ltac open_ball H :=
  unfold ball in H; simpl in H;
  unfold AbsRing_ball, abs, minus, plus, opp in H; simpl in H; apply Rabs_def2 in H.

(** [f] is right-continuous at 0 and has derivative [df t] at every t in (0,T). *)
Definition evolves (T : Rbar) (f df : R -> R) : Prop :=
  filterlim f (at_right 0) (locally (f 0)) /\
  forall t, 0 < t -> Rbar_lt t T -> is_derive f t (df t).

Definition rcont (f : R -> R) := filterlim f (at_right 0) (locally (f 0)).

(** Right-continuity at 0 passes to compositions, sums and products. *)
Lemma rcont_comp (g f : R -> R) :
  rcont f -> continuous g (f 0) -> rcont (fun t => g (f t)).
Proof. intros Hf Hg. unfold rcont. eapply filterlim_comp; [exact Hf|exact Hg]. Qed.

Lemma rcont_of_continuous (f : R -> R) : continuous f 0 -> rcont f.
Proof.
  intros H. unfold rcont. eapply filterlim_filter_le_1; [|exact H].
  intros P HP. unfold at_right, within. eapply filter_imp; [|exact HP]. tauto.
Qed.

Lemma rcont_mult (f g : R -> R) :
  rcont f -> rcont g -> rcont (fun t => f t * g t).
Proof.
  intros Hf Hg. unfold rcont.
  eapply filterlim_comp_2; [exact Hf|exact Hg|].
  exact (filterlim_mult (K:=R_AbsRing) (f 0) (g 0)).
Qed.

Lemma rcont_plus (f g : R -> R) :
  rcont f -> rcont g -> rcont (fun t => f t + g t).
Proof.
  intros Hf Hg. unfold rcont.
  eapply filterlim_comp_2; [exact Hf|exact Hg|].
  exact (filterlim_plus (V:=R_NormedModule) (f 0) (g 0)).
Qed.

(** Constant extension to the left of 0. *)
Definition ext (f : R -> R) (t : R) : R := f (Rmax 0 t).

Lemma ext_pos f t : 0 <= t -> ext f t = f t.
Proof. intros H. unfold ext. now rewrite Rmax_right. Qed.

Lemma ext_continuous (T : Rbar) (f : R -> R) :
  rcont f ->
  (forall t, 0 < t -> Rbar_lt t T -> continuous f t) ->
  forall t, 0 <= t -> Rbar_lt t T -> continuity_pt (ext f) t.
Proof.
  intros H0 H t Ht HtT. apply continuity_pt_filterlim.
  destruct (Rle_lt_or_eq_dec _ _ Ht) as [Hp|He].
  - apply (continuous_ext_loc (ext f) f).
    + exists (mkposreal _ Hp). intros y Hy.
      open_ball Hy. symmetry; apply ext_pos. lra.
    + now apply H.
  - subst t. unfold ext at 2. rewrite Rmax_left by lra.
    intros P HP. specialize (H0 P HP). unfold filtermap in *.
    unfold at_right, within in H0. destruct H0 as [d Hd].
    exists d. intros y Hy. unfold ext.
    destruct (Rle_lt_dec y 0) as [Hy0|Hy0].
    + rewrite Rmax_left by lra. apply locally_singleton, HP.
    + rewrite Rmax_right by lra. apply Hd; [exact Hy|exact Hy0].
Qed.

(** The extension of a trajectory is continuous on [0,T), in the sense of the standard library. *)
Lemma evolves_ext_continuous T f df :
  evolves T f df -> forall t, 0 <= t -> Rbar_lt t T -> continuity_pt (ext f) t.
Proof.
  intros [H0 H]. apply ext_continuous; [exact H0|].
  intros t Ht HtT. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) f t). exists (df t). now apply H.
Qed.

Lemma Rbar_lt_lt (u v : R) (T : Rbar) : u <= v -> Rbar_lt v T -> Rbar_lt u T.
Proof. intros H. apply Rbar_le_lt_trans. exact H. Qed.

(** Mean value theorem with an interior point. *)
Lemma MVT_on T f df u v :
  evolves T f df -> 0 <= u -> u < v -> Rbar_lt v T ->
  exists c, u < c < v /\ f v - f u = df c * (v - u).
Proof.
  intros He Hu Huv HvT. pose proof He as [H0 H].
  assert (D : forall c, u < c < v -> derivable_pt_lim (ext f) c (df c)).
  { intros c Hc. apply is_derive_Reals. apply (is_derive_ext_loc f).
    - assert (Hc0 : 0 < c) by lra.
      exists (mkposreal _ Hc0). intros y Hy.
      open_ball Hy. symmetry; apply ext_pos. lra.
    - apply H; [lra|]. apply Rbar_lt_lt with v; [lra|exact HvT]. }
  assert (pr1 : forall c, u < c < v -> derivable_pt (ext f) c).
  { intros c Hc. exists (df c). now apply D. }
  assert (pr2 : forall c, u < c < v -> derivable_pt id c).
  { intros c _. apply derivable_pt_id. }
  destruct (MVT (ext f) id u v pr1 pr2 Huv) as (c & P & E).
  - intros c Hc. apply (evolves_ext_continuous T f df He); [lra|].
    apply Rbar_lt_lt with v; [lra|exact HvT].
  - intros c _. apply derivable_continuous_pt, derivable_pt_id.
  - exists c. split; [exact P|].
    rewrite (derive_pt_eq_0 _ _ (df c) (pr1 c P) (D c P)) in E.
    rewrite (derive_pt_eq_0 _ _ 1 (pr2 c P) (derivable_pt_lim_id c)) in E.
    rewrite !ext_pos in E by lra. unfold id in E. lra.
Qed.

(** Growth at least at rate k. *)
Lemma growth_on T f df k u v :
  evolves T f df -> 0 <= u -> u <= v -> Rbar_lt v T ->
  (forall t, u < t < v -> k <= df t) ->
  k * (v - u) <= f v - f u.
Proof.
  intros He Hu Huv HvT Hk.
  destruct (Rle_lt_or_eq_dec _ _ Huv) as [L|Eq].
  - destruct (MVT_on T f df u v He Hu L HvT) as (c & Hc & E).
    rewrite E. apply Rmult_le_compat_r; [lra|]. exact (Hk c Hc).
  - subst. lra.
Qed.

(** The sign of the derivative decides monotony. *)
Lemma incr_on T f df u v :
  evolves T f df -> 0 <= u -> u <= v -> Rbar_lt v T ->
  (forall t, u < t < v -> 0 <= df t) -> f u <= f v.
Proof.
  intros He Hu Huv HvT Hk.
  pose proof (growth_on T f df 0 u v He Hu Huv HvT Hk). lra.
Qed.

Lemma strict_incr_on T f df u v :
  evolves T f df -> 0 <= u -> u < v -> Rbar_lt v T ->
  (forall t, u < t < v -> 0 < df t) -> f u < f v.
Proof.
  intros He Hu L HvT Hk.
  destruct (MVT_on T f df u v He Hu L HvT) as (c & Hc & E).
  assert (0 < df c * (v - u)) by (apply Rmult_lt_0_compat; [now apply Hk|lra]). lra.
Qed.

Lemma evolves_opp T f df :
  evolves T f df -> evolves T (fun t => - f t) (fun t => - df t).
Proof.
  intros [H0 H]. split.
  - apply (rcont_comp Ropp f H0).
    apply (continuous_opp (V:=R_NormedModule) (fun y => y)). apply continuous_id.
  - intros t Ht HtT. apply (is_derive_opp f). now apply H.
Qed.

Lemma decr_on T f df u v :
  evolves T f df -> 0 <= u -> u <= v -> Rbar_lt v T ->
  (forall t, u < t < v -> df t <= 0) -> f v <= f u.
Proof.
  intros He Hu Huv HvT Hk.
  pose proof (incr_on T _ _ u v (evolves_opp _ _ _ He) Hu Huv HvT) as HH.
  cut (- f u <= - f v); [lra|]. apply HH. intros t Ht. specialize (Hk t Ht). lra.
Qed.

Lemma growth_le_on T f df k u v :
  evolves T f df -> 0 <= u -> u <= v -> Rbar_lt v T ->
  (forall t, u < t < v -> df t <= k) -> f v - f u <= k * (v - u).
Proof.
  intros He Hu Huv HvT Hk.
  pose proof (growth_on T _ _ (- k) u v (evolves_opp _ _ _ He) Hu Huv HvT) as G.
  cbv beta in G. cut (- k * (v - u) <= - f v - - f u); [lra|].
  apply G. intros t Ht. specialize (Hk t Ht). lra.
Qed.

(** A trajectory on [0,T) is one on every shorter interval. *)
Lemma evolves_weaken (T T' : Rbar) f df :
  Rbar_le T' T -> evolves T f df -> evolves T' f df.
Proof.
  intros HT [H0 H]. split; [exact H0|]. intros t Ht HtT. apply H; [exact Ht|].
  eapply Rbar_lt_le_trans; [exact HtT|exact HT].
Qed.

