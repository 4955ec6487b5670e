(** Limits at infinity: from the derivative to the function (L'Hopital's rule
    for f(t)/t), and softplus at both ends.

    Proves no registry theorem by itself. *)

From Coq Require Import Reals Classical_Prop Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Softplus.
Open Scope R_scope.

(** Composition with a quantity that tends to +infinity. *)
Lemma lim_at_infinite (f g : R -> R) (x l : Rbar) :
  is_lim f p_infty l -> is_lim g x p_infty -> is_lim (fun t => f (g t)) x l.
Proof.
  intros Hf Hg. apply (is_lim_comp f g x l p_infty Hf Hg).
  apply filter_forall. intros y. discriminate.
Qed.

Lemma lim_continuous (f g : R -> R) (x : Rbar) (l : R) :
  is_lim g x l -> continuous f l -> is_lim (fun t => f (g t)) x (f l).
Proof. intros Hg Hf. apply is_lim_comp_continuous; [exact Hg|exact Hf]. Qed.

(** Eventually above any bound. *)
Lemma eventually_above (g : R -> R) K :
  is_lim g p_infty p_infty -> Rbar_locally' p_infty (fun t => K < g t).
Proof. intros H. apply is_lim_spec in H. exact (H K). Qed.

(** A non-decreasing function that exceeds every bound tends to +infinity. *)
Lemma lim_of_unbounded (g : R -> R) :
  (forall u v, 0 <= u <= v -> g u <= g v) ->
  (forall K, exists t, 0 <= t /\ K < g t) -> is_lim g p_infty p_infty.
Proof.
  intros Mono H. apply is_lim_spec. intros K. destruct (H K) as (t0 & Ht0 & HK).
  exists t0. intros t Ht. pose proof (Mono t0 t ltac:(lra)). lra.
Qed.

(** If f' -> K then f(t)/t -> K. *)
Lemma lim_quotient_of_derivative f df (K : R) :
  evolves p_infty f df -> is_lim df p_infty K -> is_lim (fun t => f t / t) p_infty K.
Proof.
  intros E H. apply is_lim_spec. intros eps. apply is_lim_spec in H.
  pose proof (cond_pos eps) as He.
  destruct (H (mkposreal (eps / 2) ltac:(lra))) as [M HM]. simpl in HM.
  set (t0 := Rmax M 0 + 1).
  assert (Ht0 : M < t0 /\ 0 < t0).
  { unfold t0. pose proof (Rmax_l M 0). pose proof (Rmax_r M 0). lra. }
  set (C := Rabs (f t0 - K * t0)). pose proof (Rabs_pos (f t0 - K * t0)) as HC. fold C in HC.
  exists (Rmax t0 (2 * C / eps)). intros t Ht.
  pose proof (Rmax_l t0 (2 * C / eps)). pose proof (Rmax_r t0 (2 * C / eps)).
  assert (Hd : forall u, t0 < u < t -> K - eps / 2 <= df u <= K + eps / 2).
  { intros u Hu. specialize (HM u ltac:(lra)). apply Rabs_def2 in HM. lra. }
  pose proof (growth_on p_infty f df (K - eps / 2) t0 t E ltac:(lra) ltac:(lra) I
    ltac:(intros u Hu; specialize (Hd u Hu); lra)) as G1.
  pose proof (growth_le_on p_infty f df (K + eps / 2) t0 t E ltac:(lra) ltac:(lra) I
    ltac:(intros u Hu; specialize (Hd u Hu); lra)) as G2.
  assert (HCt : C < eps / 2 * t).
  { apply (Rmult_lt_reg_r (2 / eps)); [apply Rdiv_lt_0_compat; lra|].
    replace (eps / 2 * t * (2 / eps)) with t by (field; lra).
    replace (C * (2 / eps)) with (2 * C / eps) by (field; lra). lra. }
  pose proof (Rle_abs (f t0 - K * t0)) as A1. pose proof (Rle_abs (- (f t0 - K * t0))) as A2.
  rewrite Rabs_Ropp in A2. fold C in A1, A2.
  replace (f t / t - K) with ((f t - K * t) / t) by (field; lra).
  unfold Rdiv. rewrite Rabs_mult, (Rabs_pos_eq (/ t)) by (left; apply Rinv_0_lt_compat; lra).
  apply (Rmult_lt_reg_r t); [lra|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  assert (0 < eps / 2 * t0) by (apply Rmult_lt_0_compat; lra).
  apply Rabs_def1; lra.
Qed.

(** exp(z) softplus(b - z) -> exp(b): softplus of a very negative number is its exponential. *)
Lemma softplus_left_bounds b z :
  exp b / (1 + exp (b - z)) <= exp z * softplus (b - z) <= exp b.
Proof.
  pose proof (exp_pos (b - z)) as P. pose proof (exp_pos z) as Z.
  assert (E : exp z * exp (b - z) = exp b) by (rewrite <- exp_plus; f_equal; ring). split.
  - rewrite <- E. unfold Rdiv. rewrite Rmult_assoc.
    apply Rmult_le_compat_l; [lra|]. apply (ln1p_lower _ P).
  - rewrite <- E. apply Rmult_le_compat_l; [lra|]. apply softplus_upper.
Qed.

Lemma softplus_left_lim b : is_lim (fun z => exp z * softplus (b - z)) p_infty (exp b).
Proof.
  apply (is_lim_le_le_loc (fun z => exp b / (1 + exp (b - z))) (fun _ => exp b)).
  - apply filter_forall. intros z. apply softplus_left_bounds.
  - assert (A : is_lim (fun z => exp (b - z)) p_infty 0).
    { apply (is_lim_comp exp (fun z => b - z) p_infty 0 m_infty); [apply is_lim_exp_m| |].
      - apply (is_lim_minus (fun _ => b) (fun z => z) p_infty b p_infty m_infty);
          [apply is_lim_const|apply is_lim_id|reflexivity].
      - apply filter_forall. intros y. discriminate. }
    pose proof (lim_continuous (fun v => exp b / (1 + v)) _ _ _ A) as Q.
    replace (Finite (exp b)) with (Finite (exp b / (1 + 0))) by (f_equal; field). apply Q.
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun v => exp b / (1 + v)) 0).
    auto_derive. lra.
  - apply is_lim_const.
Qed.

(** softplus(z - K) >= exp(-K) softplus(z): its logarithm is 1-Lipschitz. *)
Lemma softplus_shift z K : 0 <= K -> exp (- K) * softplus z <= softplus (z - K).
Proof.
  intros HK. set (q := exp (- K)). pose proof (exp_pos (- K)) as Q0. fold q in Q0.
  assert (Q1 : q <= 1) by (apply exp_le_1; lra).
  assert (E : evolves p_infty (fun y => ln (1 + q * y) - q * ln (1 + y))
                 (fun y => q / (1 + q * y) - q / (1 + y))).
  { apply evolves_nonneg. intros y Hy. assert (0 <= q * y) by (apply Rmult_le_pos; lra).
    auto_derive; [split; lra|]. field. split; lra. }
  pose proof (exp_pos z) as Pz.
  pose proof (incr_on p_infty _ _ 0 (exp z) E (Rle_refl 0) ltac:(lra) I) as G. cbv beta in G.
  rewrite Rmult_0_r, Rplus_0_r, ln_1 in G.
  assert (0 - q * 0 <= ln (1 + q * exp z) - q * ln (1 + exp z)) as G'.
  { apply G. intros y Hy. assert (0 <= q * y) by (apply Rmult_le_pos; lra).
    assert (q * y <= 1 * y) by (apply Rmult_le_compat_r; lra).
    assert (q / (1 + y) <= q / (1 + q * y)); [|lra].
    apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; lra. }
  unfold softplus. replace (exp (z - K)) with (q * exp z); [lra|].
  unfold q. rewrite <- exp_plus. f_equal. ring.
Qed.

(** A non-decreasing function bounded above has a limit, and stays below it. *)
Lemma lim_of_bounded (g : R -> R) K :
  (forall u v, 0 <= u <= v -> g u <= g v) -> (forall t, 0 <= t -> g t <= K) ->
  exists l : R, is_lim g p_infty l /\ forall t, 0 <= t -> g t <= l.
Proof.
  intros Mono HK.
  destruct (completeness (fun y => exists t, 0 <= t /\ y = g t)) as (l & Hub & Hlub).
  - exists K. intros y (t & Ht & ->). now apply HK.
  - exists (g 0), 0. split; [lra|reflexivity].
  - assert (Below : forall t, 0 <= t -> g t <= l).
    { intros t Ht. apply Hub. now exists t. }
    exists l. split; [|exact Below]. apply is_lim_spec. intros eps. pose proof (cond_pos eps).
    destruct (classic (exists t, 0 <= t /\ l - eps < g t)) as [(t0 & Ht0 & Hg)|No].
    + exists t0. intros t Ht. pose proof (Mono t0 t ltac:(lra)). pose proof (Below t ltac:(lra)).
      apply Rabs_def1; lra.
    + exfalso. assert (l <= l - eps); [|lra]. apply Hlub. intros y (t & Ht & ->).
      apply Rnot_lt_le. intros Q. apply No. now exists t.
Qed.
