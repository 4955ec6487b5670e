(** direction-clock: a direction turns at the orthogonal velocity over the norm.

    The cosine f of the angle to an earlier direction obeys
    |f'| <= sqrt(1 - f^2) |Pi G| / |x|.  For l < 1 the angle whose cosine is l f
    is smooth, and it grows at most as fast as the clock; then l tends to 1. *)

From Coq Require Import Reals Ratan Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Sums VectorToken FieldFlow.
Open Scope R_scope.

(** Cauchy and Schwarz, for the inner product. *)
Lemma inner_scal D (v w : nat -> R) c : inner D v (fun d => c * w d) = c * inner D v w.
Proof. unfold inner. rewrite <- sum_below_scal. apply sum_below_ext. intros; ring. Qed.

Lemma inner_sym D v w : inner D v w = inner D w v.
Proof. unfold inner. apply sum_below_ext. intros; ring. Qed.

Lemma inner_minus D u v w : inner D u (fun d => v d - w d) = inner D u v - inner D u w.
Proof.
  unfold inner. rewrite (sum_below_ext D _ (fun d => u d * v d + -1 * (u d * w d))) by (intros; ring).
  rewrite sum_below_plus, sum_below_scal. ring.
Qed.

Lemma inner_self D v : inner D v v = square_norm D v.
Proof. unfold inner, square_norm. apply sum_below_ext. intros; ring. Qed.

Lemma square_minus D u w c : square_norm D (fun d => u d - c * w d) = square_norm D u - 2 * c * inner D u w + c ^ 2 * square_norm D w.
Proof.
  unfold square_norm, inner. rewrite (sum_below_ext D _ (fun d => u d ^ 2 + (-2 * c * (u d * w d) + c ^ 2 * w d ^ 2))) by (intros; ring).
  rewrite !sum_below_plus, !sum_below_scal. ring.
Qed.

Lemma inner_square D v w : inner D v w ^ 2 <= square_norm D v * square_norm D w.
Proof.
  destruct (Req_dec (square_norm D w) 0) as [Z|N].
  - assert (W : forall d, (d < D)%nat -> w d = 0).
    { intros d Hd. pose proof (square_le_norm D w d Hd). destruct (Req_dec (w d) 0) as [|Nz]; [assumption|].
      pose proof (pow2_gt_0 _ Nz). lra. }
    assert (I0 : inner D v w = 0).
    { unfold inner. rewrite (sum_below_ext D _ (fun _ => 0)), sum_below_zero; [reflexivity|]. intros d Hd. rewrite W by exact Hd. ring. }
    rewrite I0, Z. simpl. lra.
  - pose proof (square_norm_nonneg D w). set (c := inner D v w / square_norm D w).
    pose proof (square_norm_nonneg D (fun d => v d - c * w d)) as P. rewrite square_minus in P.
    replace (square_norm D v - 2 * c * inner D v w + c ^ 2 * square_norm D w)
      with ((square_norm D v * square_norm D w - inner D v w ^ 2) / square_norm D w) in P by (unfold c; field; exact N).
    assert (Q : 0 <= (square_norm D v * square_norm D w - inner D v w ^ 2) / square_norm D w * square_norm D w) by (apply Rmult_le_pos; lra).
    unfold Rdiv in Q. rewrite Rmult_assoc, Rinv_l in Q by exact N. lra.
Qed.

(** The angle whose cosine is f2, reached from l f2 with l < 1. *)
Lemma angle_limit (f2 Phi : R) : -1 <= f2 <= 1 -> 0 <= Phi ->
  (forall l, 0 < l < 1 -> acos (l * f2) <= acos l + Phi) -> acos f2 <= Phi.
Proof.
  intros Hf HP H. apply Rnot_lt_le. intros Hlt. pose proof (acos_bound f2) as [A0 A1].
  set (alpha := acos f2) in *. set (e := Rmin ((alpha - Phi) / 3) (PI / 4)).
  pose proof PI_RGT_0. pose proof (Rmin_l ((alpha - Phi) / 3) (PI / 4)). pose proof (Rmin_r ((alpha - Phi) / 3) (PI / 4)).
  assert (He : 0 < e) by (apply Rmin_glb_lt; lra).
  assert (Hea : e < alpha) by (unfold e in *; lra).
  assert (C1 : cos e < 1). { rewrite <- cos_0. apply cos_decreasing_1; unfold e in *; lra. }
  assert (C0 : 0 < cos e). { apply cos_gt_0; unfold e in *; lra. }
  specialize (H (cos e) ltac:(lra)). rewrite acos_cos in H by (unfold e in *; lra).
  assert (Fa : cos alpha = f2) by (apply cos_acos; exact Hf).
  pose proof (acos_bound (cos e * f2)) as [B0 B1]. set (beta := acos (cos e * f2)) in *.
  assert (Range : -1 <= cos e * f2 <= 1) by (split; nra).
  assert (Cb : cos beta = cos e * f2) by (apply cos_acos; exact Range).
  assert (Up : cos e * f2 <= cos (alpha - e)).
  { rewrite cos_minus, Fa. assert (0 <= sin alpha) by (apply sin_ge_0; lra).
    assert (0 <= sin e) by (apply sin_ge_0; unfold e in *; lra).
    assert (0 <= sin alpha * sin e) by (apply Rmult_le_pos; assumption). lra. }
  destruct (Rle_lt_dec (alpha - e) beta) as [L|L].
  - unfold e in *; lra.
  - assert (cos (alpha - e) < cos beta) by (apply cos_decreasing_1; lra). lra.
Qed.

Section Clock.
Variables (D : nat) (x : nat -> R -> R) (G : R -> nat -> R) (T : Rbar) (r m U : R).
Hypothesis Hr : 0 < r.
Hypothesis Hm : 0 < m.
Hypothesis sol : forall d, (d < D)%nat -> evolves T (x d) (fun t => G t d).
Hypothesis far : forall t, 0 <= t -> Rbar_lt t T -> m * t + r <= norm D (fun d => x d t).
Hypothesis slow : forall t, 0 < t -> Rbar_lt t T -> norm D (tangential D (fun d => x d t) (G t)) <= U.

Notation size t := (norm D (fun d => x d t)).
Notation square t := (square_norm D (fun d => x d t)).

Lemma size_pos t : 0 <= t -> Rbar_lt t T -> 0 < size t.
Proof. intros Ht HT. specialize (far t Ht HT). assert (0 <= m * t) by (apply Rmult_le_pos; lra). lra. Qed.

Lemma size_square t : size t ^ 2 = square t.
Proof. unfold norm. simpl. rewrite Rmult_1_r. apply sqrt_sqrt. apply square_norm_nonneg. Qed.

Lemma square_pos t : 0 <= t -> Rbar_lt t T -> 0 < square t.
Proof. intros Ht HT. rewrite <- size_square. apply pow_lt. now apply size_pos. Qed.

Lemma square_evolves_along : evolves T (fun t => square t) (fun t => 2 * inner D (fun d => x d t) (G t)).
Proof.
  eapply evolves_ext.
  - apply (evolves_sum T D (fun d t => x d t ^ 2) (fun d t => 2 * x d t * G t d)). intros d Hd. exact (evolves_sq T _ _ (sol d Hd)).
  - intros t _ _. unfold inner. rewrite <- sum_below_scal. apply sum_below_ext. intros; ring.
Qed.

Lemma inverse_size_evolves : Rbar_lt 0 T ->
  evolves T (fun t => / size t) (fun t => - (inner D (fun d => x d t) (G t) / size t ^ 3)).
Proof.
  intros PT.
  assert (Der : forall s, 0 < s -> is_derive (fun v => / sqrt v) s (- / (2 * sqrt s ^ 3))).
  { intros s Hs. pose proof (sqrt_lt_R0 s Hs) as P. auto_derive.
    - split; [exact Hs|]. split; [lra|exact I].
    - replace (sqrt s * (sqrt s * 1)) with (sqrt s ^ 2) by ring. field. lra. }
  eapply evolves_ext.
  - apply (evolves_comp T _ _ (fun v => / sqrt v) (fun v => - / (2 * sqrt v ^ 3)) square_evolves_along).
    + eapply continuous_of_derive. apply Der. apply square_pos; [lra|exact PT].
    + intros t Ht HT. apply Der. apply square_pos; [lra|exact HT].
  - intros t Ht HT. cbv beta. change (sqrt (square t)) with (size t). pose proof (size_pos t ltac:(lra) HT). field. lra.
Qed.

Variables (u : nat -> R).
Hypothesis unit : square_norm D u = 1.

Definition toward (t : R) : R := inner D u (fun d => x d t) / size t.

Lemma toward_evolves : Rbar_lt 0 T -> evolves T toward (fun t => inner D u (tangential D (fun d => x d t) (G t)) / size t).
Proof.
  intros PT.
  assert (E : evolves T (fun t => inner D u (fun d => x d t)) (fun t => inner D u (G t))).
  { apply (evolves_sum T D (fun d t => u d * x d t) (fun d t => u d * G t d)). intros d Hd.
    pose proof (evolves_mult T (fun _ => u d) (fun _ => 0) _ _ (evolves_nonneg T _ _ (fun t _ => is_derive_const (K:=R_AbsRing) (V:=R_NormedModule) (u d) t)) (sol d Hd)) as M.
    eapply evolves_ext; [exact M|]. intros t _ _. cbv beta. ring. }
  eapply evolves_ext.
  - exact (evolves_mult T _ _ _ _ E (inverse_size_evolves PT)).
  - intros t Ht HT. cbv beta. pose proof (size_pos t ltac:(lra) HT) as P.
    assert (Tan : inner D u (tangential D (fun d => x d t) (G t)) =
      inner D u (G t) - inner D (fun d => x d t) (G t) / square t * inner D u (fun d => x d t)).
    { unfold tangential. rewrite (inner_minus D u (G t)). f_equal. rewrite <- inner_scal. unfold inner. apply sum_below_ext.
      intros d _. unfold Rdiv. ring. }
    rewrite Tan, <- size_square. field. lra.
Qed.

Lemma tangential_orthogonal t : 0 <= t -> Rbar_lt t T -> inner D (fun d => x d t) (tangential D (fun d => x d t) (G t)) = 0.
Proof.
  intros Ht HT. pose proof (square_pos t Ht HT) as P. unfold tangential. rewrite inner_minus.
  assert (E : inner D (fun d => x d t) (fun d => inner D (fun d0 => x d0 t) (G t) * x d t / square t)
     = inner D (fun d => x d t) (G t) / square t * square t).
  { rewrite <- inner_self at 2. rewrite <- inner_scal. unfold inner. apply sum_below_ext. intros d _. unfold Rdiv. ring. }
  first [rewrite E|rewrite inner_scal, inner_self]. field. lra.
Qed.

Lemma toward_range t : 0 <= t -> Rbar_lt t T -> toward t ^ 2 <= 1.
Proof.
  intros Ht HT. pose proof (size_pos t Ht HT) as P. pose proof (inner_square D u (fun d => x d t)) as C. rewrite unit, Rmult_1_l in C.
  rewrite <- size_square in C. unfold toward. replace ((inner D u (fun d => x d t) / size t) ^ 2)
    with (inner D u (fun d => x d t) ^ 2 * / size t ^ 2) by (field; lra).
  apply Rmult_le_reg_r with (size t ^ 2); [apply pow_lt; exact P|]. rewrite Rmult_assoc, Rinv_l by (apply pow_nonzero; lra). lra.
Qed.

Lemma toward_rate t : 0 < t -> Rbar_lt t T ->
  Rabs (inner D u (tangential D (fun d => x d t) (G t)) / size t) <= sqrt (1 - toward t ^ 2) * (U / (m * t + r)).
Proof.
  intros Ht HT. pose proof (size_pos t ltac:(lra) HT) as P. set (w := tangential D (fun d => x d t) (G t)).
  set (f := toward t). pose proof (toward_range t ltac:(lra) HT) as Rg. fold f in Rg.
  (* u minus its part along x *)
  assert (E : inner D u w = inner D (fun d => u d - f / size t * x d t) w).
  { rewrite (inner_sym D (fun d => u d - f / size t * x d t)), inner_minus, inner_scal, (inner_sym D w (fun d => x d t)).
    pose proof (tangential_orthogonal t ltac:(lra) HT) as O. fold w in O. rewrite O, (inner_sym D w u). ring. }
  assert (N1 : square_norm D (fun d => u d - f / size t * x d t) = 1 - f ^ 2).
  { rewrite (square_minus D u (fun d => x d t)), unit, <- size_square.
    replace (inner D u (fun d => x d t)) with (f * size t) by (unfold f, toward; field; lra). field. lra. }
  pose proof (inner_square D (fun d => u d - f / size t * x d t) w) as C. rewrite <- E, N1 in C.
  assert (A : Rabs (inner D u w) <= sqrt (1 - f ^ 2) * norm D w).
  { unfold norm. rewrite <- sqrt_mult_alt by lra. rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt.
    replace ((inner D u w)²) with (inner D u w ^ 2) by (unfold Rsqr; ring). exact C. }
  specialize (slow t Ht HT). fold w in slow. specialize (far t ltac:(lra) HT).
  assert (Q : 0 < m * t + r) by (assert (0 < m * t) by (apply Rmult_lt_0_compat; lra); lra).
  pose proof (sqrt_pos (1 - f ^ 2)). assert (0 <= norm D w) by apply sqrt_pos.
  unfold Rdiv at 1. rewrite Rabs_mult, (Rabs_pos_eq (/ size t)) by (left; now apply Rinv_0_lt_compat).
  apply Rle_trans with (sqrt (1 - f ^ 2) * norm D w * / size t); [apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|exact A]|].
  rewrite Rmult_assoc. apply Rmult_le_compat_l; [assumption|]. unfold Rdiv.
  apply Rmult_le_compat; [assumption|left; now apply Rinv_0_lt_compat|exact slow|]. now apply Rinv_le_contravar.
Qed.

Definition hand (t : R) : R := U * ln (m * t + r) / m.

Lemma hand_evolves : evolves T hand (fun t => U / (m * t + r)).
Proof.
  apply evolves_nonneg. intros t Ht. assert (0 < m * t + r) by (assert (0 <= m * t) by (apply Rmult_le_pos; lra); lra).
  unfold hand. auto_derive; [assumption|]. field. lra.
Qed.

Lemma angle_grows l t1 t2 : 0 < l < 1 -> 0 <= t1 <= t2 -> Rbar_lt t2 T ->
  acos (l * toward t2) - acos (l * toward t1) <= hand t2 - hand t1.
Proof.
  intros Hl Ht HT2.
  assert (PT : Rbar_lt 0 T) by (apply Rbar_lt_lt with t2; [lra|exact HT2]).
  assert (In : forall t, 0 <= t -> Rbar_lt t T -> -1 < l * toward t < 1).
  { intros t H0 HT. pose proof (toward_range t H0 HT) as Rg. split; nra. }
  assert (Der : forall v, -1 < l * v < 1 -> is_derive (fun v => acos (l * v)) v (- (l / sqrt (1 - (l * v) ^ 2)))).
  { intros v Hv. replace (- (l / sqrt (1 - (l * v) ^ 2))) with (l * (-1 / sqrt (1 - (l * v)²))).
    2:{ unfold Rsqr. replace (l * v * (l * v)) with ((l * v) ^ 2) by ring. unfold Rdiv. ring. }
    apply (is_derive_comp acos (fun v => l * v)).
    - apply is_derive_Reals. rewrite <- (derive_pt_acos (l * v) Hv). apply (proj1 (derive_pt_eq acos (l * v) _ (derivable_pt_acos (l * v) Hv))). reflexivity.
    - auto_derive; [exact I|ring]. }
  pose proof (evolves_comp T toward _ (fun v => acos (l * v)) (fun v => - (l / sqrt (1 - (l * v) ^ 2))) (toward_evolves PT)) as E.
  specialize (E ltac:(eapply continuous_of_derive; apply Der, In; [lra|exact PT]) ltac:(intros t Ht0 HT; apply Der, In; [lra|exact HT])).
  pose proof (evolves_plus T _ _ _ _ E (evolves_opp T _ _ hand_evolves)) as F.
  pose proof (decr_on T _ _ t1 t2 F ltac:(lra) ltac:(lra) HT2) as G2. cbv beta in G2.
  cut (acos (l * toward t2) + - hand t2 <= acos (l * toward t1) + - hand t1); [lra|]. apply G2. intros t Htt.
  assert (HT : Rbar_lt t T) by (apply Rbar_lt_lt with t2; [lra|exact HT2]).
  pose proof (toward_rate t ltac:(lra) HT) as B. pose proof (toward_range t ltac:(lra) HT) as Rg. pose proof (In t ltac:(lra) HT) as Int.
  set (f := toward t) in *. set (g := inner D u (tangential D (fun d => x d t) (G t)) / size t) in *.
  set (h := U / (m * t + r)) in *.
  assert (Q1 : 0 < 1 - (l * f) ^ 2) by nra.
  pose proof (sqrt_lt_R0 _ Q1) as S1. pose proof (sqrt_pos (1 - f ^ 2)) as S0.
  assert (Le : l * sqrt (1 - f ^ 2) <= sqrt (1 - (l * f) ^ 2)).
  { rewrite <- (sqrt_Rsqr l) at 1 by lra. rewrite <- sqrt_mult_alt by (unfold Rsqr; nra). apply sqrt_le_1_alt. unfold Rsqr. nra. }
  assert (H0 : 0 <= h).
  { destruct (Req_dec (sqrt (1 - f ^ 2)) 0) as [Z|N].
    - unfold h. assert (0 <= U). { eapply Rle_trans; [|apply (slow t ltac:(lra) HT)]. apply sqrt_pos. }
      apply Rmult_le_pos; [assumption|]. left. apply Rinv_0_lt_compat. assert (0 < m * t) by (apply Rmult_lt_0_compat; lra). lra.
    - pose proof (Rabs_pos g). destruct (Rle_lt_dec 0 h); [assumption|]. assert (0 < sqrt (1 - f ^ 2)) by lra. nra. }
  assert (K : - g * (l / sqrt (1 - (l * f) ^ 2)) <= h).
  { apply Rle_trans with (Rabs g * (l / sqrt (1 - (l * f) ^ 2))).
    - apply Rmult_le_compat_r; [apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]|]. rewrite <- Rabs_Ropp. apply Rle_abs.
    - apply Rle_trans with (sqrt (1 - f ^ 2) * h * (l / sqrt (1 - (l * f) ^ 2))).
      + apply Rmult_le_compat_r; [apply Rmult_le_pos; [lra|left; now apply Rinv_0_lt_compat]|exact B].
      + replace (sqrt (1 - f ^ 2) * h * (l / sqrt (1 - (l * f) ^ 2))) with (h * (l * sqrt (1 - f ^ 2) / sqrt (1 - (l * f) ^ 2))) by (field; lra).
        rewrite <- (Rmult_1_r h) at 2. apply Rmult_le_compat_l; [exact H0|]. apply Rmult_le_reg_r with (sqrt (1 - (l * f) ^ 2)); [exact S1|].
        unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  lra.
Qed.
End Clock.

Theorem direction_clock : direction_clock_statement.
Proof.
  intros D x G T r m U Hr Hm sol far slow t1 t2 Ht HT.
  assert (HT1 : Rbar_lt t1 T) by (apply Rbar_lt_lt with t2; [lra|exact HT]).
  pose proof (size_pos D x T r m Hr Hm far t1 ltac:(lra) HT1) as P1. pose proof (size_pos D x T r m Hr Hm far t2 ltac:(lra) HT) as P2.
  set (u := fun d => x d t1 / norm D (fun d => x d t1)).
  assert (unit : square_norm D u = 1).
  { unfold u. unfold square_norm. rewrite (sum_below_ext D _ (fun d => / norm D (fun d => x d t1) ^ 2 * x d t1 ^ 2)) by (intros; field; lra).
    rewrite sum_below_scal. fold (square_norm D (fun d => x d t1)). rewrite <- size_square. field. lra. }
  assert (To : forall t, toward D x u t = cosine D (fun d => x d t1) (fun d => x d t) \/ norm D (fun d => x d t) = 0).
  { intros t. destruct (Req_dec (norm D (fun d => x d t)) 0) as [|N]; [now right|left]. unfold toward, cosine, u.
    rewrite (inner_sym D (fun d => x d t1 / _)). unfold inner at 1.
    rewrite (sum_below_ext D _ (fun d => / norm D (fun d => x d t1) * (x d t1 * x d t))) by (intros; unfold Rdiv; ring).
    rewrite sum_below_scal. fold (inner D (fun d => x d t1) (fun d => x d t)). field. lra. }
  assert (F2 : toward D x u t2 = cosine D (fun d => x d t1) (fun d => x d t2)) by (destruct (To t2); [assumption|lra]).
  assert (F1 : toward D x u t1 = 1).
  { destruct (To t1) as [->|]; [|lra]. unfold cosine. rewrite inner_self, <- size_square. field. lra. }
  rewrite <- F2.
  pose proof (toward_range D x T r m Hr Hm far u unit t2 ltac:(lra) HT) as Rg.
  assert (Q1 : 0 < m * t1 + r) by (assert (0 <= m * t1) by (apply Rmult_le_pos; lra); lra).
  assert (Q2 : m * t1 + r <= m * t2 + r) by (assert (m * t1 <= m * t2) by (apply Rmult_le_compat_l; lra); lra).
  assert (HU : t1 = t2 \/ 0 <= U).
  { destruct (Req_dec t1 t2) as [|N]; [now left|right]. eapply Rle_trans; [|apply (slow t2 ltac:(lra) HT)]. apply sqrt_pos. }
  assert (Hand : U * ln ((t2 * m + r) / (t1 * m + r)) / m = hand r m U t2 - hand r m U t1).
  { unfold hand. rewrite (Rmult_comm t2), (Rmult_comm t1), ln_div by lra. field. lra. }
  rewrite Hand. apply angle_limit.
  - split; nra.
  - rewrite <- Hand. destruct HU as [->|HU].
    + replace ((t2 * m + r) / (t2 * m + r)) with 1 by (field; lra). rewrite ln_1. lra.
    + apply Rmult_le_pos; [|left; now apply Rinv_0_lt_compat]. apply Rmult_le_pos; [exact HU|]. rewrite <- ln_1. apply ln_le; [lra|].
      apply Rmult_le_reg_r with (t1 * m + r); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
  - intros l Hl. pose proof (angle_grows D x G T r m U Hr Hm sol far slow u unit l t1 t2 Hl Ht HT) as A.
    rewrite F1, Rmult_1_r in A. lra.
Qed.
