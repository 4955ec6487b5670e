(** Gates that round to one, and updates that a rounded state does not see.

    Proves gate-rounding. *)

From Coq Require Import Reals ZArith Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Softplus Statements.
Open Scope R_scope.

Lemma two_nonzero : 2 <> 0. Proof. lra. Qed.

Lemma power_pos e : 0 < powerRZ 2 e. Proof. apply powerRZ_lt. lra. Qed.

(** Powers of two of exponents that are not negative are integers. *)
Lemma power_is_integer d : (0 <= d)%Z -> powerRZ 2 d = IZR (2 ^ d).
Proof.
  intros H. rewrite <- (Z2Nat.id d H). generalize (Z.to_nat d). intros k. rewrite <- pow_powerRZ.
  induction k as [|k IH]; [reflexivity|]. rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia. rewrite mult_IZR, <- IH. reflexivity.
Qed.

Lemma power_split f e : (f <= e)%Z -> powerRZ 2 e = IZR (2 ^ (e - f)) * powerRZ 2 f.
Proof.
  intros H. rewrite <- power_is_integer by lia. rewrite <- powerRZ_add by exact two_nonzero. f_equal. lia.
Qed.

Lemma power_bits bits : IZR (2 ^ Z.of_nat bits) = 2 ^ bits.
Proof. rewrite <- power_is_integer by lia. symmetry. apply pow_powerRZ. Qed.

(** Two multiples of one power of two are equal only as integers, and of unequal ones the distance is at least that power. *)
Lemma multiple_eq m k f : IZR m * powerRZ 2 f = IZR k * powerRZ 2 f -> m = k.
Proof. intros H. apply Rmult_eq_reg_r in H; [now apply eq_IZR|]. pose proof (power_pos f). lra. Qed.

(** No number of these bits is nearer to r > 0 than r / 2^bits, and one that is as near has all its bits. *)
Lemma gap bits r z : (0 < bits)%nat -> 0 < r -> has_bits bits r -> has_bits bits z -> z <> r ->
  Rabs (z - r) <= r / 2 ^ bits -> z - r = - (r / 2 ^ bits) /\ ~ has_bits (pred bits) z.
Proof.
  intros Hb Hr (m & e & Hm & ->) (k & f & Hk & ->) Nz H. set (P := (2 ^ Z.of_nat bits)%Z) in *.
  assert (PP : (0 < P)%Z) by (unfold P; apply Z.pow_pos_nonneg; lia).
  assert (Mp : (0 < m)%Z).
  { apply lt_IZR. destruct (Rle_lt_dec (IZR m) 0) as [Q|Q]; [|exact Q]. pose proof (power_pos e). nra. }
  rewrite <- power_bits in *. fold P in H |- *. pose proof (IZR_lt 0 P PP) as PR. simpl in PR.
  apply (Rmult_le_compat_r (IZR P)) in H; [|lra].
  replace (IZR m * powerRZ 2 e / IZR P * IZR P) with (IZR m * powerRZ 2 e) in H by (field; lra).
  destruct (Z_le_gt_dec e f) as [Hef|Hef].
  - (* the other is a multiple of the same power *)
    exfalso. rewrite (power_split e f Hef) in Nz, H. rewrite <- Rmult_assoc, <- mult_IZR in Nz, H.
    rewrite <- Rmult_minus_distr_r, <- minus_IZR in H.
    rewrite Rabs_mult, <- abs_IZR, (Rabs_pos_eq (powerRZ 2 e)) in H by (left; apply power_pos).
    replace (IZR (Z.abs (k * 2 ^ (f - e) - m)) * powerRZ 2 e * IZR P)
      with (IZR (Z.abs (k * 2 ^ (f - e) - m) * P) * powerRZ 2 e) in H by (rewrite mult_IZR; ring).
    apply Rmult_le_reg_r in H; [|apply power_pos]. apply le_IZR in H.
    destruct (Z.eq_dec (k * 2 ^ (f - e)) m) as [E|E]; [apply Nz; now rewrite E|]. nia.
  - set (d := (e - f)%Z) in *. set (A := (m * 2 ^ d)%Z).
    assert (EA : IZR m * powerRZ 2 e = IZR A * powerRZ 2 f).
    { rewrite (power_split f e ltac:(lia)). unfold A. fold d. rewrite mult_IZR. ring. }
    rewrite EA in *. rewrite <- Rmult_minus_distr_r, <- minus_IZR in *.
    rewrite Rabs_mult, <- abs_IZR, (Rabs_pos_eq (powerRZ 2 f)) in H by (left; apply power_pos).
    replace (IZR (Z.abs (k - A)) * powerRZ 2 f * IZR P) with (IZR (Z.abs (k - A) * P) * powerRZ 2 f) in H
      by (rewrite mult_IZR; ring).
    apply Rmult_le_reg_r in H; [|apply power_pos]. apply le_IZR in H.
    assert (NA : k <> A) by (intros E; apply Nz; now rewrite E).
    assert (A = P /\ k = P - 1)%Z as [EP EK].
    { destruct (Z_lt_le_dec A P) as [Q|Q].
      - exfalso. nia.
      - assert (k < A)%Z by lia. rewrite Z.abs_neq in H by lia.
        assert (A <= P)%Z by nia. split; [lia|]. assert (A = P) by lia. nia. }
    rewrite EP, EK. split.
    + replace (P - 1 - P)%Z with (-1)%Z by lia. field. lra.
    + intros (k' & f' & Hk' & E). set (Q := (2 ^ Z.of_nat (pred bits))%Z) in *.
      assert (PQ : (P = 2 * Q)%Z).
      { unfold P, Q. rewrite <- Z.pow_succ_r by lia. f_equal. lia. }
      destruct (Z_le_gt_dec f' f) as [G|G].
      * rewrite (power_split f' f G), <- Rmult_assoc, <- mult_IZR in E. apply multiple_eq in E.
        assert (1 <= 2 ^ (f - f'))%Z by (pose proof (Z.pow_pos_nonneg 2 (f - f')); lia). nia.
      * rewrite (power_split f f' ltac:(lia)), <- Rmult_assoc, <- mult_IZR in E. apply multiple_eq in E.
        replace (f' - f)%Z with (Z.succ (f' - f - 1)) in E by lia. rewrite Z.pow_succ_r in E by lia. lia.
Qed.

(** ** Signs *)
Lemma has_bits_opp bits y : has_bits bits y -> has_bits bits (- y).
Proof. intros (m & e & Hm & ->). exists (- m)%Z, e. split; [lia|]. rewrite opp_IZR. ring. Qed.

Lemma rounded_opp bits y z : rounded bits y z -> rounded bits (- y) (- z).
Proof.
  intros (B & Near & Even). split; [now apply has_bits_opp|]. split.
  - intros w Hw. specialize (Near (- w) (has_bits_opp _ _ Hw)).
    replace (- y - - z) with (- (y - z)) by ring. replace (w - - y) with (- (- w - y)) by ring. now rewrite !Rabs_Ropp.
  - intros w Hw Nw Tie. apply has_bits_opp. apply (Even (- w)); [now apply has_bits_opp|lra|].
    replace (- w - y) with (- (w - - y)) by ring. replace (y - z) with (- (- y - - z)) by ring. now rewrite !Rabs_Ropp.
Qed.

(** An update of at most half the least gap leaves a rounded number as it is. *)
Lemma stays_positive bits r u z : (0 < bits)%nat -> 0 < r -> has_bits bits r -> Rabs u <= r / 2 ^ S bits ->
  rounded bits (r + u) z -> z = r.
Proof.
  intros Hb Hr Br Hu (Bz & Near & Even). apply NNPP. intros Nz.
  assert (P2 : 0 < 2 ^ bits) by (apply pow_lt; lra).
  assert (Half : r / 2 ^ bits = 2 * (r / 2 ^ S bits)) by (simpl; field; lra).
  pose proof (Near r Br) as N. replace (r - (r + u)) with (- u) in N by ring. rewrite Rabs_Ropp in N.
  assert (T : Rabs (z - r) <= Rabs (r + u - z) + Rabs u).
  { replace (z - r) with (- (r + u - z) + u) by ring. eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra. }
  destruct (gap bits r z Hb Hr Br Bz Nz ltac:(lra)) as [E Odd]. apply Odd.
  apply (Even r Br); [intros E'; now apply Nz|]. replace (r - (r + u)) with (- u) by ring. rewrite Rabs_Ropp.
  rewrite E, Rabs_Ropp, Rabs_pos_eq in T by (left; now apply Rdiv_lt_0_compat). lra.
Qed.

Lemma zero_has_bits bits : has_bits bits 0.
Proof. exists 0%Z, 0%Z. split; [simpl; apply Z.pow_pos_nonneg; lia|simpl; ring]. Qed.

Lemma stays bits r u z : (0 < bits)%nat -> has_bits bits r -> Rabs u <= Rabs r / 2 ^ S bits ->
  rounded bits (r + u) z -> z = r.
Proof.
  intros Hb Br Hu Hz. destruct (Rtotal_order r 0) as [Hr|[->|Hr]].
  - cut (- z = - r); [lra|]. apply (stays_positive bits (- r) (- u) (- z) Hb); [lra|now apply has_bits_opp| |].
    + rewrite Rabs_Ropp. now rewrite (Rabs_left r) in Hu by exact Hr.
    + replace (- r + - u) with (- (r + u)) by ring. now apply rounded_opp.
  - rewrite Rabs_R0 in Hu. unfold Rdiv in Hu. rewrite Rmult_0_l in Hu. pose proof (Rabs_pos u).
    assert (Ez : u = 0) by (destruct (Req_dec u 0) as [|Q]; [assumption|]; pose proof (Rabs_pos_lt u Q); lra).
    subst u. destruct Hz as (_ & Near & _). specialize (Near 0 (zero_has_bits bits)).
    replace (0 - (0 + 0)) with 0 in Near by ring. rewrite Rabs_R0 in Near.
    destruct (Req_dec z 0) as [|Q]; [assumption|]. pose proof (Rabs_pos_lt (0 + 0 - z) ltac:(lra)). lra.
  - rewrite (Rabs_pos_eq r) in Hu by lra. now apply (stays_positive bits r u z).
Qed.

(** ** Gates *)
Lemma one_has_bits bits : (0 < bits)%nat -> has_bits bits 1.
Proof.
  intros H. exists 1%Z, 0%Z. split; [|simpl; ring]. simpl Z.abs. apply Z.pow_gt_1; lia.
Qed.

Lemma below_one_has_bits bits : has_bits bits (1 - / 2 ^ bits).
Proof.
  exists (2 ^ Z.of_nat bits - 1)%Z, (- Z.of_nat bits)%Z. pose proof (Z.pow_pos_nonneg 2 (Z.of_nat bits)). split; [lia|].
  rewrite minus_IZR, power_bits, powerRZ_neg', <- pow_powerRZ. simpl (IZR 1). field. apply pow_nonzero. lra.
Qed.

(** A number that is below the midpoint of one and the number before it does not round to one. *)
Lemma loses_a_bit bits y g : (0 < bits)%nat -> y < 1 - / 2 ^ S bits -> rounded bits y g -> g <= 1 - / 2 ^ bits.
Proof.
  intros Hb Hy (Bg & Near & _). assert (P2 : 0 < 2 ^ bits) by (apply pow_lt; lra).
  assert (Half : / 2 ^ bits = 2 * / 2 ^ S bits) by (simpl; field; lra).
  assert (Pos : 0 < / 2 ^ S bits) by (apply Rinv_0_lt_compat, pow_lt; lra).
  destruct (Rle_lt_dec g (1 - / 2 ^ bits)) as [|G]; [assumption|exfalso].
  assert (Hg : 1 <= g).
  { destruct (Rle_lt_dec 1 g) as [|Q]; [assumption|exfalso].
    destruct (gap bits 1 g Hb ltac:(lra) (one_has_bits bits Hb) Bg ltac:(lra)) as [E _].
    - rewrite Rabs_left by lra. unfold Rdiv. lra.
    - unfold Rdiv in E. lra. }
  pose proof (Near _ (below_one_has_bits bits)) as N. rewrite (Rabs_left (y - g)) in N by lra.
  destruct (Rle_lt_dec y (1 - / 2 ^ bits)).
  - rewrite Rabs_pos_eq in N by lra. lra.
  - rewrite Rabs_left in N by lra. lra.
Qed.

Lemma midpoint_passed s r : 0 < s <= 1 / 4 -> 101 / 100 * (s + s * s) <= r -> exp (- r) < 1 - s.
Proof.
  intros Hs Hr. set (u := s + s * s). assert (Pu : 0 < u) by (unfold u; nra).
  apply Rlt_le_trans with (exp (- u)).
  - apply exp_increasing. fold u in Hr. lra.
  - assert (Q : (1 + u / 2) * (1 + u / 2) <= exp u).
    { replace u with (u / 2 + u / 2) at 3 by field. rewrite exp_plus. pose proof (exp_ineq1_le (u / 2)).
      apply Rmult_le_compat; lra. }
    assert (One : 1 <= (1 - s) * exp u).
    { apply Rle_trans with ((1 - s) * ((1 + u / 2) * (1 + u / 2))); [|apply Rmult_le_compat_l; lra].
      replace ((1 - s) * ((1 + u / 2) * (1 + u / 2))) with (1 + s * s / 4 * (1 + s - s * s - s * s * s - 4 * s)) by (unfold u; field).
      assert (0 <= s * s / 4 * (1 + s - s * s - s * s * s - 4 * s)); [|lra]. apply Rmult_le_pos; [nra|].
      assert (s * s <= 1 / 16) by nra. assert (s * s * s <= 1 / 64) by nra. lra. }
    rewrite exp_Ropp. apply (Rmult_le_reg_r (exp u)); [apply exp_pos|]. rewrite Rinv_l; [exact One|]. pose proof (exp_pos u). lra.
Qed.

Theorem gate_rounding : gate_rounding_statement.
Proof.
  intros bits a w h r u g z Hb Ha Hw Hg Hr Hz. assert (P2 : 0 < 2 ^ bits) by (apply pow_lt; lra).
  set (s := / 2 ^ S bits). assert (Hs : 0 < s <= 1 / 4).
  { split; [apply Rinv_0_lt_compat, pow_lt; lra|]. unfold s. replace (1 / 4) with (/ 4) by field. apply Rinv_le_contravar; [lra|].
    destruct bits as [|k]; [lia|]. simpl. pose proof (pow_R1_Rle 2 k ltac:(lra)). lra. }
  split; [|split].
  - intros H. assert (B : g <= 1 - / 2 ^ bits).
    { apply (loses_a_bit bits (exp (- a * w)) g Hb); [|exact Hg]. fold s. replace (- a * w) with (- (a * w)) by ring.
      apply midpoint_passed; [exact Hs|]. eapply Rle_trans; [right|exact H]. unfold s.
      replace (2 * bits + 2)%nat with (S bits + S bits)%nat by lia. rewrite pow_add. field. apply pow_nonzero. lra. }
    apply (Rmult_le_compat_l (2 ^ bits)) in B; [|lra].
    replace (2 ^ bits * (1 - / 2 ^ bits)) with (2 ^ bits - 1) in B by (field; lra). lra.
  - intros H. rewrite (stays bits 1 (exp (- a * w) - 1) g Hb (one_has_bits bits Hb)); [ring| |].
    + rewrite Rabs_R1, Rabs_left1.
      * pose proof (exp_ineq1_le (- a * w)). unfold Rdiv. fold s. lra.
      * assert (exp (- a * w) <= 1) by (apply exp_le_1; nra). lra.
    + replace (1 + (exp (- a * w) - 1)) with (exp (- a * w)) by ring. exact Hg.
  - intros H. rewrite (stays bits r u z Hb (proj1 Hr) H Hz). replace (r - r) with 0 by ring.
    rewrite Rabs_R0. unfold Rdiv. ring.
Qed.
