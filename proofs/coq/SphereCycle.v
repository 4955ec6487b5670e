(** sphere-cycle: three channels in a cycle, M = -1, on |x| = 1.

    A limit would be a point at which no share grows: the centre or nothing.  At
    the centre the product of the shares of the entries is largest, and it falls. *)

From Coq Require Import Reals Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Normalised Statements Calculus Evolution Barrier Softplus Sums Limits.
From S6Flow Require Import LipschitzField VectorToken VectorFlow Direction Sphere SphereFlow.
Open Scope R_scope.

Definition even_part (z : R) : R := softplus z - z / 2.

Lemma sigmoid_half z : (sigmoid z - / 2) ^ 2 <= z ^ 2 / 16.
Proof.
  assert (Der : forall y, is_derive sigmoid y (sigmoid y * (1 - sigmoid y))).
  { intros y. pose proof (exp_pos y). unfold sigmoid. auto_derive; [lra|field; lra]. }
  assert (S0 : sigmoid 0 = / 2) by (unfold sigmoid; rewrite exp_0; lra).
  destruct (MVT_gen sigmoid 0 z (fun y => sigmoid y * (1 - sigmoid y))) as (c & _ & E).
  - intros y _. apply Der.
  - intros y _. apply continuity_pt_filterlim. eapply continuous_of_derive. apply Der.
  - rewrite S0, Rminus_0_r in E. rewrite E. set (q := sigmoid c * (1 - sigmoid c)).
    assert (Q : 0 <= q <= / 4).
    { pose proof (sigmoid_range c). unfold q. split; [apply Rmult_le_pos; lra|]. pose proof (pow2_ge_0 (sigmoid c - / 2)). nra. }
    replace ((q * z) ^ 2) with (q ^ 2 * z ^ 2) by ring. pose proof (pow2_ge_0 z).
    assert (q ^ 2 <= / 16) by nra. nra.
Qed.

Lemma even_part_close u v Z : u ^ 2 <= Z -> v ^ 2 <= Z -> (even_part u - even_part v) ^ 2 <= Z / 16 * (u - v) ^ 2.
Proof.
  intros Hu Hv.
  assert (Der : forall y, is_derive even_part y (sigmoid y - / 2)).
  { intros y. unfold even_part. apply (is_derive_minus softplus (fun y => y / 2) y); [apply softplus_derive|]. auto_derive; [exact I|field]. }
  destruct (MVT_gen even_part v u (fun y => sigmoid y - / 2)) as (c & Hc & E).
  - intros y _. apply Der.
  - intros y _. apply continuity_pt_filterlim. eapply continuous_of_derive. apply Der.
  - rewrite E. pose proof (sigmoid_half c) as H. pose proof (pow2_ge_0 (u - v)).
    assert (Hcc : c ^ 2 <= Z).
    { assert (c ^ 2 <= u ^ 2 \/ c ^ 2 <= v ^ 2); [|lra]. unfold Rmin, Rmax in Hc. destruct (Rle_dec v u).
      - destruct (Rle_lt_dec 0 c); [left|right]; nra.
      - destruct (Rle_lt_dec 0 c); [right|left]; nra. }
    replace (((sigmoid c - / 2) * (u - v)) ^ 2) with ((sigmoid c - / 2) ^ 2 * (u - v) ^ 2) by ring.
    apply Rmult_le_compat_r; lra.
Qed.

(** Cauchy and Schwarz for three numbers. *)
Lemma cauchy3 a b c u v w : (a * u + b * v + c * w) ^ 2 <= (a ^ 2 + b ^ 2 + c ^ 2) * (u ^ 2 + v ^ 2 + w ^ 2).
Proof. pose proof (pow2_ge_0 (a * v - b * u)). pose proof (pow2_ge_0 (a * w - c * u)). pose proof (pow2_ge_0 (b * w - c * v)). nra. Qed.

Section Octant.
Variables (k kappa : R).
Hypothesis Hkappa : 0 < kappa.
Hypothesis Hk : kappa < k.
Hypothesis small : (kappa ^ 2 + 2 * k ^ 2) * (kappa ^ 2 + 3 * k ^ 2) < 4 * kappa ^ 2.
Variables (x y w : R).
Hypothesis unit : x ^ 2 + y ^ 2 + w ^ 2 = 1.

Notation zx := (k * (w - y) - kappa * x).
Notation zy := (k * (x - w) - kappa * y).
Notation zw := (k * (y - x) - kappa * w).

Lemma drive_bound a b c : a ^ 2 + b ^ 2 + c ^ 2 = 1 -> (k * (c - b) - kappa * a) ^ 2 <= kappa ^ 2 + 2 * k ^ 2.
Proof.
  intros H. pose proof (cauchy3 (- kappa) (- k) k a b c) as C. rewrite H in C.
  replace (- kappa * a + - k * b + k * c) with (k * (c - b) - kappa * a) in C by ring.
  replace (((- kappa) ^ 2 + (- k) ^ 2 + k ^ 2) * 1) with (kappa ^ 2 + 2 * k ^ 2) in C by ring. exact C.
Qed.

(** The product of the shares of the entries falls. *)
Lemma product_rate : 0 <= (x + y + w - 3 * x) * softplus zx + (x + y + w - 3 * y) * softplus zy + (x + y + w - 3 * w) * softplus zw.
Proof.
  set (Y := x + y + w). set (q := 3 - Y ^ 2). set (zb := - kappa * Y / 3). set (Z := kappa ^ 2 + 2 * k ^ 2).
  assert (Hq : 0 <= q).
  { unfold q, Y. pose proof (pow2_ge_0 (x - y)). pose proof (pow2_ge_0 (y - w)). pose proof (pow2_ge_0 (x - w)). nra. }
  assert (HY : Y ^ 2 <= 3) by (unfold q in Hq; lra).
  assert (Zb : zb ^ 2 <= Z).
  { unfold zb, Z. pose proof (pow2_ge_0 k). pose proof (pow2_ge_0 kappa). replace ((- kappa * Y / 3) ^ 2) with (kappa ^ 2 * (Y ^ 2 / 9)) by field. nra. }
  pose proof (even_part_close zx zb Z (drive_bound x y w unit) Zb) as E1.
  pose proof (even_part_close zy zb Z (drive_bound y w x ltac:(lra)) Zb) as E2.
  pose proof (even_part_close zw zb Z (drive_bound w x y ltac:(lra)) Zb) as E3.
  set (v1 := even_part zx - even_part zb) in *. set (v2 := even_part zy - even_part zb) in *. set (v3 := even_part zw - even_part zb) in *.
  pose proof (cauchy3 (Y - 3 * x) (Y - 3 * y) (Y - 3 * w) v1 v2 v3) as C.
  set (B := (Y - 3 * x) * v1 + (Y - 3 * y) * v2 + (Y - 3 * w) * v3) in *.
  assert (U : (Y - 3 * x) ^ 2 + (Y - 3 * y) ^ 2 + (Y - 3 * w) ^ 2 = 3 * q).
  { unfold q. replace ((Y - 3 * x) ^ 2 + (Y - 3 * y) ^ 2 + (Y - 3 * w) ^ 2) with (3 * Y ^ 2 - 6 * Y * (x + y + w) + 9 * (x ^ 2 + y ^ 2 + w ^ 2)) by ring.
    rewrite unit. fold Y. ring. }
  assert (V : (zx - zb) ^ 2 + (zy - zb) ^ 2 + (zw - zb) ^ 2 = (3 * k ^ 2 + kappa ^ 2) * q / 3).
  { transitivity ((3 * k ^ 2 + kappa ^ 2) * (3 * (x ^ 2 + y ^ 2 + w ^ 2) - Y ^ 2) / 3); [unfold zb, Y; field|].
    rewrite unit. unfold q. field. }
  rewrite U in C.
  assert (V3 : v1 ^ 2 + v2 ^ 2 + v3 ^ 2 <= Z / 16 * ((3 * k ^ 2 + kappa ^ 2) * q / 3)) by (rewrite <- V; lra).
  assert (B2 : B ^ 2 <= (kappa / 2 * q) ^ 2).
  { eapply Rle_trans; [exact C|]. apply Rle_trans with (3 * q * (Z / 16 * ((3 * k ^ 2 + kappa ^ 2) * q / 3))); [apply Rmult_le_compat_l; lra|].
    replace (3 * q * (Z / 16 * ((3 * k ^ 2 + kappa ^ 2) * q / 3))) with (Z * (kappa ^ 2 + 3 * k ^ 2) * (q ^ 2 / 16)) by field.
    replace ((kappa / 2 * q) ^ 2) with (4 * kappa ^ 2 * (q ^ 2 / 16)) by field. fold Z in small. pose proof (pow2_ge_0 q).
    apply Rmult_le_compat_r; lra. }
  assert (HB : - B <= kappa / 2 * q).
  { apply Rle_trans with (Rabs B); [rewrite <- Rabs_Ropp; apply Rle_abs|]. rewrite <- (Rabs_pos_eq (kappa / 2 * q)).
    - apply Rsqr_le_abs_0. unfold Rsqr. simpl in B2. lra.
    - apply Rmult_le_pos; lra. }
  assert (Lin : (Y - 3 * x) * (zx / 2) + (Y - 3 * y) * (zy / 2) + (Y - 3 * w) * (zw / 2) = kappa / 2 * q).
  { transitivity (kappa / 2 * (3 * (x ^ 2 + y ^ 2 + w ^ 2) - Y ^ 2)); [unfold Y; field|]. rewrite unit. unfold q. field. }
  assert (Const : (Y - 3 * x) * even_part zb + (Y - 3 * y) * even_part zb + (Y - 3 * w) * even_part zb = 0) by (unfold Y; ring).
  assert (Split : (Y - 3 * x) * softplus zx + (Y - 3 * y) * softplus zy + (Y - 3 * w) * softplus zw
    = ((Y - 3 * x) * (zx / 2) + (Y - 3 * y) * (zy / 2) + (Y - 3 * w) * (zw / 2)) + B
      + ((Y - 3 * x) * even_part zb + (Y - 3 * y) * even_part zb + (Y - 3 * w) * even_part zb)).
  { unfold B, v1, v2, v3. unfold even_part at 1 3 5. ring. }
  rewrite Split, Lin, Const. lra.
Qed.

(** A point of the closed octant at which no share grows and those of its support rest is the centre. *)
Lemma only_centre : 0 <= x -> 0 <= y -> 0 <= w ->
  (x <> 0 -> zx <= zy /\ zx <= zw) -> (y <> 0 -> zy <= zx /\ zy <= zw) -> (w <> 0 -> zw <= zx /\ zw <= zy) -> x = y /\ y = w.
Proof.
  intros Px Py Pw Hx Hy Hw.
  destruct (Req_dec x 0) as [Zx|Nx], (Req_dec y 0) as [Zy|Ny], (Req_dec w 0) as [Zw|Nw].
  - rewrite Zx, Zy, Zw in unit. lra.
  - specialize (Hw Nw). rewrite Zx, Zy in *. nra.
  - specialize (Hy Ny). rewrite Zx, Zw in *. nra.
  - specialize (Hy Ny). specialize (Hw Nw). rewrite Zx in *. nra.
  - specialize (Hx Nx). rewrite Zy, Zw in *. nra.
  - specialize (Hx Nx). specialize (Hw Nw). rewrite Zy in *. nra.
  - specialize (Hx Nx). specialize (Hy Ny). rewrite Zw in *. nra.
  - specialize (Hx Nx). specialize (Hy Ny). specialize (Hw Nw).
    assert (E1 : zx = zy) by lra. assert (E2 : zy = zw) by lra. set (Y := x + y + w).
    assert (Sum : 3 * zx = - kappa * Y) by (unfold Y; lra).
    assert (Dot : zx * Y = - kappa * (x ^ 2 + y ^ 2 + w ^ 2)).
    { transitivity (zx * x + zy * y + zw * w); [rewrite <- E2, <- E1; unfold Y; ring|ring]. }
    rewrite unit in Dot. assert (Y2 : Y ^ 2 = 3).
    { assert (K : kappa * Y ^ 2 = kappa * 3) by (replace (kappa * Y ^ 2) with (- (- kappa * Y) * Y) by ring; rewrite <- Sum; lra).
      apply Rmult_eq_reg_l with kappa; lra. }
    assert (Sq : (x - y) ^ 2 + (y - w) ^ 2 + (x - w) ^ 2 = 0).
    { replace ((x - y) ^ 2 + (y - w) ^ 2 + (x - w) ^ 2) with (3 * (x ^ 2 + y ^ 2 + w ^ 2) - Y ^ 2) by (unfold Y; ring). rewrite unit, Y2. ring. }
    pose proof (pow2_ge_0 (x - y)) as Q1. pose proof (pow2_ge_0 (y - w)) as Q2. pose proof (pow2_ge_0 (x - w)) as Q3.
    assert (R1 : (x - y) ^ 2 = 0) by lra. assert (R2 : (y - w) ^ 2 = 0) by lra.
    apply pow_eq_0 in R1 || (replace ((x - y) ^ 2) with (Rsqr (x - y)) in R1 by (unfold Rsqr; ring); apply Rsqr_0_uniq in R1).
    replace ((y - w) ^ 2) with (Rsqr (y - w)) in R2 by (unfold Rsqr; ring). apply Rsqr_0_uniq in R2. split; lra.
Qed.
End Octant.

Lemma softplus_reflects u v : softplus u <= softplus v -> u <= v.
Proof.
  intros H. destruct (Rle_lt_dec u v) as [|L]; [assumption|exfalso].
  assert (softplus v < softplus u); [|lra]. unfold softplus. apply ln_increasing; [pose proof (exp_pos v); lra|].
  pose proof (exp_increasing _ _ L). lra.
Qed.

Theorem sphere_cycle : sphere_cycle_statement.
Proof.
  intros M S_Delta b e0 k kappa x [eps <-]%as_floor HM Hb P0 P1 P2 (Hkappa & Hk & small) sol Start Pos Off product.
  assert (N0 : square_norm 3 (fun d => x d 0) <> 0) by (rewrite Start; lra).
  assert (S1 : square_start 3 x = 1) by exact Start.
  (* entries stay positive *)
  assert (Live : forall d t, (d < 3)%nat -> 0 <= t -> 0 < x d t).
  { intros d t Hd Ht. pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol d Hd) as E.
    apply (sign_on p_infty (x d) _ E); [|now apply Pos|exact Ht|exact I].
    intros u Hu _. apply (entry_nonzero 3 M S_Delta b eps p_infty x sol d u Hd); [specialize (Pos d Hd); lra|exact Hu|exact I]. }
  set (z := fun (v : nat -> R) d => projection 3 S_Delta v d).
  assert (Rate : forall v d, (d < 3)%nat -> square_norm 3 v = 1 ->
    sphere_rate 3 M S_Delta b eps 1 d v = sum_below 3 (fun e => v e ^ 2 * softplus (z v e)) - softplus (z v d)).
  { intros v d Hd Hv. unfold sphere_rate. rewrite HM, Hv. unfold channel_step.
    assert (A : sum_below 3 (fun e => / 1 * v e ^ 2 * (softplus (projection 3 S_Delta v e + b e) + eps)) = sum_below 3 (fun e => v e ^ 2 * softplus (z v e)) + eps).
    { rewrite (sum_below_ext 3 _ (fun e => v e ^ 2 * softplus (z v e) + eps * v e ^ 2)).
      - rewrite sum_below_plus, sum_below_scal. fold (square_norm 3 v). rewrite Hv. ring.
      - intros e He. rewrite (Hb e He), Rplus_0_r, Rinv_1. unfold z. ring. }
    rewrite A, (Hb d Hd), Rplus_0_r. unfold z. ring. }
  set (prod := fun t => x 0%nat t * x 1%nat t * x 2%nat t). set (tot := fun t => x 0%nat t + x 1%nat t + x 2%nat t).
  set (g := fun d t => sphere_rate 3 M S_Delta b eps (square_start 3 x) d (fun e => x e t)).
  assert (Ep : evolves p_infty prod (fun t => prod t * (g 0%nat t + g 1%nat t + g 2%nat t))).
  { pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol 0%nat ltac:(lia)) as A0.
    pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol 1%nat ltac:(lia)) as A1.
    pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol 2%nat ltac:(lia)) as A2.
    eapply evolves_ext; [exact (evolves_mult p_infty _ _ _ _ (evolves_mult p_infty _ _ _ _ A0 A1) A2)|].
    intros t _ _. unfold prod, g. ring. }
  assert (Et : evolves p_infty tot (fun t => x 0%nat t * g 0%nat t + x 1%nat t * g 1%nat t + x 2%nat t * g 2%nat t)).
  { pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol 0%nat ltac:(lia)) as A0.
    pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol 1%nat ltac:(lia)) as A1.
    pose proof (sphere_entry_evolves 3 M S_Delta b eps p_infty x sol 2%nat ltac:(lia)) as A2.
    exact (evolves_plus p_infty _ _ _ _ (evolves_plus p_infty _ _ _ _ A0 A1) A2). }
  assert (Pt : forall t, 0 <= t -> 0 < tot t).
  { intros t Ht. unfold tot. pose proof (Live 0%nat t ltac:(lia) Ht). pose proof (Live 1%nat t ltac:(lia) Ht). pose proof (Live 2%nat t ltac:(lia) Ht). lra. }
  assert (Pp : forall t, 0 <= t -> 0 < prod t).
  { intros t Ht. unfold prod. repeat apply Rmult_lt_0_compat; apply Live; (lia || exact Ht). }
  assert (Ew : evolves p_infty (fun t => ln (prod t) + -3 * ln (tot t))
    (fun t => prod t * (g 0%nat t + g 1%nat t + g 2%nat t) * / prod t + -3 * ((x 0%nat t * g 0%nat t + x 1%nat t * g 1%nat t + x 2%nat t * g 2%nat t) * / tot t))).
  { assert (Dl : forall v, 0 < v -> is_derive ln v (/ v)) by (intros v Hv; auto_derive; [exact Hv|field; lra]).
    pose proof (evolves_comp p_infty prod _ ln (fun v => / v) Ep ltac:(eapply continuous_of_derive; apply Dl, Pp; lra) ltac:(intros t Ht _; apply Dl, Pp; lra)) as A.
    pose proof (evolves_comp p_infty tot _ ln (fun v => / v) Et ltac:(eapply continuous_of_derive; apply Dl, Pt; lra) ltac:(intros t Ht _; apply Dl, Pt; lra)) as B.
    apply evolves_plus; [exact A|]. destruct B as [B0 B]. split.
    - apply (rcont_comp (fun v => -3 * v) _ B0). apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule)). auto_derive. exact I.
    - intros t Ht HT. exact (is_derive_scal _ t (-3) _ (B t Ht HT)). }
  assert (Falls : forall s t, 0 <= s <= t -> ln (prod t) + -3 * ln (tot t) <= ln (prod s) + -3 * ln (tot s)).
  { intros s t Ht. apply (decr_on p_infty _ _ s t Ew ltac:(lra) ltac:(lra) I). intros u Hu.
    pose proof (Pt u ltac:(lra)) as T0. pose proof (Pp u ltac:(lra)) as T1.
    pose proof (norm_kept 3 M S_Delta b eps p_infty x sol u ltac:(lra) I) as Nu. rewrite S1 in Nu.
    assert (Uu : x 0%nat u ^ 2 + x 1%nat u ^ 2 + x 2%nat u ^ 2 = 1) by (unfold square_norm in Nu; simpl sum_below in Nu; lra).
    pose proof (product_rate k kappa Hkappa small (x 0%nat u) (x 1%nat u) (x 2%nat u) Uu) as PR.
    unfold g. rewrite S1, !Rate by (lia || exact Nu). unfold z. rewrite P0, P1, P2.
    set (A := sum_below 3 _). set (s0 := softplus (k * (x 2%nat u - x 1%nat u) - kappa * x 0%nat u)) in *.
    set (s1 := softplus (k * (x 0%nat u - x 2%nat u) - kappa * x 1%nat u)) in *.
    set (s2 := softplus (k * (x 1%nat u - x 0%nat u) - kappa * x 2%nat u)) in *.
    replace (prod u * (A - s0 + (A - s1) + (A - s2)) * / prod u + -3 * ((x 0%nat u * (A - s0) + x 1%nat u * (A - s1) + x 2%nat u * (A - s2)) * / tot u))
      with (- (((x 0%nat u + x 1%nat u + x 2%nat u - 3 * x 0%nat u) * s0 + (x 0%nat u + x 1%nat u + x 2%nat u - 3 * x 1%nat u) * s1
        + (x 0%nat u + x 1%nat u + x 2%nat u - 3 * x 2%nat u) * s2) * / tot u)).
    - assert (0 <= ((x 0%nat u + x 1%nat u + x 2%nat u - 3 * x 0%nat u) * s0 + (x 0%nat u + x 1%nat u + x 2%nat u - 3 * x 1%nat u) * s1
        + (x 0%nat u + x 1%nat u + x 2%nat u - 3 * x 2%nat u) * s2) * / tot u); [|lra].
      apply Rmult_le_pos; [exact PR|]. left. now apply Rinv_0_lt_compat.
    - unfold tot in *. field. split; lra. }
  split.
  { intros u v Huv.
    assert (Is : forall t, 0 <= t -> product t = exp (ln (prod t) + -3 * ln (tot t))).
    { intros t Ht. pose proof (Pt t Ht) as T0. pose proof (Pp t Ht) as T1.
      assert (T3 : 0 < tot t ^ 3) by (now apply pow_lt).
      replace (ln (prod t) + -3 * ln (tot t)) with (ln (prod t * / tot t ^ 3)).
      - rewrite exp_ln by (apply Rmult_lt_0_compat; [exact T1|now apply Rinv_0_lt_compat]). reflexivity.
      - rewrite ln_mult by (try exact T1; now apply Rinv_0_lt_compat). rewrite ln_Rinv by exact T3. f_equal.
        replace (tot t ^ 3) with (tot t * (tot t * tot t)) by ring. rewrite !ln_mult by (try exact T0; now apply Rmult_lt_0_compat). ring. }
    rewrite !Is by lra. apply exp_le. now apply Falls. }
  intros (p & Lim).
  pose proof (limit_norm 3 M S_Delta b eps x p sol Lim) as Ln. rewrite S1 in Ln.
  assert (Lp : forall d, (d < 3)%nat -> 0 <= p d).
  { intros d Hd. refine (is_lim_le_loc (fun _ => 0) (x d) p_infty 0 (p d) _ (is_lim_const 0 p_infty) (Lim d Hd)).
    exists 0. intros t Ht. left. apply Live; [exact Hd|lra]. }
  (* the limit is the centre *)
  assert (Least : forall d e, (d < 3)%nat -> (e < 3)%nat -> p d <> 0 -> z p d <= z p e).
  { intros d e Hd He Nd. apply softplus_reflects.
    pose proof (limit_rate_zero 3 M S_Delta b eps x p sol Lim d Hd ltac:(specialize (Pos d Hd); lra) Nd) as A.
    pose proof (limit_rate_nonpos 3 M S_Delta b eps x p sol N0 Lim e He ltac:(specialize (Pos e He); lra)) as B.
    rewrite S1, (Rate p d Hd Ln) in A. rewrite S1, (Rate p e He Ln) in B. lra. }
  assert (U : p 0%nat ^ 2 + p 1%nat ^ 2 + p 2%nat ^ 2 = 1) by (unfold square_norm in Ln; simpl sum_below in Ln; lra).
  destruct (only_centre k kappa Hkappa Hk (p 0%nat) (p 1%nat) (p 2%nat) U (Lp 0%nat ltac:(lia)) (Lp 1%nat ltac:(lia)) (Lp 2%nat ltac:(lia))) as [E1 E2].
  { intros Nx. unfold z in Least. pose proof (Least 0%nat 1%nat ltac:(lia) ltac:(lia) Nx) as A. pose proof (Least 0%nat 2%nat ltac:(lia) ltac:(lia) Nx) as B.
    rewrite P0, P1 in A. rewrite P0, P2 in B. split; assumption. }
  { intros Nx. unfold z in Least. pose proof (Least 1%nat 0%nat ltac:(lia) ltac:(lia) Nx) as A. pose proof (Least 1%nat 2%nat ltac:(lia) ltac:(lia) Nx) as B.
    rewrite P1, P0 in A. rewrite P1, P2 in B. split; assumption. }
  { intros Nx. unfold z in Least. pose proof (Least 2%nat 0%nat ltac:(lia) ltac:(lia) Nx) as A. pose proof (Least 2%nat 1%nat ltac:(lia) ltac:(lia) Nx) as B.
    rewrite P2, P0 in A. rewrite P2, P1 in B. split; assumption. }
  (* where the product is largest *)
  set (c := p 0%nat) in *. rewrite <- E2, <- E1 in U. assert (Pc : 0 < c).
  { pose proof (Lp 0%nat ltac:(lia)) as L0. fold c in L0. destruct (Req_dec c 0) as [Z|N]; [rewrite Z in U; lra|lra]. }
  assert (L0 : is_lim (x 0%nat) p_infty c) by exact (Lim 0%nat ltac:(lia)).
  assert (L1 : is_lim (x 1%nat) p_infty c) by (rewrite E1; exact (Lim 1%nat ltac:(lia))).
  assert (L2 : is_lim (x 2%nat) p_infty c) by (rewrite E1, E2; exact (Lim 2%nat ltac:(lia))).
  assert (Lpr : is_lim prod p_infty (c * c * c)).
  { unfold prod. replace (Finite (c * c * c)) with (Rbar_mult (Rbar_mult c c) c) by reflexivity.
    apply is_lim_mult; [apply is_lim_mult; [exact L0|exact L1|exact I]|exact L2|exact I]. }
  assert (Lto : is_lim tot p_infty (c + c + c)).
  { unfold tot. replace (Finite (c + c + c)) with (Rbar_plus (Rbar_plus c c) c) by reflexivity.
    eapply is_lim_plus; [eapply is_lim_plus; [exact L0|exact L1|reflexivity]|exact L2|reflexivity]. }
  assert (Cl : forall v, 0 < v -> continuous ln v).
  { intros v Hv. apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule)). auto_derive. exact Hv. }
  assert (Pccc : 0 < c * c * c) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; exact Pc).
  assert (Lw : is_lim (fun t => ln (prod t) + -3 * ln (tot t)) p_infty (ln (c * c * c) + -3 * ln (c + c + c))).
  { replace (Finite (ln (c * c * c) + -3 * ln (c + c + c))) with (Rbar_plus (ln (c * c * c)) (Rbar_mult (-3) (ln (c + c + c)))) by reflexivity.
    eapply is_lim_plus; [exact (lim_continuous ln prod p_infty _ Lpr (Cl _ Pccc))|apply is_lim_scal_l; apply (lim_continuous ln tot p_infty _ Lto), Cl; lra|reflexivity]. }
  assert (Le : ln (c * c * c) + -3 * ln (c + c + c) <= ln (prod 0) + -3 * ln (tot 0)).
  { refine (is_lim_le_loc _ (fun _ => ln (prod 0) + -3 * ln (tot 0)) p_infty (Finite _) (Finite _) _ Lw (is_lim_const _ p_infty)).
    exists 0. intros t Ht. apply Falls. lra. }
  assert (Most : c * c * c * (tot 0 * tot 0 * tot 0) <= prod 0 * ((c + c + c) * (c + c + c) * (c + c + c))).
  { pose proof (Pt 0 ltac:(lra)) as T0. pose proof (Pp 0 ltac:(lra)) as T1.
    assert (Q1 : 0 < tot 0 * tot 0 * tot 0) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; exact T0).
    assert (Q2 : 0 < (c + c + c) * (c + c + c) * (c + c + c)) by (apply Rmult_lt_0_compat; [apply Rmult_lt_0_compat|]; lra).
    apply Rnot_lt_le. intros Hlt. apply ln_increasing in Hlt; [|apply Rmult_lt_0_compat; assumption].
    rewrite (ln_mult (prod 0)), (ln_mult (c * c * c)) in Hlt by assumption.
    rewrite (ln_mult (tot 0 * tot 0)), (ln_mult (tot 0)), (ln_mult ((c + c + c) * (c + c + c))), (ln_mult (c + c + c)) in Hlt
      by (try lra; apply Rmult_lt_0_compat; lra). lra. }
  assert (Am : (tot 0) ^ 3 <= 27 * prod 0).
  { apply Rmult_le_reg_l with (c * c * c); [exact Pccc|].
    replace (c * c * c * tot 0 ^ 3) with (c * c * c * (tot 0 * tot 0 * tot 0)) by ring.
    replace (c * c * c * (27 * prod 0)) with (prod 0 * ((c + c + c) * (c + c + c) * (c + c + c))) by ring. exact Most. }
  apply Off. unfold prod, tot in Am.
  pose proof (Pos 0%nat ltac:(lia)) as A0. pose proof (Pos 1%nat ltac:(lia)) as A1. pose proof (Pos 2%nat ltac:(lia)) as A2.
  set (u := x 0%nat 0) in *. set (v := x 1%nat 0) in *. set (w := x 2%nat 0) in *.
  assert (Id : (u + v + w) ^ 3 - 27 * (u * v * w) = / 2 * (u + v + w) * ((u - v) ^ 2 + (v - w) ^ 2 + (u - w) ^ 2)
    + 3 * (u * (v - w) ^ 2 + v * (u - w) ^ 2 + w * (u - v) ^ 2)) by field.
  pose proof (pow2_ge_0 (u - v)) as Q1. pose proof (pow2_ge_0 (v - w)) as Q2. pose proof (pow2_ge_0 (u - w)) as Q3.
  assert (R1 : u * (v - w) ^ 2 <= 0) by nra. assert (R2 : w * (u - v) ^ 2 <= 0) by nra.
  assert (Z1 : (u - v) ^ 2 = 0) by nra. assert (Z2 : (v - w) ^ 2 = 0) by nra.
  replace ((u - v) ^ 2) with (Rsqr (u - v)) in Z1 by (unfold Rsqr; ring). apply Rsqr_0_uniq in Z1.
  replace ((v - w) ^ 2) with (Rsqr (v - w)) in Z2 by (unfold Rsqr; ring). apply Rsqr_0_uniq in Z2. split; lra.
Qed.
