(** Trajectories under the usual operations: composition, product, quotient,
    exponential, inverse square; signs, bounds and barriers.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus.
Open Scope R_scope.

Lemma continuous_of_derive (g : R -> R) t d : is_derive g t d -> continuous g t.
Proof.
  intros H. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) g t).
  exists d. exact H.
Qed.

Lemma evolves_comp T f df g dg :
  evolves T f df ->
  continuous g (f 0) ->
  (forall t, 0 < t -> Rbar_lt t T -> is_derive g (f t) (dg (f t))) ->
  evolves T (fun t => g (f t)) (fun t => df t * dg (f t)).
Proof.
  intros [H0 H] Hc Hg. split.
  - now apply (rcont_comp g f).
  - intros t Ht HtT. apply (is_derive_comp g f); [now apply Hg|now apply H].
Qed.

Lemma evolves_mult T f df g dg :
  evolves T f df -> evolves T g dg ->
  evolves T (fun t => f t * g t) (fun t => df t * g t + f t * dg t).
Proof.
  intros [F0 HF] [G0 HG]. split.
  - now apply (rcont_mult f g).
  - intros t Ht HtT. apply (is_derive_mult f g); [now apply HF|now apply HG|].
    intros; apply Rmult_comm.
Qed.

(** Sums of trajectories. *)
Lemma evolves_plus T f df g dg :
  evolves T f df -> evolves T g dg ->
  evolves T (fun t => f t + g t) (fun t => df t + dg t).
Proof.
  intros [F0 HF] [G0 HG]. split.
  - now apply (rcont_plus f g).
  - intros t Ht HtT. apply (is_derive_plus f g); [now apply HF|now apply HG].
Qed.

Lemma evolves_sq T f df :
  evolves T f df -> evolves T (fun t => f t ^ 2) (fun t => 2 * f t * df t).
Proof.
  intros H.
  pose proof (evolves_mult T f df f df H H) as [M0 M]. split.
  - eapply filterlim_ext; [|replace (f 0 ^ 2) with (f 0 * f 0) by ring; exact M0].
    intros; simpl; ring.
  - intros t Ht HtT. eapply is_derive_ext; [|specialize (M t Ht HtT)].
    2: replace (2 * f t * df t) with (df t * f t + f t * df t) by ring; exact M.
    intros; simpl; ring.
Qed.

Lemma evolves_of_derive T f df :
  continuous f 0 -> (forall t, is_derive f t (df t)) -> evolves T f df.
Proof.
  intros H0 H. split; [now apply rcont_of_continuous|]. intros; apply H.
Qed.

Lemma evolves_nonneg T f df : (forall t, 0 <= t -> is_derive f t (df t)) -> evolves T f df.
Proof.
  intros H. split.
  - apply rcont_of_continuous. eapply continuous_of_derive. apply H. lra.
  - intros t Ht _. apply H. lra.
Qed.

(** The right-hand side may be replaced by an equal one. *)
Lemma evolves_ext T f df dg :
  evolves T f df -> (forall t, 0 < t -> Rbar_lt t T -> df t = dg t) -> evolves T f dg.
Proof.
  intros [H0 H] E. split; [exact H0|]. intros t Ht HT. rewrite <- E by assumption. now apply H.
Qed.

(** ** Trajectories written as f' = f G, the form of the flow *)

Lemma evolves_scal T c f G :
  evolves T f (fun t => f t * G t) -> evolves T (fun t => c * f t) (fun t => c * f t * G t).
Proof.
  intros [H0 H]. split.
  - apply (rcont_comp (fun v => c * v) f H0).
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => c * v) (f 0)).
    auto_derive. exact I.
  - intros t Ht HtT. specialize (H t Ht HtT).
    apply (is_derive_scal f t c) in H. rewrite Rmult_assoc. exact H.
Qed.

(** (f/p)' = (f/p)(G-H) when f' = f G and p' = p H. *)
Lemma evolves_ratio T f G p H :
  evolves T f (fun t => f t * G t) -> evolves T p (fun t => p t * H t) ->
  p 0 <> 0 -> (forall t, 0 <= t -> Rbar_lt t T -> p t <> 0) ->
  evolves T (fun t => f t * / p t) (fun t => f t * / p t * (G t - H t)).
Proof.
  intros Ef Ep N0 Np.
  assert (D : forall y, y <> 0 -> is_derive (fun v => / v) y (- / y ^ 2)).
  { intros y Hy. auto_derive; [exact Hy|]. field. exact Hy. }
  assert (Ei : evolves T (fun t => / p t) (fun t => p t * H t * (- / p t ^ 2))).
  { apply (evolves_comp T p _ (fun v => / v) (fun v => - / v ^ 2) Ep).
    - apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => / v) (p 0)).
      eexists. now apply D.
    - intros t Ht HtT. apply D, Np; [lra|exact HtT]. }
  destruct (evolves_mult T _ _ _ _ Ef Ei) as [M0 M]. split; [exact M0|].
  intros t Ht HtT.
  replace (f t * / p t * (G t - H t)) with
    (f t * G t * / p t + f t * (p t * H t * - / p t ^ 2))
    by (field; apply Np; [lra|exact HtT]).
  now apply M.
Qed.

(** (1/f^2)' = -2 G / f^2 when f' = f G. *)
Lemma evolves_invsq T f G :
  evolves T f (fun t => f t * G t) ->
  f 0 <> 0 -> (forall t, 0 <= t -> Rbar_lt t T -> f t <> 0) ->
  evolves T (fun t => / f t ^ 2) (fun t => - 2 * G t / f t ^ 2).
Proof.
  intros H H0 Hn.
  assert (D : forall y, y <> 0 -> is_derive (fun v => / v ^ 2) y (- 2 / y ^ 3)).
  { intros y Hy. auto_derive.
    - simpl. rewrite Rmult_1_r. now apply Rmult_integral_contrapositive.
    - field. exact Hy. }
  destruct (evolves_comp T f _ (fun v => / v ^ 2) (fun v => - 2 / v ^ 3) H) as [C0 C].
  - apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => / v ^ 2) (f 0)).
    eexists. now apply D.
  - intros t Ht HtT. apply D. apply Hn; [lra|exact HtT].
  - split; [exact C0|]. intros t Ht HtT.
    assert (f t <> 0) by (apply Hn; [lra|exact HtT]).
    replace (- 2 * G t / f t ^ 2) with (f t * G t * (- 2 / f t ^ 3)) by (field; assumption).
    now apply C.
Qed.

(** Exponential of a multiple of a trajectory. *)
Lemma exp_lin_derive K t : is_derive (fun u => exp (K * u)) t (K * exp (K * t)).
Proof. auto_derive; [exact I|ring]. Qed.

Lemma evolves_exp T k f df :
  evolves T f df ->
  evolves T (fun t => exp (k * f t)) (fun t => df t * (k * exp (k * f t))).
Proof.
  intros E. apply (evolves_comp T f df (fun v => exp (k * v)) (fun v => k * exp (k * v)) E).
  - apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => exp (k * v)) (f 0)).
    auto_derive. exact I.
  - intros; apply exp_lin_derive.
Qed.

