(** The rounding that gate-rounding speaks of exists and is unique.

    Proves a case of gate-rounding. *)

From Coq Require Import Reals ZArith Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions LayerState Softplus Rounding Statements.
Open Scope R_scope.

Lemma integer_below y : exists m : Z, IZR m <= y < IZR m + 1.
Proof. exists (up y - 1)%Z. destruct (archimed y) as [H1 H2]. rewrite minus_IZR. simpl (IZR 1). lra. Qed.

(** The binade of a positive number. *)
Lemma binade y : 0 < y -> exists k : Z, powerRZ 2 k <= y < 2 * powerRZ 2 k.
Proof.
  intros Hy. assert (L2 : 0 < ln 2) by (rewrite <- ln_1; apply ln_increasing; lra).
  destruct (integer_below (ln y / ln 2)) as (k & H1 & H2). exists k. rewrite powerRZ_Rpower by lra. unfold Rpower.
  assert (E : ln y = ln y / ln 2 * ln 2) by (field; lra).
  assert (A : IZR k * ln 2 <= ln y) by (rewrite E; apply Rmult_le_compat_r; lra).
  assert (B : ln y < IZR k * ln 2 + ln 2).
  { rewrite E at 1. replace (IZR k * ln 2 + ln 2) with ((IZR k + 1) * ln 2) by ring. apply Rmult_lt_compat_r; lra. }
  split.
  - rewrite <- (exp_ln y Hy). now apply exp_le.
  - rewrite <- (exp_ln y Hy) at 1. rewrite <- (exp_ln 2) at 1 by lra. rewrite <- exp_plus. apply exp_increasing. lra.
Qed.

(** A positive number lies between two neighbours of so many bits. *)
Lemma neighbours_of bits y : (0 < bits)%nat -> 0 < y -> exists (m e : Z),
  (2 ^ Z.of_nat (pred bits) <= m < 2 ^ Z.of_nat bits)%Z /\ IZR m * powerRZ 2 e <= y < IZR (m + 1) * powerRZ 2 e.
Proof.
  intros Hb Hy. destruct (binade y Hy) as (k & K1 & K2). set (e := (k - Z.of_nat (pred bits))%Z).
  pose proof (power_pos e) as Pe. destruct (integer_below (y / powerRZ 2 e)) as (m & M1 & M2). exists m, e.
  assert (E : powerRZ 2 k = IZR (2 ^ Z.of_nat (pred bits)) * powerRZ 2 e).
  { rewrite (power_split e k) by (unfold e; lia). do 3 f_equal. unfold e. lia. }
  assert (Y : y = y / powerRZ 2 e * powerRZ 2 e) by (field; lra).
  set (q := y / powerRZ 2 e) in *. rewrite E in K1, K2. rewrite Y in K1, K2.
  apply Rmult_le_reg_r in K1; [|exact Pe]. rewrite <- Rmult_assoc in K2. apply Rmult_lt_reg_r in K2; [|exact Pe].
  rewrite <- mult_IZR in K2.
  assert (D : (2 * 2 ^ Z.of_nat (pred bits) = 2 ^ Z.of_nat bits)%Z).
  { rewrite <- Z.pow_succ_r by lia. f_equal. lia. }
  rewrite D in K2. split; [split|].
  - apply Z.lt_succ_r. apply lt_IZR. rewrite succ_IZR. lra.
  - apply lt_IZR. lra.
  - rewrite plus_IZR. simpl (IZR 1). rewrite Y. split; [apply Rmult_le_compat_r; lra|apply Rmult_lt_compat_r; lra].
Qed.

Section Positive.
Variables (bits : nat) (y : R) (m e : Z).
Hypothesis Hb : (1 < bits)%nat.
Hypothesis Hm : (2 ^ Z.of_nat (pred bits) <= m < 2 ^ Z.of_nat bits)%Z.
Notation low := (IZR m * powerRZ 2 e).
Notation high := (IZR (m + 1) * powerRZ 2 e).
Hypothesis Hy : low <= y < high.

Lemma high_low : high = low + powerRZ 2 e.
Proof. rewrite plus_IZR. simpl (IZR 1). ring. Qed.

Lemma doubling : (2 * 2 ^ Z.of_nat (pred bits) = 2 ^ Z.of_nat bits)%Z.
Proof. rewrite <- Z.pow_succ_r by lia. f_equal. lia. Qed.

Lemma half_bits_positive : (1 < 2 ^ Z.of_nat (pred bits))%Z.
Proof. apply Z.pow_gt_1; lia. Qed.

(** No number of these bits lies between. *)
Lemma none_between w : has_bits bits w -> w <= low \/ high <= w.
Proof.
  intros (k & f & Hk & ->). destruct (Z_le_gt_dec e f) as [H|H].
  - rewrite (power_split e f H), <- Rmult_assoc, <- mult_IZR. pose proof (power_pos e).
    destruct (Z_le_gt_dec (k * 2 ^ (f - e)) m) as [Q|Q].
    + left. apply Rmult_le_compat_r; [lra|]. now apply IZR_le.
    + right. apply Rmult_le_compat_r; [lra|]. apply IZR_le. lia.
  - left. rewrite (power_split f e ltac:(lia)), <- Rmult_assoc, <- mult_IZR. apply Rmult_le_compat_r; [left; apply power_pos|].
    apply IZR_le. replace (e - f)%Z with (Z.succ (e - f - 1)) by lia. rewrite Z.pow_succ_r by lia.
    pose proof (Z.pow_pos_nonneg 2 (e - f - 1)). pose proof doubling. nia.
Qed.

Lemma low_bits : has_bits bits low.
Proof. exists m, e. pose proof half_bits_positive. split; [lia|reflexivity]. Qed.

(** 2^bits times a power of two has one bit. *)
Lemma full n : (1 < 2 ^ Z.of_nat n)%Z -> has_bits n (IZR (2 ^ Z.of_nat bits) * powerRZ 2 e).
Proof.
  intros Hn. exists 1%Z, (Z.of_nat bits + e)%Z. split; [simpl; lia|].
  rewrite powerRZ_add by exact two_nonzero. rewrite <- power_is_integer by lia. simpl (IZR 1). ring.
Qed.

Lemma high_bits : has_bits bits high.
Proof.
  destruct (Z.eq_dec (m + 1) (2 ^ Z.of_nat bits)) as [->|N].
  - apply full. apply Z.pow_gt_1; lia.
  - exists (m + 1)%Z, e. pose proof half_bits_positive. split; [lia|reflexivity].
Qed.

(** Of two neighbours one has a bit less, and not both have. *)
Lemma even_bits k : (0 <= 2 * k <= 2 ^ Z.of_nat bits)%Z -> has_bits (pred bits) (IZR (2 * k) * powerRZ 2 e).
Proof.
  intros Hk. destruct (Z.eq_dec (2 * k) (2 ^ Z.of_nat bits)) as [->|N]; [apply full, half_bits_positive|].
  exists k, (e + 1)%Z. pose proof doubling. split; [lia|]. rewrite powerRZ_add by exact two_nonzero. rewrite mult_IZR. simpl (powerRZ 2 1). ring.
Qed.

Lemma one_is_even : has_bits (pred bits) low \/ has_bits (pred bits) high.
Proof.
  destruct (Z.Even_or_Odd m) as [[k E]|[k E]].
  - left. rewrite E. apply even_bits. pose proof half_bits_positive. lia.
  - right. replace (m + 1)%Z with (2 * (k + 1))%Z by lia. apply even_bits. pose proof half_bits_positive. lia.
Qed.

Lemma not_both : has_bits (pred bits) low -> has_bits (pred bits) high -> False.
Proof.
  intros Hl Hh. pose proof (power_pos e) as Pe. pose proof half_bits_positive as Ph.
  assert (Pl : 0 < low) by (apply Rmult_lt_0_compat; [apply IZR_lt; lia|exact Pe]).
  destruct (gap (pred bits) low high ltac:(lia) Pl Hl Hh) as [E _].
  - rewrite high_low. lra.
  - rewrite high_low. replace (low + powerRZ 2 e - low) with (powerRZ 2 e) by ring. rewrite Rabs_pos_eq by lra.
    assert (P2 : 0 < 2 ^ pred bits) by (apply pow_lt; lra). apply (Rmult_le_reg_r (2 ^ pred bits)); [exact P2|].
    replace (low / 2 ^ pred bits * 2 ^ pred bits) with low by (field; lra).
    rewrite <- power_bits, Rmult_comm. apply Rmult_le_compat_r; [lra|]. apply IZR_le. lia.
  - assert (P2 : 0 < low / 2 ^ pred bits) by (apply Rdiv_lt_0_compat; [exact Pl|apply pow_lt; lra]).
    rewrite high_low in E. lra.
Qed.

Lemma distance w : has_bits bits w -> (w <= low /\ Rabs (y - w) = y - w) \/ (high <= w /\ Rabs (y - w) = w - y).
Proof.
  intros Hw. destruct (none_between w Hw); [left|right]; split; try assumption; [apply Rabs_pos_eq; lra|].
  rewrite Rabs_left1 by lra. ring.
Qed.

Lemma rounded_low : y - low < high - y \/ (y - low = high - y /\ has_bits (pred bits) low) -> rounded bits y low.
Proof.
  intros H. split; [exact low_bits|]. split.
  - intros w Hw. rewrite (Rabs_minus_sym w). destruct (distance w Hw) as [[Q ->]|[Q ->]]; rewrite Rabs_pos_eq; lra.
  - intros w Hw Nw Tie. rewrite (Rabs_minus_sym w), (Rabs_pos_eq (y - low)) in Tie by lra.
    destruct H as [H|[_ H]]; [exfalso|exact H]. destruct (distance w Hw) as [[Q E]|[Q E]]; rewrite E in Tie; lra.
Qed.

Lemma rounded_high : high - y < y - low \/ (y - low = high - y /\ has_bits (pred bits) high) -> rounded bits y high.
Proof.
  intros H. split; [exact high_bits|]. rewrite (Rabs_left1 (y - high)) by lra. split.
  - intros w Hw. rewrite (Rabs_minus_sym w). destruct (distance w Hw) as [[Q ->]|[Q ->]]; lra.
  - intros w Hw Nw Tie. rewrite (Rabs_minus_sym w) in Tie.
    destruct H as [H|[_ H]]; [exfalso|exact H]. destruct (distance w Hw) as [[Q E]|[Q E]]; rewrite E in Tie; lra.
Qed.

Lemma rounds_to_neighbour w : rounded bits y w -> w = low \/ w = high.
Proof.
  intros (Hw & Near & _). pose proof (Near low low_bits) as N1. pose proof (Near high high_bits) as N2.
  rewrite (Rabs_minus_sym low), (Rabs_pos_eq (y - low)) in N1 by lra. rewrite (Rabs_pos_eq (high - y)) in N2 by lra.
  destruct (distance w Hw) as [[Q E]|[Q E]]; rewrite E in N1, N2; [left|right]; lra.
Qed.

Lemma rounded_once w z : rounded bits y w -> rounded bits y z -> w = z.
Proof.
  intros Hw Hz. apply NNPP. intros N. pose proof Hw as (Bw & Nw & Ew). pose proof Hz as (Bz & Nz & Ez).
  assert (Tie : Rabs (y - w) = Rabs (y - z)).
  { apply Rle_antisym; [rewrite (Rabs_minus_sym y z); now apply Nw|rewrite (Rabs_minus_sym y w); now apply Nz]. }
  assert (Pw : has_bits (pred bits) w) by (apply (Ew z Bz); [congruence|rewrite Rabs_minus_sym; now symmetry]).
  assert (Pz : has_bits (pred bits) z) by (apply (Ez w Bw); [congruence|rewrite Rabs_minus_sym; exact Tie]).
  destruct (rounds_to_neighbour w Hw) as [-> | ->], (rounds_to_neighbour z Hz) as [-> | ->]; try (now apply N); now apply not_both.
Qed.

Lemma rounded_somewhere : exists z, rounded bits y z.
Proof.
  destruct (Rtotal_order (y - low) (high - y)) as [H|[H|H]].
  - exists low. apply rounded_low. now left.
  - destruct one_is_even as [Q|Q]; [exists low; apply rounded_low|exists high; apply rounded_high]; right; now split.
  - exists high. apply rounded_high. now left.
Qed.
End Positive.

Lemma rounding_of_positive bits y : (1 < bits)%nat -> 0 < y -> exists z, rounded bits y z /\ forall w, rounded bits y w -> w = z.
Proof.
  intros Hb Hy. destruct (neighbours_of bits y ltac:(lia) Hy) as (m & e & Hm & Hn).
  destruct (rounded_somewhere bits y m e Hb Hm Hn) as (z & Hz). exists z. split; [exact Hz|].
  intros w Hw. now apply (rounded_once bits y m e Hb Hm Hn).
Qed.

Theorem rounding_exists : rounding_exists_statement.
Proof.
  intros bits y Hb. cut (exists z, rounded bits y z /\ forall w, rounded bits y w -> w = z).
  { intros (z & Hz & U). exists z. split; [exact Hz|]. intros w Hw. symmetry. now apply U. }
  destruct (Rtotal_order y 0) as [Hy|[->|Hy]].
  - destruct (rounding_of_positive bits (- y) Hb ltac:(lra)) as (z & Hz & U). exists (- z). split.
    + rewrite <- (Ropp_involutive y). now apply rounded_opp.
    + intros w Hw. rewrite <- (U (- w) (rounded_opp _ _ _ Hw)). ring.
  - exists 0. split.
    + split; [apply zero_has_bits|]. split.
      * intros w _. rewrite Rminus_0_r, Rabs_R0. apply Rabs_pos.
      * intros w _ Nw E. exfalso. rewrite !Rminus_0_r, Rabs_R0 in E. now apply (Rabs_no_R0 w Nw).
    + intros w (_ & Near & _). specialize (Near 0 (zero_has_bits bits)). rewrite Rminus_0_l, Rabs_Ropp, Rminus_0_r, Rabs_R0 in Near.
      destruct (Req_dec w 0) as [|N]; [assumption|]. pose proof (Rabs_pos_lt w N). lra.
  - now apply rounding_of_positive.
Qed.
