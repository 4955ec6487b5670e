(** definite-all-tokens: every token of a negative definite layer whose steps
    stay between two bounds.

    z_l = |x_l|^2 obeys z_l' <= - 2 lambda low z_l^2 + 2 C z_l sum_{j<l} z_j with
    C = |S_B||S_C| high, as the gates are at most 1; so z_l (1 + t) cannot cross K_l. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums.
From S6Flow Require Import Recursion LayerAttention VectorToken NeverDefinite FieldFlow FieldMaximal LayerFlow.
Open Scope R_scope.

Lemma norm_square n v : norm n v * norm n v = square_norm n v.
Proof. apply sqrt_sqrt, square_norm_nonneg. Qed.

(** Cauchy and Schwarz. *)
Lemma cauchy n f g : sum_below n (fun i => Rabs (f i) * Rabs (g i)) <= norm n f * norm n g.
Proof.
  unfold norm, square_norm. induction n as [|n IH]; cbn [sum_below]; [rewrite sqrt_0; lra|].
  set (A := sum_below n (fun d => f d ^ 2)) in *. set (B := sum_below n (fun d => g d ^ 2)) in *.
  assert (HA : 0 <= A) by (apply sum_below_nonneg; intros; apply pow2_ge_0).
  assert (HB : 0 <= B) by (apply sum_below_nonneg; intros; apply pow2_ge_0).
  pose proof (pow2_ge_0 (f n)) as Pf. pose proof (pow2_ge_0 (g n)) as Pg.
  apply Rle_trans with (sqrt A * sqrt B + Rabs (f n) * Rabs (g n)); [lra|].
  pose proof (sqrt_pos A) as SA. pose proof (sqrt_pos B) as SB.
  pose proof (Rabs_pos (f n)) as Af. pose proof (Rabs_pos (g n)) as Ag.
  replace (sqrt (A + f n ^ 2) * sqrt (B + g n ^ 2)) with (sqrt ((A + f n ^ 2) * (B + g n ^ 2))) by (apply sqrt_mult; lra).
  rewrite <- (sqrt_pow2 (sqrt A * sqrt B + Rabs (f n) * Rabs (g n))).
  2:{ apply Rplus_le_le_0_compat; apply Rmult_le_pos; assumption. }
  apply sqrt_le_1_alt.
  rewrite <- (sqrt_sqrt A HA) at 2. rewrite <- (sqrt_sqrt B HB) at 2.
  rewrite <- (pow2_abs (f n)), <- (pow2_abs (g n)).
  pose proof (pow2_ge_0 (sqrt A * Rabs (g n) - sqrt B * Rabs (f n))). nra.
Qed.

Section Layer.
Variables (N D : nat) (a S_B S_C S_Delta : nat -> nat -> R) (b : nat -> R) (eps : nonnegreal).
Variables (eig size_B size_C low high : R).
Hypothesis Ha : forall d n, (d < D)%nat -> (n < N)%nat -> 0 <= a d n.
Hypothesis Heig : eig < 0.
Hypothesis Hform : forall v, quadratic_form D (form_matrix N S_B S_C) v <= eig * square_norm D v.
Hypothesis HB : forall v, norm N (projection D S_B v) <= size_B * norm D v.
Hypothesis HC : forall v, norm N (projection D S_C v) <= size_C * norm D v.
Hypothesis PB : 0 <= size_B.
Hypothesis PC : 0 <= size_C.
Hypothesis Hlow : 0 < low.

Notation attend X := (layer_attention N D a S_B S_C S_Delta b eps X).
Notation step X k := (channel_step D S_Delta b eps (X k)).
Notation coupling := (high * size_B * size_C).

(** The attention of a token to itself is its step times the form. *)
Lemma own_attention X d l : attend X d l l = step X l d * quadratic_form D (form_matrix N S_B S_C) (X l).
Proof.
  unfold layer_attention. rewrite form_by_states, <- sum_below_scal. apply sum_below_ext. intros n _.
  unfold sum_between. replace (S l - S l)%nat with O by lia. cbn [sum_below].
  replace (- 0 * a d n) with 0 by ring. rewrite exp_0. ring.
Qed.

Lemma other_attention X d l j : (d < D)%nat -> 0 <= step X j d <= high ->
  Rabs (attend X d l j) <= coupling * (norm D (X l) * norm D (X j)).
Proof.
  intros Hd Hs. assert (Hh : 0 <= high) by lra. unfold layer_attention. eapply Rle_trans; [apply sum_below_abs|].
  apply Rle_trans with (sum_below N (fun n => high * (Rabs (projection D S_C (X l) n) * Rabs (projection D S_B (X j) n)))).
  - apply sum_below_le. intros n Hn.
    set (z := sum_between (S j) (S l) (fun k => channel_step D S_Delta b eps (X k) d)).
    assert (Hz : 0 <= z) by (apply sum_below_nonneg; intros; left; apply step_pos).
    assert (E : 0 < exp (- z * a d n) <= 1).
    { split; [apply exp_pos|]. apply exp_le_1. pose proof (Ha d n Hd Hn). nra. }
    set (p := projection D S_C (X l) n). set (q := projection D S_B (X j) n).
    rewrite !Rabs_mult, (Rabs_pos_eq (exp _)), (Rabs_pos_eq (step X j d)) by lra.
    pose proof (Rabs_pos p). pose proof (Rabs_pos q). assert (0 <= Rabs p * Rabs q) by (apply Rmult_le_pos; assumption).
    replace (step X j d * Rabs q * Rabs p * exp (- z * a d n))
      with (step X j d * exp (- z * a d n) * (Rabs p * Rabs q)) by ring.
    apply Rmult_le_compat_r; [assumption|]. rewrite <- (Rmult_1_r high). apply Rmult_le_compat; lra.
  - rewrite sum_below_scal. replace (coupling * (norm D (X l) * norm D (X j)))
      with (high * ((size_C * norm D (X l)) * (size_B * norm D (X j)))) by ring.
    apply Rmult_le_compat_l; [exact Hh|]. eapply Rle_trans; [apply cauchy|].
    apply Rmult_le_compat; try apply sqrt_pos; [apply HC|apply HB].
Qed.

(** The rate of |x_l|^2. *)
Lemma square_rate X l : (forall k d, (k <= l)%nat -> (d < D)%nat -> low <= step X k d <= high) ->
  sum_below D (fun d => 2 * X l d * layer_output N D a S_B S_C S_Delta b eps X d l)
  <= 2 * (eig * low) * square_norm D (X l) ^ 2
     + 2 * coupling * square_norm D (X l) * sum_below l (fun j => square_norm D (X j)).
Proof.
  intros Hs. set (z := fun k => square_norm D (X k)).
  assert (Hz : forall k, 0 <= z k) by (intros k; apply square_norm_nonneg).
  set (Q := quadratic_form D (form_matrix N S_B S_C) (X l)).
  rewrite (sum_below_ext D _ (fun d => 2 * Q * (step X l d * X l d ^ 2)
    + sum_below l (fun j => 2 * (X l d * (attend X d l j * X j d))))).
  2:{ intros d _. rewrite layer_output_attended. cbn [sum_below]. rewrite own_attention. fold Q.
      rewrite (sum_below_ext l (fun j => 2 * (X l d * (attend X d l j * X j d)))
        (fun j => 2 * X l d * (attend X d l j * X j d))) by (intros; ring).
      rewrite sum_below_scal.
      rewrite (sum_below_ext l (fun j => X j d * attend X d l j) (fun j => attend X d l j * X j d)) by (intros; ring).
      ring. }
  rewrite sum_below_plus, sum_below_scal, (sum_below_swap D l). apply Rplus_le_compat.
  - set (W := sum_below D (fun d => step X l d * X l d ^ 2)).
    assert (HW : low * z l <= W).
    { unfold z, square_norm. rewrite <- sum_below_scal. apply sum_below_le. intros d Hd.
      apply Rmult_le_compat_r; [apply pow2_ge_0|]. now apply Hs. }
    pose proof (Hform (X l)) as HQ. fold Q (z l) in HQ. specialize (Hz l). change (square_norm D (X l)) with (z l).
    assert (0 <= low * z l) by (apply Rmult_le_pos; lra).
    assert (Q * W <= eig * z l * (low * z l)); [|nra].
    assert (0 <= - Q) by nra. assert (- eig * z l * (low * z l) <= - Q * W); [|lra].
    apply Rmult_le_compat; [apply Rmult_le_pos| | |]; lra.
  - rewrite <- sum_below_scal. apply sum_below_le. intros j Hj. cbv beta. rewrite sum_below_scal.
    apply Rle_trans with (2 * (coupling * (z l * z j))); [|right; unfold z; ring].
    apply Rmult_le_compat_l; [lra|].
    set (c := coupling * (norm D (X l) * norm D (X j))).
    apply Rle_trans with (sum_below D (fun d => c * (Rabs (X l d) * Rabs (X j d)))).
    + apply sum_below_le. intros d Hd. eapply Rle_trans; [apply Rle_abs|]. rewrite !Rabs_mult.
      pose proof (Hs j d ltac:(lia) Hd). pose proof (other_attention X d l j Hd ltac:(lra)) as A. fold c in A.
      pose proof (Rabs_pos (X l d)). pose proof (Rabs_pos (X j d)).
      replace (Rabs (X l d) * (Rabs (attend X d l j) * Rabs (X j d)))
        with (Rabs (attend X d l j) * (Rabs (X l d) * Rabs (X j d))) by ring.
      apply Rmult_le_compat_r; [apply Rmult_le_pos; assumption|exact A].
    + rewrite sum_below_scal. destruct (Nat.eq_dec D 0) as [ED|ND].
      * subst D. cbn [sum_below]. rewrite Rmult_0_r. unfold z, square_norm. cbn [sum_below]. lra.
      * assert (Hc : 0 <= c).
        { pose proof (Hs j O ltac:(lia) ltac:(lia)). unfold c.
          repeat apply Rmult_le_pos; try apply sqrt_pos; lra. }
        apply Rle_trans with (c * (norm D (X l) * norm D (X j))); [apply Rmult_le_compat_l; [exact Hc|apply cauchy]|].
        right. unfold c, z. rewrite <- !norm_square. ring.
Qed.

Section Flow.
Variables (L : nat) (T : Rbar) (x : nat -> nat -> R -> R).
Hypothesis sol : layer_solution N D a S_B S_C S_Delta b eps L T x.
Hypothesis Hsteps : forall l d t, (l < L)%nat -> (d < D)%nat -> 0 <= t -> Rbar_lt t T ->
  low <= channel_step D S_Delta b eps (fun e => x l e t) d <= high.

Definition square_at (l : nat) (t : R) : R := square_norm D (fun d => x l d t).

Notation before := (constants_before eig size_B size_C low high (fun l => square_norm D (fun d => x l d 0))).
Notation constant l := (Rmax (square_norm D (fun d => x l d 0))
  ((1 + 2 * high * size_B * size_C * before l) / (2 * low * Rabs eig))).

Lemma square_at_evolves l : (l < L)%nat -> evolves T (square_at l)
  (fun t => sum_below D (fun d => 2 * x l d t * layer_output N D a S_B S_C S_Delta b eps (fun k e => x k e t) d l)).
Proof.
  intros Hl. apply (evolves_sum T D (fun d t => x l d t ^ 2)
    (fun d t => 2 * x l d t * layer_output N D a S_B S_C S_Delta b eps (fun k e => x k e t) d l)).
  intros d Hd. exact (evolves_sq T _ _ (sol l d Hl Hd)).
Qed.

Lemma square_at_nonneg l t : 0 <= square_at l t.
Proof. apply square_norm_nonneg. Qed.

Lemma before_sum l : before l = sum_below l (fun j => constant j).
Proof. induction l as [|k IH]; [reflexivity|]. cbn [constants_before sum_below]. now rewrite <- IH. Qed.

Lemma square_bound l : (l < L)%nat -> forall t, 0 <= t -> Rbar_lt t T -> square_at l t * (1 + t) <= constant l.
Proof.
  induction l as [l IH] using lt_wf_ind. intros Hl t Ht HT.
  assert (Hone : evolves T (fun t => 1 + t) (fun _ => 1)).
  { apply evolves_nonneg. intros u _. auto_derive; [exact I|ring]. }
  apply (barrier T _ _ (constant l) (evolves_mult T _ _ _ _ (square_at_evolves l Hl) Hone)); [| |exact Ht|exact HT].
  - rewrite Rplus_0_r, Rmult_1_r. apply Rmax_l.
  - intros u Hu HuT Above. set (X := fun k e => x k e u).
    assert (Rate := square_rate X l).
    assert (Hs : forall k d, (k <= l)%nat -> (d < D)%nat -> low <= step X k d <= high).
    { intros k d Hk Hd. apply (Hsteps k d u); (lia || lra || assumption). }
    specialize (Rate Hs). change (square_norm D (X l)) with (square_at l u) in Rate.
    change (fun j => square_norm D (X j)) with (fun j => square_at j u) in Rate.
    set (z := square_at l u) in *. set (rate := sum_below D (fun d => 2 * X l d * layer_output N D a S_B S_C S_Delta b eps X d l)) in *.
    assert (Hz : 0 <= z) by apply square_at_nonneg.
    assert (Hsum : sum_below l (fun j => square_at j u) * (1 + u) <= before l).
    { rewrite before_sum, <- sum_below_scal_r. apply sum_below_le. intros j Hj. apply IH; (lia || lra || assumption). }
    assert (Hlam : 0 < 2 * low * Rabs eig) by (rewrite Rabs_left by lra; nra).
    assert (Big : 1 + 2 * high * size_B * size_C * before l <= 2 * low * Rabs eig * (z * (1 + u))).
    { apply Rle_trans with (2 * low * Rabs eig * ((1 + 2 * high * size_B * size_C * before l) / (2 * low * Rabs eig))).
      - right. field. rewrite Rabs_left by lra. split; lra.
      - apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply Rmax_r|]. left. exact Above. }
    rewrite (Rabs_left eig) in Big by lra. rewrite Rmult_1_r.
    set (sum := sum_below l (fun j => square_at j u)) in *.
    destruct (Nat.eq_dec D 0) as [ED|ND].
    { assert (Zz : z = 0) by (unfold z, square_at, square_norm; rewrite ED; reflexivity).
      assert (Zr : rate = 0) by (unfold rate; rewrite ED; reflexivity).
      change (rate * (1 + u) + z <= 0). rewrite Zr, Zz, Rmult_0_l. lra. }
    assert (Hc : 0 <= coupling).
    { pose proof (Hs l O (le_n _) ltac:(lia)). repeat apply Rmult_le_pos; lra. }
    change (rate * (1 + u) + z <= 0).
    apply Rle_trans with ((2 * (eig * low) * z ^ 2 + 2 * coupling * z * sum) * (1 + u) + z).
    + apply Rplus_le_compat_r. apply Rmult_le_compat_r; [lra|exact Rate].
    + replace ((2 * (eig * low) * z ^ 2 + 2 * coupling * z * sum) * (1 + u) + z)
        with (z * (1 + 2 * coupling * (sum * (1 + u)) - 2 * low * - eig * (z * (1 + u)))) by ring.
      assert (coupling * (sum * (1 + u)) <= coupling * before l) by (apply Rmult_le_compat_l; assumption).
      assert (1 + 2 * coupling * (sum * (1 + u)) - 2 * low * - eig * (z * (1 + u)) <= 0); [|nra].
      assert (2 * high * size_B * size_C * before l = 2 * (coupling * before l)) by ring. lra.
Qed.

Lemma entry_square l d t : (d < D)%nat -> x l d t ^ 2 <= square_at l t.
Proof. apply (square_le_norm D (fun d => x l d t)). Qed.
End Flow.
End Layer.

Theorem definite_all_tokens : definite_all_tokens_statement.
Proof.
  intros N D a S_B S_C S_Delta b e0 L T x eig size_B size_C low high [eps <-]%as_floor Ha Heig Hform PB PC HB HC sol Hlow Hsteps before.
  pose proof (square_bound N D a S_B S_C S_Delta b eps eig size_B size_C low high Ha Heig Hform HB HC PB PC Hlow
    L T x sol Hsteps) as Bound.
  assert (Main : forall l t, (l < L)%nat -> 0 <= t -> Rbar_lt t T -> square_at D x l t <=
    Rmax (square_norm D (fun d => x l d 0)) ((1 + 2 * high * size_B * size_C * before l) / (2 * low * Rabs eig)) / (1 + t)).
  { intros l t Hl Ht HT. specialize (Bound l Hl t Ht HT). apply (Rmult_le_reg_r (1 + t)); [lra|].
    set (K := Rmax _ _) in *. replace (K / (1 + t) * (1 + t)) with K by (field; lra). exact Bound. }
  split; [exact (fun l t Hl => Main l t Hl)|]. split.
  - intros Hmax.
    apply (bounded_lives (L * D) (layer_field N D a S_B S_C S_Delta b eps) T (flat D x)
      (layer_field_lipschitz N D a S_B S_C S_Delta b eps L) (layer_outlives N D a S_B S_C S_Delta b eps L T x Hmax)).
    intros j Hj T0 ET. destruct (place_of D L j Hj) as (Hl & Hd & _).
    set (l := (j / D)%nat) in *. set (d := (j mod D)%nat) in *.
    set (K := Rmax (square_norm D (fun d => x l d 0)) ((1 + 2 * high * size_B * size_C * before l) / (2 * low * Rabs eig))) in *.
    assert (HK : 0 <= K) by (eapply Rle_trans; [apply square_norm_nonneg|apply Rmax_l]).
    exists (1 + K). intros t Ht HtT. specialize (Main l t Hl Ht ltac:(rewrite ET; exact HtT)). fold K in Main.
    pose proof (entry_square D x l d t Hd) as Hx.
    assert (K / (1 + t) <= K).
    { apply (Rmult_le_reg_r (1 + t)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra. }
    change (Rabs (x l d t) <= 1 + K). rewrite <- pow2_abs in Hx. pose proof (Rabs_pos (x l d t)). nra.
  - intros -> l d Hl Hd.
    set (K := Rmax (square_norm D (fun d => x l d 0)) ((1 + 2 * high * size_B * size_C * before l) / (2 * low * Rabs eig))) in *.
    assert (HK : 0 <= K) by (eapply Rle_trans; [apply square_norm_nonneg|apply Rmax_l]).
    apply is_lim_spec. intros tol. pose proof (cond_pos tol) as He. assert (Pe : 0 < tol ^ 2) by now apply pow_lt.
    exists (K / tol ^ 2). intros t Ht.
    assert (P0 : 0 <= K / tol ^ 2) by (apply Rdiv_le_0_compat; assumption).
    specialize (Main l t Hl ltac:(lra) I). fold K in Main. pose proof (entry_square D x l d t Hd) as Hx.
    rewrite Rminus_0_r. rewrite <- (Rabs_pos_eq tol) by lra. apply Rabs_lt_of_sq.
    eapply Rle_lt_trans; [exact Hx|]. eapply Rle_lt_trans; [exact Main|].
    apply (Rmult_lt_reg_r (1 + t)); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. rewrite Rmult_1_r.
    apply (Rmult_lt_compat_r (tol ^ 2)) in Ht; [|exact Pe]. unfold Rdiv in Ht. rewrite Rmult_assoc, Rinv_l in Ht by lra. nra.
Qed.
