(** prenorm-axis: behind a norm without a floor the velocity on a channel axis
    is constant; at zero it would have to jump, so no solution passes there. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums GrowthRate.
Open Scope R_scope.

(** A trajectory whose velocity is k while it is positive and 0 at zero is linear, and never reaches zero. *)
Lemma steady T f df k : evolves T f df -> 0 < f 0 ->
  (forall t, 0 < t -> Rbar_lt t T -> 0 < f t -> df t = k) ->
  (forall t, 0 < t -> Rbar_lt t T -> f t = 0 -> df t = 0) ->
  forall t, 0 <= t -> Rbar_lt t T -> f t = f 0 + k * t /\ 0 < f t.
Proof.
  intros E P Hk Hz.
  (* as long as the line is positive the trajectory is the line *)
  assert (Line : forall t1, 0 <= t1 -> Rbar_lt t1 T -> 0 < f 0 + k * t1 -> forall t, 0 <= t <= t1 -> f t = f 0 + k * t).
  { intros t1 Ht1 HT1 P1.
    assert (Low : forall t, 0 <= t <= t1 -> Rmin (f 0) (f 0 + k * t1) <= f 0 + k * t).
    { intros t Ht. destruct (Rle_lt_dec 0 k).
      - eapply Rle_trans; [apply Rmin_l|]. assert (0 <= k * t) by (apply Rmult_le_pos; lra). lra.
      - eapply Rle_trans; [apply Rmin_r|]. nra. }
    set (d := Rmin (f 0) (f 0 + k * t1)) in *. assert (Hd : 0 < d) by (apply Rmin_glb_lt; lra).
    assert (Eg : evolves T (fun t => f 0 + k * t + - f t) (fun t => k + - df t)).
    { apply (evolves_plus T (fun t => f 0 + k * t) (fun _ => k)).
      - apply evolves_nonneg. intros t _. auto_derive; [exact I|ring].
      - now apply evolves_opp. }
    assert (Ew : evolves (Finite t1) (fun t => f 0 + k * t + - f t) (fun t => k + - df t)) by (eapply evolves_weaken; [|exact Eg]; now apply Rbar_lt_le).
    assert (Above : forall t, 0 <= t < t1 -> f 0 + k * t + - f t <= 0).
    { intros t Ht. apply (strip_barrier (Finite t1) _ _ 0 d Hd Ew); [lra| |lra|simpl; lra].
      intros u Hu HuT Hs. simpl in HuT. specialize (Low u ltac:(lra)).
      rewrite (Hk u Hu); [lra|apply Rbar_lt_lt with t1; [lra|exact HT1]|lra]. }
    assert (Pos : forall t, 0 <= t < t1 -> 0 < f t).
    { intros t Ht. specialize (Above t Ht). specialize (Low t ltac:(lra)). lra. }
    intros t Ht. destruct (Req_dec t 0) as [->|N]; [lra|].
    assert (HT : Rbar_lt t T) by (apply Rbar_lt_lt with t1; [lra|exact HT1]).
    destruct (MVT_on T f df 0 t E (Rle_refl 0) ltac:(lra) HT) as (c & Hc & Ec).
    rewrite (Hk c) in Ec; [lra|lra|apply Rbar_lt_lt with t; [lra|exact HT]|apply Pos; lra]. }
  intros t Ht HT. destruct (Rlt_le_dec 0 (f 0 + k * t)) as [Pt|Nt].
  - rewrite (Line t Ht HT Pt t ltac:(lra)). split; [reflexivity|exact Pt].
  - exfalso. assert (Hneg : k < 0) by (apply Rnot_le_lt; intros Hk0; assert (0 <= k * t) by (apply Rmult_le_pos; lra); lra).
    set (t0 := - f 0 / k). assert (E0 : f 0 + k * t0 = 0) by (unfold t0; field; lra).
    assert (H0 : 0 < t0). { unfold t0. replace (- f 0 / k) with (f 0 / - k) by (field; lra). apply Rdiv_lt_0_compat; lra. }
    assert (H0t : t0 <= t) by nra.
    assert (HT0 : Rbar_lt t0 T) by (apply Rbar_lt_lt with t; [exact H0t|exact HT]).
    assert (Before : forall u, 0 <= u < t0 -> f u = f 0 + k * u).
    { intros u Hu. apply (Line u); [lra|apply Rbar_lt_lt with t0; [lra|exact HT0]|nra|lra]. }
    assert (F0 : f t0 = 0).
    { destruct (MVT_on T f df 0 t0 E (Rle_refl 0) H0 HT0) as (c & Hc & Ec).
      rewrite (Hk c) in Ec; [lra|lra|apply Rbar_lt_lt with t0; [lra|exact HT0]|].
      rewrite Before by lra. nra. }
    pose proof (proj2 E t0 H0 HT0) as Der. rewrite (Hz t0 H0 HT0 F0) in Der.
    apply is_derive_Reals in Der. destruct (Der (- k / 2) ltac:(lra)) as (del & Hdel).
    pose proof (cond_pos del) as Pd. set (h := Rmin (del / 2) (t0 / 2)).
    pose proof (Rmin_l (del / 2) (t0 / 2)). pose proof (Rmin_r (del / 2) (t0 / 2)).
    assert (Hh : 0 < h) by (apply Rmin_glb_lt; lra).
    specialize (Hdel (- h) ltac:(lra)). rewrite Rabs_Ropp, (Rabs_pos_eq h) in Hdel by lra. specialize (Hdel ltac:(unfold h in *; lra)).
    rewrite F0, (Before (t0 + - h)) in Hdel by (unfold h in *; lra).
    replace ((f 0 + k * (t0 + - h) - 0) / - h - 0) with k in Hdel.
    2:{ replace (f 0 + k * (t0 + - h) - 0) with ((f 0 + k * t0) - k * h) by ring. rewrite E0. field. lra. }
    rewrite Rabs_left in Hdel by exact Hneg. lra.
Qed.

Lemma sign_pos y : 0 < y -> sign y = 1.
Proof. apply sign_eq_1. Qed.
Lemma sign_neg y : y < 0 -> sign y = -1.
Proof. apply sign_eq_m1. Qed.

Lemma sign_square y : y <> 0 -> sign y * sign y = 1.
Proof. intros N. destruct (Rtotal_order y 0) as [H|[H|H]]; [rewrite sign_neg by exact H; ring|contradiction|rewrite sign_pos by exact H; ring]. Qed.

Lemma sign_times y : sign y * y = Rabs y.
Proof.
  destruct (Rtotal_order y 0) as [H|[->|H]].
  - rewrite sign_neg, Rabs_left by exact H. ring.
  - rewrite sign_0, Rabs_R0. ring.
  - rewrite sign_pos, Rabs_pos_eq by lra. ring.
Qed.

(** A number whose product with a sign is positive has that sign. *)
Lemma sign_of e y : e * e = 1 -> 0 < e * y -> sign y = e.
Proof.
  intros He P. assert (Q : (e - 1) * (e + 1) = 0) by lra. apply Rmult_integral in Q. destruct Q as [Q|Q].
  - replace e with 1 in * by lra. rewrite sign_pos; lra.
  - replace e with (-1) in * by lra. rewrite sign_neg; lra.
Qed.

Section Axis.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (radius : R) (L : nat) (T : Rbar) (x : nat -> R -> R).
Hypothesis sol : read_solution N a mu s b eps (axis_normalised radius) L T x.
Hypothesis N0 : forall l, (l < L)%nat -> x l 0 <> 0.

Notation tokens := (fun k => axis_normalised radius (x k 0)).
Notation F l := (growth_rate N a mu s b eps tokens l).

Lemma axis_law l : (l < L)%nat -> forall t, 0 <= t -> Rbar_lt t T ->
  sign (x l 0) * x l t = Rabs (x l 0) + radius * F l * t /\ 0 < sign (x l 0) * x l t.
Proof.
  induction l as [l IH] using lt_wf_ind. intros Hl. set (e := sign (x l 0)).
  assert (He : e * e = 1) by (apply sign_square, N0, Hl).
  assert (Ef : evolves T (fun t => e * x l t) (fun t => e * (axis_normalised radius (x l t) *
    growth_rate N a mu s b eps (fun k => axis_normalised radius (x k t)) l))).
  { destruct (sol l Hl) as [S0 S1]. split.
    - apply (rcont_comp (fun v => e * v) (x l) S0). apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => e * v) (x l 0)).
      auto_derive. exact I.
    - intros t Ht HT. exact (is_derive_scal (x l) t e _ (S1 t Ht HT)). }
  assert (P0 : 0 < e * x l 0) by (unfold e; rewrite sign_times; apply Rabs_pos_lt, N0, Hl).
  pose proof (steady T _ _ (radius * F l) Ef P0) as St. cbv beta in St.
  assert (E0 : e * x l 0 = Rabs (x l 0)) by apply sign_times. rewrite E0 in St.
  apply St.
  - intros t Ht HT P. unfold axis_normalised at 1. rewrite (sign_of e (x l t) He P).
    rewrite (growth_rate_agree N a mu s b eps _ tokens l).
    + replace (e * (radius * e * F l)) with ((e * e) * (radius * F l)) by ring. rewrite He. ring.
    + intros k Hk. unfold axis_normalised. f_equal. destruct (Nat.eq_dec k l) as [->|Nk].
      * fold e. now apply sign_of.
      * destruct (IH k ltac:(lia) ltac:(lia) t ltac:(lra) HT) as [_ Pk]. apply sign_of; [|exact Pk]. apply sign_square, N0. lia.
  - intros t Ht HT Z. assert (Zx : x l t = 0).
    { apply Rmult_integral in Z. destruct Z as [Z|Z]; [rewrite Z in He; lra|exact Z]. }
    rewrite Zx. unfold axis_normalised at 1. rewrite sign_0. ring.
Qed.
End Axis.

Lemma all_of_sizes N (mu : nat -> R) : sum_below N (fun n => Rabs (mu n)) = sum_below N mu -> all_nonneg N mu.
Proof.
  intros H n Hn.
  pose proof (term_le_sum N (fun n => Rabs (mu n) + -1 * mu n) n) as B. cbv beta in B.
  rewrite sum_below_plus, sum_below_scal, H in B. specialize (B ltac:(intros e _; pose proof (Rle_abs (mu e)); lra) Hn).
  pose proof (Rabs_pos (mu n)). lra.
Qed.

Lemma all_of_sizes_neg N (mu : nat -> R) : sum_below N (fun n => Rabs (mu n)) = - sum_below N mu -> all_nonpos N mu.
Proof.
  intros H n Hn. cut (0 <= - mu n); [lra|]. apply (all_of_sizes N (fun n => - mu n)); [|exact Hn].
  rewrite (sum_below_ext N (fun n => - mu n) (fun n => -1 * mu n)) by (intros; ring). rewrite sum_below_scal.
  rewrite (sum_below_ext N _ (fun n => Rabs (mu n))) by (intros; apply Rabs_Ropp). rewrite H. ring.
Qed.

Theorem prenorm_axis : prenorm_axis_statement.
Proof.
  intros N a mu s b e0 radius L T x [eps <-]%as_floor Hr sol N0 tokens l t Hl Ht HT.
  destruct (axis_law N a mu s b eps radius L T x sol N0 l Hl t Ht HT) as [Law Pos].
  set (F := growth_rate N a mu s b eps tokens l). change (growth_rate N a mu s b eps (fun k => axis_normalised radius (x k 0)) l) with F in Law.
  change (sum_below N (fun n => hidden a mu s b eps tokens l n)) with F.
  pose proof (sign_square (x l 0) (N0 l Hl)) as Sq.
  assert (Own : sum_below N mu * tokens l ^ 2 * Delta s b eps (tokens l)
    = sum_below N mu * radius ^ 2 * Delta s b eps (radius * sign (x l 0)) * sign (x l 0) ^ 2).
  { unfold tokens, axis_normalised. ring. }
  split; [split; [|split; [|split]]|].
  - assert (A : Rabs (x l t) = sign (x l 0) * x l t); [|rewrite A; lra].
    rewrite <- (sign_times (x l t)). f_equal. symmetry. symmetry. now apply sign_of.
  - lra.
  - intros [Hs _]. rewrite <- Own. now apply growth_rate_lower, all_of_sizes.
  - intros [Hs _]. rewrite <- Own. now apply growth_rate_upper, all_of_sizes_neg.
  - intros Neg. rewrite (Rabs_left F) by exact Neg.
    destruct (Rbar_le_lt_dec T (Rabs (x l 0) / (radius * - F))) as [|Hlt]; [assumption|exfalso].
    set (t1 := Rabs (x l 0) / (radius * - F)) in *.
    assert (D0 : 0 < radius * - F) by (apply Rmult_lt_0_compat; lra).
    assert (H1 : 0 <= t1). { apply Rmult_le_pos; [apply Rabs_pos|]. left. now apply Rinv_0_lt_compat. }
    destruct (axis_law N a mu s b eps radius L T x sol N0 l Hl t1 H1 Hlt) as [Law1 Pos1].
    change (growth_rate N a mu s b eps (fun k => axis_normalised radius (x k 0)) l) with F in Law1.
    assert (Z : Rabs (x l 0) + radius * F * t1 = 0) by (unfold t1; field; split; lra). lra.
Qed.

Theorem prenorm_axis_exists : prenorm_axis_exists_statement.
Proof.
  intros N a mu s b e0 radius L T x0 [eps <-]%as_floor Hr N0 tokens alive.
  set (F := fun l => growth_rate N a mu s b eps tokens l).
  exists (fun l t => x0 l + sign (x0 l) * (radius * F l) * t). split; [|intros; ring].
  assert (Sg : forall l t, (l < L)%nat -> 0 <= t -> Rbar_lt t T -> sign (x0 l + sign (x0 l) * (radius * F l) * t) = sign (x0 l)).
  { intros l t Hl Ht HT. apply sign_of; [now apply sign_square, N0|]. specialize (alive l t Hl Ht HT).
    change (sum_below N (fun n => hidden a mu s b eps tokens l n)) with (F l) in alive.
    replace (sign (x0 l) * (x0 l + sign (x0 l) * (radius * F l) * t)) with (sign (x0 l) * x0 l + (sign (x0 l) * sign (x0 l)) * (radius * F l * t)) by ring.
    rewrite sign_square, sign_times by (apply N0, Hl). lra. }
  intros l Hl. split.
  - apply rcont_of_continuous. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule)). auto_derive. exact I.
  - intros t Ht HT. unfold axis_normalised at 1. rewrite Sg by (assumption || lra).
    rewrite (growth_rate_agree N a mu s b eps _ tokens l).
    + fold (F l). auto_derive; [exact I|ring].
    + intros k Hk. unfold tokens, axis_normalised. f_equal. apply Sg; [lia|lra|exact HT].
Qed.
