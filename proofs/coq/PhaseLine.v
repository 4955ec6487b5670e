(** Phase lines: x' = v(x) with v continuous and divisible by (x - e) at each of
    its zeros e.  No solution crosses a zero; a solution that starts where v > 0
    increases, to the next zero or without bound.

    Proves no registry theorem by itself; AffinePhaseLine.v rests on it. *)

From Coq Require Import Reals Ranalysis5 Classical_Prop Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Calculus Evolution Barrier Limits.
Open Scope R_scope.

Section PhaseLine.
Variable v : R -> R.
Hypothesis v_cont : forall y, continuity_pt v y.
Hypothesis v_factor : forall e, v e = 0 ->
  exists w, (forall y, continuity_pt w y) /\ forall y, v y = (y - e) * w y.

Section Solution.
Variables (T : Rbar) (x : R -> R).
Hypothesis sol : evolves T x (fun t => v (x t)).

Lemma along_continuous (w : R -> R) : (forall y, continuity_pt w y) ->
  forall t, 0 <= t -> Rbar_lt t T -> continuity_pt (fun t => w (ext x t)) t.
Proof.
  intros Hw t Ht HT. apply (continuity_pt_comp (ext x) w); [|apply Hw].
  now apply (evolves_ext_continuous T x _ sol).
Qed.

Lemma along_bounded (w : R -> R) : (forall y, continuity_pt w y) -> locally_bounded T (fun t => w (x t)).
Proof.
  intros Hw t0 Ht0 HT. destruct (bounded_on (fun t => w (ext x t)) t0 Ht0) as (K & HK).
  - intros t Ht. apply along_continuous; [exact Hw|lra|]. apply Rbar_lt_lt with t0; [lra|exact HT].
  - exists K. intros t Ht. specialize (HK t Ht). now rewrite ext_pos in HK by lra.
Qed.

(** The distance to a zero of v grows at the rate w. *)
Lemma distance_evolves e w : (forall y, v y = (y - e) * w y) ->
  evolves T (fun t => x t - e) (fun t => (x t - e) * w (x t)).
Proof.
  intros Hw. destruct sol as [S0 S]. split.
  - apply (rcont_comp (fun y => y - e) x S0).
    apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun y => y - e)). auto_derive. exact I.
  - intros t Ht HT. specialize (S t Ht HT). cbv beta in S. rewrite Hw in S.
    replace ((x t - e) * w (x t)) with (minus ((x t - e) * w (x t)) 0)
      by (unfold minus, plus, opp; simpl; ring).
    apply (is_derive_minus x (fun _ => e)); [exact S|].
    apply (is_derive_const (K:=R_AbsRing) (V:=R_NormedModule)).
Qed.

Lemma order_kept e : v e = 0 -> forall t, 0 <= t -> Rbar_lt t T ->
  (x 0 = e -> x t = e) /\ (x 0 < e -> x t < e) /\ (e < x 0 -> e < x t).
Proof.
  intros He t Ht HT. destruct (v_factor e He) as (w & Cw & Hw).
  pose proof (distance_evolves e w Hw) as E. pose proof (along_bounded w Cw) as B.
  split; [|split]; intros H0.
  - pose proof (factor_zero T _ (fun t => w (x t)) E B ltac:(cbv beta; lra) t Ht HT). cbv beta in *. lra.
  - assert (0 < - (x t - e)); [|lra].
    apply (sign_on T (fun t => - (x t - e)) _ (evolves_opp _ _ _ E)); [|lra|exact Ht|exact HT].
    intros u Hu HuT Z.
    apply (factor_nonzero T _ (fun t => w (x t)) E B ltac:(cbv beta; lra) u Hu HuT). lra.
  - assert (0 < x t - e); [|lra].
    apply (sign_on T (fun t => x t - e) _ E); [|lra|exact Ht|exact HT].
    intros u Hu HuT Z.
    apply (factor_nonzero T _ (fun t => w (x t)) E B ltac:(cbv beta; lra) u Hu HuT). lra.
Qed.

(** v keeps its sign along the solution. *)
Lemma speed_nonzero : v (x 0) <> 0 -> forall t, 0 <= t -> Rbar_lt t T -> v (x t) <> 0.
Proof.
  intros N0 t Ht HT Z. destruct (order_kept (x t) Z t Ht HT) as (_ & Lt & Gt).
  destruct (Rtotal_order (x 0) (x t)) as [H|[H|H]].
  - specialize (Lt H). lra.
  - apply N0. now rewrite H.
  - specialize (Gt H). lra.
Qed.

Lemma speed_positive : 0 < v (x 0) -> forall t, 0 <= t -> Rbar_lt t T -> 0 < v (x t).
Proof.
  intros P0 t Ht HT. destruct (Rlt_le_dec 0 (v (x t))) as [|Le]; [assumption|exfalso].
  pose proof (speed_nonzero ltac:(lra)) as N.
  assert (Lt : v (x t) < 0). { specialize (N t Ht HT). lra. }
  assert (Pt : 0 < t) by (destruct (Rle_lt_or_eq_dec _ _ Ht); [assumption|subst; lra]).
  destruct (IVT_interv (fun u => - v (ext x u)) 0 t) as (z & Hz & Ez).
  - intros c Hc. apply continuity_pt_opp. apply (along_continuous v v_cont); [lra|].
    apply Rbar_lt_lt with t; [lra|exact HT].
  - exact Pt.
  - rewrite ext_pos by lra. lra.
  - rewrite ext_pos by lra. lra.
  - rewrite ext_pos in Ez by lra. apply (N z); [lra| |lra]. apply Rbar_lt_lt with t; [lra|exact HT].
Qed.

Lemma rising u u' : 0 < v (x 0) -> 0 <= u < u' -> Rbar_lt u' T -> x u < x u'.
Proof.
  intros P0 Hu HT. apply (strict_incr_on T x _ u u' sol ltac:(lra) ltac:(lra) HT).
  intros t Ht. apply speed_positive; [exact P0|lra|]. apply Rbar_lt_lt with u'; [lra|exact HT].
Qed.
End Solution.

Section Global.
Variable x : R -> R.
Hypothesis sol : evolves p_infty x (fun t => v (x t)).
Hypothesis P0 : 0 < v (x 0).

Lemma rising_le u u' : 0 <= u <= u' -> x u <= x u'.
Proof.
  intros Hu. destruct (Req_dec u u') as [->|N]; [lra|]. left.
  apply (rising p_infty x sol); [exact P0|lra|exact I].
Qed.

(** A bounded rising solution tends to a zero of v above its start: x/t tends both to v(l) and to 0. *)
Lemma bounded_limit K : (forall t, 0 <= t -> x t <= K) ->
  exists l : R, is_lim x p_infty l /\ v l = 0 /\ x 0 < l /\ forall t, 0 <= t -> x t <= l.
Proof.
  intros HK. destruct (lim_of_bounded x K rising_le HK) as (l & Hl & Below).
  exists l. split; [exact Hl|]. split; [|split; [|exact Below]].
  - assert (A : is_lim (fun t => x t / t) p_infty (v l)).
    { apply (lim_quotient_of_derivative x _ _ sol). apply (lim_continuous v x p_infty l Hl).
      apply continuity_pt_filterlim, v_cont. }
    assert (B : is_lim (fun t => x t / t) p_infty (l * 0)).
    { apply (is_lim_mult x (fun t => / t) p_infty l 0 Hl); [|exact I].
      apply (is_lim_inv (fun t => t) p_infty p_infty); [apply is_lim_id|discriminate]. }
    apply is_lim_unique in A. apply is_lim_unique in B. rewrite A in B.
    injection B as B. lra.
  - pose proof (rising p_infty x sol 0 1 P0 ltac:(lra) I). pose proof (Below 1 ltac:(lra)). lra.
Qed.

Lemma rises_to_next_zero e : x 0 < e -> v e = 0 -> (forall y, x 0 <= y < e -> v y <> 0) ->
  is_lim x p_infty e.
Proof.
  intros H0 He Hno.
  assert (Below : forall t, 0 <= t -> x t < e).
  { intros t Ht. now apply (order_kept p_infty x sol e He t Ht I). }
  destruct (bounded_limit e) as (l & Hl & Zl & L0 & _).
  { intros t Ht. specialize (Below t Ht). lra. }
  assert (Hle : Rbar_le l e).
  { apply (is_lim_le_loc x (fun _ => e) p_infty l e); [|exact Hl|apply is_lim_const].
    exists 0. intros t Ht. specialize (Below t ltac:(lra)). lra. }
  simpl in Hle. destruct (Req_dec l e) as [<-|N]; [exact Hl|].
  exfalso. apply (Hno l); [lra|exact Zl].
Qed.

Lemma rises_unbounded : (forall y, x 0 <= y -> v y <> 0) -> is_lim x p_infty p_infty.
Proof.
  intros Hno. apply lim_of_unbounded; [exact rising_le|]. intros K.
  apply NNPP. intros No. destruct (bounded_limit K) as (l & _ & Zl & L0 & _).
  - intros t Ht. apply Rnot_lt_le. intros Q. apply No. now exists t.
  - apply (Hno l); [lra|exact Zl].
Qed.
End Global.
End PhaseLine.

(** Reflection x -> - x, which turns falling solutions into rising ones. *)
Lemma reflect_continuous v : (forall y, continuity_pt v y) -> forall y, continuity_pt (fun y => - v (- y)) y.
Proof.
  intros Hv y. apply (continuity_pt_opp (fun y => v (- y))).
  apply (continuity_pt_comp Ropp v); [|apply Hv].
  apply (continuity_pt_opp (fun y => y)), derivable_continuous_pt, derivable_pt_id.
Qed.

Lemma reflect_factor v :
  (forall e, v e = 0 -> exists w, (forall y, continuity_pt w y) /\ forall y, v y = (y - e) * w y) ->
  forall e, - v (- e) = 0 ->
  exists w, (forall y, continuity_pt w y) /\ forall y, - v (- y) = (y - e) * w y.
Proof.
  intros Hf e He. destruct (Hf (- e) ltac:(lra)) as (w & Cw & Hw).
  exists (fun y => w (- y)). split.
  - intros y. apply (continuity_pt_comp Ropp w); [|apply Cw].
    apply (continuity_pt_opp (fun y => y)), derivable_continuous_pt, derivable_pt_id.
  - intros y. rewrite Hw. ring.
Qed.

Lemma reflect_solution v T x : evolves T x (fun t => v (x t)) ->
  evolves T (fun t => - x t) (fun t => - v (- - x t)).
Proof.
  intros E. destruct (evolves_opp _ _ _ E) as [R0 R]. split; [exact R0|].
  intros t Ht HT. rewrite Ropp_involutive. now apply R.
Qed.

Lemma lim_reflect x (l : Rbar) : is_lim (fun t => - x t) p_infty l -> is_lim x p_infty (Rbar_opp l).
Proof.
  intros H. apply is_lim_opp in H. apply (is_lim_ext (fun t => - - x t)); [|exact H].
  intros t. apply Ropp_involutive.
Qed.

Lemma falls_to_next_zero v x e :
  (forall y, continuity_pt v y) ->
  (forall e, v e = 0 -> exists w, (forall y, continuity_pt w y) /\ forall y, v y = (y - e) * w y) ->
  evolves p_infty x (fun t => v (x t)) -> v (x 0) < 0 ->
  e < x 0 -> v e = 0 -> (forall y, e < y <= x 0 -> v y <> 0) -> is_lim x p_infty e.
Proof.
  intros Cv Fv E P0 He Ze Hno. set (v' := fun y => - v (- y)).
  rewrite <- (Ropp_involutive e). apply (lim_reflect x (- e)).
  apply (rises_to_next_zero v' (reflect_continuous v Cv) (reflect_factor v Fv) (fun t => - x t)
    (reflect_solution v p_infty x E)).
  - unfold v'. rewrite Ropp_involutive. lra.
  - lra.
  - unfold v'. rewrite Ropp_involutive, Ze. ring.
  - intros y Hy Z. apply (Hno (- y)); [lra|]. unfold v' in Z. lra.
Qed.

(** A differentiable function with continuous derivative is divisible by y - e at each zero e. *)
Lemma smooth_factor (v dv : R -> R) : (forall y : R, is_derive v y (dv y)) ->
  forall e : R, v e = 0 -> exists w, (forall y, continuity_pt w y) /\ forall y, v y = (y - e) * w y.
Proof.
  intros Hd e He.
  exists (fun y => if Req_EM_T y e then dv e else v y / (y - e)). split.
  - intros y. destruct (Req_EM_T y e) as [->|Ny].
    + intros eps Heps. pose proof (Hd e) as D. apply is_derive_Reals in D.
      destruct (D eps Heps) as (d & Hdd). exists d. split; [apply cond_pos|].
      assert (Near : forall z : R, z <> e -> Rabs (z - e) < d -> Rabs (v z / (z - e) - dv e) < eps).
      { intros z Nz Hz. specialize (Hdd (z - e) ltac:(lra) Hz). rewrite He, Rminus_0_r in Hdd.
        replace (e + (z - e)) with z in Hdd by ring. exact Hdd. }
      intros z [[_ Nz] Hz]. simpl in Hz. unfold R_dist in Hz. simpl. unfold R_dist.
      destruct (Req_EM_T e e) as [_|C]; [|exfalso; now apply C].
      destruct (Req_EM_T z e) as [Q|Q]; [exfalso; apply Nz; now symmetry|]. now apply Near.
    + apply continuity_pt_filterlim. apply (continuous_ext_loc
        (fun y => if Req_EM_T y e then dv e else v y / (y - e)) (fun y => v y / (y - e))).
      * assert (Pd : 0 < Rabs (y - e)) by (apply Rabs_pos_lt; lra).
        exists (mkposreal _ Pd). intros z Hz. unfold ball in Hz; simpl in Hz.
        unfold AbsRing_ball, abs, minus, plus, opp in Hz; simpl in Hz.
        destruct (Req_EM_T z e) as [->|_]; [exfalso|reflexivity].
        replace (e + - y) with (- (y - e)) in Hz by ring. rewrite Rabs_Ropp in Hz. lra.
      * apply (ex_derive_continuous (K:=R_AbsRing) (V:=R_NormedModule) (fun y => v y / (y - e))).
        auto_derive. split; [eexists; apply Hd|]. split; [lra|exact I].
  - intros y. destruct (Req_EM_T y e) as [->|Ny]; [rewrite He; ring|]. field. lra.
Qed.
