(** A token that inherits a growth rate of the order of 1/t from shares with a
    positive sum tends to 0, whatever the signs of the mu_n.

    Proves no registry theorem by itself; StateConvergence.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Softplus Sums GrowthRate Signs.
Open Scope R_scope.

(** r' = r G with r > 0: if late enough G <= 0 as long as r >= tol, and G <= -c < 0 as long as r is
    between tol and R, then r tends to 0. *)
Lemma vanish (r G : R -> R) :
  evolves p_infty r (fun t => r t * G t) -> (forall t, 0 <= t -> 0 < r t) ->
  (forall tol, 0 < tol -> exists t1, forall t, t1 < t -> tol <= r t -> G t <= 0) ->
  (forall tol R, 0 < tol -> exists c t1, 0 < c /\ forall t, t1 < t -> tol <= r t -> r t <= R -> G t <= - c) ->
  is_lim r p_infty 0.
Proof.
  intros Er Hr H1 H2. apply is_lim_spec. intros [e He]. simpl.
  set (tol := e / 2). assert (Heps : 0 < tol) by (unfold tol; lra).
  destruct (H1 tol Heps) as [t1 Ht1].
  (* below tol: stays there *)
  assert (Stay : forall u, 0 <= u -> t1 < u -> r u <= tol -> forall t, u <= t -> r t <= tol).
  { intros u Hu Hu1 Hru t Ht. apply (barrier_from p_infty r _ tol u Er Hu Hru); [|exact Ht|exact I].
    intros v Hv _ Hgt. pose proof (Hr v ltac:(lra)). specialize (Ht1 v ltac:(lra) ltac:(lra)). nra. }
  (* bounded by R from time u1 on *)
  set (u1 := Rmax 0 t1 + 1). assert (Hu1 : 0 < u1 /\ t1 < u1).
  { unfold u1. pose proof (Rmax_l 0 t1). pose proof (Rmax_r 0 t1). lra. }
  set (R := Rmax (r u1) tol).
  assert (Bd : forall t, u1 <= t -> r t <= R).
  { intros t Ht. apply (barrier_from p_infty r _ R u1 Er ltac:(lra) (Rmax_l _ _)); [|exact Ht|exact I].
    intros v Hv _ Hgt. pose proof (Hr v ltac:(lra)). pose proof (Rmax_r (r u1) tol). fold R in H0.
    specialize (Ht1 v ltac:(lra) ltac:(lra)). nra. }
  destruct (H2 tol R Heps) as (c & t2 & Hc & Ht2).
  set (u2 := Rmax u1 t2 + 1). assert (Hu2 : u1 < u2 /\ t2 < u2).
  { unfold u2. pose proof (Rmax_l u1 t2). pose proof (Rmax_r u1 t2). lra. }
  (* it falls below tol at the latest at time u3 *)
  set (u3 := u2 + R ^ 2 / (2 * c * tol ^ 2)).
  assert (HR : 0 < R) by (unfold R; pose proof (Rmax_r (r u1) tol); lra).
  assert (Pe : 0 < tol ^ 2) by (apply pow_lt; exact Heps).
  assert (Hu3 : u2 < u3).
  { unfold u3. assert (0 < R ^ 2 / (2 * c * tol ^ 2)); [|lra].
    apply Rdiv_lt_0_compat; [apply pow_lt; exact HR|pos]. }
  assert (Fall : exists u, u2 <= u /\ r u <= tol).
  { destruct (Classical_Prop.classic (exists u, u2 <= u /\ r u <= tol)) as [|Hn]; [assumption|exfalso].
    assert (Big : forall u, u2 <= u -> tol < r u).
    { intros u Hu. apply Rnot_le_lt. intros Hle. apply Hn. now exists u. }
    pose proof (decr_on p_infty _ _ u2 u3 (evolves_weighted p_infty r G (2 * c) Er) ltac:(lra) ltac:(lra) I) as Dc.
    cbv beta in Dc.
    assert (Dc' : r u3 ^ 2 * exp (2 * c * u3) <= r u2 ^ 2 * exp (2 * c * u2)).
    { apply Dc. intros u Hu. pose proof (Big u ltac:(lra)). pose proof (Bd u ltac:(lra)).
      specialize (Ht2 u ltac:(lra) ltac:(lra) ltac:(lra)).
      assert (0 <= r u ^ 2 * exp (2 * c * u)) by (apply Rmult_le_pos; [apply pow2_ge_0|left; apply exp_pos]).
      nra. }
    set (z := R ^ 2 / tol ^ 2).
    assert (Ez : exp (2 * c * u3) = exp (2 * c * u2) * exp z).
    { rewrite <- exp_plus. f_equal. unfold z, u3. field. lra. }
    rewrite Ez in Dc'.
    assert (A1 : tol ^ 2 <= r u3 ^ 2) by (apply pow_incr; pose proof (Big u3 ltac:(lra)); lra).
    assert (A2 : r u2 ^ 2 <= R ^ 2).
    { apply pow_incr. pose proof (Big u2 ltac:(lra)). pose proof (Bd u2 ltac:(lra)). lra. }
    pose proof (exp_ineq1_le z) as Z. pose proof (exp_pos (2 * c * u2)) as Ep.
    assert (A3 : r u3 ^ 2 * exp z <= r u2 ^ 2).
    { apply (Rmult_le_reg_l (exp (2 * c * u2))); [exact Ep|]. lra. }
    assert (Hz : 0 < z) by (apply Rdiv_lt_0_compat; [apply pow_lt; exact HR|exact Pe]).
    assert (A4 : tol ^ 2 * (1 + z) <= r u3 ^ 2 * exp z) by (apply Rmult_le_compat; lra).
    replace (tol ^ 2 * (1 + z)) with (tol ^ 2 + R ^ 2) in A4 by (unfold z; field; lra). lra. }
  destruct Fall as (u & Hu & Hru). exists u. intros t Ht.
  pose proof (Stay u ltac:(lra) ltac:(lra) Hru t ltac:(lra)). pose proof (Hr t ltac:(lra)).
  rewrite Rminus_0_r, Rabs_pos_eq by lra. unfold tol in *. lra.
Qed.

(** Finitely many eventual properties hold together. *)
Lemma eventually_all N (P : nat -> R -> Prop) :
  (forall n, (n < N)%nat -> exists t0, forall t, t0 < t -> P n t) ->
  exists t0, forall t, t0 < t -> forall n, (n < N)%nat -> P n t.
Proof.
  intros H. induction N as [|N IH]; [exists 0; intros; lia|].
  destruct IH as [t0 H0]; [intros; apply H; lia|]. destruct (H N (le_n _)) as [t1 H1].
  exists (Rmax t0 t1). intros t Ht n Hn. pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
  destruct (Nat.eq_dec n N) as [->|Nn]; [apply H1; lra|apply H0; [lra|lia]].
Qed.

Section Vanish.
Variables (N : nat) (a mu : nat -> R) (s b : R) (eps : nonnegreal) (L : nat) (x : nat -> R -> R) (l : nat).
Notation F := (growth_rate N a mu s b eps).
Notation M := (sum_below N mu).
Notation D := (Delta s b eps).
Hypothesis Ha : forall n, (n < N)%nat -> 0 <= a n.
Hypothesis HM : M < 0.
Hypothesis Hs : solution N a mu s b eps L p_infty x.
Hypothesis Hl : (l < L)%nat.
Hypothesis Nz : x l 0 <> 0.
Variable p : nat -> R.
Notation P n t := (-2 * t * inherited a mu s b eps (fun k => x k t) l n).
Hypothesis Hp : forall n, is_lim (fun t => P n t) p_infty (p n).
Hypothesis Hsum : 0 < sum_below N p.

Let W := sum_below N (fun n => a n * (Rabs (p n) + 1)).
Let K := sum_below N (fun n => Rabs (p n) + 1).
Let carry (t : R) : R := carried N a mu s b eps (fun k => x k t) l.

Lemma W_nonneg : 0 <= W.
Proof.
  apply sum_below_nonneg. intros n Hn. apply Rmult_le_pos; [now apply Ha|]. pose proof (Rabs_pos (p n)). lra.
Qed.

Lemma K_nonneg : 0 <= K.
Proof. apply sum_below_nonneg. intros n Hn. pose proof (Rabs_pos (p n)). lra. Qed.

(** Late enough: -2 t carried >= sum p_n / 2 - W Delta(x_l), and >= -K. *)
Lemma carried_late : exists t0, 0 < t0 /\ forall t, t0 < t ->
  sum_below N p / 2 - W * D (x l t) <= -2 * t * carry t /\ - K <= -2 * t * carry t.
Proof.
  destruct (eventually_all N (fun n t => Rabs (P n t) <= Rabs (p n) + 1)) as [t0 H0].
  { intros n _. pose proof (Hp n) as H. apply is_lim_spec in H.
    destruct (H (mkposreal 1 Rlt_0_1)) as [t0 Ht0]. simpl in Ht0. exists t0. intros t Ht.
    specialize (Ht0 t Ht). pose proof (Rabs_triang_inv (P n t) (p n)). lra. }
  pose proof (sum_below_lim N (fun n t => P n t) p p_infty (fun n _ => Hp n)) as HS.
  apply is_lim_spec in HS. assert (H2 : 0 < sum_below N p / 2) by lra.
  destruct (HS (mkposreal _ H2)) as [t1 Ht1]. cbn [pos] in Ht1.
  exists (Rmax 0 (Rmax t0 t1) + 1).
  pose proof (Rmax_l 0 (Rmax t0 t1)). pose proof (Rmax_r 0 (Rmax t0 t1)).
  pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
  split; [lra|]. intros t Ht.
  specialize (H0 t ltac:(lra)). specialize (Ht1 t ltac:(lra)). apply Rabs_def2 in Ht1.
  assert (E : -2 * t * carry t = sum_below N (fun n => exp (- a n * D (x l t)) * P n t)).
  { unfold carry, carried. rewrite <- sum_below_scal. apply sum_below_ext. intros n _. ring. }
  pose proof (Delta_pos s b eps (x l t)) as Dp. rewrite E. split.
  - apply Rle_trans with (sum_below N (fun n => P n t) + sum_below N (fun n => - (D (x l t)) * (a n * (Rabs (p n) + 1)))).
    + rewrite (sum_below_scal N (- D (x l t))). fold W. lra.
    + rewrite <- sum_below_plus. apply sum_below_le. intros n Hn. specialize (H0 n Hn).
      pose proof (exp_ineq1_le (- a n * D (x l t))) as Q1.
      pose proof (decay_le_1 (a n) s b eps (x l t) (Ha n Hn)) as Q2.
      assert (Q3 : 0 <= a n * D (x l t)) by (apply Rmult_le_pos; [now apply Ha|lra]).
      set (w := exp (- a n * D (x l t))) in *. set (pn := P n t) in *.
      assert (Q4 : - (a n * D (x l t) * Rabs pn) <= (w - 1) * pn).
      { assert (H5 : Rabs ((w - 1) * pn) <= a n * D (x l t) * Rabs pn).
        { rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply Rabs_le. lra. }
        apply Rabs_le_between in H5. lra. }
      assert (Q5 : a n * D (x l t) * Rabs pn <= a n * D (x l t) * (Rabs (p n) + 1)) by (apply Rmult_le_compat_l; lra).
      lra.
  - unfold K. replace (- sum_below N (fun n => Rabs (p n) + 1)) with (sum_below N (fun n => -1 * (Rabs (p n) + 1)))
      by (rewrite sum_below_scal; ring).
    apply sum_below_le. intros n Hn. specialize (H0 n Hn).
    pose proof (decay_le_1 (a n) s b eps (x l t) (Ha n Hn)) as Q2.
    pose proof (exp_pos (- a n * D (x l t))) as Q1. set (w := exp (- a n * D (x l t))) in *.
    assert (HA : Rabs (w * P n t) <= 1 * (Rabs (p n) + 1)).
    { rewrite Rabs_mult, (Rabs_pos_eq w) by lra. apply Rmult_le_compat; [lra|apply Rabs_pos|exact Q2|exact H0]. }
    apply Rabs_le_between in HA. lra.
Qed.

Let d0 := sum_below N p / 2 / (W + 1).

Lemma d0_pos : 0 < d0.
Proof. unfold d0. pose proof W_nonneg. apply Rdiv_lt_0_compat; lra. Qed.

(** Small steps: the inherited part is not positive.  Large steps: it is at most K/(2t). *)
Lemma growth_late : exists t0, 0 < t0 /\ forall t, t0 < t ->
  (D (x l t) <= d0 -> F (fun k => x k t) l <= M * x l t ^ 2 * D (x l t)) /\
  (d0 < D (x l t) -> F (fun k => x k t) l <= K / (2 * t) + M * x l t ^ 2 * d0).
Proof.
  destruct carried_late as (t0 & Ht0 & H). exists t0. split; [exact Ht0|]. intros t Ht.
  destruct (H t Ht) as [H1 H2]. pose proof W_nonneg as HW. rewrite growth_rate_split. fold (carry t).
  split; intros Hd.
  - assert (W * D (x l t) <= sum_below N p / 2).
    { apply Rle_trans with (W * d0); [now apply Rmult_le_compat_l|].
      unfold d0. apply (Rmult_le_reg_r (W + 1)); [lra|].
      replace (W * (sum_below N p / 2 / (W + 1)) * (W + 1)) with (W * (sum_below N p / 2)) by (field; lra). nra. }
    assert (carry t <= 0); [|lra]. apply Rnot_lt_le. intros Hc. nra.
  - assert (carry t <= K / (2 * t)).
    { apply (Rmult_le_reg_r (2 * t)); [lra|]. replace (K / (2 * t) * (2 * t)) with K by (field; lra). lra. }
    pose proof (pow2_ge_0 (x l t)). assert (M * x l t ^ 2 <= 0) by nra. nra.
Qed.

(** The own term beats K/(2t) once |x_l| >= tol and t is large. *)
Lemma own_beats tol : 0 < tol -> exists t1, 0 < t1 /\ forall t, t1 < t -> tol <= Rabs (x l t) ->
  K / (2 * t) + M * x l t ^ 2 * d0 <= M * tol ^ 2 * (d0 / 2).
Proof.
  intros He. pose proof d0_pos as Hd. pose proof K_nonneg as HK.
  assert (Pe : 0 < tol ^ 2) by (apply pow_lt; exact He).
  set (g := - M * tol ^ 2 * d0). assert (Hg : 0 < g) by (unfold g; apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; lra).
  exists (K / g + 1). assert (0 <= K / g) by (apply Rdiv_le_0_compat; lra). split; [lra|]. intros t Ht Hx.
  assert (K / (2 * t) <= g / 2).
  { apply (Rmult_le_reg_r (2 * t)); [lra|]. replace (K / (2 * t) * (2 * t)) with K by (field; lra).
    assert (K / g < t) as Ht' by lra. apply (Rmult_lt_compat_l g) in Ht'; [|exact Hg].
    replace (g * (K / g)) with K in Ht' by (field; lra). lra. }
  assert (tol ^ 2 <= x l t ^ 2) by (rewrite <- (pow2_abs (x l t)); apply pow_incr; lra).
  assert (- M * d0 * tol ^ 2 <= - M * d0 * x l t ^ 2).
  { apply Rmult_le_compat_l; [|assumption]. apply Rmult_le_pos; lra. }
  unfold g in *. lra.
Qed.

Lemma token_vanishes : is_lim (x l) p_infty 0.
Proof.
  destruct (abs_sign N a mu s b eps L p_infty x l Hs Hl Nz) as (e & He & Habs).
  assert (Ae : forall t, 0 <= t -> Rabs (x l t) = e * x l t) by (intros t Ht; now apply Habs).
  destruct growth_late as (t0 & Ht0 & HG). pose proof d0_pos as Hd.
  assert (Lr : is_lim (fun t => e * x l t) p_infty 0).
  { apply (vanish (fun t => e * x l t) (fun t => F (fun k => x k t) l)).
    - exact (evolves_scal p_infty e _ _ (solution_evolves N a mu s b eps L p_infty x l Hs Hl)).
    - intros t Ht. rewrite <- Ae by exact Ht. apply Rabs_pos_lt.
      apply (token_nonzero N a mu s b eps L p_infty x l Hs Hl Nz t Ht I).
    - intros tol Heps. destruct (own_beats tol Heps) as (t1 & Ht1 & Hb).
      exists (Rmax t0 t1). intros t Ht Hx. pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
      rewrite <- Ae in Hx by lra. destruct (HG t ltac:(lra)) as [G1 G2].
      destruct (Rle_lt_dec (D (x l t)) d0) as [Hsm|Hlg].
      + specialize (G1 Hsm). pose proof (sq_Delta_nonneg s b eps (x l t)). rewrite Rmult_assoc in G1. nra.
      + specialize (G2 Hlg). specialize (Hb t ltac:(lra) Hx).
        assert (0 < tol ^ 2) by (apply pow_lt; exact Heps).
        assert (0 < - M * tol ^ 2 * (d0 / 2)) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; lra). lra.
    - intros tol R Heps. destruct (own_beats tol Heps) as (t1 & Ht1 & Hb).
      assert (Pe : 0 < tol ^ 2) by (apply pow_lt; exact Heps).
      set (dl := (softplus (b - Rabs s * R) + eps)). assert (Hdl : 0 < dl) by apply step_pos.
      exists (- M * tol ^ 2 * Rmin dl (d0 / 2)), (Rmax t0 t1).
      pose proof (Rmin_l dl (d0 / 2)). pose proof (Rmin_r dl (d0 / 2)).
      assert (0 < Rmin dl (d0 / 2)) by (apply Rmin_glb_lt; lra).
      assert (HMe : 0 < - M * tol ^ 2) by (apply Rmult_lt_0_compat; lra).
      split; [now apply Rmult_lt_0_compat|].
      intros t Ht Hx HR. pose proof (Rmax_l t0 t1). pose proof (Rmax_r t0 t1).
      rewrite <- Ae in Hx, HR by lra. destruct (HG t ltac:(lra)) as [G1 G2].
      destruct (Rle_lt_dec (D (x l t)) d0) as [Hsm|Hlg].
      + specialize (G1 Hsm). pose proof (Delta_lower s b eps (x l t) R HR) as DL. fold dl in DL.
        assert (tol ^ 2 <= x l t ^ 2) by (rewrite <- (pow2_abs (x l t)); apply pow_incr; lra).
        assert (tol ^ 2 * Rmin dl (d0 / 2) <= x l t ^ 2 * D (x l t)) by (apply Rmult_le_compat; lra).
        assert (- M * (tol ^ 2 * Rmin dl (d0 / 2)) <= - M * (x l t ^ 2 * D (x l t))) by (apply Rmult_le_compat_l; lra).
        lra.
      + specialize (G2 Hlg). specialize (Hb t ltac:(lra) Hx).
        assert (- M * tol ^ 2 * Rmin dl (d0 / 2) <= - M * tol ^ 2 * (d0 / 2)) by (apply Rmult_le_compat_l; lra).
        lra. }
  apply (is_lim_ext_loc (fun t => e * (e * x l t))).
  { exists 0. intros t _. rewrite <- Rmult_assoc, He. ring. }
  replace (Finite 0) with (Rbar_mult e 0) by (simpl; f_equal; ring). now apply is_lim_scal_l.
Qed.
End Vanish.
