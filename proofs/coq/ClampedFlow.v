(** The clamped flow has a global solution, and a bounded solution of the flow
    can be continued.

    Proves no registry theorem by itself; Existence.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate.
From S6Flow Require Import Signs Clamp Picard Uniqueness.
Open Scope R_scope.

(** Extended by a constant to the left, a global trajectory is continuous everywhere. *)
Lemma ext_continuous_all f df t : evolves p_infty f df -> continuity_pt (ext f) t.
Proof.
  intros He. destruct (Rle_lt_dec 0 t) as [Ht|Ht].
  - now apply (evolves_ext_continuous p_infty f df He).
  - apply continuity_pt_filterlim. apply (continuous_ext_loc _ (fun _ => f 0)).
    + assert (Hp : 0 < - t) by lra. exists (mkposreal _ Hp). intros z Hz.
      open_ball Hz. unfold ext. rewrite Rmax_left by lra. reflexivity.
    + apply continuous_const.
Qed.

Section Clamped.
Variables (N : nat) (a mu : nat -> R) (s b : R).
Notation F := (growth_rate N a mu s b).
Notation M := (sum_below N mu).
Notation solution := (solution N a mu s b).
Notation clamped_solution := (clamped_solution N a mu s b).
Notation field := (token_field N a M s b).

(** Token after token, by Picard's theorem. *)
Lemma clamped_exists c L (y0 : nat -> R) : 0 <= c ->
  exists x, clamped_solution c L p_infty x /\ forall l, (l < L)%nat -> x l 0 = y0 l.
Proof.
  intros Hc. induction L as [|L [x [Hs H0]]].
  - exists (fun _ _ => 0). split; [intros l Hl; lia|intros; lia].
  - set (p := fun t n => inherited a mu s b (fun k => clamp c (ext (x k) t)) L n).
    set (f := fun t v => field (p t) (clamp c v)).
    destruct (inherited_box a mu s b (fun _ => c) N L) as (B & HB & Hbox).
    assert (Hp : forall t n, (n < N)%nat -> Rabs (p t n) <= B).
    { intros t n Hn. apply Hbox; [exact Hn|]. intros. now apply clamp_abs. }
    assert (Cp : forall n t, continuity_pt (fun t => p t n) t).
    { intros n t. unfold p. destruct L as [|k].
      - apply continuity_pt_const. intros ? ?; reflexivity.
      - apply (hidden_continuity a mu s b (fun j t => clamp c (ext (x j) t))). intros j Hj.
        apply (continuity_pt_comp (ext (x j)) (clamp c)).
        + eapply ext_continuous_all. apply Hs. lia.
        + apply continuity_pt_filterlim, lip_continuous. intros; now apply clamp_lip. }
    destruct (token_field_lip N a M s b c B Hc HB) as (K & HK & Lip).
    set (v0 := clamp c (y0 L)).
    destruct (picard f (K + 1) (sum_below N (fun n => Rabs (decayed (a n) s b v0) * B) + Rabs (M * cubic s b v0)) (y0 L))
      as (u & u0 & Hu).
    + lra.
    + apply Rplus_le_le_0_compat; [|apply Rabs_pos]. apply sum_below_nonneg. intros n _.
      apply Rmult_le_pos; [apply Rabs_pos|exact HB].
    + intros t y z. unfold f. eapply Rle_trans.
      * apply Lip; [now apply Hp|now apply clamp_abs|now apply clamp_abs].
      * pose proof (clamp_lip c y z Hc). pose proof (Rabs_pos (y - z)). nra.
    + intros t. unfold f, token_field. fold v0. eapply Rle_trans; [apply Rabs_triang|].
      apply Rplus_le_compat_r. eapply Rle_trans; [apply sum_below_abs|].
      apply sum_below_le. intros n Hn. rewrite Rabs_mult.
      apply Rmult_le_compat_l; [apply Rabs_pos|now apply Hp].
    + intros v Hv t. apply continuity_pt_filterlim. unfold f.
      apply (token_field_continuity N a M s b (fun n t => p t n) (fun t => clamp c (v t))).
      * intros n _. apply Cp.
      * apply (continuity_pt_comp v (clamp c)); [apply continuity_pt_filterlim, Hv|].
        apply continuity_pt_filterlim, lip_continuous. intros; now apply clamp_lip.
    + exists (fun l => if Nat.eq_dec l L then u else x l). split.
      * intros l Hl.
        assert (Eu : evolves p_infty u (fun t => f t (u t))) by now apply evolves_nonneg.
        destruct (Nat.eq_dec l L) as [->|Nl].
        -- eapply evolves_ext; [exact Eu|]. intros t Ht _. unfold f, clamped_field. cbv beta.
           destruct (Nat.eq_dec L L) as [_|]; [|lia].
           apply token_field_agree. intros n _. unfold p. apply inherited_agree. intros k Hk.
           destruct (Nat.eq_dec k L); [lia|]. rewrite ext_pos by lra. reflexivity.
        -- eapply evolves_ext; [apply (Hs l); lia|]. intros t Ht _. unfold clamped_field. cbv beta.
           destruct (Nat.eq_dec l L); [lia|].
           apply token_field_agree. intros n' _. apply inherited_agree. intros k Hk.
           destruct (Nat.eq_dec k L); [lia|]. reflexivity.
      * intros l Hl. destruct (Nat.eq_dec l L) as [->|Nl]; [exact u0|apply H0; lia].
Qed.

(** A continuous function that is at most B just before T0 stays below B + 1 just after. *)
Lemma bound_passes g B T0 : 0 <= T0 -> continuity_pt g T0 -> Rabs (g 0) <= B ->
  (forall t, 0 <= t < T0 -> Rabs (g t) <= B) ->
  exists d, 0 < d /\ forall t, T0 <= t < T0 + d -> Rabs (g t) <= B + 1.
Proof.
  intros HT Hc H0 H.
  destruct (Hc (/ 2) ltac:(lra)) as (d & Hd & P). simpl in P. unfold R_dist in P.
  assert (E : exists y, 0 <= y /\ Rabs (y - T0) < d /\ Rabs (g y) <= B).
  { destruct (Rle_lt_or_eq_dec _ _ HT) as [Hp|He].
    - exists (Rmax 0 (T0 - d / 2)).
      assert (0 <= Rmax 0 (T0 - d / 2) < T0) by (split; [apply Rmax_l|apply Rmax_lub_lt; lra]).
      split; [lra|]. split; [|now apply H]. pose proof (Rmax_r 0 (T0 - d / 2)).
      rewrite Rabs_left1 by lra. lra.
    - exists 0. split; [lra|]. split; [|exact H0]. rewrite <- He, Rminus_diag_eq by reflexivity.
      rewrite Rabs_R0. exact Hd. }
  destruct E as (y & Hy & Hyd & Hyb).
  assert (Q : forall z, Rabs (z - T0) < d -> Rabs (g z - g T0) < / 2).
  { intros z Hz. destruct (Req_dec z T0) as [->|Nz].
    - rewrite Rminus_diag_eq by reflexivity. rewrite Rabs_R0. lra.
    - apply P. split; [split; [exact I|]; intros Ez; apply Nz; now symmetry|exact Hz]. }
  exists d. split; [exact Hd|]. intros t Ht.
  pose proof (Q y Hyd) as Q1. pose proof (Q t ltac:(rewrite Rabs_pos_eq; lra)) as Q2.
  apply Rabs_def2 in Q1. apply Rabs_def2 in Q2. apply Rabs_le_between in Hyb. apply Rabs_le. lra.
Qed.

(** A bounded solution on [0,T0) extends beyond T0; for T0 = 0 this is local existence. *)
Lemma continuation L (y0 : nat -> R) (T0 B : R) x :
  0 <= T0 -> solution L T0 x -> (forall l, (l < L)%nat -> x l 0 = y0 l) ->
  (forall l, (l < L)%nat -> Rabs (y0 l) <= B) ->
  (forall l t, (l < L)%nat -> 0 <= t < T0 -> Rabs (x l t) <= B) ->
  exists (T1 : R) z, T0 < T1 /\ solution L T1 z /\ (forall l, (l < L)%nat -> z l 0 = y0 l).
Proof.
  intros HT Hs H0 HB0 HB.
  destruct L as [|L'].
  { exists (T0 + 1), x. split; [lra|]. split; intros l Hl; exfalso; lia. }
  set (L := S L') in *.
  assert (HBpos : 0 <= B) by (eapply Rle_trans; [apply Rabs_pos|apply (HB0 O); unfold L; lia]).
  destruct (clamped_exists (B + 1) L y0 ltac:(lra)) as (z & Hz & Hz0).
  assert (Ezx : forall l, (l < L)%nat -> forall t, 0 <= t < T0 -> z l t = x l t).
  { intros l Hl t Ht.
    apply (clamped_unique N a mu s b (B + 1) L T0); [lra| | |intros; now rewrite Hz0, H0|exact Hl|lra|simpl; lra].
    - intros k Hk. apply (evolves_weaken p_infty T0); [exact I|now apply Hz].
    - apply (solution_clamped N a mu s b (B + 1) L T0); [|exact Hs].
      intros k u Hk Hu HuT. simpl in HuT. specialize (HB k u Hk ltac:(lra)). lra. }
  assert (D : forall m, (m <= L)%nat -> exists d, 0 < d /\
            forall l t, (l < m)%nat -> T0 <= t < T0 + d -> Rabs (z l t) <= B + 1).
  { intros m. induction m as [|m IH]; intros Hm; [exists 1; split; [lra|]; intros; lia|].
    destruct (IH ltac:(lia)) as (d & Hd & Hdb).
    destruct (bound_passes (ext (z m)) B T0 HT) as (e & He & Heb).
    - eapply ext_continuous_all. apply Hz. lia.
    - rewrite ext_pos by lra. rewrite Hz0 by lia. apply HB0. lia.
    - intros t Ht. rewrite ext_pos by lra. rewrite Ezx by (lia || lra). apply HB; [lia|lra].
    - exists (Rmin d e). split; [now apply Rmin_glb_lt|]. pose proof (Rmin_l d e). pose proof (Rmin_r d e).
      intros l t Hl Ht. destruct (Nat.eq_dec l m) as [->|Nl].
      + specialize (Heb t ltac:(lra)). now rewrite ext_pos in Heb by lra.
      + apply Hdb; [lia|lra]. }
  destruct (D L (le_n _)) as (d & Hd & Hdb).
  exists (T0 + d), z. split; [lra|]. split; [|exact Hz0].
  apply (solution_clamped N a mu s b (B + 1) L (T0 + d)).
  - intros k t Hk Ht HtT. simpl in HtT. destruct (Rlt_le_dec t T0) as [Hlt|Hge].
    + rewrite Ezx by (lia || lra). specialize (HB k t Hk ltac:(lra)). lra.
    + apply Hdb; [exact Hk|lra].
  - intros k Hk. apply (evolves_weaken p_infty (T0 + d)); [exact I|now apply Hz].
Qed.
End Clamped.
