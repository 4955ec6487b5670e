(** A token that is held between two values tends to a root of K while the token before it blows up.

    Proves carried-root-attracts. *)

From Coq Require Import Reals Ranalysis5 Lra Psatz Lia Classical List.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Sums GrowthRate Signs.
From S6Flow Require Import FastOrder FirstToken BlowUpTime Forms Carried FirstUnbounded SmallToken HeldToken Descartes.
Open Scope R_scope.

(** A chain of sign changes has different indices, of which there are N. *)
Lemma chain_is_short N a mu k : changes_sign N a mu k -> (k < N)%nat.
Proof.
  intros (c & Hc).
  assert (Up : forall i j, (i < j)%nat -> (j <= k)%nat -> a (c i) < a (c j)).
  { intros i j Hij. induction Hij as [|j Hij IH]; intros Hj; destruct (Hc i ltac:(lia)) as (_ & _ & Q1).
    - apply Q1; lia.
    - destruct (Hc j ltac:(lia)) as (_ & _ & Q2). specialize (IH ltac:(lia)). destruct (Q2 ltac:(lia)). lra. }
  assert (Inj : forall i j, (i <= k)%nat -> (j <= k)%nat -> c i = c j -> i = j).
  { intros i j Hi Hj E. destruct (Nat.lt_trichotomy i j) as [Q|[Q|Q]]; [|exact Q|].
    - pose proof (Up i j Q Hj) as U. rewrite E in U. lra.
    - pose proof (Up j i Q Hi) as U. rewrite E in U. lra. }
  assert (Len : (length (map c (seq 0 (S k))) <= length (seq 0 N))%nat).
  { apply NoDup_incl_length.
    - assert (ND : forall m, (m <= S k)%nat -> NoDup (map c (seq 0 m))).
      { induction m as [|m IH]; intros Hm; [constructor|]. rewrite seq_S, map_app. simpl.
        apply (NoDup_Add (a := c m) (l := map c (seq 0 m))).
        - rewrite <- (app_nil_r (map c (seq 0 m))) at 1. apply Add_app.
        - split; [apply IH; lia|]. intros Hin. apply in_map_iff in Hin. destruct Hin as (i & E & Hi). apply in_seq in Hi.
          assert (i = m) by (apply Inj; [lia|lia|exact E]). lia. }
      now apply ND.
    - intros n Hn. apply in_map_iff in Hn. destruct Hn as (i & <- & Hi). apply in_seq in Hi. apply in_seq.
      destruct (Hc i ltac:(lia)) as (Q & _). lia. }
  rewrite map_length, !seq_length in Len. lia.
Qed.

(** K is not zero throughout an interval. *)
Lemma root_free N a mu s b eps e u v : sum_below N mu <> 0 -> s <> 0 -> e * e = 1 -> u < v ->
  exists c, u < c < v /\ carried_factor N a mu s b eps (e * c) <> 0.
Proof.
  intros NM Ns He Huv. apply NNPP. intros No.
  assert (Roots : has_roots N a mu s b eps (S N)).
  { exists (fun i => e * (u + (v - u) * / (INR i + 2))).
    assert (Q : forall i, 0 < / (INR i + 2) < 1).
    { intros i. pose proof (pos_INR i). split; [apply Rinv_0_lt_compat; lra|]. rewrite <- Rinv_1. apply Rinv_lt_contravar; lra. }
    split.
    - intros i j Hij _ E. apply (f_equal (Rmult e)) in E. rewrite <- !Rmult_assoc, He, !Rmult_1_l in E.
      assert (E' : (v - u) * / (INR i + 2) = (v - u) * / (INR j + 2)) by lra. apply Rmult_eq_reg_l in E'; [|lra].
      apply (f_equal Rinv) in E'. pose proof (pos_INR i). pose proof (pos_INR j). rewrite !Rinv_inv in E'.
      assert (INR i < INR j) by (now apply lt_INR). lra.
    - intros i _. apply NNPP. intros Z. apply No. exists (u + (v - u) * / (INR i + 2)). split; [|exact Z].
      specialize (Q i). pose proof (Rmult_lt_0_compat (v - u) _ ltac:(lra) (proj1 Q)).
      assert ((v - u) * / (INR i + 2) < (v - u) * 1) by (apply Rmult_lt_compat_l; lra). lra. }
  pose proof (chain_is_short N a mu (S N) (roots_change_signs N a mu s b eps (S N) NM Ns Roots)). lia.
Qed.

Lemma total_ex_derive N a mu z : ex_derive (carried_total N a mu) z.
Proof.
  unfold carried_total. induction N as [|N IH]; cbn [sum_below]; [apply ex_derive_const|].
  apply (ex_derive_plus (fun z => sum_below N (fun n => mu n * exp (- a n * z))) (fun z => mu N * exp (- a N * z))); [exact IH|].
  auto_derive. exact I.
Qed.

Lemma Delta_ex_derive s b eps e v : ex_derive (fun v => Delta s b eps (e * v)) v.
Proof.
  apply (ex_derive_comp (Delta s b eps) (fun v => e * v)); [eexists; apply Delta_derive|]. auto_derive. exact I.
Qed.

Lemma factor_ex_derive N a mu s b eps e v : ex_derive (fun v => carried_factor N a mu s b eps (e * v)) v.
Proof.
  apply (ex_derive_mult (fun v => carried_total N a mu (Delta s b eps (e * v))) (fun _ => / sum_below N mu)); [|apply ex_derive_const].
  apply (ex_derive_comp (carried_total N a mu) (fun v => Delta s b eps (e * v))); [apply total_ex_derive|apply Delta_ex_derive].
Qed.

Lemma own_ex_derive N mu s b (eps : nonnegreal) e v : ex_derive (fun v => own N mu s b eps (e * v)) v.
Proof.
  unfold own. apply (ex_derive_mult (fun v => sum_below N mu * (e * v) ^ 2) (fun v => Delta s b eps (e * v))); [|apply Delta_ex_derive].
  auto_derive. exact I.
Qed.

(** The first token's rate grows. *)
Lemma first_rate_grows N a mu s b (eps : nonnegreal) (T : R) x : 0 < sum_below N mu -> solution N a mu s b eps 2 T x ->
  x 0%nat 0 <> 0 -> 0 <= s * x 0%nat 0 -> 0 < T -> forall u v, 0 <= u -> u <= v -> v < T ->
  growth_rate N a mu s b eps (fun k => x k u) 0 <= growth_rate N a mu s b eps (fun k => x k v) 0.
Proof.
  intros HM Hs N0 Hp HT u v Hu Huv Hv. rewrite !growth_rate_first.
  destruct (first_token_modulus N a mu s b eps 2 T x Hs ltac:(lia) N0) as (e & He & Ae & Mod).
  pose proof (modulus_increasing T _ (s * e) b eps _ HM Mod u v ltac:(lra) Hv) as Inc. cbv beta in Inc.
  pose proof (proj2 Mod 0 (Rle_refl 0) HT) as P0. cbv beta in P0.
  pose proof (proj2 Mod u Hu ltac:(simpl; lra)) as Pu. cbv beta in Pu.
  assert (Se : 0 <= s * e) by (rewrite (fast_slope s e _ He P0 Hp); apply Rabs_pos).
  assert (Sq : forall y, s * y = s * e * (e * y)) by (intros y; replace (s * e * (e * y)) with (s * y * (e * e)) by ring; rewrite He; ring).
  assert (Sy : forall y, y ^ 2 = (e * y) ^ 2) by (intros y; replace ((e * y) ^ 2) with (y ^ 2 * (e * e)) by ring; rewrite He; ring).
  assert (D : Delta s b eps (x 0%nat u) <= Delta s b eps (x 0%nat v)).
  { apply Delta_mono. rewrite (Sq (x 0%nat u)), (Sq (x 0%nat v)). now apply Rmult_le_compat_l. }
  assert (Q : x 0%nat u ^ 2 <= x 0%nat v ^ 2) by (rewrite (Sy (x 0%nat u)), (Sy (x 0%nat v)); apply pow_incr; lra).
  pose proof (Delta_pos s b eps (x 0%nat u)). pose proof (pow2_ge_0 (x 0%nat u)).
  rewrite !Rmult_assoc. apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra.
Qed.

Lemma finally_above (T : R) g : 0 < T -> filterlim g (at_left T) (Rbar_locally p_infty) -> forall B, finally T (fun t => B < g t).
Proof.
  intros HT H B. destruct (H (fun v => B < v)) as [w Hw]; [now exists B|].
  exists (Rmax 0 (T - w / 2)). pose proof (Rmax_l 0 (T - w / 2)). pose proof (Rmax_r 0 (T - w / 2)). pose proof (cond_pos w).
  split; [split; [lra|apply Rmax_lub_lt; lra]|]. intros t Ht HtT. apply Hw; [|exact HtT].
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl. apply Rabs_def1; lra.
Qed.

Theorem carried_root_attracts : carried_root_attracts_statement.
Proof.
  intros N a mu s b e0 T x low high [eps <-]%as_floor Ha HM Hp (Hlow & Hhigh & Shigh & Slow) Klow Khigh Hmax.
  set (x0 := x 0%nat 0) in *. set (y0 := x 1%nat 0) in *.
  assert (Nhigh : high <> 0) by (intros E; rewrite E in Shigh; lra).
  assert (Nlow : low <> 0) by (intros E; rewrite E in Slow; lra).
  assert (Ny : y0 <> 0) by (intros E; rewrite E in Slow; lra).
  assert (OwnPos : forall v, v <> 0 -> 0 < own N mu s b eps v).
  { intros v Nv. unfold own. pose proof (Delta_pos s b eps v). assert (0 < v ^ 2) by (now apply pow2_gt_0). pos. }
  pose proof (OwnPos high Nhigh) as Ph. unfold own in Ph.
  assert (Nx : x0 <> 0) by (intros E; rewrite E in Khigh; replace (0 ^ 2) with 0 in Khigh by ring; lra).
  destruct (fast_blow_up_time_proved N a mu s b eps x0 HM Nx Hp) as (T1 & _ & _ & H & _).
  pose proof Hmax as (HT & Hs & _). destruct (H 2%nat T x Hs ltac:(lia) eq_refl) as (Le & _ & _).
  destruct T as [T| |]; [|contradiction|contradiction]. simpl in HT. exists T. split; [reflexivity|].
  destruct (abs_sign N a mu s b eps 2 T x 1 Hs ltac:(lia) Ny) as (e & He & Ae).
  assert (Ee : forall v, e * (e * v) = v) by (intros v; rewrite <- Rmult_assoc, He; ring).
  assert (Ne : Rabs e = 1).
  { assert (Rabs e * Rabs e = 1) by (rewrite <- Rabs_mult, He; apply Rabs_R1). pose proof (Rabs_pos e). nra. }
  assert (Abs : forall v, 0 < v * y0 -> Rabs v = e * v /\ 0 < e * v).
  { intros v Hv. assert (P : 0 < e * y0) by (unfold y0; rewrite <- Ae; [now apply Rabs_pos_lt|lra|exact HT]).
    assert (Q : 0 < e * v * (e * y0)) by (replace (e * v * (e * y0)) with (v * y0 * (e * e)) by ring; rewrite He; lra).
    assert (0 < e * v) by nra. split; [|assumption]. rewrite <- (Rabs_pos_eq (e * v)) by lra. rewrite Rabs_mult, Ne. ring. }
  destruct (Abs low Slow) as [Alow Plow]. destruct (Abs high Shigh) as [Ahigh Phigh].
  assert (A0 : Rabs y0 = e * y0) by (apply Ae; [lra|exact HT]).
  set (r := fun t => e * x 1%nat t). set (f := fun t => growth_rate N a mu s b eps (fun k => x k t) 0).
  set (k := fun v => carried_factor N a mu s b eps (e * v)). set (o := fun v => own N mu s b eps (e * v)).
  assert (Pr : forall t, 0 <= t -> t < T -> 0 < r t).
  { intros t Ht HtT. unfold r. rewrite <- Ae by assumption. apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b eps 2 T x 1 Hs ltac:(lia) Ny t Ht HtT). }
  assert (Er : evolves T r (fun t => r t * (k (r t) * f t + o (r t)))).
  { apply (evolves_ext T r _ _ (evolves_scal T e _ _ (Hs 1%nat ltac:(lia)))). intros t _ _. cbv beta.
    rewrite (second_splits N a mu s b eps HM). unfold r, k, o, f. rewrite Ee. reflexivity. }
  assert (Mf : forall u v, 0 <= u -> u <= v -> v < T -> f u <= f v).
  { intros u v Hu Huv Hv. now apply (first_rate_grows N a mu s b eps T x HM Hs Nx Hp HT u v). }
  assert (F0 : f 0 = sum_below N mu * x0 ^ 2 * Delta s b eps x0) by (unfold f; now rewrite growth_rate_first).
  assert (Pf : 0 < f 0) by (rewrite F0; exact (OwnPos x0 Nx)).
  assert (Dk : forall v, ex_derive k v) by (intros v; apply factor_ex_derive).
  assert (Do : forall v, ex_derive o v) by (intros v; apply own_ex_derive).
  assert (Po : forall v, 0 <= o v) by (intros v; now apply own_nonneg).
  assert (Klo : 0 <= k (e * low)) by (unfold k; rewrite Ee; exact Klow).
  assert (Olo : 0 < o (e * low)) by (unfold o; rewrite Ee; now apply OwnPos).
  assert (Khi : k (e * high) * f 0 + o (e * high) <= 0).
  { unfold k, o. rewrite Ee, F0. unfold carried_factor, own. eapply Rle_trans; [right|exact Khigh]. field. lra. }
  assert (Ohi : 0 < o (e * high)) by (unfold o; rewrite Ee; now apply OwnPos).
  assert (Hlo : e * low <= r 0) by (unfold r; fold y0; rewrite <- A0, <- Alow; exact Hlow).
  assert (Hhi : r 0 <= e * high) by (unfold r; fold y0; rewrite <- A0, <- Ahigh; exact Hhigh).
  assert (Above : forall t, 0 <= t -> t < T -> e * low <= r t) by (now apply (stays_above T r f k o (e * low))).
  assert (Below : forall t, 0 <= t -> t < T -> r t <= e * high) by (now apply (stays_below T r f k o (e * low) (e * high))).
  split.
  { intros t Ht. rewrite (Ae t ltac:(lra) ltac:(simpl; lra)), Alow, Ahigh.
    split; [apply Above|apply Below]; lra. }
  destruct (first_unbounded N a mu s b eps 2 T x Ha Hmax) as (m & B & G & Hm & Hu & _ & HG & Inh).
  assert (E : m = 0%nat).
  { destruct m as [|[|m]]; [reflexivity|exfalso|lia]. destruct (Hu (e * high)) as (t & Ht & HtT & Big).
    rewrite Ae in Big by assumption. pose proof (Below t Ht HtT) as Q. unfold r in Q. lra. }
  subst m. pose proof (leader_diverges N a mu s b eps 2 T x HM HT Hs 0 Hm G HG Inh Hp Hu) as Lead.
  split; [exact Lead|].
  assert (Ns : s <> 0).
  { intros Z. assert (Const : k (e * low) = k (e * high)) by (unfold k, carried_factor, Delta; now rewrite Z, !Rmult_0_l).
    rewrite Const in Klo. pose proof (Rmult_le_pos _ _ Klo (Rlt_le _ _ Pf)). lra. }
  destruct (abs_sign N a mu s b eps 2 T x 0 Hs ltac:(lia) Nx) as (d & Hd & Ad).
  set (p := fun t => d * x 0%nat t).
  assert (Ap : forall t, 0 <= t -> t < T -> Rabs (x 0%nat t) = p t) by (intros t Ht HtT; now apply Ad).
  assert (Pp : forall t, 0 <= t -> t < T -> 0 < p t).
  { intros t Ht HtT. rewrite <- Ap by assumption. apply Rabs_pos_lt.
    exact (token_nonzero N a mu s b eps 2 T x 0 Hs ltac:(lia) Nx t Ht HtT). }
  assert (Ep : evolves T p (fun t => p t * f t)) by (apply evolves_scal; apply Hs; lia).
  assert (Gp : forall B, finally T (fun t => B < p t)).
  { intros B'. destruct (finally_above T _ HT Lead B') as (t0 & Ht0 & Q). exists t0. split; [exact Ht0|].
    intros t Ht HtT. rewrite <- Ap by lra. now apply Q. }
  assert (Gf : forall B, finally T (fun t => B < f t)).
  { intros B'. set (c := f 0 / x0 ^ 2). assert (P2 : 0 < x0 ^ 2) by (now apply pow2_gt_0).
    assert (Pc : 0 < c) by (now apply Rdiv_lt_0_compat).
    destruct (finally_above T _ HT Lead (Rmax 1 (B' / c))) as (t0 & Ht0 & Q). exists t0. split; [exact Ht0|].
    intros t Ht HtT. specialize (Q t Ht HtT). pose proof (Rmax_l 1 (B' / c)). pose proof (Rmax_r 1 (B' / c)).
    assert (D0 : Delta s b eps x0 <= Delta s b eps (x 0%nat t)).
    { apply Delta_mono. destruct (first_token_modulus N a mu s b eps 2 T x Hs ltac:(lia) Nx) as (d' & Hd' & Ad' & Mod).
      pose proof (modulus_increasing T _ (s * d') b eps _ HM Mod 0 t ltac:(lra) HtT) as Inc. cbv beta in Inc.
      pose proof (proj2 Mod 0 (Rle_refl 0) HT) as P0. cbv beta in P0. fold x0 in Inc, P0.
      assert (Se : 0 <= s * d') by (rewrite (fast_slope s d' x0 Hd' P0 Hp); apply Rabs_pos).
      assert (Sq : forall y, s * y = s * d' * (d' * y)) by (intros y; replace (s * d' * (d' * y)) with (s * y * (d' * d')) by ring; rewrite Hd'; ring).
      rewrite (Sq x0), (Sq (x 0%nat t)). now apply Rmult_le_compat_l. }
    assert (Sq : Rabs (x 0%nat t) <= x 0%nat t ^ 2) by (rewrite <- pow2_abs; nra).
    assert (Low : c * x 0%nat t ^ 2 <= f t).
    { unfold c. rewrite F0. unfold f. rewrite growth_rate_first.
      replace (sum_below N mu * x0 ^ 2 * Delta s b eps x0 / x0 ^ 2 * x 0%nat t ^ 2)
        with (sum_below N mu * x 0%nat t ^ 2 * Delta s b eps x0) by (field; lra).
      apply Rmult_le_compat_l; [apply Rmult_le_pos; [lra|apply pow2_ge_0]|exact D0]. }
    eapply Rlt_le_trans; [|exact Low]. apply Rlt_le_trans with (c * Rabs (x 0%nat t)); [|apply Rmult_le_compat_l; lra].
    apply (Rmult_lt_reg_r (/ c)); [now apply Rinv_0_lt_compat|]. replace (c * Rabs (x 0%nat t) * / c) with (Rabs (x 0%nat t)) by (field; lra).
    unfold Rdiv in *. lra. }
  assert (Dense : forall u v, u < v -> exists c, u < c < v /\ k c <> 0).
  { intros u v Huv. apply (root_free N a mu s b eps e u v); [lra|exact Ns|exact He|exact Huv]. }
  destruct (held_limit T r f k o (e * low) (e * high)) as (l & Lim & _); try assumption.
  exists (e * l). split.
  - intros P [tol HP]. destruct (Lim tol (cond_pos tol)) as (t0 & Ht0 & Q). assert (Pd : 0 < T - t0) by lra.
    exists (mkposreal _ Pd). intros t Bt HtT. open_ball Bt. apply HP.
    unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
    replace (x 1%nat t + - (e * l)) with (e * (r t - l)) by (unfold r; rewrite Rmult_minus_distr_l, Ee; ring).
    rewrite Rabs_mult, Ne, Rmult_1_l. apply Q; [lra|exact HtT].
  - exact (held_root T r f k o (e * low) (e * high) HT Er Pr Mf Pf Dk Do Po Plow Hlo Hhi Klo Olo Khi Ohi p Ep Pp Gp Gf l Lim).
Qed.
