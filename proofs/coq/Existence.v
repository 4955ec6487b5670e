(** Every initial state has one maximal solution; if it ends at a finite time,
    a token is unbounded.

    Proves maximal-solution. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier GrowthRate Statements.
From S6Flow Require Import Signs Clamp Uniqueness ClampedFlow.
Open Scope R_scope.

Section Maximal.
Variables (N : nat) (a mu : nat -> R) (s b : R) (L : nat) (y0 : nat -> R).
Notation solution := (solution N a mu s b L).

Definition starts (x : nat -> R -> R) : Prop := forall l, (l < L)%nat -> x l 0 = y0 l.

(** t is survived if some solution lives on [0,t). *)
Definition survived (t : R) : Prop := 0 < t /\ exists x, solution t x /\ starts x.

Definition end_time : Rbar := Lub_Rbar survived.

(** The common value at time t of all solutions that live beyond t, as a supremum of one number. *)
Definition flow (l : nat) (t : R) : R :=
  real (Lub_Rbar (fun v => exists (T : R) x, t < T /\ solution T x /\ starts x /\ v = x l t)).

Lemma solutions_agree_real (T1 T2 : R) x y l t :
  solution T1 x -> solution T2 y -> starts x -> starts y ->
  (l < L)%nat -> 0 <= t -> t < T1 -> t < T2 -> x l t = y l t.
Proof.
  intros Hx Hy Sx Sy Hl Ht H1 H2. set (T := Rmin T1 T2).
  assert (E1 : T <= T1) by apply Rmin_l. assert (E2 : T <= T2) by apply Rmin_r.
  assert (E3 : t < T) by now apply Rmin_glb_lt.
  apply (solutions_agree N a mu s b L T x y); [| | |exact Hl|exact Ht|exact E3].
  - now apply (solution_weaken N a mu s b L L T1 T x (le_n _)).
  - now apply (solution_weaken N a mu s b L L T2 T y (le_n _)).
  - intros k Hk. now rewrite Sx, Sy.
Qed.

Lemma flow_value (T : R) x l t :
  solution T x -> starts x -> (l < L)%nat -> 0 <= t -> t < T -> flow l t = x l t.
Proof.
  intros Hx Sx Hl Ht HT. unfold flow.
  rewrite (is_lub_Rbar_unique _ (x l t)); [reflexivity|]. split.
  - intros v (T' & y & HT' & Hy & Sy & ->). simpl. right.
    now apply (solutions_agree_real T' T).
  - intros u Hu. apply Hu. exists T, x. auto.
Qed.

Lemma local_existence : exists t, survived t.
Proof.
  assert (B : exists B, forall l, (l < L)%nat -> Rabs (y0 l) <= B).
  { clear. induction L as [|m [B IH]]; [exists 0; intros; lia|].
    exists (Rmax B (Rabs (y0 m))). intros l Hl. destruct (Nat.eq_dec l m) as [->|Nl].
    - apply Rmax_r.
    - eapply Rle_trans; [apply IH; lia|apply Rmax_l]. }
  destruct B as [B HB].
  destruct (continuation N a mu s b L y0 0 B (fun l _ => y0 l)) as (T & z & HT & Hz & Sz).
  - lra.
  - intros l Hl. split; [apply filterlim_const|]. intros t Ht HtT. simpl in HtT. lra.
  - reflexivity.
  - exact HB.
  - intros; lra.
  - exists T. split; [exact HT|]. now exists z.
Qed.

Lemma survived_le t : survived t -> Rbar_le t end_time.
Proof. intros H. exact (proj1 (Lub_Rbar_correct survived) t H). Qed.

Lemma end_time_pos : Rbar_lt 0 end_time.
Proof.
  destruct local_existence as [t Ht]. apply (Rbar_lt_le_trans 0 t); [exact (proj1 Ht)|].
  now apply survived_le.
Qed.

(** Before the end there is a solution that lives longer. *)
Lemma survivor (t : R) : Rbar_lt t end_time -> exists (T : R) x, t < T /\ solution T x /\ starts x.
Proof.
  intros Ht. apply NNPP. intros Hn.
  assert (H : Rbar_le end_time t).
  { apply (proj2 (Lub_Rbar_correct survived)). intros T [HT [x [Hx Sx]]]. simpl.
    destruct (Rle_lt_dec T t) as [|Hlt]; [assumption|]. exfalso. apply Hn. now exists T, x. }
  exact (Rbar_lt_not_le _ _ Ht H).
Qed.

Lemma flow_start l : (l < L)%nat -> flow l 0 = y0 l.
Proof.
  intros Hl. destruct local_existence as [T [HT [x [Hx Sx]]]].
  rewrite (flow_value T x) by (assumption || lra). now apply Sx.
Qed.

Lemma flow_solution : solution end_time flow.
Proof.
  intros l Hl. split.
  - destruct local_existence as [T [HT [x [Hx Sx]]]].
    rewrite flow_start, <- (Sx l Hl) by exact Hl.
    eapply filterlim_ext_loc; [|exact (proj1 (Hx l Hl))].
    exists (mkposreal _ HT). intros t Ht Ht0. open_ball Ht. symmetry.
    apply (flow_value T); (assumption || lra).
  - intros t Ht HtT. destruct (survivor t HtT) as (T & x & HT & Hx & Sx).
    rewrite (growth_rate_agree N a mu s b (fun k => flow k t) (fun k => x k t))
      by (intros; apply (flow_value T); (assumption || lra || lia)).
    rewrite (flow_value T x l t) by (assumption || lra).
    apply (is_derive_ext_loc (x l)); [|now apply (Hx l Hl)].
    assert (Hd : 0 < Rmin t (T - t)) by (apply Rmin_glb_lt; lra).
    exists (mkposreal _ Hd). intros u Hu. open_ball Hu.
    pose proof (Rmin_l t (T - t)). pose proof (Rmin_r t (T - t)).
    symmetry. apply (flow_value T); (assumption || lra).
Qed.

Lemma flow_maximal T' y : solution T' y -> starts y ->
  Rbar_le T' end_time /\
  forall l, (l < L)%nat -> forall t, 0 <= t -> Rbar_lt t T' -> y l t = flow l t.
Proof.
  intros Hy Sy.
  assert (HS : forall t : R, 0 < t -> Rbar_le t T' -> survived t).
  { intros t Ht HtT. split; [exact Ht|]. exists y. split; [|exact Sy].
    now apply (solution_weaken N a mu s b L L T' t y (le_n _)). }
  assert (Hle : Rbar_le T' end_time).
  { destruct T' as [T'| |].
    - destruct (Rle_lt_dec T' 0) as [Hn|Hp].
      + apply (Rbar_le_trans _ 0); [exact Hn|]. apply Rbar_lt_le, end_time_pos.
      + apply survived_le, HS; [exact Hp|apply Rbar_le_refl].
    - assert (Hu : forall t, 0 < t -> Rbar_le t end_time) by (intros t Ht; apply survived_le, HS; [exact Ht|exact I]).
      destruct end_time as [E| |]; [|exact I|].
      + specialize (Hu (Rabs E + 1)). pose proof (Rabs_pos E). pose proof (Rle_abs E).
        simpl in Hu. specialize (Hu ltac:(lra)). lra.
      + exact (Hu 1 Rlt_0_1).
    - exact I. }
  split; [exact Hle|]. intros l Hl t Ht HtT.
  apply (solutions_agree N a mu s b L T' y flow); [exact Hy| | |exact Hl|exact Ht|exact HtT].
  - apply (solution_weaken N a mu s b L L end_time T' flow (le_n _) Hle). exact flow_solution.
  - intros k Hk. rewrite flow_start by exact Hk. now apply Sy.
Qed.

(** Bounded tokens are bounded together. *)
Lemma common_bound (T : Rbar) x m :
  (forall l, (l < m)%nat -> exists B, forall t, 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= B) ->
  exists B, forall l t, (l < m)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x l t) <= B.
Proof.
  intros H. induction m as [|m IH]; [exists 0; intros; lia|].
  destruct IH as [B HB]; [intros; apply H; lia|]. destruct (H m (le_n _)) as [C HC].
  exists (Rmax B C). intros l t Hl Ht HT. destruct (Nat.eq_dec l m) as [->|Nl].
  - eapply Rle_trans; [now apply HC|apply Rmax_r].
  - eapply Rle_trans; [apply HB; (lia || assumption)|apply Rmax_l].
Qed.

Lemma flow_continues (T : R) x B : 0 < T -> solution T x -> starts x ->
  (forall l t, (l < L)%nat -> 0 <= t -> t < T -> Rabs (x l t) <= B) ->
  exists (T1 : R) z, T < T1 /\ solution T1 z /\ starts z.
Proof.
  intros HT Hx Sx HB.
  apply (continuation N a mu s b L y0 T B x); [lra|exact Hx|exact Sx| |].
  - intros l Hl. rewrite <- (Sx l Hl). apply HB; [exact Hl|lra|exact HT].
  - intros l t Hl Ht. apply HB; [exact Hl|lra|lra].
Qed.

Lemma flow_unbounded : end_time <> p_infty ->
  exists l, (l < L)%nat /\
  forall B, exists t, 0 <= t /\ Rbar_lt t end_time /\ B < Rabs (flow l t).
Proof.
  intros Hfin. apply NNPP. intros Hn.
  pose proof end_time_pos as Hpos. pose proof flow_solution as Hs.
  assert (HB : forall l, (l < L)%nat -> exists B, forall t, 0 <= t -> Rbar_lt t end_time -> Rabs (flow l t) <= B).
  { intros l Hl. apply NNPP. intros Hu. apply Hn. exists l. split; [exact Hl|]. intros B.
    apply NNPP. intros Hb. apply Hu. exists B. intros t Ht HtT.
    apply Rnot_lt_le. intros Hlt. apply Hb. exists t. auto. }
  destruct (common_bound end_time flow L HB) as [B HBB].
  destruct end_time as [T| |] eqn:ET; [|now apply Hfin|exact Hpos].
  destruct (flow_continues T flow B Hpos Hs flow_start HBB) as (T1 & z & HT1 & Hz & Sz).
  assert (S1 : survived T1) by (split; [simpl in Hpos; lra|now exists z]).
  pose proof (survived_le T1 S1) as Hle. rewrite ET in Hle. simpl in Hle. lra.
Qed.
End Maximal.

Theorem maximal_solution : maximal_solution_statement.
Proof.
  intros N a mu s b L y0.
  exists (end_time N a mu s b L y0), (flow N a mu s b L y0).
  split; [apply end_time_pos|]. split; [apply flow_solution|]. split; [intros; now apply flow_start|].
  split; [intros T' y; apply flow_maximal|apply flow_unbounded].
Qed.
