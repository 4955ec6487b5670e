(** Every start of a locally Lipschitz field has one maximal solution; if it
    ends at a finite time, a coordinate is unbounded.

    Proves no registry theorem by itself; Existence.v and VectorFlow.v rest on it. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution LipschitzField FieldFlow.
Open Scope R_scope.

Section Maximal.
Variables (n : nat) (V : nat -> (nat -> R) -> R) (y0 : nat -> R).
Hypothesis HV : locally_lipschitz n V.

Definition starts (x : nat -> R -> R) : Prop := forall i, (i < n)%nat -> x i 0 = y0 i.

(** t is survived if some solution lives on [0,t). *)
Definition survived (t : R) : Prop := 0 < t /\ exists x, solves V n t x /\ starts x.

Definition field_end : Rbar := Lub_Rbar survived.

(** The common value at time t of all solutions that live beyond t, as a supremum of one number. *)
Definition field_flow (i : nat) (t : R) : R :=
  real (Lub_Rbar (fun v => exists (T : R) x, t < T /\ solves V n T x /\ starts x /\ v = x i t)).

Lemma solves_agree_real (T1 T2 : R) x y i t :
  solves V n T1 x -> solves V n T2 y -> starts x -> starts y ->
  (i < n)%nat -> 0 <= t -> t < T1 -> t < T2 -> x i t = y i t.
Proof.
  intros Hx Hy Sx Sy Hi Ht H1 H2. set (T := Rmin T1 T2).
  assert (E1 : T <= T1) by apply Rmin_l. assert (E2 : T <= T2) by apply Rmin_r.
  assert (E3 : t < T) by now apply Rmin_glb_lt.
  apply (solves_agree n V HV T x y); [| | |exact Hi|exact Ht|exact E3].
  - now apply (solves_weaken V n T1 T x).
  - now apply (solves_weaken V n T2 T y).
  - intros k Hk. now rewrite Sx, Sy.
Qed.

Lemma field_value (T : R) x i t :
  solves V n T x -> starts x -> (i < n)%nat -> 0 <= t -> t < T -> field_flow i t = x i t.
Proof.
  intros Hx Sx Hi Ht HT. unfold field_flow.
  rewrite (is_lub_Rbar_unique _ (x i t)); [reflexivity|]. split.
  - intros v (T' & y & HT' & Hy & Sy & ->). simpl. right. now apply (solves_agree_real T' T).
  - intros u Hu. apply Hu. exists T, x. auto.
Qed.

Lemma survives : exists t, survived t.
Proof.
  destruct (finite_bound n y0) as (B & HB & Hy).
  destruct (solves_continue n V HV y0 0 B (fun i _ => y0 i)) as (T & z & HT & Hz & Sz).
  - lra.
  - exact HB.
  - intros i Hi. split; [apply filterlim_const|]. intros t Ht HtT. simpl in HtT. lra.
  - reflexivity.
  - exact Hy.
  - intros; lra.
  - exists T. split; [exact HT|]. now exists z.
Qed.

Lemma survived_before t : survived t -> Rbar_le t field_end.
Proof. intros H. exact (proj1 (Lub_Rbar_correct survived) t H). Qed.

Lemma field_end_pos : Rbar_lt 0 field_end.
Proof.
  destruct survives as [t Ht]. apply (Rbar_lt_le_trans 0 t); [exact (proj1 Ht)|]. now apply survived_before.
Qed.

(** Before the end there is a solution that lives longer. *)
Lemma field_survivor (t : R) : Rbar_lt t field_end -> exists (T : R) x, t < T /\ solves V n T x /\ starts x.
Proof.
  intros Ht. apply NNPP. intros Hn.
  assert (H : Rbar_le field_end t).
  { apply (proj2 (Lub_Rbar_correct survived)). intros T [HT [x [Hx Sx]]]. simpl.
    destruct (Rle_lt_dec T t) as [|Hlt]; [assumption|]. exfalso. apply Hn. now exists T, x. }
  exact (Rbar_lt_not_le _ _ Ht H).
Qed.

Lemma field_start i : (i < n)%nat -> field_flow i 0 = y0 i.
Proof.
  intros Hi. destruct survives as [T [HT [x [Hx Sx]]]].
  rewrite (field_value T x) by (assumption || lra). now apply Sx.
Qed.

Lemma field_solves : solves V n field_end field_flow.
Proof.
  intros i Hi. split.
  - destruct survives as [T [HT [x [Hx Sx]]]].
    rewrite field_start, <- (Sx i Hi) by exact Hi.
    eapply filterlim_ext_loc; [|exact (proj1 (Hx i Hi))].
    exists (mkposreal _ HT). intros t Ht Ht0. open_ball Ht. symmetry.
    apply (field_value T); (assumption || lra).
  - intros t Ht HtT. destruct (field_survivor t HtT) as (T & x & HT & Hx & Sx).
    rewrite (field_agree n V HV i (fun k => field_flow k t) (fun k => x k t) Hi)
      by (intros; apply (field_value T); (assumption || lra || lia)).
    apply (is_derive_ext_loc (x i)); [|now apply (Hx i Hi)].
    assert (Hd : 0 < Rmin t (T - t)) by (apply Rmin_glb_lt; lra).
    exists (mkposreal _ Hd). intros u Hu. open_ball Hu.
    pose proof (Rmin_l t (T - t)). pose proof (Rmin_r t (T - t)).
    symmetry. apply (field_value T); (assumption || lra).
Qed.

Lemma field_maximal T' y : solves V n T' y -> starts y ->
  Rbar_le T' field_end /\
  forall i, (i < n)%nat -> forall t, 0 <= t -> Rbar_lt t T' -> y i t = field_flow i t.
Proof.
  intros Hy Sy.
  assert (HS : forall t : R, 0 < t -> Rbar_le t T' -> survived t).
  { intros t Ht HtT. split; [exact Ht|]. exists y. split; [|exact Sy]. now apply (solves_weaken V n T' t y). }
  assert (Hle : Rbar_le T' field_end).
  { destruct T' as [T'| |].
    - destruct (Rle_lt_dec T' 0) as [Hn|Hp].
      + apply (Rbar_le_trans _ 0); [exact Hn|]. apply Rbar_lt_le, field_end_pos.
      + apply survived_before, HS; [exact Hp|apply Rbar_le_refl].
    - assert (Hu : forall t, 0 < t -> Rbar_le t field_end) by (intros t Ht; apply survived_before, HS; [exact Ht|exact I]).
      destruct field_end as [E| |]; [|exact I|].
      + specialize (Hu (Rabs E + 1)). pose proof (Rabs_pos E). pose proof (Rle_abs E).
        simpl in Hu. specialize (Hu ltac:(lra)). lra.
      + exact (Hu 1 Rlt_0_1).
    - exact I. }
  split; [exact Hle|]. intros i Hi t Ht HtT.
  apply (solves_agree n V HV T' y field_flow); [exact Hy| | |exact Hi|exact Ht|exact HtT].
  - apply (solves_weaken V n field_end T' field_flow Hle). exact field_solves.
  - intros k Hk. rewrite field_start by exact Hk. now apply Sy.
Qed.

(** Coordinates that are bounded are bounded together. *)
Lemma common_bound (T : Rbar) (x : nat -> R -> R) m :
  (forall i, (i < m)%nat -> exists B, forall t, 0 <= t -> Rbar_lt t T -> Rabs (x i t) <= B) ->
  exists B, forall i t, (i < m)%nat -> 0 <= t -> Rbar_lt t T -> Rabs (x i t) <= B.
Proof.
  intros H. induction m as [|m IH]; [exists 0; intros; lia|].
  destruct IH as [B HB]; [intros; apply H; lia|]. destruct (H m (le_n _)) as [C HC].
  exists (Rmax B C). intros i t Hi Ht HT. destruct (Nat.eq_dec i m) as [->|Ni].
  - eapply Rle_trans; [now apply HC|apply Rmax_r].
  - eapply Rle_trans; [apply HB; (lia || assumption)|apply Rmax_l].
Qed.

Lemma field_unbounded : field_end <> p_infty ->
  exists i, (i < n)%nat /\ forall B, exists t, 0 <= t /\ Rbar_lt t field_end /\ B < Rabs (field_flow i t).
Proof.
  intros Hfin. apply NNPP. intros Hn.
  pose proof field_end_pos as Hpos. pose proof field_solves as Hs.
  assert (HB : forall i, (i < n)%nat -> exists B, forall t, 0 <= t -> Rbar_lt t field_end -> Rabs (field_flow i t) <= B).
  { intros i Hi. apply NNPP. intros Hu. apply Hn. exists i. split; [exact Hi|]. intros B.
    apply NNPP. intros Hb. apply Hu. exists B. intros t Ht HtT.
    apply Rnot_lt_le. intros Hlt. apply Hb. exists t. auto. }
  destruct (common_bound field_end field_flow n HB) as [B HBB].
  destruct field_end as [T| |] eqn:ET; [|now apply Hfin|exact Hpos].
  destruct (solves_continue n V HV y0 T (Rmax 0 B) field_flow) as (T1 & z & HT1 & Hz & Sz);
    [simpl in Hpos; lra|apply Rmax_l|exact Hs|exact field_start| | |].
  - intros i Hi. rewrite <- (field_start i Hi). eapply Rle_trans; [|apply Rmax_r]. apply HBB; [exact Hi|lra|exact Hpos].
  - intros i t Hi Ht. eapply Rle_trans; [|apply Rmax_r]. apply HBB; [exact Hi|lra|simpl; lra].
  - assert (S1 : survived T1) by (split; [simpl in Hpos; lra|now exists z]).
    pose proof (survived_before T1 S1) as Hle. rewrite ET in Hle. simpl in Hle. lra.
Qed.
End Maximal.

(** A solution of the field that no solution with the same start outlives. *)
Definition outlives_all (n : nat) (V : nat -> (nat -> R) -> R) (T : Rbar) (x : nat -> R -> R) : Prop :=
  Rbar_lt 0 T /\ solves V n T x /\
  (forall T' y, solves V n T' y -> (forall i, (i < n)%nat -> y i 0 = x i 0) -> Rbar_le T' T).

(** A maximal solution that is bounded on every finite life lives for all time. *)
Lemma bounded_lives n V (T : Rbar) x : locally_lipschitz n V -> outlives_all n V T x ->
  (forall i, (i < n)%nat -> forall T0 : R, T = T0 ->
     exists B, forall t, 0 <= t -> t < T0 -> Rabs (x i t) <= B) -> T = p_infty.
Proof.
  intros HV (H0 & Hs & Hm) HB. set (y0 := fun i => x i 0).
  destruct (field_maximal n V y0 HV T x Hs ltac:(intros i _; reflexivity)) as [Hle Hag].
  assert (Hge : Rbar_le (field_end n V y0) T).
  { apply (Hm _ (field_flow n V y0)); [now apply field_solves|intros i Hi; now apply field_start]. }
  assert (E : T = field_end n V y0) by now apply Rbar_le_antisym.
  destruct (classic (T = p_infty)) as [|Hfin]; [assumption|exfalso].
  destruct (field_unbounded n V y0 HV) as (i & Hi & Hu); [now rewrite <- E|].
  destruct T as [T0| |]; [|now apply Hfin|exact H0].
  destruct (HB i Hi T0 eq_refl) as [B HBi]. destruct (Hu B) as (t & Ht & HtT & Hlt).
  rewrite <- E in HtT. rewrite <- (Hag i Hi t Ht HtT) in Hlt. specialize (HBi t Ht HtT). lra.
Qed.

Theorem field_maximal_solution n V y0 : locally_lipschitz n V ->
  exists (T : Rbar) (x : nat -> R -> R),
  outlives_all n V T x /\ (forall i, (i < n)%nat -> x i 0 = y0 i).
Proof.
  intros HV. exists (field_end n V y0), (field_flow n V y0).
  split; [split; [now apply field_end_pos|split; [now apply field_solves|]]|intros; now apply field_start].
  intros T' y Hy Sy. apply (field_maximal n V y0 HV T' y Hy). intros i Hi. rewrite Sy by exact Hi. now apply field_start.
Qed.
