(** A positive number r with r' = r (k(r) f + o(r)), where f grows without bound up to the end T.

    Between a value at which k >= 0 and one at which r would not grow at the start it is held, and it tends to a zero of k.
    Proves no registry theorem by itself. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums BlowUpRatio SmallToken.
Open Scope R_scope.

(** A function with a derivative rises at most in proportion near a point. *)
Lemma linear_near (g : R -> R) p : ex_derive g p ->
  exists C d, 0 <= C /\ 0 < d /\ forall v, Rabs (v - p) < d -> Rabs (g v - g p) <= C * Rabs (v - p).
Proof.
  intros [l Hl]. apply is_derive_Reals in Hl. destruct (Hl 1 Rlt_0_1) as (d & Hd).
  exists (Rabs l + 1), d. pose proof (Rabs_pos l). split; [lra|]. split; [apply cond_pos|]. intros v Hv.
  destruct (Req_dec v p) as [->|N]; [rewrite !Rminus_diag_eq, Rabs_R0 by reflexivity; lra|].
  specialize (Hd (v - p) ltac:(lra) Hv). replace (p + (v - p)) with v in Hd by ring.
  assert (Q : Rabs ((g v - g p) / (v - p)) <= Rabs l + 1).
  { replace ((g v - g p) / (v - p)) with ((g v - g p) / (v - p) - l + l) by ring. eapply Rle_trans; [apply Rabs_triang|]. lra. }
  replace (g v - g p) with ((g v - g p) / (v - p) * (v - p)) by (field; lra). rewrite Rabs_mult.
  apply Rmult_le_compat_r; [apply Rabs_pos|exact Q].
Qed.

Section Held.
Variables (T : R) (r f k o : R -> R) (lo hi : R).
Hypothesis HT : 0 < T.
Hypothesis Er : evolves T r (fun t => r t * (k (r t) * f t + o (r t))).
Hypothesis Pr : forall t, 0 <= t -> t < T -> 0 < r t.
Hypothesis Mf : forall u v, 0 <= u -> u <= v -> v < T -> f u <= f v.
Hypothesis Pf : 0 < f 0.
Hypothesis Dk : forall v, ex_derive k v.
Hypothesis Do : forall v, ex_derive o v.
Hypothesis Po : forall v, 0 <= o v.
Hypothesis Plo : 0 < lo.
Hypothesis Hlo : lo <= r 0.
Hypothesis Hhi : r 0 <= hi.
Hypothesis Klo : 0 <= k lo.
Hypothesis Olo : 0 < o lo.
Hypothesis Khi : k hi * f 0 + o hi <= 0.
Hypothesis Ohi : 0 < o hi.

Lemma k_continuous v : continuity_pt k v.
Proof. destruct (Dk v) as [l Hl]. apply derivable_continuous_pt. exists l. now apply is_derive_Reals. Qed.

Lemma o_continuous v : continuity_pt o v.
Proof. destruct (Do v) as [l Hl]. apply derivable_continuous_pt. exists l. now apply is_derive_Reals. Qed.

Lemma f_positive t : 0 <= t -> t < T -> 0 < f t.
Proof. intros Ht HtT. pose proof (Mf 0 t (Rle_refl 0) Ht HtT). lra. Qed.

(** At lo the number grows, whatever f is; on a shorter interval f is bounded, and so it grows a little below, too. *)
Lemma stays_above t : 0 <= t -> t < T -> lo <= r t.
Proof.
  intros Ht HtT. set (T1 := (t + T) / 2). pose proof (f_positive T1 ltac:(unfold T1; lra) ltac:(unfold T1; lra)) as P1.
  destruct (near_point k lo (o lo / 2 / f T1) (k_continuous lo)) as (d1 & Pd1 & D1).
  { apply Rdiv_lt_0_compat; lra. }
  destruct (near_point o lo (o lo / 2) (o_continuous lo) ltac:(lra)) as (d2 & Pd2 & D2).
  set (d := Rmin d1 d2). assert (Pd : 0 < d) by (now apply Rmin_glb_lt). pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2). fold d in H, H0.
  assert (E1 : evolves T1 r (fun t => r t * (k (r t) * f t + o (r t)))).
  { apply (evolves_weaken T T1 _ _); [simpl; unfold T1; lra|exact Er]. }
  cut (- r t <= - lo); [lra|].
  apply (strip_barrier T1 (fun t => - r t) _ (- lo) (- lo + d) ltac:(lra) (evolves_opp _ _ _ E1)); [lra| |exact Ht|simpl; unfold T1; lra].
  intros u Hu HuT Hr. simpl in HuT. assert (HuT' : u < T) by (unfold T1 in HuT; lra).
  assert (Near : Rabs (r u - lo) < d) by (rewrite Rabs_left; lra).
  specialize (D1 (r u) ltac:(lra)). specialize (D2 (r u) ltac:(lra)). apply Rabs_def2 in D1. apply Rabs_def2 in D2.
  pose proof (f_positive u ltac:(lra) HuT') as Pu. pose proof (Mf u T1 ltac:(lra) ltac:(lra) ltac:(unfold T1; lra)) as Fu.
  pose proof (Pr u ltac:(lra) HuT') as Ru.
  assert (Q : o lo / 2 / f T1 * f u <= o lo / 2).
  { apply Rle_trans with (o lo / 2 / f T1 * f T1); [apply Rmult_le_compat_l; [left; apply Rdiv_lt_0_compat; lra|exact Fu]|].
    right. field. lra. }
  assert (- (o lo / 2 / f T1) * f u <= k (r u) * f u) by (apply Rmult_le_compat_r; lra).
  assert (0 <= k (r u) * f u + o (r u)) by lra. nra.
Qed.

(** At hi it would not grow at the start; f only grows, and a little above the rate is at most in proportion to the excess. *)
Lemma stays_below t : 0 <= t -> t < T -> r t <= hi.
Proof.
  intros Ht HtT. assert (Phi : 0 < hi) by (pose proof (Pr 0 (Rle_refl 0) HT); lra).
  assert (Kneg : k hi < 0) by (destruct (Rlt_le_dec (k hi) 0) as [|Q]; [assumption|]; pose proof (Rmult_le_pos _ _ Q (Rlt_le _ _ Pf)); lra).
  set (g := fun v => v * (k v * f 0 + o v)).
  assert (Dg : ex_derive g hi).
  { unfold g. apply (ex_derive_mult (fun v => v) (fun v => k v * f 0 + o v)); [apply ex_derive_id|].
    apply (ex_derive_plus (fun v => k v * f 0) o); [|apply Do]. apply (ex_derive_mult k (fun _ => f 0)); [apply Dk|apply ex_derive_const]. }
  destruct (linear_near g hi Dg) as (C & d1 & PC & Pd1 & D1).
  destruct (near_point k hi (- k hi) (k_continuous hi) ltac:(lra)) as (d2 & Pd2 & D2).
  set (d := Rmin d1 d2). assert (Pd : 0 < d) by (now apply Rmin_glb_lt). pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2). fold d in H, H0.
  set (E := fun t => exp (- C * t)).
  assert (Ev : evolves T (fun t => (r t - hi) * E t)
    (fun t => r t * (k (r t) * f t + o (r t)) * E t + (r t - hi) * (- C * E t))).
  { apply evolves_mult.
    - apply (evolves_ext T (fun t => r t - hi) (fun t => r t * (k (r t) * f t + o (r t)) + 0)); [|intros; ring].
      apply (evolves_plus T r _ (fun _ => - hi) (fun _ => 0) Er).
      apply evolves_nonneg. intros u _. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
    - apply evolves_nonneg. intros u _. apply exp_lin_derive. }
  assert (PE : forall u, 0 <= u -> u < T -> exp (- C * T) <= E u).
  { intros u Hu HuT. apply exp_le. nra. }
  assert (P0 : 0 < d * exp (- C * T)) by (apply Rmult_lt_0_compat; [exact Pd|apply exp_pos]).
  pose proof (strip_barrier T _ _ 0 (d * exp (- C * T)) P0 Ev) as B. cbv beta in B.
  assert (Q : (r t - hi) * E t <= 0).
  { apply B; [|clear t Ht HtT|exact Ht|exact HtT].
    - pose proof (exp_pos (- C * 0)). unfold E. nra.
    - intros u Hu HuT [Low High]. simpl in HuT. pose proof (exp_pos (- C * u)) as Pe. fold (E u) in Pe.
      pose proof (PE u ltac:(lra) HuT) as Le.
      assert (Above : 0 < r u - hi) by (destruct (Rlt_le_dec 0 (r u - hi)); [assumption|nra]).
      assert (Close : r u - hi < d).
      { apply (Rmult_lt_reg_r (E u)); [exact Pe|]. eapply Rlt_le_trans; [exact High|]. apply Rmult_le_compat_l; lra. }
      specialize (D1 (r u)). specialize (D2 (r u)). rewrite (Rabs_pos_eq (r u - hi)) in D1, D2 by lra.
      specialize (D1 ltac:(lra)). specialize (D2 ltac:(lra)). apply Rabs_def2 in D2.
      pose proof (Mf 0 u (Rle_refl 0) ltac:(lra) HuT) as Fu. pose proof (Pr u ltac:(lra) HuT) as Ru.
      assert (Rate : r u * (k (r u) * f u + o (r u)) <= g (r u)).
      { unfold g. apply Rmult_le_compat_l; [lra|]. apply Rplus_le_compat_r. nra. }
      assert (Ghi : g hi <= 0) by (unfold g; nra).
      pose proof (Rle_abs (g (r u) - g hi)).
      assert (r u * (k (r u) * f u + o (r u)) <= C * (r u - hi)) by lra. nra. }
  pose proof (exp_pos (- C * t)) as Pe. fold (E t) in Pe. destruct (Rle_lt_dec (r t) hi) as [|G]; [assumption|nra].
Qed.

(** ** The limit *)
Definition finally (P : R -> Prop) : Prop := exists t0, 0 <= t0 < T /\ forall t, t0 <= t -> t < T -> P t.

Lemma finally_and P Q : finally P -> finally Q -> finally (fun t => P t /\ Q t).
Proof.
  intros (u & Hu & HP) (v & Hv & HQ). exists (Rmax u v). pose proof (Rmax_l u v). pose proof (Rmax_r u v).
  split; [split; [lra|now apply Rmax_lub_lt]|]. intros t Ht HtT. split; [apply HP|apply HQ]; lra.
Qed.

Variable p : R -> R.
Hypothesis Ep : evolves T p (fun t => p t * f t).
Hypothesis Pp : forall t, 0 <= t -> t < T -> 0 < p t.
Hypothesis Gp : forall B, finally (fun t => B < p t).
Hypothesis Gf : forall B, finally (fun t => B < f t).
Hypothesis Dense : forall u v, u < v -> exists c, u < c < v /\ k c <> 0.

(** A value that is no zero of k is passed for the last time. *)
Lemma one_side c : k c <> 0 -> finally (fun t => c <= r t) \/ finally (fun t => r t <= c).
Proof.
  intros Nc. destruct (Rdichotomy _ _ Nc) as [Neg|Pos].
  - (* falls through c once f is large *)
    destruct (near_point k c (- k c / 2) (k_continuous c) ltac:(lra)) as (d1 & Pd1 & D1).
    destruct (near_point o c 1 (o_continuous c) ltac:(lra)) as (d2 & Pd2 & D2).
    set (d := Rmin d1 d2). assert (Pd : 0 < d) by (now apply Rmin_glb_lt). pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2). fold d in H, H0.
    destruct (Gf ((o c + 1) / (- k c / 2))) as (t0 & Ht0 & Ft).
    destruct (classic (exists u, t0 <= u /\ u < T /\ r u <= c)) as [(u & Hu & HuT & Ru)|No].
    + right. exists u. split; [lra|]. intros t Ht HtT.
      apply (strip_barrier_from T r _ c (c + d) u ltac:(lra) Er ltac:(lra) Ru); [|exact Ht|exact HtT].
      intros w Hw HwT Rw. simpl in HwT. assert (Near : Rabs (r w - c) < d) by (rewrite Rabs_pos_eq; lra).
      specialize (D1 (r w) ltac:(lra)). specialize (D2 (r w) ltac:(lra)). apply Rabs_def2 in D1. apply Rabs_def2 in D2.
      specialize (Ft w ltac:(lra) HwT). pose proof (Pr w ltac:(lra) HwT) as Rpos.
      assert (Q : o c + 1 <= - k c / 2 * f w).
      { apply (Rmult_lt_compat_l (- k c / 2)) in Ft; [|lra].
        replace (- k c / 2 * ((o c + 1) / (- k c / 2))) with (o c + 1) in Ft by (field; lra). lra. }
      pose proof (f_positive w ltac:(lra) HwT).
      assert (k (r w) * f w <= k c / 2 * f w) by (apply Rmult_le_compat_r; lra).
      assert (k (r w) * f w + o (r w) <= 0) by lra. nra.
    + left. exists t0. split; [exact Ht0|]. intros t Ht HtT. left. apply Rnot_le_lt. intros Q. apply No. now exists t.
  - destruct (near_point k c (k c) (k_continuous c) Pos) as (d & Pd & D1).
    destruct (classic (exists u, 0 <= u /\ u < T /\ c <= r u)) as [(u & Hu & HuT & Ru)|No].
    + left. exists u. split; [lra|]. intros t Ht HtT. cut (- r t <= - c); [lra|].
      apply (strip_barrier_from T (fun t => - r t) _ (- c) (- c + d) u ltac:(lra) (evolves_opp _ _ _ Er) Hu ltac:(lra)); [|exact Ht|exact HtT].
      intros w Hw HwT Rw. simpl in HwT. assert (Near : Rabs (r w - c) < d) by (rewrite Rabs_left; lra).
      specialize (D1 (r w) Near). apply Rabs_def2 in D1. pose proof (Pr w ltac:(lra) HwT). pose proof (f_positive w ltac:(lra) HwT).
      pose proof (Po (r w)). assert (0 <= k (r w) * f w) by (apply Rmult_le_pos; lra). nra.
    + right. exists 0. split; [lra|]. intros t Ht HtT. left. apply Rnot_le_lt. intros Q. apply No. now exists t.
Qed.

Lemma held_limit : exists l, (forall d, 0 < d -> finally (fun t => Rabs (r t - l) < d)) /\ lo <= l.
Proof.
  set (A := fun c => finally (fun t => c <= r t)).
  assert (Bound : bound A).
  { exists hi. intros c (t0 & Ht0 & Hc). specialize (Hc t0 (Rle_refl _) ltac:(lra)). pose proof (stays_below t0 ltac:(lra) ltac:(lra)). lra. }
  assert (Some : exists c, A c).
  { exists lo. exists 0. split; [lra|]. intros t Ht HtT. now apply stays_above. }
  destruct (completeness A Bound Some) as (l & Up & Least). exists l. split.
  - intros d Pd. destruct (Dense l (l + d) ltac:(lra)) as (c & Hc & Nc).
    assert (Above : finally (fun t => r t <= c)).
    { destruct (one_side c Nc) as [Q|Q]; [|exact Q]. exfalso. pose proof (Up c Q). lra. }
    assert (Below : exists e, l - d < e /\ A e).
    { apply NNPP. intros No. assert (Q : l <= l - d); [|lra]. apply Least. intros e He. apply Rnot_lt_le. intros Lt. apply No. now exists e. }
    destruct Below as (e & He & Ae). destruct (finally_and _ _ Above Ae) as (t0 & Ht0 & Hr). exists t0. split; [exact Ht0|].
    intros t Ht HtT. destruct (Hr t Ht HtT). apply Rabs_def1; lra.
  - apply Up. exists 0. split; [lra|]. intros t Ht HtT. now apply stays_above.
Qed.

(** Near a value at which k is not zero ln r would follow ln p out of every bound. *)
Lemma held_root l : (forall d, 0 < d -> finally (fun t => Rabs (r t - l) < d)) -> k l = 0.
Proof.
  intros Lim. apply NNPP. intros Nl. set (q := Rabs (k l) / 4). pose proof (Rabs_pos_lt _ Nl) as Pk. assert (Pq : 0 < q) by (unfold q; lra).
  destruct (near_point k l (Rabs (k l) / 2) (k_continuous l) ltac:(lra)) as (d1 & Pd1 & D1).
  destruct (near_point o l 1 (o_continuous l) ltac:(lra)) as (d2 & Pd2 & D2).
  destruct (finally_and _ _ (Lim (Rmin d1 d2) ltac:(now apply Rmin_glb_lt)) (Gf ((o l + 1) / q))) as (t0 & Ht0 & H).
  pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2).
  pose proof (log_evolves T r _ Er HT (fun t Ht HtT => Pr t Ht HtT)) as Lr.
  pose proof (log_evolves T p _ Ep HT (fun t Ht HtT => Pp t Ht HtT)) as Lp.
  assert (Own : forall t, t0 <= t -> t < T -> o (r t) <= q * f t /\ Rabs (k (r t) - k l) < Rabs (k l) / 2 /\ 0 < f t).
  { intros t Ht HtT. destruct (H t Ht HtT) as [Hr Hf]. specialize (D1 (r t) ltac:(lra)). specialize (D2 (r t) ltac:(lra)).
    apply Rabs_def2 in D2. split; [|split; [exact D1|apply f_positive; lra]].
    apply (Rmult_lt_compat_l q) in Hf; [|exact Pq]. replace (q * ((o l + 1) / q)) with (o l + 1) in Hf by (field; lra). lra. }
  assert (Room : forall t, 0 <= t -> t < T -> ln lo <= ln (r t) <= ln hi).
  { intros t Ht HtT. pose proof (stays_above t Ht HtT). pose proof (stays_below t Ht HtT). pose proof (Pr t Ht HtT).
    split; apply ln_le; lra. }
  pose proof (Room t0 ltac:(lra) ltac:(lra)) as R0.
  destruct (Gp (exp ((ln hi - ln lo + 1) / q + ln (p t0)))) as (t1 & Ht1 & Big). set (t := Rmax t0 t1).
  pose proof (Rmax_l t0 t1) as L0. pose proof (Rmax_r t0 t1) as L1. assert (HtT : t < T) by (apply Rmax_lub_lt; lra). fold t in L0, L1.
  specialize (Big t ltac:(lra) HtT). apply ln_increasing in Big; [|apply exp_pos]. rewrite ln_exp in Big.
  assert (Far : ln hi - ln lo + 1 < q * (ln (p t) - ln (p t0))).
  { apply (Rmult_lt_compat_l q) in Big; [|exact Pq].
    replace (q * ((ln hi - ln lo + 1) / q + ln (p t0))) with (ln hi - ln lo + 1 + q * ln (p t0)) in Big by (field; lra). lra. }
  pose proof (Room t ltac:(lra) HtT) as R1.
  destruct (Rdichotomy _ _ Nl) as [Neg|Pos].
  - pose proof (decr_on T _ _ t0 t (evolves_plus _ _ _ _ _ Lr (evolves_times T q _ _ Lp)) ltac:(lra) L0 HtT) as G. cbv beta in G.
    assert (ln (r t) + q * ln (p t) <= ln (r t0) + q * ln (p t0)); [|lra]. apply G. intros u Hu.
    destruct (Own u ltac:(lra) ltac:(lra)) as (O1 & O2 & O3). apply Rabs_def2 in O2. unfold q in *. rewrite Rabs_left in * by exact Neg. nra.
  - pose proof (incr_on T _ _ t0 t (evolves_plus _ _ _ _ _ Lr (evolves_times T (- q) _ _ Lp)) ltac:(lra) L0 HtT) as G. cbv beta in G.
    assert (ln (r t0) + - q * ln (p t0) <= ln (r t) + - q * ln (p t)); [|lra]. apply G. intros u Hu.
    destruct (Own u ltac:(lra) ltac:(lra)) as (O1 & O2 & O3). apply Rabs_def2 in O2. pose proof (Po (r u)). unfold q in *.
    rewrite Rabs_pos_eq in * by lra. nra.
Qed.
End Held.
