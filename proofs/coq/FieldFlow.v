(** Flows of fields that are Lipschitz on boxes, in finitely many coordinates:
    solutions with one start agree, the field cut off to a box has a global
    solution, and a bounded solution can be continued.

    Proves no registry theorem by itself; FieldMaximal.v and Uniqueness.v rest on it. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Sums LipschitzField Picard.
Open Scope R_scope.

(** Coordinate i of x obeys x_i' = V i x on [0,T). *)
Definition solves (V : nat -> (nat -> R) -> R) (n : nat) (T : Rbar) (x : nat -> R -> R) : Prop :=
  forall i, (i < n)%nat -> evolves T (x i) (fun t => V i (fun k => x k t)).

Definition locally_lipschitz (n : nat) (V : nat -> (nat -> R) -> R) : Prop :=
  forall r, 0 <= r -> forall i, (i < n)%nat -> box_lipschitz n r (V i).

Lemma solves_weaken V n (T T' : Rbar) x : Rbar_le T' T -> solves V n T x -> solves V n T' x.
Proof. intros HT H i Hi. apply (evolves_weaken T T'); [exact HT|now apply H]. Qed.

Lemma finite_bound n (y : nat -> R) : exists B, 0 <= B /\ forall k, (k < n)%nat -> Rabs (y k) <= B.
Proof.
  induction n as [|m (B & HB & IH)]; [exists 0; split; [lra|intros; lia]|].
  exists (Rmax B (Rabs (y m))). split; [eapply Rle_trans; [exact HB|apply Rmax_l]|].
  intros k Hk. destruct (Nat.eq_dec k m) as [->|Nk]; [apply Rmax_r|].
  eapply Rle_trans; [apply IH; lia|apply Rmax_l].
Qed.

Lemma evolves_sum T m (f df : nat -> R -> R) : (forall i, (i < m)%nat -> evolves T (f i) (df i)) ->
  evolves T (fun t => sum_below m (fun i => f i t)) (fun t => sum_below m (fun i => df i t)).
Proof.
  intros H. induction m as [|m IH]; simpl sum_below.
  - apply evolves_nonneg. intros t _. apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
  - apply evolves_plus; [apply IH; intros; apply H; lia|apply H; lia].
Qed.

Lemma sum_below_const m c : sum_below m (fun _ => c) = INR m * c.
Proof. induction m as [|m IH]; [simpl; ring|]. rewrite S_INR. simpl sum_below. rewrite IH. ring. Qed.

Lemma near_of_continuous n (v : nat -> R -> R) t eps : 0 < eps ->
  (forall k, (k < n)%nat -> continuous (v k) t) ->
  locally t (fun u => near n eps (fun k => v k u) (fun k => v k t)).
Proof.
  intros He Hv. induction n as [|m IH].
  - exists (mkposreal 1 Rlt_0_1). intros u _ k Hk. lia.
  - assert (A : locally t (fun u => Rabs (v m u - v m t) <= eps)).
    { apply (Hv m ltac:(lia) (fun w => Rabs (w - v m t) <= eps)).
      exists (mkposreal _ He). intros w Hw. left. exact Hw. }
    eapply filter_imp; [|exact (filter_and _ _ A (IH ltac:(intros; apply Hv; lia)))].
    intros u [H1 H2] k Hk. destruct (Nat.eq_dec k m) as [->|Nk]; [exact H1|apply H2; lia].
Qed.

(** A function that is Lipschitz in the largest coordinate is continuous along continuous coordinates. *)
Lemma lipschitz_continuous n (g : (nat -> R) -> R) K (v : nat -> R -> R) t : 0 <= K ->
  (forall y z d, 0 <= d -> near n d y z -> Rabs (g y - g z) <= K * d) ->
  (forall k, (k < n)%nat -> continuous (v k) t) -> continuous (fun u => g (fun k => v k u)) t.
Proof.
  intros HK Lip Hv P [eps HP]. pose proof (cond_pos eps) as Pe.
  assert (He : 0 < eps / (K + 1)) by (apply Rdiv_lt_0_compat; lra).
  unfold filtermap. eapply filter_imp; [|exact (near_of_continuous n v t _ He Hv)].
  intros u Hu. apply HP. specialize (Lip _ _ _ (Rlt_le _ _ He) Hu).
  unfold ball; simpl. unfold AbsRing_ball, abs, minus, plus, opp; simpl.
  eapply Rle_lt_trans; [exact Lip|].
  apply (Rmult_lt_reg_r (K + 1)); [lra|]. replace (K * (eps / (K + 1)) * (K + 1)) with (K * eps) by (field; lra). nra.
Qed.

(** Extended by a constant to the left, a global trajectory is continuous everywhere. *)
Lemma ext_continuous_all f df t : evolves p_infty f df -> continuity_pt (ext f) t.
Proof.
  intros He. destruct (Rle_lt_dec 0 t) as [Ht|Ht].
  - now apply (evolves_ext_continuous p_infty f df He).
  - apply continuity_pt_filterlim. apply (continuous_ext_loc _ (fun _ => f 0)).
    + assert (Hp : 0 < - t) by lra. exists (mkposreal _ Hp). intros z Hz.
      open_ball Hz. unfold ext. rewrite Rmax_left by lra. reflexivity.
    + apply continuous_const.
Qed.

(** A continuous function that is at most B just before T0 stays below B + 1 just after. *)
Lemma bound_passes g B T0 : 0 <= T0 -> continuity_pt g T0 -> Rabs (g 0) <= B ->
  (forall t, 0 <= t < T0 -> Rabs (g t) <= B) ->
  exists d, 0 < d /\ forall t, T0 <= t < T0 + d -> Rabs (g t) <= B + 1.
Proof.
  intros HT Hc H0 H.
  destruct (Hc (/ 2) ltac:(lra)) as (d & Hd & P). simpl in P. unfold R_dist in P.
  assert (E : exists y, 0 <= y /\ Rabs (y - T0) < d /\ Rabs (g y) <= B).
  { destruct (Rle_lt_or_eq_dec _ _ HT) as [Hp|He].
    - exists (Rmax 0 (T0 - d / 2)).
      assert (0 <= Rmax 0 (T0 - d / 2) < T0) by (split; [apply Rmax_l|apply Rmax_lub_lt; lra]).
      split; [lra|]. split; [|now apply H]. pose proof (Rmax_r 0 (T0 - d / 2)).
      rewrite Rabs_left1 by lra. lra.
    - exists 0. split; [lra|]. split; [|exact H0]. rewrite <- He, Rminus_diag_eq by reflexivity.
      rewrite Rabs_R0. exact Hd. }
  destruct E as (y & Hy & Hyd & Hyb).
  assert (Q : forall z, Rabs (z - T0) < d -> Rabs (g z - g T0) < / 2).
  { intros z Hz. destruct (Req_dec z T0) as [->|Nz].
    - rewrite Rminus_diag_eq by reflexivity. rewrite Rabs_R0. lra.
    - apply P. split; [split; [exact I|]; intros Ez; apply Nz; now symmetry|exact Hz]. }
  exists d. split; [exact Hd|]. intros t Ht.
  pose proof (Q y Hyd) as Q1. pose proof (Q t ltac:(rewrite Rabs_pos_eq; lra)) as Q2.
  apply Rabs_def2 in Q1. apply Rabs_def2 in Q2. apply Rabs_le_between in Hyb. apply Rabs_le. lra.
Qed.

(** ** Cutting off *)
Definition clamp (c y : R) : R := Rmax (- c) (Rmin c y).

Lemma clamp_id c y : Rabs y <= c -> clamp c y = y.
Proof.
  intros H. apply Rabs_le_between in H. unfold clamp.
  rewrite Rmin_right by lra. rewrite Rmax_right by lra. reflexivity.
Qed.

Lemma clamp_cases c y : 0 <= c ->
  (y <= - c /\ clamp c y = - c) \/ (- c <= y <= c /\ clamp c y = y) \/ (c <= y /\ clamp c y = c).
Proof.
  intros Hc. unfold clamp.
  destruct (Rle_lt_dec c y) as [H|H].
  - right; right. rewrite Rmin_left, Rmax_right by lra. split; lra.
  - rewrite Rmin_right by lra. destruct (Rle_lt_dec y (- c)) as [G|G].
    + left. rewrite Rmax_left by lra. split; lra.
    + right; left. rewrite Rmax_right by lra. repeat split; lra.
Qed.

Lemma clamp_abs c y : 0 <= c -> Rabs (clamp c y) <= c.
Proof. intros Hc. apply Rabs_le. destruct (clamp_cases c y Hc) as [[? ->]|[[? ->]|[? ->]]]; lra. Qed.

Lemma clamp_lip c y z : 0 <= c -> Rabs (clamp c y - clamp c z) <= Rabs (y - z).
Proof.
  intros Hc.
  destruct (clamp_cases c y Hc) as [[? ->]|[[? ->]|[? ->]]];
  destruct (clamp_cases c z Hc) as [[? ->]|[[? ->]|[? ->]]];
  apply Rabs_le; unfold Rabs; destruct (Rcase_abs (y - z)); lra.
Qed.

Section Field.
Variables (n : nat) (V : nat -> (nat -> R) -> R).
Hypothesis HV : locally_lipschitz n V.

(** The field of which every coordinate is cut off to [-c,c] first. *)
Definition cut (c : R) (i : nat) (y : nat -> R) : R := V i (fun k => clamp c (y k)).

Lemma field_agree i y z : (i < n)%nat -> (forall k, (k < n)%nat -> y k = z k) -> V i y = V i z.
Proof.
  intros Hi H. destruct (finite_bound n y) as (r & Hr & Hy).
  destruct (HV r Hr i Hi) as (B & K & _ & _ & Lip). apply Rminus_diag_uniq.
  assert (Hz : in_box n r z) by (intros k Hk; rewrite <- H by exact Hk; now apply Hy).
  assert (Hn : near n 0 y z).
  { intros k Hk. rewrite H, Rminus_diag_eq, Rabs_R0 by (reflexivity || exact Hk). lra. }
  destruct (Lip y z 0 Hy Hz (Rle_refl 0) Hn) as [_ L]. rewrite Rmult_0_r in L.
  destruct (Req_dec (V i y - V i z) 0) as [E|E]; [exact E|]. pose proof (Rabs_pos_lt _ E). lra.
Qed.

Lemma cut_id c i y : (i < n)%nat -> (forall k, (k < n)%nat -> Rabs (y k) <= c) -> cut c i y = V i y.
Proof. intros Hi H. apply field_agree; [exact Hi|]. intros k Hk. now apply clamp_id, H. Qed.

Lemma cut_lipschitz c : 0 <= c -> exists B K, 0 <= B /\ 0 <= K /\
  forall i, (i < n)%nat -> forall y z d, 0 <= d -> near n d y z ->
  Rabs (cut c i y) <= B /\ Rabs (cut c i y - cut c i z) <= K * d.
Proof.
  intros Hc. destruct (common_constants n c V n (HV c Hc)) as (B & K & HB & HK & Lip).
  exists B, K. split; [exact HB|]. split; [exact HK|]. intros i Hi y z d Hd Hn.
  apply (Lip i Hi); [intros k _; now apply clamp_abs|intros k _; now apply clamp_abs|exact Hd|].
  intros k Hk. eapply Rle_trans; [now apply clamp_lip|now apply Hn].
Qed.

Lemma solves_cut c T x :
  (forall k t, (k < n)%nat -> 0 < t -> Rbar_lt t T -> Rabs (x k t) <= c) ->
  solves V n T x <-> solves (cut c) n T x.
Proof.
  intros H. split; intros Hs i Hi; (eapply evolves_ext; [exact (Hs i Hi)|]); intros t Ht HT; cbv beta;
    [symmetry|]; (apply cut_id; [exact Hi|]); intros k Hk; now apply H.
Qed.

(** The sum of squared differences times exp(- 2 n K t) does not grow. *)
Lemma cut_unique c T x y : 0 <= c -> solves (cut c) n T x -> solves (cut c) n T y ->
  (forall i, (i < n)%nat -> x i 0 = y i 0) ->
  forall i, (i < n)%nat -> forall t, 0 <= t -> Rbar_lt t T -> x i t = y i t.
Proof.
  intros Hc Hx Hy H0 i Hi t Ht HT.
  destruct (cut_lipschitz c Hc) as (B & K & _ & HK & Lip).
  set (W := fun i t => cut c i (fun k => x k t) + - cut c i (fun k => y k t)).
  set (gap := fun t => sum_below n (fun i => (x i t + - y i t) ^ 2)).
  assert (ES : evolves T gap (fun t => sum_below n (fun i => 2 * (x i t + - y i t) * W i t))).
  { apply (evolves_sum T n (fun i t => (x i t + - y i t) ^ 2) (fun i t => 2 * (x i t + - y i t) * W i t)).
    intros j Hj. exact (evolves_sq T _ _ (evolves_plus T _ _ _ _ (Hx j Hj) (evolves_opp T _ _ (Hy j Hj)))). }
  set (G := 2 * K * INR n).
  assert (Ee : evolves T (fun u => exp (- G * u)) (fun u => - G * exp (- G * u))).
  { apply evolves_of_derive; [eapply continuous_of_derive|intros]; apply exp_lin_derive. }
  assert (Each : forall u j, (j < n)%nat -> (x j u + - y j u) ^ 2 <= gap u).
  { intros u j Hj. exact (term_le_sum n (fun i => (x i u + - y i u) ^ 2) j ltac:(intros; apply pow2_ge_0) Hj). }
  assert (SP : forall u, 0 <= gap u) by (intros u; apply sum_below_nonneg; intros; apply pow2_ge_0).
  pose proof (decr_on T _ _ 0 t (evolves_mult T _ _ _ _ ES Ee) (Rle_refl 0) Ht HT) as D. cbv beta in D.
  assert (gap t * exp (- G * t) <= gap 0 * exp (- G * 0)) as D'.
  { apply D. intros u Hu. pose proof (exp_pos (- G * u)) as Ep.
    assert (Near : near n (sqrt (gap u)) (fun k => x k u) (fun k => y k u)).
    { intros j Hj. rewrite <- (Rabs_pos_eq (sqrt (gap u))) by apply sqrt_pos. apply Rabs_le_of_sq.
      rewrite pow2_sqrt by apply SP. exact (Each u j Hj). }
    assert (Q : sum_below n (fun j => 2 * (x j u + - y j u) * W j u) <= G * gap u).
    { replace (G * gap u) with (sum_below n (fun _ => 2 * K * gap u)) by (rewrite sum_below_const; unfold G; ring).
      apply sum_below_le. intros j Hj.
      destruct (Lip j Hj _ _ _ (sqrt_pos (gap u)) Near) as [_ L].
      pose proof (Near j Hj) as Nj. cbv beta in Nj.
      replace (2 * K * gap u) with (2 * (sqrt (gap u) * (K * sqrt (gap u)))).
      2:{ rewrite <- (sqrt_sqrt (gap u)) at 3 by apply SP. ring. }
      rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|].
      eapply Rle_trans; [apply Rle_abs|]. rewrite Rabs_mult.
      apply Rmult_le_compat; [apply Rabs_pos|apply Rabs_pos|exact Nj|exact L]. }
    nra. }
  assert (Z : gap 0 = 0).
  { unfold gap. rewrite (sum_below_ext n _ (fun _ => 0)), sum_below_zero; [reflexivity|].
    intros j Hj. rewrite H0 by exact Hj. ring. }
  rewrite Z, Rmult_0_l in D'. pose proof (exp_pos (- G * t)) as Ep.
  assert (Zt : gap t <= 0) by (apply (Rmult_le_reg_r (exp (- G * t))); lra).
  pose proof (Each t i Hi) as Hj. pose proof (pow2_ge_0 (x i t + - y i t)).
  assert (x i t + - y i t = 0); [|lra]. apply Rsqr_eq_0. unfold Rsqr. lra.
Qed.

(** Solutions are bounded on compact intervals. *)
Lemma solves_bounded T x t0 : solves V n T x -> 0 <= t0 -> Rbar_lt t0 T ->
  exists c, 0 <= c /\ forall k t, (k < n)%nat -> 0 <= t <= t0 -> Rabs (x k t) <= c.
Proof.
  intros Hs Ht HT.
  assert (H : forall m, (m <= n)%nat -> exists c, 0 <= c /\ forall k t, (k < m)%nat -> 0 <= t <= t0 -> Rabs (x k t) <= c);
    [|now apply H].
  induction m as [|m IH]; intros Hm; [exists 0; split; [lra|intros; lia]|].
  destruct (IH ltac:(lia)) as (c & Hc & H). destruct (bounded_on (ext (x m)) t0 Ht) as [d Hd].
  { intros u Hu. apply (evolves_ext_continuous T _ _ (Hs m ltac:(lia))); [lra|]. apply Rbar_lt_lt with t0; [lra|exact HT]. }
  exists (Rmax c d). split; [eapply Rle_trans; [exact Hc|apply Rmax_l]|].
  intros k t Hk Htt. destruct (Nat.eq_dec k m) as [->|Nk].
  - specialize (Hd t Htt). rewrite ext_pos in Hd by lra. eapply Rle_trans; [exact Hd|apply Rmax_r].
  - eapply Rle_trans; [apply H; [lia|exact Htt]|apply Rmax_l].
Qed.

Lemma solves_agree T x y : solves V n T x -> solves V n T y -> (forall i, (i < n)%nat -> x i 0 = y i 0) ->
  forall i, (i < n)%nat -> forall t, 0 <= t -> Rbar_lt t T -> x i t = y i t.
Proof.
  intros Hx Hy H0 i Hi t Ht HT.
  assert (E : exists t', t < t' /\ Rbar_lt t' T).
  { destruct T as [T| |]; simpl in HT; [exists ((t + T) / 2); simpl; lra|exists (t + 1); simpl; split; [lra|exact I]|contradiction]. }
  destruct E as (t' & Htt' & HT').
  destruct (solves_bounded T x t' Hx ltac:(lra) HT') as (cx & Hcx & Bx).
  destruct (solves_bounded T y t' Hy ltac:(lra) HT') as (cy & Hcy & By).
  pose proof (Rmax_l cx cy). pose proof (Rmax_r cx cy).
  apply (cut_unique (Rmax cx cy) t' x y); [lra| | |exact H0|exact Hi|exact Ht|exact Htt'].
  - apply (solves_cut (Rmax cx cy) t').
    + intros k u Hk Hu HuT. simpl in HuT. specialize (Bx k u Hk ltac:(lra)). lra.
    + apply (solves_weaken V n T t'); [now apply Rbar_lt_le|exact Hx].
  - apply (solves_cut (Rmax cx cy) t').
    + intros k u Hk Hu HuT. simpl in HuT. specialize (By k u Hk ltac:(lra)). lra.
    + apply (solves_weaken V n T t'); [now apply Rbar_lt_le|exact Hy].
Qed.

Lemma cut_exists c (y0 : nat -> R) : 0 <= c ->
  exists x, solves (cut c) n p_infty x /\ forall i, (i < n)%nat -> x i 0 = y0 i.
Proof.
  intros Hc. destruct (cut_lipschitz c Hc) as (B & K & HB & HK & Lip).
  set (f := fun (t : R) y i => if Nat.ltb i n then cut c i y else 0).
  assert (Near0 : forall y, near n 0 y y).
  { intros y k _. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra. }
  destruct (picard_sequence f (K + 1) B y0) as (u & u0 & Hu).
  - lra.
  - exact HB.
  - intros t y z d H i. assert (Hd : 0 <= d) by (eapply Rle_trans; [apply Rabs_pos|apply (H O)]).
    unfold f. destruct (Nat.ltb_spec i n) as [Hi|Hi].
    + destruct (Lip i Hi y z d Hd (fun k _ => H k)) as [_ L]. lra.
    + rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. apply Rmult_le_pos; lra.
  - intros t i. unfold f. destruct (Nat.ltb_spec i n) as [Hi|Hi].
    + exact (proj1 (Lip i Hi y0 y0 0 (Rle_refl 0) (Near0 y0))).
    + rewrite Rabs_R0. exact HB.
  - intros v Hv i t. unfold f. destruct (Nat.ltb_spec i n) as [Hi|Hi].
    + apply (lipschitz_continuous n (cut c i) K v t HK); [|intros; apply Hv].
      intros y z d Hd Hn. exact (proj2 (Lip i Hi y z d Hd Hn)).
    + apply continuous_const.
  - exists u. split; [|intros i _; apply u0]. intros i Hi. apply evolves_nonneg. intros t Ht.
    specialize (Hu i t Ht). unfold f in Hu. destruct (Nat.ltb_spec i n); [exact Hu|lia].
Qed.

(** A bounded solution on [0,T0) extends beyond T0; for T0 = 0 this is local existence. *)
Lemma solves_continue (y0 : nat -> R) (T0 B : R) x :
  0 <= T0 -> 0 <= B -> solves V n T0 x -> (forall i, (i < n)%nat -> x i 0 = y0 i) ->
  (forall i, (i < n)%nat -> Rabs (y0 i) <= B) ->
  (forall i t, (i < n)%nat -> 0 <= t < T0 -> Rabs (x i t) <= B) ->
  exists (T1 : R) z, T0 < T1 /\ solves V n T1 z /\ (forall i, (i < n)%nat -> z i 0 = y0 i).
Proof.
  intros HT HB Hs H0 HB0 HBx.
  destruct (cut_exists (B + 1) y0 ltac:(lra)) as (z & Hz & Hz0).
  assert (Ezx : forall i, (i < n)%nat -> forall t, 0 <= t < T0 -> z i t = x i t).
  { intros i Hi t Ht.
    apply (cut_unique (B + 1) T0); [lra| | |intros; now rewrite Hz0, H0|exact Hi|lra|simpl; lra].
    - now apply (solves_weaken _ n p_infty T0).
    - apply (solves_cut (B + 1) T0); [|exact Hs].
      intros k u Hk Hu HuT. simpl in HuT. specialize (HBx k u Hk ltac:(lra)). lra. }
  assert (D : forall m, (m <= n)%nat -> exists d, 0 < d /\
            forall i t, (i < m)%nat -> T0 <= t < T0 + d -> Rabs (z i t) <= B + 1).
  { intros m. induction m as [|m IH]; intros Hm; [exists 1; split; [lra|]; intros; lia|].
    destruct (IH ltac:(lia)) as (d & Hd & Hdb).
    destruct (bound_passes (ext (z m)) B T0 HT) as (e & He & Heb).
    - eapply ext_continuous_all. apply Hz. lia.
    - rewrite ext_pos by lra. rewrite Hz0 by lia. apply HB0. lia.
    - intros t Ht. rewrite ext_pos by lra. rewrite Ezx by (lia || lra). apply HBx; [lia|lra].
    - exists (Rmin d e). split; [now apply Rmin_glb_lt|]. pose proof (Rmin_l d e). pose proof (Rmin_r d e).
      intros i t Hi Ht. destruct (Nat.eq_dec i m) as [->|Ni].
      + specialize (Heb t ltac:(lra)). now rewrite ext_pos in Heb by lra.
      + apply Hdb; [lia|lra]. }
  destruct (D n (le_n _)) as (d & Hd & Hdb).
  exists (T0 + d), z. split; [lra|]. split; [|exact Hz0].
  apply (solves_cut (B + 1) (T0 + d)).
  - intros k t Hk Ht HtT. simpl in HtT. destruct (Rlt_le_dec t T0) as [Hlt|Hge].
    + rewrite Ezx by (lia || lra). specialize (HBx k t Hk ltac:(lra)). lra.
    + apply Hdb; [exact Hk|lra].
  - now apply (solves_weaken _ n p_infty (T0 + d)).
Qed.
End Field.
