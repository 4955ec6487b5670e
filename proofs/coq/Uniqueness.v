(** Two solutions with the same start agree; the first tokens do not feel the later ones.

    Proves uniqueness and causality (agreement of the first tokens). *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Statements.
From S6Flow Require Import Signs Clamp.
Open Scope R_scope.

(** The right-hand side may be replaced by an equal one. *)
Lemma evolves_ext T f df dg :
  evolves T f df -> (forall t, 0 < t -> Rbar_lt t T -> df t = dg t) -> evolves T f dg.
Proof.
  intros [H0 H] E. split; [exact H0|]. intros t Ht HT. rewrite <- E by assumption. now apply H.
Qed.

(** One number with a Lipschitz right-hand side: (u-v)^2 exp(-2Kt) does not increase. *)
Lemma scalar_unique T (f : R -> R -> R) K u v :
  evolves T u (fun t => f t (u t)) -> evolves T v (fun t => f t (v t)) ->
  (forall t y z, 0 < t -> Rbar_lt t T -> Rabs (f t y - f t z) <= K * Rabs (y - z)) ->
  u 0 = v 0 -> forall t, 0 <= t -> Rbar_lt t T -> u t = v t.
Proof.
  intros Hu Hv Lip H0 t Ht HT.
  pose proof (evolves_plus T _ _ _ _ Hu (evolves_opp _ _ _ Hv)) as Ed.
  assert (Ee : evolves T (fun u => exp (- (2 * K) * u)) (fun u => - (2 * K) * exp (- (2 * K) * u))).
  { apply evolves_of_derive; [eapply continuous_of_derive|intros]; apply exp_lin_derive. }
  pose proof (decr_on T _ _ 0 t (evolves_mult T _ _ _ _ (evolves_sq T _ _ Ed) Ee) (Rle_refl 0) Ht HT) as D.
  cbv beta in D.
  assert ((u t + - v t) ^ 2 * exp (- (2 * K) * t) <= (u 0 + - v 0) ^ 2 * exp (- (2 * K) * 0)) as D'.
  { apply D. intros w Hw.
    assert (HwT : Rbar_lt w T) by (apply Rbar_lt_lt with t; [lra|exact HT]).
    specialize (Lip w (u w) (v w) ltac:(lra) HwT).
    set (d := u w + - v w). change (u w - v w) with d in Lip.
    set (e := f w (u w) - f w (v w)) in *.
    change (f w (u w) + - f w (v w)) with e.
    pose proof (exp_pos (- (2 * K) * w)) as ep.
    replace (2 * d * e * exp (- (2 * K) * w) + d ^ 2 * (- (2 * K) * exp (- (2 * K) * w)))
      with (2 * (d * e - K * d ^ 2) * exp (- (2 * K) * w)) by ring.
    assert (d * e <= K * d ^ 2).
    { eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult, <- pow2_abs.
      replace (K * Rabs d ^ 2) with (Rabs d * (K * Rabs d)) by ring.
      apply Rmult_le_compat_l; [apply Rabs_pos|exact Lip]. }
    nra. }
  rewrite H0 in D'. pose proof (exp_pos (- (2 * K) * t)) as ep.
  destruct (Req_dec (u t + - v t) 0) as [E|Nz]; [lra|exfalso].
  assert (0 < (u t + - v t) ^ 2) by (apply pow2_gt_0; exact Nz).
  replace ((v 0 + - v 0) ^ 2) with 0 in D' by ring. nra.
Qed.

Section Uniqueness.
Variables (N : nat) (a mu : nat -> R) (s b : R).
Notation F := (growth_rate N a mu s b).
Notation M := (sum_below N mu).
Notation solution := (solution N a mu s b).

(** The clamped flow. *)
Definition clamped_field (c : R) (y : nat -> R) (l : nat) : R :=
  token_field N a M s b (inherited a mu s b (fun k => clamp c (y k)) l) (clamp c (y l)).

Definition clamped_solution (c : R) (L : nat) (T : Rbar) (x : nat -> R -> R) : Prop :=
  forall l, (l < L)%nat -> evolves T (x l) (fun t => clamped_field c (fun k => x k t) l).

Lemma clamped_field_id c y l : (forall k, (k <= l)%nat -> Rabs (y k) <= c) ->
  clamped_field c y l = y l * F y l.
Proof.
  intros H. unfold clamped_field. rewrite token_field_growth, (clamp_id c (y l)) by (apply H; lia).
  apply token_field_agree. intros n _. apply inherited_agree. intros k Hk. apply clamp_id, H. lia.
Qed.

Lemma solution_clamped c L T x :
  (forall k t, (k < L)%nat -> 0 < t -> Rbar_lt t T -> Rabs (x k t) <= c) ->
  solution L T x <-> clamped_solution c L T x.
Proof.
  intros H. split; intros Hs l Hl; (eapply evolves_ext; [exact (Hs l Hl)|]); intros t Ht HT; cbv beta;
    [symmetry|]; apply (clamped_field_id c (fun k => x k t)); intros k Hk; apply H; (lia || assumption).
Qed.

Lemma clamped_field_lip c l : 0 <= c -> exists K, 0 <= K /\ forall p v w,
  Rabs (token_field N a M s b (inherited a mu s b (fun k => clamp c (p k)) l) (clamp c v)
        - token_field N a M s b (inherited a mu s b (fun k => clamp c (p k)) l) (clamp c w))
  <= K * Rabs (v - w).
Proof.
  intros Hc. destruct (inherited_box a mu s b (fun _ => c) N l) as (B & HB & Hbox).
  destruct (token_field_lip N a M s b c B Hc HB) as (K & HK & H). exists K. split; [exact HK|].
  intros p v w. eapply Rle_trans.
  - apply H; try now apply clamp_abs. intros n Hn. apply Hbox; [exact Hn|]. intros. now apply clamp_abs.
  - apply Rmult_le_compat_l; [exact HK|now apply clamp_lip].
Qed.

Lemma clamped_unique c L T x y : 0 <= c ->
  clamped_solution c L T x -> clamped_solution c L T y -> (forall l, (l < L)%nat -> x l 0 = y l 0) ->
  forall l, (l < L)%nat -> forall t, 0 <= t -> Rbar_lt t T -> x l t = y l t.
Proof.
  intros Hc Hx Hy H0 l. induction l as [l IH] using lt_wf_ind. intros Hl.
  destruct (clamped_field_lip c l Hc) as (K & HK & Lip).
  apply (scalar_unique T (fun t v => token_field N a M s b
    (inherited a mu s b (fun k => clamp c (x k t)) l) (clamp c v)) K (x l) (y l)).
  - exact (Hx l Hl).
  - eapply evolves_ext; [exact (Hy l Hl)|]. intros t Ht HT. cbv beta.
    apply token_field_agree. intros n _. apply inherited_agree. intros k Hk.
    rewrite (IH k Hk) by (lia || assumption || lra). reflexivity.
  - intros t v w _ _. apply Lip.
  - now apply H0.
Qed.

(** All tokens are bounded on a compact interval. *)
Lemma solution_bounded L T x t0 :
  solution L T x -> 0 <= t0 -> Rbar_lt t0 T ->
  exists c, 0 <= c /\ forall k t, (k < L)%nat -> 0 <= t <= t0 -> Rabs (x k t) <= c.
Proof.
  intros Hs Ht HT. induction L as [|L IH].
  - exists 0. split; [lra|]. intros; lia.
  - destruct IH as (c & Hc & H); [apply (solution_weaken N a mu s b (S L) L T T x); [lia|apply Rbar_le_refl|exact Hs]|].
    destruct (bounded_on (ext (x L)) t0 Ht) as [d Hd].
    { intros u Hu. apply (evolves_ext_continuous T _ _ (solution_evolves N a mu s b (S L) T x L Hs (le_n _))); [lra|].
      apply Rbar_lt_lt with t0; [lra|exact HT]. }
    exists (Rmax c d). split; [apply Rle_trans with c; [exact Hc|apply Rmax_l]|].
    intros k t Hk Htt. destruct (Nat.eq_dec k L) as [->|Nk].
    + specialize (Hd t Htt). rewrite ext_pos in Hd by lra. eapply Rle_trans; [exact Hd|apply Rmax_r].
    + eapply Rle_trans; [apply H; [lia|exact Htt]|apply Rmax_l].
Qed.

Lemma solutions_agree L T x y :
  solution L T x -> solution L T y -> (forall l, (l < L)%nat -> x l 0 = y l 0) ->
  forall l, (l < L)%nat -> forall t, 0 <= t -> Rbar_lt t T -> x l t = y l t.
Proof.
  intros Hx Hy H0 l Hl t Ht HT.
  (* a time strictly between t and T *)
  assert (E : exists t', t < t' /\ Rbar_lt t' T).
  { destruct T as [T| |]; simpl in HT.
    - exists ((t + T) / 2). simpl. lra.
    - exists (t + 1). simpl. split; [lra|exact I].
    - contradiction. }
  destruct E as (t' & Htt' & HT').
  destruct (solution_bounded L T x t' Hx ltac:(lra) HT') as (cx & Hcx & Bx).
  destruct (solution_bounded L T y t' Hy ltac:(lra) HT') as (cy & Hcy & By).
  assert (Hxs : solution L t' x).
  { apply (solution_weaken N a mu s b L L T t'); [lia|now apply Rbar_lt_le|exact Hx]. }
  assert (Hys : solution L t' y).
  { apply (solution_weaken N a mu s b L L T t'); [lia|now apply Rbar_lt_le|exact Hy]. }
  set (c := Rmax cx cy). pose proof (Rmax_l cx cy). pose proof (Rmax_r cx cy).
  apply (clamped_unique c L t' x y); [unfold c; lra| | |exact H0|exact Hl|exact Ht|exact Htt'].
  - apply (solution_clamped c L t'); [|exact Hxs]. intros k u Hk Hu HuT. simpl in HuT.
    specialize (Bx k u Hk ltac:(lra)). unfold c. lra.
  - apply (solution_clamped c L t'); [|exact Hys]. intros k u Hk Hu HuT. simpl in HuT.
    specialize (By k u Hk ltac:(lra)). unfold c. lra.
Qed.
End Uniqueness.

Theorem uniqueness : uniqueness_statement.
Proof. intros N a mu s b L T x y. apply solutions_agree. Qed.

Theorem causality : causality_statement.
Proof.
  intros N a mu s b L L' m T x y Hx Hy HL HL' H0. split.
  - apply (solution_weaken N a mu s b L m T T x HL (Rbar_le_refl T) Hx).
  - intros l Hl t Ht HT.
    apply (solutions_agree N a mu s b m T x y); [| | |exact Hl|exact Ht|exact HT].
    + apply (solution_weaken N a mu s b L m T T x HL (Rbar_le_refl T) Hx).
    + apply (solution_weaken N a mu s b L' m T T y HL' (Rbar_le_refl T) Hy).
    + exact H0.
Qed.
