(** euler-consistency.

    The stack is forward Euler.  On [0,t0] the solution stays in a box; on the
    box of one more unit the field is bounded by M and K-Lipschitz, so one step
    of length h errs by at most K M h^2, and the errors accumulate to
    M h ((1 + h K)^i - 1) <= M exp(K t0) h, which for small h keeps the stack
    in the larger box. *)

From Coq Require Import Reals Lra Psatz Lia.
From Coquelicot Require Import Coquelicot.
From S6Flow Require Import Definitions Statements Calculus Evolution Barrier Softplus Signs LipschitzField.
Open Scope R_scope.

(** On [0,t0] the first p tokens stay in a box. *)
Lemma solution_in_box N a mu s b (eps : nonnegreal) L T x t0 p :
  solution N a mu s b eps L T x -> 0 <= t0 -> Rbar_lt t0 T -> (p <= L)%nat ->
  exists r, 0 <= r /\ forall t, 0 <= t <= t0 -> in_box p r (fun k => x k t).
Proof.
  intros Hs Ht0 HT. induction p as [|p IH]; intros Hp.
  - exists 0. split; [lra|]. intros t _ k Hk. lia.
  - destruct IH as (r & Hr & Box); [lia|].
    destruct (bounded_on (ext (x p)) t0 Ht0) as (K & HK).
    { intros t Ht. apply (evolves_ext_continuous T (x p) _ (Hs p ltac:(lia))); [lra|].
      apply Rbar_lt_lt with t0; [lra|exact HT]. }
    exists (r + Rabs K). pose proof (Rabs_pos K). split; [lra|].
    intros t Ht k Hk. destruct (Nat.eq_dec k p) as [->|Nk].
    + specialize (HK t Ht). rewrite ext_pos in HK by lra. pose proof (Rle_abs K). lra.
    + specialize (Box t Ht k ltac:(lia)). lra.
Qed.

Theorem euler_consistency : euler_consistency_statement.
Proof.
  intros N a mu s b e0 L T x t0 [eps <-]%as_floor Hs Ht0 HT.
  destruct (solution_in_box N a mu s b eps L T x t0 L Hs Ht0 HT (le_n _)) as (r & Hr & Box).
  set (V := fun l y => y l * growth_rate N a mu s b eps y l).
  destruct (common_constants L (r + 1) V L) as (M & K & HM & HK & Lip).
  { intros l Hl. apply lip_field; [lra|exact Hl]. }
  assert (Box1 : forall t, 0 <= t <= t0 -> in_box L (r + 1) (fun k => x k t)).
  { intros t Ht k Hk. specialize (Box t Ht k Hk). cbv beta in *. lra. }
  assert (HV : forall t l, 0 <= t <= t0 -> (l < L)%nat -> Rabs (V l (fun k => x k t)) <= M).
  { intros t l Ht Hl. apply (Lip l Hl _ (fun k => x k t) 0 (Box1 t Ht) (Box1 t Ht) (Rle_refl 0)).
    intros k Hk. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra. }
  (* the solution moves at most M per unit of time *)
  assert (Move : forall u v l, 0 <= u <= v -> v <= t0 -> (l < L)%nat ->
            Rabs (x l v - x l u) <= M * (v - u)).
  { intros u v l Huv Hv Hl.
    assert (HvT : Rbar_lt v T) by (apply Rbar_lt_lt with t0; assumption).
    assert (Hd : forall t, u < t < v -> - M <= V l (fun k => x k t) <= M).
    { intros t Ht. apply Rabs_le_between, HV; [lra|exact Hl]. }
    pose proof (growth_on T _ _ (- M) u v (Hs l Hl) ltac:(lra) ltac:(lra) HvT
      (fun t Ht => proj1 (Hd t Ht))) as G1.
    pose proof (growth_le_on T _ _ M u v (Hs l Hl) ltac:(lra) ltac:(lra) HvT
      (fun t Ht => proj2 (Hd t Ht))) as G2.
    apply Rabs_le. lra. }
  (* one step *)
  assert (Local : forall t h l, 0 <= t -> 0 < h -> t + h <= t0 -> (l < L)%nat ->
            Rabs (x l (t + h) - x l t - h * V l (fun k => x k t)) <= K * M * h ^ 2).
  { intros t h l Ht Hh Hth Hl.
    assert (HvT : Rbar_lt (t + h) T) by (apply Rbar_lt_lt with t0; assumption).
    destruct (MVT_on T _ _ t (t + h) (Hs l Hl) Ht ltac:(lra) HvT) as (c & Hc & E).
    change (x l c * growth_rate N a mu s b eps (fun k => x k c) l) with (V l (fun k => x k c)) in E.
    replace (x l (t + h) - x l t - h * V l (fun k => x k t))
      with (h * (V l (fun k => x k c) - V l (fun k => x k t))) by (rewrite E; ring).
    rewrite Rabs_mult, (Rabs_pos_eq h) by lra.
    replace (K * M * h ^ 2) with (h * (K * (M * h))) by ring.
    apply Rmult_le_compat_l; [lra|].
    apply (Lip l Hl (fun k => x k c) (fun k => x k t) (M * h)); [apply Box1; lra|apply Box1; lra| |].
    - apply Rmult_le_pos; lra.
    - intros k Hk. eapply Rle_trans; [apply Move; [lra|lra|exact Hk]|].
      apply Rmult_le_compat_l; lra. }
  set (C := M * exp (K * t0) + 1). pose proof (exp_pos (K * t0)) as Pe.
  assert (HC : 0 < C) by (unfold C; assert (0 <= M * exp (K * t0)) by (apply Rmult_le_pos; lra); lra).
  exists C, (/ C). split; [exact HC|]. split; [now apply Rinv_0_lt_compat|].
  intros h i l Hh. rewrite (Rmult_comm h (INR i)), (Rmult_comm h C). revert i l.
  assert (HCh : C * h <= 1).
  { apply (Rmult_le_reg_l (/ C)); [now apply Rinv_0_lt_compat|].
    rewrite <- Rmult_assoc, Rinv_l by lra. lra. }
  assert (HhK : 0 <= h * K) by (apply Rmult_le_pos; lra).
  (* the accumulated bound is at most C h *)
  assert (Gronwall : forall i, INR i * h <= t0 -> M * h * ((1 + h * K) ^ i - 1) <= C * h).
  { intros i Hi. assert (P : (1 + h * K) ^ i <= exp (K * t0)).
    { apply Rle_trans with (exp (h * K) ^ i).
      - apply pow_incr. pose proof (exp_ineq1_le (h * K)). lra.
      - rewrite <- (Rpower_pow i (exp (h * K))) by apply exp_pos. unfold Rpower. rewrite ln_exp.
        apply exp_le. replace (INR i * (h * K)) with (K * (INR i * h)) by ring.
        now apply Rmult_le_compat_l. }
    replace (C * h) with (h * C) by ring. rewrite (Rmult_comm M h), Rmult_assoc.
    apply Rmult_le_compat_l; [lra|]. unfold C.
    assert (M * (1 + h * K) ^ i <= M * exp (K * t0)) by (now apply Rmult_le_compat_l). lra. }
  assert (Error : forall i l, INR i * h <= t0 -> (l < L)%nat ->
     Rabs (residual_stack N a mu s b eps h (fun k => x k 0) i l - x l (INR i * h))
     <= M * h * ((1 + h * K) ^ i - 1)).
  { induction i as [|i IH]; intros l Hi Hl.
    - simpl. rewrite Rmult_0_l, Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
    - rewrite S_INR in *. set (y := residual_stack N a mu s b eps h (fun k => x k 0) i) in *.
      set (t := INR i * h) in *. replace ((INR i + 1) * h) with (t + h) in * by (unfold t; ring).
      assert (Pt : 0 <= t) by (apply Rmult_le_pos; [apply pos_INR|lra]).
      set (E := M * h * ((1 + h * K) ^ i - 1)) in *.
      assert (HE : 0 <= E).
      { apply Rmult_le_pos; [apply Rmult_le_pos; lra|].
        pose proof (pow_R1_Rle (1 + h * K) i ltac:(lra)). lra. }
      assert (Near : near L E y (fun k => x k t)) by (intros k Hk; apply IH; [lra|exact Hk]).
      assert (Ybox : in_box L (r + 1) y).
      { intros k Hk. specialize (Near k Hk). specialize (Box t ltac:(lra) k Hk). cbv beta in *.
        pose proof (Gronwall i ltac:(fold t; lra)) as G. fold E in G.
        replace (y k) with ((y k - x k t) + x k t) by ring.
        eapply Rle_trans; [apply Rabs_triang|]. lra. }
      destruct (Lip l Hl y (fun k => x k t) E Ybox (Box1 t ltac:(lra)) HE Near) as [_ LV].
      pose proof (Local t h l Pt ltac:(lra) ltac:(lra) Hl) as Loc.
      specialize (Near l Hl). cbv beta in Near.
      change (residual_stack N a mu s b eps h (fun k => x k 0) (S i) l) with (y l + h * y l * growth_rate N a mu s b eps y l).
      replace (h * y l * growth_rate N a mu s b eps y l) with (h * V l y) by (unfold V; ring).
      replace (y l + h * V l y - x l (t + h))
        with ((y l - x l t) + h * (V l y - V l (fun k => x k t))
              + - (x l (t + h) - x l t - h * V l (fun k => x k t))) by ring.
      eapply Rle_trans; [apply Rabs_triang|].
      apply Rle_trans with (E + h * (K * E) + K * M * h ^ 2).
      + apply Rplus_le_compat; [|rewrite Rabs_Ropp; exact Loc].
        eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [exact Near|].
        rewrite Rabs_mult, (Rabs_pos_eq h) by lra. apply Rmult_le_compat_l; [lra|exact LV].
      + right. unfold E. simpl. ring. }
  intros i l Hi Hl. eapply Rle_trans; [now apply Error|now apply Gronwall].
Qed.
