(** Descartes' rule for sums of exponentials: no more roots than sign changes in the order of the rates.

    Proves carried-roots. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Softplus Sums FastOrder Exponentials CarriedSign Statements.
Open Scope R_scope.

(** ** Finite sets of indices *)
Lemma finite_choice {A : Type} (d : A) k (P : nat -> A -> Prop) :
  (forall i, (i < k)%nat -> exists r, P i r) -> exists f, forall i, (i < k)%nat -> P i (f i).
Proof.
  induction k as [|k IH]; intros H; [exists (fun _ => d); intros; lia|].
  destruct IH as (f & Hf); [intros; apply H; lia|]. destruct (H k (le_n _)) as (r & Hr).
  exists (fun i => if Nat.eqb i k then r else f i). intros i Hi. destruct (Nat.eqb_spec i k) as [->|]; [exact Hr|]. apply Hf. lia.
Qed.

Lemma index_of_least (f : nat -> R) (P : nat -> Prop) N : (exists n, (n < N)%nat /\ P n) ->
  exists m, (m < N)%nat /\ P m /\ forall n, (n < N)%nat -> P n -> f m <= f n.
Proof.
  induction N as [|N IH]; intros (n & Hn & Pn); [lia|].
  destruct (classic (exists n, (n < N)%nat /\ P n)) as [H|H].
  - destruct (IH H) as (m & Hm & Pm & Least). destruct (classic (P N /\ f N < f m)) as [[PN Q]|Q].
    + exists N. split; [lia|]. split; [exact PN|]. intros i Hi Pi. destruct (Nat.eq_dec i N) as [->|]; [lra|].
      pose proof (Least i ltac:(lia) Pi). lra.
    + exists m. split; [lia|]. split; [exact Pm|]. intros i Hi Pi. destruct (Nat.eq_dec i N) as [->|].
      * apply Rnot_lt_le. intros Q'. apply Q. now split.
      * apply Least; [lia|exact Pi].
  - assert (E : n = N) by (apply NNPP; intros E; apply H; exists n; split; [lia|exact Pn]). subst n.
    exists N. split; [lia|]. split; [exact Pn|]. intros i Hi Pi.
    assert (E : i = N) by (apply NNPP; intros E; apply H; exists i; split; [lia|exact Pi]). subst i. lra.
Qed.

(** Different numbers in ascending order. *)
Lemma ascending k : forall (P : R -> Prop) (root : nat -> R),
  (forall i j, (i < j)%nat -> (j < k)%nat -> root i <> root j) -> (forall i, (i < k)%nat -> P (root i)) ->
  exists up : nat -> R, (forall i j, (i < j)%nat -> (j < k)%nat -> up i < up j) /\ (forall i, (i < k)%nat -> P (up i)).
Proof.
  induction k as [|k IH]; intros P root Hd HP; [exists root; split; intros; lia|].
  destruct (index_of_least (fun n => - root n) (fun _ => True) (S k)) as (m & Hm & _ & Most); [exists 0%nat; split; [lia|exact I]|].
  assert (Ne : forall i j, (i < S k)%nat -> (j < S k)%nat -> i <> j -> root i <> root j).
  { intros i j Hi Hj N. destruct (Nat.lt_gt_cases i j) as [C _]. destruct (C N) as [Lt|Gt]; [now apply Hd|].
    intros E. symmetry in E. revert E. now apply Hd. }
  destruct (IH (fun y => P y /\ y < root m) (fun i => if Nat.eqb i m then root k else root i)) as (up & Hup & HPu).
  - intros i j Hij Hj. destruct (Nat.eqb_spec i m), (Nat.eqb_spec j m); apply Ne; lia.
  - intros i Hi. assert (Q : forall n, (n < S k)%nat -> n <> m -> root n < root m).
    { intros n Hn N. pose proof (Most n Hn I). pose proof (Ne n m Hn Hm N). lra. }
    destruct (Nat.eqb_spec i m) as [->|Ni]; split; try (apply HP; lia); apply Q; lia.
  - exists (fun i => if Nat.eqb i k then root m else up i). split.
    + intros i j Hij Hj. destruct (Nat.eqb_spec i k); [lia|]. destruct (Nat.eqb_spec j k) as [->|].
      * apply HPu. lia.
      * apply Hup; lia.
    + intros i Hi. destruct (Nat.eqb_spec i k); [now apply HP|]. apply HPu. lia.
Qed.

(** ** Terms of equal rates, brought together *)
Definition separate (N : nat) (a mu : nat -> R) : Prop :=
  forall i j, (i < N)%nat -> (j < N)%nat -> mu i <> 0 -> mu j <> 0 -> a i = a j -> i = j.

Lemma total_ext N a mu nu z : (forall n, (n < N)%nat -> mu n = nu n) -> carried_total N a mu z = carried_total N a nu z.
Proof. intros H. apply sum_below_ext. intros n Hn. now rewrite H. Qed.

Lemma brought_together a N : forall mu, exists nu, separate N a nu /\
  (forall z, carried_total N a mu z = carried_total N a nu z) /\
  (forall n, (n < N)%nat -> nu n <> 0 -> exists k, (k < N)%nat /\ a k = a n /\ 0 < mu k * nu n).
Proof.
  induction N as [|N IH]; intros mu; [exists mu; split; [intros i j Hi; lia|]; split; [reflexivity|intros; lia]|].
  destruct (IH mu) as (nu & Sep & Sum & From).
  assert (SumS : forall z, carried_total (S N) a mu z = carried_total N a nu z + mu N * exp (- a N * z)).
  { intros z. rewrite <- Sum. reflexivity. }
  destruct (classic (exists j, (j < N)%nat /\ nu j <> 0 /\ a j = a N)) as [(j & Hj & Nj & Ej)|None].
  - set (new := fun n => if Nat.eqb n N then 0 else if Nat.eqb n j then nu j + mu N else nu n). exists new.
    assert (AtN : new N = 0) by (unfold new; now rewrite Nat.eqb_refl).
    assert (Old : forall n, (n < N)%nat -> new n = if Nat.eqb n j then nu j + mu N else nu n).
    { intros n Hn. unfold new. destruct (Nat.eqb_spec n N); [lia|reflexivity]. }
    assert (NuNew : forall n, (n < N)%nat -> new n <> 0 -> nu n <> 0).
    { intros n Hn. rewrite Old by exact Hn. destruct (Nat.eqb_spec n j) as [->|]; auto. }
    split; [|split].
    + intros i k Hi Hk Ni Nk E. destruct (Nat.eq_dec i N) as [->|]; [contradiction|]. destruct (Nat.eq_dec k N) as [->|]; [contradiction|].
      apply Sep; [lia|lia|apply NuNew; [lia|exact Ni]|apply NuNew; [lia|exact Nk]|exact E].
    + intros z. rewrite SumS.
      assert (E : carried_total (S N) a (fun n => if Nat.eqb n N then mu N else nu n) z = carried_total (S N) a new z).
      { rewrite (total_merge N a _ j Hj Ej). unfold carried_total at 2. cbn [sum_below]. rewrite AtN.
        rewrite Rmult_0_l, Rplus_0_r. apply total_ext. intros n Hn. rewrite Old by exact Hn. cbv beta. rewrite Nat.eqb_refl.
        destruct (Nat.eqb_spec n j) as [->|]; [destruct (Nat.eqb_spec j N); [lia|reflexivity]|].
        destruct (Nat.eqb_spec n N); [lia|reflexivity]. }
      rewrite <- E. unfold carried_total at 2. cbn [sum_below]. rewrite Nat.eqb_refl. f_equal. apply total_ext. intros n Hn.
      destruct (Nat.eqb_spec n N); [lia|reflexivity].
    + intros n Hn Nn. destruct (Nat.eq_dec n N) as [->|]; [contradiction|]. pose proof (Nn) as Nn'.
      rewrite Old in Nn' |- * by lia. destruct (Nat.eqb_spec n j) as [->|].
      * destruct (From j Hj Nj) as (k & Hk & Ek & Pk).
        destruct (Rlt_le_dec 0 (mu k * (nu j + mu N))) as [Q|Q].
        { exists k. split; [lia|]. now split. }
        { exists N. split; [lia|]. split; [now symmetry|]. nra. }
      * destruct (From n ltac:(lia) Nn') as (k & Hk & Ek & Pk). exists k. split; [lia|]. now split.
  - set (new := fun n => if Nat.eqb n N then mu N else nu n). exists new.
    assert (AtN : new N = mu N) by (unfold new; now rewrite Nat.eqb_refl).
    assert (Old : forall n, (n < N)%nat -> new n = nu n).
    { intros n Hn. unfold new. destruct (Nat.eqb_spec n N); [lia|reflexivity]. }
    split; [|split].
    + intros i k Hi Hk Ni Nk E. destruct (Nat.eq_dec i N) as [->|], (Nat.eq_dec k N) as [->|]; [reflexivity| | |].
      * exfalso. apply None. exists k. rewrite Old in Nk by lia. split; [lia|]. split; [exact Nk|now symmetry].
      * exfalso. apply None. exists i. rewrite Old in Ni by lia. split; [lia|]. now split.
      * rewrite Old in Ni, Nk by lia. apply Sep; try assumption; lia.
    + intros z. rewrite SumS. unfold carried_total at 2. cbn [sum_below]. rewrite AtN. f_equal. apply total_ext.
      intros n Hn. now rewrite Old.
    + intros n Hn Nn. destruct (Nat.eq_dec n N) as [->|].
      * exists N. split; [lia|]. split; [reflexivity|]. rewrite AtN in *. nra.
      * rewrite Old in Nn |- * by lia. destruct (From n ltac:(lia) Nn) as (k & Hk & Ek & Pk). exists k. split; [lia|]. now split.
Qed.

(** ** One derivative, one sign change less *)
Section Step.
Variables (N : nat) (a mu : nat -> R).
Hypothesis Sep : separate N a mu.
Notation g := (carried_total N a mu).

(** Two neighbours of opposite signs, where both signs occur. *)
Lemma neighbours p0 q0 : (p0 < N)%nat -> (q0 < N)%nat -> mu p0 * mu q0 < 0 -> a p0 < a q0 ->
  exists p q, (p < N)%nat /\ (q < N)%nat /\ mu p * mu q < 0 /\ a p < a q /\
  forall n, (n < N)%nat -> mu n <> 0 -> a n <= a p \/ a q <= a n.
Proof.
  intros Hp0 Hq0 S0 A0.
  destruct (index_of_least a (fun n => mu p0 * mu n < 0 /\ a p0 < a n) N) as (q & Hq & [Sq Aq] & Lq); [now exists q0|].
  destruct (index_of_least (fun n => - a n) (fun n => 0 < mu p0 * mu n /\ a n < a q) N) as (p & Hp & [Sp Ap] & Lp).
  { exists p0. split; [exact Hp0|]. split; [nra|exact Aq]. }
  exists p, q. split; [exact Hp|]. split; [exact Hq|]. split; [nra|]. split; [exact Ap|].
  intros n Hn Nn. destruct (Rle_lt_dec (a n) (a p)) as [|Gt]; [now left|]. right. apply Rnot_lt_le. intros Lt.
  assert (N0 : mu p0 <> 0) by nra. assert (Np : mu p0 * mu n <> 0) by (now apply Rmult_integral_contrapositive_currified).
  destruct (Rdichotomy _ _ Np) as [Neg|Pos].
  - assert (App : a p0 <= a p). { assert (Q : - a p <= - a p0) by (apply Lp; [exact Hp0|split; [nra|exact Aq]]). lra. }
    pose proof (Lq n Hn ltac:(split; [exact Neg|lra])). lra.
  - assert (- a p <= - a n) by (apply Lp; [exact Hn|split; [lra|exact Lt]]). lra.
Qed.

(** Where the sum has a root it has terms of both signs. *)
Lemma both_signs z : g z = 0 -> (exists n, (n < N)%nat /\ mu n <> 0) ->
  exists p q, (p < N)%nat /\ (q < N)%nat /\ mu p * mu q < 0 /\ a p < a q.
Proof.
  intros Z (n & Hn & Nn).
  assert (Q : exists k, (k < N)%nat /\ mu n * mu k < 0).
  { apply NNPP. intros No. assert (P : 0 < mu n * g z).
    { unfold carried_total. rewrite <- sum_below_scal.
      apply Rlt_le_trans with (mu n * (mu n * exp (- a n * z))).
      - rewrite <- Rmult_assoc. apply Rmult_lt_0_compat; [nra|apply exp_pos].
      - apply (term_le_sum N (fun k => mu n * (mu k * exp (- a k * z))) n); [|exact Hn].
        intros k Hk. rewrite <- Rmult_assoc. apply Rmult_le_pos; [|left; apply exp_pos].
        apply Rnot_lt_le. intros Q. apply No. now exists k. }
    rewrite Z in P. lra. }
  destruct Q as (k & Hk & Sk). destruct (Rtotal_order (a n) (a k)) as [Lt|[E|Gt]].
  - exists n, k. auto.
  - exfalso. assert (Ek : n = k) by (apply Sep; try assumption; nra). subst k. nra.
  - exists k, n. repeat split; try assumption. lra.
Qed.

Variables (p q : nat).
Hypothesis Hp : (p < N)%nat.
Hypothesis Hq : (q < N)%nat.
Hypothesis Spq : mu p * mu q < 0.
Hypothesis Apq : a p < a q.
Hypothesis Gap : forall n, (n < N)%nat -> mu n <> 0 -> a n <= a p \/ a q <= a n.

Definition cut : R := (a p + a q) / 2.
Definition slope (n : nat) : R := mu n * (cut - a n).

Lemma slope_nonzero n : slope n <> 0 -> mu n <> 0.
Proof. unfold slope. intros H E. apply H. rewrite E. ring. Qed.

Lemma slope_separate : separate N a slope.
Proof. intros i j Hi Hj Ni Nj. apply Sep; try assumption; now apply slope_nonzero. Qed.

Lemma scaled_derive z : derivable_pt_lim (fun u => exp (cut * u) * g u) z (exp (cut * z) * carried_total N a slope z).
Proof.
  apply is_derive_Reals. apply (is_derive_ext (fun u => sum_below N (fun n => mu n * exp ((cut - a n) * u)))).
  - intros u. unfold carried_total. rewrite <- sum_below_scal. apply sum_below_ext. intros n _.
    replace ((cut - a n) * u) with (cut * u + - a n * u) by ring. rewrite exp_plus. ring.
  - unfold carried_total. rewrite <- sum_below_scal. unfold slope. clear. induction N as [|m IH]; cbn [sum_below].
    + apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
    + apply (is_derive_plus (fun u => sum_below m (fun n => mu n * exp ((cut - a n) * u)))); [exact IH|].
      auto_derive; [exact I|]. replace ((cut - a m) * z) with (cut * z + - a m * z) by ring. rewrite exp_plus. ring.
Qed.

Lemma scaled_root z : g z = 0 -> exp (cut * z) * g z = 0.
Proof. intros ->. ring. Qed.

(** Between two roots the derivative has one. *)
Lemma root_between u v : u < v -> g u = 0 -> g v = 0 -> exists w, u < w < v /\ carried_total N a slope w = 0.
Proof.
  intros Huv Zu Zv.
  destruct (MVT_cor2 (fun u => exp (cut * u) * g u) (fun z => exp (cut * z) * carried_total N a slope z) u v Huv) as (w & E & Hw).
  { intros z _. apply scaled_derive. }
  cbv beta in E. rewrite Zu, Zv in E. exists w. split; [exact Hw|].
  assert (E' : exp (cut * w) * carried_total N a slope w * (v - u) = 0) by lra.
  apply Rmult_integral in E'. destruct E' as [E'|]; [|lra]. apply Rmult_integral in E'. destruct E' as [E'|]; [|assumption].
  pose proof (exp_pos (cut * w)). lra.
Qed.

Lemma slope_not_zero r z0 : g r = 0 -> g z0 <> 0 -> exists z, carried_total N a slope z <> 0.
Proof.
  intros Zr N0. apply NNPP. intros No.
  assert (All : forall z, carried_total N a slope z = 0) by (intros z; apply NNPP; intros Q; apply No; now exists z).
  assert (Flat : forall u v, u < v -> exp (cut * u) * g u = exp (cut * v) * g v).
  { intros u v Huv. destruct (MVT_cor2 (fun u => exp (cut * u) * g u) (fun z => exp (cut * z) * carried_total N a slope z) u v Huv) as (w & E & _).
    { intros z _. apply scaled_derive. }
    cbv beta in E. rewrite All in E. lra. }
  assert (Z0 : exp (cut * z0) * g z0 = 0).
  { destruct (Rtotal_order r z0) as [Lt|[<-|Gt]].
    - rewrite <- (Flat r z0 Lt), Zr. ring.
    - rewrite Zr. ring.
    - rewrite (Flat z0 r Gt), Zr. ring. }
  apply Rmult_integral in Z0. pose proof (exp_pos (cut * z0)). destruct Z0; lra.
Qed.

(** A chain of sign changes of the slopes becomes one of the terms that is longer by one. *)
Lemma longer_chain k : changes_sign N a slope k -> changes_sign N a mu (S k).
Proof.
  intros (c & Hc).
  assert (Up : forall i j, (i <= j)%nat -> (j <= k)%nat -> a (c i) <= a (c j)).
  { intros i j Hij. induction Hij as [|j Hij IH]; intros Hj; [lra|].
    destruct (Hc j ltac:(lia)) as (_ & _ & H). destruct (H ltac:(lia)) as [H' _]. specialize (IH ltac:(lia)). lra. }
  assert (Side : forall i, (i <= k)%nat -> mu (c i) <> 0 /\ (a (c i) <= a p \/ a q <= a (c i))).
  { intros i Hi. destruct (Hc i Hi) as (H1 & H2 & _). pose proof (slope_nonzero _ H2). split; [assumption|now apply Gap]. }
  destruct (least (fun j => (k < j)%nat \/ a q <= a (c j)) (S k) (or_introl (le_n _))) as (m & Hm & Pm & Before).
  assert (Left : forall j, (j < m)%nat -> a (c j) <= a p).
  { intros j Hj. destruct (Side j ltac:(lia)) as [_ [|Q]]; [assumption|]. exfalso. apply (Before j Hj). now right. }
  assert (Right : forall j, (m <= j <= k)%nat -> a q <= a (c j)).
  { intros j Hj. destruct Pm as [|Q]; [lia|]. pose proof (Up m j ltac:(lia) ltac:(lia)). lra. }
  assert (Pcut : a p < cut < a q) by (unfold cut; lra).
  (* signs of neighbours in the old chain *)
  assert (Same : forall j, (j < k)%nat -> S j <> m -> mu (c j) * mu (c (S j)) < 0 /\ a (c j) < a (c (S j))).
  { intros j Hj Nm. destruct (Hc j ltac:(lia)) as (_ & _ & H). destruct (H Hj) as [H1 H2]. split; [|exact H1].
    unfold slope in H2. destruct (Nat.lt_ge_cases (S j) m) as [Q|Q].
    - pose proof (Left j ltac:(lia)). pose proof (Left (S j) Q).
      assert (0 < (cut - a (c j)) * (cut - a (c (S j)))) by (apply Rmult_lt_0_compat; lra). nra.
    - pose proof (Right j ltac:(lia)). pose proof (Right (S j) ltac:(lia)).
      assert (0 < (a (c j) - cut) * (a (c (S j)) - cut)) by (apply Rmult_lt_0_compat; lra). nra. }
  assert (Cross : forall j, S j = m -> (j < k)%nat -> 0 < mu (c j) * mu (c (S j))).
  { intros j Em Hj. destruct (Hc j ltac:(lia)) as (_ & _ & H). destruct (H Hj) as [H1 H2]. unfold slope in H2.
    pose proof (Left j ltac:(lia)). pose proof (Right (S j) ltac:(lia)).
    assert (0 < (cut - a (c j)) * (a (c (S j)) - cut)) by (apply Rmult_lt_0_compat; lra). nra. }
  (* the sign beside the gap, and the neighbour that has the other *)
  set (tau := mu (c (pred m))).
  assert (Nt : tau <> 0) by (apply Side; lia).
  assert (Tl : forall j, S j = m -> 0 < mu (c j) * tau).
  { intros j <-. unfold tau. simpl. pose proof (Side j ltac:(lia)) as [Q _]. nra. }
  assert (Tr : (m <= k)%nat -> 0 < mu (c m) * tau).
  { intros Hk. unfold tau. destruct m as [|m]; simpl.
    - pose proof (Side 0%nat ltac:(lia)) as [Q _]. nra.
    - pose proof (Cross m eq_refl ltac:(lia)). lra. }
  assert (New : exists y, (y < N)%nat /\ mu y * tau < 0 /\ (y = p \/ y = q)).
  { destruct (Rlt_le_dec (mu p * tau) 0) as [Q|Q]; [exists p; auto|]. exists q. split; [exact Hq|]. split; [|now right].
    assert (mu p * tau <> 0) by (apply Rmult_integral_contrapositive_currified; [nra|exact Nt]). nra. }
  destruct New as (y & Hy & Sy & Ey).
  assert (Yl : forall j, S j = m -> a (c j) < a y).
  { intros j Em. pose proof (Left j ltac:(lia)) as Q. destruct Ey as [-> | ->]; [|lra].
    destruct (Rle_lt_or_eq_dec _ _ Q) as [|E]; [assumption|exfalso].
    assert (Ec : c j = p) by (apply Sep; try assumption; [apply Hc; lia|apply Side; lia|nra]).
    specialize (Tl j Em). rewrite Ec in Tl. lra. }
  assert (Yr : (m <= k)%nat -> a y < a (c m)).
  { intros Hk. pose proof (Right m ltac:(lia)) as Q. destruct Ey as [-> | ->]; [lra|].
    destruct (Rle_lt_or_eq_dec _ _ Q) as [|E]; [assumption|exfalso].
    assert (Ec : q = c m) by (apply Sep; try assumption; [apply Hc; lia|nra|apply Side; lia]).
    specialize (Tr Hk). rewrite <- Ec in Tr. lra. }
  exists (fun j => if Nat.ltb j m then c j else if Nat.eqb j m then y else c (pred j)).
  intros i Hi. destruct (Nat.ltb_spec i m) as [L1|L1].
  - split; [apply Hc; lia|]. split; [apply Side; lia|]. intros _.
    destruct (Nat.ltb_spec (S i) m) as [L2|L2]; [destruct (Same i ltac:(lia) ltac:(lia)); split; lra|].
    assert (Em : S i = m) by lia. rewrite Em, Nat.eqb_refl. split; [now apply Yl|]. specialize (Tl i Em). nra.
  - destruct (Nat.eqb_spec i m) as [->|Ni].
    + split; [exact Hy|]. split; [nra|]. intros Hk. destruct (Nat.ltb_spec (S m) m); [lia|].
      destruct (Nat.eqb_spec (S m) m); [lia|]. simpl pred. split; [apply Yr; lia|]. specialize (Tr ltac:(lia)). nra.
    + split; [apply Hc; lia|]. split; [apply Side; lia|]. intros Hk. destruct (Nat.ltb_spec (S i) m); [lia|].
      destruct (Nat.eqb_spec (S i) m); [lia|]. destruct i as [|i]; [lia|]. simpl pred.
      destruct (Same i ltac:(lia) ltac:(lia)). split; lra.
Qed.
End Step.

Theorem descartes k : forall N a mu (root : nat -> R), separate N a mu -> (exists z, carried_total N a mu z <> 0) ->
  (forall i j, (i < j)%nat -> (j < k)%nat -> root i < root j) ->
  (forall i, (i < k)%nat -> carried_total N a mu (root i) = 0) -> changes_sign N a mu k.
Proof.
  induction k as [|k IH]; intros N a mu root Sep (z0 & Nz) Up Zero.
  - assert (H : exists n, (n < N)%nat /\ mu n <> 0).
    { apply NNPP. intros No. apply Nz. unfold carried_total. rewrite <- (sum_below_zero N). apply sum_below_ext. intros n Hn.
      destruct (Req_dec (mu n) 0) as [->|Q]; [ring|]. exfalso. apply No. now exists n. }
    destruct H as (n & Hn & Nn). exists (fun _ => n). intros i Hi. split; [exact Hn|]. split; [exact Nn|]. intros; lia.
  - assert (H : exists n, (n < N)%nat /\ mu n <> 0).
    { apply NNPP. intros No. apply Nz. unfold carried_total. rewrite <- (sum_below_zero N). apply sum_below_ext. intros n Hn.
      destruct (Req_dec (mu n) 0) as [->|Q]; [ring|]. exfalso. apply No. now exists n. }
    destruct (both_signs N a mu Sep (root 0%nat) (Zero 0%nat ltac:(lia)) H) as (p0 & q0 & Hp0 & Hq0 & S0 & A0).
    destruct (neighbours N a mu p0 q0 Hp0 Hq0 S0 A0) as (p & q & Hp & Hq & Spq & Apq & Gap).
    apply (longer_chain N a mu Sep p q Hp Hq Spq Apq Gap).
    destruct (finite_choice 0 k (fun i w => root i < w < root (S i) /\ carried_total N a (slope a mu p q) w = 0)) as (w & Hw).
    { intros i Hi. apply (root_between N a mu p q); [apply Up; lia|apply Zero; lia|apply Zero; lia]. }
    apply (IH N a (slope a mu p q) w).
    + now apply slope_separate.
    + apply (slope_not_zero N a mu p q (root 0%nat) z0); [apply Zero; lia|exact Nz].
    + intros i j Hij Hj. destruct (Hw i ltac:(lia)) as [[_ W1] _]. destruct (Hw j Hj) as [[W2 _] _].
      destruct (Nat.eq_dec (S i) j) as [<-|Q]; [lra|]. pose proof (Up (S i) j ltac:(lia) ltac:(lia)). lra.
    + intros i Hi. now apply Hw.
Qed.

(** ** K *)
Lemma Delta_injective s b eps y z : s <> 0 -> Delta s b eps y = Delta s b eps z -> y = z.
Proof.
  intros Ns E. unfold Delta in E. apply Rplus_eq_reg_r in E.
  assert (E' : s * y + b = s * z + b).
  { destruct (Rtotal_order (s * y + b) (s * z + b)) as [Q|[Q|Q]]; [|exact Q|]; pose proof (softplus_lt _ _ Q); lra. }
  apply (Rmult_eq_reg_l s); [lra|exact Ns].
Qed.

Lemma carried_factor_total N a mu s b eps y : carried_factor N a mu s b eps y = carried_total N a mu (Delta s b eps y) / sum_below N mu.
Proof. reflexivity. Qed.

(** As many sign changes as different roots. *)
Lemma roots_change_signs N a mu s b eps k : sum_below N mu <> 0 -> s <> 0 -> has_roots N a mu s b eps k -> changes_sign N a mu k.
Proof.
  intros NM Ns (root & Dis & Zero).
  destruct (ascending k (fun z => carried_total N a mu z = 0) (fun i => Delta s b eps (root i))) as (up & Hup & Zup).
  { intros i j Hij Hj E. apply (Dis i j Hij Hj). now apply (Delta_injective s b eps). }
  { intros i Hi. specialize (Zero i Hi). rewrite carried_factor_total in Zero. unfold Rdiv in Zero.
    apply Rmult_integral in Zero. destruct Zero as [|Z]; [assumption|]. exfalso. revert Z. now apply Rinv_neq_0_compat. }
  destruct (brought_together a N mu) as (nu & Sep & Sum & From).
  destruct (descartes k N a nu up Sep) as (c & Hc).
  - exists 0. rewrite <- Sum. now rewrite total_0.
  - exact Hup.
  - intros i Hi. rewrite <- Sum. now apply Zup.
  - destruct (finite_choice 0%nat (S k) (fun i n => (n < N)%nat /\ a n = a (c i) /\ 0 < mu n * nu (c i))) as (d & Hd).
    { intros i Hi. destruct (Hc i ltac:(lia)) as (H1 & H2 & _). destruct (From (c i) H1 H2) as (n & Hn). now exists n. }
    exists d. intros i Hi. destruct (Hd i ltac:(lia)) as (D1 & D2 & D3). split; [exact D1|]. split; [nra|]. intros Hk.
    destruct (Hd (S i) ltac:(lia)) as (E1 & E2 & E3). destruct (Hc i Hi) as (_ & _ & H). destruct (H Hk) as [A1 A2].
    rewrite D2, E2. split; [exact A1|]. assert (0 < (mu (d i) * nu (c i)) * (mu (d (S i)) * nu (c (S i)))) by (now apply Rmult_lt_0_compat).
    nra.
Qed.

Theorem carried_roots : carried_roots_statement.
Proof.
  intros N a mu s b eps k v NM Ns Hr Hv. split; [apply pos_INR|]. apply le_INR. apply Hv.
  now apply (roots_change_signs N a mu s b eps k).
Qed.
